"""Variances over runs and photon statistics: against closed forms, QuTiP and each other."""

import numpy as np
import pytest
import qutip
from scipy import sparse
from scipy.sparse.linalg import expm_multiply

from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.trajectories import evolve, sample, steady_state
from darkbattery.trajectories.averages.counting import photon_probabilities
from darkbattery.trajectories.qutip.fewspins import to_qutip
from darkbattery.trajectories.reading.fluctuations import COUNTING, FLUCTUATIONS, OVER_RUNS
from tests.systems import dark_state_energies, dark_state_weights, one_excitation_energy

TIMES = np.array([0.1, 0.25, 0.5, 0.9])
COLD = [CollectiveBattery(2, 10), CollectiveBattery(3, 2), CollectiveBattery(4, 4)]
WARM = [CollectiveBattery(2, 6, nbar=0.5), CollectiveBattery(1, 3, 0.7, battery_start="thermal")]


def _super(battery):
    """Liouvillian and emission as matrices on vectors of the density matrix, and the start."""
    few = to_qutip(battery)
    start = qutip.operator_to_vector(few.initial).full().ravel()
    liouvillian = qutip.liouvillian(few.hamiltonian, few.collapse)
    emission = qutip.sprepost(few.collapse[0], few.collapse[0].dag())
    # sparse: dense exponentials of a thousand rows take a hundred times as long
    return few, sparse.csr_matrix(liouvillian.full()), sparse.csr_matrix(emission.full()), start


@pytest.mark.parametrize("n_battery", [1, 3])
def test_one_excitation_in_closed_form(n_battery):
    """A charger of one spin emits its photon or keeps it: everything is Bernoulli.

    The bright part 1/N of the excitation, N = N_B + 1, decays at rate N; a photon leaves nothing.
    """
    n = n_battery + 1
    silent = 1.0 - (1.0 - np.exp(-n * TIMES)) / n
    energy = one_excitation_energy(n_battery, TIMES)
    ours = evolve(CollectiveBattery(n_battery, 1), TIMES, (*FLUCTUATIONS, "emitted_photons"))
    # 1e-12: rounding of the propagation
    close = {"rtol": 0.0, "atol": 1e-12}
    np.testing.assert_allclose(ours["emitted_photons"], 1.0 - silent, **close)
    np.testing.assert_allclose(ours["fano_factor"], silent, **close)
    np.testing.assert_allclose(ours["g2_zero"], 0.0, **close)
    over_runs = energy**2 * (1.0 / silent - 1.0)
    np.testing.assert_allclose(ours["energy_variance_runs"], over_runs, **close)
    # the excitation is in the battery or not: N_B E of <E^2> = E/N_B
    np.testing.assert_allclose(ours["energy_variance"], energy / n_battery - energy**2, **close)


@pytest.mark.parametrize("battery", COLD, ids=str)
def test_law_of_total_variance(battery):
    """From full chains of the average state against the states after n photons: independent."""
    ours = evolve(battery, np.linspace(0.0, 2.0, 21), ["energy_variance", *OVER_RUNS, "ergotropy"])
    parts = ours["energy_variance_conditional"] + ours["energy_variance_runs"]
    # 1e-11: the accuracy of either propagation
    np.testing.assert_allclose(parts, ours["energy_variance"], atol=1e-11)
    assert ours["energy_variance_runs"].max() > 1e-3
    assert np.all(ours["daemonic_ergotropy"] >= ours["ergotropy"] - 1e-12)


@pytest.mark.parametrize("battery", [*COLD, *WARM], ids=str)
def test_energy_variance_and_bunching_against_qutip(battery):
    few, liouvillian, _, start = _super(battery)
    size = few.hamiltonian.shape[0]
    energy, down = few.observables["battery_energy"].full(), few.collapse[0].full()
    rate = down.conj().T @ down
    pairs = down.conj().T @ rate @ down
    ours = evolve(battery, TIMES, ["energy_variance", "g2_zero"])
    for i, t in enumerate(TIMES):
        rho = expm_multiply(liouvillian * t, start).reshape(size, size, order="F")
        mean = np.trace(rho @ energy).real
        variance = np.trace(rho @ energy @ energy).real - mean**2
        assert ours["energy_variance"][i] == pytest.approx(variance, abs=1e-10)
        if not np.isnan(ours["g2_zero"][i]):
            g2 = (np.trace(rho @ pairs) / np.trace(rho @ rate) ** 2).real
            # 1e-7: both divide by the square of a rate that may have fallen a thousandfold
            assert ours["g2_zero"][i] == pytest.approx(g2, rel=1e-7)
    assert np.isfinite(ours["g2_zero"][:2]).all()


@pytest.mark.parametrize("battery", [COLD[1], *WARM], ids=str)
def test_counting_against_a_liouvillian_that_counts(battery):
    """Mean and mean square of the photon number from three coupled master equations in QuTiP."""
    few, liouvillian, emission, start = _super(battery)
    n = few.hamiltonian.shape[0]
    counting = sparse.bmat(
        [
            [liouvillian, None, None],
            [emission, liouvillian, None],
            [emission, 2.0 * emission, liouvillian],
        ],
        format="csr",
    )
    trace = np.eye(n).ravel()
    begin = np.concatenate([start, 0 * start, 0 * start])
    ours = evolve(battery, TIMES, ["emitted_photons", *COUNTING])
    for i, t in enumerate(TIMES):
        p = expm_multiply(counting * t, begin).reshape(3, -1)
        mean, square = (p @ trace)[1:].real
        # 1e-9: exponentials of rates up to 60
        assert ours["emitted_photons"][i] == pytest.approx(mean, abs=1e-9)
        variance = square - mean**2
        assert ours["emitted_photons_variance"][i] == pytest.approx(variance, abs=1e-9)
        assert ours["fano_factor"][i] == pytest.approx(variance / mean, abs=1e-9)


@pytest.mark.parametrize("battery", [*COLD, *WARM], ids=str)
def test_single_runs_scatter_as_they_should(battery):
    """Twenty batches: the rms z of each name lies where 20 degrees of freedom put it.

    chi2/20 is within [0.26, 2.7] with probability 0.9998; variances of skewed quantities from 3000
    runs widen that a little, so 0.4 to 1.8 for the root.
    """
    cold = battery.occupation == 0.0
    names = (*FLUCTUATIONS, "daemonic_ergotropy") if cold else ("energy_variance", *COUNTING)
    times = [0.1, 0.25]
    exact = evolve(battery, times, names)
    batches = [
        sample(battery, times, runs=3000, seed=21, first=3000 * b, observables=names)
        for b in range(20)
    ]
    for name in names:
        error = np.array([batch.errors[name] for batch in batches])
        off = np.array([batch[name] for batch in batches]) - exact[name]
        # a reliability is empty where runs do not differ
        assert (np.isnan(off) == np.isnan(exact[name])).all(), name
        off = np.nan_to_num(off)
        spread = error > 1e-9  # what is the same for every run has no error
        # 1e-8: the fixed point of the sums
        assert np.all(np.abs(off[~spread]) < 1e-8), name
        z = np.divide(off, error, out=np.zeros_like(off), where=spread)
        if spread.all(axis=0).any():
            rms = np.sqrt(np.mean(z[:, spread.all(axis=0)] ** 2))
            assert 0.4 < rms < 1.8, (name, rms)


def test_photon_numbers_are_independent_at_first():
    """Before anything has piled up photons come at random: Fano 1 and g2 = 2(1 - 1/N_C).

    g2 at the start is that of N_C inverted spins: <J+J+J-J-> = 2 N_C (N_C - 1).
    """
    ours = evolve(CollectiveBattery(2, 9), [1e-6], COUNTING)
    # 1e-4: N_C t = 1e-5 photons
    assert ours["fano_factor"][0] == pytest.approx(1.0, abs=1e-4)
    assert ours["g2_zero"][0] == pytest.approx(2.0 * (1.0 - 1.0 / 9), abs=1e-4)


def test_probabilities_of_photon_numbers():
    probability = photon_probabilities(CollectiveBattery(3, 9), np.array([0.0, 0.2, 50.0]))
    # 1e-12: rounding of the propagation
    np.testing.assert_allclose(probability.sum(axis=0), 1.0, atol=1e-12)
    assert probability[0, 0] == pytest.approx(1.0, abs=1e-12)
    told = evolve(CollectiveBattery(3, 9), [0.2], ["fano_factor"]).distributions["emitted_photons"]
    np.testing.assert_allclose(told.weight[0], probability[:, 1], atol=1e-12)
    found = sample(CollectiveBattery(3, 9), [0.2], 20_000, seed=1).distributions["emitted_photons"]
    expected = 20_000 * probability[:, 1]
    often = expected > 25
    # 4.5 sigma for a dozen bins of Poisson-like counts
    assert np.all(np.abs(found.weight[0] - expected)[often] < 4.5 * np.sqrt(expected[often]))


def test_what_the_average_does_not_know_is_refused():
    for battery in (CollectiveBattery(2, 5, 0.5), CollectiveBattery(2, 5, detector_efficiency=0.5)):
        with pytest.raises(InputError, match=r"daemonic_ergotropy.*use sample"):
            evolve(battery, [1.0], ["daemonic_ergotropy"])
    with pytest.raises(InputError, match="photon counting"):
        evolve(CollectiveBattery(1000, 5000, nbar=0.5), [1.0], ["fano_factor"])


def test_one_run_has_no_variance():
    for battery in (COLD[0], WARM[0]):
        one = sample(battery, TIMES, 1, seed=3, observables=FLUCTUATIONS)
        assert np.isnan(one["energy_variance_runs"]).all()
        # the average state of one run is its conditional state; 2e-9: the fixed point
        np.testing.assert_allclose(
            one["energy_variance"], one["energy_variance_conditional"], atol=2e-9
        )


@pytest.mark.parametrize("battery", [*COLD, *WARM], ids=str)
def test_scatter_in_the_end(battery):
    """Closed forms against the evolution to late times, and against single runs there."""
    names = ("energy_variance", *OVER_RUNS)
    steady = steady_state(battery, (*names, "g2_zero"))
    late = evolve(battery, [60.0], ["energy_variance", "g2_zero"])
    # 1e-9: what is left after e^-60, and the rounding of the evolution
    assert steady["energy_variance"][0] == pytest.approx(late["energy_variance"][0], abs=1e-9)
    if battery.occupation > 0.0:
        assert steady["g2_zero"][0] == pytest.approx(late["g2_zero"][0], rel=1e-9)
        # the record has told the ladders apart by then
        runs = sample(battery, [60.0], 4000, seed=17, observables=names)
        for name in names:
            # 4.5 sigma; 1e-8 is the fixed point
            off = abs(np.nan_to_num(runs[name][0]) - np.nan_to_num(steady[name][0]))
            assert off < 4.5 * runs.errors[name][0] + 1e-8, name
    else:
        exact = evolve(battery, [60.0], OVER_RUNS)
        for name in OVER_RUNS:
            # a reliability is empty where no run can do work
            expected = pytest.approx(exact[name][0], abs=1e-9, nan_ok=True)
            assert steady[name][0] == expected, name


def test_variance_over_dark_states_in_whole_numbers():
    """sum_J p_J (E_J - E)^2 for (3, 9), from whole numbers (tests.systems)."""
    energies = dark_state_energies(3, 9)
    weights = dark_state_weights(3, 9)
    mean = sum(weights[j] * energies[j] for j in weights)
    variance = sum(weights[j] * (energies[j] - mean) ** 2 for j in weights)
    steady = steady_state(CollectiveBattery(3, 9), ["energy_variance_runs"])
    # 1e-14: a few roundings
    assert steady["energy_variance_runs"][0] == pytest.approx(float(variance), rel=1e-14)
