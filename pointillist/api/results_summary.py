"""What a results file holds, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from pointillist.fitting import Rows, column
from pointillist.fitting.diagnosis import converged, median
from pointillist.fitting.estimation import ENDINGS, MODULES, photons, precision_px
from pointillist.pipeline_files.results import Results, read_results
from pointillist.settings import Metadata

ROWS_AT_A_TIME = 1_000_000
SAMPLE_PORTIONS = 20
SAMPLE_ROWS = 50_000
"""Medians of longer files come from portions spread over them."""

SHOWN_FAILURES = 5

ESTIMATORS = {"wls": "weighted least squares", "mle": "maximum likelihood"}


def portions(path: Path, n_localizations: int) -> Iterator[Rows]:
    """Yield all localizations of a results file, a million at a time."""
    for start in range(0, n_localizations, ROWS_AT_A_TIME):
        yield read_results(path, start, min(start + ROWS_AT_A_TIME, n_localizations)).rows


def summarise_results(path: Path) -> dict[str, str]:
    """Return what a user wants to know first of a results file, as names and values.

    Raises
    ------
    ResultsError
        If it is no results file.
    """
    results = read_results(path, 0, 0)
    pixel_nm = 1000 * float(str(results.metadata.get("voxelsize.x")))
    return {
        "results": str(path) if results.is_complete else f"{path} (unfinished: the analysis was not completed)",
        "localizations": f"{results.n_localizations}",
        "frames": _frames(results),
        **_fit(results.metadata),
        **describe_failures(results.failures),
        **_medians(_sample(path, results.n_localizations), pixel_nm),
    }


def _frames(results: Results) -> str:
    ranges = results.ranges
    n_frames = int((ranges["stop"] - ranges["start"]).sum())
    n_frames -= sum(bool(((ranges["start"] <= frame) & (frame < ranges["stop"])).any()) for frame in results.failures)
    if not n_frames:
        return "not recorded"
    return f"{n_frames} analysed, {results.n_localizations / n_frames:.1f} localizations per frame"


def _fit(metadata: Metadata) -> dict[str, str]:
    module, estimator = (str(metadata.get(f"Analysis.{name}", "")) for name in ("FitModule", "Estimator"))
    if module not in MODULES or estimator not in MODULES[module].estimators:
        return {"fit": module} if module else {}
    return {"fit": f"{module}, {ESTIMATORS[estimator]}"}


def describe_failures(failures: Mapping[int, str]) -> dict[str, str]:
    """Return the first of the failed frames in words; nothing where there are none.

    Parameters
    ----------
    failures
        Failed frames, with the reason.
    """
    if not failures:
        return {}
    lines = [f"frame {frame}: {reason}" for frame, reason in sorted(failures.items())[:SHOWN_FAILURES]]
    if len(failures) > SHOWN_FAILURES:
        lines.append(f"and {len(failures) - SHOWN_FAILURES} more, in the file's table /Pointillist/Failures")
    return {"failed frames": f"{len(failures)}\n" + "\n".join(lines)}


def _sample(path: Path, n_localizations: int) -> Rows:
    if n_localizations <= SAMPLE_PORTIONS * SAMPLE_ROWS:
        return read_results(path).rows
    starts = np.linspace(0, n_localizations - SAMPLE_ROWS, SAMPLE_PORTIONS).astype(int)
    return np.concatenate([read_results(path, int(start), int(start) + SAMPLE_ROWS).rows for start in starts])


def _medians(rows: Rows, pixel_nm: float) -> dict[str, str]:
    fits = converged(rows)
    if not len(fits):
        return endings(rows)
    lines = (
        ("photons", median(photons(fits)), "{:.0f} per localization (median)"),
        ("sigma", pixel_nm * median(column(fits, "sigma")), "{:.0f} nm (median)"),
        ("sigma along y", pixel_nm * median(column(fits, "sigma_y")), "{:.0f} nm (median)"),
        ("precision", pixel_nm * median(precision_px(fits)), "{:.1f} nm (median of the errors that the fits report)"),
    )
    medians = {name: form.format(value) for name, value, form in lines if value == value}  # noqa: PLR0124  # not NaN
    return {**endings(rows), **medians}


def endings(rows: Rows) -> dict[str, str]:
    """Return which part of the fits has converged, and how the others have ended; nothing where nothing is fitted."""
    if "result_code" not in (rows.dtype.names or ()) or not len(rows):
        return {}
    found = converged(rows)
    shares: dict[str, float] = {}
    for code, count in zip(*np.unique(rows["result_code"], return_counts=True), strict=True):
        if code in ENDINGS:
            shares[ENDINGS[code]] = shares.get(ENDINGS[code], 0) + 100 * count / len(rows)
    others = "".join(f", {share:.2g} % {ending}" for ending, share in sorted(shares.items(), key=lambda item: -item[1]))
    return {"converged": f"{100 * len(found) / len(rows):.1f} % of the fits{others}"}


def frame_shape(metadata: Metadata, rows: Rows) -> tuple[int, int]:
    """Return height and width of the movie's frames: as recorded, else as far as localizations reach."""
    shape = []
    for key, axis in (("Camera.ROIHeight", "y"), ("Camera.ROIWidth", "x")):
        recorded = metadata.get(key)
        if isinstance(recorded, int | float) and recorded > 0:
            shape.append(int(recorded))
        else:
            reach = rows[axis][np.isfinite(rows[axis])]
            shape.append(int(np.ceil(reach.max())) + 1 if len(reach) else 1)
    return shape[0], shape[1]
