"""What is offered is answered, and what is answered is offered: by engines, `auto` and `check`."""

from dataclasses import replace

import numpy as np
import pytest

from darkbattery.nvmodel.observables import OBSERVABLES, Needs
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.choice.choice import Choice, chosen, engine_of
from darkbattery.runs.choice.cost import estimate
from darkbattery.runs.definitions.definition import parse_definition

# of a port: by its name, see tests/meanfield/test_port.py
NAMES = [name for name, one in OBSERVABLES.items() if Needs.PORT not in one.needs]
RUNS = 2  # a variance over one run is none
SPINS = {"number": 4000, "coupling_hz": 0.1}
MODELS = {
    "plain": {"n_battery": 2, "n_charger": 4},
    "warm": {"n_battery": 2, "n_charger": 4, "nbar": 0.3},
    "noisy": {"n_battery": 2, "n_charger": 4, "battery_noise": {"emission": 0.1}},
    "detuned": {"n_battery": 2, "n_charger": 4, "detuning": 0.3},
    "protocol": {
        "n_battery": 2,
        "n_charger": 4,
        "protocol": {"charge": {"duration": 0.1}, "store": {"duration": 9.0, "coupled": "none"}},
    },
    "idle protocol": {"n_battery": 2, "n_charger": 4, "protocol": {"a": {"duration": 9.0}}},
    "detector": {"n_battery": 2, "n_charger": 4, "detector_efficiency": 0.5},
    "warm detector": {"n_battery": 2, "n_charger": 4, "nbar": 0.3, "detector_efficiency": 0.5},
    "noisy detector": {"n_battery": 2, "n_charger": 4, "detuning": 1, "detector_efficiency": 0.5},
    "homodyne": {"n_battery": 2, "n_charger": 4, "detector": {"kind": "homodyne"}},
    "warm homodyne": {
        "n_battery": 2,
        "n_charger": 4,
        "nbar": 0.3,
        "detector": {"kind": "homodyne", "efficiency": 0.5},
    },
    "polarised": {"n_battery": 2, "n_charger": 4, "charger_start": {"up": 0.9}},
    "grouped": {"n_battery": 10**8, "ratio": 5},
    "fast resonator": {
        "battery": {"number": 2, "coupling_hz": 1.0},
        "charger": {"number": 4, "coupling_hz": 1.0},
        "resonator": {"frequency_hz": 3e9, "linewidth_fwhm_hz": 1e5},
    },
    "resonator of few": {
        "battery": {"number": 2, "coupling_hz": 1.0},
        "charger": {"number": 4, "coupling_hz": 1.0},
        "resonator": {"frequency_hz": 3e9, "linewidth_fwhm_hz": 3.0, "temperature_k": 0.05},
    },
    "watched resonator": {
        "battery": {"number": 1, "coupling_hz": 1.0},
        "charger": {"number": 2, "coupling_hz": 1.0},
        "resonator": {"frequency_hz": 3e9, "linewidth_fwhm_hz": 3.0},
        "detector": {"kind": "homodyne", "efficiency": 0.5},
    },
    "resonator": {
        "battery": SPINS,
        "charger": {**SPINS, "number": 20_000},
        "resonator": {"frequency_hz": 3e9, "linewidth_fwhm_hz": 10.0},
    },
}
# of a fast resonator few: averages beside the reservoir resolve its decay
LAST = {"grouped": 1e-8, "fast resonator": 1e-5, "resonator": 0.01}


def _definition(model, method, engine, names=None):
    times = [0.0, LAST.get(model, 0.2)]
    run = {"engine": engine, "method": method}
    if method != "steady":
        run["times"] = times
    if method == "sample":
        run |= {"runs": RUNS, "seed": 1}
    if names is not None:
        run["observables"] = names
    return parse_definition({"model": MODELS[model], "run": run})


def _solved(choice, times, method, names):
    """What the engine answers when it is asked for these names."""
    engine = engine_of(choice.definition)
    if method == "sample":
        found = engine.sample(choice.model, times, RUNS, 1, observables=names)
    else:
        ask = engine.steady if method == "steady" else engine.evolve
        found = ask(choice.model, times, names)
    for name in names:
        assert found[name].shape == (1 if method == "steady" else times.size,)
    return found


def _is_refused(choice, times, method, name):
    try:
        _solved(choice, times, method, (name,))
    except InputError:
        return True
    return False


def _offered(definition, method):
    (point,) = definition.points()
    one = engine_of(definition)
    try:
        return tuple(one.available(point.model, method)) if method in one.methods else ()
    except InputError:
        return ()


def _answered(definition, method):
    """The names that the engine answers: those it offers at once, all others one by one."""
    (point,) = definition.points()
    offered, times = _offered(definition, method), definition.times_of(point.model)
    choice = Choice(definition, point.model, None)
    others = set(NAMES) - set(offered)
    if offered:
        try:
            _solved(choice, times, method, offered)
        except InputError:  # one of them is too large: which?
            others, offered = set(NAMES), ()
    return {*offered, *(name for name in others if not _is_refused(choice, times, method, name))}


@pytest.mark.parametrize("engine", ["quantum", "semiclassical"])
@pytest.mark.parametrize("method", ["steady", "evolve", "sample"])
@pytest.mark.parametrize("model", MODELS)
def test_an_engine_offers_what_it_answers(model, method, engine):
    definition = _definition(model, method, engine)
    offered, answered = set(_offered(definition, method)), _answered(definition, method)
    # so many spins have no populations: offered by the method, refused for the size
    if model == "grouped" or (model, method, engine) == ("resonator", "steady", "quantum"):
        assert answered <= offered
        assert method not in engine_of(definition).methods or "battery_energy" in answered
    else:
        assert offered == answered


@pytest.mark.parametrize("method", ["steady", "evolve", "sample"])
@pytest.mark.parametrize("model", MODELS)
def test_auto_offers_what_is_answered(model, method):
    offered, by_engine = set(), {}
    for name in NAMES:
        definition = _definition(model, method, "auto", [name])
        (point,) = definition.points()
        try:
            choice = chosen(definition, point, method)
        except InputError:
            continue
        alike = replace(choice.definition, observables=None), type(choice.model)
        by_engine.setdefault(alike, (choice, []))[1].append(name)
        assert choice.observables == (name,)
        offered.add(name)
    for choice, names in by_engine.values():
        _solved(choice, definition.times_of(point.model), method, tuple(names))
    # nothing that one of the engines answers is kept back
    if "resonator" not in model:
        quantum = _definition(model, method, "quantum")
        # what it offers it answers, see above, but for sizes
        assert (_answered if model == "grouped" else _offered_set)(quantum, method) <= offered


def _offered_set(definition, method):
    return set(_offered(definition, method))


@pytest.mark.parametrize("model", ["noisy", "protocol", "detector", "plain"])
def test_check_takes_what_auto_offers(model):
    for method in ("evolve", "sample"):
        names = [name for name in NAMES if _offers(_definition(model, method, "auto", [name]))]
        assert estimate(_definition(model, method, "auto", names)).costs[0].seconds > 0.0


def _offers(definition):
    try:
        chosen(definition, definition.points()[0], definition.methods[0])
    except InputError:
        return False
    return True


def test_noisy_runs_have_local_loss_with_auto():
    definition = _definition("noisy", "sample", "auto", ["local_loss"])
    (point,) = definition.points()
    assert chosen(definition, point, "sample").observables == ("local_loss",)
    np.testing.assert_equal(chosen(definition, point, "sample").definition.engine, "quantum")
