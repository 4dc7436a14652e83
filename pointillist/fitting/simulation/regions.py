"""Isolated spots, each in its own region, for tests of fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pointillist.fitting.scoring import Spots, spot_array, spot_model
from pointillist.fitting.simulation.streams import Stream, generator

ADU_PER_ELECTRON = 2.0
READ_NOISE_MEDIAN_E = 1.4
READ_NOISE_LOG_SPREAD = 0.1
HOT_FRACTION = 0.01
HOT_LOWEST_E, HOT_HIGHEST_E = 3.0, 8.0
REGIONS_ON_SENSOR = 1024
"""Regions ``i`` and ``i + REGIONS_ON_SENSOR`` lie on the same pixels, those of another frame."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Regions:
    """Spots, and their images from an sCMOS camera.

    Parameters
    ----------
    spots
        Spots ``(n, 8)``, float64, see :data:`pointillist.fitting.scoring.precision.SPOT_PARAMETERS`.
    photoelectrons
        Images ``(n, y, x)``, float32, read noise included, without offset, in steps of half an electron.
    read_variance
        Variance of the readout of each pixel, ``(n, y, x)``, float32, e-².
    """

    spots: Spots
    photoelectrons: NDArray[np.float32]
    read_variance: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of regions."""
        return len(self.spots)

    @property
    def roi_half_size(self) -> int:
        """The regions have ``2 roi_half_size + 1`` px squared."""
        return int(self.photoelectrons.shape[1] // 2)


def draw_regions(spots: Spots, roi_half_size: int, seed: int, *, has_em_register: bool = False) -> Regions:
    """Return images of spots from an sCMOS camera.

    Parameters
    ----------
    spots
        Spots ``(n, 8)``, float64, see :data:`pointillist.fitting.scoring.precision.SPOT_PARAMETERS`.
    roi_half_size
        Half size of the regions of ``2 roi_half_size + 1`` px squared.
    seed
        Seed of the noise, >= 0.
    has_em_register
        Whether an EM register of high gain doubles the variance of the light, as ``noise_factor`` sqrt(2) does.

    Notes
    -----
    Gaussians integrated over pixels, with Poisson noise and the read noise of an sCMOS camera: log-normal about 1.4 e-
    from pixel to pixel, and 3 to 8 e- in the 1 % of pixels that are hot.
    """
    rng = generator(seed, Stream.NOISE)
    means, _ = spot_model(spots, roi_half_size, ())
    read_noise = np.resize(_sensor((REGIONS_ON_SENSOR, *means.shape[1:]), rng), means.shape)
    electrons = rng.poisson(means).astype(np.float64)
    if has_em_register:
        electrons = rng.standard_gamma(electrons)
    electrons += read_noise * rng.standard_normal(means.shape)
    return Regions(
        spots=spots,
        photoelectrons=(np.rint(ADU_PER_ELECTRON * electrons) / ADU_PER_ELECTRON).astype(np.float32),
        read_variance=(read_noise**2).astype(np.float32),
    )


def _sensor(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the read noise of pixels, e-."""
    read_noise = READ_NOISE_MEDIAN_E * np.exp(READ_NOISE_LOG_SPREAD * rng.standard_normal(shape))
    is_hot = rng.uniform(size=shape) < HOT_FRACTION
    read_noise[is_hot] = rng.uniform(HOT_LOWEST_E, HOT_HIGHEST_E, np.count_nonzero(is_hot))
    return read_noise


def draw_spots_at_centres(
    n: int, photons: float, seed: int, *, background: tuple[float, float] = (10.0, 20.0), **others: ArrayLike
) -> Spots:
    """Return spots that lie anywhere within the middle pixel of their regions.

    Parameters
    ----------
    n
        Number of spots.
    photons
        Photoelectrons of each spot, > 0.
    seed
        Seed of positions and backgrounds, >= 0.
    background
        Range of the uniformly distributed background, photoelectrons per px.
    **others
        Further parameters of :func:`pointillist.fitting.scoring.spot_array`; without any width sigma is 1.3 px.
    """
    rng = generator(seed, Stream.STRUCTURE)
    width: dict[str, ArrayLike] = {} if "sigma_x" in others else {"sigma": 1.3}
    random = {"x": rng.uniform(-0.5, 0.5, n), "y": rng.uniform(-0.5, 0.5, n), "background": rng.uniform(*background, n)}
    return spot_array(**{"photons": photons, **width, **random, **others})
