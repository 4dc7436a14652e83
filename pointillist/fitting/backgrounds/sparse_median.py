"""``sparsemed``: medians of groups of frames at intervals along the movie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pointillist.fitting.backgrounds.method import BackgroundMethod


@dataclass(frozen=True, kw_only=True)
class SparseMedian(BackgroundMethod):
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
    def is_timed(self) -> bool:
        """Whether the time between frames is required."""
        return self.interval == 0 and not self.dcnum

    def frames_per_split(self, frame_interval_s: float) -> int:
        """Return the number of frames in ``split_time``, at least 1."""
        return max(1, round(self.split_time / frame_interval_s))
