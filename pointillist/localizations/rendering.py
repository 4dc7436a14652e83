"""Pictures made of localizations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from pointillist.fitting import Rows
from pointillist.fitting.estimation import precision_px

REACH_IN_SIGMAS = 3.0
VALUES_AT_A_TIME = 2**21
"""Bounds the working memory to some 50 MB."""

WIDEST_PX = 1.0
"""A localization less precise than a camera pixel would be a haze."""

Image = NDArray[np.float32]
"""``(y, x)``: localizations per pixel."""


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """Where to draw: the whole frame of the movie, in finer pixels.

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
        """Height and width of the picture; the last line and column may reach beyond the frame."""
        height, width = (max(1, int(np.ceil(n * self.magnification - 1e-9))) for n in self.frame_shape)
        return height, width

    def blank(self) -> Image:
        """Return an empty picture."""
        return np.zeros(self.shape, dtype=np.float32)

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say of each position [camera px] whether it lies within the frame; all its edges belong to it."""
        height, width = self.frame_shape
        return np.asarray((x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5))

    def to_picture(self, camera_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return coordinates on the picture, whose first pixel begins at 0."""
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
    """Draw each localization as a Gaussian as wide as its position is uncertain.

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
    Gaussians are integrated over pixels, cut at three sigmas and at the edges of the picture, and what is left of
    each is scaled to a sum of one.
    """
    x, y, is_inside = _positions(canvas, rows)
    sigma = _blur(rows, is_inside) * canvas.magnification
    half = np.ceil(REACH_IN_SIGMAS * sigma).astype(np.intp) + 1
    for reach in np.unique(half[is_inside]):
        members = np.flatnonzero(is_inside & (half == reach))
        step = max(1, VALUES_AT_A_TIME // int(2 * reach + 1) ** 2)
        for start in range(0, len(members), step):
            part = members[start : start + step]
            _add_patches(image, x[part], y[part], sigma[part], int(reach))
    return int(is_inside.sum())


def _positions(canvas: Canvas, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    x, y = rows["x"].astype(np.float64), rows["y"].astype(np.float64)
    return canvas.to_picture(x), canvas.to_picture(y), canvas.contains(x, y)


def _blur(rows: Rows, is_inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the width of each Gaussian in camera px."""
    blur = precision_px(rows)
    is_known = np.isfinite(blur) & (blur > 0)
    usual = is_known & is_inside
    blur[~is_known] = np.median(blur[usual]) if usual.any() else 0.1
    return np.minimum(blur, WIDEST_PX)


def _add_patches(
    image: Image, x: NDArray[np.float64], y: NDArray[np.float64], sigma: NDArray[np.float64], reach: int
) -> None:
    height, width = image.shape
    column, share_x = _shares(x, sigma, reach, width)
    line, share_y = _shares(y, sigma, reach, height)
    light = (share_y[:, :, None] * share_x[:, None, :]).astype(np.float32)
    pixel = line[:, :, None] * width + column[:, None, :]
    np.add.at(image.reshape(-1), pixel.reshape(-1), light.reshape(-1))


def _shares(
    centre: NDArray[np.float64], sigma: NDArray[np.float64], reach: int, length: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the pixels around each centre and the share of each; pixels beyond the edge get nothing."""
    pixel = np.minimum(centre.astype(np.intp), length - 1)[:, None] + np.arange(-reach, reach + 1)
    scale = np.sqrt(2) * np.maximum(sigma, 1e-3)[:, None]
    upper, lower = (pixel + 1 - centre[:, None]) / scale, (pixel - centre[:, None]) / scale
    share = np.where((pixel >= 0) & (pixel < length), erf(upper) - erf(lower), 0.0)
    return np.clip(pixel, 0, length - 1), share / share.sum(axis=1, keepdims=True)
