"""The background of each frame, and the frames that it is computed from.

Windows end where the movie ends, and begin no earlier than the first illuminated frame; an empty window gives no
background.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.backgrounds.block_backgrounds import usable_frames
from pointillist.fitting.backgrounds.images import BackgroundImages
from pointillist.fitting.backgrounds.method import BackgroundMethod
from pointillist.fitting.backgrounds.schedule import Span
from pointillist.fitting.localizations import FrameBlock
from pointillist.fitting.settings import FitSettings


def frame_window(settings: FitSettings, frame: int, n_movie_frames: int) -> Span:
    """Return the window ``[first, stop)`` of a frame; empty if ``stop <= first``, and for methods without a window."""
    return settings.background.span(frame, n_movie_frames, settings.first_illuminated_frame)


def window_span(settings: FitSettings, start: int, stop: int, n_movie_frames: int) -> Span:
    """Return the frames ``[first, stop)`` that the analysis of the frames ``[start, stop)`` needs."""
    first_begin, _ = frame_window(settings, start, n_movie_frames)
    _, last_end = frame_window(settings, stop - 1, n_movie_frames)
    return min(start, first_begin), max(stop, last_end)


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
        self._background = self._method.background(settings.first_illuminated_frame)

    def images(self, block: FrameBlock, start: int, stop: int) -> BackgroundImages:
        """Return the background of a range of frames in a block, as :func:`background_images`."""
        if block.background_images is not None:
            return _with_offsets(block, (start, stop), self._method, block.background_images)
        if self._background is None:
            found: list[NDArray[np.float32] | None] = [None] * (stop - start)
        else:
            self._background.begin(block, usable_frames(block))
            found = [None if image is None else image.copy() for image in map(self._background.at, range(start, stop))]
        images = [image for image in found if image is not None]
        has_image = np.array([image is not None for image in found])
        return BackgroundImages(
            first=start,
            images=np.stack(images) if images else np.empty((0, *block.frames.shape[1:]), np.float32),
            index=np.where(has_image, np.cumsum(has_image) - 1, -1).astype(np.int32),
            offsets_adu=np.zeros(stop - start),
        )


def _with_offsets(
    block: FrameBlock, span: Span, method: BackgroundMethod, stored: BackgroundImages
) -> BackgroundImages:
    usable = usable_frames(block)
    start, stop = span
    offsets = stored.offsets_adu[start - stored.first : stop - stored.first].copy()
    for frame in range(start, stop):
        image = stored.of(frame)
        if image is not None and usable[frame - block.first]:
            offsets[frame - start] += method.offset_adu(block.frames[frame - block.first], image)
    index = stored.index[start - stored.first : stop - stored.first]
    return BackgroundImages(first=start, images=stored.images, index=index, offsets_adu=offsets)
