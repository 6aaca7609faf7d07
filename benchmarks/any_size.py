"""Time, memory and error estimate of exact averages from 1e2 to 1e16 spins.

    python benchmarks/any_size.py [--quick]

Each case runs in a process of its own, so that its peak memory is its own; the column "more" is
the peak above that of the same process before the case, imports and compiled code loaded. 100
output times up to well after the burst, equally spaced, then ("log") by equal factors over six
decades; processor time.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import time

import numpy as np

SIZES = [10.0**e for e in range(2, 17, 2)]
RATIOS = [1.1, 2.0, 5.0, 50.0]
EQUAL_SIZES = [1e2, 1e3, 1e4]  # at R = 1 ladders count as sqrt(N)
OCCUPATIONS = [0.0, 0.5, 5.0]


def one_case(n_spins: float, ratio: float, nbar: float) -> dict[str, float]:
    """Run one case in this process."""
    from darkbattery.nvmodel import CollectiveBattery
    from darkbattery.trajectories.averages.heisenberg import heisenberg_averages

    ten = CollectiveBattery(n_battery=3, n_charger=7, nbar=nbar)
    heisenberg_averages(ten, [0.0, 1.0])  # compiles, or loads what was compiled
    n_battery = max(1, round(n_spins / (1.0 + ratio)))
    n_charger = max(1, round(n_spins)) - n_battery
    battery = CollectiveBattery(n_battery=n_battery, n_charger=n_charger, nbar=nbar)
    # the burst of D = N_C - N_B is at ln(D^2/N_C)/D; at R = 1 the time is 1/sqrt(N)
    rate = max(n_charger - n_battery, math.sqrt(n_charger))
    times = np.linspace(0.0, (math.log(n_spins) + 10.0) / rate, 100)
    loaded = peak_megabytes()
    before = time.process_time()
    result = heisenberg_averages(battery, times)
    between = time.process_time()
    spread = heisenberg_averages(battery, np.geomspace(1e-6 * times[-1], times[-1], 100))
    after = time.process_time()
    return {
        "seconds": between - before,
        "log": after - between,
        "megabytes": peak_megabytes(),
        "more": peak_megabytes() - loaded,
        "error": max(result.error_estimate, spread.error_estimate),
        "ladders": result.ladders,
        "chains": result.chains,
        "energy": float(result.battery_energy[-1]),
    }


def peak_megabytes() -> float:
    """Peak resident memory of this process (Linux counts in kB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer sizes")
    parser.add_argument("--case", nargs=3, type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(one_case(*arguments.case)))
        return
    sizes = SIZES[::3] if arguments.quick else SIZES
    print(
        "     N      R  nbar   time/s    log/s  peak/MB  more/MB  est.error  ladders  chains"
        "  E_B(end)"
    )
    for ratio in RATIOS:
        for nbar in OCCUPATIONS:
            for size in sizes:
                print_case(size, ratio, nbar)
    for nbar in OCCUPATIONS:
        for size in EQUAL_SIZES:
            print_case(size, 1.0, nbar)


def print_case(size: float, ratio: float, nbar: float) -> None:
    """Run one case in a new process and print its line."""
    command = [sys.executable, __file__, "--case", str(size), str(ratio), str(nbar)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    start = f"{size:8.0e} {ratio:5.4g} {nbar:5.3g}"
    if run.returncode:
        print(f"{start}  {run.stderr.strip().splitlines()[-1][:90]}")
        return
    r = json.loads(run.stdout)
    print(
        f"{start} {r['seconds']:8.2f} {r['log']:8.2f} {r['megabytes']:8.0f} {r['more']:8.1f} "
        f"{r['error']:10.1e} {r['ladders']:8.0f} {r['chains']:7.0f}  {r['energy']:.9f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
