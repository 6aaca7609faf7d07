"""Exact averages at any size against integer chains, closed forms and the large-N law."""

import mpmath
import numpy as np
import pytest
from numba import njit
from scipy.integrate import romb
from scipy.linalg import expm

from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.trajectories.averages.heisenberg import (
    coherence_chain,
    heisenberg_averages,
    level_chain,
)
from darkbattery.trajectories.propagate import gridsteps
from darkbattery.trajectories.propagate.blocksolve import factorise, solve
from darkbattery.trajectories.propagate.chains import pair_chains, propagate
from darkbattery.trajectories.propagate.grids import (
    POINTS,
    Blocks,
    Grid,
    ladder_grid,
    reading_weights,
)
from darkbattery.trajectories.propagate.gridsteps import propagate_readings
from darkbattery.trajectories.propagate.laddersum import FEWER_POINTS
from darkbattery.trajectories.propagate.radau import POLES
from darkbattery.trajectories.space.angular import coupled_basis, lowering_squared


def times_through_burst(n_battery: int, n_charger: int, count: int = 40) -> np.ndarray:
    rate = max(abs(n_charger - n_battery), np.sqrt(n_charger))
    return np.linspace(0.0, (np.log(n_battery + n_charger) + 10.0) / rate, count)


def from_density_matrix(battery: CollectiveBattery, times: np.ndarray) -> dict[str, np.ndarray]:
    """The same averages in the Schroedinger picture, every rung of every ladder kept."""
    basis = coupled_basis(battery.n_battery, battery.n_charger)
    chains = pair_chains(basis, battery.occupation, furthest=1)
    amplitude = np.sqrt(basis.weight) * (-1.0) ** np.arange(basis.n_ladders)
    M, J, inside = chains.M[:, None], basis.J[chains.first], chains.inside(basis)
    same = (chains.first == chains.second) & inside
    start = np.zeros(chains.loss.shape)
    start[round(basis.J[-1] - basis.m_start)] = amplitude[chains.first] * amplitude[chains.second]
    emission = np.where(same, (battery.occupation + 1.0) * lowering_squared(J, M), 0.0)
    states, (photons,), _ = propagate(chains, start, times, emission[None])
    coupling = 2.0 * basis.coupling[chains.first] * np.sqrt(np.maximum(J**2 - M**2, 0.0))
    battery_z = np.where(same, M * basis.diagonal[chains.first], np.where(inside, coupling, 0.0))
    b = np.tensordot(states, battery_z, 2)
    total = np.tensordot(states, np.where(same, M, 0.0), 2)
    return {
        "battery_energy": b / battery.n_battery + 0.5,
        "charger_energy": (total - b) / battery.n_charger + 0.5,
        "emission_rate": np.tensordot(states, emission, 2),
        "emitted_photons": photons,
    }


@pytest.mark.parametrize("nbar", [0.0, 0.05, 0.5, 5.0])
@pytest.mark.parametrize(
    ("n_battery", "n_charger"),
    [(1, 1), (1, 5), (5, 1), (2, 3), (10, 10), (10, 50), (50, 10), (100, 200), (20, 1000)],
)
def test_agrees_with_every_rung_of_the_density_matrix(n_battery, n_charger, nbar):
    battery = CollectiveBattery(n_battery, n_charger, nbar=nbar)
    times = times_through_burst(n_battery, n_charger)
    result = heisenberg_averages(battery, times)
    expected = from_density_matrix(battery, times)
    N = n_battery + n_charger
    # both sides step with an error of some 1e-12; 1e-10 leaves room for a hundred steps of it
    for name, scale in (
        ("battery_energy", 1.0),
        ("charger_energy", 1.0),
        ("emission_rate", N**2 * (nbar + 1.0)),
        ("emitted_photons", N * (nbar + 1.0) * (1.0 + nbar)),
    ):
        difference = np.abs(getattr(result, name) - expected[name]).max()
        assert difference < 1e-10 * scale, name
    assert result.error_estimate < 1e-10


def every_rung(L: int) -> Grid:
    n = np.arange(L + 1.0)
    return Grid(float(L), n, n[::-1], np.arange(L + 2), np.zeros(L + 1), *ladder_grid(1)[-2:])


@pytest.mark.parametrize("chain", [level_chain, coherence_chain])
@pytest.mark.parametrize(("nbar", "L"), [(0.0, 20_000), (0.5, 20_000), (5.0, 5_000)])
def test_doubling_grid_agrees_with_all_rungs(chain, nbar, L):
    taus = np.linspace(0.0, 2.0 * np.log(L) + 10.0, 30)
    rungs = np.array([1.0, 7.0, 150.0, 1111.0])
    seen = []
    for grid in (ladder_grid(L), every_rung(L)):
        on_grid = chain(grid, nbar)
        readings = reading_weights(grid, rungs, np.eye(4), from_top=True)
        found = propagate_readings(on_grid.blocks, on_grid.start, readings, on_grid.size, taus)
        size = (readings @ on_grid.size)[:, None]
        seen.append((found.values * size, found.integrals * size))
    # the all-rung chain's rounding grows like 1e-16 nbar L per e-fold
    np.testing.assert_allclose(seen[0][0], seen[1][0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(seen[0][1], seen[1][1], rtol=0, atol=3e-9)


@pytest.mark.long
@pytest.mark.parametrize("nbar", [0.0, 0.5])
def test_doubling_grid_agrees_with_all_rungs_of_four_hundred_thousand(nbar):
    test_doubling_grid_agrees_with_all_rungs(level_chain, nbar, 400_000)


def dense(blocks: Blocks) -> np.ndarray:
    matrix = np.zeros((blocks.below.size,) * 2)
    for e in range(blocks.first.size - 1):
        low, high = blocks.first[e], blocks.first[e + 1]
        part = blocks.inner[blocks.start[e] : blocks.start[e + 1]]
        matrix[low:high, low:high] = part.reshape(high - low, -1)
        if high < matrix.shape[0]:
            matrix[low:high, high] += blocks.below[low:high]
        if e:
            before = blocks.first[e - 1]
            matrix[low, before:low] += blocks.above[e, : low - before]
    return matrix


@njit
def resolvents(h, blocks, factors, x, solved):  # kernels for kernels alone
    factorise(h, blocks, factors)
    solve(h, factors, blocks, x, solved)


@pytest.mark.parametrize("points", [POINTS - FEWER_POINTS, POINTS])
@pytest.mark.parametrize("L", [1, 5, 290, 1000])
def test_resolvents_are_those_of_the_whole_matrix(L, points):
    """And nothing is written beyond the arrays that registers are stored to."""
    blocks = level_chain(ladder_grid(L, points), 0.5).blocks
    size, guard, h = blocks.below.size, 64, 0.3
    shapes = (POLES.size, 2, size, POINTS), (POLES.size, 4, size)
    edged = [np.full(int(np.prod(shape)) + 2 * guard, 7.0) for shape in shapes]
    factors, solved = (e[guard:-guard].reshape(s) for e, s in zip(edged, shapes, strict=True))
    factors[:] = 0.0
    x = np.random.default_rng(5).standard_normal((2, size))
    resolvents(h, blocks, factors, x, solved)
    for pole, parts in zip(POLES, solved, strict=True):
        expected = np.linalg.solve(h * dense(blocks) - pole * np.eye(size), x.T.astype(complex)).T
        found = parts[0::2] + 1j * parts[1::2]
        # 1e-11: 1e-16 times the condition of these matrices, at most some 1e4
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * np.abs(expected).max())
    assert all(np.all(e[:guard] == 7.0) and np.all(e[-guard:] == 7.0) for e in edged)


@pytest.mark.parametrize("nbar", [0.0, 0.05, 0.5, 5.0, 50.0, 1e4])
@pytest.mark.parametrize("L", [300, 10**4, 10**6, 10**9])
def test_no_mode_on_the_grid_grows(nbar, L):
    # one-sided reading at the joints grows where absorption counts, two-sided reading elsewhere
    eigenvalues = np.linalg.eigvals(dense(level_chain(ladder_grid(L), nbar).blocks))
    # 0 belongs to constants; eigenvalues of this matrix carry rounding of its largest entries
    assert eigenvalues.real.max() < 1e-10 * (1.0 + nbar)


def large_n_law(n_battery: int, n_charger: int, nbar: float, times: np.ndarray) -> np.ndarray:
    """A burst of linear growth from noise and a classical pulse, with its first correction."""
    D, R = n_charger - n_battery, n_charger / n_battery
    mu = nbar + R / (R - 1.0)
    a = D / mu * np.exp(-D * times)
    F = np.array([float(1 - mpmath.mpf(x) * mpmath.exp(x) * mpmath.e1(x)) for x in a])
    return F * (1.0 - 2.0 * np.sqrt(a / (D * mu)) * R / (R - 1.0))


@pytest.mark.parametrize("nbar", [0.0, 0.5])
def test_residual_of_the_large_n_law_falls_like_one_over_n(nbar):
    residual = []
    for n_battery in (10**4, 10**5, 10**6):
        n_charger = 5 * n_battery
        D = n_charger - n_battery
        times = (np.log(D) + np.linspace(-3.0, 6.0, 40)) / D
        battery = CollectiveBattery(n_battery, n_charger, nbar=nbar)
        exact = heisenberg_averages(battery, times).battery_energy
        residual.append(np.abs(exact - large_n_law(n_battery, n_charger, nbar, times)).max())
    orders = np.log10(np.array(residual[:-1]) / residual[1:])
    np.testing.assert_allclose(orders, 1.0, atol=0.15)  # corrections of order log(N)/N remain


def irregular(last: float) -> dict[str, np.ndarray]:
    """Times that share no step, up to `last`."""
    near = np.linspace(0.4, 0.4 + 1e-9, 5)
    clusters = np.concatenate([[0.0, 1e-30], near, np.nextafter(near[-1:], 1.0), [0.7, 1.0]])
    return {
        "equal": np.linspace(0.0, last, 100),
        "logarithmic": np.geomspace(1e-6 * last, last, 100),
        "random": np.sort(np.random.default_rng(3).random(100)) * last,
        "clustered": clusters * last,
    }


@pytest.mark.parametrize("spacing", ["equal", "logarithmic", "random", "clustered"])
@pytest.mark.parametrize("nbar", [0.0, 0.5, 5.0])
def test_large_n_law_holds_at_1e16_spins(nbar, spacing):
    n_battery, n_charger = 10**15, 9 * 10**15
    D = n_charger - n_battery
    times = irregular((np.log(D) + 30.0) / D)[spacing]
    result = heisenberg_averages(CollectiveBattery(n_battery, n_charger, nbar=nbar), times)
    law = large_n_law(n_battery, n_charger, nbar, times)
    # the law's own residual is 1e-15 here; what is left is ours, and we promise 1e-8
    difference = np.abs(result.battery_energy - law).max()
    assert difference < 1e-9
    assert difference < 10 * result.error_estimate < 1e-8


@pytest.mark.parametrize(
    ("n_battery", "n_charger"),
    [
        (1, 1),
        (3, 15),
        pytest.param(1000, 1100, marks=pytest.mark.long),
        (10**6, 2 * 10**6),
        (10**15, 10**16),
    ],
)
def test_ends_in_the_dark_states(n_battery, n_charger):
    battery = CollectiveBattery(n_battery, n_charger)
    late = heisenberg_averages(battery, [1e3 / max(n_charger - n_battery, 1)])
    basis = coupled_basis(n_battery, n_charger)
    k, D = np.arange(basis.n_ladders), n_charger - n_battery
    dark = (n_battery - k) / n_battery * ((D + k + 1.0) / (D + 2.0 * k + 2.0))
    # 1e-12: the weights left out, 1e-13, and their rounding
    assert late.battery_energy[0] == pytest.approx(basis.weight @ dark, abs=1e-12)
    # relative to the burst's N^2 photons per unit of time
    assert abs(late.emission_rate[0]) < 1e-14 * (n_battery + n_charger) ** 2


@pytest.mark.parametrize("nbar", [0.0, 0.5, 5.0])
@pytest.mark.parametrize(
    ("n_battery", "n_charger"), [(30, 40), (400, 100), (10**9, 10**10), (1, 10**16)]
)
def test_photons_account_for_the_energy_and_power_for_the_battery(n_battery, n_charger, nbar):
    battery = CollectiveBattery(n_battery, n_charger, nbar=nbar, gamma=2.0)
    # equal steps, which share their factors; Romberg's error at 1/8 e-fold is far below 1e-9
    times = np.linspace(0.0, times_through_burst(n_battery, n_charger)[-1] / 2.0, 257)
    result = heisenberg_averages(battery, times)
    work = romb(result.power, dx=times[1])
    assert work == pytest.approx(result.battery_energy[-1], abs=1e-8)
    lost = n_charger * (1.0 - result.charger_energy) - n_battery * result.battery_energy
    balance = result.emitted_photons - result.absorbed_photons - lost
    assert np.abs(balance).max() < 1e-10 * (1.0 + nbar) * (n_battery + n_charger)
    assert result.battery_energy[0] >= -1e-11
    assert np.all(result.emission_rate >= -1e-10 * (n_battery + n_charger) ** 2)


def test_start_late_and_sparse_times():
    battery = CollectiveBattery(10**15, 5 * 10**15, nbar=0.5)
    result = heisenberg_averages(battery, [0.0, 1e-30, 1e-13, 1.0, 1e6])
    assert result.battery_energy[0] == pytest.approx(0.0, abs=1e-14)
    assert result.battery_energy[-1] == pytest.approx(1.0, abs=1e-14)
    # thermal ladders of 4e15 rungs: nbar (nbar + 1) L photons per unit of time
    assert result.emission_rate[-1] == pytest.approx(0.75 * 4e15, rel=1e-6)


def test_error_estimate_covers_the_difference_between_two_ways_of_stepping():
    battery = CollectiveBattery(10**7, 2 * 10**7, nbar=0.5)
    times = times_through_burst(10**7, 2 * 10**7, 31)
    coarse, fine = (
        heisenberg_averages(battery, t) for t in (times, np.linspace(0, times[-1], 601))
    )
    difference = np.abs(coarse.battery_energy - fine.battery_energy[::20]).max()
    assert difference < coarse.error_estimate + fine.error_estimate < 1e-9


ANY_TIMES = {
    "random": np.append(0.0, np.sort(np.random.default_rng(2).random(25)) ** 2 * 20.0),
    "ends of steps": gridsteps.FIRST_STEP * np.array([0.5, 1.0, 2.0, 3.0, 6.0, 12.0, 16.0, 32.0]),
}


@pytest.mark.parametrize("which", ANY_TIMES)
@pytest.mark.parametrize(("nbar", "L"), [(0.0, 400), (0.5, 400), (5.0, 10)])
def test_readings_at_any_time_are_those_of_the_matrix_exponential(nbar, L, which):
    grid, taus = ladder_grid(L), ANY_TIMES[which]
    chain = level_chain(grid, nbar)
    rungs = np.array([0.0, 7.0, 0.4 * L])
    readings = reading_weights(grid, rungs, np.eye(3), from_top=True)
    found = propagate_readings(chain.blocks, chain.start, readings, chain.size, taus)
    matrix = dense(chain.blocks)
    for tau, values in zip(taus, found.values, strict=True):
        # 1e-10: what is promised; the exponential's own rounding is 1e-13
        np.testing.assert_allclose(
            values, readings @ expm(matrix * tau) @ chain.start, rtol=0, atol=1e-10
        )
    # a rung between points is read with weights of up to twice in all
    assert found.reading_error.max() <= 2.0 * gridsteps.READING_TOLERANCE
    assert found.step_error < 1e-10


@pytest.mark.parametrize("chain", [level_chain, coherence_chain])
def test_reading_error_is_what_the_polynomials_miss(chain, monkeypatch):
    """With long steps that miss visibly, against short ones."""
    grid = ladder_grid(10**9)
    made = chain(grid, 0.5)
    reading = reading_weights(grid, np.array([3.0]), np.ones((1, 1)), from_top=True)
    taus = np.sort(np.random.default_rng(4).random(300)) * 40.0
    seen = []
    for step_tolerance, reading_tolerance in ((1e-7, 1e-8), (1e-9, 1e-13)):
        monkeypatch.setattr(gridsteps, "STEP_TOLERANCE", step_tolerance)
        monkeypatch.setattr(gridsteps, "READING_TOLERANCE", reading_tolerance)
        monkeypatch.setattr(gridsteps, "EASY_READING", 0.5)
        seen.append(propagate_readings(made.blocks, made.start, reading, made.size, taus))
    difference = np.abs(seen[0].values - seen[1].values).max(axis=0)[0]
    estimate = seen[0].reading_error[0]
    scale = (reading @ (1.0 / np.where(made.size > 0.0, made.size, np.inf)))[0]
    assert np.all(estimate > 1e-11 * scale)  # far above rounding: something is measured
    # the estimate is of leading order, and output times need not meet the largest error
    assert np.all(difference < 1.2 * estimate)
    assert np.all(difference > 0.2 * estimate)


def test_refuses_what_it_cannot_do():
    with pytest.raises(InputError, match="battery_start"):
        heisenberg_averages(CollectiveBattery(1, 5, battery_start="thermal"), [0.0])
    with pytest.raises(InputError, match="take R further from 1"):
        heisenberg_averages(CollectiveBattery(10**12, 10**12), [1e-6])
    with pytest.raises(InputError, match=r"times\[1\]"):
        heisenberg_averages(CollectiveBattery(1, 5), [1.0, 0.5])
