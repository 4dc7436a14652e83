"""Settings of a movie's analysis, complete and checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pointillist.errors import SettingError
from pointillist.fitting import FitSettings
from pointillist.fitting.camera import are_counts
from pointillist.pipeline_files.backgrounds import find_background
from pointillist.pipeline_files.maps import apply_default_maps, digest_file, examine_noise, find_map
from pointillist.pipeline_files.movies import Movie, read_available
from pointillist.settings import (
    MAP_SETTINGS,
    Metadata,
    Value,
    check_complete,
    doubts,
    fit_settings,
    given_settings,
    map_digest_name,
    map_name,
    map_settings,
    remarks_on_type,
    resolve_with_remarks,
    values_of_type,
    without_effect,
)

_MOST_DARK_FRAMES = 100

_DETECTION_BORDER_PX = 5


def prepare(
    movie: Movie, settings_file: Path | None = None, overrides: Sequence[str] | Metadata = ()
) -> tuple[dict[str, Value], list[str]]:
    """Resolve the settings of a movie's analysis, and check all that can be checked beforehand.

    Parameters
    ----------
    movie
        Open movie.
    settings_file, overrides
        File and overrides as for :func:`pointillist.settings.resolve`.

    Returns
    -------
    settings
        Complete settings as plain values, with absolute paths and digests of camera maps.
    remarks
        Remarks for the user.

    Raises
    ------
    SettingError
        If a setting is unknown, wrong or missing, or does not suit the movie; and so with a camera map.
    """
    settings, remarks = resolve_with_remarks(movie.metadata, settings_file, overrides)
    maps, of_maps = apply_default_maps(settings)
    remarks += of_maps
    settings.update(maps)
    of_type = values_of_type(settings)
    settings.update(of_type)
    remarks += remarks_on_type(settings, of_type)
    if settings.get("Camera.ADOffset") is None and not map_name(settings, "Camera.DarkMapID"):
        offset = dark_offset(movie, settings)
        if offset is not None:
            settings["Camera.ADOffset"] = offset
            remarks.append(f"Camera.ADOffset is {offset:g} ADU, the median of the dark frames")
    if settings.get("Analysis.TrackFiducials"):
        remarks.append("Analysis.TrackFiducials has no effect: fiducials are not tracked")
    check_complete(settings)
    remarks += without_effect(settings, given_settings(settings_file, overrides)[0])
    _name_maps(movie, settings)
    settings.update(find_background(movie, settings))
    check_frames(movie, fit_settings(settings))
    remarks += doubts(settings)
    if any(map_name(settings, key) for key in MAP_SETTINGS):
        from pointillist.pipeline_files.maps import examine_maps  # noqa: PLC0415 - scipy and numba, only for who has maps

        examination = examine_maps(movie, settings)
        remarks += [*examination.warnings, *examination.undecided]
    remarks += examine_noise(movie, settings)
    return settings, remarks


def _name_maps(movie: Movie, settings: dict[str, Value]) -> None:
    """Replace the maps' names by absolute paths and digests."""
    for key in MAP_SETTINGS:
        found = find_map(key, map_settings(settings), movie.path.absolute().parent)
        if found is not None:
            path, dataset = found
            settings[key] = f"{path}:{dataset}" if dataset else str(path)
            settings[map_digest_name(key)] = digest_file(path)


def dark_offset(movie: Movie, settings: Metadata) -> float | None:
    """Measure the offset of the camera where the movie has dark frames.

    Parameters
    ----------
    movie
        Open movie.
    settings
        Settings with or without ``Protocol.DarkFrameRange``.

    Returns
    -------
    float or None
        Median of the first 100 dark frames, ADU; None without dark frames.
    """
    dark = settings.get("Protocol.DarkFrameRange")
    if not isinstance(dark, list | tuple):
        return None
    start, stop = (min(int(edge), movie.n_frames) for edge in dark if isinstance(edge, int))
    if not 0 <= start < stop:
        return None
    frames = read_available(movie, start, min(stop, start + _MOST_DARK_FRAMES))
    frames = frames[are_counts(frames)]
    return float(np.median(frames)) if len(frames) else None


def check_frames(movie: Movie, fit: FitSettings) -> None:
    """Refuse a movie of which these settings leave no frames to analyse.

    Parameters
    ----------
    movie
        Open movie.
    fit
        Settings of the fit.

    Raises
    ------
    SettingError
        If its frames are too small, or too few.
    """
    n_y, n_x = movie.frame_shape
    needed = 2 * max(fit.roi_half_size, _DETECTION_BORDER_PX) + 1
    if min(n_y, n_x) < needed:
        raise SettingError(
            movie.path,
            f"its frames of {n_x} x {n_y} px are smaller than the {needed} x {needed} px that a fit needs",
            "record larger frames, or give a smaller Analysis.ROISize, not below 5",
        )
    if fit.start_at >= movie.n_frames:
        raise SettingError(
            "Analysis.StartAt", f"is {fit.start_at}, but the movie has {movie.n_frames} frames", "give a smaller one"
        )
    if (first := fit.first_illuminated_frame) >= movie.n_frames:
        raise SettingError(
            "EstimatedLaserOnFrameNo",
            f"is {first}, but the movie has {movie.n_frames} frames, and none of them would give a background",
            "give the number of the first frame with light, from 0: -s EstimatedLaserOnFrameNo=0",
        )
