"""Simulated movies on their way to files: of a scene, and of what a camera is calibrated with."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from pointillist.cli.durations import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pointillist.cli.progress_display import ProgressDisplay
    from pointillist.fitting.simulation import Simulation
    from pointillist.pipeline_files.movies import Frames, TruthWriter
    from pointillist.settings import Metadata

PIXELS_AT_A_TIME = 2**22
"""Bounds the memory to some 100 MB for each of the two blocks that are computed side by side."""

FLAT_E = 1000.0
LIGHT_LEVELS_E = (20.0, 50.0, 100.0, 200.0, 400.0, 800.0)
"""Photoelectrons per px and frame of the movies that a camera is calibrated with."""

SEED_STEP = 2**32
"""Keeps the noise of these movies apart from that of the scene."""


class Recording:
    """The movie block by block, its truth written on the way."""

    def __init__(
        self, simulation: Simulation, n_frames: int, truth: TruthWriter | None, progress: ProgressDisplay
    ) -> None:
        self.simulation = simulation
        self.shape = (n_frames, *simulation.scene.frame_shape)
        self.n_emitters = 0
        self._truth = truth
        self._progress = progress
        self._begun = time.monotonic()

    def blocks(self) -> Iterator[Frames]:
        """Yield all frames in order, computing two blocks at a time."""
        from concurrent.futures import ThreadPoolExecutor

        n_frames, height, width = self.shape
        step = max(1, min(64, PIXELS_AT_A_TIME // (height * width)))
        ranges = [(start, min(start + step, n_frames)) for start in range(0, n_frames, step)]
        with ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(self.simulation.frames, *span) for span in ranges[:2]]
            for number, (start, stop) in enumerate(ranges):
                if number + 2 < len(ranges):
                    waiting.append(pool.submit(self.simulation.frames, *ranges[number + 2]))
                if self._truth is not None:
                    rows = self.simulation.emitters(start, stop)
                    self._truth.append(rows)
                    self.n_emitters += len(rows)
                yield waiting.pop(0).result()
                self._progress.show(stop, self._speed(stop))

    def _speed(self, n_done: int) -> str:
        rate = n_done / (time.monotonic() - self._begun)
        return f"{rate:.0f} frames/s, {duration((self.shape[0] - n_done) / rate)} left"


def write_movie(path: Path, metadata: Metadata, recording: Recording, *, is_compressed: bool) -> None:
    """Write a recording in the format that its name asks for."""
    from pointillist.pipeline_files.movies import write_npy, write_pyme_h5, write_tiff

    suffix = path.suffix.lower()
    if suffix == ".h5":
        write_pyme_h5(path, recording.blocks(), metadata, is_compressed=is_compressed)
    else:
        write = write_npy if suffix == ".npy" else write_tiff
        write(path, recording.blocks(), recording.shape, metadata)


def files_of(path: Path) -> list[Path]:
    """Return the files of a movie: itself, and the metadata beside it."""
    return [path, *([] if path.suffix.lower() == ".h5" else [path.with_suffix(".json")])]


def calibration_movies(out: Path, simulation: Simulation, n_frames: int | None) -> dict[Path, tuple[Simulation, int]]:
    """Return the movies that a camera is calibrated with, which show nothing but even light, and their lengths.

    Parameters
    ----------
    out
        Path of the movie with emitters; the names of the others are derived from it.
    simulation
        Simulation of the movie with emitters, by the same camera.
    n_frames
        Number of frames of each movie; None for no such movies.
    """
    if n_frames is None:
        return {}
    from dataclasses import replace

    from pointillist.fitting.simulation import Blinking, Simulation

    levels = {"dark": 0.0, "flat": FLAT_E, **{f"light{n}": level for n, level in enumerate(LIGHT_LEVELS_E, 1)}}
    nothing = Blinking(emitters_per_frame=0)
    return {
        out.with_name(f"{out.stem}_{name}{out.suffix}"): (
            Simulation(
                replace(simulation.scene, blinking=nothing, background=level, background_slope=0.0),
                simulation.camera,
                SEED_STEP * number + simulation.seed,
            ),
            n_frames,
        )
        for number, (name, level) in enumerate(levels.items(), 1)
    }
