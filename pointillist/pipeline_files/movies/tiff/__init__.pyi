from .stack import (
    open_tiff as open_tiff,
    pyme_annotation as pyme_annotation,
)
