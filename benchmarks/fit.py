"""Coverage of the intervals of `darkbattery fit`: how often the truth lies within two errors.

`python benchmarks/fit.py [TRIALS] [--page docs/devices.md]`: synthetic traces of kersten2023 with
1 % of noise, a transmission and a burst fitted jointly; starts 10 % off. "The truth lies within two
errors" is meant of each quantity: asked are 90 of 100, and normal errors give 95.4. Of four at once
independent normal errors give 83 (0.954 to the fourth); those of a fit are correlated, so that it
lies between that and 95. Shares stand with their binomial errors.
"""

import argparse
import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from darkbattery.nvmodel.devices.published import find_device
from darkbattery.runs.fit.solve import fit, problem_of
from darkbattery.runs.fit.synthetic import synthetic_trace
from darkbattery.runs.pages.marks import replaced

FREE = ("collective_coupling_hz", "linewidth_fwhm_hz", "spin_linewidth_fwhm_hz", "inversion")
NOISE = 0.01


def started(device, seed):
    """The device with its free values moved by some 10 %, ranges kept."""
    draws = np.random.default_rng(seed)
    for name in FREE:
        old = device.quantities[name]
        value = old.value * np.exp(0.1 * draws.standard_normal())
        value = min(max(value, old.low), old.high)
        device = replace(device, **{name: replace(old, value=value)})
    return device


def trial(device, seed):
    """Pulls of the four quantities of one fit, and chi square a degree of freedom."""
    f = device.frequency_hz.converted + np.linspace(-25e6, 25e6, 401)
    t = np.linspace(0.0, 6e-6, 301)
    s21 = synthetic_trace("s21", f, device, {"gain": 0.8, "phase": 0.3}, NOISE, 2 * seed)
    peak = 2.5e-6 + 1e-7 * np.random.default_rng(seed).standard_normal()
    burst = synthetic_trace("burst", t, device, {"peak": peak}, NOISE, 2 * seed + 1)
    found = fit(problem_of(started(device, seed), (s21, burst), FREE))
    pulls = []
    for name in FREE:
        quantity = found.device.quantities[name]
        truth = device.quantities[name].converted
        pulls.append((quantity.converted - truth) / (quantity.error * quantity.factor))
    return pulls, found.chi_square / found.freedom


def share(hits: int, trials: int) -> str:
    """Hits with the binomial error, by the rule of succession: never 0."""
    middle = (hits + 1.0) / (trials + 2.0)
    return f"{hits} +- {math.sqrt(middle * (1.0 - middle) * trials):.0f}"


def table(pulls: np.ndarray) -> str:
    """A row a quantity, and one for all at once."""
    trials, inside = len(pulls), np.abs(pulls) < 2.0
    rows = [
        f"| quantity | truth within two errors, of {trials} fits | mean pull | spread of pulls |",
        "| --- | --- | --- | --- |",
    ]
    for name, own, hits in zip(FREE, pulls.T, inside.sum(axis=0), strict=True):
        mean, spread = own.mean(), own.std()
        rows.append(f"| `{name}` | {share(int(hits), trials)} | {mean:+.2f} | {spread:.2f} |")
    rows.append(f"| all four at once | {share(int(inside.all(axis=1).sum()), trials)} | | |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Print the table; with --page, put it there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("trials", type=int, nargs="?", default=100)
    parser.add_argument("--page", type=Path)
    asked = parser.parse_args()
    device, pulls, goodness = find_device("kersten2023"), [], []
    began = time.process_time()
    for seed in range(asked.trials):
        own, chi_square = trial(device, seed)
        pulls.append(own)
        goodness.append(chi_square)
        if seed % 10 == 9:
            print(table(np.array(pulls)), flush=True)
    print(f"chi square {np.mean(goodness):.3f} a degree, at most {np.max(goodness):.3f}")
    print(f"{(time.process_time() - began) / asked.trials:.1f} s a fit")
    if asked.page is not None:
        text = replaced(asked.page.read_text("utf-8"), "coverage", table(np.array(pulls)))
        asked.page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
