"""Kernels of the profiles of a Gaussian along one axis; the image of a spot is the product of two of them.

Row ``3 k`` of a profile is its value at pixel ``k``, which is 1 at the peak of a wide Gaussian; rows ``3 k + 1`` and
``3 k + 2`` are the derivatives by the centre and by the width. Lengths are in px of the x axis.
"""

from __future__ import annotations

from pointillist.fitting.estimation._elementary_kernels import erf, exp
from pointillist.fitting.estimation.lanes import LaneArray, Lanes, load, store
from pointillist.fitting.jit import kernel

Model = tuple[bool, bool]
"""Whether pixels integrate the light; whether both widths are the same parameter."""

_ROOT_HALF = 0.5**0.5
_ROOT_HALF_PI = 1.2533141373155003


@kernel
def write_sampled(centre: Lanes, sigma: Lanes, half: int, pitch: float, profile: LaneArray) -> None:
    """Write the profile at the centres of pixels, ``exp(-u² / 2 sigma²)``.

    Parameters
    ----------
    centre
        Position relative to the centre of the middle pixel, px.
    sigma
        Standard deviation, px, > 0.
    half, pitch
        Half size of the region, pixels, and width of a pixel, px of the x axis: there are ``2 half + 1`` pixels.
    profile
        Profile and derivatives, ``3 (2 half + 1)`` rows, written.
    """
    inverse = 1.0 / sigma
    for k in range(2 * half + 1):
        z = ((k - half) * pitch - centre) * inverse
        value = exp(-0.5 * z * z)
        store(profile, 3 * k, value)
        store(profile, 3 * k + 1, value * z * inverse)
        store(profile, 3 * k + 2, value * z * z * inverse)


@kernel
def write_integrated(centre: Lanes, sigma: Lanes, half: int, pitch: float, profile: LaneArray) -> None:
    """Write the mean of ``exp(-u² / 2 sigma²)`` over each pixel; parameters as of :func:`write_sampled`.

    With ``g`` at the edges of a pixel of width h: the derivatives are ``-Δg / h`` and ``(value - Δ(u g) / h) / sigma``.
    """
    inverse = 1.0 / sigma
    to_erf = inverse * _ROOT_HALF
    area = sigma * (_ROOT_HALF_PI / pitch)
    edge = (-half - 0.5) * pitch - centre
    z = edge * to_erf
    bell, integral = exp(-z * z), erf(z)
    moment = edge * bell
    for k in range(2 * half + 1):
        edge = (k - half + 0.5) * pitch - centre
        z = edge * to_erf
        next_bell, next_integral = exp(-z * z), erf(z)
        next_moment = edge * next_bell
        value = area * (next_integral - integral)
        store(profile, 3 * k, value)
        store(profile, 3 * k + 1, (bell - next_bell) * (1.0 / pitch))
        store(profile, 3 * k + 2, (value - (next_moment - moment) * (1.0 / pitch)) * inverse)
        bell, integral, moment = next_bell, next_integral, next_moment


@kernel
def write_profiles(
    p: LaneArray, model: Model, half: int, aspect: float, profile_x: LaneArray, profile_y: LaneArray
) -> None:
    """Write the profiles of spots with parameters ``p`` along both axes; ``aspect`` is the height of pixels."""
    is_integrated, is_tied = model
    if is_tied:
        store(p, 4, load(p, 3))
    if is_integrated:
        write_integrated(load(p, 1), load(p, 3), half, 1.0, profile_x)
        write_integrated(load(p, 2), load(p, 4), half, aspect, profile_y)
    else:
        write_sampled(load(p, 1), load(p, 3), half, 1.0, profile_x)
        write_sampled(load(p, 2), load(p, 4), half, aspect, profile_y)
