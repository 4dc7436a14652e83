"""``pointillist key show``: the key, to be handed to another machine."""

from __future__ import annotations

import click

from pointillist.cli.error_handling import PlainErrorsCommand


@click.command(cls=PlainErrorsCommand)
def command() -> None:
    """Print the cluster key; create it if there is none.

    \b
    Example:
        pointillist key show | ssh imaging-pc pointillist key import
    """  # noqa: D301  # click's marker for lines that stay
    import os

    from pointillist.pipeline_protocol.security import KEY_VARIABLE, KeyFile, user_keys

    keys = user_keys()
    if not os.environ.get(KEY_VARIABLE):
        KeyFile.of_user().replace(bytes.fromhex(keys.key), is_shared=True)
    click.echo(keys.key)
