from .detection_montage import (
    montage_png as montage_png,
)
