"""The picture of a detection test: what the camera saw, what detection and fits made of it."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from pointillist.fitting.diagnosis import DetectionSamples, FrameDiagnostics, ThresholdTest

PANEL_INCHES = 3.2
GAP_INCHES = 0.3
LINE_INCHES = 0.19
CHARACTERS_PER_INCH = 12
WIDE_INCHES = 9.0
"""Narrower pictures have one entry of the legend above the other."""

MOST_COLUMNS = 5
DPI = 120
WINDOW_PX = 192
"""Of larger frames only a part is shown: spots of a few pixels would not be seen."""

CANDIDATE, FIT, THRESHOLD = "#5dff8f", "#ff5fd2", "#ffd166"


def montage_png(samples: DetectionSamples) -> bytes:
    """Return the picture of a detection test as a PNG.

    Parameters
    ----------
    samples
        Test with the diagnostics of at least one frame.
    """
    figure = _figure(samples)
    FigureCanvasAgg(figure)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=DPI, facecolor="white")
    return png.getvalue()


def _figure(samples: DetectionSamples) -> Figure:
    n_frames, n_rows = len(samples.by_threshold[0].diagnostics), 1 + len(samples.by_threshold)
    is_wide = n_frames <= MOST_COLUMNS
    shape = (n_rows, n_frames) if is_wide else (n_frames, n_rows)
    windows = [_window(frame_diagnostics) for frame_diagnostics in samples.by_threshold[0].diagnostics]
    figure, grid = _grid(shape, _aspect(windows[0]), _title(samples))
    panels = grid if is_wide else grid.T
    scale = _grey_levels(samples.by_threshold[0].diagnostics, windows)
    for column, (frame_diagnostics, window) in enumerate(
        zip(samples.by_threshold[0].diagnostics, windows, strict=True)
    ):
        _draw_raw(panels[0, column], frame_diagnostics, window, scale)
        if column == 0:
            _draw_scale_bar(panels[0, column], window, samples.pixel_size_nm)
    for row, at_threshold in enumerate(samples.by_threshold, start=1):
        for column, (frame_diagnostics, window) in enumerate(zip(at_threshold.diagnostics, windows, strict=True)):
            _draw_filtered(panels[row, column], at_threshold, frame_diagnostics, window)
    _draw_legend(figure)
    return figure


def _aspect(window: Window) -> float:
    """Return the height of a panel over its width."""
    lines, columns = window
    return float((lines.stop - lines.start) / (columns.stop - columns.start))


def _grid(shape: tuple[int, int], aspect: float, title: str) -> tuple[Figure, NDArray[Any]]:
    """Return a figure with a title and panels of a fixed size; to let matplotlib find the layout takes a second."""
    n_rows, n_columns = shape
    height = PANEL_INCHES * aspect
    width_inches = n_columns * (PANEL_INCHES + GAP_INCHES) + GAP_INCHES
    lines = textwrap.wrap(title, int(CHARACTERS_PER_INCH * width_inches))
    heading, legend = 0.4 + LINE_INCHES * len(lines), LINE_INCHES * (2 if width_inches > WIDE_INCHES else 4)
    height_inches = n_rows * (height + 1.4 * GAP_INCHES) + heading + legend
    figure = Figure(figsize=(width_inches, height_inches))
    left, top = GAP_INCHES / width_inches, 1 - 0.12 / height_inches
    figure.text(left, top, "\n".join(lines), fontsize=10, ha="left", va="top")
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    figure.subplots_adjust(
        left=1.2 * GAP_INCHES / width_inches,
        right=1 - 0.8 * GAP_INCHES / width_inches,
        bottom=(legend + 0.5 * GAP_INCHES) / height_inches,
        top=1 - heading / height_inches,
        wspace=GAP_INCHES / PANEL_INCHES,
        hspace=1.5 * GAP_INCHES / height,
    )
    return figure, grid


def _title(samples: DetectionSamples) -> str:
    settings = samples.settings
    background = f"background: {settings.background.description}"
    thresholds = ", ".join(f"{each.threshold:g}" for each in samples.by_threshold)
    if samples.settings.detector == "local-maximum":
        thresholds += " false positives per frame"
    roi = 2 * settings.roi_half_size + 1
    fit = settings.fit_module if settings.estimator == "wls" else f"{settings.fit_module} ({settings.estimator})"
    return (
        f"{samples.movie}: {len(samples.by_threshold[0].diagnostics)} of {samples.n_movie_frames} frames  ·  "
        f"threshold {thresholds}  ·  {background}  ·  {fit} of {roi} x {roi} px of {samples.pixel_size_nm:g} nm"
    )


Window = tuple[slice, slice]
"""Lines and columns that are shown."""


def _window(frame_diagnostics: FrameDiagnostics) -> Window:
    """Return the whole frame, or of a large one the part about the middle of the candidates."""
    height, width = frame_diagnostics.raw.shape
    points = frame_diagnostics.inspection.candidates
    x, y = np.median(points[:, :2], axis=0) if len(points) else (width / 2, height / 2)
    return _part(float(y), height), _part(float(x), width)


def _part(centre: float, length: int) -> slice:
    if length <= 1.5 * WINDOW_PX:
        return slice(0, length)
    start = int(np.clip(round(centre) - WINDOW_PX // 2, 0, length - WINDOW_PX))
    return slice(start, start + WINDOW_PX)


def _grey_levels(diagnostics: Sequence[FrameDiagnostics], windows: list[Window]) -> tuple[float, float]:
    shown = np.concatenate(
        [frame_diagnostics.raw[window].ravel() for frame_diagnostics, window in zip(diagnostics, windows, strict=True)]
    )
    low, high = np.percentile(shown, (0.5, 99.8))
    return float(low), float(max(high, low + 1))


def _draw_raw(axes: Axes, frame_diagnostics: FrameDiagnostics, window: Window, scale: tuple[float, float]) -> None:
    _show(axes, frame_diagnostics.raw, window, scale)
    where = "" if frame_diagnostics.raw[window].size == frame_diagnostics.raw.size else ", part of it"
    axes.set_title(
        f"frame {frame_diagnostics.frame}{where}: as recorded, {scale[0]:.0f} to {scale[1]:.0f} ADU", fontsize=8
    )


def _draw_filtered(axes: Axes, test: ThresholdTest, frame_diagnostics: FrameDiagnostics, window: Window) -> None:
    seen = frame_diagnostics.inspection
    _show(axes, seen.filtered, window, (0.0, float(2 * np.median(seen.threshold))))
    excess = seen.filtered - seen.threshold
    if excess.min() < 0 < excess.max():
        axes.contour(excess, levels=[0.0], colors=THRESHOLD, linewidths=0.7)
    x, y = seen.candidates[:, 0], seen.candidates[:, 1]
    diameter = _region_points(frame_diagnostics, window)
    axes.scatter(x, y, marker="o", s=diameter**2, edgecolors=CANDIDATE, facecolors="none", linewidths=0.9)
    fits = frame_diagnostics.fits
    axes.scatter(fits["x"], fits["y"], marker="+", s=(0.5 * diameter) ** 2, color=FIT, linewidths=0.9)
    _frame_limits(axes, window)
    counts = f"{len(seen.candidates)} candidates, {len(fits)} fits"
    axes.set_title(f"frame {frame_diagnostics.frame}, threshold {test.threshold:g}: {counts}", fontsize=8)


def _region_points(frame_diagnostics: FrameDiagnostics, window: Window) -> float:
    """Return the width of a fitted region on paper, in points."""
    rows = frame_diagnostics.inspection.rows
    region_px = float(np.max(rows["roi_x_stop"] - rows["roi_x_start"])) if len(rows) else 11.0
    return float(np.clip(region_px * 72 * PANEL_INCHES / (window[1].stop - window[1].start), 7, 26))


def _show(axes: Axes, image: NDArray[Any], window: Window, scale: tuple[float, float]) -> None:
    axes.imshow(image, cmap="gray", vmin=scale[0], vmax=scale[1], interpolation="nearest")
    _frame_limits(axes, window)
    axes.tick_params(labelsize=6, length=2, width=0.5)
    for side in axes.spines.values():
        side.set_linewidth(0.5)


def _frame_limits(axes: Axes, window: Window) -> None:
    lines, columns = window
    axes.set_xlim(columns.start - 0.5, columns.stop - 0.5)
    axes.set_ylim(lines.stop - 0.5, lines.start - 0.5)


def _draw_scale_bar(axes: Axes, window: Window, pixel_size_nm: float) -> None:
    lines, columns = window
    width = columns.stop - columns.start
    um = next((b for b in (20, 10, 5, 2, 1, 0.5) if b * 1000 / pixel_size_nm <= 0.35 * width), 0.2)
    length = um * 1000 / pixel_size_nm
    x, y = columns.start + 0.05 * width, lines.stop - 0.06 * (lines.stop - lines.start)
    axes.plot([x, x + length], [y, y], color="white", linewidth=2.5, solid_capstyle="butt")
    axes.annotate(
        f"{um:g} µm",
        (x + length / 2, y),
        xytext=(0, 4),
        textcoords="offset points",
        ha="center",
        fontsize=8,
        color="white",
        bbox={"facecolor": "black", "alpha": 0.6, "linewidth": 0, "pad": 1},
    )


def _draw_legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], color=THRESHOLD, linewidth=1, label="threshold, on the filtered frame"),
        Line2D(
            [],
            [],
            linestyle="",
            marker="o",
            markersize=9,
            markerfacecolor="none",
            color=CANDIDATE,
            label="candidate, as wide as the region that is fitted",
        ),
        Line2D([], [], linestyle="", marker="+", markersize=7, color=FIT, label="where the fit ends, if it converged"),
    ]
    n_columns = 3 if figure.get_figwidth() > WIDE_INCHES else 1
    figure.legend(handles=handles, loc="lower left", ncols=n_columns, fontsize=9, frameon=False)
