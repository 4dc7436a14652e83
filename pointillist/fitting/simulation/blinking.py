"""Blinking of emitters: on-times and brightness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.scoring import TRUTH_DTYPE, Truth
from pointillist.fitting.simulation.streams import Stream, generator
from pointillist.fitting.simulation.structures import Structure

LONGEST_IN_MEANS = 20.0
"""Longest on-time, in mean on-times; one in 5e8 would last longer. It bounds how far back emitters are drawn."""


@dataclass(frozen=True, kw_only=True)
class Blinking:
    """Statistics of the blinking of emitters.

    Parameters
    ----------
    emitters_per_frame
        Mean number of emitters that are on at any moment, >= 0; the number itself is Poisson-distributed.
    mean_on_frames
        Mean on-time, frames, exponentially distributed, beginning and ending at any time within a frame; 0 switches
        every emitter on for exactly one frame.
    photons
        Median photoelectrons of an emitter in a frame during all of which it is on, > 0.
    photon_spread
        Standard deviation of the logarithm of the photoelectrons, from emitter to emitter, >= 0.
    """

    emitters_per_frame: float = 30.0
    mean_on_frames: float = 0.0
    photons: float = 1000.0
    photon_spread: float = 0.0

    @property
    def lookback(self) -> int:
        """Largest number of frames since an emitter that is on was switched on."""
        return int(np.ceil(LONGEST_IN_MEANS * self.mean_on_frames))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Blinks:
    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    positions: NDArray[np.float64]
    photons: NDArray[np.float64]
    number: NDArray[np.int64]


def emitters_in(blinking: Blinking, structure: Structure, seed: int, start: int, stop: int) -> Truth:
    """Return the emitters of each frame of ``[start, stop)``.

    Parameters
    ----------
    blinking
        Statistics of the blinking.
    structure
        Structure on which the emitters lie.
    seed
        Seed of the simulation.
    start, stop
        Range of frames ``[start, stop)``, ``0 <= start <= stop``.

    Returns
    -------
    Truth
        One row for each emitter and frame, in order of frames; ``sigma`` and ``background`` are 0.
    """
    born = [_switched_on(blinking, structure, seed, frame) for frame in range(start - blinking.lookback, stop)]
    if not born:
        return np.zeros(0, dtype=TRUTH_DTYPE)
    blinks = _Blinks(
        begin=np.concatenate([b.begin for b in born]),
        end=np.concatenate([b.end for b in born]),
        positions=np.concatenate([b.positions for b in born]),
        photons=np.concatenate([b.photons for b in born]),
        number=np.concatenate([b.number for b in born]),
    )
    return _rows(blinks, start, stop)


def _switched_on(blinking: Blinking, structure: Structure, seed: int, frame: int) -> _Blinks:
    """Draw the emitters that switch on within a frame, which may lie before the movie."""
    rng = generator(seed, Stream.BLINKS, frame + blinking.lookback)
    is_single = blinking.mean_on_frames == 0
    n = int(rng.poisson(blinking.emitters_per_frame / (1.0 if is_single else blinking.mean_on_frames)))
    positions = structure.draw(n, rng)
    photons = blinking.photons * np.exp(blinking.photon_spread * rng.standard_normal(n))
    begin = float(frame) + (np.zeros(n) if is_single else rng.uniform(size=n))
    duration = np.ones(n) if is_single else rng.exponential(blinking.mean_on_frames, size=n)
    return _Blinks(
        begin=begin,
        end=begin + np.minimum(duration, max(1.0, LONGEST_IN_MEANS * blinking.mean_on_frames)),
        positions=positions,
        photons=photons,
        number=(np.int64(frame + blinking.lookback) << 24) + np.arange(n),
    )


def _rows(blinks: _Blinks, start: int, stop: int) -> Truth:
    first = np.maximum(np.floor(blinks.begin).astype(np.int64), start)
    last = np.minimum(np.ceil(blinks.end).astype(np.int64), stop)
    n_frames = np.maximum(last - first, 0)
    which = np.repeat(np.arange(len(first)), n_frames)
    frame = first[which] + np.arange(len(which)) - np.repeat(np.cumsum(n_frames) - n_frames, n_frames)
    share = np.minimum(blinks.end[which], frame + 1.0) - np.maximum(blinks.begin[which], frame)
    rows = np.zeros(len(which), dtype=TRUTH_DTYPE)
    rows["frame"] = frame
    rows["blink"] = blinks.number[which]
    rows["x"], rows["y"] = blinks.positions[which].T
    rows["photons"] = blinks.photons[which] * share
    return rows[np.lexsort((rows["blink"], rows["frame"]))]
