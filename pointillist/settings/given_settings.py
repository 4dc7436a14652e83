"""Settings that the user gives: on the command line and in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pointillist.errors import SettingError
from pointillist.settings.known_names import ALIASES, check_known, check_overrides, is_known
from pointillist.settings.metadata import Metadata, Value
from pointillist.settings.pixel_size import merge_metadata
from pointillist.settings.yaml_json import read_yaml_json


def given_settings(
    settings_file: Path | None = None, overrides: Sequence[str] | Metadata = ()
) -> tuple[dict[str, Value], list[str]]:
    """Return the settings that the user gives.

    Parameters
    ----------
    settings_file
        Path of a JSON or YAML file.
    overrides
        Texts ``KEY=VALUE``, or values by name; they override the file.

    Returns
    -------
    settings
        Values by dotted key, of the types that the file has, or text.
    remarks
        One line for each name that is no setting, and for converted pixel sizes.

    Raises
    ------
    SettingError
        If the file cannot be read, a setting does not exist, or the file has entries but no setting.
    """
    from_file = {} if settings_file is None else unaliased(read_yaml_json(settings_file))
    from_line = unaliased(_values(overrides))
    for name in from_file:
        check_known(name)
    if from_file and not any(map(is_known, from_file)):
        raise SettingError(settings_file, "holds no setting", "'pointillist settings' lists all settings")
    remarks = check_overrides(from_line)
    given, of_sizes = merge_metadata(from_line, from_file)
    return given, remarks + of_sizes


def unaliased(metadata: Metadata) -> dict[str, Value]:
    """Return metadata in which PYME's other spellings of a setting are replaced by its name."""
    return {ALIASES.get(name, name): value for name, value in metadata.items() if ALIASES.get(name) not in metadata}


def _values(overrides: Sequence[str] | Metadata) -> dict[str, Value]:
    return dict(overrides) if isinstance(overrides, Mapping) else dict(map(_override, overrides))


def _override(text: str) -> tuple[str, Value]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SettingError(text, "is not of the form KEY=VALUE", "write -s Analysis.ROISize=5, for example")
    return name.strip(), value.strip()
