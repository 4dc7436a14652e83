from .api import (
    Analysis as Analysis,
    DetectionTest as DetectionTest,
    EngineChoice as EngineChoice,
    analyse as analyse,
    localize as localize,
    read_results as read_results,
    show_versions as show_versions,
    test_detection as test_detection,
)
from .localizations import (
    Localizations as Localizations,
)
from .pipeline_files.movies import (
    open_movie as open_movie,
)
