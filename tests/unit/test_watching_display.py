"""Status, jobs and logs as people see them: in wide and narrow terminals, and in pipes."""

from __future__ import annotations

import io
import json

import pytest
from msgspec.structs import replace
from rich.console import Console, RenderableType

from pointillist.cli.event_lines import describe_event
from pointillist.cli.job_table import job_facts, job_table
from pointillist.cli.status import _json_facts, _render
from pointillist.pipeline_protocol.messages.reports import JobState, Pong, Progress, WorkerReport

SERVER = Pong(
    request=1, version="1.2", pid=7, epoch=1, n_workers=2, address="tcp://10.0.0.1:5000", host="wks1", uptime_s=3700.0,
    n_refused=2, n_jobs=1, n_ended=4,
)  # fmt: skip


def job(number: str = "abcdef01", **changes: object) -> Progress:
    fields: dict[str, object] = {
        "request": 1, "job": number, "state": "running", "movie": "/data/movie.h5", "output": "/data/movie.h5r",
        "n_frames": 1000, "n_done": 400, "n_failed": 0, "n_items": 12000, "n_resumed": 0, "rate": 300.0,
        "n_workers": 2, "elapsed_s": 2.0, "seconds": {}, "failures": {},
    }  # fmt: skip
    fields |= changes
    fields["state"] = JobState(str(fields["state"]))
    return Progress(**fields)  # type: ignore[arg-type]


def worker(number: int, **changes: object) -> WorkerReport:
    fields: dict[str, object] = {
        "worker": f"w{number}", "host": f"wks{number % 3}", "pid": number, "core": number, "health": "busy",
        "rate": 150.5, "n_frames": 1000, "silent_s": 0.1, "job": "abcdef01",
    }  # fmt: skip
    return WorkerReport(**{**fields, **changes})  # type: ignore[arg-type]


def shown(picture: RenderableType, width: int = 120, *, is_terminal: bool = False) -> str:
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=is_terminal, highlight=False, emoji=False).print(picture)
    return file.getvalue()


def test_status_shows_server_workers_and_jobs() -> None:
    text = shown(_render(SERVER, [worker(1), worker(2, health="idle", core=None)], [job()], width=120, is_all=False))
    for part in (
        "tcp://10.0.0.1:5000 on wks1 (pid 7)",
        "1.2, up 1:01:40",
        "1 busy, 1 idle; 301 frames/s",
        "2 connections without the cluster key",
        "1 running, 4 ended",
        "abcdef  movie.h5",
        "40 %",
        "2.0 s",
    ):
        assert part in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_no_line_is_longer_than_the_terminal_and_nothing_that_counts_is_lost(width: int, *, is_terminal: bool) -> None:
    jobs = [job(movie="/data/" + "long_name_of_a_movie" * 3 + ".h5", n_failed=2, failures={3: "bad " * 40})]
    text = shown(_render(SERVER, [worker(1)], jobs, width=width, is_all=False), width, is_terminal=is_terminal)
    lines = text.splitlines()
    plain = [Console().render_str(line).plain for line in lines] if not is_terminal else []
    assert all(len(line) <= width for line in plain)
    assert "40 %" in text
    assert "abcdef" in text
    assert "wks1" in text


def test_many_workers_are_shown_by_machine_with_those_that_are_silent() -> None:
    workers = [worker(number) for number in range(1000)]
    workers[500] = worker(500, health="silent", silent_s=4.0)
    picture = shown(_render(SERVER, workers, [], width=120, is_all=False))
    assert len(picture.splitlines()) < 20
    assert "999 busy, 1 silent" in picture
    assert "silent for 4 s" in picture
    assert len(shown(_render(SERVER, workers, [], width=120, is_all=True)).splitlines()) > 1000


def test_jobs_tell_why_they_are_paused_and_which_frames_failed() -> None:
    failures = {frame: f"ValueError: {frame}" for frame in range(5)}
    jobs = [job(state="paused", reason="disk full", n_failed=5, failures=failures), job("bcdef012", state="finished")]
    text = shown(job_table(jobs, 120))
    for part in ("paused: disk full", "frame 0 failed: ValueError: 0", "and 2 more frames failed", "took 2.0 s"):
        assert part in text
    assert "frame 3" not in text


def test_text_from_elsewhere_cannot_command_a_terminal() -> None:
    evil = "\x1b[2J\x07[red]x[/red]"
    text = shown(
        _render(SERVER, [worker(1, host=evil)], [job(movie=evil, state="paused", reason=evil)], width=120, is_all=True)
    )
    text += shown(_render(replace(SERVER, address=evil, troubles=[evil]), [], [], width=120, is_all=True))
    text += shown(describe_event(json.dumps({"event": evil, "error": evil})))
    assert "\x1b" not in text
    assert "[red]x[/red]" in text


def test_programs_are_told_the_same_keys_always() -> None:
    facts = json.loads(json.dumps(_json_facts(SERVER, [worker(1)], [job(failures={3: "bad"})])))
    assert set(facts) == {"server", "workers", "jobs"}
    assert set(facts["server"]) == {
        "version", "pid", "epoch", "n_workers", "address", "host", "uptime_s", "n_refused", "n_jobs", "n_ended",
        "server", "cluster", "leader", "troubles", "n_compiling",
    }  # fmt: skip
    assert set(facts["workers"][0]) == {
        "worker", "host", "pid", "core", "health", "rate", "n_frames", "silent_s", "job", "build",
    }  # fmt: skip
    assert set(facts["jobs"][0]) == {
        "job", "kind", "number", "state", "reason", "movie", "output", "n_frames", "n_done", "n_failed", "n_retriable",
        "n_items", "n_resumed", "n_workers", "rate", "left_s", "elapsed_s", "began_at", "ended_at", "seconds",
        "failures", "notes", "n_compiling",
    }  # fmt: skip
    assert facts["jobs"][0]["failures"] == {"3": "bad"}
    assert job_facts(job(rate=0.0))["left_s"] is None
    assert job_facts(job())["left_s"] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"event": "begun", "movie": "m.h5", "n_frames": 9, "output": "o.h5r"}, "begun     m.h5: 9 frames, to o.h5r"),
        (
            {"event": "fault", "start": 1, "stop": 5, "host": "wks1", "worker_pid": 3, "error": "bad", "n_faults": 2,
             "outcome": "tried again"},
            "fault     frames 1 to 5 on wks1 (pid 3): bad (fault 2, tried again)",
        ),
        ({"event": "paused", "reason": "full"}, "paused    full"),
        ({"event": "going on"}, "going on"),
        ({"event": "from the future", "what": 3}, "from the future what=3"),
        ({"event": "fault", "error": "bad"}, "fault     error=bad"),
    ],
)  # fmt: skip
def test_events_are_told_in_a_line_each(event: dict[str, object], text: str) -> None:
    line = describe_event(json.dumps({"time": "2026-05-01T12:00:00.123+00:00", "level": "info", "job": "a", **event}))
    assert line.plain[21:] == text
    assert line.plain[:5] == "2026-"
