"""Versions of the program and of the libraries that its results depend on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("pointillist", "numba", "llvmlite", "numpy", "scipy", "h5py", "tables", "pyzmq", "msgspec", "tifffile")


def show_versions() -> None:
    """Print the versions of Pointillist, Python, the libraries and the system, for a report of a problem.

    Examples
    --------
    >>> import pointillist
    >>> pointillist.show_versions()  # doctest: +ELLIPSIS
    pointillist  ...
    """
    rows = {**{name: _version(name) for name in _PACKAGES}, "python": platform.python_version()}
    rows |= {"system": platform.platform(), "processor": platform.machine()}
    width = max(map(len, rows))
    print("\n".join(f"{name:<{width}}  {value}" for name, value in rows.items()))  # noqa: T201  # what it is for


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
