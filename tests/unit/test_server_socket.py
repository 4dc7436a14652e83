from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from pointillist.errors import MessageError
from pointillist.pipeline_protocol.messages.control import PROTOCOL_VERSION, UNREADABLE, Refused
from pointillist.pipeline_protocol.messages.wire import MARK, decode_from_server
from pointillist.pipeline_protocol.security.keys import ClusterKeys, ephemeral_keys
from pointillist.pipeline_protocol.sockets import connect_dealer
from pointillist.pipeline_server.cluster.server_socket import ServerSocket


@pytest.fixture
def keys() -> ClusterKeys:
    return ephemeral_keys()


@pytest.fixture
def door(tmp_path: Path, keys: ClusterKeys) -> Iterator[ServerSocket]:
    door = ServerSocket(f"ipc://{tmp_path}/s", keys)
    yield door
    door.close()


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        ([b"hello"], "is not a message of Pointillist"),
        ([b""], "is not a message of Pointillist"),
        ([MARK + bytes([PROTOCOL_VERSION + 1])], f"has version {PROTOCOL_VERSION + 1} of the protocol"),
        ([MARK + bytes([PROTOCOL_VERSION]) + b"nonsense"], "cannot be understood"),
    ],
)
def test_nonsense_is_answered_with_what_is_wrong_and_dropped(
    door: ServerSocket, keys: ClusterKeys, frames: list[bytes], problem: str
) -> None:
    context = zmq.Context()
    peer = connect_dealer(context, door.address, keys)
    peer.send_multipart(frames)
    for _ in range(200):
        door.wait(0.05)
        assert list(door.receive()) == []
        if peer.poll(0):
            break
    reply, _ = decode_from_server(peer.recv_multipart(zmq.NOBLOCK))
    context.destroy(linger=0)
    assert isinstance(reply, Refused)
    assert (reply.request, reply.error) == (UNREADABLE, MessageError.__name__)
    assert problem in reply.problem
    assert reply.remedy


FLOOD = """
import time, zmq
from pointillist.pipeline_protocol.security.keys import ephemeral_keys
from pointillist.pipeline_protocol.sockets import connect_dealer
from pointillist.pipeline_server.cluster.server_socket import ServerSocket

keys = ephemeral_keys()
door = ServerSocket("tcp://127.0.0.1:*", keys)
context = zmq.Context()
peer = connect_dealer(context, door.address, keys)
peer.send(b"")
door.wait(5.0)
while peer.poll(500, zmq.POLLOUT):
    peer.send(b"x" * 100, zmq.NOBLOCK)
context.destroy(linger=0)
time.sleep(2.0)
door.wait(5.0)
assert list(door.receive()) == []
print("lives")
"""


def test_a_peer_that_fills_its_queue_and_leaves_does_not_take_the_server_with_it() -> None:
    done = subprocess.run([sys.executable, "-c", FLOOD], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "lives\n", done.stderr
