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
    FitSettings as FitSettings,
)
