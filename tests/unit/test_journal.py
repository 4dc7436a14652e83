from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from pointillist.errors import ResultsError
from pointillist.pipeline_protocol.messages import RangeResult
from pointillist.pipeline_protocol.messages.control import JobSpec
from pointillist.pipeline_protocol.messages.fields import JobSettings
from pointillist.pipeline_server.jobs import journal as journal_module
from pointillist.pipeline_server.jobs.journal import Journal
from pointillist.pipeline_server.jobs.records import (
    FailureEntry,
    JobEntry,
    JournalFullError,
    JournalLockedError,
)

JOB = JobEntry(
    digest="d",
    spec=JobSpec(
        job="j",
        kind="fit",
        movie="/m",
        identity="i",
        n_frames=100,
        settings=JobSettings(recorded={"a": [1, 2.5]}),
        output="/o",
    ),
)


def entry(start: int, stop: int, body: bytes = b"") -> RangeResult:
    return RangeResult(start=start, stop=stop, n_items=2, failures={}, seconds={"fit": 0.5}, sizes=[len(body)])


def write(path: Path, n_ranges: int = 3) -> int:
    """Write ranges of ten frames; return the length of the file."""
    journal = Journal.create(path, JOB)
    for start in range(0, 10 * n_ranges, 10):
        body = bytes([start]) * start
        journal.append_range(entry(start, start + 10, body), [body])
        journal.sync()
    journal.close()
    return journal.n_bytes


def reopen(path: Path) -> Journal:
    journal = Journal.open(path)
    assert journal is not None
    return journal


def test_what_was_synced_is_there_after_a_restart(tmp_path: Path) -> None:
    write(tmp_path / "j")
    journal = reopen(tmp_path / "j")
    assert journal.job == JOB
    assert list(journal.done) == [(0, 30)]
    assert journal.starts() == [0, 10, 20]
    assert [bytes(journal.read(start)[1][0]) for start in journal.starts()] == [b"", b"\x0a" * 10, b"\x14" * 20]
    place = journal.range_at(10)
    assert place is not None
    assert (place.stop, place.n_bytes, journal.range_at(5)) == (20, 10, None)
    assert (journal.n_items, journal.seconds) == (6, {"fit": 1.5})
    journal.close()


def test_it_goes_on_where_it_ended(tmp_path: Path) -> None:
    write(tmp_path / "j")
    journal = reopen(tmp_path / "j")
    journal.append_range(entry(30, 40, b"more"), [b"mo", b"re"])
    journal.sync()
    journal.close()
    assert list(reopen(tmp_path / "j").done) == [(0, 40)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_torn_tail_leaves_an_exact_prefix(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "j"
    path.unlink(missing_ok=True)
    length = write(path)
    os.truncate(path, data.draw(st.integers(0, length)))
    if data.draw(st.booleans()):
        with path.open("ab") as file:
            file.write(bytes(data.draw(st.integers(1, 100))))
    journal = Journal.open(path)
    if journal is None:
        return
    ranges = list(journal.done)
    assert ranges in ([], [(0, 10)], [(0, 20)], [(0, 30)])
    journal.append_range(entry(50, 60, b"x"), [b"x"])
    journal.sync()
    journal.close()
    again = reopen(path)
    assert list(again.done) == [*ranges, (50, 60)]
    again.close()


def test_a_flipped_bit_ends_the_journal_before_it(tmp_path: Path) -> None:
    length = write(tmp_path / "j")
    content = bytearray((tmp_path / "j").read_bytes())
    content[length - 5] ^= 4
    (tmp_path / "j").write_bytes(content)
    journal = reopen(tmp_path / "j")
    assert list(journal.done) == [(0, 20)]
    journal.close()


def test_a_full_disk_drops_what_was_appended_and_leaves_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    length = write(tmp_path / "j")
    journal = reopen(tmp_path / "j")

    def write_half(file: int, content: bytes, offset: int) -> None:
        os.pwrite(file, content[: len(content) // 2], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journal_module, "write_all", write_half)
        journal.append_range(entry(30, 40, b"x" * 50), [b"x" * 50])
        with pytest.raises(JournalFullError, match=r"no space left on device\); free some disk space"):
            journal.sync()
        assert not journal.has_room(100)
    assert (tmp_path / "j").stat().st_size == length
    assert journal.has_room(100)
    assert (tmp_path / "j").stat().st_size == length
    journal.append_range(entry(30, 40, b"x" * 50), [b"x" * 50])
    journal.sync()
    assert list(journal.done) == [(0, 40)]
    journal.close()


def test_a_failed_frame_is_kept_until_a_range_has_it(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "j", JOB)
    journal.append_failure(FailureEntry(frame=3, error="bad"))
    journal.append_failure(FailureEntry(frame=50, error="bad too"))
    journal.append_range(entry(0, 10), [b""])
    journal.sync()
    journal.close()
    again = reopen(tmp_path / "j")
    assert again.given_up == {50: "bad too"}
    again.close()


def test_frames_that_an_answer_names_as_failed_are_kept(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "j", JOB)
    answer = RangeResult(start=0, stop=5, n_items=0, failures={2: "no numbers"}, seconds={}, sizes=[0])
    journal.append_range(answer, [b""])
    journal.sync()
    journal.close()
    again = reopen(tmp_path / "j")
    assert again.failures == {2: "no numbers"}
    again.close()


def test_a_range_that_comes_twice_is_read_once(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "j", JOB)
    for body in (b"first", b"again"):
        journal.append_range(entry(0, 10, body), [body])
    journal.sync()
    assert bytes(journal.read(0)[1][0]) == b"first"
    assert journal.n_items == 2
    journal.close()


def test_two_servers_never_share_a_journal(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "j", JOB)
    with pytest.raises(JournalLockedError, match="another process is already running this analysis"):
        Journal.open(tmp_path / "j")
    assert Journal.peek(tmp_path / "j") == JOB
    journal.close()
    reopen(tmp_path / "j").close()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    write(tmp_path / "j")
    code = "import sys, pathlib; from pointillist.pipeline_server.jobs.journal import Journal; "
    code += "j = Journal.open(pathlib.Path(sys.argv[1])); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "j"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(JournalLockedError):
            Journal.open(tmp_path / "j")
        other.kill()
    reopen(tmp_path / "j").close()


def test_a_removed_journal_is_gone(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "new folder" / "j", JOB)
    journal.remove()
    assert not list((tmp_path / "new folder").iterdir())


def test_a_journal_is_never_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "j")
    with pytest.raises(ResultsError, match="cannot be used"):
        Journal.create(tmp_path / "j", JOB)
    assert list(reopen(tmp_path / "j").done) == [(0, 30)]


def test_another_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b"dear diary, today")
    with pytest.raises(ResultsError, match="not a journal of this version"):
        Journal.open(tmp_path / "j")
    assert Journal.peek(tmp_path / "j") is None
    assert (tmp_path / "j").read_bytes() == b"dear diary, today"
