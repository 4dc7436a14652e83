"""Settings of the size of a pixel."""

from __future__ import annotations

from pointillist.plugins import NUMBER, Confusion, Setting
from pointillist.settings.value_types import LENGTH_UNIT

_PIXEL_CONFUSIONS = (
    Confusion(
        question="is it a pixel of the camera's chip?", advice="then divide it by the magnification", low=2.2, high=30
    ),
    Confusion(question="is it in nm?", convert=lambda size: 1e-3 * size),
    Confusion(question="is it in mm?", convert=lambda size: 1e3 * size),
    Confusion(question="is it in m?", convert=lambda size: 1e6 * size),
    Confusion(
        question="is it a placeholder of a program that does not know it?",
        advice="then measure it",
        low=0.99,
        high=1.01,
    ),
)

PIXEL_SETTINGS = (
    *(
        Setting(
            name=f"voxelsize.{axis}",
            value_type=NUMBER,
            low=0.01,
            high=5,
            typical=(0.03, 0.8),
            confusions=_PIXEL_CONFUSIONS,
            unit="µm",
            help=f"{what} of a pixel in the sample.",
        )
        for axis, what in (("x", "Width"), ("y", "Height"))
    ),
    Setting(
        name="voxelsize.units",
        value_type=LENGTH_UNIT,
        help="Unit of the pixel sizes in the same file or source, such as nm or mm, if it is not µm.",
    ),
)
