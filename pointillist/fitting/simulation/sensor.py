"""Simulated cameras: from photoelectrons to counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera import CameraModel
from pointillist.fitting.simulation.streams import Stream, generator

SATURATION_ADU = 65535

SCMOS_VARIANCE_MEDIAN_E2 = 2.2
SCMOS_VARIANCE_LOG_SPREAD = 0.4
SCMOS_HOT_FRACTION = 0.01
SCMOS_HOT_LOWEST_E2 = 100.0
SCMOS_HOT_HIGHEST_E2 = 1500.0
SCMOS_OFFSET_SPREAD_ADU = 2.5
SCMOS_GAIN_SPREAD = 0.03


def ccd(*, offset_adu: float = 100.0, electrons_per_adu: float = 0.46, read_noise_e: float = 1.6) -> CameraModel:
    """Return a camera with identical pixels.

    Parameters
    ----------
    offset_adu
        Dark signal, ADU.
    electrons_per_adu
        Photoelectrons per count, e-/ADU.
    read_noise_e
        Standard deviation of the readout, e-.
    """
    return CameraModel(electrons_per_adu=electrons_per_adu, offset_adu=offset_adu, read_variance_e2=read_noise_e**2)


def emccd(*, offset_adu: float = 100.0, electrons_per_adu: float = 10.0, em_gain: float = 100.0) -> CameraModel:
    """Return an EMCCD with 60 e- of read noise after its register.

    Parameters
    ----------
    offset_adu
        Dark signal, ADU.
    electrons_per_adu
        Electrons after the register per count, e-/ADU.
    em_gain
        Mean gain of the register, > 1.
    """
    return CameraModel(
        electrons_per_adu=electrons_per_adu,
        offset_adu=offset_adu,
        read_variance_e2=60.0**2,
        em_gain=em_gain,
        noise_factor=float(np.sqrt(2)),
    )


def scmos(frame_shape: tuple[int, int], seed: int, *, electrons_per_adu: float = 0.46) -> CameraModel:
    """Return an sCMOS camera, each pixel with an offset, a read noise and a gain of its own.

    Parameters
    ----------
    frame_shape
        Height and width of the sensor, px.
    seed
        Seed of the camera maps.
    electrons_per_adu
        Mean photoelectrons per count, e-/ADU.

    Notes
    -----
    Read variance is log-normal about 2.2 e-², but 100 to 1500 e-² in the 1 % of pixels that are hot; offsets
    spread by 2.5 ADU about 100, gains by 3 % about their mean.
    """
    rng = generator(seed, Stream.SENSOR)
    variance = SCMOS_VARIANCE_MEDIAN_E2 * np.exp(SCMOS_VARIANCE_LOG_SPREAD * rng.standard_normal(frame_shape))
    is_hot = rng.uniform(size=frame_shape) < SCMOS_HOT_FRACTION
    hot = np.exp(rng.uniform(np.log(SCMOS_HOT_LOWEST_E2), np.log(SCMOS_HOT_HIGHEST_E2), size=frame_shape))
    gain = 1.0 + SCMOS_GAIN_SPREAD * rng.standard_normal(frame_shape)
    return CameraModel(
        electrons_per_adu=electrons_per_adu,
        offset_adu=rng.normal(100.0, SCMOS_OFFSET_SPREAD_ADU, size=frame_shape).astype(np.float32),
        read_variance_e2=np.where(is_hot, hot, variance).astype(np.float32),
        flat_field=(gain.mean() / np.clip(gain, 0.5, None)).astype(np.float32),
    )


def read_out(photoelectrons: NDArray[np.int64], camera: CameraModel, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return the counts of a camera for the photoelectrons in its pixels.

    Parameters
    ----------
    photoelectrons
        Photoelectrons of one frame, ``(y, x)``.
    camera
        Camera model; with an EM gain above 1 the register multiplies each electron by an exponentially distributed
        number, so that ``n`` of them give a gamma-distributed one.
    rng
        Random number generator of this frame.

    Returns
    -------
    NDArray[np.uint16]
        Counts ``(y, x)``, rounded and clipped to 0 to 65535.
    """
    electrons = photoelectrons.astype(np.float32)
    if camera.em_gain > 1.0:
        electrons = rng.standard_gamma(electrons, dtype=np.float32) * np.float32(camera.em_gain)
    noise = rng.standard_normal(electrons.shape, dtype=np.float32) * np.sqrt(np.float32(camera.read_variance_e2))
    electrons += noise * np.float32(camera.flat_field)  # the readout does not know how a pixel responds to light
    response = np.float32(1.0 / camera.electrons_per_adu) / np.float32(camera.flat_field)
    counts = np.rint(electrons * response + np.float32(camera.offset_adu))
    return np.asarray(np.clip(counts, 0, SATURATION_ADU), dtype=np.uint16)
