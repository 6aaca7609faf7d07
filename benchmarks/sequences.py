"""How fast sequences are: ten stages of an NV battery at a resonator, 61 + 61 classes, one core.

    python benchmarks/sequences.py [alternations] [--beside FOLDER] [--page docs/sequences.md]

Second order without a phase (nothing is sent in), second order with one (the battery is triggered),
and 1,000 truncated Wigner runs: processor seconds of a warm call, in a process of its own, in turn
with an earlier version checked out in FOLDER.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import llvmlite.binding
import numpy as np
from threadpoolctl import threadpool_limits

CLASSES, RUNS = 61, 1000
NAMES = ["battery_energy", "charger_energy", "output_power", "ergotropy_local"]
TIMES = np.linspace(0.0, 13.3e-6, 267)
# what is asked, seconds, and what a step takes
WORKS = {
    "second order": (
        3.0,
        "two products of 24 x 122 x 122 and two of 122 x 16 x 122; the same with 31 + 31 classes "
        "for their error",
    ),
    "second order with a phase": (
        15.0,
        "as above until the trigger, then twelve stages with nine pairs of each two classes",
    ),
    "1,000 Wigner runs": (30.0, "of a run: 244 normal numbers and 122 turns"),
}


def sequence(triggered: bool) -> Any:
    """Prepare, invert, wait, step in, burst, out, store, in, trigger, discharge, out, rest."""
    from darkbattery.nvmodel import Drive, Pulse, Resonator, ResonatorBattery, SpinEnsemble, Stage
    from darkbattery.nvmodel.lines.shapes import QGaussian

    away, rise = 2.0 * np.pi * 60e6, 0.1e-6
    line = QGaussian(fwhm_hz=8.65e6, q=1.39)
    spins = SpinEnsemble(
        number=1.5e12, coupling=2.0 * np.pi * 1.51, polarisation=0.99, t2_s=0.89e-6, line=line
    )
    charger = replace(spins, number=7.5e12, polarisation=-0.4)
    trigger = Drive(amplitude=5e11, duration_s=0.4e-6)
    both = {"battery_detuning": -away, "charger_detuning": away, "rise": rise}
    battery_in = {"charger_detuning": away, "rise": rise}
    protocol = (
        Stage(0.5e-6, charger_detuning=away, name="prepare"),
        Pulse(rotate_charger=np.pi),
        Stage(0.5e-6, charger_detuning=away, name="wait"),
        Stage(0.5e-6, rise=rise, name="step in"),
        Stage(4.8e-6, name="burst"),
        Stage(0.5e-6, **both, name="step out"),
        Stage(3.5e-6, **both, name="store"),
        Stage(0.8e-6, **battery_in, name="step in again"),
        Stage(0.4e-6, **battery_in, name="trigger", drives=(trigger,) if triggered else ()),
        Stage(1.3e-6, **battery_in, name="discharge"),
        Stage(0.5e-6, **both, name="rest"),
    )
    resonator = Resonator(frequency_hz=3.1e9, linewidth_fwhm_hz=836e3, temperature_k=0.025)
    return ResonatorBattery(spins, resonator, charger, protocol=protocol)


def work(name: str) -> Any:
    """A call of what is measured."""
    from darkbattery import meanfield

    if name == "1,000 Wigner runs":
        model = sequence(triggered=True)
        return lambda runs=RUNS: meanfield.sample(
            model, TIMES, runs=runs, seed=1, observables=NAMES, classes=CLASSES
        )
    model = sequence(triggered=name != "second order")
    return lambda classes=CLASSES, times=TIMES: meanfield.evolve(
        model, times, order=2, observables=NAMES, classes=classes
    )


def measure(name: str) -> None:
    """Seconds of the whole, and of a small one before, which compiles; steps; energies."""
    call = work(name)
    began = time.process_time()
    call(2) if name == "1,000 Wigner runs" else call(3)
    before, counted = time.process_time() - began, counted_steps()
    began = time.process_time()
    found = call()
    taken = time.process_time() - began
    steps = found.provenance.get("steps", len(counted))
    print(taken, before, steps, *(found[one][-1] for one in NAMES[:2]))


def counted_steps() -> list[None]:
    """Grows by one with each step of second order with all classes, refused ones too."""
    counted: list[None] = []
    try:
        from darkbattery.meanfield.averages import phasedsteps, turningsteps
    except ImportError:  # an earlier version
        return counted
    for kind in (turningsteps.TurningSteps, phasedsteps.PhasedSteps):

        def take(self: Any, *given: Any, kept: Any = kind.take) -> Any:
            counted.extend([None] * (self._leg.system.number.size == 2 * CLASSES))
            return kept(self, *given)

        kind.take = take  # type: ignore[method-assign]
    return counted


def measured(name: str, folder: Path | None) -> list[float]:
    """In a process of its own, by the package in `folder` or by this one."""
    root = str(folder or Path(__file__).parents[1])
    command = [sys.executable, __file__, "--row", name]
    environment = os.environ | {"PYTHONPATH": root}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment, cwd=root
    )
    return [float(word) for word in done.stdout.split()[-5:]]


def row(name: str, folders: dict[str, Path | None], alternations: int) -> str:
    """A line of the table."""
    found: dict[str, list[list[float]]] = {which: [] for which in folders}
    for _ in range(alternations):
        for which, folder in folders.items():
            found[which].append(measured(name, folder))
            print(name, which, found[which][-1], file=sys.stderr, flush=True)
    asked, made_of = WORKS[name]
    now, *more = (min(one[0] for one in several) for several in found.values())
    _, _, steps, *ends = found["now"][0]
    before = [f"{seconds:.1f}" for seconds in more] or [""]
    energies = f"{ends[0]:.4f}, {ends[1]:.4f}"
    return (
        f"| {name} | {before[0]} | {now:.1f} | {asked:g} | {energies} | {steps:,.0f} | {made_of} |"
    )


def main() -> None:
    """Measure, print, and fill the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("alternations", nargs="?", type=int, default=1)
    parser.add_argument("--row", choices=WORKS, help="measure here and print the figures alone")
    parser.add_argument("--beside", type=Path, help="checkout of an earlier version")
    parser.add_argument("--page", type=Path, help="Markdown page whose section is renewed")
    options = parser.parse_args()
    if options.row:
        measure(options.row)
        return
    folders = {"now": None} | ({"before": options.beside.resolve()} if options.beside else {})
    about = f"{datetime.now(tz=UTC).date()}, one core of {platform.machine()}"
    lines = [
        f"{about} ({llvmlite.binding.get_host_cpu_name()}), the best of {options.alternations}.",
        "",
        "| ten stages, 61 + 61 classes, 267 times | before, s | now, s | asked, s | $E_B$, $E_C$ "
        "at the end | steps | a step |",
        "|---|---|---|---|---|---|---|",
        *(row(name, folders, options.alternations) for name in WORKS),
    ]
    text = "\n".join(lines)
    print(text)
    if options.page:
        from darkbattery.runs.pages.marks import replaced

        page = options.page.read_text(encoding="utf-8")
        options.page.write_text(replaced(page, "sequences", f"\n{text}\n\n"), encoding="utf-8")


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
