import numpy as np
import pytest
from scipy.linalg import expm

from trajectories.angular import coupled_basis
from trajectories.chains import pair_chains, propagate


@pytest.mark.parametrize("nbar", [0.0, 0.4, 5.0])
def test_propagation_against_dense_exponentials(nbar):
    basis = coupled_basis(3, 7)
    chains = pair_chains(basis, nbar, furthest=9)
    rng = np.random.default_rng(1)
    start = np.where(chains.inside(basis), rng.random(chains.loss.shape), 0.0)
    start /= start.sum()
    taus = np.array([0.0, 1e-6, 0.013, 0.2, 3.0, 40.0, 1e9])
    states, _, _ = propagate(chains, start, taus, np.zeros_like(start))
    for c in range(start.shape[1]):
        generator = np.diag(-chains.loss[:, c])
        generator += np.diag(chains.gain_above[1:, c], -1) + np.diag(chains.gain_below[:-1, c], 1)
        for tau, state in zip(taus[:-1], states, strict=False):
            # 1e-11: the residues of size 1e4 carry rounding of 1e-12 through some fifty steps
            np.testing.assert_allclose(state[:, c], expm(generator * tau) @ start[:, c], atol=1e-11)
    # in the end only what the generator keeps: diagonal pairs, in equilibrium
    diagonal = chains.first == chains.second
    assert np.abs(states[-1][:, ~diagonal]).max() < 1e-12
    kept = states[-1][:, diagonal].sum(axis=0)
    np.testing.assert_allclose(kept, start[:, diagonal].sum(axis=0), atol=1e-11)


def test_integral_counts_what_leaves():
    basis = coupled_basis(2, 6)
    chains = pair_chains(basis, 0.0, furthest=0)
    start = np.zeros_like(chains.loss)
    start[round(chains.M[0] - basis.m_start)] = basis.weight
    taus = np.linspace(0.0, 4.0, 9)
    states, integral, _ = propagate(chains, start, taus, chains.loss)
    mean_m = (states * chains.M[:, None]).sum(axis=(1, 2))
    # 1e-10: M up to 4, states to 1e-11
    np.testing.assert_allclose(integral, basis.m_start - mean_m, atol=1e-10)
