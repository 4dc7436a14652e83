from .blocks import (
    BlockReader as BlockReader,
    movie_background_images as movie_background_images,
)
from .jit import (
    keep_kernels_in as keep_kernels_in,
    kernel as kernel,
    kernel_folder as kernel_folder,
)
from .localizations import (
    QUANTITIES as QUANTITIES,
    REGION as REGION,
    FrameBlock as FrameBlock,
    Rows as Rows,
    blank_rows as blank_rows,
    column as column,
    join_rows as join_rows,
    localization_dtype as localization_dtype,
)
from .localizer import (
    Localizer as Localizer,
    inspect as inspect,
    localize as localize,
)
from .settings import (
    DETECTOR as DETECTOR,
    FIELDS as FIELDS,
    FIRST_ILLUMINATED_FRAME as FIRST_ILLUMINATED_FRAME,
    FIT_MODULE as FIT_MODULE,
    START_AT as START_AT,
    SUBTRACT_BACKGROUND as SUBTRACT_BACKGROUND,
    FitSettings as FitSettings,
    settings_of as settings_of,
)
from .shared_settings import (
    BACKGROUND_MODEL as BACKGROUND_MODEL,
    CLUMP_REJECT_RADIUS as CLUMP_REJECT_RADIUS,
    DEBOUNCE_RADIUS as DEBOUNCE_RADIUS,
    ESTIMATOR as ESTIMATOR,
    FALSE_POSITIVES as FALSE_POSITIVES,
    FIT_BACKGROUND as FIT_BACKGROUND,
    FIT_SIGMA as FIT_SIGMA,
    HIGHPASS as HIGHPASS,
    LOWPASS as LOWPASS,
    PSF_SIGMA as PSF_SIGMA,
    ROI_SIZE as ROI_SIZE,
    SNR_THRESHOLD as SNR_THRESHOLD,
    THRESHOLD as THRESHOLD,
    VARIANCE_WEIGHTING as VARIANCE_WEIGHTING,
    WEIGHTS as WEIGHTS,
)
