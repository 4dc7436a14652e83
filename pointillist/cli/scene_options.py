"""The options of ``simulate`` that say what the camera looks at, and which camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import click

from pointillist.cli.parameter_types import FrameSize

if TYPE_CHECKING:
    from collections.abc import Callable

    from pointillist.fitting.camera import CameraModel
    from pointillist.fitting.simulation import Scene, Structure

Command = TypeVar("Command", bound="Callable[..., object]")

NOT_NEGATIVE = click.FloatRange(min=0)
POSITIVE = click.FloatRange(min=0, min_open=True)

_OPTIONS = (
    click.option("--frames", type=click.IntRange(min=1), default=1000, help="Number of frames."),
    click.option("--size", type=FrameSize(), default="256", help="Frame size in px: one number, or WIDTHxHEIGHT."),
    click.option(
        "--seed",
        type=click.IntRange(min=0),
        default=0,
        help="Seed of the random numbers; equal seeds give equal movies.",
    ),
    click.option(
        "--structure",
        type=click.Choice(["uniform", "filaments", "pores"]),
        default="uniform",
        help="Arrangement of the emitters: anywhere, on filaments, or on rings like nuclear pores.",
    ),
    click.option(
        "--structures",
        type=click.IntRange(min=1),
        show_default="12 or 300",
        help="Number of filaments or pores.",
    ),
    click.option("--margin", type=NOT_NEGATIVE, default=10, help="Width of the border without emitters, px."),
    click.option(
        "--emitters", type=NOT_NEGATIVE, default=30, help="Mean number of emitters that are on in each frame."
    ),
    click.option(
        "--on-time",
        type=NOT_NEGATIVE,
        default=0,
        help="Mean of the exponentially distributed on-time, in frames; 0: each emitter is on for one whole frame.",
    ),
    click.option(
        "--photons", type=POSITIVE, default=1000, help="Median number of photoelectrons per emitter and frame."
    ),
    click.option(
        "--photon-spread",
        type=NOT_NEGATIVE,
        default=0,
        help="Spread of the emitters' brightness: standard deviation of the natural logarithm of their photons; 0: all "
        "are equally bright.",
    ),
    click.option("--sigma", type=POSITIVE, default=130, help="Standard deviation of the Gaussian PSF, nm."),
    click.option("--pixel-size", type=POSITIVE, default=100, help="Pixel size in the sample, nm."),
    click.option("--background", type=NOT_NEGATIVE, default=50, help="Background, photoelectrons per px and frame."),
    click.option(
        "--background-slope",
        type=click.FloatRange(-2, 2),
        default=0,
        help="Change of the background from the left to the right edge, as a fraction of it.",
    ),
    click.option(
        "--camera",
        type=click.Choice(["ccd", "emccd", "scmos"]),
        default="ccd",
        help="Camera type. With scmos every pixel has its own offset, read noise and gain, and 1 % of the pixels are "
        "hot.",
    ),
    click.option("--offset", type=float, default=100, help="Offset of ccd and emccd, ADU."),
    click.option(
        "--electrons-per-count",
        type=POSITIVE,
        show_default="0.46; emccd: 10",
        help="Electrons per ADU; for emccd counted after the EM register.",
    ),
    click.option("--read-noise", type=NOT_NEGATIVE, default=1.6, help="Read noise of the ccd, electrons rms."),
    click.option("--em-gain", type=click.FloatRange(min=1, min_open=True), default=100, help="EM gain of the emccd."),
)


@dataclass(frozen=True, kw_only=True)
class SceneOptions:
    """What the user asked for; see the help of each option."""

    frames: int
    size: tuple[int, int]
    seed: int
    structure: str
    structures: int | None
    margin: float
    emitters: float
    on_time: float
    photons: float
    photon_spread: float
    sigma: float
    pixel_size: float
    background: float
    background_slope: float
    camera: str
    offset: float
    electrons_per_count: float | None
    read_noise: float
    em_gain: float

    def scene(self) -> Scene:
        """Return what the camera looks at."""
        from pointillist.fitting.simulation import Blinking, Scene

        return Scene(
            frame_shape=self.size,
            structure=self._structure(),
            blinking=Blinking(
                emitters_per_frame=self.emitters,
                mean_on_frames=self.on_time,
                photons=self.photons,
                photon_spread=self.photon_spread,
            ),
            psf_sigma_px=self.sigma / self.pixel_size,
            background=self.background,
            background_slope=self.background_slope,
        )

    def _structure(self) -> Structure:
        from pointillist.fitting.simulation import Field, Stream, draw_filaments, draw_rings, generator

        field = Field(
            frame_shape=self.size,
            margin_px=min(self.margin, min(self.size) / 2 - 1),
            pixel_size_nm=self.pixel_size,
        )
        rng = generator(self.seed, Stream.STRUCTURE)
        if self.structure == "filaments":
            return draw_filaments(field, self.structures or 12, rng)
        if self.structure == "pores":
            return draw_rings(field, self.structures or 300, rng)
        return field

    def camera_model(self) -> CameraModel:
        """Return the camera."""
        from pointillist.fitting.simulation import ccd, emccd, scmos

        if self.camera == "scmos":
            return scmos(self.size, self.seed, electrons_per_adu=self.electrons_per_count or 0.46)
        if self.camera == "emccd":
            return emccd(
                offset_adu=self.offset,
                electrons_per_adu=self.electrons_per_count or 10.0,
                em_gain=self.em_gain,
            )
        return ccd(
            offset_adu=self.offset,
            electrons_per_adu=self.electrons_per_count or 0.46,
            read_noise_e=self.read_noise,
        )


def scene_options(command: Command) -> Command:
    """Add the options of a scene to a command, in the order in which they stand here."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
