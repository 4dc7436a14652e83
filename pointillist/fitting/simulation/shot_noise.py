"""Poisson-distributed counts, fast where many pixels share one mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

TAIL_SIGMAS = 9.0
"""Width of the tabulated range; 1e-17 of the distribution lies beyond."""


class PoissonTable:
    """Draws from one Poisson distribution by Walker's alias method.

    Parameters
    ----------
    mean
        Mean of the distribution, > 0.

    Notes
    -----
    One 32-bit integer gives a draw: its low bits choose a column, its high bits decide between the
    column's own value and its alias. Probabilities are exact to ``2 ** -32``.

    References
    ----------
    A. J. Walker, ACM Trans. Math. Softw. 3 (1977) 253.
    """

    def __init__(self, mean: float) -> None:
        reach = TAIL_SIGMAS * np.sqrt(mean) + 40
        self.lowest = max(0, int(mean - reach))
        values = np.arange(self.lowest, int(mean + reach) + 1)
        self.column_bits = int(np.ceil(np.log2(len(values))))
        weights = np.zeros(2**self.column_bits)
        weights[: len(values)] = _probabilities(values, mean)
        accept, alias = _alias_table(weights / weights.sum())
        n_accept_bits = 32 - self.column_bits
        self._accept = np.minimum(np.rint(accept * 2**n_accept_bits), 2.0**n_accept_bits).astype(np.uint32)
        self._alias = alias

    def draw(self, shape: tuple[int, int], rng: np.random.Generator) -> Counts:
        """Return an array of draws, int64."""
        bits = rng.integers(0, 2**32, size=shape, dtype=np.uint32)
        column = (bits & np.uint32(2**self.column_bits - 1)).astype(np.intp)
        is_own = (bits >> np.uint32(self.column_bits)) < self._accept[column]
        return np.where(is_own, column, self._alias[column]) + self.lowest


def _probabilities(values: NDArray[np.int64], mean: float) -> NDArray[np.float64]:
    increments = np.log(mean) - np.log(np.maximum(values, 1))
    logarithm = np.cumsum(increments)
    return np.asarray(np.exp(logarithm - logarithm.max()))


def _alias_table(probabilities: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return for each column the probability of its own value, and the value otherwise."""
    n = len(probabilities)
    accept = probabilities * n
    alias = np.arange(n)
    small = [i for i in range(n) if accept[i] < 1.0]
    large = [i for i in range(n) if accept[i] >= 1.0]
    while small and large:
        column, donor = small.pop(), large.pop()
        alias[column] = donor
        accept[donor] -= 1.0 - accept[column]
        (small if accept[donor] < 1.0 else large).append(donor)
    for leftover in small + large:
        accept[leftover] = 1.0
    return accept, alias
