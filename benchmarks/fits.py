"""Fits/s on one core and the error over the Cramér-Rao bound, for each estimator and model, beside its peers.

    python benchmarks/fits.py [--runs N] [--spots N]

Isolated spots on 10 to 20 e- per px, anywhere within a pixel, on an sCMOS camera with a read variance of its own for
each pixel (50 e- for the comparison with PYME, whose benchmark that is). All contenders see the same regions, pinned to
the same core; they take turns, and every figure of speed is the median of the runs, in processor time. Failed: not
finite, farther off than 1 px and four times the bound, or beyond a fifth or five times the photons or the width; the
other columns are of the fits that have not failed. The bound is that of a Gaussian, circular or elliptical, on a flat
background, for the likelihood on a sloping one that of the same model. Pull: the standard deviation of the error over
the error that the fit reports.
"""

from __future__ import annotations

import argparse
import os
import statistics
from dataclasses import dataclass, field, replace

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.markup import escape
from rich.table import Table

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

from pointillist.cli.kernels import use_kernel_cache

use_kernel_cache()

from estimates import Estimates, model_bound, quality  # noqa: E402 - the cache's place is read as numba is imported
from peers import (  # noqa: E402
    Peer,
    Run,
    first,
    has_picasso,
    has_pyme,
    missing_peers,
    picasso_least_squares,
    picasso_levenberg_marquardt,
    picasso_newton,
    picasso_version,
    pyme_lat_gauss,
    scipy_curve_fit,
)
from tiles import fit_tiles, lay_out, own_estimates  # noqa: E402

from pointillist.fitting.settings import FitSettings  # noqa: E402
from pointillist.fitting.simulation.regions import Regions, draw_regions, draw_spots_at_centres  # noqa: E402

SIGMA_PX = 1.3
PICASSO = {
    "Picasso gaussmle[sigma]": (10_000, picasso_newton("sigma")),
    "Picasso gaussmle[sigmaxy]": (5_000, picasso_newton("sigmaxy")),
    "Picasso LM likelihood, circular, variance": (
        10_000,
        picasso_levenberg_marquardt(is_circular=True, is_likelihood=True),
    ),
    "Picasso LM likelihood, elliptical, variance": (
        10_000,
        picasso_levenberg_marquardt(is_circular=False, is_likelihood=True),
    ),
    "Picasso LM least squares, circular": (10_000, picasso_levenberg_marquardt(is_circular=True, is_likelihood=False)),
    "Picasso gausslq": (4_000, picasso_least_squares),
}
SCIPY = {"scipy curve_fit": (500, scipy_curve_fit)}
PYME = {"PYME LatGaussFitFR": (1_000, pyme_lat_gauss)}
"""How many spots each gets, so that none takes much longer than a second, and the peer."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One comparison.

    Parameters
    ----------
    name
        What is fitted.
    settings
        Of our fit.
    peers
        Names of :data:`PICASSO`, :data:`SCIPY` and :data:`PYME`.
    sigma
        Widths of the spots along x and y, px.
    background
        Range of their background, photoelectrons per px.
    """

    name: str
    settings: FitSettings
    peers: tuple[str, ...] = ()
    sigma: tuple[float, float] = (SIGMA_PX, SIGMA_PX)
    background: tuple[float, float] = (10.0, 20.0)
    photons: tuple[float, ...] = field(default=(300.0, 1000.0, 3000.0))


LIKELIHOOD = FitSettings(psf_sigma_px=SIGMA_PX, estimator="mle", background_model="flat", roi_half_size=3)
CASES = (
    Case(
        name="mle, circular, 7 × 7",
        settings=LIKELIHOOD,
        peers=(
            "Picasso gaussmle[sigma]",
            "Picasso LM likelihood, circular, variance",
            "Picasso LM least squares, circular",
            "Picasso gausslq",
            "scipy curve_fit",
        ),
    ),
    Case(name="mle, circular, sloping, 7 × 7", settings=replace(LIKELIHOOD, background_model="sloping")),
    Case(name="mle, circular, 11 × 11", settings=replace(LIKELIHOOD, roi_half_size=5)),
    Case(
        name="mle, circular, sloping, 11 × 11",
        settings=replace(LIKELIHOOD, roi_half_size=5, background_model="sloping"),
    ),
    Case(
        name="mle, elliptical, sloping, 15 × 15",
        settings=replace(LIKELIHOOD, roi_half_size=7, fit_module="AstigGaussFitFR", background_model="sloping"),
        sigma=(1.2, 1.5),
    ),
    Case(
        name="mle, circular, σ known, 7 × 7",
        settings=replace(LIKELIHOOD, is_sigma_fitted=False),
    ),
    Case(
        name="mle, elliptical, 9 × 9",
        settings=replace(LIKELIHOOD, roi_half_size=4, fit_module="AstigGaussFitFR"),
        peers=("Picasso gaussmle[sigmaxy]", "Picasso LM likelihood, elliptical, variance"),
        sigma=(1.2, 1.5),
    ),
    Case(
        name="wls, 7 parameters, 11 × 11, 50 e-",
        settings=FitSettings(psf_sigma_px=1.064),
        peers=("PYME LatGaussFitFR",),
        background=(50.0, 50.0),
    ),
    Case(
        name="wls, 4 parameters and no background, 11 × 11",
        settings=FitSettings(psf_sigma_px=1.064, background_model="none"),
        background=(0.0, 0.0),
    ),
)


def known_peers() -> dict[str, tuple[int, Peer]]:
    """Peers that are installed."""
    return {**(PICASSO if has_picasso() else {}), **SCIPY, **(PYME if has_pyme() else {})}


def own_run(regions: Regions, settings: FitSettings) -> Run:
    """Return a run of our fit."""
    tiles, maps = lay_out(regions)

    def run() -> tuple[float, Estimates]:
        seconds, rows = fit_tiles(tiles, maps, settings)
        return seconds, own_estimates(tiles, rows)

    return run


def show_case(table: Table, case: Case, photons: float, n_spots: int, runs: int) -> None:
    """Add the rows of one comparison."""
    spots = draw_spots_at_centres(
        n_spots, photons, 1, sigma_x=case.sigma[0], sigma_y=case.sigma[1], background=case.background
    )
    regions = draw_regions(spots, case.settings.roi_half_size, 1)
    known = known_peers()
    is_likelihood = case.settings.estimator == "mle"
    bound = model_bound(regions, is_sloping=is_likelihood and case.settings.background_model == "sloping")
    contenders = {"ours": (n_spots, own_run(regions, case.settings))}
    for name in case.peers:
        if name in known:
            n, peer = known[name]
            contenders[name] = min(n, n_spots), peer(first(regions, n))
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    found = {name: run()[1] for name, (_, run) in contenders.items()}  # compiles the kernels, too
    for _ in range(runs):
        for name, (_, run) in contenders.items():
            seconds[name].append(run()[0])
    rates = {name: n / statistics.median(seconds[name]) for name, (n, _) in contenders.items()}
    for name, (n, _) in contenders.items():
        result = quality(found[name], regions, bound)
        table.add_row(
            case.name,
            f"{photons:g}",
            escape(name),
            f"{rates[name]:,.0f}",
            f"{rates['ours'] / rates[name]:,.1f}",
            f"{result.rmse_over_bound:.3f} ± {1 / np.sqrt(4 * n):.3f}",
            f"{100 * result.bias['photons'] / photons:+.1f}",
            f"{result.pull:.2f}",
            f"{100 * result.failed:.2f}",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="runs of each measurement")
    parser.add_argument("--spots", type=int, default=100_000, help="that our fit gets; the peers get fewer")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    console = Console(width=190)
    for line in missing_peers():
        console.print(line)
    if has_picasso():
        console.print(f"Picasso {picasso_version()}")
    columns = ("fits/s", "ours over it", "RMSE / bound", "photon bias, %", "pull of x", "failed, %")
    table = Table("fit", "photons", "by", title="Fits on one core", box=MARKDOWN)
    for column in columns:
        table.add_column(column, justify="right")
    for case in CASES:
        for photons in case.photons if asked.only in case.name else ():
            show_case(table, case, photons, asked.spots, asked.runs)
    console.print(table)


if __name__ == "__main__":
    main()
