"""Random streams that depend on their purpose alone, not on previous draws."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Purposes of random numbers; a seed gives the same numbers only with the same values."""

    STRUCTURE = 0
    BLINKS = 1
    NOISE = 2
    SENSOR = 3


def generator(seed: int, stream: Stream, index: int = 0) -> np.random.Generator:
    """Return the generator of one stream.

    Parameters
    ----------
    seed
        Seed of the whole simulation, >= 0.
    stream
        Purpose of the numbers.
    index
        Index among the streams of that purpose, usually the number of a frame, >= 0.

    Returns
    -------
    Generator
        Generator of the same numbers for the same arguments, independent of all other draws.
    """
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(stream, index))))
