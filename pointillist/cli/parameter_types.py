"""What users may write for the values of options."""

from __future__ import annotations

import math

import click


class FrameSize(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """``256`` or ``WIDTHxHEIGHT``, px; becomes ``(height, width)``."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return height and width."""
        width, _, height = str(value).lower().partition("x")
        try:
            shape = int(height or width), int(width)
        except ValueError:
            self.fail(f"{value!r} is not a frame size; write 256 or 320x200 (width x height)", param, ctx)
        if min(shape) < 16:
            self.fail("a frame must have at least 16 x 16 px", param, ctx)
        return shape


class Thresholds(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """``1`` or ``0.8,1,1.5``; becomes a tuple of positive numbers in rising order."""

    name = "thresholds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Return the thresholds."""
        try:
            thresholds = tuple(sorted({float(part) for part in str(value).split(",")}))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers; write 1 or 0.8,1,1.5", param, ctx)
        if not all(0 < threshold < math.inf for threshold in thresholds):
            self.fail("thresholds must be positive", param, ctx)
        return thresholds
