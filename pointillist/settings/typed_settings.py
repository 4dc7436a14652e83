"""What a job needs to know, typed: made where the request is prepared, and sent with the job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pointillist.errors import SettingError
from pointillist.fitting import FIRST_ILLUMINATED_FRAME, FitSettings
from pointillist.fitting.backgrounds import BackgroundMethod
from pointillist.fitting.camera import AS_IS
from pointillist.settings.analysis import STORAGE, check_complete, fit_settings, map_digest_name, map_name, normalised
from pointillist.settings.background_settings import BACKGROUND_FILE, background
from pointillist.settings.camera_schema import ADU2
from pointillist.settings.metadata import IS_STORED_X_FIRST, Metadata, number
from pointillist.settings.schema import SETTINGS

MAP_SETTINGS = ("Camera.DarkMapID", "Camera.VarianceMapID", "Camera.FlatfieldMapID")

DARK_MAP, VARIANCE_MAP, FLAT_FIELD = MAP_SETTINGS


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file that a job reads besides its movie.

    Parameters
    ----------
    name
        Name of the file, as the setting has it; absolute once the request is prepared.
    identity
        What tells apart its contents: SHA-256 of a camera map, identity of a background; empty if not recorded.
    """

    name: str
    identity: str = ""


@dataclass(frozen=True, kw_only=True)
class MapSettings:
    """The camera maps of a job, and how they lie on the movie.

    Parameters
    ----------
    files
        Files of the maps, by their settings, of :data:`MAP_SETTINGS`.
    orientation
        Transformation to the orientation of the movie (``Camera.MapOrientation``).
    is_variance_in_adu
        Whether the variance map is in ADU², and not in e-² (``Camera.VarianceMapUnits``).
    electrons_per_adu
        Gain that converts the variance map, e-/ADU; None if it is not known.
    origin
        First column and row of the movie on the chip, px from 0; None where nothing says.
    is_movie_x_first
        Whether the file of the movie stores columns before rows.
    """

    files: Mapping[str, SourceFile] = field(default_factory=dict)
    orientation: str = AS_IS
    is_variance_in_adu: bool = False
    electrons_per_adu: float | None = None
    origin: tuple[int | None, int | None] = (None, None)
    is_movie_x_first: bool = False

    def __post_init__(self) -> None:
        """Check what can be wrong.

        Raises
        ------
        SettingError
            If there is no such map or orientation, or the origin lies outside the chip.
        """
        for key in self.files.keys() - set(MAP_SETTINGS):
            raise SettingError(key, "is no camera map", f"choose one of {', '.join(MAP_SETTINGS)}")
        SETTINGS["Camera.MapOrientation"].parse(self.orientation)
        for axis, edge in zip("XY", self.origin, strict=True):
            if edge is not None:
                SETTINGS[f"Camera.ROIOrigin{axis}"].parse(edge)


@dataclass(frozen=True, kw_only=True)
class CameraSettings:
    """The camera of a job.

    Parameters
    ----------
    electrons_per_adu
        Gain, e-/ADU (``Camera.ElectronsPerCount``).
    em_gain
        Gain of the EM register (``Camera.TrueEMGain``).
    noise_factor
        Excess noise factor (``Camera.NoiseFactor``).
    offset_adu
        Offset, ADU; None where a map gives it (``Camera.ADOffset``).
    read_noise_e
        Read noise, e- rms; None where a map gives it (``Camera.ReadNoise``).
    maps
        Camera maps.
    """

    electrons_per_adu: float
    em_gain: float
    noise_factor: float
    offset_adu: float | None
    read_noise_e: float | None
    maps: MapSettings

    def __post_init__(self) -> None:
        """Check all numbers.

        Raises
        ------
        SettingError
            If one is out of range.
        """
        numbers = {
            "ElectronsPerCount": self.electrons_per_adu,
            "TrueEMGain": self.em_gain,
            "NoiseFactor": self.noise_factor,
            "ADOffset": self.offset_adu,
            "ReadNoise": self.read_noise_e,
        }
        for name, value in numbers.items():
            if value is not None:
                SETTINGS[f"Camera.{name}"].parse(value)


@dataclass(frozen=True, kw_only=True)
class AnalysisSettings:
    """What a job of the kind ``fit`` needs to know.

    Parameters
    ----------
    fit
        Settings of detection, background and fit.
    camera
        Camera and its maps.
    copied
        Background file for the method ``copy``; None for other methods.
    """

    fit: FitSettings
    camera: CameraSettings
    copied: SourceFile | None = None

    @property
    def maps(self) -> MapSettings:
        """Camera maps of the job."""
        return self.camera.maps


@dataclass(frozen=True, kw_only=True)
class BackgroundSettings:
    """What a job of the kind ``background`` needs to know.

    Parameters
    ----------
    background
        Background method.
    first_illuminated_frame
        First frame that may contribute.
    is_compressed, is_mapped
        Switches of :class:`pointillist.pipeline_files.backgrounds.ImageLayout`.
    copied
        Background file for the method ``copy``; None for other methods.
    """

    background: BackgroundMethod
    first_illuminated_frame: int = 0
    is_compressed: bool = True
    is_mapped: bool = False
    copied: SourceFile | None = None

    @property
    def fit(self) -> FitSettings:
        """Settings of the background as those of a fit, of which the others are placeholders."""
        first = self.first_illuminated_frame
        return FitSettings(psf_sigma_px=1.0, background=self.background, first_illuminated_frame=first)

    @property
    def maps(self) -> MapSettings:
        """Camera maps of the job: there are none."""
        return MapSettings()


AnyJobSettings: TypeAlias = AnalysisSettings | BackgroundSettings


def map_settings(settings: Metadata) -> MapSettings:
    """Return the camera maps that settings name.

    Parameters
    ----------
    settings
        Settings from :func:`pointillist.settings.resolve`, which may be incomplete.
    """
    settings = normalised(settings)
    files = {
        key: SourceFile(name=name, identity=str(settings.get(map_digest_name(key)) or ""))
        for key in MAP_SETTINGS
        if (name := map_name(settings, key))
    }
    return MapSettings(
        files=files,
        orientation=str(settings.get("Camera.MapOrientation") or AS_IS),
        is_variance_in_adu=settings.get("Camera.VarianceMapUnits") == ADU2,
        electrons_per_adu=number(settings, "Camera.ElectronsPerCount"),
        origin=(_origin(settings, "X"), _origin(settings, "Y")),
        is_movie_x_first=bool(settings.get(IS_STORED_X_FIRST)),
    )


def _origin(settings: Metadata, axis: str) -> int | None:
    """Return the first pixel of the chip in the movie, from 0, along ``X`` or ``Y``; None if nothing says."""
    from_0, from_1 = number(settings, f"Camera.ROIOrigin{axis}"), number(settings, f"Camera.ROIPos{axis}")
    if from_0 is not None:
        return int(from_0)
    return int(from_1) - 1 if from_1 is not None else None


def camera_settings(settings: Metadata) -> CameraSettings:
    """Return the camera that complete settings describe.

    Raises
    ------
    SettingError
        If something is missing or wrong.
    """
    settings = normalised(settings)
    check_complete(settings)
    return CameraSettings(
        electrons_per_adu=_float(settings, "Camera.ElectronsPerCount"),
        em_gain=_float(settings, "Camera.TrueEMGain"),
        noise_factor=_float(settings, "Camera.NoiseFactor"),
        offset_adu=number(settings, "Camera.ADOffset"),
        read_noise_e=number(settings, "Camera.ReadNoise"),
        maps=map_settings(settings),
    )


def _float(settings: Metadata, name: str) -> float:
    value = number(settings, name)
    if value is None:
        raise SettingError(name, "missing", f"give -s {name}=VALUE")
    return value


def copied_background(settings: Metadata) -> SourceFile | None:
    """Return the file that the background is copied from; None for methods that need none."""
    if not background(normalised(settings)).needs_file:
        return None
    identity = str(settings.get(map_digest_name(BACKGROUND_FILE)) or "")
    return SourceFile(name=str(settings[BACKGROUND_FILE]), identity=identity)


def analysis_settings(settings: Metadata) -> AnalysisSettings:
    """Return what a job of the kind ``fit`` needs to know.

    Parameters
    ----------
    settings
        Settings from :func:`pointillist.pipeline_files.prepare`.

    Raises
    ------
    SettingError
        If something is missing or wrong.
    """
    return AnalysisSettings(
        fit=fit_settings(settings), camera=camera_settings(settings), copied=copied_background(settings)
    )


def background_job_settings(settings: Metadata) -> BackgroundSettings:
    """Return what a job of the kind ``background`` needs to know.

    Parameters
    ----------
    settings
        Settings from :func:`pointillist.pipeline_files.backgrounds.prepare_background`.

    Raises
    ------
    SettingError
        If something is wrong.
    """
    settings = normalised(settings)
    return BackgroundSettings(
        background=background(settings),
        first_illuminated_frame=int(number(settings, FIRST_ILLUMINATED_FRAME.name) or 0),
        is_compressed=bool(settings.get(f"{STORAGE}IsCompressed", True)),
        is_mapped=bool(settings.get(f"{STORAGE}IsMapped", False)),
        copied=copied_background(settings),
    )
