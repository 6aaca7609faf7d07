import numpy as np
import pytest
from scipy import sparse
from scipy.linalg import expm

from darkbattery.nvmodel import CollectiveBattery, LocalNoise, Stage
from darkbattery.trajectories.propagate import krylov
from darkbattery.trajectories.propagate.collective_stages import collective_states
from darkbattery.trajectories.propagate.generator import INTEGRALS, Generator, Rates
from darkbattery.trajectories.space.product_space import ProductSpace


def _generator(battery, coupled="both", parts=1):
    jb = battery.n_battery / 2 - np.arange(battery.n_battery // 2 + 1)
    jc = battery.n_charger / 2 - np.arange(battery.n_charger // 2 + 1)
    space = ProductSpace(jb, jc, float(jb[0] + jc[0]))
    return Generator(space, Rates.of(battery, Stage(1.0, coupled)), parts)


def _vector(generator, seed):
    """Any state of trace one, with coherences."""
    space = generator.space
    x = np.random.default_rng(seed).normal(size=(generator.parts, space.size))
    x[1:, space.diagonal] = 0.0
    x[0, space.diagonal] = np.abs(x[0, space.diagonal])
    x /= x[0, space.diagonal].sum()
    return np.concatenate([x.ravel(), np.zeros(INTEGRALS)])


def _dense(generator):
    matrix = generator.matrix.toarray()
    n = len(matrix)
    whole = np.zeros((n + INTEGRALS, n + INTEGRALS))
    whole[:n, :n], whole[n:, :n] = matrix, generator.counting
    return whole


@pytest.mark.parametrize("dephasing", [0.5, 1e4])
@pytest.mark.parametrize("detuning", [0.0, 2.0])
def test_against_dense_exponentials(dephasing, detuning):
    noise = LocalNoise(dephasing=dephasing, emission=0.3, pumping=0.1)
    battery = CollectiveBattery(3, 4, nbar=0.2, battery_noise=noise, detuning=detuning)
    generator = _generator(battery, parts=2 if detuning else 1)
    start, spans = _vector(generator, 1), np.array([0.0, 1e-6, 0.02, 1.0, 1.5])
    found = list(krylov.krylov_states(generator.matrix, generator.counting, start, spans))
    dense = _dense(generator)
    for state, span in zip(found, spans, strict=True):
        # 1e-11: ten times the tolerance; the dense exponential loses 1e-16 times the norm, 1e4
        np.testing.assert_allclose(state, expm(span * dense) @ start, atol=1e-11)


def test_the_error_is_the_tolerance(monkeypatch):
    """Loosened a thousandfold at a time, the error follows, and stays below."""
    generator = _generator(CollectiveBattery(4, 6, battery_noise=LocalNoise(dephasing=30.0)))
    start, spans = _vector(generator, 2), np.array([0.5])
    exact = expm(0.5 * _dense(generator)) @ start
    errors = []
    for tolerance in (1e-3, 1e-6, 1e-9, 1e-12):
        monkeypatch.setattr(krylov, "TOLERANCE", tolerance)
        (state,) = krylov.krylov_states(generator.matrix, generator.counting, start, spans)
        errors.append(float(np.linalg.norm(state - exact)[()]))
        # ten: the estimate is one of the last term, and of the elements without the integrals
        assert errors[-1] < 10.0 * tolerance
    assert errors[0] > 1e3 * errors[2]


def test_it_ends_at_the_steady_state():
    noise = LocalNoise(dephasing=1.0, emission=0.2, pumping=0.1)
    battery = CollectiveBattery(3, 4, nbar=0.2, battery_noise=noise, charger_noise=noise)
    generator = _generator(battery)
    products = 0

    class Counted:
        shape, nnz = generator.matrix.shape, generator.matrix.nnz

        def __matmul__(self, x):
            nonlocal products
            products += 1
            return generator.matrix @ x

        def __abs__(self):
            return abs(generator.matrix)

    spans = np.array([100.0, 1e9])
    early, late = krylov.krylov_states(Counted(), generator.counting, _vector(generator, 3), spans)
    # the slowest mode decays with a rate of 0.63
    np.testing.assert_allclose(early[:-INTEGRALS], late[:-INTEGRALS], rtol=0.0, atol=1e-11)
    rate = generator.counting @ late[:-INTEGRALS]
    # what was counted before is 1e-7 of it
    np.testing.assert_allclose(late[-INTEGRALS:], rate * 1e9, rtol=1e-6)
    assert products < 10_000


@pytest.mark.parametrize(
    ("coupled", "detuning"),
    [("both", 0.0), ("battery", 0.0), ("charger", 0.7), ("battery", 0.7), ("none", 0.7)],
)
@pytest.mark.parametrize("nbar", [0.0, 0.4])
@pytest.mark.parametrize(("nb", "nc"), [(3, 4), (5, 2)])
def test_chains_and_krylov_spaces_agree(nb, nc, nbar, coupled, detuning):
    generator = _generator(
        CollectiveBattery(nb, nc, nbar=nbar, detuning=detuning), coupled, 2 if detuning else 1
    )
    start, spans = _vector(generator, 4), np.array([0.0, 0.05, 0.4, 3.0])
    chains = list(collective_states(generator, start, spans))
    spaces = list(krylov.krylov_states(generator.matrix, generator.counting, start, spans))
    for one, other in zip(chains, spaces, strict=True):
        # 1e-10: what chains promise
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_traces_and_excitations_are_kept():
    """What the columns of a generator must add up to, element by element."""
    noise = LocalNoise(dephasing=0.8, emission=0.5, pumping=0.3)
    battery = CollectiveBattery(4, 3, nbar=0.6, battery_noise=noise, charger_noise=noise)
    generator = _generator(battery)
    space = generator.space
    trace = np.where(space.diagonal, 1.0, 0.0)
    excitations = np.where(space.diagonal, space.elements.mb + space.elements.mc, 0.0)
    # 1e-13: rates of up to 30
    np.testing.assert_allclose(generator.matrix.T @ trace, 0.0, atol=1e-13)
    flow = generator.emission - generator.absorption + generator.local_loss
    np.testing.assert_allclose(generator.matrix.T @ excitations, -flow, atol=1e-12)


def test_a_generator_without_terms():
    battery = CollectiveBattery(1, 1)
    generator = _generator(battery, "none")
    assert isinstance(generator.matrix, sparse.csr_matrix)
    start = _vector(generator, 5)
    (state,) = krylov.krylov_states(generator.matrix, generator.counting, start, np.array([2.0]))
    # 1e-15: scaled to a unit vector and back
    np.testing.assert_allclose(state, start, atol=1e-15)
