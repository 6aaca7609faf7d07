r"""The state that recorded photons leave, where some are missed: any temperature, noise, stages.

.. math:: \rho(t)\propto e^{(L-\eta S)(t-t_n)}S\cdots S\,e^{(L-\eta S)t_1}\rho(0)

(`trajectories.propagate.watched`; Wiseman and Milburn 2010, section 4.8), with the photons' times
of a run that is made with all its jumps (`trajectories.jumps.filters.hidden_runs`): each emitted
photon is recorded with probability eta, and nothing else is seen. Nothing is stepped: a wait is
made of a span's halves, quarters, ..., whose exponentials are tables, and of a series for what is
left.

Data: hidden run -> recorded times -> states at the output times, side by side -> means and
matrices.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.protocol import rotates
from darkbattery.trajectories.propagate.watched import (
    Silence,
    Stretch,
    Watched,
    silent_stretches,
    times,
    turns_phases,
)
from darkbattery.trajectories.propagate.watched_mode import watching
from darkbattery.trajectories.propagate.watched_reservoir import pulsed

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FilterPlan:
    """What runs of a battery go through, with its tables; made once."""

    space: Any
    start: Array
    stretches: list[Stretch]


@lru_cache(maxsize=4)
def _planned(battery: Experiment, at: tuple[float, ...]) -> FilterPlan:
    coherent = rotates(battery.protocol)
    space, start_on, legs = watching(battery, np.array(at), coherent)
    stretches = silent_stretches(legs, np.array(at), lambda watched: watched.silent)
    return FilterPlan(space, start_on, stretches)


def filter_plan(battery: Experiment, at: Array) -> FilterPlan:
    """The plan of a battery and its output times `at`."""
    return _planned(battery, tuple(at.tolist()))


def filtered(plan: FilterPlan, records: list[Array]) -> Iterator[tuple[int, Watched, NDArray[Any]]]:
    """States (elements, runs) of trace 1 at each output time, and the stage in which it is."""
    x = np.repeat(plan.start[:, None], len(records), axis=1)
    x = x.astype(np.complex128) if turns_phases(s.leg for s in plan.stretches) else x
    seen = np.zeros(len(records), dtype=np.int64)
    for s in plan.stretches:
        if s.leg.pulse is not None:
            x = pulsed(plan.space, x, s.leg.pulse)
            continue
        watched = s.leg.watched
        assert watched is not None
        if s.silence is not None:
            x = _through(s, s.silence, watched, x, records, seen)
        if s.output >= 0:
            yield s.output, watched, x


def _through(
    s: Stretch,
    silence: Silence,
    watched: Watched,
    x: NDArray[Any],
    records: list[Array],
    seen: NDArray[np.int64],
) -> NDArray[Any]:
    """A stretch: each run from photon to photon, all runs that have one more side by side."""
    now = np.full(x.shape[1], s.start)
    while True:
        due = np.array(
            [
                record[k] if k < record.size and record[k] <= s.stop else math.inf
                for record, k in zip(records, seen, strict=True)
            ]
        )
        on = np.flatnonzero(due < math.inf)
        if on.size == 0:
            break
        # rounding: a photon at the very end of the stretch before
        waits = np.maximum(due[on] - now[on], 0.0)
        x[:, on] = _normalised(watched, times(watched.seen, silence.passed(x[:, on], waits)))
        now[on] = due[on]
        seen[on] += 1
    return _normalised(watched, silence.passed(x, s.stop - now))


def _normalised(watched: Watched, x: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(x / np.real(times(watched.trace, x)))
