"""Parameter types for the names of files."""

from __future__ import annotations

from pathlib import Path

import click

from pointillist.errors import ResultsError
from pointillist.pipeline_files import Destination
from pointillist.system import expand


class FilePath(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """A file or folder; ``~`` and ``~user`` are home folders, unless there is a file of that very name."""

    name = "path"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return its path."""
        del param, ctx
        text = str(value)
        path = Path(text) if text.startswith("~") and Path(text).exists() else expand(text)
        expand(str(path.absolute()))  # the names of the folders, too
        return path


class DestinationPath(FilePath):
    """Where a file is to go: its name, or a folder, which exists or ends with a slash; becomes a `Destination`."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Destination:  # type: ignore[override]  # another kind of value
        """Return the destination."""
        if isinstance(value, Destination):
            return value
        text = str(value)
        if not text:
            raise ResultsError("-o ''", "names nothing", "name a file or a folder")
        path = expand(text)
        super().convert(str(path.absolute()), param, ctx)
        ends_open = text.endswith("/") or text.rpartition("/")[2] in {".", "..", "~"}
        return Destination(path=path, is_folder=ends_open or path.is_dir())
