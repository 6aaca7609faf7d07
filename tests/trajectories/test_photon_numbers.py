"""Few photons beside many: each kind is counted by itself, not as a difference."""

import numpy as np
import pytest

from darkbattery.nvmodel import CollectiveBattery, DickeState, Stage
from darkbattery.trajectories import evolve
from darkbattery.trajectories.space.angular import coupled_basis
from tests.explicit import Explicit


@pytest.mark.parametrize("time", [1e-4, 1.0])
@pytest.mark.parametrize("ladder", [False, True])
def test_a_cold_reservoir_beside_a_large_battery(time, ladder):
    r"""First order in nbar, from the one photon that a single charger spin may emit.

    On the highest ladder, J = (N_B + 1)/2 with the weight 1/(N_B + 1), the spin decays at the rate
    2J; the other ladder starts in its dark state. <J^-J^+> is 2J in either's dark state and
    2 (2J - 1) above it.
    """
    n, nbar = (20_000, 1e-8) if not ladder else (60, 1e-8)
    high, low, weight = (n + 1) / 2, (n - 1) / 2, 1.0 / (n + 1)
    lit = -np.expm1(-2.0 * high * time) / (2.0 * high)
    bright = 2.0 * (2.0 * high - 1.0) * lit + 2.0 * high * (time - lit)
    expected = nbar * ((1.0 - weight) * 2.0 * low * time + weight * bright)
    names = ["absorbed_photons", "emitted_photons", *(["ergotropy"] if ladder else [])]
    found = evolve(CollectiveBattery(n, 1, nbar=nbar), [time], names)
    # 1e-6: the second order is nbar times the few photons of a run; and 1e-10 of 1
    assert found["absorbed_photons"][0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("time", [20.0, pytest.param(50.0, marks=pytest.mark.long)])
@pytest.mark.parametrize(("n", "names"), [(1000, ["absorbed_photons"]), (12, None)])
def test_few_absorbed_among_many_emitted(n, names, time):
    """First order in nbar: the mean time in each rung is 1/rate, then the dark state's rate."""
    nbar = 1e-12
    basis = coupled_basis(n, n)
    expected = 0.0
    for J, weight in zip(basis.J, basis.weight, strict=True):
        M = np.arange(basis.m_start, -J, -1.0)
        rate, up = (J + M) * (J - M + 1.0), (J - M) * (J + M + 1.0)
        expected += weight * (np.sum(up / rate) + 2.0 * J * (time - np.sum(1.0 / rate)))
    found = evolve(CollectiveBattery(n, n, nbar=nbar), [time], names)
    # 1e-8: what the tables of weights leave out, and exp(-2 time) that has not arrived
    assert found["absorbed_photons"][0] == pytest.approx(nbar * expected, rel=1e-8)


@pytest.mark.parametrize("coupled", ["both", "battery", "charger"])
def test_a_stage_of_chains_counts_few_absorbed_photons(coupled):
    """They are proportional to nbar in first order: the oracle at a larger one."""

    def battery(nbar):
        start = DickeState(2)
        return CollectiveBattery(
            2, 2, nbar=nbar, battery_start=start, protocol=(Stage(0.4, coupled), Stage(0.4, "none"))
        )

    few = evolve(battery(1e-13), [0.3, 0.4], ["absorbed_photons"])["absorbed_photons"] / 1e-13
    oracle = Explicit(battery(1e-7)).averages([0.3, 0.4])["absorbed_photons"] / 1e-7
    # 1e-5: second orders of 1e-7, and the oracle's rounding of 1e-13 over 1e-7
    np.testing.assert_allclose(few, oracle, rtol=1e-5)


def test_nothing_is_absorbed_from_the_vacuum():
    steps = (Stage(1.0), Stage(1.0, "battery"))
    for battery in (CollectiveBattery(10, 50), CollectiveBattery(2, 3, protocol=steps)):
        assert np.all(evolve(battery, [0.5, 1.5])["absorbed_photons"] == 0.0)
