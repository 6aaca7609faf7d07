"""The master equation of battery, charger and mode: against QuTiP, limits, what is conserved."""

import math

import numpy as np
import pytest
import qutip
from scipy import constants
from scipy.sparse.linalg import expm_multiply

from darkbattery import trajectories
from darkbattery.nvmodel import (
    CollectiveBattery,
    Drive,
    Gaussian,
    InputError,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
)
from darkbattery.trajectories.averages.cavity_master import AVAILABLE, refuse_too_much
from darkbattery.trajectories.propagate import cavity_steps
from darkbattery.trajectories.qutip import resonator_to_qutip
from darkbattery.trajectories.space.cavity_space import blocks_of, cavity_of, elements_of

FREQUENCY = 3e9


def model_of(n_battery, n_charger, kappa, nbar=0.0, detuning=0.0):
    """g = 1; `detuning` of the spins, all rates in rad/s."""
    temperature = 0.0
    if nbar > 0.0:
        temperature = constants.h * FREQUENCY / constants.k / math.log1p(1.0 / nbar)
    hertz = detuning / (2.0 * math.pi)
    return ResonatorBattery(
        charger=SpinEnsemble(number=n_charger, coupling=1.0),
        battery=SpinEnsemble(number=n_battery, coupling=1.0),
        resonator=Resonator(FREQUENCY, kappa / (2.0 * math.pi), temperature_k=temperature),
        battery_detuning_hz=hertz,
        charger_detuning_hz=hertz,
    )


@pytest.mark.parametrize(
    ("sizes", "kappa", "nbar", "detuning", "photons"),
    [
        ((1, 2), 1.0, 0.0, 0.0, 2),
        ((2, 4), 1.0, 0.0, 0.0, 4),
        ((2, 4), 30.0, 0.0, 0.0, 4),
        ((3, 2), 2.0, 0.0, 1.3, 2),
        ((1, 5), 0.0, 0.0, -0.7, 5),
        ((1, 2), 1.0, 0.15, 0.6, 14),
        ((2, 1), 3.0, 0.1, 0.0, 13),
    ],
)
def test_all_observables_are_those_of_dense_qutip(sizes, kappa, nbar, detuning, photons):
    model = model_of(*sizes, kappa, nbar, detuning)
    times = np.array([0.0, 0.3, 1.0, 4.0])
    found = trajectories.evolve(model, times, AVAILABLE)
    few = resonator_to_qutip(model, photons)
    generator = qutip.liouvillian(few.hamiltonian, few.collapse).data_as("csr_matrix")
    states = _states(few, generator, times)
    n_battery, size = sizes[0], math.prod(few.dims)
    levels = np.arange(n_battery + 1)
    emitted_rate = kappa * (nbar + 1.0)
    for i, rho in enumerate(states):
        change = (generator @ rho.ravel(order="F")).reshape(size, size, order="F")
        q = qutip.Qobj(rho, dims=[few.dims, few.dims])
        expect = {
            name: np.trace(few.observables[name].full() @ rho).real
            for name in ("battery_energy", "charger_energy", "photons")
        }
        expect["power"] = np.trace(few.observables["battery_energy"].full() @ change).real
        expect["emission_rate"] = emitted_rate * expect["photons"]
        expect["absorption_rate"] = kappa * nbar * (expect["photons"] + 1.0)
        p = np.diag(q.ptrace([0]).full()).real[::-1]
        expect["ergotropy"] = (p @ levels - np.sort(p)[::-1] @ levels) / n_battery
        mean = p @ levels
        expect["energy_variance"] = (p @ levels**2 - mean**2) / n_battery**2
        transposed = qutip.partial_transpose(q.ptrace([0, 1]), [1, 0]).full()
        expect["log_negativity"] = math.log2(np.abs(np.linalg.eigvalsh(transposed)).sum())
        for name, value in expect.items():
            # both are exact to some 1e-12, QuTiP's space to its highest photon number
            assert abs(found[name][i] - value) < 1e-9, (name, times[i])
    # the integral of the photons is propagated, so this is a check: rounding of the products
    assert np.abs(found["excitation_balance"]).max() < 1e-11


def _states(few, generator, times):
    now, vector, states = 0.0, few.initial.full().ravel(order="F"), []
    for t in times:
        # in pieces: of one long step the reference loses digits
        for _ in range(pieces := max(1, math.ceil(t - now))):
            vector = expm_multiply(generator * ((t - now) / pieces), vector)
        now = t
        states.append(vector.reshape(math.prod(few.dims), -1, order="F"))
    return states


def test_known_numbers():
    """Independent integrations, g = 1, six digits."""
    at = [0.5, 1.0, 2.0, 4.0, 8.0]
    warm = trajectories.evolve(model_of(2, 4, 1.0, nbar=0.3), at)
    cold = trajectories.evolve(model_of(3, 7, 4.0), at)
    expected = {
        (0, "battery_energy"): [0.118620, 0.551010, 0.626043, 0.536589, 0.536207],
        (0, "charger_energy"): [0.705903, 0.235668, 0.282207, 0.216172, 0.188574],
        (0, "photons"): [1.089973, 1.533717, 0.562082, 0.484458, 0.325789],
        (1, "battery_energy"): [0.059739, 0.414835, 0.738333, 0.683070, 0.684268],
        (1, "charger_energy"): [0.780939, 0.345292, 0.069187, 0.069614, 0.068647],
        (1, "photons"): [0.737705, 0.878041, 0.141814, 0.003323, 0.000001],
    }
    for (which, name), values in expected.items():
        np.testing.assert_allclose((warm, cold)[which][name], values, atol=6e-7)


@pytest.mark.parametrize(
    ("sizes", "ratio", "largest", "at", "power"),
    [
        ((1, 5), 0.2, 0.8781, 1.335, 1.448),
        ((1, 5), 1.0, 0.8259, 1.665, 1.044),
        ((2, 10), 0.2, 0.8698, 1.064, 1.847),
        ((2, 10), 1.0, 0.8787, 1.432, 1.341),
    ],
)
def test_the_first_swing_holds_more_than_the_end(sizes, ratio, largest, at, power):
    model = model_of(*sizes, ratio * math.sqrt(sum(sizes)))
    times = np.arange(0.0, 8.0, 0.005)
    found = trajectories.evolve(model, times)
    energy = found["battery_energy"]
    assert abs(energy.max() - largest) < 6e-5
    # a maximum is flat: its time is known to the grid of the table, 0.02
    assert abs(times[energy.argmax()] - at) < 0.02
    assert abs(found["power"].max() - power) < 6e-4
    end = trajectories.steady_state(CollectiveBattery(*sizes))["battery_energy"][0]
    assert end < energy.max() - 0.05


def test_a_fast_resonator_is_the_reservoir_with_an_error_like_one_over_kappa():
    errors = []
    for ratio in (12.0, 24.0):
        model = model_of(1, 5, ratio * math.sqrt(6.0))
        times = np.linspace(0.0, 2.0, 9) * model.resonator.kappa / 4.0  # gamma = 4 g^2/kappa
        battery = CollectiveBattery(1, 5, gamma=4.0 / model.resonator.kappa)
        exact = trajectories.evolve(battery, times)["battery_energy"]
        errors.append(np.abs(trajectories.evolve(model, times)["battery_energy"] - exact).max())
    assert errors[0] < 0.04
    # gamma N/kappa = 4/ratio^2: twice the ratio, a quarter of the error
    assert abs(errors[0] / errors[1] - 4.0) < 0.3


def test_one_spin_without_loss_is_rabi_in_three_levels():
    """(1, 1) at kappa = 0: the triplet swings at 2 sqrt 6 g/2 between 0 and 2 photons."""
    times = np.linspace(0.0, 4.0, 21)
    found = trajectories.evolve(model_of(1, 1, 0.0), times)
    # |T,n=0>, |T-,n=1> at Q = 0: half of the start, which is half triplet, at g sqrt 2
    photons = 0.5 * np.sin(math.sqrt(2.0) * times) ** 2
    np.testing.assert_allclose(found["photons"], photons, atol=1e-12)
    assert found["emitted_photons"].max() == 0.0


@pytest.mark.parametrize("detuning", [0.0, 1.3])
def test_any_unit_of_time_gives_the_same(detuning):
    """Rates of real resonators are 1e8 a second and more; (2, 2) has a ladder of no length."""
    slow = model_of(2, 2, 3.0, detuning=detuning)
    unit = 1e9
    hertz = unit * detuning / (2.0 * math.pi)
    spins = SpinEnsemble(2, coupling=unit)
    fast = ResonatorBattery(
        charger=spins,
        battery=spins,
        resonator=Resonator(FREQUENCY, unit * 3.0 / (2.0 * math.pi)),
        battery_detuning_hz=hertz,
        charger_detuning_hz=hertz,
    )
    times, names = np.array([0.0, 0.5, 4.0]), ["battery_energy", "photons", "emitted_photons"]
    expected = trajectories.evolve(slow, times, names)
    found = trajectories.evolve(fast, times / unit, names)
    runs = trajectories.sample(fast, times / unit, 50, 1, observables=names)
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-11)  # rounding
        assert np.isfinite(runs[name]).all()


def test_any_step_gives_the_same(monkeypatch):
    model = model_of(2, 6, 20.0)
    times = np.linspace(0.0, 30.0, 7)
    usual = trajectories.evolve(model, times, ["battery_energy", "ergotropy"])
    monkeypatch.setattr(cavity_steps, "LONGEST_STEP", 7.0)
    short = trajectories.evolve(model, times, ["battery_energy", "ergotropy"])
    for name in usual:
        # rounding of some thousand products
        np.testing.assert_allclose(usual[name], short[name], atol=1e-11)


def test_photon_numbers_are_enough_and_their_error_is_told():
    cold = trajectories.evolve(model_of(2, 12, 60.0), [0.5, 2.0])
    assert cold.provenance["most_photons"] < 14  # of fourteen excitations
    assert cold.provenance["error_estimate"] < 1e-10
    warm = trajectories.evolve(model_of(1, 2, 1.0, nbar=2.0), [1.0])
    assert warm.provenance["error_estimate"] < 1e-10


def test_elements_are_counted_before_they_are_made():
    for nbar, bound in ((0.0, 7), (0.0, 3), (0.5, 9)):
        cavity = cavity_of(model_of(3, 5, 1.0, nbar))
        blocks = blocks_of(cavity, 2, 1, bound)
        assert elements_of(cavity, 2, 1, bound) == blocks.length.sum()


def test_the_same_names_and_units_as_the_semiclassical_engine():
    from darkbattery import meanfield

    model = model_of(5, 15, 20.0)
    times = np.array([0.0, 0.02])
    exact, second = trajectories.evolve(model, times), meanfield.evolve(model, times, order=2)
    for name in exact:
        # the first photons come at g^2 t^2, relative N g^2 t^2 = 8e-3 of the next order
        np.testing.assert_allclose(exact[name], second[name], rtol=2e-2, atol=1e-9, err_msg=name)


@pytest.mark.parametrize(("kappa", "nbar"), [(0.5, 0.0), (8.0, 0.0), (2.0, 0.2)])
def test_every_resonator_ends_as_a_reservoir_does(kappa, nbar):
    model = model_of(2, 3, kappa, nbar, detuning=0.4)
    names = ["battery_energy", "charger_energy", "ergotropy", "log_negativity", "energy_variance"]
    end = trajectories.steady_state(model, names)
    # the slowest mode of these relaxes at some 0.2 or faster: e^-60
    late = trajectories.evolve(model, [300.0], names)
    for name in names:
        assert abs(end[name][0] - late[name][0]) < 1e-9, name
    assert end.model == model


def test_steady_states_at_a_resonator_are_refused_where_there_are_none():
    with pytest.raises(InputError, match="nothing ends"):
        trajectories.steady_state(model_of(1, 2, 0.0))
    with pytest.raises(InputError, match="observables"):
        trajectories.steady_state(model_of(1, 2, 1.0), ["daemonic_ergotropy"])


SPINS = {"coupling": 1.0}
CAVITY = Resonator(FREQUENCY, 1.0)


@pytest.mark.parametrize(
    ("charger", "battery", "others", "field"),
    [
        (SPINS, None, {}, "battery"),
        (SPINS | {"line": Gaussian(1.0)}, SPINS, {}, "charger.line"),
        (SPINS | {"coupling_spread": 0.1}, SPINS, {}, "charger.coupling_spread"),
        (SPINS | {"number": 10**6}, SPINS, {}, "battery.number, charger.number"),
    ],
)
def test_spins_that_differ_are_refused(charger, battery, others, field):
    _refused(trajectories.evolve, charger, battery, others, field)


@pytest.mark.parametrize(
    ("charger", "battery", "others", "field"),
    [
        (SPINS, {"coupling": 2.0}, {}, "coupling"),
        (SPINS, SPINS, {"charger_detuning_hz": 1.0}, "detuning"),
        (SPINS | {"polarisation": 0.9}, SPINS, {}, "charger.start"),
        (SPINS, SPINS | {"t1_s": 1.0}, {}, "battery.noise"),
        (SPINS, SPINS | {"t2_s": 1.0}, {}, "battery.noise"),
        (SPINS, SPINS, {"drive": Drive(amplitude=1.0, duration_s=1.0)}, "drive"),
    ],
)
def test_what_mixes_ladders_has_no_steady_state_in_closed_form(charger, battery, others, field):
    steady = lambda model, times: trajectories.steady_state(model)  # noqa: E731
    # nobody else has steady states there: what is offered is a late time
    _refused(steady, charger, battery, others, field, "closed form; evolve")


def _refused(verb, charger, battery, others, field, words="meanfield has it"):
    model = ResonatorBattery(
        SpinEnsemble(**({"number": 3} | charger)),
        CAVITY,
        None if battery is None else SpinEnsemble(**({"number": 2} | battery)),
        **others,
    )
    with pytest.raises(InputError, match=words) as refusal:
        verb(model, [1.0])
    assert refusal.value.field == field
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("model", "times", "field"),
    [
        (model_of(500, 2500, 50.0), [1.0], "battery.number, charger.number"),
        (model_of(1, 2, 1.0, nbar=1e6), [1.0], "battery.number, charger.number"),
        (model_of(10, 50, 8.0), [1e9], "times"),
    ],
)
def test_sizes_beyond_memory_or_time_are_refused_beforehand(model, times, field):
    with pytest.raises(InputError) as refusal:
        trajectories.evolve(model, times)
    assert refusal.value.field == field


def test_times_too_many_are_refused():
    with pytest.raises(InputError, match="fewer times"):
        refuse_too_much(cavity_of(model_of(10, 50, 8.0)), 50, 11, np.linspace(0.0, 1.0, 10**6))
