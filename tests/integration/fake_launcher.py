"""``launch-workers`` with workers that only pretend to fit, so that no kernel is compiled; options as the command's."""

from __future__ import annotations

import sys
from pathlib import Path

from pointillist.cli.main import load
from pointillist.supervision import node_agent

FAKE_WORKER = str(Path(__file__).with_name("fake_worker.py"))


class FakePlan(node_agent.LaunchPlan):
    """A plan with other workers."""

    def __init__(self, **plan: object) -> None:
        super().__init__(**{**plan, "worker_command": (FAKE_WORKER,)})  # type: ignore[arg-type]


if __name__ == "__main__":
    node_agent.LaunchPlan = FakePlan  # type: ignore[misc]
    load("launch-workers")(sys.argv[1:], prog_name="launch-workers")
