"""``launch-workers`` with workers that take their time; options as the command's."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from pointillist.cli.main import load
from pointillist.supervision import node_agent

SLOW_WORKER = str(Path(__file__).with_name("slow_worker.py"))

if __name__ == "__main__":
    plan = partial(node_agent.LaunchPlan, worker_command=(SLOW_WORKER,))
    node_agent.LaunchPlan = plan  # type: ignore[assignment,misc]
    load("launch-workers")(sys.argv[1:], prog_name="launch-workers")
