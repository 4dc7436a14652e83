"""Rendered localizations as PNG, for the eye, and as TIFF, for measuring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pointillist.errors import ResultsError

if TYPE_CHECKING:
    from pointillist.localizations import Image

DPI = 100
BRIGHTEST_PERCENTILE = 99.7
GAMMA = 0.6
"""Makes dim structures visible beside bright ones."""

BARS_UM = (100, 50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1)


def write_png(path: Path, image: Image, pixel_size_nm: float) -> None:
    """Write a picture for the eye, with a scale bar, one pixel for one pixel.

    Parameters
    ----------
    path
        Path of the PNG; an existing file is replaced.
    image
        ``(y, x)``, localizations per pixel.
    pixel_size_nm
        Pixel size of the image, nm.

    Raises
    ------
    ResultsError
        If it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = image.shape
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="black")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(_brightness(image), cmap="hot", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    bar_um = next((bar for bar in BARS_UM if bar * 1000 / pixel_size_nm <= 0.25 * width), BARS_UM[-1])
    length, size = bar_um * 1000 / pixel_size_nm, float(np.clip(min(height, width) / 60, 7, 40))
    right, bottom = width - 0.03 * width, height - 0.04 * height
    axes.plot([right - length, right], [bottom, bottom], color="white", linewidth=size / 3, solid_capstyle="butt")
    axes.annotate(
        f"{bar_um:g} µm",
        (right - length / 2, bottom),
        xytext=(0, 0.5 * size),
        textcoords="offset points",
        color="white",
        fontsize=size,
        ha="center",
    )
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    _write(path, lambda: figure.savefig(path, format="png", dpi=DPI, metadata={"Description": _scale(pixel_size_nm)}))


def write_tiff(path: Path, image: Image, pixel_size_nm: float) -> None:
    """Write the numbers, with the size of a pixel where ImageJ finds it.

    Parameters
    ----------
    path
        Path of the TIFF; an existing file is replaced.
    image
        ``(y, x)``, localizations per pixel.
    pixel_size_nm
        Pixel size of the image, nm.

    Raises
    ------
    ResultsError
        If it cannot be written.
    """
    import tifffile

    per_um = 1000 / pixel_size_nm
    _write(
        path,
        lambda: tifffile.imwrite(
            path, image, imagej=True, resolution=(per_um, per_um), metadata={"unit": "um", "axes": "YX"}
        ),
    )


def _write(path: Path, write: Callable[[], object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write()
    except OSError as error:
        problem = f"the picture cannot be written ({error.strerror})"
        raise ResultsError(path, problem, "choose another folder with -o") from error


def _brightness(image: Image) -> NDArray[np.float32]:
    """Return values from 0 to 1."""
    lit = image[image > 0.01]
    brightest = float(np.percentile(lit, BRIGHTEST_PERCENTILE)) if lit.size else 1.0
    return np.asarray(np.clip(image / max(brightest, 1e-6), 0, 1) ** GAMMA, dtype=np.float32)


def _scale(pixel_size_nm: float) -> str:
    return f"{pixel_size_nm:g} nm per pixel"
