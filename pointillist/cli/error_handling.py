"""How every command ends: errors in one line, never a traceback."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, NoReturn

import click

from pointillist.cli.console import printable
from pointillist.cli.kernels import fix_numba_settings
from pointillist.errors import PointillistError
from pointillist.system import is_utf8

INTERRUPTED = 130


class PlainErrorsCommand(click.Command):
    """A command that turns whatever goes wrong into one line on stderr and an exit code.

    Parameters
    ----------
    interrupted
        What to say when the user presses Ctrl-C, or a signal ends the command, and the exception has no note of its
        own (PEP 678).
    """

    def __init__(self, *args: Any, interrupted: str = "stopped", **options: Any) -> None:  # noqa: ANN401  # click's
        options.setdefault("context_settings", {"help_option_names": ["-h", "--help"], "show_default": True})
        super().__init__(*args, **options)
        self.interrupted = interrupted

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401  # click's
    ) -> click.Context:
        """Read the command line."""
        for text in args:
            if not is_utf8(text):
                _fail(f"{printable(text)}: its name is not UTF-8; rename it")
        try:
            return super().make_context(info_name, args, parent, **extra)
        except PointillistError as error:
            _fail(str(error))
        except OSError as error:  # a name that the system refuses
            _fail(_describe_name_error(error) or str(error))

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # click's
        """Run the command."""
        fix_numba_settings()
        try:
            return super().invoke(ctx)
        except PointillistError as error:
            _fail(str(error))
        except KeyboardInterrupt as error:
            click.echo(self._interruption_message(error), err=True)
            sys.exit(INTERRUPTED)
        except SystemExit as error:  # SIGTERM or SIGHUP, with its status
            click.echo(self._interruption_message(error), err=True)
            raise
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # the border of the process: nothing else would tell the user in one line
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise
            if line := _describe_name_error(error):
                _fail(line)
            _fail(f"{type(error).__name__}: {_first_line(error)}; please report it with {_keep_traceback()}")

    def _interruption_message(self, error: BaseException) -> str:
        notes: list[str] = getattr(error, "__notes__", [])
        return notes[-1] if notes else self.interrupted


def _fail(message: str) -> NoReturn:
    click.echo(f"error: {printable(message)}", err=True)
    sys.exit(1)


def _describe_name_error(error: Exception) -> str | None:
    """Say what is wrong with a file that the system refuses, or with a name; None if it is something else."""
    if isinstance(error, OSError) and isinstance(error.filename, str | bytes | Path) and error.strerror:
        name = os.fsdecode(error.filename)
        return f"{name}: cannot be used ({error.strerror.lower()}); check its name, its folder and your permissions"
    if isinstance(error, UnicodeEncodeError) and not is_utf8(error.object):
        return f"{error.object[:200]}: a name is not UTF-8; rename it"
    return None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no message"])[0]


def _keep_traceback() -> Path:
    """Write the traceback of the error at hand to a file that stays."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="pointillist-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(traceback.format_exc())
    return Path(file.name)
