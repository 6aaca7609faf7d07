"""Gamma and binomial numbers against scipy's distributions."""

import numpy as np
import pytest
from numba import njit
from scipy import stats

from darkbattery.trajectories.jumps.photons.variates import (
    binomial_number,
    gamma_number,
    new_source,
    rewind,
)

DRAWS = 50_000
LEAST_P = 1e-4  # with fixed seeds; a right sampler fails one in 1e4 choices of seed


@njit(error_model="numpy")
def gammas(shape, source, out):
    for run in range(out.size):
        rewind(source)
        out[run] = gamma_number(shape, np.uint64(5), run, source)


@njit(error_model="numpy")
def binomials(trials, p, source, out):
    for run in range(out.size):
        rewind(source)
        out[run] = binomial_number(trials, p, np.uint64(5), run, source)


@pytest.mark.parametrize("shape", [1.0, 3.7, 64.0, 1e4])
def test_gamma_numbers(shape):
    found = np.empty(DRAWS)
    gammas(shape, new_source(), found)
    assert stats.kstest(found, stats.gamma(shape).cdf).pvalue > LEAST_P


@pytest.mark.parametrize("shape", [1e12, 1e15])
def test_gamma_numbers_of_large_shape_are_normal(shape):
    """The skewness, 2/sqrt(shape), is below 2e-6: not seen in so many draws."""
    found = np.empty(DRAWS)
    gammas(shape, new_source(), found)
    assert stats.kstest((found - shape) / np.sqrt(shape), stats.norm.cdf).pvalue > LEAST_P


@pytest.mark.parametrize(
    ("trials", "p"),
    [(10, 0.3), (100, 0.1), (100, 0.5), (5000, 0.25), (10**6, 1e-5), (10**13, 1e-12)],
)
def test_binomial_numbers(trials, p):
    found = np.empty(DRAWS, dtype=np.int64)
    binomials(trials, p, new_source(), found)
    counts = np.bincount(found)
    expected = DRAWS * stats.binom(trials, p).pmf(np.arange(counts.size))
    many = expected > 10.0  # where chi squared holds
    chi2 = ((counts - expected)[many] ** 2 / expected[many]).sum()
    assert stats.chi2(many.sum() - 1).sf(chi2) > LEAST_P


@pytest.mark.parametrize(("trials", "p"), [(10**12, 0.25), (10**15, 0.4)])
def test_binomial_numbers_of_many_trials_are_normal(trials, p):
    found = np.empty(DRAWS, dtype=np.int64)
    binomials(trials, p, new_source(), found)
    scaled = (found - trials * p) / np.sqrt(trials * p * (1.0 - p))
    assert stats.kstest(scaled, stats.norm.cdf).pvalue > LEAST_P


def test_a_run_draws_the_same_numbers_again():
    first, second = np.empty(10), np.empty(10)
    gammas(5.0, new_source(), first)
    gammas(5.0, new_source(), second)
    assert np.array_equal(first, second)
    assert np.unique(first).size == 10
