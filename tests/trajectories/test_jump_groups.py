"""Jumps in groups: against runs jump by jump, closed forms of the burst, and exact averages."""

import numpy as np
import pytest
from numba import njit
from scipy import special, stats

from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.trajectories import evolve, sample, single_run
from darkbattery.trajectories.jumps.photons.groups import (
    _draw_ups,
    _group_time,
    _next_jumps,
    _rates,
    new_groups,
)
from darkbattery.trajectories.jumps.photons.recording import follow, groups_of_runs, kernel_tables
from darkbattery.trajectories.jumps.photons.variates import new_source, rewind
from darkbattery.trajectories.jumps.photons.waiting import waiting_times
from darkbattery.trajectories.jumps.photons.walks import Starts, new_walker, start_walk, walk
from darkbattery.trajectories.reading.conditional import unravelling

LEAST_P = 1e-4  # with fixed seeds


def burst_times(battery):
    """Output times over the growth, the burst and the end."""
    d = battery.n_charger - battery.n_battery
    return np.linspace(0.0, (np.log(d) + 8.0) / d, 12)[1:]


def make_runs(battery, times, seed, runs, in_groups, share=0.125):
    """Emitted photons and conditional energies (runs, T) and the burst times (runs,)."""
    tables = unravelling(battery)
    q = kernel_tables(tables, battery)._replace(in_groups=in_groups)
    _, path = next(groups_of_runs(q, times, 0, 1))
    path = path._replace(groups=new_groups(share))
    photons, energy = np.empty((runs, times.size)), np.empty((runs, times.size))
    burst = np.empty(runs)
    for run in range(runs):
        follow(np.uint64(seed), run, times, q, path)
        burst[run], photons[run], energy[run] = (
            path.burst[0],
            path.emitted,
            0.5 + path.means[0] / battery.n_battery,
        )
    return photons, energy, burst


@pytest.mark.parametrize(
    ("sizes", "nbar", "runs"),
    [
        ((10_000, 50_000), 0.0, 4000),
        pytest.param((4_000, 20_000), 0.5, 3000, marks=pytest.mark.long),
        pytest.param((2_000, 10_000), 3.0, 2000, marks=pytest.mark.long),
    ],
    ids=str,
)
def test_runs_in_groups_are_distributed_as_those_jump_by_jump(sizes, nbar, runs):
    """Groups span 20 to 60 % of these ladders; two-sample tests at each time, and of the burst."""
    battery = CollectiveBattery(*sizes, nbar=nbar)
    times = burst_times(battery)
    one_by_one = make_runs(battery, times, 1, runs, in_groups=False)
    groups = make_runs(battery, times, 2, runs, in_groups=True)
    for exact, grouped in zip(one_by_one[:2], groups[:2], strict=True):
        for i in range(times.size):
            assert stats.ks_2samp(exact[:, i], grouped[:, i]).pvalue > LEAST_P
    assert stats.ks_2samp(one_by_one[2], groups[2]).pvalue > LEAST_P


@njit(error_model="numpy")
def one_by_one(height, jumps, J, nbar, walker, times, ups):
    """Time and jumps up of so many jumps from this height; the walker holds them."""
    for run in range(times.size):
        start_walk(np.uint64(1), run, Starts(np.ones(1), J, np.zeros(1)), walker)
        walker.place[0] = height
        walk(np.uint64(1), run, J, nbar, np.inf, walker)
        times[run] = walker.jump_taus[jumps - 1]
        ups[run] = (walker.directions[:jumps] > 0).sum()


@njit(error_model="numpy")
def at_once(height, jumps, top, nbar, source, times, ups):
    """The same in a group."""
    for run in range(times.size):
        rewind(source)
        ups[run] = _draw_ups(height, jumps, top, nbar, np.uint64(2), run, source)
        times[run] = _group_time(height, ups[run], jumps, top, nbar, np.uint64(2), run, source)


@pytest.mark.parametrize("nbar", [0.0, 3.0])
def test_a_group_is_distributed_as_its_jumps(nbar):
    """Half the way to the end at once: the way's own scatter is then 2 % of the variance."""
    height, jumps, J, draws = 1000, 500, np.array([1e5]), 200_000
    exact, exact_ups = np.empty(draws), np.empty(draws, dtype=np.int64)
    one_by_one(height, jumps, J, nbar, new_walker(jumps), exact, exact_ups)
    found, ups = np.empty(draws), np.empty(draws, dtype=np.int64)
    at_once(height, jumps, 2.0 * J[0], nbar, new_source(), found, ups)
    assert stats.ks_2samp(exact, found).pvalue > LEAST_P
    assert stats.ks_2samp(exact_ups, ups).pvalue > LEAST_P
    # standard error of a ratio of two normal variances; four of them are 1.3 %
    assert abs(found.var() / exact.var() - 1.0) < 4.0 * np.sqrt(4.0 / draws)
    # and of a third standardised moment, sqrt(6/draws) each
    assert abs(stats.skew(found) - stats.skew(exact)) < 4.0 * np.sqrt(12.0 / draws)
    if nbar > 0.0:
        together = np.corrcoef(exact, exact_ups)[0, 1], np.corrcoef(found, ups)[0, 1]
        assert together[0] == pytest.approx(together[1], abs=4.0 * np.sqrt(2.0 / draws))


@pytest.mark.parametrize("nbar", [0.0, 0.5])
@pytest.mark.parametrize("height", [3000, 10**6, 5 * 10**11])
def test_groups_end_well_before_the_output_time(nbar, height):
    top = 1e12
    for wanted in (400.0, 3e3, 1e5, 1e9):  # jumps that fit on average
        room = wanted / sum(_rates(height, top, nbar))
        jumps, until = _next_jumps(height, top, nbar, 0.125, 0.0, room, 0.0)
        assert jumps > 0
        assert not until
        times, ups = np.empty(500), np.empty(500, dtype=np.int64)
        at_once(height, jumps, top, nbar, new_source(), times, ups)
        assert room - times.mean() > 8.0 * times.std()


def burst_moments(battery):
    """Mean and variance of the time at which M first is <= 0, T = 0, by digamma and trigamma.

    On ladder J the n-th wait has the rate (A + 1 - n)(B + n), A = J + M_0, B = J - M_0, whose
    inverse and its square fall apart into fractions.
    """
    tables = unravelling(battery)
    J, p = tables.basis.J, tables.basis.weight / tables.basis.weight.sum()
    A, B = J + tables.basis.m_start, J - tables.basis.m_start
    mark = np.ceil(tables.basis.m_start)
    # sums over n = 1 ... mark of 1/(A + 1 - n) and 1/(B + n), and of their squares
    first = special.digamma(A + 1) - special.digamma(A + 1 - mark)
    first += special.digamma(B + 1 + mark) - special.digamma(B + 1)
    second = special.polygamma(1, A + 1 - mark) - special.polygamma(1, A + 1)
    second += special.polygamma(1, B + 1) - special.polygamma(1, B + 1 + mark)
    mean = first / (A + B + 1)
    variance = second / (A + B + 1) ** 2 + 2.0 * first / (A + B + 1) ** 3
    average = p @ mean
    return average, p @ (variance + (mean - average) ** 2)


@pytest.mark.parametrize("spins", [6 * 10**7, 6 * 10**11, 6 * 10**15], ids=lambda n: f"{n:.0e}")
def test_burst_times_have_their_closed_mean_and_variance(spins):
    battery = CollectiveBattery(spins // 6, 5 * spins // 6)
    runs = 4000
    d = battery.n_charger - battery.n_battery
    times = np.array([(np.log(d) + 12.0) / d])
    *_, burst = make_runs(battery, times, 3, runs, in_groups=True)
    mean, variance = burst_moments(battery)
    assert np.isfinite(burst).all()
    scaled = (burst - mean) / np.sqrt(variance)
    # standard errors measured; four of them, one test in 16000
    assert abs(scaled.mean()) < 4.0 / np.sqrt(runs)
    assert abs((scaled**2).mean() - 1.0) < 4.0 * (scaled**2).std() / np.sqrt(runs)


@pytest.mark.parametrize(
    ("battery", "runs"),
    [
        (CollectiveBattery(10**15, 5 * 10**15), 2000),
        (CollectiveBattery(10**15, 5 * 10**15, nbar=0.5), 1000),
        (CollectiveBattery(10**12, 11 * 10**11, nbar=0.1), 400),
        (CollectiveBattery(10**7, 10**12), 1000),
    ],
    ids=["T = 0", "nbar = 0.5", "R = 1.1", "R = 1e5"],
)
def test_averages_are_those_of_the_master_equation(battery, runs):
    d = battery.n_charger - battery.n_battery
    # around the burst: earlier and later averages live on rare runs, whose spread few runs show
    times = np.log(d) / d + np.linspace(-3.0, 3.0, 15) / d
    names = ["battery_energy", "charger_energy", "power", "emission_rate", "emitted_photons"]
    found = sample(battery, times, runs=runs, seed=11, observables=names)
    exact = evolve(battery, times, names)
    assert found.provenance["solver"] == "quantum jumps in groups"
    assert found.warnings == ()
    for name in names:
        z = (found[name] - exact[name]) / found.errors[name]
        assert np.abs(z).max() < 4.5, name  # 15 times and 5 names that go together


def test_times_far_below_the_clocks_digits_do_not_hold_a_run_up():
    """At nbar = 20 and 7e15 spins a wait in the burst is 1e-18 of the time since the start."""
    battery = CollectiveBattery(2 * 10**15, 5 * 10**15, nbar=20.0)
    d = 3e15
    times = np.linspace(0.8, 1.0, 11) * (np.log(d) + 10.0) / d
    photons, energy, burst = make_runs(battery, times, 1, 3, in_groups=True)
    assert np.isfinite(burst).all()
    # detours: n + 1 emitted for n absorbed, so (nbar + 1) N_C in all, within a part sqrt(1/N)
    assert photons[:, -1] == pytest.approx(21.0 * d, rel=1e-3)
    assert energy[:, -1] == pytest.approx(1.0, abs=1e-3)


def test_ranges_of_runs_merge_to_the_bit():
    battery = CollectiveBattery(10**12, 5 * 10**12, nbar=0.2)
    times = np.linspace(0.0, 1e-11, 5)
    parts = sample(battery, times, 7, seed=4).merge(sample(battery, times, 13, seed=4, first=7))
    whole = sample(battery, times, 20, seed=4)
    for name in whole.values:
        assert np.array_equal(parts[name], whole[name]), name


def test_what_the_sums_cannot_resolve_is_in_the_error():
    """Early on 1e15 spins hold 1e-15 of their energy: below the rounding, which is told."""
    battery = CollectiveBattery(10**15, 5 * 10**15)
    found = sample(battery, [5e-16], runs=100, seed=1)
    exact = evolve(battery, [5e-16])
    for name in ("battery_energy", "power", "emission_rate", "emitted_photons"):
        assert 0.0 < abs(found[name] - exact[name])[0] < 4.0 * found.errors[name][0]
    assert found.errors["battery_energy"][0] == pytest.approx(2.0**-31)


def test_few_photons_on_a_long_ladder_are_counted_as_they_are():
    battery = CollectiveBattery(10**12, 10**9, nbar=0.5)
    times = np.array([1e-11])
    found = sample(battery, times, 400, seed=1, observables=["emitted_photons"])
    exact = evolve(battery, times, ["emitted_photons"])["emitted_photons"]
    assert abs(found["emitted_photons"] - exact) < 4.0 * found.errors["emitted_photons"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda b: single_run(b, [1e-15], seed=1, run=1),
            "a record lists every photon: ladders of at most 1e",
        ),
        (
            lambda b: sample(b, [1e-15], 1, seed=1, observables=["fano_factor"]),
            "not available here; available: battery_energy",
        ),
        (
            lambda b: waiting_times(b, [0.0, 1.0], until=1.0, runs=1, seed=1),
            "every photon is followed: at most 1e",
        ),
        (
            lambda b: sample(CollectiveBattery(5, 10**16), [1e-15], 1, seed=1),
            "take N_C - N_B up to about 9.0e",
        ),
        (
            lambda b: sample(CollectiveBattery(10, 10**10, detector_efficiency=0.5), [1.0], 1, 1),
            "every photon is followed: at most 1e",
        ),
    ],
)
def test_what_needs_every_photon_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call(CollectiveBattery(10**15, 5 * 10**15))
