"""Commented run definitions to begin with, one for each question."""

from pathlib import Path

from darkbattery.nvmodel.refusal import known_name
from darkbattery.runs.definitions.devicefile import write_template
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
DEVICE = "device"  # a data sheet, and no definition


def write_question(question: str, out: Path | None, replace: bool) -> Path:
    """Write the definition for `question`, or the data sheet, to `out`; see `usable_file`."""
    known_name("QUESTION", question, (*QUESTIONS, DEVICE))
    if question == DEVICE:
        return write_template(out, replace)
    path = out if out is not None else Path(f"{question}.toml")
    usable_file(path, replace)
    template = Path(__file__).parent / f"{question}.toml"
    write_whole(path, template.read_text("utf-8"))
    return path


def __dir__() -> list[str]:
    return sorted(__all__)  # what tab completion offers
