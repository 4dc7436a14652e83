"""``pointillist key import``: the key of another machine."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import click

from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.file_names import FilePath

_STDIN = Path("-")
_LONGEST = 4096
"""Bytes that are read, at most: a key is much shorter."""


@click.command(cls=PlainErrorsCommand)
@click.argument("file", type=FilePath(), default="-")
@click.option("--force", is_flag=True, help="Replace an existing key.")
def command(*, file: Path, force: bool) -> None:
    """Import the cluster key of another machine.

    FILE holds the key that 'pointillist key show' printed there; by default the key is read from standard input.

    \b
    Examples:
        ssh server pointillist key show | pointillist key import
        pointillist key import cluster.key
    """  # noqa: D301  # click's marker for lines that stay
    from pointillist.cli.key_writing import write_key
    from pointillist.pipeline_protocol.security import parse_key

    is_typed = file == _STDIN and sys.stdin.isatty()
    text = click.prompt("cluster key", hide_input=True, err=True) if is_typed else _first_line(file)
    write_key(parse_key(text, "standard input" if file == _STDIN else file), is_shared=True, may_replace=force)


def _first_line(path: Path) -> str:
    """Return the first line of a file, or of a pipe that somebody writes to."""
    from pointillist.errors import ServerError
    from pointillist.system import obstacle

    if path == _STDIN:
        return sys.stdin.buffer.readline(_LONGEST).decode("ascii", "replace")
    found = obstacle(path)
    if found and not path.is_fifo():
        raise ServerError(path, *found)
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    content = b""
    while b"\n" not in content and len(content) < _LONGEST:
        try:
            read = os.read(file, _LONGEST)
        except BlockingIOError:  # a pipe whose writer has not written yet
            select.select([file], [], [])
            continue
        if not read:
            break
        content += read
    return content.partition(b"\n")[0].decode("ascii", "replace")
