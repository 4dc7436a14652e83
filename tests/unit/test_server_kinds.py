"""What the server knows of each kind of job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from made_results import computed

from pointillist.errors import MessageError, ServerError
from pointillist.pipeline_files.backgrounds.image_packs import ImageLayout, Pack
from pointillist.pipeline_files.results.table import ResultsDescription
from pointillist.pipeline_protocol.messages.control import JobSpec, Submit
from pointillist.pipeline_protocol.messages.fields import JobSettings
from pointillist.pipeline_server.jobs.access_policy import TRUSTING
from pointillist.pipeline_server.jobs.background import BackgroundWriter
from pointillist.pipeline_server.jobs.fit import LocalizationWriter
from pointillist.pipeline_server.jobs.journal import Journal
from pointillist.pipeline_server.jobs.output_writer import OutputWriter
from pointillist.pipeline_server.jobs.records import JobEntry
from pointillist.pipeline_server.jobs.registry import KINDS as SERVER_KINDS
from pointillist.pipeline_server.jobs.submission import prepare
from pointillist.pipeline_worker.data_access import HERE
from pointillist.pipeline_worker.tasks.registry import kinds

DESCRIPTION = ResultsDescription(
    metadata={"Analysis.FitModule": "LatGaussFitFR"},
    movie_path="m",
    movie_identity="i",
    n_frames=9,
    settings_digest="s",
)
LAYOUT = ImageLayout(frame_shape=(3, 4), dtype=np.dtype("u2"), is_compressed=True, is_mapped=False)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    spec = JobSpec(job="j", kind="fit", movie="m", identity="i", n_frames=9, settings=JobSettings(), output="o")
    journal = Journal.create(tmp_path / "o.journal", JobEntry(digest="d", spec=spec))
    yield journal
    journal.close()


@pytest.fixture
def localizations(journal: Journal) -> OutputWriter:
    return LocalizationWriter(DESCRIPTION, Path("o.h5r"), journal)


@pytest.fixture
def images(journal: Journal) -> OutputWriter:
    return BackgroundWriter(LAYOUT, DESCRIPTION, Path("o.h5"), journal)


def check(writer: OutputWriter, n_items: int, buffers: list[bytes]) -> None:
    writer.check(*computed(3, 6, buffers, n_items))


def rows(*frames: int) -> bytes:
    found = np.zeros(len(frames), DESCRIPTION.dtype)
    found["frame"] = frames
    return found.tobytes()


def pack(*values: int) -> list[bytes]:
    return Pack.of(LAYOUT, ((np.full((3, 4), value, np.uint16), 0.0) for value in values)).buffers()


def test_server_and_workers_know_the_same_kinds() -> None:
    assert SERVER_KINDS.keys() == kinds(HERE).keys()


def test_a_kind_that_is_not_known_is_refused(tmp_path: Path) -> None:
    request = Submit(request=1, movie=str(tmp_path / "m.h5"), identity="i", settings=JobSettings(), kind="tiles")
    with pytest.raises(ServerError, match="tiles: the server has no such kind of job"):
        prepare(request, {}, TRUSTING)


def test_rows_of_the_range_are_taken(localizations: OutputWriter) -> None:
    check(localizations, 3, [rows(3, 3, 5)])
    check(localizations, 0, [b""])


@pytest.mark.parametrize(
    ("n_items", "buffers"),
    [(1, []), (2, [rows(3)]), (1, [rows(2)]), (1, [rows(6)]), (2, [rows(4, 3)]), (1, [rows(3), b""])],
)
def test_other_rows_are_not(localizations: OutputWriter, n_items: int, buffers: list[bytes]) -> None:
    with pytest.raises(MessageError):
        check(localizations, n_items, buffers)


def test_images_of_the_range_are_taken(images: OutputWriter) -> None:
    check(images, 2, pack(7, 7, 8))


@pytest.mark.parametrize(
    ("n_items", "buffers"), [(3, pack(7, 7, 8)), (1, pack(7, 7)), (3, [rows(3, 4, 5)]), (1, pack(7, 7, 7)[:2])]
)
def test_other_images_are_not(images: OutputWriter, n_items: int, buffers: list[bytes]) -> None:
    with pytest.raises(MessageError):
        check(images, n_items, buffers)
