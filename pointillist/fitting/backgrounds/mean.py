"""``mean``: the mean of neighbouring frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pointillist.fitting.backgrounds.method import WindowMethod


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
