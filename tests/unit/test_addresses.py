from __future__ import annotations

import pytest

from pointillist.errors import ServerError
from pointillist.pipeline_protocol.discovery import addresses


@pytest.fixture(autouse=True)
def _two_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"lo": ["127.0.0.1", "::1"], "eth0": ["192.0.2.2", "2001:db8::2"], "eth1": ["198.51.100.7"], "down0": []}
    monkeypatch.setattr(addresses, "adapter_addresses", lambda: found)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("imaging-pc", "tcp://imaging-pc:27437"),
        ("imaging-pc:5001", "tcp://imaging-pc:5001"),
        (" 192.0.2.2 ", "tcp://192.0.2.2:27437"),
        ("tcp://192.0.2.2:1", "tcp://192.0.2.2:1"),
        ("[2001:db8::2]:5001", "tcp://[2001:db8::2]:5001"),
        ("2001:db8::2", "tcp://[2001:db8::2]:27437"),
    ],
)
def test_a_server_is_named_by_host_and_port(text: str, address: str) -> None:
    assert addresses.server_endpoint(text) == address


@pytest.mark.parametrize("text", ["", "a b", "host:", "host:0", "host:70000", "host:port", "http://host", "host/path"])
def test_what_is_no_address_is_one_clear_line(text: str) -> None:
    with pytest.raises(ServerError, match=r"is not an address.*; write HOST or HOST:PORT"):
        addresses.server_endpoint(text)


@pytest.mark.parametrize("text", ["eth0", "192.0.2.2"])
def test_an_interface_is_named_by_adapter_or_address(text: str) -> None:
    interface = addresses.find_interface(text)
    assert (interface.bind, interface.addresses) == ("192.0.2.2", ("192.0.2.2",))
    assert interface.endpoints == ["tcp://192.0.2.2:27437", "tcp://192.0.2.2:*"]
    assert addresses.find_interface(f"{text}:5001").endpoints == ["tcp://192.0.2.2:5001"]


def test_all_interfaces_are_reached_by_the_addresses_of_this_machine() -> None:
    everywhere = "0.0.0.0"  # noqa: S104
    interface = addresses.find_interface(everywhere)
    assert (interface.bind, interface.addresses) == (everywhere, ("192.0.2.2", "198.51.100.7"))
    assert addresses.local_endpoint("tcp://0.0.0.0:27437") == "tcp://127.0.0.1:27437"


@pytest.mark.parametrize("text", ["eth7", "192.0.2.3", "down0"])
def test_an_interface_that_is_not_there_is_an_error_that_names_those_that_are(text: str) -> None:
    with pytest.raises(ServerError, match=r"no such address or network adapter; choose one of: .*eth0 192\.0\.2\.2"):
        addresses.find_interface(text)


def test_a_server_on_several_networks_is_reached_on_the_one_that_is_ours() -> None:
    offered = ["203.0.113.5", "192.0.2.9", "2001:db8::9"]
    assert addresses.nearest(offered, ["192.0.2.2"]) == "192.0.2.9"
    assert addresses.nearest(offered, ["203.0.113.1", "127.0.0.1"]) == "203.0.113.5"
    assert addresses.nearest([], ["192.0.2.2"]) is None


def test_the_port_of_an_address_is_read() -> None:
    assert [addresses.port_of(text) for text in ("tcp://[::1]:5", "tcp://h:27437", "ipc:///tmp/s")] == [5, 27437, 0]
