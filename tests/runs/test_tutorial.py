"""The tutorial's files, commands and Python run as they stand."""

import re
from pathlib import Path

import pytest

from darkbattery.runs.cli import app
from darkbattery.runs.start import execute

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_block_runs(in_folder, capsys, monkeypatch):
    kinds = []
    for kind, text in BLOCK.findall(TUTORIAL.read_text()):
        kinds.append(kind)
        if kind == "toml":
            (in_folder / "warm.toml").write_text(text)
        elif kind == "python":
            exec(compile(text, "tutorial", "exec"), {})
        else:
            if "--extend" in text:  # the reader has raised the number of runs
                definition = in_folder / "warm.toml"
                definition.write_text(definition.read_text().replace("2000", "4000"))
                # the same figures once more, which take as long as all the rest
                monkeypatch.setattr(execute, "_draw", lambda *_: ())
            for line in text.splitlines():
                app(line.removeprefix("$ darkbattery ").split(), standalone_mode=False)
    assert kinds == ["toml", "console", "console", "python", "console", "python"]
    assert (in_folder / "warm.html").is_file()
    assert "steady" in capsys.readouterr().out
