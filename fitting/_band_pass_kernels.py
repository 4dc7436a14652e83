"""Kernels of the band-pass: the difference of two Gaussian averages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fitting.jit import kernel

Line = NDArray[np.float32]
Image = NDArray[np.float32]


@kernel
def _mirrored(position: int, length: int) -> int:
    """Mirror a position at the edges of ``[0, length)``, edge pixels repeated."""
    position %= 2 * length
    return 2 * length - 1 - position if position >= length else position


@kernel
def mirror_edges(padded: Image, pad: int) -> None:
    """Fill the ``pad`` outermost rows and columns of an image with the mirror image of what lies inside."""
    height, width = padded.shape[0] - 2 * pad, padded.shape[1] - 2 * pad
    for tap in range(1, pad + 1):
        left, right = pad + _mirrored(-tap, width), pad + _mirrored(width - 1 + tap, width)
        for y in range(pad, pad + height):
            padded[y, pad - tap] = padded[y, left]
            padded[y, pad + width - 1 + tap] = padded[y, right]
    for tap in range(1, pad + 1):
        padded[pad - tap] = padded[pad + _mirrored(-tap, height)]
        padded[pad + height - 1 + tap] = padded[pad + _mirrored(height - 1 + tap, height)]


@kernel
def _scale(line: Line, weight: float, out: Line) -> None:
    for k in range(out.size):
        out[k] = weight * line[k]


@kernel
def _pair(line: Line, at: int, offset: int, n: int) -> tuple[Line, Line]:
    """Return the ``n`` places before and after ``at``, ``offset`` away."""
    return line[at - offset : at - offset + n], line[at + offset : at + offset + n]


@kernel
def _add_four_pairs(line: Line, at: int, stride: int, first: int, weights: Line, out: Line) -> None:
    # Four taps a pass: few enough arrays for the compiler to prove them apart and use vectors, and a quarter of the
    # traffic to and from ``out``.
    n = out.size
    a, b = _pair(line, at, first * stride, n)
    c, d = _pair(line, at, (first + 1) * stride, n)
    e, f = _pair(line, at, (first + 2) * stride, n)
    g, h = _pair(line, at, (first + 3) * stride, n)
    w0, w1, w2, w3 = weights[first], weights[first + 1], weights[first + 2], weights[first + 3]
    for k in range(n):
        out[k] += w0 * (a[k] + b[k]) + w1 * (c[k] + d[k]) + w2 * (e[k] + f[k]) + w3 * (g[k] + h[k])


@kernel
def _average(line: Line, at: int, stride: int, weights: Line, out: Line) -> None:
    """Average about the places from ``at`` on, neighbours being ``stride`` apart.

    ``out`` says how many places. A stride of one row averages whole rows at a time, a stride of 1 along the row.
    """
    _scale(line[at : at + out.size], weights[0], out)
    for first in range(1, weights.size, 4):
        _add_four_pairs(line, at, stride, first, weights, out)


@kernel
def _clip_difference(narrow: Line, wide: Line, out: Line) -> None:
    for k in range(out.size):
        out[k] = max(narrow[k] - wide[k], np.float32(0))


@kernel
def band_pass(padded: Image, pad: int, weights: tuple[Line, Line], border: int, filtered: Image) -> None:
    """Subtract a wide Gaussian average from a narrow one, clipped below at 0.

    Parameters
    ----------
    padded
        The image with ``pad`` mirrored rows and columns at each edge.
    pad
        px, no less than either average reaches.
    weights
        Of the narrow and of the wide average, from the centre outwards: one and a multiple of four.
    border
        Rows and columns at each edge that are 0 in the result.
    filtered
        ``(y, x)``, written.
    """
    height, width = filtered.shape
    stride = padded.shape[1]
    flat = padded.reshape(-1)
    n_rows = max(1, 4096 // stride)  # a strip stays in the first-level cache
    down = np.zeros(n_rows * stride + 2 * pad, np.float32)
    narrow, wide = np.empty(n_rows * stride, np.float32), np.empty(n_rows * stride, np.float32)
    filtered[:] = 0.0
    for start in range(border, height - border, n_rows):
        stop = min(start + n_rows, height - border)
        n = (stop - start) * stride
        for kind, out in enumerate((narrow, wide)):
            _average(flat, (start + pad) * stride, stride, weights[kind], down[pad : pad + n])
            _average(down, pad, 1, weights[kind], out[:n])
        for y in range(start, stop):
            at = (y - start) * stride + pad
            inside = slice(at + border, at + width - border)
            _clip_difference(narrow[inside], wide[inside], filtered[y, border : width - border])
