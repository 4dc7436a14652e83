"""The same fits on processors with short vectors and with long ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

HASWELL = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+bmi,+bmi2"}
FIT = """
import sys
import numpy as np
from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.estimation.gaussian_fit import round_gaussian
from pointillist.fitting.estimation.fit import FrameImages
from pointillist.fitting.settings import FitSettings
from pointillist.fitting.simulation.regions import draw_regions, draw_spots_at_centres

side, n = 7, 15
regions = draw_regions(draw_spots_at_centres(n * n, float(sys.argv[2]), 1), 3, 1)
frame = regions.photoelectrons.reshape(n, n, side, side).swapaxes(1, 2).reshape(n * side, -1).copy()
variance = regions.read_variance.reshape(n, n, side, side).swapaxes(1, 2).reshape(n * side, -1).copy()
camera = CameraModel(electrons_per_adu=0.5, offset_adu=0.0, read_variance_e2=variance).maps(frame.shape)
points = (np.indices((n, n)).reshape(2, -1).T * side + 3.0).astype(np.float32)
fits = [
    round_gaussian(FitSettings(psf_sigma_px=1.2, estimator=estimator, background_model="flat", roi_half_size=3), camera)
    for estimator in ("wls", "mle")
]
for fit in fits:
    fit.add(0, FrameImages(frame, np.zeros_like(frame), variance + np.maximum(frame, 0.5) + 1), points)
np.save(sys.argv[1], np.concatenate([fit.rows() for fit in fits]))
"""


def rows_on(processor: dict[str, str], folder: Path, photons: float) -> NDArray[np.void]:
    cache = {"NUMBA_CACHE_DIR": str(folder / "kernels")} if processor else {}
    path = folder / f"rows{len(processor)}.npy"
    command = [sys.executable, "-c", FIT, str(path), str(photons)]
    subprocess.run(command, check=True, timeout=280, env={**os.environ, **processor, **cache})
    rows: NDArray[np.void] = np.load(path)
    return rows


@pytest.mark.skipif("avx2" not in Path("/proc/cpuinfo").read_text("utf-8"), reason="this processor has no AVX2")
def test_avx2_and_the_processor_at_hand_agree(tmp_path: Path) -> None:
    here, there = (rows_on(processor, tmp_path, 1000.0) for processor in ({}, HASWELL))
    np.testing.assert_array_equal(here["result_code"], there["result_code"])
    for name in ("x", "y", "sigma"):
        assert np.abs(here[name] - there[name]).max() < 1e-4
    np.testing.assert_allclose(here["amplitude"], there["amplitude"], rtol=1e-4)
