"""``pointillist key import``: the key of another machine."""

from __future__ import annotations

from typing import TextIO

import click

from cli.courteous import CourteousCommand


@click.command(cls=CourteousCommand)
@click.argument("file", type=click.File(), default="-")
@click.option("--force", is_flag=True, help="Replace another key that is there.")
def command(*, file: TextIO, force: bool) -> None:
    """Take the key that 'pointillist key show' printed elsewhere, from FILE or from the standard input.

    \b
    Examples:
        ssh server pointillist key show | pointillist key import
        pointillist key import cluster.key
    """  # noqa: D301  # click's marker for lines that stay
    from cli.key_writing import write_key
    from pipeline_protocol.keys import parse_key

    text = click.prompt("cluster key", hide_input=True, err=True) if file.isatty() else file.readline()
    write_key(parse_key(text, file.name), is_shared=True, may_replace=force)
