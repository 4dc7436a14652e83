"""What a method of background is: a code, named parameters, and a line that says both."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, cast

from pointillist.fitting.backgrounds.identifier import Parameter, write_identifier


@dataclass(frozen=True, kw_only=True)
class BackgroundMethod:
    """A method with its parameters, the fields; those that come to be added stand at the end."""

    code: ClassVar[str]
    current_generation: ClassVar[int] = 1

    @classmethod
    def defaults(cls) -> dict[str, Parameter]:
        """Return all parameters with their defaults."""
        return {field.name: cast("Parameter", field.default) for field in fields(cls)}

    @property
    def identifier(self) -> str:
        """The method with all its parameters in one line."""
        return write_identifier(self.code, {name: getattr(self, name) for name in self.defaults()})

    def check(self, name: str, wanted: str, *, is_right: bool) -> None:
        """Refuse a parameter.

        Parameters
        ----------
        name
            Name of the parameter.
        wanted
            Description of the admissible values, for the error message.
        is_right
            Whether the value is admissible.

        Raises
        ------
        ValueError
            If not.
        """
        if not is_right:
            msg = f"{self.code}: {name} is {getattr(self, name)}; give {wanted}"
            raise ValueError(msg)

    def check_generation(self) -> None:
        """Refuse a generation of the algorithm that this program does not have.

        Raises
        ------
        ValueError
            If it is another one.
        """
        generation, known = getattr(self, "generation", self.current_generation), self.current_generation
        self.check("generation", f"{known}, the one that this program has", is_right=generation == known)


@dataclass(frozen=True, kw_only=True)
class WindowMethod(BackgroundMethod):
    """A method that looks at the frames about each frame."""

    def ends(self, frame: int, n_movie_frames: int) -> tuple[int, int]:
        """Return the window ``[first, stop)`` of a frame as if the movie had no ends; it never goes back."""
        raise NotImplementedError

    def span(self, frame: int, n_movie_frames: int, earliest: int = 0) -> tuple[int, int]:
        """Return the window of a frame.

        Parameters
        ----------
        frame
            Number of the frame within the movie, from 0.
        n_movie_frames
            Number of frames in the movie, >= 1.
        earliest
            First frame that may enter a window.

        Returns
        -------
        tuple
            Window ``[first, stop)``, clipped to the movie; empty if ``stop <= first``.
        """
        first, stop = self.ends(frame, n_movie_frames)
        earliest = max(earliest, 0)
        return max(first, earliest), min(max(stop, earliest), n_movie_frames)


@dataclass(frozen=True, kw_only=True)
class RankMethod(WindowMethod):
    """A window method whose background are values of two ranks."""

    def ranks(self, count: int) -> tuple[int, int]:
        """Return two places in the ordered window of ``count`` frames, from 0."""
        raise NotImplementedError
