"""How frames, maps and backgrounds travel to a worker that cannot open the files itself.

A job has parts: its movie, its camera maps, its stored background. Each is a series of frames, cut into pieces that
are numbered from 0; a piece is a megabyte or so, as it lies on the disk where that can be. A worker says what it
lacks (:class:`FrameRequest`), and says so again as long as it lacks it; the server sends it or says why it cannot.
Nothing is kept in order and nothing need arrive, so a lost message, a second one, or a server that starts again does no
harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from pointillist.pipeline_protocol.messages.fields import Buffer, Count, Name, Text

MOVIE = "movie"
BACKGROUND = "background"
"""The images of a stored background; which of them belongs to which frame is :data:`BACKGROUND_ROWS`."""
BACKGROUND_ROWS = "background-rows"

MAX_WANTED = 256
"""Items of one message; the server remembers no more for a worker."""

Number = Annotated[int, Meta(ge=-1, le=2**53)]
Size = Annotated[int, Meta(ge=-1, le=2**30)]
Digest = Annotated[str, Meta(max_length=64)]
Filters = Annotated[list[Count], Meta(max_length=8)]
Chunk = tuple[Count, Count, Count]

LAYOUT: Number = -1
"""The number of the layout among the pieces of a part."""


class Item(Struct, frozen=True, kw_only=True):
    """A piece of a part of a job, or its layout.

    ``part`` is one of the names above, or the setting that names a camera map. ``is_frame`` asks for the frame of that
    number alone, ``(y, x)``: for who cannot use the piece that it is in, or wants to know which of its frames is bad.
    """

    job: Name
    part: Name
    number: Number
    is_frame: bool = False


class Chunks(Struct, frozen=True, kw_only=True):
    """How HDF5 keeps frames: an array ``(frame, X, Y)`` of ``dtype``, in chunks that went through filters."""

    shape: Chunk
    chunk: Chunk
    dtype: Name
    filters: Filters
    fill: Annotated[bytes, Meta(max_length=8)]


class Layout(Struct, frozen=True, kw_only=True):
    """How the frames ``(frame, y, x)`` of a part are cut; ``digest`` is the SHA-256 of the whole, where it is small."""

    shape: Chunk
    dtype: Name
    piece_frames: Annotated[int, Meta(ge=1, le=2**53)]
    chunks: Chunks | None = None
    digest: Digest = ""


class FrameRequest(Struct, frozen=True, kw_only=True, tag=True):
    """Send me these items; if ``is_all``, forget what I wanted before."""

    items: Annotated[list[Item], Meta(max_length=MAX_WANTED)]
    is_all: bool


class LayoutReply(Struct, frozen=True, kw_only=True, tag=True):
    """The layout of a part."""

    item: Item
    layout: Layout


class FrameData(Struct, frozen=True, kw_only=True, tag=True):
    """A piece; its bytes follow as a buffer.

    They are frames ``(frame, y, x)``, or, where the layout has chunks and the item is no single frame, the chunks of
    the piece in C order, joined: ``sizes`` has the length of each (-1 where none was ever written) and ``skipped`` the
    filters that it did not go through, as HDF5 marks them.
    """

    item: Item
    sizes: list[Size] = []
    skipped: list[Count] = []


class Missing(Struct, frozen=True, kw_only=True, tag=True):
    """The item cannot be sent.

    ``is_lasting`` if that concerns the whole part, whose file is gone or is another one; ``is_lost`` if the file lacks
    the frame.
    """

    item: Item
    subject: Text
    problem: Text
    remedy: Text
    is_lasting: bool
    is_lost: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameReply:
    """A reply to a request for an item: a message, and a piece's bytes."""

    message: LayoutReply | FrameData | Missing
    content: Buffer = b""
