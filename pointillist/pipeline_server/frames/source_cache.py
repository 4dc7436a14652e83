"""Movies, camera maps and stored backgrounds of jobs, kept open at the server; for one thread."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pointillist.errors import LostFrameError, MovieError, PointillistError, ServerError
from pointillist.pipeline_files import short_reason
from pointillist.pipeline_files.backgrounds import open_copied
from pointillist.pipeline_files.maps import load_map
from pointillist.pipeline_files.movies import (
    ArrayInMemory,
    LostMovieError,
    Sendable,
    VerifiedMovie,
    layout_of,
    read_piece,
)
from pointillist.pipeline_protocol.messages import (
    BACKGROUND,
    BACKGROUND_ROWS,
    LAYOUT,
    MOVIE,
    FrameReply,
    Item,
    JobSpec,
    Layout,
    LayoutReply,
    Missing,
)
from pointillist.settings import MapSettings, read_job_settings
from pointillist.system import note

log = logging.getLogger("pointillist.server")

N_OPEN = 16
"""Number of parts that stay open."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """An open part of a job: its movie, a camera map, or its stored background."""

    source: Sendable
    layout: Layout
    check: Callable[[], None]
    close: Callable[[], None]


class SourceCache:
    """Opens parts of jobs, and keeps them open while they are asked for."""

    def __init__(self) -> None:
        self._parts: OrderedDict[tuple[str, str], Part] = OrderedDict()

    def read_item(self, spec: JobSpec, item: Item) -> FrameReply:
        """Read an item, or return the reason why it cannot be read."""
        try:
            part = self._part(spec, item.part)
        except PointillistError as error:
            return _missing(item, error, is_lasting=True)
        if item.number == LAYOUT:
            return FrameReply(message=LayoutReply(item=item, layout=part.layout))
        try:
            message, content = read_piece(part.source, part.layout, item)
            part.check()
        except LostMovieError as error:
            self.forget(item.job)
            return _missing(item, error, is_lasting=True)
        except PointillistError as error:
            return _missing(item, error, is_lasting=False)
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            said = MovieError(spec.movie, f"cannot be read ({short_reason(error)})", "it may be damaged: copy it again")
            return _missing(item, said, is_lasting=False)
        return FrameReply(message=message, content=content)

    def forget(self, job: str) -> None:
        """Close the files of a job."""
        for key in [key for key in self._parts if key[0] == job]:
            self._parts.pop(key).close()

    def close(self) -> None:
        """Close all files."""
        while self._parts:
            self._parts.popitem()[1].close()

    def _part(self, spec: JobSpec, name: str) -> Part:
        key = spec.job, name
        part = self._parts.get(key)
        if part is None:
            part = self._open(spec, name)
            note(log, logging.INFO, "serving", job=spec.job, part=name)
            self._parts[key] = part
        self._parts.move_to_end(key)
        while len(self._parts) > N_OPEN:
            self._parts.popitem(last=False)[1].close()
        return part

    def _open(self, spec: JobSpec, name: str) -> Part:
        if name == MOVIE:
            verified = VerifiedMovie(Path(spec.movie), spec.identity)
            return Part(
                source=verified.movie, layout=layout_of(verified.movie), check=verified.check, close=verified.close
            )
        settings = read_job_settings(spec.settings, spec.kind)
        if name in (BACKGROUND, BACKGROUND_ROWS) and settings.copied is not None:
            file = open_copied(settings.copied)
            source: Sendable = file.rows if name == BACKGROUND_ROWS else file.pixels
            return Part(source=source, layout=layout_of(source), check=lambda: None, close=file.close)
        if name in settings.maps.files:
            return self._open_map(spec, name, settings.maps)
        raise ServerError(name, "does not belong to this job", "use the same version everywhere")

    def _open_map(self, spec: JobSpec, key: str, maps: MapSettings) -> Part:
        shape = self._part(spec, MOVIE).source.shape
        found = load_map(key, maps, shape[1:], Path(spec.movie).parent)
        if found is None:
            raise ServerError(key, "does not belong to this job", "use the same version everywhere")
        source = ArrayInMemory(found[None])
        layout = layout_of(source, sha256(found.tobytes()).hexdigest())
        return Part(source=source, layout=layout, check=lambda: None, close=lambda: None)


def _missing(item: Item, error: PointillistError, *, is_lasting: bool) -> FrameReply:
    parts = (str(error.subject), error.problem, error.remedy)
    is_lost = isinstance(error, LostFrameError)
    said = Missing(
        item=item, subject=parts[0], problem=parts[1], remedy=parts[2], is_lasting=is_lasting, is_lost=is_lost
    )
    return FrameReply(message=said)
