"""The settings of a job as bytes, for the wire and the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast

import msgspec

from pointillist.errors import MessageError, ServerError
from pointillist.fitting.backgrounds import BackgroundMethod, background_method
from pointillist.pipeline_protocol.messages import JobSettings
from pointillist.settings.metadata import Metadata
from pointillist.settings.typed_settings import (
    AnalysisSettings,
    AnyJobSettings,
    BackgroundSettings,
    analysis_settings,
    background_job_settings,
)

AnySettings = TypeVar("AnySettings", bound=AnyJobSettings)

_REMEDY = "use the same version everywhere"


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a setting has
    """Return settings as mappings; a background method as its identifier."""
    if isinstance(value, BackgroundMethod):
        return value.identifier
    if is_dataclass(value):
        return {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return value


def _decode(kind: type, value: Any) -> object:  # noqa: ANN401 - whatever a peer sent
    if kind is BackgroundMethod:
        return background_method(value)
    raise NotImplementedError


_MAKERS: Mapping[str, Callable[[Metadata], AnyJobSettings]] = {
    "fit": analysis_settings,
    "background": background_job_settings,
}
_TYPES: Mapping[str, type[AnyJobSettings]] = {"fit": AnalysisSettings, "background": BackgroundSettings}
_DECODERS: Mapping[type, msgspec.msgpack.Decoder[Any]] = {
    kind: msgspec.msgpack.Decoder(kind, dec_hook=_decode) for kind in _TYPES.values()
}


def job_settings(settings: Metadata, kind: str = "fit") -> JobSettings:
    """Return the settings of a job as they are sent.

    Parameters
    ----------
    settings
        Settings from :func:`pointillist.pipeline_files.prepare` or
        :func:`pointillist.pipeline_files.backgrounds.prepare_background`.
    kind
        Kind of the job, ``fit`` or ``background``.

    Raises
    ------
    SettingError
        If something is missing or wrong.
    """
    return JobSettings(recorded=dict(settings), typed=msgspec.msgpack.encode(_plain(_MAKERS[kind](settings))))


def read_settings(settings: JobSettings, of: type[AnySettings]) -> AnySettings:
    """Return settings that were sent.

    Parameters
    ----------
    settings
        Settings as sent.
    of
        Type of the settings.

    Raises
    ------
    SettingError
        If a value cannot be.
    MessageError
        If they are of another version of the program.
    """
    try:
        found = cast("AnySettings", _DECODERS[of].decode(settings.typed))
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise MessageError("settings", f"cannot be understood ({error})", _REMEDY) from error
    return found


def read_job_settings(settings: JobSettings, kind: str) -> AnyJobSettings:
    """Return the settings of a job of some kind, with the errors of :func:`read_settings`.

    Raises
    ------
    ServerError
        If there is no such kind of job.
    """
    if kind not in _TYPES:
        raise ServerError(kind, "the server has no such kind of job", _REMEDY)
    return read_settings(settings, _TYPES[kind])
