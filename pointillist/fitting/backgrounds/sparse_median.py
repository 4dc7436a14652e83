"""``sparsemed``: medians of groups of frames at intervals along the movie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pointillist.fitting.backgrounds.method import StoredMethod

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pointillist.fitting.backgrounds.images import ImagesOfRange, ReadFrames


@dataclass(frozen=True, kw_only=True)
class SparseMedian(StoredMethod):
    """Median images at intervals; each frame has the nearest one.

    Parameters
    ----------
    kernel_size
        Number of frames in each median, >= 1.
    split_time
        Time between images, s, > 0; used if ``interval`` is 0.
    thresh_cleansing
        Largest deviation of an image from its neighbours, robust standard deviations, >= 0; images beyond it are
        dropped. 0 drops a fixed fraction.
    frac_cleansing
        Fraction of the images that is kept, above 0 and up to 1: exactly if ``thresh_cleansing`` is 0, otherwise at
        least. 1 keeps all.
    offset_correction
        Whether the median over the pixels of the difference between the frame and its image is added to the image.
    interval
        Number of frames between images, >= 0; 0 derives it from ``split_time``.
    dcnum
        Whether the background is dcnum's, bit for bit, with the unit and meaning of ``thresh_cleansing`` in dcnum, at
        3600 frames/s: see :mod:`pointillist.fitting.backgrounds.dcnum`.
    generation
        Generation of the algorithm.
    """

    code: ClassVar[str] = "sparsemed"
    summary: ClassVar[str] = "medians of groups of frames at intervals along the movie, also as dcnum computes them"

    kernel_size: int = 200
    split_time: float = 1.0
    thresh_cleansing: float = 0.0
    frac_cleansing: float = 0.8
    offset_correction: bool = True
    interval: int = 0
    dcnum: bool = False
    generation: int = 1

    def __post_init__(self) -> None:
        """Check the parameters."""
        self.check_generation()
        self.check("kernel_size", "1 or more", is_admissible=self.kernel_size >= 1)
        self.check("split_time", "a time above 0", is_admissible=0 < self.split_time < float("inf"))
        self.check("thresh_cleansing", "0 or more", is_admissible=0 <= self.thresh_cleansing < float("inf"))
        self.check("frac_cleansing", "a fraction above 0 and up to 1", is_admissible=0 < self.frac_cleansing <= 1)
        self.check("interval", "0 or more frames", is_admissible=self.interval >= 0)

    @property
    def description(self) -> str:
        """The method in words."""
        every = f"{self.interval} frames" if self.interval else f"{self.split_time:g} s"
        return f"median of {self.kernel_size} frames, one image every {every}"

    @property
    def needs_cycle_time(self) -> bool:
        """Whether the time between frames is required."""
        return self.interval == 0 and not self.dcnum

    def with_cycle_time(self, cycle_s: float) -> Self:
        """Return the method with the number of frames in ``split_time``, at least 1, as its interval."""
        if not self.needs_cycle_time:
            return self
        return replace(self, interval=max(1, round(self.split_time / cycle_s)))

    @classmethod
    def example(cls) -> Self:
        """Return the method with an image of every other frame."""
        return cls(interval=2)

    def movie_images(
        self, read: ReadFrames, n_movie_frames: int, earliest: int, stored: ImagesOfRange | None
    ) -> ImagesOfRange:
        """Return the median images."""
        from pointillist.fitting.backgrounds.sparse_images import SparseImages  # noqa: PLC0415 - kernels

        del stored
        return SparseImages(self, read, n_movie_frames, earliest).range

    def offset_adu(self, frame: NDArray[Any], image: NDArray[np.float32]) -> float:
        """Return the offset that is added to the image of a frame, ADU."""
        from pointillist.fitting.backgrounds import dcnum  # noqa: PLC0415 - kernels
        from pointillist.fitting.backgrounds.medians import median_difference  # noqa: PLC0415 - kernels

        if not self.offset_correction:
            return 0.0
        return dcnum.offset_adu(frame, image) if self.dcnum else median_difference(frame, image)

    @property
    def has_offsets(self) -> bool:
        """Whether the offset of each frame is added to its image."""
        return self.offset_correction

    def gives_whole_numbers(self, *, is_mapped: bool) -> bool:
        """Whether a median is one of the values, and no offset is added to it."""
        return self.dcnum and (is_mapped or not self.offset_correction)
