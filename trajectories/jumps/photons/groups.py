r"""Runs of more jumps than can be made one by one: the jumps far from both ends, in groups.

On a ladder of :math:`10^{16}` rungs the rates hardly change from one jump to the next, but near its
ends and near the moments that are asked for. There every jump is drawn as always. In between g
jumps are drawn at once, g at most a share s of the distance to the nearer end:

- how many of them go up is binomial, with the probability at the middle of the group;
- their time is a sum of exponential waits with rates :math:`r(h)`, h the height, along the way from
  the first height to the last. It is drawn as a shifted gamma number with the mean, the variance
  and the third cumulant of that sum,

  .. math:: \kappa_n=(n-1)!\sum r^{-n},

  the sums as integrals over the group (Gauss's rule with three nodes), and the variance with that
  of the way itself, a bridge between both ends, :math:`(d\ln r/dh)^2r^{-2}\,g^3p(1-p)/3`.

At equal rates, where nothing is approximated, the time is that gamma number. Otherwise the
cumulants beyond the third are wrong, by a part :math:`s^2/4` of 6/g and less, and at
:math:`\bar n>0` the mean by :math:`s/(6h)`: some :math:`10^{-5}` of the group's time. Groups end
before an output time, and before the total :math:`J^z` reaches 0, by more than twelve standard
deviations, so that nothing is interpolated. The error does not depend on the number of spins;
halving s lowers it.

Beyond some 1e14 spins a wait in the burst is less than the clock can hold beside the time since the
start. Then the last few hundred jumps before an output time are taken to be as many as fit on
average: less than 1e-11 of the energy.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.trajectories.jumps.photons.variates import (
    Source,
    binomial_number,
    gamma_number,
    new_source,
    rewind,
)
from darkbattery.trajectories.jumps.photons.walks import (
    ENDED,
    HEIGHT,
    LADDER,
    Starts,
    Walker,
    new_walker,
    start_walk,
    walk,
)
from darkbattery.trajectories.reading.bonds import POWERS, Bonds, Trail, follow_piece

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

SHARE = 0.125  # of the distance to the nearer end
FEWEST_RUNGS = 1024  # from either end, where jumps are made one by one
FEWEST_JUMPS = 64  # of a group
MARGIN = 12.0  # standard deviations between the end of a group and an output time
RESOLVED = 2.0**48  # rate times clock below which a wait is more than the clock's last four bits
SINGLE_PIECE = 256  # jumps one by one before the next try


class Groups(NamedTuple):
    """Room for a run with groups of jumps."""

    share: float
    walker: Walker
    source: Source


def new_groups(share: float = SHARE) -> Groups:
    """Room for runs whose groups span this share of the distance to the nearer end."""
    return Groups(share, new_walker(SINGLE_PIECE), new_source())


@njit(error_model="numpy")
def _rates(height: float, top: float, nbar: float) -> tuple[float, float]:
    """Down and up, on the ladder with heights 0 ... top."""
    falling = (nbar + 1.0) * (height * (top - height + 1.0))
    return falling, nbar * ((height + 1.0) * (top - height))


@njit(error_model="numpy")
def _next_jumps(
    height: int,
    top: float,
    nbar: float,
    share: float,
    now: float,
    output: float,
    to_burst: float,
) -> tuple[int, bool]:
    """How many jumps to draw at once, and whether they last until the output time.

    None, and not so, where they are to be made one by one. `to_burst` is how far M is above 0, or
    0 where that does not matter any more.
    """
    falling, rising = _rates(height, top, nbar)
    fit = (output - now) * (falling + rising)
    sure = fit * (1.0 - 2.0 * share)
    size = min(share * min(height, top - height), sure - MARGIN * np.sqrt(sure))
    size = min(size, to_burst) if to_burst > 0.0 else size
    if size >= FEWEST_JUMPS:
        return int(size), False
    if fit < 4.0 * MARGIN**2 and (falling + rising) * output > RESOLVED:
        return int(fit), True
    return 0, False


@njit(error_model="numpy")
def _way(height: int, step: float, jumps: int, top: float, nbar: float) -> tuple[float, ...]:
    """Means of 1/r, 1/r^2, 1/r^3 over the jumps, and d ln r/dh in the middle."""
    first, second, third = 0.0, 0.0, 0.0
    for node in range(-1, 2):
        weight = 8.0 / 18.0 if node == 0 else 5.0 / 18.0
        # a jump leaves from the height before it: half a step less
        place = 0.5 * jumps * (1.0 + node * np.sqrt(0.6)) - 0.5
        falling, rising = _rates(height + step * place, top, nbar)
        wait = 1.0 / (falling + rising)
        first += weight * wait
        second += weight * wait**2
        third += weight * wait**3
    middle = height + step * 0.5 * jumps
    return first, second, third, 1.0 / middle - 1.0 / (top - middle)


@njit(error_model="numpy")
def _group_time(
    height: int,
    ups: int,
    jumps: int,
    top: float,
    nbar: float,
    seed: int,
    run: int,
    source: Source,
) -> float:
    """How long the group takes."""
    p = ups / jumps
    first, second, third, slope = _way(height, 2.0 * p - 1.0, jumps, top, nbar)
    mean = jumps * first
    variance = jumps * second
    variance += (slope * first) ** 2 * float(jumps) ** 3 * p * (1.0 - p) / 3.0
    scale = jumps * third / variance
    shape = variance / scale**2
    return mean + scale * (gamma_number(shape, seed, run, source) - shape)


@njit(error_model="numpy")
def _note_group(
    height: int, ladder: int, ups: int, jumps: int, i: int, q: Bonds, trail: Trail
) -> None:
    """Steps, photons and pairs of a group in the interval before output time i."""
    steps = 2 * ups - jumps
    trail.steps[i] += steps
    trail.down[i] += jumps - ups
    trail.place[0] += steps
    if ups == 0:
        return
    above = q.J.size - 1 - ladder  # the top ladder's height less this one's
    for node in range(-1, 2):
        weight = (8.0 if node == 0 else 5.0) / 18.0 * ups
        at = height + above + steps * 0.5 * (1.0 + node * np.sqrt(0.6))
        y = q.y_scale / (at * (q.rows - at))
        power = y
        for p in range(POWERS):
            trail.powers[i, p] += weight * power
            power *= y


@njit(error_model="numpy")
def _draw_ups(
    height: int, jumps: int, top: float, nbar: float, seed: int, run: int, source: Source
) -> int:
    """How many of the next jumps go up."""
    if nbar == 0.0:
        return 0
    falling, rising = _rates(height, top, nbar)
    drift = (rising - falling) / (rising + falling)
    falling, rising = _rates(height + 0.5 * drift * jumps, top, nbar)
    return binomial_number(jumps, rising / (rising + falling), seed, run, source)


@njit(error_model="numpy")
def walk_in_groups(
    seed: int,
    run: int,
    taus: Array,
    cumulative: Array,
    nbar: float,
    table: Counts,
    q: Bonds,
    groups: Groups,
    trail: Trail,
) -> int:
    """Make a run and note it in `trail`; returns the index of start and ladder.

    `table` is that of `walks.interval_table`.
    """
    walker, source, share, burst = groups.walker, groups.source, groups.share, trail.burst
    place, clock, steps = walker.place, walker.clock, trail.place
    drawn = start_walk(seed, run, Starts(cumulative, q.J, q.m_starts), walker)
    rewind(source)
    start, ladder, i, last = drawn // q.J.size, place[LADDER], 0, taus.size - 1
    m_start, top = np.ceil(q.m_starts[start]), 2.0 * q.J[ladder]
    steps[0] = 0
    burst[0] = np.inf if m_start > 0.0 else 0.0
    # pairs of crossings near the ends have a table instead of powers
    fewest = max(FEWEST_RUNGS, 2 * q.ends if nbar > 0.0 else 0)
    while place[ENDED] == 0:
        while i < last and taus[i] <= clock[0]:
            i += 1
        height, jumps, until = place[HEIGHT], 0, False
        if min(height, top - height) > fewest:
            to_burst = m_start + steps[0] if burst[0] == np.inf else 0.0
            jumps, until = _next_jumps(height, top, nbar, share, clock[0], taus[i], to_burst)
        if jumps == 0 and not until:
            made = walk(seed, run, q.J, nbar, taus[last], walker)
            follow_piece(walker.jump_taus, walker.directions, made, taus, table, q, start, trail)
            continue
        ups = _draw_ups(height, jumps, top, nbar, seed, run, source)
        end = taus[i] if until else np.inf
        while not end <= taus[i]:  # twelve standard deviations: it is the first
            end = clock[0] + _group_time(height, ups, jumps, top, nbar, seed, run, source)
        _note_group(height, ladder, ups, jumps, i, q, trail)
        clock[0], place[HEIGHT] = end, height + 2 * ups - jumps
        place[ENDED] = int(end >= taus[last])
        if burst[0] == np.inf and m_start + steps[0] <= 0:
            burst[0] = end
    return drawn
