"""The kinds of tasks that a worker can do, by name."""

from __future__ import annotations

from pipeline_protocol.messages import JobSpec
from pipeline_worker.kinds import Kinds, Runner


def fit_runner(spec: JobSpec) -> Runner:
    """Begin with a movie whose molecules are to be fitted."""
    from pipeline_worker.fit import FitRunner  # noqa: PLC0415 - numba takes a while

    return FitRunner(spec)


def background_runner(spec: JobSpec) -> Runner:
    """Begin with a movie whose background is wanted."""
    from pipeline_worker.background import BackgroundRunner  # noqa: PLC0415 - numba takes a while

    return BackgroundRunner(spec)


KINDS: Kinds = {"fit": fit_runner, "background": background_runner}
