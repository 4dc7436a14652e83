"""A setting: its name, type of value and bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

from pointillist.errors import SettingError
from pointillist.plugins.value_types import NUMBER, Value, ValueType


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Something that people give in place of a number.

    Parameters
    ----------
    question
        Question for the user, such as "is it in nm?".
    convert
        Function from the given to the intended value; None where it depends on other numbers.
    advice
        Advice for the user where there is no `convert`.
    low, high
        Range of numbers for which the question is asked, both inclusive.
    """

    question: str
    convert: Callable[[float], float] | None = None
    advice: str = ""
    low: float = -math.inf
    high: float = math.inf

    def meant(self, number: float) -> float | None:
        """Return the intended number; None if there is none."""
        if self.convert is None or number <= 0:
            return None
        return self.convert(number)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting.

    Parameters
    ----------
    name
        Dotted name, as in PYME.
    value_type
        Type of the value, with a parser from text.
    help
        Explanation of one line.
    unit
        Unit of the value; empty for none.
    default
        Value where nothing is given; None where there is none.
    above, low, high
        Bounds of valid numbers: exclusive lower, inclusive lower, inclusive upper.
    typical
        Bounds of usual numbers, both inclusive; None where any number is usual.
    confusions
        Other quantities that people tend to give instead.
    choices
        Allowed values; empty where they are not a short list.
    field
        Name of the field of :class:`pointillist.fitting.FitSettings` that has the value; empty for none.
    """

    name: str
    value_type: ValueType
    help: str
    unit: str = ""
    default: Value = None
    above: float | None = None
    low: float | None = None
    high: float | None = None
    typical: tuple[float, float] | None = None
    confusions: tuple[Confusion, ...] = ()
    choices: Collection[str] = ()
    field: str = ""

    def parse(self, value: Value) -> Value:
        """Convert a value to the setting's type and check it.

        Parameters
        ----------
        value
            Value of the setting's type, or text.

        Returns
        -------
        Value
            Value of the setting's type.

        Raises
        ------
        SettingError
            If it is of the wrong type, or out of range.
        """
        try:
            parsed = self.value_type.parse(value)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise SettingError(self.name, f"{value!r} is not {self.value_type.name}", self._remedy()) from error
        if self.choices and parsed not in self.choices:
            raise SettingError(self.name, f"{value} is not available", f"choose one of {', '.join(self.choices)}")
        if isinstance(parsed, int | float) and not self._is_within(parsed):
            raise SettingError(self.name, f"{parsed:g} is out of range", self._range_hint(parsed))
        return parsed

    def doubt(self, number: float) -> str | None:
        """Return why a number within bounds may be wrong; None if it is usual.

        Parameters
        ----------
        number
            Number from :meth:`parse`.
        """
        if self.typical is None or self.typical[0] <= number <= self.typical[1]:
            return None
        low, high = self.typical
        shown = f"{self.name} is {number:g}{self._unit}, outside the usual range of {low:g} to {high:g}"
        return f"{shown}; {self._hint(number) or 'check it'}"

    @property
    def meaning(self) -> str:
        """Help text and choices."""
        return f"{self.help} One of {', '.join(self.choices)}." if len(self.choices) > 1 else self.help

    def _is_within(self, number: float) -> bool:
        return (
            (self.above is None or number > self.above)
            and (self.low is None or number >= self.low)
            and (self.high is None or number <= self.high)
        )

    def _range_hint(self, number: float) -> str:
        hint = self._hint(number)
        return f"{hint} ({self.bounds})" if hint else f"give a value {self.bounds}"

    def _hint(self, number: float) -> str | None:
        """Return the quantity that a number probably is, and how to give the right one."""
        for confusion in self.confusions:
            if not confusion.low <= number <= confusion.high:
                continue
            meant = confusion.meant(number)
            if meant is not None and self._is_usual(meant):
                return f"{confusion.question} then give {self.name}={meant:.5g}"
            if confusion.advice:
                return f"{confusion.question} {confusion.advice}"
        return None

    def _is_usual(self, number: float) -> bool:
        low, high = self.typical or (-math.inf, math.inf)
        return low <= number <= high and self._is_within(number)

    @property
    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""

    @property
    def bounds(self) -> str:
        """Bounds of a number with its unit, in words; empty where there are none."""
        signs = ((">", self.above), (">=", self.low), ("<=", self.high))
        text = " and ".join(f"{sign} {bound:g}" for sign, bound in signs if bound is not None)
        return text + self._unit if text else ""

    def _remedy(self) -> str:
        example = ":".join(map(str, self.default)) if isinstance(self.default, tuple) else self.default
        such = f", such as {example}" if example is not None else ""
        unit = f" in {self.unit}" if self.unit and self.value_type is NUMBER else ""
        return f"give one{such}{unit}"
