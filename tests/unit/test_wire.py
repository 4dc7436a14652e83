from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, strategies as st

from pointillist.errors import MessageError
from pointillist.pipeline_protocol.messages import JobState, RangeResult, control as m, frames as f, wire
from pointillist.pipeline_protocol.messages.fields import JobSettings
from pointillist.pipeline_protocol.messages.reports import (
    Jobs,
    LogLines,
    LogPosition,
    Pong,
    Progress,
    WorkerReport,
    Workers,
)

ITEM = f.Item(job="j", part=f.MOVIE, number=f.LAYOUT)
CHUNKS = f.Chunks(shape=(9, 4, 5), chunk=(2, 4, 5), dtype="<u2", filters=[2, 1], fill=b"\0\0")
REF = m.Ref(job="j", start=3, stop=9, generation=2)
RESULT = RangeResult(start=3, stop=9, n_items=4, failures={5: "bad"}, seconds={"fit": 0.5}, sizes=[4, 0], build="b")
VERSIONED = wire.MARK + bytes([m.PROTOCOL_VERSION])
TO_SERVER: list[m.ToServer] = [
    m.Heartbeat(worker="w", host="h", pid=1, holds=[REF], computing=REF, wants=2),
    m.Answer(worker="w", job="j", generation=2, result=RESULT),
    m.Fault(worker="w", ref=REF, error="boom"),
    m.Blocked(worker="w", ref=REF, error="gone"),
    m.Goodbye(worker="w"),
    m.WorkerDied(host="h", pid=1),
    m.Submit(
        request=1,
        movie="/m",
        identity="i",
        settings=JobSettings(recorded={"Analysis.BGRange": [-30, 0], "x": None}, typed=b"t"),
    ),
    m.Watch(request=2, job="j"),
    m.Stop(request=3, job="j"),
    m.Ping(request=4),
    f.FrameRequest(items=[ITEM], is_all=True),
    m.Retry(request=5, job="j"),
    m.ListWorkers(request=6, after="w"),
    m.ListJobs(request=7, after=3, ended=True),
    m.ReadLog(request=8, job="j", place=LogPosition(file=1, offset=2)),
    m.Report(request=9, host="h", pid=3, n_workers=2, troubles=["worker 2 keeps dying"]),
]
PROGRESS = Progress(
    request=1,
    job="j",
    state=JobState.RUNNING,
    movie="/m",
    output="/o",
    n_frames=9,
    n_done=1,
    n_failed=0,
    n_items=2,
    n_resumed=0,
    rate=1.5,
    n_workers=2,
    elapsed_s=3.0,
    seconds={"fit": 0.5},
    failures={1: "bad"},
)
WORKER = WorkerReport(
    worker="w", host="h", pid=1, core=None, health="idle", rate=0.5, n_frames=3, silent_s=0.1, job=None
)
FROM_SERVER: list[m.FromServer] = [
    m.Lease(ref=REF, lease_s=60.0),
    m.Release(ref=REF),
    m.HeartbeatAck(epoch=1),
    f.LayoutReply(item=ITEM, layout=f.Layout(shape=(9, 5, 4), dtype="<u2", piece_frames=4, chunks=CHUNKS, digest="d")),
    f.FrameData(item=ITEM, sizes=[3, -1], skipped=[0, 1]),
    f.Missing(item=ITEM, subject="m", problem="gone", remedy="look", is_lasting=True),
    m.Accepted(request=1, job="j"),
    m.Wait(request=1),
    m.Moved(request=1, address="tcp://192.0.2.1:27437"),
    m.Refused(request=1, error="MovieError", subject="m", problem="gone", remedy="look"),
    Pong(request=1, version="1", pid=2, epoch=3, n_workers=4),
    PROGRESS,
    Workers(request=1, workers=[WORKER], is_last=True),
    Jobs(request=1, jobs=[PROGRESS], is_last=False),
    LogLines(request=1, lines=["{}"], place=LogPosition(file=1, offset=2)),
]


@pytest.mark.parametrize("message", TO_SERVER, ids=lambda message: type(message).__name__)
def test_what_a_peer_says_arrives(message: m.ToServer) -> None:
    assert wire.decode_at_server(wire.encode(message, [b"rows", b""])) == (message, [b"rows", b""])


@pytest.mark.parametrize("message", FROM_SERVER, ids=lambda message: type(message).__name__)
def test_what_the_server_says_arrives(message: m.FromServer) -> None:
    assert wire.decode_from_server(wire.encode(message)) == (message, [])


def test_every_message_is_tried_here() -> None:
    tried = {type(message) for message in [*TO_SERVER, *FROM_SERVER]}
    structs = [kind for kind in vars(m).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
    assert tried == {kind for kind in structs if kind.__struct_config__.tag is not None and kind is not RangeResult}


def test_a_job_travels_as_a_buffer() -> None:
    spec = m.JobSpec(
        job="j",
        kind="fit",
        movie="/m",
        identity="i",
        n_frames=3,
        settings=JobSettings(recorded={"a": 0.1}),
        output="/o",
    )
    assert wire.decode_spec(wire.encode_spec(spec)) == spec
    with pytest.raises(MessageError, match="cannot be understood"):
        wire.decode_spec(b"\xc1")


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_nonsense_is_a_message_error(frames: list[bytes]) -> None:
    with pytest.raises(MessageError):
        wire.decode_at_server(frames)


@given(st.sampled_from(TO_SERVER), st.data())
def test_a_mangled_message_is_a_message_error_or_another_message(message: m.ToServer, data: st.DataObject) -> None:
    header = bytearray(wire.encode(message)[0])
    at = data.draw(st.integers(0, len(header) - 1))
    header[at] = data.draw(st.integers(0, 255))
    header = header[: data.draw(st.integers(0, len(header)))]
    try:
        decoded, _ = wire.decode_at_server([bytes(header)])
    except MessageError:
        return
    assert type(decoded) in {type(known) for known in TO_SERVER}


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (b"", "not a message of Pointillist"),
        (b"HTTP/1.1", "not a message of Pointillist"),
        (b"P\x63\x80", "version 99 of the protocol"),
        (VERSIONED + msgspec.msgpack.encode({"type": "Unknown"}), "cannot be understood"),
        (VERSIONED + msgspec.msgpack.encode({"type": "Goodbye", "worker": 3}), "cannot be understood"),
        (VERSIONED + msgspec.msgpack.encode({"type": "HeartbeatAck", "epoch": -3}), "cannot be understood"),
        (VERSIONED + b"\x91" * 100_000, "cannot be understood"),
        (b"P" * (wire.MAX_HEADER_BYTES + 1), "too large"),
    ],
)
def test_an_error_says_what_is_wrong(header: bytes, says: str) -> None:
    with pytest.raises(MessageError, match=says):
        wire.decode_at_server([header])


def test_too_many_buffers_are_refused() -> None:
    with pytest.raises(MessageError, match="parts"):
        wire.decode_at_server(wire.encode(m.Ping(request=1), [b""] * 17))


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(MessageError):
        wire.decode_at_server(wire.encode(m.Ping(request=-1)))


@pytest.mark.parametrize("buffers", [[], [b"rows"], [b"row", b"s"]])
def test_an_answer_with_buffers_of_other_lengths_than_announced_is_refused(buffers: list[bytes]) -> None:
    answer = m.Answer(worker="w", job="j", generation=2, result=RESULT)
    assert wire.decode_at_server(wire.encode(answer, [b"rows", b""])) == (answer, [b"rows", b""])
    with pytest.raises(MessageError, match="lengths"):
        wire.decode_at_server(wire.encode(answer, buffers))
