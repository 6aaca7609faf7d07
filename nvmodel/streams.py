r"""The random numbers of run i: a counter-based stream fixed by (seed, i) alone.

The generator is Philox4x64-10 (Salmon, Moraes, Dror and Shaw, SC'11): ten rounds of a keyed
permutation of a 256-bit counter. The stream of run i under `seed` is what
``numpy.random.Philox(key=[seed, domain], counter=[0, i, 0, 0]).random_raw()`` gives, so that a
single number of any run can be had anywhere, in any order. `domain` separates the engines.

Logarithm and exponential are written out in IEEE operations: vector units can run them, and the
bits do not depend on a machine's mathematical library.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import INNER

Array = NDArray[np.float64]
Words = NDArray[np.uint64]

QUANTUM_JUMPS = 1
TRUNCATED_WIGNER = 2
PHOTON_DETECTION = 3
JUMP_GROUPS = 4
JUMPS_OF_A_MODE = 5
DIFFUSIVE_RECORDS = 6
WORDS = 4  # 64-bit words of one Philox block

_M0, _M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
# halves of both: products of 32 bits are what vector units have
_HALF, _LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)
_M0_HIGH, _M0_LOW = _M0 >> _HALF, _M0 & _LOW_HALF
_M1_HIGH, _M1_LOW = _M1 >> _HALF, _M1 & _LOW_HALF
_W0, _W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_LN2_HIGH = 0.693147180369123816490  # ln 2 = high + low, high with 21 trailing zero bits
_LN2_LOW = 1.90821492927058770002e-10
_ROUNDER = 6755399441055744.0  # 1.5 * 2^52
# A whole number n < 2^52 below these bits is the double 2^52 + n: vector units without an
# instruction to convert 64-bit numbers need none, and a subtraction leaves n, exactly.
_WHOLE_BITS, _WHOLE = np.uint64(0x4330000000000000), 4503599627370496.0
_FRACTION = np.uint64(0x000FFFFFFFFFFFFF)
_ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD)  # of 1/sqrt 2
_BIAS = 1024  # keeps exponents positive


@intrinsic
def _wide_product(typingctx: Any, a: Any, b: Any) -> Any:
    """Upper and lower word of a 64 x 64 bit product: one instruction that numpy lacks."""
    pair = types.UniTuple(types.uint64, 2)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wide, word = ir.IntType(128), ir.IntType(64)
        product = builder.mul(builder.zext(args[0], wide), builder.zext(args[1], wide))
        high = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), word)
        return context.make_tuple(builder, pair, (high, builder.trunc(product, word)))

    return pair(types.uint64, types.uint64), codegen


@intrinsic
def _bits_of(typingctx: Any, x: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def _float_of(typingctx: Any, bits: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@njit(inline="always")
def philox_block(seed: Any, domain: Any, run: Any, block: Any) -> tuple[Any, Any, Any, Any]:
    """Four 64-bit words of run `run`: numbers 4*block ... 4*block + 3 of its stream."""
    c0, c1 = np.uint64(block + 1), np.uint64(run)
    c2, c3 = np.uint64(0), np.uint64(0)
    k0, k1 = np.uint64(seed), np.uint64(domain)
    for _ in range(10):
        h0, l0 = _wide_product(_M0, c0)
        h1, l1 = _wide_product(_M1, c2)
        c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
        k0, k1 = k0 + _W0, k1 + _W1
    return c0, c1, c2, c3


@njit(inline="always")
def run_product(seed: Any, run: Any) -> tuple[Any, Any]:
    """The one product of the first two rounds that depends on the run; it does not on the block."""
    return _wide_product(_M0, np.uint64(run) ^ np.uint64(seed))


@njit(inline="always")
def block_beginning(seed: Any, domain: Any, block: Any) -> tuple[Any, Any, Any, Any, Any, Any]:
    """What three rounds of a block have in common for all runs, and the keys that follow."""
    k0, k1 = np.uint64(seed), np.uint64(domain)
    h0, l0 = _wide_product(_M0, np.uint64(block + 1))
    h1, l1 = _wide_product(_M1, h0 ^ k1)
    k0, k1 = k0 + _W0, k1 + _W1
    second, third = l0 ^ k1, h1 ^ k0
    k0, k1 = k0 + _W0, k1 + _W1
    h0, l0 = _wide_product(_M0, third)
    return second, l1 ^ k0, h0 ^ k1, l0, k0, k1


@njit(inline="always")
def block_of_run(beginning: Any, high: Any, low: Any) -> tuple[Any, Any, Any, Any]:
    """`philox_block` from what a block and a run (`run_product`) have come to, in vector registers.

    Three quarters of its products are left.
    """
    second, e0, e2, e3, k0, k1 = beginning
    h1, l1 = _product_of_halves(high ^ second, _M1, _M1_HIGH, _M1_LOW)
    c0, c1, c2, c3 = h1 ^ e0, l1, low ^ e2, e3
    for _ in range(7):
        k0, k1 = k0 + _W0, k1 + _W1
        h0, l0 = _product_of_halves(c0, _M0, _M0_HIGH, _M0_LOW)
        h1, l1 = _product_of_halves(c2, _M1, _M1_HIGH, _M1_LOW)
        c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
    return c0, c1, c2, c3


@njit(inline="always")
def _product_of_halves(x: Any, m: Any, high: Any, low: Any) -> tuple[Any, Any]:
    """`_wide_product` of x and m, whose halves are `high` and `low`."""
    x_high, x_low = x >> _HALF, x & _LOW_HALF
    middle = x_high * low + (x_low * low >> _HALF)
    other = x_low * high + (middle & _LOW_HALF)
    return x_high * high + (middle >> _HALF) + (other >> _HALF), x * m


@njit(inline="always")
def unit(word: Any) -> Any:
    """A word as a number in (0, 1): 52 bits at the middle of their cell, never 0, never 1."""
    return (_float_of(np.int64((word >> np.uint64(12)) | _WHOLE_BITS)) - (_WHOLE - 0.5)) * 2.0**-52


@njit(inline="always")
def fill_uniform(seed: Any, domain: Any, run: Any, block: Any, out: Any) -> None:
    """Fill `out` (a multiple of 4 long) with uniform numbers in (0, 1) from block `block` on."""
    for j in range(out.size // WORDS):
        a, b, c, d = philox_block(seed, domain, run, block + j)
        out[4 * j] = unit(a)
        out[4 * j + 1] = unit(b)
        out[4 * j + 2] = unit(c)
        out[4 * j + 3] = unit(d)


@njit(inline="always")
def log_unit(x: Any) -> Any:
    r"""Natural logarithm of a normal :math:`x>0`, to 2 ulp.

    :math:`x=2^em` with m in :math:`[1/\sqrt2,\sqrt2)`; :math:`\ln m=2\,\mathrm{artanh}\,s`,
    :math:`s=(m-1)/(m+1)`, :math:`|s|<0.172`, whose series needs ten terms.
    """
    # moves the mantissa's split from [1, 2) to [1/sqrt 2, sqrt 2)
    moved = np.uint64(_bits_of(x)) - _ROOT_HALF + np.uint64(_BIAS << 52)
    m = _float_of(np.int64((moved & _FRACTION) + _ROOT_HALF))
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    z2 = z * z
    z4 = z2 * z2
    low = (1.0 / 3 + z * (1.0 / 5)) + z2 * (1.0 / 7 + z * (1.0 / 9))
    high = (1.0 / 11 + z * (1.0 / 13)) + z2 * (1.0 / 15 + z * (1.0 / 17))
    series = z * (low + z4 * (high + z4 * (1.0 / 19)))
    e = _float_of(np.int64((moved >> np.uint64(52)) | _WHOLE_BITS)) - (_WHOLE + _BIAS)
    return e * _LN2_HIGH + (2.0 * s + (2.0 * s * series + e * _LN2_LOW))


@njit(inline="always")
def exp_clamped(x: Any) -> Any:
    r""":math:`\exp(\min(\max(x,-700),700))`, to 2 ulp."""
    x = x if x > -700.0 else -700.0
    return exp_bounded(x if x < 700.0 else 700.0)


@njit(inline="always")
def exp_bounded(x: Any) -> Any:
    """:math:`e^x` for x in -700 ... 700, to 2 ulp: :math:`2^n` times the series of the rest."""
    # adding 1.5 2^52 rounds to a whole number and leaves it in the low bits
    shifted = x * 1.4426950408889634 + _ROUNDER
    n = shifted - _ROUNDER
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    # the series to r^12, in pairs: short chains of dependent operations
    r2 = r * r
    r4 = r2 * r2
    low = (1.0 + r) + r2 * (1.0 / 2 + r * (1.0 / 6))
    middle = (1.0 / 24 + r * (1.0 / 120)) + r2 * (1.0 / 720 + r * (1.0 / 5040))
    high = (1.0 / 40320 + r * (1.0 / 362880)) + r2 * (1.0 / 3628800 + r * (1.0 / 39916800))
    p = low + r4 * (middle + r4 * (high + r4 * (1.0 / 479001600)))
    return p * _float_of((_bits_of(shifted) + 1023) << 52)


@njit(**INNER)
def fill_words(seed: int, domain: int, run: int, block: int, words: Words, count: int) -> None:
    """The first `count` words (a multiple of 4) of run `run` from block `block` on."""
    for j in range(count // WORDS):
        a, b, c, d = philox_block(seed, domain, run, block + j)
        words[4 * j] = a
        words[4 * j + 1] = b
        words[4 * j + 2] = c
        words[4 * j + 3] = d


@njit(**INNER)
def to_exponential(words: Words, count: int, out: Array) -> None:
    """Unit-mean exponential numbers, -ln(uniform), of the first `count` words.

    A loop of its own, so that it runs in vector registers: 1.5 ns a number instead of 6.
    """
    for j in range(count):
        out[j] = -log_unit(unit(words[j]))
