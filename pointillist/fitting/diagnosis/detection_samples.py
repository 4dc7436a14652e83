"""Tests of the detection on a few frames of a movie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pointillist.fitting.backgrounds import NoBackground
from pointillist.fitting.blocks import BlockReader
from pointillist.fitting.camera import CameraModel
from pointillist.fitting.detection import DETECTORS
from pointillist.fitting.diagnosis.checks import Finding, check_background, run_checks
from pointillist.fitting.diagnosis.frame_diagnostics import FrameDiagnostics, measure_noise
from pointillist.fitting.localizer import inspect
from pointillist.fitting.settings import FitSettings


@dataclass(frozen=True, kw_only=True)
class ThresholdTest:
    """What one threshold finds in the frames of a test.

    Parameters
    ----------
    threshold
        Detection threshold, in the unit of the detector's setting.
    diagnostics
        Diagnostics of each frame that could be analysed.
    findings
        Problems that these frames show.
    """

    threshold: float
    diagnostics: Sequence[FrameDiagnostics]
    findings: Sequence[Finding]


@dataclass(frozen=True, kw_only=True)
class DetectionSamples:
    """What a detection test finds in some frames of a movie.

    Parameters
    ----------
    movie
        Name of the movie.
    n_movie_frames
        Number of frames of the movie.
    pixel_size_nm
        Width of a pixel in the sample.
    settings
        Settings of the fit, apart from the threshold.
    by_threshold
        Results of each threshold, at least one.
    """

    movie: str
    n_movie_frames: int
    pixel_size_nm: float
    settings: FitSettings
    by_threshold: Sequence[ThresholdTest]

    @property
    def has_frames(self) -> bool:
        """Whether any frame could be analysed."""
        return bool(self.by_threshold[0].diagnostics)


def spread_frames(n_frames: int, first: int, n_movie_frames: int) -> list[int]:
    """Return the numbers of at most ``n_frames`` frames, spread evenly over ``[first, n_movie_frames)``."""
    n_there = max(n_movie_frames - first, 1)
    n = min(n_frames, n_there)
    return [first + (2 * i + 1) * n_there // (2 * n) for i in range(n)]


def examine_frames(
    blocks: BlockReader,
    frames: Sequence[int],
    camera: CameraModel,
    settings: FitSettings,
    thresholds: Sequence[float],
) -> tuple[list[ThresholdTest], dict[int, str]]:
    """Analyse some frames at several thresholds.

    Parameters
    ----------
    blocks
        Reader of the movie's frames and their background windows.
    frames
        Numbers of the frames, from 0.
    camera, settings
        As for :func:`pointillist.fitting.localize`; the settings' threshold belongs to ``thresholds[0]``.
    thresholds
        Detection thresholds, in the unit of the detector's setting.

    Returns
    -------
    tests
        Results of each threshold.
    failures
        Frames that could not be analysed, with the reason.
    """
    diagnostics: dict[float, list[FrameDiagnostics]] = {threshold: [] for threshold in thresholds}
    failures: dict[int, str] = {}
    setting = DETECTORS[settings.detector].threshold
    unit = settings.value(setting) / thresholds[0]
    variants = {t: settings.with_value(setting, t * unit) for t in thresholds}
    bare: list[FrameDiagnostics] = []
    plain = replace(variants[thresholds[-1]], background=NoBackground())
    for frame in frames:
        try:
            *found, without_background = _diagnose(
                blocks,
                frame,
                camera,
                [*variants.values(), plain],
            )
        except ValueError as error:
            failures[frame] = str(error)
            continue
        bare.append(without_background)
        for threshold, frame_diagnostics in zip(thresholds, found, strict=True):
            diagnostics[threshold].append(frame_diagnostics)
    findings = {t: run_checks(diagnostics[t], variants[t]) if diagnostics[t] else [] for t in thresholds}
    hidden = check_background(diagnostics[thresholds[-1]], bare, variants[thresholds[-1]])
    if hidden is not None:
        findings[thresholds[-1]].insert(0, hidden)
    return [ThresholdTest(threshold=t, diagnostics=diagnostics[t], findings=findings[t]) for t in thresholds], failures


def _diagnose(
    blocks: BlockReader, frame: int, camera: CameraModel, variants: Sequence[FitSettings]
) -> Iterator[FrameDiagnostics]:

    # The noise is measured between neighbouring frames.
    block = blocks.block(max(frame - 1, 0), min(frame + 1 + (frame == 0), blocks.n_movie_frames))
    noise_ratio = measure_noise(block, frame, camera)
    for variant in variants:
        yield FrameDiagnostics(
            frame=frame,
            raw=block.frames[frame - block.first],
            inspection=inspect(block, frame, camera, variant),
            noise_ratio=noise_ratio,
        )
