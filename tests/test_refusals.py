"""Whatever is handed to a public entry: an answer, or one line that names field and value."""

import dataclasses
import warnings

import numpy as np
import pytest

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import (
    ApproximationWarning,
    CollectiveBattery,
    DickeState,
    Drive,
    Gaussian,
    InputError,
    LocalNoise,
    Lorentzian,
    Multiplet,
    Polarised,
    Pulse,
    QGaussian,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
    thermal_occupation,
)
from darkbattery.nvmodel.dicke import DickeBattery
from darkbattery.nvmodel.method import Problem, able, within_reach
from darkbattery.nvmodel.refusal import output_times
from darkbattery.runs.definitions.definition import parse_definition
from darkbattery.trajectories.averages.counting import second_order_coherence
from darkbattery.trajectories.averages.evolution import EVOLVE
from darkbattery.trajectories.jumps.photons.waiting import exact_waits, waiting_times

HOSTILE = {
    "nan": float("nan"),
    "inf": float("inf"),
    "minus inf": float("-inf"),
    "minus one": -1,
    "true": True,
    "numpy true": np.True_,
    "text": "2",
    "numpy text": np.str_("2"),
    "bytes": b"2",
    "none": None,
    "empty": [],
    "nested": [[1.0, 2.0], [3.0]],
    "dictionary": {"excitations": 1},
    "array of one": np.array([2]),
    "array of floats": np.array([2.0]),
    "array of none": np.array(2.0),
    "array of two": np.array([1.0, 2.0]),
    "numpy whole": np.int64(2),
    "numpy float": np.float64(2.0),
    "float": 2.0,
    "half": 0.5,
    "huge": 10**400,
    "tiny": 5e-324,
    "complex": 1 + 2j,
    "real complex": 2 + 0j,
    "numpy complex": np.complex128(2.0),
    "masked": np.ma.masked_array([1.0, 2.0], mask=[False, True]),
    "masked one": np.ma.masked,
    "texts": ["1", "2"],
    "booleans": [False, True],
    "complexes": [0.0, 1 + 2j],
    "objects": np.array([1.0, None], dtype=object),
    "object": object(),
    "class": int,
}

SPINS = SpinEnsemble(number=20, coupling=1.0)
CAVITY = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=1.0)
SMALL = CollectiveBattery(1, 2)
AT_RESONATOR = ResonatorBattery(charger=SPINS, resonator=CAVITY, battery=SPINS)


def _fields(kind, given):
    """An entry for each field of a dataclass, all others being good."""
    for field in dataclasses.fields(kind):
        yield (
            f"{kind.__name__}.{field.name}",
            lambda x, name=field.name: kind(**{**given, name: x}),
        )


def _arguments(function, given):
    """An entry for each of a function's arguments, all others being good."""
    for name in given:
        yield (
            f"{function.__module__}.{function.__name__}.{name}",
            lambda x, name=name: function(**{**given, name: x}),
        )


def _definitions():
    model = {"n_battery": 1, "n_charger": 2}
    run = {"method": ["evolve", "sample"], "times": [0.0, 1.0], "runs": 3}
    values = ("nbar", "temperature", "gamma", "detuning", "ratio")
    for name in (
        *model, *values, "battery_start", "charger_start", "battery_noise", "charger_noise",
        "protocol", "detector_efficiency", "resonator", "dicke", "charger",
    ):  # fmt: skip
        yield (
            f"model.{name}",
            lambda x, name=name: parse_definition({"model": {**model, name: x}, "run": run}),
        )
    for name in (
        "engine", "method", "order", "delays", "classes", "times", "observables", "runs", "first",
        "seed", "precision", "records", "single_runs",
    ):  # fmt: skip
        yield (
            f"run.{name}",
            lambda x, name=name: parse_definition({"model": model, "run": {**run, name: x}}),
        )
    for name in ("values", "start", "stop", "points", "spacing", "unit"):
        times = {"values": [1.0]} if name == "unit" else {"stop": 1.0, "points": 3}
        yield (
            f"run.times.{name}",
            lambda x, name=name, times=times: parse_definition(
                {"model": model, "run": {**run, "times": {**times, name: x}}}
            ),
        )
    for name in ("observable", "absolute", "relative", "times", "min_runs"):
        yield (
            f"run.precision.{name}",
            lambda x, name=name: parse_definition(
                {
                    "model": model,
                    "run": {
                        **run,
                        "precision": {"observable": "power", "absolute": 0.1, name: x},
                    },
                }
            ),
        )
    yield "title", lambda x: parse_definition({"title": x, "model": model, "run": run})
    yield "model", lambda x: parse_definition({"model": x, "run": run})
    yield "run", lambda x: parse_definition({"model": model, "run": x})
    yield "definition", parse_definition


def _answers():
    """Values that the model takes, followed to the numbers."""
    for name in [field.name for field in dataclasses.fields(CollectiveBattery)]:
        if name in ("protocol", "battery_noise", "charger_noise"):
            continue

        def all_of(x, name=name):
            battery = CollectiveBattery(**{"n_battery": 2, "n_charger": 3, name: x})
            trajectories.steady_state(battery, ["battery_energy"])
            for found in (
                trajectories.evolve(battery, [0.5], ["battery_energy"]),
                trajectories.sample(battery, [0.5], 2, 1, observables=["battery_energy"]),
                meanfield.evolve(battery, [0.5], observables=["battery_energy"]),
            ):
                assert 0.0 <= found["battery_energy"][0] <= 1.1

        yield f"answer.{name}", all_of
    for name in SpinEnsemble.__dataclass_fields__:

        def emitted(x, name=name):
            spins = SpinEnsemble(**{"number": 4, "coupling": 1.0, name: x})
            model = ResonatorBattery(charger=spins, resonator=CAVITY)
            assert np.isfinite(meanfield.growth_rate(model))

        yield f"answer at a resonator.{name}", emitted


ONE = {"times": [0.0, 1.0], "observables": ["battery_energy"]}
RUNS = {"runs": 2, "seed": 1, "first": 0, "records": None}
ENTRIES = dict(
    [
        *_fields(CollectiveBattery, {"n_battery": 2, "n_charger": 4}),
        *_fields(SpinEnsemble, {"number": 2, "coupling": 1.0}),
        *_fields(Resonator, {"frequency_hz": 3e9, "linewidth_fwhm_hz": 1.0}),
        *_fields(ResonatorBattery, {"charger": SPINS, "resonator": CAVITY}),
        *_fields(Drive, {"amplitude": 1.0, "duration_s": 1.0}),
        *_fields(LocalNoise, {}),
        *_fields(Stage, {"duration": 1.0}),
        *_fields(Pulse, {}),
        *_fields(DickeState, {"excitations": 1}),
        *_fields(Polarised, {"up": 0.5}),
        *_fields(Gaussian, {"fwhm_hz": 1.0}),
        *_fields(Lorentzian, {"fwhm_hz": 1.0}),
        *_fields(QGaussian, {"fwhm_hz": 1.0, "q": 1.4}),
        *_fields(Multiplet, {"line": Gaussian(1.0), "offsets_hz": (0.0,), "weights": (1.0,)}),
        *_fields(DickeBattery, {"n_battery": 2, "coupling": 0.1}),
        *_arguments(LocalNoise.thermal, {"relaxation": 1.0, "nbar": 0.1, "dephasing": 0.0}),
        *_arguments(thermal_occupation, {"temperature": 1.0}),
        *_arguments(output_times, {"times": [1.0]}),
        *_arguments(AT_RESONATOR.eliminate_resonator, {"tolerance": None}),
        *_arguments(trajectories.evolve, {"battery": SMALL, **ONE}),
        *_arguments(trajectories.sample, {"battery": SMALL, **ONE, **RUNS}),
        *_arguments(
            trajectories.single_run, {"battery": SMALL, "times": [1.0], "seed": 1, "run": 0}
        ),
        *_arguments(
            trajectories.steady_state, {"battery": SMALL, "observables": ["battery_energy"]}
        ),
        *_arguments(meanfield.evolve, {"model": SMALL, **ONE, "order": 2, "classes": 1}),
        *_arguments(meanfield.delay_average, {"model": SMALL, **ONE, "classes": 1}),
        *_arguments(meanfield.sample, {"model": SMALL, **ONE, **RUNS, "classes": 1}),
        *_arguments(meanfield.growth_rate, {"model": SMALL}),
        *_arguments(meanfield.expected_delay, {"model": SMALL}),
        *_arguments(meanfield.threshold_cooperativity, {"model": AT_RESONATOR}),
        *_arguments(
            waiting_times,
            {"battery": SMALL, "edges": [0.0, 1.0], "until": 1.0, "runs": 2, "seed": 1, "first": 0},
        ),
        *_arguments(exact_waits, {"battery": SMALL, "waits": [0.5]}),
        *_arguments(second_order_coherence, {"battery": SMALL, "time": 0.1, "delays": [0.1]}),
        *_definitions(),
        *_answers(),
    ]
)


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_answer_or_one_line(entry):
    for name, value in HOSTILE.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.simplefilter("default", ApproximationWarning)
                ENTRIES[entry](value)
        except InputError as error:
            text = str(error)
            assert "\n" not in text
            assert " = " in text, name
            assert len(text) < 800, name  # the longest lists all observables
        except Exception as error:  # the fault looked for: which value, and what came out
            raise AssertionError(f"{entry} of {name}: {type(error).__name__}: {error}") from error


def test_forms_that_must_work():
    assert thermal_occupation(0.0014) == pytest.approx(np.exp(-1 / 0.0014), rel=1e-12, abs=0.0)
    # so cold a reservoir is one at T = 0, in every engine and verb
    cold = CollectiveBattery(2, 3, temperature=0.0014)
    still = CollectiveBattery(2, 3)
    for answer in (
        lambda b: trajectories.evolve(b, [0.5])["battery_energy"],
        lambda b: trajectories.steady_state(b)["battery_energy"],
        lambda b: meanfield.evolve(b, [0.5])["battery_energy"],
    ):
        assert answer(cold) == pytest.approx(answer(still), rel=1e-9)  # the integrators' own
    runs = trajectories.sample(cold, [0.5], 4000, 1)
    exact = trajectories.evolve(still, [0.5])["battery_energy"]
    assert abs(runs["battery_energy"] - exact) < 4.0 * runs.errors["battery_energy"]

    def spins(**model):
        run = {"method": "evolve", "times": [1.0]}
        points = parse_definition({"model": model, "run": run}).points()
        return [point.model for point in points]

    ratios = {0.57: 57, 0.29: 29, 1.1: 110, 1 / 4: 25}
    found = [one.n_charger for one in spins(n_battery=100, ratio=list(ratios))]
    assert found == list(ratios.values())
    assert spins(n_battery=3, ratio=1 / 3)[0].n_charger == 1
    assert spins(n_battery=10**16, ratio=1.1)[0].n_charger == 11 * 10**15
    with pytest.raises(InputError, match=r"model.ratio = 0.571: times n_battery = 100"):
        spins(n_battery=100, ratio=0.571)
    starts = spins(n_battery=2, n_charger=4, battery_start=["down", {"excitations": 1}])
    assert [one.battery_start for one in starts] == ["down", DickeState(1)]


def test_refusals_send_only_where_it_works():
    spread = dataclasses.replace(SPINS, coupling_spread=0.1)
    with pytest.raises(InputError, match=r"meanfield has it$"):
        trajectories.evolve(dataclasses.replace(AT_RESONATOR, battery=spread), [1.0])
    stored = (Stage(1.0), Stage(1.0, "none"))
    for n in (30_000, 10**12):
        battery = CollectiveBattery(n, 5 * n, protocol=stored)
        with pytest.raises(InputError, match=r"take fewer spins$"):
            trajectories.evolve(battery, [1e-9])
        with pytest.raises(InputError, match="n_battery, n_charger"):
            trajectories.sample(battery, [1e-9], 1, 1)
        with pytest.raises(InputError, match="n_battery, n_charger"):
            trajectories.single_run(battery, [1e-9], 1, 1)
    followed = CollectiveBattery(30_000, 150_000, charger_start=Polarised(0.9))
    with pytest.raises(InputError, match=r"or trajectories.sample$"):
        trajectories.evolve(followed, [1e-9])
    assert trajectories.sample(followed, [1e-9], 1, 1).runs == 1


@pytest.mark.parametrize("name", ["log_negativity", "entanglement_rate"])
def test_a_negativity_that_no_memory_holds_is_refused_with_its_size(name):
    battery = CollectiveBattery(1000, 5000)
    problem = Problem(battery, np.array([1e-4]), (name,))
    with pytest.raises(InputError, match=r"needs matrices of .* GB"):
        trajectories.evolve(battery, [1e-4], [name])
    with pytest.raises(InputError, match=r"needs matrices of .* GB"):
        able(EVOLVE, problem)  # what `check` asks
    assert within_reach(EVOLVE, problem) == ()


def test_nothing_is_said_to_be_cut_off_that_was_not():
    """Bounds of what stays 0 must not turn it into 0 times infinity."""
    for width, times in ((0.0, [0.0, 1e-6]), (1.0, [0.0])):
        cavity = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=width)
        model = ResonatorBattery(charger=SPINS, resonator=cavity, battery=SPINS)
        assert meanfield.sample(model, times, 8, 1).warnings == ()
    slow = LocalNoise(emission=1e-100)
    for battery in (
        CollectiveBattery(2, 3, gamma=1e-100),
        CollectiveBattery(2, 3, nbar=1e-305),
        CollectiveBattery(2, 3, gamma=1e-100, battery_noise=slow),
    ):
        assert trajectories.sample(battery, [0.0, 1.0], 8, 1).warnings == ()
