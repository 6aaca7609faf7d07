r"""Gamma and binomial random numbers from a run's stream, in IEEE operations alone.

Both are exact for parameters of any size: what rounding adds is of the order of 1e-16 of the
parameter. Normal numbers by Marsaglia's polar method; gamma numbers by rejection from a cubed
normal (Marsaglia and Tsang 2000); binomial numbers from the middle one of n ordered uniform
numbers, which leaves a binomial of about sqrt(n) trials to draw (Devroye 1986, chapter X.4).
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.streams import JUMP_GROUPS, WORDS, Words, log_unit, philox_block, unit

Counts = NDArray[np.int64]

FEW_SUCCESSES = 16.0  # so many are counted one by one


class Source(NamedTuple):
    """Where a run's stream stands: the words of one block, the next of them, the next block."""

    words: Words
    place: Counts


def new_source() -> Source:
    """A source that `rewind` sets to the start of a run."""
    return Source(np.empty(WORDS, dtype=np.uint64), np.zeros(2, dtype=np.int64))


@njit(error_model="numpy")
def rewind(source: Source) -> None:
    """To the first number of a run."""
    source.place[0], source.place[1] = WORDS, 0


@njit(error_model="numpy")
def next_unit(seed: int, run: int, source: Source) -> float:
    """The next number in (0, 1) of a run."""
    words, place = source.words, source.place
    if place[0] == WORDS:
        a, b, c, d = philox_block(seed, JUMP_GROUPS, run, place[1])
        words[0], words[1], words[2], words[3] = a, b, c, d
        place[0], place[1] = 0, place[1] + 1
    place[0] += 1
    return float(unit(words[place[0] - 1]))


@njit(error_model="numpy")
def normal_number(seed: int, run: int, source: Source) -> float:
    """Of mean 0 and variance 1."""
    while True:
        x = 2.0 * next_unit(seed, run, source) - 1.0
        y = 2.0 * next_unit(seed, run, source) - 1.0
        square = x * x + y * y
        if 0.0 < square < 1.0:
            return float(x * np.sqrt(-2.0 * log_unit(square) / square))


@njit(error_model="numpy")
def gamma_number(shape: float, seed: int, run: int, source: Source) -> float:
    """With density x^(shape - 1) exp(-x) / Gamma(shape), shape >= 1."""
    d = shape - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    while True:
        x = normal_number(seed, run, source)
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        v = v * v * v
        u = next_unit(seed, run, source)
        if log_unit(u) < 0.5 * x * x + d * (1.0 - v + log_unit(v)):
            return d * v


@njit(error_model="numpy")
def binomial_number(trials: int, p: float, seed: int, run: int, source: Source) -> int:
    """Successes in so many trials with probability 0 <= p < 1 each."""
    found, sign = 0, 1
    while trials * p > FEW_SUCCESSES:
        i = int((trials + 1.0) * p)
        below = gamma_number(float(i), seed, run, source)
        middle = below / (below + gamma_number(trials + 1.0 - i, seed, run, source))
        # the i-th smallest of `trials` uniform numbers: a trial succeeds if its number is below p
        if middle <= p:
            found, trials = found + sign * i, trials - i
            p = (p - middle) / (1.0 - middle)
        else:
            # of the i - 1 below it, those that fail are few: they are drawn instead
            found, trials = found + sign * (i - 1), i - 1
            p, sign = (middle - p) / middle, -sign
    return found + sign * _few_successes(trials, p, seed, run, source)


@njit(error_model="numpy")
def _few_successes(trials: int, p: float, seed: int, run: int, source: Source) -> int:
    """The same from the gaps between successes, which are geometric."""
    if p <= 0.0:
        return 0
    # ln(1 - p), whose digits 1 - p would lose for small p
    log_miss = log_unit(1.0 - p) if p > 1e-5 else -p * (1.0 + p * (0.5 + p / 3.0))
    found, place = 0, 0.0
    while True:
        place += 1.0 + np.floor(log_unit(next_unit(seed, run, source)) / log_miss)
        if place > trials:
            return found
        found += 1
