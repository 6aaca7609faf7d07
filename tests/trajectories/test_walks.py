"""The kernels that draw and follow records, against plain loops and against exact averages."""

import hashlib

import numpy as np
import pytest

from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.trajectories import evolve, sample, single_run
from darkbattery.trajectories.jumps.counts.tally import collective_study
from darkbattery.trajectories.jumps.photons.arrivals import Arrivals, count_few_photons
from darkbattery.trajectories.jumps.photons.decays import (
    DecayStudy,
    count_decays,
    count_many_photons,
)
from darkbattery.trajectories.jumps.photons.recording import groups_of_runs, kernel_tables
from darkbattery.trajectories.jumps.photons.records import count_records
from darkbattery.trajectories.jumps.photons.walks import BATCH, Starts, interval_table
from darkbattery.trajectories.reading.bonds import add_ways, bonds_of
from darkbattery.trajectories.reading.conditional import unravelling
from darkbattery.trajectories.space.angular import coupled_basis


def decay_arguments(battery, taus):
    tables = unravelling(battery)
    basis = tables.basis
    photons = round(basis.J[-1] + basis.m_start)
    arrivals = np.zeros((photons + 1, taus.size), dtype=np.int64)
    ladders = np.zeros(basis.n_ladders, dtype=np.int64)
    starts = Starts(tables.cumulative, basis.J, tables.m_starts)
    return starts, taus, Arrivals(arrivals, ladders)


def philox(seed, run, count):
    """The uniform numbers of a run, by numpy's own generator."""
    words = np.random.Philox(
        key=np.array([seed, 1], dtype=np.uint64), counter=[0, run, 0, 0]
    ).random_raw(count)
    return ((words >> np.uint64(12)) + 0.5) * 2.0**-52


@pytest.mark.parametrize("sizes", [(1, 5), (3, 2), (10, 50), (40, 90)], ids=str)
def test_photons_are_those_of_a_plain_loop_over_numpys_stream(sizes):
    """Number 0 draws the ladder, number n the wait for photon n; three batches at (40, 90)."""
    taus = np.concatenate([[0.0], np.geomspace(1e-3, 3.0, 30)])
    (cumulative, J, m_starts), _, _ = decay_arguments(CollectiveBattery(*sizes), taus)
    m_start = m_starts[0]
    expected = np.zeros((round(J[-1] + m_start) + 1, taus.size), dtype=np.int64)
    for run in range(50):
        u = philox(9, run, 2 * BATCH)
        k = int(np.searchsorted(cumulative, u[0]))
        n = np.arange(round(J[k] + m_start))
        clock = np.cumsum(-np.log(u[1 + n]) / ((J[k] + m_start - n) * (J[k] - m_start + n + 1)))
        for photon, tau in enumerate(clock, start=1):
            if tau <= taus[-1]:
                expected[photon, np.searchsorted(taus, tau)] += 1
    for kernel, table in ((count_few_photons, (interval_table(taus),)), (count_many_photons, ())):
        *start, counts = decay_arguments(CollectiveBattery(*sizes), taus)
        kernel(np.uint64(9), 0, 50, *start, *table, counts)
        assert np.array_equal(counts.found, expected)
        assert counts.ladders.sum() == 50


def test_studies_keep_their_bits():
    """Counts of studies, which are whole numbers: at T = 0 of 2026-11-22, before kernels were
    vectorised; at nbar > 0 of 2026-11-23, since when a jump takes one random number."""
    cold, times = CollectiveBattery(10, 50), np.linspace(0.0, 2.0, 101)
    arrivals = count_decays(DecayStudy(cold, times, 1, ()), 0, 20_000).counts["arrivals"]
    assert hashlib.sha256(arrivals.tobytes()).hexdigest()[:16] == "5e6ee298c8b8dbbe"
    warm = CollectiveBattery(10, 50, nbar=0.5)
    study = collective_study(warm, times, 1, (), unravelling(warm).basis)
    thermal = count_records(study, 0, 500).counts
    found = hashlib.sha256(thermal["total"][5].tobytes() + thermal["ladders"].tobytes())
    assert found.hexdigest()[:16] == "9e63cac65dfa53d9"


@pytest.mark.parametrize("nbar", [0.5, 3.0])
@pytest.mark.parametrize("sizes", [(1, 5), (3, 2), (10, 50)], ids=str)
def test_thermal_jumps_are_those_of_a_plain_loop_over_numpys_stream(sizes, nbar):
    """A number u below the probability p of falling makes a jump fall, and -ln(u/p) is its wait;
    above it, a jump up with -ln[(1-u)/(1-p)]."""
    battery = CollectiveBattery(*sizes, nbar=nbar)
    tables = unravelling(battery)
    for run in range(20):
        one = single_run(battery, [1.0], seed=9, run=run)
        u = philox(9, run, 4 + 4000)
        k = int(np.searchsorted(tables.cumulative, u[0]))
        J, M, tau, jumps = tables.basis.J[k], tables.m_starts[0], 0.0, []
        for number in u[4:]:
            falls = (nbar + 1.0) * (J + M) * (J - M + 1.0)
            rises = nbar * (J - M) * (J + M + 1.0)
            if J == 0.0:
                break
            p = falls / (falls + rises)
            rest = number / p if number < p else (1.0 - number) / (1.0 - p)
            tau -= np.log(rest) / (falls + rises)
            if tau > 1.0:
                break
            M += -1.0 if number < p else 1.0
            jumps.append((tau, -1 if number < p else 1))
        assert one.directions.tolist() == [direction for _, direction in jumps]
        # 1e-12: some hundred waits, a rest near 1 has lost four digits
        np.testing.assert_allclose(one.jump_times, [tau for tau, _ in jumps], rtol=1e-12)


BY_LOGARITHMS = [
    (CollectiveBattery(2, 700, nbar=0.5), np.geomspace(1e-5, 0.02, 12)),  # middle: no table
    (CollectiveBattery(5, 6, nbar=2.0), np.array([0.01, 0.02, 30.0])),  # damped by e^-1000 at once
]
BY_PRODUCTS = [
    (CollectiveBattery(3, 2, nbar=1.2), np.geomspace(1e-3, 1.0, 12)),
    (CollectiveBattery(5, 6, nbar=2.0), np.linspace(0.0, 4.0, 60)),
    (CollectiveBattery(1, 200, nbar=5.0, battery_start="thermal"), np.geomspace(1e-5, 0.02, 12)),
    (CollectiveBattery(40, 50, nbar=0.5), np.linspace(0.0, 1.0, 30)),  # ladders die out
]


def has_products(battery, times):
    q = kernel_tables(unravelling(battery), battery)
    return next(groups_of_runs(q, times * battery.gamma, 0, 1))[1].products is not None


def test_both_ways_to_follow_amplitudes_are_met():
    assert not any(has_products(*case) for case in BY_LOGARITHMS)
    assert all(has_products(*case) for case in BY_PRODUCTS)


@pytest.mark.parametrize(("battery", "times"), BY_LOGARITHMS + BY_PRODUCTS)
def test_amplitudes_are_the_product_over_the_record(battery, times):
    """Pairs of crossings and the closed form of the way against a product jump by jump."""
    tables, basis = unravelling(battery), unravelling(battery).basis
    above = 0
    for run in range(6):
        one = single_run(battery, times, seed=2, run=run)
        M = one.M[-1] - one.directions.sum()
        first, start = M, int(np.argmin(np.abs(tables.m_starts - M)))
        logs, done = tables.log_start[start].copy(), 0
        for i, time in enumerate(times):
            while done < one.jump_times.size and one.jump_times[done] <= time:
                direction = one.directions[done]
                logs += tables.log_bond[round(basis.J[-1] - max(M, M + direction))]
                M += direction
                done += 1
            assert one.M[i] == M
            above += first < M
            damped = logs - tables.damping * time * battery.gamma
            amplitudes = np.exp(damped - damped.max())
            amplitudes /= np.linalg.norm(amplitudes)
            # 1e-10: some hundred thousand logarithms of 1e-16 each
            np.testing.assert_allclose(np.abs(one.amplitudes[i]), amplitudes, atol=1e-10)
    # above the start the way is the inverse of a product; few ladders reach there if N_B << N_C
    assert above > 0 or battery.n_battery <= 2


def test_middle_bonds_are_met():
    """The system above has bonds that only the series serves."""
    tables = unravelling(CollectiveBattery(2, 700, nbar=0.5))
    assert tables.bonds.single.shape[0] < tables.bonds.rows


def test_the_way_has_a_closed_form():
    """For all M of a ladder, in the table and as `bonds_of` would compute it on the way."""
    for sizes in ((4, 9), (9, 4), (5, 5)):
        basis = coupled_basis(*sizes)
        tables = unravelling(CollectiveBattery(*sizes))
        bonds = bonds_of(basis, tables.m_starts, tables.log_start, rising=True)
        row = round(basis.J[-1] - basis.m_start)
        sums = tables.log_start[0] + np.cumsum(tables.log_bond[row:-1], axis=0)
        # 1e-12: a few hundred roundings
        np.testing.assert_allclose(bonds.ways[0, row + 1 :], sums, atol=1e-12)
        if row > 0:
            up = -np.cumsum(tables.log_bond[row - 1 :: -1], axis=0)[::-1]
            inside = np.isfinite(bonds.ways[0, :row])
            assert np.array_equal(inside, np.isfinite(up))
            climbed = (tables.log_start[0] + up)[inside]
            np.testing.assert_allclose(bonds.ways[0, :row][inside], climbed, atol=1e-12)
        # without the table
        M, logs = basis.J[-1] - np.arange(bonds.rows), np.empty((basis.n_ladders, bonds.rows))
        add_ways(bonds._replace(ways=bonds.ways[:, :0]), 0, M, logs)
        np.testing.assert_allclose(logs.T, bonds.ways[0], atol=1e-12)


@pytest.mark.parametrize(("nbar", "runs"), [(0.0, 300), (0.5, 60)])
def test_runs_of_a_large_system_average_to_the_exact_means(nbar, runs):
    """120,000 spins: nothing is tabulated, and the exact means are the Heisenberg equation's."""
    battery = CollectiveBattery(20_000, 100_000, nbar=nbar)
    assert unravelling(battery).bonds.ways.shape[1] == 0
    times = np.array([1.2e-4, 1.4e-4, 1.6e-4])  # the burst is at ln(D^2/N_C)/D = 1.4e-4
    names = ("battery_energy", "charger_energy", "emitted_photons")
    exact, ours = evolve(battery, times, names), sample(battery, times, runs=runs, seed=12)
    for name in names:
        z = (ours[name] - exact[name]) / ours.errors[name]
        # nine correlated comparisons: 4 sigma is a false alarm in ten thousand seeds
        assert np.all(np.abs(z) < 4.0), (name, z)


def test_large_systems_split_and_merge_to_the_same_bits():
    battery, times = CollectiveBattery(20_000, 100_000), [1e-4, 2e-4]
    whole = sample(battery, times, runs=5, seed=3)
    merged = sample(battery, times, runs=2, seed=3, first=3).merge(
        sample(battery, times, runs=3, seed=3)
    )
    for name in whole.values:
        assert np.array_equal(whole[name], merged[name]), name


def test_a_run_of_ten_million_spins():
    """Nothing of its size is held in memory; J_B^z ends at the closed form of its dark state."""
    one = sample(CollectiveBattery(1_666_667, 8_333_333), [1.0], runs=1, seed=4)
    j = float(one.distributions["dark_state"].low[one.distributions["dark_state"].weight > 0][0])
    jb, jc = 1_666_667 / 2, 8_333_333 / 2
    energy = 0.5 - (j * (j + 1) + jb * (jb + 1) - jc * (jc + 1)) / (2 * j * (j + 1)) * j / (2 * jb)
    # 2e-9: the fixed point of the sums
    assert one["battery_energy"][0] == pytest.approx(energy, abs=2e-9)
    assert one["emitted_photons"][0] == round(j + jc - jb)


def test_too_large_systems_are_refused():
    with pytest.raises(InputError, match="ladders J; take R further from 1"):
        sample(CollectiveBattery(10**14, 10**14), [1.0], runs=1, seed=0)
    with pytest.raises(InputError, match="need a table of"):
        sample(CollectiveBattery(10**6, 10**6, nbar=0.1), [1e-6], runs=1, seed=0)
