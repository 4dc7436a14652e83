"""The settings of a job: typed, sent, and checked where they arrive."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from pointillist.errors import MessageError, ServerError, SettingError
from pointillist.fitting.backgrounds.registry import METHODS
from pointillist.fitting.detection.methods import DETECTORS
from pointillist.fitting.estimation.modules import MODULES
from pointillist.pipeline_protocol.messages.fields import JobSettings
from pointillist.settings.analysis import resolve
from pointillist.settings.encoding import job_settings, read_job_settings, read_settings
from pointillist.settings.metadata import Value
from pointillist.settings.typed_settings import (
    MAP_SETTINGS,
    AnalysisSettings,
    BackgroundSettings,
    MapSettings,
    SourceFile,
    analysis_settings,
    background_job_settings,
    camera_settings,
)

CAMERA: dict[str, Value] = {
    "voxelsize.x": 0.1,
    "voxelsize.y": 0.11,
    "Camera.ElectronsPerCount": 0.46,
    "Camera.TrueEMGain": 1,
    "Camera.NoiseFactor": 1,
    "Camera.ReadNoise": 1.6,
    "Camera.ADOffset": 100,
    "Camera.CycleTime": 0.05,
}


@given(
    module=st.sampled_from(list(MODULES)),
    detector=st.sampled_from(list(DETECTORS)),
    method=st.sampled_from([code for code in METHODS if code != "copy"]),
    half_size=st.integers(2, 10),
    is_snr=st.booleans(),
    has_map=st.booleans(),
)
def test_what_arrives_is_what_was_sent(**drawn: Any) -> None:
    settings = resolve(
        {
            **CAMERA,
            "Analysis.FitModule": drawn["module"],
            "Analysis.Detector": drawn["detector"],
            "Analysis.Background": METHODS[drawn["method"]].example().identifier,
            "Analysis.ROISize": drawn["half_size"],
            "Analysis.SNRThreshold": drawn["is_snr"],
            "Camera.DarkMapID": "/maps/dark.tif" if drawn["has_map"] else "",
        }
    )
    sent = msgspec.msgpack.decode(msgspec.msgpack.encode(job_settings(settings)), type=JobSettings)
    assert read_settings(sent, AnalysisSettings) == analysis_settings(settings)
    sent = job_settings(settings, "background")
    assert read_settings(sent, BackgroundSettings) == background_job_settings(settings)
    assert read_job_settings(sent, "background") == background_job_settings(settings)


def test_a_map_is_sent_with_its_digest_and_place() -> None:
    recorded: dict[str, Value] = {
        "Camera.VarianceMapID": "/maps/v.tif:gain",
        "Pointillist.MapDigest.VarianceMapID": "ab" * 32,
        "Camera.VarianceMapUnits": "ADU^2",
        "Camera.MapOrientation": "transposed",
        "Camera.ROIPosX": 65,
        "Camera.ROIOriginY": 0,
    }
    sent = job_settings(resolve({**CAMERA, **recorded}))
    assert read_settings(sent, AnalysisSettings).maps == MapSettings(
        files={"Camera.VarianceMapID": SourceFile(name="/maps/v.tif:gain", identity="ab" * 32)},
        orientation="transposed",
        is_variance_in_adu=True,
        electrons_per_adu=0.46,
        origin=(64, 0),
    )


def changed(*path: str, to: object) -> JobSettings:
    """Settings of a fit with one value changed as a peer could."""
    sent = job_settings(resolve(CAMERA))
    tree = msgspec.msgpack.decode(sent.typed)
    branch = tree
    for name in path[:-1]:
        branch = branch[name]
    branch[path[-1]] = to
    return JobSettings(recorded=sent.recorded, typed=msgspec.msgpack.encode(tree))


@pytest.mark.parametrize(
    ("path", "value", "error", "says"),
    [
        (("fit", "estimator"), "MLE", MessageError, "Invalid enum value"),
        (("fit", "roi_half_size"), 1 << 40, SettingError, "Analysis.ROISize: 1.09951e+12 is out of range"),
        (("fit", "roi_half_size"), "5", MessageError, "Expected `int`, got `str`"),
        (("fit", "psf_sigma_px"), float("nan"), SettingError, "psf_sigma_px: nan is not a positive number"),
        (("fit", "detector"), "brightest", SettingError, "Analysis.Detector: brightest is not available"),
        (("fit", "background"), "median:k=3", MessageError, "there is no background method"),
        (("fit", "own"), {"Analysis.Own": 1}, SettingError, "Analysis.Own: is no setting of difference-of-gaussians"),
        (("camera", "electrons_per_adu"), -1.0, SettingError, "Camera.ElectronsPerCount: -1 is out of range"),
        (("camera", "read_noise_e"), float("inf"), SettingError, "Camera.ReadNoise: inf is not a number"),
        (("camera", "maps", "files"), {"/etc/passwd": {"name": "x"}}, SettingError, "/etc/passwd: is no camera map"),
        (("camera", "maps", "orientation"), "askew", SettingError, "Camera.MapOrientation: askew is not available"),
        (("camera", "maps", "origin"), [-1, 0], SettingError, "Camera.ROIOriginX: -1 is out of range"),
    ],
)
def test_what_a_peer_cannot_mean_is_refused(
    path: tuple[str, ...], value: object, error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as refused:
        read_settings(changed(*path, to=value), AnalysisSettings)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_settings_are_refused(typed: bytes) -> None:
    for of in (AnalysisSettings, BackgroundSettings):
        with pytest.raises((MessageError, SettingError)):
            read_settings(JobSettings(typed=typed), of)


def test_a_kind_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ServerError, match="tiles: the server has no such kind of job"):
        read_job_settings(JobSettings(), "tiles")


def test_only_the_three_maps_are_maps() -> None:
    camera = camera_settings(resolve({**CAMERA, **{key: f"/maps/{key}" for key in MAP_SETTINGS}}))
    assert tuple(camera.maps.files) == MAP_SETTINGS
    with pytest.raises(SettingError):
        replace(camera, noise_factor=0.0)
