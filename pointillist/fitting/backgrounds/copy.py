"""``copy``: stored background images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pointillist.fitting.backgrounds.method import BackgroundMethod


@dataclass(frozen=True, kw_only=True)
class Copy(BackgroundMethod):
    """The images that come with the frames, as they are (:class:`pointillist.fitting.backgrounds.BackgroundImages`)."""

    code: ClassVar[str] = "copy"

    @property
    def description(self) -> str:
        """The method in words."""
        return "images of a background file"
