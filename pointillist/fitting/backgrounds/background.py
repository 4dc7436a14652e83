"""What each pixel reads without a molecule: which frames that takes, and the background of each frame.

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
from pointillist.fitting.backgrounds.sliding import RollingWindow, slider_of
from pointillist.fitting.backgrounds.sparse_images import image_spans, offset_adu
from pointillist.fitting.backgrounds.sparse_median import SparseMedian
from pointillist.fitting.localizations import FrameBlock
from pointillist.fitting.settings import FitSettings

Span = tuple[int, int]


def frame_window(settings: FitSettings, frame: int, n_movie_frames: int) -> Span:
    """Frames ``[first, stop)`` of the window of one frame; empty where ``stop <= first``, and without a window."""
    method = settings.background
    if not isinstance(method, WindowMethod):
        return frame, frame
    return method.span(frame, n_movie_frames, settings.first_illuminated_frame)


def window_span(settings: FitSettings, start: int, stop: int, n_movie_frames: int) -> Span:
    """Frames ``[first, stop)`` that a block needs so that the frames ``[start, stop)`` can be analysed."""
    first_begin, _ = frame_window(settings, start, n_movie_frames)
    _, last_end = frame_window(settings, stop - 1, n_movie_frames)
    return min(start, first_begin), max(stop, last_end)


def frames_needed(settings: FitSettings, start: int, stop: int, n_movie_frames: int) -> list[Span]:
    """Return all frames that the analysis of a range can ask for.

    Parameters
    ----------
    settings
        Settings of the analysis, of which the background method and the first illuminated frame are used.
    start, stop
        Range of frames ``[start, stop)``.
    n_movie_frames
        Number of frames in the movie, >= 1.

    Returns
    -------
    list
        Disjoint spans ``[first, stop)`` in order of time. For a sparse median they include the frames of all its
        images, since which images are kept depends on all of them.
    """
    spans = [window_span(settings, start, stop, n_movie_frames)]
    if isinstance(settings.background, SparseMedian):
        spans += image_spans(settings.background, n_movie_frames, settings.first_illuminated_frame)
    merged: list[Span] = []
    for first, end in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((first, end))
    return merged


class Background(Protocol):
    """Background of one frame after the other, raw counts, of one block after the other of a movie."""

    def begin(self, block: FrameBlock, usable: NDArray[np.bool_]) -> None:
        """Take up a block.

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


class _Nothing:
    """The background of settings that ask for none."""

    def begin(self, block: FrameBlock, usable: NDArray[np.bool_]) -> None:
        """Need nothing."""

    def at(self, frame: int) -> None:
        """Give no background."""


class _SlidingWindow:
    """The background of windows: made for a batch of frames at a time, so that a strip of pixels stays in the cache.

    A window slides on from block to block where the frames that leave it are in the next one, too.
    """

    _block: FrameBlock
    _usable: NDArray[np.bool_]

    def __init__(self, method: WindowMethod, first_illuminated_frame: int) -> None:
        self._method = method
        self._earliest = first_illuminated_frame
        self._slider: RollingWindow | None = None
        self._held_from = 0
        self._first = self._stop = 0

    def begin(self, block: FrameBlock, usable: NDArray[np.bool_]) -> None:
        """Take up a block; see :class:`Background`."""
        self._block, self._usable = block, usable
        self._first = self._stop  # what images there are may look at frames of the block before
        if block.first > self._held_from:
            self._slider = None

    def at(self, frame: int) -> NDArray[np.float32] | None:
        """Background of a frame, ``(y, x)``, in raw counts; None where its window is empty."""
        if self._slider is None or not self._first <= frame < self._stop:
            self._slider = self._slide(frame)
        return self._slider.image(frame - self._first)

    def _fresh(self) -> RollingWindow:
        block = self._block
        begin, end = self._method.ends(0, block.n_movie_frames)
        longest = min(end - begin, block.n_movie_frames)
        return slider_of(self._method, longest, block.frames.shape[1:], block.frames.dtype)

    def _span(self, frame: int) -> Span:
        return self._method.span(frame, self._block.n_movie_frames, self._earliest)

    def _is_in_block(self, span: Span) -> bool:
        first, stop = span
        return stop <= first or (self._block.first <= first and stop <= self._block.first + len(self._block.frames))

    def _is_usable(self, frame: int) -> bool:
        return bool(self._usable[frame - self._block.first])

    def _slide(self, frame: int) -> RollingWindow:
        block = self._block
        spans = [self._span(frame)]
        if not self._is_in_block(spans[0]):
            msg = f"frames {spans[0][0]} to {spans[0][1]} are the background of frame {frame} and not in the block"
            raise ValueError(msg)
        held, self._slider = self._slider, None  # what an error leaves behind is not used again
        slider = self._fresh() if held is None or frame < self._stop else held
        last = min(frame + slider.n_together, block.first + len(block.frames))
        for following in range(frame + 1, last):
            span = self._span(following)
            if not self._is_in_block(span):
                break
            spans.append(span)
        slider.slide(block.frames, block.first, spans, self._is_usable)
        self._first, self._stop, self._held_from = frame, frame + len(spans), spans[-1][0]
        return slider


class _Stored:
    """The background of images that come with the frames."""

    _images: BackgroundImages
    _block: FrameBlock

    def __init__(self, method: BackgroundMethod) -> None:
        self._method = method

    def begin(self, block: FrameBlock, usable: NDArray[np.bool_]) -> None:  # noqa: ARG002 - there is no window
        """Take up a block; see :class:`Background`."""
        if block.background_images is None:
            msg = f"background {self._method.identifier}: its images do not come with the frames"
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
    """Make the background that the settings ask for.

    Parameters
    ----------
    settings
        Settings of the analysis, of which the background method and the first illuminated frame are used.
    """
    method = settings.background
    if isinstance(method, WindowMethod):
        return _SlidingWindow(method, settings.first_illuminated_frame)
    return _Nothing() if isinstance(method, NoBackground) else _Stored(method)


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
    """:func:`background_images` of one block after the other of a movie: windows slide on.

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
    """Return which frames of a block are there and finite: the others enter no window."""
    usable = np.ones(len(block.frames), np.bool_)
    if np.issubdtype(block.frames.dtype, np.floating):
        usable &= np.isfinite(block.frames).all(axis=(1, 2))
    usable[[frame - block.first for frame in block.lost]] = False
    return usable
