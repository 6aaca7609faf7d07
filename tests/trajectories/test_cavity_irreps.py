"""Averages at a resonator where ladders mix: against dense QuTiP, the ladders, closed forms."""

import math
from dataclasses import replace

import numpy as np
import pytest
import qutip
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import expm_multiply

from darkbattery import trajectories
from darkbattery.nvmodel import (
    CollectiveBattery,
    Drive,
    Experiment,
    InputError,
    LocalNoise,
    Polarised,
    Resonator,
    Spins,
    Stage,
)
from darkbattery.nvmodel.ergotropy import ergotropy_of_matrix
from darkbattery.nvmodel.method import Problem
from darkbattery.nvmodel.observables import OBSERVABLES
from darkbattery.trajectories.averages import cavity_master
from darkbattery.trajectories.averages.cavity_irreps import DRIVEN, OVER_IRREPS, WITHOUT_DRIVE
from darkbattery.trajectories.qutip import resonator_to_qutip
from darkbattery.trajectories.space.mode_space import ModeSpace, elements_needed
from tests.explicit import Explicit
from tests.trajectories.test_cavity_master import FREQUENCY, model_of
from tests.verify.readings import ladder_ergotropy_of

TIMES = np.array([0.0, 0.4, 1.1, 3.0])
MOST_COUNTED = 64  # states up to which QuTiP's side counts photons, too: it is slow


def changed(sizes, kappa=1.0, nbar=0.0, detunings=(0.0, 0.0), drive=None, battery=None, **charger):
    """g = 1 but for what `battery` and `charger` say; detunings in rad/s."""
    model = model_of(*sizes, kappa, nbar)
    b, c = (x / (2.0 * math.pi) for x in detunings)
    return replace(
        model,
        battery=replace(model.battery, **(battery or {})),
        charger=replace(model.charger, **charger),
        battery_detuning_hz=b,
        charger_detuning_hz=c,
        drive=drive,
    )


NO_COUPLING = {"coupling": 1e-9}  # g^2 t^2 = 1e-17
NOISE = {"t1_s": 4.0, "t2_s": 3.0}
CASES = {
    "unequal couplings": (changed((2, 4), battery={"coupling": 1.7}), 4),
    "detuned ensembles": (changed((2, 4), detunings=(0.8, -1.1)), 4),
    "detuned, unequal": (changed((3, 2), 2.0, 0.0, (1.0, 0.0), coupling=0.4), 2),
    "T1 and T2": (changed((2, 3), battery=NOISE), 3),
    "charger's dephasing": (changed((1, 3), t2_s=2.0), 3),
    "pumped": (changed((1, 1), 3.0, battery={"t1_s": 2.0, "equilibrium": 0.5}), 14),
    "polarised starts": (changed((2, 2), battery={"polarisation": 0.7}, polarisation=0.9), 4),
    "thermal": (changed((1, 2), 1.5, 0.04, (0.5, -0.5), battery=NOISE), 10),
    "all at once": (
        changed((2, 1), 2.0, 0.02, (0.7, 0.2), None, NOISE | {"coupling": 1.3}, polarisation=0.8),
        9,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_all_observables_are_those_of_dense_qutip(name):
    model, photons = CASES[name]
    check(model, trajectories.evolve(model, TIMES, WITHOUT_DRIVE), photons, [(TIMES[-1], 0.0)])


def check(model, found, photons, stretches):
    """Every observable of `found` against explicit operators, to 1e-8."""
    few = resonator_to_qutip(replace(model, drive=None), photons)
    for i, (rho, counted, change) in enumerate(moments(model, few, found.times, stretches)):
        for what, value in expected(model, few, rho, counted, change).items():
            # QuTiP's space ends at its highest photon number, 1e-9; both sides step to 1e-11
            assert abs(found[what][i] - value) < 1e-8, (what, found.times[i])
    assert np.abs(found["excitation_balance"]).max() < 1e-10


def moments(model, few, times, stretches):
    """rho, (n, n^2) of emitted photons, and d rho/dt under drives of (until, eta)."""
    size = math.prod(few.dims)
    a = qutip.tensor([*(qutip.qeye(d) for d in few.dims[:-1]), qutip.destroy(few.dims[-1])])
    L0, driving, E = operators(model, few, a)
    copies = 3 if size <= MOST_COUNTED else 1
    y = np.concatenate([few.initial.full().ravel(order="F"), np.zeros((copies - 1) * size**2)])
    now, found = 0.0, []
    trace = np.eye(size).ravel()
    for until, eta in stretches:
        L = L0 + eta * driving
        whole = L
        if copies == 3:
            whole = sparse.bmat([[L, None, None], [E, L, None], [E, 2.0 * E, L]], format="csr")
        last = until == stretches[-1][0]
        here = [t for t in times if now <= t < until or (last and t == until)]
        for t in [*here, until]:
            for _ in range(pieces := max(1, math.ceil(t - now))):
                y = expm_multiply(whole * ((t - now) / pieces), y) if t > now else y
            now = t
            if t in here:
                rho = y[: size**2].reshape(size, size, order="F")
                change = (L @ y[: size**2]).reshape(size, size, order="F")
                counts = [
                    (trace @ y[k * size**2 : (k + 1) * size**2]).real for k in range(1, copies)
                ]
                found.append((rho, counts, change))
                here = [x for x in here if x != t]
    return found


def operators(model, few, a):
    H, field = few.hamiltonian, 0.0
    if model.drive is not None:
        field = 2.0 * math.pi * model.drive.detuning_hz
        spins = model.battery.number * (
            few.observables["battery_energy"] - 0.5
        ) + model.charger.number * (few.observables["charger_energy"] - 0.5)
        H = H - field * (spins + a.dag() * a)
    kappa = model.resonator.kappa * (model.nbar + 1.0)
    found = (
        qutip.liouvillian(H, few.collapse),
        qutip.liouvillian(a + a.dag()),
        kappa * qutip.sprepost(a, a.dag()),
    )
    return [one.to("csr").data_as("csr_matrix") for one in found]


def expected(model, few, rho, counted, change):
    mean = lambda name, of=rho: np.trace(few.observables[name].full() @ of).real  # noqa: E731
    kappa, nbar, n_battery = model.resonator.kappa, model.nbar, model.battery.number
    found = {name: mean(name) for name in ("battery_energy", "charger_energy", "photons")}
    n, z = found["photons"], 2.0 * found["battery_energy"] - 1.0
    found["power"] = mean("battery_energy", change)
    found["emission_rate"] = kappa * (nbar + 1.0) * n
    found["absorption_rate"] = kappa * nbar * (n + 1.0)
    if counted:
        found["emitted_photons"] = counted[0]
        found["emitted_photons_variance"] = counted[1] - counted[0] ** 2
    if n > 1e-2:
        top = few.dims[-1]
        p = np.diag(qutip.Qobj(rho, dims=[few.dims] * 2).ptrace(len(few.dims) - 1).full()).real
        found["g2_zero"] = p @ (np.arange(top) * (np.arange(top) - 1.0)) / n**2
    q = qutip.Qobj(rho, dims=[few.dims, few.dims])
    own, spins = few.battery_factors, list(range(len(few.dims) - 1))
    battery = q.ptrace(own).full()
    if len(own) == 1:
        levels = np.arange(n_battery, -1, -1)
        found["ergotropy"] = ergotropy_of_matrix(battery, np.diag(levels)) / n_battery
        p = np.diag(battery).real
        found["energy_variance"] = (p @ levels**2 - (p @ levels) ** 2) / n_battery**2
        lower = qutip.jmat(n_battery / 2, "-").full()
    else:
        explicit = Explicit(CollectiveBattery(n_battery, model.charger.number))
        found["ergotropy"] = ladder_ergotropy_of(explicit, battery)
        ups = n_battery - np.array([i.bit_count() for i in range(2**n_battery)])
        found["ergotropy_total"] = ergotropy_of_matrix(battery, np.diag(ups)) / n_battery
        lower = sum(
            qutip.tensor([qutip.sigmam() if k == i else qutip.qeye(2) for k in range(n_battery)])
            for i in range(n_battery)
        ).full()
    turned = 2.0 * abs(np.trace(lower @ battery)) / n_battery
    found["ergotropy_local"] = 0.5 * (math.hypot(turned, z) + z)
    mask = [1 if k in own else 0 for k in spins]
    transposed = qutip.partial_transpose(q.ptrace(spins), mask).full()
    found["log_negativity"] = math.log2(np.abs(np.linalg.eigvalsh(transposed)).sum())
    whole = qutip.partial_transpose(q, [*mask, 0]).full()
    found["log_negativity_rest"] = math.log2(np.abs(np.linalg.eigvalsh(whole)).sum())
    return found


@pytest.mark.parametrize("detunings", [(0.0, 0.0), (0.6, -0.4)])
def test_a_square_pulse_is_that_of_dense_qutip(detunings):
    drive = Drive(amplitude=0.5, duration_s=1.0, start_s=0.3, detuning_hz=detunings[0])
    model = changed((1, 2), 1.0, 0.0, detunings, drive, {"coupling": 1.2, "t2_s": 3.0})
    found = trajectories.evolve(model, TIMES, WITHOUT_DRIVE)
    assert found.provenance["solver"] == DRIVEN.name
    check(model, found, 11, [(0.3, 0.0), (1.3, 0.5), (TIMES[-1], 0.0)])


def test_a_gaussian_pulse_is_that_of_qutip():
    """Against QuTiP's own integration of it, in the frame of the drive."""
    drive = Drive(amplitude=0.6, duration_s=0.7, start_s=0.9, shape="gaussian", detuning_hz=0.05)
    model = changed((1, 2), 1.0, drive=drive, battery={"coupling": 1.2})
    found = trajectories.evolve(model, TIMES)
    few = resonator_to_qutip(replace(model, drive=None), 10)
    a = qutip.tensor(qutip.qeye(2), qutip.qeye(3), qutip.destroy(11))
    turning = 2.0 * math.pi * drive.detuning_hz
    spins = few.observables["battery_energy"] + 2.0 * few.observables["charger_energy"]
    names = ("battery_energy", "charger_energy", "photons")
    H = few.hamiltonian - turning * (spins + a.dag() * a)
    solved = qutip.mesolve(
        [H, [a + a.dag(), lambda t: float(drive.field(t))]],
        few.initial,
        TIMES,
        few.collapse,
        e_ops=[few.observables[name] for name in names],
        options={"atol": 1e-12, "rtol": 1e-10, "nsteps": 100_000, "progress_bar": ""},
    )
    for name, values in zip(
        ("battery_energy", "charger_energy", "photons"), solved.expect, strict=True
    ):
        np.testing.assert_allclose(found[name], values, atol=1e-8, err_msg=name)
    assert np.abs(found["excitation_balance"]).max() < 1e-9


@pytest.mark.parametrize(
    ("sizes", "kappa", "nbar", "detuning"),
    [((2, 5), 1.5, 0.0, 0.0), ((1, 3), 1.5, 0.1, 0.6), ((1, 2), 0.0, 0.03, 0.0)],
)
def test_irreps_are_the_ladders_where_both_hold(sizes, kappa, nbar, detuning):
    model, names = model_of(*sizes, kappa, nbar, detuning), cavity_master.AVAILABLE
    problem = Problem(model, TIMES, names)
    ladders, irreps = cavity_master.WITH_MODE.solve(problem), OVER_IRREPS.solve(problem)
    for name in names:
        np.testing.assert_allclose(ladders[name], irreps[name], atol=1e-10, err_msg=name)


def test_a_pure_state_is_entangled_with_all_the_rest_by_its_entropy_or_more():
    """Without loss the whole is pure: the negativity is that of the Schmidt coefficients."""
    model = changed((1, 2), 0.0)
    found = trajectories.evolve(model, TIMES, ["log_negativity_rest", "battery_energy"])
    p = found["battery_energy"]
    # of one spin, whose excitation the rest knows, with probabilities p and 1 - p
    exact = 2.0 * np.log2(np.sqrt(p) + np.sqrt(1.0 - p))
    np.testing.assert_allclose(found["log_negativity_rest"], exact, atol=1e-10)


def test_a_drive_without_amplitude_changes_nothing():
    names = [*cavity_master.AVAILABLE, "fano_factor", "g2_zero"]
    model = changed((2, 1), 1.0, detunings=(0.3, 0.0))
    idle = replace(model, drive=Drive(amplitude=0.0, duration_s=1.0))
    one, other = (trajectories.evolve(each, TIMES, names) for each in (model, idle))
    assert (one.provenance["solver"], other.provenance["solver"]) == (
        OVER_IRREPS.name,
        DRIVEN.name,
    )
    for name in names:
        np.testing.assert_allclose(one[name], other[name], atol=1e-10, err_msg=name)


def test_without_loss_a_driven_mode_is_a_coherent_state():
    """Spins that hardly couple: alpha = -i eta t, and the photons are Poissonian."""
    drive = Drive(amplitude=0.7, duration_s=10.0)
    model = changed((1, 1), 0.0, drive=drive, **NO_COUPLING, battery=NO_COUPLING)
    found = trajectories.evolve(model, [1.0, 2.0], ["photons", "g2_zero", "battery_energy"])
    np.testing.assert_allclose(found["photons"], [0.49, 1.96], atol=1e-9)
    np.testing.assert_allclose(found["g2_zero"], 1.0, atol=1e-9)
    assert found["battery_energy"].max() < 1e-9


def test_single_spins_relax_by_themselves():
    noise = {"t1_s": 2.0, "equilibrium": -0.4}
    model = changed((2, 3), 1.0, **NO_COUPLING, battery=noise | NO_COUPLING)
    found = trajectories.evolve(model, [0.5, 3.0], ["battery_energy", "local_loss"])
    z = -0.4 - 0.6 * np.exp(-np.array([0.5, 3.0]) / 2.0)
    np.testing.assert_allclose(found["battery_energy"], (1.0 + z) / 2.0, atol=1e-8)
    np.testing.assert_allclose(found["local_loss"], -(1.0 + z), atol=1e-8)


def test_late_outputs_do_not_hide_photons_that_were_too_many():
    """Spins are pumped for a while; at the output the field is long gone."""
    pumped = Stage(3.0, battery_noise=LocalNoise(pumping=4.0))
    model = replace(changed((1, 1), 0.8), protocol=(pumped, Stage(math.inf)))
    late = trajectories.evolve(model, [60.0])
    on_the_way = trajectories.evolve(model, np.linspace(0.0, 60.0, 61))
    assert on_the_way.provenance["most_photons"] > 10
    for name in ("battery_energy", "emitted_photons"):
        assert abs(late[name][0] - on_the_way[name][-1]) < 1e-10


@pytest.mark.parametrize("coherent", [False, True])
def test_elements_are_counted_before_they_are_made(coherent):
    for jb, jc, photons, top in (
        ([1.0, 0.0], [1.5, 0.5], 3, 0.5),
        ([1.0, 0.0], [1.5, 0.5], 3, 5.5),
        ([0.5], [2.0], 1, 1.5),
        ([2.0], [2.0], 9, 13.0),
    ):
        space = ModeSpace(np.array(jb), np.array(jc), photons, top, coherent)
        assert space.size == elements_needed(space.jb, space.jc, photons, top, coherent)


@pytest.mark.parametrize(
    ("model", "times", "field", "words"),
    [
        (changed((300, 300), battery=NOISE), [1.0], "battery.number, charger.number", "irreps"),
        (changed((50, 250), coupling=1.1), [1.0], "battery.number, charger.number", "GB"),
        (changed((1, 2), 1.0, 1e6, coupling=1.1), [1.0], "battery.number, charger.number", "GB"),
        (changed((2, 4), coupling=1.1), [1e9], "times", "hours"),
        (
            changed((5, 25), drive=Drive(amplitude=9.0, duration_s=9.0)),
            [1.0],
            "battery.number, charger.number",
            "GB",
        ),
    ],
)
def test_sizes_beyond_memory_or_time_are_refused_beforehand(model, times, field, words):
    with pytest.raises(InputError, match=words) as refusal:
        trajectories.evolve(model, times)
    assert refusal.value.field == field
    assert "\n" not in str(refusal.value)


def test_two_unequal_spins_without_loss_swing_as_tavis_and_cummings_have_it():
    model = changed((1, 1), 0.0, battery={"coupling": 1.6})
    times = np.linspace(0.0, 4.0, 17)
    found = trajectories.evolve(model, times)
    rabi = math.hypot(1.0, 1.6)
    # one excitation: |down, up, 0> overlaps with the bright state by g_C/rabi
    battery = 1.6 / rabi**2 * (1.0 - np.cos(rabi * times))
    np.testing.assert_allclose(found["battery_energy"], battery**2, atol=1e-11)
    np.testing.assert_allclose(found["photons"], (np.sin(rabi * times) / rabi) ** 2, atol=1e-11)


def test_a_fast_resonator_is_a_reservoir_for_noisy_spins_with_an_error_like_its_square():
    errors = []
    for ratio in (12.0, 24.0):
        kappa = ratio * math.sqrt(3.0)
        gamma = 4.0 / kappa
        noise = LocalNoise(dephasing=0.4 * gamma, emission=0.3 * gamma)
        battery = CollectiveBattery(
            1, 2, gamma=gamma, battery_noise=noise, charger_start=Polarised(0.9)
        )
        spins = replace(battery.experiment.charger, coupling=1.0)
        experiment = Experiment(
            Spins(1, "down", noise=noise), spins, Resonator(FREQUENCY, kappa / (2.0 * math.pi))
        )
        times = np.linspace(0.0, 3.0, 7) / gamma
        names = ["battery_energy", "charger_energy", "ergotropy", "log_negativity"]
        found, exact = (trajectories.evolve(one, times, names) for one in (experiment, battery))
        errors.append(max(np.abs(found[name] - exact[name]).max() for name in names))
    assert errors[0] < 0.04
    # gamma N/kappa = 4/ratio^2: twice the ratio, a quarter of the error
    assert abs(errors[0] / errors[1] - 4.0) < 0.5


@seed(20)
@settings(max_examples=12, deadline=None, database=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.floats(0.0, 5.0),
    st.floats(0.2, 2.0),
    st.floats(-2.0, 2.0),
    st.floats(-1.0, 1.0),
)
def test_excitations_are_balanced_and_states_are_states(sizes, kappa, coupling, detuning, up):
    spins = {"t1_s": 3.0, "equilibrium": 0.0}
    model = changed(
        sizes, kappa + 0.5, 0.0, (detuning, 0.0), None, {"coupling": coupling}, polarisation=up
    )
    model = replace(model, battery=replace(model.battery, **(spins if up > 0.0 else {})))
    found = trajectories.evolve(model, TIMES, WITHOUT_DRIVE)
    assert np.abs(found["excitation_balance"]).max() < 1e-10
    for name in WITHOUT_DRIVE:
        low, high = OBSERVABLES[name].bounds
        x = found[name][np.isfinite(found[name])]
        assert ((x >= low - 1e-10) & (x <= high + 1e-10)).all(), name
    # tracing out the field takes entanglement, and the ladder's unitaries are some of all
    assert (found["log_negativity"] <= found["log_negativity_rest"] + 1e-10).all()
    assert (found["ergotropy"] <= found["ergotropy_total"] + 1e-10).all()
