from __future__ import annotations

import socket
import time

import pytest
from click.testing import CliRunner

from pointillist.cli.main import pointillist
from pointillist.errors import ServerError
from pointillist.pipeline_protocol.discovery.reachability import check_listening, known_address

UNKNOWN = ["no-such-host.invalid", "a" * 80, "a..b", "-", "256.256.256.256"]


@pytest.mark.parametrize("host", UNKNOWN)
def test_a_host_that_nobody_knows_is_one_line(host: str) -> None:
    with pytest.raises(ServerError, match=r"unknown host .*; check its spelling") as error:
        known_address(f"tcp://{host}:1")
    assert error.value.subject == host


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "tcp://[::1]:1", "tcp://localhost:1", "ipc:///tmp/x", "tcp://nowhere"]
)
def test_an_address_that_can_be_used_stays(address: str) -> None:
    assert known_address(address) == address


def test_a_name_with_an_ipv6_address_alone_becomes_that(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::2", 5, 0, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    assert known_address("tcp://six:5") == "tcp://[2001:db8::2]:5"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_closed_port_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pointillist.pipeline_protocol.discovery.reachability._RESTART_S", 0.0)
    with pytest.raises(ServerError, match="no server listens there"):
        check_listening(f"tcp://127.0.0.1:{free_port()}")


def test_an_open_port_and_a_socket_of_this_machine_are_left_to_the_client() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_listening(f"tcp://127.0.0.1:{server.getsockname()[1]}")
    check_listening("ipc:///tmp/none")


@pytest.mark.parametrize(
    "command",
    [
        ["status"], ["jobs"], ["log", "1"], ["cancel", "1"], ["retry", "1"], ["launch-workers", "1"],
        ["launch-workers", "--list"], ["analyse", "movie.h5"], ["analyse", "movie.h5", "--engine", "cluster"],
        ["background", "movie.h5"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_option", [True, False])
def test_every_command_says_at_once_that_a_host_is_unknown(command: list[str], *, is_option: bool) -> None:
    host = "no-such-host.invalid"
    begun = time.monotonic()
    if is_option:
        result = CliRunner().invoke(pointillist, [*command, "--server", host])
    else:
        result = CliRunner().invoke(pointillist, command, env={"POINTILLIST_SERVER": host})
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {host}: unknown host")
    assert len(result.stderr.splitlines()) == 1
    assert time.monotonic() - begun < 5


def test_a_run_of_its_own_needs_no_server(tmp_path_factory: pytest.TempPathFactory) -> None:
    movie = tmp_path_factory.mktemp("none") / "missing.h5"
    arguments = ["analyse", str(movie), "--engine", "local", "--server", "no-such-host.invalid"]
    assert "there is no such file" in CliRunner().invoke(pointillist, arguments).stderr
