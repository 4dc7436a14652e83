"""Movies that lie in several TIFFs, or of which metadata count other than what is there."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from micro_manager_files import ome_xml, write_acquisition, write_stack

from pointillist.errors import LostFrameError, MovieError
from pointillist.pipeline_files.movies.movie import MovieFile, open_movie
from pointillist.pipeline_files.movies.tiff.pages import read_pages

FRAMES = np.random.default_rng(0).integers(1, 4000, (24, 16, 12)).astype(np.uint16)


def assert_all(movie: MovieFile) -> None:
    assert movie.n_frames == len(FRAMES)
    np.testing.assert_array_equal(movie.read(0, movie.n_frames), FRAMES)
    np.testing.assert_array_equal(movie.read(14, 19), FRAMES[14:19])


def write_ome(folder: Path, counts: list[int], xml: str = "", compression: str | None = None) -> list[Path]:
    """An OME-TIFF of several files, as no Micro-Manager wrote it."""
    names = [f"part{number}.ome.tif" for number in range(len(counts))]
    xml = xml or ome_xml(FRAMES.shape, names, counts)
    for name, part in zip(names, np.split(FRAMES, np.cumsum(counts)[:-1]), strict=True):
        own = xml.replace(f'UUID="urn:uuid:{names[0]}"', f'UUID="urn:uuid:{name}"')
        tifffile.imwrite(
            folder / name, part, photometric="minisblack", description=own, metadata=None, compression=compression
        )
    return [folder / name for name in names]


# --- Micro-Manager ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_xml", [True, False])
@pytest.mark.parametrize("axis", ["T", "Z"])
@pytest.mark.parametrize("counts", [[24], [16, 8], [10, 10, 4]])
def test_any_file_of_micro_manager_stands_for_all(tmp_path: Path, counts: list[int], axis: str, has_xml: bool) -> None:  # noqa: FBT001
    paths = write_acquisition(tmp_path / "[2024] cells", FRAMES, counts, axis=axis, has_xml=has_xml)
    identities = set()
    for path in paths:
        with open_movie(path) as movie:
            assert_all(movie)
            assert movie.remarks == ()
            assert [file.name for file in movie.files] == [path.name for path in paths]
            identities.add(movie.identity)
    assert len(identities) == 1


@pytest.mark.parametrize("counts", [[24], [16, 8]])
def test_an_acquisition_that_was_stopped_early_has_the_frames_that_were_recorded(
    tmp_path: Path, counts: list[int]
) -> None:
    for path in write_acquisition(tmp_path, FRAMES, counts, planned=1000):
        with open_movie(path) as movie:
            assert_all(movie)
            assert movie.remarks == ("its summary counts 1000 frames, but 24 were found; these 24 are read",)


def test_a_file_of_one_position_has_the_frames_of_that_position(tmp_path: Path) -> None:
    (first,) = write_acquisition(tmp_path, FRAMES, [24], n_positions=2)
    second = write_acquisition(tmp_path, FRAMES[::-1], [16, 8], position=1, n_positions=2)
    with open_movie(first) as movie:
        assert_all(movie)
    for path in second:
        with open_movie(path) as movie:
            np.testing.assert_array_equal(movie.read(0, movie.n_frames), FRAMES[::-1])


def test_renamed_files_of_one_movie_are_found_by_what_they_hold(tmp_path: Path) -> None:
    paths = write_acquisition(tmp_path, FRAMES, [16, 8])
    for new, path in zip(["b.tif", "a.tif"], paths, strict=True):
        path.rename(tmp_path / new)
    for new in ["a.tif", "b.tif"]:
        with open_movie(tmp_path / new) as movie:
            assert_all(movie)


@pytest.mark.parametrize(("lost", "problem"), [(0, "begins with frame 16"), (1, "Pos0_1.ome.tif")])
def test_part_of_a_movie_is_refused(tmp_path: Path, lost: int, problem: str) -> None:
    paths = write_acquisition(tmp_path, FRAMES, [16, 8])
    paths.pop(lost).unlink()
    with pytest.raises(MovieError, match=problem):
        open_movie(paths[0])
    paths[0].rename(tmp_path / "renamed.tif")
    with pytest.raises(MovieError, match=problem):
        open_movie(tmp_path / "renamed.tif")


def test_a_part_in_the_middle_that_is_missing_is_missed(tmp_path: Path) -> None:
    first, second, third = write_acquisition(tmp_path, FRAMES, [10, 10, 4])
    second.unlink()
    for path in (first, third):
        with pytest.raises(MovieError, match=r"Pos0_1\.ome\.tif|begins with frame 20"):
            open_movie(path)


def test_a_copy_in_the_same_folder_is_not_read_twice(tmp_path: Path) -> None:
    first, _ = write_acquisition(tmp_path, FRAMES, [16, 8])
    shutil.copy(first, tmp_path / "copy.tif")
    with open_movie(first) as movie:
        assert_all(movie)
        assert movie.remarks == ("copy.tif holds frames of the same numbers and is not read",)


def edit(path: Path, place: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


SUMMARY = {"MicroManagerVersion": "1.4.22", "Frames": 24, "Slices": 1, "Channels": 1, "Positions": 1}


def test_a_hole_in_the_index_is_filled_with_the_page_that_belongs_there(tmp_path: Path) -> None:
    places = write_stack(tmp_path / "a.tif", FRAMES, 0, SUMMARY)
    edit(tmp_path / "a.tif", places[12] + 16, bytes(4))
    with open_movie(tmp_path / "a.tif") as movie:
        assert_all(movie)
        assert movie.remarks == ("its index lists 23 frames, but 24 were found; these 24 are read",)


def test_a_frame_that_was_never_recorded_is_lost_alone(tmp_path: Path) -> None:
    kept = np.delete(FRAMES, 12, axis=0)
    places = write_stack(tmp_path / "a.tif", kept, 0, SUMMARY)
    for number in range(12, 23):
        edit(tmp_path / "a.tif", places[number] + 8, struct.pack("<I", number + 1))
    with open_movie(tmp_path / "a.tif") as movie:
        assert movie.n_frames == 24
        np.testing.assert_array_equal(movie.read(13, 24), FRAMES[13:])
        with pytest.raises(LostFrameError, match=r"frame 12 is in none"):
            movie.read(0, 24)
        assert "1 of its 24 frames are missing" in movie.remarks[0]


def test_pages_that_the_index_leaves_out_are_read(tmp_path: Path) -> None:
    places = write_stack(tmp_path / "a.tif", FRAMES, 0, SUMMARY)
    edit(tmp_path / "a.tif", places[0] - 4, struct.pack("<I", 20))
    with open_movie(tmp_path / "a.tif") as movie:
        assert_all(movie)
        assert any("index lists 20 frames, but 24 were found" in remark for remark in movie.remarks)


def test_a_stack_without_an_index_is_read_in_the_order_of_its_pages(tmp_path: Path) -> None:
    write_stack(tmp_path / "a.tif", FRAMES, 0, SUMMARY)
    edit(tmp_path / "a.tif", 12, bytes(4))
    with open_movie(tmp_path / "a.tif") as movie:
        assert_all(movie)
        assert "no usable index" in movie.remarks[0]


@pytest.mark.parametrize(("column", "problem"), [(0, "axes TCYX"), (1, "axes TZYX"), (3, "axes PTYX")])
def test_channels_planes_and_positions_in_one_stack_are_refused(tmp_path: Path, column: int, problem: str) -> None:
    places = write_stack(tmp_path / "a.tif", FRAMES, 0, SUMMARY)
    for number in range(0, 24, 2):
        edit(tmp_path / "a.tif", places[number] + 4 * column, struct.pack("<I", 1))
    with pytest.raises(MovieError, match=problem):
        open_movie(tmp_path / "a.tif")


def test_a_real_stack_of_one_position_has_its_channels_named(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "formats" / "micromanager_1.4_mmstack"
    for packed in folder.glob("*.tif.gz"):
        (tmp_path / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(MovieError, match=r"has the axes TZCYX"):
            open_movie(path)


# --- OME-TIFF --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_any_file_of_an_ome_tiff_stands_for_all(tmp_path: Path, compression: str | None) -> None:
    for path in write_ome(tmp_path, [16, 8], compression=compression):
        with open_movie(path) as movie:
            assert_all(movie)
            assert movie.metadata["voxelsize.x"] == 0.108


@pytest.mark.parametrize("planned", [10, 1000])
def test_ome_xml_that_counts_other_than_the_pages_cuts_nothing_off(tmp_path: Path, planned: int) -> None:
    xml = ome_xml((planned, 16, 12), ["part0.ome.tif"], [min(planned, 24)])
    (path,) = write_ome(tmp_path, [24], xml)
    with open_movie(path) as movie:
        assert_all(movie)
        assert movie.remarks == (f"its OME-XML counts {planned} frames, but 24 were found; these 24 are read",)


def test_ome_xml_that_names_more_pages_than_there_are_is_told(tmp_path: Path) -> None:
    (path,) = write_ome(tmp_path, [24], ome_xml((100, 16, 12), ["part0.ome.tif"], [100]))
    with open_movie(path) as movie:
        assert_all(movie)
        assert "counts 100 frames, but 24 were found" in movie.remarks[0]


def test_the_order_of_the_xml_is_that_of_the_frames(tmp_path: Path) -> None:
    xml = ome_xml(FRAMES.shape, ["part0.ome.tif"], [24])
    for page in range(24):
        xml = xml.replace(f'FirstT="{page}" IFD="{page}"', f'FirstT="{23 - page}" IFD="@{page}"')
    (path,) = write_ome(tmp_path, [24], xml.replace("@", ""))
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.read(0, 24), FRAMES[::-1])


def test_a_single_ome_tiff_may_be_renamed(tmp_path: Path) -> None:
    (path,) = write_ome(tmp_path, [24])
    with open_movie(path.rename(tmp_path / "renamed.tif")) as movie:
        assert_all(movie)


@pytest.mark.parametrize("is_renamed", [False, True])
@pytest.mark.parametrize("lost", [0, 1])
def test_part_of_an_ome_tiff_is_refused(tmp_path: Path, lost: int, is_renamed: bool) -> None:  # noqa: FBT001
    paths = write_ome(tmp_path, [16, 8])
    gone = paths.pop(lost)
    gone.rename(tmp_path / "elsewhere.tif") if is_renamed else gone.unlink()
    with pytest.raises(MovieError, match=rf"some are missing or renamed \({gone.name}\)"):
        open_movie(paths[0])


def test_frames_may_be_described_in_a_companion_file(tmp_path: Path) -> None:
    xml = ome_xml(FRAMES.shape, ["part0.tif", "part1.tif"], [16, 8])
    for name, part in {"part0.tif": FRAMES[:16], "part1.tif": FRAMES[16:]}.items():
        text = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{name}"><BinaryOnly '
        text += 'MetadataFile="cells.companion.ome" UUID="urn:uuid:0"/></OME>'
        tifffile.imwrite(tmp_path / name, part, photometric="minisblack", description=text, metadata=None)
    with pytest.raises(MovieError, match=r"cells\.companion\.ome, which is not beside it"):
        open_movie(tmp_path / "part0.tif")
    (tmp_path / "cells.companion.ome").write_text(xml)
    for name in ("part0.tif", "part1.tif"):
        with open_movie(tmp_path / name) as movie:
            assert_all(movie)


def test_several_images_in_one_ome_tiff_are_refused(tmp_path: Path) -> None:
    xml = ome_xml((12, 16, 12), ["part0.ome.tif"], [12])
    image = xml[xml.index("<Image") : xml.index("</OME>")]
    (path,) = write_ome(tmp_path, [24], xml.replace("</OME>", f"{image}</OME>"))
    with pytest.raises(MovieError, match=r"PTYX"):
        open_movie(path)


@pytest.mark.parametrize("xml", ["<OME>not closed OME>", '<!DOCTYPE a [<!ENTITY b "c">]><OME></OME>'])
def test_xml_that_cannot_be_read_is_told(tmp_path: Path, xml: str) -> None:
    (path,) = write_ome(tmp_path, [24], xml)
    with open_movie(path) as movie:
        assert_all(movie)
        assert "OME-XML cannot be read" in movie.remarks[0]


# --- MetaMorph and NDTiff --------------------------------------------------------------------------------------------


def test_a_real_stk_has_all_its_planes(shared_data: Path) -> None:
    path = shared_data / "formats" / "stk" / "model_puff.stk"
    with tifffile.TiffFile(path, is_imagej=False) as file, open_movie(path) as movie:
        np.testing.assert_array_equal(movie.read(0, movie.n_frames), file.asarray())
        assert movie.n_frames == 51


def test_an_stk_has_all_its_planes(tmp_path: Path) -> None:
    tags: Any = [(33629, 5, 24, (1, 1) * 24)]
    tifffile.imwrite(tmp_path / "a.stk", FRAMES[0], photometric="minisblack", metadata=None, extratags=tags)
    with (tmp_path / "a.stk").open("ab") as file:
        file.write(FRAMES[1:].tobytes())
    with open_movie(tmp_path / "a.stk") as movie:
        assert_all(movie)


def write_ndtiff(folder: Path, counts: list[int]) -> list[Path]:
    index, paths, frame = b"", [], 0
    for number, count in enumerate(counts):
        path = folder / f"cells_NDTiffStack{f'_{number}' if number else ''}.tif"
        write_stack(path, FRAMES[frame : frame + count], 0, {})
        edit(path, 8, struct.pack("<I", 483729))
        for offset in read_pages(path).data_offsets:
            axes, name = json.dumps({"time": frame}).encode(), path.name.encode()
            index += struct.pack("<I", len(axes)) + axes + struct.pack("<I", len(name)) + name
            index += struct.pack("<8I", offset, 12, 16, 1, 0, 0, 0, 0)
            frame += 1
        paths.append(path)
    (folder / "NDTiff.index").write_bytes(index)
    return paths


def test_any_file_of_an_ndtiff_stands_for_all(tmp_path: Path) -> None:
    for path in write_ndtiff(tmp_path, [16, 8]):
        with open_movie(path) as movie:
            assert_all(movie)
            assert movie.remarks == ()


def test_part_of_an_ndtiff_is_refused(tmp_path: Path) -> None:
    first, second = write_ndtiff(tmp_path, [16, 8])
    index = (tmp_path / "NDTiff.index").read_bytes()
    (tmp_path / "NDTiff.index").write_bytes(index[:-5])
    with pytest.raises(MovieError, match=r"truncated"):
        open_movie(first)
    (tmp_path / "NDTiff.index").unlink()
    os.mkfifo(tmp_path / "NDTiff.index")
    with pytest.raises(MovieError, match=r"NDTiff\.index: is a named pipe"):
        open_movie(first)
    (tmp_path / "NDTiff.index").unlink()
    with pytest.raises(MovieError, match=r"is one of 2 files whose NDTiff\.index is missing"):
        open_movie(first)
    (tmp_path / "NDTiff.index").write_bytes(index)
    second.rename(tmp_path / "renamed.tif")
    with pytest.raises(MovieError, match=rf"{second.name} is missing"):
        open_movie(first)
    with pytest.raises(MovieError, match=r"is not among the files of its NDTiff\.index"):
        open_movie(tmp_path / "renamed.tif")


def test_a_frame_that_an_ndtiff_lacks_is_lost_alone(tmp_path: Path) -> None:
    (path,) = write_ndtiff(tmp_path, [24])
    index = (tmp_path / "NDTiff.index").read_bytes()
    (tmp_path / "NDTiff.index").write_bytes(index.replace(b'"time": 23', b'"time": 25'))
    with open_movie(path) as movie:
        assert movie.n_frames == 26
        np.testing.assert_array_equal(movie.read(0, 23), FRAMES[:23])
        np.testing.assert_array_equal(movie.read(25, 26), FRAMES[23:])
        assert "2 of its 26 frames are missing" in movie.remarks[0]
        with pytest.raises(LostFrameError, match=r"frame 23"):
            movie.read(22, 25)


def real_ndtiff(shared_data: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "cells"
    shutil.copytree(shared_data / "formats" / "micromanager_2_ndtiff" / "ndtiff3.2_11bit_1", folder)
    folder.chmod(0o755)
    return folder / "ndtiff3.2_11bit_NDTiffStack.tif"


def test_a_real_ndtiff_has_the_frames_of_its_index(shared_data: Path, tmp_path: Path) -> None:
    path = real_ndtiff(shared_data, tmp_path)
    with tifffile.TiffFile(path) as file, open_movie(path) as movie:
        np.testing.assert_array_equal(movie.read(0, movie.n_frames), file.asarray())
        assert movie.n_frames == 10
        assert movie.remarks == ()


def test_a_real_ndtiff_without_its_index_or_under_another_name_is_told(shared_data: Path, tmp_path: Path) -> None:
    path = real_ndtiff(shared_data, tmp_path)
    with pytest.raises(MovieError, match=r"is not among the files of its NDTiff\.index"):
        open_movie(Path(shutil.copy(path, path.with_name("renamed.tif"))))
    path.with_name("NDTiff.index").unlink()
    with pytest.raises(MovieError, match=r"NDTiff\.index is missing"):
        open_movie(path)
    path.with_name("renamed.tif").unlink()
    with open_movie(path) as movie:
        assert movie.n_frames == 10
        assert "NDTiff.index is missing" in movie.remarks[0]


def test_channels_and_planes_of_a_real_ndtiff_are_refused(shared_data: Path) -> None:
    folder = shared_data / "formats" / "micromanager_2_ndtiff"
    for name in ("12_bit_pycromanager_mda", "ndtiff3.2_monochrome"):
        with pytest.raises(MovieError, match=r"has the axes T[CZ]+YX"):
            open_movie(next((folder / name).glob("*.tif")))
