"""What a release needs to agree on: version, licence, citation, and what the wheel carries."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_version_and_licence_are_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    fields = dict(re.findall(r"^([a-z-]+): *\"?([^\"\n]+)\"?$", citation, re.MULTILINE))
    assert fields["cff-version"] == "1.2.0"
    assert fields["version"] == project["version"]
    assert fields["license"] == project["license"]
    assert {"message", "title"} <= set(fields)
    assert "10.1103/PhysRevApplied.14.024092" in citation
    # what is not released yet stands under this heading, and a release under its number
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    released = project["version"].removesuffix(".dev0")
    assert f"## {released}" in changes or "## Unreleased" in changes


def test_the_wheel_carries_every_file_that_is_read_at_run_time():
    """Each file beside the code that is no code belongs to a pattern of package-data."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    carried = {
        path
        for package, patterns in settings["package-data"].items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).resolve().glob(pattern)
    }
    present = {
        path
        for top in ("darkbattery", "nvmodel", "trajectories", "meanfield", "runs")
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert len(present) > 30
    assert present <= carried, sorted(map(str, present - carried))
