import numpy as np
import pytest
from numba import njit

from darkbattery.nvmodel import streams


@njit
def _uniform(seed, domain, run, block, n):
    out = np.empty(n)
    streams.fill_uniform(seed, domain, run, block, out)
    return out


@njit
def _unit(word):
    return streams.unit(word)


@njit
def _log(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = streams.log_unit(x[i])
    return out


@njit
def _exp(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = streams.exp_clamped(x[i])
    return out


@pytest.mark.parametrize(("seed", "run"), [(0, 0), (7, 12345), (2**64 - 1, 2**32 - 1)])
def test_stream_is_numpys_philox(seed, run):
    key = np.array([seed, 1], dtype=np.uint64)
    words = np.random.Philox(key=key, counter=[0, run, 0, 0]).random_raw(16)
    expected = ((words >> 12) + 0.5) * 2.0**-52
    assert np.array_equal(_uniform(np.uint64(seed), 1, run, 0, 16), expected)
    assert np.array_equal(_uniform(np.uint64(seed), 1, run, 2, 8), expected[8:])


def test_uniform_numbers_never_reach_zero_or_one():
    """At the extreme words, through the function that is used."""
    low, high = _unit(np.uint64(0)), _unit(np.uint64(2**64 - 1))
    assert 0.0 < low < 2.0**-52
    assert 1.0 - 2.0**-52 < high < 1.0


def test_logarithm_to_two_ulp():
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.random(10**5), 1 - 2.0 ** -np.arange(1, 53), 2.0 ** -np.arange(1, 60)])
    # two units in the last place, 2^-52 each, relative to the value
    np.testing.assert_allclose(_log(x), np.log(x), rtol=4.5e-16)


def test_exponential_to_two_ulp_and_clamped():
    x = np.concatenate([np.linspace(-690, 690, 10**5), [0.0]])
    # two units of 2^-52, and what numpy's own may be off
    np.testing.assert_allclose(_exp(x), np.exp(x), rtol=6e-16)
    assert _exp(np.array([-np.inf]))[0] < 1e-303
    assert np.isfinite(_exp(np.array([1e9]))[0])
