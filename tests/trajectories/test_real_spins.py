"""`evolve` beyond the paper's model, against every spin by itself in QuTiP."""

import math

import numpy as np
import pytest
import qutip
from qutip import piqs

from darkbattery.nvmodel import (
    CollectiveBattery,
    DickeState,
    InputError,
    LocalNoise,
    Polarised,
    Pulse,
    Stage,
)
from darkbattery.trajectories import evolve
from darkbattery.trajectories.averages.evolution import FOR_REAL_SPINS as AVAILABLE
from darkbattery.trajectories.averages.speed_limits import LIMITS
from darkbattery.trajectories.qutip.fewspins import measure, to_qutip

BATTERY_NOISE = LocalNoise(dephasing=0.7, emission=0.3, pumping=0.1)
CHARGER_NOISE = LocalNoise(dephasing=0.2, emission=0.5, pumping=0.25)
TIMES = np.array([0.02, 0.15, 0.5, 1.5])
# tolerances far below the 1e-8 that is asked of the comparison
OPTIONS = {"atol": 1e-13, "rtol": 1e-11, "nsteps": 10**6, "method": "dop853"}


def _states(few, initial, times):
    grid = np.concatenate([[0.0], times])
    return qutip.mesolve(few.hamiltonian, initial, grid, few.collapse, options=OPTIONS).states[1:]


def _pulsed(rho, battery, pulse):
    """K_0 = sqrt(1 - s/2), K_1 = sqrt(s/2) sigma_z on each spin by itself."""
    spins = battery.n_battery + battery.n_charger
    for site in range(spins):
        s = pulse.dephase_battery if site < battery.n_battery else pulse.dephase_charger
        z = qutip.tensor([qutip.sigmaz() if i == site else qutip.qeye(2) for i in range(spins)])
        rho = (1.0 - s / 2) * rho + s / 2 * z * rho * z
    return rho


def _agree(ours, i, few, state, names=AVAILABLE):
    for name, value in measure(few, state).items():
        if name in names:
            # 1e-8 is what is promised
            assert ours[name][i] == pytest.approx(value, abs=1e-8), (name, ours.times[i])


@pytest.mark.parametrize("detuning", [0.0, 1.3])
@pytest.mark.parametrize(("nb", "nc"), [(2, 3), (3, 2), (1, 4)])
def test_every_observable_against_each_spin_in_qutip(nb, nc, detuning):
    battery = CollectiveBattery(
        nb,
        nc,
        nbar=0.3,
        battery_noise=BATTERY_NOISE,
        charger_noise=CHARGER_NOISE,
        detuning=detuning,
    )
    ours = evolve(battery, TIMES, AVAILABLE)
    few = to_qutip(battery)
    for i, state in enumerate(_states(few, few.initial, TIMES)):
        _agree(ours, i, few, state)
    _balanced(ours, battery, nc)


@pytest.mark.parametrize(
    ("battery_noise", "charger_noise"),
    [
        (LocalNoise(dephasing=2.0), LocalNoise()),
        (LocalNoise(), LocalNoise(emission=1.0)),
        (LocalNoise(pumping=0.6), LocalNoise()),
    ],
)
def test_one_kind_of_noise_at_zero_temperature(battery_noise, charger_noise):
    battery = CollectiveBattery(3, 2, battery_noise=battery_noise, charger_noise=charger_noise)
    ours = evolve(battery, TIMES, AVAILABLE)
    few = to_qutip(battery)
    for i, state in enumerate(_states(few, few.initial, TIMES)):
        _agree(ours, i, few, state)


@pytest.mark.parametrize(
    ("start", "noise", "detuning"),
    [
        ({"battery_start": "thermal"}, LocalNoise(), 0.0),
        ({"battery_start": "thermal", "charger_start": Polarised(0.8)}, LocalNoise(), 0.0),
        ({"charger_start": Polarised(0.7)}, LocalNoise(dephasing=0.4), 0.0),
        ({"battery_start": DickeState(1, j=0.5)}, LocalNoise(), 0.6),
        (
            {"battery_start": DickeState(2), "charger_start": DickeState(1, j=0.0)},
            LocalNoise(emission=0.2),
            0.0,
        ),
    ],
)
def test_starts_against_each_spin_in_qutip(start, noise, detuning):
    battery = CollectiveBattery(3, 2, nbar=0.4, charger_noise=noise, detuning=detuning, **start)
    ours = evolve(battery, TIMES, AVAILABLE)
    few = to_qutip(battery)
    for i, state in enumerate(_states(few, few.initial, TIMES)):
        _agree(ours, i, few, state)


PROTOCOLS = {
    "stored and discharged": (
        Stage(0.4, name="charge"),
        Pulse(dephase_battery=0.6),
        Stage(0.3, "none", battery_noise=LocalNoise(dephasing=0.5)),
        Pulse(dephase_battery=1.0, dephase_charger=0.3),
        Stage(0.6, "battery"),
    ),
    "reconnected": (
        Stage(0.2),
        Stage(0.3, "charger", charger_noise=LocalNoise(emission=0.5)),
        Pulse(dephase_charger=1.0),
        Stage(0.3, "both"),
        Stage(0.5, "battery", battery_noise=LocalNoise(emission=1.0)),
    ),
}


@pytest.mark.parametrize("detuning", [0.0, 0.9])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols_against_qutip_piece_by_piece(name, detuning):
    battery = CollectiveBattery(3, 2, nbar=0.2, protocol=PROTOCOLS[name], detuning=detuning)
    times, found, now, rho = [], [], 0.0, None
    for step in battery.protocol:
        if isinstance(step, Pulse):
            rho = _pulsed(rho, battery, step)
            continue
        few = to_qutip(battery, stage=step)
        rho = few.initial if rho is None else rho
        middle, rho_end = _states(few, rho, np.array([0.5, 1.0]) * step.duration)
        # right after the switching, and half way
        times += [now, now + 0.5 * step.duration]
        found += [(few, rho), (few, middle)]
        now, rho = now + step.duration, rho_end
    ours = evolve(battery, [*times, now], AVAILABLE)
    for i, (few, state) in enumerate(found):
        # the rate from the right where eigenvalues leave zero is not what `measure` gives
        names = [n for n in AVAILABLE if i % 2 or n != "entanglement_rate"]
        _agree(ours, i, few, state, names)
    _agree(ours, len(found), few, rho)
    _balanced(ours, battery, 2)


def _balanced(s, battery, start):
    """Nothing is lost that is not counted."""
    held = battery.n_battery * s["battery_energy"] + battery.n_charger * s["charger_energy"]
    counted = held + s["emitted_photons"] - s["absorbed_photons"] + s["local_loss"]
    # 1e-9: a dozen excitations to a relative 1e-10
    np.testing.assert_allclose(counted, start, atol=1e-9)


def test_photons_and_losses_are_the_integrals_of_their_rates():
    noise = LocalNoise(emission=0.4, pumping=0.2)
    battery = CollectiveBattery(3, 4, nbar=0.5, battery_noise=noise)
    times = np.linspace(0.0, 0.5, 2001)
    s = evolve(battery, times)
    for count, rate in (
        ("emitted_photons", s["emission_rate"]),
        ("absorbed_photons", s["absorption_rate"]),
        ("local_loss", 3 * (0.4 * s["battery_energy"] - 0.2 * (1.0 - s["battery_energy"]))),
    ):
        # second derivatives of up to 1e3 times step^2/12
        assert s[count][-1] == pytest.approx(np.trapezoid(rate, times), abs=1e-5)


def test_piqs_agrees_for_eight_spins():
    battery = CollectiveBattery(
        8,
        1,
        nbar=0.3,
        battery_start=DickeState(6, j=3.0),
        protocol=(Stage(5.0, "battery"),),
        battery_noise=BATTERY_NOISE,
    )
    system = piqs.Dicke(
        8,
        emission=BATTERY_NOISE.emission,
        pumping=BATTERY_NOISE.pumping,
        dephasing=BATTERY_NOISE.dephasing,
        collective_emission=1.3,
        collective_pumping=0.3,
    )
    ours = evolve(battery, TIMES)
    found = qutip.mesolve(
        system.liouvillian(), piqs.dicke(8, 3.0, 2.0), [0.0, *TIMES], options=OPTIONS
    )
    for i, state in enumerate(found.states[1:]):
        populations = np.real(state.diag())
        # the order of `Irreps` but with m falling
        irreps = [
            abs(populations[at : at + 2 * j + 1].sum())
            for at, j in zip((0, 9, 16, 21, 24), (4, 3, 2, 1, 0), strict=True)
        ]
        energy = np.real(qutip.expect(piqs.jspin(8, "z"), state)) / 8 + 0.5
        # 2e-7: PIQS rounds its rates to single precision (its columns add up to 2e-6, not 0)
        assert ours["battery_energy"][i] == pytest.approx(energy, abs=2e-7)
        np.testing.assert_allclose(ours.distributions["irreps"].weight[i], irreps, atol=2e-7)


def _half_time(battery, charged, near):
    """Energy at the start of the discharge and the time to half of it; NaN if that is not near."""
    # linear between steps of near/100 is right to a few 1e-5 near
    times = near * np.concatenate([[0.0], np.linspace(0.9, 1.1, 21)])
    energy = evolve(battery, charged + times, ["battery_energy"])["battery_energy"]
    below = np.flatnonzero(energy < energy[0] / 2)
    if below.size == 0:
        return energy[0], math.nan
    i = below[0]
    share = (energy[i - 1] - energy[0] / 2) / (energy[i - 1] - energy[i])
    return energy[0], times[i - 1] + share * (times[i] - times[i - 1])


@pytest.mark.parametrize(
    ("nb", "nc", "charged", "fresh", "dephased", "dark"),
    [
        (4, 20, 0.886, 0.386, 0.477, 0.081),
        (10, 50, 0.949, 0.234, 0.284, 0.047),
        (40, 50, 0.765, 0.047, 0.163, 0.277),
        (10, 10, 0.383, 0.105, math.nan, 0.611),
    ],
)
def test_half_discharge_times(nb, nc, charged, fresh, dephased, dark):
    """Digits of an independent calculation, hence half a unit in the last one."""
    for strength, half in ((0.0, fresh), (1.0, dephased)):
        battery = CollectiveBattery(
            nb, nc, protocol=(Stage(40.0), Pulse(strength), Stage(math.inf, "battery"))
        )
        energy, found = _half_time(battery, 40.0, 100.0 if math.isnan(half) else half)
        assert energy == pytest.approx(charged, abs=5.1e-4)
        assert found == pytest.approx(half, abs=5.1e-4, nan_ok=True)
    end = evolve(battery, [40.0, 140.0], ["battery_energy"])["battery_energy"]
    assert end[1] / end[0] == pytest.approx(dark, abs=5.1e-4)


@pytest.mark.parametrize(("rate", "half"), [(1, 0.414), (10, 0.596), (100, 0.684), (1000, 0.692)])
def test_half_discharge_under_continuous_dephasing(rate, half):
    noisy = Stage(math.inf, "battery", battery_noise=LocalNoise(dephasing=rate))
    battery = CollectiveBattery(4, 20, protocol=(Stage(40.0), noisy))
    _, found = _half_time(battery, 40.0, half)
    assert found == pytest.approx(half, abs=5.1e-4)


def test_a_pulse_of_strength_zero_changes_nothing_to_the_bit():
    times = np.linspace(0.0, 2.0, 9)
    noise = LocalNoise(dephasing=0.3)
    for steps in ((Stage(1.0), Stage(1.0, "battery")), (Stage(1.0), Stage(1.0))):
        for silent in (LocalNoise(), noise):
            without = CollectiveBattery(2, 3, nbar=0.1, battery_noise=silent, protocol=steps)
            pulsed = CollectiveBattery(
                2, 3, nbar=0.1, battery_noise=silent, protocol=(steps[0], Pulse(0.0), steps[1])
            )
            one, other = evolve(without, times, AVAILABLE), evolve(pulsed, times, AVAILABLE)
            for name in AVAILABLE:
                np.testing.assert_array_equal(one[name], other[name])


def test_a_weak_pulse_is_a_short_dephasing():
    """exp(-g t/2) = 1 - s, and two pulses multiply."""
    dephased = LocalNoise(dephasing=-2.0 * math.log(0.5) / 0.25)
    ways = (
        (Pulse(0.5),),
        (Pulse(0.2), Pulse(0.375)),
        (Stage(0.25, "none", battery_noise=dephased),),
    )
    found = []
    for way in ways:
        battery = CollectiveBattery(3, 4, protocol=(Stage(0.3), *way, Stage(5.0, "battery")))
        at = 0.3 + sum(step.duration for step in way if isinstance(step, Stage))
        found.append(evolve(battery, at + np.array([0.0, 0.4]), AVAILABLE))
    # a limit is a share of the time that has passed, which a stage has made longer
    for other in found[1:]:
        for name in set(AVAILABLE) - set(LIMITS):
            # 1e-9: both are within 1e-10
            np.testing.assert_allclose(other[name], found[0][name], atol=1e-9, err_msg=name)


def test_what_leaves_the_model_without_changing_it():
    """A detector, one stage, and starts spelled out give the paper's curve."""
    times = np.linspace(0.0, 1.0, 6)
    plain = evolve(CollectiveBattery(3, 7, nbar=0.2), times, AVAILABLE)
    blind = CollectiveBattery(3, 7, nbar=0.2, detector_efficiency=0.3)
    for name in AVAILABLE:
        np.testing.assert_array_equal(evolve(blind, times, AVAILABLE)[name], plain[name])
    for same in (
        {"protocol": (Stage(1.0, name="charge"),)},
        {"battery_start": DickeState(0), "charger_start": Polarised(1.0)},
        {"battery_noise": LocalNoise(dephasing=1e-300)},
    ):
        other = evolve(CollectiveBattery(3, 7, nbar=0.2, **same), times, AVAILABLE)
        for name in AVAILABLE:
            # 1e-9: both are within 1e-10, rates have the size of the generator, 30
            np.testing.assert_allclose(other[name], plain[name], atol=3e-9, err_msg=name)


def test_steady_state_of_single_spins():
    """Without a reservoir every spin ends where its own rates put it, however long that takes."""
    battery = CollectiveBattery(
        5, 3, battery_noise=LocalNoise(1.0, 0.3, 0.2), protocol=(Stage(1e6, "none"),)
    )
    late = evolve(battery, [1e3, 1e6], ["battery_energy", "ergotropy_total", "local_loss"])
    # 1e-9: a thousand relaxation times of rounding
    np.testing.assert_allclose(late["battery_energy"], 0.4, atol=1e-9)
    np.testing.assert_allclose(late["ergotropy_total"], 0.0, atol=1e-9)
    np.testing.assert_allclose(late["local_loss"], -2.0, atol=1e-8)


@pytest.mark.parametrize(
    ("battery", "times", "field"),
    [
        (CollectiveBattery(2, 3, protocol=(Stage(1.0),)), [0.5, 1.01], "times[1]"),
        (
            CollectiveBattery(200, 1000, battery_noise=LocalNoise(1.0)),
            [1.0],
            "n_battery, n_charger",
        ),
    ],
)
def test_refusals(battery, times, field):
    with pytest.raises(InputError) as refusal:
        evolve(battery, times)
    assert refusal.value.field == field
    if field != "times[1]":
        assert "GB" in str(refusal.value)


def test_the_end_of_the_protocol_is_part_of_it():
    """0.1 + 0.2 is not 0.3 in doubles; a pulse at the end is read."""
    battery = CollectiveBattery(2, 3, protocol=(Stage(0.1), Stage(0.2, "battery"), Pulse(1.0)))
    s = evolve(battery, [0.1, 0.3], ["log_negativity", "charger_energy"])
    assert s["log_negativity"][0] > 0.01
    # a mixture of product states
    assert s["log_negativity"][1] == pytest.approx(0.0, abs=1e-12)
    assert s["charger_energy"][1] == pytest.approx(s["charger_energy"][0], abs=1e-12)


def test_large_systems_are_refused_before_they_are_built():
    loud = LocalNoise(dephasing=1.0)
    for battery, where in (
        # more than single runs take
        (CollectiveBattery(10**9, 5, battery_noise=loud), "at most 20000 spins each"),
        (CollectiveBattery(20_000, 20_000, charger_noise=loud), "sample"),
        (CollectiveBattery(60, 100, battery_noise=loud, charger_noise=loud), "sample"),
    ):
        with pytest.raises(InputError, match=where):
            evolve(battery, [1.0])


def test_a_protocol_is_followed_no_further_than_asked():
    """The last stage would not fit, but no output is asked of it."""
    loud = LocalNoise(dephasing=1.0)
    last = Stage(1.0, battery_noise=loud, charger_noise=loud)
    battery = CollectiveBattery(60, 100, protocol=(Stage(1.0), last))
    s = evolve(battery, [0.01], ["battery_energy"])
    plain = evolve(CollectiveBattery(60, 100), [0.01], ["battery_energy"])
    # 1e-9: both are within 1e-10
    assert s["battery_energy"][0] == pytest.approx(plain["battery_energy"][0], abs=1e-9)
    with pytest.raises(InputError, match="GB"):
        evolve(battery, [0.01, 1.5], ["battery_energy"])
