"""Several hosts on one machine: network namespaces on a bridge, each with an address, a name and a home of its own."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs
import pytest

from pointillist.supervision.kernel_cache import CACHE_VARIABLE

BIN = Path(sys.executable).parent
KEY = "5a" * 32
_RUN_S = 120.0
_NUMBERS = itertools.count(1)
_KEPT = ("PATH", "NUMBA_CACHE_DIR", CACHE_VARIABLE, "LANG", "VIRTUAL_ENV")


def lacking() -> str | None:
    """Return why namespaces cannot be made here, None if they can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "network namespaces want root"
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        return "network namespaces want iproute2 and unshare"
    trial = f"pt{os.getpid()}trial"
    done = subprocess.run(["ip", "netns", "add", trial], capture_output=True, check=False, text=True)
    if done.returncode:
        return f"network namespaces cannot be made: {done.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", trial], check=True)
    return None


@dataclass
class Host:
    """A machine of its own, as far as network, name and home go."""

    namespace: str
    name: str
    address: str
    home: Path
    network: Network
    hidden: Path | None = None
    """A folder that is empty for what is started here."""
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a user here, who has the cluster key unless ``more`` takes it away."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        kept.setdefault(CACHE_VARIABLE, str(platformdirs.user_cache_path("pointillist") / "kernels"))
        folders = {f"XDG_{name}_HOME": str(self.home / name.lower()) for name in ("CONFIG", "STATE", "CACHE", "DATA")}
        own = {"HOME": str(self.home), "USER": "ada", "TMPDIR": str(self.home), "PYMEDATADIR": str(self.home / "data")}
        key = {"POINTILLIST_CLUSTER_KEY": KEY, "PYTHONUNBUFFERED": "1"}
        return {name: value for name, value in {**kept, **folders, **own, **key, **more}.items() if value}

    def start(self, *command: object, **more: str) -> subprocess.Popen[str]:
        """Start a program here; what it prints goes to :meth:`printed`, in a session of its own."""
        hide = f"mount -t tmpfs none '{self.hidden}'; " if self.hidden else ""
        inside = f'hostname {self.name}; {hide}exec "$@"'
        here = ["ip", "netns", "exec", self.namespace, "unshare", "--uts", "--mount"]
        words = [*here, "sh", "-c", inside, "sh", *map(str, command)]
        log = self.home / f"{len(self.processes)}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                words, env=self.environment(**more), stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                text=True, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def run(self, *command: object, **more: str) -> str:
        """Run a program here to its good end; return what it printed."""
        process = self.start(*command, **more)
        status = process.wait(_RUN_S)
        assert status == 0, self.printed(process)
        return self.printed(process)

    def python(self, code: str, *arguments: object, **more: str) -> subprocess.Popen[str]:
        """Start Python code here."""
        return self.start(sys.executable, "-c", code, *arguments, **more)

    def command(self, name: str, *arguments: object, **more: str) -> subprocess.Popen[str]:
        """Start one of our commands here."""
        code = f"from pointillist.cli.main import {name.replace('-', '_')} as run; run()"
        return self.python(code, *arguments, **more)

    def printed(self, process: subprocess.Popen[str]) -> str:
        """Return what a program printed so far."""
        return (self.home / f"{self.processes.index(process)}.log").read_text()

    def pids(self, named: str = "") -> list[int]:
        """Return the processes that run here, those alone in whose commands a word occurs."""
        listing = subprocess.run(["ip", "netns", "pids", self.namespace], capture_output=True, check=True, text=True)
        found = []
        for pid in map(int, listing.stdout.split()):
            with contextlib.suppress(OSError):  # it may have ended
                if named in Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace"):
                    found.append(pid)
        return sorted(found)

    def cut(self) -> None:
        """Pull the cable."""
        self._link("down")

    def join(self) -> None:
        """Put the cable in again."""
        self._link("up")

    def stop(self) -> None:
        """Kill what runs here."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()

    def _link(self, state: str) -> None:
        _ip("-n", self.network.bridge, "link", "set", self.name, state)


@dataclass
class Network:
    """Hosts on a bridge, which is in a namespace of its own: nothing of it touches the machine's network."""

    bridge: str
    hosts: list[Host] = field(default_factory=list)


@contextlib.contextmanager
def network(n_hosts: int, folder: Path) -> Iterator[list[Host]]:
    """Make hosts that reach each other and nothing else, for as long as the block lasts.

    Parameters
    ----------
    n_hosts
        Their number.
    folder
        Where their homes go; a host sees the whole disk.
    """
    reason = lacking()
    if reason is not None:
        pytest.skip(reason)
    stem = f"pt{os.getpid()}n{next(_NUMBERS)}"
    made = Network(f"{stem}b")
    try:
        _add_namespace(made.bridge)
        _ip("-n", made.bridge, "link", "add", "br0", "type", "bridge")
        _ip("-n", made.bridge, "link", "set", "br0", "up")
        for number in range(1, n_hosts + 1):
            made.hosts.append(_add_host(made, f"{stem}h{number}", number, folder))
        yield made.hosts
    finally:
        for host in made.hosts:
            host.stop()
        for namespace in [*(host.namespace for host in made.hosts), made.bridge]:
            subprocess.run(["ip", "netns", "delete", namespace], capture_output=True, check=False)


def _add_host(made: Network, namespace: str, number: int, folder: Path) -> Host:
    host = Host(namespace, f"host{number}", f"10.231.7.{number}", folder / f"host{number}", made)
    host.home.mkdir(parents=True)
    _add_namespace(namespace)
    _ip("-n", namespace, "link", "add", "eth0", "type", "veth", "peer", "name", host.name, "netns", made.bridge)
    _ip("-n", made.bridge, "link", "set", host.name, "master", "br0", "up")
    _ip("-n", namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
    _ip("-n", namespace, "link", "set", "eth0", "up")
    return host


def _add_namespace(name: str) -> None:
    _ip("netns", "add", name)
    _ip("-n", name, "link", "set", "lo", "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
