"""Types of settings that need more than their text: files, units of length and background methods."""

from __future__ import annotations

from pointillist.errors import SettingError
from pointillist.fitting.backgrounds import background_method
from pointillist.plugins import Value, ValueType, parse_text
from pointillist.settings.pixel_size import micrometres_in
from pointillist.system import expand


def _file(name: str) -> str:
    return str(expand(name)) if name.startswith("~") else name


def _length_unit(value: Value) -> str:
    micrometres_in(value)
    return parse_text(value).strip()


def _background(value: Value) -> str:
    text = parse_text(value).strip()
    if not text:
        return ""
    try:
        return background_method(text).identifier
    except ValueError as error:
        raise SettingError(
            "Analysis.Background", str(error), "leave it empty for what Analysis.BGRange says"
        ) from error


FILE = ValueType("the name of a file", lambda value: _file(parse_text(value)))
LENGTH_UNIT = ValueType("a unit of length", _length_unit)
BACKGROUND = ValueType("a method of background", _background)
