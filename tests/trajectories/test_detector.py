"""A detector that misses photons: against density matrices, enumeration, and its limits."""

from dataclasses import replace

import numpy as np
import pytest
import qutip
from scipy.linalg import expm

from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.nvmodel.ergotropy import ladder_ergotropy
from darkbattery.trajectories import evolve, sample, single_run
from darkbattery.trajectories.qutip.fewspins import to_qutip

TIMES = np.array([0.05, 0.2, 0.5, 1.0, 3.0])
NAMES = (
    "battery_energy",
    "charger_energy",
    "power",
    "emission_rate",
    "emitted_photons",
    "recorded_photons",
    "ergotropy",
    "daemonic_ergotropy",
    "energy_variance",
    "energy_variance_conditional",
    "energy_variance_runs",
    "g2_zero",
)
RECORD_FREE = ("battery_energy", "charger_energy", "power", "emission_rate", "energy_variance")


def _detected(nb, nc, efficiency):
    return CollectiveBattery(nb, nc, detector_efficiency=efficiency)


def _clicks(battery, run, seed):
    """Times of the recorded photons, thinned with numpy's own Philox."""
    perfect = CollectiveBattery(battery.n_battery, battery.n_charger)
    emitted = single_run(perfect, TIMES, seed, run).jump_times
    words = np.random.Philox(key=[seed, 3], counter=[0, run, 0, 0]).random_raw(emitted.size)
    uniform = ((words >> np.uint64(12)).astype(float) + 0.5) * 2.0**-52
    return emitted[uniform < battery.detector_efficiency]


@pytest.mark.parametrize(("nb", "nc"), [(2, 3), (3, 2), (1, 4)])
def test_the_observers_state_is_qutips(nb, nc):
    """exp[(L_0 + (1 - eta) J) t] between recorded photons, eta J at each, on whole matrices."""
    battery, seed = _detected(nb, nc, 0.6), 12
    few = to_qutip(CollectiveBattery(nb, nc))
    emission = qutip.sprepost(few.collapse[0], few.collapse[0].dag()).full()
    silent = qutip.liouvillian(few.hamiltonian, few.collapse).full() - 0.6 * emission
    excitations = np.arange(nb, -1, -1)
    seen = 0
    for run in range(6):
        clicks = _clicks(battery, run, seed)
        seen += clicks.size
        one = sample(battery, TIMES, 1, seed, first=run, observables=NAMES)
        for i, t in enumerate(TIMES):
            rho, now = qutip.operator_to_vector(few.initial).full().ravel(), 0.0
            for click in clicks[clicks <= t]:
                rho = emission @ (expm(silent * (click - now)) @ rho)
                now = click
            rho = expm(silent * (t - now)) @ rho
            size = (nb + 1) * (nc + 1)
            state = qutip.Qobj(rho.reshape(size, size, order="F"), dims=few.initial.dims)
            state = state / state.tr()
            populations = state.ptrace(0).diag().real
            energy = populations @ excitations / nb
            # 5e-9: the fixed point of the sums
            assert one["battery_energy"][i] == pytest.approx(energy, abs=5e-9)
            variance = populations @ (excitations / nb - energy) ** 2
            assert one["energy_variance_conditional"][i] == pytest.approx(variance, abs=5e-9)
            work = ladder_ergotropy(populations[::-1])
            assert one["daemonic_ergotropy"][i] == pytest.approx(work, abs=5e-9)
            rate = qutip.expect(few.observables["emission_rate"], state)
            # the rate's bound is (J + 1)^2 = 12
            assert one["emission_rate"][i] == pytest.approx(rate, abs=5e-8)
            assert one["recorded_photons"][i] == np.count_nonzero(clicks <= t)
    assert seen >= 3


def test_daemonic_ergotropy_by_enumeration():
    """(1, 2): silence, or one recorded photon at s; two leave all spins down.

    The ergotropy is homogeneous, so records are summed with their unnormalised states. The integral
    over s is smooth but where the ergotropy of the record vanishes: 2000 midpoints, error 1e-6.
    """
    efficiency, t = 0.8, 3.0
    few = to_qutip(CollectiveBattery(1, 2))
    emission = qutip.sprepost(few.collapse[0], few.collapse[0].dag()).full()
    silent = qutip.liouvillian(few.hamiltonian, few.collapse).full() - efficiency * emission
    start = qutip.operator_to_vector(few.initial).full().ravel()

    def work(vector):
        state = qutip.Qobj(vector.reshape(6, 6, order="F"), dims=few.initial.dims)
        return float(ladder_ergotropy(state.ptrace(0).diag().real[::-1]))

    exact = work(expm(silent * t) @ start)
    step = t / 2000
    propagator, before = expm(silent * step), expm(silent * step / 2) @ start
    early = [before]
    for _ in range(1999):
        early.append(propagator @ early[-1])
    # from the last midpoint to t is half a step; each earlier one a step more
    later = expm(silent * step / 2)
    for state in reversed(early):
        exact += step * efficiency * work(later @ (emission @ state))
        later = propagator @ later
    found = sample(_detected(1, 2, efficiency), [t], 20_000, 4, observables=["daemonic_ergotropy"])
    assert exact > 0.01
    z = (found["daemonic_ergotropy"][0] - exact) / found.errors["daemonic_ergotropy"][0]
    assert abs(z) < 4.0


@pytest.mark.parametrize(("nb", "nc"), [(2, 10), (3, 2)])
def test_blind_detector_knows_the_average_state(nb, nc):
    """Efficiency 0: every run is the average state."""
    blind = sample(_detected(nb, nc, 0.0), TIMES, 3, seed=1, observables=NAMES)
    exact = evolve(CollectiveBattery(nb, nc), TIMES, (*RECORD_FREE, "ergotropy", "g2_zero"))
    for name in (*RECORD_FREE, "ergotropy"):
        # 2^-30 of the bound, up to 50 for rates
        np.testing.assert_allclose(blind[name], exact[name], atol=1e-7, err_msg=name)
    np.testing.assert_allclose(blind["daemonic_ergotropy"], exact["ergotropy"], atol=5e-9)
    np.testing.assert_allclose(blind["energy_variance_runs"], 0.0, atol=1e-15)
    assert np.all(blind["recorded_photons"] == 0.0)
    # photons that nobody sees are emitted all the same
    assert blind["emitted_photons"][-1] > 0.0


def test_perfect_detector_is_the_limit():
    """Efficiency 1 - 1e-12: the same runs as with every photon seen, to the sums' fixed point."""
    battery = CollectiveBattery(2, 10)
    nearly = sample(_detected(2, 10, 1.0 - 1e-12), TIMES, 500, seed=6, observables=NAMES)
    perfect = sample(battery, TIMES, 500, seed=6, observables=NAMES)
    for name in NAMES:
        if name != "g2_zero":  # late, rare and coarse in fixed point
            np.testing.assert_allclose(nearly[name], perfect[name], atol=1e-7, err_msg=name)
    for name in ("burst_time", "dark_state"):
        assert np.array_equal(nearly.distributions[name].weight, perfect.distributions[name].weight)


@pytest.mark.parametrize("efficiency", [0.2, 0.7])
def test_means_do_not_depend_on_the_detector(efficiency):
    battery = _detected(2, 10, efficiency)
    exact = evolve(battery, TIMES[:3], (*RECORD_FREE, "recorded_photons", "emitted_photons"))
    found = sample(battery, TIMES[:3], 20_000, seed=9, observables=NAMES)
    for name in exact.values:
        z = (found[name] - exact[name]) / found.errors[name]
        # 4.5 sigma for 42 comparisons
        assert np.all(np.abs(z) < 4.5), (name, z)
    # thinned: variance over mean falls towards that of independent photons, F - 1 -> eta (F - 1)
    counts = found.distributions["recorded_photons"]
    mean = counts.weight @ counts.low / found.runs
    variance = counts.weight @ (counts.low - mean) ** 2 / found.runs
    fano = evolve(CollectiveBattery(2, 10), TIMES[:3], ["fano_factor"])["fano_factor"][-1]
    # relative error of a variance from 20,000 runs is 1 %
    assert variance / mean == pytest.approx(1.0 + efficiency * (fano - 1.0), abs=0.05)


def test_worth_of_a_record_grows_with_the_efficiency():
    """The same runs and nested records: from the average's ergotropy to the perfect observer's."""
    names = ["daemonic_ergotropy", "energy_variance_runs"]
    t, runs = [0.5, 1.0], 3000
    found = [
        sample(_detected(2, 10, efficiency), t, runs, seed=2, observables=names)
        for efficiency in (0.0, 0.3, 0.6, 0.9, 1.0)
    ]
    for name in names:
        values = np.array([one[name] for one in found])
        error = np.array([one.errors[name] for one in found])
        # growing within four of the larger errors, and by many of them from end to end
        assert np.all(np.diff(values, axis=0) > -4.0 * error[1:])
        assert np.all(values[-1] - values[0] > 10.0 * error[-1]), name


def test_split_runs_merge_to_the_same_bits():
    battery = _detected(3, 7, 0.5)
    whole = sample(battery, TIMES, 300, seed=8, observables=NAMES)
    parts = [
        sample(battery, TIMES, n, seed=8, first=first, observables=NAMES)
        for first, n in [(100, 1), (0, 100), (101, 199)]
    ]
    merged = parts[2].merge(parts[0]).merge(parts[1])
    again = merged.with_counts(merged.tally.spans, merged.tally.arrays())
    for name in NAMES:
        for one in (merged, again):
            assert np.array_equal(one[name], whole[name], equal_nan=True), name
            assert np.array_equal(one.errors[name], whole.errors[name], equal_nan=True), name
    for name, distribution in whole.distributions.items():
        assert np.array_equal(merged.distributions[name].weight, distribution.weight), name


def test_what_is_not_there_is_refused():
    many = _detected(100, 500, 0.5)
    with pytest.raises(InputError, match="missed photons leave a matrix"):
        sample(replace(many, nbar=0.5), [1.0], 10, seed=0)
    with pytest.raises(InputError, match="records = "):
        sample(many, [1.0], 10, seed=0, records="summary")
    with pytest.raises(InputError, match="missed photons leave a matrix"):
        single_run(many, [1.0], seed=0, run=0)
    late = np.linspace(0.0, 1.0, 101)
    with pytest.raises(InputError, match="GB"):
        sample(_detected(1000, 5000, 0.5), late, 10, seed=0, observables=["ergotropy"])
