"""``copy``: stored background images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pointillist.fitting.backgrounds.method import StoredMethod

if TYPE_CHECKING:
    from pointillist.fitting.backgrounds.images import ImagesOfRange, ReadFrames


@dataclass(frozen=True, kw_only=True)
class Copy(StoredMethod):
    """The images that come with the frames, as they are (:class:`pointillist.fitting.backgrounds.BackgroundImages`)."""

    code: ClassVar[str] = "copy"
    summary: ClassVar[str] = "the images of a background file"
    needs_file: ClassVar[bool] = True

    def movie_images(
        self, read: ReadFrames, n_movie_frames: int, earliest: int, stored: ImagesOfRange | None
    ) -> ImagesOfRange | None:
        """Return the images of the file."""
        del read, n_movie_frames, earliest
        return stored

    @property
    def description(self) -> str:
        """The method in words."""
        return "images of a background file"
