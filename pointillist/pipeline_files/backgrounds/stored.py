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
from pointillist.settings import BACKGROUND_FILE, Metadata, SourceFile, Value, copied_background, map_digest_name

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
    copied = copied_background(settings)
    if copied is None:
        return {}
    path = find_file(BACKGROUND_FILE, copied.name, movie.path.absolute().parent)
    with BackgroundFile(path) as file:
        about = file.about
    if (about.movie_identity, about.n_frames) != (movie.identity, movie.n_frames):
        problem = f"{path} is the background of another movie, {about.movie_path}"
        raise SettingError(BACKGROUND_FILE, problem, "create the one of this movie with 'pointillist background'")
    identity = identify([path])
    return {BACKGROUND_FILE: str(path), map_digest_name(BACKGROUND_FILE): identity, _COPIED_METHOD: about.method}


def open_copied(copied: SourceFile) -> BackgroundFile:
    """Open the file that the background is copied from.

    Parameters
    ----------
    copied
        File that :func:`find_background` has found.

    Raises
    ------
    SettingError
        If it is not the file that it was.
    ResultsError
        If it cannot be read.
    """
    path = Path(copied.name)
    file = BackgroundFile(path)
    if identify([path]) != copied.identity:
        file.close()
        raise SettingError(BACKGROUND_FILE, f"{path} has changed", "run the command again")
    return file


@contextmanager
def copied_images(copied: SourceFile | None) -> Iterator[ImagesOfRange | None]:
    """Open the file that the background is copied from.

    Parameters
    ----------
    copied
        File that :func:`find_background` has found; None for methods that need none.

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
    if copied is None:
        yield None
        return
    with open_copied(copied) as file:
        yield file.images
