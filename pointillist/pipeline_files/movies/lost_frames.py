"""Reading movies that lack some frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pointillist.errors import LostFrameError, MovieError
from pointillist.pipeline_files.movies.movie import Movie
from pointillist.pipeline_files.movies.source import Frames


def read_with_gaps(read: Callable[[int, int, Frames], object], start: int, stop: int, out: Frames) -> dict[int, str]:
    """Read those frames of a range that can be read.

    Parameters
    ----------
    read
        Function that reads the frames ``[start, stop)`` into an array.
    start, stop
        Range ``[start, stop)`` of frames.
    out
        Output ``(frame, y, x)``; frames that the movie lacks become zero.

    Returns
    -------
    dict
        Reasons why frames are lacking, by frame.
    """
    try:
        read(start, stop, out)
    except LostFrameError as error:
        if stop - start == 1:
            out[...] = 0
            return {start: f"{error.problem}; {error.remedy}"}
        middle = (start + stop) // 2
        lost = read_with_gaps(read, start, middle, out[: middle - start])
        return lost | read_with_gaps(read, middle, stop, out[middle - start :])
    return {}


def gap_reader(movie: Movie, lost: dict[int, str]) -> Callable[[int, int], Frames]:
    """Return a function that reads the frames ``[start, stop)`` of a movie; those that it lacks are zero.

    Parameters
    ----------
    movie
        Open movie.
    lost
        Reasons by number for the frames that the movie lacks; extended by each call.
    """

    def read(start: int, stop: int) -> Frames:
        frames = np.empty((stop - start, *movie.frame_shape), movie.dtype)
        lost.update(read_with_gaps(movie.read, start, stop, frames))
        return frames

    return read


def read_available(movie: Movie, start: int, stop: int) -> Frames:
    """Return those of the frames ``[start, stop)`` that a movie does not lack.

    Parameters
    ----------
    movie
        Open movie.
    start, stop
        Range ``[start, stop)`` of frames.
    """
    try:
        return movie.read(start, stop)
    except LostFrameError:
        frames = np.empty((stop - start, *movie.frame_shape), movie.dtype)
        lost = read_with_gaps(movie.read, start, stop, frames)
        return frames[[frame not in lost for frame in range(start, stop)]]


def first_available(movie: Movie) -> Frames:
    """Return the first frame that a movie does not lack, ``(y, x)``.

    Parameters
    ----------
    movie
        Open movie.

    Raises
    ------
    MovieError
        If it lacks all.
    """
    for frame in range(movie.n_frames):
        found = read_available(movie, frame, frame + 1)
        if len(found):
            return np.asarray(found[0])
    raise MovieError(movie.path, "has no frame that can be read", "copy it again")
