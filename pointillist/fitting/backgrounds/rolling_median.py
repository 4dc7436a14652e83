"""``rollmed``: the median of neighbouring frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pointillist.fitting.backgrounds.method import RankMethod

_WINDOWS = ("past", "centred", "future")


@dataclass(frozen=True, kw_only=True)
class RollingMedian(RankMethod):
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
