"""One table of keys serves reading, the page of the docs, and editors."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.cli import app
from darkbattery.runs.definitions.definition import parse_definition, shipped_definitions
from darkbattery.runs.definitions.jsonschema import json_schema
from darkbattery.runs.pages.marks import fill
from darkbattery.runs.questions import QUESTIONS
from darkbattery.runs.studies.reference.definition import keys_tables

PAGE = Path(__file__).parents[2] / "docs" / "definition.md"
RESERVOIR = {"n_battery": 2, "n_charger": 10}
RUN = {"method": "evolve", "times": [1.0]}


def _valid(content: object) -> bool:
    return not list(jsonschema.Draft202012Validator(json_schema()).iter_errors(content))


def test_the_schema_is_one_and_the_command_prints_it():
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json.loads(CliRunner().invoke(app, ["schema"]).output) == json_schema()


def test_it_takes_every_definition_that_is_shipped():
    for name, path in shipped_definitions().items():
        assert _valid(tomllib.loads(path.read_text("utf-8"))), name
    assert len(QUESTIONS) > 3


@pytest.mark.parametrize(
    ("model", "run", "valid"),
    [
        ({}, {}, True),
        ({"battery_start": "thermal"}, {}, True),
        ({"battery_start": {"up": 0.5}}, {}, True),
        ({"battery_start": ["down", {"excitations": 1}]}, {}, True),
        ({"nbar": {"start": 0.1, "stop": 1, "points": 3, "spacing": "log"}}, {}, True),
        ({"n_battery": [1, 2]}, {"times": {"stop": 2, "points": 3, "unit": "burst"}}, True),
        ({"protocol": {"wait": {"duration": 2, "coupled": "none"}}}, {}, True),
        ({"n_batery": 2}, {}, False),
        ({"battery_start": "up"}, {}, False),
        ({"n_battery": "two"}, {}, False),
        ({"n_battery": 1.5}, {}, False),
        ({"protocol": {"wait": {"durations": 2}}}, {}, False),
        ({}, {"method": "evolves"}, False),
        ({}, {"times": {"stop": 2}}, False),
        ({}, {"observables": ["energy"]}, False),
        ({}, {"observables": ["power", "port_photons of 2nd port"]}, True),
        ({}, {"observables": ["port_photons"]}, False),
        ({}, {"observables": ["photons of out"]}, False),
        ({}, {"records": {"level": [0.5]}}, False),
    ],
)
def test_it_says_what_reading_says(model, run, valid):
    content = {"model": RESERVOIR | model, "run": RUN | run}
    assert _valid(content) is valid
    if valid:
        parse_definition(content)
    else:
        with pytest.raises(InputError):
            parse_definition(content)


def test_the_page_has_its_tables(tmp_path):
    copy = tmp_path / "definition.md"
    copy.write_text(PAGE.read_text("utf-8"), "utf-8")
    fill(copy, keys_tables())
    assert copy.read_text("utf-8") == PAGE.read_text("utf-8")
