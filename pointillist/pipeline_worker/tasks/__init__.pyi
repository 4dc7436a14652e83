from .kind import (
    BlockedError as BlockedError,
    Computed as Computed,
    Kinds as Kinds,
    Outcome as Outcome,
    Runner as Runner,
    new_runner as new_runner,
)
from .registry import (
    kinds as kinds,
)
