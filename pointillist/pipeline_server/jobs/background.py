"""The kind ``background`` at the server: answers are packed images, the file is a series of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pointillist.errors import MessageError
from pointillist.pipeline_files import IMAGES_ENDING, default_background_path
from pointillist.pipeline_files.backgrounds import ImageLayout, Pack, background_layout, settings_of_background
from pointillist.pipeline_files.movies import MovieFile
from pointillist.pipeline_files.results import ResultsDescription
from pointillist.pipeline_protocol.messages import Answer, Buffer
from pointillist.pipeline_server.jobs.journal import Journal
from pointillist.pipeline_server.jobs.kind import Draft, Plan
from pointillist.settings import Metadata

_TASK_BYTES = 64 << 20
"""Images of one task, at most, uncompressed: a worker holds several answers until they are confirmed."""


def plan_background(movie: MovieFile, settings: Metadata) -> Plan:
    """Plan the background of a whole movie.

    Parameters
    ----------
    movie
        Open.
    settings
        Of :func:`pointillist.pipeline_files.backgrounds.prepare_background`.

    Raises
    ------
    MovieError
        If the movie cannot be read.
    SettingError
        If a setting is wrong.
    """
    from pointillist.fitting.backgrounds import window_span  # noqa: PLC0415 - numba, which a server can do without until it has a job

    middle = movie.n_frames // 2
    first, stop = window_span(settings_of_background(settings), middle, middle + 1, movie.n_frames)
    layout = background_layout(settings, movie)
    description = ResultsDescription.of(movie, settings)
    return Plan(
        description=description,
        form=BackgroundForm(description, layout),
        default_output=default_background_path(movie.path),
        start=0,
        stop=movie.n_frames,
        context=stop - first - 1,
        max_frames=max(1, _TASK_BYTES // layout.image_bytes),
    )


class BackgroundForm:
    """A pack of images for each range.

    Parameters
    ----------
    description
        Of the file.
    layout
        Of its images.
    """

    ending = IMAGES_ENDING
    has_partial = False

    def __init__(self, description: ResultsDescription, layout: ImageLayout) -> None:
        self._description = description
        self._layout = layout

    def check(self, answer: Answer, buffers: Sequence[Buffer]) -> None:
        """Make sure that an answer is a pack of the images of its range.

        Raises
        ------
        MessageError
            If it is not.
        """
        ref = answer.ref
        try:
            pack = Pack.from_buffers(buffers)
        except ValueError as error:
            raise MessageError(answer.worker, f"no images: {error}", "use the same version everywhere") from error
        if (len(pack.frames), len(pack.chunks)) != (ref.stop - ref.start, answer.n_items):
            problem = f"an answer to frames {ref.start} to {ref.stop} has {len(pack.frames)} frames"
            raise MessageError(answer.worker, problem, "use the same version everywhere")

    def begin_partial(self, path: Path) -> None:
        """There is none: the journal shows how far the job is, and images are not written twice."""

    def extend_partial(self, path: Path, journal: Journal, starts: Sequence[int]) -> None:
        """There is none."""

    def draft(self, path: Path) -> Draft:  # noqa: ARG002 - it writes nothing before its end
        """Return what becomes the file of a job."""
        return BackgroundDraft(self._description, self._layout)


class BackgroundDraft:
    """Images, written at once.

    Parameters
    ----------
    description, layout
        Of the file.
    """

    def __init__(self, description: ResultsDescription, layout: ImageLayout) -> None:
        self._description = description
        self._layout = layout

    def extend(self, journal: Journal, starts: Sequence[int]) -> None:
        """Wait: images are not written twice, and the journal has them."""

    def finish(self, path: Path, journal: Journal) -> None:
        """Write all images, as the workers packed them.

        Raises
        ------
        ResultsError
            If there is no room, or they cannot be written.
        """
        from pointillist.pipeline_files.backgrounds import write_background  # noqa: PLC0415 - PyTables, only for who writes

        packs = _packs(journal)
        write_background(path, self._description, self._layout, packs, journal.failures, n_bytes=journal.n_bytes)

    def discard(self) -> None:
        """There is nothing."""


def _packs(journal: Journal) -> Iterator[tuple[int, Pack]]:
    for start in journal.starts():
        _, buffers = journal.read(start)
        yield start, Pack.from_buffers(buffers)
