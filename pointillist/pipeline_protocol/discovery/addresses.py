"""Where servers listen and are reached: hosts, ports, and the networks of this machine."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pointillist.errors import ServerError

DEFAULT_PORT = 27437
"""Where a server on a network listens if it can: one port to open in a firewall. Below those that Linux gives out."""

ANY_PORT = "*"
LOOPBACK = "127.0.0.1"
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - only where a user asks for it

_ENDPOINT = re.compile(r"(?:tcp://)?(\[[0-9A-Fa-f:.%\w]+\]|[^\[\]:/\s]+)(?::(\d{1,5}))?")


@dataclass(frozen=True, kw_only=True)
class Interface:
    """A network of this machine.

    Parameters
    ----------
    bind
        Address that a server listens on.
    addresses
        Addresses by which others reach the server, best first.
    port
        Port from 1 to 65535; None for :data:`DEFAULT_PORT`, or any free one if that is taken.
    """

    bind: str
    addresses: tuple[str, ...]
    port: int | None = None

    @property
    def endpoints(self) -> list[str]:
        """Endpoints to listen on: the first of these that is free."""
        ports = [DEFAULT_PORT, ANY_PORT] if self.port is None else [self.port]
        return [endpoint(self.bind, port) for port in ports]


def endpoint(host: str, port: object) -> str:
    """Return an address as ZeroMQ takes it."""
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


def local_endpoint(address: str) -> str:
    """Return how this machine reaches a server that listens on an address."""
    return address.replace(f"//{_EVERYWHERE}:", f"//{LOOPBACK}:")


def port_of(address: str) -> int:
    """Return the port of an address; 0 where there is none."""
    port = address.rpartition(":")[2]
    return int(port) if port.isdigit() else 0


def server_endpoint(text: str) -> str:
    """Return the address that ``HOST``, ``HOST:PORT`` or ``[IPV6]:PORT`` means.

    Raises
    ------
    ServerError
        If it means none.
    """
    host, port = _split(text, "write HOST or HOST:PORT")
    return endpoint(host, port or DEFAULT_PORT)


def find_interface(text: str) -> Interface:
    """Return the network of this machine that has this address, or an adapter of this name.

    Parameters
    ----------
    text
        An address of this machine, the name of one of its adapters, or ``0.0.0.0`` for all of its networks; then
        ``:PORT`` if it must be that one.

    Raises
    ------
    ServerError
        If this machine has none.
    """
    host, port = _split(text, "write ADDRESS, NAME or either with :PORT")
    adapters = adapter_addresses()
    own = [address for addresses in adapters.values() for address in addresses]
    if host == _EVERYWHERE:
        reached = without_loopback(address for address in own if ":" not in address)
        return Interface(bind=host, addresses=tuple(reached) or (LOOPBACK,), port=port)
    found = adapters.get(host) or [address for address in own if address == host]
    if not found:
        known = ", ".join(f"{name} {addresses[0]}" for name, addresses in adapters.items() if addresses)
        raise ServerError(host, "this machine has no such address or network adapter", f"choose one of: {known}")
    return Interface(bind=found[0], addresses=(found[0],), port=port)


def adapter_addresses() -> dict[str, list[str]]:
    """Return the addresses of each network adapter of this machine, IPv4 first; none that hold on one link only."""
    import ifaddr  # noqa: PLC0415 - not every command needs it

    found: dict[str, list[str]] = {}
    for adapter in ifaddr.get_adapters():
        versions = sorted((not ip.is_IPv4, ip.ip if isinstance(ip.ip, str) else ip.ip[0]) for ip in adapter.ips)
        found[adapter.nice_name] = [text for _, text in versions if not ipaddress.ip_address(text).is_link_local]
    return found


def without_loopback(addresses: Iterable[str]) -> list[str]:
    """Return the addresses that other machines may reach."""
    return [address for address in addresses if not ipaddress.ip_address(address).is_loopback]


def nearest(addresses: Iterable[str], own: Iterable[str]) -> str | None:
    """Return the address that has most in common with one of our own: a server may be on several networks.

    Parameters
    ----------
    addresses
        Addresses of the server.
    own
        Addresses of this machine.
    """
    own = list(own)
    return max(
        addresses, key=lambda address: max((_n_common_bits(address, ours) for ours in own), default=0), default=None
    )


def _n_common_bits(one: str, other: str) -> int:
    first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    if first.version != second.version:
        return -1
    return first.max_prefixlen - (int(first) ^ int(second)).bit_length()


def _split(text: str, remedy: str) -> tuple[str, int | None]:
    match = _ENDPOINT.fullmatch(text.strip())
    bare = text.strip()
    if match is None and bare.count(":") > 1 and "/" not in bare:
        match = _ENDPOINT.fullmatch(f"[{bare}]")
    if match is None:
        raise ServerError(repr(text), "is not an address", remedy)
    if match[2] and not 0 < int(match[2]) < 1 << 16:
        raise ServerError(repr(text), "is not an address: ports go from 1 to 65535", remedy)
    return match[1].strip("[]"), int(match[2]) if match[2] else None
