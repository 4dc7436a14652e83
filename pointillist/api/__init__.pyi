from .localization import (
    OnProgress as OnProgress,
    localize as localize,
)
from .movie_source import (
    MovieSource as MovieSource,
    SettingValues as SettingValues,
)
from .results import (
    read_results as read_results,
)
from .versions import (
    show_versions as show_versions,
)
