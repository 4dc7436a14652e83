"""Localizations as a table: columns with units."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from pointillist.localizations.preview import Preview

if TYPE_CHECKING:
    import pandas as pd

Selection: TypeAlias = slice | NDArray[Any] | Sequence[int] | Sequence[bool]
"""Selection of rows: a slice, a mask of booleans, or row numbers."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Localizations:
    """Localizations of a movie: a table that cannot be changed.

    ``table["x"]`` is a column; ``table[table["photons"] > 500]`` and ``table[:100]`` are tables of fewer rows.

    Parameters
    ----------
    columns
        One-dimensional arrays of equal length by name, in the order of display; read-only in the table. Positions
        and widths are in nm, light in photons (detected photoelectrons), frames count from 0. The centre of the first
        recorded pixel is the origin, x points to the right, y down.
    units
        Units by name of the column; columns without a unit are left out.
    metadata
        Metadata of the movie and settings of the analysis, by PYME's dotted names.
    failures
        Reasons why frames could not be analysed, by frame.
    remarks
        Remarks for the user on the movie, its settings and the file.

    Raises
    ------
    ValueError
        If the columns are not one-dimensional arrays of one length, or a unit has no column.

    Examples
    --------
    >>> import numpy as np
    >>> table = Localizations(
    ...     columns={"frame": np.array([0, 0, 1]), "x": np.array([120.5, 800.0, 121.0])}, units={"x": "nm"}
    ... )
    >>> table
    3 localizations in 2 frames
    frame  x (nm)
        0   120.5
        0     800
        1     121
    >>> len(table[table["x"] < 500])
    2
    """

    columns: Mapping[str, NDArray[Any]]
    units: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    failures: Mapping[int, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    def __post_init__(self) -> None:
        columns = {name: _read_only(np.asarray(values)) for name, values in self.columns.items()}
        shapes = {values.shape for values in columns.values()}
        if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
            msg = f"columns of shapes {', '.join(map(str, sorted(shapes)))}: give arrays of one length"
            raise ValueError(msg)
        if without_column := sorted(set(self.units) - set(columns)):
            msg = f"units of {', '.join(without_column)}: there are no such columns"
            raise ValueError(msg)
        for name, mapping in (
            ("columns", columns),
            ("units", self.units),
            ("metadata", self.metadata),
            ("failures", self.failures),
        ):
            object.__setattr__(self, name, MappingProxyType(dict(mapping)))
        object.__setattr__(self, "remarks", tuple(self.remarks))

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    @overload
    def __getitem__(self, key: str) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, key: Selection) -> Localizations: ...
    def __getitem__(self, key: str | Selection) -> NDArray[Any] | Localizations:
        if isinstance(key, str):
            return self._column(key)
        chosen = key if isinstance(key, slice) else np.asarray(key)
        if isinstance(chosen, np.ndarray):
            if chosen.ndim != 1:
                msg = f"{key!r} selects no rows: give a slice, a mask or an array of row numbers, such as [0:1]"
                raise TypeError(msg)
            chosen = chosen if chosen.size else chosen.astype(np.intp)
        return Localizations(
            columns={name: values[chosen] for name, values in self.columns.items()},
            units=self.units,
            metadata=self.metadata,
            failures=self.failures,
            remarks=self.remarks,
        )

    def to_numpy(self) -> NDArray[np.void]:
        """Return the rows as a new structured array with a field for each column."""
        rows = np.zeros(len(self), [(name, values.dtype) for name, values in self.columns.items()])
        for name, values in self.columns.items():
            rows[name] = values
        return rows

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a new pandas data frame, whose ``attrs["units"]`` are the units.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: PLC0415 - no dependency of ours
        except ImportError as error:
            msg = "to_pandas: pandas is not installed; run 'pip install pandas', or use to_numpy()"
            raise ImportError(msg, name="pandas") from error
        frame = pd.DataFrame({name: values.copy() for name, values in self.columns.items()})
        frame.attrs["units"] = dict(self.units)
        return frame

    def __repr__(self) -> str:
        return self._preview().text()

    def _repr_html_(self) -> str:
        return self._preview().html()

    def _preview(self) -> Preview:
        return Preview(columns=self.columns, units=self.units, n_failures=len(self.failures), remarks=self.remarks)

    def _column(self, name: str) -> NDArray[Any]:
        if name in self.columns:
            return self.columns[name]
        nearest = difflib.get_close_matches(name, self.columns, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(self.columns)}"
        msg = f"{name!r}: there is no such column; {hint}"
        raise KeyError(msg)

    def __reduce__(self) -> tuple[Any, ...]:
        state = dict(self.columns), dict(self.units), dict(self.metadata), dict(self.failures), self.remarks
        return _restored, state


def _restored(
    columns: Mapping[str, NDArray[Any]],
    units: Mapping[str, str],
    metadata: Mapping[str, Any],
    failures: Mapping[int, str],
    remarks: Sequence[str],
) -> Localizations:
    """Return an unpickled table, since read-only mappings cannot be pickled."""
    return Localizations(columns=columns, units=units, metadata=metadata, failures=failures, remarks=remarks)


def _read_only(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array that nobody can write to: itself if it is one, else a copy."""
    owner: object = values
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            copied = values.copy()
            copied.flags.writeable = False
            return copied
        owner = owner.base
    return values
