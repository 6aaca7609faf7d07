"""Run definitions, distribution over ranks, results, figures and the command line."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from darkbattery.runs.definitions.definition import RunDefinition
    from darkbattery.runs.results.table import Study

__all__ = ["run"]


def run(definition: str | Path | Mapping[str, Any] | RunDefinition, comm: Any = None) -> Study:
    """What `darkbattery run` makes of a definition, as tables in memory; nothing is written.

    Parameters
    ----------
    definition : str, Path, mapping or RunDefinition
        A TOML file, the name of a shipped one (``"charging"``), or its content, in which lists may
        be arrays.
    comm : mpi4py communicator, optional
        Whose ranks share the work. Default: this process alone.

    Returns
    -------
    Study
        `table`, `distributions`, `single_runs`, as a result folder holds them; with ranks, on rank
        0 alone, and None on the others.

    Raises
    ------
    InputError
        Names the field of the definition, its value and what is allowed.

    Examples
    --------
    >>> study = run({
    ...     "model": {"n_battery": 2, "n_charger": [4, 10]},
    ...     "run": {"method": "steady", "observables": ["battery_energy"]},
    ... })
    >>> print(study.table[["n_charger", "value"]].round(4).to_string(index=False))
     n_charger  value
             4 0.5611
            10 0.8058
    """
    # imported when asked for: the command line says its version without them
    from darkbattery.runs.definitions.definition import (
        RunDefinition,
        find_definition,
        parse_definition,
        read_definition,
    )
    from darkbattery.runs.definitions.tomlfile import as_in_toml
    from darkbattery.runs.results.study import refuse_unread, run_study

    if isinstance(definition, str | PathLike):
        definition = read_definition(find_definition(str(definition)))
    elif not isinstance(definition, RunDefinition):
        definition = parse_definition(as_in_toml(definition))
    refuse_unread(definition)
    return run_study(definition, comm)  # type: ignore[return-value]  # None but on rank 0
