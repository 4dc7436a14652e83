"""The fit of Gaussians, sixteen spots at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera import CameraMaps
from pointillist.fitting.estimation._equation_kernels import N_PARAMETERS
from pointillist.fitting.estimation._extraction_kernels import (
    N_REGION_COLUMNS,
    buffer_rows,
    extract_regions,
    prepare_block,
)
from pointillist.fitting.estimation._row_kernels import CODES, VALUES, write_rows
from pointillist.fitting.estimation._search_kernels import N_RESULT, search, work_rows
from pointillist.fitting.estimation._step_kernels import UNLIMITED
from pointillist.fitting.estimation.fit import FrameImages
from pointillist.fitting.estimation.lanes import N_LANES, LaneArray
from pointillist.fitting.estimation.modules import MODULES
from pointillist.fitting.localizations import Rows, join_rows
from pointillist.fitting.settings import FitSettings

BUFFER_BYTES = 1 << 19
"""Size of the buffer of regions, which fits into the cache of a core."""
_NARROWEST_PX = 0.1


@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """A Gaussian model of a spot.

    Parameters
    ----------
    is_elliptical
        Whether x and y have separate widths.
    is_positive
        Whether the amplitude is constrained to >= 0.
    """

    is_elliptical: bool = False
    is_positive: bool = False


class GaussianFit:
    """Fits Gaussians to candidates, by weighted least squares or maximum likelihood.

    Parameters
    ----------
    gaussian
        Shape that is fitted.
    settings
        Settings of the analysis, which name the background model and the estimator.
    camera
        Camera maps of the shape of the frames.

    Notes
    -----
    Least squares samples the Gaussian at the centres of pixels, as PYME does; errors are scaled by the reduced
    chi-square, which is ``nchi2``. The likelihood is that of pixels which integrate the light and add Gaussian noise,
    approximated as Poisson-distributed about ``mean + variance`` [1]_; excess noise F² divides both. Where the mean is
    below 0 by more than the variances differ, the noise is Gaussian with the least variance. Its errors are
    those of the Fisher information, and its ``nchi2`` is twice the logarithm of the likelihood ratio to the data over
    the degrees of freedom.

    References
    ----------
    .. [1] Huang et al., Nat. Methods 10, 653 (2013).
    """

    def __init__(self, gaussian: Gaussian, settings: FitSettings, camera: CameraMaps) -> None:
        is_likelihood = settings.estimator == "mle"
        has_weights = not is_likelihood and settings.weights != "model"
        is_smoothed = has_weights and settings.weights == "smoothed"
        is_sloping, has_background = settings.background_model == "sloping", settings.background_model != "none"
        widths = () if not settings.is_sigma_fitted else (3, 4) if gaussian.is_elliptical else (3,)
        half, aspect = settings.roi_half_size, float(settings.pixel_aspect)
        self.dtype = MODULES[settings.fit_module].dtype
        self.needs_background = settings.is_background_subtracted and not settings.background.is_empty
        self.needs_variance = has_weights and not is_smoothed
        self._read_variance = None if self.needs_variance else camera.read_variance_e2
        self._free = np.array([0, 1, 2, *widths, *(5,) * has_background, *(6, 7) * is_sloping])
        self._model = (is_likelihood, not gaussian.is_elliptical)
        self._shape = (half, aspect, is_sloping, has_weights)
        self._excess = 1.0 if has_weights else float(camera.excess)
        self._options = np.array(
            [
                *(half, aspect, settings.psf_sigma_px, camera.excess, camera.least_signal_e, len(self._free)),
                *(has_weights, is_smoothed, is_likelihood, self.needs_background, has_background),
            ],
            np.float64,
        )
        self._bounds = np.full((2, N_PARAMETERS), UNLIMITED, np.float32)
        self._bounds[0] = -UNLIMITED
        if gaussian.is_positive or not has_weights:
            self._bounds[0, 0] = 0.0
        self._bounds[0, 3:5], self._bounds[1, 3:5] = _NARROWEST_PX, 2 * half + 1
        names = self.dtype.names or ()
        self._sources = np.array([VALUES.index(n) if n in VALUES else -1 - CODES.index(n) for n in names])
        n_blocks = max(BUFFER_BYTES // (8 * (2 * half + 1) ** 2 * N_LANES), 4)
        self._n_buffered, self._capacity = 0, n_blocks * N_LANES
        self._buffer = _lane_rows(buffer_rows(half, self._capacity))
        self._regions = np.zeros((self._capacity, N_REGION_COLUMNS), np.int32)
        self._work, self._ends = _lane_rows(work_rows(half)), _lane_rows(N_RESULT * n_blocks)
        self._rows: list[Rows] = []

    def add(self, frame: int, images: FrameImages, points: NDArray[np.float32]) -> None:
        """Add the candidates of a frame, ``(candidate, 3)``, x and y first in px."""
        light, known_background, variance = images
        variance = variance if self._read_variance is None else self._read_variance
        known_background = known_background if self.needs_background else light
        start = 0
        while start < len(points):
            n, first = min(len(points) - start, self._capacity - self._n_buffered), self._n_buffered
            extract_regions(
                light,
                known_background,
                variance,
                points,
                frame,
                start,
                n,
                first,
                self._options,
                self._buffer,
                self._regions,
            )
            start += n
            self._n_buffered += n
            if self._n_buffered == self._capacity:
                self._fit()

    def rows(self) -> Rows:
        """Return the rows since the last call."""
        self._fit()
        rows, self._rows = self._rows, []
        return join_rows(rows, self.dtype)

    def _fit(self) -> None:
        """Fit the regions in the buffer."""
        n, self._n_buffered = self._n_buffered, 0
        if n == 0:
            return
        if n % N_LANES:
            prepare_block(n // N_LANES, self._capacity, self._options, self._buffer)
        fit = (self._free, self._bounds, self._model, self._shape)
        search(self._buffer, self._capacity, n, *fit, self._work, self._ends)
        rows = np.zeros(n, self.dtype)
        floats, codes = rows.view(np.float32).reshape(n, -1), rows.view(np.int32).reshape(n, -1)
        write_rows(
            self._buffer, self._regions, self._ends, *fit, self._excess, self._work, self._sources, floats, codes
        )
        self._rows.append(rows)


def _lane_rows(n: int) -> LaneArray:
    """Return rows aligned with cache lines; a row across two lines takes twice as long."""
    rows = np.zeros((n + 1) * N_LANES, np.float32)
    first = -rows.ctypes.data // rows.itemsize % N_LANES
    return rows[first : first + n * N_LANES]


round_gaussian = partial(GaussianFit, Gaussian())
elliptical_gaussian = partial(GaussianFit, Gaussian(is_elliptical=True))
positive_gaussian = partial(GaussianFit, Gaussian(is_positive=True))
