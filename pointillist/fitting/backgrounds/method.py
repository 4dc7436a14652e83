"""Background methods: a code, named parameters, an identifier that has both, and all that a method is asked for.

A method is one class in one file. Kernels are imported where they are used, since settings are read without them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from pointillist.fitting.backgrounds.identifier import Parameter, write_identifier

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pointillist.fitting.backgrounds.block_backgrounds import Background
    from pointillist.fitting.backgrounds.images import ImagesOfRange, ReadFrames
    from pointillist.fitting.backgrounds.rolling_windows import RollingWindow
    from pointillist.fitting.backgrounds.schedule import Span


_PARAMETERS_BEYOND_DCNUM = {"window", "interval", "dcnum", "generation"}


class BackgroundMethod:
    """A method: a frozen dataclass, whose fields are its parameters, of which later ones are appended at the end.

    Attributes
    ----------
    code
        Name of the method in identifiers.
    summary
        Description in one line.
    is_empty
        Whether there is nothing to subtract.
    needs_file
        Whether its images come from a background file.
    """

    code: ClassVar[str]
    summary: ClassVar[str]
    current_generation: ClassVar[int] = 1
    is_empty: ClassVar[bool] = False
    needs_file: ClassVar[bool] = False

    def background(self, earliest: int) -> Background | None:
        """Return what computes the background of the frames of a movie, block by block; None for no background.

        Parameters
        ----------
        earliest
            First frame that may contribute.
        """
        raise NotImplementedError

    def span(self, frame: int, n_movie_frames: int, earliest: int = 0) -> Span:
        """Return the frames ``[first, stop)`` that the background of a frame needs; by default none.

        Parameters
        ----------
        frame
            Number of the frame within the movie, from 0.
        n_movie_frames
            Number of frames in the movie, >= 1.
        earliest
            First frame that may contribute.
        """
        del n_movie_frames, earliest
        return frame, frame

    def movie_images(
        self, read: ReadFrames, n_movie_frames: int, earliest: int, stored: ImagesOfRange | None
    ) -> ImagesOfRange | None:
        """Return a source of images that do not come from neighbouring frames; by default there is none.

        Parameters
        ----------
        read
            Function that reads the frames ``[start, stop)`` of the movie.
        n_movie_frames
            Number of frames in the movie, >= 1.
        earliest
            First frame that may contribute.
        stored
            Function that returns the images of a background file, for methods that need one.
        """
        del read, n_movie_frames, earliest, stored
        return None

    def offset_adu(self, frame: NDArray[Any], image: NDArray[np.float32]) -> float:
        """Return the offset that is added to a frame's image from :meth:`movie_images`, ADU; by default 0."""
        del frame, image
        return 0.0

    def pyme_settings(self) -> tuple[tuple[int, int], float]:
        """Return the closest ``Analysis.BGRange`` and ``Analysis.PCTBackground``; by default those of no background."""
        return (0, 0), 0.0

    def gives_whole_numbers(self, *, is_mapped: bool) -> bool:
        """Whether images have pixel values of frames; mapped ones have their offsets apart. By default they do not."""
        del is_mapped
        return False

    @property
    def has_offsets(self) -> bool:
        """Whether something is added to the image of each frame. By default nothing is."""
        return False

    @property
    def needs_cycle_time(self) -> bool:
        """Whether the time between frames is required."""
        return False

    def with_cycle_time(self, cycle_s: float) -> Self:
        """Return the method for a time between frames, s."""
        del cycle_s
        return self

    @classmethod
    def example(cls) -> Self:
        """Return the method with parameters that suit a movie of few frames."""
        return cls()

    @classmethod
    def defaults(cls) -> dict[str, Parameter]:
        """Return all parameters with their defaults."""
        return {field.name: cast("Parameter", field.default) for field in fields(cast("Any", cls))}

    @property
    def identifier(self) -> str:
        """The method with all its parameters in one line."""
        return write_identifier(self.code, {name: getattr(self, name) for name in self.defaults()})

    @property
    def dcnum_identifier(self) -> str:
        """The identifier in dcnum's own words, without parameters that dcnum lacks, if the background is dcnum's."""
        names = [name for name in self.defaults() if name not in _PARAMETERS_BEYOND_DCNUM]
        is_dcnums = getattr(self, "dcnum", False)
        return (
            write_identifier(self.code, {name: getattr(self, name) for name in names}) if is_dcnums else self.identifier
        )

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
    """A method with a window of frames around each frame: a subclass has :meth:`ends` and :meth:`image`."""

    @property
    def frames_in_words(self) -> str:
        """The frames of the window in words, such as ``the 30 frames before``."""
        first, stop = self.ends(0, 0)
        if stop == 0:
            return f"the {stop - first} frames before"
        return f"the {stop - first} frames from {first:+d} to {stop - 1:+d}"

    def ends(self, frame: int, n_movie_frames: int) -> Span:
        """Return the window ``[first, stop)`` of a frame of an endless movie; neither end ever decreases."""
        raise NotImplementedError

    def image(self, frames: NDArray[Any]) -> NDArray[np.float32]:
        """Return the background of a window.

        Parameters
        ----------
        frames
            Frames of the window, at least one, ``(frame, y, x)``, raw counts.

        Returns
        -------
        ndarray
            Image ``(y, x)``, raw counts.
        """
        raise NotImplementedError

    def rolling_window(self, longest: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> RollingWindow:
        """Return what computes the background as the window moves; by default each window by :meth:`image`.

        Parameters
        ----------
        longest
            Number of frames in the longest window, >= 1.
        shape
            Shape of a frame, ``(y, x)``, px.
        dtype
            Dtype of the frames: uint8, uint16 or float32.
        """
        from pointillist.fitting.backgrounds.rolling_windows import SeparateWindows  # noqa: PLC0415 - kernels

        del longest, shape, dtype
        return SeparateWindows(self.image)

    def background(self, earliest: int) -> Background:
        """Return what computes the background of the frames of a movie, block by block."""
        from pointillist.fitting.backgrounds.block_backgrounds import WindowBackground  # noqa: PLC0415 - kernels

        return WindowBackground(self, earliest)

    def span(self, frame: int, n_movie_frames: int, earliest: int = 0) -> Span:
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
class StoredMethod(BackgroundMethod):
    """A method whose images come with the frames, from :meth:`movie_images`."""

    def background(self, earliest: int) -> Background:
        """Return what takes the background of each frame from the images."""
        from pointillist.fitting.backgrounds.block_backgrounds import StoredBackground  # noqa: PLC0415 - kernels

        del earliest
        return StoredBackground(self)
