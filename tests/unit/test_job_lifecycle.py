from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from itertools import product

import pytest

from pointillist.pipeline_protocol.messages import JobState
from pointillist.pipeline_server.jobs.job_files import FILE_TRANSITIONS, FileEvent, FileState
from pointillist.pipeline_server.jobs.steering import CONSEQUENCES, Command
from pointillist.pipeline_server.queue.job import JOB_TRANSITIONS, OUTER_EVENTS, JobEvent
from pointillist.pipeline_server.queue.lifecycle import Lifecycle, TransitionError
from pointillist.pipeline_server.queue.task import TASK_TRANSITIONS, TaskEvent, TaskState

Table = Mapping[tuple[Enum, Enum], Enum]


@pytest.mark.parametrize(
    ("state", "event", "table"),
    [
        *((*pair, TASK_TRANSITIONS) for pair in product(TaskState, TaskEvent)),
        *((*pair, JOB_TRANSITIONS) for pair in product(JobState, JobEvent)),
        *((*pair, FILE_TRANSITIONS) for pair in product(FileState, FileEvent)),
    ],
)
def test_what_is_not_in_the_table_is_an_error_that_names_the_object(state: Enum, event: Enum, table: Table) -> None:
    life = Lifecycle("task [3, 5)", state, table)
    if (state, event) in table:
        assert life.apply(event, 1.5) is table[state, event]
        assert life.history == (f"1.500 {event.name} -> {life.state.name}",)
    else:
        with pytest.raises(TransitionError, match=rf"task \[3, 5\): {event.name} while {state.name}"):
            life.apply(event, 1.5)
        assert life.state is state


@pytest.mark.parametrize(
    ("table", "ends"),
    [
        (TASK_TRANSITIONS, {TaskState.DONE, TaskState.FAILED, TaskState.SPLIT}),
        (JOB_TRANSITIONS, {JobState.FINISHED, JobState.STOPPED}),
        (FILE_TRANSITIONS, {FileState.CLOSED}),
    ],
)
def test_nothing_happens_to_what_is_over(table: Table, ends: set[Enum]) -> None:
    states = {state for state, _ in table} | set(table.values())
    assert {state for state in states if not any(begin is state for begin, _ in table)} == ends


def test_whatever_users_and_cameras_do_is_answered_in_every_state_of_a_job() -> None:
    assert set(CONSEQUENCES) == set(product(JobState, Command))
    going_on = set(JobState) - {JobState.FINISHED, JobState.STOPPED}
    assert set(product(going_on, OUTER_EVENTS)) <= set(JOB_TRANSITIONS)


def test_an_error_shows_the_history() -> None:
    life = Lifecycle("task", TaskState.WAITING, TASK_TRANSITIONS)
    life.apply(TaskEvent.LEASE, 1.0)
    life.apply(TaskEvent.ANSWER, 2.0)
    with pytest.raises(TransitionError, match=r"history: 1\.000 LEASE -> LEASED, 2\.000 ANSWER -> SYNCING"):
        life.apply(TaskEvent.LEASE, 3.0)
