"""What commands print fits 80 columns, cuts nothing off, and is written in ASCII where it must."""

import io
import math

import pandas as pd
import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from darkbattery.nvmodel.devices.published import DEVICES, find_device
from darkbattery.nvmodel.nv.levels import Diamond
from darkbattery.nvmodel.observables import OBSERVABLES, in_words
from darkbattery.runs.choice.cost import estimate
from darkbattery.runs.cli import app
from darkbattery.runs.commands.output import Forgiving
from darkbattery.runs.commands.speech import Speaker
from darkbattery.runs.compare.command import compare
from darkbattery.runs.compare.matching import Source
from darkbattery.runs.compare.tables import tables
from darkbattery.runs.definitions.definition import (
    find_definition,
    parse_definition,
    read_definition,
)
from darkbattery.runs.plan.table import scaling_listing
from darkbattery.runs.questions import QUESTIONS, write_question
from darkbattery.runs.results.study import run_study
from darkbattery.runs.studies.devices import (
    comparison_table,
    data_sheet,
    derived,
    overview,
    transitions,
)
from darkbattery.runs.studies.experiments import Comparison
from darkbattery.runs.studies.paper.claims import Verdict
from darkbattery.runs.studies.paper.table import (
    appendix_table,
    rich_appendix,
    rich_claims,
    two_spins_table,
)
from darkbattery.runs.studies.telling import rich_numbers
from darkbattery.runs.terminal.cost_table import cost_table
from darkbattery.runs.terminal.screen import ResultTables

MEASURED = (
    Comparison("NV centre", "splitting, two crystals over one", "kHz/K", -1234.5, 1.36e-7, "±1"),
    Comparison("eisenach2021", "polariton's width at 17 MHz", "MHz", None, 5.1324, "word " * 20),
)
CLAIMS = pd.DataFrame(
    [
        {
            "claim": f"a-claim-with-a-long-name-{i}",
            "place": "Sec. III B, Fig. 4(b)",
            "statement": "E_ss ≥ 0.9 ħω at N_B = 10, " * 6,
            "numbers": "0.948835, -3.1e-15; " * 8,
            "criterion": "",
            "verdict": str(verdict),
        }
        for i, verdict in enumerate(Verdict)
    ]
)


def _study(name, **run):
    content = {"title": "t", "model": {"n_battery": [1, 2], "ratio": 5}}
    times = {"stop": 1.0, "points": 6}
    run = {"method": "evolve", "times": times} | run
    return Source(name, run_study(parse_definition(content | {"run": run})))


def _compared():
    one = _study("a-result-with-a-name-of-some-length")
    two = _study("sampled", method="sample", runs=200)
    found = compare([one, two, _study("second", engine="semiclassical")])
    return [*found.statements, *tables(found.differences, found.distances)]


def _transitions():
    table, remarks = transitions(Diamond(), (1.0, 0.0, 0.0), 1e7)
    return [table, *remarks]


def _device(name):
    return [data_sheet(find_device(name)), *derived(find_device(name))]


def _cost():
    definition = read_definition(find_definition("charging"))
    return [cost_table(definition, estimate(definition), 64)]


SPOKEN = {
    "devices": lambda: [overview()],
    "devices --checks": lambda: [comparison_table(MEASURED)],
    "diamond": _transitions,
    "check": _cost,
    "paper": lambda: [
        rich_appendix(appendix_table()),
        rich_numbers(two_spins_table(), "Two spins", 2),
        rich_claims(CLAIMS),
    ],
    "compare": _compared,
} | {
    f"devices {name}": lambda name=name: [
        data_sheet(find_device(name)),
        *derived(find_device(name)),
    ]
    for name in DEVICES
}


def _printed(parts, encoding, width=80):
    """As a command prints it into a stream of that encoding, and the console's."""
    raw = io.BytesIO()
    stream = Forgiving(io.TextIOWrapper(raw, encoding=encoding))
    console = Speaker(file=stream, width=width)
    for part in parts:
        console.print(part, highlight=False, markup=False)
    stream.flush()
    return raw.getvalue().decode(encoding)


def _is_whole(text, width=80):
    assert text
    assert "…" not in text
    assert max(map(cell_len, text.splitlines())) <= width


@pytest.mark.parametrize("what", SPOKEN)
def test_nothing_is_cut_or_wider_than_the_terminal(what):
    parts = SPOKEN[what]()
    for encoding in ("utf-8", "ascii"):
        text = _printed(parts, encoding)
        _is_whole(text)
        # a letter that the encoding lacks and that nothing stands for
        assert "?" not in text
    # at 120 columns words are still whole
    _is_whole(_printed(parts, "utf-8", 120), 120)


def test_axes_of_a_crystal_are_not_broken():
    """In a field, with a nucleus, [-1 -1 1] was two lines of a narrow column."""
    field = Diamond(field_t=(0.0, 0.0, 9.4e-3), temperature_k=0.025)
    table, _ = transitions(field, (1.0, 0.0, 0.0), 1e7)
    text = _printed([table], "ascii")
    _is_whole(text)
    assert text.count("[-1 -1 1] ") == 2
    assert len(text.splitlines()) == len(table.rows) + 6
    assert " polarised " in text  # once polar- over ised, and |<e|n.S over |g>|


def test_exponents_are_a_value_with_its_error_in_brackets():
    """Equal powers have the exponent 0, once -0.000 +- 0.000."""
    slopes = ((3.478, 0.379), (-1e-17, 2e-17), (1.0 - 1e-16, 0.0), (math.nan, math.nan))
    rows = pd.DataFrame(
        [
            {"along": "spins", "at": "here", "quantity": f"q{i}", "exponent": value}
            | {"error": error, "C_low": 1.0, "C_high": 2.0}
            for i, (value, error) in enumerate(slopes)
        ]
    )
    assert [cells[2] for cells in scaling_listing(rows).rows] == ["3.5(4)", "0", "1", "-"]


def test_columns_stand_below_each_other_in_ascii():
    """A gamma of five letters moved all that followed it."""
    study = run_study(
        parse_definition(
            {
                "model": {"n_battery": 1, "ratio": 5},
                "run": {"method": "evolve", "times": [0.0, 0.5], "observables": ["power"]},
            }
        )
    )
    lines = [x for x in _printed([ResultTables(study)], "ascii").splitlines() if "power" in x]
    assert len(lines) >= 3
    assert len({len(line.rstrip()) for line in lines}) == 1


def test_every_observable_has_words():
    for name in OBSERVABLES:
        assert "_" not in in_words(name)


@pytest.mark.parametrize("command", ["", "run", "plan", "compare", "init", "check", "report"])
def test_help_fits(command):
    answer = CliRunner(env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).invoke(
        app, [*filter(None, [command]), "--help"]
    )
    assert max(map(len, answer.output.splitlines())) <= 80


@pytest.mark.parametrize("question", QUESTIONS)
def test_templates_say_what_they_cost_in_80_columns(question, tmp_path):
    path = write_question(question, tmp_path / "my.toml", False)
    definition = read_definition(path)
    _is_whole(_printed([cost_table(definition, estimate(definition), 1)], "ascii"))
