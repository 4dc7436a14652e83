from .versions import (
    show_versions as show_versions,
)
