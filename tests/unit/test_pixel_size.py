"""Sizes of a pixel are in µm inside, in whatever unit and wherever they are given."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from pointillist.errors import SettingError
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.write_movie import write_pyme_h5
from pointillist.pipeline_files.preparation import prepare
from pointillist.settings.analysis import resolve, resolve_with_remarks, settings_digest
from pointillist.settings.metadata import Metadata, Value
from pointillist.settings.pixel_size import in_micrometres, merge_metadata, micrometres_in

CAMERA: dict[str, Value] = {
    "Camera.ElectronsPerCount": 0.5, "Camera.TrueEMGain": 1, "Camera.NoiseFactor": 1, "Camera.ReadNoise": 2,
    "Camera.ADOffset": 100,
}  # fmt: skip
SIZES = [
    ("nm", 100.0), ("µm", 0.1), ("μm", 0.1), ("um", 0.1), ("micron", 0.1), ("Micrometers", 0.1), ("mm", 1e-4),
    ("m", 1e-7), ("cm", 1e-5), ("pm", 1e5), ("nanometre", 100.0), ("nm/px", 100.0), ("nm per pixel", 100.0),
    ("Å", 1000.0), ("", 0.1), (None, 0.1),
]  # fmt: skip


def sized(size: Value, unit: Value, *, axes: str = "xy") -> dict[str, Value]:
    return {**{f"voxelsize.{axis}": size for axis in axes}, "voxelsize.units": unit}


@pytest.mark.parametrize(("unit", "size"), SIZES)
@pytest.mark.parametrize("source", ["override", "settings", "side-car", "movie", "travelled"])
def test_a_size_is_the_same_in_every_unit_and_from_every_place(
    tmp_path: Path, unit: str | None, size: float, source: str
) -> None:
    given = {"voxelsize.x": size, "voxelsize.y": size} | ({} if unit is None else {"voxelsize.units": unit})
    frames = np.random.default_rng(0).poisson(300, (20, 16, 16)).astype(np.uint16)
    settings_file, overrides = None, [f"{key}={value}" for key, value in given.items() if source == "override"]
    if source == "settings":
        settings_file = tmp_path / "settings.json"
        settings_file.write_text(json.dumps(given))
    if source == "movie":
        write_pyme_h5(tmp_path / "movie.h5", [np.ascontiguousarray(frames)], {**CAMERA, **given})
    else:
        np.save(tmp_path / "movie.npy", frames)
        beside = {**CAMERA, **(given if source in ("side-car", "travelled") else {})}
        (tmp_path / "movie.json").write_text(json.dumps(beside))
    with open_movie(tmp_path / ("movie.h5" if source == "movie" else "movie.npy")) as movie:
        settings, remarks = prepare(movie, settings_file, overrides)
        remarks = [*movie.remarks, *remarks]
    if source == "travelled":
        settings = resolve(json.loads(json.dumps(settings)))
    assert settings["voxelsize.x"] == settings["voxelsize.y"] == pytest.approx(0.1, rel=1e-9)
    conversions = [remark for remark in remarks if "given as" in remark]
    assert len(conversions) == (micrometres_in(unit) != 1)


@pytest.mark.parametrize("unit", ["inch", "px", "s", "nmm", 3, ["nm"]])
def test_what_is_no_unit_of_length_is_refused_unless_both_sizes_are_given_in_another_place(unit: Value) -> None:
    movie = sized(0.1, unit)
    with pytest.raises(SettingError, match=r"voxelsize\.units: .* is not a unit of length"):
        resolve(movie)
    with pytest.raises(SettingError, match="is not a unit of length"):
        resolve(movie, None, ["voxelsize.x=0.2"])
    assert resolve(movie, None, ["voxelsize.x=0.2", "voxelsize.y=0.2"])["voxelsize.x"] == 0.2


@pytest.mark.parametrize(
    ("upper", "lower", "expected"),
    [
        (sized(0.1, "um"), sized(200, "nm"), (0.1, 0.1)),
        ({"voxelsize.x": 0.1}, sized(200, "nm"), (0.1, 0.2)),
        ({"voxelsize.x": 0.1, "voxelsize.y": 0.1}, sized(200, "nm"), (0.1, 0.1)),
        (sized(100, "nm", axes="x"), sized(0.2, "um"), (0.1, 0.2)),
        (sized(100, "nm", axes="x"), {"voxelsize.x": 0.2, "voxelsize.y": 0.2}, (0.1, 0.2)),
        ({"voxelsize.units": "nm"}, {"voxelsize.x": 100, "voxelsize.y": 110}, (0.1, 0.11)),
        ({"voxelsize.units": "nm"}, sized(100, "um"), (0.1, 0.1)),
        ({}, sized(100, "nm"), (0.1, 0.1)),
        (sized("100", "nm"), {}, (0.1, 0.1)),
    ],
)
def test_each_place_has_the_unit_of_its_own_sizes(
    upper: dict[str, Value], lower: dict[str, Value], expected: tuple[float, float]
) -> None:
    both, _ = in_micrometres(merge_metadata(upper, lower)[0])
    assert (both["voxelsize.x"], both["voxelsize.y"]) == pytest.approx(expected)
    settings = resolve(lower, None, [f"{key}={value}" for key, value in upper.items()])
    assert (settings["voxelsize.x"], settings["voxelsize.y"]) == pytest.approx(expected)


def test_a_conversion_is_remarked_once_and_not_where_it_is_overruled() -> None:
    movie: Metadata = sized(100, "nm")
    assert resolve_with_remarks(movie)[1] == [
        "voxelsize.x is 0.1 µm, given as 100 nm; voxelsize.y is 0.1 µm, given as 100 nm"
    ]
    assert resolve_with_remarks(movie, None, ["voxelsize.x=0.1", "voxelsize.y=0.1"])[1] == []
    assert resolve_with_remarks(resolve(movie))[1] == []


def test_the_same_size_has_the_same_digest_however_it_is_given() -> None:
    digests = {settings_digest(resolve({**CAMERA, **sized(size, unit)})) for unit, size in SIZES}
    plain = resolve({**CAMERA, "voxelsize.x": 0.1, "voxelsize.y": 0.1})
    assert digests == {settings_digest(plain)}


@pytest.mark.parametrize(
    ("size", "hint"),
    [(100, "is it in nm? then give voxelsize.x=0.1"), (6.5, "a pixel of the camera's chip?"), (1e-7, "is it in m?")],
)
def test_a_size_of_an_ome_tiff_without_unit_that_cannot_be_is_refused(tmp_path: Path, size: float, hint: str) -> None:
    frames = np.random.default_rng(0).poisson(300, (4, 16, 16)).astype(np.uint16)
    text = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="16" SizeY="16" SizeZ="1" SizeT="4" '
        f'SizeC="1" PhysicalSizeX="{size}" PhysicalSizeY="{size}"><TiffData/></Pixels></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "movie.tif", frames, description=text, metadata=None, photometric="minisblack")
    (tmp_path / "movie.json").write_text(json.dumps(CAMERA))
    with open_movie(tmp_path / "movie.tif") as movie, pytest.raises(SettingError) as error:
        prepare(movie)
    assert "voxelsize.x" in str(error.value)
    assert hint in str(error.value)
