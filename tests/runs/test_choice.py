"""engine = "auto": exact where it is affordable, never an approximation in silence."""

from dataclasses import replace

import numpy as np
import pytest

from darkbattery import meanfield, trajectories
from darkbattery.meanfield.expected import expected_error, read_map
from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.nvmodel.method import Problem, within_reach
from darkbattery.runs.choice.choice import chosen, exact_averages
from darkbattery.runs.definitions.definition import parse_definition
from darkbattery.runs.results.provenance import provenance
from darkbattery.runs.results.study import run_study
from darkbattery.trajectories.averages import evolution as master
from darkbattery.trajectories.averages.evolution import EVOLVE
from darkbattery.trajectories.jumps import sampling as jumps
from darkbattery.trajectories.jumps.sampling import SAMPLE

TIMES = [0.0, 1e-3, 2e-3]


def _definition(model, method="evolve", times=TIMES, **run):
    content = {"engine": "auto", "method": method, "times": times, **run}
    return parse_definition({"model": model, "run": content})


def _choice(model, method="evolve", **run):
    definition = _definition(model, method, **run)
    return chosen(definition, definition.points()[0], method)


def _resonator(linewidth_hz, number=10**6, coupling_hz=0.1, **model):
    spins = {"number": number, "coupling_hz": coupling_hz}
    return {
        "battery": spins,
        "charger": {**spins, "number": 5 * number},
        "resonator": {"frequency_hz": 3e9, "linewidth_fwhm_hz": linewidth_hz},
        **model,
    }


@pytest.mark.parametrize("n_battery", [1, 1000, 10**15])
def test_averages_are_exact_at_any_size(n_battery):
    one = _choice({"n_battery": n_battery, "ratio": 5}, times=[0.0, 5.0 / n_battery])
    assert one.definition.engine == "quantum"
    assert one.error == ""


@pytest.mark.long
def test_reach_is_what_the_solver_accepts():
    """On one side an answer, on the other a refusal: R = 1 needs 10 sqrt(N) ladders."""
    for size, accepted in ((2_000, True), (10**9, False)):
        battery, times = CollectiveBattery(size, size), np.array([0.0, 1e-1 / size])
        problem = Problem(battery, times, master.available(battery))
        assert ("battery_energy" in within_reach(EVOLVE, problem)) == accepted
        if accepted:
            trajectories.evolve(battery, times, ["battery_energy"])
        else:
            with pytest.raises(InputError, match="n_battery, n_charger"):
                trajectories.evolve(battery, times, ["battery_energy"])


def test_single_runs_of_many_spins_are_semiclassical_and_say_so():
    one = _choice({"n_battery": 10**6, "ratio": 5}, "sample", runs=100_000)
    assert one.definition.engine == "semiclassical"
    assert "too many spins" in one.reason
    assert "errors up to" in one.error
    assert "battery_energy" in one.error or "power" in one.error
    few = _choice({"n_battery": 100, "ratio": 5}, "sample", runs=1000)
    assert few.definition.engine == "quantum"
    # 75 s of one core at 1.5e-8 s a jump
    cold = _choice({"n_battery": 10**6, "ratio": 5}, "sample", runs=1000)
    assert cold.definition.engine == "quantum"
    # patience, not a limit of the solver: 10^9 runs of 10^4 spins are hours
    battery = CollectiveBattery(2000, 8000)
    problem = Problem(battery, np.array([1e-2]), jumps.available(battery), 10**3)
    assert "battery_energy" in within_reach(SAMPLE, problem)
    assert within_reach(SAMPLE, replace(problem, runs=10**9)) == ()


def test_observables_decide():
    """The ladder's ergotropy beside the peaks of runs: with 10^5 spins Wigner alone has both."""
    model = {"n_battery": 20_000, "ratio": 5}
    energy = _choice(model, "sample", runs=100, observables=["battery_energy"])
    # by photon numbers, which do not say what is of one run
    by_photons = _choice(model, "sample", runs=100, observables=["battery_energy", "ergotropy"])
    both = ["battery_energy", "peak_emission_time", "ergotropy"]
    ladder = _choice(model, "sample", runs=100, observables=both)
    assert energy.definition.engine == by_photons.definition.engine == "quantum"
    assert ladder.definition.engine == "semiclassical"
    assert "ergotropy not exactly within reach" in ladder.reason
    # averages: the semiclassical engine has no ladder either, so nothing is gained by it
    both = _choice(model, observables=["battery_energy", "ergotropy"])
    assert (both.definition.engine, both.observables) == ("quantum", ("battery_energy",))
    with pytest.raises(InputError, match="no engine answers"):
        _choice(model, observables=["log_negativity"])


def test_a_fast_resonator_is_eliminated_and_a_slow_one_is_not():
    times = [0.0, 1e-3]
    fast = _choice(_resonator(1e9), times=times)
    assert fast.definition.engine == "quantum"
    assert isinstance(fast.model, CollectiveBattery)
    assert "from the resonator's elimination" in fast.error
    slow = _choice(_resonator(1e3), times=times)
    assert slow.definition.engine == "semiclassical"
    assert "cannot be eliminated" in slow.reason
    # photons in the resonator are known to the semiclassical engine only
    photons = _choice(_resonator(1e9), times=times, observables=["photons"])
    assert photons.definition.engine == "semiclassical"


def test_the_average_of_a_burst_is_over_its_delays():
    one = _choice(_resonator(1e3), times=[0.0, 1e-4])
    assert one.definition.delays == "averaged"
    assert "measured at N" in one.error  # at this linewidth
    assert "without" not in one.error
    driven = _resonator(1e3, drive={"amplitude": 1e3, "duration_s": 1e-5})
    assert _choice(driven, times=[0.0, 1e-4]).definition.order == 1


def test_steady_states_are_exact_or_refused():
    assert _choice({"n_battery": 10**15, "ratio": 5}, "steady").exact_averages
    with pytest.raises(InputError, match="only exactly"):
        _choice(_resonator(1e3, charger_detuning_hz=1.0), "steady")
    ends = _choice(_resonator(1e3), "steady")
    assert ends.exact_averages
    assert ends.error == ""


def test_a_study_mixes_engines_and_says_which(monkeypatch):
    # so many runs in groups of jumps take about 2 s
    monkeypatch.setattr("darkbattery.nvmodel.method.PATIENCE_SECONDS", 1.0)
    definition = _definition(
        {"n_battery": [10, 10**7], "ratio": 5},
        "sample",
        times={"stop": 20, "points": 5, "unit": "burst"},
        runs=300,
        seed=4,
        observables=["battery_energy"],
    )
    study = run_study(definition)
    assert exact_averages(definition)
    last = (
        study.table.groupby(["n_battery", "method"], sort=False)
        .tail(1)
        .set_index(["n_battery", "method"])
    )
    model = CollectiveBattery(10**7, 5 * 10**7)
    times = definition.times_of(model)
    wigner = meanfield.sample(model, times, 300, 4, observables=["battery_energy"])
    jumps = trajectories.sample(
        CollectiveBattery(10, 50),
        times * 10**6,
        300,
        4,
        observables=["battery_energy"],
    )
    assert last.value[10**7, "sample"] == wigner["battery_energy"][-1]
    assert last.value[10, "sample"] == jumps["battery_energy"][-1]
    (warning,) = study.warnings
    assert warning.startswith("n_battery=10000000, sample: truncated Wigner: too many spins")
    lines = provenance(definition, 1, 0.0)["engines"]
    assert "sample at n_battery=10: quantum jumps: quantum jumps at this size" in lines
    assert any("expect errors up to" in line for line in lines)
    assert "engines" not in provenance(
        parse_definition({"model": {"n_battery": 1, "ratio": 5}, "run": {"method": "steady"}}),
        1,
        0.0,
    )


def test_what_leaves_the_paper_stays_with_the_quantum_engine():
    """Local noise and protocols are in no other engine."""
    one = _choice({"n_battery": 2, "ratio": 5, "detuning": 0.1})
    assert one.definition.engine == "quantum"


def test_the_map_is_conservative():
    """The error of the next smaller size, the worst of all R and nbar; flagged outside of them."""
    table = read_map()
    at = expected_error(table, "wigner", "battery_energy", 700, 3.0, 0.1)
    part = table.query("method == 'wigner' and observable == 'battery_energy' and spins <= 700")
    below = part.sort_values("spins").groupby(["ratio", "nbar"]).tail(1)
    assert at.error == below["largest"].max()
    assert at.covered
    assert not expected_error(table, "wigner", "battery_energy", 700, 9.0, 0.1).covered
    assert not expected_error(table, "wigner", "battery_energy", 2, 3.0, 0.1).covered
    assert expected_error(table, "wigner", "photons", 700, 3.0, 0.1) is None


def test_order_and_classes_belong_to_the_named_engine():
    for name in ("order", "classes"):
        with pytest.raises(InputError, match=rf"run.{name}"):
            _definition({"n_battery": 1, "ratio": 5}, **{name: 1})


def test_a_closed_battery_is_solved_exactly():
    one = _choice({"dicke": {"n_battery": 2, "coupling": 0.1}})
    assert one.definition.engine == "quantum"
    assert one.reason.startswith("closed")


def test_rows_of_runs_at_a_resonator_come_from_the_exact_engine_too():
    spins = {"number": 2, "coupling_hz": 1e6}
    run = {"engine": "auto", "method": "sample", "times": [1e-6], "runs": 10, "seed": 1}
    model = {
        "battery": spins,
        "charger": spins,
        "resonator": {"frequency_hz": 5e9, "linewidth_fwhm_hz": 2e6},
    }

    def engine(**more):
        definition = parse_definition({"title": "t", "model": model, "run": run | more})
        return chosen(definition, definition.points()[0], "sample").definition.engine

    assert engine() == "quantum"
    assert engine(records="summary") == "quantum"
