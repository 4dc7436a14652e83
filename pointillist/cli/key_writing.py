"""The user's key file, as commands write it."""

from __future__ import annotations

import os

import click

from pointillist.errors import ServerError
from pointillist.pipeline_protocol.security import KEY_VARIABLE, KeyFile, parse_key


def write_key(key: bytes, *, is_shared: bool, may_replace: bool) -> None:
    """Write the user's key file; another key in it stays unless it may be replaced.

    Raises
    ------
    ServerError
        If there is another one, or the file cannot be written.
    """
    file = KeyFile.of_user()
    if file.exists and not may_replace and parse_key(file.read()[0], file.path) != key:
        raise ServerError(
            file.path, "holds another key", "replace it with --force; machines that keep the old key leave the cluster"
        )
    file.replace(key, is_shared=is_shared)
    click.echo(f"the key was written to {file.path}; restart launch-workers wherever it runs", err=True)
    if os.environ.get(KEY_VARIABLE):
        click.echo(f"note: {KEY_VARIABLE} is set and takes precedence over this file", err=True)
