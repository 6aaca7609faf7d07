"""A row for every single run: which numbers it holds beyond those that every run has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.refusal import InputError, finite_number, known_name

Array = NDArray[np.float64]

EMPTY = 1e-12  # of an energy per spin: sums of some thousands of doubles


@dataclass(frozen=True)
class Summary:
    """Key numbers of each run, and when its battery reaches which level of charge.

    Parameters
    ----------
    levels : tuple of float
        Energies per battery spin, in hbar omega, above 0, at most 1: a column ``time_to_25`` each
        (percent), the first output time at which the run's energy has reached the level.
    of_end : tuple of float
        Shares of the run's own energy at the last output time, above 0, at most 1: a column
        ``time_to_90_of_end`` each.

    Examples
    --------
    >>> Summary(levels=(0.8,)).columns
    ('time_to_80', 'time_to_50_of_end', 'time_to_90_of_end')
    """

    levels: tuple[float, ...] = (0.25, 0.5, 0.75)
    of_end: tuple[float, ...] = (0.5, 0.9)

    def __post_init__(self) -> None:
        for name in ("levels", "of_end"):
            given = getattr(self, name)
            if not isinstance(given, tuple | list):
                raise InputError(f"records.{name}", given, "must be a list of numbers")
            found = [
                finite_number(f"records.{name}", one, least=0.0, exclusive=True, most=1.0)
                for one in given
            ]
            if len(set(map(_percent, found))) < len(found):
                raise InputError(f"records.{name}", given, "must be different")
            object.__setattr__(self, name, tuple(sorted(found)))

    def __repr__(self) -> str:
        return model_text(self)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of times to a level of charge."""
        absolute = [f"time_to_{_percent(level)}" for level in self.levels]
        return (*absolute, *(f"time_to_{_percent(share)}_of_end" for share in self.of_end))

    def charge_times(self, energies: Array, times: Array) -> dict[str, Array]:
        """Those columns, from the energies (T, runs) of runs at the output times (T,).

        NaN where a level is not reached until the last time, and for shares of an empty battery.

        >>> energies = np.array([[0.0, 0.0], [0.5, 0.2], [0.8, 0.4]])
        >>> found = Summary(levels=(0.5,), of_end=(0.5,)).charge_times(energies, np.arange(3.0))
        >>> found["time_to_50"], found["time_to_50_of_end"]
        (array([ 1., nan]), array([1., 1.]))
        """
        marks = [
            *(np.full(energies.shape[1], level) for level in self.levels),
            *(
                np.where(energies[-1] > EMPTY, share * energies[-1], np.inf)
                for share in self.of_end
            ),
        ]
        found = {}
        for name, mark in zip(self.columns, marks, strict=True):
            reached = energies >= mark
            when = times[reached.argmax(axis=0)]
            found[name] = np.where(reached.any(axis=0), when, np.nan)
        return found


Records = Literal["summary"] | Summary | None


def summary_of(records: Records) -> Summary | None:
    """What `sample` was asked to tell of each run: "summary" is short for ``Summary()``.

    >>> summary_of("summary"), summary_of(None)
    (Summary(), None)
    """
    if records is None or isinstance(records, Summary):
        return records
    known_name("records", records, ("summary",))
    return Summary()


def _percent(share: float) -> str:
    return f"{100.0 * share:g}"
