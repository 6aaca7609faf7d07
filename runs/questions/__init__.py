"""Commented run definitions to begin with, one for each question, and a device file."""

from pathlib import Path

from darkbattery.nvmodel.refusal import known_name
from darkbattery.runs.definitions.textfile import usable_file, write_whole

__all__ = ["DEVICE", "QUESTIONS", "write_question"]

QUESTIONS = {
    "energy": "How much energy does a battery keep, and how much of it is work?",
    "power": "How fast does it charge, and how does the power grow with its size?",
    "temperature": "What does a warm reservoir cost?",
    "runs": "How much do single charging runs differ?",
    "precision": "How many single runs are enough for an error that I choose?",
    "resonator": "What would NV-like spins at a microwave resonator do, in seconds and hertz?",
}
DEVICE = "What have I got? (a data sheet for plan and fit)"


def write_question(question: str, out: Path | None, replace: bool) -> Path:
    """Write the definition for `question`, or "device", to `out`; see `usable_file`."""
    known_name("QUESTION", question, [*QUESTIONS, "device"])
    path = out if out is not None else Path(f"{question}.toml")
    usable_file(path, replace)
    # a device file is no run definition, as all *.toml here are
    template = Path(__file__).parent / f"{question}.{'toml' if question in QUESTIONS else 'txt'}"
    write_whole(path, template.read_text("utf-8"))
    return path


def __dir__() -> list[str]:
    return sorted(__all__)  # what tab completion offers
