"""The kernel that adds runs with local noise up, and the sums that it adds to."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nvmodel.battery import CollectiveBattery
from nvmodel.irreps import Irreps
from nvmodel.peaks import PeakSums, add_peak
from nvmodel.protocol import Stage
from nvmodel.refusal import InputError
from nvmodel.sums import FULL, add_row, add_value, usable_bounds
from trajectories.histograms import ENERGY_BINS, PHOTON_BINS, sort_ascending
from trajectories.local_noise import EDGE, LOW, SIZE, TWO_JB, Array, State, weight
from trajectories.noisy_rows import NoisyRows, add_row_of
from trajectories.noisy_runs import (
    BURST,
    EMISSION_RATE,
    Course,
    Draws,
    Plan,
    follow,
    four_draws,
)
from trajectories.nojump import Frame
from trajectories.recordsums import add_to_histograms
from trajectories.spreads import GROUPS

Counts = NDArray[np.int64]

MOST_POPULATIONS = 64_000_000  # whole numbers held for populations: 512 MB


class NoisySums(NamedTuple):
    """What the kernel adds to; the last rows of the moments are the daemonic ergotropy's."""

    scale: Array
    total: Counts
    low: Counts
    high: Counts
    clipped: Counts
    energy: Counts
    photons: Counts
    photon_width: float
    burst: Counts
    ladders: Counts
    populations: Counts
    offsets: Counts
    peaks: PeakSums


def j_is_conserved(battery: CollectiveBattery) -> bool:
    """Whether runs end in a dark state |J,-J> that they were on the ladder of from the start."""
    return (
        battery.detuning == 0.0
        and battery.battery_noise.silent
        and battery.charger_noise.silent
        and not battery.protocol  # one that switches nothing has been left out
    )


def no_runs_yet(
    battery: CollectiveBattery, times: Array, bounds: Array, ladder: bool, peaks: PeakSums
) -> NoisySums:
    """Sums and histograms of a study, all zero; without populations unless `ladder`."""

    def integers(*shape: int) -> Counts:
        return np.zeros(shape, dtype=np.int64)

    T, spins = times.size, battery.n_battery + battery.n_charger
    positions = (battery.n_battery + 2) ** 2 // 4  # of (j_B, m_B)
    if ladder and GROUPS * T * positions > MOST_POPULATIONS:
        raise InputError(
            "observables",
            "ergotropy",
            f"needs {GROUPS * T * positions * 8e-9:.2g} GB for populations over j_B and m_B at "
            f"this size and number of times, at most {MOST_POPULATIONS * 8e-9:.2g}",
        )
    return NoisySums(
        scale=FULL / bounds,
        total=integers(bounds.size, T),
        low=integers(bounds.size, T),
        high=integers(bounds.size, T),
        clipped=integers(bounds.size),
        energy=integers(T, ENERGY_BINS),
        photons=integers(PHOTON_BINS),
        photon_width=photon_width(battery, times),
        burst=integers(T),
        ladders=integers(spins // 2 + 1 if j_is_conserved(battery) else 0),
        populations=integers(GROUPS, T if ladder else 0, positions),
        offsets=Irreps.all_of(battery.n_battery).offsets,
        peaks=peaks,
    )


def _noises(battery: CollectiveBattery) -> tuple[float, float]:
    """Largest rates of emission and of pumping over stages and ensembles."""
    found = [battery.battery_noise, battery.charger_noise]
    for step in battery.protocol:
        if isinstance(step, Stage):
            found += [n for n in (step.battery_noise, step.charger_noise) if n is not None]
    return max(n.emission for n in found), max(n.pumping for n in found)


def photon_width(battery: CollectiveBattery, times: Array) -> float:
    """Bin width for emitted photons: a whole number, from the definition alone.

    The bins reach to the spins, and 1.5 times what a thermal ladder of the least |J| that the
    symmetric states allow emits on average and what pumping supplies in the whole time.
    """
    spins, nbar = battery.n_battery + battery.n_charger, battery.occupation
    J = 0.5 * abs(battery.n_battery - battery.n_charger)
    steady = nbar * (nbar + 1.0) * 2.0 * (J + 1.0) * battery.gamma + _noises(battery)[1] * spins
    return float(np.ceil((spins + 1.5 * steady * float(times[-1])) / PHOTON_BINS))


def largest(battery: CollectiveBattery) -> Array:
    """Largest magnitudes of the summed quantities; whole numbers are summed as they are."""
    nbar, half = battery.occupation, 0.5 * (battery.n_battery + battery.n_charger)
    fastest = battery.gamma * (half + 1.0) ** 2
    collective = 2.0 * (2.0 * nbar + 1.0) * fastest / battery.n_battery
    return usable_bounds(
        [
            1.0,
            1.0,
            collective + max(_noises(battery)),
            (nbar + 1.0) * fastest,
            max(nbar, 1e-300) * fastest,
            FULL,
            FULL,
            FULL,
            1.0,
        ]
    )


@njit(cache=True, error_model="numpy")
def add_runs(
    seed: int,
    first: int,
    runs: int,
    steps: Plan,
    times: Array,
    state: State,
    frame: Frame,
    draws: Draws,
    course: Course,
    sums: NoisySums,
    rows: NoisyRows,
) -> None:
    """Add the runs first ... first + runs - 1 to `sums`, and to `rows` where there are any."""
    no_times, no_processes = np.empty(0), np.empty(0, dtype=np.int8)
    quantities = course.quantities
    for run in range(first, first + runs):
        follow(seed, run, steps, times, state, frame, draws, course, no_times, no_processes)
        for o in range(quantities.shape[0]):
            sums.clipped[o] += add_row(
                quantities[o], sums.scale[o], sums.total[o], sums.low[o], sums.high[o]
            )
        if rows.lost.size:
            add_row_of(run - first, course, times, rows)
        if sums.peaks.last.size:
            add_peak(quantities[EMISSION_RATE], times, sums.peaks)
        add_to_histograms(
            quantities[0],
            quantities[5, times.size - 1],
            course.now[BURST],
            times,
            sums.energy,
            sums.photons,
            sums.photon_width,
            sums.burst,
        )
        if sums.ladders.size:
            ladder = ladder_drawn(seed, run, state, draws)
            sums.ladders[ladder] += 1
            if rows.lost.size:
                rows.ladders[run - first] = ladder
        if course.populations.size:
            _add_populations(run, steps, course, sums)


@njit(error_model="numpy")
def ladder_drawn(seed: int, run: int, state: State, draws: Draws) -> int:
    """The ladder that a run is found on, by its number from the lowest J on."""
    u = four_draws(draws, seed, run)[0]
    k = 0
    while k < state.at[SIZE] - 1 and u >= weight(state.c[EDGE + k]):
        u -= weight(state.c[EDGE + k])
        k += 1
    return int(state.at[LOW] + k)


@njit(error_model="numpy")
def _add_populations(run: int, steps: Plan, course: Course, sums: NoisySums) -> None:
    group = run % sums.populations.shape[0]
    spins = round(steps.spins[0])
    last = sums.scale.size - 1
    for i in range(course.populations.shape[0]):
        p, two_j = course.populations[i], course.at[i, TWO_JB]
        bottom = round(course.lowest[i] + 0.5 * two_j)  # of what is possible, in the ladder
        first = sums.offsets[(spins - two_j) // 2] + bottom
        levels = min(p.size, two_j + 1 - bottom)
        work = 0.0
        for r in range(levels):
            sums.populations[group, i, first + r] += np.int64(np.rint(p[r] * FULL))
            work += p[r] * (bottom + r)
        sort_ascending(p)
        for r in range(levels):
            work -= p[p.size - 1 - r] * r
        add_value(work / spins, sums.scale[last], sums.total, sums.low, sums.high, (last, i))
