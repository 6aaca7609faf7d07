"""Waiting times and coherence between photons: closed forms, and QuTiP's whole matrices."""

import numpy as np
import pytest
import qutip
from scipy.linalg import expm

from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.trajectories import sample, single_run
from darkbattery.trajectories.averages.counting import second_order_coherence
from darkbattery.trajectories.jumps.photons.waiting import exact_waits, waiting_times
from darkbattery.trajectories.qutip.fewspins import to_qutip

EDGES = np.array([0.0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 40.0])


def _matrices(battery):
    few = to_qutip(battery)
    emission = qutip.sprepost(few.collapse[0], few.collapse[0].dag()).full()
    return few, qutip.liouvillian(few.hamiltonian, few.collapse).full(), emission


def _agree(counts, expected):
    """Within 4.5 Poisson deviations, for a dozen bins that hold more than 25."""
    often = expected > 25
    assert often.sum() >= 4
    assert np.all(np.abs(counts - expected)[often] < 4.5 * np.sqrt(expected[often]))


@pytest.mark.parametrize(("nb", "nc"), [(2, 10), (3, 2), (4, 4)])
def test_waits_in_closed_form(nb, nc):
    runs = 20_000
    battery = CollectiveBattery(nb, nc)
    found = waiting_times(battery, EDGES, until=40.0, runs=runs, seed=5)
    first, between = exact_waits(battery, EDGES)
    _agree(found.first, -runs * np.diff(first))
    # several waits of a run count, and they anticorrelate: Poisson's deviation is not exceeded
    _agree(found.between, -runs * np.diff(between))
    # the same runs as sample's
    counted = sample(battery, EDGES[1:], runs, seed=5).distributions["first_photon_time"]
    assert np.array_equal(counted.weight, found.first)


def test_waits_are_those_of_the_runs():
    battery = CollectiveBattery(2, 10, nbar=0.3)
    waits = [
        np.diff(np.concatenate([[0.0], one.jump_times[one.directions < 0]]))
        for one in (single_run(battery, [1.0], seed=3, run=i) for i in range(50))
    ]
    found = waiting_times(battery, EDGES, until=1.0, runs=50, seed=3)
    expected = np.histogram([w[0] for w in waits if w.size], EDGES)[0]
    assert np.array_equal(found.first, expected)
    assert np.array_equal(
        found.between, np.histogram(np.concatenate([w[1:] for w in waits]), EDGES)[0]
    )


@pytest.mark.parametrize("first", [0, 7])
def test_waits_count_the_photons_that_the_observer_of_each_run_records(first):
    """Of every run by itself: a stream read for its neighbour shows in no distribution."""
    battery, everything = CollectiveBattery(2, 10, detector_efficiency=0.4), [0.0, 1e9]
    for run in range(first, first + 20):
        # until 40 every photon has come: the last waits for 1/(N_C - N_B) = 0.1 or less
        waits = waiting_times(battery, everything, until=40.0, runs=1, seed=6, first=run)
        seen = sample(battery, [40.0], 1, seed=6, first=run, observables=["recorded_photons"])
        assert waits.first.sum() + waits.between.sum() == seen["recorded_photons"][0]


@pytest.mark.parametrize("efficiency", [0.3, 1.0])
@pytest.mark.parametrize("nbar", [0.0, 0.6])
def test_first_recorded_photon_against_qutip(nbar, efficiency):
    """Nothing recorded until t: tr exp[(L - eta J) t] rho."""
    runs = 10_000
    battery = CollectiveBattery(2, 4, nbar=nbar, detector_efficiency=efficiency)
    few, liouvillian, emission = _matrices(CollectiveBattery(2, 4, nbar=nbar))
    start = qutip.operator_to_vector(few.initial).full().ravel()
    trace = np.eye(few.hamiltonian.shape[0]).ravel()
    silent = [(trace @ expm((liouvillian - efficiency * emission) * t) @ start).real for t in EDGES]
    found = waiting_times(battery, EDGES, until=40.0, runs=runs, seed=8)
    _agree(found.first, -runs * np.diff(silent))


@pytest.mark.parametrize(("nbar", "time"), [(0.0, 0.1), (0.5, 0.2), (0.5, 30.0)])
def test_coherence_between_photons_against_qutip(nbar, time):
    battery, delays = CollectiveBattery(2, 5, nbar=nbar), np.array([0.0, 0.05, 0.3])
    few, liouvillian, _ = _matrices(battery)
    size = few.hamiltonian.shape[0]
    down = few.collapse[0].full()
    rate = down.conj().T @ down
    rho = (expm(liouvillian * time) @ qutip.operator_to_vector(few.initial).full().ravel()).reshape(
        size, size, order="F"
    )
    emitted = (down @ rho @ down.conj().T).ravel(order="F")
    ours = second_order_coherence(battery, time, delays)
    for i, delay in enumerate(delays):
        on = expm(liouvillian * delay)
        pairs = np.trace(rate @ (on @ emitted).reshape(size, size, order="F"))
        later = np.trace(rate @ (on @ rho.ravel(order="F")).reshape(size, size, order="F"))
        expected = (pairs / (np.trace(rate @ rho) * later)).real
        # 1e-8: both are quotients of rates of order 1 known to 1e-10
        assert ours[i] == pytest.approx(expected, rel=1e-8)


def test_merged_waits_are_the_same():
    battery = CollectiveBattery(2, 10, nbar=0.3, detector_efficiency=0.5)
    whole = waiting_times(battery, EDGES, 1.0, runs=300, seed=1)
    parts = waiting_times(battery, EDGES, 1.0, runs=200, seed=1, first=100).merge(
        waiting_times(battery, EDGES, 1.0, runs=100, seed=1)
    )
    for name, distribution in whole.distributions().items():
        assert np.array_equal(distribution.weight, parts.distributions()[name].weight)
    with pytest.raises(InputError, match="already counted"):
        parts.merge(waiting_times(battery, EDGES, 1.0, runs=10, seed=1))
    with pytest.raises(InputError, match="same study"):
        parts.merge(waiting_times(battery, EDGES, 2.0, runs=10, seed=1, first=900))


def test_bad_input_is_refused():
    battery = CollectiveBattery(1, 5)
    with pytest.raises(InputError, match=r"until = 0.0"):
        waiting_times(battery, EDGES, 0.0, runs=1, seed=0)
    with pytest.raises(InputError, match="edges"):
        waiting_times(battery, [1.0], 1.0, runs=1, seed=0)
    with pytest.raises(InputError, match="use waiting_times"):
        exact_waits(CollectiveBattery(1, 5, nbar=0.1), EDGES)


def test_peak_power_of_every_run():
    battery, times = CollectiveBattery(2, 10, nbar=0.2), np.linspace(0.0, 1.0, 41)
    rows = sample(battery, times, 20, seed=2, records="summary").records
    for run in range(20):
        one = sample(battery, times, 1, seed=2, first=run, observables=["power"])["power"]
        # 1e-7: the fixed point of the sums, 2^-31 of a bound of 69
        assert rows.peak_power[run] == pytest.approx(one.max(), abs=1e-7)
        assert rows.peak_power_time[run] == pytest.approx(times[np.argmax(one)], abs=1e-15)
