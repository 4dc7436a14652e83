"""The background of each frame, and the frames that it is computed from.

Windows end where the movie ends, and begin no earlier than the first illuminated frame; an empty window gives no
background.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.backgrounds.images import BackgroundImages
from pointillist.fitting.backgrounds.method import BackgroundMethod, WindowMethod
from pointillist.fitting.backgrounds.no_background import NoBackground
from pointillist.fitting.backgrounds.rolling_windows import RollingWindow, make_rolling_window
from pointillist.fitting.backgrounds.sparse_images import offset_adu
from pointillist.fitting.backgrounds.sparse_median import SparseMedian
from pointillist.fitting.localizations import FrameBlock
from pointillist.fitting.settings import FitSettings

Span = tuple[int, int]


def frame_window(settings: FitSettings, frame: int, n_movie_frames: int) -> Span:
    """Return the window ``[first, stop)`` of a frame; empty if ``stop <= first``, and for methods without a window."""
    method = settings.background
    if not isinstance(method, WindowMethod):
        return frame, frame
    return method.span(frame, n_movie_frames, settings.first_illuminated_frame)


def window_span(settings: FitSettings, start: int, stop: int, n_movie_frames: int) -> Span:
    """Return the frames ``[first, stop)`` that the analysis of the frames ``[start, stop)`` needs."""
    first_begin, _ = frame_window(settings, start, n_movie_frames)
    _, last_end = frame_window(settings, stop - 1, n_movie_frames)
    return min(start, first_begin), max(stop, last_end)


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


class _EmptyBackground:
    """No background."""

    def begin(self, block: FrameBlock, usable: NDArray[np.bool_]) -> None:
        """Start a block; nothing is needed."""

    def at(self, frame: int) -> None:
        """Return no background."""


class _WindowBackground:
    """The background of a window, for a batch of frames at a time, so that a strip of pixels stays in the cache.

    The window continues into the next block if that has the frames that leave the window.
    """

    _block: FrameBlock
    _usable: NDArray[np.bool_]

    def __init__(self, method: WindowMethod, first_illuminated_frame: int) -> None:
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
        return make_rolling_window(self._method, longest, block.frames.shape[1:], block.frames.dtype)

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


class _StoredBackground:
    """The background from images that come with the frames."""

    _images: BackgroundImages
    _block: FrameBlock

    def __init__(self, method: BackgroundMethod) -> None:
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
        if image is None or not isinstance(self._method, SparseMedian):
            return image
        raw = self._block.frames[frame - self._block.first]
        return image + np.float32(offset_adu(self._method, raw, image))


def background_of(settings: FitSettings) -> Background:
    """Return the background that the settings name.

    Parameters
    ----------
    settings
        Settings of the analysis, of which the background method and the first illuminated frame are used.
    """
    method = settings.background
    if isinstance(method, WindowMethod):
        return _WindowBackground(method, settings.first_illuminated_frame)
    return _EmptyBackground() if isinstance(method, NoBackground) else _StoredBackground(method)


def background_images(block: FrameBlock, start: int, stop: int, settings: FitSettings) -> BackgroundImages:
    """Return the background of a range of frames.

    Parameters
    ----------
    block
        Raw frames of the range and of its background windows, from :class:`pointillist.fitting.BlockReader`.
    start, stop
        Range of frames ``[start, stop)``.
    settings
        Settings of the analysis, of which the background method and the first illuminated frame are used.

    Returns
    -------
    BackgroundImages
        One image per frame for methods with a window, otherwise each image once. Frames with pixels that are not finite
        enter no window and have an offset of 0.

    Raises
    ------
    ValueError
        If the block lacks what is needed.
    """
    return BackgroundSeries(settings).images(block, start, stop)


class BackgroundSeries:
    """:func:`background_images` of one block after the other of a movie, with windows that continue between blocks.

    Parameters
    ----------
    settings
        Settings of the analysis, of which the background method and the first illuminated frame are used.
    """

    def __init__(self, settings: FitSettings) -> None:
        self._method = settings.background
        self._background = background_of(settings)

    def images(self, block: FrameBlock, start: int, stop: int) -> BackgroundImages:
        """Return the background of a range of frames in a block, as :func:`background_images`."""
        usable, stored = usable_frames(block), block.background_images
        if isinstance(self._method, SparseMedian) and stored is not None:
            return _with_offsets(block, (start, stop), self._method, stored)
        self._background.begin(block, usable)
        found = [None if image is None else image.copy() for image in map(self._background.at, range(start, stop))]
        images = [image for image in found if image is not None]
        has_image = np.array([image is not None for image in found])
        return BackgroundImages(
            first=start,
            images=np.stack(images) if images else np.empty((0, *block.frames.shape[1:]), np.float32),
            index=np.where(has_image, np.cumsum(has_image) - 1, -1).astype(np.int32),
            offsets_adu=np.zeros(stop - start),
        )


def _with_offsets(block: FrameBlock, span: Span, method: SparseMedian, stored: BackgroundImages) -> BackgroundImages:
    usable = usable_frames(block)
    start, stop = span
    offsets = np.zeros(stop - start)
    for frame in range(start, stop):
        image = stored.of(frame)
        if image is not None and usable[frame - block.first]:
            offsets[frame - start] = offset_adu(method, block.frames[frame - block.first], image)
    index = stored.index[start - stored.first : stop - stored.first]
    return BackgroundImages(first=start, images=stored.images, index=index, offsets_adu=offsets)


def usable_frames(block: FrameBlock) -> NDArray[np.bool_]:
    """Return which frames of a block exist and are finite, ``(frame,)``; the others enter no window."""
    usable = np.ones(len(block.frames), np.bool_)
    if np.issubdtype(block.frames.dtype, np.floating):
        usable &= np.isfinite(block.frames).all(axis=(1, 2))
    usable[[frame - block.first for frame in block.lost]] = False
    return usable
