"""Eight doubles in one register, for the few loops that a compiler leaves to one at a time.

A product and a sum of eight round as eight single ones do: no bits depend on it, and processors
without registers of that width take two or four. `doubles` and what takes a `builder` write any
number of them into compiled code.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model
from numpy.typing import NDArray

EIGHT = 8
_LINE = 64  # bytes of a cache line, and of eight numbers
_VECTOR = ir.VectorType(ir.DoubleType(), EIGHT)


class _Eight(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Eight")


_eight = _Eight()


@register_model(_Eight)
class _EightModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def room_for(size: int, kind: type = np.float64) -> NDArray[Any]:
    """Zeros that begin with a cache line: eight of them lie in one, not across two."""
    item = np.dtype(kind).itemsize
    whole: NDArray[Any] = np.zeros(size + _LINE // item, dtype=kind)
    skipped = -whole.ctypes.data % _LINE // item
    return whole[skipped : skipped + size]


def doubles(count: int) -> Any:
    """The type of so many doubles in registers."""
    return ir.VectorType(ir.DoubleType(), count)


def data_of(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Where the numbers of an array begin."""
    return cgutils.create_struct_proxy(kind)(context, builder, value=array).data


def load_from(builder: Any, data: Any, index: Any, kind: Any) -> Any:
    """Numbers of this `kind` of vector from the place `index` on."""
    place = builder.bitcast(builder.gep(data, [index]), kind.as_pointer())
    found = builder.load(place, typ=kind)
    found.align = 8
    return found


def store_to(builder: Any, value: Any, data: Any, index: Any) -> None:
    """Write a vector there."""
    place = builder.bitcast(builder.gep(data, [index]), value.type.as_pointer())
    builder.store(value, place, align=8)


def in_every_lane(builder: Any, number: Any, count: int) -> Any:
    """The same number so many times."""
    nothing = ir.Constant(ir.VectorType(number.type, count), ir.Undefined)
    one = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(one, nothing, zeros)


@intrinsic
def load(typingctx: Any, array: Any, index: Any) -> Any:
    """Eight numbers of a contiguous array, from the place `index` of it on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = data_of(context, builder, signature.args[0], args[0])
        return load_from(builder, data, args[1], _VECTOR)

    return _eight(array, types.int64), codegen


@intrinsic
def store(typingctx: Any, array: Any, index: Any, x: Any) -> Any:
    """Write eight numbers there."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        store_to(builder, args[2], data_of(context, builder, signature.args[0], args[0]), args[1])
        return context.get_dummy_value()

    return types.void(array, types.int64, _eight), codegen


@intrinsic
def column(typingctx: Any, array: Any, index: Any) -> Any:
    """Every eighth number from there on, eight of them."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = ir.IntType(64)
        found = ir.Constant(_VECTOR, ir.Undefined)
        for r in range(EIGHT):
            index = builder.add(args[1], ir.Constant(whole, EIGHT * r))
            data = data_of(context, builder, signature.args[0], args[0])
            one = builder.load(builder.gep(data, [index]), typ=ir.DoubleType())
            found = builder.insert_element(found, one, ir.Constant(ir.IntType(32), r))
        return found

    return _eight(array, types.int64), codegen


@intrinsic
def filled(typingctx: Any, x: Any) -> Any:
    """Eight times the same number."""

    return _eight(types.float64), lambda _, builder, signature, args: in_every_lane(
        builder, args[0], EIGHT
    )


@intrinsic
def times(typingctx: Any, x: Any, y: Any) -> Any:
    """Their products."""
    return _eight(_eight, _eight), lambda _, builder, signature, args: builder.fmul(*args)


@intrinsic
def plus(typingctx: Any, x: Any, y: Any) -> Any:
    """Their sums."""
    return _eight(_eight, _eight), lambda _, builder, signature, args: builder.fadd(*args)


@intrinsic
def minus(typingctx: Any, x: Any, y: Any) -> Any:
    """Their differences."""
    return _eight(_eight, _eight), lambda _, builder, signature, args: builder.fsub(*args)


@intrinsic
def chosen(typingctx: Any, x: Any, y: Any, if_less: Any, else_: Any) -> Any:
    """Numbers of one eight where x < y, of another elsewhere."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        less = builder.fcmp_ordered("<", args[0], args[1])
        return builder.select(less, args[2], args[3])

    return _eight(_eight, _eight, _eight, _eight), codegen


@intrinsic
def over(typingctx: Any, x: Any, y: Any) -> Any:
    """Their ratios."""
    return _eight(_eight, _eight), lambda _, builder, signature, args: builder.fdiv(*args)


@intrinsic
def store_first(typingctx: Any, array: Any, index: Any, x: Any, count: Any) -> Any:
    """Write the first `count` of eight numbers there."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole, small = ir.IntType(64), ir.IntType(32)
        numbers = ir.VectorType(whole, EIGHT)
        count = in_every_lane(builder, args[3], EIGHT)
        mask = builder.icmp_signed("<", ir.Constant(numbers, list(range(EIGHT))), count)
        data = data_of(context, builder, signature.args[0], args[0])
        place = builder.bitcast(builder.gep(data, [args[1]]), _VECTOR.as_pointer())
        kinds = [_VECTOR, place.type, small, mask.type]
        name = "llvm.masked.store.v8f64.p0"
        masked = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), kinds), name
        )
        builder.call(masked, [args[2], place, small(8), mask])
        return context.get_dummy_value()

    return types.void(array, types.int64, _eight, types.int64), codegen


@intrinsic
def shifted_up(typingctx: Any, before: Any, x: Any) -> Any:
    """The last of eight numbers, and seven of the eight behind them."""
    return _eight(_eight, _eight), _shuffled(range(EIGHT - 1, 2 * EIGHT - 1))


@intrinsic
def shifted_down(typingctx: Any, x: Any, behind: Any) -> Any:
    """Seven of eight numbers, and the first of the eight behind them."""
    return _eight(_eight, _eight), _shuffled(range(1, EIGHT + 1))


def _shuffled(places: Any) -> Any:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), EIGHT), list(places))
    return lambda _, builder, signature, args: builder.shuffle_vector(*args, mask)


@intrinsic
def total(typingctx: Any, x: Any) -> Any:
    """Their sum, in pairs."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = [builder.extract_element(args[0], ir.IntType(32)(r)) for r in range(EIGHT)]
        while len(parts) > 1:
            half = len(parts) // 2
            parts = [builder.fadd(a, b) for a, b in zip(parts[:half], parts[half:], strict=True)]
        return parts[0]

    return types.float64(_eight), codegen
