"""How often intervals of single runs hold the truth: by model, observable and number of runs.

    python benchmarks/intervals.py [seeds] [--page docs/physics.md]

Prints a table in Markdown; with --page it also takes the place of what stands between the page's
markers. Truth is `evolve` where it has the observable, else a far longer sample of other runs. A
cell is a model and an observable, averaged over output times; t = 0, where nothing is uncertain,
is not among them. About ten minutes for 200 seeds on one core.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import constants

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import (
    CollectiveBattery,
    InputError,
    LocalNoise,
    Pulse,
    Resonator,
    ResonatorBattery,
    Solution,
    SpinEnsemble,
    Stage,
)
from darkbattery.nvmodel.experiment import experiment_of
from darkbattery.runs.pages.marks import replaced
from darkbattery.trajectories.jumps.resonator.cavity_runs import AVAILABLE as AT_RESONATOR
from darkbattery.trajectories.jumps.sampling import available

Array = NDArray[np.float64]

RUNS = (2, 5, 20, 100, 1000)
SEEDS = 200
TRUTH_SEED = 10**6  # far from those that are judged


@dataclass(frozen=True)
class Case:
    """A model, its output times, and the engine that samples it.

    Attributes
    ----------
    long : int
        Runs that stand for the truth where `evolve` does not have an observable.
    """

    title: str
    model: Any
    times: tuple[float, ...]
    long: int = 20_000
    names: tuple[str, ...] | None = None

    @property
    def wigner(self) -> bool:
        """Whether its runs are those of the semiclassical engine."""
        return self.title.startswith("Wigner")

    def sample(self, runs: int, seed: int) -> Solution:
        """Runs of it, with every observable that has an error."""
        names = self.names
        if names is None and not self.wigner:
            at_resonator = experiment_of(self.model).resonator is not None
            names = AT_RESONATOR if at_resonator else available(self.model)
        engine: Callable[..., Solution] = meanfield.sample if self.wigner else trajectories.sample
        return engine(self.model, self.times, runs=runs, seed=seed, observables=names)

    def truth(self) -> dict[str, Array]:
        """Values at the output times."""
        found = dict(self.sample(self.long, TRUTH_SEED).values)
        if self.wigner:
            return found
        for name in found:
            try:
                found[name] = trajectories.evolve(self.model, self.times, [name])[name]
            except InputError:
                continue
        return found


def _at_resonator() -> ResonatorBattery:
    """As slow as the spins swing, and as warm as 0.25 photons."""
    cavity = Resonator(
        frequency_hz=1e9,
        linewidth_fwhm_hz=math.sqrt(8.0) / (2.0 * math.pi),
        temperature_k=constants.h * 1e9 / (constants.k * math.log(5.0)),
    )
    battery, charger = (SpinEnsemble(number=n, coupling=1.0) for n in (2, 6))
    return ResonatorBattery(charger, cavity, battery)


NOISE = LocalNoise(dephasing=0.5, emission=0.3, pumping=0.05)


def cases() -> tuple[Case, ...]:
    """The models of the table."""
    return (
        Case("cold (2, 10)", CollectiveBattery(2, 10), (0.003, 0.02, 0.1, 0.3, 0.8)),
        Case("cold (20, 60)", CollectiveBattery(20, 60), (0.001, 0.05, 0.1, 0.2, 0.4)),
        Case("cold (5, 5)", CollectiveBattery(5, 5), (0.01, 0.1, 0.3, 1.0, 5.0)),
        Case(
            "warm (2, 10), nbar 0.5",
            CollectiveBattery(2, 10, nbar=0.5),
            (0.003, 0.02, 0.1, 0.3, 2.0),
        ),
        Case(
            "cool (10, 40), nbar 0.02", CollectiveBattery(10, 40, nbar=0.02), (0.01, 0.1, 0.3, 1.0)
        ),
        Case(
            "half detected (2, 6)",
            CollectiveBattery(2, 6, detector_efficiency=0.5),
            (0.01, 0.1, 0.3, 1.0),
        ),
        Case(
            "noisy (3, 9), nbar 0.1",
            CollectiveBattery(3, 9, nbar=0.1, battery_noise=NOISE, charger_noise=NOISE),
            (0.005, 0.05, 0.2, 1.0),
        ),
        Case(
            "protocol (2, 6)",
            CollectiveBattery(
                2,
                6,
                detuning=3.0,
                battery_start="thermal",
                protocol=(Stage(0.3), Pulse(0.1, 0.1), Stage(np.inf, "battery")),
                nbar=0.1,
            ),
            (0.01, 0.1, 0.3, 1.0),
        ),
        Case(
            "grouped (1e7, 5e7)",
            CollectiveBattery(10**7, 5 * 10**7),
            (1e-7, 3e-7, 4.5e-7, 6e-7),
            long=50_000,
        ),
        Case("resonator (2, 6), nbar 0.25", _at_resonator(), (0.1, 0.5, 1.0, 2.0, 5.0)),
        Case(
            "Wigner (100, 300), nbar 0.5",
            CollectiveBattery(100, 300, nbar=0.5),
            (0.003, 0.01, 0.02),
        ),
        Case(
            "Wigner, resonator",
            ResonatorBattery(
                battery=SpinEnsemble(number=200, coupling=0.1),
                charger=SpinEnsemble(number=900, coupling=0.1),
                resonator=Resonator(1.0, linewidth_fwhm_hz=0.3),
            ),
            (0.3, 1.0, 2.0, 4.0),
        ),
    )


# what evolve promises of averages, and no sample of these models resolves
EXACT = 1e-10


def coverage(case: Case, truth: dict[str, Array], runs: int, seeds: int) -> dict[str, float]:
    """Share of the 2 sigma intervals that hold the truth, by observable, over seeds and times.

    Where there is no value or no error (no photon yet, emission over) nothing is claimed or judged.
    """
    held: dict[str, list[Array]] = {name: [] for name in truth}
    for seed in range(seeds):
        found = case.sample(runs, seed)
        for name, value in truth.items():
            low, high = found.interval(name)
            slack = EXACT * (1.0 + np.abs(value))
            inside = (low - slack <= value) & (value <= high + slack)
            held[name].append(np.where(np.isnan(low) | np.isnan(value), np.nan, inside))
    return {name: float(np.nanmean(rows)) for name, rows in held.items() if _judged(rows)}


def _judged(rows: list[Array]) -> bool:
    return not np.isnan(rows).all()


@dataclass(frozen=True)
class Line:
    """Coverage of one model: by number of runs, by observable."""

    title: str
    cells: dict[int, dict[str, float]]

    def mean(self, runs: int) -> float:
        """Average over observables."""
        return float(np.mean(list(self.cells[runs].values())))

    def least(self, runs: int) -> tuple[float, str]:
        """Lowest cell, and its observable."""
        return min((share, name) for name, share in self.cells[runs].items())


def measure(case: Case, seeds: int, runs: tuple[int, ...] = RUNS) -> Line:
    """All cells of a model."""
    truth = case.truth()
    return Line(case.title, {n: coverage(case, truth, n, seeds) for n in runs})


def table(lines: list[Line], seeds: int) -> str:
    """The lines in Markdown."""
    head = "| model | " + " | ".join(f"{n} runs" for n in RUNS) + " | lowest from 100 runs on |"
    rows = [head, "|---" * (len(RUNS) + 2) + "|"]
    for line in lines:
        share, name = min(line.least(n) for n in RUNS if n >= 100)
        means = " | ".join(f"{line.mean(n):.2f}" for n in RUNS)
        rows.append(f"| {line.title} | {means} | {share:.2f} {name} |")
    average = " | ".join(f"{np.mean([line.mean(n) for line in lines]):.2f}" for n in RUNS)
    lowest = min(line.least(n)[0] for line in lines for n in RUNS if n >= 100)
    rows.append(f"| average | {average} | {lowest:.2f} |")
    return "\n".join(rows) + f"\n\n{seeds} seeds of each.\n"


def main() -> None:
    """Measure, print, and fill the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", nargs="?", type=int, default=SEEDS)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    lines = []
    for case in cases():
        lines.append(measure(case, options.seeds))
        print(f"{lines[-1].title}: {[round(lines[-1].mean(n), 2) for n in RUNS]}", flush=True)
    text = table(lines, options.seeds)
    print(text)
    if options.page is not None:
        page = replaced(options.page.read_text(), "coverage", text)
        options.page.write_text(page)


if __name__ == "__main__":
    main()
