"""What is simulated, and what is measured on it."""

from nvmodel import kernelcache as _before_any_kernel  # isort: skip # noqa: F401
from nvmodel.battery import CollectiveBattery, thermal_occupation
from nvmodel.dicke import DickeBattery
from nvmodel.ensemble import SpinEnsemble
from nvmodel.lineshape import Gaussian, Lorentzian, Multiplet, QGaussian
from nvmodel.noise import LocalNoise
from nvmodel.observables import OBSERVABLES, Observable
from nvmodel.preparation import DickeState, Polarised
from nvmodel.protocol import Pulse, Stage
from nvmodel.pulse import Drive
from nvmodel.refusal import InputError
from nvmodel.resonator import ApproximationWarning, Resonator, ResonatorBattery
from nvmodel.rows import Summary
from nvmodel.solution import Distribution, Solution

__all__ = [
    "OBSERVABLES",
    "ApproximationWarning",
    "CollectiveBattery",
    "DickeBattery",
    "DickeState",
    "Distribution",
    "Drive",
    "Gaussian",
    "InputError",
    "LocalNoise",
    "Lorentzian",
    "Multiplet",
    "Observable",
    "Polarised",
    "Pulse",
    "QGaussian",
    "Resonator",
    "ResonatorBattery",
    "Solution",
    "SpinEnsemble",
    "Stage",
    "Summary",
    "thermal_occupation",
]


def __dir__() -> list[str]:
    return sorted(__all__)  # what tab completion offers
