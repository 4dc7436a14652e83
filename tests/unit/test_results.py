from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path

import h5py
import numpy as np
import pytest
import tables
from written_results import write_results

from pointillist.errors import ResultsError
from pointillist.fitting.localizations import LOCALIZATION_DTYPE, Rows
from pointillist.pipeline_files.movies.identity import data_file_id
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.source import EVENT_DTYPE
from pointillist.pipeline_files.movies.write_movie import write_pyme_h5
from pointillist.pipeline_files.preparation import prepare
from pointillist.pipeline_files.results import writer as results_writer
from pointillist.pipeline_files.results.reader import read_results
from pointillist.pipeline_files.results.table import (
    ResultsDescription,
    append_localizations,
    create_results,
)
from pointillist.pipeline_files.storage import DiskFullError
from pointillist.settings.metadata import Value

METADATA: dict[str, Value] = {
    "voxelsize.x": 0.1,
    "voxelsize.y": 0.11,
    "Camera.ElectronsPerCount": 0.5,
    "Camera.TrueEMGain": 2,
    "Camera.NoiseFactor": 1.41,
    "Camera.ReadNoise": 2,
    "Camera.ADOffset": 100,
    "Camera.Name": "Zyla µ",
    "Sample.Labelling": [("tubulin", "AF647")],
    "StartTime": 1.5,
}
EVENTS = np.array([(b"0", b"StartAq", 1.5), (b"1, 2.0", b"ProtocolFocus", 2.5)], EVENT_DTYPE)
N_FRAMES = 2500


def some_rows(n: int = 4000) -> Rows:
    generator = np.random.default_rng(0)
    rows = np.zeros(n, LOCALIZATION_DTYPE)
    for name in LOCALIZATION_DTYPE.names or ():
        rows[name] = generator.integers(1, 100, n)
    rows["frame"] = np.sort(generator.integers(0, N_FRAMES, n))
    rows["x_error"][::7] = np.nan
    return rows


ROWS = some_rows()


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> ResultsDescription:
    path = tmp_path_factory.mktemp("movie") / "movie.h5"
    write_pyme_h5(path, [np.zeros((N_FRAMES, 11, 12), np.uint8)], METADATA, EVENTS)
    with open_movie(path) as movie:
        settings, _ = prepare(movie)
        return ResultsDescription.of(movie, settings)


def assert_same(found: Rows, expected: Rows) -> None:
    for name in LOCALIZATION_DTYPE.names or ():
        np.testing.assert_allclose(found[name], expected[name], rtol=3e-7)


def test_a_finished_analysis_comes_back_whole(tmp_path: Path, description: ResultsDescription) -> None:
    path = tmp_path / "new" / "a.h5r"
    n = write_results(path, description, np.array_split(ROWS, 9), [(0, N_FRAMES)], {})
    results = read_results(path)
    assert n == results.n_localizations == len(ROWS)
    assert_same(results.rows, ROWS)
    assert results.is_complete
    assert results.failures == {}
    assert results.metadata == description.metadata
    assert results.metadata["Analysis.BGRange"] == (-30, 0)
    assert results.metadata["DataFileID"] == data_file_id(np.zeros((11, 12)))
    np.testing.assert_array_equal(results.events, EVENTS)
    assert results.movie_identity == description.movie_identity
    assert results.movie_path == description.movie_path
    assert results.settings_digest == description.settings_digest
    assert results.versions == description.versions
    assert [path.name for path in path.parent.iterdir()] == ["a.h5r"]


def test_ranges_say_what_was_analysed_and_how_much_was_found(tmp_path: Path, description: ResultsDescription) -> None:
    kept = ROWS[ROWS["frame"] != 1500]
    done = [(1501, N_FRAMES), (0, 700), (700, 1500)]
    write_results(tmp_path / "a.h5r", description, [kept], done, {1500: "no fit: größer"})
    results = read_results(tmp_path / "a.h5r")
    assert [(int(r["start"]), int(r["stop"])) for r in results.ranges] == [
        (0, 1000), (1000, 1500), (1501, 2000), (2000, N_FRAMES),
    ]  # fmt: skip
    counts = np.histogram(kept["frame"], [0, 1000, 1500, 2000, N_FRAMES])[0]
    np.testing.assert_array_equal(results.ranges["n_localizations"], counts)
    assert results.failures == {1500: "no fit: größer"}


def test_the_bytes_depend_on_the_rows_and_not_on_their_portions(
    tmp_path: Path, description: ResultsDescription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_writer, "_N_CHUNKS", 2)
    contents = set()
    for i, portions in enumerate(([ROWS], np.array_split(ROWS, 99), np.split(ROWS, [1, 1, 3999]))):
        edges = np.linspace(0, N_FRAMES, i + 2).astype(int).tolist()
        done = itertools.pairwise(edges)
        write_results(tmp_path / f"{i}.h5r", description, portions, done, {})
        contents.add((tmp_path / f"{i}.h5r").read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize("n_rows", [1, 1212, 1213, 1214, 2426, 4000])
def test_hdf5_unpacks_what_is_packed_beside_it(tmp_path: Path, description: ResultsDescription, n_rows: int) -> None:
    write_results(tmp_path / "a.h5r", description, [ROWS[:n_rows]], [(0, N_FRAMES)], {})
    create_results(tmp_path / "b.h5r", description, is_compressed=False)
    append_localizations(tmp_path / "b.h5r", ROWS[:n_rows])
    with tables.open_file(tmp_path / "a.h5r") as packed, tables.open_file(tmp_path / "b.h5r") as plain:
        np.testing.assert_array_equal(packed.root.FitResults[:], plain.root.FitResults[:])
    with h5py.File(tmp_path / "a.h5r") as packed, h5py.File(tmp_path / "b.h5r") as plain:
        np.testing.assert_array_equal(packed["FitResults"][:], plain["FitResults"][:])


def test_an_analysis_that_found_nothing_says_so(tmp_path: Path, description: ResultsDescription) -> None:
    assert write_results(tmp_path / "a.h5r", description, [], [(0, N_FRAMES)], {}) == 0
    results = read_results(tmp_path / "a.h5r")
    assert results.is_complete
    assert len(results.rows) == results.n_localizations == results.ranges["n_localizations"].sum() == 0
    assert results.ranges["stop"][-1] == N_FRAMES


def test_a_part_can_be_read_alone(tmp_path: Path, description: ResultsDescription) -> None:
    write_results(tmp_path / "a.h5r", description, [ROWS], [(0, N_FRAMES)], {})
    assert_same(read_results(tmp_path / "a.h5r", 10, 20).rows, ROWS[10:20])
    nothing = read_results(tmp_path / "a.h5r", stop=0)
    assert len(nothing.rows) == 0
    assert nothing.n_localizations == len(ROWS)


def test_a_file_is_as_pyme_lays_it_out(tmp_path: Path, description: ResultsDescription) -> None:
    write_results(tmp_path / "a.h5r", description, [ROWS], [(0, N_FRAMES)], {})
    with tables.open_file(tmp_path / "a.h5r") as file:
        assert {node._v_name for node in file.iter_nodes("/")} == {"FitResults", "Events", "MetaData", "Pointillist"}
        fits = file.root.FitResults
        assert (fits.filters.complib, fits.filters.complevel, fits.filters.shuffle) == ("zlib", 5, True)
        assert fits.dtype.itemsize == 108
        assert fits.chunkshape == (1213,)
        assert len(ROWS) == fits._v_attrs.NROWS
        assert file.root.Events.dtype == EVENT_DTYPE
        assert file.root.MetaData.Analysis._v_attrs.SNRThreshold
    with h5py.File(tmp_path / "a.h5r") as file:
        attributes = file["MetaData/Analysis"]
        assert attributes.attrs["BGRange"] == b"(I-30\nI0\ntp0\n."
        assert isinstance(h5py.h5a.open(attributes.id, b"SNRThreshold").get_type(), h5py.h5t.TypeBitfieldID)
        name = h5py.h5a.open(file["MetaData/Camera"].id, b"Name").get_type()
        assert name.get_cset() == h5py.h5t.CSET_UTF8


def test_rows_can_be_appended_while_others_look(tmp_path: Path, description: ResultsDescription) -> None:
    create_results(tmp_path / "a.h5r", description, is_compressed=False)
    for i, rows in enumerate(np.array_split(ROWS, 4)):
        append_localizations(tmp_path / "a.h5r", rows)
        results = read_results(tmp_path / "a.h5r")
        assert not results.is_complete
        assert results.n_localizations == (i + 1) * 1000
    assert_same(results.rows, ROWS)


def test_no_file_is_overwritten(tmp_path: Path, description: ResultsDescription) -> None:
    (tmp_path / "a.h5r").write_text("precious")
    with pytest.raises(ResultsError, match="exists already"):
        write_results(tmp_path / "a.h5r", description, [ROWS], [(0, N_FRAMES)], {})
    with pytest.raises(ResultsError, match="exists already"):
        create_results(tmp_path / "a.h5r", description, is_compressed=False)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.h5r", "precious")]


def test_what_an_interrupted_writer_left_behind_is_cleared_away(
    tmp_path: Path, description: ResultsDescription
) -> None:
    (tmp_path / "a.unfinished.h5r").write_text("half of it")
    write_results(tmp_path / "a.h5r", description, [ROWS], [(0, N_FRAMES)], {})
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5r"]


def test_an_error_on_the_way_leaves_no_file(tmp_path: Path, description: ResultsDescription) -> None:
    def breaking() -> Iterator[Rows]:
        yield ROWS
        raise DiskFullError("journal", "is full", "make room")

    with pytest.raises(DiskFullError):
        write_results(tmp_path / "a.h5r", description, breaking(), [(0, N_FRAMES)], {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda table: table.modify_rows(len(ROWS) - 1, rows=table[:1]),
        lambda table: table.truncate(len(ROWS) - 1),
        lambda table: table.truncate(len(ROWS) + 1),
        lambda table: table.truncate(len(ROWS) + 5 * len(ROWS)),
    ],
    ids=["another row", "a row less", "a row more", "chunks that were never written"],
)
def test_rows_that_did_not_reach_the_disk_are_noticed(
    tmp_path: Path,
    description: ResultsDescription,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[tables.Table], object],
) -> None:
    append_chunks = results_writer.append_chunks

    def lossy(path: Path, chunks: Sequence[Rows], threads: Executor, checksum: int) -> int:
        checksum = append_chunks(path, chunks, threads, checksum)
        with tables.open_file(path, "a") as file:
            damage(file.root.FitResults)
        return checksum

    monkeypatch.setattr(results_writer, "append_chunks", lossy)
    with pytest.raises(ResultsError, match="does not hold what was written"):
        write_results(tmp_path / "a.h5r", description, [ROWS], [(0, N_FRAMES)], {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n"])
def test_what_is_no_results_file_gets_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.h5r").write_bytes(content)
    with pytest.raises(ResultsError) as error:
        read_results(tmp_path / "a.h5r")
    assert "\n" not in str(error.value)


def test_missing_directories_foreign_and_truncated_files_get_one_line(
    tmp_path: Path, description: ResultsDescription
) -> None:
    with pytest.raises(ResultsError, match="there is no such file"):
        read_results(tmp_path / "a.h5r")
    with pytest.raises(ResultsError):
        read_results(tmp_path)
    with h5py.File(tmp_path / "b.h5r", "w") as file:
        file["data"] = np.zeros(3)
    with pytest.raises(ResultsError, match="holds no localizations"):
        read_results(tmp_path / "b.h5r")
    write_results(tmp_path / "a.h5r", description, [ROWS], [(0, N_FRAMES)], {})
    content = (tmp_path / "a.h5r").read_bytes()
    for n_bytes in range(0, len(content) - 1, 9999):
        (tmp_path / "c.h5r").write_bytes(content[:n_bytes])
        with pytest.raises(ResultsError) as error:
            read_results(tmp_path / "c.h5r")
        assert "\n" not in str(error.value)


def test_results_of_an_unknown_fit_are_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5r", "w") as file:
        file["FitResults"] = np.zeros(3, [("tIndex", "<i4")])
        file.create_group("MetaData/Analysis").attrs["FitModule"] = "InterpFitR"
    with pytest.raises(ResultsError, match="holds results of InterpFitR; only those of LatGaussFitFR, "):
        read_results(tmp_path / "a.h5r")


def test_the_real_movie_has_a_description(shared_data: Path) -> None:
    with open_movie(shared_data / "egfp_tirf" / "egfp_tirf.tif") as movie:
        settings, _ = prepare(movie)
        description = ResultsDescription.of(movie, settings)
    assert description.n_frames == 750
    assert description.metadata["Camera.TrueEMGain"] == 100
    assert description.metadata["Analysis.FitModule"] == description.fit_module == "LatGaussFitFR"
