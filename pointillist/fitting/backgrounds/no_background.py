"""``none``: no background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pointillist.fitting.backgrounds.method import BackgroundMethod


@dataclass(frozen=True, kw_only=True)
class NoBackground(BackgroundMethod):
    """No background."""

    code: ClassVar[str] = "none"
    summary: ClassVar[str] = "no background"
    is_empty: ClassVar[bool] = True

    def background(self, earliest: int) -> None:
        """Return no background."""
        del earliest

    @property
    def description(self) -> str:
        """The method in words."""
        return "none"
