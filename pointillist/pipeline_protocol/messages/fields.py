"""What the fields of messages may be."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

Buffer = bytes | memoryview
Count = Annotated[int, Meta(ge=0, le=2**53)]
Seconds = Annotated[float, Meta(ge=0.0)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=8000)]
Settings = dict[str, Any]
"""Flat settings with PYME's dotted keys; values are None, bool, int, float, str and lists of these."""


class JobSettings(Struct, frozen=True, kw_only=True):
    """The settings of a job.

    Parameters
    ----------
    recorded
        Settings and metadata that the results record.
    typed
        What server and workers go by, as :func:`pointillist.settings.job_settings` encodes it.
    """

    recorded: Settings = {}
    typed: Annotated[bytes, Meta(max_length=1 << 20)] = b""
