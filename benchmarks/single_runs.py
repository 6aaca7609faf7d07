"""Single runs a second of processor time: ours beside QuTiP's mcsolve, alternating on one core.

QuTiP gets its best options: tsit5, diagonal-format operators, norm_t_tol = 1e-10 (with the default
it cannot find collapse times from about 60 spins on) and norm_steps = 100.
"""

import statistics
import sys
import time

import numpy as np
import qutip

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery
from darkbattery.trajectories.qutip.fewspins import to_qutip

SYSTEMS = [  # model, last time, our runs, QuTiP's runs
    (CollectiveBattery(1, 5), 2.0, 400_000, 400),
    (CollectiveBattery(2, 10), 2.0, 400_000, 400),
    (CollectiveBattery(10, 50), 2.0, 200_000, 60),
    (CollectiveBattery(10, 50, nbar=0.5), 2.0, 20_000, 0),
]
ALTERNATIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 5


def ours(battery: CollectiveBattery, times: np.ndarray, runs: int) -> float:
    """Runs a second, after compilation."""
    started = time.process_time()
    trajectories.sample(battery, times, runs=runs, seed=1).values  # noqa: B018
    return runs / (time.process_time() - started)


def qutips(battery: CollectiveBattery, times: np.ndarray, runs: int) -> tuple[float, int]:
    """Runs a second of mcsolve, and how many of its runs failed."""
    few = to_qutip(battery)
    collapse = [operator.to("Dia") for operator in few.collapse]
    start = qutip.tensor(
        qutip.basis(battery.n_battery + 1, battery.n_battery),
        qutip.basis(battery.n_charger + 1, 0),
    )
    solver = qutip.MCSolver(
        few.hamiltonian.to("Dia"),
        collapse,
        options={
            "method": "tsit5",
            "norm_t_tol": 1e-10,
            "norm_steps": 100,
            "progress_bar": "",
            "keep_runs_results": False,
        },
    )
    failed, started = 0, time.process_time()
    try:
        solver.run(start, times, ntraj=runs, e_ops=[few.observables["battery_energy"]], seeds=1)
    except Exception:
        failed = runs
    return runs / (time.process_time() - started), failed


def main() -> None:
    """Print the table."""
    print(f"qutip {qutip.__version__}, {ALTERNATIONS} alternations, medians (min ... max)")
    print(f"{'model':24} {'ours runs/s':>24} {'mcsolve runs/s':>22} {'failed':>6} {'ratio':>20}")
    for battery, last, runs, peer_runs in SYSTEMS:
        times = np.linspace(0.0, last, 101)
        trajectories.sample(battery, times, runs=10, seed=0)
        mine, theirs, failed = [], [], 0
        for _ in range(ALTERNATIONS):
            mine.append(ours(battery, times, runs))
            if peer_runs:
                rate, lost = qutips(battery, times, peer_runs)
                theirs.append(rate)
                failed += lost
        name = f"({battery.n_battery}, {battery.n_charger}), nbar={battery.nbar:g}"
        line = f"{name:24} {spread(mine):>24}"
        if theirs:
            ratios = [a / b for a, b in zip(mine, theirs, strict=True)]
            line += f" {spread(theirs):>22} {failed:>6} {spread(ratios):>20}"
        print(line, flush=True)


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):.3g} ({min(values):.3g} ... {max(values):.3g})"


if __name__ == "__main__":
    main()
