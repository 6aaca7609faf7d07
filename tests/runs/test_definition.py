import math
import re
import tomllib
from dataclasses import replace

import numpy as np
import pytest
import tomli_w

from darkbattery import runs
from darkbattery.nvmodel import Drive, InputError, LocalNoise, Polarised, Pulse, Stage
from darkbattery.runs.definitions.definition import (
    find_definition,
    parse_definition,
    read_definition,
    shipped_definitions,
)
from darkbattery.runs.results.store import definition_content

GOOD = {
    "model": {"n_battery": [1, 2], "ratio": 5, "nbar": [0.0, 0.5]},
    "run": {"method": ["evolve", "sample"], "times": [0.0, 1.0], "runs": 10, "seed": 3},
}


def _with(path, value):
    table, _, key = path.partition(".")
    content = {name: dict(part) for name, part in GOOD.items()}
    if key:
        content[table][key] = value
    else:
        content[table] = value
    return content


def test_two_lists_make_a_grid():
    points = parse_definition(GOOD).points()
    assert [(p.model.n_battery, p.model.n_charger, p.model.nbar) for p in points] == [
        (1, 5, 0.0),
        (1, 5, 0.5),
        (2, 10, 0.0),
        (2, 10, 0.5),
    ]
    assert points[1].label == "n_battery=1, nbar=0.5"


def test_times_by_start_stop_points():
    definition = parse_definition(_with("run.times", {"start": 0, "stop": 2, "points": 5}))
    assert definition.times == (0.0, 0.5, 1.0, 1.5, 2.0)


def test_times_evenly_spaced_in_their_logarithm():
    times = {"start": 0.01, "stop": 1, "points": 3, "spacing": "log"}
    definition = parse_definition(_with("run.times", times))
    assert definition.times == pytest.approx((0.01, 0.1, 1.0))


def test_lists_as_python_has_them():
    """Arrays of numpy, tuples and ranges were refused, but for the times."""
    model = {"n_battery": range(1, 3), "ratio": np.int64(5), "nbar": np.array([0.0, 1.0])}
    run = {"method": ("evolve",), "times": (0.0, 1.0), "observables": ("power",)}
    plain = {"n_battery": [1, 2], "ratio": 5, "nbar": [0.0, 1.0]}
    listed = {"method": ["evolve"], "times": [0.0, 1.0], "observables": ["power"]}
    found = runs.run({"model": model, "run": run}).table
    assert found.equals(runs.run({"model": plain, "run": listed}).table)


def test_times_in_units_of_the_burst():
    """1/(|N_C - N_B| gamma): 4 spins' difference, and gamma = 0.5."""
    content = _with("run.times", {"stop": 2, "points": 3, "unit": "burst"})
    content["model"] |= {"gamma": 0.5}
    definition = parse_definition(content)
    one, *_, two = definition.points()
    assert definition.times_of(one.model).tolist() == [0.0, 0.5, 1.0]
    assert definition.times_of(two.model).tolist() == [0.0, 0.25, 0.5]
    assert parse_definition(definition_content(definition)) == definition
    with pytest.raises(InputError, match="R not 1"):
        parse_definition({**content, "model": {"n_battery": [1, 2], "n_charger": 2}})
    content["run"]["precision"] = {"observable": "battery_energy", "absolute": 1.0, "times": [1.0]}
    with pytest.raises(InputError, match=r"run.precision.times"):
        parse_definition(content)


def test_delays_are_of_the_second_order():
    run = {"method": "evolve", "times": [0.0, 1.0], "delays": "averaged"}
    definition = parse_definition({**GOOD, "run": {**run, "engine": "semiclassical"}})
    assert parse_definition(definition_content(definition)) == definition
    for change in ({}, {"engine": "semiclassical", "order": 1}):
        with pytest.raises(InputError, match=r"run.delays"):
            parse_definition({**GOOD, "run": {**run, **change}})


def test_a_sweep_by_start_stop_points():
    definition = parse_definition(_with("model.nbar", {"stop": 1.0, "points": 5}))
    swept = dict(definition.model)["nbar"]
    assert swept == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert len(definition.points()) == 10


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("model.n_batery", 1, "did you mean 'n_battery'?"),
        ("run.metod", "evolve", "did you mean 'method'?"),
        ("extra", {}, "unknown"),
        ("model.n_battery", 0, "n_battery = 0: must be"),
        ("model.n_battery", [1, -2], "n_battery = -2: must be"),
        ("model.n_battery", [], "at least one value"),
        ("model.n_charger", 5, "give n_charger or ratio, not both"),
        ("model.ratio", 2.5, "must be whole"),
        ("model.temperature", 1.0, "give nbar or temperature, not both"),
        ("run.method", "integrate", "unknown"),
        ("run.method", ["evolve", "evolve"], "each once"),
        ("run.times", [1.0, 0.5], "times[1] = 0.5"),
        ("run.times", [-1.0, 0.5], "times[0] = -1.0"),
        ("run.times", None, "must be given"),
        ("run.times", {"stop": 1, "point": 3}, "did you mean 'points'?"),
        ("run.times", {"stop": 1, "points": 3, "spacing": "log"}, "run.times.start = 0.0"),
        ("run.times", {"stop": 1, "points": 3, "spacing": "lin"}, "did you mean 'linear'?"),
        ("model.nbar", {"stop": 1}, "model.nbar.points"),
        ("run.runs", 0, "run.runs = 0: must be"),
        ("run.runs", None, "run.runs = None"),
        ("run.seed", -1, "run.seed = -1"),
        ("run.observables", ["energy"], "did you mean 'charger_energy'?"),
        ("run.observables", [], "must be a list"),
        ("run.engine", "classical", "unknown"),
        ("model", 3, "must be a table"),
    ],
)
def test_bad_definitions_are_refused_in_one_line(path, value, message):
    content = _with(path, value)
    with pytest.raises(InputError) as refusal:
        parse_definition(content)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_what_is_not_a_definition(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        find_definition("nowhere")
    for name, content in [("a.toml", b"= 3"), ("b.toml", b"\xff\xfe\x00")]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="is not TOML"):
            read_definition(tmp_path / name)


def test_another_engine_than_the_definitions_own():
    """As if the file said so: one experiment in all four cells, and the same refusals."""
    path = find_definition("four_cells")
    assert read_definition(path).engine == "quantum"
    other = read_definition(path, "semiclassical")
    assert other.engine == "semiclassical"
    assert other == replace(read_definition(path), engine="semiclassical")
    with pytest.raises(InputError, match=r"run\.engine = 'exact': unknown; known: quantum"):
        read_definition(path, "exact")
    with pytest.raises(InputError, match=r"run\.order.*only with engine"):
        read_definition(find_definition("regimes/second_small"), "quantum")


def test_shipped_definitions_are_valid_and_written_definitions_read_back():
    shipped = shipped_definitions()
    assert "charging" in shipped
    for path in shipped.values():
        definition = read_definition(path)
        assert parse_definition(definition_content(definition)) == definition


def test_digest_sees_what_decides_the_numbers():
    one = parse_definition(GOOD)
    assert parse_definition(_with("run.seed", 4)).digest() != one.digest()
    assert parse_definition(GOOD | {"title": "other"}).digest() == one.digest()


PROTOCOL = """
[model]
n_battery = 4
n_charger = 20
battery_start = { up = 0.1 }
charger_noise = { relaxation = 0.01, nbar = 0.5, dephasing = 0.2 }
[model.protocol]
charge = { duration = 3.0 }
pulse = { dephase_battery = [0.0, 1.0] }
discharge = { duration = inf, coupled = "battery", battery_noise = { emission = 1.0 } }
[run]
method = "evolve"
times = [0.0, 1.0]
"""


def test_protocols_and_noise_by_tables():
    definition = parse_definition(tomllib.loads(PROTOCOL))
    again = parse_definition(tomllib.loads(tomli_w.dumps(definition_content(definition))))
    assert again == definition
    assert again.digest() == definition.digest()
    points = definition.points()
    assert [point.label for point in points] == [
        "protocol.pulse.dephase_battery=0.0",
        "protocol.pulse.dephase_battery=1.0",
    ]
    model = points[1].model
    assert model.battery_start == Polarised(0.1)
    assert model.charger_noise == LocalNoise.thermal(0.01, 0.5, dephasing=0.2)
    assert model.protocol == (
        Stage(3.0, name="charge"),
        Pulse(1.0, name="pulse"),
        Stage(math.inf, "battery", battery_noise=LocalNoise(emission=1.0), name="discharge"),
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("duration = 3.0", "duration = -3.0", "model.protocol.charge.duration = -3.0: must be"),
        (
            "duration = 3.0",
            "durtion = 3.0",
            "model.protocol.charge.durtion = 'durtion': unknown; did",
        ),
        ("duration = 3.0", 'coupled = "both"', "protocol.charge.coupled = 'both': a stage needs"),
        ("emission = 1.0", "emission = -1", "discharge.battery_noise.emission = -1: must be"),
        ("nbar = 0.5", "pumping = 0.5", "charger_noise.pumping = 0.5: give it or relaxation"),
        ("up = 0.1", "up = 2", "model.battery_start.up = 2: must be"),
        ("up = 0.1", "excitations = 9", "battery_start.excitations = 9: must be"),
        ("[0.0, 1.0] }", "1, duration = 1.0 }", "pulse.dephase_battery = 1: a pulse has no"),
    ],
)
def test_bad_protocols_are_refused_by_their_path(old, new, message):
    with pytest.raises(InputError, match=re.escape(message)):
        parse_definition(tomllib.loads(PROTOCOL.replace(old, new)))


SEQUENCE = """
[model]
charger_detuning_hz = 60e6
[model.resonator]
frequency_hz = 3.18e9
linewidth_fwhm_hz = 13.8e6
[model.battery]
number = 1e12
coupling_hz = 1.0
[model.charger]
number = 5e12
coupling_hz = 1.0
polarisation = -0.99
[model.protocol]
invert = { rotate_charger_deg = 180, rotation_error = 0.02 }
burst = { duration = 6e-6, charger_detuning_hz = 0, rise = [1e-7, 5e-7] }
[model.protocol.release]
duration = 1e-5
battery_noise = { emission = 100.0 }
drives.trigger = { amplitude = 1e3, duration_s = 1e-6, start_s = 2e-6 }
[run]
engine = "semiclassical"
method = "sample"
runs = 10
times = [0.0, 1e-6]
"""


def test_a_sequence_at_a_resonator_by_tables():
    definition = parse_definition(tomllib.loads(SEQUENCE))
    again = parse_definition(tomllib.loads(tomli_w.dumps(definition_content(definition))))
    assert again == definition
    assert [point.label for point in definition.points()] == [
        "protocol.burst.rise=1e-07",
        "protocol.burst.rise=5e-07",
    ]
    model = definition.points()[0].model
    assert model.detunings == (0.0, 2.0 * math.pi * 60e6)
    assert model.protocol == (
        Pulse(rotate_charger=math.pi, rotation_error=0.02, name="invert"),
        Stage(6e-6, charger_detuning=0.0, rise=1e-7, name="burst"),
        Stage(
            1e-5,
            battery_noise=LocalNoise(emission=100.0),
            drives=(Drive(amplitude=1e3, duration_s=1e-6, start_s=2e-6),),
            name="release",
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("charger_detuning_hz = 0,", "charger_detuning = 0,", "'charger_detuning': unknown; did"),
        ("charger_detuning_hz = 0,", 'charger_detuning_hz = "0",', "detuning_hz = '0': must be a"),
        ("rise = [1e-7, 5e-7]", "rise = 7e-6", "burst.rise = 7e-06: must be at most the duration"),
        ("rise = [1e-7, 5e-7]", "rise = nan", "burst.rise = nan: must be a finite number"),
        ("deg = 180,", "deg = inf,", "invert.rotate_charger_deg = inf: must be a number"),
        # what was written, not the radians that it becomes
        ("deg = 180,", "deg = 1e9,", "invert.rotate_charger_deg = 1000000000.0: must be a number"),
        # the drive's own name, not its number
        ("start_s = 2e-6", "start_s = 9.5e-6", "release.drives.trigger.duration_s = "),
        ("amplitude = 1e3", "amplitude = -1", "release.drives.trigger.amplitude = -1: must be"),
        ("deg = 180,", "deg = 180, dephase_charger = 1,", "rotates or dephases: write two"),
    ],
)
def test_bad_sequences_are_refused_by_their_path(old, new, message):
    with pytest.raises(InputError, match=re.escape(message)):
        parse_definition(tomllib.loads(SEQUENCE.replace(old, new)))


@pytest.mark.parametrize("name", ["detector", "protocol", "charger_noise"])
def test_an_empty_table_is_refused(name):
    """It was dropped in silence, and what was meant by it with it."""
    content = {"model": {"n_battery": 1, "ratio": 2, name: {}}, "run": {"method": "steady"}}
    with pytest.raises(InputError, match=rf"model.{name} = '{{}}': an empty table says nothing"):
        parse_definition(content)
