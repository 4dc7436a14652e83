"""LatObjFindFR and LatFitCOIR: positions without a fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera import CameraMaps
from pointillist.fitting.estimation._centroid_kernels import centre_regions, clip_regions, span_regions
from pointillist.fitting.estimation.fit import FrameImages
from pointillist.fitting.estimation.modules import MODULES
from pointillist.fitting.localizations import REGION, Rows, blank_rows, join_rows
from pointillist.fitting.settings import FitSettings


class _Positions:
    """Rows with their regions, for fit modules without a fit."""

    needs_background = needs_variance = False

    def __init__(self, settings: FitSettings, camera: CameraMaps) -> None:
        del camera
        self.dtype = MODULES[settings.fit_module].dtype
        self._half_size = settings.roi_half_size
        self._rows: list[Rows] = []

    def rows(self) -> Rows:
        """Return the rows since the last call."""
        rows, self._rows = self._rows, []
        return join_rows(rows, self.dtype)

    def _add_rows(self, frame: int, images: FrameImages, points: NDArray[np.float32]) -> tuple[Rows, NDArray[np.int32]]:
        regions = np.empty((len(points), 4), np.int32)
        height, width = images.photoelectrons.shape
        clip_regions(points, self._half_size, (height, width), regions)
        rows = blank_rows(len(points), self.dtype)
        rows["frame"] = frame
        for column, name in enumerate(REGION):
            rows[name] = regions[:, column]
        self._rows.append(rows)
        return rows, regions


class DetectedPoint(_Positions):
    """LatObjFindFR: the candidates, where they were detected.

    Parameters
    ----------
    settings
        Settings of the analysis, of which the size of the region is used.
    camera
        Camera maps, without effect.

    Notes
    -----
    The amplitude is the largest less the least pixel of the region, the background the least; nothing is subtracted.
    """

    def add(self, frame: int, images: FrameImages, points: NDArray[np.float32]) -> None:
        """Add the candidates of a frame, ``(candidate, 3)``, x and y first in px."""
        rows, regions = self._add_rows(frame, images, points)
        spans = np.empty((len(points), 2), np.float32)
        span_regions(images.photoelectrons, regions, spans)
        rows["x"], rows["y"] = points[:, 0], points[:, 1]
        rows["background"], rows["amplitude"] = spans[:, 0], spans[:, 1] - spans[:, 0]


class Centroid(_Positions):
    """LatFitCOIR: the centre of what exceeds half of the maximum of the region.

    Parameters
    ----------
    settings
        Settings of the analysis, of which the size of the region and the background subtraction are used.
    camera
        Camera maps, without effect.

    Notes
    -----
    With the light ``I = max(d - min(d) - (max(d) - min(d)) / 2, 0)`` of the region's pixels ``d``, the centre is
    ``sum(x I) / sum(I)`` and the half-width ``sum(max(x - centre, 0) I) / sum(I)``, and so along y. The half-widths to
    the left and to the right, which PYME stores both, are the same by the definition of the centre.

    A region whose pixels are all alike has no light; its centre is that of the candidate, its widths are NaN.
    """

    def __init__(self, settings: FitSettings, camera: CameraMaps) -> None:
        super().__init__(settings, camera)
        self.needs_background = settings.is_background_subtracted

    def add(self, frame: int, images: FrameImages, points: NDArray[np.float32]) -> None:
        """Add the candidates of a frame, ``(candidate, 3)``, x and y first in px."""
        rows, regions = self._add_rows(frame, images, points)
        subtracted = images.background if self.needs_background else np.zeros_like(images.photoelectrons)
        centres = np.empty((len(points), 5), np.float32)
        centre_regions(images.photoelectrons, subtracted, regions, centres)
        for column, name in enumerate(("light", "x", "y", "half_width_x", "half_width_y")):
            rows[name] = centres[:, column]
        is_dark = centres[:, 0] == 0
        rows["x"][is_dark], rows["y"][is_dark] = points[is_dark, 0], points[is_dark, 1]
