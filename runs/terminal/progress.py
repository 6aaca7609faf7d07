"""How far a study is: a bar on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from darkbattery.nvmodel.solution import Solution

LINE_SECONDS = 15.0  # between plain lines
ERROR_SECONDS = 1.0  # between estimates of the error, at least
ERROR_SHARE = 0.05  # of the time may be spent on them: large tallies take seconds to read


class Reporter:
    """Receives the state of the work on rank 0; see `runs.ranks.distribute.Progress`."""

    def __init__(self, console: Console, bar: Progress | None) -> None:
        self._console, self._bar = console, bar
        self._task = None if bar is None else bar.add_task("preparing", total=None)
        self._started = self._last_line = time.perf_counter()
        self._next_error, self._note = -np.inf, ""

    def update(self, done: int, total: int, mine: Solution | None, of_job: int) -> None:
        """Show `done` of `total` runs, and the present job's error, whose `of_job` runs are there.

        It is scaled from `mine`, this rank's share of the job.
        """
        now = time.perf_counter()
        rate = done / max(now - self._started, 1e-9)
        if mine is not None and now > self._next_error:
            self._note = _error_note(mine, of_job)
            after = time.perf_counter()
            self._next_error = after + max(ERROR_SECONDS, (after - now) / ERROR_SHARE)
        pace = f"{rate:,.0f}" if rate >= 10.0 else f"{rate:.2g}"
        text = f"{done:,} of {total:,} runs, {pace} runs/s{self._note}"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=total, completed=done, description=text)
        elif now - self._last_line > LINE_SECONDS:
            left = (total - done) / max(rate, 1e-9)
            self._console.print(f"{text}, {left:.0f} s left", highlight=False, soft_wrap=True)
            self._last_line = now


@contextmanager
def reporter(console: Console) -> Iterator[Reporter]:
    """A Reporter that draws a bar where `console` is a terminal."""
    if not console.is_terminal:
        yield Reporter(console, None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield Reporter(console, bar)


def _error_note(mine: Solution, of_job: int) -> str:
    """Largest standard error of the battery's energy so far, scaled from this rank's share."""
    error = mine.errors.get("battery_energy")
    if error is None or not mine.runs or not np.isfinite(error).any():
        return ""
    scale = np.sqrt(mine.runs / max(of_job, mine.runs))
    return f", error of E_B about {np.nanmax(error) * scale:.2g}"
