from fractions import Fraction
from functools import reduce
from math import comb

import numpy as np
import pytest

from darkbattery.nvmodel import ergotropy as e
from darkbattery.nvmodel import irreps as ir
from darkbattery.nvmodel.preparation import Polarised, dicke_mixture


def _spin_operators(n):
    """J^2 and J_z of n spins on all 2^n states."""
    single = {
        "x": np.array([[0, 1], [1, 0]]) / 2,
        "y": np.array([[0, -1j], [1j, 0]]) / 2,
        "z": np.diag([0.5, -0.5]),
    }
    total = {
        axis: sum(
            reduce(np.kron, [matrix if i == site else np.eye(2) for i in range(n)])
            for site in range(n)
        )
        for axis, matrix in single.items()
    }
    return sum(matrix @ matrix for matrix in total.values()).real, total["z"].real


def _explicit_state(irreps, p):
    """The 2^n matrix: each p[j, m] spread evenly over the joint eigenspace of J^2 and J_z."""
    squared, z = _spin_operators(irreps.spins)
    values, vectors = np.linalg.eigh(squared + 100.0 * z)
    rho = np.zeros_like(squared)
    for j, m, weight in zip(irreps.j, irreps.m, p, strict=True):
        space = vectors[:, np.abs(values - j * (j + 1) - 100.0 * m) < 1e-6]
        rho += weight * space @ space.T / space.shape[1]
    return rho, z / irreps.spins + np.eye(len(z)) / 2


def _exact_total(irreps, p):
    """The same sum with whole numbers of states, one stretch of equal levels after the other."""
    n = irreps.spins
    # even n: comb(n, n/2 - j) states of excess j, less those that belong to j + 1
    count = {j: comb(n, int(n // 2 - j)) for j in irreps.ladders}
    d = {j: c - (comb(n, int(n // 2 - j - 1)) if j < n // 2 else 0) for j, c in count.items()}
    # heights as whole numbers, fine enough to order any two doubles over any two multiplicities
    entries = sorted(
        (
            ((int(Fraction(float(w)) * 2**1074) << 2 * n) // d[j], w, d[j])
            for j, w in zip(irreps.j, p, strict=True)
            if w > 0.0
        ),
        reverse=True,
    )
    level, room, passive, size = 0, 1, 0.0, 1
    for _, weight, multiplicity in entries:
        left = multiplicity
        while left:
            taken = min(left, room)
            passive += weight * (taken / multiplicity) * level
            left, room = left - taken, room - taken
            if room == 0:
                size = size * (n - level) // (level + 1)
                level, room = level + 1, size
    return float(np.dot(p, irreps.level)) - passive / n


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_against_matrices_on_all_states(n):
    irreps = ir.Irreps.all_of(n)
    rng = np.random.default_rng(n)
    for _ in range(5):
        p = rng.dirichlet(np.full(irreps.j.size, 0.5))
        rho, h = _explicit_state(irreps, p)
        # 1e-12: rounding of eigenvalues of matrices of up to 64 rows
        assert np.trace(rho) == pytest.approx(1.0, abs=1e-12)
        assert ir.total_ergotropy_of_irreps(irreps, p) == pytest.approx(
            e.ergotropy_of_matrix(rho, h), abs=1e-12
        )
        energy = float(np.trace(rho @ h))
        assert ir.local_ergotropy_of_irreps(irreps, p) == pytest.approx(
            max(0.0, 2.0 * energy - 1.0), abs=1e-12
        )
        parts = 0.0
        for ladder, start, end in zip(
            irreps.ladders, irreps.offsets, irreps.offsets[1:], strict=False
        ):
            levels = (n / 2 - ladder + np.arange(end - start)) / n
            parts += e.ergotropy_of_matrix(np.diag(p[start:end]), np.diag(levels))
        assert ir.ladder_ergotropy_of_irreps(irreps, p) == pytest.approx(parts, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_the_symmetric_irrep_is_the_ladder(n):
    p = np.random.default_rng(n).dirichlet(np.ones(n + 1), size=3)
    irreps = ir.Irreps.all_of(n)
    embedded = np.zeros((3, irreps.j.size))
    embedded[:, : n + 1] = p
    # 1e-12: gammaln of the multiplicity, which is 1
    np.testing.assert_allclose(
        ir.ladder_ergotropy_of_irreps(irreps, embedded), e.ladder_ergotropy(p), atol=1e-12
    )
    np.testing.assert_allclose(
        ir.total_ergotropy_of_irreps(irreps, embedded), e.total_ergotropy_symmetric(p), atol=1e-12
    )
    np.testing.assert_allclose(irreps.by_excitations(embedded), p, atol=1e-15)


@pytest.mark.parametrize("n", [2, 4, 10])
def test_singlets_hold_work_only_for_unitaries_between_irreps(n):
    """j = 0: d_0 equal eigenvalues in the middle of the spectrum, put on the lowest levels."""
    irreps = ir.Irreps.all_of(n)
    p = np.zeros(irreps.j.size)
    p[irreps.position(0.0, 0.0)] = 1.0
    d, filled, left = comb(n, n // 2) - comb(n, n // 2 - 1), 0.0, 1.0
    for k in range(n + 1):
        taken = min(left, comb(n, k) / d)
        filled, left = filled + taken * k / n, left - taken
    assert ir.ladder_ergotropy_of_irreps(irreps, p) == 0.0
    assert ir.local_ergotropy_of_irreps(irreps, p) == 0.0
    # 1e-13: logarithms of a few hundred
    assert ir.total_ergotropy_of_irreps(irreps, p) == pytest.approx(0.5 - filled, abs=1e-13)


def test_half_filled_doublets():
    """Three spins in j = 1/2: two doublets, all four eigenvalues 1/4."""
    irreps = ir.Irreps.all_of(3)
    p = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    # two states up (2/3): one goes to 0 and one to 1/3
    assert ir.total_ergotropy_of_irreps(irreps, p) == pytest.approx(2 / 3 - 1 / 6, abs=1e-14)
    assert ir.ladder_ergotropy_of_irreps(irreps, p) == pytest.approx(1 / 3, abs=1e-14)


@pytest.mark.parametrize("up", [0.2, 0.5, 0.9])
def test_independent_spins(up):
    """A product of equal spins holds what its spins hold, however it is drawn."""
    n = 60
    irreps = ir.Irreps.all_of(n)
    mixture = dicke_mixture(n, Polarised(up))
    p = np.zeros(irreps.j.size)
    for j, m, weight in zip(mixture.j, mixture.m, mixture.probability, strict=True):
        p[irreps.position(j, m)] += weight
    local = max(0.0, 2.0 * up - 1.0)
    # 1e-12: logarithms of 2^60 states, 1e-14 each, over 60 levels
    assert ir.total_ergotropy_of_irreps(irreps, p) == pytest.approx(local, abs=1e-12)
    assert ir.local_ergotropy_of_irreps(irreps, p) == pytest.approx(local, abs=1e-12)
    # the thermal weights rise or fall along each ladder, so that a rotation is the best there too
    assert ir.ladder_ergotropy_of_irreps(irreps, p) == pytest.approx(local, abs=1e-12)
    assert irreps.by_ladder(p).sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("j", [5000.0, 4999.0, 4950.0, 100.0, 0.0])
def test_one_irrep_of_ten_thousand_spins_against_whole_numbers(j):
    n = 10_000
    irreps = ir.Irreps(n, np.array([j]))
    p = np.random.default_rng(3).dirichlet(np.full(irreps.j.size, 0.3))
    p[p < 1e-250] = 0.0
    # 1e-10: logarithms of 7000 with errors of 1e-12, over the 1e4 levels that share the energy
    assert ir.total_ergotropy_of_irreps(irreps, p) == pytest.approx(
        _exact_total(irreps, p), abs=1e-10
    )


def test_many_irreps_of_a_hundred_spins_against_whole_numbers():
    irreps = ir.Irreps.all_of(100)
    p = np.random.default_rng(4).dirichlet(np.full(irreps.j.size, 0.2))
    # 1e-12: as above, with logarithms of 70
    assert ir.total_ergotropy_of_irreps(irreps, p) == pytest.approx(
        _exact_total(irreps, p), abs=1e-12
    )


def test_order_of_the_three_and_of_the_maximally_mixed_state():
    irreps = ir.Irreps.all_of(9)
    for p in np.random.default_rng(1).dirichlet(np.full(irreps.j.size, 0.3), size=20):
        ladder = ir.ladder_ergotropy_of_irreps(irreps, p)
        total = ir.total_ergotropy_of_irreps(irreps, p)
        # 1e-14: rounding
        assert -1e-14 <= ir.local_ergotropy_of_irreps(irreps, p) <= ladder + 1e-14
        assert ladder <= total + 1e-14
    mixed = np.exp(irreps.log_multiplicity) / 2.0**9
    assert mixed.sum() == pytest.approx(1.0, abs=1e-13)
    assert ir.total_ergotropy_of_irreps(irreps, mixed) == pytest.approx(0.0, abs=1e-13)


@pytest.mark.parametrize("name", ["ladder", "total", "local"])
def test_gradients_are_difference_quotients(name):
    functional = getattr(ir, f"{name}_ergotropy_of_irreps")
    gradient = getattr(ir, f"{name}_ergotropy_of_irreps_gradient")
    irreps, step = ir.Irreps.all_of(5), 1e-7
    for p in np.random.default_rng(2).dirichlet(np.ones(irreps.j.size), size=10):
        for position in range(p.size):
            moved = p.copy()
            moved[position] += step
            # 1e-7: rounding 1e-15 over the step, twice
            assert (functional(irreps, moved) - functional(irreps, p)) / step == pytest.approx(
                gradient(irreps, p)[position], abs=1e-7
            )


def test_several_states_at_once_and_positions_of_a_selection():
    irreps = ir.Irreps(7, np.array([3.5, 0.5]))
    assert irreps.position(0.5, 0.5) == 9
    p = np.random.default_rng(6).dirichlet(np.ones(10), size=(2, 3))
    for functional in (ir.ladder_ergotropy_of_irreps, ir.total_ergotropy_of_irreps):
        together = functional(irreps, p)
        assert together.shape == (2, 3)
        assert together[1, 2] == functional(irreps, p[1, 2])
