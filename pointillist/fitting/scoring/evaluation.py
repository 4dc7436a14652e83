"""Evaluation of localizations against a known truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.estimation import photons
from pointillist.fitting.localizations import Rows, column
from pointillist.fitting.scoring.matching import Matches, match, neighbour_distance
from pointillist.fitting.scoring.precision import precision_bound, spot_array
from pointillist.fitting.scoring.truth import Truth

MAX_SPOTS_FOR_BOUND = 20_000
"""Largest number of spots for the mean bound, sufficient for 0.1 %."""


@dataclass(frozen=True, kw_only=True)
class MatchingRules:
    """The rules of the matching.

    Parameters
    ----------
    radius_px
        Largest distance of a true localization from its emitter, px, > 0.
    isolation_px
        Least distance of an isolated emitter from others in its frame, px, > 0.
    min_photons
        Least photoelectrons of the emitters that count; localizations of dimmer ones are ignored.
    border_px
        Least distance from the edge of the frame of the emitters that count, px, >= 0.
    frame_shape
        Height and width of the frame, px; required with a border.
    """

    radius_px: float
    isolation_px: float
    min_photons: float = 0.0
    border_px: float = 0.0
    frame_shape: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class BoundParameters:
    """The parameters of the Cramér-Rao bound.

    Parameters
    ----------
    roi_half_size
        Half size of the fitted region of ``2 roi_half_size + 1`` px squared.
    read_variance
        Variance of the readout, e-²: a scalar or a map ``(y, x)``.
    noise_factor
        Excess noise factor of the EM register, >= 1.
    """

    roi_half_size: int
    read_variance: float | NDArray[np.float32]
    noise_factor: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Errors of matched localizations; NaN where there are none, and where the fit does not give them.

    Parameters
    ----------
    n
        Number of localizations.
    rmse_x, rmse_y
        Root-mean-square error, px.
    bias_x, bias_y
        Mean error, px.
    pull_x, pull_y
        Standard deviation of the error over the reported error; 1 if reported errors are right.
    photon_ratio
        Median of fitted over true photoelectrons.
    sigma_px, sigma_y_px
        Median fitted sigma, px, and that along y for fits with two widths.
    bound_x, bound_y
        Root-mean-square Cramér-Rao bound of these emitters, px.
    """

    n: int
    rmse_x: float
    rmse_y: float
    bias_x: float
    bias_y: float
    pull_x: float
    pull_y: float
    photon_ratio: float
    sigma_px: float
    sigma_y_px: float
    bound_x: float
    bound_y: float


@dataclass(frozen=True, kw_only=True)
class Score:
    """The score of an analysis.

    Parameters
    ----------
    n_truth
        Number of emitters that count.
    n_localizations
        Number of localizations without those of emitters that do not count.
    n_matched
        Number of pairs of an emitter and a localization.
    overall, isolated
        Errors of all pairs, and of those with an isolated emitter.
    """

    n_truth: int
    n_localizations: int
    n_matched: int
    overall: Errors
    isolated: Errors

    @property
    def recall(self) -> float:
        """Found emitters as a fraction of all."""
        return _fraction(self.n_matched, self.n_truth)

    @property
    def precision(self) -> float:
        """True localizations as a fraction of all."""
        return _fraction(self.n_matched, self.n_localizations)

    @property
    def jaccard(self) -> float:
        """Pairs as a fraction of pairs, missed emitters and false localizations together."""
        return _fraction(self.n_matched, self.n_truth + self.n_localizations - self.n_matched)


def score(rows: Rows, truth: Truth, rules: MatchingRules, bound_parameters: BoundParameters) -> Score:
    """Compare localizations with the truth.

    Parameters
    ----------
    rows
        Localizations by any fit, in any order.
    truth
        Emitters of the frames that were analysed, in any order.
    rules
        Rules of the matching.
    bound_parameters
        Parameters of the Cramér-Rao bound.

    Raises
    ------
    ValueError
        If the rules have a border but no frame shape.
    """
    is_counted = _is_counted(truth, rules)
    pairs = match(rows, truth, rules.radius_px)
    is_kept = is_counted[pairs.truth]
    kept = Matches(localization=pairs.localization[is_kept], truth=pairs.truth[is_kept])
    is_isolated = np.isinf(neighbour_distance(truth, rules.isolation_px))[kept.truth]
    return Score(
        n_truth=int(is_counted.sum()),
        n_localizations=len(rows) - int((~is_kept).sum()),
        n_matched=len(kept.truth),
        overall=_errors(rows[kept.localization], truth[kept.truth], bound_parameters),
        isolated=_errors(rows[kept.localization[is_isolated]], truth[kept.truth[is_isolated]], bound_parameters),
    )


def _is_counted(truth: Truth, rules: MatchingRules) -> NDArray[np.bool_]:
    is_counted = np.asarray(truth["photons"] >= rules.min_photons)
    if rules.border_px > 0:
        if rules.frame_shape is None:
            raise ValueError("a border needs the shape of the frame")
        for axis, length in (("y", rules.frame_shape[0]), ("x", rules.frame_shape[1])):
            is_counted &= truth[axis] >= rules.border_px - 0.5
            is_counted &= truth[axis] <= length - 0.5 - rules.border_px
    return is_counted


def _errors(rows: Rows, truth: Truth, bound_parameters: BoundParameters) -> Errors:
    if not len(rows):
        nan = float("nan")
        return Errors(n=0, **dict.fromkeys(_ERROR_FIELDS, nan))
    error_x, error_y = rows["x"] - truth["x"], rows["y"] - truth["y"]
    bound_x, bound_y = _bound(truth, bound_parameters)
    return Errors(
        n=len(rows),
        rmse_x=_root_mean_square(error_x),
        rmse_y=_root_mean_square(error_y),
        bias_x=float(error_x.mean()),
        bias_y=float(error_y.mean()),
        pull_x=_pull(error_x, column(rows, "x_error")),
        pull_y=_pull(error_y, column(rows, "y_error")),
        photon_ratio=float(np.median(photons(rows) / truth["photons"])),
        sigma_px=float(np.median(column(rows, "sigma"))),
        sigma_y_px=float(np.median(column(rows, "sigma_y"))),
        bound_x=bound_x,
        bound_y=bound_y,
    )


_ERROR_FIELDS = tuple(name for name in Errors.__dataclass_fields__ if name != "n")


def _bound(truth: Truth, bound_parameters: BoundParameters) -> tuple[float, float]:
    sample = truth[:: 1 + len(truth) // MAX_SPOTS_FOR_BOUND]
    x, y = np.rint(sample["x"]).astype(int), np.rint(sample["y"]).astype(int)
    spots = spot_array(
        x=sample["x"] - x,
        y=sample["y"] - y,
        **{name: sample[name] for name in ("photons", "sigma", "background")},
    )
    variance = np.maximum(bound_parameters.read_variance, 1e-6)
    if variance.ndim:
        variance = _regions(variance, x, y, bound_parameters.roi_half_size)
    bounds = precision_bound(spots, bound_parameters.roi_half_size, variance, bound_parameters.noise_factor)
    return _root_mean_square(bounds[:, 0]), _root_mean_square(bounds[:, 1])


def _regions(image: NDArray[np.floating], x: NDArray[np.int_], y: NDArray[np.int_], half: int) -> NDArray[np.floating]:
    """Return the regions ``(region, y, x)`` of an image around some pixels; infinite beyond its edges."""
    side = 2 * half + 1
    regions = np.lib.stride_tricks.sliding_window_view(np.pad(image, half, constant_values=np.inf), (side, side))
    return np.asarray(regions[np.clip(y, 0, image.shape[0] - 1), np.clip(x, 0, image.shape[1] - 1)])


def _pull(error: NDArray[np.float64], reported: NDArray[np.float32]) -> float:
    is_known = np.isfinite(reported) & (reported > 0)
    return float(np.std(error[is_known] / reported[is_known])) if is_known.any() else float("nan")


def _root_mean_square(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _fraction(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
