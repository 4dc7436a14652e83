"""Simulated movies: frames and true emitters of any range."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from pointillist.fitting.camera import CameraModel
from pointillist.fitting.scoring import Truth
from pointillist.fitting.simulation.blinking import Blinking, emitters_in
from pointillist.fitting.simulation.sensor import ccd, read_out
from pointillist.fitting.simulation.shot_noise import PoissonTable
from pointillist.fitting.simulation.streams import Stream, generator
from pointillist.fitting.simulation.structures import Field, Structure

REACH_IN_SIGMAS = 5.0
"""Half-width of the patch of a spot, standard deviations; 6e-7 of the light is outside."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The sample and the optics of a simulation.

    Parameters
    ----------
    frame_shape
        Height and width of a frame, px.
    structure
        Structure on which the emitters lie; None distributes them uniformly, 10 px off the edges.
    blinking
        Statistics of the blinking.
    psf_sigma_px
        Standard deviation of the Gaussian spot, before the pixels integrate it, px, > 0.
    background
        Mean background, photoelectrons per px and frame, >= 0.
    background_slope
        Background at the right edge less that at the left, as a fraction of its mean, between -2 and 2.
    """

    frame_shape: tuple[int, int] = (256, 256)
    structure: Structure | None = None
    blinking: Blinking = field(default_factory=Blinking)
    psf_sigma_px: float = 1.3
    background: float = 50.0
    background_slope: float = 0.0

    def background_at(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the background at columns ``x`` [px], photoelectrons per px."""
        width = self.frame_shape[1]
        return np.asarray(self.background * (1 + self.background_slope * ((x + 0.5) / width - 0.5)))


class Simulation:
    """A movie whose frames are computed on request.

    Parameters
    ----------
    scene
        Sample and optics.
    camera
        Camera model.
    seed
        Seed of all random numbers, >= 0.

    Raises
    ------
    ValueError
        If the seed, the width of the spot, the brightness or the background is out of range.

    Notes
    -----
    Each frame has random streams of its own, so that the movie is the same in whatever blocks it is computed,
    and blocks can be computed side by side.
    """

    def __init__(self, scene: Scene, camera: CameraModel | None = None, seed: int = 0) -> None:
        _check(scene, seed)
        self.scene = scene
        self.camera = camera or ccd()
        self.seed = seed
        self._structure = scene.structure or Field(
            frame_shape=scene.frame_shape, margin_px=min(10.0, min(scene.frame_shape) / 4), pixel_size_nm=1.0
        )
        columns = scene.background_at(np.arange(scene.frame_shape[1], dtype=np.float64))
        self._flat = PoissonTable(float(columns.min())) if columns.min() > 0 else None
        self._slope = columns - columns.min()

    def emitters(self, start: int, stop: int) -> Truth:
        """Return the true emitters of the frames ``[start, stop)``, in order of frames."""
        rows = emitters_in(self.scene.blinking, self._structure, self.seed, start, stop)
        rows["sigma"] = self.scene.psf_sigma_px
        rows["background"] = self.scene.background_at(rows["x"])
        return rows

    def frames(self, start: int, stop: int) -> NDArray[np.uint16]:
        """Return the frames of ``[start, stop)``, ``(frame, y, x)``, ADU."""
        rows = self.emitters(start, stop)
        first = np.searchsorted(rows["frame"], np.arange(start, stop + 1))
        movie = np.empty((stop - start, *self.scene.frame_shape), dtype=np.uint16)
        for i in range(stop - start):
            movie[i] = self._frame(rows[first[i] : first[i + 1]], start + i)
        return movie

    def _frame(self, rows: Truth, number: int) -> NDArray[np.uint16]:
        rng = generator(self.seed, Stream.NOISE, number)
        shape = self.scene.frame_shape
        electrons = self._flat.draw(shape, rng) if self._flat else np.zeros(shape, dtype=np.int64)
        # Poisson counts add: light beyond the flat background is drawn only where there is some.
        excess = draw_spots(rows, shape) + self._slope
        has_light = excess > 0
        electrons[has_light] += rng.poisson(excess[has_light])
        return read_out(electrons, self.camera, rng)


def draw_spots(emitters: Truth, frame_shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the expected photoelectrons of the emitters of one frame, ``(y, x)``, without background.

    Parameters
    ----------
    emitters
        Emitters of the frame, all of one ``sigma``.
    frame_shape
        Height and width of the frame, px; light beyond it is lost.

    Returns
    -------
    NDArray[np.float64]
        Gaussians, integrated over each pixel, ``(y, x)``, photoelectrons.
    """
    image = np.zeros(frame_shape)
    if not len(emitters):
        return image
    half = int(np.ceil(REACH_IN_SIGMAS * emitters["sigma"].max())) + 1
    height, width = frame_shape
    padded = np.zeros((height + 2 * half, width + 2 * half))
    columns, fraction_x = _pixel_fractions(emitters["x"], emitters["sigma"], half, width)
    lines, fraction_y = _pixel_fractions(emitters["y"], emitters["sigma"], half, height)
    light = emitters["photons"][:, None, None] * fraction_y[:, :, None] * fraction_x[:, None, :]
    np.add.at(padded, (lines[:, :, None], columns[:, None, :]), light)
    image[:] = padded[half : half + height, half : half + width]
    return image


def _pixel_fractions(
    centre: NDArray[np.float64], sigma: NDArray[np.float64], half: int, length: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the pixels around each centre, on an axis padded by ``half``, and the light on each."""
    middle = np.clip(np.rint(centre).astype(np.intp), 0, length - 1)
    edges = middle[:, None] + np.arange(-half, half + 2) - 0.5
    integral = 0.5 * erf((edges - centre[:, None]) / (np.sqrt(2) * sigma[:, None]))
    return middle[:, None] + np.arange(2 * half + 1), np.diff(integral, axis=1)


def _check(scene: Scene, seed: int) -> None:
    if seed < 0:
        raise ValueError("the seed must not be negative")
    if not scene.psf_sigma_px > 0:
        raise ValueError("the width of the spots must be positive")
    if not scene.background >= 0 or not abs(scene.background_slope) <= 2:
        raise ValueError("the background must not be negative anywhere")
    blinking = scene.blinking
    if not blinking.photons > 0 or not blinking.emitters_per_frame >= 0 or not blinking.mean_on_frames >= 0:
        raise ValueError("photons must be positive, the number of emitters and their on-time not negative")
