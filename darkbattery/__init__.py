"""Quantum batteries charged through dark states: averages and single runs.

A session needs no more than this package::

    >>> import darkbattery as db
    >>> battery = db.CollectiveBattery(n_battery=10, n_charger=50)
    >>> exact = db.trajectories.evolve(battery, [0.0, 0.1])

`trajectories` is the quantum engine, `meanfield` the semiclassical one: each has `evolve`
(averages) and `sample` (single runs). Models, noise, protocols and results come from `nvmodel`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from darkbattery import meanfield as meanfield
    from darkbattery import nvmodel as nvmodel
    from darkbattery import trajectories as trajectories
    from darkbattery.nvmodel import *  # noqa: F403

_MODULES = ("meanfield", "nvmodel", "trajectories")


def __getattr__(name: str) -> Any:
    # imported when first used: a command that computes nothing starts without the engines
    if name in _MODULES:
        return import_module(f"darkbattery.{name}")
    if not name.startswith("_"):
        models = import_module("darkbattery.nvmodel")
        if name in models.__all__:
            return getattr(models, name)
    raise AttributeError(f"module 'darkbattery' has no attribute {name!r}")


def __dir__() -> list[str]:
    models = import_module("darkbattery.nvmodel")
    return sorted((*models.__all__, *_MODULES))
