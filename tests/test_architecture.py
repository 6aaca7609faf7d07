"""The page on architecture names files that exist, and leaves out none of the engines' files."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def test_every_file_it_names_is_there_and_every_file_of_the_engines_is_named():
    tops = "nvmodel|trajectories|meanfield|runs|tests"
    named = set(re.findall(rf"`((?:{tops})/[\w/.]+)`", PAGE))
    assert all((ROOT / name).exists() for name in named), sorted(
        name for name in named if not (ROOT / name).exists()
    )
    files = {
        str(path.relative_to(ROOT))
        for top in ("nvmodel", "trajectories", "meanfield")
        for path in (ROOT / top).rglob("*.py")
        if path.stem != "__init__"
    }
    assert len(files) > 80
    assert files <= named, sorted(files - named)
