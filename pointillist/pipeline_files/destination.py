"""Where a user wants a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pointillist.errors import ResultsError
from pointillist.pipeline_files.storage import check_place


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where a file is to be written.

    Parameters
    ----------
    path
        Path that the user gave.
    is_folder
        Whether it is a folder, in which the file gets its usual name.
    """

    path: Path
    is_folder: bool

    def file(self, usual: str, *endings: str) -> Path:
        """Return the path of the file.

        Parameters
        ----------
        usual
            Its name in a folder.
        endings
            Those that it may have; the first one is added where there is none.

        Raises
        ------
        ResultsError
            If it has another one, or no file can be there.
        """
        path = self._named(usual, endings)
        for place in (self.path, path):
            check_place(place)
        return path

    def _named(self, usual: str, endings: Sequence[str]) -> Path:
        if self.is_folder:
            return self.path / usual
        ending = self.path.suffix
        if ending.lower() in endings:
            return self.path.with_suffix(ending.lower())
        known = " or ".join(endings)
        if ending:
            remedy = f"name it {self.path.with_suffix(endings[0])}, or a folder that ends with /"
            raise ResultsError(self.path, f"cannot end in {ending}, but in {known}", remedy)
        return self.path.with_name(f"{self.path.name}{endings[0]}")
