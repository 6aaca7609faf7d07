"""Jumps and evolution at sharp j_B, j_C, M against matrices written down in |j, m>."""

import numpy as np
import pytest
from numba import njit
from scipy.linalg import expm

from darkbattery.nvmodel import CollectiveBattery, LocalNoise, Polarised, Pulse, Stage
from darkbattery.nvmodel.experiment import without_idle_switching
from darkbattery.nvmodel.preparation import dicke_mixture
from darkbattery.trajectories.jumps.spins.local_noise import (
    CHANNELS,
    EDGE,
    LOW,
    SIZE,
    battery_z,
    channel,
    channel_constant,
    empty_state,
    ladder_factors,
    ladder_range,
    local_jump,
    roots,
)
from darkbattery.trajectories.jumps.spins.noisy_runs import draw_irrep, generator
from darkbattery.trajectories.jumps.spins.nojump import (
    begin_rotated,
    eigenvectors,
    evolve_rotated,
)
from darkbattery.trajectories.jumps.spins.series import series_until
from darkbattery.trajectories.jumps.spins.stages import empty_frame_of, log_binomials, plan
from darkbattery.trajectories.reading.hermitian import diagonalise_with
from darkbattery.trajectories.space.angular import known_eigenvector

SYSTEMS = [(2, 3), (3, 2), (1, 4), (5, 5), (4, 6)]

# t(j, m) of the three channels, as the literature lists them
ELEMENTS = {
    (0, 0): lambda j, m: m,
    (0, 1): lambda j, m: np.sqrt((j - m) * (j + m + 1)),
    (0, -1): lambda j, m: np.sqrt((j + m) * (j - m + 1)),
    (-1, 0): lambda j, m: np.sqrt((j + m) * (j - m)),
    (-1, 1): lambda j, m: np.sqrt((j - m) * (j - m - 1)),
    (-1, -1): lambda j, m: -np.sqrt((j + m) * (j + m - 1)),
    (1, 0): lambda j, m: np.sqrt((j + 1) ** 2 - m * m),
    (1, 1): lambda j, m: -np.sqrt((j + m + 1) * (j + m + 2)),
    (1, -1): lambda j, m: np.sqrt((j - m + 1) * (j - m + 2)),
}


def jump_matrix(spins, j, change, q):
    """sqrt(c) T from the 2j + 1 states of j, m rising, to those of j + change; None if closed."""
    constant = channel_constant(spins, round(2 * j), change)
    if constant == 0.0:
        return None
    target = j + change
    found = np.zeros((round(2 * target) + 1, round(2 * j) + 1))
    for i in range(found.shape[1]):
        m = i - j
        if abs(m + q) <= target:
            found[round(m + q + target), i] = ELEMENTS[change, q](j, m)
    return np.sqrt(constant) * found


def random_state(nb, nc, two_jb, two_jc, two_m, rng):
    """A state with complex amplitudes on all ladders that are possible."""
    table, state = roots(nb + nc), empty_state(nb, nc, detuned=True)
    state.at[:3] = two_jb, two_jc, two_m
    state.at[LOW], state.at[SIZE] = ladder_range(state.at, table)
    n = state.at[SIZE]
    c = rng.normal(size=n) + 1j * rng.normal(size=n)
    state.c[EDGE : EDGE + n] = c / np.linalg.norm(c)
    return state, table


def product_amplitudes(two_jb, two_jc, two_m, low, half, c):
    """Amplitudes (2 j_B + 1, 2 j_C + 1) in |m_B, m_C>, from QuTiP's Clebsch-Gordan coefficients."""
    from qutip import clebsch

    a, b, M = two_jb / 2, two_jc / 2, two_m / 2
    found = np.zeros((two_jb + 1, two_jc + 1), dtype=complex)
    for k, amplitude in enumerate(c):
        J = low + k + half / 2
        if amplitude == 0.0 or a + b < J or max(abs(a - b), abs(M)) > J:
            assert abs(amplitude) < 1e-12, "an amplitude where there is no state"
            continue
        for i in range(two_jb + 1):
            m_c = M - (i - a)
            if abs(m_c) <= b:
                found[i, round(m_c + b)] += amplitude * clebsch(a, b, J, i - a, m_c, M)
    return found


@pytest.mark.parametrize(("nb", "nc"), SYSTEMS[:4])
def test_every_channel_is_the_matrix_of_one_ensemble(nb, nc):
    rng = np.random.default_rng(0)
    for two_jb in range(nb % 2, nb + 1, 2):
        for two_jc in range(nc % 2, nc + 1, 2):
            for two_m in range(-(two_jb + two_jc), two_jb + two_jc + 1, 4):
                state, table = random_state(nb, nc, two_jb, two_jc, two_m, rng)
                _compare_channels(nb, nc, state, table)


def _compare_channels(nb, nc, state, table):
    at = [int(x) for x in state.at]
    c = state.c[EDGE : EDGE + at[SIZE]]
    before = product_amplitudes(*at[:3], at[LOW], table.half, c)
    for which, spins in ((0, nb), (1, nc)):
        for q in (0, 1, -1):
            ladder_factors(state, q, table)
            for change in CHANNELS:
                K = jump_matrix(spins, at[which] / 2, change, q)
                if K is None:
                    continue
                out = np.zeros_like(state.c)
                channel(state, which, change, table, out)
                constant = channel_constant(spins, at[which], change)
                after = [at[0], at[1], at[2] + 2 * q]
                after[which] += 2 * change
                found = np.sqrt(constant) * out[EDGE : EDGE + at[SIZE] + 2]
                ours = product_amplitudes(*after, at[LOW] - 1, table.half, found)
                exact = K @ before if which == 0 else before @ K.T
                # a sign common to all amplitudes has no meaning; a dozen roundings
                gap = min(np.abs(ours - exact).max(), np.abs(ours + exact).max())
                assert gap < 1e-12, (at, which, q, change)


@pytest.mark.parametrize(("nb", "nc"), SYSTEMS)
def test_sum_rules_of_the_channels(nb, nc):
    """sum K^+ K = N/4, N/2 + m, N/2 - m, of the battery and of the charger."""
    rng = np.random.default_rng(1)
    for two_jb in range(nb % 2, nb + 1, 2):
        for two_jc in range(nc % 2, nc + 1, 2):
            for two_m in range(-(two_jb + two_jc), two_jb + two_jc + 1, 2):
                state, table = random_state(nb, nc, two_jb, two_jc, two_m, rng)
                at, n = state.at, state.at[SIZE]
                z, across = np.empty(n), np.empty(n + 1)
                battery_z(at, table, at[LOW], z, across)
                c = state.c[EDGE : EDGE + n]
                beside = 2.0 * np.real(across[1:n] * c[1:].conj() * c[:-1]).sum()
                z_b = (z * np.abs(c) ** 2).sum() + beside
                for which, spins, m in ((0, nb, z_b), (1, nc, two_m / 2 - z_b)):
                    rules = {0: spins / 4, -1: spins / 2 + m, 1: spins / 2 - m}
                    for q, rule in rules.items():
                        ladder_factors(state, q, table)
                        total = sum(
                            channel_constant(spins, at[which], change)
                            * channel(state, which, change, table, state.found[0])
                            for change in CHANNELS
                        )
                        assert total == pytest.approx(rule, abs=1e-12)


def test_limits_of_the_channels():
    """j = 0 only rises, j = 1/2 never falls, j = N/2 never rises."""
    for spins in (2, 4, 10):
        assert channel_constant(spins, 0, 0) == channel_constant(spins, 0, -1) == 0.0
        assert channel_constant(spins, 0, 1) == spins / 4
        assert channel_constant(spins, spins, 1) == 0.0
    for spins in (1, 3, 9):
        assert channel_constant(spins, 1, -1) == 0.0
        # one spin, or the last pair: m^2 c = 1/4 of N/4 jumps that keep j
        assert channel_constant(1, 1, 0) / 4 == 0.25
    rng = np.random.default_rng(2)
    for two_jb, two_jc in ((0, 3), (2, 1), (2, 3)):
        state, table = random_state(2, 3, two_jb, two_jc, 1, rng)
        assert local_jump(state, 0, 0, 2, 0.5, 0.999999, table)
        norm = np.sum(np.abs(state.c) ** 2)
        assert norm == pytest.approx(1.0, abs=1e-14)
        assert state.at[0] in ({2} if two_jb == 0 else {0, 2})


def test_irreps_are_drawn_with_their_multiplicities():
    """d_j/C(N, N/2 + m) by the quantiles of u against `dicke_mixture`."""
    spins = 12
    table = dicke_mixture(spins, Polarised(0.5))
    u = (np.arange(40_000) + 0.5) / 40_000
    for two_m in (0, 4, -6, 12):
        drawn = np.array([draw_irrep(log_binomials(spins), two_m, x) for x in u])
        rows = table.m == two_m / 2
        exact = table.probability[rows] / table.probability[rows].sum()
        shares = [np.mean(drawn == round(2 * j)) for j in table.j[rows]]
        # equally spaced u: each share is right to one part in the number of u
        assert np.allclose(shares, exact, atol=3 / u.size)


def half_generator(steps, s, state, table):
    """G/2 over J, built from matrices in |m_B, m_C> of one (j_B, j_C, M)."""
    g, at = generator(steps, s), state.at
    a, b, M = at[0] / 2, at[1] / 2, at[2] / 2
    low, n = ladder_range(at, table)
    z, across = np.empty(n), np.empty(n + 1)
    battery_z(at, table, low, z, across)
    m = np.arange(max(-a, M - b), min(a, M + b) + 0.5)
    vectors = np.empty((m.size, n))
    for r in range(m.size):
        known_eigenvector(z, across[1:], m[r], vectors[r])
    up_b, up_c = (a - m) * (a + m + 1), (b - (M - m)) * (b + (M - m) + 1)
    down_b, down_c = (a + m) * (a - m + 1), (b + M - m) * (b - M + m + 1)
    rate = np.zeros(m.size)
    for i, own, half in ((0, m, g.spins[0] / 2), (1, M - m, g.spins[1] / 2)):
        dephasing, emission, pumping = g.noise[3 * i : 3 * i + 3]
        rate += dephasing * half / 2 + emission * (half + own) + pumping * (half - own)
    coupled = {0: (1, 1), 1: (1, 0), 2: (0, 1), 3: (0, 0)}[int(g.coupled)]
    down = coupled[0] * down_b + coupled[1] * down_c
    up = coupled[0] * up_b + coupled[1] * up_c
    rate += g.gamma * ((g.nbar + 1) * down + g.nbar * up)
    G = np.diag(rate + 2j * g.detuning * m)
    product = (vectors.T @ G @ vectors).astype(complex)
    if all(coupled):  # J_B^+ J_C^- + its conjugate, by J^2
        J = low + np.arange(n) + table.half / 2
        J2 = vectors.T @ np.diag(a * (a + 1) + b * (b + 1) + 2 * m * (M - m)) @ vectors
        product += g.gamma * (2 * g.nbar + 1) * (np.diag(J * (J + 1)) - J2)
    return product / 2


NOISE = {
    "battery_noise": LocalNoise(1.0, 0.5, 0.2),
    "charger_noise": LocalNoise(0.3, 0.9, 0.1),
}


@pytest.mark.parametrize("coupled", ["both", "battery", "charger", "none"])
def test_evolution_without_jumps_in_eigenvectors(coupled):
    """Against the exponential of a matrix; normal generators."""
    rng = np.random.default_rng(3)
    detuning = 0.0 if coupled == "both" else 1.3
    battery = CollectiveBattery(
        4, 5, nbar=0.3, gamma=0.7, detuning=detuning, protocol=(Stage(np.inf, coupled),), **NOISE
    )
    steps = plan(battery)
    frame = empty_frame_of(battery, steps)
    state, table = random_state(4, 5, 4, 3, 1, rng)
    n = state.at[SIZE]
    if detuning == 0.0:  # real amplitudes
        real = empty_state(4, 5, detuned=False)
        real.at[:] = state.at
        real.c[:] = state.c.real / np.linalg.norm(state.c.real)
        state = real
    before = state.c[EDGE : EDGE + n].copy()
    exact = expm(-half_generator(steps, 0, state, table) * 0.37) @ before
    g = generator(steps, 0)
    eigenvectors(g, 0, state, frame, 0, table)
    begin_rotated(state, frame, 0, table)
    # the mixture of exponentials from which waiting times are drawn is the norm that is left
    weights = np.abs(frame.y[:n]) ** 2
    left = np.sum(weights * np.exp(-frame.rate[:n] * 0.37))
    assert left == pytest.approx(np.sum(np.abs(exact) ** 2), rel=1e-12)
    evolve_rotated(g, state, frame, 0, 0.37, table)
    low, size = state.at[LOW] - ladder_range(state.at, table)[0], state.at[SIZE]
    found = np.zeros(n, dtype=complex)
    found[low : low + size] = state.c[EDGE : EDGE + size]
    assert np.allclose(found, exact / np.linalg.norm(exact), atol=1e-12)


@njit
def diagonalised(d, e, n, rows):
    diagonalise_with(d, e, n, rows)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("n", [1, 2, 3, 11, 40])
def test_eigenvectors_of_a_tridiagonal_matrix(n, scale):
    rng = np.random.default_rng(n)
    diagonal, beside = scale * rng.normal(size=n), scale * rng.normal(size=n)
    beside[: n // 4] = 0.0  # parts that do not meet
    matrix = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
    rows = np.zeros((n, n + 3))
    rows[:, :n] = np.eye(n)
    diagonalised(diagonal, beside, n, rows)
    vectors = rows[:, :n]
    # some 2 n turns of each row, rounded at 1e-16 each
    error = 1e-15 * (n + 10)
    assert np.allclose(vectors @ matrix @ vectors.T, np.diag(diagonal), atol=scale * error, rtol=0)
    assert np.allclose(vectors @ vectors.T, np.eye(n), atol=error, rtol=0)
    assert np.all(rows[:, n:] == 0.0)


@pytest.mark.parametrize("dt", [0.01, 0.37, 3.0])
def test_evolution_without_jumps_by_taylors_series(dt):
    """Detuned: state, norm, and the time at which it is reached, against the exponential."""
    rng = np.random.default_rng(4)
    battery = CollectiveBattery(4, 5, nbar=0.3, gamma=0.7, detuning=2.3, **NOISE)
    steps = plan(battery)
    frame = empty_frame_of(battery, steps)
    state, table = random_state(4, 5, 4, 3, 1, rng)
    before = state.c[EDGE : EDGE + state.at[SIZE]].copy()
    A = -half_generator(steps, 0, state, table)
    exact = expm(A * dt) @ before
    norm = np.sum(np.abs(exact) ** 2)
    for budget, jumps in ((0.5 * norm, False), (norm + 0.5 * (1.0 - norm), True)):
        one, _ = random_state(4, 5, 4, 3, 1, np.random.default_rng(4))
        passed, left = series_until(generator(steps, 0), one, frame, dt, budget, table)
        assert (left >= 1.0) == jumps
        there = expm(A * passed) @ before
        if jumps:
            # the norm falls at 10 or so: 1e-13 in the time is 1e-12 in the norm
            assert np.sum(np.abs(there) ** 2) == pytest.approx(budget, rel=1e-12)
        else:
            assert passed == dt
            assert left == pytest.approx(budget / norm, rel=1e-11)
        low, n = one.at[LOW] - ladder_range(one.at, table)[0], one.at[SIZE]
        there = (there / np.linalg.norm(there))[low : low + n]
        assert np.allclose(one.c[EDGE : EDGE + n], there, atol=1e-11)


def test_protocols_that_switch_nothing_are_no_protocols():
    idle = (Pulse(0.0), Stage(1.0, name="a"), Pulse(0.0, 0.0), Stage(np.inf, name="b"))
    plain = CollectiveBattery(2, 3).experiment
    assert without_idle_switching(CollectiveBattery(2, 3, protocol=idle)) == plain
    kept = (Stage(1.0), Pulse(0.5), Stage(1.0), Stage(1.0, "none"))
    assert len(without_idle_switching(CollectiveBattery(2, 3, protocol=kept)).protocol) == 4
