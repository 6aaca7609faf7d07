"""Single runs beyond the collective model, against explicit spins, closed forms and themselves."""

import math

import numpy as np
import pytest
from scipy import stats

from darkbattery.nvmodel import (
    CollectiveBattery,
    DickeState,
    InputError,
    LocalNoise,
    Polarised,
    Pulse,
    Solution,
    Stage,
)
from darkbattery.nvmodel.refusal import output_times
from darkbattery.trajectories import evolve, sample, single_run
from darkbattery.trajectories.jumps.counts.tally import noisy_study
from darkbattery.trajectories.jumps.sampling import AVAILABLE_WITH_NOISE
from darkbattery.trajectories.jumps.spins.noisy_records import count_noisy_runs
from darkbattery.trajectories.jumps.spins.noisy_runs import EXCITATIONS, PROCESSES
from tests.explicit import Explicit

EVERYTHING = tuple(AVAILABLE_WITH_NOISE)
NOT_AVERAGED = ("local_loss", "daemonic_ergotropy", "peak_emission_time")
AVERAGED = tuple(n for n in EVERYTHING if n not in NOT_AVERAGED)
UNEQUAL = {
    "battery_noise": LocalNoise(1.0, 0.5, 0.2),
    "charger_noise": LocalNoise(0.3, 0.9, 0.1),
}
EQUAL = {
    "battery_noise": LocalNoise(1.0, 0.5, 0.2),
    "charger_noise": LocalNoise(0.4, 0.4, 0.1),
}
EVERY_STAGE = (
    Stage(0.3),
    Pulse(0.4, 0.7),
    Stage(0.3, "battery", battery_noise=LocalNoise(0.0, 0.2, 0.1)),
    Pulse(1.0, 1.0),
    Stage(0.2, "none"),
    Pulse(0.0, 1.0),
    Stage(0.3, "charger"),
    Pulse(0.5),
    Stage(math.inf),
)
TIMES = np.array([0.1, 0.4, 0.7, 1.0, 1.5])
CASES = {
    "unequal": CollectiveBattery(2, 3, nbar=0.3, **UNEQUAL),
    "equal, mixed irrep": CollectiveBattery(
        3, 2, nbar=0.3, battery_start=DickeState(1, j=0.5), **EQUAL
    ),
    "detuned": CollectiveBattery(3, 2, nbar=0.3, gamma=0.8, detuning=1.7, **UNEQUAL),
    "detuned, mixed": CollectiveBattery(
        1,
        4,
        nbar=0.3,
        detuning=0.9,
        battery_start=Polarised(0.9),
        charger_start=Polarised(0.8),
        **UNEQUAL,
    ),
    "protocol": CollectiveBattery(
        2, 3, nbar=0.3, battery_start=DickeState(2), protocol=EVERY_STAGE, **UNEQUAL
    ),
    "detuned protocol": CollectiveBattery(
        3,
        2,
        nbar=0.3,
        detuning=1.3,
        battery_start=DickeState(3),
        charger_start=Polarised(0.7),
        protocol=EVERY_STAGE,
        **EQUAL,
    ),
    "cold, pulse at the end": CollectiveBattery(
        2, 3, gamma=1.2, protocol=(Stage(1.5), Pulse(1.0, 0.3))
    ),
    "collective, mixed": CollectiveBattery(2, 3, nbar=0.3, charger_start=Polarised(0.7)),
}


def deviations(battery, seeds, runs):
    """(ours - exact)/error for each seed: one array over times and linear observables each."""
    exact = Explicit(battery).averages(TIMES)
    found = []
    for seed in range(seeds):
        ours = sample(battery, TIMES, runs=runs, seed=seed, observables=EVERYTHING)
        z = []
        for name, values in exact.items():
            error = ours.errors[name]
            if name in ("ergotropy", "ergotropy_total"):
                # where two levels cross within the noise, the jackknife does not see that sorting
                # gains up to one population's error, times the spacing of the levels
                sorting = 0.5 / np.sqrt(runs) / battery.n_battery
                gap = np.abs(ours[name] - values)
                assert np.all(gap <= 5.5 * error + sorting + 1e-8), (name, seed)
                continue
            sure = error < 1e-12  # every run the same: nothing absorbed, nothing coupled
            assert np.allclose(ours[name][sure], values[sure], atol=1e-8), (name, seed)
            z.append(((ours[name] - values) / np.where(sure, np.inf, error))[~sure])
        # knowing the record can only help (convexity of ergotropy); 1e-8 is the sums' resolution
        assert np.all(ours["daemonic_ergotropy"] >= ours["ergotropy"] - 1e-8)
        found.append(np.concatenate(z))
    return found


@pytest.mark.parametrize("name", CASES)
def test_means_against_explicit_spins(name):
    """Observables and times of one seed hang together: the rms over six seeds has some 6 x 5
    degrees of freedom; chi2/30 lies between 0.33 and 2.2 with probability 0.9999."""
    z = np.concatenate(deviations(CASES[name], seeds=6, runs=3000))
    rms = np.sqrt(np.mean(z**2))
    assert 0.57 < rms < 1.48, rms
    # more than 1000 numbers in all cases together: 4.5 sigma
    assert np.abs(z).max() < 4.5


@pytest.mark.long
def test_coverage_of_the_standard_errors():
    """|z| < 2 in 95.4 % of all comparisons: 8 cases, 40 seeds."""
    inside = []
    for battery in CASES.values():
        inside += [np.mean(np.abs(z) < 2.0) for z in deviations(battery, seeds=40, runs=3000)]
    # one seed's share scatters by about 0.09, as z of one seed hang together: 320 of them by 0.005
    assert np.mean(inside) == pytest.approx(0.9545, abs=0.02)


@pytest.mark.parametrize(
    ("nb", "nc", "fresh", "pulsed"),
    [(4, 20, 0.386, 0.477), (10, 50, 0.234, 0.284), (40, 50, 0.047, 0.163)],
)
def test_half_discharge_times(nb, nc, fresh, pulsed):
    """Charge, disconnect, discharge into the same reservoir; with and without a full pulse."""
    for pulse, half in (((), fresh), ((Pulse(1.0),), pulsed)):
        steps = (Stage(40.0), *pulse, Stage(math.inf, "battery"))
        battery = CollectiveBattery(nb, nc, protocol=steps)
        found = sample(battery, [40.0, 40.0 + half], runs=3000, seed=1)
        start, late = found["battery_energy"]
        steady = {4: 0.886, 10: 0.949, 40: 0.765}[nb]
        assert start == pytest.approx(steady, abs=5e-4 + 4.5 * found.errors["battery_energy"][0])
        # times are known to 5e-4, and the energy falls at most as `power` says
        slack = 5e-4 * abs(found["power"][1])
        sigma = np.hypot(*found.errors["battery_energy"])
        assert late == pytest.approx(start / 2, abs=slack + 4.5 * sigma)


@pytest.mark.parametrize(("nb", "nc", "share"), [(4, 20, 0.081), (10, 50, 0.047), (10, 10, 0.611)])
def test_share_that_stays_dark_after_a_pulse(nb, nc, share):
    steps = (Stage(100.0), Pulse(1.0), Stage(math.inf, "battery"))
    found = sample(CollectiveBattery(nb, nc, protocol=steps), [100.0, 300.0], runs=3000, seed=2)
    start, dark = found["battery_energy"]
    sigma = found.errors["battery_energy"][1] / start
    sigma = np.hypot(sigma, share * found.errors["battery_energy"][0] / start)
    assert dark / start == pytest.approx(share, abs=5e-4 + 4.5 * sigma)


@pytest.mark.parametrize(("rate", "half"), [(1.0, 0.414), (10.0, 0.596), (100.0, 0.684)])
def test_fast_dephasing_discharges_spin_by_spin(rate, half):
    noise = LocalNoise(dephasing=rate)
    steps = (Stage(40.0), Stage(math.inf, "battery", battery_noise=noise))
    found = sample(CollectiveBattery(4, 20, protocol=steps), [40.0, 40.0 + half], 3000, seed=3)
    start, late = found["battery_energy"]
    sigma = np.hypot(*found.errors["battery_energy"])
    assert late == pytest.approx(start / 2, abs=5e-4 * abs(found["power"][1]) + 4.5 * sigma)


@pytest.mark.parametrize(
    "battery", [CollectiveBattery(10, 50), CollectiveBattery(12, 9, nbar=0.4)], ids=str
)
def test_without_noise_the_same_law_as_walks_on_ladders(battery):
    """Many ladders: the general runs against the exact averages of the collective model."""
    # as `sample` hands them on: kernels would be compiled again for times that may be written to
    times = output_times([0.02, 0.1, 0.4])
    exact = evolve(battery, times, observables=AVERAGED)
    names = (*AVERAGED, "daemonic_ergotropy")
    study = noisy_study(battery, times, 5, names)
    found = Solution(times, count_noisy_runs(study, 0, 8000))
    for name in AVERAGED:
        gap = np.abs(found[name] - exact[name])
        # 5.5 sigma for ergotropies, as above; 1e-7 is the resolution of the largest rates
        assert np.all(gap <= 5.5 * found.errors[name] + 1e-7), name
    walks = sample(battery, times, runs=8000, seed=6, observables=names)
    error = np.hypot(walks.errors["daemonic_ergotropy"], found.errors["daemonic_ergotropy"])
    assert np.all(
        np.abs(walks["daemonic_ergotropy"] - found["daemonic_ergotropy"]) <= 4.5 * error + 1e-8
    )


def test_dark_states_of_a_partly_polarised_charger():
    """p_J = sum over j_C, m_C of their weight times a squared Clebsch-Gordan coefficient."""
    from qutip import clebsch

    from darkbattery.nvmodel.preparation import dicke_mixture

    battery, runs = CollectiveBattery(2, 4, charger_start=Polarised(0.7)), 20_000
    found = sample(battery, [0.5], runs=runs, seed=4).distributions["dark_state"]
    start = dicke_mixture(4, Polarised(0.7))
    exact = [
        sum(
            p * clebsch(1, j, J, -1, m, m - 1) ** 2
            for j, m, p in zip(start.j, start.m, start.probability, strict=True)
            if abs(j - 1) <= J <= j + 1 and abs(m - 1) <= J
        )
        for J in found.low
    ]
    assert sum(exact) == pytest.approx(1.0, abs=1e-12)
    assert stats.chisquare(found.weight, runs * np.array(exact)).pvalue > 1e-4


def test_a_large_partly_polarised_charger():
    """1e4 spins: the start's mean energy and variance, and what a run conserves."""
    battery = CollectiveBattery(4, 10_000, charger_start=Polarised(0.9))
    found = sample(battery, [0.0, 1e-4], runs=400, seed=5)
    assert found["charger_energy"][0] == pytest.approx(
        0.9, abs=4.5 * found.errors["charger_energy"][0]
    )
    # binomial: sqrt(p q/N) per run; a standard deviation of 400 runs is known to 3.5 %
    spread = found.errors["charger_energy"][0] * np.sqrt(400)
    assert spread == pytest.approx(np.sqrt(0.09 / 10_000), rel=0.15)
    one = single_run(battery, [0.0, 1e-5, 1e-4], seed=5, run=3)
    held = 4 * one.battery_energy + 10_000 * one.charger_energy + one.emitted_photons
    assert np.allclose(held, held[0], rtol=1e-12)


@pytest.mark.parametrize("name", ["unequal", "detuned protocol"])
def test_split_runs_merge_to_the_same_bits(name):
    battery = CASES[name]
    whole = sample(battery, TIMES, runs=600, seed=8, observables=EVERYTHING)
    parts = [
        sample(battery, TIMES, runs=n, seed=8, first=first, observables=EVERYTHING)
        for first, n in [(200, 1), (0, 200), (201, 399)]
    ]
    merged = parts[2].merge(parts[0]).merge(parts[1])
    restored = whole.with_counts(whole.tally.spans, whole.tally.arrays())
    for other in (merged, restored):
        for key in whole.values:
            assert np.array_equal(other[key], whole[key]), key
            assert np.array_equal(other.errors[key], whole.errors[key], equal_nan=True), key
        for key, distribution in whole.distributions.items():
            assert np.array_equal(other.distributions[key].weight, distribution.weight), key


@pytest.mark.parametrize("name", ["unequal", "detuned"])
def test_a_pulse_of_no_strength_changes_no_bit(name):
    battery = CASES[name]
    fields = {f: getattr(battery, f) for f in ("nbar", "gamma", "detuning", *UNEQUAL)}
    idle = (Stage(0.5), Pulse(0.0, 0.0), Stage(math.inf))
    sizes = battery.n_battery, battery.n_charger
    plain = sample(battery, TIMES, runs=200, seed=9)
    pulsed = sample(CollectiveBattery(*sizes, protocol=idle, **fields), TIMES, 200, seed=9)
    for key in plain.values:
        assert np.array_equal(plain[key], pulsed[key]), key
    # and of a collective battery, which is walked along ladders
    cold = CollectiveBattery(*sizes, nbar=battery.nbar)
    idle_cold = CollectiveBattery(*sizes, nbar=battery.nbar, protocol=idle)
    assert np.array_equal(
        sample(cold, TIMES, 200, seed=9)["power"], sample(idle_cold, TIMES, 200, seed=9)["power"]
    )


def test_one_run_says_what_the_study_says():
    battery, runs = CASES["detuned protocol"], 40
    study = sample(battery, TIMES, runs, seed=4, observables=EVERYTHING, records="summary")
    ones = [single_run(battery, TIMES, seed=4, run=run) for run in range(runs)]
    for name in ("battery_energy", "charger_energy", "emitted_photons", "absorbed_photons"):
        mean = np.mean([getattr(one, name) for one in ones], axis=0)
        assert np.allclose(mean, study[name], atol=2e-9), name  # the sums' resolution
    mean = np.mean([one.ergotropy for one in ones], axis=0)
    assert np.allclose(mean, study["daemonic_ergotropy"], atol=2e-9)
    energies = [one.battery_energy[-1] for one in ones]
    assert np.allclose(study.records["final_energy"], energies, rtol=0, atol=1e-15)
    assert set(study.records["local_loss"]) != {0}
    for row, one in zip(study.records.itertuples(), ones, strict=True):
        before = one.jump_times <= TIMES[-1]
        local = one.processes[before] > 1
        assert row.local_loss == -one.directions[before][local].sum()
        assert row.emitted_photons == np.count_nonzero(one.processes[before] == 0)
        assert np.array_equal(one.directions, EXCITATIONS[one.processes])
        norm = np.sum(np.abs(one.amplitudes) ** 2, axis=1)
        assert np.allclose(norm, 1.0, atol=1e-13)
        assert np.allclose(one.populations.sum(axis=1), 1.0, atol=1e-12)
        levels = np.arange(4) / 3
        assert np.allclose(one.populations @ levels, one.battery_energy, atol=1e-12)
    seen = {PROCESSES[p] for one in ones for p in one.processes}
    assert len(seen) >= 9, seen


def test_bad_input_is_refused():
    noisy = CollectiveBattery(20, 30, battery_noise=LocalNoise(1.0), detector_efficiency=0.5)
    with pytest.raises(InputError, match="missed photons leave a matrix"):
        sample(noisy, TIMES, runs=1, seed=0)
    with pytest.raises(InputError, match="missed photons leave a matrix"):
        single_run(noisy, TIMES, seed=0, run=0)
    short = CollectiveBattery(2, 3, protocol=(Stage(1.0), Pulse(0.5), Stage(0.2)))
    with pytest.raises(InputError, match=r"times\[4\] = 1\.5: must be <= 1\.2"):
        sample(short, TIMES, runs=1, seed=0)
    with pytest.raises(InputError, match="populations over j_B and m_B"):
        sample(
            CollectiveBattery(600, 3, detuning=1.0),
            np.arange(100),
            runs=1,
            seed=0,
            observables=["ergotropy"],
        )
    apart = CollectiveBattery(3000, 3000, protocol=(Stage(1.0, "none"),))
    with pytest.raises(InputError, match="n_battery, n_charger"):
        sample(apart, [0.1], runs=1, seed=0)
    with pytest.raises(InputError, match="observables = 'log_negativity'"):
        sample(CASES["unequal"], TIMES, runs=1, seed=0, observables=["log_negativity"])
