from .analysis import (
    Analysis as Analysis,
    analyse as analyse,
)
from .background_batches import (
    background_batches as background_batches,
)
from .background_catalogue import (
    BackgroundMethodInfo as BackgroundMethodInfo,
    background_methods as background_methods,
    identifier as identifier,
    parse_identifier as parse_identifier,
)
from .background_summary import (
    summarise_background as summarise_background,
)
from .backgrounds import (
    background as background,
    background_job as background_job,
)
from .connection import (
    Cluster as Cluster,
    connect as connect,
    connect_to as connect_to,
    find_client as find_client,
)
from .detection_test import (
    DetectionTest as DetectionTest,
    test_detection as test_detection,
)
from .engine import (
    Engine as Engine,
    EngineChoice as EngineChoice,
    EngineName as EngineName,
)
from .following import (
    Listener as Listener,
)
from .job import (
    Job as Job,
    run_job as run_job,
)
from .job_log import (
    log_lines as log_lines,
)
from .job_names import (
    NamedJob as NamedJob,
    find_job as find_job,
    named as named,
    short_ids as short_ids,
)
from .localization import (
    OnProgress as OnProgress,
    localize as localize,
)
from .locations import (
    server_location as server_location,
)
from .movie_source import (
    MovieSource as MovieSource,
    SettingValues as SettingValues,
)
from .results import (
    read_results as read_results,
)
from .results_summary import (
    frame_shape as frame_shape,
    portions as portions,
    summarise_results as summarise_results,
)
from .versions import (
    show_versions as show_versions,
)
