"""Ours beside QuTiP with the resonator itself, at kappa = g sqrt N: averages and single runs.

    python benchmarks/resonator_peers.py [alternations] [--page docs/performance.md]

101 output times until g t sqrt N = 20, both energies and the photons, T = 0, one core. QuTiP gets
two large spins and the mode, with its best options: the states that at most N_C excitations reach,
and no others; mesolve with sparse and, where it fits, dense operators, tsit5, tolerances 1e-9 and
1e-8; mcsolve with operators by diagonals, sparse or dense, tsit5, norm_t_tol = 1e-10. What counts
as the same answer stands in `contest.py`.
"""

import argparse
import math
import os
import sys
import textwrap
from pathlib import Path

import numpy as np
import qutip
from contest import Answer, Contender, Line, Ready, Work, compete, our_sample, sampled
from page import machine, versions
from peers_table import table
from resonator import model_of
from threadpoolctl import threadpool_limits

from darkbattery import trajectories
from darkbattery.nvmodel import ResonatorBattery
from darkbattery.runs.pages.marks import replaced

NAMES = ("battery_energy", "charger_energy", "photons")
SIZES = ((1, 5), (2, 10))
OUR_AVERAGES, OUR_RUNS, THEIR_RUNS = 10, 4000, 100
BOUND = 1e-6  # solvers hold 1e-8 of each step
MOST_DENSE = 64  # states: of 166 the dense superoperator takes 12 GB
MARK = "resonator peers"


def times_of(model: ResonatorBattery) -> np.ndarray:
    """101 times until g t sqrt N = 20."""
    return np.linspace(0.0, 20.0 / math.sqrt(sum(model.sizes)), 101)


class Reached:
    """QuTiP's operators on the states of at most N_C excitations."""

    def __init__(self, model: ResonatorBattery) -> None:
        n_b, n_c = model.sizes
        levels = (n_b + 1, n_c + 1, n_c + 1)
        one = [qutip.qeye(d) for d in levels]
        lower_b = qutip.tensor(qutip.jmat(n_b / 2, "-"), one[1], one[2])
        lower_c = qutip.tensor(one[0], qutip.jmat(n_c / 2, "-"), one[2])
        a = qutip.tensor(one[0], one[1], qutip.destroy(levels[2]))
        z_b = qutip.tensor(qutip.jmat(n_b / 2, "z"), one[1], one[2])
        z_c = qutip.tensor(one[0], qutip.jmat(n_c / 2, "z"), one[2])
        up_b, up_c, n = (x.ravel() for x in np.indices(levels))
        # jmat has the highest m first
        held = (n_b - up_b) + (n_c - up_c) + n
        kept = np.flatnonzero(held <= n_c)
        self.states = kept.size

        def within(operator: qutip.Qobj) -> qutip.Qobj:
            return qutip.Qobj(operator.full()[np.ix_(kept, kept)])

        exchange = model.charger.coupling * a.dag() * (lower_b + lower_c)
        self.hamiltonian = within(exchange + exchange.dag())
        self.jump = math.sqrt(model.resonator.kappa) * within(a)
        self.observables = [
            within(z_b / n_b + 0.5),
            within(z_c / n_c + 0.5),
            within(a.dag() * a),
        ]
        start = np.zeros(levels)
        start[n_b, 0, 0] = 1.0
        self.start = qutip.Qobj(start.ravel()[kept][:, None])


def our_averages(model: ResonatorBattery) -> Ready:
    """`evolve`, many times over."""
    times = times_of(model)
    return Ready(
        OUR_AVERAGES,
        lambda: [trajectories.evolve(model, times, NAMES) for _ in range(OUR_AVERAGES)],
        lambda found: Answer(np.array([found[-1][name] for name in NAMES])),
    )


def qutip_averages(model: ResonatorBattery, form: str) -> Ready:
    """`mesolve` with operators of that form."""
    few, times = Reached(model), times_of(model)
    options = {"method": "tsit5", "atol": 1e-9, "rtol": 1e-8, "nsteps": 10**6, "progress_bar": ""}
    given = few.hamiltonian.to(form), few.start, times, [few.jump.to(form)]
    return Ready(
        1,
        lambda: qutip.mesolve(*given, e_ops=few.observables, options=options),
        lambda found: Answer(np.real(found.expect)),
    )


def our_runs(model: ResonatorBattery) -> Ready:
    """`sample` of the same."""
    times = times_of(model)

    def sample():
        return trajectories.sample(model, times, runs=OUR_RUNS, seed=1, observables=NAMES)

    return our_sample(sample, NAMES, OUR_RUNS)


def qutip_runs(model: ResonatorBattery, form: str) -> Ready:
    """`mcsolve` with operators of that form."""
    few, times = Reached(model), times_of(model)
    options = {
        "method": "tsit5",
        "norm_t_tol": 1e-10,
        "norm_steps": 100,
        "progress_bar": "",
        "keep_runs_results": False,
    }
    solver = qutip.MCSolver(few.hamiltonian.to(form), [few.jump.to(form)], options=options)
    return Ready(
        THEIR_RUNS,
        lambda: solver.run(few.start, times, ntraj=THEIR_RUNS, e_ops=few.observables, seeds=1),
        lambda found: sampled(np.real(found.expect), np.real(found.std_expect), THEIR_RUNS),
    )


def works() -> list[Work]:
    """Averages and runs of every size."""
    found = []
    for sizes in SIZES:
        model = model_of(*sizes)
        averages = (
            Contender("darkbattery evolve", lambda m=model: our_averages(m)),
            Contender("QuTiP mesolve, sparse", lambda m=model: qutip_averages(m, "CSR")),
        )
        if Reached(model).states <= MOST_DENSE:
            dense = Contender("QuTiP mesolve, dense", lambda m=model: qutip_averages(m, "Dense"))
            averages = (*averages, dense)
        runs = (
            Contender("darkbattery sample", lambda m=model: our_runs(m)),
            Contender("QuTiP mcsolve, by diagonals", lambda m=model: qutip_runs(m, "Dia")),
            Contender("QuTiP mcsolve, sparse", lambda m=model: qutip_runs(m, "CSR")),
            Contender("QuTiP mcsolve, dense", lambda m=model: qutip_runs(m, "Dense")),
        )
        found.append(Work(f"averages of {sizes}", averages, BOUND))
        found.append(Work(f"runs of {sizes}", runs, None))
    return found


def main() -> None:
    """Compete, print the table, fill the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("alternations", nargs="?", type=int, default=3)
    parser.add_argument("--page", type=Path, help="Markdown page whose section is renewed")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if arguments.page:  # one without marks is refused before the work
        before = arguments.page.read_text(encoding="utf-8")
        replaced(before, MARK, "")
    lines: list[Line] = []
    for work in works():
        print(f"# {work.title}", file=sys.stderr, flush=True)
        lines += compete(work, arguments.alternations)
    facts = f"{machine()}. {versions()}. "
    facts = textwrap.fill(f"{facts}{arguments.alternations} alternations.", 100)
    text = f"{facts}\n\n{table(lines)}"
    print(text)
    if arguments.page:
        arguments.page.write_text(replaced(before, MARK, f"\n{text}\n\n"), encoding="utf-8")


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
