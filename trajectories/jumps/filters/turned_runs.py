r"""Runs of turned spins with all jumps: pure states over :math:`|j_Bm_B\rangle|j_Cm_C\rangle`.

A pulse ahead of the first stage makes spin-coherent starts, which have no sharp M: no ladder J is
drawn, and the state is followed over all m_B and m_C of the irreps that it is in. Between jumps

.. math:: \dot\psi=D\psi,\qquad D=-iH-\tfrac12\sum_kL_k^\dagger L_k,

until :math:`\|\psi\|^2` has fallen to a uniform number; jump k then comes with a probability
:math:`\propto\|L_k\psi\|^2` (Dalibard, Castin and Moelmer 1992). Jumps are emission and absorption
and, of single spins, those of `propagate.channels` between irreps. Waits are searched in halves of
a span, whose exponentials are tables, and by Newton's method in a series for what is left: no step.

Data: start drawn -> stretch by stretch, runs side by side -> kets at the output times, jumps.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.preparation import dicke_mixture, log_multiplicities
from darkbattery.nvmodel.protocol import Pulse, Turn
from darkbattery.nvmodel.streams import QUANTUM_JUMPS
from darkbattery.trajectories.jumps.spins.noisy_runs import EXCITATIONS, PROCESSES
from darkbattery.trajectories.propagate.channels import Operator
from darkbattery.trajectories.propagate.rotations import ket_rotation, single_spin_jumps
from darkbattery.trajectories.propagate.watched import (
    SERIES,
    Leg,
    Silence,
    Stretch,
    Watched,
    silent_stretches,
    times,
)
from darkbattery.trajectories.propagate.watched_reservoir import legs_of, space_of
from darkbattery.trajectories.space.product_space import MatrixSpace, pairs_of

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

EMITTED, ABSORBED, LOST = range(3)
DRAWS, NUMBERS = 4, 256  # numbers of an event; of a run that are held at once
NEWTON = 12  # steps: the first halves, the last doubles its digits


class Draws:
    """Numbers in (0, 1) of runs first, first + 1, ..., four at a time; see `nvmodel.streams`."""

    def __init__(self, seed: int, first: int, runs: int) -> None:
        self._streams = [
            np.random.Philox(key=[seed, QUANTUM_JUMPS], counter=[0, first + run, 0, 0])
            for run in range(runs)
        ]
        self._numbers = np.empty((runs, NUMBERS))
        self._used = np.full(runs, NUMBERS)

    def four(self, on: Indices) -> Array:
        """The next four of each of these runs, (DRAWS, runs)."""
        for run in on[self._used[on] == NUMBERS]:
            words = self._streams[run].random_raw(NUMBERS) >> np.uint64(12)
            self._numbers[run] = (words.astype(np.float64) + 0.5) * 2.0**-52
            self._used[run] = 0
        at = self._used[on][:, None] + np.arange(DRAWS)
        self._used[on] += DRAWS
        return np.ascontiguousarray(self._numbers[on[:, None], at].T)


@dataclass(frozen=True, eq=False)
class KetStage:
    """What kets do in a stage: its jumps, by their places in `PROCESSES`, and D between them."""

    watched: Watched
    space: MatrixSpace

    @cached_property
    def jumps(self) -> list[tuple[int, Any]]:
        """Process and matrix over the kets of each."""
        w = self.watched
        found = [(0, w.leaving), (1, w.entering)]
        processes: tuple[tuple[Operator, str], ...] = (
            ("z", "dephasing"),
            ("-", "emission"),
            ("+", "pumping"),
        )
        for of_battery, (noise, spins) in zip((True, False), w.noises, strict=True):
            for operator, name in processes:
                place = PROCESSES.index(f"{'battery' if of_battery else 'charger'} {name}")
                root = math.sqrt(getattr(noise, name))
                for jump in single_spin_jumps(self.space, operator, spins, of_battery):
                    found.append((place, root * jump))
        return [(process, jump.tocsr()) for process, jump in found if jump.count_nonzero()]


@dataclass(frozen=True, eq=False)
class KetPlan:
    """What runs of a battery go through, with its tables; made once."""

    battery: Experiment
    space: MatrixSpace
    starts: Indices
    cumulative: Array
    stretches: list[Stretch]
    stages: dict[Leg, KetStage]


@lru_cache(maxsize=4)
def _planned(battery: Experiment, at: tuple[float, ...]) -> KetPlan:
    space = space_of(battery, coherent=True)
    legs = legs_of(battery, space, 1.0)
    of_battery = dicke_mixture(battery.n_battery, battery.battery_preparation)
    of_charger = dicke_mixture(battery.n_charger, battery.charger_preparation)
    begin = pairs_of(of_battery, of_charger, space.jb, space.jc)
    return KetPlan(
        battery,
        space,
        space.find(*begin[:4]),
        np.cumsum(begin.probability),
        silent_stretches(legs, np.array(at), lambda watched: watched.ket_decay),
        {leg: KetStage(leg.watched, space) for leg in legs if leg.watched is not None},
    )


class TurnedRuns:
    """The runs first, first + 1, ... side by side; their jumps are listed while they are followed.

    Attributes
    ----------
    counts : ndarray (3, runs)
        Photons emitted and absorbed, and excitations lost to single spins' noise, so far.
    when, processes : list of list
        Of each run's jumps.
    """

    def __init__(self, battery: Experiment, at: Array, seed: int, first: int, runs: int) -> None:
        self._plan, self._runs = _planned(battery, tuple(at.tolist())), runs
        self._draws = Draws(seed, first, runs)
        self._budget = np.empty(runs)
        self.counts = np.zeros((3, runs))
        self.when: list[list[float]] = [[] for _ in range(runs)]
        self.processes: list[list[int]] = [[] for _ in range(runs)]

    def jump_times(self, run: int, process: int | None = None) -> Array:
        """Of one run; of one process."""
        of = zip(self.when[run], self.processes[run], strict=True)
        return np.array([t for t, kind in of if process in (None, kind)], dtype=float)

    def states(self) -> Iterator[tuple[int, Watched, NDArray[np.complex128]]]:
        """Kets (kets, runs) of norm 1 at each output time, and the stage in which it is."""
        plan, everyone = self._plan, np.arange(self._runs)
        u = self._draws.four(everyone)
        drawn = np.searchsorted(plan.cumulative, u[0] * plan.cumulative[-1], side="right")
        psi = np.zeros((plan.space.kets.b.size, self._runs), dtype=np.complex128)
        psi[plan.starts[np.minimum(drawn, plan.starts.size - 1)], everyone] = 1.0
        self._budget[:] = u[1]
        for s in plan.stretches:
            if s.leg.pulse is not None:
                psi = self._pulsed(psi, s.leg.pulse, s.start)
                continue
            stage = plan.stages[s.leg]
            if s.silence is not None:
                psi = self._through(s, stage, s.silence, psi)
            if s.output >= 0:
                yield s.output, stage.watched, psi / np.sqrt(_norms(psi))

    def _through(
        self, s: Stretch, stage: KetStage, silence: Silence, psi: NDArray[Any]
    ) -> NDArray[Any]:
        """A stretch: each run from jump to jump, all that have one more side by side."""
        on, now = np.arange(self._runs), np.full(self._runs, s.start)
        while on.size:
            found, passed, fell = _fallen(silence, psi[:, on], s.stop - now[on], self._budget[on])
            psi[:, on] = found
            now[on] += passed
            on = on[fell]
            if on.size:
                u = self._draws.four(on)
                kinds, psi[:, on] = _jumped([jump for _, jump in stage.jumps], psi[:, on], u[0])
                self._budget[on] = u[1]
                for run, kind in zip(on.tolist(), kinds.tolist(), strict=True):
                    self._note(run, stage.jumps[kind][0], float(now[run]))
        return psi

    def _note(self, run: int, process: int, now: float) -> None:
        self.when[run].append(now)
        self.processes[run].append(process)
        counted = process if process < LOST else LOST
        self.counts[counted, run] += 1.0 if process < LOST else -float(EXCITATIONS[process])

    def _pulsed(self, psi: NDArray[Any], pulse: Pulse, now: float) -> NDArray[Any]:
        space = self._plan.space
        for act in pulse.acts(pulse.axis):
            if isinstance(act, Turn):
                psi = times(ket_rotation(space, act.angle, act.axis, act.of_battery), psi)
            elif act.strength == 1.0:
                psi = self._measured(psi, act.of_battery, now)
            else:
                psi = self._dephased(psi, act.strength, act.of_battery, now)
        return psi

    def _dephased(
        self, psi: NDArray[Any], strength: float, of_battery: bool, now: float
    ) -> NDArray[Any]:
        """So many jumps as local dephasing of the same dose has, in no time."""
        spins = self._plan.battery.sizes[0 if of_battery else 1]
        jumps = single_spin_jumps(self._plan.space, "z", spins, of_battery)
        process = PROCESSES.index("battery dephasing" if of_battery else "charger dephasing")
        left = np.full(self._runs, -2.0 * math.log1p(-strength) * spins / 4.0)
        on = np.arange(self._runs)
        while on.size:
            u = self._draws.four(on)
            left[on] += np.log(u[0])
            kept = left[on] > 0.0
            on, u = on[kept], u[:, kept]
            if on.size:
                norm = np.sqrt(_norms(psi[:, on]))
                _, psi[:, on] = _jumped(jumps, psi[:, on], u[1])
                psi[:, on] *= norm
                for run in on.tolist():
                    self._note(run, process, now)
        return psi

    def _measured(self, psi: NDArray[Any], of_battery: bool, now: float) -> NDArray[Any]:
        """Every spin up or down: m is found, and j drawn among the irreps that have it."""
        space, k = self._plan.space, self._plan.space.kets
        ladders, m = (space.jb, k.mb) if of_battery else (space.jc, k.mc)
        process = PROCESSES.index("battery measured" if of_battery else "charger measured")
        spins = self._plan.battery.sizes[0 if of_battery else 1]
        u = self._draws.four(np.arange(self._runs))
        excited = np.round(m + spins / 2).astype(np.int64)
        ones = np.ones(m.size), (excited, np.arange(m.size))
        by_m = scipy.sparse.csr_matrix(ones, shape=(spins + 1, m.size))
        p = np.cumsum(times(by_m, psi.real**2 + psi.imag**2), axis=0)
        which = np.minimum((u[0] * p[-1] >= p).sum(axis=0), spins)
        left = np.where(excited[:, None] == which, psi, 0.0)
        left *= np.sqrt(p[-1] / _norms(left))
        out = np.zeros_like(psi)
        for run, up in enumerate(which.tolist()):
            held = np.flatnonzero(ladders >= abs(up - spins / 2) - 0.25)
            logs = log_multiplicities(spins, ladders[held])
            share = np.cumsum(np.exp(logs - logs.max()))
            drawn = held[np.searchsorted(share, u[1, run] * share[-1])]
            filled = np.flatnonzero(left[:, run])
            to, mb, mc = np.full(filled.size, drawn), k.mb[filled], k.mc[filled]
            b, c = (to, k.c[filled]) if of_battery else (k.b[filled], to)
            out[space.find(b, c, mb, mc), run] = left[filled, run]
            self._note(run, process, now)
        return out


def _norms(psi: NDArray[Any]) -> Array:
    """Squared; every column is added up by itself."""
    ones = scipy.sparse.csr_matrix(np.ones((1, psi.shape[0])))
    return np.asarray(times(ones, psi.real**2 + psi.imag**2)[0])


def _jumped(jumps: list[Any], psi: NDArray[Any], u: Array) -> tuple[Indices, NDArray[Any]]:
    """Which jump each run makes, and where to; of norm 1 behind it."""
    after = np.array([times(jump, psi) for jump in jumps])
    share = np.cumsum([_norms(one) for one in after], axis=0)
    kinds = np.minimum((u * share[-1] >= share).sum(axis=0), len(jumps) - 1)
    found = after[kinds, :, np.arange(u.size)].T
    return kinds, found / np.sqrt(_norms(found))


def _fallen(
    silence: Silence, psi: NDArray[Any], wait: Array, least: Array
) -> tuple[NDArray[Any], Array, NDArray[np.bool_]]:
    """Kets after their waits, or where their norm has fallen to `least`: kets, when, whether."""
    psi, left, passed = psi.copy(), wait.copy(), np.zeros(wait.size)
    fell = np.zeros(wait.size, dtype=bool)
    for span, level in zip(silence.spans, silence.levels, strict=True):
        on = np.flatnonzero(left >= span)
        if on.size == 0:
            continue
        further = times(level, psi[:, on])
        kept = _norms(further) > least[on]
        psi[:, on[kept]] = further[:, kept]
        passed[on[kept]] += span
        left[on[kept]] -= span
        fell[on[~kept]], left[on[~kept]] = True, span
    terms = [psi]
    for k in range(1, SERIES + 1):
        terms.append(times(silence.matrix, terms[-1]) / k)
    end = _series(terms, left)
    fell |= _norms(end) <= least
    at = _root(silence, [term[:, fell] for term in terms], left[fell], least[fell])
    left[fell] = at
    return np.where(fell, _series(terms, left), end), passed + left, fell


def _series(terms: list[NDArray[Any]], t: Array) -> NDArray[Any]:
    found = terms[-1]
    for term in terms[-2::-1]:
        found = found * t + term
    return found


def _root(silence: Silence, terms: list[NDArray[Any]], end: Array, least: Array) -> Array:
    """When the norm falls to `least`, between 0 and `end`: Newton's steps, halves where they leave.

    As many for every run, whoever is beside it.
    """
    low, high = np.zeros(end.size), end.copy()
    t = 0.5 * end
    for _ in range(NEWTON):
        psi = _series(terms, t)
        above = _norms(psi) - least
        change = times(silence.matrix, psi)
        ones = scipy.sparse.csr_matrix(np.ones((1, psi.shape[0])))
        slope = 2.0 * times(ones, psi.real * change.real + psi.imag * change.imag)[0]
        low, high = np.where(above > 0.0, t, low), np.where(above > 0.0, high, t)
        t = t - above / np.where(slope < 0.0, slope, -np.inf)
        t = np.where((t > low) & (t < high), t, 0.5 * (low + high))
    return np.asarray(t)
