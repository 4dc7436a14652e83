"""The images of a sparse median: the frames they need, those that are kept, and the image of each frame."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.backgrounds import cleansing, dcnum
from pointillist.fitting.backgrounds.images import BackgroundImages, ReadFrames
from pointillist.fitting.backgrounds.medians import ranked_images, stack_median
from pointillist.fitting.backgrounds.sparse_parameters import SparseParameters
from pointillist.fitting.camera import are_counts

Span = tuple[int, int]

CACHE_BYTES = 1 << 28
"""Size of the image cache; images beyond it are computed again when they are needed."""


class SparseImages:
    """The images of one movie, which depend on the movie and the method alone.

    Parameters
    ----------
    method
        Sparse median with a known interval, or that of dcnum.
    read
        Function that reads the frames ``[start, stop)`` as ``(frame, y, x)``. With cleansing, all images are made
        before the first one is returned; without, only those of the requested ranges.
    n_movie_frames
        Number of frames in the movie, >= 1.
    earliest
        First frame that may enter an image.
    """

    def __init__(self, method: SparseParameters, read: ReadFrames, n_movie_frames: int, earliest: int = 0) -> None:
        if method.needs_cycle_time:
            msg = (
                f"{method.code}: the time between frames is not known; give the interval in frames, {method.code}:i=100"
            )
            raise ValueError(msg)
        self._method = method
        self._read = read
        self._n_movie_frames = n_movie_frames
        self._spans = image_spans(method, n_movie_frames, earliest)
        self._cache: dict[int, NDArray[np.float32] | None] = {}

    def range(self, start: int, stop: int) -> BackgroundImages:
        """Return the images of the frames ``[start, stop)``; without the offsets, which are the frames' own."""
        numbers = self._index[start:stop]
        used, index = np.unique(numbers, return_inverse=True)
        images = [self._image(int(number)) for number in used if number >= 0]
        return BackgroundImages(
            first=start,
            images=np.stack([image for image in images if image is not None]) if images else _NO_IMAGES,
            index=(index - int(bool((used < 0).any()))).astype(np.int32),
            offsets_adu=np.zeros(stop - start),
        )

    @cached_property
    def _index(self) -> NDArray[np.int32]:
        """The image of each frame, -1 for none."""
        is_kept = self._kept()
        if not is_kept.any():
            return np.full(self._n_movie_frames, -1, np.int32)
        if self._method.dcnum:
            return dcnum.index(is_kept, self._method, self._n_movie_frames)
        numbers = np.flatnonzero(is_kept)
        centres = np.array([sum(self._spans[number]) - 1 for number in numbers]) / 2
        borders = (centres[1:] + centres[:-1]) / 2
        return numbers[np.searchsorted(borders, np.arange(self._n_movie_frames))].astype(np.int32)

    def _kept(self) -> NDArray[np.bool_]:
        method = self._method
        describe, choose = (dcnum.contrast, dcnum.kept) if method.dcnum else (cleansing.coarse, _kept_by_deviation)
        is_kept = np.ones(len(self._spans), np.bool_)
        if method.frac_cleansing == 1:
            return is_kept
        described = {}
        for number in range(len(self._spans)):
            image = self._image(number)
            if image is not None:
                described[number] = describe(image)
        is_kept[:] = False
        if described:
            chosen = choose(list(described.values()), method.thresh_cleansing, method.frac_cleansing)
            is_kept[np.array(list(described))[chosen]] = True
        return is_kept

    def _image(self, number: int) -> NDArray[np.float32] | None:
        """Return an image; None if none of its frames is usable."""
        if number in self._cache:
            self._cache[number] = image = self._cache.pop(number)  # the least recently used image is first
            return image
        image = self._make(*self._spans[number])
        self._cache[number] = image
        if image is not None:
            while len(self._cache) > 1 and len(self._cache) * image.nbytes > CACHE_BYTES:
                del self._cache[next(iter(self._cache))]
        return image

    def _make(self, first: int, stop: int) -> NDArray[np.float32] | None:
        frames = self._read(first, stop)
        frames = frames[are_counts(frames)]
        if not len(frames):
            return None
        if self._method.dcnum:
            return ranked_images(frames, (len(frames) // 2,) * 2)[0].astype(np.float32)
        return stack_median(frames)


_NO_IMAGES = np.empty((0, 0, 0), np.float32)


def _kept_by_deviation(series: Sequence[NDArray[np.float64]], threshold: float, fraction: float) -> NDArray[np.bool_]:
    return cleansing.kept(cleansing.deviations(series), threshold, fraction)


def image_spans(method: SparseParameters, n_movie_frames: int, earliest: int = 0) -> list[Span]:
    """Return the frames ``[first, stop)`` of each image.

    Parameters
    ----------
    method
        Sparse median with a known interval, or that of dcnum.
    n_movie_frames
        Number of frames in the movie, >= 1.
    earliest
        First frame that may enter an image.

    Notes
    -----
    The movie is divided into intervals of ``interval`` frames; an image is the median of the ``kernel_size`` frames
    around the centre of an interval, shifted inwards at the ends of the movie.
    """
    if method.dcnum:
        return dcnum.spans(method, n_movie_frames)
    earliest = max(earliest, 0)
    size = min(method.kernel_size, n_movie_frames - earliest)
    spans: list[Span] = []
    for begin in range(earliest, n_movie_frames, method.interval):
        middle = begin + min(method.interval, n_movie_frames - begin) // 2
        first = min(max(middle - size // 2, earliest), n_movie_frames - size)
        if not spans or spans[-1][0] != first:
            spans.append((first, first + size))
    return spans
