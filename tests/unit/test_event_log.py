"""Logs: what is written is read again, whatever the disk does."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from pointillist.pipeline_protocol.messages.reports import LogPosition
from pointillist.supervision.event_log import CHUNK_BYTES, EventLog, aside, parse_event, read_log
from pointillist.supervision.logs import JobLogs, MachineLog, forget_old, job_log
from pointillist.system.notes import note


def read_all(path: Path, place: LogPosition | None = None) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    while True:
        lines, place = read_log(path, place)
        if not lines:
            return found
        found += [event for event in map(parse_event, lines) if event is not None]


@given(text=st.text())
def test_an_event_is_one_line_of_ascii_whatever_its_text(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("log") / "a.log"
    assert EventLog(path).append({"event": "fault", "error": text, "n": 3, "none": None})
    content = path.read_bytes()
    assert content.isascii()
    assert content.count(b"\n") == 1
    assert "\x1b" not in content.decode()
    assert json.loads(content)["error"] == text[:2000]


def test_a_log_is_bounded_and_what_follows_its_first_line_goes_first(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    log = EventLog(path, max_bytes=1000)
    log.append({"event": "begun", "n": -1})
    for n in range(500):
        log.append({"event": "fault", "n": n})
        assert path.stat().st_size <= 1000
    found = read_all(path)
    numbers = [event["n"] for event in found]
    assert numbers[0] == -1
    assert numbers[1:] == list(range(500))[-len(numbers) + 1 :]
    assert len(numbers) > 29


def test_who_follows_a_log_reads_every_event_once_also_when_it_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    log = EventLog(path, max_bytes=1000)
    place, followed = LogPosition(), list[object]()
    for n in range(300):
        log.append({"n": n})
        if n % 7 == 0:
            lines, place = read_log(path, place)
            followed += [json.loads(line)["n"] for line in lines]
            lines, place = read_log(path, place)
            followed += [json.loads(line)["n"] for line in lines]
    assert followed == list(range(len(followed)))
    assert len(followed) > 290
    assert aside(path).exists()


def test_a_long_log_is_read_in_portions(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    for n in range(300):
        EventLog(path).append({"n": n, "error": "x" * 2000})
    lines, place = read_log(path)
    assert sum(map(len, lines)) <= CHUNK_BYTES
    assert len(lines) + len(read_all(path, place)) == 300


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    EventLog(path).append({"n": 1})
    with path.open("ab") as file:
        file.write(b'{"n": 2, "err')
    assert read_all(path) == [{"n": 1}]
    EventLog(path).append({"n": 3})
    assert read_all(path) == [{"n": 1}, {"n": 3}]


@pytest.mark.parametrize("path", ["/dev/full", "/dev/null/a.log", "/proc/a/b.log"])
def test_a_log_that_cannot_be_written_is_left(path: str) -> None:
    assert not EventLog(Path(path)).append({"event": "begun"})
    assert read_log(Path(path) / "none") == ([], LogPosition())


def append_many(path: Path, number: int) -> None:
    for n in range(200):
        EventLog(path).append({"process": number, "n": n})


def test_processes_that_write_at_the_same_time_tear_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=append_many, args=(path, number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    found = read_all(path)
    assert len(found) == 600
    for number in range(3):
        assert [event["n"] for event in found if event["process"] == number] == list(range(200))


@pytest.fixture
def log(tmp_path: Path) -> logging.Logger:
    logger = logging.getLogger("pointillist.trial")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [MachineLog(EventLog(tmp_path / "server.log")), JobLogs(tmp_path)]
    return logger


def test_an_event_of_a_job_is_in_its_log_and_in_the_machines(log: logging.Logger, tmp_path: Path) -> None:
    note(log, logging.INFO, "begun", job="ab12", movie="movie.h5")
    note(log, logging.WARNING, "stranger", n=1)
    (begun,) = read_all(tmp_path / "jobs" / "ab12.log")
    assert (begun["event"], begun["movie"], begun["level"], begun["pid"]) == ("begun", "movie.h5", "info", os.getpid())
    assert [event["event"] for event in read_all(tmp_path / "server.log")] == ["begun", "stranger"]


def test_an_error_is_logged_with_the_end_of_its_traceback(log: logging.Logger, tmp_path: Path) -> None:
    log.error("error", exc_info=ValueError("x" * 5000 + " the end"))
    (event,) = read_all(tmp_path / "server.log")
    assert str(event["traceback"]).endswith("the end")


@pytest.mark.parametrize("job", ["../server", "a/b", "", "AB", "x" * 65, ".."])
def test_what_is_no_jobs_id_names_no_file(log: logging.Logger, tmp_path: Path, job: str) -> None:
    assert job_log(tmp_path, job) is None
    note(log, logging.INFO, "begun", job=job)
    assert [path.name for path in tmp_path.iterdir()] == ["server.log"]


def test_the_oldest_logs_of_jobs_go(tmp_path: Path) -> None:
    for n in range(30):
        path = tmp_path / f"{n:02}.log"
        EventLog(path).append({"n": n})
        os.utime(path, (n, n))
    aside(tmp_path / "00.log").touch()
    forget_old(tmp_path, n_kept=20)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{n:02}.log" for n in range(13, 30)]
    forget_old(tmp_path / "none", n_kept=1)
