"""Numbers that are possible but implausible."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pointillist.settings.analysis import fit_settings, map_name
from pointillist.settings.metadata import Metadata, number
from pointillist.settings.schema import SETTINGS

REPLACED_BY_MAPS = {"Camera.ReadNoise": "Camera.VarianceMapID", "Camera.ADOffset": "Camera.DarkMapID"}
"""Numbers that have no effect where a map is in use, with the map."""

_SQUARE_TO = 1.3
_CLEAR_EM_GAIN, _LEAST_EXCESS = 3.0, 1.2
_HIGH_EM_GAIN, _LEAST_READ_NOISE_E, _LEAST_E_PER_ADU = 10.0, 3.0, 1.0
_MOST_READ_NOISE_E = {"sCMOS": 10.0, "CCD": 40.0}
_NARROWEST_PX, _ROI_LEAST_SIGMAS = 0.35, 1.2
_WIDE_ROI, _ROI_IN_SIGMAS = 7, 6.0
_HIGHEST_SNR_THRESHOLD = 20.0


def doubts(settings: Metadata) -> list[str]:
    """Return one line for each implausible number of an analysis.

    Parameters
    ----------
    settings
        Complete settings from :func:`pointillist.settings.resolve`.
    """
    return [*_single(settings), *(remark for check in _CHECKS for remark in check(settings))]


def _single(settings: Metadata) -> Iterator[str]:
    for name, setting in SETTINGS.items():
        value = number(settings, name)
        is_replaced = bool(map_name(settings, REPLACED_BY_MAPS.get(name, "")))
        if value is not None and not is_replaced and (doubt := setting.doubt(value)):
            yield doubt


def _pixel(settings: Metadata) -> Iterator[str]:
    x, y = _given(settings, "voxelsize.x"), _given(settings, "voxelsize.y")
    if not 1 / _SQUARE_TO < y / x < _SQUARE_TO:
        yield f"voxelsize.x is {x:g} µm, voxelsize.y {y:g} µm; pixels are square, unless they are binned along one axis"


def _em_register(settings: Metadata) -> Iterator[str]:
    em_gain, excess = _given(settings, "Camera.TrueEMGain"), _given(settings, "Camera.NoiseFactor")
    if em_gain > _CLEAR_EM_GAIN and excess < _LEAST_EXCESS:
        yield f"Camera.NoiseFactor is {excess:g} at an EM gain of {em_gain:g}; a register adds noise: it is 1.41 there"
    if em_gain == 1 and excess > _LEAST_EXCESS:
        yield (
            f"Camera.NoiseFactor is {excess:g} at an EM gain of 1; without a register it is 1, with one "
            "Camera.TrueEMGain is its gain"
        )
    e_per_adu = _given(settings, "Camera.ElectronsPerCount")
    if em_gain >= _HIGH_EM_GAIN and e_per_adu < _LEAST_E_PER_ADU:
        yield (
            f"Camera.ElectronsPerCount is {e_per_adu:g} e-/ADU at an EM gain of {em_gain:g}; is it divided by the gain "
            f"already? it is that after the register: then give {e_per_adu * em_gain:.5g}"
        )


def _read_noise(settings: Metadata) -> Iterator[str]:
    noise, em_gain = number(settings, "Camera.ReadNoise"), _given(settings, "Camera.TrueEMGain")
    if not noise or map_name(settings, "Camera.VarianceMapID"):
        return
    if em_gain >= _HIGH_EM_GAIN and noise < _LEAST_READ_NOISE_E:
        yield (
            f"Camera.ReadNoise is {noise:g} e- at an EM gain of {em_gain:g}; is it divided by the gain already? it is "
            f"that after the register, of 20 to 300 e-: then give {noise * em_gain:.5g}"
        )
    camera_type = str(settings.get("Camera.Type"))
    if noise > _MOST_READ_NOISE_E.get(camera_type, noise):
        yield f"Camera.ReadNoise is {noise:g} e-, too much for a {camera_type}; is it its square, or in ADU?"


def _times(settings: Metadata) -> Iterator[str]:
    exposure, cycle = number(settings, "Camera.IntegrationTime"), number(settings, "Camera.CycleTime")
    if exposure and cycle and exposure > 1.1 * cycle:
        yield (
            f"Camera.IntegrationTime is {exposure:g} s, longer than Camera.CycleTime={cycle:g} s; both are in s, "
            "and the exposure is a part of the cycle"
        )


def _widths(settings: Metadata) -> Iterator[str]:
    fit = fit_settings(settings)
    sigma, half = fit.psf_sigma_px, fit.roi_half_size
    width = f"Analysis.PSFSigmaGuess={_given(settings, 'Analysis.PSFSigmaGuess'):g} nm is {sigma:.2g} px"
    if sigma < _NARROWEST_PX:
        yield f"{width}, too narrow for a fit; check it, and voxelsize.x"
    if _ROI_LEAST_SIGMAS * sigma > half:
        yield f"{width}, too wide for Analysis.ROISize={half}; check it, and voxelsize.x, or fit a larger region"
    if fit.fit_module != "AstigGaussFitFR" and half >= _WIDE_ROI and half > _ROI_IN_SIGMAS * sigma:
        yield (
            f"Analysis.ROISize={half} fits {2 * half + 1} x {2 * half + 1} px, much for spots of {sigma:.2g} px "
            f"(sigma); is it the whole width? then give {half // 2}"
        )


def _threshold(settings: Metadata) -> Iterator[str]:
    if settings["Analysis.Detector"] == "local-maximum":
        return
    threshold = _given(settings, "Analysis.DetectionThreshold")
    shown = f"Analysis.DetectionThreshold is {threshold:g}"
    if fit_settings(settings).is_snr_threshold:
        if threshold > _HIGHEST_SNR_THRESHOLD:
            yield f"{shown} times the noise, mostly it is near 1; if it is in ADU, give Analysis.SNRThreshold=False"
        return
    noise_adu = (number(settings, "Camera.ReadNoise") or 0) / _given(settings, "Camera.ElectronsPerCount")
    if threshold < 0.25 * noise_adu:
        yield (
            f"{shown} ADU, within the read noise of {noise_adu:.2g} ADU; if it is in units of the noise, "
            "give Analysis.SNRThreshold=True"
        )


def _background(settings: Metadata) -> Iterator[str]:
    edges = settings["Analysis.BGRange"]
    start, stop = edges if isinstance(edges, list | tuple) else (0, 0)
    if isinstance(start, int) and isinstance(stop, int) and 0 <= start < stop:
        yield (
            f"Analysis.BGRange={start}:{stop} takes the background from frames after each; frames before it are "
            f"negative, -{stop}:{-start or 0}"
        )


_CHECKS: tuple[Callable[[Metadata], Iterator[str]], ...] = (
    _pixel,
    _em_register,
    _read_noise,
    _times,
    _widths,
    _threshold,
    _background,
)


def _given(settings: Metadata, name: str) -> float:
    value = number(settings, name)
    return float("nan") if value is None else value
