"""The page for people who come from mcsolve, carried out; and states as QuTiP has them."""

import re
from pathlib import Path

import numpy as np
import pytest
import qutip
from qutip import piqs

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.nvmodel.ergotropy import ergotropy_of_matrix
from darkbattery.trajectories.qutip.fewspins import dicke_projectors, measure, to_qutip
from darkbattery.trajectories.qutip.measures import state_ergotropy, state_log_negativity
from darkbattery.trajectories.qutip.states import (
    conditional_states,
    density_matrices,
    measure_piqs,
    to_piqs,
)

PAGE = Path(__file__).parent.parent.parent / "docs" / "from_mcsolve.md"
TIMES = np.array([0.0, 0.2, 1.0])


def test_the_page_runs_from_top_to_bottom(capsys):
    """Its asserts compare the two."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 7
    assert sum(block.count("assert ") for block in blocks) >= 9
    exec(compile("\n".join(blocks), str(PAGE), "exec"), {})


@pytest.mark.parametrize(
    "battery",
    [
        CollectiveBattery(n_battery=2, n_charger=5),
        CollectiveBattery(n_battery=4, n_charger=3, nbar=0.4),
        CollectiveBattery(n_battery=1, n_charger=3, nbar=0.7, battery_start="thermal"),
    ],
)
def test_density_matrices_are_those_of_mesolve(battery):
    few = to_qutip(battery)
    found = density_matrices(battery, TIMES)
    options = {"atol": 1e-12, "rtol": 1e-10, "nsteps": 100_000, "progress_bar": ""}
    exact = qutip.mesolve(few.hamiltonian, few.initial, TIMES, few.collapse, options=options)
    for ours, theirs in zip(found, exact.states, strict=True):
        assert ours.dims == few.initial.dims
        # 1e-8: mesolve's tolerance over its steps
        assert np.abs((ours - theirs).full()).max() < 1e-8


def test_conditional_states_are_those_of_the_record():
    """A run's ket by QuTiP: no-jump evolution and jumps at the run's own times."""
    battery = CollectiveBattery(n_battery=2, n_charger=5, nbar=0.3)
    few = to_qutip(battery)
    down, up = few.collapse
    damping = -0.5 * (down.dag() * down + up.dag() * up)
    one = trajectories.single_run(battery, TIMES, seed=5, run=2)
    assert {-1, 1} <= set(one.directions.tolist())
    kets = conditional_states(battery, one)
    start = qutip.tensor(qutip.basis(3, 2), qutip.basis(6, 0))
    for ket, t in zip(kets, TIMES, strict=True):
        state, now = start, 0.0
        for time, direction in zip(one.jump_times, one.directions, strict=True):
            if time <= t:
                state = (damping * (time - now)).expm() * state
                state = (down if direction < 0 else up) * state
                state, now = state.unit(), time
        state = ((damping * (t - now)).expm() * state).unit()
        # 1e-9: amplitudes are kept as logarithms
        assert abs(abs(state.overlap(ket)) - 1.0) < 1e-9
        assert ket.dims == start.dims


def test_sampled_kets_average_to_the_density_matrix():
    battery = CollectiveBattery(n_battery=1, n_charger=2)
    exact = density_matrices(battery, [0.5])[0].full().real
    runs = [trajectories.single_run(battery, [0.5], seed=2, run=i) for i in range(1500)]
    kets = [conditional_states(battery, one)[0].full().real.ravel() for one in runs]
    products = np.array([np.outer(ket, ket) for ket in kets])
    error = products.std(axis=0) / np.sqrt(len(runs))
    assert (np.abs(products.mean(axis=0) - exact) < 4.5 * error + 1e-9).all()


@pytest.mark.parametrize("spins", [1, 2, 3, 5])
def test_piqs_holds_the_same_state(spins):
    battery = CollectiveBattery(n_battery=spins, n_charger=2 * spins)
    found = trajectories.evolve(battery, [0.3])
    state = to_piqs(density_matrices(battery, [0.3])[0].ptrace(0))
    z = qutip.expect(piqs.jspin(spins, "z", basis="dicke"), state)
    assert abs(z / spins + 0.5 - found["battery_energy"][0]) < 1e-9
    measured = measure_piqs(state, spins)
    for name, value in measured.items():
        assert abs(value - found[name][0]) < 1e-9, name


def test_piqs_matrices_of_local_noise_count_multiplicities():
    """Independent spins, each up with probability 0.8: nothing more than local unitaries draw."""
    spins, up = 4, 0.8
    system = piqs.Dicke(N=spins, emission=1.0 - up, pumping=up)
    start = piqs.excited(spins, basis="dicke")
    options = {"progress_bar": "", "atol": 1e-12, "rtol": 1e-10}
    state = qutip.mesolve(system.liouvillian(), start, [0.0, 60.0], options=options).states[-1]
    measured = measure_piqs(state, spins)
    assert abs(measured["battery_energy"] - up) < 1e-8
    for name in ("ergotropy_total", "ergotropy_local"):
        assert abs(measured[name] - (2 * up - 1)) < 1e-8


def test_piqs_matrices_by_all_their_states():
    """Any populations of (j, m), against the ergotropy of the whole 2^4-dimensional matrix."""
    spins = 4
    rng = np.random.default_rng(8)
    keys = [(j, j - k) for j in (2.0, 1.0, 0.0) for k in range(round(2 * j) + 1)]
    projectors = dicke_projectors(spins)
    levels = sum(m * projectors[j, m] for j, m in keys)
    for _ in range(10):
        p = rng.dirichlet(np.full(len(keys), 0.3))
        measured = measure_piqs(qutip.Qobj(np.diag(p)), spins)
        whole = sum(
            weight * projectors[key] / np.trace(projectors[key])
            for weight, key in zip(p, keys, strict=True)
        )
        exact = ergotropy_of_matrix(whole, levels) / spins
        assert abs(measured["ergotropy_total"] - exact) < 1e-12


def test_any_state_is_measured_as_ours_are():
    battery = CollectiveBattery(n_battery=2, n_charger=3, nbar=0.2)
    few = to_qutip(battery)
    rng = np.random.default_rng(1)
    for _ in range(5):
        ket = qutip.Qobj(rng.normal(size=12) + 1j * rng.normal(size=12), dims=[[3, 4], [1, 1]])
        ours = measure(few, ket.unit())
        assert abs(state_ergotropy(ket.unit(), [0]) / 2 - ours["ergotropy"]) < 1e-12
        assert abs(state_log_negativity(ket.unit(), [0]) - ours["log_negativity"]) < 1e-12
    # W states of three: log2(1 + 2 sqrt(2)/3) of one spin with the rest
    w = qutip.w_state(3)
    assert abs(state_log_negativity(w, [1]) - np.log2(1 + 2 * np.sqrt(2) / 3)) < 1e-12
    # a harmonic battery: a Fock state gives all it has, a thermal state nothing
    number = qutip.num(6)
    fock = qutip.tensor(qutip.fock(6, 4), qutip.basis(2, 0))
    assert abs(state_ergotropy(fock, [0], number) - 4.0) < 1e-12
    assert state_ergotropy(qutip.thermal_dm(6, 0.4), [0], number) < 1e-12


@pytest.mark.parametrize(
    ("action", "field"),
    [
        (lambda: state_ergotropy(qutip.bell_state("00"), [2]), "factors"),
        (lambda: state_ergotropy(qutip.bell_state("00"), []), "factors"),
        (lambda: state_ergotropy(2 * qutip.fock_dm(2, 0), [0]), "state"),
        (lambda: state_ergotropy(qutip.bell_state("00"), [0], qutip.num(3)), "hamiltonian"),
        (lambda: measure_piqs(qutip.qeye(5) / 5, 2), "state"),
        (lambda: measure_piqs(piqs.ghz(2, basis="dicke"), 2), "state"),
        (lambda: density_matrices(CollectiveBattery(70, 70), [1.0]), "n_battery, n_charger"),
    ],
)
def test_what_cannot_be_measured_is_refused(action, field):
    with pytest.raises(InputError) as refusal:
        action()
    assert refusal.value.field == field
