"""Which builds of the kernels may take part in a job.

Kernels that were compiled for another kind of processor, or with other options, find rows whose last digits differ. All
rows of a job come from one build, unless its user lets several take part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

STRANDED_S = 5.0
"""How long a job waits for a worker that may take part, while there are only others."""

OPTION = "--mixed-workers"

_CAUSE = "another kind of processor, other versions or NUMBA_ settings"

PAUSE_REASON = (
    "the results so far differ in the last digits from those that all workers there are would find "
    f"({_CAUSE}); start workers as they were, or add {OPTION}"
)
"""Why a stranded job cannot go on."""


@dataclass(kw_only=True)
class Builds:
    """The build of a job's rows, and who is passed over for it.

    Parameters
    ----------
    build
        Build of the rows; None before there are any.
    is_mixed
        Whether any build may take part.

    Attributes
    ----------
    passed_over
        Names of workers that got nothing.
    """

    build: str | None = None
    is_mixed: bool = False
    passed_over: set[str] = field(default_factory=set)
    _is_settled: bool = field(init=False)
    _stranded_since: float | None = None

    def __post_init__(self) -> None:
        self._is_settled = self.build is not None

    def admits(self, build: str | None) -> bool:
        """Whether a worker may take part; one that has not loaded its kernels has no build, and may not yet."""
        return build is not None and (self.is_mixed or self.build in {None, build})

    def choose(self, n_workers: Mapping[str | None, int]) -> None:
        """Choose the build that most workers have, as long as there are no rows.

        Parameters
        ----------
        n_workers
            Number of workers of each build.
        """
        is_there = self.build is not None and n_workers.get(self.build)
        if self._is_settled or self.is_mixed or is_there:
            return
        known = {build: n for build, n in n_workers.items() if build is not None}
        self.build = max(known, key=lambda build: (known[build], build), default=None)

    def settle(self, build: str) -> None:
        """Take note that there are rows."""
        if not self.is_mixed:
            self.build, self._is_settled = build, True

    def n_admitted(self, n_workers: Mapping[str | None, int]) -> int:
        """Return how many workers take part, or may turn out to."""
        return sum(n for build, n in n_workers.items() if build is None or self.admits(build))

    def is_stranded(self, n_workers: Mapping[str | None, int], now: float) -> bool:
        """Whether there have been workers for a while, but none that may take part."""
        if not n_workers or self.n_admitted(n_workers):
            self._stranded_since = None
        elif self._stranded_since is None:
            self._stranded_since = now
        return self._stranded_since is not None and now - self._stranded_since > STRANDED_S

    @property
    def pause_reason(self) -> str:
        """Why a job cannot go on that is stranded."""
        return PAUSE_REASON

    def wait(self) -> None:
        """Wait for a worker that may take part, from the next look on."""
        self._stranded_since = None

    def mix(self) -> None:
        """Let all take part."""
        self.is_mixed = True


def pass_over_note(host: str) -> str:
    """Say that workers of a machine get nothing of a job."""
    return (
        f"workers on {host} get no frames of this analysis: their results differ in the last digits ({_CAUSE}); "
        f"{OPTION} includes them"
    )
