"""The quantum engine: exact averages and quantum-jump single runs."""

from darkbattery.trajectories.averages.evolution import evolve
from darkbattery.trajectories.averages.steady import steady_state
from darkbattery.trajectories.jumps.run import ManyRuns, SingleRun
from darkbattery.trajectories.jumps.sampling import sample
from darkbattery.trajectories.jumps.single import single_run, single_runs
from darkbattery.trajectories.jumps.spectrum import CurrentSpectrum, current_spectrum
from darkbattery.trajectories.jumps.spins.noisy_runs import PROCESSES

__all__ = [
    "PROCESSES",
    "CurrentSpectrum",
    "ManyRuns",
    "SingleRun",
    "current_spectrum",
    "evolve",
    "sample",
    "single_run",
    "single_runs",
    "steady_state",
]


def __dir__() -> list[str]:
    return sorted(__all__)  # what tab completion offers
