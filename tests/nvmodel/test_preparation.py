import itertools
from collections import Counter
from math import comb

import numpy as np
import pytest
from scipy import stats

from darkbattery.nvmodel.preparation import DickeState, Polarised, dicke_mixture


def test_independent_spins_by_counting_young_tableaux():
    # adding spins one by one: the multiplicity of j counts paths that never fall below 0
    paths = Counter({0.0: 1})
    for _ in range(5):
        grown = Counter()
        for j, count in paths.items():
            grown[j + 0.5] += count
            if j > 0:
                grown[j - 0.5] += count
        paths = grown
    mixture = dicke_mixture(5, Polarised(up=0.3))
    for j, m, p in zip(mixture.j, mixture.m, mixture.probability, strict=True):
        up = 2.5 + m
        # 1e-13: logarithms of factorials to 1e-15, magnitudes up to 10
        assert p == pytest.approx(paths[j] * 0.3**up * 0.7 ** (5 - up), rel=1e-13)
    assert len(mixture.j) == sum(round(2 * j + 1) for j in paths)


@pytest.mark.parametrize(("spins", "up"), [*itertools.product((1, 2, 7, 10_000), (0.2, 0.9))])
def test_excitations_are_binomial(spins, up):
    mixture = dicke_mixture(spins, Polarised(up), tail=1e-12)
    found = np.bincount(np.rint(mixture.m + spins / 2).astype(int), mixture.probability)
    # 1e-12 may be left out; gammaln of 1e4 has errors of 1e-11 of probabilities below 0.02
    expected = stats.binom.pmf(np.arange(found.size), spins, up)
    assert np.abs(found - expected).max() < 2e-12
    assert mixture.probability.sum() == pytest.approx(1.0, abs=2e-11)


def test_all_up_and_all_down_are_one_state():
    assert dicke_mixture(4, Polarised(1.0)).m.tolist() == [2.0]
    assert dicke_mixture(4, Polarised(0.0)).m.tolist() == [-2.0]
    state = dicke_mixture(4, DickeState(2, j=1))
    assert (state.j.tolist(), state.m.tolist()) == ([1.0], [0.0])


def test_multiplicities_add_up_to_all_states():
    mixture = dicke_mixture(6, Polarised(0.5))
    # every basis state has the probability 2^-6, so probabilities count states
    per_energy = np.bincount(np.rint(mixture.m + 3).astype(int), mixture.probability * 64)
    assert per_energy == pytest.approx([comb(6, k) for k in range(7)], rel=1e-13)
