"""What a worker has from the server instead of from files: its threads wait for pieces, its main thread asks for them.

The server never sends more than was asked for, and no more is asked for than there is room for, so that neither a slow
network nor a slow fit makes anybody's memory grow.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pointillist.errors import MessageError
from pointillist.pipeline_protocol.messages import (
    MAX_WANTED,
    Buffer,
    FrameData,
    FrameRequest,
    Item,
    Layout,
    LayoutReply,
    Missing,
)
from pointillist.pipeline_worker.tasks import BlockedError

IN_FLIGHT_BYTES = 16 << 20
"""Frames that are asked for at a time, as they are in memory: enough for a network of 10 Gbit/s with 10 ms to go."""

STOCK_BYTES = 48 << 20
"""Pieces that are kept until they are needed, or might be needed again: twice what is asked for ahead of one range, and
what is being read."""

PATIENCE_S = 3.0
"""After so long without an answer all is asked for again; then after twice that time, and so on."""

_LONGEST_PATIENCE_S = 60.0


class MissingError(Exception):
    """The server cannot send an item.

    Attributes
    ----------
    missing
        What it says of that.
    """

    def __init__(self, missing: Missing) -> None:
        super().__init__(missing.problem)
        self.missing = missing


class NobodyWaitsError(BlockedError):
    """The range that an item is for has been taken from this worker."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Delivery:
    """An item that has come: a layout, or a piece and its bytes."""

    message: LayoutReply | FrameData
    content: Buffer = b""


class FrameClient:
    """Items on their way from the server.

    Attributes
    ----------
    wake
        Called when there is something to ask for.
    resumed_at
        When a thread last got what it had waited for, s.
    """

    def __init__(self) -> None:
        self.wake: Callable[[], None] = lambda: None
        self.resumed_at = -math.inf
        self._changed = threading.Condition()
        self._awaited: dict[Item, int] = {}
        self._wanted: dict[Item, int] = {}
        self._asked: dict[Item, int] = {}
        self._fresh: OrderedDict[Item, Delivery] = OrderedDict()
        self._used: OrderedDict[Item, Delivery] = OrderedDict()
        self._missing: dict[Item, Missing] = {}
        self._n_bytes = 0
        self._jobs: frozenset[str] = frozenset()
        self._is_all = True
        self._heard_at = -math.inf
        self._patience_s = PATIENCE_S

    # --- for the threads that need frames --------------------------------------------------------

    def layout(self, item: Item) -> Layout:
        """Wait for a layout.

        Raises
        ------
        MissingError
            If the server cannot send it.
        NobodyWaitsError
            If the job's ranges have been taken from this worker.
        """
        delivery = self._take(item, 0)
        if not isinstance(delivery.message, LayoutReply):
            raise MessageError("server", "sent a piece for a layout", "use the same version everywhere")
        return delivery.message.layout

    def piece(self, item: Item, n_bytes: int) -> tuple[FrameData, Buffer]:
        """Wait for a piece that has so many bytes in memory.

        Raises
        ------
        MissingError
            If the server cannot send it.
        NobodyWaitsError
            If the job's ranges have been taken from this worker.
        """
        delivery = self._take(item, n_bytes)
        if not isinstance(delivery.message, FrameData):
            raise MessageError("server", "sent a layout for a piece", "use the same version everywhere")
        return delivery.message, delivery.content

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

    def _take(self, item: Item, n_bytes: int) -> Delivery:
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
            delivery = self._fresh.pop(item, None) or self._used.pop(item, None)
            if delivery is None:
                raise NobodyWaitsError("the range was taken from this worker")
            self._used[item] = delivery
            has_room = bool(self._wanted)
        if has_room:
            self.wake()
        return delivery

    def _is_settled(self, item: Item) -> bool:
        return item in self._fresh or item in self._used or item in self._missing or item.job not in self._jobs

    # --- for the main thread ---------------------------------------------------------------------

    @property
    def is_waited_for(self) -> bool:
        """Whether a thread can do nothing until the server has answered."""
        return bool(self._awaited)

    def keep(self, jobs: frozenset[str]) -> None:
        """Say which jobs there are ranges of; nothing is fetched for others."""
        if jobs == self._jobs:
            return
        with self._changed:
            self._jobs = jobs
            for items in (self._wanted, self._asked):
                for item in [item for item in items if item.job not in jobs]:
                    del items[item]
            self._changed.notify_all()

    def restart(self) -> None:
        """Ask for everything again, since the server has forgotten."""
        with self._changed:
            self._is_all = True
            self._patience_s = PATIENCE_S

    def receive(self, message: LayoutReply | FrameData | Missing, content: Buffer, now: float) -> None:
        """Take what has come."""
        with self._changed:
            self._heard_at, self._patience_s = now, PATIENCE_S
            item = message.item
            is_wanted = self._asked.pop(item, None) is not None or item in self._awaited
            self._wanted.pop(item, None)
            if not is_wanted or item in self._fresh or item in self._used:
                return
            if isinstance(message, Missing):
                if item in self._awaited:
                    self._missing[item] = message
            else:
                self._fresh[item] = Delivery(message=message, content=content)
                self._n_bytes += len(content)
                self._make_room(item)
            self._changed.notify_all()

    def due(self, now: float) -> list[FrameRequest]:
        """Return what is to be asked for."""
        with self._changed:
            if self._asked and now >= self._heard_at + self._patience_s:
                self._is_all = True
                self._heard_at = now
                self._patience_s = min(2.0 * self._patience_s, _LONGEST_PATIENCE_S)
            items = self._asked if self._is_all else {}
            news = self._news()
            if not news and not items:
                return []
            if not self._asked:
                self._heard_at = now
            whole = [*items, *news]
            self._asked |= news
            is_all, self._is_all = self._is_all, False
        return [FrameRequest(items=whole[:MAX_WANTED], is_all=is_all)]

    def next_due(self, now: float) -> float:
        """Return the seconds until something is to be asked for."""
        if not self._asked:
            return math.inf
        return 0.0 if self._is_all else max(0.0, self._heard_at + self._patience_s - now)

    def _news(self) -> dict[Item, int]:
        """Choose what to ask for next: what a thread waits for, then what there is room for."""
        flying = sum(self._asked.values())
        news = {
            item: n_bytes
            for item, n_bytes in self._awaited.items()
            if item not in self._asked and not self._is_settled(item)
        }
        if not news and flying > IN_FLIGHT_BYTES // 2:
            return news  # several at a time
        flying += sum(news.values())
        kept = sum(len(delivery.content) for delivery in self._fresh.values())
        is_waited_for, is_stock_full = bool(news), False
        for item, n_bytes in list(self._wanted.items()):
            is_stock_full = kept + flying + n_bytes > STOCK_BYTES
            is_flight_full = flying and flying + n_bytes > IN_FLIGHT_BYTES
            if is_stock_full or is_flight_full or len(self._asked) + len(news) >= MAX_WANTED:
                break
            del self._wanted[item]
            if item not in news:
                news[item] = n_bytes
                flying += n_bytes
        if is_waited_for and is_stock_full and self._fresh:
            # What is needed is not in a full stock: that is of ranges that were taken away.
            item, delivery = self._fresh.popitem(last=False)
            self._used[item] = delivery
            self._used.move_to_end(item, last=False)
        return news

    def _make_room(self, latest: Item) -> None:
        for stock in (self._used, self._fresh):
            while self._n_bytes > STOCK_BYTES and stock and next(iter(stock)) != latest:
                _, delivery = stock.popitem(last=False)
                self._n_bytes -= len(delivery.content)
