"""Types of cameras, and the settings that follow from them."""

from __future__ import annotations

from pointillist.errors import SettingError
from pointillist.settings.analysis import map_name
from pointillist.settings.metadata import Metadata, Value, number

_WITHOUT_REGISTER = ("CCD", "sCMOS")

EMCCD_NOISE_FACTOR = 1.41
"""Excess noise of an EM register at high gain, sqrt(2), as PYME writes it."""


def values_of_type(settings: Metadata) -> dict[str, Value]:
    """Return the values that follow from the camera type.

    Parameters
    ----------
    settings
        Settings with or without ``Camera.Type``.

    Returns
    -------
    dict
        Settings that are missing and follow from the camera type; empty without a type.

    Raises
    ------
    SettingError
        If a value that is given contradicts the type.
    """
    camera_type = settings.get("Camera.Type")
    em_gain, noise_factor = number(settings, "Camera.TrueEMGain"), number(settings, "Camera.NoiseFactor")
    follows: dict[str, Value] = {}
    if camera_type in _WITHOUT_REGISTER:
        for name, value in (("Camera.TrueEMGain", em_gain), ("Camera.NoiseFactor", noise_factor)):
            if value not in (None, 1):
                raise SettingError(name, f"is {value:g}, but a {camera_type} has no EM register", f"give -s {name}=1")
        follows = {"Camera.TrueEMGain": 1.0, "Camera.NoiseFactor": 1.0}
    if camera_type == "EMCCD":
        if em_gain == 1 and noise_factor not in (None, 1):
            raise SettingError(
                "Camera.NoiseFactor", f"is {noise_factor:g} at an EM gain of 1", "give -s Camera.NoiseFactor=1"
            )
        if em_gain is not None and em_gain > 1 and noise_factor is not None and noise_factor <= 1:
            raise SettingError(
                "Camera.NoiseFactor",
                f"is {noise_factor:g}, but an EM register adds noise",
                f"give -s Camera.NoiseFactor={EMCCD_NOISE_FACTOR}",
            )
        if em_gain is not None:
            follows = {"Camera.NoiseFactor": EMCCD_NOISE_FACTOR if em_gain > 1 else 1.0}
    return {name: value for name, value in follows.items() if settings.get(name) is None}


def remarks_on_type(settings: Metadata, given: Metadata) -> list[str]:
    """Return remarks for the user on the camera type.

    Parameters
    ----------
    settings
        Settings from :func:`pointillist.settings.resolve`.
    given
        Values that followed from the camera type.
    """
    camera_type = settings.get("Camera.Type")
    remarks = [f"{name} is {value:g}, as for every {camera_type}" for name, value in given.items()]
    if camera_type == "sCMOS" and not map_name(settings, "Camera.VarianceMapID"):
        remarks.append("without Camera.VarianceMapID every pixel of the sCMOS counts as equally noisy")
    return remarks
