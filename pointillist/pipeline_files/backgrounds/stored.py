"""Background method ``copy``, which reads an existing background file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pointillist.errors import SettingError
from pointillist.fitting.backgrounds import ImagesOfRange
from pointillist.pipeline_files.backgrounds.reader import BackgroundFile
from pointillist.pipeline_files.movies import Movie, identify
from pointillist.pipeline_files.paths import find_file
from pointillist.settings import BACKGROUND_FILE, Metadata, Value, background, map_digest_name

_COPIED_METHOD = "Pointillist.CopiedBackground"


def find_background(movie: Movie, settings: Metadata) -> dict[str, Value]:
    """Find the file that the background is copied from, and check that it belongs to this movie.

    Parameters
    ----------
    movie
        Open movie.
    settings
        Settings from :func:`pointillist.settings.resolve`.

    Returns
    -------
    dict
        Absolute path, identity and method of the file, by the names of their settings; empty for other methods.

    Raises
    ------
    SettingError
        If there is no such file, or it is of another movie.
    ResultsError
        If it is not a background file.
    """
    if not is_copied(settings):
        return {}
    path = find_file(BACKGROUND_FILE, str(settings[BACKGROUND_FILE]), movie.path.absolute().parent)
    with BackgroundFile(path) as file:
        about = file.about
    if (about.movie_identity, about.n_frames) != (movie.identity, movie.n_frames):
        problem = f"{path} is the background of another movie, {about.movie_path}"
        raise SettingError(BACKGROUND_FILE, problem, "create the one of this movie with 'pointillist background'")
    identity = identify([path])
    return {BACKGROUND_FILE: str(path), map_digest_name(BACKGROUND_FILE): identity, _COPIED_METHOD: about.method}


def is_copied(settings: Metadata) -> bool:
    """Whether the background comes from a file."""
    return background(settings).needs_file


def open_copied(settings: Metadata) -> BackgroundFile:
    """Open the file that the background is copied from.

    Parameters
    ----------
    settings
        Settings that include those from :func:`find_background`.

    Raises
    ------
    SettingError
        If it is not the file that it was.
    ResultsError
        If it cannot be read.
    """
    path = Path(str(settings[BACKGROUND_FILE]))
    file = BackgroundFile(path)
    if identify([path]) != settings.get(map_digest_name(BACKGROUND_FILE)):
        file.close()
        raise SettingError(BACKGROUND_FILE, f"{path} has changed", "run the command again")
    return file


@contextmanager
def copied_images(settings: Metadata) -> Iterator[ImagesOfRange | None]:
    """Open the file that the background is copied from.

    Parameters
    ----------
    settings
        Settings that include those from :func:`find_background`.

    Yields
    ------
    callable or None
        Function that returns the images of a range of frames; None for other methods.

    Raises
    ------
    SettingError
        If it is not the file that it was.
    ResultsError
        If it cannot be read.
    """
    if not is_copied(settings):
        yield None
        return
    with open_copied(settings) as file:
        yield file.images
