from __future__ import annotations

import pytest
from made_results import computed

from pointillist.errors import MessageError
from pointillist.pipeline_protocol.messages import control as m
from pointillist.pipeline_protocol.messages.fields import JobSettings
from pointillist.pipeline_protocol.messages.wire import encode_spec
from pointillist.pipeline_worker.worker_state import (
    HEARTBEAT_S,
    N_UNCONFIRMED,
    RESEND_S,
    LeasedTask,
    Stage,
    WorkerState,
)

SPEC = m.JobSpec(job="j", kind="fit", movie="m", identity="i", n_frames=100, settings=JobSettings(), output="o")


def lease(session: WorkerState, start: int, generation: int = 1) -> LeasedTask | None:
    ref = m.Ref(job="j", start=start, stop=start + 10, generation=generation)
    return session.receive(m.Lease(ref=ref, lease_s=60.0), [encode_spec(SPEC)], 0.0)


def held_lease(session: WorkerState, start: int) -> LeasedTask:
    held = lease(session, start)
    assert held is not None
    return held


def beat(session: WorkerState, now: float) -> m.Heartbeat | None:
    beats = [message for message, _ in session.due(now) if isinstance(message, m.Heartbeat)]
    return beats[0] if beats else None


def answer(session: WorkerState, held: LeasedTask, now: float) -> None:
    session.answer(held, computed(held.ref.start, held.ref.stop, [b"rows"]), now)


def answers(session: WorkerState, now: float) -> list[int]:
    return [message.ref.start for message, _ in session.due(now) if isinstance(message, m.Answer)]


@pytest.fixture
def session() -> WorkerState:
    return WorkerState(worker="w", pid=1, is_warm=True)


def test_it_beats_once_a_second(session: WorkerState) -> None:
    assert beat(session, 0.0) is not None
    assert beat(session, 0.5 * HEARTBEAT_S) is None
    assert session.next_due(0.5 * HEARTBEAT_S) == pytest.approx(0.5 * HEARTBEAT_S)
    assert beat(session, HEARTBEAT_S) is not None


def test_it_wants_one_range_to_compute_and_one_to_read(session: WorkerState) -> None:
    wants = []
    for start in (0, 10, 20):
        wants.append(getattr(beat(session, float(start)), "wants", None))
        lease(session, start)
    assert wants == [2, 1, 0]


def test_it_wants_nothing_before_it_is_warm() -> None:
    session = WorkerState(worker="w", pid=1)
    cold = beat(session, 0.0)
    session.is_warm = True
    warm = beat(session, 0.1)
    assert cold is not None
    assert warm is not None
    assert (cold.wants, warm.wants) == (0, 2)


def test_it_beats_at_once_when_it_wants_more_or_computes_another(session: WorkerState) -> None:
    held = held_lease(session, 0)
    beat(session, 0.0)
    held.enter(Stage.COMPUTING, 0.1)
    computing = beat(session, 0.1)
    assert computing is not None
    assert computing.computing == held.ref
    answer(session, held, 0.2)
    more = beat(session, 0.2)
    assert more is not None
    assert (more.wants, more.computing, more.holds) == (2, None, [held.ref])


def test_an_answer_is_sent_until_it_is_confirmed(session: WorkerState) -> None:
    held = held_lease(session, 0)
    answer(session, held, 0.0)
    assert answers(session, 0.0) == [0]
    assert answers(session, 0.5 * RESEND_S) == []
    assert answers(session, RESEND_S) == [0]
    assert answers(session, 2.5 * RESEND_S) == []
    assert answers(session, 3 * RESEND_S) == [0]
    session.receive(m.Release(ref=held.ref), [], 3 * RESEND_S)
    assert answers(session, 10 * RESEND_S) == []


def test_a_server_that_has_started_again_gets_all_answers_at_once(session: WorkerState) -> None:
    session.receive(m.HeartbeatAck(epoch=1), [], 0.0)
    held = held_lease(session, 0)
    answer(session, held, 0.0)
    assert answers(session, 0.0) == [0]
    session.receive(m.HeartbeatAck(epoch=1), [], 0.1)
    assert answers(session, 0.1) == []
    session.receive(m.HeartbeatAck(epoch=2), [], 0.2)
    assert answers(session, 0.2) == [0]


def test_it_wants_no_more_while_answers_wait_for_their_confirmation(session: WorkerState) -> None:
    for start in range(0, 10 * N_UNCONFIRMED, 10):
        answer(session, held_lease(session, start), 0.0)
    waiting = beat(session, 0.0)
    assert waiting is not None
    assert waiting.wants == 0


def test_a_lease_that_comes_twice_is_done_once_under_its_latest_number(session: WorkerState) -> None:
    held = held_lease(session, 0)
    assert lease(session, 0, generation=2) is None
    answer(session, held, 0.0)
    ((message, buffers), *_) = session.due(0.0)
    assert isinstance(message, m.Answer)
    assert message.ref.generation == 2
    assert list(buffers) == [b"rows"]


def test_what_is_forgotten_is_not_answered(session: WorkerState) -> None:
    held = held_lease(session, 0)
    session.receive(m.Release(ref=held.ref), [], 0.0)
    assert held.is_unwanted
    answer(session, held, 0.0)
    assert answers(session, 0.0) == []
    assert session.fail(held, "boom", is_blocked=False) == []


@pytest.mark.parametrize(("is_blocked", "kind"), [(False, m.Fault), (True, m.Blocked)])
def test_an_error_is_said_and_the_range_let_go(session: WorkerState, is_blocked: bool, kind: type[m.Fault]) -> None:  # noqa: FBT001
    held = held_lease(session, 0)
    assert session.fail(held, "boom", is_blocked=is_blocked) == [(kind(worker="w", ref=held.ref, error="boom"), ())]
    after = beat(session, 0.0)
    assert after is not None
    assert after.holds == []


def test_a_stage_that_takes_longer_than_its_lease_is_stuck(session: WorkerState) -> None:
    held = held_lease(session, 0)
    assert not held.is_stuck(1000.0)
    held.enter(Stage.COMPUTING, 1000.0)
    assert not held.is_stuck(1059.0)
    assert held.is_stuck(1061.0)


def test_a_lease_without_its_job_is_refused(session: WorkerState) -> None:
    with pytest.raises(MessageError):
        session.receive(m.Lease(ref=m.Ref(job="j", start=0, stop=1), lease_s=1.0), [], 0.0)
