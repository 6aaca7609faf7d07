"""Averages and single runs with the resonator itself: seconds of one core, runs a second.

At kappa = g sqrt N until g t sqrt N = 20, 101 output times. Beside the time of a run stands what is
expected of it (`seconds_of_a_run` in `trajectories.jumps.resonator.cavity_runs`), which decides
what is in reach.
"""

import math
import time

import numpy as np
from threadpoolctl import threadpool_limits

from darkbattery import trajectories
from darkbattery.nvmodel import Resonator, ResonatorBattery, SpinEnsemble
from darkbattery.trajectories.jumps.resonator.cavity_runs import seconds_of_a_run
from darkbattery.trajectories.space.cavity_space import cavity_of

ENERGIES = ("battery_energy", "charger_energy", "photons")
CASES = {(2, 10): 2000, (10, 50): 20}  # spins: runs
ALTERNATIONS = 3


def model_of(n_battery: int, n_charger: int) -> ResonatorBattery:
    """At g = 1 rad/s and kappa = g sqrt N."""
    linewidth = math.sqrt(n_battery + n_charger) / (2.0 * math.pi)
    spins = (SpinEnsemble(number=n, coupling=1.0) for n in (n_charger, n_battery))
    return ResonatorBattery(next(spins), Resonator(3e9, linewidth_fwhm_hz=linewidth), next(spins))


def main() -> None:
    """Print a line a size."""
    print(f"{'spins':10} {'averages (s)':>13} {'a run (s)':>11} {'runs/s':>9} {'expected (s)':>13}")
    for (n_battery, n_charger), runs in CASES.items():
        model = model_of(n_battery, n_charger)
        times = np.linspace(0.0, 20.0 / math.sqrt(n_battery + n_charger), 101)
        trajectories.evolve(model, times, ENERGIES)
        trajectories.sample(model, times, 1, 0)
        averages, single = math.inf, math.inf
        for _ in range(ALTERNATIONS):
            started = time.process_time()
            trajectories.evolve(model, times, ENERGIES)
            between = time.process_time()
            trajectories.sample(model, times, runs, 1)
            averages = min(averages, between - started)
            single = min(single, (time.process_time() - between) / runs)
        expected = seconds_of_a_run(cavity_of(model), times)
        name = f"({n_battery}, {n_charger})"
        print(f"{name:10} {averages:13.3g} {single:11.2g} {1.0 / single:9.3g} {expected:13.2g}")


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
