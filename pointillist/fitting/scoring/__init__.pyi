from .evaluation import (
    BoundParameters as BoundParameters,
    Errors as Errors,
    MatchingRules as MatchingRules,
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
