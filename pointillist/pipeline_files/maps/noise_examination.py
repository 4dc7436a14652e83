"""Checks of the camera's settings against the noise of a movie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pointillist.errors import SettingError
from pointillist.fitting.camera import CameraNumbers, NoiseBounds, NoiseLevels, NoiseSample, compare_noise
from pointillist.pipeline_files.maps.camera_map import load_map
from pointillist.pipeline_files.movies import Movie, read_available
from pointillist.settings import DARK_MAP, SETTINGS, VARIANCE_MAP, Metadata, map_name, map_settings, number

MOST_FRAMES, MOST_BYTES = 64, 2**25
"""Amount of the movie that is sampled, in up to four parts."""

LEAST_UPPER, MOST_LOWER = 0.6, 1.4
"""Bounds on measured over expected variance from which on numbers are doubted: right ones leave 0.9 and 1."""

_LEAST_UPPER_WITHOUT_OFFSET = 0.85
_MOST_HINTS = 2


@dataclass(frozen=True, kw_only=True)
class _Hypothesis:
    """Alternative explanation of the noise.

    Parameters
    ----------
    numbers
        Settings of the camera under the hypothesis.
    advice
        Advice for the user on how to correct the settings.
    """

    numbers: CameraNumbers
    advice: str


def examine_noise(movie: Movie, settings: Metadata) -> list[str]:
    """Compare the noise between neighbouring frames with what the camera's numbers imply.

    Parameters
    ----------
    movie
        Open movie, of which up to 64 frames and about 32 MB are read.
    settings
        Complete settings.

    Returns
    -------
    list of str
        One line for each oddity; empty where there is none, or the movie does not show it.

    Raises
    ------
    SettingError
        If most of the movie is darker than the dark.
    """
    levels = take_levels(movie, settings)
    if not levels.is_conclusive:
        return []
    has_dark_map = bool(map_name(settings, "Camera.DarkMapID"))
    darkness = [] if has_dark_map else _darkness(levels, _number(settings, "Camera.ADOffset"))
    variance = load_map(VARIANCE_MAP, map_settings(settings), movie.frame_shape, movie.path.absolute().parent)
    noise_e = _number(settings, "Camera.ReadNoise") if variance is None else float(np.sqrt(np.median(variance)))
    return darkness or _noise(levels, settings, noise_e, may_lack_offset=not has_dark_map)


def take_levels(movie: Movie, settings: Metadata) -> NoiseLevels:
    """Sample pairs of neighbouring frames in a few parts of a movie.

    Parameters
    ----------
    movie
        Open movie.
    settings
        Settings with the camera's offset; light begins at the first frame to analyse, or where the laser comes on.
    """
    folder: Path = movie.path.absolute().parent
    dark = load_map(DARK_MAP, map_settings(settings), movie.frame_shape, folder)
    sample = NoiseSample(_number(settings, "Camera.ADOffset") if dark is None else dark)
    for start, stop in _ranges(movie, settings):
        frames = [
            read_available(movie, frame, frame + 1) for frame in range(start, stop)
        ]  # one by one: without a compiler
        sample.add(np.concatenate(frames))
    return sample.levels()


def _ranges(movie: Movie, settings: Metadata) -> Iterator[tuple[int, int]]:
    begin = max(number(settings, name) or 0 for name in ("Analysis.StartAt", "EstimatedLaserOnFrameNo"))
    first = min(int(begin), max(movie.n_frames - 2, 0))
    frame_bytes = int(np.prod(movie.frame_shape)) * movie.dtype.itemsize
    n_wanted = min(MOST_FRAMES, max(MOST_BYTES // frame_bytes, 4))
    n_there = movie.n_frames - first
    if n_there <= n_wanted:
        yield first, movie.n_frames
        return
    n_blocks = 4 if n_wanted >= 8 else 2
    length = n_wanted // n_blocks
    for block in range(n_blocks):
        start = first + block * (n_there - length) // (n_blocks - 1)
        yield start, start + length


def _darkness(levels: NoiseLevels, offset: float) -> list[str]:
    noise = float(np.sqrt(np.median(levels.variance_adu2)))
    if levels.median_adu < -max(3 * noise, 2.0):
        raise SettingError(
            "Camera.ADOffset",
            f"is {offset:g} ADU, but most of the movie is darker: its median is {offset + levels.median_adu:.5g} ADU",
            "give what the camera reads without light",
        )
    if levels.darkest_adu < -max(noise, 1.0):
        darkest = f"the darkest places of the movie read {offset + levels.darkest_adu:.5g} ADU"
        return [f"Camera.ADOffset is {offset:g} ADU, but {darkest}; the offset cannot be higher"]
    return []


def _noise(levels: NoiseLevels, settings: Metadata, read_noise_e: float, *, may_lack_offset: bool) -> list[str]:
    given = _numbers(settings, read_noise_e)
    found = compare_noise(levels, given)
    is_offset_0 = may_lack_offset and _number(settings, "Camera.ADOffset") == 0
    if is_offset_0 and LEAST_UPPER <= found.upper < _LEAST_UPPER_WITHOUT_OFFSET:
        hints = [lower.advice for lower in _lower_offset(levels, given, settings) if _fits(levels, lower.numbers)]
        return [_said(found, hints, levels, given)] if hints else []
    if found.upper >= LEAST_UPPER and found.lower <= MOST_LOWER:
        return []
    hypotheses = [*_others(given, settings), *(_lower_offset(levels, given, settings) if may_lack_offset else ())]
    hints = [other.advice for other in hypotheses if _fits(levels, other.numbers)]
    return [_said(found, hints[:_MOST_HINTS], levels, given)]


def _said(found: NoiseBounds, hints: list[str], levels: NoiseLevels, given: CameraNumbers) -> str:
    if found.upper < LEAST_UPPER or found.lower <= MOST_LOWER:
        size = f"at most {np.sqrt(found.upper):.2g} times"
    else:
        size = f"at least {np.sqrt(found.lower):.2g} times"
    shown = f"from frame to frame the movie has {size} the noise that the settings of the camera imply"
    if hints:
        return f"{shown}; it fits {', or '.join(hints)}"
    checked = "check Camera.ElectronsPerCount (e-/ADU), ADOffset, ReadNoise, TrueEMGain and NoiseFactor"
    return f"{shown}; {checked}" + _slope(levels, given)


def _slope(levels: NoiseLevels, given: CameraNumbers) -> str:
    """Return what the noise says of NoiseFactor² x TrueEMGain / ElectronsPerCount, where light makes most of it."""
    is_lit = levels.signal_adu > max(3.0, 3 * given.read_noise_e / given.electrons_per_adu)
    if is_lit.mean() < 0.5:
        return ""
    slope = np.median((levels.variance_adu2 - given.read_variance_adu2)[is_lit] / levels.signal_adu[is_lit])
    if not slope > 0:
        return ""
    return f"; NoiseFactor² x TrueEMGain / ElectronsPerCount should be about {slope:.2g}, but is {given.slope_adu:.2g}"


def _others(given: CameraNumbers, settings: Metadata) -> Iterator[_Hypothesis]:
    """Return common mistakes in the settings, the most frequent first."""
    e, gain, excess = given.electrons_per_adu, given.em_gain, given.noise_factor
    yield _Hypothesis(
        numbers=replace(given, electrons_per_adu=1 / e),
        advice=f"if Camera.ElectronsPerCount={e:g} is in ADU/e-: then give {1 / e:.4g}",
    )
    if gain > 1:
        yield _Hypothesis(
            numbers=replace(given, em_gain=1.0, noise_factor=1.0),
            advice=f"a camera without EM register: give Camera.TrueEMGain=1, not {gain:g}, and Camera.NoiseFactor=1",
        )
        yield _Hypothesis(
            numbers=replace(given, electrons_per_adu=e * gain),
            advice=f"if Camera.ElectronsPerCount={e:g} is already divided by the EM gain: then give {e * gain:.4g}",
        )
        if excess < 1.2:
            advice = f"an EM register: give Camera.NoiseFactor=1.41, not {excess:g}"
            yield _Hypothesis(numbers=replace(given, noise_factor=1.41), advice=advice)
    elif excess > 1.2:
        advice = f"a camera without EM register: give Camera.NoiseFactor=1, not {excess:g}"
        yield _Hypothesis(numbers=replace(given, noise_factor=1.0), advice=advice)
    if not map_name(settings, "Camera.VarianceMapID"):
        yield from _other_read_noise(given)


def _other_read_noise(given: CameraNumbers) -> Iterator[_Hypothesis]:
    noise = given.read_noise_e
    others = {
        "is a variance": float(np.sqrt(noise)),
        "is in ADU": noise * given.electrons_per_adu,
        "is before the register": noise * given.em_gain,
    }
    for what, value in others.items():
        if value != noise:
            advice = f"if Camera.ReadNoise={noise:g} {what}: then give {value:.3g}"
            yield _Hypothesis(numbers=replace(given, read_noise_e=value), advice=advice)


def _lower_offset(levels: NoiseLevels, given: CameraNumbers, settings: Metadata) -> Iterator[_Hypothesis]:
    """Return the offset with which light makes as much noise as there is."""
    excess_adu2 = np.median(levels.fine_variance_adu2) / 0.86 - given.read_variance_adu2
    change = float(np.median(levels.signal_adu) - max(excess_adu2, 0) / given.slope_adu)
    change = min(change, levels.darkest_adu)
    offset = _number(settings, "Camera.ADOffset")
    if change > 0:
        yield _Hypothesis(
            numbers=replace(given, offset_change_adu=change),
            advice=f"a Camera.ADOffset of about {offset + change:.2g}, not {offset:g}",
        )


def _fits(levels: NoiseLevels, numbers: CameraNumbers) -> bool:
    """Return whether usual numbers agree with the darker half of the tiles and with the brighter one."""
    values = {"Camera.ElectronsPerCount": numbers.electrons_per_adu, "Camera.ReadNoise": numbers.read_noise_e}
    if any(SETTINGS[name].doubt(value) for name, value in values.items()):
        return False
    is_dark = levels.signal_adu <= np.median(levels.signal_adu)
    return all(compare_noise(levels.part(where), numbers).is_agreeing for where in (is_dark, ~is_dark) if where.any())


def _numbers(settings: Metadata, read_noise_e: float) -> CameraNumbers:
    return CameraNumbers(
        electrons_per_adu=_number(settings, "Camera.ElectronsPerCount"),
        em_gain=_number(settings, "Camera.TrueEMGain"),
        noise_factor=_number(settings, "Camera.NoiseFactor"),
        read_noise_e=read_noise_e,
    )


def _number(settings: Metadata, name: str) -> float:
    return number(settings, name) or 0.0
