"""Results on a terminal: every number whole, at any width, also in ASCII."""

import io

import pytest
from rich.console import Console

from darkbattery.runs.definitions.definition import parse_definition
from darkbattery.runs.results.study import run_study
from darkbattery.runs.terminal.screen import ENDS, ResultTables


def _printed(study, width, encoding="utf-8"):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="replace")
    Console(file=stream, width=width).print(ResultTables(study))
    stream.flush()
    return raw.getvalue().decode(encoding)


def _steady(sizes, ratios, names):
    model = {"n_battery": sizes, "ratio": ratios}
    return run_study(
        parse_definition({"model": model, "run": {"method": "steady", "observables": names}})
    )


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_twenty_points_show_every_number(width, encoding):
    """A first template as it is: 20 points and five quantities, once a grid of dots."""
    names = ["battery_energy", "ergotropy", "ergotropy_total", "ergotropy_local", "capacity"]
    study = _steady([1, 2, 5, 10, 20], [1, 2, 5, 10], names)
    text = _printed(study, width, encoding)
    assert "..." not in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for value in study.table["value"]:
        assert abs(value) < 1e-14 or f"{value:.6g}" in text
    assert "e-17" not in text  # rounding


def test_one_model_has_a_row_a_quantity():
    model = {"n_battery": 1, "ratio": 5}
    run = {
        "method": ["evolve", "sample"], "times": [0.0, 0.5], "runs": 50, "seed": 3,
        "observables": ["battery_energy", "power"],
    }  # fmt: skip
    study = run_study(parse_definition({"model": model, "run": run}))
    text = _printed(study, 80)
    (line,) = (line for line in text.splitlines() if "battery energy, at the end" in line)
    table = study.table[(study.table["observable"] == "battery_energy") & (study.table.time > 0.1)]
    exact, sampled = (table[table["method"] == m].iloc[0] for m in ("evolve", "sample"))
    apart = (sampled["value"] - exact["value"]) / sampled["error"]
    assert f"{exact['value']:.6g}" in line
    assert f"{apart:.2f}" in line
    assert "(" in line.split()[-2]  # 0.72(5)
    assert "time of largest power" in text
    assert "+-" not in text
    assert "W_d" not in text


@pytest.mark.parametrize("width", [20, 30, 40])
def test_one_model_is_whole_on_a_narrow_terminal(width):
    """Names of quantities vanished at 40 columns, at 20 most digits of numbers."""
    names = ["battery_energy", "power"]
    run = {"method": ["evolve", "sample"], "times": [0.0, 0.5], "runs": 50, "observables": names}
    study = run_study(parse_definition({"model": {"n_battery": 1, "ratio": 5}, "run": run}))
    text = " ".join(_printed(study, width).split())
    value = study.table[study.table["method"] == "evolve"]["value"].iloc[1]
    for word in ("battery", "energy, at", "time of", f"{value:.6g}", "deviation"):
        assert word in text


def test_hundreds_of_points_are_first_last_and_a_count():
    study = _steady(list(range(1, 61)), 5, ["battery_energy"])
    rows = _printed(study, 80).splitlines()
    sizes = [int(row.split()[0]) for row in rows if row.split() and row.split()[0].isdigit()]
    assert sizes == [*range(1, 1 + ENDS), *range(61 - ENDS, 61)]
    assert "60 points" in " ".join(rows[-2:])
    assert "table.parquet" in " ".join(rows[-2:])


def test_swept_values_are_whole():
    values = [0.123456789, 0.123456788, 1e-7]
    model = {"n_battery": 1, "ratio": 5, "nbar": values}
    run = {"method": "steady", "observables": ["battery_energy"]}
    text = _printed(run_study(parse_definition({"model": model, "run": run})), 80)
    assert all(any(float(w) == v for w in text.split() if w[0].isdigit()) for v in values)


@pytest.mark.parametrize("width", [80, 120])
def test_a_few_points_with_many_numbers_are_one_table(width):
    """The first study of all was six tables at 80 columns, two of the charger's energy alone."""
    run = {
        "method": ["steady", "evolve", "sample"], "times": [0.0, 0.5, 1.0], "runs": 50, "seed": 3,
        "observables": ["battery_energy", "charger_energy", "ergotropy", "power"],
    }  # fmt: skip
    model = {"n_battery": [1, 2, 3], "ratio": 5}
    study = run_study(parse_definition({"model": model, "run": run}))
    for encoding in ("utf-8", "ascii"):
        lines = _printed(study, width, encoding).splitlines()
        assert max(map(len, lines)) <= width
        assert sum("n_battery=" in line for line in lines) == 1
    (energy,) = (i for i, line in enumerate(lines) if "battery energy" in line)
    table = study.table.query("observable == 'battery_energy' and time == 1.0")
    exact = table[table["method"] == "evolve"]["value"]
    assert lines[energy + 2].split()[-3:] == [f"{value:.6g}" for value in exact]
