r"""Resolvents :math:`(hQ-z)^{-1}` of a block tridiagonal generator on a ladder's grid.

The blocks of `trajectories.propagate.grids.Blocks` have one row or up to 16, and are coupled to the
next by one column and to the previous by one row. Two functions are solved for at a time, with real
and imaginary parts apart, at all poles abreast: along single rungs each number waits for the one
before, and the poles do not wait for each other. Inverses are kept column by column, so that a
block's sums fill vector registers.

Sixteen doubles at once, rows and columns of a block, are written out for the compiler: a loop over
so few elements that it turns into vectors compares the addresses of all arrays first, and writes
sums to memory after each column. Here all is read before anything is stored, and sums stay in
vector registers.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import INNER
from darkbattery.trajectories.propagate.grids import POINTS, Blocks
from darkbattery.trajectories.propagate.radau import POLES

Array = NDArray[np.float64]

# sums over rows fill vector registers where they may be taken in any order
SUMS: dict[str, Any] = {**INNER, "fastmath": {"reassoc", "contract"}}


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


@njit(**INNER)
def factorise(h: float, q: Blocks, factors: Array) -> None:
    """Inverses of the diagonal blocks of hQ - z for each pole z, eliminated from the last one up.

    They come into `factors` (poles, 2, points, `POINTS`), which must be zero at first: real and
    imaginary parts of the column of each point.
    """
    last = q.first.size - 2
    a, b = np.zeros((POINTS, POINTS)), np.zeros((POINTS, POINTS))
    pivots = np.empty(POINTS, np.int64)
    for e in range(last, -1, -1):
        if q.first[e + 1] - q.first[e] == 1:
            _invert_rung(h, q, e, last, factors)
            continue
        for pole in range(POLES.size):
            _invert_block(h, q, e, last, POLES[pole], factors[pole], a, b, pivots)


@njit(**INNER)
def _invert_rung(h: float, q: Blocks, e: int, last: int, factors: Array) -> None:
    """The inverse of a block of one rung, at all poles: they do not wait for each other."""
    rung, own, left = q.first[e], h * q.inner[q.start[e]], h * h * q.below[q.first[e]]
    for pole in range(POLES.size):
        a, b = own - POLES[pole].real, 0.0 - POLES[pole].imag
        if e < last:
            a -= left * factors[pole, 0, rung + 1, 0] * q.above[e + 1, 0]
            b -= left * factors[pole, 1, rung + 1, 0] * q.above[e + 1, 0]
        square = a * a + b * b
        factors[pole, 0, rung, 0], factors[pole, 1, rung, 0] = a / square, -b / square


@njit(**INNER)
def _invert_block(
    h: float,
    q: Blocks,
    e: int,
    last: int,
    pole: complex,
    factor: Array,
    a: Array,
    b: Array,
    pivots: NDArray[np.int64],
) -> None:
    """The inverse of a block at one pole into its `factor`; a and b are room."""
    size, start = q.first[e + 1] - q.first[e], q.start[e]
    for i in range(size):
        for j in range(size):
            a[i, j], b[i, j] = h * q.inner[start + i * size + j], 0.0
        a[i, i] -= pole.real
        b[i, i] -= pole.imag
    if e < last:
        cr, ci = factor[0, q.first[e + 1], 0], factor[1, q.first[e + 1], 0]
        for i in range(size):
            left = h * h * q.below[q.first[e] + i]
            for j in range(size):
                a[i, j] -= left * cr * q.above[e + 1, j]
                b[i, j] -= left * ci * q.above[e + 1, j]
    _invert(a, b, size, pivots)
    for i in range(size):
        for j in range(size):
            factor[0, q.first[e] + j, i] = a[i, j]
            factor[1, q.first[e] + j, i] = b[i, j]


@njit(**INNER)
def _invert(a: Array, b: Array, n: int, pivots: NDArray[np.int64]) -> None:
    """The inverse of a + ib in place, by Gauss and Jordan with exchanges of rows."""
    for c in range(n):
        pivot, largest = c, -1.0
        for i in range(c, n):
            modulus = a[i, c] * a[i, c] + b[i, c] * b[i, c]
            if modulus > largest:
                pivot, largest = i, modulus
        pivots[c] = pivot
        if pivot != c:
            for j in range(n):
                a[c, j], a[pivot, j] = a[pivot, j], a[c, j]
                b[c, j], b[pivot, j] = b[pivot, j], b[c, j]
        scale_row(a, b, c, a[c, c] / largest, -b[c, c] / largest)
        for i in range(n):
            if i != c:
                less_row(a, b, i, c, a[i, c], b[i, c])
    for c in range(n - 1, -1, -1):
        pivot = pivots[c]
        if pivot != c:
            for i in range(n):
                a[i, c], a[i, pivot] = a[i, pivot], a[i, c]
                b[i, c], b[i, pivot] = b[i, pivot], b[i, c]


@njit(**SUMS)
def apply(q: Blocks, x: Array, rate: Array) -> None:
    """rate = Q x for two functions (2, points)."""
    blocks = q.first.size - 1
    for e in range(blocks):
        low, high = q.first[e], q.first[e + 1]
        if 0 < e < blocks - 1 and q.first[e + 2] - q.first[e - 1] == 3:
            _change_of_rung(q.above[e, 0], q.inner[q.start[e]], q.below[low], x, rate, low)
            continue
        for i in range(high - low):
            row = q.start[e] + i * (high - low)
            one, two = 0.0, 0.0
            for j in range(high - low):
                one += q.inner[row + j] * x[0, low + j]
                two += q.inner[row + j] * x[1, low + j]
            if high < x.shape[1]:
                one += q.below[low + i] * x[0, high]
                two += q.below[low + i] * x[1, high]
            rate[0, low + i], rate[1, low + i] = one, two
        if e:
            before = q.first[e - 1]
            for j in range(low - before):
                rate[0, low] += q.above[e, j] * x[0, before + j]
                rate[1, low] += q.above[e, j] * x[1, before + j]


@njit(**SUMS)
def solve(h: float, factors: Array, q: Blocks, x: Array, solved: Array) -> None:
    """(hQ - z)^-1 x for each pole z and two functions x (2, points), with `factorise`'s factors.

    Up through the blocks for their first points, then down for all. `solved` (poles, 4, points)
    becomes real and imaginary part of the first, and of the second.
    """
    poles, points, blocks = factors.shape[0], x.shape[1], q.first.size - 1
    right = np.empty((PARTS, POINTS))
    for p in range(poles):
        for i in range(points):
            solved[p, 0, i], solved[p, 1, i] = x[0, i], 0.0
            solved[p, 2, i], solved[p, 3, i] = x[1, i], 0.0
    for e in range(blocks - 1, 0, -1):
        before, low, high = q.first[e - 1], q.first[e], q.first[e + 1]
        if high - before == 2:
            _up_a_rung(h * q.below[before], factors, solved, low)
            continue
        for p in range(poles):
            ar, ai, br, bi = _first_row(factors, solved, p, low, high)
            for i in range(before, low):
                below = h * q.below[i]
                solved[p, 0, i] -= below * ar
                solved[p, 1, i] -= below * ai
                solved[p, 2, i] -= below * br
                solved[p, 3, i] -= below * bi
    for e in range(blocks):
        low, high = q.first[e], q.first[e + 1]
        if e and high - q.first[e - 1] == 2:
            _down_a_rung(h * q.above[e, 0], factors, solved, low)
            continue
        for p in range(poles):
            if e:
                _take_from_above(h, q, solved, p, e)
            place = (2 * p * points + low) * POINTS
            start = PARTS * p * points + low
            add_columns(factors, place, points * POINTS, solved, start, points, right, high - low)
            for part in range(PARTS):
                for i in range(high - low):
                    solved[p, part, low + i] = right[part, i]


# of single rungs: written out in the loops over them, since a call takes longer than its work


@njit(inline="always")
def _change_of_rung(above: Any, own: Any, below: Any, x: Any, rate: Any, rung: Any) -> None:
    """Q x of a rung between two others."""
    here = np.uint64(rung)
    before, after = np.uint64(rung - 1), np.uint64(rung + 1)
    for c in range(x.shape[0]):
        rate[c, here] = above * x[c, before] + (own * x[c, here] + below * x[c, after])


@njit(inline="always")
def _up_a_rung(below: Any, factors: Any, solved: Any, rung: Any) -> None:
    """From the rung above what it has from this one, at all poles."""
    # unsigned: an index that might count from the end costs a comparison
    here, above = np.uint64(rung), np.uint64(rung - 1)
    for pole in range(factors.shape[0]):
        p = np.uint64(pole)
        f, g = below * factors[p, 0, here, 0], below * factors[p, 1, here, 0]
        ar, ai = solved[p, 0, here], solved[p, 1, here]
        br, bi = solved[p, 2, here], solved[p, 3, here]
        solved[p, 0, above] -= f * ar - g * ai
        solved[p, 1, above] -= f * ai + g * ar
        solved[p, 2, above] -= f * br - g * bi
        solved[p, 3, above] -= f * bi + g * br


@njit(inline="always")
def _down_a_rung(above: Any, factors: Any, solved: Any, rung: Any) -> None:
    """This rung, with what it has from the one above, at all poles."""
    here, before = np.uint64(rung), np.uint64(rung - 1)
    for pole in range(factors.shape[0]):
        p = np.uint64(pole)
        f, g = factors[p, 0, here, 0], factors[p, 1, here, 0]
        ar = solved[p, 0, here] - above * solved[p, 0, before]
        ai = solved[p, 1, here] - above * solved[p, 1, before]
        br = solved[p, 2, here] - above * solved[p, 2, before]
        bi = solved[p, 3, here] - above * solved[p, 3, before]
        solved[p, 0, here], solved[p, 1, here] = f * ar - g * ai, f * ai + g * ar
        solved[p, 2, here], solved[p, 3, here] = f * br - g * bi, f * bi + g * br


@njit(**SUMS)
def _first_row(
    factors: Array, solved: Array, p: int, low: int, high: int
) -> tuple[float, float, float, float]:
    """The first row of a block's inverse with both functions."""
    f, g = factors[p, 0, low, 0], factors[p, 1, low, 0]
    a, b, c, d = solved[p, 0, low], solved[p, 1, low], solved[p, 2, low], solved[p, 3, low]
    ar, ai, br, bi = f * a - g * b, f * b + g * a, f * c - g * d, f * d + g * c
    for j in range(low + 1, high):
        f, g = factors[p, 0, j, 0], factors[p, 1, j, 0]
        a, b, c, d = solved[p, 0, j], solved[p, 1, j], solved[p, 2, j], solved[p, 3, j]
        ar += f * a - g * b
        ai += f * b + g * a
        br += f * c - g * d
        bi += f * d + g * c
    return ar, ai, br, bi


@njit(**SUMS)
def _take_from_above(h: float, q: Blocks, solved: Array, p: int, e: int) -> None:
    """From a block's first point what its row has from the block above."""
    before, low = q.first[e - 1], q.first[e]
    for part in range(PARTS):
        total = 0.0
        for j in range(low - before):
            total += q.above[e, j] * solved[p, part, before + j]
        solved[p, part, low] -= h * total
