"""Kernels of elementary functions in lanes: Chebyshev approximations, made for single precision."""

from __future__ import annotations

from pointillist.fitting.estimation.lanes import (
    Lanes,
    binary_exponent,
    mantissa,
    nearest_whole,
    power_of_two,
    rough_reciprocal,
    where_less,
)
from pointillist.fitting.jit import kernel

_LOG2_E = 1.4426950408889634
_LN_2 = 0.6931471805599453
_LEAST_EXPONENT = -40.0  # products of such numbers are still normal; subnormal numbers are a hundred times slower
_ERF_END = 3.7  # beyond, erf is 1 within 1.7e-7


@kernel
def exp(a: Lanes) -> Lanes:
    """Return e to the power ``a <= 88``, and 2**-40 where it would be less.

    The relative error is below 4e-7 + 7e-8 ``|a|``, of which the second part is that of the argument itself.
    """
    t = a * _LOG2_E
    t = where_less(t, _LEAST_EXPONENT, _LEAST_EXPONENT, t)
    whole = nearest_whole(t)
    f = t - whole
    p = 0.055503571142 + f * (0.0096760319183 + f * 0.0013390863364)
    p = 1.0000000754549 + f * (0.6931471880262 + f * (0.2402210748531 + f * p))
    return p * power_of_two(whole)


@kernel
def reciprocal(a: Lanes) -> Lanes:
    """Return ``1 / a`` for normal ``a > 0`` within 2e-7, by series, which is faster than a division."""
    r = rough_reciprocal(a)
    e = 1.0 - a * r
    r = r + r * (e + e * e)
    e = 1.0 - a * r
    return r + r * (e + e * e)


@kernel
def erf(a: Lanes) -> Lanes:
    """Return the error function; the error is below 3e-7.

    ``a P(a²)``, with P in the variable ``2 a² / 3.7² - 1``, whose powers do not cancel.
    """
    z = where_less(a, _ERF_END, a, _ERF_END)
    z = where_less(-_ERF_END, z, z, -_ERF_END)
    t = z * z * (2.0 / _ERF_END**2) - 1.0
    p = 0.00149928164 + t * (-0.00182187011 + t * 0.000739473609)
    p = -0.0152399729 + t * (0.00834193794 + t * (-0.00269659016 + t * p))
    p = 0.0521146814 + t * (-0.0356073845 + t * (0.0231696685 + t * p))
    p = -0.112628329 + t * (0.0905270666 + t * (-0.0705920345 + t * p))
    p = 0.382137475 + t * (-0.190468269 + t * (0.140795104 + t * p))
    return z * p


@kernel
def log(a: Lanes) -> Lanes:
    """Return the natural logarithm of normal ``a > 0``; the error is below 2e-7 + 1.2e-7 times the logarithm."""
    f = mantissa(a) - 1.0
    p = 0.19913347882 + f * (-0.17278206066 + f * (0.16126247905 - f * 0.09895350737))
    p = 0.99999996812 + f * (-0.50000375056 + f * (0.33334606023 + f * (-0.24968906959 + f * p)))
    return f * p + binary_exponent(a) * _LN_2
