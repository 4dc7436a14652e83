"""The functions of lanes and the operators between them, for the compiler.

A value is an LLVM vector. Each function names the instruction that it stands for.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.base import BaseContext
from numba.core.datamodel.manager import DataModelManager
from numba.core.typing.templates import Signature
from numba.extending import lower_builtin, models, register_model, type_callable

from pointillist.fitting.estimation import _lane_functions as lanes
from pointillist.fitting.estimation._lane_functions import (
    BITS_OF_RECIPROCAL,
    BITS_OF_ROOT,
    EXPONENT_BIAS,
    EXPONENT_BITS,
    N_LANES,
    N_MANTISSA_BITS,
)
from pointillist.fitting.jit import FAST_MATH

Builder: TypeAlias = ir.IRBuilder
Value: TypeAlias = ir.Value
Kind: TypeAlias = types.Type
Lower: TypeAlias = Callable[[BaseContext, Builder, Signature, Sequence[Value]], Value]

_VECTOR = ir.VectorType(ir.FloatType(), N_LANES)
_BITS = ir.VectorType(ir.IntType(32), N_LANES)


class LanesType(types.Type):
    """Type of :data:`Lanes` in compiled kernels."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


_LANES = LanesType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: DataModelManager, kind: Kind) -> None:
        super().__init__(manager, kind, _VECTOR)


class RowsType(types.Type):
    """Type of the result of :func:`row_slice` in compiled kernels."""

    def __init__(self) -> None:
        super().__init__(name="LaneRows")


_ROWS = RowsType()


@register_model(RowsType)
class _RowsModel(models.StructModel):
    def __init__(self, manager: DataModelManager, kind: Kind) -> None:
        super().__init__(manager, kind, [("data", types.CPointer(types.float32)), ("size", types.intp)])


def _is_array(kind: Kind) -> bool:
    return kind == _ROWS or _is_plain(kind, 1)


def _is_plain(kind: Kind, n_axes: int) -> bool:
    """Whether the type is a contiguous array of single precision."""
    return isinstance(kind, types.Array) and (kind.dtype, kind.ndim, kind.layout) == (types.float32, n_axes, "C")


def _is_number(kind: Kind) -> bool:
    return isinstance(kind, types.Number)


def _are_operands(*kinds: Kind) -> bool:
    """Whether all are vectors or numbers, at least one of them a vector."""
    return _LANES in kinds and all(kind == _LANES or _is_number(kind) for kind in kinds)


def _vector(context: BaseContext, builder: Builder, kind: Kind, value: Value) -> Value:
    """Return a vector; a number becomes a vector with this number in every lane."""
    if kind == _LANES:
        return value
    number = context.cast(builder, value, kind, types.float32)
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, first, ir.Constant(_BITS, [0] * N_LANES))


def _bits(number: int) -> Value:
    return ir.Constant(_BITS, [number] * N_LANES)


def _pointer(
    context: BaseContext, builder: Builder, kinds: Sequence[Kind], arguments: Sequence[Value], n: Value
) -> Value:
    """Return the address of ``n`` numbers of an array, from a row and a lane (default 0)."""
    kind, array = kinds[0], arguments[0]
    if kind == _ROWS:
        view = cgutils.create_struct_proxy(kind)(context, builder, array)
        size = view.size
    else:
        view = context.make_array(kind)(context, builder, array)
        (size,) = cgutils.unpack_tuple(builder, view.shape)
    pairs = zip(arguments[1:], kinds[1:], strict=True)
    row, *lane = (context.cast(builder, value, kind, types.intp) for value, kind in pairs)
    start = builder.mul(row, context.get_constant(types.intp, N_LANES))
    start = builder.add(start, lane[0]) if lane else start
    if context.enable_boundscheck:
        last = builder.add(start, builder.sub(n, context.get_constant(types.intp, 1)))
        cgutils.do_boundscheck(context, builder, start, size)
        cgutils.do_boundscheck(context, builder, last, size)
    return builder.gep(view.data, [start])


def _row_slice(context: BaseContext, builder: Builder, signature: Signature, arguments: Sequence[Value]) -> Value:
    n = context.cast(builder, arguments[2], signature.args[2], types.intp)
    rows = cgutils.create_struct_proxy(_ROWS)(context, builder)
    rows.size = builder.mul(n, context.get_constant(types.intp, N_LANES))
    rows.data = _pointer(context, builder, signature.args[:2], arguments[:2], rows.size)
    return rows._getvalue()  # noqa: SLF001 - numba's interface


def _load(context: BaseContext, builder: Builder, signature: Signature, arguments: Sequence[Value]) -> Value:
    pointer = _pointer(context, builder, signature.args, arguments, context.get_constant(types.intp, N_LANES))
    return builder.load(builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)


def _store(context: BaseContext, builder: Builder, signature: Signature, arguments: Sequence[Value]) -> Value:
    n = context.get_constant(types.intp, N_LANES)
    pointer = _pointer(context, builder, signature.args[:2], arguments[:2], n)
    vector = _vector(context, builder, signature.args[2], arguments[2])
    builder.store(vector, builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)
    return context.get_dummy_value()


def _load_one(context: BaseContext, builder: Builder, signature: Signature, arguments: Sequence[Value]) -> Value:
    one = context.get_constant(types.intp, 1)
    return builder.load(_pointer(context, builder, signature.args, arguments, one))


def _store_one(context: BaseContext, builder: Builder, signature: Signature, arguments: Sequence[Value]) -> Value:
    one = context.get_constant(types.intp, 1)
    pointer = _pointer(context, builder, signature.args[:3], arguments[:3], one)
    # Atomic, a plain move, which prevents vectorization of a loop over it with gathers and scatters.
    number = context.cast(builder, arguments[3], signature.args[3], types.float32)
    builder.store_atomic(number, pointer, "monotonic", 4)
    return context.get_dummy_value()


def _load_pixel(context: BaseContext, builder: Builder, signature: Signature, arguments: Sequence[Value]) -> Value:
    view = context.make_array(signature.args[0])(context, builder, arguments[0])
    pairs = zip(arguments[1:], signature.args[1:], strict=True)
    y, x = (context.cast(builder, value, kind, types.intp) for value, kind in pairs)
    height, width = cgutils.unpack_tuple(builder, view.shape)
    if context.enable_boundscheck:
        cgutils.do_boundscheck(context, builder, y, height, 0)
        cgutils.do_boundscheck(context, builder, x, width, 1)
    return builder.load(builder.gep(view.data, [builder.add(builder.mul(y, width), x)]))


def _elementwise(instruct: Callable[..., Value]) -> Lower:
    """Extend an instruction for vectors to numbers."""

    def lower(context: BaseContext, builder: Builder, signature: Signature, arguments: Sequence[Value]) -> Value:
        return instruct(builder, *(_vector(context, builder, *p) for p in zip(signature.args, arguments, strict=True)))

    return lower


def _arithmetic(name: str) -> Lower:
    return _elementwise(lambda builder, *vectors: getattr(builder, name)(*vectors, flags=FAST_MATH))


def _function(name: str) -> Lower:
    kind = ir.FunctionType(_VECTOR, [_VECTOR])

    def call(builder: Builder, a: Value) -> Value:
        declared = cgutils.get_or_insert_function(builder.module, kind, f"{name}.v{N_LANES}f32")
        return builder.call(declared, [a])

    return _elementwise(call)


def _choose(builder: Builder, a: Value, b: Value, then: Value, otherwise: Value) -> Value:
    return builder.select(builder.fcmp_ordered("<", a, b), then, otherwise)


def _raise_two(builder: Builder, whole: Value) -> Value:
    shifted = builder.shl(builder.add(builder.fptosi(whole, _BITS), _bits(EXPONENT_BIAS)), _bits(N_MANTISSA_BITS))
    return builder.bitcast(shifted, _VECTOR)


def _extract_exponent(builder: Builder, a: Value) -> Value:
    difference = builder.sub(builder.bitcast(a, _BITS), _bits(BITS_OF_ROOT))
    return builder.sitofp(builder.ashr(difference, _bits(N_MANTISSA_BITS)), _VECTOR)


def _negate_bits(builder: Builder, a: Value) -> Value:
    return builder.bitcast(builder.sub(_bits(BITS_OF_RECIPROCAL), builder.bitcast(a, _BITS)), _VECTOR)


def _extract_mantissa(builder: Builder, a: Value) -> Value:
    bits = builder.bitcast(a, _BITS)
    exponent = builder.and_(builder.sub(bits, _bits(BITS_OF_ROOT)), _bits(EXPONENT_BITS))
    return builder.bitcast(builder.sub(bits, exponent), _VECTOR)


def _define(
    function: Callable[..., Any],
    n: int,
    lower: Lower,
    result: Kind = _LANES,
    is_typed: Callable[..., bool] = _are_operands,
) -> None:
    """Register a function of ``n`` arguments with the compiler: argument types, result type and code."""
    typers: dict[int, Callable[..., Kind | None]] = {
        1: lambda a: result if is_typed(a) else None,
        2: lambda a, b: result if is_typed(a, b) else None,
        3: lambda a, b, c: result if is_typed(a, b, c) else None,
        4: lambda a, b, c, d: result if is_typed(a, b, c, d) else None,
    }
    type_callable(function)(lambda _context: typers[n])
    if function.__module__ == lanes.__name__:
        lower_builtin(function, *[types.Any] * n)(lower)
    else:  # an operator, which other types define too
        for numbers in range(2**n - 1):
            kinds = [types.Number if numbers >> k & 1 else LanesType for k in range(n)]
            lower_builtin(function, *kinds)(lower)


def _is_element(array: Kind, *where: Kind) -> bool:
    return _is_array(array) and all(isinstance(kind, types.Integer) for kind in where)


def _is_pixel(image: Kind, y: Kind, x: Kind) -> bool:
    return _is_plain(image, 2) and isinstance(y, types.Integer) and isinstance(x, types.Integer)


def _is_value(kind: Kind) -> bool:
    return kind == _LANES or _is_number(kind)


_define(lanes.row_slice, 3, _row_slice, _ROWS, _is_element)
_define(lanes.load, 2, _load, is_typed=_is_element)
_define(lanes.store, 3, _store, types.none, lambda array, row, value: _is_element(array, row) and _is_value(value))
_define(lanes.load_one, 3, _load_one, types.float32, _is_element)
_define(lanes.store_one, 4, _store_one, types.none, lambda *kinds: _is_element(*kinds[:3]) and _is_number(kinds[3]))
_define(lanes.load_pixel, 3, _load_pixel, types.float32, _is_pixel)
_define(lanes.full, 1, _elementwise(lambda _builder, number: number), is_typed=_is_number)
_define(lanes.where_less, 4, _elementwise(_choose))
_define(lanes.square_root, 1, _function("llvm.sqrt"))
_define(lanes.nearest_whole, 1, _function("llvm.rint"))
_define(lanes.power_of_two, 1, _elementwise(_raise_two))
_define(lanes.binary_exponent, 1, _elementwise(_extract_exponent))
_define(lanes.rough_reciprocal, 1, _elementwise(_negate_bits))
_define(lanes.mantissa, 1, _elementwise(_extract_mantissa))
_define(operator.neg, 1, _arithmetic("fneg"))
_define(operator.add, 2, _arithmetic("fadd"))
_define(operator.sub, 2, _arithmetic("fsub"))
_define(operator.mul, 2, _arithmetic("fmul"))
_define(operator.truediv, 2, _arithmetic("fdiv"))
