"""``analyse``: from a movie to its localizations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from pointillist.api.engine import Engine, EngineChoice, EngineName
from pointillist.api.following import Listener
from pointillist.api.job import Job, run_job
from pointillist.api.movie_source import SettingValues, opened, plain_values
from pointillist.api.results import read_results as read_table
from pointillist.pipeline_files import RESULTS_ENDING, Destination, prepare
from pointillist.pipeline_files.movies import Movie, MovieFile
from pointillist.pipeline_files.results import read_results
from pointillist.system import expand

if TYPE_CHECKING:
    from pointillist.localizations import Localizations
    from pointillist.pipeline_protocol.messages import Progress, ResumeRule
    from pointillist.settings import Value


@dataclass(frozen=True, kw_only=True, eq=False)
class Analysis:
    """A finished analysis.

    Parameters
    ----------
    path
        Results file, ``.h5r``.
    remarks
        Remarks for the user on the movie, its settings and the run.
    progress
        Final state of the job.

    Examples
    --------
    >>> import pointillist
    >>> analysis = pointillist.analyse("movie.h5")  # doctest: +SKIP
    >>> analysis.localizations["x"]  # doctest: +SKIP
    """

    path: Path
    remarks: Sequence[str]
    progress: Progress

    @property
    def n_frames(self) -> int:
        """Number of analysed frames, including those that failed."""
        return self.progress.n_done

    @cached_property
    def failures(self) -> Mapping[int, str]:
        """Reasons why frames could not be analysed, by frame; from the file, when it is first needed."""
        return read_results(self.path, 0, 0).failures

    @cached_property
    def localizations(self) -> Localizations:
        """Localizations in nm and photons, read from the file when they are first needed."""
        return read_table(self.path)

    def __repr__(self) -> str:
        failed = f", {self.progress.n_failed} frames failed" if self.progress.n_failed else ""
        return (
            f"<Analysis {str(self.path)!r}: {self.progress.n_items} localizations, "
            f"{self.n_frames} frames analysed{failed}>"
        )

    def _repr_html_(self) -> str:
        from pointillist.api.results_summary import summarise_results  # noqa: PLC0415 - numba, only for notebooks

        facts = {**summarise_results(self.path), "took": f"{self.progress.elapsed_s:.1f} s"}
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items())
        notes = "".join(f"<li>{escape(remark)}</li>" for remark in self.remarks)
        return f"<table>{rows}</table>" + (f"<ul>{notes}</ul>" if notes else "")


def analyse(  # noqa: PLR0913 - as many as the command's options
    movie: str | Path | Movie,
    settings: SettingValues | Sequence[str] | None = None,
    *,
    settings_file: str | Path | None = None,
    output: str | Path | Destination | None = None,
    engine: EngineName | EngineChoice = "auto",
    workers: int | None = None,
    resume: ResumeRule = "allowed",
    progress: Callable[[Progress], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> Analysis:
    """Localize the molecules of a movie.

    Uses all cores of this machine, or the workers that launch-workers has started. The rows are those of the command
    ``analyse``. To resume an analysis that was interrupted for any reason, make the same call again.

    Parameters
    ----------
    movie
        Path of the movie, or open movie.
    settings
        Settings by PYME's names, such as ``{"Analysis.DetectionThreshold": 1.2}``, or texts ``KEY=VALUE``; they
        override the file and the movie.
    settings_file
        Path of a YAML or JSON file with settings, which override the movie's.
    output
        Results file (.h5r), or existing folder for it; None for PYME's data directory.
    engine
        Workers that do the job, as ``--engine``: ``auto``, ``local``, ``cluster``, or a choice with more detail.
    workers
        Number of worker processes that this run starts; None for one per core.
    resume
        Whether an interrupted analysis may (``allowed``), must (``required``) or must not (``never``) be resumed.
    progress
        Function of the job's progress (``n_done``, ``n_frames``, ``n_items``, ``rate`` in frames/s, ``left_s`` in s
        ...), called several times per second.
    on_message
        Function that shows a line to the user.

    Returns
    -------
    Analysis
        Results file, its localizations, the frames that failed, and remarks.

    Raises
    ------
    PointillistError
        If the movie cannot be read, the settings do not suit, or the job cannot be done.

    Notes
    -----
    KeyboardInterrupt (the stop button of a notebook) stops the job; finished frames are kept.

    Examples
    --------
    >>> import pointillist
    >>> analysis = pointillist.analyse("movie.h5", {"Analysis.DetectionThreshold": 1.2})  # doctest: +SKIP
    >>> analyses = [pointillist.analyse(path) for path in ("a.tif", "b.tif")]  # doctest: +SKIP
    """
    listener = _listener(progress, on_message)
    runner = Engine(engine_choice(engine, workers), listener.on_message)
    job, remarks = analysis_job(movie, settings, settings_file, output)
    for remark in remarks:
        listener.on_message(f"note: {remark}")
    outcome = run_job(replace(job, resume=resume), runner, listener)
    return analysis_of(outcome, remarks)


def analysis_job(
    movie: str | Path | Movie,
    settings: SettingValues | Sequence[str] | None = None,
    settings_file: str | Path | None = None,
    output: str | Path | Destination | None = None,
) -> tuple[Job, list[str]]:
    """Return the job that analyses a movie, and remarks for the user; parameters as for :func:`analyse`."""
    with movie_file(movie) as source:
        target = output_file(output, f"{source.path.stem}{RESULTS_ENDING}", RESULTS_ENDING)
        values, remarks = prepare(source, *setting_sources(settings, settings_file))
        job = Job(movie=source.path, identity=source.identity, settings=values, output=target)
        return job, [*source.remarks, *remarks]


def analysis_of(progress: Progress, remarks: Sequence[str]) -> Analysis:
    """Return the handle of a finished job."""
    return Analysis(path=Path(progress.output), remarks=(*remarks, *progress.notes), progress=progress)


def engine_choice(engine: EngineName | EngineChoice, workers: int | None) -> EngineChoice:
    """Return the choice of an engine, with a number of workers if one is given."""
    choice = engine if isinstance(engine, EngineChoice) else EngineChoice(name=engine)
    return choice if workers is None else replace(choice, n_workers=workers)


def movie_file(movie: str | Path | Movie) -> AbstractContextManager[Movie]:
    """Return a movie for a ``with`` statement, which closes it only if it was opened here.

    Raises
    ------
    TypeError
        If it is an array, which workers cannot read.
    """
    if not isinstance(movie, str | Path | MovieFile):
        msg = f"{type(movie).__name__}: workers read movies from files; give a path, or use pointillist.localize"
        raise TypeError(msg)
    return opened(existing_path(movie) if isinstance(movie, str | Path) else movie)


def setting_sources(
    settings: SettingValues | Sequence[str] | None, settings_file: str | Path | None
) -> tuple[Path | None, Mapping[str, Value] | Sequence[str]]:
    """Return the file and the overrides that settings are resolved from."""
    values = plain_values(settings) if settings is None or isinstance(settings, Mapping) else settings
    return (None if settings_file is None else existing_path(settings_file)), values


def output_file(output: str | Path | Destination | None, usual: str, *endings: str) -> Path | None:
    """Return the path of an output file; None for PYME's rule.

    Parameters
    ----------
    output
        File, or folder in which it gets its usual name.
    usual
        Usual name.
    endings
        Valid endings; the first one is added to a name without ending.

    Raises
    ------
    ResultsError
        If it has another ending.
    """
    if output is None:
        return None
    if not isinstance(output, Destination):
        path = expand(str(output))
        output = Destination(path=path, is_folder=path.is_dir() or str(output).endswith("/"))
    return output.file(usual, *endings)


def existing_path(name: str | Path) -> Path:
    """Return the path of a file, in which ``~`` is the home folder unless there is a file of that very name."""
    path = Path(name)
    return path if path.exists() else expand(str(name))


def _listener(progress: Callable[[Progress], None] | None, on_message: Callable[[str], None] | None) -> Listener:
    return Listener(on_progress=progress or (lambda _: None), on_message=on_message or (lambda _: None))
