"""Quantum batteries charged through dark states: averages and single runs.

A session needs no more than this package::

    >>> import darkbattery as db
    >>> battery = db.CollectiveBattery(n_battery=10, n_charger=50)
    >>> exact = db.evolve(battery, [0.0, 0.1])

`trajectories` is the quantum engine, `meanfield` the semiclassical one: each has `evolve`
(averages) and `sample` (single runs). `db.evolve`, `db.sample` and `db.steady_state` are those of
the quantum engine: exact, and refused where that is not to be had; an approximation is asked for by
the name of its engine, `db.meanfield.evolve`. Experiments, noise, protocols and results come from
`nvmodel`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from darkbattery import meanfield as meanfield
    from darkbattery import nvmodel as nvmodel
    from darkbattery import trajectories as trajectories
    from darkbattery.nvmodel import *  # noqa: F403
    from darkbattery.trajectories import evolve as evolve
    from darkbattery.trajectories import sample as sample
    from darkbattery.trajectories import steady_state as steady_state

_MODULES = ("meanfield", "nvmodel", "trajectories")
_EXACT = ("evolve", "sample", "steady_state")


def __getattr__(name: str) -> Any:
    # imported when first used: a command that computes nothing starts without the engines
    if name in _MODULES:
        return import_module(f"darkbattery.{name}")
    if name in _EXACT:
        return getattr(import_module("darkbattery.trajectories"), name)
    if not name.startswith("_"):
        models = import_module("darkbattery.nvmodel")
        if name in models.__all__:
            return getattr(models, name)
    raise AttributeError(f"module 'darkbattery' has no attribute {name!r}")


def __dir__() -> list[str]:
    models = import_module("darkbattery.nvmodel")
    return sorted((*models.__all__, *_MODULES, *_EXACT))
