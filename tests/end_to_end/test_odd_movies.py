"""Movies that no microscope should have made, through the whole of ``analyse``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

BIN = Path(sys.executable).parent
CAMERA = """
voxelsize: {x: 0.1, y: 0.1}
Camera: {ADOffset: 100, ElectronsPerCount: 0.5, ReadNoise: 1.5, TrueEMGain: 1, NoiseFactor: 1}
Analysis: {BGRange: "0:0"}
"""


def spots(n_frames: int, dtype: Any) -> NDArray[Any]:
    """One bright spot at x = 20.0, y = 14.0 in every frame."""
    y, x = np.indices((32, 40))
    mean = 40 + 300 * np.exp(-((x - 20) ** 2 + (y - 14) ** 2) / (2 * 1.3**2))
    counts = 100 + np.random.default_rng(1).poisson(np.broadcast_to(mean, (n_frames, 32, 40)))
    return counts.astype(dtype)


def analyse(folder: Path, frames: NDArray[Any]) -> subprocess.CompletedProcess[str]:
    np.save(folder / "movie.npy", frames)
    (folder / "movie.yaml").write_text(CAMERA)
    command = [str(BIN / "analyse"), str(folder / "movie.npy"), "-o", str(folder / "out.h5r"), "--workers", "1"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def rows_of(folder: Path) -> NDArray[np.void]:
    with h5py.File(folder / "out.h5r") as file:
        assert file["Pointillist"].attrs["is_complete"]
        rows: NDArray[np.void] = file["FitResults"][:]
    return rows


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((0, 32, 40), np.uint16), "no frames"),
        (np.zeros((3, 8, 40), np.uint16), "Analysis.ROISize"),
        (np.zeros((3, 32, 40), np.complex64), "complex64"),
    ],
    ids=["zero frames", "frames smaller than the region", "complex pixels"],
)
def test_what_cannot_be_analysed_gets_one_line(tmp_path: Path, frames: NDArray[Any], message: str) -> None:
    done = analyse(tmp_path, frames)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not (tmp_path / "out.h5r").exists()


def test_one_frame_is_enough(tmp_path: Path) -> None:
    done = analyse(tmp_path, spots(1, np.uint16))
    assert done.returncode == 0, done.stderr
    fits = rows_of(tmp_path)["fitResults"]
    np.testing.assert_allclose(fits["x0"], [2000], atol=50)
    np.testing.assert_allclose(fits["y0"], [1400], atol=50)


@pytest.mark.parametrize("value", [0, 65535], ids=["all zero", "saturated"])
def test_blank_frames_have_no_localizations_and_harm_no_others(tmp_path: Path, value: int) -> None:
    frames = spots(6, np.uint16)
    frames[2] = value
    done = analyse(tmp_path, frames)
    assert done.returncode == 0, done.stderr
    assert set(rows_of(tmp_path)["tIndex"]) == {0, 1, 3, 4, 5}


def test_a_frame_with_nan_is_named_and_harms_no_others(tmp_path: Path) -> None:
    frames = spots(6, np.float32)
    frames[2, 5, 5] = np.nan
    done = analyse(tmp_path, frames)
    assert done.returncode == 0, done.stderr
    assert "not finite" in done.stdout + done.stderr
    assert set(rows_of(tmp_path)["tIndex"]) == {0, 1, 3, 4, 5}
    with h5py.File(tmp_path / "out.h5r") as file:
        assert file["Pointillist/Failures"]["frame"].tolist() == [2]


def test_a_movie_without_light_gives_results_that_say_so(tmp_path: Path) -> None:
    done = analyse(tmp_path, np.full((4, 32, 40), 100, np.uint16))
    assert done.returncode == 0, done.stderr
    assert "nothing was found" in done.stderr
    assert len(rows_of(tmp_path)) == 0
