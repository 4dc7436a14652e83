"""The kinds of tasks that a worker can do, by name."""

from __future__ import annotations

from functools import partial

from pointillist.pipeline_protocol.messages import JobSpec
from pointillist.pipeline_worker.data_access import DataAccess
from pointillist.pipeline_worker.tasks.kind import Kinds, Runner


def fit_runner(access: DataAccess, spec: JobSpec) -> Runner:
    """Begin with a movie whose molecules are to be fitted."""
    from pointillist.pipeline_worker.tasks.fit import FitRunner  # noqa: PLC0415 - numba takes a while

    return FitRunner(spec, access)


def background_runner(access: DataAccess, spec: JobSpec) -> Runner:
    """Begin with a movie whose background is wanted."""
    from pointillist.pipeline_worker.tasks.background import BackgroundRunner  # noqa: PLC0415 - numba takes a while

    return BackgroundRunner(spec, access)


def kinds(access: DataAccess) -> Kinds:
    """Return what a worker can do that has access to files and a server."""
    return {"fit": partial(fit_runner, access), "background": partial(background_runner, access)}
