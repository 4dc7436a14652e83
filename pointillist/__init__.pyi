from .api import (
    show_versions as show_versions,
)
from .localizations import (
    Localizations as Localizations,
)
