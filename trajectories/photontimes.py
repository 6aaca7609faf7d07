"""When the photons of a whole run came, as a list; all its jumps."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nvmodel.streams import QUANTUM_JUMPS, philox_block, unit
from trajectories.recording import Tables
from trajectories.walks import (
    BATCH,
    ENDED,
    Walker,
    decay_waits,
    draw_ladder,
    new_walker,
    start_walk,
    walk,
)

Array = NDArray[np.float64]


@njit(cache=True, error_model="numpy")
def photon_times(
    seed: int, run: int, cumulative: Array, J: Array, m_start: float, last: float
) -> tuple[int, Array]:
    """T = 0: the ladder of one run, and when its photons came, up to `last`."""
    words, waits = np.empty(BATCH, dtype=np.uint64), np.empty(BATCH)
    first = philox_block(seed, QUANTUM_JUMPS, run, 0)
    k = draw_ladder(unit(first[0]), cumulative)
    above, below = J[k] + m_start, J[k] - m_start
    photons = round(above)
    times = np.empty(photons)
    made, tau = 0, 0.0
    while made <= photons:
        count = decay_waits(seed, run, made, above, below, words, waits)
        for j in range(1 if made == 0 else 0, min(count, photons + 1 - made)):
            tau += waits[j]
            if tau > last:
                return k, times[: made + j - 1]
            times[made + j - 1] = tau
        made += count
    return k, times


@njit(cache=True, error_model="numpy")
def emission_times(
    seed: int,
    run: int,
    cumulative: Array,
    J: Array,
    m_starts: Array,
    nbar: float,
    last: float,
    walker: Walker,
) -> Array:
    """When the photons of one run came, up to `last`, at any temperature."""
    if nbar == 0.0:
        return photon_times(seed, run, cumulative, J, m_starts[0], last)[1]
    jump_taus, directions, place = walker.jump_taus, walker.directions, walker.place
    times, emitted = np.empty(jump_taus.size), 0
    start_walk(seed, run, cumulative, J, m_starts, walker)
    while place[ENDED] == 0:
        jumps = walk(seed, run, J, nbar, last, walker)
        if emitted + jumps > times.size:
            longer = np.empty(2 * (emitted + jumps))
            for j in range(emitted):
                longer[j] = times[j]
            times = longer
        for j in range(jumps):
            if directions[j] < 0:
                times[emitted] = jump_taus[j]
                emitted += 1
    return times[:emitted]


def whole_record(seed: Any, run: int, q: Tables, tau_last: float) -> tuple[Array, NDArray[np.int8]]:
    """All jumps of one run until tau_last: when, and -1 for a photon emitted, +1 absorbed."""
    J, m_starts = q.bonds.J, q.bonds.m_starts
    if q.nbar == 0.0:
        _, taus = photon_times(seed, run, q.cumulative, J, m_starts[0], tau_last)
        return taus, np.full(taus.size, -1, dtype=np.int8)
    walker = new_walker()
    start_walk(seed, run, q.cumulative, J, m_starts, walker)
    pieces = []
    while walker.place[ENDED] == 0:
        jumps = walk(seed, run, J, q.nbar, tau_last, walker)
        pieces.append((walker.jump_taus[:jumps].copy(), walker.directions[:jumps].copy()))
    return np.concatenate([p[0] for p in pieces]), np.concatenate([p[1] for p in pieces])
