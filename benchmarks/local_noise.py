"""Jumps a second with noise of single spins: ours beside QuTiP's mcsolve on explicit spins.

    python benchmarks/local_noise.py [alternations] [--page docs/performance.md]

mcsolve knows no irreps: its states have 2^N amplitudes, and one collapse operator for every spin.
It gets tsit5, diagonal-format operators and norm_t_tol = 1e-10, as in benchmarks/single_runs.py.
Times are the processor's, of one core.
"""

import statistics
import time

import numpy as np
import pandas as pd
import qutip
from page import asked, machine, show

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery, LocalNoise

DEPHASING = LocalNoise(dephasing=1.0)
BOTH = {"battery_noise": DEPHASING, "charger_noise": DEPHASING}
UNEQUAL = {"battery_noise": LocalNoise(1.0, 0.5), "charger_noise": LocalNoise(1.0, 0.1)}
SYSTEMS = [  # name, model, last time, output times, our runs, mcsolve's runs
    ("dephasing", CollectiveBattery(2, 6, **BOTH), 2.0, 2, 20_000, 20),
    ("dephasing", CollectiveBattery(10, 50, **BOTH), 2.0, 2, 5_000, 0),
    ("dephasing", CollectiveBattery(10, 50, **BOTH), 2.0, 101, 2_000, 0),
    ("dephasing", CollectiveBattery(100, 500, **BOTH), 2.0, 2, 300, 0),
    ("unequal emission", CollectiveBattery(2, 6, **UNEQUAL), 2.0, 2, 20_000, 20),
    ("unequal emission", CollectiveBattery(10, 50, **UNEQUAL), 2.0, 2, 300, 0),
    ("detuned", CollectiveBattery(2, 6, detuning=1.0, **BOTH), 2.0, 2, 5_000, 20),
    ("detuned", CollectiveBattery(10, 50, detuning=1.0, **BOTH), 2.0, 2, 50, 0),
]


def jumps_a_run(battery: CollectiveBattery, times: np.ndarray) -> float:
    """Mean number of jumps of the first forty runs."""
    runs = [trajectories.single_run(battery, times, seed=1, run=r) for r in range(40)]
    return float(np.mean([one.jump_times.size for one in runs]))


def ours(battery: CollectiveBattery, times: np.ndarray, runs: int) -> float:
    """Runs a second of processor time, after compilation."""
    started = time.process_time()
    trajectories.sample(battery, times, runs=runs, seed=1).values  # noqa: B018
    return runs / (time.process_time() - started)


def qutips(battery: CollectiveBattery, times: np.ndarray, runs: int) -> float:
    """Runs a second of processor time of mcsolve on 2^N amplitudes."""
    nb, spins = battery.n_battery, battery.n_battery + battery.n_charger

    def at(operator, n):
        return qutip.tensor([operator if k == n else qutip.qeye(2) for k in range(spins)])

    lower = [at(qutip.sigmam(), n) for n in range(spins)]
    z = [at(qutip.sigmaz() / 2, n) for n in range(spins)]
    collapse = [np.sqrt(battery.gamma) * sum(lower)]
    for n in range(spins):
        noise = battery.battery_noise if n < nb else battery.charger_noise
        for rate, operator in ((noise.dephasing, z[n]), (noise.emission, lower[n])):
            if rate > 0.0:
                collapse.append(np.sqrt(rate) * operator)
    start = qutip.tensor([qutip.basis(2, 1 if n < nb else 0) for n in range(spins)])
    options = {"method": "tsit5", "norm_t_tol": 1e-10, "norm_steps": 100, "progress_bar": ""}
    hamiltonian = (battery.detuning * sum(z[:nb])).to("Dia")
    solver = qutip.MCSolver(hamiltonian, [c.to("Dia") for c in collapse], options=options)
    started = time.process_time()
    solver.run(start, times, ntraj=runs, e_ops=[sum(z[:nb])], seeds=1)
    return runs / (time.process_time() - started)


def measured(system: tuple, alternations: int) -> dict[str, str]:
    """A row of the table."""
    name, battery, last, n_times, runs, peer_runs = system
    times = np.linspace(0.0, last, n_times)
    jumps = jumps_a_run(battery, times)
    trajectories.sample(battery, times, runs=2, seed=0)
    mine, ratios = [], []
    for _ in range(alternations):
        rate = ours(battery, times, runs)
        mine.append(jumps * rate)
        if peer_runs:
            ratios.append(rate / qutips(battery, times, peer_runs))
    return {
        "model": f"({battery.n_battery}, {battery.n_charger}), {name}",
        "output times": str(n_times),
        "jumps a run": f"{jumps:.0f}",
        "jumps/s": f"{statistics.median(mine):.2g}",
        "ratio to mcsolve": f"{statistics.median(ratios):.0f}" if ratios else "",
    }


def main() -> None:
    """Print the table; with --page, put it there."""
    options = asked(__doc__, alternations=3)
    table = pd.DataFrame([measured(one, options.alternations) for one in SYSTEMS])
    facts = f"{machine()}, QuTiP {qutip.__version__}; medians of {options.alternations}."
    show("local noise", table, facts, options.page)


if __name__ == "__main__":
    main()
