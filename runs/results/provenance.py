"""Where a result comes from: versions, revision, ranks, seed, time; nothing about the host."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from darkbattery.runs.choice.choice import choice_lines
from darkbattery.runs.definitions.definition import RunDefinition

PACKAGES = ("darkbattery", "numpy", "scipy", "numba", "pandas", "pyarrow", "mpi4py")


def provenance(definition: RunDefinition, ranks: int, wall_seconds: float) -> dict[str, Any]:
    """A record that goes with every result."""
    choices = choice_lines(definition)
    return {
        **({"engines": choices} if choices else {}),
        "definition_sha256": definition.digest(),
        "seed": definition.seed,
        "ranks": ranks,
        "wall_seconds": round(wall_seconds, 3),
        **surroundings(),
    }


def surroundings() -> dict[str, Any]:
    """When, and with which versions."""
    return {
        "finished_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_revision": git_revision(),
        "python": platform.python_version(),
        "versions": {name: version_of(name) for name in PACKAGES},
    }


def git_revision() -> str | None:
    """Commit of the source tree, marked where it was changed; None when installed."""
    source = Path(__file__).resolve().parents[2]
    if not (source / ".git").exists():
        return None
    try:
        commit = _git(source, "rev-parse", "HEAD")
        changed = _git(source, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + (" with changes" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    answer = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def version_of(package: str) -> str | None:
    """Of an installed package; None where it is not."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
