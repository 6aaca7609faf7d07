"""Seconds of a plan, ranges and sensitivities included, and what its classes leave.

`python benchmarks/plan.py [--page docs/performance.md]`: each shipped device on one core, the best
processor time of two; stored energy and local ergotropy with 32, 64 and 128 classes of the line.
"""

import sys
import time
from pathlib import Path

from threadpoolctl import threadpool_limits

from darkbattery.nvmodel.devices.published import DEVICES
from darkbattery.runs.pages.marks import replaced
from darkbattery.runs.plan.forecast import forecast
from darkbattery.runs.plan.plan import make_plan
from darkbattery.runs.plan.subject import find_subject

CLASSES, REPEATS = (32, 64, 128), 2


def row(name: str) -> str:
    """A line of the table."""
    subject, seconds = find_subject(name), []
    for _ in range(REPEATS):
        began = time.process_time()
        plan = make_plan(subject)
        seconds.append(time.process_time() - began)
    cells = [name, f"{min(seconds):.1f}", str(len(plan.spanned()))]
    if plan.forecast.bursts and plan.forecast.rest is not None:
        found = [forecast(subject.model, K, plan.forecast.rest) for K in CLASSES]
        cells += [", ".join(f"{one.energy:.4f}" for one in found)]
        cells += [", ".join(f"{one.ergotropy:.4f}" for one in found)]
    else:
        cells += ["no burst", ""]
    return "| " + " | ".join(cells) + " |\n"


def main() -> None:
    """Print the table; with --page, put it there."""
    heading = "| device | seconds | forecasts within the ranges | $E_B$ with 32, 64, 128 classes | "
    table = heading + "local ergotropy |\n| --- | --- | --- | --- | --- |\n"
    with threadpool_limits(limits=1):
        for name in DEVICES:
            table += row(name)
            print(table.splitlines()[-1], flush=True)
    if "--page" in sys.argv:
        page = Path(sys.argv[sys.argv.index("--page") + 1])
        page.write_text(replaced(page.read_text("utf-8"), "plans", table), "utf-8")


if __name__ == "__main__":
    main()
