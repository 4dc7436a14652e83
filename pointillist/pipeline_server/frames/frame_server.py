"""Frames for workers that cannot open the movie: who wants what, what is read, what is on its way.

A helper thread reads; the server's own thread only passes on what has been read. What workers want is a list of names;
bytes are held in one cache, which neighbours share, and in messages that have not left yet. Both are bounded.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from pointillist.pipeline_protocol.messages import (
    MAX_WANTED,
    FrameData,
    FrameRequest,
    Item,
    JobSpec,
    LayoutReply,
    Missing,
)
from pointillist.pipeline_server.frames.source_cache import Delivery, SourceCache
from pointillist.system import note

log = logging.getLogger("pointillist.server")

CACHE_BYTES = 128 << 20
"""Pieces that several workers may want: they are at neighbouring ranges."""

FLYING_BYTES = 128 << 20
"""Pieces on their way to all workers."""

FLYING_TO_ONE_BYTES = 4 << 20
"""Pieces on their way to one, so that a few with slow networks do not hold up the others."""

N_READS = 4
"""Pieces that the helper is told to read at a time."""

N_SENT = 64
"""Pieces that are sent at a time; then leases and answers get their turn."""

FULL_S = 0.01
"""How soon to look again whether messages have left."""


class Tracker(Protocol):
    """Says when a message has left."""

    @property
    def done(self) -> bool:
        """Whether it has."""


class HasSpec(Protocol):
    """A job."""

    @property
    def spec(self) -> JobSpec:
        """What workers are told of it."""


Send = Callable[[bytes, LayoutReply | FrameData | Missing, bytes], Tracker | None]
"""Sends a message to a peer; None if there is no such peer any more."""


@dataclass(frozen=True, kw_only=True)
class _Ready:
    item: Item
    n_bytes: int


@dataclass(frozen=True, kw_only=True)
class _Flight:
    tracker: Tracker
    peer: bytes
    n_bytes: int


class FrameServer:
    """Hands out pieces.

    Parameters
    ----------
    send
        Of the door.
    wake
        Called, from the helper, when something has been read.
    works
        The jobs at work.
    """

    def __init__(self, send: Send, wake: Callable[[], None], works: Mapping[str, HasSpec]) -> None:
        self._send = send
        self._wake = wake
        self._works = works
        self._shelf = SourceCache()
        self._helper = ThreadPoolExecutor(1, "frames")
        self._wanted: dict[bytes, dict[Item, None]] = {}
        self._waiting: dict[Item, set[bytes]] = {}
        self._unread: OrderedDict[Item, None] = OrderedDict()
        self._reading: dict[Item, Future[Delivery]] = {}
        self._ready: dict[bytes, deque[_Ready]] = {}
        self._n_ready = 0
        self._cache: OrderedDict[Item, Delivery] = OrderedDict()
        self._n_cached = 0
        self._flights: list[_Flight] = []
        self._flying: Counter[bytes] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether something waits until messages have left."""
        return bool(self._ready)

    def want(self, peer: bytes, want: FrameRequest) -> None:
        """Take note of what a peer wants."""
        if want.is_all:
            self._drop(peer)
        wanted = self._wanted.setdefault(peer, {})
        for item in want.items:
            if item not in wanted and len(wanted) < MAX_WANTED and item.job in self._works:
                wanted[item] = None
                self._queue(peer, item)
        if not wanted:
            del self._wanted[peer]

    def step(self) -> None:
        """Pass on what has been read, and have more read."""
        self._land()
        for item in [item for item, future in self._reading.items() if future.done()]:
            self._collect(item, _outcome(item, self._reading.pop(item)))
        self._send_ready()
        while self._unread and len(self._reading) < N_READS and self._n_ready < CACHE_BYTES // 2:
            item, _ = self._unread.popitem(last=False)
            work = self._works.get(item.job)
            if work is None:
                self._unlist(item, self._waiting.pop(item, set()))
            else:
                self._reading[item] = future = self._helper.submit(self._shelf.deliver, work.spec, item)
                future.add_done_callback(lambda _: self._wake())

    def forget(self, job: str) -> None:
        """Let go of a job's files."""
        self._helper.submit(self._shelf.forget, job)
        for item in [item for item in self._cache if item.job == job]:
            self._n_cached -= len(self._cache.pop(item).content)

    def close(self) -> None:
        """End without waiting for what is under way."""
        for future in self._reading.values():
            future.cancel()
        self._helper.submit(self._shelf.close)
        self._helper.shutdown(wait=False)

    def _queue(self, peer: bytes, item: Item) -> None:
        """Have an item sent, from the cache or once it has been read."""
        delivery = self._cache.get(item)
        if delivery is not None:
            self._cache.move_to_end(item)
            self._ready.setdefault(peer, deque()).append(_Ready(item=item, n_bytes=len(delivery.content)))
            self._n_ready += len(delivery.content)
            return
        self._waiting.setdefault(item, set()).add(peer)
        if item not in self._reading:
            self._unread.setdefault(item)

    def _collect(self, item: Item, delivery: Delivery) -> None:
        """Take what the helper has read."""
        peers = [peer for peer in self._waiting.pop(item, ()) if item in self._wanted.get(peer, ())]
        if isinstance(delivery.message, Missing):
            fields = {"part": item.part, "item": item.number, "error": delivery.message.problem}
            note(log, logging.WARNING, "unreadable", job=item.job, **fields)
            self._unlist(item, peers)
            for peer in peers:
                self._send(peer, delivery.message, b"")
            return
        self._cache[item] = delivery
        self._n_cached += len(delivery.content)
        while self._n_cached > CACHE_BYTES and len(self._cache) > 1:
            self._n_cached -= len(self._cache.popitem(last=False)[1].content)
        for peer in peers:
            self._queue(peer, item)

    def _send_ready(self) -> None:
        """Send to each peer in turn what has been read for it, as long as there is room on the way."""
        for _ in range(N_SENT):
            peer = next((peer for peer in self._ready if self._flying[peer] < FLYING_TO_ONE_BYTES), None)
            if peer is None or self._flying.total() >= FLYING_BYTES:
                return
            queue = self._ready.pop(peer)
            ready = queue.popleft()
            self._n_ready -= ready.n_bytes
            if queue:
                self._ready[peer] = queue  # behind the others
            delivery = self._cache.get(ready.item)
            if delivery is None:
                self._queue(peer, ready.item)
            else:
                self._send_one(peer, ready.item, delivery)

    def _send_one(self, peer: bytes, item: Item, delivery: Delivery) -> None:
        tracker = self._send(peer, delivery.message, delivery.content)
        if tracker is None:
            self._drop(peer)
            return
        self._unlist(item, [peer])
        n_bytes = len(delivery.content)
        self._flights.append(_Flight(tracker=tracker, peer=peer, n_bytes=n_bytes))
        self._flying[peer] += n_bytes

    def _land(self) -> None:
        """Take note of messages that have left."""
        for flight in self._flights:
            if flight.tracker.done:
                self._flying[flight.peer] -= flight.n_bytes
        self._flights = [flight for flight in self._flights if not flight.tracker.done]
        self._flying = +self._flying

    def _unlist(self, item: Item, peers: Iterable[bytes]) -> None:
        """Strike an item from the lists of peers."""
        for peer in peers:
            wanted = self._wanted.get(peer, {})
            wanted.pop(item, None)
            if not wanted:
                self._wanted.pop(peer, None)

    def _drop(self, peer: bytes) -> None:
        """Forget what a peer wanted."""
        self._wanted.pop(peer, None)
        self._n_ready -= sum(ready.n_bytes for ready in self._ready.pop(peer, ()))


def _outcome(item: Item, future: Future[Delivery]) -> Delivery:
    """Return what the helper has read; whatever befell it concerns the part that was asked for, not the server."""
    error = future.exception()
    if error is None:
        return future.result()
    log.error("part=%s", item.part, exc_info=error)
    problem = f"cannot be read ({type(error).__name__}: {error})"[:1000]
    said = Missing(item=item, subject=item.part, problem=problem, remedy="look into the server's log", is_lasting=True)
    return Delivery(message=said)
