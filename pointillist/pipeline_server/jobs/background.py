"""The kind ``background`` at the server: answers are packed images, the file is a series of images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pointillist.pipeline_files import IMAGES_ENDING, default_background_path
from pointillist.pipeline_files.backgrounds import ImageLayout, Pack, background_layout
from pointillist.pipeline_files.movies import MovieFile
from pointillist.pipeline_files.results import ResultsDescription
from pointillist.pipeline_protocol.messages import Buffer, JobSettings, RangeResult
from pointillist.pipeline_server.jobs.journal import Journal
from pointillist.pipeline_server.jobs.kind import Plan
from pointillist.pipeline_server.jobs.output_writer import OutputWriter, refused
from pointillist.settings import BackgroundSettings, normalised, read_settings

_TASK_BYTES = 64 << 20
"""Images of one task, at most, uncompressed: a worker holds several answers until they are confirmed."""


def plan_background(movie: MovieFile, settings: JobSettings) -> Plan:
    """Plan the background of a whole movie.

    Parameters
    ----------
    movie
        Open movie.
    settings
        Settings of the job.

    Raises
    ------
    MovieError
        If the movie cannot be read.
    SettingError
        If a setting is wrong.
    """
    from pointillist.fitting.backgrounds import window_span  # noqa: PLC0415 - numba, which a server can do without until it has a job

    middle = movie.n_frames // 2
    known = read_settings(settings, BackgroundSettings)
    first, stop = window_span(known.fit, middle, middle + 1, movie.n_frames)
    layout = background_layout(known, movie)
    description = ResultsDescription.of(movie, normalised(settings.recorded))
    return Plan(
        description=description,
        writer=partial(BackgroundWriter, layout, description),
        ending=BackgroundWriter.ending,
        default_output=default_background_path(movie.path),
        start=0,
        stop=movie.n_frames,
        context=stop - first - 1,
        max_frames=max(1, _TASK_BYTES // layout.image_bytes),
    )


class BackgroundWriter(OutputWriter):
    """Writes a series of images, once all of them are in the journal.

    Parameters
    ----------
    layout
        Size and dtype of the images.
    description, path, journal
        Contents of the file, output file, and journal of the job.
    """

    ending = IMAGES_ENDING

    def __init__(self, layout: ImageLayout, description: ResultsDescription, path: Path, journal: Journal) -> None:
        super().__init__(path, journal, description)
        self._layout = layout

    def check(self, result: RangeResult, buffers: Sequence[Buffer]) -> None:
        """Check that a result is a pack of the images of its range.

        Raises
        ------
        MessageError
            If it is not.
        """
        try:
            pack = Pack.from_buffers(buffers)
        except ValueError as error:
            raise refused(result, f"no images: {error}") from error
        if (len(pack.frames), len(pack.chunks)) != (result.stop - result.start, result.n_items):
            raise refused(result, f"{len(pack.frames)} frames in the answer")

    def write(self, path: Path) -> None:
        """Write all images, as the workers packed them.

        Raises
        ------
        ResultsError
            If there is no room, or they cannot be written.
        """
        from pointillist.pipeline_files.backgrounds import write_background  # noqa: PLC0415 - PyTables, only for who writes

        journal = self._journal
        packs = ((start, Pack.from_buffers(journal.read(start)[1])) for start in journal.starts())
        write_background(path, self._description, self._layout, packs, journal.failures, n_bytes=journal.n_bytes)
