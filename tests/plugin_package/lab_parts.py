"""A package of a laboratory: a background, a detector and a fit of its own, one class each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting import (
    REGION,
    ROI_SIZE,
    THRESHOLD,
    FitSettings,
    Rows,
    blank_rows,
    join_rows,
    localization_dtype,
)
from pointillist.fitting.backgrounds import WindowMethod
from pointillist.fitting.camera import CameraMaps
from pointillist.fitting.detection import BORDER_PX, DetectionMethod, RawFrame
from pointillist.fitting.estimation import FitModule, FrameImages
from pointillist.plugins import WHOLE_NUMBER, Setting


@dataclass(frozen=True, kw_only=True)
class Minimum(WindowMethod):
    """The minimum of the frames before, which no molecule raises unless it stays on for all of them."""

    code: ClassVar[str] = "minimum"
    summary: ClassVar[str] = "the minimum of the frames before"

    size: int = 10

    def ends(self, frame: int, n_movie_frames: int) -> tuple[int, int]:
        """Return the window of a frame."""
        del n_movie_frames
        return frame - self.size, frame

    def image(self, frames: NDArray[Any]) -> NDArray[np.float32]:
        """Return the background of a window."""
        return np.asarray(frames.min(axis=0), np.float32)


MARGIN = Setting(
    name="Analysis.BrightestMargin",
    value_type=WHOLE_NUMBER,
    default=BORDER_PX,
    low=BORDER_PX,
    unit="px",
    help="Width of the edge of the frame in which the detector brightest finds nothing.",
)


class Brightest:
    """The brightest pixel of each frame, if it is bright enough."""

    def __init__(self, settings: FitSettings, camera: CameraMaps) -> None:
        self._settings, self._camera = settings, camera
        self.filtered = np.zeros(camera.read_variance_e2.shape, np.float32)

    def find(self, frame: RawFrame) -> NDArray[np.float32]:
        """Find one candidate, or none."""
        counts = frame.counts.astype(np.float32)
        self.filtered = counts - (0 if frame.background is None else frame.background)
        margin = self._settings.value(MARGIN)
        inside = self.filtered[margin:-margin, margin:-margin]
        y, x = np.unravel_index(int(inside.argmax()), inside.shape)
        value = inside[y, x]
        found = [(x + margin, y + margin, value)] if value > self._settings.detection_threshold else []
        return np.array(found, np.float32).reshape(-1, 3)

    def threshold(self, variance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the threshold of each pixel."""
        return np.full_like(variance, self._settings.detection_threshold)


BRIGHTEST = DetectionMethod(
    summary="the brightest pixel of each frame", detector=Brightest, threshold=THRESHOLD, settings=(MARGIN,)
)


class Pixel:
    """No fit: the candidate's own pixel."""

    needs_background = needs_variance = False

    def __init__(self, settings: FitSettings, camera: CameraMaps) -> None:
        self._shape, self._half_size = camera.read_variance_e2.shape, settings.roi_half_size
        self.dtype = PIXEL.dtype
        self._rows: list[Rows] = []

    def add(self, frame: int, images: FrameImages, points: NDArray[np.float32]) -> None:
        """Add the candidates of a frame."""
        rows = blank_rows(len(points), self.dtype)
        rows["frame"], rows["x"], rows["y"] = frame, points[:, 0], points[:, 1]
        for axis, centre in zip("yx", points[:, 1::-1].astype(int).T, strict=True):
            length = self._shape["yx".index(axis)]
            rows[f"roi_{axis}_start"] = np.maximum(centre - self._half_size, 0)
            rows[f"roi_{axis}_stop"] = np.minimum(centre + self._half_size + 1, length)
        rows["amplitude"] = images.photoelectrons[points[:, 1].astype(int), points[:, 0].astype(int)]
        self._rows.append(rows)

    def rows(self) -> Rows:
        """Return the rows since the last call."""
        rows, self._rows = self._rows, []
        return join_rows(rows, self.dtype)


PIXEL = FitModule(
    summary="no fit: the candidate's own pixel",
    fit=Pixel,
    dtype=localization_dtype(("amplitude", "x", "y"), REGION, has_errors=False),
    estimators=(),
    backgrounds=(),
    has_free_width=False,
    settings=(ROI_SIZE,),
)
