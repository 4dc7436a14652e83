"""How accurate each estimator and detector is: the tables of docs/reference/performance.md.

    python benchmarks/accuracy.py [TABLE ...]

Tables: photons, width, slopes, position, density, threshold; all if none is named. Spots of single regions are those of
benchmarks/fits.py: 10 to 20 e- of background, an sCMOS camera, sigma 1.3 px unless the table says otherwise. The bound
is that of a flat background; "σ known" is on a flat one, too. Movies are
of 128 x 128 px of 100 nm, 1000 e- per spot on 50 e-, on an sCMOS camera with 1 % hot pixels.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from pointillist.cli.kernels import use_kernel_cache

use_kernel_cache()

from estimates import Quality, model_bound, quality  # noqa: E402 - the cache's place is read as numba is imported
from tiles import fit_tiles, lay_out, own_estimates  # noqa: E402

from pointillist.fitting.backgrounds.no_background import NoBackground  # noqa: E402
from pointillist.fitting.detection.methods import DETECTORS  # noqa: E402
from pointillist.fitting.estimation.result_codes import CONVERGED  # noqa: E402
from pointillist.fitting.localizations import FrameBlock, Rows  # noqa: E402
from pointillist.fitting.localizer import localize  # noqa: E402
from pointillist.fitting.scoring.evaluation import BoundParameters, MatchingRules, Score, score  # noqa: E402
from pointillist.fitting.scoring.precision import Spots  # noqa: E402
from pointillist.fitting.settings import FitSettings  # noqa: E402
from pointillist.fitting.simulation.blinking import Blinking  # noqa: E402
from pointillist.fitting.simulation.movie import Scene, Simulation  # noqa: E402
from pointillist.fitting.simulation.regions import draw_regions, draw_spots_at_centres  # noqa: E402
from pointillist.fitting.simulation.sensor import scmos  # noqa: E402

N_SPOTS = 20_480
"""The ratio of RMSE to bound is then known to 0.35 %."""
LIKELIHOOD = FitSettings(psf_sigma_px=1.3, estimator="mle", background_model="flat", background=NoBackground())
LEAST_SQUARES = FitSettings(psf_sigma_px=1.3, background=NoBackground())
ESTIMATORS = {
    "wls": LEAST_SQUARES,
    "wls, weights of the model": replace(LEAST_SQUARES, weights="model"),
    "wls, smoothed weights": replace(LEAST_SQUARES, weights="smoothed"),
    "mle": replace(LIKELIHOOD, background_model="sloping"),
    "mle, flat": LIKELIHOOD,
    "mle, σ known": replace(LIKELIHOOD, is_sigma_fitted=False),
    "mle, elliptical": replace(LIKELIHOOD, background_model="sloping", fit_module="AstigGaussFitFR"),
    "wls, elliptical": replace(LEAST_SQUARES, fit_module="AstigGaussFitFR"),
    "centroid (LatFitCOIR)": replace(LEAST_SQUARES, fit_module="LatFitCOIR"),
}
SLOPE_PHOTONS = (300.0, 1e3, 3e3, 3e4, 1e6)
PHOTONS = (50, 100, 300, 1e3, 3e3, 1e4, 1e5, 1e6)
DENSITIES_PER_UM2 = (0.1, 0.3, 1.0, 3.0)
EDGE_PX, PIXEL_UM = 128, 0.1
RULES = MatchingRules(radius_px=2.5, isolation_px=12.0)


def measure(estimators: dict[str, FitSettings], spots: Spots) -> dict[str, Quality]:
    """Fit the same isolated spots by several estimators, all with regions of one size."""
    half = next(iter(estimators.values())).roi_half_size
    regions = draw_regions(spots, half, 1)
    bound, (tiles, maps) = model_bound(regions), lay_out(regions)
    return {
        name: quality(own_estimates(tiles, fit_tiles(tiles, maps, settings)[1]), regions, bound)
        for name, settings in estimators.items()
    }


def quality_cells(result: Quality, photons: float, sigma: float) -> tuple[str, ...]:
    if not result.bias:
        return ("", "", "", "", "", "", "", "100")
    bias = {**result.bias, "photons": result.bias["photons"] * 100 / photons}
    bias["sigma_x"] *= 100 / sigma
    bias["x"], bias["y"] = 1e3 * bias["x"], 1e3 * bias["y"]
    digits = {"x": 1, "y": 1, "photons": 2, "sigma_x": 2, "background": 2}
    biases = ("" if np.isnan(bias[name]) else f"{bias[name]:+.{n}f}" for name, n in digits.items())
    pull = "" if np.isnan(result.pull) else f"{result.pull:.2f}"
    return f"{result.rmse_over_bound:.3f}", *biases, pull, f"{100 * result.failed:.2f}"


QUALITY_COLUMNS = (
    "RMSE / bound",
    "x, 10⁻³ px",
    "y, 10⁻³ px",
    "photons, %",
    "σ, %",
    "background, e⁻",
    "pull",
    "failed, %",
)


def table_of(title: str, *columns: str) -> Table:
    table = Table(title=title, box=MARKDOWN)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def by_photons() -> Table:
    table = table_of("Bias and error over photons, 11 × 11", "estimator", "photons", *QUALITY_COLUMNS)
    found = {photons: measure(ESTIMATORS, draw_spots_at_centres(N_SPOTS, photons, 1)) for photons in PHOTONS}
    for name in ESTIMATORS:
        for photons in PHOTONS:
            table.add_row(name, f"{photons:g}", *quality_cells(found[photons][name], photons, 1.3))
    return table


def by_width() -> Table:
    halves, sigmas = (2, 3, 4, 5, 7, 10), (0.6, 0.8, 1.0, 1.3, 2.0, 3.0)
    sides = [f"{2 * half + 1} × {2 * half + 1}" for half in halves]
    title = "RMSE / bound · bias of photons, % · failed, %, of 1000 photons over σ and region"
    table = table_of(title, "estimator", "σ, px", *sides)
    names = ("wls", "mle", "mle, flat", "mle, σ known", "mle, elliptical")
    found = {}
    for sigma, half in itertools.product(sigmas, halves):
        sized = {name: replace(ESTIMATORS[name], roi_half_size=half, psf_sigma_px=sigma) for name in names}
        found[sigma, half] = measure(sized, draw_spots_at_centres(N_SPOTS // 4, 1000, 1, sigma=sigma))
    for name, sigma in itertools.product(names, sigmas):
        cells = []
        for half in halves:
            result = found[sigma, half][name]
            photon_bias = result.bias.get("photons", np.nan) / 10
            cells.append(f"{result.rmse_over_bound:.2f} · {photon_bias:+.1f} · {100 * result.failed:.1f}")
        table.add_row(name, f"{sigma:g}", *cells)
    return table


def by_slope() -> Table:
    backgrounds = ((0.5, 0.0), (5.0, 0.0), (25.0, 2.0), (200.0, 0.0), (200.0, -2.0))
    title = "Converged, % · RMSE / bound of the sloping model · pull of mle, 11 × 11"
    table = table_of(title, "σ, px", "background, e⁻", "slope, e⁻/px", *(f"{photons:g}" for photons in SLOPE_PHOTONS))
    for sigma, (background, slope) in itertools.product((0.9, 1.3, 1.8, 2.5), backgrounds):
        cells = [slope_cell(photons, sigma, background, slope) for photons in SLOPE_PHOTONS]
        table.add_row(f"{sigma:g}", f"{background:g}", f"{slope:+g}", *cells)
    return table


def slope_cell(photons: float, sigma: float, background: float, slope: float) -> str:
    others = {"sigma": sigma, "slope_x": slope, "slope_y": -slope}
    regions = draw_regions(draw_spots_at_centres(N_SPOTS, photons, 1, background=(background,) * 2, **others), 5, 1)
    tiles, maps = lay_out(regions)
    rows = fit_tiles(tiles, maps, ESTIMATORS["mle"])[1]
    result = quality(own_estimates(tiles, rows), regions, model_bound(regions, is_sloping=True))
    converged = 100 * np.mean(rows["result_code"] == CONVERGED)
    return f"{converged:.2f} · {result.rmse_over_bound:.2f} · {result.pull:.2f}"


def by_position() -> Table:
    offsets = (-0.5, -0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    title = "Bias of x in 10⁻³ px over the position within the pixel, σ 0.8 px, 7 × 7, 3000 photons (± 0.2)"
    table = table_of(title, "estimator", *(f"{offset:+.1f}" for offset in offsets))
    narrow = {name: replace(settings, roi_half_size=3, psf_sigma_px=0.8) for name, settings in ESTIMATORS.items()}
    found = [measure(narrow, draw_spots_at_centres(N_SPOTS, 3000, 1, sigma=0.8, x=offset)) for offset in offsets]
    for name in ESTIMATORS:
        table.add_row(name, *(f"{1e3 * result[name].bias.get('x', np.nan):+.1f}" for result in found))
    return table


def movie(per_frame: float, photons: float, seed: int) -> tuple[Simulation, FrameBlock, int]:
    """Return a movie of some 3000 spots, or of 100 frames without any."""
    n_frames = int(np.ceil(3000 / per_frame)) if per_frame else 100
    blinking = Blinking(emitters_per_frame=per_frame, photons=photons)
    scene = Scene(frame_shape=(EDGE_PX, EDGE_PX), blinking=blinking)
    simulation = Simulation(scene, scmos((EDGE_PX, EDGE_PX), seed), seed)
    return simulation, FrameBlock(frames=simulation.frames(0, n_frames), first=0, n_movie_frames=n_frames), n_frames


def rows_in(block: FrameBlock, simulation: Simulation, settings: FitSettings) -> Rows:
    return localize(block, 0, block.n_movie_frames, simulation.camera, settings).rows


def bound_parameters_of(simulation: Simulation, settings: FitSettings) -> BoundParameters:
    variance = simulation.camera.maps(simulation.scene.frame_shape).read_variance_e2
    return BoundParameters(roi_half_size=settings.roi_half_size, read_variance=variance)


def score_cells(result: Score) -> tuple[str, ...]:
    """Cells of :data:`SCORE_COLUMNS`."""
    overall, lone = (
        np.hypot(errors.rmse_x, errors.rmse_y) / np.hypot(errors.bound_x, errors.bound_y)
        for errors in (result.overall, result.isolated)
    )
    ratios = (f"{result.recall:.3f}", f"{result.precision:.3f}", f"{result.jaccard:.3f}")
    return (
        *ratios,
        f"{overall:.2f}",
        f"{lone:.2f} ± {lone / np.sqrt(4 * result.isolated.n):.2f}" if result.isolated.n else "",
    )


SCORE_COLUMNS = ("recall", "precision", "Jaccard", "RMSE / bound", "of isolated spots")


def by_density() -> Table:
    columns = ("detector", "estimator", "per µm²", *SCORE_COLUMNS)
    table = table_of("Recall and precision over density, 1000 photons, within 250 nm", *columns)
    area = ((EDGE_PX - 20) * PIXEL_UM) ** 2
    movies = {density: movie(density * area, 1000.0, 1) for density in DENSITIES_PER_UM2}
    for detector in DETECTORS:
        for estimator in ("wls", "mle, flat", "mle, σ known"):
            settings = replace(ESTIMATORS[estimator], detector=detector, roi_half_size=5 if estimator == "wls" else 3)
            for density, (simulation, block, n_frames) in movies.items():
                rows = rows_in(block, simulation, settings)
                result = score(rows, simulation.emitters(0, n_frames), RULES, bound_parameters_of(simulation, settings))
                table.add_row(detector, estimator, f"{density:g}", *score_cells(result))
    return table


def by_threshold() -> Table:
    columns = ("detector", "threshold", "photons", "recall", "precision", "Jaccard", "rows in an empty frame")
    table = table_of("Recall and precision over the threshold, 0.2 spots per µm²", *columns)
    area = ((EDGE_PX - 20) * PIXEL_UM) ** 2
    movies = {photons: movie(0.2 * area, photons, 1) for photons in (300.0, 1000.0)}
    empty, empty_block, n_empty = movie(0.0, 1000.0, 2)
    for detector in DETECTORS:
        choices: dict[str, dict[str, Any]] = (
            {f"{rate:g} per frame": {"false_positives_per_frame": rate} for rate in (0.001, 0.01, 0.1, 1.0, 10.0)}
            if detector == "local-maximum"
            else {f"{factor:g} σ": {"detection_threshold": factor} for factor in (0.6, 0.8, 1.0, 1.25, 1.5)}
        )
        for label, choice in choices.items():
            settings = replace(LEAST_SQUARES, detector=detector, **choice)
            false = len(rows_in(empty_block, empty, settings)) / n_empty
            for photons, (simulation, block, n_frames) in movies.items():
                rows = rows_in(block, simulation, settings)
                result = score(rows, simulation.emitters(0, n_frames), RULES, bound_parameters_of(simulation, settings))
                table.add_row(detector, label, f"{photons:g}", *score_cells(result)[:3], f"{false:.3f}")
    return table


TABLES: dict[str, Callable[[], Table]] = {
    "photons": by_photons,
    "width": by_width,
    "slopes": by_slope,
    "position": by_position,
    "density": by_density,
    "threshold": by_threshold,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", choices=[[], *TABLES], help=", ".join(TABLES))
    console = Console(width=200)
    for name in parser.parse_args().tables or TABLES:
        start = time.perf_counter()
        console.print(TABLES[name]())
        console.print(f"{name}: {time.perf_counter() - start:.0f} s\n")


if __name__ == "__main__":
    main()
