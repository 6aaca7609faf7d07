"""What is simulated, and what is measured on it."""

from nvmodel.battery import CollectiveBattery, thermal_occupation
from nvmodel.observables import OBSERVABLES, Observable
from nvmodel.refusal import InputError
from nvmodel.solution import Distribution, Solution

__all__ = [
    "OBSERVABLES",
    "CollectiveBattery",
    "Distribution",
    "InputError",
    "Observable",
    "Solution",
    "thermal_occupation",
]
