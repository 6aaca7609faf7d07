r"""Sixteen doubles at once, written out for the compiler: rows and columns of a ladder's blocks.

A loop over so few elements that a compiler turns into vectors compares the addresses of all arrays
first, and writes sums to memory after each column. Here all is read before anything is stored, and
sums stay in vector registers.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from darkbattery.trajectories.propagate.grids import POINTS

PARTS = 4  # real and imaginary part of the first function, and of the second

_COLUMN = ir.VectorType(ir.DoubleType(), POINTS)
_POINTER = ir.PointerType(_COLUMN)
_FUSED = ("contract",)


def _load(builder: Any, data: Any, at: Any) -> Any:
    found = builder.load(builder.bitcast(builder.gep(data, [at]), _POINTER))
    found.align = 8
    return found


def _store(builder: Any, value: Any, data: Any, at: Any) -> None:
    builder.store(value, builder.bitcast(builder.gep(data, [at]), _POINTER)).align = 8


def _everywhere(builder: Any, number: Any) -> Any:
    nothing = ir.Constant(_COLUMN, ir.Undefined)
    lane = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    first = ir.Constant(ir.VectorType(ir.IntType(32), POINTS), [0] * POINTS)
    return builder.shuffle_vector(lane, nothing, first)


def _with(builder: Any, value: Any, column: Any, number: float) -> Any:
    """A row with a number in one column: written to memory by itself, a row's load waits for it."""
    whole = ir.VectorType(column.type, POINTS)
    nothing, first = ir.Constant(whole, ir.Undefined), ir.VectorType(ir.IntType(32), POINTS)
    one = builder.insert_element(nothing, column, ir.Constant(ir.IntType(32), 0))
    every = builder.shuffle_vector(one, nothing, ir.Constant(first, [0] * POINTS))
    here = builder.icmp_signed("==", ir.Constant(whole, list(range(POINTS))), every)
    return builder.select(here, ir.Constant(_COLUMN, [number] * POINTS), value)


def _times(builder: Any, a: Any, b: Any) -> Any:
    return builder.fmul(a, b, flags=_FUSED)


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return context.make_array(kind)(context, builder, array).data


@intrinsic
def add_columns(
    typingctx: Any,
    factors: Any,
    place: Any,
    apart: Any,
    solved: Any,
    start: Any,
    points: Any,
    right: Any,
    size: Any,
) -> Any:
    """right (4, POINTS) = a block's inverse with both functions, `size` columns one by one.

    The columns' real parts begin at `place` of `factors`, imaginary ones `apart` from them; the
    functions' parts of the block at `start` of `solved`, each `points` from the next.
    """
    signature = types.void(factors, place, apart, solved, start, points, right, size)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        of_factors, of_solved, of_right = (
            _data(context, builder, signature.args[k], args[k]) for k in (0, 3, 6)
        )
        place, apart, start, points, size = (args[k] for k in (1, 2, 4, 5, 7))
        whole = size.type
        entry = builder.basic_block
        loop, done = builder.append_basic_block("column"), builder.append_basic_block("summed")
        builder.branch(loop)
        builder.position_at_end(loop)
        j, sums = builder.phi(whole), [builder.phi(_COLUMN) for _ in range(PARTS)]
        j.add_incoming(ir.Constant(whole, 0), entry)
        for one in sums:
            one.add_incoming(ir.Constant(_COLUMN, [0.0] * POINTS), entry)
        at = builder.add(place, builder.mul(j, ir.Constant(whole, POINTS)))
        f = _load(builder, of_factors, at)
        g = _load(builder, of_factors, builder.add(at, apart))
        parts, at = [], builder.add(start, j)
        for _ in range(PARTS):
            parts.append(_everywhere(builder, builder.load(builder.gep(of_solved, [at]))))
            at = builder.add(at, points)
        new = []
        for k in (0, 2):
            real, imaginary = parts[k], parts[k + 1]
            one = builder.fadd(sums[k], _times(builder, f, real), flags=_FUSED)
            new.append(builder.fsub(one, _times(builder, g, imaginary), flags=_FUSED))
            one = builder.fadd(sums[k + 1], _times(builder, f, imaginary), flags=_FUSED)
            new.append(builder.fadd(one, _times(builder, g, real), flags=_FUSED))
        following = builder.add(j, ir.Constant(whole, 1))
        j.add_incoming(following, loop)
        for one, value in zip(sums, new, strict=True):
            one.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", following, size), loop, done)
        builder.position_at_end(done)
        for k, value in enumerate(new):
            _store(builder, value, of_right, ir.Constant(whole, k * POINTS))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def less_row(typingctx: Any, a: Any, b: Any, i: Any, c: Any, fr: Any, fi: Any) -> Any:
    """Rows of a + ib (rows, POINTS): row i, with 0 in column c, less fr + i fi times row c."""
    signature = types.void(a, b, i, c, fr, fi)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        of_a, of_b = (_data(context, builder, signature.args[k], args[k]) for k in (0, 1))
        stride = ir.Constant(args[2].type, POINTS)
        to, row = builder.mul(args[2], stride), builder.mul(args[3], stride)
        real, imaginary = _everywhere(builder, args[4]), _everywhere(builder, args[5])
        ar, ai = _load(builder, of_a, row), _load(builder, of_b, row)
        one = _with(builder, _load(builder, of_a, to), args[3], 0.0)
        two = _with(builder, _load(builder, of_b, to), args[3], 0.0)
        one = builder.fsub(one, _times(builder, real, ar), flags=_FUSED)
        one = builder.fadd(one, _times(builder, imaginary, ai), flags=_FUSED)
        two = builder.fsub(two, _times(builder, real, ai), flags=_FUSED)
        two = builder.fsub(two, _times(builder, imaginary, ar), flags=_FUSED)
        _store(builder, one, of_a, to)
        _store(builder, two, of_b, to)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def scale_row(typingctx: Any, a: Any, b: Any, c: Any, fr: Any, fi: Any) -> Any:
    """Rows of a + ib (rows, POINTS): row c, with 1 in column c, times fr + i fi."""
    signature = types.void(a, b, c, fr, fi)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        of_a, of_b = (_data(context, builder, signature.args[k], args[k]) for k in (0, 1))
        row = builder.mul(args[2], ir.Constant(args[2].type, POINTS))
        real, imaginary = _everywhere(builder, args[3]), _everywhere(builder, args[4])
        one = _with(builder, _load(builder, of_a, row), args[2], 1.0)
        two = _with(builder, _load(builder, of_b, row), args[2], 0.0)
        new = builder.fsub(builder.fmul(one, real), builder.fmul(two, imaginary))
        other = builder.fadd(builder.fmul(one, imaginary), builder.fmul(two, real))
        _store(builder, new, of_a, row)
        _store(builder, other, of_b, row)
        return context.get_dummy_value()

    return signature, codegen
