"""PYME itself, in an environment of its own, opens what we write, and we open what it writes.

``POINTILLIST_PYME_PYTHON`` names the Python interpreter of an environment with python-microscopy in it.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from written_results import write_results

from pointillist.cli.main import pointillist
from pointillist.fitting.estimation.modules import MODULES
from pointillist.fitting.localizations import LOCALIZATION_DTYPE
from pointillist.pipeline_files.backgrounds.file import write_background
from pointillist.pipeline_files.backgrounds.image_packs import ImageLayout, Pack
from pointillist.pipeline_files.maps.camera_map import load_map
from pointillist.pipeline_files.movies.identity import data_file_id
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.source import EVENT_DTYPE
from pointillist.pipeline_files.movies.write_movie import write_pyme_h5
from pointillist.pipeline_files.preparation import prepare
from pointillist.pipeline_files.results.fit_formats import PYME_FORMATS
from pointillist.pipeline_files.results.reader import read_results
from pointillist.pipeline_files.results.table import ResultsDescription
from pointillist.settings.metadata import Value
from pointillist.settings.typed_settings import map_settings

METADATA: dict[str, Value] = {
    "voxelsize.x": 0.1,
    "voxelsize.y": 0.1,
    "Camera.ElectronsPerCount": 0.5,
    "Camera.TrueEMGain": 1.0,
    "Camera.NoiseFactor": 1.0,
    "Camera.ReadNoise": 1.6,
    "Camera.ADOffset": 100.0,
    "Camera.CycleTime": 0.1,
    "Camera.Name": "Zyla µ",
    "Camera.ROIWidth": 24,
    "Camera.ROIHeight": 20,
    "Protocol.PiezoStartPos": 1.0,
    "Sample.Labelling": [("tubulin", "AF647")],
    "StartTime": 1.7e9,
    "Flag": True,
    "Empty": "",
}
EVENTS = np.array([(b"0", b"StartAq", 1.7e9), (b"0, 1.5", b"ProtocolFocus", 1.7e9 + 0.5)], EVENT_DTYPE)
FRAMES = np.random.default_rng(0).integers(0, 4000, (30, 20, 24)).astype(np.uint16)  # (frame, y, x)


@pytest.fixture
def pyme(tmp_path: Path) -> Any:
    interpreter = os.environ.get("POINTILLIST_PYME_PYTHON")
    if not interpreter:
        pytest.skip("POINTILLIST_PYME_PYTHON names no interpreter that has PYME")

    def run(script: str, *arguments: Path) -> Any:
        # PYME leaves threads behind that keep the interpreter from ending, and prints: hence the file and _exit.
        answer = tmp_path / "answer.json"
        end = "with open(sys.argv[1], 'w') as file: file.write(json.dumps(answer, default=lambda value: value.item()))"
        source = f"import json, os, sys\nimport numpy as np\nfiles = sys.argv[2:]\n{script}\n{end}\nos._exit(0)\n"
        command = [interpreter, "-c", source, str(answer), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
        assert answer.exists(), done.stderr
        return json.loads(answer.read_text())

    return run


def test_pyme_opens_our_movies(pyme: Any, tmp_path: Path) -> None:
    write_pyme_h5(tmp_path / "a.h5", [FRAMES], METADATA, EVENTS)
    seen = pyme(
        """
from PYME.IO.image import ImageStack
from PYME.IO.DataSources.HDFDataSource import DataSource
from PYME.IO.FileUtils.fileID import genDataSourceID
source, image = DataSource(files[0]), ImageStack(filename=files[0])
answer = {"n": int(source.getNumSlices()), "frame": source.getSlice(3).tolist(), "id": int(genDataSourceID(source)),
          "shape": [int(n) for n in image.data_xyztc.shape], "offset": image.mdh.getEntry("Camera.ADOffset"),
          "events": len(image.events)}
""",
        tmp_path / "a.h5",
    )
    assert seen["n"] == 30
    assert seen["shape"] == [24, 20, 1, 30, 1]
    np.testing.assert_array_equal(np.transpose(seen["frame"]), FRAMES[3])
    assert seen["id"] == data_file_id(FRAMES[0])
    assert (seen["offset"], seen["events"]) == (100.0, 2)


def test_pyme_opens_our_backgrounds(pyme: Any, tmp_path: Path) -> None:
    description = ResultsDescription(
        metadata=METADATA, movie_path="a", movie_identity="a", n_frames=30, settings_digest="", events=EVENTS
    )
    images = (FRAMES + np.float32(0.25)).astype(np.float32)
    layout = ImageLayout(frame_shape=(20, 24), dtype=images.dtype, is_compressed=True, is_mapped=False)
    pack = Pack.of(layout, [(None, 0.0), *((image, 0.0) for image in images[1:])])
    write_background(tmp_path / "a.h5", description, layout, [(0, pack)], {}, n_bytes=100_000)
    seen = pyme(
        """
from PYME.IO.image import ImageStack
image = ImageStack(filename=files[0])
answer = {"shape": [int(n) for n in image.data_xyztc.shape], "offset": image.mdh.getEntry("Camera.ADOffset"),
          "frame": np.asarray(image.data_xyztc[:, :, 0, 3, 0]).squeeze().tolist(),
          "is_nan": bool(np.isnan(image.data_xyztc[:, :, 0, 0, 0]).all()), "events": len(image.events)}
""",
        tmp_path / "a.h5",
    )
    assert seen["shape"] == [24, 20, 1, 30, 1]
    np.testing.assert_array_equal(np.transpose(seen["frame"]), images[3])
    assert (seen["offset"], seen["is_nan"], seen["events"]) == (100.0, True, 2)


def test_we_open_movies_that_pyme_spools(pyme: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", FRAMES.transpose(0, 2, 1))
    pyme(
        """
from PYME.IO.acquisition_backends import HDFBackend
backend = HDFBackend(files[1])
for key, value in json.loads(os.environ["METADATA"]).items(): backend.mdh[key] = value
backend.mdh["Analysis.BGRange"] = (-30, 0)
backend.initialise()
for n, frame in enumerate(np.load(files[0])): backend.store_frame(n, frame)
backend.event_logger.logEvent("StartAq", "0")
backend.finalise()
answer = None
""".replace('json.loads(os.environ["METADATA"])', repr({k: v for k, v in METADATA.items() if "." in k})),
        tmp_path / "frames.npy",
        tmp_path / "a.h5",
    )
    with open_movie(tmp_path / "a.h5") as movie:
        np.testing.assert_array_equal(movie.read(0, 30), FRAMES)
        assert {k: v for k, v in METADATA.items() if "." in k}.items() <= movie.metadata.items()
        assert movie.metadata["Analysis.BGRange"] == (-30, 0)
        assert b"StartAq" in movie.events["EventName"]
        assert movie.remarks == ()


def test_we_open_pymes_pzf_movies(pyme: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", FRAMES.transpose(0, 2, 1))
    pyme(
        """
import time
from PYME.IO import PZFFormat
from PYME.IO.h5File import H5File
file = H5File(files[1], "w")
frames = np.load(files[0])
for n in [2, 0, 1, *range(3, 30)]:
    file.put_file("frame%05d.pzf" % n, PZFFormat.dumps(frames[n], frameNum=n, compression=PZFFormat.DATA_COMP_RAW))
file.flush()
time.sleep(3)
answer = None
""",
        tmp_path / "frames.npy",
        tmp_path / "a.h5",
    )
    with open_movie(tmp_path / "a.h5") as movie:
        np.testing.assert_array_equal(movie.read(0, 30), FRAMES)


def test_pyme_opens_our_results(pyme: Any, tmp_path: Path) -> None:
    rows = np.zeros(50, LOCALIZATION_DTYPE)
    rows["frame"] = np.arange(50) // 2
    rows["x"], rows["y"] = np.arange(50) / 3, np.arange(50) / 4
    rows["amplitude"], rows["sigma"], rows["nchi2"] = 100, 1.3, 1
    rows["x_error"], rows["y_error"] = 0.1, 0.12
    write_pyme_h5(tmp_path / "a.h5", [FRAMES], METADATA, EVENTS)
    with open_movie(tmp_path / "a.h5") as movie:
        settings, _ = prepare(movie)
        description = ResultsDescription.of(movie, settings)
    write_results(tmp_path / "a.h5r", description, [rows], [(0, 30)], {})
    seen = pyme(
        """
import tables
from PYME.IO.tabular import H5RSource
from PYME.LMVis.pipeline import Pipeline
with tables.open_file(files[0]) as file:
    source = H5RSource(file)
    answer = {key: np.asarray(source[key]).tolist() for key in ("t", "x", "y", "A", "sig", "error_x", "error_y")}
pipeline = Pipeline(files[0])
bounds = pipeline.imageBounds
answer |= {"n": len(pipeline["x"]), "photons": np.asarray(pipeline["nPhotons"]).tolist(),
           "events": len(pipeline.events),
           "bounds": [float(bounds.x0), float(bounds.y0), float(bounds.x1), float(bounds.y1)],
           "metadata": {key: pipeline.mdh.getEntry(key) for key in pipeline.mdh.getEntryNames()},
           "is_tuple": isinstance(pipeline.mdh.getEntry("Analysis.BGRange"), tuple)}
""",
        tmp_path / "a.h5r",
    )
    assert seen["t"] == rows["frame"].tolist()
    for key, expected in {
        "x": rows["x"] * 100, "y": rows["y"] * 100, "A": rows["amplitude"] * 2,
        "sig": rows["sigma"] * 100, "error_x": rows["x_error"] * 100, "error_y": rows["y_error"] * 100,
    }.items():  # fmt: skip
        np.testing.assert_allclose(seen[key], expected, rtol=1e-6)
    assert seen["n"] == 50  # PYMEVis' filters leave them all
    np.testing.assert_allclose(seen["photons"], 2 * np.pi * 1.3**2 * 100, rtol=1e-5)
    assert seen["bounds"] == [0, 0, 2400, 2000]
    assert seen["events"] == 2
    assert seen["is_tuple"]
    for key, value in json.loads(json.dumps(description.metadata)).items():
        assert seen["metadata"][key] == value


def test_we_open_results_that_pyme_writes(pyme: Any, tmp_path: Path) -> None:
    pyme(
        """
import time
from PYME.IO.h5rFile import H5RFile
from PYME.IO import MetaDataHandler
from PYME.localization.FitFactories.LatGaussFitFR import FitResultsDType
rows = np.zeros(20, FitResultsDType)
rows["tIndex"], rows["fitResults"]["x0"], rows["fitError"]["x0"] = np.arange(20), np.arange(20) * 100, -5000
file = H5RFile(files[0], "w")
file.updateMetadata(MetaDataHandler.DictMDHandler({"voxelsize.x": .1, "voxelsize.y": .1, "Camera.TrueEMGain": 1.,
    "Camera.ElectronsPerCount": .5, "Analysis.FitModule": "LatGaussFitFR"}))
file.appendToTable("FitResults", rows)
file.flush()
time.sleep(3)
answer = None
""",
        tmp_path / "a.h5r",
    )
    results = read_results(tmp_path / "a.h5r")
    assert results.n_localizations == 20
    np.testing.assert_allclose(results.rows["x"], np.arange(20), rtol=1e-6)
    assert np.isnan(results.rows["x_error"]).all()
    assert results.is_complete


def test_our_formats_are_pymes(pyme: Any) -> None:
    seen = pyme(
        f"""
import importlib
answer = {{name: repr(np.dtype(importlib.import_module("PYME.localization.FitFactories." + name).FitResultsDType))
          for name in {list(PYME_FORMATS)}}}
"""
    )
    assert seen == {name: repr(form.dtype) for name, form in PYME_FORMATS.items()}


@pytest.mark.parametrize("fit_module", PYME_FORMATS)
def test_pyme_opens_our_results_of_every_fit_module(pyme: Any, tmp_path: Path, fit_module: str) -> None:
    rows = np.ones(20, MODULES[fit_module].dtype)
    rows["frame"], rows["x"], rows["y"] = np.arange(20), np.arange(20) / 3, np.arange(20) / 4
    write_pyme_h5(tmp_path / "a.h5", [FRAMES], METADATA, EVENTS)
    with open_movie(tmp_path / "a.h5") as movie:
        settings, _ = prepare(movie, None, [f"Analysis.FitModule={fit_module}"])
        description = ResultsDescription.of(movie, settings)
    write_results(tmp_path / "a.h5r", description, [rows], [(0, 30)], {})
    seen = pyme(
        """
import tables
from PYME.IO.tabular import H5RSource
from PYME.LMVis.pipeline import Pipeline
with tables.open_file(files[0]) as file:
    source = H5RSource(file)
    answer = {key: np.asarray(source[key]).tolist() for key in ("t", "x", "y", "A")}
    answer["keys"] = list(source.keys())
pipeline = Pipeline(files[0])
answer |= {"n": len(pipeline.dataSources["FitResults"]["x"]), "module": pipeline.mdh["Analysis.FitModule"]}
""",
        tmp_path / "a.h5r",
    )
    assert seen["t"] == rows["frame"].tolist()
    np.testing.assert_allclose(seen["x"], rows["x"] * 100, rtol=1e-6)
    np.testing.assert_allclose(seen["y"], rows["y"] * 100, rtol=1e-6)
    np.testing.assert_allclose(seen["A"], 2**0.5 if fit_module == "GaussFitConstrR" else 2, rtol=1e-6)
    assert (seen["n"], seen["module"]) == (20, fit_module)
    parts = PYME_FORMATS[fit_module].dtype["fitResults"].names or ()
    assert {f"fitResults_{part}" for part in parts} <= set(seen["keys"])


@pytest.mark.parametrize("fit_module", PYME_FORMATS)
def test_we_open_results_of_every_fit_module_that_pyme_writes(pyme: Any, tmp_path: Path, fit_module: str) -> None:
    pyme(
        f"""
import time
from PYME.IO.h5rFile import H5RFile
from PYME.IO import MetaDataHandler
from PYME.localization.FitFactories.{fit_module} import FitResultsDType
rows = np.zeros(20, FitResultsDType)
rows["tIndex"], rows["fitResults"]["x0"], rows["fitResults"]["A"] = np.arange(20), np.arange(20) * 100, 8
rows["slicesUsed"]["y"]["stop"] = 11
file = H5RFile(files[0], "w")
file.updateMetadata(MetaDataHandler.DictMDHandler({{"voxelsize.x": .1, "voxelsize.y": .1, "Camera.TrueEMGain": 1.,
    "Camera.ElectronsPerCount": .5, "Analysis.FitModule": "{fit_module}"}}))
file.appendToTable("FitResults", rows)
file.flush()
time.sleep(3)
answer = None
""",
        tmp_path / "a.h5r",
    )
    results = read_results(tmp_path / "a.h5r")
    assert results.rows.dtype == MODULES[fit_module].dtype
    np.testing.assert_allclose(results.rows["x"], np.arange(20), rtol=1e-6)
    height = "light" if fit_module == "LatFitCOIR" else "amplitude"
    np.testing.assert_allclose(results.rows[height], 32 if fit_module == "GaussFitConstrR" else 4)
    assert (results.rows["roi_y_stop"] == 11).all()


def test_pyme_takes_our_camera_maps_for_its_own(pyme: Any, tmp_path: Path) -> None:
    dark = np.random.default_rng(0).normal(100, 3, (20, 20, 24)).astype(np.uint16)
    dark[:, 7, 3] += 500
    dark[:, 2, 5] = 20000
    chip: dict[str, Value] = {
        "Camera.SensorWidth": 50, "Camera.SensorHeight": 36, "Camera.ROIOriginX": 4, "Camera.ROIOriginY": 2,
        "Camera.SerialNumber": "s1", "Camera.IntegrationTime": 0.03,
    }  # fmt: skip
    write_pyme_h5(tmp_path / "dark.h5", [dark], {**METADATA, **chip})
    made = CliRunner().invoke(pointillist, ["maps", "make", str(tmp_path / "dark.h5"), "-o", str(tmp_path / "maps")])
    assert made.exit_code == 0, made.output
    seen = pyme(
        """
from PYME.IO.image import ImageStack
from PYME.IO.MetaDataHandler import NestedClassMDHandler
from PYME.localization.remFitBuf import CameraInfoManager
from PYME.Analysis.gen_sCMOS_maps import generate_maps
movie = ImageStack(filename=files[0])
md = NestedClassMDHandler(movie.mdh)
md["Camera.DarkMapID"], md["Camera.VarianceMapID"] = files[1], files[2]
manager = CameraInfoManager()
image = lambda stack: stack.data_xyztc[:, :, 0, 0, 0].squeeze()
dark, variance = generate_maps(movie, 0, movie.data_xyztc.shape[3])
ours = ImageStack(filename=files[2])
answer = {
    "dark": manager.getDarkMap(md).tolist(), "variance": manager.getVarianceMap(md).tolist(),
    "chip": [np.abs(image(ImageStack(filename=file)) - image(theirs)).max()
             for file, theirs in zip(files[1:], (dark, variance))],
    "metadata": {key: ours.mdh.getEntry(key) for key in ours.mdh.getEntryNames() if key.startswith("CameraMap")},
    "theirs": {key: variance.mdh.getEntry(key) for key in variance.mdh.getEntryNames() if key.startswith("CameraMap")},
}
""",
        tmp_path / "dark.h5",
        tmp_path / "maps" / "dark_30ms.tif",
        tmp_path / "maps" / "variance_30ms.tif",
    )
    np.testing.assert_allclose(np.transpose(seen["dark"]), dark.mean(axis=0), rtol=1e-6)
    variance = dark.var(axis=0, ddof=1) * 0.25
    variance[2, 5] = 1e8
    np.testing.assert_allclose(np.transpose(seen["variance"]), variance, rtol=1e-6)
    assert seen["chip"][0] < 1e-2  # float32 of counts up to 20000
    assert seen["chip"][1] < 1e-3
    ours, theirs = seen["metadata"], seen["theirs"]
    assert ours.pop("RowAxis", ours.pop("CameraMap.RowAxis", None)) == "x"
    assert ours["CameraMap.NBadPixels"] == 1
    assert {key for key in theirs if theirs[key] != ours.get(key)} <= {"CameraMap.NBadPixels"}


def test_pymes_camera_maps_lie_on_pymes_movies_pixel_by_pixel(pyme: Any, tmp_path: Path) -> None:
    dark = np.random.default_rng(0).normal(100, 3, (20, 20, 24)).astype(np.uint16)
    dark[:, 7, 3] += 500
    chip: dict[str, Value] = {
        "Camera.SensorWidth": 50, "Camera.SensorHeight": 36, "Camera.ROIOriginX": 4, "Camera.ROIOriginY": 2,
        "Camera.SerialNumber": "s1", "Camera.IntegrationTime": 0.03,
        "Camera.Name": "Zyla",  # PYME cannot write TIFFs with a µ in their metadata
    }  # fmt: skip
    write_pyme_h5(tmp_path / "dark.h5", [dark], {**METADATA, **chip})
    pyme(
        """
from PYME.IO.image import ImageStack
from PYME.Analysis.gen_sCMOS_maps import generate_maps
mean, variance = generate_maps(ImageStack(filename=files[0]), 0, -1)
mean.save(filename=files[1])
answer = None
""",
        tmp_path / "dark.h5",
        tmp_path / "dark.tif",
    )
    assert tifffile.imread(tmp_path / "dark.tif").shape == (50, 36)
    with open_movie(tmp_path / "dark.h5") as movie:
        settings, _ = prepare(movie, None, ["Camera.DarkMapID=dark.tif"])
        part = load_map("Camera.DarkMapID", map_settings(settings), movie.frame_shape, tmp_path)
    assert part is not None
    np.testing.assert_allclose(part, dark[:19].mean(axis=0), rtol=1e-5)
