"""Chunks of a table as HDF5 keeps them: bytes sorted by their place in the row, then deflated.

HDF5 would do it in one thread, with zlib. ISA-L makes the same format six times as fast, as small, and in as many
threads as there are cores.
"""

from __future__ import annotations

import numpy as np
from isal import isal_zlib

from pointillist.pipeline_files.results.fit_formats import Words

_LEVEL = 1
"""Of ISA-L's 3; the higher ones save nothing here. The level that a table names does not concern its readers."""


def pack(words: Words, n_chunk: int) -> bytes:
    """Return a chunk of a table that is shuffled and compressed with zlib.

    Parameters
    ----------
    words
        Of the chunk's rows, in this machine's byte order, which is little-endian.
    n_chunk
        Rows in a chunk; where there are fewer, zeros follow.

    Returns
    -------
    bytes
        What stands in the file.
    """
    n_words, n_rows = words.shape
    by_place = words.view(np.uint8).reshape(n_words, n_rows, -1)
    planes = np.zeros((n_words, by_place.shape[2], n_chunk), np.uint8)
    for place in range(planes.shape[1]):
        planes[:, place, :n_rows] = by_place[:, :, place]
    return isal_zlib.compress(planes, _LEVEL)
