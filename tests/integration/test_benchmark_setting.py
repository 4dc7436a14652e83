"""The accuracy on PYME's benchmark setting: 256 x 256 px, 30 spots of 1000 e- on 50 e-, sigma 130 nm, 100 nm px."""

from __future__ import annotations

import pytest

from pointillist.fitting.backgrounds.no_background import NoBackground
from pointillist.fitting.localizations import FrameBlock
from pointillist.fitting.localizer import localize
from pointillist.fitting.scoring.evaluation import BoundParameters, MatchingRules, Score, score
from pointillist.fitting.settings import FitSettings
from pointillist.fitting.simulation.movie import Scene, Simulation

N_FRAMES = 300


@pytest.fixture(scope="module")
def found() -> Score:
    simulation = Simulation(Scene(), seed=2)
    settings = FitSettings(psf_sigma_px=1.064, background=NoBackground())
    block = FrameBlock(frames=simulation.frames(0, N_FRAMES), first=0, n_movie_frames=N_FRAMES)
    rows = localize(block, 0, N_FRAMES, simulation.camera, settings).rows
    bound = BoundParameters(roi_half_size=5, read_variance=1.6**2)
    return score(rows, simulation.emitters(0, N_FRAMES), MatchingRules(radius_px=1.5, isolation_px=12), bound)


def test_recall_and_precision_are_those_of_pyme_or_better(found: Score) -> None:
    assert found.n_matched / found.n_truth >= 0.97
    assert found.n_matched / found.n_localizations >= 0.99


def test_isolated_spots_are_localized_near_the_cramer_rao_bound(found: Score) -> None:
    errors = found.isolated
    assert errors.n > 2000
    assert errors.bound_x * 100 == pytest.approx(8.33, abs=0.02)
    # One standard error of a root mean square over n is 1 / sqrt(2 n), here 1.4 %.
    assert errors.rmse_x * 100 <= 8.9
    assert errors.rmse_y * 100 <= 8.9
    assert abs(errors.bias_x) * 100 < 0.5
    assert errors.pull_x == pytest.approx(1, abs=0.08)


def test_photons_are_right_and_the_width_is_that_of_a_sampled_spot(found: Score) -> None:
    assert found.isolated.photon_ratio == pytest.approx(1, abs=0.01)
    assert found.isolated.sigma_px * 100 == pytest.approx((130**2 + 100**2 / 12) ** 0.5, rel=0.01)
