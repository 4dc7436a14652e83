"""What settings of a fit refuse, wherever they are made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pointillist.errors import SettingError
from pointillist.fitting.settings import FIELDS, FitSettings


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"estimator": "MLE"}, "Analysis.Estimator: MLE is not available; choose one of wls, mle"),
        ({"roi_half_size": -3}, "Analysis.ROISize: -3 is out of range; give a value >= 2 and <= 10 px"),
        ({"roi_half_size": 5.5}, "Analysis.ROISize: 5.5 is not a whole number"),
        ({"detector": "brightest"}, "Analysis.Detector: brightest is not available; choose one of difference-of-"),
        ({"fit_module": "LatGauss"}, "Analysis.FitModule: LatGauss is not available"),
        ({"weights": "none"}, "Analysis.Weights: none is not available"),
        ({"background_model": "curved"}, "Analysis.BackgroundModel: curved is not available"),
        ({"background": "mean"}, "Analysis.Background: 'mean' is not a method"),
        ({"detection_threshold": 0.0}, "Analysis.DetectionThreshold: 0 is out of range"),
        ({"detection_threshold": np.nan}, "Analysis.DetectionThreshold: nan is not a number"),
        ({"false_positives_per_frame": None}, "Analysis.FalsePositives: None is not a number"),
        ({"start_at": -1}, "Analysis.StartAt: -1 is out of range"),
        ({"first_illuminated_frame": -1}, "EstimatedLaserOnFrameNo: -1 is out of range"),
        ({"is_sigma_fitted": "perhaps"}, "Analysis.FitSigma: 'perhaps' is not True or False"),
        ({"psf_sigma_px": 0.0}, "psf_sigma_px: 0.0 is not a positive number"),
        ({"psf_sigma_px": "1.2"}, "psf_sigma_px: '1.2' is not a positive number"),
        ({"pixel_aspect": np.inf}, "pixel_aspect: inf is not a positive number"),
        (
            {"lowpass_px": 3.0},
            "Analysis.DetectionRadiusLowpass: 3 px is not below Analysis.DetectionRadiusHighpass=3 px",
        ),
        (
            {"estimator": "mle", "weights": "model"},
            "Analysis.Weights: model cannot be combined with Analysis.Estimator",
        ),
        ({"fit_module": "GaussFitConstrR", "background_model": "sloping"}, "Analysis.BackgroundModel: sloping cannot"),
        ({"fit_module": "LatObjFindFR", "estimator": "mle"}, "Analysis.Estimator: mle cannot be combined with LatObj"),
        ({"fit_module": "AstigGaussFitFR", "is_sigma_fitted": False}, "Analysis.FitSigma: False cannot be combined"),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_of_its_setting(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError) as refused:
        FitSettings(**{"psf_sigma_px": 1.2, **wrong})
    assert str(refused.value).startswith(says)


def test_numbers_of_numpy_become_numbers() -> None:
    given: dict[str, Any] = {"psf_sigma_px": np.float32(1.5), "roi_half_size": np.int64(4), "start_at": np.uint8(3)}
    settings = FitSettings(**given, is_sigma_fitted=np.bool_(0))  # type: ignore[arg-type]
    assert settings == FitSettings(psf_sigma_px=1.5, roi_half_size=4, start_at=3, is_sigma_fitted=False)
    assert {type(value) for value in vars(settings).values()}.isdisjoint({np.float32, np.int64, np.uint8, np.bool_})


@pytest.mark.parametrize(
    ("fit_module", "model"), [("LatGaussFitFR", "sloping"), ("GaussFitConstrR", "flat"), ("LatObjFindFR", "none")]
)
def test_the_background_that_is_fitted_is_the_first_of_the_module(fit_module: str, model: str) -> None:
    assert FitSettings(psf_sigma_px=1.2, fit_module=fit_module).background_model == model


def test_every_field_has_the_default_of_its_setting() -> None:
    settings = FitSettings(psf_sigma_px=1.2)
    for name, setting in FIELDS.items():
        assert getattr(settings, name) == (setting.default or 0), name
