from .background import (
    BackgroundSeries as BackgroundSeries,
    background_images as background_images,
    window_span as window_span,
)
from .block_backgrounds import (
    usable_frames as usable_frames,
)
from .copy import (
    Copy as Copy,
)
from .images import (
    BackgroundImages as BackgroundImages,
    ImagesOfRange as ImagesOfRange,
    ReadFrames as ReadFrames,
)
from .mean import (
    Mean as Mean,
)
from .method import (
    BackgroundMethod as BackgroundMethod,
    WindowMethod as WindowMethod,
)
from .no_background import (
    NoBackground as NoBackground,
)
from .registry import (
    METHODS as METHODS,
    background_method as background_method,
    pyme_method as pyme_method,
)
from .rolling_median import (
    RollingMedian as RollingMedian,
)
from .rolling_windows import (
    LONG_WINDOW as LONG_WINDOW,
)
from .sparse_median import (
    SparseMedian as SparseMedian,
)
