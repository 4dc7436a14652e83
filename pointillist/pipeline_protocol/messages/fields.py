"""What the fields of messages may be."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

Buffer = bytes | memoryview
Count = Annotated[int, Meta(ge=0, le=2**53)]
Seconds = Annotated[float, Meta(ge=0.0)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=8000)]
Settings = dict[str, Any]
"""Flat settings with PYME's dotted keys; values are None, bool, int, float, str and lists of these."""
