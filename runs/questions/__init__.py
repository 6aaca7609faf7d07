"""Commented run definitions to begin with, one for each question."""

from pathlib import Path

from darkbattery.nvmodel.refusal import InputError, known_name

__all__ = ["QUESTIONS", "write_question"]

QUESTIONS = {
    "energy": "How much energy does a battery keep, and how much of it is work?",
    "power": "How fast does it charge, and how does the power grow with its size?",
    "temperature": "What does a warm reservoir cost?",
    "runs": "How much do single charging runs differ?",
    "precision": "How many single runs are enough for an error that I choose?",
    "resonator": "What would NV-like spins at a microwave resonator do, in seconds and hertz?",
}


def write_question(question: str, out: Path | None, replace: bool) -> Path:
    """Write the definition for `question` to `out`; refuse to overwrite unless asked to."""
    known_name("QUESTION", question, QUESTIONS)
    path = out if out is not None else Path(f"{question}.toml")
    if path.exists() and not (replace and path.is_file()):
        raise InputError("--out", str(path), "exists already; give --replace or another name")
    if not path.absolute().parent.is_dir():
        raise InputError("--out", str(path), "is in a folder that does not exist")
    template = Path(__file__).parent / f"{question}.toml"
    path.write_text(template.read_text("utf-8"), "utf-8")
    return path


def __dir__() -> list[str]:
    return sorted(__all__)  # what tab completion offers
