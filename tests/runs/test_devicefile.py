"""Device files with a line, axes and couplings in full, as run definitions have them."""

import tomllib

import numpy as np
import pytest
import tomli_w
from typer.testing import CliRunner

from darkbattery.meanfield.averages.linear import growth_rate
from darkbattery.nvmodel import InputError
from darkbattery.nvmodel.devices.published import find_device, with_value
from darkbattery.nvmodel.devices.sheets import device_of, sheet_of
from darkbattery.nvmodel.devices.split import whole_ensemble
from darkbattery.runs.cli import app
from darkbattery.runs.definitions.datafiles import with_files
from darkbattery.runs.definitions.devicefile import device_named, write_device
from darkbattery.runs.definitions.models import build_model
from darkbattery.runs.definitions.schema import flattened
from darkbattery.runs.fit.solve import fit, problem_of
from darkbattery.runs.fit.synthetic import synthetic_trace
from darkbattery.runs.plan.subject import find_subject

ODMR = "frequency [MHz],weight\n2865,0\n2868,1\n2869,0.4\n2871,0.9\n2876,0\n"
MAP = "coupling [Hz],weight\n1,2\n2,1\n"


def sheet(**tables):
    """kersten2026 without its line."""
    found = sheet_of(find_device("kersten2026"))
    for key in ("line_shape", "q", "spin_linewidth_fwhm_hz"):
        del found[key]
    return found | tables


def read(tmp_path, content):
    path = tmp_path / "own.toml"
    path.write_text(tomli_w.dumps(content))
    (tmp_path / "odmr.csv").write_text(ODMR)
    (tmp_path / "map.csv").write_text(MAP)
    return device_named("device", str(path))


IN_FULL = {
    "line": {"file": "odmr.csv"},
    "hyperfine": "14N",
    "axes": {"a": {"share": 0.25}, "b": {"share": 0.75, "shift_hz": 8e6, "coupling": 0.8}},
    "couplings": {"file": "map.csv"},
}


def test_the_spins_are_those_of_a_run_definition(tmp_path):
    content = sheet(**IN_FULL)
    del content["coupling_spread"]
    device = read(tmp_path, content)
    spins = {"number": 9e12, "coupling_hz": device.coupling_hz, "t2_s": 8.9e-7, "t1_s": 1e4}
    spins |= IN_FULL | {"polarisation": 0.4}
    cavity = {"frequency_hz": 3.1e9, "linewidth_fwhm_hz": 836e3, "temperature_k": 0.025}
    table = with_files({"resonator": cavity, "charger": spins}, tmp_path)
    same = build_model(flattened(table))
    model = whole_ensemble(device, 0.4)
    assert model.charger.line == same.charger.line
    assert (model.charger.axes, model.charger.couplings) == (
        same.charger.axes,
        same.charger.couplings,
    )
    assert growth_rate(model) == growth_rate(same)


def test_a_device_that_was_written_is_read_again(tmp_path):
    content = sheet(**IN_FULL)
    del content["coupling_spread"]
    for line in (
        IN_FULL["line"],
        {"shape": "voigt", "gaussian_fwhm_hz": 4e6, "lorentzian_fwhm_hz": 3e6},
    ):
        device = read(tmp_path, content | {"line": line})
        write_device(device, tmp_path / "again.toml")
        again = device_named("device", str(tmp_path / "again.toml"))
        first, second = (whole_ensemble(x, 0.4).charger for x in (device, again))
        np.testing.assert_allclose(
            second.line.quantile([0.1, 0.7]), first.line.quantile([0.1, 0.7]), rtol=1e-12
        )
        assert (second.axes, second.couplings) == (first.axes, first.couplings)


def test_a_width_stretches_the_line(tmp_path):
    device = read(tmp_path, sheet(line={"file": "odmr.csv"}))
    own = device.spin_linewidth_fwhm_hz.converted
    wide = with_value(device, "spin_linewidth_fwhm_hz", 2.0 * own).line
    np.testing.assert_allclose(wide.quantile([0.2, 0.9]), 2.0 * device.line.quantile([0.2, 0.9]))


def test_a_shape_of_the_sheets_own_is_its_quantities(tmp_path):
    line = {"shape": "q-gaussian", "fwhm_hz": 8.65e6, "q": 1.39}
    assert read(tmp_path, sheet(line=line)).line == find_device("kersten2026").line


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"line": "odmr.csv"}, "line = 'odmr.csv': must be a table"),
        ({"line": {"file": "none.csv"}}, "line.file = "),
        ({"line": {"file": "map.csv"}}, "frequency and weight"),
        ({"line": {"frequencies_hz": [1.0, 2.0], "weights": [1.0, -1.0]}}, "line.weights = -1"),
        ({"line": {"shape": "voight"}}, "did you mean 'voigt'"),
        ({"line": {"shape": "voigt", "fwhm_hz": 1e6}}, "line.fwhm_hz"),
        ({"line": {"shape": "gaussian"}}, "line = []: fields are missing, of ['fwhm_hz']"),
        ({"line": {"shape": "gaussian", "fwhm_hz": 1e6}, "line_shape": "lorentzian"}, "not both"),
        (
            {"line": IN_FULL["line"], "line_shape": "gaussian"},
            "line_shape = 'gaussian'",
        ),
        ({"lines": {}}, "did you mean 'line'"),
        ({"line": IN_FULL["line"], "hyperfine": "13C"}, "hyperfine = '13C'"),
        ({"line": IN_FULL["line"], "hyperfine": [1e6, 1e6]}, "each once"),
        ({"line": IN_FULL["line"], "axes": {"a": {"share": 0.5}}}, "must sum to 1"),
        ({"line": IN_FULL["line"], "axes": {"a": {"shift": 0.5}}}, "axes.a.shift"),
        ({"line": IN_FULL["line"], "couplings": {"file": "map.csv"}}, "give it or couplings"),
        ({"line": IN_FULL["line"], "couplings": {"spread": 0.1}}, "couplings.spread"),
        ({}, "line"),
    ],
)
def test_bad_tables_are_refused_in_one_line(tmp_path, tables, message):
    with pytest.raises(InputError, match=r"^[^\n]*$") as error:
        read(tmp_path, sheet(**tables))
    assert message in str(error.value)


def test_plan_and_check_take_such_a_file(tmp_path):
    read(tmp_path, sheet(line={"file": "odmr.csv"}, hyperfine="15N"))
    path = str(tmp_path / "own.toml")
    assert find_subject(path).model.charger.line.weights == (0.5, 0.5)
    answer = CliRunner().invoke(app, ["devices", "--check", path])
    assert answer.exit_code == 0
    assert "own: " in answer.output or "kersten2026: " in answer.output
    content = tomllib.loads((tmp_path / "own.toml").read_text())
    with pytest.raises(InputError, match="must be in a file"):
        device_of(content, "own")


def test_a_fit_stretches_a_line_from_a_file(tmp_path):
    device = read(tmp_path, sheet(line={"file": "odmr.csv"}, hyperfine="14N"))
    width = device.spin_linewidth_fwhm_hz.converted
    true = with_value(device, "spin_linewidth_fwhm_hz", 1.1 * width)
    at = device.frequency_hz.converted + np.linspace(-15e6, 15e6, 201)
    trace = synthetic_trace("esr", at, true, {}, noise=0.01, seed=3)
    found = fit(problem_of(device, [trace], ["line_fwhm_hz"]))
    fitted = found.device.spin_linewidth_fwhm_hz
    assert abs(fitted.converted - 1.1 * width) < 3.0 * fitted.error * fitted.factor
    assert fitted.error < 0.02 * fitted.value
    assert found.device.measured == device.measured


def test_an_esr_line_shows_the_axes(tmp_path):
    axes = {"low": {"share": 0.5, "shift_hz": -9e6}, "high": {"share": 0.5, "shift_hz": 9e6}}
    line = {"shape": "voigt", "gaussian_fwhm_hz": 1e6, "lorentzian_fwhm_hz": 1e6}
    device = read(tmp_path, sheet(line=line, axes=axes))
    at = device.frequency_hz.converted + np.linspace(-15e6, 15e6, 301)
    trace = synthetic_trace("esr", at, device, {}, noise=0.0, seed=1)
    # two lines, which stand 18 MHz apart on the grid of 0.1 MHz
    highest = np.sort(at[np.argsort(trace.y)[-2:]])
    np.testing.assert_allclose(np.diff(highest), 18e6, atol=1e5)
