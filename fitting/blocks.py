"""Reading what the analysis of a range needs: its frames, those of its background windows, and spread images."""

from __future__ import annotations

from fitting.background import window_span
from fitting.backgrounds.sparse_images import ReadFrames, SparseImages
from fitting.backgrounds.sparse_median import SparseMedian
from fitting.localizations import FrameBlock
from fitting.settings import FitSettings


def spread_images(settings: FitSettings, read: ReadFrames, n_movie_frames: int) -> SparseImages | None:
    """Return the background images that are spread over a movie, to be kept for all its ranges.

    Parameters
    ----------
    settings
        The background's method, and the first illuminated frame.
    read
        Reads the frames ``[start, stop)`` of the movie as ``(frame, y, x)``.
    n_movie_frames
        Length of the movie.

    Returns
    -------
    SparseImages or None
        None where the method needs the neighbouring frames alone.
    """
    method = settings.background
    if not isinstance(method, SparseMedian):
        return None
    return SparseImages(method, read, n_movie_frames, settings.first_illuminated_frame)


class BlockReader:
    """Reads ranges of a movie with all that their backgrounds need.

    Parameters
    ----------
    read, n_movie_frames, settings
        As for :func:`spread_images`.
    """

    def __init__(self, read: ReadFrames, n_movie_frames: int, settings: FitSettings) -> None:
        self.n_movie_frames = n_movie_frames
        self._read = read
        self._settings = settings
        self._spread = spread_images(settings, read, n_movie_frames)

    def block(self, start: int, stop: int) -> FrameBlock:
        """Read a range ``[start, stop)``."""
        first, end = window_span(self._settings, start, stop, self.n_movie_frames)
        return FrameBlock(
            frames=self._read(first, end),
            first=first,
            n_movie_frames=self.n_movie_frames,
            background_images=None if self._spread is None else self._spread.range(start, stop),
        )
