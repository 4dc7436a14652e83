"""How many maxima noise has, against noise."""

from __future__ import annotations

import numpy as np
import pytest
from reference_detection import averaged, gaussian
from scipy import ndimage

from pointillist.fitting.detection.false_positives import maxima_per_px, threshold_for


@pytest.mark.parametrize("sigma", [0.8, 1.3, 2.0])
@pytest.mark.parametrize(("threshold", "excess"), [(2.0, 0.15), (3.0, 0.10)])
def test_filtered_noise_has_the_expected_number_of_maxima(sigma: float, threshold: float, excess: float) -> None:
    weights = gaussian(sigma, 12)
    noise = averaged(np.random.default_rng(1).normal(size=(2500, 2500)), weights)[20:-20, 20:-20] / np.sum(weights**2)
    found = np.mean((noise == ndimage.maximum_filter(noise, 3)) & (noise > threshold))
    correlation = float(np.sum(weights[1:] * weights[:-1]) / np.sum(weights**2))
    # Some 1500 to 60000 maxima. The formula takes the axes for independent, which they are the more, the higher.
    assert 0.97 < maxima_per_px(threshold, correlation) / found < 1 + excess


@pytest.mark.parametrize("rate", [1e-4, 0.1, 10.0])
@pytest.mark.parametrize("correlation", [0.1, 0.6, 0.9])
def test_the_threshold_lets_so_many_pass(rate: float, correlation: float) -> None:
    threshold = threshold_for(rate, 60_000, correlation)
    assert 60_000 * maxima_per_px(threshold, correlation) == pytest.approx(rate, rel=1e-3)


def test_the_rarer_the_higher() -> None:
    rates = (1e-12, 1e-3, 0.1, 10.0, 1e6)
    thresholds = [threshold_for(rate, 60_000, 0.6) for rate in rates]
    assert thresholds == sorted(thresholds, reverse=True)
    assert thresholds[0] < 12
    assert thresholds[-1] == pytest.approx(0, abs=1e-3)
