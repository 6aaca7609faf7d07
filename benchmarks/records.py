"""Homodyne records: runs a second, and beside QuTiP's ssesolve and smesolve at the same error.

    python benchmarks/records.py [alternations] [--page docs/performance.md]

One core, 101 output times to gamma t = 2, T = 0; processor time, the best of the alternations, in
each of which all follow each other. The error is that of a run's energy per spin on one record: the
root mean square over runs, at its largest time. Ours is `provenance["step_error"]`, from halving
all steps; QuTiP's is found on given noise, beside FINER times as many steps. Its step is the
longest of a list of halves that reaches our bound. With --page the table takes the place of what
stands between the marks.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import qutip
from page import cpu_model
from qutip.solver.sode._noise import Wiener
from qutip.solver.stochastic import SMESolver, SSESolver
from threadpoolctl import threadpool_limits

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery, Detector
from darkbattery.runs.pages.marks import fill
from darkbattery.trajectories.jumps.diffusive.diffusion import ALLOWED
from darkbattery.trajectories.qutip.fewspins import to_qutip

TIMES = np.linspace(0.0, 2.0, 101)
STEPS = (0.005, 0.0025, 0.00125, 0.000625, 0.0003125)  # that divide the times' spacing
FINER, PILOTS = 4, 8
SEEN = (  # sizes, efficiency, and how many runs are made a turn
    ((2, 10), 1.0, 20_000),
    ((10, 50), 1.0, 400),
    ((1, 5), 1.0, 20_000),
    ((1, 5), 0.5, 5_000),
)
PEERS = {  # of the highest order; the default, platen, errs by 0.03 at steps of 0.0025
    "ssesolve": (SSESolver, ("explicit1.5",)),
    "smesolve": (SMESolver, ("taylor1.5",)),
}
TRAJECTORIES = 4  # of QuTiP's, a turn


def watched(sizes: tuple[int, int], efficiency: float) -> CollectiveBattery:
    """A battery whose light is recorded."""
    return CollectiveBattery(*sizes, detector=Detector("homodyne", efficiency=efficiency))


def solver_of(peer: str, sizes: tuple[int, int], efficiency: float, method: str, step: float):
    """QuTiP's, its start and the stored energy."""
    few, kind = to_qutip(CollectiveBattery(*sizes)), PEERS[peer][0]
    (c,) = few.collapse
    options = {"method": method, "dt": step, "progress_bar": "", "store_states": False}
    seen, missed = np.sqrt(efficiency) * c, np.sqrt(1.0 - efficiency) * c
    more = {} if efficiency == 1.0 else {"c_ops": [missed]}
    found = kind(few.hamiltonian, [seen], heterodyne=False, options=options, **more)
    start = few.initial
    if kind is SSESolver and start.isoper:
        start = start.eigenstates()[1][-1]
    return found, start, few.observables["battery_energy"]


class Given(Wiener):
    """Given noise, with the second number of each step that schemes of order 1.5 take."""

    def __init__(self, noise, step):
        self.t0, self.dt, self.noise = 0.0, step, noise[:, :, None].copy()
        self.shape, self.last_W, self.idx_last_0 = (*noise.shape[1:], 1), np.zeros(1), 0
        self.is_measurement = False


def joined(noise, step):
    """FINER steps in one: dW adds up, and dZ, the integral of W, too (dZ = dt (a + b/sqrt 3)/2)."""
    dw, dz = noise[:, 0], 0.5 * step * (noise[:, 0] + noise[:, 1] / np.sqrt(3.0))
    dw, dz = dw.reshape(-1, FINER), dz.reshape(-1, FINER)
    before = np.cumsum(dw, axis=1) - dw
    whole, area = dw.sum(axis=1), (dz + step * before).sum(axis=1)
    return np.column_stack([whole, np.sqrt(3.0) * (2.0 * area / (FINER * step) - whole)])


def followed(solver, start, energy, noise, step):
    """The stored energy after every step of one trajectory with this noise."""
    grid = np.linspace(0.0, step * len(noise), len(noise) + 1)
    solver._argument(None)  # as its own run_from_experiment does, which takes dW alone
    solver._integrator.options["dt"] = step
    state = solver._prepare_state(start)
    given = Given(noise[:, : getattr(solver._integrator, "N_dw", 1) or 1], step)
    empty = solver._initialize_run_one_traj(None, state, grid, [energy], generator=given)
    return np.real(solver._integrate_one_traj(None, grid, empty)[1].expect[0])


def error_of(peer: str, sizes: tuple[int, int], efficiency: float, method: str, step: float):
    """Of a run's energy per spin, beside FINER times as many steps on the same noise."""
    steps, apart = round(TIMES[-1] / step), []
    for pilot in range(PILOTS):
        random = np.random.default_rng([pilot, steps])
        fine = random.normal(0.0, np.sqrt(step / FINER), (steps * FINER, 2))
        courses = []
        for h, noise in ((step / FINER, fine), (step, joined(fine, step / FINER))):
            of = solver_of(peer, sizes, efficiency, method, h)
            courses.append(followed(*of, noise, h))
        apart.append(courses[1] - courses[0][::FINER])
    return float(np.sqrt((np.array(apart) ** 2).mean(axis=0)).max())


def step_for(peer: str, sizes: tuple[int, int], efficiency: float, method: str, error: float):
    """The longest step that reaches the error, and what it reaches; None beyond the list."""
    for step in STEPS:
        reached = error_of(peer, sizes, efficiency, method, step)
        if reached <= error:
            return step, reached
    return None


def seconds(work: Callable[[], object]) -> float:
    """Of the processor."""
    start = time.process_time()
    work()
    return time.process_time() - start


def peer_work(peer, sizes, efficiency, method, step) -> Callable[[], object]:
    """Some trajectories at the output times."""
    solver, start, energy = solver_of(peer, sizes, efficiency, method, step)
    return lambda: solver.run(start, TIMES, ntraj=TRAJECTORIES, e_ops=[energy], seeds=1)


def our_work(sizes: tuple[int, int], efficiency: float, runs: int) -> Callable[[], object]:
    """`sample` of the energies, the light and the power."""
    battery = watched(sizes, efficiency)
    return lambda: trajectories.sample(battery, TIMES, runs=runs, seed=1)


def contenders():
    """Name, sizes, efficiency, scheme, step, error, work and runs of each."""
    found = []
    for sizes, efficiency, runs in SEEN:
        work = our_work(sizes, efficiency, runs)
        first = trajectories.sample(watched(sizes, efficiency), TIMES, runs=8, seed=1)
        told = first.provenance
        ours = f"{told['steps']} steps"
        found.append(("darkbattery", sizes, efficiency, ours, told["step_error"], work, runs))
        if sizes != (1, 5):
            continue
        for peer, (_, methods) in PEERS.items():
            if peer == "ssesolve" and efficiency < 1.0:
                continue
            for method in methods:
                reached = step_for(peer, sizes, efficiency, method, ALLOWED)
                if reached is None:
                    print(f"{peer} {method} {efficiency}: no step of the list reaches {ALLOWED:g}")
                    continue
                step, error = reached
                one = peer_work(peer, sizes, efficiency, method, step)
                name = f"QuTiP {peer}, {method}"
                scheme = f"{round(TIMES[-1] / step)} steps"
                found.append((name, sizes, efficiency, scheme, error, one, TRAJECTORIES))
    return found


def main() -> None:
    """Measure, print, and refresh the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("alternations", nargs="?", type=int, default=5)
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with threadpool_limits(1):
        all_of_them = contenders()
        turns = [[seconds(work) for *_, work, _ in all_of_them] for _ in range(given.alternations)]
    best, lines = np.array(turns).min(axis=0), []
    ours = {}
    for (name, sizes, efficiency, steps, error, _, runs), least in zip(
        all_of_them, best, strict=True
    ):
        rate = runs / least
        ours.setdefault((sizes, efficiency), rate)
        ratio = ours[sizes, efficiency] / rate
        lines.append(
            {
                "model": f"{sizes}, efficiency {efficiency:g}",
                "by": name,
                "steps": steps,
                "error of a run": f"{error:.1e}",
                "runs/s": f"{rate:.3g}",
                "times": "1" if name == "darkbattery" else f"{ratio:.0f}",
            }
        )
    table = pd.DataFrame(lines)
    print(f"one core of {cpu_model()}; QuTiP {qutip.__version__}")
    print(table.to_string(index=False))
    if given.page:
        fill(given.page, {"records": table})


if __name__ == "__main__":
    main()
