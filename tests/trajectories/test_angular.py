import numpy as np
import pytest
from qutip.utilities import clebsch

from darkbattery.trajectories.space import angular
from darkbattery.trajectories.space.angular import clebsch_gordan, coupled_basis, ladder_weights
from tests.systems import dark_state_weights

SIZES = [(3, 5), (5, 2), (4, 4), (1, 7), (1, 1)]


@pytest.mark.parametrize(("nb", "nc"), SIZES)
def test_coefficients_against_qutip(nb, nc):
    basis = coupled_basis(nb, nc)
    M = np.arange(-(nb + nc) / 2, (nb + nc) / 2 + 1)
    ours = clebsch_gordan(basis, M)
    for i, m in enumerate(M):
        for k, j in enumerate(basis.J):
            for q in range(nb + 1):
                mb = q - nb / 2
                inside = abs(m - mb) <= nc / 2 and abs(m) <= j
                theirs = clebsch(nb / 2, nc / 2, j, mb, m - mb, m) if inside else 0.0
                # 1e-14: both sum up to ten terms of order 1
                assert ours[i, k, q] == pytest.approx(theirs, abs=1e-14)


@pytest.mark.parametrize(("nb", "nc"), [*SIZES, (40, 41), (90, 30), (1000, 5000)])
def test_coefficients_made_abreast_have_the_same_bits(nb, nc, monkeypatch):
    basis = coupled_basis(nb, nc)
    M = np.unique(np.linspace(-(nb + nc) / 2, (nb + nc) / 2, 41).round() + 0.5 * ((nb + nc) % 2))
    M = M[np.abs(M) <= (nb + nc) / 2]
    found = []
    for many in (0, nb + 1):
        monkeypatch.setattr(angular, "MANY", many)
        found.append(clebsch_gordan(basis, M))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(("nb", "nc"), [*SIZES, (10, 50), (12, 12), (7, 3)])
def test_weights_are_the_exact_ones(nb, nc):
    exact = [float(w) for w in dark_state_weights(nb, nc).values()]
    # 1e-14: one rounding a ratio
    np.testing.assert_allclose(coupled_basis(nb, nc, tail=0.0).weight, exact, rtol=1e-14)


@pytest.mark.parametrize(("nb", "nc"), [(10, 50), (1000, 5000), (1000, 1000)])
def test_coefficients_stay_orthonormal_and_give_battery_z(nb, nc):
    basis = coupled_basis(nb, nc)
    M = np.array([basis.m_start, 0.5 * (nb + nc) % 1, -basis.m_start - 1.0])
    m_b = np.arange(nb + 1) - nb / 2
    for m, table in zip(M, clebsch_gordan(basis, M), strict=True):
        inside = np.abs(m) <= basis.J
        table = table[inside]
        # 1e-11: errors of 1e-16 in each of up to 1000 coefficients of 200 ladders, and to spare
        np.testing.assert_allclose(table @ table.T, np.eye(len(table)), atol=1e-11)
        J, f = basis.J[inside], basis.coupling[inside]
        expected = np.diag(m * basis.diagonal[inside])
        side = f[1:] * np.sqrt(J[1:] ** 2 - m * m)
        expected += np.diag(side, 1) + np.diag(side, -1)
        # the same, times m_B up to nb/2
        np.testing.assert_allclose((table * m_b) @ table.T, expected, atol=1e-11 * nb)


def test_weights_sum_to_one_at_any_size():
    for smaller, larger in [(10**15, 11 * 10**14), (1, 10**16), (10**6, 10**6)]:
        weight = ladder_weights(smaller, larger)
        # 1e-12: ratios each rounded at 1e-16, 7000 of them at R = 1
        assert weight.sum() == pytest.approx(1.0, rel=1e-12)
    assert ladder_weights(10**15, 5 * 10**15).size < 40
