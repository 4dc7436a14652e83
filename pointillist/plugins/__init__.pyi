from .registry import (
    Registry as Registry,
)
from .setting import (
    Confusion as Confusion,
    Setting as Setting,
)
from .value_types import (
    NUMBER as NUMBER,
    RANGE as RANGE,
    SWITCH as SWITCH,
    TEXT as TEXT,
    WHOLE_NUMBER as WHOLE_NUMBER,
    Value as Value,
    ValueType as ValueType,
    parse_range as parse_range,
    parse_text as parse_text,
)
