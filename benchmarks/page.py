"""Where the figures of a benchmark go in the documentation, with the day and the machine."""

import argparse
import datetime
import importlib.metadata
import platform
import shutil
import subprocess
from pathlib import Path

import llvmlite.binding
import pandas as pd

from darkbattery.runs.pages.marks import markdown, replaced

PACKAGES = ("darkbattery", "numpy", "scipy", "numba", "qutip", "dynamiqs", "jax")


def asked(about: str, alternations: int | None = None) -> argparse.Namespace:
    """What the command line asks for: --page, and how often to measure where that can be chosen."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    if alternations is not None:
        parser.add_argument("alternations", nargs="?", type=int, default=alternations)
    parser.add_argument("--page", type=Path, help="Markdown page whose table is renewed")
    return parser.parse_args()


def show(name: str, table: pd.DataFrame, facts: str, page: Path | None) -> None:
    """Print a table with its facts; with a page, put both between the marks of that name."""
    text = f"{facts}\n\n{markdown(table)}"
    print(text, flush=True)
    if page is not None:
        renewed = replaced(page.read_text("utf-8"), name, f"\n{text}\n\n")
        page.write_text(renewed, "utf-8")


def machine() -> str:
    """The day, and the processor by its own name and by the one that compilers know it by."""
    kind = llvmlite.binding.get_host_cpu_name()
    return f"{datetime.date.today()}, one core of {cpu_model()} ({kind})"


def cpu_model() -> str:
    """What the processor calls itself."""
    found = Path("/proc/cpuinfo")
    if found.exists():
        for line in found.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions() -> str:
    """Of Python and of all that takes part."""
    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join([*found, f"XMDS2 {xmds_version()}"])


def xmds_version() -> str:
    """What xmds2 says of itself."""
    if shutil.which("xmds2") is None:
        return "not installed"
    said = subprocess.run(["xmds2", "--version"], capture_output=True, text=True)
    words = (said.stdout + said.stderr).split()
    return words[words.index("version") + 1] if "version" in words else "of unknown version"
