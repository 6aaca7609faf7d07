"""Definitions that name files of measurements: what they mean, and what is refused."""

import numpy as np
import pytest

from darkbattery.nvmodel import (
    FieldMap,
    InputError,
    Lorentzian,
    Multiplet,
    StepResponse,
    Tabulated,
    Voigt,
)
from darkbattery.runs.definitions.datafiles import TIMES, read_csv
from darkbattery.runs.definitions.definition import parse_definition, read_definition
from darkbattery.runs.definitions.jsonschema import json_schema
from darkbattery.runs.plan.subject import find_subject
from darkbattery.runs.results.store import definition_content

ODMR = "# of a scan\nfrequency [MHz],weight\n2868,0\n2870,1\n2873,0\n"
FIELD = "coupling [a.u.],weight\n0.5,1\n1.0,3\n"
HEAD = """title = "measured"
[run]
engine = "semiclassical"
method = "evolve"
times = [0.0, 1e-7]
[model.resonator]
frequency_hz = 2.87e9
linewidth_fwhm_hz = 1e6
"""
SPINS = "number = 1e9\ncoupling_hz = 8.0\nt2_s = 1e-6\n"
MEASURED = SPINS + 'line = { file = "odmr.csv" }\ncouplings = { file = "field.csv" }\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "odmr.csv").write_text(ODMR)
    (tmp_path / "field.csv").write_text(FIELD)
    return tmp_path


def definition(folder, charger=MEASURED, battery=SPINS):
    path = folder / "d.toml"
    path.write_text(f"{HEAD}[model.battery]\n{battery}[model.charger]\n{charger}")
    return path


def test_files_are_read_beside_the_definition_and_kept_in_it(folder):
    path = definition(folder)
    read = read_definition(path)
    (point,) = read.points()
    charger = point.model.charger
    assert charger.line == Tabulated((2.868e9, 2.87e9, 2.873e9), (0.0, 1.0, 0.0))
    assert charger.couplings == FieldMap((0.5, 1.0), (1.0, 3.0))
    # what a result folder holds needs no file
    again = parse_definition(definition_content(read))
    assert again == read
    assert again.digest() == read.digest()
    assert find_subject(str(path)).model == point.model
    # another spectrum is another study
    (folder / "odmr.csv").write_text(ODMR.replace("2873", "2874"))
    assert read_definition(path).digest() != read.digest()


def test_a_definition_of_shapes_hyperfine_lines_and_axes(folder):
    line = 'line = { shape = "voigt", gaussian_fwhm_hz = 1e6, lorentzian_fwhm_hz = 2e5 }\n'
    axes = "axes.a = { share = 0.25, shift_hz = -5e6 }\naxes.b = { share = 0.75, coupling = 0.9 }\n"
    charger = SPINS + line + 'hyperfine = "14N"\ncouplings = { spread = 0.1 }\n' + axes
    wide = 'line = { shape = "lorentzian", fwhm_hz = [1e6, 2e6] }\n'
    battery = SPINS + wide + "hyperfine = [0, 3e6]\n"
    read = read_definition(definition(folder, charger, battery))
    assert len(read.points()) == 2  # a width is swept, shifts are not
    model = read.points()[0].model
    assert model.battery.line == Multiplet(Lorentzian(1e6), (0.0, 3e6), (0.5, 0.5))
    assert isinstance(model.charger.line.line, Voigt)
    assert (model.charger.coupling_spread, len(model.charger.axes)) == (0.1, 2)
    assert parse_definition(definition_content(read)) == read


IQ = "time [us],I,Q\n0,0,0\n0.1,1,0\n0.2,0,-2\n"
PORTED = "ports.in.linewidth_fwhm_hz = 2e5\n"


def driven(folder, drive, ports=PORTED, name="pulse.csv", content=IQ):
    (folder / name).write_text(content)
    path = folder / "d.toml"
    step = f"[model.protocol.a]\nduration = 1e-6\n[model.protocol.a.drives.x]\n{drive}\n"
    path.write_text(f"{HEAD}{ports}[model.battery]\n{SPINS}[model.charger]\n{SPINS}{step}")
    return path


def test_fields_are_sent_in_by_power_and_by_samples(folder):
    read = read_definition(driven(folder, 'file = "pulse.csv"\npower_w = 1e-9\nstart_s = 3e-7'))
    model = read.points()[0].model
    (drive,) = model.protocol[0].drives
    assert (drive.shape, drive.in_phase, drive.quadrature) == (
        "samples",
        (0.0, 1.0, 0.0),
        (0.0, 0.0, -2.0),
    )
    assert drive.amplitude == model.resonator.amplitude_of(1e-9, "in")
    assert abs(drive.duration_s - 2e-7) < 1e-20
    assert parse_definition(definition_content(read)) == read
    swept = 'shape = "wurst"\namplitude = 1.0\nduration_s = 5e-7\nchirp_hz = [1e6, 2e6]'
    assert len(read_definition(driven(folder, swept)).points()) == 2


@pytest.mark.parametrize(
    ("drive", "options", "message"),
    [
        ("duration_s = 1e-7", {}, "drives.x.amplitude = None: give it or power_w"),
        ("duration_s = 1e-7\namplitude = 1.0\npower_w = 1.0", {}, "give it or power_w"),
        ('duration_s = 1e-7\namplitude = 1.0\nport = "in"', {}, "only with power_w"),
        ('duration_s = 1e-7\npower_w = 1.0\nport = "inn"', {}, "did you mean 'in'"),
        ("duration_s = 1e-7\npower_w = 1.0", {"ports": ""}, "drives.x.port = None"),
        ("duration_s = 1e-7\npower_w = -1.0", {}, "drives.x.power_w = -1.0"),
        # its amplitude is beyond what floating-point numbers hold
        ("duration_s = 1e-7\npower_w = 1e300", {}, "drives.x.power_w = 1e+300"),
        ("amplitude = 1.0", {}, "fields are missing"),
        ('amplitude = 1.0\nfile = "pulse.csv"\nduration_s = 1e-7', {}, "give it or a file"),
        (
            'amplitude = 1.0\nfile = "pulse.csv"',
            {"content": IQ.replace("0.2,", "0.3,")},
            "pulse.csv: time = '3e-07 s': row 3 must follow in a step like the first",
        ),
        (
            'amplitude = 1.0\nfile = "pulse.csv"',
            {"content": IQ.replace(" [us]", "")},
            "must carry a unit: s, ms, us",
        ),
        (
            'amplitude = 1.0\nfile = "pulse.csv"',
            {"content": IQ.replace(",Q", ",V")},
            "must have the columns time and i and q",
        ),
    ],
)
def test_bad_fields_are_refused_in_one_line(folder, drive, options, message):
    with pytest.raises(InputError) as refusal:
        read_definition(driven(folder, drive, **options))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


COIL = "time [us],response\n0,0\n0.05,0.7\n0.1,0.99\n"
RESERVOIR = """[model]
n_battery = 1
ratio = 5
protocol.a = { duration = 1, rise = { file = "coil.csv" } }
[run]
engine = "semiclassical"
method = "evolve"
times = [1]
"""


def stepped(folder, rise='{ file = "coil.csv" }', content=COIL, more=""):
    (folder / "coil.csv").write_text(content)
    path = folder / "d.toml"
    step = f"duration = 1e-6\ncharger_detuning_hz = 1e6\nrise = {rise}\n{more}"
    spins = f"[model.battery]\n{SPINS}[model.charger]\n{SPINS}"
    path.write_text(f"{HEAD}{spins}[model.protocol.a]\n{step}")
    return path


def test_a_field_steps_as_its_coil_was_measured(folder):
    read = read_definition(stepped(folder))
    (stage,) = read.points()[0].model.protocol
    np.testing.assert_allclose(stage.rise_shape.times, [0.0, 0.05e-6, 0.1e-6], rtol=1e-15)
    assert stage.rise_shape.response == (0.0, 0.7, 0.99)
    assert stage.rise == stage.rise_shape.times[-1]
    assert parse_definition(definition_content(read)) == read
    inline = "{ times = [0, 1e-7], response = [0, 1] }"
    (stage,) = read_definition(stepped(folder, inline)).points()[0].model.protocol
    assert stage.rise_shape == StepResponse([0.0, 1e-7], [0.0, 1.0])


def test_in_a_reservoir_its_times_are_the_definition_s_own(folder):
    path = folder / "reservoir.toml"
    path.write_text(RESERVOIR)
    (folder / "coil.csv").write_text("time,response\n0,0\n0.5,1\n")
    assert read_definition(path).points()[0].model.protocol[0].rise == 0.5
    (folder / "coil.csv").write_text(COIL)
    with pytest.raises(InputError, match="must have no unit"):
        read_definition(path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"content": COIL.replace("0.05", "0.2")}, "coil.csv.times[2] = "),
        ({"content": COIL.replace("0.7", "nan")}, "coil.csv: response = 'nan': row 2 must hold"),
        ({"content": COIL.replace("0.99", "0.9")}, "coil.csv.response = 0.9: must end within"),
        ({"content": COIL.replace(" [us]", "")}, "must carry a unit: s, ms, us"),
        ({"content": COIL.replace("response", "field")}, "must have the columns time and response"),
        ({"content": COIL.replace("0.1,", "5,")}, "must be at most the duration"),
        ({"more": 'rise_shape = "linear"'}, "a.rise_shape = 'linear': give it or a measured"),
        ({"rise": '{ file = "coil.csv", times = [0] }'}, "a.rise.times = [0]: give it or a file"),
        ({"rise": "{ response = [0, 1] }"}, "fields are missing"),
    ],
)
def test_bad_responses_are_refused_in_one_line(folder, changed, message):
    with pytest.raises(InputError) as refusal:
        read_definition(stepped(folder, **changed))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_editors_know_them():
    charger = json_schema()["properties"]["model"]["anyOf"][1]["properties"]["charger"]
    assert charger["properties"]["hyperfine"]["anyOf"][1]["enum"] == ["14N", "15N"]
    assert charger["properties"]["line"]["required"] == []


@pytest.mark.parametrize(
    ("files", "charger", "message"),
    [
        ({}, 'line = { file = "no.csv" }', "line.file = "),
        ({}, 'line = { file = ["odmr.csv", "b.csv"] }', "must be the name of one CSV file"),
        ({}, 'line = { file = "odmr.csv", fwhm_hz = 1e6 }', "fwhm_hz = 'fwhm_hz': unknown"),
        ({}, 'line = { file = "odmr.csv", shape = "voigt" }', "give a shape or what was measured"),
        ({}, 'line = { file = "odmr.csv", weights = [1] }', "give it or a file, not both"),
        ({}, 'line = { file = "field.csv" }', "must have the columns frequency and weight"),
        ({}, 'couplings = { file = "odmr.csv" }', "must have the columns coupling and weight"),
        ({}, 'couplings = { file = "field.csv", spread = 0.1 }', "a spread or a map, not both"),
        ({}, "coupling_spread = 0.1\ncouplings = { spread = 0.1 }", "give it or couplings"),
        ({}, 'hyperfine = "14N"', "needs a line: give it a shape first"),
        ({}, 'line = { shape = "voigt", fwhm_hz = 1e6 }', "line.fwhm_hz"),
        ({}, 'line = { file = "odmr.csv" }\nhyperfine = "13C"', "unknown"),
        ({}, 'line = { file = "odmr.csv" }\nhyperfine = [1e6, 1e6]', "each once"),
        ({}, 'line = { file = "odmr.csv" }\naxes.a = { share = 0.5 }', "sum to 1"),
        ({}, 'line = { file = "odmr.csv" }\naxes.a = { shift_hz = 1e6 }', "fields are missing"),
        (
            {"odmr.csv": "frequency,weight\n1,0\n2,1\n"},
            'line = { file = "odmr.csv" }',
            "its heading must carry a unit: hz, khz, mhz, ghz",
        ),
        (
            {"odmr.csv": ODMR.replace("2873", "2870")},
            'line = { file = "odmr.csv" }',
            "must rise: value 3 does not",
        ),
        (
            {"odmr.csv": ODMR.replace("2873,0", "2873,-1")},
            'line = { file = "odmr.csv" }',
            "odmr.csv.weights = -1.0",
        ),
        (
            {"odmr.csv": ODMR.replace("2873,0", "2873,nan")},
            'line = { file = "odmr.csv" }',
            "row 3 must hold a number",
        ),
        (
            {"field.csv": "coupling,weight\n1,-1\n"},
            'couplings = { file = "field.csv" }',
            "field.csv.weights = -1.0",
        ),
    ],
)
def test_bad_files_and_tables_are_refused_in_one_line(folder, files, charger, message):
    for name, content in files.items():
        (folder / name).write_text(content)
    with pytest.raises(InputError) as refusal:
        read_definition(definition(folder, SPINS + charger + "\n"))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_there_is_called_so(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_csv("line.file", tmp_path / "odmr.csv")


@pytest.mark.parametrize(
    ("row", "refused"),
    [
        ("0,3,0,9", "coil.csv: beyond response = '0,9': row 1 must have a cell for each heading"),
        ("1_0,0.9", "coil.csv: time = '1_0': row 1 must hold a number"),
        ("1.0D-01,0.9", "coil.csv: time = '1.0D-01': row 1 must hold a number"),
        ("0.3," + "9" * 200_000, "cannot be read as rows of cells"),
    ],
)
def test_cells_that_other_programs_write_otherwise_are_refused(tmp_path, row, refused):
    path = tmp_path / "coil.csv"
    path.write_text(f"time,response\n{row}\n")
    with pytest.raises(InputError) as error:
        read_csv("rise.file", path)
    assert refused in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("mu", ["\u00b5", "\u03bc"])
def test_rows_may_end_in_a_comma_and_both_letters_mu_are_micro(tmp_path, mu):
    path = tmp_path / "coil.csv"
    path.write_text(f"time [{mu}s],response\r\n1,0.5,\r\n2,1,\r\n", encoding="utf-8-sig")
    found = read_csv("rise.file", path).column("time", TIMES)
    np.testing.assert_allclose(found, [1e-6, 2e-6], rtol=1e-15)
