from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lockless import lockless

import pointillist
from pointillist.system import file_locks
from pointillist.system.file_locks import STALE_S, FileLock, HolderFile, holder_path, is_locked

ROOT = Path(__file__).parents[2]
NO_LOCKS = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL]
"""What flock answers on NFS without lockd, on Lustre, and on file systems of user space."""


def run(script: str, folder: Path, number: int | None = None, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ) if number is None else lockless(folder, number)
    command = [sys.executable, "-c", script, str(folder), *map(str, arguments)]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


COUNT = """
import sys, pathlib
from pointillist.system.file_locks import FileLock
folder = pathlib.Path(sys.argv[1])
for _ in range(20):
    path = folder / "lock"
    with path.open("w") as file, FileLock(file.fileno(), path, waits=True):
        counter = folder / "counter"
        counter.write_text(str(int(counter.read_text()) + 1))
"""


@pytest.mark.parametrize("number", [None, *NO_LOCKS[:2]])
def test_processes_exclude_each_other(tmp_path: Path, number: int | None) -> None:
    (tmp_path / "counter").write_text("0")
    environment = dict(os.environ) if number is None else lockless(tmp_path, number)
    command = [sys.executable, "-c", COUNT, str(tmp_path)]
    processes = [subprocess.Popen(command, env=environment, cwd=ROOT) for _ in range(3)]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert (tmp_path / "counter").read_text() == "60"
    assert not holder_path(tmp_path / "lock").exists()


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def other(machine: str = "elsewhere", pid: int = 1, started: str = "1") -> dict[str, object]:
    return {"machine": machine, "pid": pid, "started": started, "token": "t"}


def here(pid: int, started: str | None = None) -> dict[str, object]:
    said = file_locks._started(pid) if started is None else started
    return other(file_locks._machine(), pid, said or "1")


HOLDERS: dict[str, tuple[Callable[[], dict[str, object] | None], float, bool]] = {
    "dead process of this machine": (lambda: here(dead_pid()), 0.0, False),
    "later process of the same number": (lambda: here(os.getpid(), "another"), 0.0, False),
    "living process of this machine": (lambda: here(os.getppid()), 10 * STALE_S, True),
    "another machine that beats": (other, STALE_S / 2, True),
    "another machine whose clock is ahead": (other, -1000.0, True),
    "another machine that is silent": (other, STALE_S + 5, False),
    "torn, lately": (lambda: None, 0.0, True),
    "torn, long ago": (lambda: None, STALE_S + 5, False),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_a_holder_blocks_as_long_as_it_lives(tmp_path: Path, name: str) -> None:
    make, age_s, is_alive = HOLDERS[name]
    path = tmp_path / "a.holder"
    content = make()
    path.write_text("" if content is None else json.dumps(content))
    beat = time.time() - age_s
    os.utime(path, (beat, beat))
    holder = HolderFile(path)
    assert holder.is_alive == is_alive
    assert holder.take() == (not is_alive)
    holder.remove()
    assert path.exists() == is_alive
    assert [each.name for each in tmp_path.iterdir()] == (["a.holder"] if is_alive else [])


RACE = """
import sys, pathlib
from pointillist.system.file_locks import HolderFile
holder = HolderFile(pathlib.Path(sys.argv[1]) / "a.holder")
print("ready", flush=True); sys.stdin.readline()
print(holder.take(), flush=True); sys.stdin.readline()
holder.remove()
"""


def test_of_many_that_find_a_stale_holder_one_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.holder").write_text(json.dumps(here(dead_pid())))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    lines = []
    for process in processes:  # all are there before the first one tries
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        lines.append(process.stdout.readline().strip())
    for process in processes:
        process.communicate("\n", timeout=60)
    assert sorted(lines) == ["False", "False", "False", "True"]
    assert list(tmp_path.iterdir()) == []


def test_who_was_silent_for_too_long_notices_that_another_one_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_locks, "HEARTBEAT_S", 0.01)
    holder = HolderFile(tmp_path / "a.holder")
    assert holder.take()
    (tmp_path / "b.holder").write_text(json.dumps(other()))
    (tmp_path / "b.holder").replace(tmp_path / "a.holder")
    holder._thread.join(10)
    assert holder.is_lost
    holder.remove()
    assert (tmp_path / "a.holder").exists()


def test_a_heartbeat_is_a_touch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_locks, "HEARTBEAT_S", 0.01)
    holder = HolderFile(tmp_path / "a.holder")
    assert holder.take()
    os.utime(holder.path, (1, 1))
    deadline = time.monotonic() + 10
    while holder.path.stat().st_mtime < 2 and time.monotonic() < deadline:
        pass
    assert holder.path.stat().st_mtime > 2
    holder.remove()


def test_a_lock_heeds_a_holder_of_a_machine_without_locks(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("")
    holder = HolderFile(holder_path(path))
    assert holder.take()
    with path.open("r+b") as file, pytest.raises(BlockingIOError):
        FileLock(file.fileno(), path)
    assert is_locked(path)
    holder.remove()
    assert not is_locked(path)
    with path.open("r+b") as file, FileLock(file.fileno(), path):
        assert is_locked(path)
    assert not is_locked(path)


JOURNAL = """
import pathlib, sys
from pointillist.pipeline_protocol.messages.control import JobSpec
from pointillist.pipeline_protocol.messages.fields import JobSettings
from pointillist.pipeline_server.jobs.journal import Journal
from pointillist.pipeline_server.jobs.records import JobEntry, JournalLockedError
spec = JobSpec(job="j", kind="fit", movie="/m", identity="i", n_frames=9, settings=JobSettings(), output="/o")
path = pathlib.Path(sys.argv[1]) / "a.journal"
if sys.argv[2] == "create":
    journal = Journal.create(path, JobEntry(digest="d", spec=spec)); print("has it", flush=True); sys.stdin.read()
else:
    try:
        journal = Journal.open(path)
    except JournalLockedError as error:
        print(error)
    else:
        print("opened"); journal.remove()
"""


@pytest.mark.parametrize("number", [None, *NO_LOCKS])
def test_a_journal_belongs_to_one_server_until_that_is_killed(tmp_path: Path, number: int | None) -> None:
    environment = dict(os.environ) if number is None else lockless(tmp_path, number)
    command = [sys.executable, "-c", JOURNAL, str(tmp_path), "create"]
    with subprocess.Popen(
        command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "has it\n"
        assert holder_path(tmp_path / "a.journal").exists() == (number is not None)
        assert "another process is already running this analysis" in run(JOURNAL, tmp_path, number, "open").stdout
        first.kill()
    assert run(JOURNAL, tmp_path, number, "open").stdout == "opened\n"
    assert list(tmp_path.iterdir()) == []


TAKEN = """
import json, pathlib, sys
from pointillist.system import file_locks
from pointillist.pipeline_protocol.messages.control import JobSpec
from pointillist.pipeline_protocol.messages.fields import JobSettings
from pointillist.pipeline_server.jobs.journal import Journal
from pointillist.pipeline_server.jobs.records import FailureEntry, JobEntry, JournalLockedError
file_locks.HEARTBEAT_S = 0.01
spec = JobSpec(job="j", kind="fit", movie="/m", identity="i", n_frames=9, settings=JobSettings(), output="/o")
path = pathlib.Path(sys.argv[1]) / "a.journal"
journal = Journal.create(path, JobEntry(digest="d", spec=spec))
other = path.with_name("other")
other.write_text(json.dumps({"machine": "elsewhere", "pid": 1, "started": "1", "token": "t"}))
other.replace(file_locks.holder_path(path))
journal._lock.holder._thread.join(10)
size = path.stat().st_size
journal.append_failure(FailureEntry(frame=1, error="e"))
try:
    journal.sync()
except JournalLockedError as error:
    print(error.problem)
print(journal.has_room(100), path.stat().st_size == size)
journal.close()
print(file_locks.holder_path(path).exists())
"""


def test_a_journal_that_another_server_has_taken_is_left_as_it_is(tmp_path: Path) -> None:
    done = run(TAKEN, tmp_path, errno.ENOLCK)
    said = ["another process is already running this analysis", "False True", "True"]
    assert done.stdout.splitlines() == said, done.stderr


ANNOUNCE = """
import pathlib, sys
from pointillist.pipeline_protocol.discovery.local import Announcement, find_server
from pointillist.errors import ServerError
path = pathlib.Path(sys.argv[1]) / "a.server"
with Announcement(path) as first:
    first.publish("tcp://here:1")
    try:
        Announcement(path)
    except ServerError as error:
        print(error.problem)
    print(find_server(path))
print(find_server(path))
"""


@pytest.mark.parametrize("number", [None, *NO_LOCKS])
def test_a_server_is_found_as_long_as_it_lives(tmp_path: Path, number: int | None) -> None:
    done = run(ANNOUNCE, tmp_path, number)
    assert done.stdout.splitlines() == ["a server is already running on this machine", "tcp://here:1", "None"], (
        done.stderr
    )


LAUNCHERS = """
import os, pathlib, sys
os.environ["XDG_STATE_HOME"] = sys.argv[1]
from pointillist.supervision.launchers import registered, running
with registered("mine") as remark:
    print(remark is not None, [each.pid == os.getpid() for each in running("mine")])
print(running())
"""


@pytest.mark.parametrize("number", [None, *NO_LOCKS])
def test_a_launcher_is_found_as_long_as_it_lives(tmp_path: Path, number: int | None) -> None:
    done = run(LAUNCHERS, tmp_path, number)
    assert done.stdout.splitlines() == [f"{number is not None} [True]", "[]"], done.stderr


HDF5 = """
import pathlib, sys
import numpy as np
from pointillist.pipeline_files.hdf5_file import open_hdf5
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.storage import FileBusyError, extend_hdf5
from pointillist.pipeline_files.movies.write_movie import write_pyme_h5
path = pathlib.Path(sys.argv[1]) / "a.h5"
print(write_pyme_h5(path, [np.zeros((2, 16, 20), np.uint16)], {}))
with open_movie(path) as movie:
    print(movie.read(0, 2).shape)
with open_hdf5(path):
    try:
        with extend_hdf5(path, 10):
            print("extended")
    except FileBusyError:
        print("busy")
with extend_hdf5(path, 10):
    try:
        open_hdf5(path).close()
        print("opened")
    except Exception as error:
        print(error.problem)
"""


@pytest.mark.parametrize("number", [None, *NO_LOCKS])
def test_hdf5_is_read_and_written_with_the_locks_that_there_are(tmp_path: Path, number: int | None) -> None:
    done = run(HDF5, tmp_path, number)
    lines = done.stdout.splitlines()
    assert lines[:2] == ["2", "(2, 16, 20)"], done.stderr
    assert lines[2] == ("busy" if number is None else "extended")
    if number is None:
        assert lines[3] == "is open for writing in another program"


def test_pytables_is_loaded_in_one_place() -> None:
    importing = {
        path.name
        for path in Path(pointillist.__file__).parent.rglob("*.py")
        if re.search(r"^import tables|^ +import tables +# noqa|h5py\.File\(", path.read_text("utf-8"), re.MULTILINE)
    }
    assert importing == {"hdf5_file.py"}


KERNELS = """
import pathlib, sys
from pointillist.supervision.kernel_cache import _locked
folder = pathlib.Path(sys.argv[1]) / "cache"
folder.mkdir(exist_ok=True)
with _locked(folder, print):
    print(sorted(path.name for path in folder.parent.iterdir()))
"""


@pytest.mark.parametrize("number", [None, *NO_LOCKS])
def test_the_kernel_cache_is_filled_by_one_process_and_the_user_is_told_how(tmp_path: Path, number: int | None) -> None:
    done = run(KERNELS, tmp_path, number)
    names = ["cache", "cache.lock", *(["cache.lock.holder"] if number else [])]
    told = [f"note: the disk of {tmp_path} has no file locks; a file cache.lock.holder is used instead"]
    assert done.stdout.splitlines() == [*(told if number else []), str(names)], done.stderr
