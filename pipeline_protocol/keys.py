"""The cluster key, and the two CURVE key pairs that it yields.

Whoever has the 32 bytes can speak, submit and listen; nobody else can. Server and client pair are derived
from it, so that each side knows the other's public key beforehand.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import platformdirs
import zmq
from zmq.utils import z85

from pipeline_protocol.errors import ServerError

KEY_VARIABLE = "POINTILLIST_CLUSTER_KEY"
N_KEY_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class KeyPair:
    """A CURVE key pair in Z85 text, as ZeroMQ takes it."""

    public: bytes
    secret: bytes


@dataclass(frozen=True, kw_only=True)
class ClusterKeys:
    """What one cluster key yields.

    Parameters
    ----------
    key
        The 32 bytes in hexadecimal, as they travel to child processes in :data:`KEY_VARIABLE`.
    server, client
        The pair that the server holds, and the one that workers and clients share.
    """

    key: str
    server: KeyPair
    client: KeyPair

    def __repr__(self) -> str:
        return "ClusterKeys(...)"


def derive_keys(key: bytes) -> ClusterKeys:
    """Derive both key pairs from 32 secret bytes."""
    return ClusterKeys(
        key=key.hex(),
        server=_derive_pair(key, b"pointillist-srv"),
        client=_derive_pair(key, b"pointillist-cli"),
    )


def ephemeral_keys() -> ClusterKeys:
    """Keys of a cluster that lives as long as one run."""
    return derive_keys(secrets.token_bytes(N_KEY_BYTES))


def user_keys(folder: Path | None = None) -> ClusterKeys:
    """Return the keys of this user's cluster; make its key on first use.

    Parameters
    ----------
    folder
        Where the key file lies; the user's configuration folder if None.

    Raises
    ------
    ServerError
        If the key is damaged, can be read by others, or cannot be written.

    Notes
    -----
    :data:`KEY_VARIABLE` in the environment goes before the file.
    """
    text = os.environ.get(KEY_VARIABLE)
    if text:
        return derive_keys(parse_key(text, KEY_VARIABLE))
    path = (folder or platformdirs.user_config_path("pointillist")) / "cluster.key"
    try:
        _create_key_file(path)
        if path.stat().st_mode & 0o077:
            raise ServerError(path, "the cluster key can be read by others", f"run chmod 600 {path}")
        return derive_keys(parse_key(path.read_text("ascii"), path))
    except (OSError, UnicodeDecodeError) as error:
        raise ServerError(path, f"cannot be used ({error})", f"repair it, or set {KEY_VARIABLE}") from error


def parse_key(text: str, subject: object) -> bytes:
    """Return the 32 bytes that 64 hexadecimal digits stand for.

    Raises
    ------
    ServerError
        If they are not that.
    """
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != N_KEY_BYTES:
        raise ServerError(
            subject, "is no cluster key (64 hexadecimal digits)", "copy it again from a machine that has it"
        )
    return key


def _create_key_file(path: Path) -> None:
    """Write a fresh key unless one is there; of two processes that do so at once, the first wins."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(N_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)


def _derive_pair(key: bytes, person: bytes) -> KeyPair:
    secret = z85.encode(blake2b(key, digest_size=32, person=person).digest())
    return KeyPair(public=zmq.curve_public(secret), secret=secret)
