"""The table of a detection test: numbers of candidates and fits, and medians of the fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pointillist.fitting.diagnosis import DetectionSamples, ThresholdTest, median, report
from pointillist.fitting.estimation import MODULES


@dataclass(frozen=True)
class _Column:
    heading: str
    attribute: str
    form: str
    factor: float = 1.0


def detection_table(samples: DetectionSamples) -> list[list[str]]:
    """Return a line of headings, then a line for each frame and one for all frames, threshold by threshold.

    The first column is the threshold if there are several.
    """
    several = len(samples.by_threshold) > 1
    columns = _columns(samples)
    headings = ["frame", "candidates", "fits", *(column.heading for column in columns)]
    lines = [["threshold", *headings] if several else headings]
    for at_threshold in samples.by_threshold:
        first = [f"{at_threshold.threshold:g}"] if several else []
        lines += [[*first, *cells] for cells in _cells(at_threshold, columns)]
    return lines


def _columns(samples: DetectionSamples) -> list[_Column]:
    """Return the medians that the fit gives."""
    nm = samples.pixel_size_nm
    columns = (
        ({"amplitude", "sigma"}, _Column("photons", "photons", "{:.0f}")),
        ({"sigma"}, _Column("sigma (nm)", "sigma_px", "{:.0f}", nm)),
        ({"sigma"}, _Column("sigma (px)", "sigma_px", "{:.2f}")),
        ({"sigma_y"}, _Column("along y (nm)", "sigma_y_px", "{:.0f}", nm)),
        ({"nchi2"}, _Column("nchi2", "nchi2", "{:.2f}")),
        ({"amplitude"}, _Column("SNR", "snr", "{:.1f}")),
    )
    given = set(MODULES[samples.settings.fit_module].dtype.names or ())
    return [column for needed, column in columns if needed <= given]


def _cells(test: ThresholdTest, columns: Sequence[_Column]) -> list[list[str]]:
    reports = [report(frame_diagnostics) for frame_diagnostics in test.diagnostics]
    lines = [
        (str(each.frame), each.n_candidates, each.n_fits, [getattr(each, column.attribute) for column in columns])
        for each in reports
    ]
    if len(reports) > 1:
        medians = [median([getattr(each, column.attribute) for each in reports]) for column in columns]
        n_candidates, n_fits = sum(each.n_candidates for each in reports), sum(each.n_fits for each in reports)
        lines.append(("all", n_candidates, n_fits, medians))
    return [
        [
            frame,
            str(n_candidates),
            str(n_fits),
            *(_number(value * column.factor, column.form) for value, column in zip(values, columns, strict=True)),
        ]
        for frame, n_candidates, n_fits, values in lines
    ]


def _number(value: float, form: str) -> str:
    return form.format(value) if value == value else "-"  # noqa: PLR0124  # NaN
