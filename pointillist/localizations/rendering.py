"""Images rendered from localizations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from pointillist.fitting import Rows
from pointillist.fitting.estimation import precision_px

REACH_IN_SIGMAS = 3.0
VALUES_PER_STEP = 2**21
"""Values per step, which bounds the working memory to 50 MB."""

MAX_SIGMA_PX = 1.0
"""Largest standard deviation of a rendered localization, camera px."""

Image = NDArray[np.float32]
"""``(y, x)``: localizations per pixel."""


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """The geometry of an image: the whole frame of the movie, in finer pixels.

    Parameters
    ----------
    frame_shape
        Height and width of the frame, camera px.
    magnification
        Number of image pixels along a camera pixel, > 0.
    """

    frame_shape: tuple[int, int]
    magnification: float

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image, px; the last row and column may extend beyond the frame."""
        height, width = (max(1, int(np.ceil(n * self.magnification - 1e-9))) for n in self.frame_shape)
        return height, width

    def blank(self) -> Image:
        """Return an empty image."""
        return np.zeros(self.shape, dtype=np.float32)

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether each position [camera px] lies within the frame, edges included."""
        height, width = self.frame_shape
        return np.asarray((x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5))

    def to_image_px(self, camera_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return coordinates [image px]; the first pixel begins at 0."""
        return np.asarray((camera_px + 0.5) * self.magnification)


def add_histogram(image: Image, canvas: Canvas, rows: Rows) -> int:
    """Count localizations per pixel.

    Parameters
    ----------
    image
        Image to add to, of the shape of the canvas.
    canvas
        Geometry of the image.
    rows
        Localizations by any fit.

    Returns
    -------
    int
        Number of localizations within the frame, by which the sum of the image has increased.
    """
    x, y, is_inside = _positions(canvas, rows)
    height, width = canvas.shape
    column = np.minimum(x[is_inside].astype(np.intp), width - 1)
    line = np.minimum(y[is_inside].astype(np.intp), height - 1)
    np.add.at(image.reshape(-1), line * width + column, np.float32(1))
    return int(is_inside.sum())


def add_gaussians(image: Image, canvas: Canvas, rows: Rows) -> int:
    """Draw each localization as a Gaussian with the standard deviation of its position.

    Parameters
    ----------
    image
        Image to add to, of the shape of the canvas.
    canvas
        Geometry of the image.
    rows
        Localizations by any fit; those without an error have the median one, or 0.1 camera px if none has an error.

    Returns
    -------
    int
        Number of localizations within the frame, by which the sum of the image has increased.

    Notes
    -----
    Gaussians are integrated over pixels, truncated at three standard deviations and at the edges of the image, and
    normalized to a sum of one.
    """
    x, y, is_inside = _positions(canvas, rows)
    sigma = _widths(rows, is_inside) * canvas.magnification
    half = np.ceil(REACH_IN_SIGMAS * sigma).astype(np.intp) + 1
    for reach in np.unique(half[is_inside]):
        members = np.flatnonzero(is_inside & (half == reach))
        step = max(1, VALUES_PER_STEP // int(2 * reach + 1) ** 2)
        for start in range(0, len(members), step):
            part = members[start : start + step]
            _add_patches(image, x[part], y[part], sigma[part], int(reach))
    return int(is_inside.sum())


def _positions(canvas: Canvas, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    x, y = rows["x"].astype(np.float64), rows["y"].astype(np.float64)
    return canvas.to_image_px(x), canvas.to_image_px(y), canvas.contains(x, y)


def _widths(rows: Rows, is_inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the width of each Gaussian in camera px."""
    width = precision_px(rows)
    is_known = np.isfinite(width) & (width > 0)
    is_typical = is_known & is_inside
    width[~is_known] = np.median(width[is_typical]) if is_typical.any() else 0.1
    return np.minimum(width, MAX_SIGMA_PX)


def _add_patches(
    image: Image, x: NDArray[np.float64], y: NDArray[np.float64], sigma: NDArray[np.float64], reach: int
) -> None:
    height, width = image.shape
    column, fraction_x = _pixel_fractions(x, sigma, reach, width)
    line, fraction_y = _pixel_fractions(y, sigma, reach, height)
    patches = (fraction_y[:, :, None] * fraction_x[:, None, :]).astype(np.float32)
    pixel = line[:, :, None] * width + column[:, None, :]
    np.add.at(image.reshape(-1), pixel.reshape(-1), patches.reshape(-1))


def _pixel_fractions(
    centre: NDArray[np.float64], sigma: NDArray[np.float64], reach: int, length: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the pixels around each centre and their fractions of the Gaussian; 0 beyond the edge."""
    pixel = np.minimum(centre.astype(np.intp), length - 1)[:, None] + np.arange(-reach, reach + 1)
    scale = np.sqrt(2) * np.maximum(sigma, 1e-3)[:, None]
    upper, lower = (pixel + 1 - centre[:, None]) / scale, (pixel - centre[:, None]) / scale
    fraction = np.where((pixel >= 0) & (pixel < length), erf(upper) - erf(lower), 0.0)
    return np.clip(pixel, 0, length - 1), fraction / fraction.sum(axis=1, keepdims=True)
