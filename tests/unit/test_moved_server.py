"""Clients and workers go where the server has gone to."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from pointillist.errors import ServerError
from pointillist.pipeline_protocol import client as client_module
from pointillist.pipeline_protocol.client import Client
from pointillist.pipeline_protocol.messages.control import FromServer, Moved, Ping, ToServer, Watch
from pointillist.pipeline_protocol.messages.reports import Pong
from pointillist.pipeline_protocol.security.keys import ClusterKeys, ephemeral_keys
from pointillist.pipeline_protocol.sockets import connect_dealer, reconnect
from pointillist.pipeline_server.cluster.server_socket import ServerSocket
from pointillist.supervision.address_pipe import AddressPipe


class Answerer:
    """A server that answers as it is told, in a thread."""

    def __init__(self, address: str, keys: ClusterKeys, reply: Callable[[ToServer], FromServer]) -> None:
        self.socket = ServerSocket(address, keys)
        self.address = self.socket.address
        self._reply = reply
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._is_over.is_set():
            self.socket.wait(0.02)
            for peer, message, _ in self.socket.receive():
                self.socket.send(peer, self._reply(message))
        self.socket.close()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()


@pytest.fixture
def keys() -> ClusterKeys:
    return ephemeral_keys()


@pytest.fixture
def start(tmp_path: Path, keys: ClusterKeys) -> Iterator[Callable[..., Answerer]]:
    started: list[Answerer] = []

    def make(name: str, reply: Callable[[ToServer], FromServer]) -> Answerer:
        started.append(Answerer(f"ipc://{tmp_path}/{name}", keys, reply))
        return started[-1]

    yield make
    for answerer in started:
        answerer.stop()


def pong(request: ToServer) -> Pong:
    assert isinstance(request, Ping | Watch)
    return Pong(request=request.request, version="1", pid=7, epoch=1, n_workers=0)


def moved_to(address: str) -> Callable[[ToServer], Moved]:
    def reply(request: ToServer) -> Moved:
        assert isinstance(request, Ping | Watch)
        return Moved(request=request.request, address=address)

    return reply


def test_a_client_asks_the_server_that_it_is_sent_to(start: Callable[..., Answerer], keys: ClusterKeys) -> None:
    leader = start("leader", pong)
    follower = start("follower", moved_to(leader.address))
    with Client(follower.address, keys) as client:
        assert client.ping().pid == 7
        assert client.address == leader.address


def test_servers_that_send_to_each_other_do_not_hold_a_client_for_ever(
    start: Callable[..., Answerer], keys: ClusterKeys, tmp_path: Path
) -> None:
    one = start("one", moved_to(f"ipc://{tmp_path}/other"))
    start("other", moved_to(one.address))
    with Client(one.address, keys, timeout_s=1.0) as client, pytest.raises(ServerError, match="does not answer"):
        client.ping()


def test_a_client_looks_for_a_server_that_is_silent(
    start: Callable[..., Answerer], keys: ClusterKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_LOST_S", 0.2)
    found = start("found", pong)
    places = itertools.chain([None], itertools.repeat(found.address))
    with Client(f"ipc://{tmp_path}/gone", keys, locate=lambda: next(places)) as client:
        assert client.ping().pid == 7
        assert client.address == found.address


def test_what_is_no_address_is_one_clear_line(keys: ClusterKeys, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="is not an address of a server"):
        Client("nonsense", keys)
    context = zmq.Context()
    socket = connect_dealer(context, f"ipc://{tmp_path}/one", keys)
    with pytest.raises(ServerError, match="is not an address of a server"):
        reconnect(socket, f"ipc://{tmp_path}/one", "nonsense")
    context.destroy(linger=0)


def test_the_latest_address_of_a_pipe_counts() -> None:
    reader, writer = os.pipe()
    pipe = AddressPipe(reader)
    assert pipe.latest() is None
    os.write(writer, b"tcp://192.0.2.1:1\ntcp://192.0.2.1:2\ntcp://192.0")
    assert pipe.latest() == "tcp://192.0.2.1:2"
    os.write(writer, b".2.1:3\n")
    assert pipe.latest() == "tcp://192.0.2.1:3"
    assert not pipe.is_closed
    os.close(writer)
    assert pipe.latest() is None
    assert pipe.is_closed
    os.close(reader)


def test_what_is_no_pipe_gives_no_address(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+") as file:
        pipe = AddressPipe(file.fileno())
    assert pipe.fds == []
    assert pipe.latest() is None
