"""`darkbattery diamond`: fields and temperatures from the command line."""

import pytest
from typer.testing import CliRunner

from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.cli import app


def shown(*arguments):
    return CliRunner(env={"COLUMNS": "140"}).invoke(app, ["diamond", *map(str, arguments)])


def test_a_field_along_100_at_25_millikelvin():
    answer = shown("--field", 0, 0, 9.4e-3, "--temperature", 0.025)
    assert answer.exit_code == 0
    assert "D = 2877.38 MHz" in answer.output
    levels = ("lower", "upper")
    rows = [
        line for line in answer.output.splitlines() if "[" in line and line.split()[3] in levels
    ]
    assert len(rows) == 8
    # four equal axes, the triplet of 14N
    assert sum("2749.5" in row and "-2.1" in row for row in rows) == 4
    assert "not two levels" not in answer.output


def test_without_a_field_two_levels_do_not_hold():
    answer = shown("--nitrogen", 14)
    assert answer.exit_code == 0
    assert "overlap" in answer.output
    assert "not two levels, all of them: next transition" in answer.output
    assert "third level" in answer.output


def test_no_nucleus_no_lines():
    assert "+2.1" not in shown("--field", 0, 0, 5e-3, "--nitrogen", 0).output


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("--field", 0, 0, 9.4), "field_t"),
        (("--temperature", -1), "temperature_k"),
        (("--nitrogen", 13), "nitrogen"),
        (("--direction", 0, 0, 0), "direction"),
        (("--bandwidth", 0), "bandwidth_hz"),
        (("--strain", "1e12"), "m_x_hz"),
    ],
)
def test_bad_input_is_refused(arguments, field):
    error = shown(*arguments).exception
    assert isinstance(error, InputError)
    assert error.field == field
