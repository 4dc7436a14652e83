"""A server and workers that live in homes of their own, as on machines of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pointillist.pipeline_protocol.client import Client
from pointillist.pipeline_protocol.security.keys import ClusterKeys, ephemeral_keys
from pointillist.supervision.managed_process import ParentPipe, child_environment


@dataclass
class Machines:
    """A server, and workers that live in homes of their own."""

    folder: Path
    keys: ClusterKeys = field(default_factory=ephemeral_keys)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parent_pipe = ParentPipe()
        self.address = f"ipc://{self.folder / 'server'}"

    def start_server(self, *, allow: Path) -> None:
        state = ["--state", str(self.folder / "journals")]
        self._start("server", "pointillist.pipeline_server", allow, state)

    def start_worker(self, name: str, *, allow: Path | None = None, hidden: Path | None = None) -> None:
        """Start a worker that may open files in one folder, and does not see what is in another."""
        covered = f'mount -t tmpfs tmpfs "{hidden}" && exec "$@"'
        self._start(
            name,
            "pointillist.pipeline_worker",
            allow,
            [],
            ["unshare", "-m", "sh", "-c", covered, "sh"] if hidden else [],
        )

    def _start(
        self, name: str, module: str, allow: Path | None, options: Sequence[str], wrapper: Sequence[str] = ()
    ) -> None:
        home = self._home(name)
        environment = child_environment(self.keys, self.parent_pipe)
        del environment["PYTHONUNBUFFERED"]
        environment |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "PYMEDATADIR": ""}
        environment["POINTILLIST_LOGS"] = str(home)
        environment["POINTILLIST_ALLOW"] = str(allow) if allow else ""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*wrapper, sys.executable, "-P", "-m", module, self.address, *options],
                env=environment,
                stdout=log,
                stderr=log,
                pass_fds=[self.parent_pipe.reader],
            )

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait()

    def close(self) -> None:
        for name in list(self.processes):
            self.kill(name)
        self.parent_pipe.close()

    def client(self) -> Client:
        return Client(self.address, self.keys, timeout_s=60.0)

    def log(self, name: str) -> str:
        """What the workers of this name, or the server, have logged."""
        return "".join(path.read_text() for path in self._home(name).rglob("*.log"))

    def _home(self, name: str) -> Path:
        return self.folder / f"home of {name}"
