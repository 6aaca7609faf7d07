"""An experiment in its long form, and the short ways to write one."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import (
    ClosedModes,
    CollectiveBattery,
    DickeBattery,
    DickeState,
    Drive,
    Experiment,
    Gaussian,
    InputError,
    LocalNoise,
    Polarised,
    Reservoir,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Spins,
    Stage,
)

NOISE = LocalNoise(dephasing=0.2, emission=0.1)
TIMES = [0.05, 0.4]
CAVITY = Resonator(3e9, linewidth_fwhm_hz=2.0, temperature_k=0.05)
SHORT_AND_LONG = {
    "plain": (
        CollectiveBattery(2, 5, nbar=0.3, gamma=2.0),
        Experiment(Spins(2, "down"), Spins(5, "up"), Reservoir(gamma=2.0, nbar=0.3)),
    ),
    "real spins": (
        CollectiveBattery(
            2,
            3,
            battery_noise=NOISE,
            charger_start=DickeState(2),
            detuning=0.5,
            protocol=(Stage(0.1), Stage(1.0, "battery")),
        ),
        Experiment(
            Spins(2, "down", detuning=0.7, noise=NOISE),
            Spins(3, DickeState(2), detuning=0.2),
            protocol=(Stage(0.1), Stage(1.0, "battery")),
        ),
    ),
    "resonator": (
        ResonatorBattery(SpinEnsemble(4, 3.0), CAVITY, SpinEnsemble(2, 3.0)),
        Experiment(Spins(2, "down", coupling=3.0), Spins(4, "up", coupling=3.0), CAVITY),
    ),
}


@pytest.mark.parametrize("case", SHORT_AND_LONG)
def test_engines_take_an_experiment_as_they_take_what_is_short_for_it(case):
    short, long = SHORT_AND_LONG[case]
    one, other = (trajectories.evolve(model, TIMES) for model in (short, long))
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-12, atol=1e-14)
    assert one.model is short
    assert other.model is long
    one, other = (trajectories.sample(model, TIMES, runs=20, seed=3) for model in (short, long))
    np.testing.assert_allclose(one["battery_energy"], other["battery_energy"], rtol=1e-12)


@pytest.mark.parametrize("case", ["plain", "resonator"])
def test_so_does_the_semiclassical_engine(case):
    short, long = SHORT_AND_LONG[case]
    for order in (2,):
        one, other = (meanfield.evolve(model, TIMES, order=order) for model in (short, long))
        assert (one["battery_energy"] == other["battery_energy"]).all()
    one, other = (meanfield.sample(model, TIMES, runs=8, seed=3) for model in (short, long))
    assert (one["battery_energy"] == other["battery_energy"]).all()


def test_short_ways_stand_for_what_they_say():
    for short, long in SHORT_AND_LONG.values():
        assert short.sizes == long.sizes
        assert short.time_unit == long.time_unit
    assert SHORT_AND_LONG["plain"][0].experiment == SHORT_AND_LONG["plain"][1]
    assert SHORT_AND_LONG["resonator"][0].experiment == SHORT_AND_LONG["resonator"][1]
    dicke = DickeBattery(4, coupling=0.05, arrangement="parallel").experiment
    assert dicke.field == ClosedModes(photons=4, number=4)
    assert dicke.charger is None


def test_lifetimes_are_rates_of_single_spins():
    spins = SpinEnsemble(10, 2.0, polarisation=0.8, t1_s=2.0, t2_s=1.0, equilibrium=0.5)
    found = spins.spins("up", detuning_hz=1.0, nbar=0.0)
    assert found.start == Polarised(0.9)
    assert found.detuning == 2.0 * np.pi
    # 1/T1 and its pull towards the equilibrium, 1/T2
    assert found.noise.relaxation == pytest.approx(0.5)
    assert found.noise.supply == pytest.approx(0.25)
    assert found.noise.coherence_decay == pytest.approx(1.0)
    assert SpinEnsemble(1, 1.0, t1_s=3.0).local_noise(0.0).dephasing == 0.0  # T2 = 2 T1
    cold, warm = (SpinEnsemble(1, 1.0, t1_s=1.0).local_noise(nbar) for nbar in (0.0, 0.5))
    assert cold.pumping == 0.0
    assert warm.pumping / warm.emission == pytest.approx(0.5 / 1.5)


def test_models_are_pickled_compared_and_replaced_as_before():
    battery = CollectiveBattery(2, 5, temperature=1.0)
    assert battery.experiment.nbar == battery.nbar  # made once, and not part of what it is
    assert pickle.loads(pickle.dumps(battery)) == battery == CollectiveBattery(2, 5, temperature=1)
    assert replace(battery, nbar=0.1).experiment.nbar == 0.1
    assert eval(repr(SHORT_AND_LONG["plain"][1])) == SHORT_AND_LONG["plain"][1]
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = battery.no_such_thing


@pytest.mark.parametrize("field", [Reservoir(), Resonator(3e9, linewidth_fwhm_hz=1.0)], ids=str)
def test_what_an_engine_does_not_describe_is_refused_at_every_field(field):
    missed = Experiment(Spins(2, "down"), Spins(3, "up"), field, detector_efficiency=0.5)
    coherent = Experiment(Spins(2, "down"), Spins(3, DickeState(2)), field)
    for asked, name in (
        (lambda: meanfield.sample(missed, TIMES, runs=1, seed=1), "detector_efficiency"),
        (lambda: meanfield.evolve(coherent, TIMES), "charger_start"),
        (lambda: meanfield.sample(coherent, TIMES, runs=1, seed=1), "charger_start"),
    ):
        with pytest.raises(InputError) as refusal:
            asked()
        assert refusal.value.field == name


def test_averages_at_a_resonator_do_not_depend_on_the_detector():
    field = Resonator(3e9, linewidth_fwhm_hz=1.0)
    perfect = Experiment(Spins(2, "down"), Spins(3, "up"), field)
    missed = replace(perfect, detector_efficiency=0.5)
    found, whole = (trajectories.evolve(one, TIMES) for one in (missed, perfect))
    assert (found["battery_energy"] == whole["battery_energy"]).all()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"battery": Spins(2, "down", line=Gaussian(1e6))}, "battery.line"),
        ({"charger": None}, "charger"),
        ({"drive": Drive(amplitude=1.0, duration_s=1.0)}, "drive"),
        ({"field": ClosedModes(photons=2)}, "charger"),
    ],
)
def test_what_no_engine_solves_is_refused_by_its_field(fields, field):
    model = replace(Experiment(Spins(2, "down"), Spins(3, "up")), **fields)
    entries = (
        lambda: trajectories.evolve(model, TIMES),
        lambda: trajectories.steady_state(model),
        lambda: trajectories.sample(model, TIMES, runs=1, seed=1),
        lambda: trajectories.single_run(model, TIMES, seed=1, run=0),
        lambda: meanfield.evolve(model, TIMES),
        lambda: meanfield.sample(model, TIMES, runs=1, seed=1),
        lambda: meanfield.growth_rate(model),
    )
    for entry in entries:
        with pytest.raises(InputError) as refusal:
            entry()
        assert refusal.value.field in (field, "field")
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"battery": None, "charger": None}, "battery, charger"),
        ({"battery": 3}, "battery"),
        ({"field": "reservoir"}, "field"),
        ({"drive": 1.0}, "drive"),
        ({"detector_efficiency": 2.0}, "detector_efficiency"),
    ],
)
def test_an_experiment_is_checked_once(fields, field):
    with pytest.raises(InputError) as refusal:
        replace(Experiment(Spins(2, "down"), Spins(3, "up")), **fields)
    assert refusal.value.field == field


def test_spins_are_checked():
    for fields, field in (
        ({"number": 0}, "number"),
        ({"start": "sideways"}, "start"),
        ({"start": DickeState(9)}, "start.excitations"),
        ({"coupling": 0.0}, "coupling"),
        ({"noise": 0.1}, "noise"),
        ({"line": 1.0}, "line"),
    ):
        with pytest.raises(InputError) as refusal:
            Spins(**({"number": 2, "start": "up"} | fields))
        assert refusal.value.field == field
