"""Settings of an analysis, from the user, a file, the movie and defaults."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from pointillist.errors import SettingError
from pointillist.fitting import (
    BACKGROUND_MODEL,
    FIELDS,
    FIT_BACKGROUND,
    PSF_SIGMA,
    ROI_SIZE,
    SNR_THRESHOLD,
    FitSettings,
    settings_of,
)
from pointillist.fitting.estimation import MODULES
from pointillist.plugins import Setting
from pointillist.settings.background_settings import (
    PYME_BACKGROUND_SETTINGS,
    background,
    background_settings,
    needs_cycle_time,
)
from pointillist.settings.given_settings import given_settings, unaliased
from pointillist.settings.known_names import unknown_settings
from pointillist.settings.metadata import Metadata, Value, number
from pointillist.settings.pixel_size import PIXEL_UNITS_NAME, in_micrometres, merge_metadata
from pointillist.settings.schema import SETTINGS

_MAP_DIGEST = "Pointillist.MapDigest."

STORAGE = "Pointillist.Storage."
"""Beginning of the names of settings that say how images are stored."""


def resolve(
    movie_metadata: Metadata, settings_file: Path | None = None, overrides: Sequence[str] | Metadata = ()
) -> dict[str, Value]:
    """Merge the settings of the user, a file and the movie with PYME's defaults.

    Parameters
    ----------
    movie_metadata
        Metadata of the movie, by dotted key.
    settings_file
        Path of a JSON or YAML file, which overrides the movie.
    overrides
        Texts ``KEY=VALUE``, or values by name, each of its setting's type or text; they override everything else.

    Returns
    -------
    dict
        Metadata of the movie and effective settings, by dotted key, each of its type.

    Raises
    ------
    SettingError
        If a setting does not exist, is of the wrong type, or out of range.

    Notes
    -----
    ``EstimatedLaserOnFrameNo`` is ``Protocol.DataStartsAt`` where it is missing, else 0. ``Analysis.Background`` is the
    effective method, whichever setting states it, and ``Analysis.BGRange`` and ``Analysis.PCTBackground`` are the
    closest to it.
    """
    return resolve_with_remarks(movie_metadata, settings_file, overrides)[0]


def resolve_with_remarks(
    movie_metadata: Metadata, settings_file: Path | None = None, overrides: Sequence[str] | Metadata = ()
) -> tuple[dict[str, Value], list[str]]:
    """Resolve settings as :func:`resolve`, and report conversions.

    Parameters
    ----------
    movie_metadata, settings_file, overrides
        Sources as for :func:`resolve`.

    Returns
    -------
    tuple
        Settings as from :func:`resolve`, and remarks on names that are no settings, and on pixel sizes not in µm.
    """
    given, remarks = given_settings(settings_file, overrides)
    recorded = unaliased(movie_metadata)
    remarks += unknown_settings(recorded)
    if PYME_BACKGROUND_SETTINGS & given.keys():
        recorded.pop("Analysis.Background", None)
    chosen, of_both = merge_metadata(given, recorded)
    chosen, of_movie = in_micrometres(chosen)
    settings = normalised({**_defaults(chosen), **chosen})
    settings.setdefault("EstimatedLaserOnFrameNo", settings.get("Protocol.DataStartsAt", 0))
    return {**settings, **background_settings(settings)}, [*remarks, *of_both, *of_movie]


def _defaults(chosen: Metadata) -> dict[str, Value]:
    """Return PYME's defaults; that of the region depends on the fit module."""
    defaults: dict[str, Value] = {
        name: setting.default for name, setting in SETTINGS.items() if setting.default is not None
    }
    module = MODULES.get(str(chosen.get("Analysis.FitModule")))
    if module is not None:
        defaults[ROI_SIZE.name] = module.roi_half_size
    return defaults


def normalised(settings: Metadata) -> dict[str, Value]:
    """Convert each setting to its type, since a message turns tuples into lists.

    Parameters
    ----------
    settings
        Metadata by dotted key.

    Returns
    -------
    dict
        Same entries, each of its type.

    Raises
    ------
    SettingError
        If one is of the wrong type, or out of range.
    """
    return {name: SETTINGS[name].parse(value) if name in SETTINGS else value for name, value in settings.items()}


def missing_settings(settings: Metadata) -> list[Setting]:
    """Return the settings that have no default and are missing.

    Parameters
    ----------
    settings
        Settings from :func:`resolve`.

    Returns
    -------
    list of Setting
        Settings to ask for; empty if the analysis can begin.
    """
    needed = ["voxelsize.x", "voxelsize.y", "Camera.ElectronsPerCount", "Camera.TrueEMGain", "Camera.NoiseFactor"]
    if not map_name(settings, "Camera.VarianceMapID"):
        needed.append("Camera.ReadNoise")
    if not map_name(settings, "Camera.DarkMapID"):
        needed.append("Camera.ADOffset")
    if needs_cycle_time(settings):
        needed.append("Camera.CycleTime")
    return [SETTINGS[name] for name in needed if settings.get(name) is None]


def check_complete(settings: Metadata) -> None:
    """Refuse settings that are incomplete, naming all that is missing.

    Parameters
    ----------
    settings
        Settings from :func:`resolve`.

    Raises
    ------
    SettingError
        If something is missing, with advice on how to give it.
    """
    missing = missing_settings(settings)
    if missing:
        options = " ".join(f"-s {setting.name}=<{setting.unit or 'number'}>" for setting in missing)
        raise SettingError(
            ", ".join(setting.name for setting in missing),
            "missing" if len(missing) == 1 else "all missing",
            f"give {options}, or write them into a .json or .yaml file beside the movie",
        )


def map_name(settings: Metadata, key: str) -> str:
    """Return the file of a camera map.

    Parameters
    ----------
    settings
        Settings from :func:`resolve`.
    key
        ``Camera.DarkMapID``, ``Camera.VarianceMapID`` or ``Camera.FlatfieldMapID``.

    Returns
    -------
    str
        Name of the file; empty for none, which PYME also writes as ``<none>``.
    """
    name = str(settings.get(key) or "").strip()
    return "" if name == "<none>" else name


def map_digest_name(key: str) -> str:
    """Return the name of the setting that holds the digest of a camera map.

    Parameters
    ----------
    key
        Setting of the map.
    """
    return _MAP_DIGEST + key.removeprefix("Camera.")


def fit_settings(settings: Metadata) -> FitSettings:
    """Return the settings of the fit, in px and photoelectrons.

    Parameters
    ----------
    settings
        Settings from :func:`resolve`, possibly received as a message.

    Raises
    ------
    SettingError
        If something is missing or wrong.
    """
    settings = resolve(settings)
    check_complete(settings)
    x_um, y_um = _float(settings, "voxelsize.x"), _float(settings, "voxelsize.y")
    values: dict[str, Any] = {field: settings[setting.name] for field, setting in FIELDS.items()}
    shared, own = settings_of(values["detector"], values["fit_module"])
    if SNR_THRESHOLD not in shared:
        values["is_snr_threshold"] = True  # the detector's threshold is not in ADU
    if not values["is_snr_threshold"]:
        e_per_adu = _float(settings, "Camera.ElectronsPerCount") / _float(settings, "Camera.TrueEMGain")
        values["detection_threshold"] *= e_per_adu
    has_background = bool(settings[FIT_BACKGROUND.name])
    return FitSettings(
        **values,
        psf_sigma_px=_float(settings, PSF_SIGMA.name) / (1e3 * x_um),
        pixel_aspect=y_um / x_um,
        background=background(settings),
        background_model=cast("Any", settings[BACKGROUND_MODEL.name] if has_background else "none"),
        own={setting.name: settings[setting.name] for setting in own},
    )


def _float(settings: Metadata, name: str) -> float:
    value = number(settings, name)
    if value is None:
        raise SettingError(name, "missing", f"give -s {name}=VALUE")
    return value


def settings_digest(settings: Metadata) -> str:
    """Return a digest that differs between analyses that can give different results.

    Parameters
    ----------
    settings
        Settings from :func:`resolve`, possibly received as a message.

    Returns
    -------
    str
        64 hexadecimal digits: SHA-256 of all settings that affect the results. Camera maps count by content, if
        :func:`pointillist.pipeline_files.prepare` has recorded it, and not by path.
    """
    settings = normalised(settings)
    replaced = {name for name in SETTINGS if map_digest_name(name) in settings}
    prefixes = (_MAP_DIGEST, STORAGE)
    replaced.add(PIXEL_UNITS_NAME)  # sizes are in µm, however they were given
    counted = [name for name in settings if name.startswith(prefixes) or (name in SETTINGS and name not in replaced)]
    text = json.dumps({name: settings[name] for name in sorted(counted)}, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
