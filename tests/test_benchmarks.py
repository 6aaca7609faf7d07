"""That benchmarks still start, and that the table of peers notices wrong answers."""

import doctest
import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.fixture
def benchmark_module(monkeypatch):
    """Import a script as its own folder sees it, without our command line."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", ["benchmark"])
    return importlib.import_module


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_finds_what_it_imports(benchmark_module, name):
    assert doctest.testmod(benchmark_module(name)).failed == 0


def test_no_file_takes_a_private_name_of_another(benchmark_module):
    assert benchmark_module("house").private_imports().behind == ()


def test_house_follows_compiled_functions_and_counts_places_of_one_shape(benchmark_module):
    house = benchmark_module("house")
    # random numbers are drawn in compiled loops alone, which leave no frame to see
    opened = house.files_opened("T > 0").behind
    assert any(one.startswith("nvmodel/streams.py") for one in opened)
    measures = [house.longest_chain("runs"), house.upward_imports(), house.model_questions()]
    assert all(int(one.found) == len(one.behind) for one in measures)


def test_a_copied_function_is_found_under_other_names(benchmark_module, tmp_path, monkeypatch):
    house = benchmark_module("house")
    lines = (
        "def {0}({1}):",
        "    {2} = []",
        "    for {3} in {1}:",
        "        if {3} > {4}:",
        "            {2}.append({3} * {4})",
        "        else:",
        "            {2} += [{3}, {1}[0]]",
        "    return {2}",
    )
    copies = {"one": ("f", "rows", "kept", "row", 3), "two": ("g", "spins", "up", "spin", 0.5)}
    paths = {name: tmp_path / f"{name}.py" for name in copies}
    for name, words in copies.items():
        # data and documentation differ, and are alike within a file
        table = "".join(f"X{i} = ({i}, 'a')\n" for i in range(20))
        paths[name].write_text(table + "\n".join(lines).format(*words) + "\n")
    monkeypatch.setattr(house, "all_sources", lambda: paths)
    assert house.shared_shapes("lines", "", house.shapes_of).behind == ("one:21 = two:21",)
    bodies = house.shared_shapes("lines of bodies", "", house.bodies_of)
    assert bodies.behind == ("one:21 = two:21",)


def test_quick_table_of_peers_has_no_failures_and_fills_its_page(tmp_path):
    page = tmp_path / "page.md"
    begin, end = (f"<!-- peers: {word} -->" for word in ("generated", "end"))
    page.write_text(f"before\n\n{begin}\nold\n{end}\n\nafter\n")
    command = [sys.executable, str(FOLDER / "peers.py"), "1", "--quick", "--page", str(page)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    text = page.read_text()
    assert text.startswith(f"before\n\n{begin}\n")
    assert text.endswith(f"{end}\n\nafter\n")
    assert "old" not in text
    assert (tmp_path / "figures" / "peers.png").stat().st_size > 10_000
    assert "1 alternations; 0 of 10 calls failed." in text.replace("\n", " ")
    assert "qutip " in text
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    peers = [row for row in rows[1:] if not row[1].startswith("darkbattery")]
    assert {row[1].split()[0] for row in peers} == {"QuTiP", "scipy"}
    for row in peers:
        # ran, agreed, and said by how much
        assert _number(row[2]) > 0.0
        assert row[4] == "0"
        difference, *unit = row[5].split(" ", 1)
        assert _number(difference) >= 0.0
        assert unit in ([], ["standard errors"]), row


def _number(cell):
    """A number of the page, such as $3.1\\times10^{-15}$ or $10^{-9}$."""
    plain = re.sub(r"\$|\}|\\times", "", cell)
    mantissa, _, power = plain.partition("10^{")
    return float(plain) if not power else float(mantissa or 1) * 10.0 ** int(power)


def answers(contest, *values, errors=None):
    """A solver that gives these values in turn, the last one for ever; errors are raised."""
    left = list(values)

    def work():
        value = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(value, Exception):
            raise value
        return value

    read = lambda value: contest.Answer(np.array([[value]]), errors)  # noqa: E731
    return contest.Ready(1, work, read)


def test_a_peer_that_gives_something_else_has_failed(benchmark_module):
    contest = benchmark_module("contest")

    def missing():
        raise ModuleNotFoundError("No module named 'peer'")

    work = contest.Work(
        "work",
        (
            contest.Contender("ours", lambda: answers(contest, 0.5)),
            contest.Contender("same", lambda: answers(contest, 0.5, 0.5, 0.5 + 1e-7, 0.5)),
            contest.Contender("other", lambda: answers(contest, 0.5 + 1e-5)),
            contest.Contender("nothing", lambda: answers(contest, np.nan)),
            contest.Contender("stops", lambda: answers(contest, 0.5, RuntimeError("no root"), 0.5)),
            contest.Contender("never", lambda: answers(contest, RuntimeError())),
            contest.Contender("missing", missing),
        ),
        bound=1e-6,
    )
    found = {line.solver: line for line in contest.compete(work, 3)}
    assert {name: (line.calls, line.failed, len(line.ratios)) for name, line in found.items()} == {
        "ours": (3, 0, 3),
        "same": (3, 0, 3),
        "other": (3, 3, 0),
        "nothing": (3, 3, 0),
        "stops": (3, 1, 2),
        "never": (3, 3, 0),
        "missing": (0, 0, 0),
    }
    assert found["ours"].ratios == [1.0] * 3
    assert found["same"].difference == pytest.approx(1e-7, rel=1e-6)
    assert found["other"].remark == found["nothing"].remark == "gives something else"
    assert np.isnan(found["nothing"].difference)
    assert found["stops"].remark == "fails: no root"
    assert found["never"].remark == "fails: RuntimeError"
    assert found["missing"].remark == "not installed"
    rows = benchmark_module("peers_table").table(list(found.values())).splitlines()
    assert rows[4].endswith("| 3 of 3 | $10^{-5}$: gives something else |")


def test_means_over_runs_are_compared_in_their_standard_errors(benchmark_module):
    contest = benchmark_module("contest")
    ours, theirs = np.array([[0.003]]), np.array([[0.004]])
    entrants = (
        contest.Contender("ours", lambda: answers(contest, 0.5, errors=ours)),
        contest.Contender("within", lambda: answers(contest, 0.52, errors=theirs)),
        contest.Contender("beyond", lambda: answers(contest, 0.53, errors=theirs)),
    )
    _, within, beyond = contest.compete(contest.Work("runs", entrants, None), 1)
    assert (within.failed, beyond.failed) == (0, 1)
    assert within.difference == pytest.approx(4.0)
    assert beyond.difference == pytest.approx(6.0)
    # 30 runs in which nothing happened do not know that nothing ever happens
    none = contest.sampled(np.zeros((1, 1)), np.zeros((1, 1)), 30)
    assert none.errors == pytest.approx(np.sqrt(2.0) / 30)


@pytest.mark.parametrize("before", [(), (0.5,)])
def test_errors_of_ours_are_not_counted_but_raised(benchmark_module, before):
    contest = benchmark_module("contest")
    ours = lambda: answers(contest, *before, RuntimeError("ours"))  # noqa: E731
    entrants = (contest.Contender("ours", ours),)
    with pytest.raises(RuntimeError, match="ours"):
        contest.compete(contest.Work("work", entrants, 1e-6), 2)


@pytest.mark.long
@pytest.mark.skipif(shutil.which("xmds2") is None, reason="needs the Debian package xmds2")
def test_wigner_runs_have_the_energies_that_xmds2_finds(benchmark_module):
    contest, peers = benchmark_module("contest"), benchmark_module("semiclassical_peers")
    work = contest.Work("Wigner runs", tuple(peers.wigner_of(6400)), None)
    for line in contest.compete(work, 1):
        # 202 correlated differences: a largest one above 5 is chance one time in 10,000
        assert (line.failed, line.calls) == (0, 1), (line.solver, line.difference)
