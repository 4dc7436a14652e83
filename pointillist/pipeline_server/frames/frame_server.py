"""Frames for workers that cannot open the movie: requests, reads and messages in flight.

A helper thread reads; the main thread only sends what has been read. A request is a list of names; bytes are held in
one cache, which workers at neighbouring ranges share, and in messages that have not left yet. Both are bounded.
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
    Buffer,
    FrameData,
    FrameReply,
    FrameRequest,
    Item,
    JobSpec,
    LayoutReply,
    Missing,
)
from pointillist.pipeline_server.frames.source_cache import SourceCache
from pointillist.system import note

log = logging.getLogger("pointillist.server")

CACHE_BYTES = 128 << 20
"""Size of the cache of pieces: several workers at neighbouring ranges may need the same, bytes."""

IN_FLIGHT_BYTES = 128 << 20
"""Greatest size of the messages to all workers that have not left yet, bytes."""

IN_FLIGHT_TO_ONE_BYTES = 4 << 20
"""The same to one worker, so that a few with slow networks do not delay the others, bytes."""

N_READS = 4
"""Pieces that the helper thread is given at a time."""

N_SENT = 64
"""Pieces that are sent at a time, before leases and answers get their turn."""

FULL_S = 0.01
"""Time after which to check again whether messages have left, s."""


class Tracker(Protocol):
    """ZeroMQ's tracker of a message."""

    @property
    def done(self) -> bool:
        """Whether the message has left."""


class HasSpec(Protocol):
    """A job that has a description for workers."""

    @property
    def spec(self) -> JobSpec:
        """The description."""


Send = Callable[[bytes, LayoutReply | FrameData | Missing, Buffer], Tracker | None]
"""Sends a message to a peer; None if there is no such peer any more."""


@dataclass(frozen=True, kw_only=True)
class _Ready:
    item: Item
    n_bytes: int


@dataclass(frozen=True, kw_only=True)
class _InFlight:
    tracker: Tracker
    peer: bytes
    n_bytes: int


class FrameServer:
    """Sends pieces of movies, maps and backgrounds to workers that ask for them.

    Parameters
    ----------
    send
        Function that sends a message with a buffer to a peer.
    wake
        Function that is called by the helper thread when something has been read.
    open_jobs
        Running jobs, by id.
    """

    def __init__(self, send: Send, wake: Callable[[], None], open_jobs: Mapping[str, HasSpec]) -> None:
        self._send = send
        self._wake = wake
        self._open_jobs = open_jobs
        self._sources = SourceCache()
        self._helper = ThreadPoolExecutor(1, "frames")
        self._wanted: dict[bytes, dict[Item, None]] = {}
        self._waiting: dict[Item, set[bytes]] = {}
        self._unread: OrderedDict[Item, None] = OrderedDict()
        self._reading: dict[Item, Future[FrameReply]] = {}
        self._ready: dict[bytes, deque[_Ready]] = {}
        self._n_ready = 0
        self._cache: OrderedDict[Item, FrameReply] = OrderedDict()
        self._n_cached = 0
        self._in_flight: list[_InFlight] = []
        self._n_in_flight: Counter[bytes] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether replies wait until messages have left."""
        return bool(self._ready)

    def want(self, peer: bytes, want: FrameRequest) -> None:
        """Take a request for items."""
        if want.is_all:
            self._drop(peer)
        wanted = self._wanted.setdefault(peer, {})
        for item in want.items:
            if item not in wanted and len(wanted) < MAX_WANTED and item.job in self._open_jobs:
                wanted[item] = None
                self._queue(peer, item)
        if not wanted:
            del self._wanted[peer]

    def step(self) -> None:
        """Send what has been read, and have more read."""
        self._collect_sent()
        for item in [item for item, future in self._reading.items() if future.done()]:
            self._collect(item, _outcome(item, self._reading.pop(item)))
        self._send_ready()
        while self._unread and len(self._reading) < N_READS and self._n_ready < CACHE_BYTES // 2:
            item, _ = self._unread.popitem(last=False)
            job_run = self._open_jobs.get(item.job)
            if job_run is None:
                self._unlist(item, self._waiting.pop(item, set()))
            else:
                self._reading[item] = future = self._helper.submit(self._sources.read_item, job_run.spec, item)
                future.add_done_callback(lambda _: self._wake())

    def forget(self, job: str) -> None:
        """Close the files of a job."""
        self._helper.submit(self._sources.forget, job)
        for item in [item for item in self._cache if item.job == job]:
            self._n_cached -= len(self._cache.pop(item).content)

    def close(self) -> None:
        """End without waiting for reads that have begun."""
        for future in self._reading.values():
            future.cancel()
        self._helper.submit(self._sources.close)
        self._helper.shutdown(wait=False)

    def _queue(self, peer: bytes, item: Item) -> None:
        """Have an item sent, from the cache or once it has been read."""
        reply = self._cache.get(item)
        if reply is not None:
            self._cache.move_to_end(item)
            self._ready.setdefault(peer, deque()).append(_Ready(item=item, n_bytes=len(reply.content)))
            self._n_ready += len(reply.content)
            return
        self._waiting.setdefault(item, set()).add(peer)
        if item not in self._reading:
            self._unread.setdefault(item)

    def _collect(self, item: Item, reply: FrameReply) -> None:
        """Take what the helper thread has read."""
        peers = [peer for peer in self._waiting.pop(item, ()) if item in self._wanted.get(peer, ())]
        if isinstance(reply.message, Missing):
            fields = {"part": item.part, "item": item.number, "error": reply.message.problem}
            note(log, logging.WARNING, "unreadable", job=item.job, **fields)
            self._unlist(item, peers)
            for peer in peers:
                self._send(peer, reply.message, b"")
            return
        self._cache[item] = reply
        self._n_cached += len(reply.content)
        while self._n_cached > CACHE_BYTES and len(self._cache) > 1:
            self._n_cached -= len(self._cache.popitem(last=False)[1].content)
        for peer in peers:
            self._queue(peer, item)

    def _send_ready(self) -> None:
        """Send to each peer in turn what has been read for it, within the limits of what may be in flight."""
        for _ in range(N_SENT):
            peer = next((peer for peer in self._ready if self._n_in_flight[peer] < IN_FLIGHT_TO_ONE_BYTES), None)
            if peer is None or self._n_in_flight.total() >= IN_FLIGHT_BYTES:
                return
            queue = self._ready.pop(peer)
            ready = queue.popleft()
            self._n_ready -= ready.n_bytes
            if queue:
                self._ready[peer] = queue  # behind the others
            reply = self._cache.get(ready.item)
            if reply is None:
                self._queue(peer, ready.item)
            else:
                self._send_one(peer, ready.item, reply)

    def _send_one(self, peer: bytes, item: Item, reply: FrameReply) -> None:
        tracker = self._send(peer, reply.message, reply.content)
        if tracker is None:
            self._drop(peer)
            return
        self._unlist(item, [peer])
        n_bytes = len(reply.content)
        self._in_flight.append(_InFlight(tracker=tracker, peer=peer, n_bytes=n_bytes))
        self._n_in_flight[peer] += n_bytes

    def _collect_sent(self) -> None:
        """Uncount messages that have left."""
        for sent in self._in_flight:
            if sent.tracker.done:
                self._n_in_flight[sent.peer] -= sent.n_bytes
        self._in_flight = [sent for sent in self._in_flight if not sent.tracker.done]
        self._n_in_flight = +self._n_in_flight

    def _unlist(self, item: Item, peers: Iterable[bytes]) -> None:
        """Remove an item from the requests of peers."""
        for peer in peers:
            wanted = self._wanted.get(peer, {})
            wanted.pop(item, None)
            if not wanted:
                self._wanted.pop(peer, None)

    def _drop(self, peer: bytes) -> None:
        """Forget the requests of a peer."""
        self._wanted.pop(peer, None)
        self._n_ready -= sum(ready.n_bytes for ready in self._ready.pop(peer, ()))


def _outcome(item: Item, future: Future[FrameReply]) -> FrameReply:
    """Return what the helper thread has read; an unexpected error concerns the requested part, not the server."""
    error = future.exception()
    if error is None:
        return future.result()
    log.error("part=%s", item.part, exc_info=error)
    problem = f"cannot be read ({type(error).__name__}: {error})"[:1000]
    said = Missing(item=item, subject=item.part, problem=problem, remedy="see the server's log", is_lasting=True)
    return FrameReply(message=said)
