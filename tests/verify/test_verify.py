"""A net for what nobody thought of: random experiments against explicit spins.

`make test` draws 60 cases, `make verify CASES=1000` as many as it is told, in chunks that run side
by side. Each chunk has a seed of its own, so that every case is the same today and tomorrow.

A new engine joins by one entry in `NET`, a new observable by one in `tests.verify.readings`.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.verify import checks, experiments, resonators
from tests.verify.readings import MISSING

CASES = int(os.environ.get("CASES", "60"))
CHUNK = 20  # cases of one test


# what is drawn, how it is checked, its share of the cases
NET = {
    "quantum": (experiments.quantum_experiments, checks.check_quantum, 0.58),
    "at a resonator": (resonators.few_at_a_resonator, resonators.check_few_at_a_resonator, 0.1),
    "second order": (experiments.semiclassical_experiments, checks.check_second_order, 0.2),
    "first order": (experiments.driven_experiments, checks.check_first_order, 0.1),
    "Wigner": (experiments.semiclassical_experiments, checks.check_wigner, 0.08),
    "driven Wigner": (experiments.gently_driven_experiments, checks.check_wigner, 0.04),
}


def chunks(name):
    """(seed, cases) of each chunk."""
    cases = round(NET[name][2] * CASES)
    return [(k, min(CHUNK, cases - first)) for k, first in enumerate(range(0, cases, CHUNK))]


ALL = [pytest.param(name, chunk, id=f"{name} {chunk[0]}") for name in NET for chunk in chunks(name)]


def net(strategy, check, chunk):
    """Draw the cases of a chunk and check each; hypothesis shrinks one that fails."""
    number, cases = chunk

    @seed(number)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def drawn(experiment):
        try:
            check(experiment)
        except Exception as problem:
            problem.add_note("again:\n" + experiment.script(check))
            raise

    drawn()


def test_every_observable_has_a_reading():
    assert not MISSING, "say in tests/verify/readings.py how they are read"


@pytest.mark.parametrize(("name", "chunk"), ALL)
def test_net(name, chunk):
    strategy, check, _ = NET[name]
    net(strategy(), check, chunk)
