from .calibration import (
    CameraCalibration as CameraCalibration,
    calibrate as calibrate,
    describe_calibration as describe_calibration,
    measure_pixels as measure_pixels,
)
from .calibration_destination import (
    Destination as Destination,
    default_folder as default_folder,
)
from .calibration_folder import (
    apply_default_maps as apply_default_maps,
)
from .camera import (
    camera_model as camera_model,
)
from .camera_map import (
    digest_file as digest_file,
    find_map as find_map,
    load_map as load_map,
)
from .chip import (
    Chip as Chip,
    chip_of as chip_of,
)
from .examination import (
    examine_maps as examine_maps,
)
from .foreign_calibrations import (
    read_calibration as read_calibration,
    to_maps as to_maps,
)
from .noise_examination import (
    examine_noise as examine_noise,
)
