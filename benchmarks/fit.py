"""Coverage of the intervals of `darkbattery fit`: how often the truth lies within two errors.

`python benchmarks/fit.py [TRIALS]`: synthetic traces of kersten2023 with 1 % of noise, a
transmission and a burst fitted jointly, and the transmission alone; starts 10 % off.
"""

import sys
import time
from dataclasses import replace

import numpy as np

from darkbattery.nvmodel.devices.published import find_device
from darkbattery.runs.fit.solve import fit, problem_of
from darkbattery.runs.fit.synthetic import synthetic_trace

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


def main(trials: int) -> None:
    """Print, for each quantity, in how many trials the truth is within two errors."""
    device = find_device("kersten2023")
    truth = {name: device.quantities[name].converted for name in FREE}
    f = device.frequency_hz.converted + np.linspace(-25e6, 25e6, 401)
    t = np.linspace(0.0, 6e-6, 301)
    within, pulls, goodness = dict.fromkeys(FREE, 0), {name: [] for name in FREE}, []
    every, began = 0, time.process_time()
    for seed in range(trials):
        s21 = synthetic_trace("s21", f, device, {"gain": 0.8, "phase": 0.3}, NOISE, 2 * seed)
        peak = 2.5e-6 + 1e-7 * np.random.default_rng(seed).standard_normal()
        burst = synthetic_trace("burst", t, device, {"peak": peak}, NOISE, 2 * seed + 1)
        found = fit(problem_of(started(device, seed), (s21, burst), FREE))
        goodness.append(found.chi_square / found.freedom)
        inside = []
        for name in FREE:
            quantity = found.device.quantities[name]
            error = quantity.error * quantity.factor
            pulls[name].append((quantity.converted - truth[name]) / error)
            inside.append(abs(pulls[name][-1]) < 2.0)
            within[name] += inside[-1]
        every += all(inside)
        if seed % 10 == 9:
            print(f"after {seed + 1}: {within}", flush=True)
    seconds = (time.process_time() - began) / trials
    for name in FREE:
        mean, spread = np.mean(pulls[name]), np.std(pulls[name])
        print(f"{name}: {within[name]} of {trials} in 2 errors; pulls {mean:+.2f} +- {spread:.2f}")
    print(f"all four at once: {every} of {trials}; chi square {np.mean(goodness):.3f} a degree")
    print(f"{seconds:.1f} s a fit")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
