"""Single runs against exact averages. Seeds are fixed; z is in measured standard errors."""

import numpy as np
import pytest
from scipy import stats

from darkbattery.nvmodel import CollectiveBattery, InputError, Solution
from darkbattery.trajectories import evolve, sample, single_run
from darkbattery.trajectories.jumps.counts.tally import collective_study
from darkbattery.trajectories.jumps.photons.records import count_records
from darkbattery.trajectories.jumps.sampling import AVAILABLE
from darkbattery.trajectories.space.angular import coupled_basis
from tests.systems import dark_state_weights

EVERYTHING = tuple(AVAILABLE)
TIMES = np.array([0.02, 0.1, 0.25, 0.5, 0.9, 1.6])
CASES = [
    CollectiveBattery(2, 10),
    CollectiveBattery(3, 2),
    CollectiveBattery(4, 4),
    CollectiveBattery(2, 6, nbar=0.5),
    CollectiveBattery(3, 2, nbar=1.2),
    CollectiveBattery(1, 3, nbar=0.7, battery_start="thermal"),
]


@pytest.mark.parametrize("battery", CASES, ids=str)
def test_means_against_exact_averages(battery):
    """Twenty independent batches: the rms z of each observable over times must be near one.

    The times of a batch are correlated, so count 20 degrees of freedom: chi2/20 lies between 0.26
    and 2.7 with probability 0.9998, its root between 0.5 and 1.65. At these times and 5000 runs a
    batch every mean is decided by hundreds of runs; much earlier or later a few runs decide, and
    the measured error of a batch is no Gaussian's.
    """
    times = [0.1, 0.2, 0.4]
    exact = evolve(battery, times)
    names = ("battery_energy", "charger_energy", "power", "emission_rate", "emitted_photons")
    batches = [sample(battery, times, runs=5000, seed=11, first=5000 * b) for b in range(20)]
    for name in names:
        error = np.array([batch.errors[name] for batch in batches])
        z = (np.array([batch[name] for batch in batches]) - exact[name]) / error
        rms = np.sqrt(np.mean(z**2))
        assert 0.5 < rms < 1.65, (name, rms)
        # the mean of the batches, in units of its own error
        assert np.all(np.abs(z.mean(axis=0) * np.sqrt(20)) < 4.5), name


@pytest.mark.parametrize("battery", CASES, ids=str)
def test_ergotropies_of_the_average_state(battery):
    exact = evolve(battery, TIMES)
    ours = sample(battery, TIMES, runs=40_000, seed=3, observables=EVERYTHING)
    for name in ("ergotropy", "ergotropy_total", "ergotropy_local"):
        # where sampled and exact rank the levels alike the error is Gaussian: 4.5 sigma for 100
        # comparisons; where two levels cross, ranking noise adds up to one error
        difference = np.abs(ours[name] - exact[name])
        assert np.all(difference <= 5.5 * ours.errors[name] + 1e-8), name
    # knowing the record can only help (convexity of ergotropy); 1e-8 is the sums' resolution
    assert np.all(ours["daemonic_ergotropy"] >= ours["ergotropy"] - 1e-8)


def test_error_of_the_ergotropy_is_the_spread_between_studies():
    """Both estimates of it, the influence function's and the jackknife's, within a quarter."""
    for battery in (CollectiveBattery(2, 10), CollectiveBattery(2, 10, nbar=0.3)):
        studies = [
            sample(battery, [0.3], 1000, seed=9, first=1000 * s, observables=["ergotropy"])
            for s in range(100)
        ]
        spread = np.std([study["ergotropy"][0] for study in studies], ddof=1)
        stated = np.mean([study.errors["ergotropy"][0] for study in studies])
        # a standard deviation from 100 studies is known to 7 %; the jackknife of 32 groups to 13 %
        # where no run has any, the fixed point of the sums is left: a step of 2^-30 and its like
        assert stated == pytest.approx(spread, rel=0.25, abs=2.0**-29)


@pytest.mark.parametrize("battery", [CollectiveBattery(2, 10), CollectiveBattery(3, 2)], ids=str)
def test_final_dark_states_and_photons_have_the_exact_distribution(battery):
    runs = 50_000
    late = sample(battery, [60.0], runs=runs, seed=5)
    exact = np.array(
        [float(w) for w in dark_state_weights(battery.n_battery, battery.n_charger).values()]
    )
    counts = late.distributions["dark_state"].weight
    # p > 1e-4: one false alarm in ten thousand seeds, and the seed is fixed
    assert stats.chisquare(counts, runs * exact).pvalue > 1e-4
    # each dark state J is reached by M_0 + J photons
    photons = late.distributions["emitted_photons"]
    j = late.distributions["dark_state"].low
    reached = np.rint(j + (battery.n_charger - battery.n_battery) / 2).astype(int)
    assert np.array_equal(photons.weight[0][reached], counts)
    assert photons.weight.sum() == runs


def test_photon_distribution_on_the_way():
    """P(n, t) from the exact evolution: at T = 0 a block of M is n = M_0 - M photons."""
    from scipy.linalg import expm

    from darkbattery.trajectories.propagate.chains import pair_chains
    from darkbattery.trajectories.space.angular import coupled_basis

    battery, tau, runs = CollectiveBattery(2, 6), 0.2, 40_000
    basis = coupled_basis(2, 6)
    chains = pair_chains(basis, 0.0, furthest=0)
    row = round(chains.M[0] - basis.m_start)
    probability = np.zeros(chains.M.size)
    for k in range(basis.n_ladders):
        q = np.diag(-chains.loss[:, k]) + np.diag(chains.gain_above[1:, k], -1)
        probability += basis.weight[k] * expm(q * tau)[:, row]
    found = sample(battery, [tau], runs=runs, seed=21).distributions["emitted_photons"].weight[0]
    # p > 1e-4 as above; the last bins hold more than a hundred runs each
    assert stats.chisquare(found, runs * probability[row : row + found.size]).pvalue > 1e-4


def test_variance_of_the_single_run_energy():
    """Quantum variance of E = mean of the conditional variance + variance of the conditional mean.

    At late times and T = 0 the run is in |J,-J> and its conditional mean is that state's.
    """
    battery, runs = CollectiveBattery(3, 9), 40_000
    late = sample(battery, [50.0], runs=runs, seed=2)
    weights = dark_state_weights(3, 9)
    energy = []
    for j in weights:
        share = (j * (j + 1) + 3 * 5 / 4 - 9 * 11 / 4) / (2 * j * (j + 1))
        energy.append(float(0.5 - j * share / 3))
    p = np.array([float(w) for w in weights.values()])
    mean = p @ energy
    variance = p @ (np.array(energy) - mean) ** 2
    # relative error of a sample variance: about sqrt(kurtosis/runs) ~ 1.5 %; four of them
    assert late.errors["battery_energy"][0] ** 2 * runs == pytest.approx(variance, rel=0.06)
    z = (late["battery_energy"][0] - mean) / late.errors["battery_energy"][0]
    assert abs(z) < 4.5


@pytest.mark.parametrize("battery", CASES, ids=str)
def test_split_runs_merge_to_the_same_bits(battery):
    whole = sample(battery, TIMES, runs=3000, seed=8, observables=EVERYTHING)
    parts = [
        sample(battery, TIMES, runs=n, seed=8, first=first, observables=EVERYTHING)
        for first, n in [(1000, 1), (0, 1000), (1001, 1999)]
    ]
    merged = parts[2].merge(parts[0]).merge(parts[1])
    assert merged.runs == 3000
    for name in whole.values:
        assert np.array_equal(merged[name], whole[name], equal_nan=True), name
        assert np.array_equal(merged.errors[name], whole.errors[name], equal_nan=True), name
    for name, distribution in whole.distributions.items():
        assert np.array_equal(merged.distributions[name].weight, distribution.weight), name


def test_both_ways_of_counting_agree_at_zero_temperature():
    """The photon histograms against sums over followed records."""
    battery, names = CollectiveBattery(4, 9), EVERYTHING
    times = np.linspace(0.0, 1.0, 21)
    histograms = sample(battery, times, 2000, seed=5, observables=names)
    study = collective_study(battery, times, 5, names, coupled_basis(4, 9))
    records = Solution(times, count_records(study, 0, 2000))
    for name in names:
        # the fixed point of the sums: 2^-30 of the bound, up to 100 for rates; pairs of photons,
        # up to 3e3, are divided by the square of a rate that falls below 1
        tolerance = 1e-5 if name == "g2_zero" else 1e-7
        np.testing.assert_allclose(records[name], histograms[name], atol=tolerance, err_msg=name)
    for name in ("battery_energy", "burst_time", "dark_state"):
        assert np.array_equal(
            records.distributions[name].weight, histograms.distributions[name].weight
        )


@pytest.mark.parametrize("battery", CASES, ids=str)
def test_one_run_again_is_the_run_that_was_sampled(battery):
    times = np.linspace(0.0, 1.5, 16)
    for run in (0, 7, 123_456):
        one = single_run(battery, times, seed=4, run=run)
        sampled = sample(battery, times, runs=1, seed=4, first=run, observables=EVERYTHING)
        assert np.array_equal(one.emitted_photons, sampled["emitted_photons"])
        # 2^-30: the fixed point of the sums
        np.testing.assert_allclose(one.battery_energy, sampled["battery_energy"], atol=2e-9)
        np.testing.assert_allclose(one.charger_energy, sampled["charger_energy"], atol=2e-9)
        np.testing.assert_allclose(one.ergotropy, sampled["daemonic_ergotropy"], atol=4e-9)
        # what it says of itself fits together; 1e-12: rounding of the tables
        levels = np.arange(battery.n_battery + 1) / battery.n_battery
        np.testing.assert_allclose(one.populations @ levels, one.battery_energy, atol=1e-12)
        np.testing.assert_allclose((one.amplitudes**2).sum(axis=1), 1.0, atol=1e-12)
        balance = one.emitted_photons - one.absorbed_photons
        np.testing.assert_allclose(one.M[0] + balance[0] - balance, one.M, atol=0)


def test_the_conditional_state_is_qutips_no_jump_evolution():
    """Between jumps exp(-i H_eff t), at jumps J^-: done by QuTiP on the same record."""
    import qutip

    from darkbattery.trajectories.qutip.fewspins import to_qutip
    from darkbattery.trajectories.space.angular import clebsch_gordan, coupled_basis

    battery = CollectiveBattery(2, 4, nbar=0.4)
    one = single_run(battery, [0.7], seed=6, run=2)
    assert one.jump_times.size >= 3
    few = to_qutip(battery)
    down, up = few.collapse
    decay = -0.5 * (down.dag() * down + up.dag() * up)
    psi = qutip.tensor(qutip.basis(3, 2), qutip.basis(5, 0))
    now = 0.0
    for t, direction in zip(one.jump_times, one.directions, strict=True):
        psi = ((down if direction < 0 else up) * (decay * (t - now)).expm() * psi).unit()
        now = t
    psi = ((decay * (0.7 - now)).expm() * psi).unit()
    table = clebsch_gordan(coupled_basis(2, 4), one.M)[0]
    ours = np.zeros(15)
    for q in range(3):
        m_c = one.M[0] - (q - 1)
        if abs(m_c) <= 2:
            ours[(2 - q) * 5 + round(2 - m_c)] = one.amplitudes[0] @ table[:, q]
    # 1e-10: products of six dense exponentials; the overall sign is free
    assert abs(np.vdot(ours, psi.full().ravel())) == pytest.approx(1.0, abs=1e-10)


def test_one_run_has_no_error_estimate():
    one = sample(CollectiveBattery(2, 10), TIMES, runs=1, seed=0)
    assert np.all(np.isnan(one.errors["battery_energy"]))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"runs": 0}, "runs = 0: must be a whole number, 1 to"),
        ({"runs": 2.5}, "runs = 2.5"),
        ({"seed": -1}, "seed = -1"),
        ({"first": -1}, "first = -1"),
        ({"observables": ["log_negativity"]}, "not available here"),
        ({"observables": "power"}, "must be a list"),
        ({"records": "all"}, "records = .all.: unknown; known: summary"),
    ],
)
def test_bad_input_is_refused(fields, message):
    with pytest.raises(InputError, match=message):
        sample(CollectiveBattery(2, 10), TIMES, **({"runs": 10, "seed": 0} | fields))


def test_different_studies_do_not_merge():
    a = sample(CollectiveBattery(2, 10), TIMES, 10, seed=1)
    with pytest.raises(InputError, match="same study"):
        a.merge(sample(CollectiveBattery(2, 10), TIMES, 10, seed=2, first=10))
    with pytest.raises(InputError, match="already counted"):
        a.merge(sample(CollectiveBattery(2, 10), TIMES, 10, seed=1, first=5))


def test_power_of_nearly_equal_ensembles_is_within_its_bound():
    """At R near 1 the battery's rate is far above the emission: N_B and J, not J twice."""
    battery = CollectiveBattery(n_battery=10_000, n_charger=11_000, nbar=0.1)
    times = np.linspace(0.0, 0.01, 21)
    runs = sample(battery, times, runs=300, seed=3)
    exact = evolve(battery, times, ["power"])["power"]
    assert runs.warnings == ()
    # 4.5 standard errors: one of 20 times beyond that in 7000 tests
    z = (runs["power"] - exact)[1:] / runs.errors["power"][1:]
    assert np.abs(z).max() < 4.5
