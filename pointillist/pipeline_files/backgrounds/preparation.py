"""Settings of a background without camera or fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pointillist.errors import SettingError
from pointillist.fitting import FitSettings
from pointillist.pipeline_files.backgrounds.image_packs import ImageLayout, storage_settings
from pointillist.pipeline_files.backgrounds.stored import find_background
from pointillist.pipeline_files.movies import Movie
from pointillist.settings import Metadata, Value, background, needs_cycle_time, number, resolve

_KEYS = ("Analysis.Background", "Analysis.BGRange", "Analysis.PCTBackground", "EstimatedLaserOnFrameNo")


def prepare_background(
    movie: Movie,
    settings_file: Path | None = None,
    overrides: Sequence[str] | Metadata = (),
    *,
    is_compressed: bool = True,
    is_mapped: bool = False,
) -> dict[str, Value]:
    """Resolve the settings of a movie's background.

    Parameters
    ----------
    movie
        Open movie.
    settings_file, overrides
        File and overrides as for :func:`pointillist.settings.resolve`.
    is_compressed, is_mapped
        Switches of :class:`pointillist.pipeline_files.backgrounds.ImageLayout`.

    Returns
    -------
    dict
        Settings that affect the background, and no others.

    Raises
    ------
    SettingError
        If a setting is unknown, wrong or missing, or asks for no background.
    """
    settings = resolve(movie.metadata, settings_file, overrides)
    if needs_cycle_time(settings):
        raise SettingError(
            "Camera.CycleTime", "missing", "give -s Camera.CycleTime=<s>, or the interval in frames: i=100"
        )
    if background(settings).is_empty:
        raise SettingError("Analysis.Background", "none gives no background", "choose a method with --method")
    return {
        **{key: settings[key] for key in _KEYS},
        **find_background(movie, settings),
        **storage_settings(is_compressed=is_compressed, is_mapped=is_mapped),
    }


def settings_of_background(settings: Metadata) -> FitSettings:
    """Return the settings of the background as fit settings, of which the others are placeholders.

    Parameters
    ----------
    settings
        Settings from :func:`prepare_background`, possibly received as a message.

    Raises
    ------
    SettingError
        If they are wrong.
    """
    settings = resolve(settings)
    return FitSettings(
        psf_sigma_px=1.0,
        background=background(settings),
        first_illuminated_frame=int(number(settings, "EstimatedLaserOnFrameNo") or 0),
    )


class _Frames(Protocol):
    """Shape and pixel type of a movie."""

    @property
    def frame_shape(self) -> tuple[int, int]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...


def background_layout(settings: Metadata, movie: _Frames) -> ImageLayout:
    """Return how the background of a movie is stored.

    Parameters
    ----------
    settings
        Settings from :func:`prepare_background`.
    movie
        Open movie.

    Returns
    -------
    ImageLayout
        Layout whose pixels are of the movie's type where the method gives whole numbers, else float32.
    """
    layout = ImageLayout.of(settings, movie.frame_shape, movie.dtype)
    if settings_of_background(settings).background.gives_whole_numbers(is_mapped=layout.is_mapped):
        return layout
    return ImageLayout.of(settings, movie.frame_shape, np.dtype(np.float32))
