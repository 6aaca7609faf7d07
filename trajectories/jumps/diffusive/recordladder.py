r"""What any record of the emitted light leaves at T = 0: amplitudes on one ladder of photons.

After n photons the state is :math:`|n,t\rangle\propto\sum_Jc_J\prod_{m<n}a_J(M_0-m)\,
e^{-\gamma J(J+1)t/2}|J,M_0-n\rangle`, whatever their times
(`trajectories.reading.photonstates`). Its squared length, without the factor that all J share, is

.. math:: w_n(t)=\sum_Jp_J\,e^{-\gamma J(J+1)t}\prod_{m<n}a_J(M_0-m)^2 ,

and :math:`J^-|n-1,t\rangle=r_n(t)|n,t\rangle` with :math:`r_n=\sqrt{w_n/w_{n-1}}`. So whatever
detector looks at the light, the conditional state is
:math:`\sum_{nn'}V_{nn'}(t)|n,t\rangle\langle n',t|`, and V obeys the detector's own equation with
the one operator :math:`c|n-1\rangle=r_n|n\rangle`: all ladders J are in r. Between photons

.. math:: \dot u_n=-\tfrac\gamma2r_{n+1}^2u_n ,\quad A_n=\tfrac\gamma2M_n(M_n-1),\\
   u_n(t+h)=e^{A_nh}\sqrt{w_n(t+h)/w_n(t)}\,u_n(t),

exactly, :math:`M_n=M_0-n`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.kernelcache import INNER, KERNEL
from darkbattery.nvmodel.refusal import InputError
from darkbattery.trajectories.reading.conditional import Unravelling, decay_tables, unravelling
from darkbattery.trajectories.reading.photonstates import amplitudes_by_photons, photon_states
from darkbattery.trajectories.space.angular import clebsch_gordan, lowering_squared

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# photon numbers less probable than this are left out of a step: a run holds more than a
# share s of one with a probability below LEAST_PROBABILITY / s
LEAST_PROBABILITY = 1e-12
COUNTED = 1e-5  # probability from which on a photon number's rate limits the step
FIRST_ROOM = 4096  # steps
MOST_TABLE = 20_000_000  # numbers of a table over steps and photons: 160 MB
TURNS = 0.25  # of the largest |M|: how fast the photon numbers' own decay rates differ


@dataclass(frozen=True, eq=False)
class RecordLadder:
    r"""The ladder of photons on the grid of steps, and what its states are at the output times.

    Attributes
    ----------
    taus : ndarray (S + 1,)
        Ends of the steps, in :math:`1/\gamma`; the first is 0.
    at : ndarray of int (T,)
        Which of them are output times.
    M : ndarray (N + 1,)
        :math:`M_0-n`.
    lowering : ndarray (S + 1, N + 2)
        :math:`r_n`, 0 for n = 0 and n = N + 1.
    decay : ndarray (S, N + 1)
        :math:`e^{A_nh}\sqrt{w_n(t+h)/w_n(t)}`.
    shift : ndarray (S, N + 1)
        :math:`e^{M_nh/2}r_n(t)`: lowering at the middle of the step, seen from its start.
    low, high : ndarray of int (S + 1,)
        The first and last n that are probable enough to be followed.
    """

    taus: Array
    at: Integers
    M: Array
    lowering: Array
    decay: Array
    shift: Array
    low: Integers
    high: Integers

    @property
    def steps(self) -> Array:
        """Their lengths (S,)."""
        return np.diff(self.taus)


@dataclass(frozen=True, eq=False)
class LadderReadings:
    """What is read of the states after n photons at the output times, (N + 1, T).

    Attributes
    ----------
    z, z_rate, emission : ndarray
        Of J_B^z, its rate, and J^+ J^-.
    variance : ndarray
        Quantum variance of H_B/N_B.
    amplitude : ndarray (T, N + 1, N_B + 1)
        Over the battery's excitations b; the charger has N_C - n - b.
    """

    z: Array
    z_rate: Array
    emission: Array
    variance: Array
    amplitude: Array


def log_weights(tables: Unravelling) -> tuple[Array, Array]:
    r""":math:`\ln[p_J\prod_{m<n}a_J^2]` (N + 1, K), :math:`-\infty` where none, and J(J + 1)."""
    basis = tables.basis
    J, weight = basis.J, basis.weight / basis.weight.sum()
    photons = round(float(J[-1] + basis.m_start))
    M = basis.m_start - np.arange(photons)[:, None]
    with np.errstate(divide="ignore"):
        bonds = np.log(lowering_squared(J, M))
        logs = np.log(weight) + np.vstack([np.zeros_like(J), np.cumsum(bonds, axis=0)])
    return logs, J * (J + 1.0)


class Grid(NamedTuple):
    """Room for the steps of a ladder, as many as its first axis has places."""

    ends: Array
    lowering: Array
    decay: Array
    shift: Array
    low: Integers
    high: Integers


def _room(steps: int, photons: int) -> Grid:
    return Grid(
        np.zeros(steps + 1),
        np.zeros((steps + 1, photons + 2)),
        np.zeros((steps, photons + 1)),
        np.zeros((steps, photons + 1)),
        np.zeros(steps + 1, dtype=np.int64),
        np.zeros(steps + 1, dtype=np.int64),
    )


@lru_cache(maxsize=8)
def _ladder(battery: Experiment, taus: tuple[float, ...], reach: float) -> RecordLadder:
    tables = unravelling(battery)
    logs, casimir = log_weights(tables)
    photons = logs.shape[0] - 1
    M = tables.basis.m_start - np.arange(photons + 1.0)
    at = np.zeros(len(taus), dtype=np.int64)
    room = FIRST_ROOM
    while True:
        grid = _room(room, photons)
        count = _make_steps(np.array(taus), reach, logs, casimir, M, at, grid)
        if count <= room:
            break
        room *= 4
        if room * (photons + 1.0) > MOST_TABLE:
            text = "needs too many steps until then; take shorter times or fewer spins"
            raise InputError("times", taus[-1] / battery.gamma, text)
    last = count + 1
    return RecordLadder(
        taus=grid.ends[:last].copy(),
        at=at,
        M=M,
        lowering=grid.lowering[:last].copy(),
        decay=grid.decay[:count].copy(),
        shift=grid.shift[:count].copy(),
        low=grid.low[:last].copy(),
        high=grid.high[:last].copy(),
    )


@njit(**INNER)
def _measure(logs: Array, casimir: Array, tau: float, lengths: Array) -> None:
    """ln w_n at a time."""
    for n in range(lengths.size):
        top = -np.inf
        for k in range(casimir.size):
            top = max(top, logs[n, k] - casimir[k] * tau)
        total = 0.0
        for k in range(casimir.size):
            total += np.exp(logs[n, k] - casimir[k] * tau - top)
        lengths[n] = top + np.log(total)


@njit(**INNER)
def _mean_step(p: Array, h: float, decay: Array, shift: Array) -> None:
    """Probabilities of n after a step: the mean of every detector's."""
    total, size = 0.0, p.size
    for n in range(size - 1, -1, -1):
        chance, found = 1.0, p[n]
        for k in range(1, min(4, n) + 1):
            chance *= shift[n - k + 1] ** 2 * h / k
            found += chance * p[n - k]
        p[n] = found * decay[n] ** 2
        total += p[n]
    for n in range(size):
        p[n] /= total


@njit(**KERNEL)
def _make_steps(
    taus: Array, reach: float, logs: Array, casimir: Array, M: Array, at: Integers, grid: Grid
) -> int:
    """Fill the grid; how many steps there are, one more than there is room for if there is not."""
    size, most = M.size, grid.decay.shape[0]
    p, before, after = np.zeros(size), np.zeros(size), np.zeros(size)
    p[0] = 1.0
    turning, now, s = 0.0, 0.0, 0
    for n in range(size):
        turning = max(turning, TURNS * abs(M[n]))
    _measure(logs, casimir, 0.0, before)
    for i in range(taus.size):
        while now < taus[i]:
            fastest = turning
            for n in range(1, size):
                grid.lowering[s, n] = np.exp(0.5 * (before[n] - before[n - 1]))
                if p[n - 1] > COUNTED:
                    fastest = max(fastest, grid.lowering[s, n] ** 2)
            if s == most:
                return most + 1
            count = max(1.0, np.ceil((taus[i] - now) * fastest / reach - 1e-9))
            end = taus[i] if count == 1.0 else now + (taus[i] - now) / count
            h = end - now
            _measure(logs, casimir, end, after)
            for n in range(size):
                own = 0.5 * M[n] * (M[n] - 1.0) * h
                grid.decay[s, n] = np.exp(own + 0.5 * (after[n] - before[n]))
                grid.shift[s, n] = np.exp(0.5 * M[n] * h) * grid.lowering[s, n]
            _mean_step(p, h, grid.decay[s], grid.shift[s])
            now, s = end, s + 1
            grid.ends[s], grid.low[s], grid.high[s] = now, size, 0
            for n in range(size):
                before[n] = after[n]
                if p[n] > LEAST_PROBABILITY:
                    grid.low[s], grid.high[s] = min(grid.low[s], n), n
        at[i] = s
    for n in range(1, size):
        grid.lowering[s, n] = np.exp(0.5 * (before[n] - before[n - 1]))
    return s


def record_ladder(battery: Experiment, times: Array, reach: float) -> RecordLadder:
    """The ladder with steps of at most `reach` over the largest rate that is probable.

    The grid goes by model and times alone: all runs of a study share it.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> ladder = record_ladder(CollectiveBattery(1, 1).experiment, np.array([0.0, 0.5]), 0.1)
    >>> ladder.M.tolist(), ladder.lowering[0, 1].round(6).tolist()  # of |down, up>: half triplet
    ([0.0, -1.0], 1.0)
    """
    return _ladder(battery, tuple((times * battery.gamma).tolist()), reach)


def ladder_readings(battery: Experiment, times: Array, states: bool) -> LadderReadings:
    """What the states after n photons are read as; amplitudes of the battery if `states`."""
    tables, taus = unravelling(battery), times * battery.gamma
    basis = tables.basis
    photons = round(float(basis.J[-1] + basis.m_start))
    always = np.ones((photons + 1, taus.size), dtype=bool)
    z, z_rate, emission = decay_tables(tables, taus, always)
    spread = photon_states(tables, taus, always, with_ergotropy=False)
    amplitude = np.zeros((taus.size, photons + 1, basis.n_battery + 1) if states else (0, 0, 0))
    if states:
        for n, at, c in amplitudes_by_photons(tables, taus, always):
            amplitude[at, n] = c @ clebsch_gordan(basis, np.array([basis.m_start - n]))[0]
    return LadderReadings(z, z_rate, emission, spread.energy_variance, amplitude)
