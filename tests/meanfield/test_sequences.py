"""Stages and pulses in the semiclassical engine, against separate integrations and closed forms."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import qutip
from scipy.integrate import solve_ivp

from darkbattery import meanfield, trajectories
from darkbattery.meanfield.averages.stretches import turns_by_fields
from darkbattery.meanfield.classes.moments import system_of
from darkbattery.meanfield.paths.plan import plan_with_step
from darkbattery.nvmodel import (
    CollectiveBattery,
    Drive,
    Gaussian,
    InputError,
    LocalNoise,
    Pulse,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
    StepResponse,
)
from darkbattery.nvmodel.protocol import courses
from darkbattery.trajectories.qutip import to_qutip

KAPPA = 8.0
CAVITY = Resonator(3e9, linewidth_fwhm_hz=KAPPA / (2.0 * math.pi))
INVERT = Pulse(rotate_charger=math.pi)


def sequence(n_battery=20, n_charger=60, g=0.3, **changed):
    """A bit of everything: waiting, inversion, steps with both rises, noise, a dephasing pulse."""
    noise = LocalNoise(dephasing=0.3, emission=0.1)
    steps = (
        Pulse(rotate_charger=2.6, rotation_error=0.05, axis=0.3),
        Stage(0.2),
        Stage(0.5, charger_detuning=0.0, rise=0.1),
        Stage(0.3, battery_detuning=5.0, rise=0.2, rise_shape="linear", battery_noise=noise),
        Pulse(dephase_battery=0.4, dephase_charger=0.7),
        Stage(0.2, "battery"),
        Pulse(rotate_battery=1.1, axis=2.0),
        Stage(0.3, charger_detuning=-3.0),
    )
    return ResonatorBattery(
        charger=SpinEnsemble(n_charger, 1.3 * g, polarisation=-0.8, t1_s=9.0, t2_s=4.0),
        resonator=CAVITY,
        battery=SpinEnsemble(n_battery, g, polarisation=0.9, t2_s=3.0),
        charger_detuning_hz=12.0 / (2.0 * math.pi),
        **{"protocol": steps} | changed,
    )


def separate_moments(model, times):
    """Energies and photons by docs/semiclassical.md's equations, one number a class, by scipy."""
    N = np.array(model.sizes, dtype=float)
    g0 = np.array([spins.coupling for spins in (model.battery, model.charger)])
    kappa, nbar = model.resonator.kappa, model.nbar
    z = np.array([-model.battery.polarisation, model.charger.polarisation])
    y = np.concatenate([[nbar, *z], np.zeros(6)])  # n, z, A (2 complex), C_BB, C_CC, ...
    state = np.zeros(3 + 2 + 4, dtype=complex)
    state[:3] = y[:3]
    ways, now, rows = iter(courses(model.protocol, model.detunings)), 0.0, []
    for step in model.protocol:
        n, z, A, C = state[0], state[1:3].real, state[3:5], state[5:].reshape(2, 2)
        if isinstance(step, Pulse):
            kept = 1.0 - np.array([step.dephase_battery, step.dephase_charger])
            A, C = kept * A, np.outer(kept, kept) * C
            turn = np.array([step.rotate_battery, step.rotate_charger])
            shrink = np.exp(-0.5 * (step.rotation_error * turn) ** 2)
            c = shrink * np.cos(turn)
            # <s_k^+ s_l> of two spins from their products of x and y, over all phases
            C = 0.5 * (1 + np.outer(c, c)) * C.real + 0.5j * (c[:, None] + c) * C.imag
            state = np.concatenate([[n, *(c * z)], 0.5 * (1 + c) * A, C.ravel()])
            continue
        way = next(ways)
        on = np.array([step.coupled in ("both", "battery"), step.coupled in ("both", "charger")])
        g = np.where(on, g0, 0.0)
        rates = []
        for spins, noise in zip(
            (model.battery, model.charger), (step.battery_noise, step.charger_noise), strict=True
        ):
            t1 = spins.relaxation_rate
            own = (spins.decoherence_rate, t1, -t1 / (2 * nbar + 1))
            if noise is not None:
                up, down = noise.pumping, noise.emission
                own = (0.5 * (noise.dephasing + up + down), up + down, up - down)
            rates.append(own)
        Gamma, loss, supply = np.array(rates).T

        def rhs(t, y, way=way, g=g, Gamma=Gamma, loss=loss, supply=supply):
            D = np.array([float(course.at(t)) for course in way])
            n, z, A, C = y[0], y[1:3], y[3:5], y[5:].reshape(2, 2)
            others = np.array(
                [sum((N[q] - (q == k)) * g[q] * C[q, k] for q in (0, 1)) for k in (0, 1)]
            )
            dn = -kappa * (n - nbar) + 2.0 * np.sum(N * g * A.imag)
            dz = -4.0 * g * A.imag - loss * z + supply
            dA = (-1j * D - kappa / 2 - Gamma) * A + 1j * g * n * z
            dA += 1j * (g * (1 + z) / 2 + others)
            dC = (1j * (D[:, None] - D) - Gamma[:, None] - Gamma) * C
            # <s_k^+ s_l>: the field turns s_k^+ by A_l and s_l by A_k^*
            dC = dC - 1j * (g * z)[:, None] * A + 1j * (g * z) * A.conj()[:, None]
            return np.concatenate([[dn], dz, dA, dC.ravel()])

        end = now + step.duration
        kink = [step.rise] if 0.0 < step.rise < step.duration else []
        for a, b in pairwise([0.0, *kink, step.duration]):
            close = {"dense_output": True, "rtol": 1e-10, "atol": 1e-12}
            found = solve_ivp(rhs, (a, b), state, "DOP853", **close)
            for t in times:
                if now + a - 1e-12 <= t < now + b - 1e-12:
                    rows.append([t, *found.sol(min(max(t - now, a), b))[:3].real])
            state = found.y[:, -1]
            assert found.success
        now = end
    rows.append([now, *state[:3].real])
    return np.array(sorted(rows)).T


def test_second_order_goes_through_a_sequence_as_a_separate_integration_does():
    # half turns: others give the state a phase, see test_phase
    halves = (
        replace(step, **{f"rotate_{name}": math.pi})
        if isinstance(step, Pulse) and getattr(step, f"rotate_{name}")
        else step
        for step in sequence().protocol
        for name in (("battery",) if getattr(step, "rotate_battery", 0.0) else ("charger",))
    )
    model = sequence(protocol=tuple(halves))
    times = np.array([0.0, 0.1, 0.2, 0.25, 0.45, 0.7, 0.85, 1.0, 1.1, 1.2, 1.3, 1.5])
    found = meanfield.evolve(model, times)
    _, photons, battery, charger = separate_moments(model, times)
    # steps are good to 1e-6 of each group's largest moment
    np.testing.assert_allclose(found["battery_energy"], 0.5 * (1.0 + battery), atol=1e-5)
    np.testing.assert_allclose(found["charger_energy"], 0.5 * (1.0 + charger), atol=1e-5)
    np.testing.assert_allclose(found["photons"], photons, atol=1e-5 * 80)
    assert np.ptp(found["battery_energy"]) > 0.05
    assert np.abs(found["excitation_balance"]).max() < 1e-12  # rounding
    alone = [meanfield.evolve(model, [t])["battery_energy"][0] for t in times[[4, 8, 11]]]
    np.testing.assert_allclose(alone, found["battery_energy"][[4, 8, 11]], atol=1e-5)


def exact(model, times, photons):
    """Energies by QuTiP, each spin by itself."""
    sides = [(model.battery, "battery"), (model.charger, "charger")]
    numbers = [spins.number for spins, _ in sides]
    dims = [2] * sum(numbers) + [photons + 1]
    place = lambda i, o: qutip.tensor([o if k == i else qutip.qeye(d) for k, d in enumerate(dims)])  # noqa: E731
    a = place(len(dims) - 1, qutip.destroy(dims[-1]))
    sites = [range(numbers[0]), range(numbers[0], sum(numbers))]
    pauli = {name: [place(i, op) for i in range(sum(numbers))] for name, op in (
        ("x", qutip.sigmax()), ("y", qutip.sigmay()), ("z", qutip.sigmaz()),
        ("down", qutip.sigmam()))}  # fmt: skip
    z = np.repeat([-model.battery.polarisation, model.charger.polarisation], numbers)
    rho = qutip.tensor(
        *[qutip.Qobj(np.diag([(1 + one) / 2, (1 - one) / 2])) for one in z],
        qutip.thermal_dm(dims[-1], model.nbar),
    )
    energies = [sum(pauli["z"][i] for i in part) / (2 * len(part)) + 0.5 for part in sites]
    kappa, nbar = model.resonator.kappa, model.nbar
    ways, now, rows = iter(courses(model.protocol, model.detunings)), 0.0, []
    for step in model.protocol:
        if isinstance(step, Pulse):
            for part, turn, lost in (
                (sites[0], step.rotate_battery, step.dephase_battery),
                (sites[1], step.rotate_charger, step.dephase_charger),
            ):
                for i in part:
                    n = math.cos(step.axis) * pauli["x"][i] + math.sin(step.axis) * pauli["y"][i]
                    U = (-0.5j * turn * n).expm()
                    rho = U * rho * U.dag()
                    # a normal angle keeps exp(-var/2) of what is at right angles to the axis
                    kept = math.exp(-0.5 * (step.rotation_error * turn) ** 2)
                    rho = 0.5 * (1 + kept) * rho + 0.5 * (1 - kept) * n * rho * n
                    flipped = pauli["z"][i] * rho * pauli["z"][i]
                    rho = (1 - 0.5 * lost) * rho + 0.5 * lost * flipped
            continue
        way = next(ways)
        H, jumps = [0 * a], [math.sqrt(kappa * (nbar + 1)) * a]
        jumps += [math.sqrt(kappa * nbar) * a.dag()] if nbar else []
        for (spins, word), part, course, noise in zip(
            sides, sites, way, (step.battery_noise, step.charger_noise), strict=True
        ):
            t1 = spins.relaxation_rate
            rate = (2 * spins.decoherence_rate - t1, t1 * (nbar + 1) / (2 * nbar + 1),
                    t1 * nbar / (2 * nbar + 1))  # fmt: skip
            if noise is not None:
                rate = (noise.dephasing, noise.emission, noise.pumping)
            for i in part:
                if step.coupled in ("both", word):
                    exchange = spins.coupling * a.dag() * pauli["down"][i]
                    H[0] += exchange + exchange.dag()
                operators = (0.5 * pauli["z"][i], pauli["down"][i], pauli["down"][i].dag())
                jumps += [
                    math.sqrt(r) * o for r, o in zip(rate, operators, strict=True) if r > 1e-12
                ]
            turn = sum(pauli["z"][i] for i in part) / 2
            H.append([turn, lambda t, course=course: float(course.at(t))])
        here = [t - now for t in times if now - 1e-12 <= t < now + step.duration - 1e-12]
        grid = np.unique([0.0, *np.maximum(here, 0.0), step.duration])
        found = qutip.mesolve(qutip.QobjEvo(H), rho, grid, jumps, options={"max_step": 0.02})
        for t in here:
            state = found.states[int(np.argmin(np.abs(grid - t)))]
            rows.append([qutip.expect(one, state).real for one in energies])
        rho, now = found.states[-1], now + step.duration
    rows.append([qutip.expect(one, rho).real for one in energies])
    return np.array(rows).T


@pytest.mark.long
def test_two_and_three_spins_with_all_of_it_against_qutip():
    model = sequence(2, 3, 0.8)
    times = np.array([0.0, 0.2, 0.45, 0.7, 0.85, 1.0, 1.2, 1.35, 1.5])
    battery, charger = exact(model, times, 6)
    second = meanfield.evolve(model, times)
    wigner = meanfield.sample(model, times, runs=20_000, seed=4)
    # at five spins third cumulants are worth .007, and what Wigner leaves out as much; 20,000 runs
    # err by .003
    for found, bound in ((second, 0.01), (wigner, 0.015)):
        assert np.abs(found["battery_energy"] - battery).max() < bound
        assert np.abs(found["charger_energy"] - charger).max() < bound


HARDLY = {"coupling": 1e-9}  # spins that the field does not see


def stored(charger, *steps, **changed):
    return ResonatorBattery(charger, CAVITY, SpinEnsemble(10, **HARDLY), protocol=steps, **changed)


def test_a_line_dephases_and_an_echo_brings_it_back():
    """The mean spin falls as the line's transform, and is back after twice the time."""
    width, t2 = 2.0, 5.0
    fwhm = width * math.sqrt(8.0 * math.log(2.0)) / (2.0 * math.pi)
    spins = SpinEnsemble(10**12, line=Gaussian(fwhm), t2_s=t2, **HARDLY)
    quarter, half = Pulse(rotate_battery=math.pi / 2), Pulse(rotate_battery=math.pi)
    model = ResonatorBattery(spins, CAVITY, spins, protocol=(quarter, Stage(1.0), half, Stage(2.0)))
    times = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 2.5])
    apart = np.abs(np.where(times < 1.0, times, 2.0 - times))
    mean = np.exp(-times / t2 - 0.5 * (width * apart) ** 2)
    first = meanfield.evolve(model, times, order=1)
    # z = 0 throughout: one rotation draws half the mean vector, each spin by itself half its own
    # length; 101 classes know the line's transform to 1e-4 there, steps are good to 1e-6
    np.testing.assert_allclose(first["ergotropy_rotation"], 0.5 * mean, atol=1e-4)
    np.testing.assert_allclose(first["ergotropy_local"], 0.5 * np.exp(-times / t2), atol=1e-5)
    wigner = meanfield.sample(model, times, runs=20, seed=1)
    # 31 classes; noise of 1e12 spins is 1e-6
    np.testing.assert_allclose(wigner["ergotropy_rotation"], 0.5 * mean, atol=2e-3)
    np.testing.assert_allclose(wigner["ergotropy_local"], 0.5 * np.exp(-times / t2), atol=1e-4)


@pytest.mark.parametrize("angle", [0.4, math.pi / 2, math.pi, 5.0])
def test_rotations_have_their_angle_and_their_error(angle):
    spins = SpinEnsemble(10**12, polarisation=0.7, **HARDLY)
    pulse = Pulse(rotate_battery=angle, axis=0.7, rotation_error=0.2)
    model = ResonatorBattery(spins, CAVITY, spins, protocol=(pulse, Stage(1.0)))
    z = -0.7 * math.cos(angle) * math.exp(-0.5 * (0.2 * angle) ** 2)
    for found in (
        meanfield.evolve(model, [0.0], order=1),
        meanfield.evolve(model, [0.0]),
        meanfield.sample(model, [0.0], runs=4, seed=1),
    ):
        # of Wigner noise of 1e12 spins
        np.testing.assert_allclose(found["battery_energy"], 0.5 * (1.0 + z), atol=1e-5)
        np.testing.assert_allclose(found["charger_energy"], 0.85, atol=1e-5)


def test_a_linear_sweep_inverts_as_landau_and_zener_say():
    """P = 1 - exp(-pi W^2/2|dD/dt|) for a field that turns the spins at W."""
    g, rate, span, turn = 1e-6, 20.0, 50.0, 3.0
    eta, sweep = turn * KAPPA / (4.0 * g), 2.0 * span / rate
    line = {"charger_detuning": span, "rise": sweep, "rise_shape": "linear"}
    model = ResonatorBattery(
        SpinEnsemble(1000, coupling=g, polarisation=-1.0),
        CAVITY,
        charger_detuning_hz=-span / (2.0 * math.pi),
        protocol=(
            Stage(3.0, drives=[Drive(eta, 3.0)]),  # the field is there before
            Stage(sweep, drives=[Drive(eta, sweep)], **line),
        ),
    )
    found = meanfield.evolve(model, [3.0 + sweep], order=1)
    expected = -math.expm1(-math.pi * turn**2 / (2.0 * rate))
    # the sweep begins and ends with W/2D of ringing
    assert abs(found["charger_energy"][0] - expected) < turn / span


def test_fields_of_several_drives_add_and_ring_down():
    """alpha = -i sum eta e^{i phi}/(kappa/2 - i delta), and exp(-kappa t) after them."""
    delta, phase = 3.0, 1.2
    drives = (
        Drive(5e3, 8.0),
        Drive(4e3, 8.0, phase=phase),
        Drive(2e3, 6.0, start_s=2.0, detuning_hz=delta / (2.0 * math.pi)),
    )
    model = stored(SpinEnsemble(10, **HARDLY), Stage(8.0, drives=drives), Stage(1.0))
    times = np.array([1.99, 7.0, 7.5, 8.0, 8.3])
    steady = (5e3 + 4e3 * np.exp(1j * phase)) / (KAPPA / 2)
    both = steady + 2e3 * np.exp(-1j * delta * times) / (KAPPA / 2 - 1j * delta)
    alpha = np.where(times < 2.0, steady, both)
    alpha[-1] = both[-2] * math.exp(-0.3 * KAPPA / 2)
    # steps are good to 1e-6; the transients of 7 kappa are e^-14 of the field
    for found in (
        meanfield.evolve(model, times, order=1),
        meanfield.sample(model, times, runs=4, seed=1),
    ):
        np.testing.assert_allclose(found["photons"], np.abs(alpha) ** 2, rtol=2e-3)


def test_outputs_at_a_switch_are_read_after_it_and_a_pulse_may_be_last():
    flip = Pulse(rotate_charger=math.pi)
    model = stored(SpinEnsemble(10, **HARDLY), Stage(0.1), Stage(0.2), flip, Stage(0.3), flip)
    # 0.1 + 0.2 and 0.3 are the same time
    times = [0.29999, 0.3, 0.59999, 0.6]
    for found in (
        meanfield.evolve(model, times),
        meanfield.evolve(model, times, order=1),
        meanfield.sample(model, times, runs=3, seed=1),
    ):
        spread = 1.1 / math.sqrt(10)  # Wigner's spins in a pure state have none along z
        np.testing.assert_allclose(
            found["charger_energy"], [1.0, 0.0, 0.0, 1.0], atol=1e-6 * spread
        )
        assert found["emission_rate"].max() < 1e-6 or found.runs
    with pytest.raises(
        InputError, match=r"times\[0\] = 0.7: must be <= 0.6, where the protocol ends"
    ):
        meanfield.evolve(model, [0.7])
    with pytest.raises(InputError, match="where the protocol ends"):
        meanfield.sample(model, [0.7], runs=1, seed=1)


SWITCHED = CollectiveBattery(
    n_battery=10,
    n_charger=50,
    nbar=0.1,
    battery_noise=LocalNoise(0.5, 0.1, 0.05),
    protocol=(
        Stage(0.03),
        Pulse(dephase_charger=0.3),
        Stage(0.05, battery_detuning=40.0),
        Stage(0.1, "battery"),
        Stage(0.3, charger_noise=LocalNoise(dephasing=1.0)),
    ),
)


def test_single_runs_of_both_engines_go_through_a_sequence_in_a_reservoir():
    times = np.linspace(0.0, 0.45, 10)
    quantum = trajectories.sample(SWITCHED, times, runs=1000, seed=3)
    wigner = meanfield.sample(SWITCHED, times, runs=1000, seed=3)
    for name in ("battery_energy", "charger_energy"):
        error = np.hypot(quantum.errors[name], wigner.errors[name])
        # 1/N of 60 spins beside the scatter of 1,000 runs
        assert (np.abs(wigner[name] - quantum[name]) < 4.0 * error + 0.006).all()
    assert np.abs(np.diff(quantum["battery_energy"])).max() > 0.05


@pytest.mark.long
def test_the_four_cells_lie_over_each_other():
    times = np.linspace(0.0, 0.45, 10)
    exact = trajectories.evolve(SWITCHED, times, ["battery_energy", "charger_energy"])
    runs = trajectories.sample(SWITCHED, times, runs=4000, seed=3)
    wigner = meanfield.sample(SWITCHED, times, runs=4000, seed=3)
    second = meanfield.evolve(SWITCHED, times)
    for name in ("battery_energy", "charger_energy"):
        off = np.abs(runs[name] - exact[name]) - 4.0 * runs.errors[name]
        assert off.max() < 1e-9
        off = np.abs(wigner[name] - exact[name]) - 4.0 * wigner.errors[name]
        assert off.max() < 0.006
        # a modal run at 60 spins: the burst is not smeared
        assert np.abs(second[name] - exact[name]).max() < 0.13


def test_detuning_steps_in_a_reservoir_are_those_of_explicit_spins():
    steps = (
        Stage(0.2),
        Stage(0.3, battery_detuning=5.0),
        Pulse(dephase_battery=0.5),
        Stage(0.3, "none", charger_detuning=-4.0),
        Stage(0.5, battery_detuning=-2.0, charger_detuning=1.0),
    )
    battery = CollectiveBattery(
        2, 3, nbar=0.2, battery_noise=LocalNoise(0.3, 0.1, 0.0), detuning=1.0, protocol=steps
    )
    few = [to_qutip(battery, stage=one) for one in steps if isinstance(one, Stage)]
    rho, times, expected = few[0].initial, [0.2, 0.5, 0.8, 1.3], []
    for i, one in enumerate(few):
        until = [0.0, steps[i + (i > 1)].duration]
        close = {"atol": 1e-12, "rtol": 1e-10}
        rho = qutip.mesolve(one.hamiltonian, rho, until, one.collapse, options=close).states[-1]
        if i == 1:
            z = [qutip.tensor([qutip.sigmaz() if k == j else qutip.qeye(2) for k in range(5)])
                 for j in range(2)]  # fmt: skip
            for flip in z:
                rho = 0.75 * rho + 0.25 * flip * rho * flip
        expected.append(qutip.expect(one.observables["battery_energy"], rho))
    found = trajectories.evolve(battery, times, ["battery_energy"])
    # Krylov spaces to 1e-10 and QuTiP's tolerance
    np.testing.assert_allclose(found["battery_energy"], expected, atol=1e-8)
    runs = trajectories.sample(battery, times, runs=4000, seed=1)
    off = np.abs(runs["battery_energy"] - expected) / runs.errors["battery_energy"]
    assert off.max() < 4.0


def separate_paths(model, times, runs, seed):
    """Wigner's equations (docs/semiclassical.md) for two classes by Heun's rule, in numpy alone."""
    rng = np.random.default_rng(seed)
    N = np.array(model.sizes, dtype=float)[:, None]
    kappa = model.resonator.kappa
    z = np.array([[-model.battery.polarisation], [model.charger.polarisation]])
    v = np.empty((3, 2, runs))
    v[:2] = rng.standard_normal((2, 2, runs)) / np.sqrt(N)
    v[2] = z + np.sqrt((1 - z**2) / N) * rng.standard_normal((2, runs))
    a = np.sqrt(0.25) * (rng.standard_normal(runs) + 1j * rng.standard_normal(runs))
    g = np.array([[spins.coupling] for spins in (model.battery, model.charger)])
    Gamma = np.array([[spins.decoherence_rate] for spins in (model.battery, model.charger)])
    (stage,) = (step for step in model.protocol if isinstance(step, Stage))
    (way,) = courses(model.protocol, model.detunings)
    v[1:, 1] = -v[1:, 1]  # pi about x
    assert isinstance(model.protocol[0], Pulse)
    steps = 2000
    h = times[-1] / steps
    peak, light = np.zeros(runs), np.zeros(runs)

    def slope(t, a, v):
        D = np.array([[float(course.at(t))] for course in way])
        b = 0.5 * (v[0] - 1j * v[1])
        da = -0.5 * kappa * a - 1j * np.sum(N * g * b, axis=0)
        db = -(1j * D + Gamma) * b + 1j * g * a * v[2]
        dz = -4.0 * g * (a.conj() * b).imag
        return da, np.array([2.0 * db.real, -2.0 * db.imag, dz])

    for i in range(steps):
        t = i * h
        one = rng.standard_normal((2, runs))
        da = np.sqrt(kappa * 0.5 * h / 2) * (one[0] + 1j * one[1])
        dv = np.zeros_like(v)
        dv[:2] = np.sqrt(2 * Gamma * h / N) * rng.standard_normal((2, 2, runs))
        k1, l1 = slope(t, a, v)
        k2, l2 = slope(t + h, a + h * k1 + da, v + h * l1 + dv)
        a, v = a + 0.5 * h * (k1 + k2) + da, v + 0.5 * h * (l1 + l2) + dv
        brighter = np.abs(a) ** 2 > light
        peak, light = np.where(brighter, t + h, peak), np.maximum(light, np.abs(a) ** 2)
    assert stage.duration >= times[-1]
    return 0.5 * (1.0 + v[2, 0]), peak


@pytest.mark.long
def test_a_burst_after_a_step_scatters_as_a_separate_integration_of_wigners_equations_does():
    """1e12 spins: mean and spread of the peak's time and of what is stored."""
    g = 30.0 / math.sqrt(6e12)
    spins = {"coupling": g, "t2_s": 2.0}
    model = ResonatorBattery(
        SpinEnsemble(5 * 10**12, polarisation=-0.9, **spins),
        CAVITY,
        SpinEnsemble(10**12, polarisation=0.9, **spins),
        charger_detuning_hz=60.0 / (2.0 * math.pi),
        protocol=(INVERT, Stage(2.0, charger_detuning=0.0, rise=0.15)),
    )
    runs, times = 400, np.linspace(0.0, 1.4, 281)
    energy, peak = separate_paths(model, times, runs, seed=5)
    rows = meanfield.sample(
        model, times, runs=runs, seed=1, records="summary",
        observables=["battery_energy", "peak_emission_time"],
    ).records  # fmt: skip
    for mine, other in (
        (rows["peak_emission_time"], peak),
        (rows["final_energy"], energy),
    ):
        # means within 4 standard errors and a grid of outputs; spreads of 400 runs are known to 5 %
        scatter = math.hypot(mine.std(), other.std()) / math.sqrt(runs)
        assert abs(mine.mean() - other.mean()) < 4.0 * scatter + 0.0025
        assert abs(mine.std() / other.std() - 1.0) < 0.2
    assert 0.3 < peak.mean() < 1.2


def test_a_measured_response_is_a_rise_like_any_other():
    """Straight from 0 to 1 it is the linear one, and an exponential sampled often enough that."""
    times = np.array([0.3, 0.8, 1.3])
    names = ["battery_energy", "charger_energy", "photons"]
    samples = np.linspace(0.0, 0.5, 401)
    measured = {
        "linear": StepResponse([0.0, 0.05, 0.1, 0.15, 0.2], [0.0, 0.25, 0.5, 0.75, 1.0]),
        "exponential": StepResponse(samples, -np.expm1(-samples / 0.05)),
    }
    for shape, rise in (("linear", 0.2), ("exponential", 0.05)):
        known, same = (
            sequence(
                20_000,
                60_000,
                g=0.01,
                protocol=(INVERT, Stage(0.2), Stage(2.0, charger_detuning=0.0, **how)),
            )
            for how in ({"rise": rise, "rise_shape": shape}, {"rise_shape": measured[shape]})
        )
        # the integrator's tolerance; straight lines are 2e-4 of the step away at most
        for order in (1, 2):
            one, two = (meanfield.evolve(model, times, order, names) for model in (known, same))
            for name in names:
                np.testing.assert_allclose(two[name], one[name], rtol=2e-4, err_msg=name)
        if shape == "linear":  # cut where the measured one is: the same steps, the same noise
            one, two = (meanfield.sample(model, times, 8, 1) for model in (known, same))
            for name in names:
                np.testing.assert_allclose(two[name], one[name], rtol=1e-9, err_msg=name)


def test_a_strong_field_sets_the_steps_of_its_own_time_alone():
    """Halving all steps until a nutation was resolved made the rest of a sequence slow as well."""
    # 2 g eta/(kappa/2) = 1e10 rad/s; all else is slower than kappa/2 = 5e6 /s
    drive = Drive(amplitude=2.5e15, duration_s=1e-6)
    strong, none = Stage(1e-6, drives=(drive,)), Stage(1e-6)
    cavity, spins = (
        Resonator(3e9, linewidth_fwhm_hz=1e7 / (2.0 * np.pi)),
        SpinEnsemble(10**10, 10.0),
    )
    steps = {}
    for first in (strong, none):
        model = ResonatorBattery(spins, cavity, spins, protocol=(first, Stage(5e-6)))
        plan = plan_with_step(system_of(model, 1), np.array([6e-6]), 4e-8)
        steps[first] = [sum(part.steps) for part in plan.parts]
    assert steps[strong][1] == steps[none][1]
    # the step is 0.2 of 2/kappa, and so of the nutation a tenth of a radian
    assert 1e-6 / steps[strong][0] < 0.1001 / 1e10
    assert turns_by_fields(plan.system, plan.times) == 0.0
    model = ResonatorBattery(spins, cavity, spins, protocol=(strong, Stage(5e-6)))
    turned = turns_by_fields(system_of(model, 1), np.array([6e-6]))
    np.testing.assert_allclose(turned, 1e4 / (2.0 * np.pi))
