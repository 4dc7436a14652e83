from .derived import (
    photons as photons,
    precision_px as precision_px,
    width_px as width_px,
)
from .fits import (
    FrameImages as FrameImages,
    fit_of as fit_of,
)
from .modules import (
    MODULES as MODULES,
    FitModule as FitModule,
)
from .result_codes import (
    ENDINGS as ENDINGS,
)
