"""MovieSample of a movie that camera maps are compared with."""

from __future__ import annotations

import itertools

import numpy as np

from pointillist.fitting.camera import Moments, are_counts, map_checks
from pointillist.pipeline_files.movies import Frames, Movie, read_available

MOST_FRAMES = 96
MOST_BYTES = 2**27
N_BLOCKS = 4


def take_sample(movie: Movie, start_at: int) -> map_checks.MovieSample:
    """MovieSample a few frames in four parts of a movie.

    Parameters
    ----------
    movie
        Open movie.
    start_at
        First frame to sample, from 0.
    """
    first = min(start_at, max(movie.n_frames - 2 * N_BLOCKS, 0))
    n_there = movie.n_frames - first
    frame_bytes = int(np.prod(movie.frame_shape)) * movie.dtype.itemsize
    n_wanted = min(MOST_FRAMES, max(MOST_BYTES // frame_bytes, 2 * N_BLOCKS))
    moments = Moments(movie.frame_shape)
    if n_there <= n_wanted:
        _add_counts(moments, read_available(movie, first, movie.n_frames))
        return map_checks.MovieSample.of(moments)
    length = n_wanted // N_BLOCKS
    for block in range(N_BLOCKS):
        start = first + block * (n_there - length) // (N_BLOCKS - 1)
        _add_counts(moments, read_available(movie, start, start + length))
    return map_checks.MovieSample.of(moments)


def _add_counts(moments: Moments, frames: Frames) -> None:
    """Take in frames, without those that hold no counts."""
    is_counted = are_counts(frames)
    edges = [0, *(np.flatnonzero(np.diff(is_counted)) + 1).tolist(), len(frames)]
    for start, stop in itertools.pairwise(edges):
        if start < stop and is_counted[start]:
            moments.add(frames[start:stop], is_continuing=False)
