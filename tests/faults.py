"""What can happen to a cluster."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from disturbed_cluster import DisturbedCluster, send
from ledger import LeasedRange
from network import Host

WORKER, SERVER, RELAY = "slow_worker.py", "pipeline_server", "relay.py"


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A fault that has happened: how it ends, and the frames that were in the hands of those hit."""

    end: Callable[[], object] = lambda: None
    leased: list[LeasedRange] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A kind of fault.

    Parameters
    ----------
    name
        For people.
    strike
        Makes it happen.
    seconds
        How long it lasts, at least and at most.
    is_total
        Whether nothing can go on while it lasts; then the recovery begins with its end.
    """

    name: str
    strike: Callable[[DisturbedCluster, Random], Hit]
    seconds: tuple[float, float] = (0.0, 0.0)
    is_total: bool = False


def _some_worker(cluster: DisturbedCluster, random: Random) -> list[int]:
    """Return a worker, or none while there is none on the machine that is chosen."""
    pids = random.choice(cluster.workers).host.pids(WORKER)
    return [random.choice(pids)] if pids else []


def kill_worker(cluster: DisturbedCluster, random: Random) -> Hit:
    pids = _some_worker(cluster, random)
    send(signal.SIGKILL, pids)
    return Hit(leased=cluster.leased_by(pids))


def freeze_worker(cluster: DisturbedCluster, random: Random) -> Hit:
    pids = _some_worker(cluster, random)
    send(signal.SIGSTOP, pids)
    return Hit(end=lambda: send(signal.SIGCONT, pids), leased=cluster.leased_by(pids))


def kill_server(cluster: DisturbedCluster, _: Random) -> Hit:
    cluster.server.send_all(signal.SIGKILL, SERVER)
    return Hit()


def freeze_server(cluster: DisturbedCluster, _: Random) -> Hit:
    cluster.server.send_all(signal.SIGSTOP, SERVER)
    return Hit(end=lambda: cluster.server.send_all(signal.SIGCONT, SERVER))


def switch_off_machine(cluster: DisturbedCluster, random: Random) -> Hit:
    machine = random.choice(cluster.workers)
    pids = machine.host.pids(WORKER)
    machine.send_all(signal.SIGKILL)
    return Hit(end=machine.start, leased=cluster.leased_by(pids))


def switch_off_server(cluster: DisturbedCluster, _: Random) -> Hit:
    cluster.server.send_all(signal.SIGKILL)
    return Hit(end=cluster.server.start)


def freeze_machine(cluster: DisturbedCluster, random: Random) -> Hit:
    machine = random.choice(cluster.workers)
    machine.send_all(signal.SIGSTOP)
    leased = cluster.leased_by(machine.host.pids(WORKER))
    return Hit(end=lambda: machine.send_all(signal.SIGCONT), leased=leased)


def _cut(cluster: DisturbedCluster, host: Host) -> Hit:
    host.cut()
    return Hit(end=host.join, leased=cluster.leased_by(host.pids(WORKER)))


def cut_machine(cluster: DisturbedCluster, random: Random) -> Hit:
    return _cut(cluster, random.choice(cluster.workers).host)


def cut_server(cluster: DisturbedCluster, _: Random) -> Hit:
    cluster.server.host.cut()
    return Hit(end=cluster.server.host.join)


def cut_users(cluster: DisturbedCluster, _: Random) -> Hit:
    return _cut(cluster, cluster.users[0].host)


def kill_user(cluster: DisturbedCluster, random: Random) -> Hit:
    user = random.choice(cluster.users)
    if user.process is not None:
        user.process.kill()
    return Hit()


def delay(cluster: DisturbedCluster, _: Random) -> Hit:
    machine = cluster.relayed
    machine.send_all(signal.SIGSTOP, RELAY)
    return Hit(end=lambda: machine.send_all(signal.SIGCONT, RELAY), leased=cluster.leased_by(machine.host.pids(WORKER)))


def drop(cluster: DisturbedCluster, _: Random) -> Hit:
    machine = cluster.relayed
    machine.send_all(signal.SIGKILL, RELAY)
    return Hit(end=lambda: machine.start(RELAY), leased=cluster.leased_by(machine.host.pids(WORKER)))


def slow_link(cluster: DisturbedCluster, random: Random) -> Hit:
    host = random.choice(cluster.workers).host
    _shape(host, "add", "tbf", "rate", "1mbit", "burst", "16kb", "latency", "400ms")
    return Hit(end=lambda: _shape(host, "delete"))


def fill_disk(cluster: DisturbedCluster, _: Random) -> Hit:
    filler = cluster.disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)):
                pass
        except OSError:
            pass
    return Hit(end=filler.unlink)


def _shape(host: Host, action: str, *options: str) -> None:
    """Shape what leaves a host, and what it gets."""
    for namespace, device in ((host.namespace, "eth0"), (host.network.bridge, host.name)):
        subprocess.run(["tc", "-n", namespace, "qdisc", action, "dev", device, "root", *options], check=True)


_BEYOND_SILENCE_S = (6.0, 9.0)

FAULTS = [
    Fault(name="worker killed", strike=kill_worker),
    Fault(name="worker frozen", strike=freeze_worker, seconds=_BEYOND_SILENCE_S),
    Fault(name="server killed", strike=kill_server),
    Fault(name="server frozen", strike=freeze_server, seconds=_BEYOND_SILENCE_S, is_total=True),
    Fault(name="machine of workers off and on", strike=switch_off_machine, seconds=(1.0, 6.0)),
    Fault(name="server's machine off and on", strike=switch_off_server, seconds=(1.0, 6.0), is_total=True),
    Fault(name="machine of workers asleep", strike=freeze_machine, seconds=_BEYOND_SILENCE_S),
    Fault(name="machine of workers cut off", strike=cut_machine, seconds=_BEYOND_SILENCE_S),
    Fault(name="server cut off", strike=cut_server, seconds=_BEYOND_SILENCE_S, is_total=True),
    Fault(name="users cut off", strike=cut_users, seconds=_BEYOND_SILENCE_S),
    Fault(name="analyse killed", strike=kill_user),
    Fault(name="messages held up", strike=delay, seconds=(1.0, 9.0)),
    Fault(name="messages lost", strike=drop, seconds=(0.1, 3.0)),
    Fault(name="link of 1 Mbit/s", strike=slow_link, seconds=(5.0, 9.0)),
    Fault(name="server's disk full", strike=fill_disk, seconds=(2.0, 6.0), is_total=True),
]
