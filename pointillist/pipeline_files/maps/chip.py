"""Position of a movie on the camera's chip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pointillist.errors import SettingError
from pointillist.settings import Metadata, map_settings, number


@dataclass(frozen=True, kw_only=True)
class Chip:
    """Position of the frames of a movie on the chip.

    Parameters
    ----------
    shape
        Height and width of the chip, ``(y, x)``, px.
    origin
        First row and column of the movie on the chip, from 0.
    frame_shape
        Height and width of the movie, ``(y, x)``, px.
    """

    shape: tuple[int, int]
    origin: tuple[int, int]
    frame_shape: tuple[int, int]

    @property
    def is_whole(self) -> bool:
        """Whether the movie shows the whole chip."""
        return self.shape == self.frame_shape

    def embed(self, part: NDArray[np.floating], around: float) -> NDArray[np.floating]:
        """Return an image of the chip with the movie's part where it belongs, and one value around it."""
        whole = np.full(self.shape, around, dtype=part.dtype)
        y, x = self.origin
        whole[y : y + self.frame_shape[0], x : x + self.frame_shape[1]] = part
        return whole


def chip_of(settings: Metadata, frame_shape: tuple[int, int]) -> Chip:
    """Return the position of a movie on its chip.

    Parameters
    ----------
    settings
        Settings with ``Camera.SensorWidth``, ``Camera.SensorHeight`` and the origin of the movie. A movie without them
        is taken for the whole chip.
    frame_shape
        Height and width of the movie, ``(y, x)``, px.

    Raises
    ------
    SettingError
        If the size of the chip is needed and missing, or the movie lies beyond it.
    """
    width, height = number(settings, "Camera.SensorWidth"), number(settings, "Camera.SensorHeight")
    x, y = map_settings(settings).origin
    if width is None or height is None:
        if x or y:
            raise SettingError(
                "Camera.SensorWidth, Camera.SensorHeight",
                f"missing, and the movie begins at pixel ({x}, {y}) of the chip",
                "give -s Camera.SensorWidth=PX -s Camera.SensorHeight=PX",
            )
        return Chip(shape=frame_shape, origin=(0, 0), frame_shape=frame_shape)
    shape = (int(height), int(width))
    if shape != frame_shape and (x is None or y is None):
        raise SettingError(
            "Camera.ROIOriginX, Camera.ROIOriginY",
            f"missing, and the movie shows {frame_shape[1]} x {frame_shape[0]} of {shape[1]} x {shape[0]} px",
            "give -s Camera.ROIOriginX=PX -s Camera.ROIOriginY=PX",
        )
    origin = (y or 0, x or 0)
    if any(first + n > there for first, n, there in zip(origin, frame_shape, shape, strict=True)):
        raise SettingError(
            "Camera.SensorWidth, Camera.SensorHeight",
            f"the movie ends at {origin[1] + frame_shape[1]} x {origin[0] + frame_shape[0]} px, the chip at "
            f"{shape[1]} x {shape[0]}",
            "correct the size of the chip, or Camera.ROIOriginX and Y",
        )
    return Chip(shape=shape, origin=origin, frame_shape=frame_shape)
