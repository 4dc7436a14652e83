"""``test_detection``: whether the detection finds what a person would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from pointillist.api.analysis import movie_file, setting_sources
from pointillist.api.detection_table import detection_table
from pointillist.api.kernels import ready_kernels
from pointillist.errors import ResultsError
from pointillist.fitting import BlockReader
from pointillist.fitting.detection import DETECTORS
from pointillist.fitting.diagnosis import DetectionSamples, Finding, examine_frames, spread_frames
from pointillist.pipeline_files import prepare
from pointillist.pipeline_files.backgrounds import copied_images
from pointillist.pipeline_files.maps import camera_model, examine_maps
from pointillist.pipeline_files.movies import Movie, gap_reader
from pointillist.settings import Metadata, analysis_settings

if TYPE_CHECKING:
    from pointillist.api.movie_source import SettingValues

DEFAULT_FRAMES = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectionTest:
    """A test of the detection; a notebook shows its picture, table and warnings.

    Parameters
    ----------
    movie
        File of the movie.
    samples
        Candidates, fits and diagnostics of the frames, by threshold.
    failures
        Reasons why frames could not be analysed, by frame.
    remarks
        Remarks for the user on the movie and its settings.
    on_maps
        Evidence that the camera maps belong to the movie, a line each.

    Examples
    --------
    >>> import pointillist
    >>> test = pointillist.test_detection("movie.h5")
    >>> test.save("detection.png")
    >>> [finding.problem for finding in test.findings]
    []
    """

    movie: Path
    samples: DetectionSamples
    failures: Mapping[int, str]
    remarks: Sequence[str]
    on_maps: Sequence[str]

    @property
    def findings(self) -> list[Finding]:
        """Probable problems, each once."""
        found: dict[object, Finding] = {}
        of_threshold = [(DETECTORS[self.samples.settings.detector].threshold.name,)]
        for at_threshold in self.samples.by_threshold:
            for finding in at_threshold.findings:
                found.setdefault(finding.problem if finding.settings in of_threshold else finding.settings, finding)
        return list(found.values())

    @property
    def table(self) -> list[list[str]]:
        """Numbers of candidates and fits, and medians of the fits: a line of headings, then a line for each frame."""
        return detection_table(self.samples)

    def save(self, picture: str | Path) -> Path:
        """Write the picture and return its path.

        Parameters
        ----------
        picture
            Path of the PNG; an existing file is replaced.

        Raises
        ------
        ResultsError
            If it cannot be written, or no frame could be analysed.
        """
        path = Path(picture)
        png = self._repr_png_()
        if png is None:
            raise ResultsError(path, "no frame could be analysed", "see the failures of the test")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png)
        except OSError as error:
            problem = f"the picture cannot be written ({error.strerror})"
            raise ResultsError(path, problem, "choose another folder with -o") from error
        return path

    def _repr_png_(self) -> bytes | None:
        """Return the picture; None if no frame could be analysed."""
        from pointillist.pipelines import montage_png  # noqa: PLC0415 - matplotlib, only for pictures

        return montage_png(self.samples) if self.samples.has_frames else None

    def __repr__(self) -> str:
        lines = self.table
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rows = ["  ".join(map(str.rjust, line, widths)) for line in lines]
        rows += [f"frame {frame} could not be analysed: {reason}" for frame, reason in self.failures.items()]
        return "\n".join([*rows, *(f"warning: {finding.problem}; {finding.remedy}" for finding in self.findings)])

    def _repr_html_(self) -> str:
        head, *lines = self.table
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in lines)
        table = f"<table><tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>{rows}</table>"
        said = [f"frame {frame} could not be analysed: {reason}" for frame, reason in self.failures.items()]
        said += [f"warning: {finding.problem}; {finding.remedy}" for finding in self.findings]
        return table + "".join(f"<p>{escape(line)}</p>" for line in [*said, *self.remarks])


def test_detection(
    movie: str | Path | Movie,
    settings: SettingValues | Sequence[str] | None = None,
    *,
    settings_file: str | Path | None = None,
    n_frames: int = DEFAULT_FRAMES,
    thresholds: Sequence[float] | None = None,
) -> DetectionTest:
    """Test the detection on a few frames before the analysis, in this process; no results are written.

    Parameters
    ----------
    movie
        Path of the movie, or open movie.
    settings
        Settings by PYME's names, or texts ``KEY=VALUE``; they override the file and the movie.
    settings_file
        Path of a YAML or JSON file with settings, which override the movie's.
    n_frames
        Number of frames, spread over the movie, >= 1.
    thresholds
        Detection thresholds to compare, > 0; None for that of the settings.

    Returns
    -------
    DetectionTest
        Picture, table and warnings.

    Raises
    ------
    MovieError, SettingError
        If the movie cannot be read, or the settings do not suit.
    ValueError
        If there is no frame or threshold to test, or a threshold is not positive.

    Examples
    --------
    >>> import pointillist
    >>> test = pointillist.test_detection("movie.h5", n_frames=3, thresholds=[0.8, 1.2])
    >>> [each.threshold for each in test.samples.by_threshold]
    [0.8, 1.2]
    """
    given = None if thresholds is None else sorted({float(each) for each in thresholds})
    if n_frames < 1 or (given is not None and not (given and given[0] > 0)):
        msg = f"{n_frames} frames, thresholds {thresholds}: give at least one frame, and thresholds above 0"
        raise ValueError(msg)
    with movie_file(movie) as source:
        ready_kernels()
        values, remarks = prepare(source, *setting_sources(settings, settings_file))
        samples, failures = _samples(source, values, n_frames, given)
        return DetectionTest(
            movie=source.path,
            samples=samples,
            failures=failures,
            remarks=[*source.remarks, *remarks],
            on_maps=[*examine_maps(source, values).proofs],
        )


def _samples(
    movie: Movie, settings: Metadata, n_frames: int, thresholds: Sequence[float] | None
) -> tuple[DetectionSamples, dict[int, str]]:
    key = DETECTORS[str(settings["Analysis.Detector"])].threshold.name
    used = thresholds or [float(str(settings[key]))]
    known = analysis_settings({**settings, key: used[0]})
    fit = known.fit
    camera = camera_model(known.camera, movie.frame_shape, movie.path.absolute().parent)
    frames = spread_frames(n_frames, fit.start_at, movie.n_frames)
    with copied_images(known.copied) as images:
        lost: dict[int, str] = {}
        blocks = BlockReader(gap_reader(movie, lost), movie.n_frames, fit, images, lost)
        tests, failures = examine_frames(blocks, frames, camera, fit, used)
    samples = DetectionSamples(
        movie=movie.path.name,
        n_movie_frames=movie.n_frames,
        pixel_size_nm=1000 * float(str(settings["voxelsize.x"])),
        settings=fit,
        by_threshold=tests,
    )
    return samples, failures
