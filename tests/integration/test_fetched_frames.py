"""Workers that cannot open the files of a job, beside those that can: the rows are the same."""

from __future__ import annotations

import contextlib
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tables
import tifffile
from machines import Machines
from numpy.typing import NDArray
from waiting import eventually, is_over, wait_for

from pointillist.pipeline_files.backgrounds.preparation import prepare_background
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.write_movie import write_pyme_h5
from pointillist.pipeline_files.movies.write_stack import write_npy
from pointillist.pipeline_files.preparation import prepare
from pointillist.pipeline_protocol.client import Client
from pointillist.pipeline_protocol.messages.reports import Progress
from pointillist.pipeline_server.frames.frame_server import CACHE_BYTES as SERVER_CACHE_BYTES, IN_FLIGHT_TO_ONE_BYTES
from pointillist.pipeline_worker.frame_client import CACHE_BYTES, IN_FLIGHT_BYTES
from pointillist.settings.encoding import job_settings
from pointillist.supervision.warm_up import load_kernels

"""Kernels that few movies need are compiled on the way."""

SETTINGS = (
    *("voxelsize.x=0.1", "voxelsize.y=0.1", "Camera.ElectronsPerCount=0.5", "Camera.TrueEMGain=1"),
    *("Camera.NoiseFactor=1", "Camera.ReadNoise=1.6", "Camera.ADOffset=100", "Analysis.BGRange=0:0"),
)
N_FRAMES = 150
EDGE = 48
Frames = NDArray[Any]


@pytest.fixture(scope="session")
def frames() -> Frames:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:EDGE, :EDGE]
    frames = rng.poisson(20.0, (N_FRAMES, EDGE, EDGE)).astype(np.float64)
    for number in range(N_FRAMES):
        for at_x, at_y in rng.uniform(7, EDGE - 7, (3, 2)):
            frames[number] += rng.poisson(200.0 * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / 3.4))
    return (100 + frames).astype(np.uint16)


@pytest.fixture
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    machines = Machines(tmp_path_factory.mktemp("m"))
    yield machines
    machines.close()


@pytest.fixture(scope="module")
def near_and_far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machines, Machines]]:
    """A server with a worker that opens all files, and one with a worker that opens none."""
    load_kernels()  # once, into the cache of all tests
    with contextlib.ExitStack() as stack:
        pair = tuple(Machines(tmp_path_factory.mktemp("m")) for _ in range(2))
        for machines in pair:
            stack.callback(machines.close)
            machines.start_server(allow=Path("/"))
        pair[0].start_worker("near", allow=Path("/"))
        pair[1].start_worker("far")
        yield pair[0], pair[1]


def submit(client: Client, movie: Path, output: Path, settings: Sequence[str] = SETTINGS, kind: str = "fit") -> str:
    with open_movie(movie) as opened:
        known, _ = prepare(opened, None, settings)
        return client.submit(str(movie), opened.identity, job_settings(known, kind), output=str(output), kind=kind)


def run(machines: Machines, movie: Path, output: Path, **more: Any) -> Progress:
    with machines.client() as client:
        return wait_for(client, submit(client, movie, output, **more), is_over)


def content(path: Path) -> bytes:
    with h5py.File(path) as file:
        rows: NDArray[np.void] = file["FitResults"][:]
    assert len(rows) > N_FRAMES
    return rows.tobytes()


def assert_same_rows(pair: tuple[Machines, Machines], movie: Path, folder: Path, **more: Any) -> None:
    """Near and far workers write the same rows."""
    outputs = [folder / "near.h5r", folder / "far.h5r"]
    for machines, output in zip(pair, outputs, strict=True):
        assert run(machines, movie, output, **more).state == "finished"
    assert content(outputs[0]) == content(outputs[1])


def write_compressed_tiff(path: Path, frames: Frames) -> None:
    tifffile.imwrite(path, frames, photometric="minisblack", compression="zlib")


MOVIES: dict[str, Callable[[Path, Frames], object]] = {
    "zlib.h5": lambda path, frames: write_pyme_h5(path, [frames], {}),
    "plain.h5": lambda path, frames: write_pyme_h5(path, [frames], {}, is_compressed=False),
    "float.h5": lambda path, frames: write_pyme_h5(path, [frames.astype(np.float32)], {}),
    "a.tif": lambda path, frames: tifffile.imwrite(path, frames, photometric="minisblack"),
    "zlib.tif": write_compressed_tiff,
    "a.npy": lambda path, frames: write_npy(path, [frames], frames.shape, {}),
}


@pytest.mark.parametrize("name", MOVIES)
@pytest.mark.parametrize("background", ["0:0", "-30:0"])
def test_fetched_frames_give_the_rows_of_opened_ones(
    near_and_far: tuple[Machines, Machines], frames: Frames, tmp_path: Path, name: str, background: str
) -> None:
    MOVIES[name](tmp_path / name, frames)
    settings = [*SETTINGS, f"Analysis.BGRange={background}"]
    assert_same_rows(near_and_far, tmp_path / name, tmp_path, settings=settings)
    assert (tmp_path / name).name in near_and_far[1].log("far")


def write_pzf(path: Path, frames: Frames) -> None:
    """A movie of PYME's cluster: frames in PZF, out of order."""
    order = np.random.default_rng(1).permutation(len(frames))
    with tables.open_file(path, "w") as file:
        data = file.create_vlarray("/", "PZFImageData", tables.UInt8Atom())
        index = np.zeros(len(frames), [("FrameNum", "<i4"), ("Position", "<i4")])
        for position, number in enumerate(order):
            stored = np.ascontiguousarray(frames[number].T)
            header = struct.pack(
                "<2sBBBBcxqIIIIQff", b"BD", 3, 1, 0, 0, b"C", 7, number, *stored.shape, 1, 0, 0.0, 0.0
            )  # fmt: skip
            header += struct.pack("<I12x", len(header) + 16)
            data.append(np.frombuffer(header + stored.tobytes(), np.uint8))
            index[position] = number, position
        file.create_table("/", "PZFImageIndex", index)


def test_frames_in_pzf_give_the_same_rows(
    near_and_far: tuple[Machines, Machines], frames: Frames, tmp_path: Path
) -> None:
    write_pzf(tmp_path / "pzf.h5", frames)
    assert_same_rows(near_and_far, tmp_path / "pzf.h5", tmp_path)


def test_a_movie_of_several_files_gives_the_same_rows(
    near_and_far: tuple[Machines, Machines], frames: Frames, tmp_path: Path
) -> None:
    names = [f"a_{number}.ome.tif" for number in range(2)]
    middle = N_FRAMES // 2
    planes = "".join(
        f'<TiffData FirstT="{frame}" IFD="{frame % middle}" PlaneCount="1">'
        f'<UUID FileName="{names[frame // middle]}">urn:uuid:{frame // middle}</UUID></TiffData>'
        for frame in range(N_FRAMES)
    )
    for number, name in enumerate(names):
        ome = (
            f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{number}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
            f'Type="uint16" SizeX="{EDGE}" SizeY="{EDGE}" SizeZ="1" SizeC="1" SizeT="{N_FRAMES}">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        part = frames[number * middle : (number + 1) * middle]
        tifffile.imwrite(tmp_path / name, part, photometric="minisblack", description=ome, metadata=None)
    with open_movie(tmp_path / names[0]) as movie:
        assert movie.shape == frames.shape
        assert len(movie.files) == 2
    assert_same_rows(near_and_far, tmp_path / names[0], tmp_path)


def test_camera_maps_are_fetched_once_and_give_the_same_rows(
    near_and_far: tuple[Machines, Machines], frames: Frames, tmp_path: Path
) -> None:
    rng = np.random.default_rng(2)
    chip = (EDGE + 10, EDGE + 20)
    np.save(tmp_path / "dark.npy", rng.normal(100, 2, chip).astype(np.float32))
    tifffile.imwrite(tmp_path / "variance.tif", rng.uniform(1, 9, chip).astype(np.float32))
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        file["flat"] = rng.normal(1, 0.02, chip).astype(np.float32)
    write_pyme_h5(tmp_path / "a.h5", [frames], {})
    settings = [
        *SETTINGS,
        *(f"Camera.DarkMapID={tmp_path}/dark.npy", f"Camera.VarianceMapID={tmp_path}/variance.tif"),
        *(f"Camera.FlatfieldMapID={tmp_path}/flat.h5:flat", "Camera.ROIOriginX=12", "Camera.ROIOriginY=7"),
    ]
    settings = [setting for setting in settings if not setting.startswith(("Camera.ADOffset", "Camera.ReadNoise"))]
    assert_same_rows(near_and_far, tmp_path / "a.h5", tmp_path, settings=settings)
    for key in ("Dark", "Variance", "Flatfield"):
        assert near_and_far[1].log("far").count(f'"Camera.{key}MapID"') == 1


@pytest.mark.parametrize("is_mapped", [False, True])
def test_a_stored_background_gives_the_same_rows_and_is_made_from_fetched_frames(
    near_and_far: tuple[Machines, Machines], frames: Frames, tmp_path: Path, *, is_mapped: bool
) -> None:
    write_pyme_h5(tmp_path / "a.h5", [frames], {})
    made: list[bytes] = []
    for machines, output in zip(near_and_far, (tmp_path / "near.bg.h5", tmp_path / "far.bg.h5"), strict=True):
        with open_movie(tmp_path / "a.h5") as movie, machines.client() as client:
            made_by = prepare_background(movie, None, ["Analysis.Background=sparsemed:k=20^i=40"], is_mapped=is_mapped)
            job = client.submit(
                str(movie.path),
                movie.identity,
                job_settings(made_by, "background"),
                output=str(output),
                kind="background",
            )
            assert wait_for(client, job, is_over).state == "finished"
        with open_movie(output) as movie:
            made.append(movie.read(0, movie.n_frames).tobytes())
    assert made[0] == made[1]
    settings = [*SETTINGS, "Analysis.Background=copy", f"Analysis.BackgroundFile={tmp_path}/near.bg.h5"]
    assert_same_rows(near_and_far, tmp_path / "a.h5", tmp_path, settings=settings)
    assert '"background-rows"' in near_and_far[1].log("far")


def test_a_machine_without_the_folder_gives_the_same_rows(
    near_and_far: tuple[Machines, Machines], machines: Machines, frames: Frames, tmp_path: Path
) -> None:
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root can hide a folder from a process")
    (tmp_path / "movies").mkdir()
    movie = tmp_path / "movies" / "a.h5"
    write_pyme_h5(movie, [frames], {})
    machines.start_server(allow=Path("/"))
    machines.start_worker("blind", allow=Path("/"), hidden=movie.parent)
    assert run(near_and_far[0], movie, tmp_path / "near.h5r").state == "finished"
    assert run(machines, movie, tmp_path / "blind.h5r").state == "finished"
    assert content(tmp_path / "near.h5r") == content(tmp_path / "blind.h5r")
    assert "there is no such file" in machines.log("blind")


def test_near_and_far_workers_share_a_job_whose_server_is_killed(
    near_and_far: tuple[Machines, Machines], machines: Machines, frames: Frames, tmp_path: Path
) -> None:
    write_pyme_h5(tmp_path / "a.h5", [frames] * 20, {})
    settings = [*SETTINGS, "Analysis.BGRange=-30:0"]
    assert run(near_and_far[0], tmp_path / "a.h5", tmp_path / "undisturbed.h5r", settings=settings).state == "finished"
    machines.start_server(allow=Path("/"))
    machines.start_worker("near", allow=Path("/"))
    machines.start_worker("far")
    machines.start_worker("farther")
    with machines.client() as client:
        assert eventually(lambda: [bool(worker.build) for worker in client.workers()] == [True] * 3)
        job = submit(client, tmp_path / "a.h5", tmp_path / "out.h5r", settings)
        wait_for(client, job, lambda progress: progress.n_done > 300)
        machines.kill("server")
        machines.start_server(allow=Path("/"))
        wait_for(client, job, lambda progress: progress.n_done > 900)
        machines.kill("far")
        assert wait_for(client, job, is_over).n_failed == 0
    assert content(tmp_path / "out.h5r") == content(tmp_path / "undisturbed.h5r")
    assert "a.h5" in machines.log("far")
    assert "a.h5" in machines.log("farther")


def test_a_movie_that_vanishes_here_is_had_from_the_server_and_there_it_blocks(
    machines: Machines, frames: Frames, tmp_path: Path
) -> None:
    movie, hidden = tmp_path / "a.h5", tmp_path / "hidden.h5"
    write_pyme_h5(movie, [frames] * 20, {})
    machines.start_server(allow=Path("/"))
    machines.start_worker("near", allow=Path("/"))
    with machines.client() as client:
        assert eventually(lambda: client.ping().n_workers == 1)
        job = submit(client, movie, tmp_path / "out.h5r")
        wait_for(client, job, lambda progress: progress.n_done > 100)
        movie.rename(hidden)
        progress = wait_for(client, job, lambda progress: progress.state == "paused")
        assert progress.reason == f"{movie}: there is no such file; check its name and folder"
        hidden.rename(movie)
        submit(client, movie, tmp_path / "out.h5r")
        assert wait_for(client, job, is_over).n_failed == 0


def test_frames_that_nobody_can_read_fail_far_as_they_do_near(
    near_and_far: tuple[Machines, Machines], frames: Frames, tmp_path: Path
) -> None:
    write_pyme_h5(tmp_path / "a.h5", [frames], {})
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        depth = file["ImageData"].chunks[0]
        file["ImageData"].id.write_direct_chunk((5 * depth, 0, 0), b"no zlib")
    failed = []
    for machines, name in zip(near_and_far, ("near.h5r", "far.h5r"), strict=True):
        progress = run(machines, tmp_path / "a.h5", tmp_path / name)
        failed.append(sorted(progress.failures))
    assert failed == [list(range(5 * depth, 6 * depth))] * 2
    assert content(tmp_path / "near.h5r") == content(tmp_path / "far.h5r")


def test_a_frame_that_the_file_lacks_fails_alone_far_as_it_does_near(
    near_and_far: tuple[Machines, Machines], frames: Frames, tmp_path: Path
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for frame in frames:
            writer.write(frame, metadata=None, contiguous=False, photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        place = file.pages[7].aspage().tags["StripOffsets"].valueoffset
    with (tmp_path / "a.tif").open("r+b") as stream:
        stream.seek(place)
        stream.write(bytes(4))
    for machines, name in zip(near_and_far, ("near.h5r", "far.h5r"), strict=True):
        assert list(run(machines, tmp_path / "a.tif", tmp_path / name).failures) == [7]
    assert content(tmp_path / "near.h5r") == content(tmp_path / "far.h5r")


def peak_bytes(process: subprocess.Popen[bytes]) -> int:
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        pytest.skip("needs /proc to see how much memory a process had")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])


def test_memory_does_not_grow_with_the_movie(machines: Machines, tmp_path: Path) -> None:
    path, edge, n_frames = tmp_path / "a.npy", 1024, 350
    stored = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint16, shape=(n_frames, edge, edge))
    stored[:] = 100
    n_bytes = stored.nbytes
    stored.flush()
    del stored
    load_kernels()
    machines.start_server(allow=Path("/"))
    machines.start_worker("far")
    with machines.client() as client:
        assert eventually(lambda: client.ping().n_workers == 1)
        before = {name: peak_bytes(process) for name, process in machines.processes.items()}
        assert wait_for(client, submit(client, path, tmp_path / "out.h5r"), is_over).n_done
        grown = {name: peak_bytes(process) - before[name] for name, process in machines.processes.items()}
    assert n_bytes > 700e6
    # What may be kept, and as much again for what frees late, imports, and the fits' own arrays.
    assert grown["server"] < 1.5 * (SERVER_CACHE_BYTES + IN_FLIGHT_TO_ONE_BYTES) + 64e6
    assert grown["far"] < 1.5 * (CACHE_BYTES + IN_FLIGHT_BYTES) + 200e6
