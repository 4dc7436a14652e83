"""``sparsemed``: medians of stretches of frames that are spread over the movie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pointillist.fitting.backgrounds.method import BackgroundMethod


@dataclass(frozen=True, kw_only=True)
class SparseMedian(BackgroundMethod):
    """A median image now and then; each frame has the nearest one.

    Parameters
    ----------
    kernel_size
        Frames of each median, 1 or more.
    split_time
        Time between images, s; taken where ``interval`` is 0.
    thresh_cleansing
        Images that deviate from their neighbours by more than this many robust standard deviations are dropped;
        0 drops a fixed fraction.
    frac_cleansing
        Fraction of the images that stay: exactly, where ``thresh_cleansing`` is 0, else at least. 1 keeps all.
    offset_correction
        Whether the median over the pixels of the frame less its image is added.
    interval
        Frames between images; 0: as many as ``split_time`` holds.
    dcnum
        Whether the background is dcnum's, bit for bit, as for an array of 3600 frames/s: see
        :mod:`pointillist.fitting.backgrounds.dcnum`.
        Units and meaning of ``thresh_cleansing`` are dcnum's as well then.
    generation
        Of the algorithm.
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
        """Refuse what cannot be."""
        self.check_generation()
        self.check("kernel_size", "1 or more", is_right=self.kernel_size >= 1)
        self.check("split_time", "a time above 0", is_right=0 < self.split_time < float("inf"))
        self.check("thresh_cleansing", "0 or more", is_right=0 <= self.thresh_cleansing < float("inf"))
        self.check("frac_cleansing", "a fraction above 0 and up to 1", is_right=0 < self.frac_cleansing <= 1)
        self.check("interval", "0 or more frames", is_right=self.interval >= 0)

    @property
    def is_timed(self) -> bool:
        """Whether the time between frames has to be known."""
        return self.interval == 0 and not self.dcnum

    def frames_per_split(self, frame_interval_s: float) -> int:
        """Return how many frames ``split_time`` holds, at least 1."""
        return max(1, round(self.split_time / frame_interval_s))
