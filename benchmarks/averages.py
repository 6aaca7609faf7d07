"""Seconds for exact averages: ours beside QuTiP's mesolve, alternating in one run on one core.

    python benchmarks/averages.py [alternations] [--page docs/performance.md]

The peer gets comparable tolerances and sparse operators.
"""

import statistics
import time

import numpy as np
import pandas as pd
import qutip
from page import asked, machine, show
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


def measured(battery: CollectiveBattery, alternations: int, peer_runs: int) -> dict[str, str]:
    """A row of the table."""
    ours(battery, None), ours(battery, WITH_NEGATIVITY)
    cheap = statistics.median(ours(battery, None) for _ in range(alternations))
    full = statistics.median(ours(battery, WITH_NEGATIVITY) for _ in range(alternations))
    theirs, ratio = "", ""
    if peer_runs:
        taken = statistics.median(qutips(battery) for _ in range(peer_runs))
        theirs, ratio = f"{taken:.3g}", f"{taken / cheap:.0f}"
    return {
        "model": f"({battery.n_battery}, {battery.n_charger}), nbar = {battery.nbar:g}",
        "all but negativity": f"{cheap:.2g}",
        "with negativity and its rate": f"{full:.2g}",
        "mesolve (two energies)": theirs,
        "ratio": ratio,
    }


def main() -> None:
    """Print the table; with --page, put it there."""
    options = asked(__doc__, alternations=5)
    table = pd.DataFrame([measured(one, options.alternations, peer) for one, peer in SYSTEMS])
    facts = f"{machine()}, QuTiP {qutip.__version__}; medians of {options.alternations}."
    show("averages", table, facts, options.page)


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
