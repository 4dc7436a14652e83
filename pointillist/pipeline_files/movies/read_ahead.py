"""Reading ahead of use."""

from __future__ import annotations

import os

_PORTION = 1 << 17
"""Number of bytes that every kind of disk and network share fetches in one request."""


def fetch(file: int, offset: int, n_bytes: int) -> None:
    """Have the system fetch part of a file in the background.

    Parameters
    ----------
    file
        Descriptor of the open file.
    offset, n_bytes
        Offset and length of the part to fetch, bytes.

    Notes
    -----
    Where the system does not take such hints (macOS), its own guess has to do: it fetches ahead of whoever reads in
    order.
    """
    if hasattr(os, "posix_fadvise"):
        for start in range(offset, offset + n_bytes, _PORTION):
            os.posix_fadvise(file, start, min(_PORTION, offset + n_bytes - start), os.POSIX_FADV_WILLNEED)
