"""Kinds of cameras: which values must be given, and which follow from the kind."""

from __future__ import annotations

from pointillist.errors import SettingError
from pointillist.settings.analysis import map_name
from pointillist.settings.metadata import Metadata, Value, number

_WITHOUT_REGISTER = ("CCD", "sCMOS")

EMCCD_NOISE_FACTOR = 1.41
"""Excess noise of an EM register at high gain, sqrt(2), as PYME writes it."""


def values_of_type(settings: Metadata) -> dict[str, Value]:
    """Return the values that follow from the kind of camera.

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
        If a value that is given contradicts the kind.
    """
    kind = settings.get("Camera.Type")
    em_gain, noise_factor = number(settings, "Camera.TrueEMGain"), number(settings, "Camera.NoiseFactor")
    follows: dict[str, Value] = {}
    if kind in _WITHOUT_REGISTER:
        for name, value in (("Camera.TrueEMGain", em_gain), ("Camera.NoiseFactor", noise_factor)):
            if value not in (None, 1):
                raise SettingError(name, f"is {value:g}, but a {kind} has no EM register", f"give -s {name}=1")
        follows = {"Camera.TrueEMGain": 1.0, "Camera.NoiseFactor": 1.0}
    if kind == "EMCCD":
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
    """Return what the user should know of the kind of camera.

    Parameters
    ----------
    settings
        Settings from :func:`pointillist.settings.resolve`.
    given
        Values that followed from the camera type.
    """
    kind = settings.get("Camera.Type")
    remarks = [f"{name} is {value:g}, as for every {kind}" for name, value in given.items()]
    if kind == "sCMOS" and not map_name(settings, "Camera.VarianceMapID"):
        remarks.append("without Camera.VarianceMapID every pixel of the sCMOS counts as equally noisy")
    return remarks
