from .kind import (
    BlockedError as BlockedError,
    Kinds as Kinds,
    Result as Result,
    Runner as Runner,
)
from .registry import (
    kinds as kinds,
)
