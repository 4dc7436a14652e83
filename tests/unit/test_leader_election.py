"""Who leads a cluster, and what becomes of the others."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Self

import pytest

from pointillist.pipeline_protocol.discovery import search
from pointillist.pipeline_protocol.discovery.addresses import Interface
from pointillist.pipeline_protocol.discovery.network import Advertiser, Browser, DiscoveredServer, fingerprint
from pointillist.pipeline_protocol.discovery.search import Search, ServerLocation, probe
from pointillist.pipeline_protocol.messages.control import PROTOCOL_VERSION, Report
from pointillist.pipeline_protocol.messages.reports import Pong
from pointillist.pipeline_protocol.security.keys import ClusterKeys, ephemeral_keys
from pointillist.pipeline_server.cluster.cluster_state import ClusterState
from pointillist.pipeline_server.cluster.leader_election import LeaderElection, Priority
from pointillist.pipeline_server.cluster.server_socket import ServerSocket

LOOPBACK = ["127.0.0.1"]


def pong(priority: Priority, **more: object) -> Pong:
    fields = {
        "request": 1,
        "version": "1",
        "pid": 1,
        "n_workers": 0,
        "epoch": priority.epoch,
        "server": priority.server,
    }
    return Pong(**{**fields, **more})  # type: ignore[arg-type]


PRIORITIES = [Priority(is_hidden=False, epoch=epoch, server=server) for epoch in (1, 2) for server in ("a", "b")]


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(PRIORITIES, 2)))
def test_of_two_servers_that_see_each_other_exactly_one_ends(one: Priority, other: Priority) -> None:
    assert one.yields_to(pong(other)) != other.yields_to(pong(one))


@pytest.mark.parametrize("seen", [PRIORITIES, PRIORITIES[1:], PRIORITIES[::-1]])
def test_of_many_that_see_each_other_exactly_one_stays(seen: list[Priority]) -> None:
    staying = [one for one in seen if not any(one.yields_to(pong(other)) for other in seen if other != one)]
    assert staying == [min(seen, key=lambda priority: (priority.epoch, priority.server))]


def test_a_server_of_one_machine_ends_for_any_of_the_network() -> None:
    hidden = Priority(is_hidden=True, epoch=1, server="a")
    assert all(hidden.yields_to(pong(priority)) for priority in PRIORITIES)


def test_a_server_that_is_replaced_ends_once_it_has_had_nothing_to_do_for_a_while() -> None:
    leaders: list[str | None] = [None]
    standing = ClusterState(leader=lambda: leaders[0])
    assert not standing.is_replaced(0.0, is_idle=True)
    leaders[0] = "tcp://192.0.2.1:27437"
    assert not standing.is_replaced(100.0, is_idle=False)
    assert not standing.is_replaced(101.0, is_idle=True)
    assert not standing.is_replaced(102.0, is_idle=False), "a job came in"
    assert not standing.is_replaced(103.0, is_idle=True)
    assert standing.is_replaced(107.0, is_idle=True)
    leaders[0] = None
    assert not standing.is_replaced(120.0, is_idle=True), "the leader is gone"


def test_troubles_are_told_as_long_as_their_launcher_is_heard_of() -> None:
    standing = ClusterState()
    standing.record_report(Report(request=1, host="h", pid=1, n_workers=2, troubles=["worker 2 keeps dying"]), 0.0)
    standing.record_report(Report(request=1, host="i", pid=1, n_workers=2, troubles=["x" * 8000] * 1000), 5.0)
    told = standing.troubles(6.0)
    assert told[0] == "h: worker 2 keeps dying"
    assert len(told) == 100
    assert max(map(len, told)) <= 500
    assert not any(line.startswith("h:") for line in standing.troubles(12.0))
    assert standing.troubles(60.0) == []


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> ClusterKeys:
    keys = ephemeral_keys()
    monkeypatch.setenv("POINTILLIST_CLUSTER_KEY", keys.key)
    return keys


@pytest.fixture
def place() -> ServerLocation:
    return ServerLocation(cluster="trial", interface=Interface(bind="127.0.0.1", addresses=("127.0.0.1",)))


def test_an_announcement_is_seen_and_taken_back(keys: ClusterKeys) -> None:
    advertiser = Advertiser(LOOPBACK, 1234, "trial", "a1", keys)
    try:
        with Browser(LOOPBACK) as browser:
            seen = next(server for server in browser.servers(10.0) if server.server == "a1")
    finally:
        advertiser.close()
    assert (seen.address, seen.cluster, seen.version) == ("tcp://127.0.0.1:1234", "trial", PROTOCOL_VERSION)
    assert seen.fingerprint == fingerprint(keys)
    assert keys.server.public.decode() not in repr(seen)
    with Browser(LOOPBACK) as browser:
        assert "a1" not in {server.server for server in browser.servers(1.5)}


def test_a_server_that_does_not_prove_its_key_is_none(keys: ClusterKeys) -> None:
    said = {
        "cluster": "trial",
        "server": "a1",
        "host": "h",
        "version": PROTOCOL_VERSION,
        "fingerprint": fingerprint(keys),
    }
    strange = ServerSocket("tcp://127.0.0.1:*", ephemeral_keys())
    try:
        forged = DiscoveredServer(address=strange.address, **said)  # type: ignore[arg-type]
        assert probe(forged, "trial", keys) is None
    finally:
        strange.close()


@pytest.mark.parametrize("wrong", [{"cluster": "other"}, {"fingerprint": "0" * 32}, {"version": 99}])
def test_a_server_of_another_cluster_key_or_version_is_not_even_tried(
    keys: ClusterKeys, wrong: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "Client", None)
    said = {
        "cluster": "trial",
        "server": "a1",
        "host": "h",
        "version": PROTOCOL_VERSION,
        "fingerprint": fingerprint(keys),
        **wrong,
    }
    assert probe(DiscoveredServer(address="tcp://127.0.0.1:1", **said), "trial", keys) is None  # type: ignore[arg-type]


def test_a_key_that_never_left_its_machine_has_nobody_to_look_for(
    place: ServerLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "is_key_shared", lambda: False)
    monkeypatch.setattr(search, "Browser", None)
    with Search(place) as looking:
        assert looking.wait(10.0) is None


def test_a_server_that_the_user_named_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "Browser", None)
    with Search(ServerLocation(server="tcp://192.0.2.1:27437")) as looking:
        assert looking.wait(10.0) == "tcp://192.0.2.1:27437"


class Rivals:
    """Stands for the network: what is seen, and what it answers."""

    def __init__(self, answers: list[Pong | None]) -> None:
        self.answers = answers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def servers(self, *_: object) -> Iterator[DiscoveredServer]:
        yield DiscoveredServer(
            address="tcp://192.0.2.9:27437",
            cluster="trial",
            server="rival",
            host="h",
            version=PROTOCOL_VERSION,
            fingerprint="",
        )

    def probe(self, *_: object) -> Pong | None:
        return self.answers.pop(0) if self.answers else None


@pytest.mark.parametrize(
    ("rival", "leader"),
    [
        ({"epoch": 1}, "tcp://192.0.2.9:27437"),
        ({"epoch": 9}, None),
        ({"epoch": 1, "leader": "tcp://192.0.2.5:27437"}, None),
        (None, None),
    ],
)
def test_a_server_yields_to_an_earlier_one_that_answers_and_leads(
    keys: ClusterKeys, monkeypatch: pytest.MonkeyPatch, rival: dict[str, object] | None, leader: str | None
) -> None:
    other = Priority(is_hidden=False, epoch=0, server="rival")
    rivals = Rivals([None if rival is None else pong(other, **rival)])
    election = looking_at(rivals, keys, monkeypatch)
    election._watch()
    assert election.leader == leader


def test_a_leader_that_is_gone_leads_no_longer(keys: ClusterKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    other = pong(Priority(is_hidden=False, epoch=0, server="rival"))
    election = looking_at(Rivals([other, other, None, None, other]), keys, monkeypatch)
    election._watch()
    assert election._followed is not None
    for _ in range(4):
        election._follow(election._followed)
        assert election.leader is not None
    for _ in range(3):
        election._follow(
            DiscoveredServer(address="", cluster="", server="", host="", version=PROTOCOL_VERSION, fingerprint="")
        )
    assert election.leader is None


def looking_at(rivals: Rivals, keys: ClusterKeys, monkeypatch: pytest.MonkeyPatch) -> LeaderElection:
    monkeypatch.setattr("pointillist.pipeline_server.cluster.leader_election.Browser", lambda _: rivals)
    monkeypatch.setattr("pointillist.pipeline_server.cluster.leader_election.probe", rivals.probe)
    monkeypatch.setattr("threading.Thread.start", lambda _: None)
    priority = Priority(is_hidden=False, epoch=5, server="own")
    return LeaderElection(cluster="trial", keys=keys, interface=None, port=1, priority=priority, wake=lambda: None)
