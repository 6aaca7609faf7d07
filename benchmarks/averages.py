"""Seconds for exact averages: ours beside QuTiP's mesolve, alternating in one run on one core."""

import statistics
import sys
import time

import numpy as np
import qutip
from threadpoolctl import threadpool_limits

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery
from darkbattery.trajectories.qutip.fewspins import to_qutip

SYSTEMS = [  # model, alternations with QuTiP
    (CollectiveBattery(3, 30), 5),
    (CollectiveBattery(10, 50), 1),
    (CollectiveBattery(10, 50, nbar=0.5), 0),
]
TIMES = np.linspace(0.0, 2.0, 101)
WITH_NEGATIVITY = ("battery_energy", "log_negativity", "entanglement_rate")


def ours(battery: CollectiveBattery, observables: tuple[str, ...] | None) -> float:
    """Seconds, after compilation."""
    started = time.perf_counter()
    trajectories.evolve(battery, TIMES, observables)
    return time.perf_counter() - started


def qutips(battery: CollectiveBattery) -> float:
    """Seconds of mesolve for two energies, to comparable tolerances, sparse operators."""
    few = to_qutip(battery)
    options = {"method": "tsit5", "atol": 1e-9, "rtol": 1e-8, "nsteps": 10**6, "progress_bar": ""}
    energies = [few.observables["battery_energy"], few.observables["charger_energy"]]
    collapse = [operator.to("CSR") for operator in few.collapse]
    started = time.perf_counter()
    qutip.mesolve(few.hamiltonian, few.initial, TIMES, collapse, e_ops=energies, options=options)
    return time.perf_counter() - started


def main() -> None:
    """Print the table."""
    alternations = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"qutip {qutip.__version__}; 101 times to gamma t = 2; seconds, medians")
    print(f"{'model':24} {'all but negativity':>18} {'with it':>10} {'mesolve':>10} {'ratio':>8}")
    for battery, peer_runs in SYSTEMS:
        ours(battery, None), ours(battery, WITH_NEGATIVITY)
        cheap = statistics.median(ours(battery, None) for _ in range(alternations))
        full = statistics.median(ours(battery, WITH_NEGATIVITY) for _ in range(alternations))
        name = f"({battery.n_battery}, {battery.n_charger}), nbar={battery.nbar:g}"
        line = f"{name:24} {cheap:>18.4f} {full:>10.3f}"
        if peer_runs:
            theirs = statistics.median(qutips(battery) for _ in range(peer_runs))
            line += f" {theirs:>10.2f} {theirs / cheap:>8.0f}"
        print(line, flush=True)


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
