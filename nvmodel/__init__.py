"""What is simulated, and what is measured on it."""

from nvmodel.battery import CollectiveBattery, thermal_occupation
from nvmodel.ensemble import SpinEnsemble
from nvmodel.lineshape import Gaussian, Lorentzian, Multiplet, QGaussian
from nvmodel.observables import OBSERVABLES, Observable
from nvmodel.pulse import Drive
from nvmodel.refusal import InputError
from nvmodel.resonator import ApproximationWarning, Resonator, ResonatorBattery
from nvmodel.solution import Distribution, Solution

__all__ = [
    "OBSERVABLES",
    "ApproximationWarning",
    "CollectiveBattery",
    "Distribution",
    "Drive",
    "Gaussian",
    "InputError",
    "Lorentzian",
    "Multiplet",
    "Observable",
    "QGaussian",
    "Resonator",
    "ResonatorBattery",
    "Solution",
    "SpinEnsemble",
    "thermal_occupation",
]
