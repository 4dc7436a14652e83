"""Messages as ZeroMQ frames: one msgpack header, then raw buffers.

The header begins with two bytes, a mark and the version, so that a peer of another version is recognised
before anything is decoded. Nothing is ever unpickled or evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from pointillist.errors import MessageError
from pointillist.pipeline_protocol.messages.control import (
    PROTOCOL_VERSION,
    Answer,
    FromServer,
    JobSpec,
    Message,
    ToServer,
)
from pointillist.pipeline_protocol.messages.fields import Buffer

MARK = b"P"
MAX_HEADER_BYTES = 4 << 20
MAX_BUFFERS = 16
MAX_BUFFER_BYTES = 1 << 30

AnyMessage = TypeVar("AnyMessage")

_PREFIX = MARK + bytes([PROTOCOL_VERSION])
_ENCODER = msgspec.msgpack.Encoder()
_TO_SERVER = msgspec.msgpack.Decoder(ToServer)
_FROM_SERVER = msgspec.msgpack.Decoder(FromServer)
_SPEC = msgspec.msgpack.Decoder(JobSpec)


def encode(message: Message, buffers: Sequence[Buffer] = ()) -> list[Buffer]:
    """Return the frames of a message.

    Parameters
    ----------
    message
        Any record of :mod:`pointillist.pipeline_protocol.messages.control`.
    buffers
        Raw buffers that follow the header.
    """
    return [_PREFIX + _ENCODER.encode(message), *buffers]


def decode_at_server(frames: Sequence[Buffer]) -> tuple[ToServer, list[Buffer]]:
    """Return the message and the buffers that a worker or client sent.

    Raises
    ------
    MessageError
        If the frames are anything else, too many or too large.
    """
    message, buffers = _decode(frames, _TO_SERVER)
    if isinstance(message, Answer) and message.result.sizes != [len(buffer) for buffer in buffers]:
        raise MessageError("answer", "has buffers of other lengths than announced", "use the same version everywhere")
    return message, buffers


def decode_from_server(frames: Sequence[Buffer]) -> tuple[FromServer, list[Buffer]]:
    """Return the message and the buffers that the server sent.

    Raises
    ------
    MessageError
        If the frames are anything else, too many or too large.
    """
    return _decode(frames, _FROM_SERVER)


def encode_spec(spec: JobSpec) -> bytes:
    """Return the buffer that follows a lease."""
    return _ENCODER.encode(spec)


def decode_spec(buffer: Buffer) -> JobSpec:
    """Return the job that a lease's buffer describes.

    Raises
    ------
    MessageError
        If it describes none.
    """
    try:
        return _SPEC.decode(buffer)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MessageError("job", f"cannot be understood ({error})", "use the same version everywhere") from error


def _decode(frames: Sequence[Buffer], decoder: msgspec.msgpack.Decoder[AnyMessage]) -> tuple[AnyMessage, list[Buffer]]:
    if not frames or len(frames) > 1 + MAX_BUFFERS:
        raise MessageError("message", f"has {len(frames)} parts", "use the same version everywhere")
    header, buffers = memoryview(frames[0]), list(frames[1:])
    if len(header) > MAX_HEADER_BYTES or any(len(buffer) > MAX_BUFFER_BYTES for buffer in buffers):
        raise MessageError("message", "is too large", "use the same version everywhere")
    if len(header) < len(_PREFIX) or header[:1] != MARK:
        raise MessageError("message", "is not a message of Pointillist", "check the address")
    if header[1] != PROTOCOL_VERSION:
        raise MessageError(
            "message",
            f"has version {header[1]} of the protocol, this is version {PROTOCOL_VERSION}",
            "install the same version of Pointillist everywhere",
        )
    try:
        return decoder.decode(header[2:]), buffers
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MessageError("message", f"cannot be understood ({error})", "use the same version everywhere") from error
