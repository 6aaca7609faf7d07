import numpy as np
import pytest
import qutip

from darkbattery.trajectories.propagate.channels import (
    SHIFT,
    channel_element,
    channel_strength,
    total_rate,
)
from darkbattery.trajectories.qutip.fewspins import dicke_projectors

OPERATORS = {"z": qutip.sigmaz() / 2, "+": qutip.sigmap(), "-": qutip.sigmam()}


@pytest.mark.parametrize("operator", ["z", "+", "-"])
@pytest.mark.parametrize("spins", [1, 2, 3, 4, 5])
def test_rates_between_dicke_states_against_every_spin(operator, spins):
    """tr(P' sum_n s_n P/d s_n^+) is c t^2 from each (j, m) to each (j', m')."""
    projectors = dicke_projectors(spins)
    single = [
        qutip.tensor([OPERATORS[operator] if i == n else qutip.qeye(2) for i in range(spins)])
        for n in range(spins)
    ]
    for (j, m), p in projectors.items():
        after = sum(s.full() @ p @ s.full().T for s in single) / np.trace(p)
        expected = {key: float(np.trace(other @ after).real) for key, other in projectors.items()}
        for change in (0, -1, 1):
            rate = channel_strength(spins, change, j) * channel_element(operator, change, j, m) ** 2
            # 1e-12: eigenvectors of 32 x 32 matrices
            found = expected.pop((j + change, m + SHIFT[operator]), 0.0)
            assert float(rate) == pytest.approx(found, abs=1e-12)
        assert max(expected.values(), default=0.0) < 1e-12


@pytest.mark.parametrize("spins", [1, 2, 7, 60, 10_000])
@pytest.mark.parametrize("operator", ["z", "+", "-"])
def test_sum_rules(operator, spins):
    """All that leaves (j, m): N/4, N/2 - m, N/2 + m, whatever j; also at j = 0, 1/2 and N/2."""
    ladders = {spins / 2, spins / 2 - 1, (spins % 2) / 2, (spins % 2) / 2 + 1}
    for j in (x for x in ladders if 0 <= x <= spins / 2):
        m = np.unique(np.clip([-j, -j + 1, (spins % 2) / 2, j - 1, j], -j, j))
        total = sum(
            channel_strength(spins, change, j) * channel_element(operator, change, j, m) ** 2
            for change in (0, -1, 1)
        )
        # relative 1e-13: products of sizes up to N^3
        np.testing.assert_allclose(total, total_rate(operator, spins, m), rtol=1e-13, atol=1e-13)
