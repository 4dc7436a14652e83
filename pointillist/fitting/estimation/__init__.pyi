from .derived import (
    photons as photons,
    precision_px as precision_px,
    width_px as width_px,
)
from .fit import (
    Fit as Fit,
    FrameImages as FrameImages,
)
from .modules import (
    MODULES as MODULES,
    FitModule as FitModule,
)
from .registry import (
    fit_of as fit_of,
)
from .result_codes import (
    ENDINGS as ENDINGS,
)
