"""The cluster key, and the two CURVE key pairs that it yields.

Whoever has the 32 bytes can speak, submit and listen; nobody else can. Server and client pair are derived
from it, so that each side knows the other's public key beforehand.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import zmq
from zmq.utils import z85

from pointillist.errors import ServerError
from pointillist.system import CONFIG, config_folder, obstacle

KEY_VARIABLE = "POINTILLIST_CLUSTER_KEY"
N_KEY_BYTES = 32

_ONLY_HERE = f"made on {socket.gethostname()}, and not shared"


@dataclass(frozen=True, kw_only=True)
class KeyPair:
    """A CURVE key pair in Z85 text, as ZeroMQ takes it."""

    public: bytes
    secret: bytes


@dataclass(frozen=True, kw_only=True)
class ClusterKeys:
    """The key pairs that one cluster key yields.

    Parameters
    ----------
    key
        Cluster key, 32 bytes in hexadecimal, as child processes get it in :data:`KEY_VARIABLE`.
    server, client
        Key pair of the server, and the one that workers and clients share.
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
    """Return the keys of a cluster that lives as long as one run."""
    return derive_keys(secrets.token_bytes(N_KEY_BYTES))


def user_keys(folder: Path | None = None) -> ClusterKeys:
    """Return the keys of this user's cluster; make its key on first use.

    Parameters
    ----------
    folder
        Folder of the key file; the user's configuration folder if None.

    Raises
    ------
    ServerError
        If the key is damaged, can be read by others, or cannot be written.

    Notes
    -----
    :data:`KEY_VARIABLE` in the environment goes before the file.
    """
    if not os.environ.get(KEY_VARIABLE):
        KeyFile.of_user(folder).create()
    return existing_keys(folder)


def existing_keys(folder: Path | None = None) -> ClusterKeys:
    """Return the keys of this user's cluster, as :func:`user_keys`, but make none.

    Raises
    ------
    ServerError
        As :func:`user_keys`, and if there is none.
    """
    text = os.environ.get(KEY_VARIABLE)
    if text:
        return derive_keys(parse_key(text, KEY_VARIABLE))
    file = KeyFile.of_user(folder)
    if not file.exists:
        remedy = "run 'pointillist key show' where the server runs, and 'pointillist key import' here"
        raise ServerError("cluster key", "there is none on this machine", remedy)
    return derive_keys(parse_key(file.read()[0], file.path))


def is_key_shared(folder: Path | None = None) -> bool:
    """Say whether another machine may have this user's key: none can if it was made here and never shown."""
    if os.environ.get(KEY_VARIABLE):
        return True
    file = KeyFile.of_user(folder)
    return file.exists and _ONLY_HERE not in file.read()[1:]


@dataclass(frozen=True)
class KeyFile:
    """The file of a key, for its owner alone.

    Its first line is the key. A second one, which a key has that was made on first use, says that it has not left the
    machine of that name.
    """

    path: Path

    @classmethod
    def of_user(cls, folder: Path | None = None) -> KeyFile:
        """Return the key file of the user, in the configuration folder if no other is named."""
        return cls((folder or config_folder()) / "cluster.key")

    @property
    def exists(self) -> bool:
        """Whether the file exists, as far as this account can see; a link that leads nowhere counts."""
        return os.path.lexists(self.path)

    def read(self) -> list[str]:
        """Return its lines.

        Raises
        ------
        ServerError
            If others can read it, or it cannot be read.
        """
        found = obstacle(self.path)
        if found is not None:
            raise ServerError(self.path, f"the cluster key {found[0]}", f"{found[1]}, or set {KEY_VARIABLE}")
        try:
            if self.path.stat().st_mode & 0o077:
                raise ServerError(self.path, "the cluster key can be read by others", f"run chmod 600 {self.path}")
            return self.path.read_text("ascii").splitlines() or [""]
        except (OSError, UnicodeDecodeError) as error:
            raise self._unusable(error) from error

    def create(self) -> None:
        """Write a fresh key unless one is there; of two processes that do so at once, the first wins.

        Raises
        ------
        ServerError
            If it cannot be written.
        """
        if not self.exists:
            self._write([secrets.token_hex(N_KEY_BYTES), _ONLY_HERE], may_replace=False)

    def replace(self, key: bytes, *, is_shared: bool) -> None:
        """Write a key, over another one if need be.

        Raises
        ------
        ServerError
            If it cannot be written.
        """
        self._write([key.hex(), *([] if is_shared else [_ONLY_HERE])], may_replace=True)

    def _write(self, lines: list[str], *, may_replace: bool) -> None:
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write("".join(f"{line}\n" for line in lines))
                file.flush()
                os.fsync(file.fileno())
            if may_replace:
                draft.replace(self.path)
            else:
                with contextlib.suppress(FileExistsError):
                    os.link(draft, self.path)
        except OSError as error:
            raise self._unusable(error) from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    def _unusable(self, error: Exception) -> ServerError:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "it is not text"
        remedy = f"repair it, or set {KEY_VARIABLE} or {CONFIG.variable}"
        return ServerError(self.path, f"cannot be used ({reason})", remedy)


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
            subject, "is not a cluster key (64 hexadecimal digits)", "copy it again from a machine that has it"
        )
    return key


def _derive_pair(key: bytes, person: bytes) -> KeyPair:
    secret = z85.encode(blake2b(key, digest_size=32, person=person).digest())
    return KeyPair(public=zmq.curve_public(secret), secret=secret)
