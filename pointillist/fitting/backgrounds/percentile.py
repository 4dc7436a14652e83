"""``percentile``: a percentile of neighbouring frames, raised to the level of their median."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pointillist.fitting.backgrounds.method import WindowMethod

if TYPE_CHECKING:
    import numpy as np

    from pointillist.fitting.backgrounds.rolling_windows import RollingWindow


@dataclass(frozen=True, kw_only=True)
class Percentile(WindowMethod):
    """PYME's percentile of a window.

    Parameters
    ----------
    begin, end
        Ends of the window ``[t + begin, t + end)`` of frame ``t``, frames, ``begin < end``.
    percentile
        Percentile as a fraction, above 0 and up to 1.
    generation
        Generation of the algorithm.

    Notes
    -----
    Of ``n`` frames the rank is ``int(n p)``, the least value having rank 1. What a low percentile lies below the
    median is added back as one number per frame: the median over the pixels of the median image less that of the
    percentile image.
    """

    code: ClassVar[str] = "percentile"
    summary: ClassVar[str] = "a percentile of neighbouring frames, raised to the level of their median, as in PYME"

    begin: int = -30
    end: int = 0
    percentile: float = 0.25
    generation: int = 1

    def __post_init__(self) -> None:
        """Check the parameters."""
        self.check_generation()
        self.check("end", f"more than the beginning, {self.begin}", is_admissible=self.begin < self.end)
        self.check("percentile", "a fraction above 0 and up to 1", is_admissible=0 < self.percentile <= 1)

    @property
    def description(self) -> str:
        """The method in words."""
        return f"percentile {100 * self.percentile:g} of {self.frames_in_words}"

    def ends(self, frame: int, n_movie_frames: int) -> tuple[int, int]:
        """Return the window ``[first, stop)`` of a frame as if the movie had no ends."""
        del n_movie_frames
        return frame + self.begin, frame + self.end

    def ranks(self, count: int) -> tuple[int, int]:
        """Return the indices of the percentile and of the median in the sorted window, from 0."""
        return max(int(count * self.percentile), 1) - 1, max(int(count * 0.5), 1) - 1

    def rolling_window(self, longest: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> RollingWindow:
        """Return a sorted window, of which the percentile is raised to the level of the median."""
        from pointillist.fitting.backgrounds.rolling_windows import RollingRanks, raise_to_upper  # noqa: PLC0415 - kernels

        return RollingRanks(self.ranks, raise_to_upper, longest, shape, dtype)

    def pyme_settings(self) -> tuple[tuple[int, int], float]:
        """Return ``Analysis.BGRange`` and ``Analysis.PCTBackground``."""
        return (self.begin, self.end), self.percentile
