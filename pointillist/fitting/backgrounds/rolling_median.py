"""``rollmed``: the median of neighbouring frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pointillist.fitting.backgrounds.method import WindowMethod

if TYPE_CHECKING:
    import numpy as np

    from pointillist.fitting.backgrounds.rolling_windows import RollingWindow

_WINDOWS = ("past", "centred", "future")


@dataclass(frozen=True, kw_only=True)
class RollingMedian(WindowMethod):
    """The median of a window.

    Parameters
    ----------
    kernel_size
        Number of frames in the window, >= 1.
    batch_size
        Value without effect, kept since identifiers of other programs have it.
    window
        Position of the window of ``k`` frames: ``past``, the frames before frame t, ``[t - k, t)``; ``centred``, the
        frames around it, ``[t - k // 2, t - k // 2 + k)``; ``future``, the frame and those after it, ``[t, t + k)``.
    dcnum
        Whether the background is dcnum's, bit for bit: windows in the future, the upper of two middle values, and the
        window of the last frame but ``k`` repeated for those after it.
    generation
        Generation of the algorithm.

    Notes
    -----
    Of an even number of frames the median is the mean of the two values in the middle. Windows shrink at the ends of
    the movie.
    """

    code: ClassVar[str] = "rollmed"
    summary: ClassVar[str] = "the median of neighbouring frames, also as dcnum computes it"

    kernel_size: int = 100
    batch_size: int = 10000
    window: str = "centred"
    dcnum: bool = False
    generation: int = 1

    def __post_init__(self) -> None:
        """Check the parameters."""
        self.check_generation()
        self.check("kernel_size", "1 or more", is_admissible=self.kernel_size >= 1)
        self.check("window", f"one of {', '.join(_WINDOWS)}", is_admissible=self.window in _WINDOWS)
        if self.dcnum:
            self.check("kernel_size", "an even number, as dcnum requires", is_admissible=self.kernel_size % 2 == 0)
            object.__setattr__(self, "window", "future")

    @property
    def description(self) -> str:
        """The method in words."""
        return f"median of {self.frames_in_words}"

    def ends(self, frame: int, n_movie_frames: int) -> tuple[int, int]:
        """Return the window ``[first, stop)`` of a frame as if the movie had no ends."""
        size = self.kernel_size
        if self.dcnum:
            frame = min(frame, max(n_movie_frames - size - 1, 0))
        first = frame - {"past": size, "centred": size // 2, "future": 0}[self.window]
        return first, first + size

    def ranks(self, count: int) -> tuple[int, int]:
        """Return the indices of the two middle values in the sorted window, from 0."""
        upper = count // 2
        return (upper if self.dcnum else max(count - 1, 0) // 2), upper

    def rolling_window(self, longest: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> RollingWindow:
        """Return a sorted window, of which the two middle values are averaged."""
        from pointillist.fitting.backgrounds.rolling_windows import RollingRanks, average  # noqa: PLC0415 - kernels

        return RollingRanks(self.ranks, average, longest, shape, dtype)

    def pyme_settings(self) -> tuple[tuple[int, int], float]:
        """Return its window as ``Analysis.BGRange``, and 0.5 as ``Analysis.PCTBackground``."""
        return RollingMedian(kernel_size=self.kernel_size, window=self.window).ends(0, 0), 0.5

    def gives_whole_numbers(self, *, is_mapped: bool) -> bool:
        """Whether a median is one of the values."""
        del is_mapped
        return self.dcnum or self.kernel_size == 1
