r"""The state that a homodyne or heterodyne record leaves: any temperature, noise, stages.

With :math:`L` of the stage, :math:`S\rho=c\rho c^\dagger` and
:math:`c=\sqrt{\gamma(\bar n+1)}\,J^-` (`trajectories.propagate.watched`) a record Y leaves

.. math:: d\rho=L\rho\,dt+\sqrt\eta\,(c\rho+\rho c^\dagger)\,dY

(Wiseman and Milburn 2010, section 4.8, in the linear form of Goetsch and Graham 1994); a heterodyne
one :math:`c\rho\,dz^*+\rho c^\dagger dz`. As on the ladder (`jumps.diffusive.diffusion`) a step
is taken from its middle: half of what happens without a recorded photon, :math:`e^{(L-\eta S)h/2}`,
which is exact, all that the record tells, :math:`K\rho K^\dagger`, the other half. With the
record's y and :math:`I=\int\tau\,dY`, :math:`\tau` from the middle,

.. math:: K=\sum_{k\le4}\mathrm{He}_k(\sqrt\eta\,y;\eta qh)\,\frac{c^k}{k!}
          -\sqrt\eta\,I\,C-\tfrac12\eta\,Iy\,(Cc+cC),\quad C=[D,c],

D what leads between jumps, He Hermite's polynomials of that variance, q = 1 for homodyne, 0 for
heterodyne. What the unseen jumps add to :math:`[L-\eta S,\cdot]` is
:math:`-\sqrt\eta\,I\,[\mathcal G,c]\rho` and its adjoint: strong order 1.5. The record's own drift
is that of the ladder's, weak order 2.

Data: stages -> steps, by the average state alone -> normals -> states at the output times, side by
side.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.trajectories.jumps.diffusive.diffusion import (
    REACH,
    record_increment,
    record_powers,
)
from darkbattery.trajectories.propagate.exponentials import doubled_exponentials
from darkbattery.trajectories.propagate.watched import (
    Leg,
    Watched,
    Watching,
    stretches_of,
    times,
    turns_phases,
)
from darkbattery.trajectories.propagate.watched_reservoir import pulsed

Array = NDArray[np.float64]

COUNTED = 1e-5  # average probability from which on a state's rate limits the step
TURNS = 0.25  # of a rate at which c itself changes
LONGEST = 4.0  # of a step, times the largest rate of an element: integrals are series
PIECES = 64  # of the time between two outputs, in which the average state is looked at
COUNTS = 3  # photons emitted and absorbed, excitations lost


class Record(NamedTuple):
    """What is drawn, or given, of runs side by side.

    Attributes
    ----------
    noise : ndarray (S, 2, runs)
        Normals; of no runs where the record is given.
    kept : ndarray (S, 2, runs)
        y and I of every step: given, or written where it has room.
    """

    noise: NDArray[Any]
    kept: NDArray[Any]


@dataclass(frozen=True, eq=False)
class StepTables:
    """All that a step of length h takes in a stage."""

    watched: Watched
    h: float

    @cached_property
    def _halves(self) -> list[Any]:
        return self.watched.propagators(0.5 * self.h, 1)

    @property
    def half(self) -> Any:
        """Half a step without a recorded photon."""
        return self._halves[0]

    @property
    def whole(self) -> Any:
        """A step without one: two halves with nothing in between."""
        return self._halves[1]

    @cached_property
    def rows(self) -> Any:
        """Of a state at the start: trace, the means of `record_increment`, integrals of rates."""
        w = self.watched
        lowered = w.trace @ w.lowering
        means = [w.trace, lowered, lowered @ w.whole, lowered @ w.lowering, w.trace @ w.seen]
        return scipy.sparse.vstack([*means, self._integrals], format="csr")

    @cached_property
    def rows_after(self) -> Any:
        """The same of a state half a step before the start."""
        return (self.rows @ self.half).tocsr()

    @cached_property
    def _integrals(self) -> Any:
        w = self.watched
        rates = [w.trace @ w.seen, w.trace @ w.absorbed, w.lost]
        term = self.h * scipy.sparse.vstack([scipy.sparse.csr_matrix(x) for x in rates])
        total, k = term, 1
        while abs(term).max() > 1e-18 * max(abs(total).max(), 1e-300):
            k += 1
            term = term @ w.whole * (self.h / k)
            total = total + term
        return total


@dataclass(frozen=True, eq=False)
class RecordStretch:
    """From one event of a protocol to the next, in steps; see `watched.stretches_of`."""

    leg: Leg
    steps: list[StepTables]
    output: int


@dataclass(frozen=True, eq=False)
class Steps:
    """What runs go through."""

    space: Any
    start: Array
    stretches: list[RecordStretch]

    @cached_property
    def lengths(self) -> Array:
        """Of all steps."""
        return np.array([step.h for one in self.stretches for step in one.steps])

    @property
    def tables(self) -> list[StepTables]:
        """Each once."""
        return list({id(step): step for one in self.stretches for step in one.steps}.values())

    def halved(self) -> "Steps":
        """The same with every step in two."""
        fine = {id(step): StepTables(step.watched, 0.5 * step.h) for step in self.tables}
        stretches = [
            RecordStretch(one.leg, [fine[id(s)] for s in one.steps for _ in range(2)], one.output)
            for one in self.stretches
        ]
        return Steps(self.space, self.start, stretches)


def steps_of(seen: Watching, at: Array, reach: float) -> Steps:
    """Steps of at most `reach` over the largest rate that is probable on average.

    They are halves, quarters, ... of the times between events, so that few differ.
    """
    space, start_on, legs = seen
    average = start_on
    found: dict[tuple[int, float], StepTables] = {}
    looked: dict[tuple[int, float], Any] = {}
    stretches = []
    for leg, start, stop, output in stretches_of(legs, at):
        steps: list[StepTables] = []
        if leg.pulse is not None:
            average = pulsed(space, average[:, None], leg.pulse)[:, 0]
        elif stop > start:
            assert leg.watched is not None
            lengths, average = _lengths(leg.watched, average, stop - start, reach, looked)
            for h in lengths:
                # spacings of one grid differ by rounding
                key = id(leg), float(f"{h:.12e}")
                steps.append(found.setdefault(key, StepTables(leg.watched, key[1])))
        stretches.append(RecordStretch(leg, steps, output))
    return Steps(space, start_on, stretches)


def least_steps(seen: Watching, at: Array, reach: float) -> float:
    """So many steps there are at least."""
    turning = {id(leg): _rates(leg.watched)[1] for leg in seen.legs if leg.watched is not None}
    return sum(
        (stop - start) * turning[id(leg)] / reach
        for leg, start, stop, _ in stretches_of(seen.legs, at)
        if leg.watched is not None
    )


def _lengths(
    w: Watched,
    average: NDArray[Any],
    span: float,
    reach: float,
    looked: dict[tuple[int, float], Any],
) -> tuple[list[float], NDArray[Any]]:
    """Lengths of the steps over a span, and the average state at its end.

    `looked` keeps what carries the average state on, and the rates, of a stage.
    """
    if (id(w), 0.0) not in looked:
        looked[id(w), 0.0] = _rates(w)
    rate, turning = looked[id(w), 0.0]
    ceiling = max(float(rate.max(initial=0.0)), turning)
    pieces = min(PIECES, 2 ** max(0, math.ceil(math.log2(max(span * ceiling / reach, 1e-300)))))
    fastest, key = np.empty(pieces + 1), (id(w), float(f"{span / pieces:.12e}"))
    if key not in looked:
        looked[key] = doubled_exponentials(w.whole, key[1], 0)[0]
    for j in range(pieces + 1):
        if j > 0:
            average = looked[key] @ average
        held = np.real(average[w.space.diagonal]) > COUNTED
        fastest[j] = max(float(rate[held].max(initial=0.0)), turning)
    fastest = np.maximum(fastest[1:], fastest[:-1])

    def split(first: int, last: int) -> list[float]:
        length = span * (last - first) / pieces
        count = length * float(fastest[first:last].max()) / reach
        if count <= 1.0 or last - first == 1:
            halvings = max(0, math.ceil(math.log2(max(count, 1e-300)) - 1e-9))
            return [length * 0.5**halvings] * 2**halvings
        middle = (first + last) // 2
        return split(first, middle) + split(middle, last)

    return split(0, pieces), average


def _rates(w: Watched) -> tuple[Array, float]:
    """At most so fast is light emitted from where each ket is; how fast c itself turns."""
    # steps of REACH are the longest
    longest = float(abs(w.whole).sum(axis=1).max()) * REACH / LONGEST
    return w.emission_rates, max(TURNS * w.turning, longest)


class RecordRuns:
    """Runs side by side on their records; counts and windows are filled while they are followed.

    Attributes
    ----------
    window : ndarray (runs,)
        The record's integral since the output time before.
    counts : ndarray (COUNTS, runs)
        Rates of the conditional state, integrated: of photons emitted and absorbed, and of
        excitations lost by single spins.
    """

    def __init__(self, battery: Experiment, steps: Steps, record: Record) -> None:
        assert battery.detector is not None
        self._detector, self._steps, self._record = battery.detector, steps, record
        self._homodyne = battery.detector.kind == "homodyne"
        self._runs = max(record.noise.shape[2], record.kept.shape[2])
        complex_states = turns_phases(one.leg for one in steps.stretches)
        real = self._homodyne and not complex_states
        self._type = np.float64 if real else np.complex128
        self.window = np.zeros(self._runs, dtype=record.noise.dtype)
        self.counts = np.zeros((COUNTS, self._runs))

    def states(self) -> Iterator[tuple[int, Watched, NDArray[Any]]]:
        """States (elements, runs) of trace 1 at each output time, and the stage in which it is."""
        x = np.repeat(self._steps.start[:, None].astype(self._type), self._runs, axis=1)
        s = 0
        for one in self._steps.stretches:
            if one.leg.pulse is not None:
                x = pulsed(self._steps.space, x, one.leg.pulse)
                continue
            before: StepTables | None = None
            for step in one.steps:
                x = self._stepped(x, s, step, before)
                before, s = step, s + 1
            if before is not None:
                x = times(before.half, x)
            watched = one.leg.watched
            assert watched is not None
            x = np.asarray(x / np.real(times(watched.trace, x)))
            if one.output >= 0:
                yield one.output, watched, x
                self.window = np.zeros_like(self.window)

    def _stepped(
        self, x: NDArray[Any], s: int, step: StepTables, before: StepTables | None
    ) -> NDArray[Any]:
        """To the middle of a step, behind what its record tells; `x` is in that of the one before.

        At the first of a stretch it is at its start.
        """
        if before is step:
            means, x = times(step.rows_after, x), times(step.whole, x)
        else:
            x = x if before is None else times(before.half, x)
            means, x = times(step.rows, x), times(step.half, x)
        trace = np.real(means[0])
        self.counts += np.real(means[5:]) / trace
        y, integral = self._increment(s, means[1:5] / trace, step.h)
        self.window = self.window + y
        return self._told(step.watched, x / trace, y, integral, step.h)

    def _increment(self, s: int, sums: NDArray[Any], h: float) -> tuple[NDArray[Any], NDArray[Any]]:
        noise, kept = self._record
        if noise.shape[2] == 0:
            return kept[s, 0], kept[s, 1]
        q = 1.0 if self._homodyne else 0.0
        y, integral = record_increment(
            sums, noise[s, 0], noise[s, 1], h, q, self._detector.efficiency
        )
        if self._homodyne:
            y = np.real(y)
        if kept.shape[2]:
            kept[s, 0], kept[s, 1] = y, integral
        return y, integral

    def _told(
        self, w: Watched, v: NDArray[Any], y: NDArray[Any], integral: NDArray[Any], h: float
    ) -> NDArray[Any]:
        """K v K^+, and what the unseen jumps add."""
        root = math.sqrt(self._detector.efficiency)
        factor, steer = (np.zeros((n, y.size), dtype=y.dtype) for n in (5, 3))
        record_powers(y, integral, h if self._homodyne else 0.0, root, factor, steer)
        mirror = w.space.mirror

        def from_left(z: NDArray[Any]) -> NDArray[Any]:
            one = times(w.lowering, z)
            two = times(w.lowering, one)
            three = times(w.lowering, two)
            found = factor[0] * z + factor[1] * one + factor[2] * two + factor[3] * three
            found += factor[4] * times(w.lowering, three)
            turned = times(w.turned, z)
            both = times(w.turned, one) + times(w.lowering, turned)
            return found - steer[1] * turned - 0.5 * steer[2] * both

        found = from_left(np.conj(from_left(v)[mirror]))
        if w.gained.nnz:
            more = (-root * integral) * times(w.gained, v)
            found += more + np.conj(more[mirror])
        return found
