"""Work by rotations: of every spin by itself, and of all spins alike."""

import math
from dataclasses import replace

import numpy as np
import pytest
import qutip

from darkbattery import meanfield, trajectories
from darkbattery.meanfield.classes.moments import system_of
from darkbattery.nvmodel import (
    CollectiveBattery,
    Drive,
    Gaussian,
    LocalNoise,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
)
from darkbattery.trajectories.qutip.fewspins import measure, to_qutip
from tests.meanfield.test_nv import device

TWO_PI = 2.0 * math.pi
LOCAL, ROTATION = "ergotropy_local", "ergotropy_rotation"


def driven_line(number):
    """Spins that hardly couple, turned by pi/2 in 100 s by a field that lives a hundredth of one.

    Their line is as wide as their Rabi frequency: each class turns about an axis of its own.
    """
    coupling, kappa = 1e-3 / math.sqrt(number / 10.0), 100.0
    line = Gaussian(fwhm_hz=math.pi / 200.0 / TWO_PI)
    spins = SpinEnsemble(number=number, coupling=coupling, line=line)
    return ResonatorBattery(
        battery=spins,
        charger=replace(spins, line=None),
        resonator=Resonator(frequency_hz=1.0, linewidth_fwhm_hz=kappa / TWO_PI),
        drive=Drive(amplitude=kappa * math.pi / 8.0 / coupling / 100.0, duration_s=1e3),
    )


def test_driven_spins_of_a_line_stay_pure_so_that_all_energy_is_work():
    found = meanfield.evolve(driven_line(10), np.linspace(0.0, 100.0, 6), order=1, classes=9)
    # |r_k| = 1: each spin holds (1 + z_k)/2 and can be turned down; the integrator's 1e-6
    np.testing.assert_allclose(found[LOCAL], found["battery_energy"], atol=1e-5)
    assert 0.2 < found["battery_energy"][-1] < 0.5
    # the mean vector is shorter
    assert found[ROTATION][-1] < found[LOCAL][-1] - 0.03


def test_wigner_runs_of_driven_spins_have_the_same_work():
    times = np.array([50.0, 100.0])
    expected = meanfield.evolve(driven_line(10**7), times, order=1, classes=9)
    found = meanfield.sample(driven_line(10**7), times, runs=48, seed=1, classes=9)
    for name in (LOCAL, ROTATION):
        # the step's control allows 0.002 in energies; spins' noise is 1e-3
        np.testing.assert_allclose(found[name], expected[name], atol=0.005)
        assert (found.errors[name] < 1e-3).all()
    parts = [meanfield.sample(driven_line(10**7), times, 24, 1, i, classes=9) for i in (0, 24)]
    whole = parts[0].merge(parts[1])
    assert (whole[LOCAL] == found[LOCAL]).all()


def test_spins_that_stay_dark_do_not_cost_the_others_their_work():
    # half of the battery couples, half does not: the first is a battery of half the size
    half = system_of(CollectiveBattery(500, 5000), 1)
    arrays = {
        name: getattr(half, name)[[0, 0, 1]]
        for name in ("number", "detuning", "decoherence", "relaxation", "supply", "start")
    }
    coupling, ensemble = half.coupling * [1.0, 1.0], half.ensemble[[0, 0, 1]]
    two = replace(half, coupling=coupling[[0, 0, 1]] * [1.0, 0.0, 1.0], ensemble=ensemble, **arrays)
    resonator = {"eliminated": False, "kappa": 1e6, "frequency": 1e10}
    scale = math.sqrt(1e6 / half.kappa)  # the same gamma = 4 g^2/kappa
    alone, beside = (
        replace(one, coupling=scale * one.coupling, **resonator) for one in (half, two)
    )
    times = np.linspace(0.0, 6e-3, 13)
    expected = meanfield.evolve(alone, times)[LOCAL] / 2.0
    found = meanfield.evolve(beside, times)
    # dark classes join no sum; the integrator's tolerance
    np.testing.assert_allclose(found[LOCAL], expected, atol=1e-5)
    assert found[LOCAL][-1] > 0.45
    assert found["battery_energy"].max() < 0.5
    assert not found[ROTATION].any()


def test_after_the_burst_the_delay_average_and_wigner_hold_the_modal_run_s_work():
    model, times = device(5, 7), np.array([0.0, 5e-6])
    modal = meanfield.evolve(model, times, classes=31)
    average = meanfield.delay_average(model, times, classes=31)
    wigner = meanfield.sample(model, times, runs=66, seed=1, classes=31)
    # nothing but the delay, of 0.05 us, differs: energies creep by less than 0.01 meanwhile
    for name in (LOCAL, ROTATION):
        assert abs(average[name][-1] - modal[name][-1]) < 0.01
    assert modal[LOCAL][-1] > modal[ROTATION][-1] + 0.05
    assert abs(wigner[LOCAL][-1] - modal[LOCAL][-1]) < 4.0 * wigner.errors[LOCAL][-1] + 0.02
    assert average[LOCAL][0] == 0.0


@pytest.mark.parametrize(
    "model",
    [
        CollectiveBattery(2, 6),
        CollectiveBattery(2, 6, nbar=0.2),
        CollectiveBattery(2, 3, charger_noise=LocalNoise(dephasing=0.4)),
    ],
    ids=["cold", "warm", "noisy"],
)
def test_alike_spins_have_one_work_in_the_quantum_engine(model):
    names = ["battery_energy", LOCAL, ROTATION]
    found = [
        trajectories.evolve(model, [0.1, 2.0], observables=names),
        trajectories.sample(model, [0.1, 2.0], runs=50, seed=1, observables=names),
    ]
    if not model.beyond_collective:
        found.append(trajectories.steady_state(model, observables=names))
    for one in found:
        expected = np.maximum(0.0, 2.0 * one["battery_energy"] - 1.0)
        np.testing.assert_allclose(one[LOCAL], expected, atol=1e-15)
        np.testing.assert_allclose(one[ROTATION], expected, atol=1e-15)
    assert (found[1].errors[ROTATION] == found[1].errors[LOCAL]).all()


@pytest.mark.parametrize("each", [False, True])
def test_a_coherent_state_in_qutip_is_all_work(each):
    noise = LocalNoise(dephasing=1.0) if each else LocalNoise()
    few = to_qutip(CollectiveBattery(3, 1, battery_noise=noise))
    angle = 0.9
    if each:
        spin = math.cos(angle / 2) * qutip.basis(2, 1) + math.sin(angle / 2) * qutip.basis(2, 0)
        battery = qutip.tensor([spin] * 3)
    else:
        battery = qutip.spin_coherent(1.5, math.pi - angle, 0.0)
    found = measure(few, qutip.tensor(battery, qutip.basis(2, 0)))
    # every spin is pure and holds sin^2(angle/2)
    assert found["battery_energy"] == pytest.approx(math.sin(angle / 2) ** 2, abs=1e-12)
    assert found[LOCAL] == pytest.approx(found["battery_energy"], abs=1e-12)
