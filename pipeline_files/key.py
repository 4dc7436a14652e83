"""What a setting is: a name, a kind, bounds."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_files.kinds import Kind
from pipeline_files.metadata import Value
from pipeline_protocol.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class Key:
    """One setting.

    Parameters
    ----------
    name
        PYME's, dotted.
    kind
        Turns what a person or a file says into the value.
    help
        One line.
    unit
        Of the value; empty for none.
    default
        None where there is none.
    above, low, high
        Bounds of a number: exclusive below, inclusive below, inclusive above.
    choices
        All values that are allowed, if they are few.
    """

    name: str
    kind: Kind
    help: str
    unit: str = ""
    default: Value = None
    above: float | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    def parse(self, value: Value) -> Value:
        """Check a value, and bring it to its kind.

        Parameters
        ----------
        value
            Of the kind, or text.

        Returns
        -------
        Value
            Of the kind.

        Raises
        ------
        SettingError
            If it is of the wrong kind, or out of range.
        """
        try:
            parsed = self.kind.parse(value)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise SettingError(self.name, f"{value!r} is not {self.kind.name}", self._remedy()) from error
        if self.choices and parsed not in self.choices:
            raise SettingError(self.name, f"{value} is not available", f"choose one of {', '.join(self.choices)}")
        if isinstance(parsed, int | float) and not self._is_within(parsed):
            raise SettingError(self.name, f"{value} is out of range", f"give a value {self._bounds()}")
        return parsed

    @property
    def meaning(self) -> str:
        """The help, and what there is to choose from."""
        return f"{self.help} One of {', '.join(self.choices)}." if len(self.choices) > 1 else self.help

    def _is_within(self, number: float) -> bool:
        return (
            (self.above is None or number > self.above)
            and (self.low is None or number >= self.low)
            and (self.high is None or number <= self.high)
        )

    def _bounds(self) -> str:
        signs = ((">", self.above), (">=", self.low), ("<=", self.high))
        return " and ".join(f"{sign} {bound:g}" for sign, bound in signs if bound is not None)

    def _remedy(self) -> str:
        example = ":".join(map(str, self.default)) if isinstance(self.default, tuple) else self.default
        return "give one" + (f", such as {example}" if example is not None else "")
