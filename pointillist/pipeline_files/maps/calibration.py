"""Calibration of a camera from movies of darkness and of light."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pointillist.errors import MovieError, SettingError
from pointillist.fitting.camera import (
    BLEMISH_VARIANCE_E2,
    DARK_THRESHOLD_ADU,
    VARIANCE_THRESHOLD_E2,
    FlatField,
    Image,
    Mask,
    Moments,
    PhotonTransfer,
    PixelStatistics,
    find_blemishes,
    measure_flat_field,
    measure_photon_transfer,
)
from pointillist.pipeline_files.movies import Movie
from pointillist.settings import Metadata, Value, number

BLOCK_BYTES = 2**27
MOST_FRAMES_AT_A_TIME = 64
"""Frames are read in blocks of this size, or one by one if they are larger."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraCalibration:
    """Maps of a camera for the region that the movies show.

    Parameters
    ----------
    electrons_per_adu
        Gain, electrons after an EM register per ADU, either measured or from the settings.
    offset_adu, variance_e2
        Offset (ADU) and variance (e-²), ``(y, x)``; 1e8 e-² in blemished pixels.
    flat_field
        Factors around 1, ``(y, x)``; None if no movie measured them.
    is_blemished
        Mask ``(y, x)`` of unusable pixels.
    response
        Response of the pixels to even light; None without a movie of it.
    transfer
        Photon transfer from movies at several light levels; None without such movies.
    n_dark_frames
        Number of frames of the dark movie.
    """

    electrons_per_adu: float
    offset_adu: Image
    variance_e2: Image
    flat_field: Image | None
    is_blemished: Mask
    response: FlatField | None
    transfer: PhotonTransfer | None
    n_dark_frames: int

    @property
    def electrons_per_adu_error(self) -> float:
        """Standard error of the measured gain; NaN if it was not measured."""
        if self.transfer is None:
            return float("nan")
        return self.electrons_per_adu * self.transfer.slope_error_adu / self.transfer.slope_adu

    def pixel_gains(self) -> tuple[Image, Image]:
        """Return the gain of each pixel as measured, e-/ADU, and its standard error; NaN where nothing was measured."""
        if self.transfer is None:
            nothing = np.full_like(self.offset_adu, np.nan)
            return nothing, nothing
        slope = np.where(self.transfer.pixel_slope_adu > 0, self.transfer.pixel_slope_adu, np.nan)
        gain = self.electrons_per_adu * self.transfer.slope_adu / slope
        return gain, gain * self.transfer.pixel_slope_error_adu / slope

    @property
    def read_noise_e(self) -> float:
        """Root of the median variance, e-."""
        return float(np.sqrt(np.median(self.variance_e2)))


def measure_pixels(
    movie: Movie, span: tuple[int, int | None], show: Callable[[int], None] | None = None
) -> PixelStatistics:
    """Measure the pixels of a movie in one pass.

    Parameters
    ----------
    movie
        Open movie of any length; memory is bounded by a few frames and 128 MB.
    span
        First frame, and the frame before which to stop; None for the end.
    show
        Callback that receives the number of frames done.

    Raises
    ------
    MovieError
        If there are fewer than two frames.
    """
    start, stop = span
    stop = movie.n_frames if stop is None else min(stop, movie.n_frames)
    if stop - start < 2:
        raise MovieError(movie.path, f"has {max(stop - start, 0)} frames to measure", "give a movie of two or more")
    frame_bytes = int(np.prod(movie.frame_shape)) * movie.dtype.itemsize
    step = max(1, min(MOST_FRAMES_AT_A_TIME, BLOCK_BYTES // frame_bytes))
    moments = Moments(movie.frame_shape)
    for first in range(start, stop, step):
        moments.add(movie.read(first, min(first + step, stop)))
        if show is not None:
            show(min(first + step, stop) - start)
    return moments.statistics()


def calibrate(
    dark: PixelStatistics, flat: PixelStatistics | None, lights: Sequence[PixelStatistics], settings: Metadata
) -> CameraCalibration:
    """Combine the measurements of the movies.

    Parameters
    ----------
    dark
        Statistics of the dark movie.
    flat
        Statistics of a movie of even light; None without one.
    lights
        Statistics of movies at several levels of steady light.
    settings
        Camera settings; ``Camera.ElectronsPerCount`` is needed unless there are `lights`.

    Returns
    -------
    CameraCalibration
        Calibration whose flat field comes from even light, else from the pixels' gains. Its variances are PYME's,
        before the flat field: ``variance * electrons_per_adu²``.

    Raises
    ------
    SettingError
        If the gain is neither measured nor given.
    ValueError
        If a movie of light is no brighter than the dark.
    """
    em_gain = number(settings, "Camera.TrueEMGain") or 1.0
    excess = (number(settings, "Camera.NoiseFactor") or 1.0) ** 2
    offset = np.where(np.isfinite(dark.mean), dark.mean, np.nanmedian(dark.mean))
    stated_gain = number(settings, "Camera.ElectronsPerCount")
    is_useless = find_blemishes(dark.mean, dark.variance * (stated_gain or 1.0) ** 2)
    transfer = measure_photon_transfer(dark, lights, is_useless, excess) if lights else None
    e_per_adu = excess * em_gain / transfer.slope_adu if transfer is not None else stated_gain
    if e_per_adu is None:
        raise SettingError(
            "Camera.ElectronsPerCount",
            "missing",
            "give -s Camera.ElectronsPerCount=<e-/ADU>, or measure it with --photon-transfer",
        )
    is_useless = find_blemishes(dark.mean, dark.variance * e_per_adu**2)
    response = measure_flat_field(flat, dark, is_useless) if flat is not None else None
    factors: Image | None = None
    if response is not None:
        factors, is_useless = response.factor, is_useless | response.is_dead
    elif transfer is not None:
        factors = transfer.slope_adu / transfer.best_slope_adu
    variance = dark.variance * e_per_adu**2
    return CameraCalibration(
        electrons_per_adu=e_per_adu,
        offset_adu=offset,
        variance_e2=np.where(is_useless, BLEMISH_VARIANCE_E2, variance),
        flat_field=factors,
        is_blemished=is_useless,
        response=response,
        transfer=transfer,
        n_dark_frames=dark.n_frames,
    )


def describe_calibration(calibration: CameraCalibration) -> dict[str, Value]:
    """Return the metadata of every map of a calibration, by PYME's names.

    Parameters
    ----------
    calibration
        Calibration from :func:`calibrate`.
    """
    described: dict[str, Value] = {
        "CameraMap.DarkThreshold": DARK_THRESHOLD_ADU,
        "CameraMap.VarianceThreshold": VARIANCE_THRESHOLD_E2,
        "CameraMap.BlemishVariance": BLEMISH_VARIANCE_E2,
        "CameraMap.NBadPixels": int(calibration.is_blemished.sum()),
        "Camera.ElectronsPerCount": calibration.electrons_per_adu,
    }
    if calibration.transfer is not None:
        described["CameraMap.ElectronsPerCountError"] = calibration.electrons_per_adu_error
    return described
