"""``background``: what each pixel of a movie reads without a molecule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from pointillist.api.analysis import engine_choice, existing_path, movie_file, output_file
from pointillist.api.background_batches import BackgroundRun, background_run, chosen
from pointillist.api.engine import Engine, EngineChoice, EngineName
from pointillist.api.following import Listener
from pointillist.api.job import Job, run_job
from pointillist.pipeline_files import IMAGES_ENDING, alternatives
from pointillist.pipeline_files.backgrounds import (
    EventBackground,
    has_event_images,
    images_of,
    prepare_background,
    publish_event_background,
    write_event_background,
)
from pointillist.pipeline_files.movies import Movie
from pointillist.supervision import default_workers

if TYPE_CHECKING:
    from pointillist.api.movie_source import SettingValues
    from pointillist.fitting.backgrounds import BackgroundImages
    from pointillist.pipeline_protocol.messages import Progress

OnShare = Callable[[float], None]
"""Function of the share that is done, from 0 to 1."""

_DCNUM_GENERATION = "13"
"""Generation of dcnum's pipeline whose backgrounds ``d=1`` reproduces."""


@overload
def background(
    source: NDArray[Any],
    method: str | None = None,
    *,
    settings: SettingValues | None = None,
    workers: int | None = None,
    progress: OnShare | None = None,
) -> NDArray[Any]: ...
@overload
def background(
    source: str | Path | Movie,
    method: str | None = None,
    *,
    settings: SettingValues | None = None,
    output: str | Path | None = None,
    engine: EngineName | EngineChoice = "auto",
    workers: int | None = None,
    progress: OnShare | None = None,
) -> Path: ...
def background(  # noqa: PLR0913 - as many as the command's options
    source: str | Path | Movie | NDArray[Any],
    method: str | None = None,
    *,
    settings: SettingValues | None = None,
    output: str | Path | None = None,
    engine: EngineName | EngineChoice = "auto",
    workers: int | None = None,
    progress: OnShare | None = None,
) -> Path | NDArray[Any]:
    """Compute the background of each frame of a movie.

    Parameters
    ----------
    source
        Frames ``(frame, y, x)`` in raw counts; or path of a movie, or open movie, which an engine works on; or path of
        an HDF5 file with ``events/image`` as dcnum has it, which is worked on in this process.
    method
        Identifier of the method, such as ``rollmed:k=100``; None for that of the settings.
    settings
        Settings by PYME's names, which override the movie's.
    output
        File to write. Of a movie: the background file (.h5), or existing folder for it; None for PYME's data
        directory. Of a file with ``events/image``: that file itself, in which ``events/image_bg`` is replaced, or a
        new file; None for ``<stem>_background.h5`` beside it.
    engine
        Workers that do the job, as for :func:`pointillist.analyse`; used for movies only.
    workers
        Number of processes (movies) or threads (others); None for one per core.
    progress
        Function of the share that is done, called with rising numbers from 0 to 1.

    Returns
    -------
    ndarray or Path
        Background of an array, ``(frame, y, x)``, raw counts, NaN or 0 for frames without any; otherwise the file.

    Raises
    ------
    PointillistError
        If the movie cannot be read, the method does not suit, or the file cannot be written.

    Examples
    --------
    >>> import numpy as np, pointillist
    >>> frames = np.full((100, 32, 32), 7, np.uint16)
    >>> float(pointillist.background(frames, "rollmed:k=10").mean())
    7.0
    >>> path = pointillist.background("movie.h5", "rollmed:k=100")  # doctest: +SKIP
    """
    on_share = progress or (lambda _: None)
    on_share(0.0)
    if isinstance(source, str | Path) and has_event_images(existing_path(source)):
        found: Path | NDArray[Any] = _of_events(existing_path(source), method, settings, output, (workers, on_share))
    elif isinstance(source, str | Path) or not isinstance(source, np.ndarray):
        runner = Engine(engine_choice(engine, workers), lambda _: None)
        job = background_job(source, method, settings, output)
        found = Path(run_job(job, runner, Listener(on_progress=lambda done: on_share(_share(done)))).output)
    else:
        found = _of_array(source, method, settings, (workers, on_share))
    on_share(1.0)
    return found


def background_job(
    movie: str | Path | Movie,
    method: str | None,
    settings: SettingValues | None = None,
    output: str | Path | None = None,
) -> Job:
    """Return the job that writes the background of a movie; parameters as for :func:`background`."""
    with movie_file(movie) as source:
        return Job(
            movie=source.path,
            identity=source.identity,
            settings=prepare_background(source, overrides=chosen(method, settings)),
            output=output_file(output, f"{source.path.stem}.background{IMAGES_ENDING}", IMAGES_ENDING),
            kind="background",
        )


def _share(progress: Progress) -> float:
    return progress.n_done / max(1, progress.n_frames)


def _told(run: BackgroundRun, on_share: OnShare) -> Iterator[BackgroundImages]:
    for part in run.parts:
        yield part
        on_share(part.stop / run.movie.n_frames)


def _of_array(
    frames: NDArray[Any], method: str | None, settings: SettingValues | None, work: tuple[int | None, OnShare]
) -> NDArray[Any]:
    workers, on_share = work
    with background_run(frames, method, settings, workers=workers or default_workers()) as run:
        images = np.empty((run.movie.n_frames, *run.movie.frame_shape), run.dtype)
        for part in _told(run, on_share):
            images[part.first : part.stop] = images_of(part, run.dtype)
        return images


def _of_events(
    path: Path,
    method: str | None,
    settings: SettingValues | None,
    output: str | Path | None,
    work: tuple[int | None, OnShare],
) -> Path:
    workers, on_share = work
    target = _free(path) if output is None else Path(output)
    with background_run(path, method, settings, workers=workers or default_workers(), keeps_offsets_apart=True) as run:
        attributes = {"dcnum ppid background": run.method.dcnum_identifier}
        if getattr(run.method, "dcnum", False):
            attributes["dcnum ppid generation"] = _DCNUM_GENERATION
        about = EventBackground(
            shape=(run.movie.n_frames, *run.movie.frame_shape),
            dtype=run.dtype,
            attributes=attributes,
            has_offsets=run.method.has_offsets,
        )
        unfinished = write_event_background(target, path, about, _told(run, on_share))
    publish_event_background(unfinished, target, path)
    return target


def _free(path: Path) -> Path:
    """Return a path beside a file that no file has."""
    return next(one for one in alternatives(path.with_name(f"{path.stem}_background.h5"), ".h5") if not one.exists())
