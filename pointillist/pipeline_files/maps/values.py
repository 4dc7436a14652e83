"""Checks of the values of camera maps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pointillist.errors import SettingError
from pointillist.fitting.camera import CameraMap, MovieSample, map_quantities, map_structure
from pointillist.settings import ADU2, DARK_MAP, ELECTRONS2, FLAT_FIELD, VARIANCE_MAP, Metadata, map_name, number

OVERRULE = "or -s Camera.CheckMaps=False to use it all the same"

_LEAST_FACTOR, _MOST_FACTOR = 0.8, 1.25
"""Bounds of the median of a flat field, which is divided by its mean or median."""

_MOST_LEVEL_ERROR = 0.1
"""Deviation of the mean of a flat field from 1, which that of the middle of a chip may have."""

_OFFSET_TOLERANCE, _LEAST_OFFSET_ADU = 0.2, 50.0

_COARSE_VARIANCE_E2 = 10.0
_LEAST_VARIANCE_SHARE = 0.01
_LEAST_BLEMISH = 1e4
_FEWEST_COPIES = 3


def check_values(key: str, region: CameraMap, chip: CameraMap, settings: Metadata) -> list[str]:
    """Check the values of a map without a movie.

    Parameters
    ----------
    key
        Setting of the map.
    region
        Map ``(y, x)`` of the movie's part of the chip.
    chip
        Map ``(y, x)`` of the chip, as its file holds it except for the unit.
    settings
        Settings from :func:`pointillist.pipeline_files.prepare`.

    Returns
    -------
    list of str
        One line for each oddity.

    Raises
    ------
    SettingError
        If it says nothing, or something impossible.
    """
    warnings = list(_constant(key, region, chip))
    _check_padding(key, region)
    if key == VARIANCE_MAP:
        warnings += _small_variances(region)
        warnings += _even_variances(region, settings)
        is_whole = np.array_equal(region, np.rint(region)) and np.ptp(region) > 0
        if is_whole and 0 < (typical := float(np.median(region))) < _COARSE_VARIANCE_E2:
            warnings.append(f"{key}: its values are whole numbers, too coarse for a median of {typical:g} e-²")
    if key == FLAT_FIELD:
        warnings += _flat_field(region, chip, settings)
    return warnings


def _constant(key: str, region: CameraMap, chip: CameraMap) -> Iterator[str]:
    value = float(np.median(region))  # which is the value of most pixels, if most have one value
    share = float(np.mean(region == np.float32(value)))
    if share <= 0.5:
        return
    if key == VARIANCE_MAP and value == 0:
        raise SettingError(
            key,
            f"{100 * share:.0f} % of its values are 0, but every pixel has noise",
            f"give variances, in e-², or leave it out and give Camera.ReadNoise, {OVERRULE}",
        )
    if float(np.mean(chip == np.float32(value))) < 0.999 and chip.shape != region.shape:
        raise SettingError(
            key,
            f"{100 * share:.0f} % of the movie's region have the same value {value:g}: the map is padded there",
            f"make a map of this region, or correct Camera.ROIOriginX and Y, {OVERRULE}",
        )
    if share == 1 and key != FLAT_FIELD:
        yield f"{key}: the map is {value:g} everywhere, and adds nothing to that number"


def _check_padding(key: str, region: CameraMap) -> None:
    """Refuse a map of which some rows or columns, but not all, are copies of their neighbours."""
    for axis, lines in enumerate(("rows", "columns")):
        image = np.moveaxis(region, axis, 0)
        is_copy = (image[1:] == image[:-1]).all(axis=1)
        is_blemished = image[1:].max(axis=1) >= _LEAST_BLEMISH
        n_copies = int((is_copy & ~is_blemished).sum())
        if is_copy.all() or n_copies < _FEWEST_COPIES:
            continue
        raise SettingError(
            key,
            f"{n_copies} {lines} of the movie's region are copies of their neighbours: the map is filled up there, or "
            f"enlarged",
            f"make a map of this region, or correct Camera.ROIOriginX and Y, {OVERRULE}",
        )


def _small_variances(region: CameraMap) -> Iterator[str]:
    """Return a remark on pixels that would get almost all weight in a fit."""
    typical = float(np.median(region))
    is_small = region < _LEAST_VARIANCE_SHARE * typical
    if is_small.any():
        yield (
            f"{VARIANCE_MAP}: {np.count_nonzero(is_small)} of its values are below 1 % of the median {typical:.3g} "
            f"e-², down to {region.min():.2g} e-²: no pixel is without noise; give the median there, or 1e8 for a "
            f"pixel that is dead"
        )


def _even_variances(region: CameraMap, settings: Metadata) -> Iterator[str]:
    """Return a remark on variances that are all about 1, as the factors of a flat field."""
    e_per_adu = number(settings, "Camera.ElectronsPerCount") or 1.0
    given = region / e_per_adu**2 if settings.get("Camera.VarianceMapUnits") == ADU2 else region
    low, typical, high = (float(k) for k in np.percentile(given, (5, 50, 95)))
    noise_e = number(settings, "Camera.ReadNoise")
    is_read_noise = noise_e is not None and abs(typical / max(noise_e**2, 1e-9) - 1) < 0.2
    if 0.9 < typical < 1.1 and low < high < 1.3 * low and not is_read_noise:
        yield (
            f"{VARIANCE_MAP}: its values are all about 1 ({low:.2f} to {high:.2f} in 90 % of the pixels), as the "
            f"factors of a flat field; if it is one, it belongs to {FLAT_FIELD}"
        )


def _flat_field(region: CameraMap, chip: CameraMap, settings: Metadata) -> Iterator[str]:
    typical = float(np.median(chip[chip > 0])) if np.any(chip > 0) else 1.0
    e_per_adu = number(settings, "Camera.ElectronsPerCount") or 1.0
    is_gain = {
        unit: abs(np.log(typical / gain)) < 0.05 for unit, gain in (("e-/ADU", e_per_adu), ("ADU/e-", 1 / e_per_adu))
    }
    gain = next((f", like that of a map of gains in {unit}" for unit, is_so in is_gain.items() if is_so), "")
    if not _LEAST_FACTOR <= typical <= _MOST_FACTOR:
        what = gain or (", like that of percentages" if 80 <= typical <= 125 else "")
        offset = number(settings, "Camera.ADOffset")
        if not gain and (abs(typical / offset - 1) < _OFFSET_TOLERANCE if offset else typical > _LEAST_OFFSET_ADU):
            what = f"{what or ', like that'}{' or' * bool(what)} of a dark map in ADU"
        raise SettingError(
            FLAT_FIELD,
            f"its median is {typical:.3g}{what}, but the factors of a flat field are near 1",
            "divide it by its mean; gains in ADU/e- are divided into their mean, mean / gain, those in e-/ADU by it, "
            f"{OVERRULE}",
        )
    if np.array_equal(region, np.rint(region)) and np.ptp(region) > 0:
        raise SettingError(
            FLAT_FIELD, "its values are whole numbers, too coarse for factors near 1", f"save it as float32, {OVERRULE}"
        )
    if gain and abs(np.log(typical)) > 0.03:
        yield f"{FLAT_FIELD}: its median is {typical:.3g}{gain}; if it is one, divide it by its mean"
    else:
        yield from _level_of_flat_field(chip)


def _level_of_flat_field(chip: CameraMap) -> Iterator[str]:
    """Return a remark on a flat field that is not normalized in any of the usual ways."""
    lit = chip[np.isfinite(chip) & (chip > 0)].astype(np.float64)
    levels = (lit.mean(), np.median(lit), 1 / np.mean(1 / lit), lit.min(), lit.max())
    if min(abs(float(level) - 1) for level in levels[:3]) > _MOST_LEVEL_ERROR and 1 not in np.round(levels[3:], 3):
        yield (
            f"{FLAT_FIELD}: its mean is {levels[0]:.3g}, by which all photons are multiplied; unless it is a part of a "
            f"map whose mean is 1, divide it by its mean"
        )


def check_quantity(
    variance_e2: CameraMap, sample: MovieSample, settings: Metadata, dark: CameraMap | None = None
) -> list[str]:
    """Check that a variance map holds variances, with a sample of the movie.

    Parameters
    ----------
    variance_e2
        Variance map of the movie's region, e-², ``(y, x)``.
    sample
        Sample of the movie.
    settings
        Settings from :func:`pointillist.pipeline_files.prepare`.
    dark
        Dark map of the movie's region, ADU, ``(y, x)``; None if none is in use.

    Returns
    -------
    list of str
        One line for each oddity.

    Raises
    ------
    SettingError
        If the movie shows that they are standard deviations, or noisier than the movie.
    """
    e_per_adu = number(settings, "Camera.ElectronsPerCount") or float("nan")
    unit = str(settings.get("Camera.VarianceMapUnits") or ELECTRONS2)
    given = variance_e2 / np.float32(e_per_adu**2) if unit == ADU2 else variance_e2
    deviations = {"e-": given**2, "ADU": (given * np.float32(e_per_adu)) ** 2}
    found = map_quantities.interpretation_by_hot_pixels(variance_e2, deviations, sample, e_per_adu)
    if found is not None:
        name, excess = found
        units = ADU2 if name == "ADU" else ELECTRONS2
        raise SettingError(
            VARIANCE_MAP,
            f"its hottest pixels have {excess:.2g} times the variance in the movie that it states, about its square: "
            f"it holds standard deviations in {name}",
            f"square them, and give -s Camera.VarianceMapUnits={units}, {OVERRULE}",
        )
    dark_adu = float(np.median(dark)) if dark is not None else number(settings, "Camera.ADOffset")
    is_offset = dark_adu is not None and _is_offset(given, dark_adu)
    _check_level(variance_e2, sample, settings, is_offset=is_offset)
    if is_offset:
        values = f"{VARIANCE_MAP}: its values are all about {np.median(given):.4g}, as the offset of the camera in ADU"
        return [f"{values}: is it the dark map, which belongs to {DARK_MAP}?"]
    noise_e = number(settings, "Camera.ReadNoise")
    typical = float(np.median(given))
    if noise_e and typical > 0 and abs(np.log(typical / noise_e)) < 0.15 < abs(np.log(noise_e)) / 4:
        itself = f"{VARIANCE_MAP}: its median is {typical:.3g}, Camera.ReadNoise itself and not its square"
        return [f"{itself}; if it holds standard deviations, square them"]
    return []


def _is_offset(given: CameraMap, dark_adu: float) -> bool:
    """Return whether the values of a variance map are those of a dark map."""
    low, typical, high = np.percentile(given, (16, 50, 84))
    return bool(dark_adu > 1 and abs(typical / dark_adu - 1) < 0.1 and high < 1.2 * low)


def _check_level(variance_e2: CameraMap, sample: MovieSample, settings: Metadata, *, is_offset: bool) -> None:
    """Refuse a map with more noise than the movie, which has light in addition."""
    e_per_adu = number(settings, "Camera.ElectronsPerCount") or float("nan")
    said_adu2, seen_adu2 = float(np.median(variance_e2)) / e_per_adu**2, map_quantities.most_read_variance(sample)
    if not said_adu2 > map_quantities.MOST_NOISE_RATIO * seen_adu2:
        return
    dark_adu = float(np.percentile(sample.mean_adu, 5))
    unit = str(settings.get("Camera.VarianceMapUnits") or ELECTRONS2)
    given = float(np.median(variance_e2)) / (e_per_adu**2 if unit == ADU2 else 1)
    in_other_unit = given / e_per_adu**4 if unit == ADU2 else given
    remedy = "use the variance map of this camera and exposure"
    if is_offset or abs(np.log(given / max(dark_adu, 1e-9))) < 0.25:
        what = "the camera's offset" if is_offset else "the movie's darkest pixels"
        remedy = f"its median is {given:.4g}, about {what}: is it the dark map?"
    elif unit == ELECTRONS2 and in_other_unit <= map_quantities.MOST_NOISE_RATIO * seen_adu2:
        remedy = f"is it in ADU²? then give -s Camera.VarianceMapUnits={ADU2}"
    raise SettingError(
        VARIANCE_MAP,
        f"its median corresponds to a read noise of {np.sqrt(said_adu2):.3g} ADU, but the whole noise of the movie is "
        f"{np.sqrt(seen_adu2):.3g} ADU",
        f"{remedy}, {OVERRULE}",
    )


def check_dark_quantity(
    dark: CameraMap, sample: MovieSample, settings: Metadata, flat: CameraMap | None = None
) -> list[str]:
    """Check that a dark map is one, with a sample of the movie.

    Parameters
    ----------
    dark
        Dark map of the movie's region, ADU, ``(y, x)``.
    sample
        Sample of the movie.
    settings
        Settings from :func:`pointillist.pipeline_files.prepare`.
    flat
        Flat field of the movie's region, ``(y, x)``; None if none is in use.

    Returns
    -------
    list of str
        One line for each oddity.
    """
    typical = float(np.median(dark))
    darkest = float(np.percentile(sample.mean_adu, 5))
    low, high = np.percentile(dark, (16, 84))
    if dark.min() >= 0 and high - low > 0.5 * typical > 0 and darkest > 3 * typical + 10:
        named = f"; is it the variance map{' (swapped with it)' if map_name(settings, VARIANCE_MAP) else ''}?"
        return [f"{DARK_MAP}: its median is {typical:.3g}, the movie's darkest pixels are at {darkest:.0f} ADU{named}"]
    e_per_adu = number(settings, "Camera.ElectronsPerCount") or 1.0
    structure = map_structure.structure_of_offset(dark, 1.0 if flat is None else flat, sample)
    found = structure.agreement() if structure is not None else None
    if found is None or not found.is_clear or abs(found.slope - 1) < 4 * found.error:
        return []
    if abs(np.log(e_per_adu)) > 0.4 and abs(np.log(found.slope * e_per_adu)) < 0.2:
        differing = f"{DARK_MAP}: from pixel to pixel the movie differs {found.slope:.2g} times as much as the map"
        return [f"{differing}; it looks like it is in e-, not ADU: divide it by Camera.ElectronsPerCount={e_per_adu:g}"]
    return []
