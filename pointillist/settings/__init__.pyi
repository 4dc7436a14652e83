from .analysis import (
    STORAGE as STORAGE,
    check_complete as check_complete,
    fit_settings as fit_settings,
    map_digest_name as map_digest_name,
    map_name as map_name,
    missing_settings as missing_settings,
    normalised as normalised,
    resolve as resolve,
    resolve_with_remarks as resolve_with_remarks,
    settings_digest as settings_digest,
)
from .background_settings import (
    BACKGROUND_FILE as BACKGROUND_FILE,
    background as background,
    needs_cycle_time as needs_cycle_time,
)
from .camera_schema import (
    ADU2 as ADU2,
    ELECTRONS2 as ELECTRONS2,
)
from .camera_types import (
    remarks_on_type as remarks_on_type,
    values_of_type as values_of_type,
)
from .doubtful_values import (
    doubts as doubts,
)
from .encoding import (
    job_settings as job_settings,
    read_job_settings as read_job_settings,
    read_settings as read_settings,
)
from .given_settings import (
    given_settings as given_settings,
)
from .ineffective import (
    without_effect as without_effect,
)
from .known_names import (
    check_sidecar as check_sidecar,
)
from .metadata import (
    IS_STORED_X_FIRST as IS_STORED_X_FIRST,
    Metadata as Metadata,
    Value as Value,
    number as number,
)
from .pixel_size import (
    PIXEL_SIZE_NAMES as PIXEL_SIZE_NAMES,
    PIXEL_UNITS_NAME as PIXEL_UNITS_NAME,
    in_micrometres as in_micrometres,
    micrometres_in as micrometres_in,
)
from .schema import (
    SETTINGS as SETTINGS,
)
from .typed_settings import (
    DARK_MAP as DARK_MAP,
    FLAT_FIELD as FLAT_FIELD,
    MAP_SETTINGS as MAP_SETTINGS,
    VARIANCE_MAP as VARIANCE_MAP,
    AnalysisSettings as AnalysisSettings,
    AnyJobSettings as AnyJobSettings,
    BackgroundSettings as BackgroundSettings,
    CameraSettings as CameraSettings,
    MapSettings as MapSettings,
    SourceFile as SourceFile,
    analysis_settings as analysis_settings,
    background_job_settings as background_job_settings,
    camera_settings as camera_settings,
    copied_background as copied_background,
    map_settings as map_settings,
)
from .yaml_json import (
    SUFFIXES as SUFFIXES,
    read_yaml_json as read_yaml_json,
)
