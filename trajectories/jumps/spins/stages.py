"""A battery and its protocol as a list of steps, and the room that a run through them takes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.channels import channels
from darkbattery.nvmodel.experiment import Experiment, experiment_of
from darkbattery.nvmodel.preparation import DickeState, Preparation
from darkbattery.nvmodel.protocol import Pulse, end_of, endless
from darkbattery.nvmodel.spins import LocalNoise
from darkbattery.trajectories.jumps.spins.local_noise import (
    Amplitudes,
    Array,
    Integers,
    Roots,
    State,
    empty_state,
    roots,
)
from darkbattery.trajectories.jumps.spins.nojump import (
    BATTERY_ONLY,
    BOTH,
    CHARGER_ONLY,
    NONE,
    Frame,
    empty_frame,
)
from darkbattery.trajectories.propagate.realspins import ROTATED, SERIES, way_of

DRAWS = 16  # random numbers made at once
# the quantities that are read, in the order of the tally
(
    BATTERY_ENERGY,
    CHARGER_ENERGY,
    POWER,
    EMISSION_RATE,
    ABSORPTION_RATE,
    EMITTED,
    ABSORBED,
    LOCAL_LOSS,
) = range(8)
QUANTITIES = 8
COUPLED = {"both": BOTH, "battery": BATTERY_ONLY, "charger": CHARGER_ONLY, "none": NONE}


class Plan(NamedTuple):
    """A battery and its protocol in a kernel's form; step s is a pulse where `dose[s]` > 0.

    Attributes
    ----------
    end : ndarray (S,)
        When a stage ends; of a pulse, when it comes.
    pulse : ndarray of bool (S,)
    way, coupled : ndarray of int64 (S,)
    noise : ndarray (S, 6)
    dose : ndarray (S, 2)
        Dephasing rate times time of a pulse; infinite at full strength.
    cumulative, log_ways : pairs of ndarray (N + 1,)
    two_j : ndarray of int64 (2,)
    detuning : ndarray (S,)
    turn : ndarray (S,)
        2i times the detuning; real, and 0, where there never is one.
    """

    spins: Array
    gamma: float
    nbar: float
    detuning: Array
    turn: Amplitudes
    end: Array
    pulse: NDArray[np.bool_]
    way: Integers
    coupled: Integers
    noise: Array
    dose: Array
    cumulative: Any
    log_ways: Any
    two_j: Integers
    table: Roots


class Draws(NamedTuple):
    """The random numbers of a run, in order; cursor: position in `numbers`, and the next block."""

    numbers: Array
    cursor: Integers


class Course(NamedTuple):
    r"""What a run has seen and what was read from it.

    Attributes
    ----------
    now : ndarray (2,)
        Time, and the time at which the total :math:`J^z` first was :math:`\le0`.
    counts : ndarray of int64 (5,)
        Output times read, jumps, photons emitted and absorbed, excitations lost to single spins.
    quantities : ndarray (8, T)
    at : ndarray of int64 (T, 5)
        `State.at` at the output times.
    amplitudes : ndarray (T or 0, room)
    populations : ndarray (T or 0, room)
        Of :math:`m_B`, from the lowest :math:`m_B` that is possible on.
    lowest : ndarray (T or 0,)
    """

    now: Array
    counts: Integers
    quantities: Array
    at: Integers
    amplitudes: Amplitudes
    populations: Array
    lowest: Array


TIME, BURST = 0, 1
READ, JUMPS, N_EMITTED, N_ABSORBED, N_LOST = range(5)


def plan(battery: Experiment) -> Plan:
    """A battery in the form that the kernels take."""
    steps = endless(battery.stages)
    size, now = len(steps), 0.0
    end, pulse = np.empty(size), np.zeros(size, dtype=bool)
    way, coupled = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    noise, dose, detuning = np.zeros((size, 6)), np.zeros((size, 2)), np.zeros(size)
    for s, step in enumerate(steps):
        if isinstance(step, Pulse):
            pulse[s], end[s] = True, now
            dose[s] = _dose(step.dephase_battery), _dose(step.dephase_charger)
            continue
        now += step.duration
        end[s] = end_of(now)
        coupled[s] = COUPLED[step.coupled]
        found = channels(experiment_of(battery), step)
        own, others = found.noise("battery"), found.noise("charger")
        noise[s] = [*_rates(own), *_rates(others)]
        detuning[s] = found.energy("battery")
        way[s] = way_of(step, detuning[s], own, others)
    sides = (
        (battery.n_battery, battery.battery_preparation),
        (battery.n_charger, battery.charger_preparation),
    )
    return Plan(
        np.array([float(battery.n_battery), float(battery.n_charger)]),
        battery.gamma,
        battery.occupation,
        detuning,
        2j * detuning if battery.is_detuned else np.zeros(size),
        end,
        pulse,
        way,
        coupled,
        noise,
        dose,
        tuple(_cumulative(spins, start) for spins, start in sides),
        tuple(log_binomials(spins) for spins, _ in sides),
        np.array([_two_j(spins, start) for spins, start in sides]),
        roots(battery.n_battery + battery.n_charger),
    )


def _dose(strength: float) -> float:
    """Rate times time of a pulse that multiplies the coherence of a spin by 1 - strength."""
    return math.inf if strength == 1.0 else -2.0 * math.log1p(-strength)


def _rates(noise: LocalNoise) -> tuple[float, float, float]:
    return noise.dephasing, noise.emission, noise.pumping


def _cumulative(spins: int, start: Preparation) -> Array:
    """Cumulative probability of 0, 1, ... N spins up."""
    k = np.arange(spins + 1)
    if isinstance(start, DickeState):
        return np.where(k >= start.excitations, 1.0, 0.0)
    found = np.asarray(scipy.special.bdtr(k, spins, start.up), dtype=float)
    found[-1] = 1.0
    return found


def _two_j(spins: int, start: Preparation) -> int:
    if not isinstance(start, DickeState):
        return -1
    return spins if start.j is None else round(2.0 * start.j)


def log_binomials(spins: int) -> Array:
    """ln of the binomial coefficients of N.

    >>> print(np.exp(log_binomials(4)).round(9))
    [1. 4. 6. 4. 1.]
    """
    k = np.arange(spins + 1.0)
    ln_gamma = scipy.special.gammaln
    return np.asarray(ln_gamma(spins + 1.0) - ln_gamma(k + 1.0) - ln_gamma(spins - k + 1.0))


def empty_state_of(battery: Experiment) -> State:
    """Room for any state of a battery."""
    return empty_state(battery.n_battery, battery.n_charger, battery.is_detuned)


def empty_frame_of(battery: Experiment, steps: Plan) -> Frame:
    """Room for the eigenvectors and the series that the stages need.

    What they need is read from the plan: behind pulses alone it has a stage of no time, which may
    be detuned where nothing else is.
    """
    rotated, summed = (bool((steps.way == way).any()) for way in (ROTATED, SERIES))
    return empty_frame(battery.n_battery, battery.n_charger, battery.is_detuned, rotated, summed)


def empty_draws() -> Draws:
    """No random numbers yet."""
    return Draws(np.empty(DRAWS), np.zeros(2, dtype=np.int64))


def empty_course(battery: Experiment, n_times: int, amplitudes: bool, populations: bool) -> Course:
    """Room for what is read from a run; for amplitudes and populations where asked."""
    room = min(battery.n_battery, battery.n_charger) + 1
    kept, read = n_times if amplitudes else 0, n_times if populations else 0
    return Course(
        np.zeros(2),
        np.zeros(5, dtype=np.int64),
        np.zeros((QUANTITIES, n_times)),
        np.zeros((n_times, 5), dtype=np.int64),
        np.zeros((kept, room), dtype=empty_state_of(battery).c.dtype),
        np.zeros((read, room)),
        np.zeros(read),
    )
