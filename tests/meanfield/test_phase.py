"""Second order with a phase: fields sent in and rotations, against what has them exactly."""

import math
from dataclasses import replace

import numpy as np
import pytest
import qutip

from darkbattery import meanfield
from darkbattery.meanfield.averages.following import PHASED, SECOND, equations_of, follow
from darkbattery.meanfield.averages.regrowth import Regrowth
from darkbattery.meanfield.classes.moments import system_of
from darkbattery.nvmodel import (
    CollectiveBattery,
    Drive,
    Gaussian,
    LocalNoise,
    Pulse,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
)

KAPPA = 2.0
CAVITY = Resonator(1e3, linewidth_fwhm_hz=KAPPA / (2.0 * math.pi), temperature_k=0.0)
WARM = Resonator(1e9, linewidth_fwhm_hz=KAPPA / (2.0 * math.pi), temperature_k=0.03)
NOISY = LocalNoise(dephasing=0.4, emission=0.1)


def two_ensembles(number=1000, cavity=WARM, **more):
    spins = {"coupling": 0.05, "line": Gaussian(0.1), "t2_s": 5.0}
    charger = SpinEnsemble(5 * number, **spins)
    return ResonatorBattery(charger, cavity, SpinEnsemble(number, **spins), **more)


@pytest.mark.parametrize(
    "model",
    [
        two_ensembles(battery_detuning_hz=0.05),
        two_ensembles(
            protocol=(
                Stage(1.0, charger_detuning=3.0, rise=0.2),
                Pulse(rotate_battery=math.pi, rotation_error=0.1),
                Stage(2.0, battery_noise=NOISY),
            )
        ),
        CollectiveBattery(4, 8, nbar=0.3, battery_noise=NOISY),
    ],
    ids=["resonator", "sequence", "reservoir"],
)
def test_without_a_phase_the_equations_are_those_without(model):
    times = np.linspace(0.0, 3.0, 7)
    system = system_of(model, 3)
    found = []
    for equations in (SECOND, PHASED):
        seen = Regrowth(equations.correlations(system.number.size))
        found.append(list(follow((equations,), system, times, 1e-9, seen)))
    assert_same_moments(*found)


@pytest.mark.parametrize(
    "late",
    [
        (Stage(2.0, drives=(Drive(amplitude=3.0, duration_s=1.0),)),),
        (Pulse(rotate_charger=1.0), Stage(2.0)),
    ],
    ids=["field", "rotation"],
)
@pytest.mark.parametrize("eliminated", [False, True], ids=["resonator", "reservoir"])
def test_before_a_phase_begins_the_equations_without_one_are_followed(late, eliminated):
    """The moments are handed over at the switch, where both kinds of them are far from 0."""
    protocol = (Stage(2.0, charger_detuning=0.3, rise=0.2), *late)
    system = system_of(two_ensembles(protocol=protocol), 3)
    system = replace(system, eliminated=True) if eliminated else system
    assert equations_of(system, 2) == (SECOND, PHASED)
    found = []
    for ways in ((SECOND, PHASED), (PHASED,)):
        seen = Regrowth(ways[0].correlations(system.number.size))
        found.append(list(follow(ways, system, np.linspace(0.0, 4.0, 9), 1e-9, seen)))
    assert abs(found[0][4].pairs[0, 5]) > 1e-4  # at the switch
    assert_same_moments(*found)


def assert_same_moments(these, those):
    for one, two in zip(these, those, strict=True):
        for name in ("z", "z_rate", "coherence", "photons", "leaving", "left", "supplied", "pairs"):
            expected, value = getattr(one, name), getattr(two, name)
            # tolerance of the integrator, of groups that are not the same
            scale = np.abs(expected).max()
            np.testing.assert_allclose(value, expected, rtol=1e-7, atol=1e-7 * scale + 1e-15)


def exact(N, g, drive, times, kappa=KAPPA, photons=25):
    """Energies and photons of battery down and chargers up under a constant field, by QuTiP."""
    dims = [2] * sum(N) + [photons]
    place = lambda i, o: qutip.tensor([o if k == i else qutip.qeye(d) for k, d in enumerate(dims)])  # noqa: E731
    a = place(len(dims) - 1, qutip.destroy(photons))
    down = [place(i, qutip.sigmam()) for i in range(sum(N))]
    H = drive * (a + a.dag())
    for one in down:
        H += g * (a.dag() * one + a * one.dag())
    ups = [one.dag() * one for one in down]
    sites = ([0] * N[0], [1] * N[1])
    start = qutip.tensor(
        *[qutip.basis(2, 1 - up) for part in sites for up in part], qutip.basis(photons, 0)
    )
    parts = [sum(ups[: N[0]]) / N[0], sum(ups[N[0] :]) / N[1], a.dag() * a]
    return np.array(qutip.mesolve(H, start, times, [math.sqrt(kappa) * a], e_ops=parts).expect)


def test_one_and_two_driven_spins_against_qutip():
    g, eta, times = 0.4, 1.5, np.linspace(0.0, 4.0, 17)
    expected = exact((1, 2), g, eta, times)
    steps = (Stage(4.0, drives=[Drive(eta, duration_s=4.0)]),)
    spins = {"coupling": g}
    model = ResonatorBattery(SpinEnsemble(2, **spins), CAVITY, SpinEnsemble(1, **spins),
                             protocol=steps)  # fmt: skip
    names = ("battery_energy", "charger_energy", "photons")
    errors = []
    for order in (1, 2):
        found = meanfield.evolve(model, times, order=order)
        errors.append(
            [np.abs(found[name] - row).max() for name, row in zip(names, expected, strict=True)]
        )
    first, second = np.array(errors)
    # third cumulants of three spins; Maxwell and Bloch are wrong by some .2
    assert (second < [0.05, 0.05, 0.1]).all(), second
    assert (second < 0.5 * first).all(), (first, second)
    # the first powers of time are exact: third cumulants grow with the third
    early = meanfield.evolve(model, [0.0, 0.1, 0.2])
    early_exact = exact((1, 2), g, eta, np.array([0.0, 0.1, 0.2]))
    np.testing.assert_allclose(early["battery_energy"], early_exact[0], atol=3e-6)


def test_second_order_is_first_order_where_noise_is_nothing():
    # 1e12 spins far below threshold, a field of 1e10 photons
    spins = SpinEnsemble(10**12, coupling=1e-7, polarisation=1.0)
    charger = SpinEnsemble(10**12, coupling=1e-7, polarisation=-1.0)
    steps = (
        Stage(3.0, drives=[Drive(5e6, duration_s=2.0, shape="gaussian", start_s=1.5, phase=0.7)]),
        Pulse(rotate_charger=1.0, axis=0.4),
        Stage(1.0, charger_detuning=2.0, rise=0.3),
    )
    model = ResonatorBattery(charger, CAVITY, spins, protocol=steps)
    times = np.linspace(0.0, 3.9, 14)
    one, two = (meanfield.evolve(model, times, order=order) for order in (1, 2))
    assert one["battery_energy"].max() > 0.1
    for name in ("battery_energy", "charger_energy", "ergotropy_rotation", "photons"):
        # two integrations to 1e-6; photons of 1/N beside them
        np.testing.assert_allclose(two[name], one[name], rtol=1e-4, atol=1e-5)
    assert np.abs(two["excitation_balance"]).max() < 1e-9


def test_two_quarter_turns_show_fringes():
    """Ramsey: z = -cos(D t) exp(-t/T2) after quarters about one axis, in the frame of a pulse."""
    t2, detuning = 3.0, 2.5
    quarter = Pulse(rotate_battery=math.pi / 2)
    spins = SpinEnsemble(10, coupling=1e-9, t2_s=t2)
    waits = np.array([0.4, 1.1, 2.0])
    found = []
    for wait in waits:
        steps = (quarter, Stage(wait, battery_detuning=detuning), quarter, Stage(1.0))
        model = ResonatorBattery(spins, CAVITY, spins, protocol=steps)
        found.append(2.0 * meanfield.evolve(model, [wait + 0.1])["battery_energy"][0] - 1.0)
    expected = np.cos(detuning * waits) * np.exp(-waits / t2)  # -1 turned by a half without a wait
    np.testing.assert_allclose(found, expected, atol=1e-5)  # steps are good to 1e-6


def test_a_fast_resonator_is_the_reservoir_with_a_rotation_too():
    kappa, steps = 4e3, (Stage(0.05), Pulse(rotate_charger=1.2, axis=0.3), Stage(1.0))
    g = math.sqrt(kappa) / 2.0  # gamma = 1
    cavity = Resonator(1e3, linewidth_fwhm_hz=kappa / (2.0 * math.pi))
    model = ResonatorBattery(
        SpinEnsemble(6, coupling=g), cavity, SpinEnsemble(3, coupling=g), protocol=steps
    )
    times = np.linspace(0.0, 1.0, 11)
    fast = meanfield.evolve(model, times)
    none = meanfield.evolve(CollectiveBattery(3, 6, protocol=steps), times)
    for name in ("battery_energy", "charger_energy", "emission_rate", "emitted_photons"):
        # 9 gamma / kappa and what is in the resonator, of some units
        np.testing.assert_allclose(fast[name][1:], none[name][1:], atol=0.03)
    assert np.ptp(none["battery_energy"]) > 0.2


@pytest.mark.long
def test_a_triggered_burst_against_wigner():
    """200 photons on 1e5 spins: neither noise nor the trigger alone decides when it bursts."""
    g = 0.02
    steps = (Stage(0.5, drives=[Drive(30.0, duration_s=0.5)]), Stage(6.0))
    charger = SpinEnsemble(10**5, coupling=g)
    model = ResonatorBattery(charger, CAVITY, SpinEnsemble(2 * 10**4, coupling=g), protocol=steps)
    times = np.linspace(0.0, 3.0, 61)
    wigner = meanfield.sample(model, times, runs=2000, seed=3)
    second = meanfield.evolve(model, times)
    first = meanfield.evolve(model, times, order=1)
    error = np.abs(second["battery_energy"] - wigner["battery_energy"]).max()
    # what the trigger leaves of the delay's spread, and 2,000 runs
    assert error < 0.015, error
    assert error < 0.5 * np.abs(first["battery_energy"] - wigner["battery_energy"]).max()


def test_the_delay_falls_with_the_logarithm_of_the_trigger():
    """Amplitudes grow as exp(Gamma t): ten times the field comes ln(10)/Gamma sooner."""
    spins = [SpinEnsemble(number, coupling=2e-4) for number in (10**9, 2 * 10**8)]
    times = np.linspace(0.0, 3.0, 601)

    def peak(amplitude):
        trigger = Stage(0.1, drives=[Drive(amplitude, duration_s=0.1)])
        steps = (trigger, Stage(10.0))
        found = meanfield.evolve(
            ResonatorBattery(spins[0], CAVITY, spins[1], protocol=steps), times
        )
        after = times > 0.5
        return times[after][np.argmax(found["photons"][after])]

    rate = meanfield.growth_rate(ResonatorBattery(spins[0], CAVITY, spins[1]))
    weak, noise, strong, stronger = (peak(amplitude) for amplitude in (0.3, 1.0, 100.0, 1000.0))
    # outputs are 0.005 apart
    assert strong - stronger == pytest.approx(math.log(10.0) / rate, abs=0.006)
    assert weak == pytest.approx(noise, abs=0.006)  # fewer photons than noise decide nothing
