"""Options that several commands have."""

from typing import Annotated

import typer

TimeLimit = Annotated[
    float | None, typer.Option(help="Stop in order after so many seconds (exit status 3).")
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace an existing result.")]
