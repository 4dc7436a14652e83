from .evaluation import (
    Errors as Errors,
    Optics as Optics,
    Rules as Rules,
    Score as Score,
    score as score,
)
from .precision import (
    Spots as Spots,
    spot_array as spot_array,
    spot_model as spot_model,
)
from .truth import (
    TRUTH_DTYPE as TRUTH_DTYPE,
    Truth as Truth,
)
