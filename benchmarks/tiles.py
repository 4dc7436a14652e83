"""Our fits of single regions, on the way that frames take: the regions laid side by side are the frames."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from estimates import Estimates, estimates_of
from numpy.typing import NDArray

from pointillist.fitting.camera.model import CameraMaps
from pointillist.fitting.estimation import FrameImages, fit_of
from pointillist.fitting.estimation.derived import photons
from pointillist.fitting.localizations import Rows, column
from pointillist.fitting.settings import FitSettings
from pointillist.fitting.simulation.regions import ADU_PER_ELECTRON, REGIONS_ON_SENSOR, Regions

ACROSS = int(REGIONS_ON_SENSOR**0.5)
"""Regions along each side of a frame."""
START_SPREAD_PX = 0.2
"""How far detection is off, along each axis."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tile:
    """A frame of regions.

    Parameters
    ----------
    images
        The frame; its background is 0 everywhere.
    points
        Candidates, ``(candidate, 3)``, in order of regions.
    centres
        Centres of the regions, ``(candidate, 2)``, px.
    """

    images: FrameImages
    points: NDArray[np.float32]
    centres: NDArray[np.int64]


def lay_out(regions: Regions) -> tuple[list[Tile], CameraMaps]:
    """Return the regions as frames of one camera."""
    side = 2 * regions.roi_half_size + 1
    rng = np.random.default_rng(0)
    read_variance = _as_frame(np.resize(regions.read_variance, (REGIONS_ON_SENSOR, side, side)))
    least = 1 / ADU_PER_ELECTRON
    tiles = []
    for start in range(0, len(regions), REGIONS_ON_SENSOR):
        spots = regions.spots[start : start + REGIONS_ON_SENSOR]
        data = np.zeros((REGIONS_ON_SENSOR, side, side), np.float32)
        data[: len(spots)] = regions.photoelectrons[start : start + REGIONS_ON_SENSOR]
        frame = _as_frame(data)
        row, column = np.divmod(np.arange(len(spots)), ACROSS)
        centres = np.column_stack([column, row]) * side + regions.roi_half_size
        offsets = np.clip(spots[:, :2] + START_SPREAD_PX * rng.standard_normal((len(spots), 2)), -0.49, 0.49)
        brightness = spots[:, 2:3]
        images = FrameImages(frame, np.zeros_like(frame), read_variance + np.maximum(frame, least) + 1)
        points = np.column_stack([centres + offsets, brightness]).astype(np.float32)
        tiles.append(Tile(images=images, points=points, centres=centres))
    maps = CameraMaps(
        offset_adu=np.full_like(read_variance, 100),
        gain_e_per_adu=np.full_like(read_variance, least),
        read_variance_e2=read_variance,
        excess=1.0,
        least_signal_e=least,
    )
    return tiles, maps


def fit_tiles(tiles: list[Tile], maps: CameraMaps, settings: FitSettings) -> tuple[float, Rows]:
    """Return the processor seconds of fitting all candidates in one thread, and their rows."""
    fit = fit_of(settings, maps)
    start = time.thread_time()
    for number, tile in enumerate(tiles):
        fit.add(number, tile.images, tile.points)
    rows = fit.rows()
    return time.thread_time() - start, rows


def own_estimates(tiles: list[Tile], rows: Rows) -> Estimates:
    """Return what the rows say of each region."""
    centres = np.concatenate([tile.centres for tile in tiles])
    width_y = "sigma_y" if "sigma_y" in (rows.dtype.names or ()) else "sigma"
    return estimates_of(
        len(rows),
        errors_x=column(rows, "x_error"),
        x=rows["x"] - centres[:, 0],
        y=rows["y"] - centres[:, 1],
        photons=photons(rows),
        sigma_x=column(rows, "sigma"),
        sigma_y=column(rows, width_y),
        background=column(rows, "background"),
    )


def _as_frame(regions: NDArray[np.float32]) -> NDArray[np.float32]:
    side = regions.shape[1]
    grid = regions.reshape(ACROSS, ACROSS, side, side)
    return np.ascontiguousarray(grid.transpose(0, 2, 1, 3).reshape(ACROSS * side, ACROSS * side))
