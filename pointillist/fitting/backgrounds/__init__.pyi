from .background import (
    BackgroundSeries as BackgroundSeries,
    background_images as background_images,
    background_of as background_of,
    usable_frames as usable_frames,
    window_span as window_span,
)
from .copy import (
    Copy as Copy,
)
from .images import (
    BackgroundImages as BackgroundImages,
    ImagesOfRange as ImagesOfRange,
)
from .mean import (
    Mean as Mean,
)
from .method import (
    BackgroundMethod as BackgroundMethod,
)
from .no_background import (
    NoBackground as NoBackground,
)
from .registry import (
    METHODS as METHODS,
    background_method as background_method,
    pyme_method as pyme_method,
    pyme_settings as pyme_settings,
)
from .rolling_median import (
    RollingMedian as RollingMedian,
)
from .rolling_windows import (
    LONG_WINDOW as LONG_WINDOW,
    make_rolling_window as make_rolling_window,
)
from .sparse_images import (
    ReadFrames as ReadFrames,
    SparseImages as SparseImages,
)
from .sparse_median import (
    SparseMedian as SparseMedian,
)
