"""Settings of a background without camera or fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pointillist.errors import SettingError
from pointillist.pipeline_files.backgrounds.image_packs import ImageLayout
from pointillist.pipeline_files.backgrounds.stored import find_background
from pointillist.pipeline_files.movies import Movie
from pointillist.settings import STORAGE, BackgroundSettings, Metadata, Value, background, needs_cycle_time, resolve

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
        f"{STORAGE}IsCompressed": is_compressed,
        f"{STORAGE}IsMapped": is_mapped,
    }


class _Frames(Protocol):
    """Shape and pixel type of a movie."""

    @property
    def frame_shape(self) -> tuple[int, int]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...


def background_layout(settings: BackgroundSettings, movie: _Frames) -> ImageLayout:
    """Return how the background of a movie is stored.

    Parameters
    ----------
    settings
        Settings of the job.
    movie
        Open movie.

    Returns
    -------
    ImageLayout
        Layout whose pixels are of the movie's type where the method gives whole numbers, else float32.
    """
    is_whole = settings.background.gives_whole_numbers(is_mapped=settings.is_mapped)
    return ImageLayout(
        frame_shape=movie.frame_shape,
        dtype=movie.dtype if is_whole else np.dtype(np.float32),
        is_compressed=settings.is_compressed,
        is_mapped=settings.is_mapped,
    )
