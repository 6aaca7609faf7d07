"""Files that are not what they should be: refused in one line, never run, never a wrong number."""

import ast
import hashlib
import json
import shutil
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkbattery.nvmodel import InputError
from darkbattery.runs.cli import main
from darkbattery.runs.definitions.definition import (
    parse_definition,
    read_definition,
    shipped_definitions,
)
from darkbattery.runs.definitions.tomlfile import read_toml
from darkbattery.runs.ranks.checkpoint import MAGIC, read_tallies
from darkbattery.runs.results.store import (
    CHECKSUMS,
    SUMMED,
    definition_content,
    load,
    write_checksums,
)
from darkbattery.runs.start.campaign import merged

SOURCE = Path(__file__).parent.parent.parent
SMALL = """
title = "[/] $ 50 %"
[model]
n_battery = [1, 2]
ratio = 5
[run]
method = ["steady", "evolve", "sample"]
times = [0.0, 0.5, 2.0]
runs = 40
seed = 1
single_runs = 2
"""
FIXTURES = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def ends_well(monkeypatch, capsys, *arguments):
    """Call the command line here; its status, after looking at what it said."""
    monkeypatch.setattr(sys, "argv", ["darkbattery", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    if exit_.value.code:
        assert exit_.value.code == 2
        assert said.err.count("\n") == 1, said.err
    return exit_.value.code


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage")
    # with all files that a result may hold
    joint = "[['emitted_photons at t = 0.5', 'final_J']]"
    asked = f"[run.statistics]\nof = ['peak_power']\njoint = {joint}\n"
    (folder / "small.toml").write_text(f"{SMALL}\n{asked}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["-", "run", str(folder / "small.toml"), "--out", f"{folder}/a"])
        with pytest.raises(SystemExit) as exit_:
            main()
    assert not exit_.value.code
    return folder / "a"


@pytest.fixture
def broken(result, tmp_path):
    return Path(shutil.copytree(result, tmp_path / "a"))


# ---- definitions


@given(st.binary(max_size=400))
@settings(deadline=None, max_examples=200, suppress_health_check=FIXTURES)
def test_bytes_are_a_definition_or_refused(tmp_path, content):
    path = tmp_path / "any.toml"
    path.write_bytes(content)
    with pytest.raises(InputError) as refusal:
        read_definition(path)
    assert "\n" not in str(refusal.value)


VALUES = st.recursive(
    st.one_of(
        st.none().map(lambda _: {}),
        st.booleans(),
        st.integers(),
        st.sampled_from([0, 1, -1, 2**53 + 1, 2**63, 2**64, 10**30]),
        st.floats(),
        st.text(max_size=8),
        st.dates(),
        st.times(),
        st.sampled_from(["steady", "evolve", "sample", "quantum", "semiclassical", "thermal"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)


def _paths(table, before=()):
    for key, value in table.items():
        yield (*before, key)
        if isinstance(value, dict):
            yield from _paths(value, (*before, key))


@given(data=st.data())
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_shipped_definitions_with_anything_in_a_field(data):
    """What is accepted is written and read again as the same study; all else is an InputError."""
    name = data.draw(st.sampled_from(sorted(shipped_definitions())))
    content = read_toml("definition", shipped_definitions()[name])
    for path in data.draw(st.lists(st.sampled_from(sorted(_paths(content))), max_size=2)):
        place = content
        for key in path[:-1]:
            place = place.get(key, {}) if isinstance(place, dict) else {}
        if isinstance(place, dict) and path[-1] in place:
            if data.draw(st.booleans()):
                place[path[-1]] = data.draw(VALUES)
            else:
                del place[path[-1]]
    try:
        definition = parse_definition(content)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    again = parse_definition(tomllib.loads(tomli_w.dumps(definition_content(definition))))
    assert again.digest() == definition.digest()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("{a=" * 20_000, "nested too deeply"),
        ("9" * 5000, "4300 digits"),
        ("0x" + "F" * 5000, "(int too long to show): must be"),
        ("1\n" + ".".join("a" * 100_000) + " = 1", "more than 100 parts"),
        ("1e999", "n_battery = inf"),
        ("1979-05-27", "n_battery = datetime.date"),
    ],
)
def test_definitions_made_to_hurt(tmp_path, value, said):
    path = tmp_path / "hurt.toml"
    path.write_text(SMALL.replace("[1, 2]", value))
    with pytest.raises(InputError, match=r"^[^\n]*$") as refusal:
        read_definition(path)
    assert said in str(refusal.value)


def test_a_title_is_only_text(result, monkeypatch, capsys):
    """Brackets are no styles and a dollar no formula: the fixture has both, and was drawn."""
    assert (result / "figures" / "charging.png").exists()
    monkeypatch.setattr(sys, "argv", ["darkbattery", "show", str(result)])
    with pytest.raises(SystemExit):
        main()
    assert "[/] $ 50 %" in capsys.readouterr().out
    for title in ("two\nlines", "\x1b[31m", "\x00"):
        with pytest.raises(InputError, match="one line of printable text"):
            parse_definition(
                {"title": title} | {t: v for t, v in tomllib.loads(SMALL).items() if t != "title"}
            )


# ---- result folders


def test_any_damage_to_a_result_is_refused(result, tmp_path):
    """Cuts and flipped bits of each file: none of 150 is read as a number."""
    broken = Path(shutil.copytree(result, tmp_path / "a"))
    rng = np.random.default_rng(3)
    assert load(broken).study.warnings == ()
    for name in (*SUMMED, CHECKSUMS):
        content = (result / name).read_bytes()
        cuts = [content[:size] for size in (0, *rng.integers(0, len(content), 10))]
        flips = [bytearray(content) for _ in range(15)]
        for flipped in flips:
            flipped[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        for damaged in (*cuts, *map(bytes, flips), rng.bytes(200)):
            (broken / name).write_bytes(damaged)
            with pytest.raises(InputError) as refusal:
                load(broken)
            assert "\n" not in str(refusal.value)
        (broken / name).write_bytes(content)


@pytest.mark.parametrize("name", [*SUMMED, CHECKSUMS])
def test_a_missing_file_is_refused_by_every_command(broken, monkeypatch, capsys, name):
    (broken / name).unlink()
    page = broken.parent / "page.html"
    for command in (("show",), ("plot",), ("replay", "--run", "0"), ("report", "--out", page)):
        assert ends_well(monkeypatch, capsys, command[0], broken, *command[1:]) == 2
    assert not page.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "has format 2"),
        ({"format": None}, "has format None"),
        ({"seed": "one"}, "no valid seed"),
        ({"warnings": "none"}, "no valid warnings"),
    ],
)
def test_records_of_other_versions_are_refused(broken, change, said):
    path = broken / "provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    write_checksums(broken, SUMMED)
    with pytest.raises(InputError) as refusal:
        load(broken)
    assert said in str(refusal.value)


def test_tables_of_other_shapes_are_refused(broken):
    table = pd.read_parquet(broken / "table.parquet")
    for other in (
        table.drop(columns="error"),
        table.rename(columns={"n_battery": "n"}),
        table.assign(value="much"),
        table.assign(observable=1),
    ):
        other.to_parquet(broken / "table.parquet", index=False)
        write_checksums(broken, SUMMED)
        with pytest.raises(InputError, match=r"table\.parquet"):
            load(broken)


# ---- checkpoints, merging, going on


def _tallies_with(header, payload=b""):
    head = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return MAGIC + head + b"\n" + hashlib.sha256(head).hexdigest().encode() + b"\n" + payload


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"darkbattery tallies 3\n{}\n\n",
        _tallies_with([]),
        _tallies_with({"study": "x"}),
        _tallies_with(b"{" * 50_000),
        _tallies_with({"study": "x", "points": 3, "sha256": hashlib.sha256(b"").hexdigest()}),
        _tallies_with(
            {"study": "x", "points": [{"spans": [[5, 2]], "goal": 1}], "sha256": "-"}, b"PK\x03\x04"
        ),
    ],
)
def test_checkpoints_with_a_right_checksum_and_wrong_content(tmp_path, content):
    path = tmp_path / "tallies.bin"
    path.write_bytes(content)
    with pytest.raises(InputError) as refusal:
        read_tallies(path, "x")
    assert "\n" not in str(refusal.value)


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=200, suppress_health_check=FIXTURES)
def test_bytes_are_no_checkpoint(tmp_path, content):
    path = tmp_path / "tallies.bin"
    for start in (b"", MAGIC):
        path.write_bytes(start + content)
        with pytest.raises(InputError):
            read_tallies(path, "x")


def test_merge_and_extend_refuse_damaged_tallies(broken, result, tmp_path, monkeypatch, capsys):
    (broken / "tallies.bin").write_bytes((result / "tallies.bin").read_bytes()[:-7])
    with pytest.raises(InputError, match="damaged or cut short"):
        merged([result, broken])
    more = tmp_path / "more.toml"
    more.write_text(SMALL.replace("runs = 40", "runs = 80"))
    assert ends_well(monkeypatch, capsys, "run", more, "--out", broken, "--extend") == 2
    with pytest.raises(InputError, match="already counted"):
        merged([result, result])


@pytest.mark.parametrize("name", ["definition.toml", "table.parquet"])
def test_merge_and_extend_refuse_what_was_changed_by_hand(
    name, broken, result, tmp_path, monkeypatch, capsys
):
    """They alone went by the definition as it stood, and took its title on."""
    (broken / name).write_bytes((broken / name).read_bytes() + b"\n")
    with pytest.raises(InputError, match=f"{name} was changed"):
        merged([broken, result])
    more = tmp_path / "more.toml"
    more.write_text(SMALL.replace("runs = 40", "runs = 80"))
    assert ends_well(monkeypatch, capsys, "run", more, "--out", broken, "--extend") == 2
    with pytest.raises(InputError, match=r"result folder = .*: is no folder here"):
        merged([tmp_path / "nothing", result])


# ---- nothing is run from files


def test_nothing_is_unpickled_or_evaluated():
    """No pickle, eval, exec, compile, shell or yaml anywhere, and numpy loads no objects."""
    forbidden = {"eval", "exec", "compile", "__import__"}
    modules = {"pickle", "dill", "marshal", "shelve", "yaml", "joblib", "cloudpickle"}
    files = [
        p
        for top in ("nvmodel", "trajectories", "meanfield", "runs")
        for p in (SOURCE / top).rglob("*.py")
    ]
    assert len(files) > 80
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            where = f"{path}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                assert not modules & {name.name.split(".")[0] for name in node.names}, where
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in modules, where
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name):
                assert node.func.id not in forbidden, where
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            assert name not in ("read_pickle", "to_pickle", "loads_pickle"), where
            keywords = {k.arg: k.value for k in node.keywords}
            if "shell" in keywords:
                assert keywords["shell"].value is False, where
            numpys = name in ("load", "save", "savez", "savez_compressed")
            if numpys and getattr(node.func.value, "id", "") == "np":
                assert keywords["allow_pickle"].value is False, where
