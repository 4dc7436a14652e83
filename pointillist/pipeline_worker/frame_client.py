"""Frames from the server instead of from files: threads wait for pieces, the main thread asks for them.

The server never sends more than was asked for, and no more is asked for than there is room for, so that neither a slow
network nor a slow fit makes anybody's memory grow.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

from pointillist.errors import MessageError
from pointillist.pipeline_protocol.messages import (
    MAX_WANTED,
    Buffer,
    FrameData,
    FrameReply,
    FrameRequest,
    Item,
    Layout,
    LayoutReply,
    Missing,
)
from pointillist.pipeline_worker.tasks import BlockedError

IN_FLIGHT_BYTES = 16 << 20
"""Frames that are asked for at a time, as they are in memory: enough for 10 Gbit/s with a round trip of 10 ms."""

CACHE_BYTES = 48 << 20
"""Pieces that are kept until they are needed, or might be needed again: twice what is asked for ahead of one range, and
what is being read."""

RESEND_S = 3.0
"""Silence after which all is asked for again, s; then after twice that time, and so on."""

_LONGEST_RESEND_S = 60.0


class MissingError(Exception):
    """The server cannot send an item.

    Attributes
    ----------
    missing
        Reply of the server.
    """

    def __init__(self, missing: Missing) -> None:
        super().__init__(missing.problem)
        self.missing = missing


class RangeTakenError(BlockedError):
    """The range that an item is for has been taken from this worker."""


class FrameClient:
    """Fetches items from the server.

    Attributes
    ----------
    wake
        Function that is called when there is something to ask for.
    resumed_at
        Time when a thread last got what it had waited for, s.
    """

    def __init__(self) -> None:
        self.wake: Callable[[], None] = lambda: None
        self.resumed_at = -math.inf
        self._changed = threading.Condition()
        self._awaited: dict[Item, int] = {}
        self._wanted: dict[Item, int] = {}
        self._asked: dict[Item, int] = {}
        self._fresh: OrderedDict[Item, FrameReply] = OrderedDict()
        self._used: OrderedDict[Item, FrameReply] = OrderedDict()
        self._missing: dict[Item, Missing] = {}
        self._n_bytes = 0
        self._jobs: frozenset[str] = frozenset()
        self._is_all = True
        self._heard_at = -math.inf
        self._resend_s = RESEND_S

    # --- for the threads that need frames --------------------------------------------------------

    def layout(self, item: Item) -> Layout:
        """Wait for a layout.

        Raises
        ------
        MissingError
            If the server cannot send it.
        RangeTakenError
            If the job's ranges have been taken from this worker.
        """
        reply = self._take(item, 0)
        if not isinstance(reply.message, LayoutReply):
            raise MessageError("server", "sent frame data instead of a layout", "use the same version everywhere")
        return reply.message.layout

    def piece(self, item: Item, n_bytes: int) -> tuple[FrameData, Buffer]:
        """Wait for a piece that has so many bytes in memory.

        Raises
        ------
        MissingError
            If the server cannot send it.
        RangeTakenError
            If the job's ranges have been taken from this worker.
        """
        reply = self._take(item, n_bytes)
        if not isinstance(reply.message, FrameData):
            raise MessageError("server", "sent a layout instead of frame data", "use the same version everywhere")
        return reply.message, reply.content

    def expect(self, items: Iterable[Item], n_bytes: int) -> None:
        """Have items fetched that will be needed soon, in their order."""
        with self._changed:
            n_before = len(self._wanted)
            for item in items:
                if item not in self._fresh and item not in self._used and item not in self._asked:
                    self._wanted.setdefault(item, n_bytes)
            is_new = len(self._wanted) > n_before
        if is_new:
            self.wake()

    def _take(self, item: Item, n_bytes: int) -> FrameReply:
        with self._changed:
            if item not in self._fresh and item not in self._used:
                self._awaited[item] = n_bytes
                self.wake()
                try:
                    self._changed.wait_for(lambda: self._is_settled(item))
                finally:
                    self._awaited.pop(item, None)
                    self.resumed_at = time.monotonic()
            if item in self._missing:
                raise MissingError(self._missing.pop(item))
            reply = self._fresh.pop(item, None) or self._used.pop(item, None)
            if reply is None:
                raise RangeTakenError("the range was taken from this worker")
            self._used[item] = reply
            has_room = bool(self._wanted)
        if has_room:
            self.wake()
        return reply

    def _is_settled(self, item: Item) -> bool:
        return item in self._fresh or item in self._used or item in self._missing or item.job not in self._jobs

    # --- for the main thread ---------------------------------------------------------------------

    @property
    def has_waiting_thread(self) -> bool:
        """Whether a thread waits for an answer of the server."""
        return bool(self._awaited)

    def keep(self, jobs: frozenset[str]) -> None:
        """Drop requests for all jobs but these."""
        if jobs == self._jobs:
            return
        with self._changed:
            self._jobs = jobs
            for items in (self._wanted, self._asked):
                for item in [item for item in items if item.job not in jobs]:
                    del items[item]
            self._changed.notify_all()

    def restart(self) -> None:
        """Ask for everything again, since the server has been restarted."""
        with self._changed:
            self._is_all = True
            self._resend_s = RESEND_S

    def receive(self, message: LayoutReply | FrameData | Missing, content: Buffer, now: float) -> None:
        """Take a reply."""
        with self._changed:
            self._heard_at, self._resend_s = now, RESEND_S
            item = message.item
            is_wanted = self._asked.pop(item, None) is not None or item in self._awaited
            self._wanted.pop(item, None)
            if not is_wanted or item in self._fresh or item in self._used:
                return
            if isinstance(message, Missing):
                if item in self._awaited:
                    self._missing[item] = message
            else:
                self._fresh[item] = FrameReply(message=message, content=content)
                self._n_bytes += len(content)
                self._make_room(item)
            self._changed.notify_all()

    def due(self, now: float) -> list[FrameRequest]:
        """Return requests that are to be sent."""
        with self._changed:
            if self._asked and now >= self._heard_at + self._resend_s:
                self._is_all = True
                self._heard_at = now
                self._resend_s = min(2.0 * self._resend_s, _LONGEST_RESEND_S)
            items = self._asked if self._is_all else {}
            following = self._next_items()
            if not following and not items:
                return []
            if not self._asked:
                self._heard_at = now
            whole = [*items, *following]
            self._asked |= following
            is_all, self._is_all = self._is_all, False
        return [FrameRequest(items=whole[:MAX_WANTED], is_all=is_all)]

    def next_due(self, now: float) -> float:
        """Return the seconds until something is to be asked for."""
        if not self._asked:
            return math.inf
        return 0.0 if self._is_all else max(0.0, self._heard_at + self._resend_s - now)

    def _next_items(self) -> dict[Item, int]:
        """Return what to ask for next: what a thread waits for, then what there is room for."""
        flying = sum(self._asked.values())
        following = {
            item: n_bytes
            for item, n_bytes in self._awaited.items()
            if item not in self._asked and not self._is_settled(item)
        }
        if not following and flying > IN_FLIGHT_BYTES // 2:
            return following  # several at a time
        flying += sum(following.values())
        kept = sum(len(reply.content) for reply in self._fresh.values())
        has_waiting_thread, is_cache_full = bool(following), False
        for item, n_bytes in list(self._wanted.items()):
            is_cache_full = kept + flying + n_bytes > CACHE_BYTES
            is_flight_full = flying and flying + n_bytes > IN_FLIGHT_BYTES
            if is_cache_full or is_flight_full or len(self._asked) + len(following) >= MAX_WANTED:
                break
            del self._wanted[item]
            if item not in following:
                following[item] = n_bytes
                flying += n_bytes
        if has_waiting_thread and is_cache_full and self._fresh:
            # What is needed is not in a full cache: that is of ranges that were taken away.
            item, reply = self._fresh.popitem(last=False)
            self._used[item] = reply
            self._used.move_to_end(item, last=False)
        return following

    def _make_room(self, latest: Item) -> None:
        for cache in (self._used, self._fresh):
            while self._n_bytes > CACHE_BYTES and cache and next(iter(cache)) != latest:
                _, reply = cache.popitem(last=False)
                self._n_bytes -= len(reply.content)
