"""Background methods: a code, named parameters, and an identifier that has both."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, cast

from pointillist.fitting.backgrounds.identifier import Parameter, write_identifier


@dataclass(frozen=True, kw_only=True)
class BackgroundMethod:
    """A method; its fields are its parameters, of which later ones are appended at the end."""

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

    @property
    def description(self) -> str:
        """The method in words, for people."""
        return self.identifier

    def check(self, name: str, admissible: str, *, is_admissible: bool) -> None:
        """Check a parameter.

        Parameters
        ----------
        name
            Name of the parameter.
        admissible
            Description of the admissible values, for the error message.
        is_admissible
            Whether the value is admissible.

        Raises
        ------
        ValueError
            If the value is not admissible.
        """
        if not is_admissible:
            msg = f"{self.code}: {name} is {getattr(self, name)}; give {admissible}"
            raise ValueError(msg)

    def check_generation(self) -> None:
        """Check that this program has this generation of the algorithm.

        Raises
        ------
        ValueError
            If it does not.
        """
        generation, known = getattr(self, "generation", self.current_generation), self.current_generation
        self.check("generation", f"{known}, the one that this program has", is_admissible=generation == known)


@dataclass(frozen=True, kw_only=True)
class WindowMethod(BackgroundMethod):
    """A method with a window of frames around each frame."""

    @property
    def frames_in_words(self) -> str:
        """The frames of the window in words, such as ``the 30 frames before``."""
        first, stop = self.ends(0, 0)
        if stop == 0:
            return f"the {stop - first} frames before"
        return f"the {stop - first} frames from {first:+d} to {stop - 1:+d}"

    def ends(self, frame: int, n_movie_frames: int) -> tuple[int, int]:
        """Return the window ``[first, stop)`` of a frame of an endless movie; neither end ever decreases."""
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
    """A window method whose background is computed from the values of two ranks."""

    def ranks(self, count: int) -> tuple[int, int]:
        """Return two indices in the sorted window of ``count`` frames, from 0."""
        raise NotImplementedError
