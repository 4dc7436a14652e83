"""How every command ends: errors in one line, never a traceback."""

from __future__ import annotations

import errno
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, NoReturn

import click

from pipeline_protocol.errors import PointillistError

INTERRUPTED = 130


class CourteousCommand(click.Command):
    """A command that turns whatever goes wrong into one line on stderr and an exit code.

    Parameters
    ----------
    interrupted
        What to say when the user presses Ctrl-C, or a signal ends the command.
    """

    def __init__(self, *args: Any, interrupted: str = "stopped", **options: Any) -> None:  # noqa: ANN401  # click's
        options.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*args, **options)
        self.interrupted = interrupted

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # click's
        """Run the command."""
        try:
            return super().invoke(ctx)
        except PointillistError as error:
            _fail(str(error))
        except KeyboardInterrupt:
            click.echo(self.interrupted, err=True)
            sys.exit(INTERRUPTED)
        except SystemExit:  # SIGTERM or SIGHUP, with its status
            click.echo(self.interrupted, err=True)
            raise
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # the border of the process: nothing else would tell the user in one line
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise
            _fail(f"{type(error).__name__}: {_first_line(error)}; please report it with {_keep_traceback()}")


def _fail(message: str) -> NoReturn:
    click.echo(f"error: {message}", err=True)
    sys.exit(1)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no message"])[0]


def _keep_traceback() -> Path:
    """Write the traceback of the error at hand to a file that stays."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="pointillist-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(traceback.format_exc())
    return Path(file.name)
