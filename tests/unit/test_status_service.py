"""What watchers are told fits into messages, however much there is to tell."""

from __future__ import annotations

from pointillist.pipeline_protocol.messages.reports import (
    Jobs,
    JobState,
    LogLines,
    LogPosition,
    Progress,
    WorkerReport,
    Workers,
)
from pointillist.pipeline_protocol.messages.wire import MAX_HEADER_BYTES, encode
from pointillist.pipeline_server import status_service
from pointillist.pipeline_server.jobs import job_run
from pointillist.supervision.event_log import CHUNK_BYTES

WIDE = "\N{MATHEMATICAL BOLD CAPITAL A}"  # four bytes
TEXT, NAME, COUNT = 8000 * WIDE, 200 * WIDE, 2**53


def test_the_longest_page_of_jobs_fits() -> None:
    job = Progress(
        request=COUNT,
        job=NAME,
        state=JobState.FINISHING,
        movie=TEXT,
        output=TEXT,
        n_frames=COUNT,
        n_done=COUNT,
        n_failed=COUNT,
        n_items=COUNT,
        n_resumed=COUNT,
        rate=1e300,
        n_workers=COUNT,
        elapsed_s=1e300,
        seconds={f"stage {n}": 1e300 for n in range(20)},
        failures={COUNT - n: TEXT[: job_run._N_CHARACTERS] for n in range(job_run.N_SHOWN)},
        reason=TEXT,
        notes=[TEXT[: status_service._N_CHARACTERS]] * status_service._N_NOTES,
    )
    page = Jobs(request=COUNT, jobs=[job] * status_service._N_JOBS, is_last=False)
    assert len(encode(page)[0]) < MAX_HEADER_BYTES


def test_the_longest_page_of_workers_fits() -> None:
    worker = WorkerReport(
        worker=NAME, host=NAME, pid=COUNT, core=COUNT, health="warming up", rate=1e300, n_frames=COUNT, silent_s=1e300,
        job=NAME,
    )  # fmt: skip
    page = Workers(request=COUNT, workers=[worker] * status_service._N_WORKERS, is_last=False)
    assert len(encode(page)[0]) < MAX_HEADER_BYTES


def test_the_longest_portion_of_a_log_fits() -> None:
    portion = LogLines(request=COUNT, lines=["{}"] * (CHUNK_BYTES // 3), place=LogPosition(file=COUNT, offset=COUNT))
    assert len(encode(portion)[0]) < MAX_HEADER_BYTES
