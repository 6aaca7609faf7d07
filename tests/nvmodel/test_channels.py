"""What happens in a stage is listed once, and every solver reads that list."""

import numpy as np
import pytest

from darkbattery.nvmodel import (
    CollectiveBattery,
    DickeBattery,
    LocalNoise,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
)
from darkbattery.nvmodel.channels import Jump, Term, channels
from darkbattery.trajectories.jumps.spins.stages import plan
from darkbattery.trajectories.propagate.generator import Rates

NOISE = LocalNoise(dephasing=0.3, emission=0.2, pumping=0.1)
BATTERY = CollectiveBattery(2, 3, nbar=0.5, gamma=2.0, detuning=0.7, charger_noise=NOISE)


def test_a_reservoir():
    found = channels(BATTERY.experiment)
    both = (("battery", 1.0), ("charger", 1.0))
    charger = (("charger", 1.0),)
    assert found.terms == (Term("energy", "battery", 0.7),)
    assert found.jumps == (
        Jump("together", -1, 3.0, both),
        Jump("together", 1, 1.0, both),
        Jump("each spin", 0, 0.3, charger),
        Jump("each spin", -1, 0.2, charger),
        Jump("each spin", 1, 0.1, charger),
    )
    assert found.noise("charger") == NOISE
    assert found.noise("battery").silent


def test_a_stage_disconnects_and_brings_its_noise():
    found = channels(BATTERY.experiment, Stage(1.0, "battery", charger_noise=LocalNoise(0.0, 1.0)))
    assert found.damped == ("battery",)
    assert found.noise("charger") == LocalNoise(emission=1.0)
    assert channels(BATTERY.experiment, Stage(1.0, "none")).damped == ()


def test_a_resonator_and_closed_modes():
    spins = SpinEnsemble(2, coupling=3.0, t1_s=2.0)
    cavity = Resonator(3e9, linewidth_fwhm_hz=1.0)
    model = ResonatorBattery(spins, cavity, spins, charger_detuning_hz=1.0)
    found = channels(model.experiment)
    assert Term("energy", "charger", 2.0 * np.pi) in found.terms
    assert Term("exchange", "battery", 3.0) in found.terms
    assert found.jumps[0] == Jump("together", -1, cavity.kappa, (("mode", 1.0),))
    assert found.noise("battery") == LocalNoise(emission=0.5)
    closed = channels(DickeBattery(3, coupling=0.1).experiment)
    assert closed.jumps == ()
    assert Term("quadratures", "battery", 0.1) in closed.terms


@pytest.mark.parametrize("coupled", ["both", "battery", "charger", "none"])
def test_generator_and_jump_kernels_read_the_same_list(coupled):
    stage = Stage(1.0, coupled, battery_noise=LocalNoise(0.1, 0.0, 0.4))
    found = channels(BATTERY.experiment, stage)
    rates = Rates.of(BATTERY.experiment, stage)
    assert (rates.battery, rates.charger) == (found.noise("battery"), found.noise("charger"))
    assert (rates.on_battery, rates.on_charger) == tuple(
        name in found.damped for name in ("battery", "charger")
    )
    if found.damped:
        assert (rates.down, rates.up) == (found.together(-1), found.together(1))
    steps = plan(CollectiveBattery(2, 3, charger_noise=NOISE, protocol=(stage,)))
    assert steps.noise[0].tolist() == [0.1, 0.0, 0.4, 0.3, 0.2, 0.1]


def test_the_equation_shows_what_is_listed():
    assert "sigma" not in CollectiveBattery(2, 3).equation
    assert "sigma" in BATTERY.equation
    assert r"\Delta" in BATTERY.equation
    # also what is noisy in one stage alone
    stored = (Stage(1.0), Stage(1.0, battery_noise=NOISE))
    assert "sigma" in CollectiveBattery(2, 3, protocol=stored).equation
    assert r"a^\dagger" in DickeBattery(3, coupling=0.1).equation
