"""``pointillist maps``: from movies of the dark and of light to maps that an analysis finds."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from click.testing import CliRunner, Result

from pointillist.cli.main import pointillist
from pointillist.errors import SettingError
from pointillist.pipeline_files.maps.camera import camera_model
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.write_movie import write_pyme_h5
from pointillist.pipeline_files.preparation import prepare
from pointillist.settings.typed_settings import camera_settings

SCENE = ["--camera", "scmos", "--size", "72x56", "--frames", "30", "--seed", "3", "--emitters", "5", "--maps"]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(pointillist, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for suffix in (".h5", ".tif"):
        result = run("simulate", folder / f"m{suffix}", *SCENE, "--calibration", "200", "--overwrite")
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYMEDATADIR", str(tmp_path))
    return tmp_path


def lights(folder: Path, suffix: str = ".h5") -> list[Path]:
    return [folder / f"m_light{n}{suffix}" for n in range(1, 7)]


@pytest.mark.parametrize("suffix", [".h5", ".tif"])
def test_maps_are_made_found_and_right(recordings: Path, data_root: Path, suffix: str) -> None:
    made = run(
        "maps", "make", recordings / f"m_dark{suffix}", "--flat", recordings / f"m_flat{suffix}",
        "--photon-transfer", *lights(recordings, suffix),
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    folder = data_root / "CALIBRATION" / "simulated-scmos-3"
    assert {path.name for path in folder.iterdir()} == {
        "dark_20ms.tif", "variance_20ms.tif", "flatfield.tif", "gain.tif", "gain_error.tif", "flatfield_error.tif",
        "camera_20ms.yaml",
    }  # fmt: skip
    with open_movie(recordings / f"m{suffix}") as movie:
        true = camera_model(camera_settings(prepare(movie)[0]), movie.frame_shape, recordings)
        given = [f"Camera.{name}MapID=" for name in ("Dark", "Variance", "Flatfield")]
        settings, remarks = prepare(movie, None, [*given, "Camera.Maps=default"])
        measured = camera_model(camera_settings(settings), movie.frame_shape, recordings)
        by_file, _ = prepare(movie, folder / "camera_20ms.yaml")
        prepare(movie, None, [*given, "Camera.Maps=default", "Camera.ReadNoise=50"])
    assert any(remark.startswith("Camera.VarianceMapID is /") for remark in remarks)
    assert by_file["Camera.DarkMapID"] == settings["Camera.DarkMapID"]
    assert by_file["Camera.ElectronsPerCount"] == pytest.approx(0.46, rel=0.005)
    offset, variance, flat = (
        np.asarray(image, np.float64) for image in (measured.offset_adu, measured.read_variance_e2, measured.flat_field)
    )
    true_variance = np.asarray(true.read_variance_e2, np.float64)
    pulls = (offset - true.offset_adu) / np.sqrt((true_variance / 0.46**2 + 1 / 12) / 200)
    assert pulls.std() == pytest.approx(1, abs=0.08)
    # Rounding to whole counts adds 1/12 ADU².
    relative = variance / (true_variance + 0.46**2 / 12)
    assert np.median(relative) == pytest.approx(1, abs=0.02)
    assert relative.std() == pytest.approx(np.sqrt(2 / 199), abs=0.03)
    assert np.std(flat / np.asarray(true.flat_field)) < 0.004


def test_without_even_light_the_flat_field_comes_from_the_gains(recordings: Path, tmp_path: Path) -> None:
    made = run("maps", "make", recordings / "m_dark.h5", "-o", tmp_path, "--photon-transfer", *lights(recordings))
    assert made.exit_code == 0, made.output
    flat = tifffile.imread(tmp_path / "flatfield.tif").T
    with open_movie(recordings / "m.h5") as movie:
        true = np.asarray(camera_model(camera_settings(prepare(movie)[0]), movie.frame_shape, recordings).flat_field)
    assert np.std(flat / true) < np.std(true)
    gain, error = tifffile.imread(tmp_path / "gain.tif").T, tifffile.imread(tmp_path / "gain_error.tif").T
    pulls = (gain - 0.46 * true) / error
    assert np.nanstd(pulls) == pytest.approx(1, abs=0.08)


def test_only_what_is_measured_is_written(recordings: Path, tmp_path: Path) -> None:
    made = run("maps", "make", recordings / "m_dark.h5", "-o", tmp_path / "a", "--first", "10", "--last", "59")
    assert made.exit_code == 0, made.output
    assert re.search(r"dark frames +50", made.stdout)
    assert "0.46 e-/ADU, as given" in made.stdout
    written = yaml.safe_load((tmp_path / "a" / "camera_20ms.yaml").read_text())
    assert set(written) == {"Camera.ElectronsPerCount", "Camera.DarkMapID", "Camera.VarianceMapID"}
    assert Path(written["Camera.DarkMapID"]).is_absolute()


def test_maps_that_exist_are_pointed_out_but_never_used_unasked(recordings: Path, data_root: Path) -> None:
    assert run("maps", "make", recordings / "m_dark.h5").exit_code == 0
    with open_movie(recordings / "m_dark.h5") as movie:
        settings, remarks = prepare(movie)
        assert "Camera.DarkMapID" not in settings
        assert len(remarks) == 1
        assert "dark_20ms.tif, variance_20ms.tif): use them with -s Camera.Maps=default" in remarks[0]
        assert str(data_root) in remarks[0]
        with pytest.raises(SettingError, match=r"there is no dark_30ms.tif in .*maps make"):
            prepare(movie, None, ["Camera.Maps=default", "Camera.IntegrationTime=0.03"])
        with pytest.raises(SettingError, match="does not name its camera"):
            prepare(movie, None, ["Camera.Maps=default", "Camera.SerialNumber="])


def test_nothing_is_replaced_unasked(recordings: Path, tmp_path: Path) -> None:
    make: list[str | Path] = ["maps", "make", recordings / "m_dark.h5", "-o", tmp_path]
    assert run(*make).exit_code == 0
    again = run(*make)
    assert again.exit_code == 1
    assert "exists already; choose another folder with -o, or add --overwrite" in again.stderr
    assert run(*make, "--overwrite").exit_code == 0


def test_maps_of_a_part_of_the_chip_do_not_go_where_those_of_the_whole_are_sought(
    data_root: Path, recordings: Path
) -> None:
    part = ["-s", "Camera.SensorWidth=100", "-s", "Camera.SensorHeight=90", "-s", "Camera.ROIOriginX=20"]
    refused = run("maps", "make", recordings / "m_dark.h5", *part)
    assert refused.exit_code == 1
    assert "is for maps of the whole chip" in refused.stderr
    allowed = run("maps", "make", recordings / "m_dark.h5", *part, "--allow-part")
    assert allowed.exit_code == 0, allowed.output
    chip = tifffile.imread(data_root / "CALIBRATION" / "simulated-scmos-3" / "dark_20ms.tif")
    assert chip.shape == (100, 90)  # (x, y)
    with open_movie(recordings / "m_dark.h5") as movie:
        mean = movie.read(0, 200).mean(axis=0)
        padding = float(str(movie.metadata["Camera.ADOffset"]))
    np.testing.assert_allclose(chip[20:92, :56].T, mean, rtol=1e-6)
    np.testing.assert_allclose(chip[:20], padding, rtol=1e-6)


def test_blemished_pixels_are_marked_and_counted_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    dark = rng.normal(100, 3, (50, 20, 24))
    dark[:, 3, 4] = 20000  # bright
    dark[:, 5, 6] = rng.normal(5000, 1500, 50)  # noisy
    dark[:, 7, 8] = rng.choice([0, 60000], 50)  # both
    metadata = {"Camera.ElectronsPerCount": 0.5, "Camera.IntegrationTime": 0.1}
    write_pyme_h5(tmp_path / "dark.h5", [dark.astype(np.uint16)], metadata)
    made = run("maps", "make", tmp_path / "dark.h5", "-o", tmp_path)
    assert re.search(r"blemished pixels +3 \(", made.stdout), made.output
    variance = tifffile.imread(tmp_path / "variance_100ms.tif").T
    assert set(zip(*np.nonzero(variance == 1e8), strict=True)) == {(3, 4), (5, 6), (7, 8)}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["m_dark.tif", "-s", "Camera.IntegrationTime=short"], "'short' is not a number"),
        (["m_flat.h5", "--flat", "m_dark.h5"], "m_dark.h5: it is no brighter than the dark movie"),
        (["m_dark.h5", "--first", "199"], "m_dark.h5: has 1 frames to measure"),
        (["m_dark.h5", "--flat", "small.h5"], "has frames of another size than the dark movie (72 x 56 px)"),
        (["m_dark.h5", "-s", "Camera.SerialNumber=a/b"], "Camera.SerialNumber: missing"),
        (["m_dark.h5", "-s", "Camera.Type=EMCCD", "-s", "Camera.TrueEMGain=9"], "an EM register adds noise"),
    ],
)
def test_bad_input_is_one_clear_line(recordings: Path, data_root: Path, arguments: list[str], problem: str) -> None:
    if not (recordings / "small.h5").exists():
        write_pyme_h5(recordings / "small.h5", [np.zeros((3, 20, 24), np.uint16)], {})
    named = [str(recordings / word) if word.startswith(("m_", "small")) else word for word in arguments]
    result = run("maps", "make", *named)
    assert result.exit_code == 1
    assert problem in result.stderr
    assert not (data_root / "CALIBRATION").exists()


def test_movies_of_light_need_to_be_said_to_be_so(recordings: Path) -> None:
    assert run("maps", "make", recordings / "m_dark.h5", recordings / "m_flat.h5").exit_code == 2


def test_a_drifting_movie_is_remarked(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = rng.normal(100, 3, (60, 20, 24)) + np.linspace(0, 20, 60)[:, None, None]
    metadata = {"Camera.ElectronsPerCount": 0.5, "Camera.IntegrationTime": 0.1}
    write_pyme_h5(tmp_path / "dark.h5", [frames.astype(np.uint16)], metadata)
    assert "dark.h5 drifts" in run("maps", "make", tmp_path / "dark.h5", "-o", tmp_path).stderr


def test_a_calibration_of_another_program_becomes_maps(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    maps = [rng.normal(mean, 0.1, (20, 24)) for mean in (100, 5, 2)]
    np.save(tmp_path / "calib.npy", [image.T for image in maps])
    arguments: list[str | Path] = ["maps", "convert", tmp_path / "calib.npy", "-o", tmp_path / "maps"]
    assert "Camera.IntegrationTime: missing" in run(*arguments).stderr
    made = run(*arguments, "-s", "Camera.IntegrationTime=0.02")
    assert made.exit_code == 0, made.output
    assert "of storm-analysis, 24 x 20 px" in made.stdout
    np.save(tmp_path / "movie.npy", rng.normal(200, 5, (3, 20, 24)).astype(np.float32))
    rest = [f"{key}=1" for key in ("voxelsize.x", "voxelsize.y", "Camera.TrueEMGain", "Camera.NoiseFactor")]
    with open_movie(tmp_path / "movie.npy") as movie:
        settings, _ = prepare(movie, tmp_path / "maps" / "camera_20ms.yaml", rest)
        camera = camera_model(camera_settings(settings), movie.frame_shape, tmp_path)
    np.testing.assert_allclose(camera.read_variance_e2, maps[1] * camera.electrons_per_adu**2, rtol=1e-5)
    np.testing.assert_allclose(camera.electrons_per_adu * camera.flat_field, 1 / maps[2], rtol=1e-5)


def test_the_detection_test_tells_whether_maps_belong(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("test-detection", recordings / "m.h5", "--frames", "2")
    assert "camera maps: the 20 hottest pixels of the variance map have" in result.stdout, result.output
    turned = run("test-detection", recordings / "m.h5", "-s", "Camera.MapOrientation=flipped-x")
    assert turned.exit_code == 1
    assert "as-is" in turned.stderr
