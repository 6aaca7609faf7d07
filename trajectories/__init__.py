"""The quantum engine: exact averages and quantum-jump single runs."""

from darkbattery.trajectories.jumps import sample, single_run
from darkbattery.trajectories.master import evolve
from darkbattery.trajectories.noisy_runs import PROCESSES
from darkbattery.trajectories.single import SingleRun
from darkbattery.trajectories.steady import steady_state

__all__ = ["PROCESSES", "SingleRun", "evolve", "sample", "single_run", "steady_state"]


def __dir__() -> list[str]:
    return sorted(__all__)  # what tab completion offers
