"""Names that a setting may have, and the nearest one to a name that it may not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from pointillist.errors import SettingError
from pointillist.settings.metadata import Metadata
from pointillist.settings.schema import SETTINGS

ALIASES: Mapping[str, str] = {"Analysis.SubtractBackground": "Analysis.subtractBackground"}
"""Names in PYME's presets, with the names that they stand for."""

WITHOUT_EFFECT = frozenset(
    f"Analysis.{name}"
    for name in (
        "ChunkSize", "DataFileID", "DebugLevel", "DriftIndices", "FiducalSize", "FiducialROISize", "FiducialSize",
        "FiducialThreshold", "GPUPCTBackground", "NumBGFrames", "TrackFiducials",
    )
) | frozenset(
    f"Camera.{name}"
    for name in (
        "Gain", "Model", "Name", "ROIHeight", "ROIWidth", "StartCCDTemp",
    )
) | {"voxelsize.z"}  # fmt: skip
"""PYME's settings and records that change no result here."""

_RECORDS = frozenset(
    f"Analysis.{name}"
    for name in (
        "AxialShift", "BeadDiameter", "EstimatorModule", "FitShifts", "InterpModule", "PSFFile", "PSFFilename",
        "PSFSigma", "ResidualMax", "dataSourceID", "taskQueue",
    )
) | {"Camera.EMGain", "StartTime", "EndTime", "imageID", "DataFileID"}  # fmt: skip
"""Further entries that PYME writes, which are metadata of a movie and no settings."""

_SYNONYMS: Mapping[str, str] = {
    **dict.fromkeys(("pixelsize", "pixelsizenm", "pixelsizeum", "pixelwidth"), "voxelsize.x in µm"),
    **dict.fromkeys(("baseline", "offset"), "Camera.ADOffset in ADU"),
    **dict.fromkeys(("gain", "sensitivity", "conversion"), "Camera.ElectronsPerCount in e-/ADU"),
    **dict.fromkeys(("exposure", "exposuretime"), "Camera.IntegrationTime in s"),
    **dict.fromkeys(("psf", "psfsigma", "sigma", "psfwidth"), "Analysis.PSFSigmaGuess in nm"),
    "threshold": "Analysis.DetectionThreshold",
    "boxsize": "Analysis.ROISize",
}
"""Names in other programs, in small letters without separators."""

_CUTOFF, _STRICT_CUTOFF = 0.8, 0.85
_SHORTEST_WORD = 7
"""Letters below which a name without a dot is too common to be taken for a setting."""


def is_known(name: str) -> bool:
    """Return whether a name is that of a setting, also of one that has no effect."""
    return name in SETTINGS or name in ALIASES or name in WITHOUT_EFFECT


def check_known(name: str) -> None:
    """Refuse a setting that does not exist.

    Parameters
    ----------
    name
        Name as the user wrote it.

    Raises
    ------
    SettingError
        If a name looks like a setting and is none, with the nearest one. Other names are metadata.
    """
    if is_known(name):
        return
    nearest = _nearest(name, [*SETTINGS, *ALIASES, *WITHOUT_EFFECT])
    if nearest or name.split(".", maxsplit=1)[0].lower() in ("analysis", "camera", "voxelsize"):
        raise _unknown(name, nearest)


def check_overrides(names: Iterable[str]) -> list[str]:
    """Refuse settings of the command line that do not exist.

    Parameters
    ----------
    names
        Names as the user wrote them.

    Returns
    -------
    list of str
        One line for each name that is metadata of another part of PYME, such as ``Sample.Labelling``.

    Raises
    ------
    SettingError
        If a name is neither a setting nor such metadata.
    """
    remarks = []
    for name in names:
        check_known(name)
        if is_known(name):
            continue
        if "." not in name and name not in _RECORDS:
            raise _unknown(name)
        remarks.append(f"{name} is no setting; it is recorded with the metadata and has no other effect")
    return remarks


def check_sidecar(path: Path, metadata: Metadata) -> None:
    """Refuse the side-car of a movie if it has misspelt settings.

    Parameters
    ----------
    path
        Path of the side-car.
    metadata
        Its entries. Those that are no settings of an analysis are metadata, also where they resemble a setting that
        is there as well.

    Raises
    ------
    SettingError
        If a setting does not exist, with the nearest one.
    """
    for name in metadata:
        nearest = _misspelling(name, metadata)
        if nearest is not None:
            unknown = _unknown(name, nearest)
            raise SettingError(f"{path}: {name}", unknown.problem, unknown.remedy)


def unknown_settings(metadata: Metadata) -> list[str]:
    """Return one line for each entry ``Analysis.*`` of a movie that is no setting.

    Parameters
    ----------
    metadata
        Metadata of the movie.
    """
    remarks = []
    for name in metadata:
        if name.startswith("Analysis.") and (nearest := _misspelling(name, metadata)) is not None:
            hint = f"; did you mean {nearest}?" if nearest else ""
            remarks.append(f"{name} in the movie's metadata is no setting and has no effect{hint}")
    return remarks


def _misspelling(name: str, metadata: Metadata) -> str | None:
    """Return the setting that a name resembles, empty for none; None if the name is a setting or metadata."""
    if is_known(name) or name in _RECORDS:
        return None
    if name.lower().startswith("analysis."):
        return _closest(name, {key.lower(): key for key in SETTINGS}, _CUTOFF) or ""
    spellings = {key.lower(): key for key in SETTINGS}
    if "." not in name:
        words = {key.rpartition(".")[2].lower(): key for key in SETTINGS}
        spellings = {word: key for word, key in words.items() if len(word) >= _SHORTEST_WORD}
    nearest = _closest(name, spellings, _STRICT_CUTOFF)
    return None if nearest in metadata else nearest


def _unknown(name: str, nearest: str | None = None) -> SettingError:
    remedy = f"did you mean {nearest}?" if nearest else "'pointillist settings' lists all settings"
    return SettingError(name, "there is no such setting", remedy)


def _nearest(name: str, known: list[str]) -> str | None:
    spellings = {spelling.lower(): key for key in known[::-1] for spelling in (key.rpartition(".")[2], key)}
    word = name.rpartition(".")[2] if name.partition(".")[0].lower() in ("analysis", "camera") else name
    synonym = _SYNONYMS.get("".join(filter(str.isalnum, word.lower())))
    return synonym or _closest(name, spellings, _CUTOFF)


def _closest(name: str, spellings: Mapping[str, str], cutoff: float) -> str | None:
    found = difflib.get_close_matches(name.lower(), spellings, n=1, cutoff=cutoff)
    return spellings[found[0]] if found else None
