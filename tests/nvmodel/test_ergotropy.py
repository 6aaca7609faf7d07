import numpy as np
import pytest

from darkbattery.nvmodel import ergotropy as e


@pytest.fixture
def populations():
    return np.random.default_rng(5).dirichlet(np.ones(5), size=20)


def test_ladder_is_the_general_formula_on_a_diagonal_matrix(populations):
    levels = np.diag(np.arange(5) / 4)
    expected = [e.ergotropy_of_matrix(np.diag(p), levels) for p in populations]
    # 1e-14: rounding of five products
    np.testing.assert_allclose(e.ladder_ergotropy(populations), expected, atol=1e-14)


def test_total_is_the_general_formula_on_all_of_two_to_the_n(populations):
    """Four spins: the Dicke states carry the populations, the other eigenvalues are zero."""
    excitations = np.array([bin(i).count("1") for i in range(16)])
    dicke = np.array([(excitations == m) / np.sqrt((excitations == m).sum()) for m in range(5)])
    for p in populations:
        rho = np.einsum("m,mi,mj->ij", p, dicke, dicke)
        expected = e.ergotropy_of_matrix(rho, np.diag(excitations / 4))
        # 1e-14: rounding of a 16 x 16 eigenproblem
        assert e.total_ergotropy_symmetric(p) == pytest.approx(expected, abs=1e-14)


def test_local_is_the_best_of_product_rotations(populations):
    """One spin by itself: flipping it is the only useful product unitary here."""
    for p in populations:
        energy = float(p @ np.arange(5) / 4)
        single = e.ergotropy_of_matrix(np.diag([1 - energy, energy]), np.diag([0.0, 1.0]))
        assert e.local_ergotropy(energy) == pytest.approx(single, abs=1e-15)


def test_order_of_the_three(populations):
    local = e.local_ergotropy(populations @ np.arange(5) / 4)
    ladder = e.ladder_ergotropy(populations)
    total = e.total_ergotropy_symmetric(populations)
    # 1e-15: rounding, where two of them agree
    assert np.all(local <= ladder + 1e-15)
    assert np.all(ladder <= total + 1e-15)
    assert np.all(total <= populations @ np.arange(5) / 4 + 1e-15)


@pytest.mark.parametrize(
    ("functional", "gradient"),
    [
        (e.ladder_ergotropy, e.ladder_ergotropy_gradient),
        (e.total_ergotropy_symmetric, e.total_ergotropy_symmetric_gradient),
    ],
)
def test_gradients_are_difference_quotients(populations, functional, gradient):
    """Piecewise linear, so that small steps within one piece give the slope to rounding."""
    step = 1e-7
    for p in populations:
        for m in range(5):
            moved = p.copy()
            moved[m] += step
            # 1e-7: rounding 1e-15 over the step, twice, and the sum that is 1 + step
            assert (functional(moved) - functional(p)) / step == pytest.approx(
                gradient(p)[m], abs=1e-7
            )
