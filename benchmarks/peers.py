"""Ours beside every peer on the same work: one table, one figure. One core, one process.

    python benchmarks/peers.py [alternations] [--quick] [--page docs/performance.md]

Prints a table in Markdown; with --page it also takes the place of what stands between the page's
markers, and the figure is drawn into the page's folder figures/ as peers.png. Ratios are those of
single alternations, in which all contenders of a line's work follow each other. The models, and the
options of each peer, stand in `quantum_peers.py` and `semiclassical_peers.py`; what counts as the
same answer in `contest.py`. XMDS2 is a program of its own, started on the same core.

A peer that is not installed has its line all the same. dynamiqs comes with
``pip install "darkbattery[bench]"``, XMDS2 with Debian's package xmds2. --quick: ours, QuTiP and
scipy on the smallest works, in some seconds.
"""

import argparse
import os
import sys
from pathlib import Path

from contest import Contender, Line, Work, compete
from peers_table import draw, section
from quantum_peers import averages_of, runs_of, superradiance_of
from semiclassical_peers import second_order_of, wigner_of
from threadpoolctl import threadpool_limits

from darkbattery.nvmodel import CollectiveBattery
from darkbattery.runs.pages.marks import replaced

# solvers of the master equation hold 1e-8 of each step; DOP853 1e-6 of each moment
QUANTUM_BOUND, MOMENTS_BOUND = 1e-6, 1e-5
QUICK_PEERS = ("darkbattery", "QuTiP", "scipy")


def all_works() -> list[Work]:
    """The whole table."""
    found = []
    for sizes, nbar, ours, theirs, batch in (
        ((1, 5), 0.0, 400_000, 200, 200),
        ((2, 10), 0.0, 400_000, 200, 200),
        ((2, 10), 0.5, 40_000, 100, 32),
        ((10, 50), 0.0, 200_000, 30, 32),
    ):
        contenders = runs_of(CollectiveBattery(*sizes, nbar=nbar), ours, theirs, batch)
        found.append(_work(f"runs of {sizes}{_heat(nbar)}", contenders, None))
    for sizes, nbar in (((1, 5), 0.0), ((2, 10), 0.0), ((2, 10), 0.5), ((3, 30), 0.0)):
        contenders = averages_of(CollectiveBattery(*sizes, nbar=nbar))
        found.append(_work(f"averages of {sizes}{_heat(nbar)}", contenders, QUANTUM_BOUND))
    found.append(_work("averages of 30, all up", superradiance_of(30), QUANTUM_BOUND))
    for classes in (21, 51):
        title = f"second order, {classes} classes each"
        found.append(_work(title, second_order_of(classes), MOMENTS_BOUND))
    found.append(_work("Wigner runs", wigner_of(12_800), None))
    return found


def quick_works() -> list[Work]:
    """The smallest of each, without peers that compile for long."""
    battery = CollectiveBattery(1, 5)
    works = [
        _work("runs of (1, 5)", runs_of(battery, 20_000, 50, 0), None),
        _work("averages of (1, 5)", averages_of(battery), QUANTUM_BOUND),
        _work("averages of 12, all up", superradiance_of(12), QUANTUM_BOUND),
        _work("second order, 3 classes each", second_order_of(3), MOMENTS_BOUND),
    ]
    return [
        Work(
            work.title,
            tuple(one for one in work.contenders if one.name.startswith(QUICK_PEERS)),
            work.bound,
        )
        for work in works
    ]


def _work(title: str, contenders: list[Contender], bound: float | None) -> Work:
    return Work(title, tuple(contenders), bound)


def _heat(nbar: float) -> str:
    return f", nbar = {nbar:g}" if nbar else ""


def main() -> None:
    """Compete, then print the table, fill the page and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("alternations", nargs="?", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="smallest works, few peers")
    parser.add_argument("--page", type=Path, help="Markdown page whose section is renewed")
    arguments = parser.parse_args()
    # JAX has no variable for its threads on the CPU: one core is given to the whole process
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if arguments.page:  # one without marks is refused before the work
        before = arguments.page.read_text(encoding="utf-8")
        replaced(before, "peers", "")
    lines: list[Line] = []
    for work in quick_works() if arguments.quick else all_works():
        print(f"# {work.title}", file=sys.stderr, flush=True)
        lines += compete(work, arguments.alternations)
    figure = "figures/peers.png" if arguments.page else None
    text = section(lines, arguments.alternations, figure)
    print(text)
    if arguments.page:
        arguments.page.write_text(replaced(before, "peers", f"\n{text}\n\n"), encoding="utf-8")
        draw(lines, arguments.page.parent / figure)


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
