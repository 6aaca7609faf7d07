"""What a photon record tells of the battery: closed forms and QuTiP's states, over time."""

import math

import numpy as np
import pytest
import qutip

from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.trajectories import evolve, sample, steady_state

NAMES = ("conditional_purity", "conditional_entropy", "information_gain")
TIMES = np.array([0.0, 0.2, 0.9, 3.0])


def _of(p):
    """Purity and entropy of one spin with probability p to be up."""
    both = np.array([p, 1.0 - p])
    return (both**2).sum(), -(both * np.log2(np.where(both > 0.0, both, 1.0))).sum()


def test_one_spin_by_one_in_closed_form():
    """No photon: (1 + e^-t)/2 of the singlet's start; any photon leaves both spins down."""
    found = evolve(CollectiveBattery(1, 1), TIMES, NAMES)
    for i, t in enumerate(TIMES):
        # amplitudes of battery and charger up: (1 -+ e^-t)/2 in sqrt(silent)
        silent = 0.5 * (1.0 + math.exp(-2.0 * t))
        up = 0.25 * (1.0 - math.exp(-t)) ** 2 / silent
        purity, entropy = _of(up)
        exact = [
            silent * purity + 1.0 - silent,
            silent * entropy,
            _of(silent * up)[1] - silent * entropy,
        ]
        # entropies of probabilities that are known to 1e-12
        np.testing.assert_allclose([found[name][i] for name in NAMES], exact, atol=1e-10)


def test_two_dark_states_in_closed_form():
    """(1, 2): J = 1/2 with 2/3, a battery at 2/3; J = 3/2 with 1/3, empty."""
    purity, entropy = _of(2.0 / 3.0)
    exact = [2.0 / 3.0 * purity + 1.0 / 3.0, 2.0 / 3.0 * entropy]
    exact.append(_of(4.0 / 9.0)[1] - exact[1])
    for found in (
        steady_state(CollectiveBattery(1, 2), NAMES),
        evolve(CollectiveBattery(1, 2), [80.0], NAMES),
    ):
        np.testing.assert_allclose([found[name][0] for name in NAMES], exact, atol=1e-12)


def _by_qutip(n_battery, n_charger, times):
    """Of QuTiP's average state: its blocks of M are the conditional states at T = 0."""
    sizes = n_battery + 1, n_charger + 1
    b, c = (qutip.jmat(n / 2, "-") for n in (n_battery, n_charger))
    L = qutip.tensor(b, qutip.qeye(sizes[1])) + qutip.tensor(qutip.qeye(sizes[0]), c)
    start = qutip.tensor(qutip.basis(sizes[0], n_battery), qutip.basis(sizes[1], 0))
    options = {"atol": 1e-13, "rtol": 1e-11, "progress_bar": ""}
    states = qutip.mesolve(0.0 * L, start, times, [L], options=options).states
    downs = np.add.outer(np.arange(sizes[0]), np.arange(sizes[1])).ravel()
    for state in states:
        purity, entropy = 0.0, 0.0
        for n in np.unique(downs):
            rho = np.where(np.equal.outer(downs, downs) & (downs == n), state.full(), 0.0)
            p = np.trace(rho).real
            if p > 1e-13:
                one = qutip.Qobj(rho / p, dims=state.dims).ptrace(0)
                purity += p * (one**2).tr().real
                entropy += p * qutip.entropy_vn(one, 2)
        yield purity, entropy, qutip.entropy_vn(state.ptrace(0), 2) - entropy


@pytest.mark.parametrize(("n_battery", "n_charger"), [(1, 2), (3, 4)])
def test_few_spins_against_qutip(n_battery, n_charger):
    battery = CollectiveBattery(n_battery, n_charger)
    exact = np.array(list(_by_qutip(n_battery, n_charger, TIMES)))
    found = evolve(battery, TIMES, NAMES)
    runs = sample(battery, TIMES, 3000, seed=5, observables=NAMES)
    for name, column in zip(NAMES, exact.T, strict=True):
        # the integrator's 1e-11, in entropies
        np.testing.assert_allclose(found[name], column, atol=1e-8)
        gap = np.abs(runs[name] - column)
        assert (gap < 4.5 * runs.errors[name] + 1e-8).all(), name


def test_records_that_do_not_tell_the_state_are_refused():
    for battery, text in (
        (CollectiveBattery(1, 2, nbar=0.1), "only at nbar = 0"),
        (CollectiveBattery(1, 2, detector_efficiency=0.5), "every photon is counted"),
    ):
        with pytest.raises(InputError, match=text):
            evolve(battery, [1.0], NAMES)


@pytest.mark.parametrize("nbar", [0.0, 0.5])
def test_runs_that_are_followed_one_by_one(nbar):
    """Beside a peak time at T = 0, and in the heat, where records tell the ladders in the end."""
    battery, peak = CollectiveBattery(2, 3, nbar=nbar), "peak_emission_time"
    end = 60.0 / (2.0 * nbar + 1.0)
    found = sample(battery, [0.0, end], 3000, seed=4, observables=[*NAMES, peak])
    exact = steady_state(battery, NAMES)
    for name, start in zip(NAMES, (1.0, 0.0, 0.0), strict=True):
        # the fixed point of entropies
        assert found[name][0] == pytest.approx(start, abs=1e-8)
        assert abs(found[name][1] - exact[name][0]) < 4.0 * found.errors[name][1], name
    parts = [
        sample(battery, [0.0, end], n, seed=4, first=first, observables=[*NAMES, peak])
        for first, n in ((1000, 2000), (0, 1000))
    ]
    merged = parts[0].merge(parts[1])
    for name in NAMES:
        np.testing.assert_array_equal(merged[name], found[name])
        np.testing.assert_array_equal(merged.errors[name], found.errors[name])
