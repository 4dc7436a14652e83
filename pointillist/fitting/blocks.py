"""Reading of the data for the analysis of a range: frames, background windows and background images."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from pointillist.fitting.backgrounds import ImagesOfRange, ReadFrames, window_span
from pointillist.fitting.localizations import FrameBlock
from pointillist.fitting.settings import FitSettings


def movie_background_images(
    settings: FitSettings, read: ReadFrames, n_movie_frames: int, stored: ImagesOfRange | None = None
) -> ImagesOfRange | None:
    """Return the source of the background images of a movie, shared by all its ranges.

    Parameters
    ----------
    settings
        Settings of the analysis, of which the background method and the first illuminated frame are used.
    read
        Function that reads the frames ``[start, stop)`` of the movie as ``(frame, y, x)``.
    n_movie_frames
        Number of frames in the movie, >= 1.
    stored
        Function that returns the stored images of a range, for the method ``copy``.

    Returns
    -------
    callable or None
        Function that returns the images of a range; None if the method needs the neighbouring frames alone.
    """
    return settings.background.movie_images(read, n_movie_frames, settings.first_illuminated_frame, stored)


class BlockReader:
    """Reads ranges of a movie with the data for their backgrounds.

    Parameters
    ----------
    read, n_movie_frames, settings, stored
        Parameters of :func:`movie_background_images`.
    lost
        Reasons by number for the frames that the movie lacks, updated as `read` finds them.
    """

    def __init__(
        self,
        read: ReadFrames,
        n_movie_frames: int,
        settings: FitSettings,
        stored: ImagesOfRange | None = None,
        lost: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        self.n_movie_frames = n_movie_frames
        self._read = read
        self._lost = lost
        self._settings = settings
        self._movie_images = movie_background_images(settings, self._read_available, n_movie_frames, stored)

    def block(self, start: int, stop: int) -> FrameBlock:
        """Read a range ``[start, stop)``."""
        first, end = window_span(self._settings, start, stop, self.n_movie_frames)
        frames = self._read(first, end)
        return FrameBlock(
            frames=frames,
            first=first,
            n_movie_frames=self.n_movie_frames,
            background_images=None if self._movie_images is None else self._movie_images(start, stop),
            lost={frame: reason for frame, reason in self._lost.items() if first <= frame < end},
        )

    def _read_available(self, start: int, stop: int) -> NDArray[Any]:
        """Return those of the frames ``[start, stop)`` that the movie does not lack."""
        frames = self._read(start, stop)
        is_there = [frame not in self._lost for frame in range(start, stop)]
        return frames if all(is_there) else frames[is_there]
