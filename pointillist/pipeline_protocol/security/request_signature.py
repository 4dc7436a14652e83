"""How a server or worker knows that a request comes from the very user whose account it runs under.

All of a cluster hold its key, whoever and wherever they are. Each account has a second secret, which no command shows
or copies. With it a client signs a request: this movie with these settings, this path for the results. A process that
knows the secret too can check the signature, and may then open what the user himself may open; anybody else can at most
repeat the same request.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from typing import Self

import msgspec

from pointillist.errors import ServerError
from pointillist.pipeline_protocol.messages import JobSettings
from pointillist.pipeline_protocol.security.keys import KeyFile, parse_key
from pointillist.system import config_folder


@dataclass(frozen=True)
class UserSecret:
    """The secret of a user account.

    Parameters
    ----------
    secret
        Secret bytes; empty for an account that cannot sign requests.
    """

    secret: bytes

    @classmethod
    def of_user(cls, folder: Path | None = None) -> Self:
        """Return the secret of the account of this process; it is made on first use.

        Parameters
        ----------
        folder
            Folder of the secret; the user's configuration folder if None.
        """
        file = KeyFile((folder or config_folder()) / "owner.key")
        try:
            file.create()
            return cls(parse_key(file.read()[0], file.path))
        except ServerError:
            return cls(b"")

    def sign_reading(self, movie: str, identity: str, settings: JobSettings) -> str:
        """Return the signature of a request to read a movie and the files that its settings name."""
        return self._signature("read", [movie, identity, settings])

    def sign_writing(self, output: str, identity: str) -> str:
        """Return the signature of a request to write the results of a movie to a path."""
        return self._signature("write", [output, identity])

    def is_mine(self, signature: str, expected: str) -> bool:
        """Whether a signature is the one that this account expects."""
        return bool(self.secret) and compare_digest(signature.encode(), expected.encode())

    def _signature(self, use: str, what: list[object]) -> str:
        if not self.secret:
            return ""
        text = msgspec.msgpack.encode([use, *what], order="deterministic")
        return blake2b(text, key=self.secret, digest_size=32).hexdigest()
