"""Options that several commands have."""

from typing import Annotated

import typer


def _shipped(beginning: str) -> list[str]:
    from darkbattery.runs.definitions.definition import shipped_definitions

    return [name for name in shipped_definitions() if name.startswith(beginning)]


Definition = Annotated[
    str,
    typer.Argument(help="A TOML file, or a shipped name (charging).", autocompletion=_shipped),
]
TimeLimit = Annotated[
    float | None, typer.Option(help="Stop in order after so many seconds (exit status 3).")
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace an existing result.")]
Engine = Annotated[
    str | None, typer.Option(help="quantum, semiclassical or auto, not the definition's own.")
]
