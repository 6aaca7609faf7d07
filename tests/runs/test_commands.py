"""The command line as people expect one: help, version, loudness, colours, init, check."""

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from darkbattery.nvmodel import InputError
from darkbattery.runs.choice.cost import carried_on, estimate
from darkbattery.runs.cli import COMMANDS, EXIT_STATUSES, app, described, main
from darkbattery.runs.definitions.definition import (
    find_definition,
    parse_definition,
    read_definition,
)
from darkbattery.runs.questions import QUESTIONS, write_question
from darkbattery.runs.results.study import run_study
from darkbattery.runs.start import execute

PROGRAM = [sys.executable, "-c", "from darkbattery.runs.cli import main; main()"]
ESCAPE = "\x1b["


def called(monkeypatch, capsys, *arguments):
    """Status, standard output and error of the command line in this process."""
    monkeypatch.setattr(sys, "argv", ["darkbattery", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    said = capsys.readouterr()
    return exit_.value.code or 0, said.out, said.err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.__name__)
def test_every_command_has_examples_that_it_would_take(command, monkeypatch, capsys):
    _, examples = described(command)
    lines = [line for line in examples.split("\n\n") if "darkbattery" in line]
    assert lines
    status, out, _ = called(monkeypatch, capsys, command.__name__, "--help")
    assert status == 0
    import typer.main

    group = typer.main.get_command(app)
    for line in lines:
        assert " ".join(line.split()) in " ".join(out.split())
        words = line.partition(" > ")[0].split()  # what the shell keeps to itself
        name, *rest = words[words.index("darkbattery") + 1 :]
        assert name == command.__name__
        # parses: each option is known and every argument is there
        context = group.commands[name].make_context(name, rest)
        assert not context.args


def test_help_tells_the_exit_statuses_and_version_the_version(monkeypatch, capsys):
    status, out, _ = called(monkeypatch, capsys, "--help")
    assert status == 0
    assert " ".join(EXIT_STATUSES.split()) in " ".join(out.split())
    status, out, _ = called(monkeypatch, capsys, "--version")
    assert status == 0
    assert re.fullmatch(r"darkbattery \S.*\n", out)
    assert called(monkeypatch, capsys, "--nonsense")[0] == 2
    assert called(monkeypatch, capsys, "-q", "-v", "doctor")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("runn", "no such command 'runn'; did you mean 'run' (darkbattery --help "),
        ("run", "missing argument 'definition' (darkbattery run --help "),
        ("replay results", "missing option '--run' (darkbattery replay --help "),
        ("run charging --nonsense", "no such option: --nonsense"),
        ("run charging --time-limit x", "--time-limit = 'x': must be a number\n"),
        ("replay results --run=1.5", "--run = '1.5': must be a whole number\n"),
        ("show results --out", "no such option: --out"),
        ("merge results --out", "option '--out' requires an argument (darkbattery merge "),
        ("devices one two", "unexpected extra argument"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(arguments, said, monkeypatch, capsys):
    status, out, err = called(monkeypatch, capsys, *arguments.split())
    assert (status, out) == (2, "")
    assert err.startswith("darkbattery: ")
    assert said in err
    assert err.count("\n") == 1


SMALL = """
title = "small"
[model]
n_battery = 1
n_charger = 5
[run]
method = "evolve"
times = [0.0, 1.0]
"""
# beyond its validity, with a warning
LOUD = SMALL.replace("[run]", '[run]\nengine = "semiclassical"').replace(
    "n_charger = 5", "n_charger = 1"
)


def test_quiet_and_verbose_before_and_after_the_command(tmp_path, monkeypatch, capsys):
    (tmp_path / "small.toml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    status, out, err = called(monkeypatch, capsys, "run", "small.toml", "--out", "a", "--quiet")
    assert (status, out, err) == (0, "", "")
    status, out, err = called(monkeypatch, capsys, "-q", "show", "a")
    assert (status, out, err) == (0, "", "")
    status, out, err = called(monkeypatch, capsys, "run", "small.toml", "--out", "a", "-q")
    assert (status, out) == (2, "")  # a refusal is told
    assert err.count("\n") == 1
    monkeypatch.setattr(execute, "_draw", lambda *_: ())  # slow, and seen to be quiet above
    status, out, err = called(monkeypatch, capsys, "run", "small.toml", "--out", "b", "-v")
    assert status == 0
    assert "versions: " in out
    status, out, err = called(monkeypatch, capsys, "run", "small.toml", "--out", "b", "-v")
    assert status == 2
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("darkbattery: --out = 'b': exists already")


def test_quiet_keeps_no_warning_to_itself(tmp_path, monkeypatch, capsys):
    """Order 2 from one spin each leaves its bounds; the loud run says the same on its output."""
    (tmp_path / "loud.toml").write_text(LOUD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(execute, "_draw", lambda *_: ())
    _, out, _ = called(monkeypatch, capsys, "run", "loud.toml", "--out", "a")
    told = [line for line in out.splitlines() if line.startswith("warning:")]
    status, out, err = called(monkeypatch, capsys, "run", "loud.toml", "--out", "b", "-q")
    assert (status, out) == (0, "")
    assert err.splitlines()[: len(told)] == told
    status, out, err = called(monkeypatch, capsys, "show", "b", "-q")
    assert (status, out, err.splitlines()) == (0, "", told)


def _on_a_terminal(*arguments):
    """What a program says to a terminal."""
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {
        "TERM": "xterm-256color"
    }
    process = subprocess.Popen(
        [*PROGRAM, *arguments], stdout=theirs, stderr=theirs, stdin=theirs, env=environment
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 4096):
            said += part
    except OSError:  # Linux says so that the other end is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0
    return said.decode()


def test_colours_only_on_terminals():
    assert ESCAPE in _on_a_terminal("check", "paper/size")
    piped = subprocess.run(
        [*PROGRAM, "check", "paper/size"], capture_output=True, text=True, check=True
    )
    assert ESCAPE not in piped.stdout + piped.stderr


# ---- init


@pytest.mark.parametrize("question", QUESTIONS)
def test_init_writes_a_definition_that_runs(question, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, out, _ = called(monkeypatch, capsys, "init", question)
    assert (status, out) == (0, f"{question}.toml\n")
    text = Path(f"{question}.toml").read_text()
    assert text.startswith(f"# {QUESTIONS[question]}\n")
    read_definition(Path(f"{question}.toml"))
    assert text.count("#") >= 4
    status, _, err = called(monkeypatch, capsys, "init", question)
    assert status == 2
    assert "exists already" in err
    assert called(monkeypatch, capsys, "init", question, "--replace")[0] == 0


def test_init_lists_its_questions_and_refuses_others(tmp_path, monkeypatch, capsys):
    _, out, _ = called(monkeypatch, capsys, "init")
    # a long question goes on in the next line, in its own column
    first = [line[1:].split(" ")[0] for line in out.splitlines()[3:]]
    assert [word for word in first if word] == [*QUESTIONS, "device"]
    assert max(map(len, out.splitlines())) <= 80
    for asked in QUESTIONS.values():
        assert all(word in out for word in asked.split())
    with pytest.raises(InputError, match="did you mean 'power'"):
        write_question("pwer", None, False)
    with pytest.raises(InputError, match=r"known: .*, resonator, device$"):
        write_question("nothing", None, False)
    with pytest.raises(InputError, match="folder that does not exist"):
        write_question("power", tmp_path / "no" / "x.toml", False)


@pytest.mark.parametrize("command", ["init power", "init device", "report here"])
def test_a_file_that_cannot_be_written_is_refused_by_its_option(
    command, tmp_path, monkeypatch, capsys
):
    """Folders were "exists already; give --replace", with it too; errors of the system bare."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setattr("darkbattery.runs.report.page.report_page", lambda folders: "a page")
    for options, allowed in (
        (("--out", str(folder), "--replace"), "is a folder; give the name of a file"),
        (("--out", "x" * 300), "cannot be written: File name too long"),
    ):
        status, _, err = called(monkeypatch, capsys, *command.split(), *options)
        assert status == 2
        assert err.startswith(f"darkbattery: --out = {options[1]!r:.50}")
        assert err.endswith(f": {allowed}\n")
    assert not list(folder.iterdir())


# ---- check


@pytest.mark.parametrize("start", [0.02, 0.35])
def test_carried_on_is_a_line_from_trials(start):
    """Fixed times an action, as of runs side by side: its start, and 1 ms each of 3000."""
    calls = []

    def action(number):
        calls.append(number)
        until = time.process_time() + start + 0.001 * number
        while time.process_time() < until:
            pass

    seconds = carried_on(action, 3000)
    assert max(calls) < 3000
    assert 0.9 < seconds / (start + 3.0) < 1.1


def _study(**changes):
    model = {"n_battery": [4, 8, 12], "ratio": 5}
    run = {"method": "evolve", "times": {"stop": 1.0, "points": 201}}
    return parse_definition({"model": model | changes.pop("model", {}), "run": run | changes})


@pytest.mark.parametrize(
    "definition",
    [
        _study(model={"nbar": 0.3, "n_battery": [8, 10, 12, 14]}),
        _study(method="sample", runs=60_000),
        _study(method="sample", runs=2_000, model={"nbar": 0.5}),
        _study(engine="semiclassical", method="sample", runs=1500, model={"n_battery": 1000}),
    ],
    ids=["exact", "cold runs", "warm runs", "paths"],
)
def test_the_estimate_holds_within_a_factor_of_three(definition):
    run_study(parse_definition(_tiny(definition)))  # compiled
    # of a core; other programs lengthen both by its caches alone: in turn, and the least of three
    rounds = [(_estimated(definition), _seconds_of(definition)) for _ in range(3)]
    told, took = map(min, zip(*rounds, strict=True))
    assert 1 / 3 < told / took < 3, (told, took)


def _estimated(definition):
    return sum(cost.seconds for cost in estimate(definition).costs)


def _seconds_of(definition):
    started = time.process_time()
    run_study(definition)
    return time.process_time() - started


def _tiny(definition):
    from darkbattery.runs.results.store import definition_content

    content = definition_content(definition)
    content["run"] |= {"times": [0.0, 0.1]} | ({"runs": 2} if definition.runs else {})
    content["model"]["n_battery"] = 2
    return content


def test_memory_of_a_large_study_is_that_of_its_arrays():
    """(60, 300) at nbar = 0.5, populations: six arrays of unknowns, and states of a batch."""
    found = estimate(_study(model={"n_battery": 60, "nbar": 0.5}, observables=["ergotropy"]))
    unknowns = 61 * 62 / 2 * 361
    assert 8 * 6 * unknowns < found.costs[0].bytes < 8 * (20 * unknowns + 2**25)
    assert found.rank_bytes > found.costs[0].bytes


def test_check_refuses_what_no_solver_holds(tmp_path, monkeypatch, capsys):
    huge = SMALL.replace("n_battery = 1", "n_battery = 100_000").replace("= 5", "= 900_000")
    for text, said in (
        (huge + 'observables = ["ergotropy"]', "unknowns"),
        (
            huge.replace('"evolve"', '"sample"\nruns = 10').replace(
                "900_000", "10_000_000_000_000_000"
            ),
            "take N_C - N_B up to",
        ),
    ):
        (tmp_path / "huge.toml").write_text(text)
        status, _, err = called(monkeypatch, capsys, "check", tmp_path / "huge.toml")
        assert status == 2
        assert said in err


def test_check_tells_a_table_and_runs_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, out, _ = called(monkeypatch, capsys, "check", "charging", "--ranks", "4")
    assert status == 0
    assert "200,000 runs" in out
    assert "on 4 ranks" in out
    assert not list(tmp_path.iterdir())
    assert called(monkeypatch, capsys, "check", "charging", "--ranks", "0")[0] == 2
    assert np.isfinite(estimate(read_definition(find_definition("charging"))).rank_bytes)


def test_check_says_first_how_often_fields_turn_spins(tmp_path, monkeypatch, capsys):
    """Its trials follow every turn: without a word before them nobody knew what took so long."""

    def tried(definition):
        raise InputError("trials", "begun", "after the word")

    monkeypatch.setattr("darkbattery.runs.choice.cost.estimate", tried)
    # 2 g eta/(kappa/2) = 1e9 rad/s for a microsecond is 159 turns
    for amplitude, said in ((2.5e14, "up to 159 times"), (2.5e12, "")):
        (tmp_path / "strong.toml").write_text(TURNED.replace("AMPLITUDE", str(amplitude)))
        status, out, err = called(monkeypatch, capsys, "check", tmp_path / "strong.toml")
        assert status == 2
        assert "after the word" in err
        assert said in " ".join(out.split()) if said else not out


TURNED = """
[model]
battery = { number = 1e10, coupling_hz = 10.0 }
charger = { number = 1e10, coupling_hz = 10.0 }
resonator = { frequency_hz = 5e9, linewidth_fwhm_hz = 10e6 }
[model.protocol.turn]
duration = 2e-6
drives.strong = { amplitude = AMPLITUDE, duration_s = 1e-6 }
[run]
engine = "semiclassical"
method = "evolve"
times = [1e-6, 2e-6]
"""

AT_A_RESONATOR = """
[model]
battery = { number = 1, coupling_hz = 1.0 }
charger = { number = 2, coupling_hz = 1.0 }
resonator = { frequency_hz = 5e9, linewidth_fwhm_hz = 2.0 }
[run]
engine = "quantum"
method = "sample"
times = [0.1, 0.5]
runs = 20
seed = 1
"""


def test_a_replay_at_a_resonator_tells_the_photons(tmp_path, monkeypatch, capsys):
    """And a result asked for without the folder that `run` leaves it in is pointed to."""
    monkeypatch.chdir(tmp_path)
    Path("few.toml").write_text(AT_A_RESONATOR)
    assert called(monkeypatch, capsys, "--quiet", "run", "few.toml")[0] == 0
    said = called(monkeypatch, capsys, "replay", "results/few", "--run", 1)[1]
    assert re.search(r"ergotropy \S+ ħω,\s\S+\sphotons\sin\sthe\smode", said)
    status, _, refused = called(monkeypatch, capsys, "replay", "few", "--run", 1)
    expected = "result folder = 'few': is no folder here; results/few is a result"
    assert (status, refused.strip()) == (2, f"darkbattery: {expected}")
