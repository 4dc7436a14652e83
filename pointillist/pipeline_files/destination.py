"""Where a user wants a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pointillist.errors import ResultsError


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
            If it has another one.
        """
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
