"""Types of settings, and how each is read from text, YAML, JSON or HDF5."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = "bool | int | float | str | Sequence[Value] | Mapping[str, Value] | None"
"""Everything that a metadata entry may be; all of it can be written as JSON."""


@dataclass(frozen=True)
class ValueType:
    """Type of a value.

    Parameters
    ----------
    name
        Name of the type for error messages, after "is not".
    parse
        Parser that returns the value, or raises ValueError, TypeError, KeyError or OverflowError.
    """

    name: str
    parse: Callable[[Value], Value]


_SWITCHES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _switch(value: Value) -> bool:
    if isinstance(value, str):
        return _SWITCHES[value.lower()]
    if value in (0, 1):
        return bool(value)
    raise ValueError


def _number(value: Value) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    if isinstance(value, str) and "_" in value:  # Python reads 1_5 as 15
        raise ValueError
    if not math.isfinite(number := float(value)):
        raise ValueError
    return number


def _whole_number(value: Value) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError
    return int(number)


def parse_text(value: Value) -> str:
    """Read a text.

    Parameters
    ----------
    value
        Text, number, or None for none.

    Returns
    -------
    str
        Text, empty for None.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise TypeError
    return str(value)


def parse_range(value: Value) -> tuple[int, int]:
    """Read a range of frames.

    Parameters
    ----------
    value
        Text such as ``-30:0`` or ``(-30, 0)``, or a pair.

    Returns
    -------
    tuple
        Range ``(start, stop)``, ``start <= stop``.

    Raises
    ------
    ValueError, TypeError
        If it is something else.
    """
    parts = re.split(r"[:,]", value.strip("()[] ")) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise TypeError
    start, stop = map(_whole_number, parts)
    if start > stop:
        raise ValueError
    return start, stop


SWITCH = ValueType("True or False", _switch)
NUMBER = ValueType("a number", _number)
WHOLE_NUMBER = ValueType("a whole number", _whole_number)
TEXT = ValueType("text", parse_text)
RANGE = ValueType("a range START:STOP with START <= STOP", parse_range)
