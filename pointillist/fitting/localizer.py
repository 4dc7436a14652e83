"""The analysis of frames: raw frames, camera and settings in, localizations out.

The rows of a frame depend on that frame, its background window and the settings, and on nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.backgrounds import usable_frames
from pointillist.fitting.camera import CameraModel, describe_no_counts
from pointillist.fitting.detection import RawFrame, detector_of
from pointillist.fitting.estimation import FrameImages, fit_of
from pointillist.fitting.localizations import FrameBlock, Localized, Rows
from pointillist.fitting.settings import FitSettings

Image = NDArray[np.float32]

REGION_MARGIN_PX = 2
"""Margin of corrected pixels around a fitted region, since candidates are rounded and weights may be smoothed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Inspection:
    """Intermediate results of the analysis of one frame, images as ``(y, x)``, float32.

    Parameters
    ----------
    photoelectrons
        Camera-corrected frame, photoelectrons.
    background
        Background that is subtracted before detection, photoelectrons.
    noise
        Standard deviation of each pixel, photoelectrons.
    filtered
        Filtered image of the detector, photoelectrons.
    threshold
        Threshold for ``filtered``, photoelectrons.
    candidates
        Candidates ``(candidate, 3)``, float32: x and y in px, filtered value.
    rows
        Rows of the fits.
    """

    photoelectrons: Image
    background: Image
    noise: Image
    filtered: Image
    threshold: Image
    candidates: NDArray[np.float32]
    rows: Rows


class FrameAnalysis:
    """The analysis of the frames of a movie, block by block.

    Only the pixels that the fit needs are corrected.
    """

    def __init__(self, shape: tuple[int, int], camera: CameraModel, settings: FitSettings) -> None:
        self._settings = settings
        self._camera = camera.maps(shape)
        self._background = settings.background.background(settings.first_illuminated_frame)
        self._fit = fit_of(settings, self._camera)
        self.detector = detector_of(settings, self._camera)
        needs = True, self._fit.needs_background, self._fit.needs_variance
        self._images = FrameImages(*(np.empty(shape if is_needed else (0, 0), np.float32) for is_needed in needs))

    @classmethod
    def of(cls, block: FrameBlock, camera: CameraModel, settings: FitSettings) -> Self:
        """Prepare the analysis of a block, and of other blocks with the same frame shape."""
        height, width = block.frames.shape[1:]
        analysis = cls((height, width), camera, settings)
        analysis.begin(block)
        return analysis

    def begin(self, block: FrameBlock) -> None:
        """Take up a block."""
        self._block = replace(block, frames=np.require(block.frames, requirements=["C", "W"]))
        self._is_usable = usable_frames(block)
        if self._background is not None:
            self._background.begin(self._block, self._is_usable)

    def failure(self, frame: int) -> str | None:
        """Return the reason why a frame cannot be analysed, or None."""
        if self._is_usable[frame - self._block.first]:
            return None
        if frame in self._block.lost:
            return self._block.lost[frame]
        return describe_no_counts(self._block.frames[frame - self._block.first])

    def is_blank(self, frame: int) -> bool:
        """Whether a frame is zero everywhere, as after a camera's overflow."""
        raw = self._block.frames[frame - self._block.first]
        return not raw[0, 0] and not raw.any()  # the first pixel decides for almost all frames

    def load(self, frame: int) -> None:
        """Load a frame and its background."""
        background = None if self._background is None else self._background.at(frame)
        self._raw = RawFrame(self._block.frames[frame - self._block.first], background)

    def candidates(self) -> NDArray[np.float32]:
        """Return the candidates of the loaded frame, ``(candidate, 3)``."""
        return self.detector.find(self._raw)

    def add_fits(self, frame: int, points: NDArray[np.float32]) -> None:
        """Fit candidates of the loaded frame."""
        reach = self._settings.roi_half_size + REGION_MARGIN_PX
        self._camera.correct_about(points, reach, *self._raw, self._images)
        self._fit.add(frame, self._images, points)

    def corrected(self) -> FrameImages:
        """Return the whole loaded frame, corrected."""
        images = FrameImages(*(np.empty(self._raw.counts.shape, np.float32) for _ in range(3)))
        self._camera.correct(*self._raw, images)
        return images

    def rows(self) -> Rows:
        """Return the fits since the last call."""
        return self._fit.rows()


def localize(block: FrameBlock, start: int, stop: int, camera: CameraModel, settings: FitSettings) -> Localized:
    """Localize the molecules of the frames ``[start, stop)``.

    Parameters
    ----------
    block
        Raw frames of the range and of its background windows, from :class:`pointillist.fitting.BlockReader`.
    start, stop
        Range of frames ``[start, stop)``; those before ``settings.start_at`` are left out.
    camera
        Camera model, which converts counts into photoelectrons with known noise.
    settings
        Settings of the analysis.

    Returns
    -------
    Localized
        Rows in order of frames, and the frames that could not be analysed: those that the movie lacks and those with
        pixels that are not finite, which do not enter any background window either. A frame that is zero everywhere
        gives no rows.

    Raises
    ------
    ValueError
        If the block lacks a frame that is needed, or a camera map has another shape than the frames.
    """
    return Localizer(camera, settings).localize(block, start, stop)


class Localizer:
    """:func:`localize` for one block after the other of a movie, with preparations made once.

    Parameters
    ----------
    camera, settings
        Camera model and settings of the analysis.
    """

    def __init__(self, camera: CameraModel, settings: FitSettings) -> None:
        self._camera = camera
        self._settings = settings
        self._analysis: FrameAnalysis | None = None

    def localize(self, block: FrameBlock, start: int, stop: int) -> Localized:
        """Localize the molecules of the frames ``[start, stop)`` of a block, as :func:`localize`."""
        if start < block.first or stop > block.first + len(block.frames):
            msg = f"frames {start} to {stop} are not in the block"
            raise ValueError(msg)
        analysis, self._analysis = self._analysis, None  # its state is undefined after an error
        if analysis is None:
            analysis = FrameAnalysis.of(block, self._camera, self._settings)
        else:
            analysis.begin(block)
        failures: dict[int, str] = {}
        for frame in range(max(start, self._settings.start_at), stop):
            failure = analysis.failure(frame)
            if failure is not None:
                failures[frame] = failure
            elif not analysis.is_blank(frame):
                analysis.load(frame)
                analysis.add_fits(frame, analysis.candidates())
        rows = analysis.rows()
        self._analysis = analysis
        return Localized(rows=rows, failures=failures)


def inspect(block: FrameBlock, frame: int, camera: CameraModel, settings: FitSettings) -> Inspection:
    """Analyse one frame and return every intermediate result.

    Parameters
    ----------
    block, camera, settings
        Raw frames, camera model and settings of the analysis, as for :func:`localize`.
    frame
        Number of the frame within the movie, from 0.

    Raises
    ------
    ValueError
        As :func:`localize`; also if the frame has pixels that are not finite.
    """
    analysis = FrameAnalysis.of(block, camera, settings)
    failure = analysis.failure(frame)
    if failure is not None:
        msg = f"frame {frame}: {failure}"
        raise ValueError(msg)
    analysis.load(frame)
    points = analysis.candidates()
    analysis.add_fits(frame, points)
    images = analysis.corrected()
    return Inspection(
        photoelectrons=images.photoelectrons,
        background=images.background,
        noise=np.sqrt(images.variance),
        filtered=analysis.detector.filtered,
        threshold=analysis.detector.threshold(images.variance),
        candidates=points,
        rows=analysis.rows(),
    )
