from .api import (
    Analysis as Analysis,
    BackgroundMethodInfo as BackgroundMethodInfo,
    Cluster as Cluster,
    DetectionTest as DetectionTest,
    EngineChoice as EngineChoice,
    analyse as analyse,
    background as background,
    background_batches as background_batches,
    background_methods as background_methods,
    connect as connect,
    identifier as identifier,
    localize as localize,
    parse_identifier as parse_identifier,
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
