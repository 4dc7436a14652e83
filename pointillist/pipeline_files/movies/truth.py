"""Ground truth of a simulated movie, in a file beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from pointillist.errors import MovieError, ResultsError
from pointillist.fitting.scoring import TRUTH_DTYPE, Truth
from pointillist.pipeline_files.hdf5_file import open_h5py, open_hdf5
from pointillist.pipeline_files.storage import translated_write_errors

FORMAT = "pointillist truth"
VERSION = 1
VARIANCE_MAP = "ReadVariance"
"""Beside the attribute ``read_variance``, its median, where pixels differ."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Conditions under which a movie was recorded.

    Parameters
    ----------
    n_frames
        Number of frames of the movie.
    frame_shape
        Height and width of a frame, ``(y, x)``, px.
    pixel_size_nm
        Size of a pixel, nm.
    noise_factor
        Excess noise of the camera's EM register, ``>= 1``; 1 without one.
    read_variance
        Read variance, e-² before an EM register; a map ``(y, x)`` where pixels differ.
    seed
        Seed of the simulation.
    """

    n_frames: int
    frame_shape: tuple[int, int]
    pixel_size_nm: float
    noise_factor: float
    read_variance: float | NDArray[np.float32]
    seed: int


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordedTruth:
    """Content of a truth file.

    Parameters
    ----------
    rows
        Emitters of all frames, in order of frames.
    conditions
        Conditions of the recording.
    """

    rows: Truth
    conditions: Conditions


def truth_path(movie: Path) -> Path:
    """Return the path of the truth of a movie, ``<stem>.truth.h5`` beside it."""
    return movie.with_name(f"{movie.stem}.truth.h5")


class TruthWriter:
    """A truth file that is being written.

    Parameters
    ----------
    file
        Open file, from :func:`create_truth`.
    """

    def __init__(self, file: h5py.File) -> None:
        self._rows = file["Truth"]

    def append(self, rows: Truth) -> None:
        """Add the emitters of further frames."""
        n = len(self._rows)
        self._rows.resize(n + len(rows), axis=0)
        self._rows[n:] = rows


@contextlib.contextmanager
def create_truth(path: Path, conditions: Conditions) -> Iterator[TruthWriter]:
    """Create a truth file and close it at the end.

    Parameters
    ----------
    path
        Path of the new file.
    conditions
        Conditions of the recording.

    Raises
    ------
    ResultsError
        If the file exists, or cannot be written.
    """
    if path.exists():
        raise ResultsError(path, "exists already", "choose another name")
    with translated_write_errors(path), open_h5py(path, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["version"] = VERSION
        for name in Conditions.__dataclass_fields__:
            file.attrs[name] = (
                getattr(conditions, name) if name != "read_variance" else np.median(conditions.read_variance)
            )
        if np.ndim(conditions.read_variance):
            file.create_dataset(VARIANCE_MAP, data=conditions.read_variance, compression=4, shuffle=True)
        file.create_dataset(
            "Truth", (0,), dtype=TRUTH_DTYPE, maxshape=(None,), chunks=(4096,), compression=4, shuffle=True
        )
        yield TruthWriter(file)


def read_truth(path: Path) -> RecordedTruth:
    """Read a truth file.

    Parameters
    ----------
    path
        Path of a file that ``pointillist simulate`` wrote.

    Raises
    ------
    MovieError
        If there is no such file, or it is not a truth file, of a later version, or damaged.
    """
    try:
        with open_hdf5(path) as file:
            if file.attrs.get("format") != FORMAT:
                raise MovieError(path, "is not a truth file", "name the .truth.h5 beside a simulated movie")
            if file.attrs["version"] > VERSION:
                raise MovieError(path, "was written by a later version", "update pointillist")
            return RecordedTruth(rows=np.asarray(file["Truth"][:], dtype=TRUTH_DTYPE), conditions=_conditions(file))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        problem = "is not a truth file, or damaged"
        raise MovieError(path, problem, "name the .truth.h5 beside a simulated movie") from error


def _conditions(file: h5py.File) -> Conditions:
    attributes = file.attrs
    height, width = (int(length) for length in attributes["frame_shape"])
    return Conditions(
        n_frames=int(attributes["n_frames"]),
        frame_shape=(height, width),
        pixel_size_nm=float(attributes["pixel_size_nm"]),
        noise_factor=float(attributes["noise_factor"]),
        read_variance=_read_variance(file, (height, width)),
        seed=int(attributes["seed"]),
    )


def _read_variance(file: h5py.File, frame_shape: tuple[int, int]) -> float | NDArray[np.float32]:
    if VARIANCE_MAP not in file:
        return float(file.attrs["read_variance"])
    variance = np.asarray(file[VARIANCE_MAP][:], np.float32)
    if variance.shape != frame_shape:
        raise ValueError("the map has another shape than the frames")
    return variance
