"""The background of the frames of a movie, block by block: from windows, or from images that come with the frames."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.backgrounds.images import BackgroundImages
from pointillist.fitting.backgrounds.rolling_windows import RollingWindow
from pointillist.fitting.backgrounds.schedule import Span
from pointillist.fitting.camera import are_counts
from pointillist.fitting.localizations import FrameBlock


class WindowParameters(Protocol):
    """A method with a window: see :class:`pointillist.fitting.backgrounds.WindowMethod`."""

    def ends(self, frame: int, n_movie_frames: int) -> Span:
        """Return the window of a frame of an endless movie."""

    def span(self, frame: int, n_movie_frames: int, earliest: int = 0) -> Span:
        """Return the window of a frame."""

    def rolling_window(self, longest: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> RollingWindow:
        """Return what computes the background as the window moves."""


class StoredParameters(Protocol):
    """A method whose images come with the frames."""

    @property
    def description(self) -> str:
        """The method in words."""

    def offset_adu(self, frame: NDArray[Any], image: NDArray[np.float32]) -> float:
        """Return the offset that is added to a frame's image, ADU."""


class Background(Protocol):
    """The background of the frames of a movie, block by block, in raw counts."""

    def begin(self, block: FrameBlock, usable: NDArray[np.bool_]) -> None:
        """Start a block.

        Parameters
        ----------
        block
            Raw frames, including those of the windows; with background images for methods without a window.
        usable
            Mask of the frames that may enter a window, ``(frame,)``, bool.

        Raises
        ------
        ValueError
            If the images are missing.
        """

    def at(self, frame: int) -> NDArray[np.float32] | None:
        """Background of a frame, ``(y, x)``, in raw counts; None where it has none. The next call may overwrite it."""


class WindowBackground:
    """The background of a window, for a batch of frames at a time, so that a strip of pixels stays in the cache.

    The window continues into the next block if that has the frames that leave the window.
    """

    _block: FrameBlock
    _usable: NDArray[np.bool_]

    def __init__(self, method: WindowParameters, first_illuminated_frame: int) -> None:
        self._method = method
        self._earliest = first_illuminated_frame
        self._window: RollingWindow | None = None
        self._oldest = 0
        self._first = self._stop = 0

    def begin(self, block: FrameBlock, usable: NDArray[np.bool_]) -> None:
        """Start a block; see :class:`Background`."""
        self._block, self._usable = block, usable
        self._first = self._stop  # images made so far may use frames of the previous block
        if block.first > self._oldest:
            self._window = None

    def at(self, frame: int) -> NDArray[np.float32] | None:
        """Background of a frame, ``(y, x)``, in raw counts; None where its window is empty."""
        if self._window is None or not self._first <= frame < self._stop:
            self._window = self._advance(frame)
        return self._window.image(frame - self._first)

    def _make_window(self) -> RollingWindow:
        block = self._block
        begin, end = self._method.ends(0, block.n_movie_frames)
        longest = min(end - begin, block.n_movie_frames)
        return self._method.rolling_window(longest, block.frames.shape[1:], block.frames.dtype)

    def _span(self, frame: int) -> Span:
        return self._method.span(frame, self._block.n_movie_frames, self._earliest)

    def _is_in_block(self, span: Span) -> bool:
        first, stop = span
        return stop <= first or (self._block.first <= first and stop <= self._block.first + len(self._block.frames))

    def _is_usable(self, frame: int) -> bool:
        return bool(self._usable[frame - self._block.first])

    def _advance(self, frame: int) -> RollingWindow:
        block = self._block
        spans = [self._span(frame)]
        if not self._is_in_block(spans[0]):
            msg = f"frames {spans[0][0]} to {spans[0][1]} are needed for the background of frame {frame}"
            raise ValueError(msg)
        previous, self._window = self._window, None  # its state is undefined after an error
        window = self._make_window() if previous is None or frame < self._stop else previous
        last = min(frame + window.batch_size, block.first + len(block.frames))
        for following in range(frame + 1, last):
            span = self._span(following)
            if not self._is_in_block(span):
                break
            spans.append(span)
        window.slide(block.frames, block.first, spans, self._is_usable)
        self._first, self._stop, self._oldest = frame, frame + len(spans), spans[-1][0]
        return window


class StoredBackground:
    """The background from images that come with the frames."""

    _images: BackgroundImages
    _block: FrameBlock

    def __init__(self, method: StoredParameters) -> None:
        self._method = method

    def begin(self, block: FrameBlock, usable: NDArray[np.bool_]) -> None:  # noqa: ARG002 - there is no window
        """Start a block; see :class:`Background`."""
        if block.background_images is None:
            msg = f"background ({self._method.description}): its images were not sent with the frames"
            raise ValueError(msg)
        self._images = block.background_images
        self._block = block

    def at(self, frame: int) -> NDArray[np.float32] | None:
        """Background of a frame, ``(y, x)``, in raw counts; None where it has none."""
        image = self._images.of(frame)
        if image is None:
            return None
        return image + np.float32(self._method.offset_adu(self._block.frames[frame - self._block.first], image))


def usable_frames(block: FrameBlock) -> NDArray[np.bool_]:
    """Return which frames of a block exist and hold counts, ``(frame,)``; the others enter no window."""
    usable = are_counts(block.frames)
    usable[[frame - block.first for frame in block.lost]] = False
    return usable
