"""A command line that cannot be read, said in one line as every refusal is."""

from collections.abc import Sequence
from typing import Any

import typer

# typer carries its own copy of click, or needs click itself: this is the one that it raises
UsageError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError"
)

# by a word of what typer says of a value that is none, whichever its version
NUMBERS = {"integer": "a whole number", "number": "a number", "float": "a number"}


def usage_line(error: Any, arguments: Sequence[str], commands: Sequence[str]) -> str:
    """What is wrong with `arguments`, and where to read what is allowed; "" after the help's text.

    >>> usage_line(UsageError("Missing argument 'folder'."), ["show"], ["show"])
    "missing argument 'folder' (darkbattery show --help says what there is)"
    """
    if number := _not_a_number(error, arguments):
        return number
    said = " ".join(error.format_message().split()).rstrip(".?")
    said = (said[:1].lower() + said[1:]).replace(". Did you", "; did you")
    command = next((word for word in arguments if word in commands), "")
    page = " ".join(filter(None, ["darkbattery", command, "--help"]))
    return f"{said} ({page} says what there is)" if said else ""


def _not_a_number(error: Any, arguments: Sequence[str]) -> str:
    words = error.format_message()
    number = next((kind for word, kind in NUMBERS.items() if word in words), None)
    for name in getattr(getattr(error, "param", None), "opts", ()):
        if number and (value := _given(name, arguments)) is not None:
            return f"{name} = {value!r}: must be {number}"
    return ""


def _given(option: str, arguments: Sequence[str]) -> str | None:
    """The value of an option, behind "=" or as the next word."""
    for word, following in zip(arguments, [*arguments[1:], None], strict=True):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else following
    return None
