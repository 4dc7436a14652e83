"""``pointillist key new``: a fresh key."""

from __future__ import annotations

import click

from pointillist.cli.error_handling import PlainErrorsCommand


@click.command(cls=PlainErrorsCommand)
@click.option("--force", is_flag=True, help="Replace an existing key; machines that keep it leave the cluster.")
def command(*, force: bool) -> None:
    """Create a cluster key.

    \b
    Example:
        pointillist key new --force
    """  # noqa: D301  # click's marker for lines that stay
    import secrets

    from pointillist.cli.key_writing import write_key
    from pointillist.pipeline_protocol.security import N_KEY_BYTES

    write_key(secrets.token_bytes(N_KEY_BYTES), is_shared=False, may_replace=force)
