import numpy as np
import pytest
from scipy.linalg import expm

from darkbattery.trajectories.propagate import chainsteps
from darkbattery.trajectories.propagate.chains import pair_chains, propagate, unknown_paces
from darkbattery.trajectories.space.angular import coupled_basis


@pytest.mark.parametrize("nbar", [0.0, 0.4, 5.0])
def test_propagation_against_dense_exponentials(nbar):
    basis = coupled_basis(3, 7)
    chains = pair_chains(basis, nbar, furthest=9)
    rng = np.random.default_rng(1)
    start = np.where(chains.inside(basis), rng.random(chains.loss.shape), 0.0)
    start /= start.sum()
    taus = np.array([0.0, 1e-6, 0.013, 0.2, 3.0, 40.0, 1e9])
    states, _, _ = propagate(chains, start, taus, np.zeros((0, *start.shape)))
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


@pytest.mark.parametrize("nbar", [0.0, 0.4])
def test_states_read_within_steps_against_dense_exponentials(nbar):
    basis = coupled_basis(3, 7)
    chains = pair_chains(basis, nbar, furthest=9)
    rng = np.random.default_rng(5)
    start = np.where(chains.inside(basis), rng.random(chains.loss.shape), 0.0)
    start /= start.sum()
    taus = np.sort(rng.random(80)) * 0.6  # some ten to a step
    emission = np.where(chains.first == chains.second, chains.loss, 0.0)
    states, (integral,), error = propagate(chains, start, taus, emission[None])
    seen = np.arange(0, taus.size, 5)  # two to a step: exponentials are slow
    photons = np.zeros(taus.size)
    for c in range(start.shape[1]):
        generator = np.diag(-chains.loss[:, c])
        generator += np.diag(chains.gain_above[1:, c], -1) + np.diag(chains.gain_below[:-1, c], 1)
        # one more row for the integral
        counted = np.block([[generator, np.zeros((len(generator), 1))], [emission[:, c], 0.0]])
        begun = np.append(start[:, c], 0.0)
        for i in seen:
            exact = expm(counted * taus[i]) @ begun
            # 1e-11: steps and reading, and rounding
            np.testing.assert_allclose(states[i, :, c], exact[:-1], atol=1e-11)
            photons[i] += exact[-1]
    # rates up to 30 times that
    np.testing.assert_allclose(integral[seen], photons[seen], atol=1e-10)
    assert error < 5e-11


@pytest.mark.parametrize("nbar", [0.0, 0.5])
def test_reading_error_is_what_the_polynomials_miss(nbar, monkeypatch):
    """With long steps that miss visibly, against short ones."""
    basis = coupled_basis(20, 100)
    chains = pair_chains(basis, nbar, furthest=0)
    start = np.zeros_like(chains.loss)
    start[round(chains.M[0] - basis.m_start)] = basis.weight
    taus = np.linspace(0.0, 0.15, 400)
    seen = []
    for tolerance in (1e-6, 1e-13):
        monkeypatch.setattr(chainsteps, "READING_TOLERANCE", tolerance)
        seen.append(propagate(chains, start, taus, np.zeros((0, *start.shape))))
    difference = np.abs(seen[0][0] - seen[1][0])
    assert difference.max() < seen[0][2]
    # the estimate is for the sum over a few chains' elements; it is not far off
    assert difference.sum(axis=(1, 2)).max() > 0.1 * seen[0][2] > 1e-9


def test_going_on_keeps_the_pace():
    """A call that goes on has long steps, where one that starts anew has short ones."""
    basis = coupled_basis(20, 100)
    chains = pair_chains(basis, 0.5, furthest=basis.n_ladders)
    begun = np.zeros_like(chains.loss)
    row, k = round(chains.M[0] - basis.m_start), [chains.first, chains.second]
    begun[row] = np.prod((-1.0) ** np.array(k) * np.sqrt(basis.weight[k]), axis=0)
    weights, taus = chains.photon_weights(basis, 0.5), np.linspace(0.0, 0.15, 41)
    at_once, photons, _ = propagate(chains, begun, taus, weights, slowest=2.0)
    paces = unknown_paces(chains)
    early, counted, _ = propagate(chains, begun, taus[:21], weights, 2.0, paces)
    found, (gained, _), _ = propagate(chains, early[-1], taus[21:] - taus[20], weights, 2.0, paces)
    # each within some 1e-12 of the exact ones
    np.testing.assert_allclose(found, at_once[21:], atol=1e-11)
    # rates up to 2,000 times that, over a tenth of the time
    np.testing.assert_allclose(counted[0, -1] + gained, photons[0, 21:], atol=1e-8)
    # over a time in which steps that start from the rates' inverse have not grown yet
    known = [pace[chainsteps.LONGEST] for pace in paces]
    propagate(chains, found[-1], np.array([1e-9]), weights, 2.0, paces)
    assert min(known) > 20.0 / chains.loss.max()
    assert all(pace[chainsteps.LONGEST] >= was for pace, was in zip(paces, known, strict=True))


def test_integral_counts_what_leaves():
    basis = coupled_basis(2, 6)
    chains = pair_chains(basis, 0.0, furthest=0)
    start = np.zeros_like(chains.loss)
    start[round(chains.M[0] - basis.m_start)] = basis.weight
    taus = np.linspace(0.0, 4.0, 9)
    states, (integral,), _ = propagate(chains, start, taus, chains.loss[None])
    mean_m = (states * chains.M[:, None]).sum(axis=(1, 2))
    # 1e-10: M up to 4, states to 1e-11
    np.testing.assert_allclose(integral, basis.m_start - mean_m, atol=1e-10)
