"""Ours beside every peer on the same work: one table. One core, alternating in one process.

    python benchmarks/peers.py [alternations] [--quick]

Two questions, at T = 0 with 101 output times to gamma t = 2: single runs with their energies, and
exact averages of both energies. Each peer has its best documented options:

- QuTiP mcsolve: tsit5, diagonal-format operators, norm_t_tol = 1e-10 (with the default it finds no
  collapse time from about 60 spins on), norm_steps = 100.
- QuTiP mesolve: tsit5, sparse operators, tolerances 1e-9 and 1e-8.
- QuTiP PIQS: operators of two ensembles in the Dicke basis, solved by mesolve as above.
- dynamiqs jssesolve: exact jumps by Event, operators by diagonals, runs batched; dynamiqs mesolve:
  Tsit5 to 1e-8. Double precision, on the CPU; compiled before the clock starts.

A peer that is not installed, or cannot express the model, has its line all the same. dynamiqs and
pibs come with ``pip install "darkbattery[bench]"``.
"""

import argparse
import importlib.metadata
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import qutip
from qutip import piqs
from threadpoolctl import threadpool_limits

import trajectories
from nvmodel import CollectiveBattery
from trajectories.fewspins import to_qutip

TIMES = np.linspace(0.0, 2.0, 101)
ENERGIES = ("battery_energy", "charger_energy")
OUR_AVERAGES = 50  # averages made by us at each turn
NOT_EXPRESSED = "pibs: one ensemble of identical spins and a mode; our two ensembles differ"


@dataclass(frozen=True)
class Contender:
    """One solver on one model: a call that does `units` of work, made ready before the clock."""

    name: str
    units: int
    work: Callable[[], object]


def our_runs(battery: CollectiveBattery, runs: int) -> Contender:
    """`sample`, tallies and readings included."""
    return Contender(
        "darkbattery sample",
        runs,
        lambda: trajectories.sample(battery, TIMES, runs=runs, seed=1, observables=ENERGIES).values,
    )


def qutip_runs(battery: CollectiveBattery, runs: int) -> Contender:
    """`mcsolve` on the product of both large spins."""
    few = to_qutip(battery)
    options = {
        "method": "tsit5",
        "norm_t_tol": 1e-10,
        "norm_steps": 100,
        "progress_bar": "",
        "keep_runs_results": False,
    }
    jumps = [operator.to("Dia") for operator in few.collapse]
    solver = qutip.MCSolver(few.hamiltonian.to("Dia"), jumps, options=options)
    energies = [few.observables[name] for name in ENERGIES]
    start = _start(battery)
    return Contender(
        "QuTiP mcsolve",
        runs,
        lambda: solver.run(start, TIMES, ntraj=runs, e_ops=energies, seeds=1),
    )


def dynamiqs_runs(battery: CollectiveBattery, runs: int) -> Contender:
    """`jssesolve` with exact jumps."""
    import dynamiqs as dq
    import jax
    import optimistix

    root_finder = optimistix.Newton(1e-5, 1e-5, optimistix.rms_norm)
    h, jumps, energies = _for_dynamiqs(battery)
    keys = jax.random.split(jax.random.key(1), runs)
    start = dq.asqarray(_start(battery))
    # no run has more photons than the ladder has steps
    most = battery.n_charger + 1
    return Contender(
        "dynamiqs jssesolve",
        runs,
        lambda: jax.block_until_ready(
            dq.jssesolve(
                h,
                jumps,
                start,
                TIMES,
                keys,
                exp_ops=energies,
                method=dq.method.Event(root_finder=root_finder),
                save_states=False,
                nmaxclick=most,
            ).expects
        ),
    )


def our_averages(battery: CollectiveBattery) -> Contender:
    """`evolve` for two energies, many times over: one takes milliseconds."""
    return Contender(
        "darkbattery evolve",
        OUR_AVERAGES,
        lambda: [trajectories.evolve(battery, TIMES, ENERGIES) for _ in range(OUR_AVERAGES)],
    )


def qutip_averages(battery: CollectiveBattery) -> Contender:
    """`mesolve` on the product of both large spins."""
    few = to_qutip(battery)
    energies = [few.observables[name] for name in ENERGIES]
    jumps = [operator.to("CSR") for operator in few.collapse]
    return _mesolve("QuTiP mesolve", few.hamiltonian, few.initial, jumps, energies)


def piqs_averages(battery: CollectiveBattery) -> Contender:
    """The same from PIQS' operators, which keep all irreps of each ensemble."""
    n_b, n_c = battery.n_battery, battery.n_charger
    below = [piqs.jspin(n, op, basis="dicke") for n in (n_b, n_c) for op in ("-", "z")]
    one = [qutip.qeye(piqs.num_dicke_states(n)) for n in (n_b, n_c)]
    z_b, z_c = qutip.tensor(below[1], one[1]), qutip.tensor(one[0], below[3])
    lower = qutip.tensor(below[0], one[1]) + qutip.tensor(one[0], below[2])
    energies = [z_b / n_b + 0.5, z_c / n_c + 0.5]
    start = qutip.tensor(piqs.dicke(n_b, n_b / 2, -n_b / 2), piqs.dicke(n_c, n_c / 2, n_c / 2))
    return _mesolve("QuTiP PIQS", 0 * z_b, start, [lower.to("CSR")], energies)


def dynamiqs_averages(battery: CollectiveBattery) -> Contender:
    """`mesolve` of dynamiqs."""
    import dynamiqs as dq
    import jax

    h, jumps, energies = _for_dynamiqs(battery)
    start = dq.asqarray(_start(battery))
    method = dq.method.Tsit5(rtol=1e-8, atol=1e-9)
    return Contender(
        "dynamiqs mesolve",
        1,
        lambda: jax.block_until_ready(
            dq.mesolve(
                h,
                jumps,
                start,
                TIMES,
                exp_ops=energies,
                method=method,
                save_states=False,
                progress_meter=False,
            ).expects
        ),
    )


def _mesolve(name, h, start, jumps, energies) -> Contender:
    options = {"method": "tsit5", "atol": 1e-9, "rtol": 1e-8, "nsteps": 10**6, "progress_bar": ""}
    return Contender(
        name,
        1,
        lambda: qutip.mesolve(h, start, TIMES, jumps, e_ops=energies, options=options),
    )


def _start(battery: CollectiveBattery) -> qutip.Qobj:
    return qutip.tensor(
        qutip.basis(battery.n_battery + 1, battery.n_battery),
        qutip.basis(battery.n_charger + 1, 0),
    )


def _for_dynamiqs(battery: CollectiveBattery):
    import dynamiqs as dq

    dq.set_precision("double")
    few = to_qutip(battery)
    # by diagonals: a lowering operator has few of them
    jumps = [
        dq.asqarray(operator.full(), dims=tuple(operator.dims[0]), layout=dq.dia)
        for operator in few.collapse
    ]
    energies = [
        dq.asqarray(
            few.observables[name].full(), dims=tuple(few.hamiltonian.dims[0]), layout=dq.dia
        )
        for name in ENERGIES
    ]
    return 0.0 * energies[0], jumps, energies


def compare(title: str, makers: list[Callable[[], Contender]], alternations: int) -> None:
    """One group of lines; ours first, and the ratio of each alternation to ours of the same."""
    contenders, seconds = [], {}
    for make in makers:
        try:
            contender = make()
            contender.work()  # compiles
        except ModuleNotFoundError as missing:
            print(f"{title:22} {missing.name:20} not installed")
            continue
        except Exception as error:
            print(f"{title:22} {make.__name__:20} fails: {str(error).splitlines()[0][:60]}")
            continue
        contenders.append(contender)
        seconds[contender.name] = []
    failed = dict.fromkeys(seconds, 0)
    for _ in range(alternations):
        for contender in contenders:
            started = time.perf_counter()
            try:
                contender.work()
            except Exception as error:
                failed[contender.name] += 1
                print(f"# {contender.name}: {str(error)[:80]}", file=sys.stderr)
            seconds[contender.name].append((time.perf_counter() - started) / contender.units)
    mine = seconds[contenders[0].name]
    for contender in contenders:
        times = seconds[contender.name]
        ratios = [theirs / ours for theirs, ours in zip(times, mine, strict=True)]
        print(
            f"{title:22} {contender.name:20} {statistics.median(times):10.3g} "
            f"{failed[contender.name]:6} {_spread(ratios):>30}",
            flush=True,
        )


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} ... {max(values):.3g})"


def _versions() -> str:
    found = []
    for name in ("numpy", "numba", "qutip", "dynamiqs", "jax", "pibs"):
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join([f"Python {platform.python_version()}", *found])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("alternations", nargs="?", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small systems only")
    arguments = parser.parse_args()
    # JAX has no variable for its threads on the CPU: one core is given to the whole process
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(_versions())
    print(f"{arguments.alternations} alternations; seconds a run, or for the averages at all times")
    print(f"{'work':22} {'solver':20} {'seconds':>10} {'failed':>6} {'ratio to ours':>30}")
    systems = [((1, 5), 400_000, 200, 200), ((2, 10), 400_000, 200, 200)]
    if not arguments.quick:
        systems.append(((10, 50), 200_000, 30, 32))
    for sizes, ours, theirs, batch in systems:
        battery = CollectiveBattery(*sizes)
        compare(
            f"runs of {sizes}",
            [
                lambda b=battery, n=ours: our_runs(b, n),
                lambda b=battery, n=theirs: qutip_runs(b, n),
                lambda b=battery, n=batch: dynamiqs_runs(b, n),
            ],
            arguments.alternations,
        )
    for sizes in ((1, 5), (2, 10)) if arguments.quick else ((1, 5), (2, 10), (3, 30)):
        battery = CollectiveBattery(*sizes)
        makers = [our_averages, qutip_averages, dynamiqs_averages]
        if sizes[1] <= 10:  # PIQS' space is that of all irreps: some 1,500 states already here
            makers.insert(2, piqs_averages)
        compare(
            f"averages of {sizes}",
            [lambda m=make, b=battery: m(b) for make in makers],
            arguments.alternations,
        )
    print(NOT_EXPRESSED)


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
