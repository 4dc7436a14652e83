"""``mean``: the mean of neighbouring frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pointillist.fitting.backgrounds.method import WindowMethod

if TYPE_CHECKING:
    import numpy as np

    from pointillist.fitting.backgrounds.rolling_windows import RollingWindow


@dataclass(frozen=True, kw_only=True)
class Mean(WindowMethod):
    """The mean of a window, PYME's default.

    Parameters
    ----------
    begin, end
        Ends of the window ``[t + begin, t + end)`` of frame ``t``, frames, ``begin < end``.
    generation
        Generation of the algorithm.
    """

    code: ClassVar[str] = "mean"
    summary: ClassVar[str] = "the mean of neighbouring frames, as in PYME"

    begin: int = -30
    end: int = 0
    generation: int = 1

    def __post_init__(self) -> None:
        """Check the parameters."""
        self.check_generation()
        self.check("end", f"more than the beginning, {self.begin}", is_admissible=self.begin < self.end)

    @property
    def description(self) -> str:
        """The method in words."""
        return f"mean of {self.frames_in_words}"

    def ends(self, frame: int, n_movie_frames: int) -> tuple[int, int]:
        """Return the window ``[first, stop)`` of a frame as if the movie had no ends."""
        del n_movie_frames
        return frame + self.begin, frame + self.end

    def rolling_window(self, longest: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> RollingWindow:
        """Return a running sum of whole numbers, or the mean of each window of floating-point numbers."""
        from pointillist.fitting.backgrounds.rolling_windows import FloatingMean, RollingMean  # noqa: PLC0415 - kernels

        return FloatingMean(shape) if dtype.kind == "f" else RollingMean(longest, shape)

    def pyme_settings(self) -> tuple[tuple[int, int], float]:
        """Return ``Analysis.BGRange`` and ``Analysis.PCTBackground``."""
        return (self.begin, self.end), 0.0
