"""Settings that the user gives in vain are remarked, others are not."""

from __future__ import annotations

import pytest

from pointillist.settings.analysis import resolve
from pointillist.settings.given_settings import given_settings
from pointillist.settings.ineffective import without_effect
from pointillist.settings.metadata import Value

CAMERA: dict[str, Value] = {
    "voxelsize.x": 0.1, "voxelsize.y": 0.1, "Camera.ADOffset": 100, "Camera.ElectronsPerCount": 0.46,
    "Camera.ReadNoise": 1.6, "Camera.TrueEMGain": 1, "Camera.NoiseFactor": 1,
}  # fmt: skip
DOG = "with Analysis.Detector=difference-of-gaussians"
WITHOUT_MAPS = "without Camera.DarkMapID or Camera.VarianceMapID or Camera.FlatfieldMapID"


def remarks(*overrides: str) -> list[str]:
    return without_effect(resolve(CAMERA, None, overrides), given_settings(None, overrides)[0])


@pytest.mark.parametrize(
    ("vain", "others", "reason"),
    [
        ("Analysis.FalsePositives=1", "", DOG),
        ("Analysis.DetectionThreshold=1", "Analysis.Detector=local-maximum", "with Analysis.Detector=local-maximum"),
        ("Analysis.SNRThreshold=True", "Analysis.Detector=wavelet", "with Analysis.Detector=wavelet"),
        ("Analysis.DetectionRadiusHighpass=3", "Analysis.Detector=wavelet", "with Analysis.Detector=wavelet"),
        (
            "Analysis.BackgroundFile=x.h5",
            "Analysis.Background=none",
            "with Analysis.Background=none; only Analysis.Background=copy uses it",
        ),
        ("Analysis.BGRange=-3:0", "Analysis.Background=none", "with Analysis.Background=none"),
        ("Analysis.PCTBackground=0.5", "Analysis.BGRange=0:0", "without a background"),
        ("Analysis.subtractBackground=True", "Analysis.BGRange=0:0", "without a background"),
        (
            "Analysis.Weights=data",
            "Analysis.Estimator=mle",
            "with Analysis.Estimator=mle, which weighs by its model",
        ),
        ("Analysis.BackgroundModel=flat", "Analysis.FitBackground=False", "with Analysis.FitBackground=False"),
        (
            "Analysis.PSFSigmaGuess=130",
            "Analysis.FitModule=LatFitCOIR",
            "with Analysis.FitModule=LatFitCOIR, which fits nothing",
        ),
        ("Camera.ReadNoise=1", "Camera.VarianceMapID=v.tif", "with Camera.VarianceMapID"),
        ("Camera.ADOffset=1", "Camera.DarkMapID=d.tif", "with Camera.DarkMapID"),
        ("Protocol.DarkFrameRange=0:5", "Camera.DarkMapID=d.tif", "with Camera.DarkMapID"),
        ("Analysis.VarianceWeightedDetection=False", "", "without Camera.VarianceMapID"),
        ("Camera.VarianceMapUnits=ADU^2", "Camera.DarkMapID=d.tif", "without Camera.VarianceMapID"),
        ("Camera.MapOrientation=transposed", "", WITHOUT_MAPS),
        ("Camera.CheckMaps=False", "Camera.DarkMapID=<none>", WITHOUT_MAPS),
        ("Protocol.DataStartsAt=3", "EstimatedLaserOnFrameNo=2", "with EstimatedLaserOnFrameNo=2"),
        ("Analysis.NumBGFrames=3", "", "here; it is a setting of PYME alone"),
    ],
)
def test_a_setting_without_effect_is_named_with_the_reason(vain: str, others: str, reason: str) -> None:
    overrides = [vain, others] if others else [vain]
    assert remarks(*overrides) == [f"{vain.partition('=')[0]} has no effect {reason}"]


@pytest.mark.parametrize(
    "overrides",
    [
        ("Analysis.FalsePositives=1", "Analysis.Detector=local-maximum", "Analysis.PSFSigmaGuess=130"),
        ("Analysis.DetectionThreshold=1", "Analysis.DetectionRadiusHighpass=4", "Analysis.SNRThreshold=False"),
        ("Analysis.Background=copy", "Analysis.BackgroundFile=x.h5"),
        ("Analysis.BGRange=-3:0", "Analysis.PCTBackground=0.5", "Analysis.subtractBackground=False"),
        ("Analysis.Estimator=mle", "Analysis.BackgroundModel=flat", "Analysis.FitSigma=False"),
        ("Camera.VarianceMapID=v.tif", "Camera.VarianceMapUnits=ADU^2", "Camera.MapOrientation=transposed"),
        ("Camera.ReadNoise=1", "Camera.ADOffset=1", "Protocol.DataStartsAt=3"),
        (),
    ],
)
def test_settings_that_are_used_are_not_remarked(overrides: tuple[str, ...]) -> None:
    assert remarks(*overrides) == []
