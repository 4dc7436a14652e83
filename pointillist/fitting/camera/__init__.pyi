from . import (
    map_checks as map_checks,
    map_quantities as map_quantities,
    map_structure as map_structure,
)
from .calibration import (
    BLEMISH_VARIANCE_E2 as BLEMISH_VARIANCE_E2,
    DARK_THRESHOLD_ADU as DARK_THRESHOLD_ADU,
    LEAST_RESPONSE as LEAST_RESPONSE,
    VARIANCE_THRESHOLD_E2 as VARIANCE_THRESHOLD_E2,
    FlatField as FlatField,
    Image as Image,
    Mask as Mask,
    Moments as Moments,
    PixelStatistics as PixelStatistics,
    find_blemishes as find_blemishes,
    measure_flat_field as measure_flat_field,
)
from .counts import (
    are_counts as are_counts,
    describe_no_counts as describe_no_counts,
)
from .map_checks import (
    MovieSample as MovieSample,
)
from .map_structure import (
    LEAST_SLOPE as LEAST_SLOPE,
    Agreement as Agreement,
    Structure as Structure,
)
from .model import (
    CameraMap as CameraMap,
    CameraMaps as CameraMaps,
    CameraModel as CameraModel,
)
from .noise_levels import (
    FULL_SCALES as FULL_SCALES,
    CameraNumbers as CameraNumbers,
    NoiseBounds as NoiseBounds,
    NoiseLevels as NoiseLevels,
    NoiseSample as NoiseSample,
    compare_noise as compare_noise,
)
from .orientation import (
    AS_IS as AS_IS,
    ORIENTATIONS as ORIENTATIONS,
)
from .photon_transfer import (
    PhotonTransfer as PhotonTransfer,
    measure_photon_transfer as measure_photon_transfer,
)
from .region_position import (
    find_region as find_region,
)
