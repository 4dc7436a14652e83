"""A range, computed by a Dask worker."""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections import OrderedDict

from pointillist.pipeline_protocol.messages import decode_spec
from pointillist.pipeline_worker.data_access import HERE
from pointillist.pipeline_worker.tasks import BlockedError, Computed, Outcome, Runner, kinds, new_runner
from pointillist.supervision import (
    NUMBA_VARIABLE,
    CachedKernels,
    KernelCache,
    KernelsLostError,
    for_this_process,
)
from pointillist.system import note
from pointillist.version import program_version

log = logging.getLogger("pointillist.worker")

N_OPEN_JOBS = 3
"""Jobs whose movies stay open, for each thread."""

_KINDS = kinds(HERE)

_load_lock = threading.Lock()
_of_thread = threading.local()


def run_range(spec_buffer: bytes, start: int, stop: int, wanted_version: str) -> Outcome:
    """Compute the frames ``[start, stop)`` of a job.

    Parameters
    ----------
    spec_buffer
        Encoded description of the job.
    start, stop
        Frames of the range.
    wanted_version
        Version of Pointillist at the server.

    Notes
    -----
    Errors are returned as text: an exception would have to be unpickled where its class may be another one.
    """
    try:
        _check_version(wanted_version)
        kernels = _kernels()
        try:
            computed = _computed(spec_buffer, start, stop)
        except KernelsLostError:
            kernels.fill_again()
            computed = _computed(spec_buffer, start, stop)
    except Exception as error:  # noqa: BLE001 - the border of one task
        outcome = Outcome.of_error(error)
        if not outcome.is_blocked:
            note(log, logging.WARNING, "fault", error, start=start, stop=stop)
        return outcome
    return Outcome(computed=computed)


def _check_version(wanted: str) -> None:
    if program_version() != wanted:
        raise BlockedError(f"a Dask worker has Pointillist {program_version()}; install {wanted} there")


def has_kernels() -> bool:
    """Whether this worker can load its kernels at once."""
    return KernelCache.of(for_this_process(os.environ)).is_filled


def load_build() -> str:
    """Load the kernels, once they have been compiled for all workers of a machine; return their build."""
    return _kernels().build or ""


def _kernels() -> CachedKernels:
    """Return the kernels of this process, loaded."""
    with _load_lock:
        return _load()


@functools.cache
def _load() -> CachedKernels:
    from pointillist.fitting import keep_kernels_in  # noqa: PLC0415 - numba

    environment = for_this_process(os.environ)
    folder = str(KernelCache.of(environment).folder)
    keep_kernels_in(folder)
    kernels = CachedKernels(environment | {NUMBA_VARIABLE: folder})
    kernels.load(lambda: None)
    return kernels


def _computed(spec_buffer: bytes, start: int, stop: int) -> Computed:
    runner = _runner(spec_buffer)
    runner.prepare(start, stop)
    return runner.compute(start, stop)


def _runner(spec_buffer: bytes) -> Runner:
    """Return this thread's runner of a job."""
    runners: OrderedDict[bytes, Runner] = _of_thread.__dict__.setdefault("runners", OrderedDict())
    runner = runners.get(spec_buffer)
    if runner is None:
        runner = runners[spec_buffer] = new_runner(_KINDS, decode_spec(spec_buffer))
    runners.move_to_end(spec_buffer)
    while len(runners) > N_OPEN_JOBS:
        _, oldest = runners.popitem(last=False)
        oldest.close()
    return runner
