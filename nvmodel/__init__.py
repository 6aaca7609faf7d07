"""What is simulated, and what is measured on it."""

from darkbattery.nvmodel import kernelcache as _before_any_kernel  # isort: skip # noqa: F401
from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.course import StepResponse
from darkbattery.nvmodel.detector import Detector
from darkbattery.nvmodel.dicke import DickeBattery
from darkbattery.nvmodel.ensemble import SpinEnsemble
from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.fields import ClosedModes, Port, Reservoir, Resonator, thermal_occupation
from darkbattery.nvmodel.lines.classes import Subensemble
from darkbattery.nvmodel.lines.measured import FieldMap, Tabulated
from darkbattery.nvmodel.lines.shapes import Gaussian, Lorentzian, Multiplet, QGaussian
from darkbattery.nvmodel.lines.voigt import Voigt
from darkbattery.nvmodel.method import Summary
from darkbattery.nvmodel.observables import OBSERVABLES, Observable
from darkbattery.nvmodel.preparation import DickeState, Polarised
from darkbattery.nvmodel.protocol import Pulse, Stage
from darkbattery.nvmodel.pulse import Drive
from darkbattery.nvmodel.receiver import Receiver
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.resonator import ApproximationWarning, ResonatorBattery
from darkbattery.nvmodel.runstatistics import Statistics
from darkbattery.nvmodel.solution import Distribution, Solution
from darkbattery.nvmodel.spins import LocalNoise, Spins

__all__ = [
    "OBSERVABLES",
    "ApproximationWarning",
    "ClosedModes",
    "CollectiveBattery",
    "Detector",
    "DickeBattery",
    "DickeState",
    "Distribution",
    "Drive",
    "Experiment",
    "FieldMap",
    "Gaussian",
    "InputError",
    "LocalNoise",
    "Lorentzian",
    "Multiplet",
    "Observable",
    "Polarised",
    "Port",
    "Pulse",
    "QGaussian",
    "Receiver",
    "Reservoir",
    "Resonator",
    "ResonatorBattery",
    "Solution",
    "SpinEnsemble",
    "Spins",
    "Stage",
    "Statistics",
    "StepResponse",
    "Subensemble",
    "Summary",
    "Tabulated",
    "Voigt",
    "thermal_occupation",
]


def __dir__() -> list[str]:
    return sorted(__all__)  # what tab completion offers
