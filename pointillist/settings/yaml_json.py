"""JSON and YAML files of metadata and settings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from pointillist.errors import SettingError
from pointillist.settings.metadata import Value, flatten
from pointillist.settings.strict_yaml import DuplicateKeyError, parse_yaml
from pointillist.system import obstacle

SUFFIXES = (".json", ".yaml", ".yml")


_EXAMPLE = "write 'Camera.ADOffset: 100' and so on"


def read_yaml_json(path: Path) -> dict[str, Value]:
    """Read a JSON or YAML file of dotted or nested keys.

    Parameters
    ----------
    path
        Path of a ``.json``, or of YAML with any other suffix; in UTF-8, UTF-16 or UTF-32, with or without a byte-order
        mark.

    Returns
    -------
    dict
        Values by dotted key.

    Raises
    ------
    SettingError
        If it cannot be read, or is not a mapping of plain values.
    """
    found = obstacle(path)
    if found is not None and found[0] != "is empty":
        raise SettingError(path, *found)
    if found is not None and path.suffix == ".json":
        raise SettingError(path, "is empty", "write {} into it, or delete it")
    try:
        content = path.read_bytes()
        text = content.decode(json.detect_encoding(content))
        tree = json.loads(text, object_pairs_hook=_unique) if path.suffix == ".json" else parse_yaml(text)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(path, "cannot be read", "it should be a text file in UTF-8") from error
    except DuplicateKeyError as error:
        raise _duplicate(path, str(error)) from error
    except (json.JSONDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise _syntax_error(path, error) from error
    if tree is None:
        return {}
    if not isinstance(tree, dict) or not _is_plain(tree):
        raise SettingError(path, "is not a mapping of keys to plain values", _EXAMPLE)
    for key, n_times in Counter(_dotted_keys(tree)).items():
        if n_times > 1:
            raise _duplicate(path, key)
    return flatten(tree)


def _unique(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    """Return a JSON object whose keys are unique."""
    for key, n_times in Counter(key for key, _ in pairs).items():
        if n_times > 1:
            raise DuplicateKeyError(key)
    return dict(pairs)


def _dotted_keys(tree: Mapping[str, Value]) -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from (f"{key}.{below}" for below in _dotted_keys(value))
        else:
            yield key


def _duplicate(path: Path, key: str) -> SettingError:
    return SettingError(path, f"gives {key} more than once", "delete all but one")


def _syntax_error(path: Path, error: Exception) -> SettingError:
    if path.suffix not in SUFFIXES:
        return SettingError(path, "is not a settings file in YAML or JSON", _EXAMPLE)
    problem = getattr(error, "problem", "") or ""
    reason = f" ({problem})" if problem.startswith(("a value", "more than")) else ""
    return SettingError(path, f"is not valid {_language(path)}{_line(error)}{reason}", "correct it")


def _language(path: Path) -> str:
    return "JSON" if path.suffix == ".json" else "YAML"


def _line(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f" in line {error.lineno}"
    mark = getattr(error, "problem_mark", None)
    return f" in line {mark.line + 1}" if mark is not None else ""


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(entry) for key, entry in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)
