"""TIFFs that a microscope left behind in an odd state, through the whole of ``analyse``."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from micro_manager_files import write_acquisition
from numpy.typing import NDArray

BIN = Path(sys.executable).parent
CAMERA = """
voxelsize: {x: 0.1, y: 0.1}
Camera: {ADOffset: 100, ElectronsPerCount: 0.5, ReadNoise: 1.5, TrueEMGain: 1, NoiseFactor: 1}
Analysis: {BGRange: "-5:0"}
"""


@pytest.fixture(scope="module")
def frames() -> NDArray[np.uint16]:
    """One bright spot in every frame, at another place in each."""
    y, x = np.indices((32, 40))
    at = np.random.default_rng(1).uniform(8, 24, (24, 2))
    mean = [40 + 300 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 1.3**2)) for px, py in at]
    return (100 + np.random.default_rng(2).poisson(mean)).astype(np.uint16)


def analyse(movie: Path, output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    movie.with_suffix("").with_suffix(".yaml").write_text(CAMERA)
    command = [str(BIN / "analyse"), str(movie), "-o", str(output), "--engine", "local", "--workers", "1"]
    if options:
        command[2:] = options
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def frames_of(output: Path) -> tuple[set[int], list[Any], list[str]]:
    """Frames with rows, and those that failed, with the reasons."""
    with h5py.File(output) as file:
        assert file["Pointillist"].attrs["is_complete"]
        failures = file["Pointillist/Failures"][:]
        texts = [bytes(reason).decode() for reason in failures["reason"]]
        return set(file["FitResults"]["tIndex"].tolist()), failures["frame"].tolist(), texts


@pytest.mark.parametrize("lost", [0, 12])
def test_a_page_without_pixels_is_one_failed_frame(tmp_path: Path, frames: NDArray[np.uint16], lost: int) -> None:
    path = tmp_path / "m.tif"
    with tifffile.TiffWriter(path) as writer:
        for frame in frames:
            writer.write(frame, metadata=None, compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(path) as file:
        tags = file.pages[lost].aspage().tags
        places = [tags[tag].valueoffset for tag in ("StripOffsets", "StripByteCounts")]
    content = bytearray(path.read_bytes())
    for place in places:
        content[place : place + 4] = bytes(4)
    path.write_bytes(content)
    done = analyse(path, tmp_path / "out.h5r")
    assert done.returncode == 0, done.stderr
    with_rows, failed, reasons = frames_of(tmp_path / "out.h5r")
    assert failed == [lost]
    assert f"frame {lost} (page {lost} of m.tif) has no data" in reasons[0]
    assert set(range(24)) - {lost} == with_rows
    tested = analyse(path, tmp_path / "test.h5r", "--test", "--frames", "24")
    assert tested.returncode == 0, tested.stderr
    assert f"frame {lost} could not be analysed" in " ".join((tested.stdout + tested.stderr).split())


def test_an_acquisition_that_was_stopped_in_its_second_file_is_analysed(
    tmp_path: Path, frames: NDArray[np.uint16]
) -> None:
    first, _ = write_acquisition(tmp_path / "[1] cells", frames, [16, 8], planned=1000)
    done = analyse(first, tmp_path / "out.h5r")
    assert done.returncode == 0, done.stderr
    assert "counts 1000 frames, but 24 were found" in " ".join(done.stderr.split())
    assert frames_of(tmp_path / "out.h5r")[0] == set(range(24))


_WRITER = """
import sys, tifffile, numpy, time
with tifffile.TiffWriter(sys.argv[1]) as writer:
    for number in range(100_000):
        writer.write(numpy.full((32, 40), 100, "u2"), metadata=None, contiguous=False)
        writer._fh.flush()
        time.sleep(0.02)
"""


def test_a_tiff_that_is_still_being_written_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(path)]) as writer:
        try:
            end = time.monotonic() + 30
            while not (path.exists() and path.stat().st_size > 30_000) and time.monotonic() < end:
                pass
            done = analyse(path, tmp_path / "out.h5r")
        finally:
            writer.kill()
    assert done.returncode == 1
    assert "is still being written; wait until the acquisition has ended" in " ".join(done.stderr.split())
    assert not (tmp_path / "out.h5r").exists()
