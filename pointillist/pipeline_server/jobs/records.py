"""The records of a journal, and their format in the file.

A record is a mark, two lengths and a checksum, then a msgpack header and a body (the buffers of an answer).
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from isal import isal_zlib

from pointillist.errors import ResultsError
from pointillist.pipeline_protocol.messages import Buffer, JobSpec, RangeResult

_HEAD = struct.Struct("<4sIQI")
_MARK = b"REC\n"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class JobEntry(msgspec.Struct, frozen=True, kw_only=True, tag="job"):
    """The job of the journal; an equal ``digest`` means the same analysis."""

    digest: str
    spec: JobSpec


class FailureEntry(msgspec.Struct, frozen=True, kw_only=True, tag="failure"):
    """A frame that failed too often; a later range that includes it replaces this entry."""

    frame: int
    error: str


Entry = JobEntry | RangeResult | FailureEntry
_DECODER = msgspec.msgpack.Decoder(Entry)


class JournalLockedError(ResultsError):
    """Another server has the journal: wait for it, or end it."""


class JournalFullError(ResultsError):
    """The journal cannot grow: make room."""


def pack_record(entry: Entry, buffers: Sequence[Buffer] = ()) -> list[Buffer]:
    """Return the bytes of a record, part by part; the buffers are not copied."""
    header = msgspec.msgpack.encode(entry)
    n_body = sum(len(buffer) for buffer in buffers)
    checksum = isal_zlib.crc32(len(header).to_bytes(4, "little") + n_body.to_bytes(8, "little"))
    for part in (header, *buffers):
        checksum = isal_zlib.crc32(part, checksum)
    return [_HEAD.pack(_MARK, len(header), n_body, checksum) + header, *buffers]


def read_record(file: int, offset: int) -> tuple[Entry, memoryview, int] | None:
    """Read the record that begins at an offset.

    Parameters
    ----------
    file
        File descriptor.
    offset
        Offset in the file, bytes.

    Returns
    -------
    (entry, body, end) or None
        ``end`` is the offset of the next record. None if there is no whole record.
    """
    head = os.pread(file, _HEAD.size, offset)
    if len(head) < _HEAD.size:
        return None
    mark, n_header, n_body, checksum = _HEAD.unpack(head)
    end = offset + _HEAD.size + n_header + n_body
    if mark != _MARK or end > os.fstat(file).st_size:
        return None
    content = os.pread(file, n_header + n_body, offset + _HEAD.size)
    if isal_zlib.crc32(content, isal_zlib.crc32(head[4:16])) != checksum:
        return None
    try:
        return _DECODER.decode(content[:n_header]), memoryview(content)[n_header:], end
    except msgspec.MsgspecError:
        return None


def write_all(file: int, content: Buffer, offset: int) -> None:
    """Write all of the content; the system may take it in portions."""
    rest = memoryview(content)
    while rest:
        n_written = os.pwrite(file, rest, offset)
        rest = rest[n_written:]
        offset += n_written


@contextmanager
def clear_journal_errors(path: Path) -> Iterator[None]:
    """Turn errors of the system into clear ones.

    Raises
    ------
    JournalFullError
        If there is no room.
    ResultsError
        In place of any other OSError.
    """
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        if error.errno in _FULL:
            raise JournalFullError(path, f"cannot grow ({reason})", "free some disk space") from error
        raise ResultsError(path, f"cannot be used ({reason})", "choose another folder with -o") from error
