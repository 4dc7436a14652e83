"""The whole life of jobs, from submission to file, whatever happens in whatever order.

Queue, journals, results and the server's loop are real. Its helper threads do a step when they are told to, so that an
append, or the look at a movie, may be under way while anything else happens; the disk fills, breaks and is mended;
clients ask, ask again and leave; the server is killed and starts again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import Phase, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from made_results import answer, computed
from manual_server import Disk, Fault, ManualServer

from pointillist.fitting.localizations import LOCALIZATION_DTYPE
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.preparation import prepare
from pointillist.pipeline_files.results.reader import read_results
from pointillist.pipeline_protocol.messages import JobState, control as m
from pointillist.pipeline_server.jobs.job_files import FileState
from pointillist.pipeline_server.queue import events as e
from pointillist.pipeline_server.queue.invariants import validate_state
from pointillist.settings.encoding import job_settings

N_FRAMES, BAD_FRAME = 20, 5
OUTPUTS = ("sealed", "grown")
SETTINGS = [
    *("voxelsize.x=0.1", "voxelsize.y=0.1", "Camera.ElectronsPerCount=0.5", "Camera.TrueEMGain=1"),
    *("Camera.NoiseFactor=1", "Camera.ReadNoise=1.6", "Camera.ADOffset=100", "Analysis.BGRange=0:0"),
]
N_ROUNDS = 12
"""Copies of a request, of which the last is answered at the latest, once nothing is under way any more."""


@dataclass
class Client:
    asked: m.Submit | m.Stop | m.Retry | None = None
    jobs: list[str] = field(default_factory=list)


class JobLives(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of its own
        self.folder = Path(tempfile.mkdtemp(prefix="job-lives-", dir=in_memory))
        np.save(self.folder / "movie.npy", np.zeros((N_FRAMES, 16, 16), np.uint16))
        with open_movie(self.folder / "movie.npy") as movie:
            self.settings, _ = prepare(movie, None, SETTINGS)
            self.identity = movie.identity
        self.disk = Disk()
        self.mounted = self.disk.mounted()
        self.mounted.__enter__()
        self.server = ManualServer(self.folder, self.disk)
        self.clients = {b"client1": Client(), b"client2": Client()}
        self.leases: list[m.Ref] = []
        self.known: dict[str, None] = {}  # in order: ids depend on the folder
        self.cancelled: set[str] = set()
        self.is_bad = True
        self.n_requests = self.n_before_start = 0

    # --- peers -----------------------------------------------------------------------------------

    def ask(self, name: bytes, request: m.Submit | m.Stop | m.Retry) -> None:
        self.clients[name].asked = request
        self.server.socket.came.append((name, request, []))
        if not isinstance(request, m.Stop):
            self.cancelled.clear()

    def next_number(self) -> int:
        self.n_requests += 1
        return self.n_requests

    def submission(self, output: str) -> m.Submit:
        return m.Submit(
            request=self.next_number(),
            movie=str(self.folder / "movie.npy"),
            identity=self.identity,
            settings=job_settings(self.settings),
            output=str(self.folder / f"{output}.h5r"),
        )

    def hear(self, *, is_stopping: bool) -> None:
        """Take what the server has sent, in a step in which a job may have been stopped."""
        sent, self.server.socket.sent = self.server.socket.sent, []
        for peer, message in sent:
            if isinstance(message, m.Lease):
                self.leases.append(message.ref)
            elif isinstance(message, m.Release):
                self.leases = [ref for ref in self.leases if ref != message.ref]
            elif peer in self.clients and not isinstance(message, m.Wait):
                asked = self.clients[peer].asked
                if asked is not None and getattr(message, "request", None) == asked.request:
                    self.clients[peer].asked = None
                    if isinstance(message, m.Accepted):
                        self.accepted(asked, message.job, is_stopping=is_stopping)

    def accepted(self, asked: m.Submit | m.Stop | m.Retry, job: str, *, is_stopping: bool) -> None:
        """What a user is told is so: who wants a job done has it at work, or done; what was stopped stays so."""
        self.known[job] = None
        is_at_work = job in self.server.service._open_jobs
        ended = self.server.service._status.ended.get(job)
        if not isinstance(asked, m.Stop):
            assert is_stopping or is_at_work or (ended and ended.progress.state == "finished")
        elif not is_at_work and not any(self.is_heard_later(client.asked, asked) for client in self.clients.values()):
            self.cancelled.add(job)

    def is_heard_later(self, other: m.Submit | m.Stop | m.Retry | None, stop: m.Stop) -> bool:
        """Whether a request may be taken to come after a stop; in a server that has started again all may."""
        if other is None or isinstance(other, m.Stop):
            return False
        return other.request > stop.request or other.request <= self.n_before_start

    def heartbeat(self, n_wanted: int = 2) -> None:
        heartbeat = m.Heartbeat(worker="w", host="h", pid=1, holds=list(self.leases), wants=n_wanted)
        self.server.socket.came.append((b"w", heartbeat, []))

    def work(self, ref: m.Ref) -> None:
        self.leases.remove(ref)
        if self.is_bad and ref.start <= BAD_FRAME < ref.stop:
            self.server.socket.came.append((b"w", m.Fault(worker="w", ref=ref, error="bad"), []))
            return
        rows = np.zeros(ref.stop - ref.start, LOCALIZATION_DTYPE)
        rows["frame"] = np.arange(ref.start, ref.stop)
        result, buffers = computed(ref.start, ref.stop, [rows.tobytes()], len(rows), seconds=len(rows))
        self.server.socket.came.append((b"w", answer("w", ref, result), list(buffers)))

    def step(self) -> None:
        is_stopping = any(isinstance(message, m.Stop) for _, message, _ in self.server.socket.came)
        self.server.service.step()
        self.hear(is_stopping=is_stopping)

    # --- what can happen -------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.ask(b"client1", self.submission("sealed"))
        self.come_to_rest()
        self.the_worker_works(2.5, is_quick=True)

    @precondition(lambda self: any(client.asked is None for client in self.clients.values()))
    @rule(data=st.data(), what=st.sampled_from(["stop", "retry", "submit"]), is_quick=st.booleans())
    def a_client_asks(self, data: st.DataObject, what: str, *, is_quick: bool) -> None:
        name = data.draw(st.sampled_from([name for name, client in self.clients.items() if client.asked is None]))
        if what == "submit" or not self.known:
            self.ask(name, self.submission(data.draw(st.sampled_from(OUTPUTS))))
        else:
            runs = self.server.service._runs
            at_work = [job for job in self.known if job in runs.open_jobs or job in runs.closing]
            job = data.draw(st.sampled_from(at_work or list(self.known)) | st.sampled_from(list(self.known)))
            self.ask(name, (m.Stop if what == "stop" else m.Retry)(request=self.next_number(), job=job))
        if is_quick:
            self.step()

    @rule(
        before=st.sampled_from(["nothing", "submit", "retry"]),
        after=st.sampled_from(["nothing", "submit", "retry"]),
        n_steps=st.integers(0, 2),
        n_steps_of_writer=st.integers(0, 2),
    )
    def a_job_is_stopped_while_its_rows_are_appended(
        self, before: str, after: str, n_steps: int, n_steps_of_writer: int
    ) -> None:
        """The rarest moment, at which everything else may go on; somebody else wants the job before or after."""
        self.disk.fault = "none"
        self.come_to_rest()
        if not any(work.spec.output.endswith("sealed.h5r") for work in self.server.service._open_jobs.values()):
            self.ask(b"client1", self.submission("sealed"))
            self.come_to_rest()
        self.the_worker_works(2.5, is_quick=True)
        under_way = {
            job: Path(work.spec.output).stem.split("_")[0]
            for job, work in self.server.service._open_jobs.items()
            if work.files.state is FileState.EXTENDING
        }
        for job, output in under_way.items():
            self.want(before, job, output)
            self.helper_steps(n_steps)
            self.ask(b"client1", m.Stop(request=self.next_number(), job=job))
            self.step()
            if self.clients[b"client2"].asked is None:
                self.want(after, job, output)
                self.helper_steps(n_steps)
                self.writer_steps(n_steps_of_writer)
                self.step()
            return

    def want(self, what: str, job: str, output: str) -> None:
        if what == "submit":
            self.ask(b"client2", self.submission(output))
        elif what == "retry":
            self.ask(b"client2", m.Retry(request=self.next_number(), job=job))
        self.step()

    def helper_steps(self, n_steps: int) -> None:
        for _ in range(n_steps):
            if self.server.helper.is_busy:
                self.server.helper.advance()

    @rule()
    def clients_ask_again(self) -> None:
        for name, client in self.clients.items():
            if client.asked is not None:
                self.server.socket.came.append((name, client.asked, []))

    @rule(name=st.sampled_from([b"client1", b"client2"]))
    def a_client_leaves(self, name: bytes) -> None:
        self.clients[name] = Client()

    @rule(seconds=st.sampled_from([0.0, 2.5]), is_quick=st.booleans())
    def the_worker_works(self, seconds: float, *, is_quick: bool) -> None:
        """Do a range that was held, or is given out; the answer is on its way for some seconds."""
        if not self.leases:
            self.heartbeat()
            self.step()
        if self.leases:
            self.work(self.leases[0])
        self.server.now += seconds
        if is_quick:
            self.step()

    @rule(is_dead=st.booleans())
    def the_worker_leaves(self, *, is_dead: bool) -> None:
        self.leases.clear()
        if not is_dead:
            self.server.socket.came.append((b"w", m.Goodbye(worker="w"), []))

    @rule()
    def bad_frames_are_mended_or_spoilt(self) -> None:
        self.is_bad = not self.is_bad

    @rule(seconds=st.sampled_from([0.0, 0.1, 2.5, 70.0]))
    def the_server_steps(self, seconds: float) -> None:
        self.server.now += seconds
        self.step()

    @precondition(lambda self: self.server.writer.is_busy)
    @rule(n_steps=st.integers(1, 2))
    def the_writer_goes_on(self, n_steps: int) -> None:
        self.writer_steps(n_steps)

    def writer_steps(self, n_steps: int) -> None:
        for _ in range(n_steps):
            if self.server.writer.is_busy:
                self.server.writer.advance()

    @precondition(lambda self: self.server.helper.is_busy)
    @rule(n_steps=st.integers(1, 2))
    def the_helper_goes_on(self, n_steps: int) -> None:
        self.helper_steps(n_steps)

    @rule(fault=st.sampled_from(["none", "none", "full", "broken"]))
    def the_disk_changes(self, fault: Fault) -> None:
        self.disk.fault = fault

    @rule(n_frames=st.integers(0, 3), is_last=st.booleans())
    def a_movie_grows(self, n_frames: int, *, is_last: bool) -> None:
        self.grow(min(self.disk.n_released + n_frames, N_FRAMES), is_last=is_last)

    def grow(self, stop: int, *, is_last: bool) -> None:
        is_last = is_last and stop == N_FRAMES
        self.disk.n_released = stop
        jobs = self.server.service.queue.jobs
        for job, work in self.server.service._open_jobs.items():
            if Path(work.spec.output).name.startswith("grown") and not jobs[job].is_sealed:
                event = e.FramesReleased(now=self.server.now, job=job, stop=stop, is_last=is_last)
                self.server.service._apply([event])

    @rule(is_at_rest=st.booleans())
    def the_server_is_killed_and_starts_again(self, *, is_at_rest: bool) -> None:
        self.server.kill()
        self.leases.clear()
        self.server.start()
        self.n_before_start = self.n_requests
        if is_at_rest:
            self.come_to_rest()

    @rule()
    def come_to_rest(self) -> None:
        """Once all that is under way has come back, everybody is answered, and nothing is half done."""
        for _ in range(N_ROUNDS):
            self.clients_ask_again()
            for thread in (self.server.helper, self.server.writer):
                while thread.is_busy:
                    thread.advance()
            self.step()
            is_asked = any(client.asked for client in self.clients.values())
            if not (is_asked or self.server.helper.is_busy or self.server.writer.is_busy):
                break
        assert not [client.asked for client in self.clients.values() if client.asked is not None]
        assert not self.server.service._runs.closing
        assert not self.server.service._submissions.n_pending
        states = {job.state for job in self.server.service.queue.jobs.values()}
        assert states <= {JobState.RUNNING, JobState.PAUSED}

    # --- what is always true ---------------------------------------------------------------------

    @invariant()
    def the_server_has_no_defect(self) -> None:
        assert not self.server.errors.found, self.server.errors.found

    @invariant()
    def the_book_is_right(self) -> None:
        validate_state(self.server.service.queue)

    @invariant()
    def what_was_cancelled_stays_cancelled(self) -> None:
        assert not self.cancelled & set(self.server.service._open_jobs)

    def teardown(self) -> None:
        """In the end, the same command makes a whole file of every job."""
        try:
            self.finish()
        finally:
            self.server.close()
            self.mounted.__exit__(None, None, None)
            shutil.rmtree(self.folder)

    def finish(self) -> None:
        self.disk.fault, self.is_bad = "none", False
        self.come_to_rest()
        for _ in range(8):
            for output in OUTPUTS:
                if list(self.folder.glob(f"{output}*.journal")):
                    self.ask(b"client1", self.submission(output))
                    self.come_to_rest()
            self.work_to_the_end()
        left = sorted(path.name for path in self.folder.iterdir() if path.suffix not in {".h5r", ".npy"})
        assert set(left) <= {"state"}
        for path in self.folder.glob("*.h5r"):
            assert not path.stem.endswith((".partial", ".unfinished")), path
            results = read_results(path)
            assert results.is_complete
            expected = [frame for frame in range(N_FRAMES) if frame not in results.failures]
            assert results.rows["frame"].tolist() == expected
            assert set(results.failures) <= {BAD_FRAME}

    def work_to_the_end(self) -> None:
        self.server.now += 100.0  # the disk is looked at again
        for _ in range(100):
            self.server.now += 0.01
            self.grow(N_FRAMES, is_last=True)
            self.heartbeat(n_wanted=16)
            self.come_to_rest()
            while self.leases:
                self.work(self.leases[0])
            self.come_to_rest()
            if not self.server.service._open_jobs:
                return
        raise AssertionError({job.id: (job.state, job.reason) for job in self.server.service.queue.jobs.values()})


JobLives.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to make a failure smaller takes minutes
)
TestJobsWhateverHappens = JobLives.TestCase
