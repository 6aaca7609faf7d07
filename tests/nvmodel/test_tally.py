import numpy as np
import pytest
from numba import njit

from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.tally import BITS, FULL, ExactSums, add_value, is_clipped, quantised

GENERATOR = np.random.default_rng(1)
VALUES = GENERATOR.uniform(-2.0, 2.0, (1000, 3, 4))


def limbs(sums):
    return sums.total, sums.square_low, sums.square_high, sums.count, sums.clipped


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(limbs(one), limbs(two), strict=True))


def test_mean_and_variance_are_numpys():
    sums = ExactSums.of(VALUES, bound=2.0)
    # one value is off by at most bound 2^-31; a mean of them by no more
    np.testing.assert_allclose(sums.mean(), VALUES.mean(axis=0), atol=2.0**-30)
    np.testing.assert_allclose(sums.variance(), VALUES.var(axis=0, ddof=1), atol=4 * 2.0**-29)


def test_merging_is_associative_and_commutative_to_the_bit():
    whole = ExactSums.of(VALUES, bound=2.0)
    a, b, c = (ExactSums.of(part, bound=2.0) for part in np.split(VALUES, [137, 613]))
    assert same(a.merge(b).merge(c), whole)
    assert same(a.merge(b.merge(c)), whole)
    assert same(c.merge(a).merge(b), whole)


def test_kernel_and_numpy_agree_to_the_bit():
    @njit
    def add_all(values, scale, total, low, high):
        for run in range(values.shape[0]):
            for i in range(values.shape[1]):
                for j in range(values.shape[2]):
                    add_value(values[run, i, j], scale, total, low, high, (i, j))

    total, low, high = (np.zeros((3, 4), dtype=np.int64) for _ in range(3))
    add_all(VALUES, FULL / 1.5, total, low, high)  # some are cut off
    cut = ExactSums.of(VALUES, bound=1.5)
    assert np.array_equal(total, cut.total)
    assert np.array_equal(low, cut.square_low)
    assert np.array_equal(high, cut.square_high)
    assert cut.clipped == np.count_nonzero(np.abs(VALUES) > 1.5)


@pytest.mark.parametrize("x", [np.nan, np.inf, -np.inf, 1.1, -1.1])
def test_what_lies_beyond_is_cut_and_counted(x):
    assert is_clipped(x, FULL)
    assert abs(quantised(x, FULL)) == 1 << BITS
    assert ExactSums.of([x, 0.5], bound=1.0).clipped == 1


def test_no_overflow_at_2_to_the_32_runs():
    most = ExactSums.of([-1.0], bound=1.0)
    for _ in range(32):
        most = most.merge(most)
    assert most.count == 1 << 32
    assert most.mean() == -1.0
    assert most.variance() == 0.0
    with pytest.raises(InputError, match="at most"):
        most.merge(most)


def test_small_spread_on_a_large_mean_keeps_its_digits():
    # E.g. an energy of 0.9994 with a spread of 1e-6 over runs
    values = 0.9994 + 1e-6 * GENERATOR.standard_normal(10_000)
    # rounding moves each value by about 3e-10, at random: 2 * 3e-4 of the spread / sqrt(10^4)
    variance = ExactSums.of(values, bound=1.0).variance()
    np.testing.assert_allclose(variance, values.var(ddof=1), rtol=2e-5)


def test_different_studies_do_not_merge():
    with pytest.raises(InputError, match="must equal"):
        ExactSums.of([0.5], bound=1.0).merge(ExactSums.of([0.5], bound=2.0))


def test_too_few_runs_have_no_variance():
    assert np.isnan(ExactSums.of([0.5], bound=1.0).variance())
