"""What a single run adds to the counts of its study: exact sums and histograms, in kernels."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import INNER
from darkbattery.nvmodel.peaks import PeakSums, add_peak, no_peaks
from darkbattery.nvmodel.streams import log_unit
from darkbattery.nvmodel.tally import FULL, add_fine_row, add_row, add_value

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

ENERGY_BINS = 100
PHOTON_BINS = 256
GROUPS = 32  # of runs, i mod 32, for the jackknife of what is not linear in the state
# rows of what variances and ratios over runs are made of
ENERGY, VARIANCE, ERGOTROPY, EMISSION, PAIRS, EMITTED, RECORDED = range(7)
QUANTITIES = 7
# rows of the sums of what is known of the battery in a run
PURITY, ENTROPY = range(2)
STATE_ROWS = 2
LN2 = 0.6931471805599453
MEANS_ALONE = (VARIANCE, EMISSION, PAIRS)  # of which nobody asks the variance over runs
# rows of the quantities of a run, in the order of `derived.LINEAR`, that histograms are made of
BATTERY_ENERGY, EMISSION_RATE, EMITTED_PHOTONS = 0, 3, 5


class Sums(NamedTuple):
    """The counts of a study as kernels add to them; see `JumpStudy` in `jumps.counts.tally`.

    The last of the rows of `scale`, `total`, `low` and `high` is the daemonic ergotropy's. What
    nobody asked for has no times or no bins.
    """

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
    spread_scale: Array
    spread_total: Counts
    spread_low: Counts
    spread_high: Counts
    spread_clipped: Counts
    recorded: Counts
    peaks: PeakSums


class StateSums(NamedTuple):
    """Sums (GROUPS, STATE_ROWS, T) of purity and entropy, without times where nobody asks."""

    scale: Array
    total: Counts
    low: Counts
    high: Counts


def state_counts(n_times: int) -> dict[str, Counts]:
    """Room for `StateSums` of no runs yet: ``state_total``, ``state_low``, ``state_high``."""
    shape = (GROUPS, STATE_ROWS, n_times)
    return {f"state_{limb}": np.zeros(shape, dtype=np.int64) for limb in ("total", "low", "high")}


def sums_into(
    counts: Mapping[str, Counts], bounds: Array, spread_bounds: Array, photon_width: float
) -> Sums:
    """Sums that are added to the arrays of `counts`, named as `JumpStudy` names them."""
    nobody = np.zeros((GROUPS, QUANTITIES, 0), dtype=np.int64)
    names = ("peak_total", "peak_low", "peak_high", "peak_last")
    wanted = "peak_last" in counts
    return Sums(
        scale=FULL / bounds,
        total=counts["total"],
        low=counts["square_low"],
        high=counts["square_high"],
        clipped=counts["clipped"],
        energy=counts["energy"],
        photons=counts["photons"],
        photon_width=photon_width,
        burst=counts["burst"],
        ladders=counts["ladders"],
        populations=counts["populations"],
        spread_scale=FULL / spread_bounds,
        spread_total=counts.get("spread_total", nobody),
        spread_low=counts.get("spread_low", nobody),
        spread_high=counts.get("spread_high", nobody),
        spread_clipped=counts.get("spread_clipped", np.zeros(QUANTITIES, dtype=np.int64)),
        recorded=counts.get("recorded", np.zeros(0, dtype=np.int64)),
        peaks=PeakSums(*(counts[name] for name in names)) if wanted else no_peaks(0),
    )


def spread_counts(n_times: int) -> dict[str, Counts]:
    """Room for the sums of each of `QUANTITIES`, and of their squares, of no runs yet.

    As in `ExactSums`, (GROUPS, QUANTITIES, T): over the runs i with i mod GROUPS = g. Of VARIANCE,
    EMISSION and PAIRS only means are wanted, of values that may be far below their bounds:
    ``spread_low`` holds the remainders of `nvmodel.tally.add_fine_row`, ``spread_high`` nothing.
    """
    shape = (GROUPS, QUANTITIES, n_times)
    limbs = ("spread_total", "spread_low", "spread_high")
    found = {name: np.zeros(shape, dtype=np.int64) for name in limbs}
    return found | {"spread_clipped": np.zeros(QUANTITIES, dtype=np.int64)}


def spread_bounds(J: float) -> Array:
    """Largest magnitudes of the quantities, J the longest ladder; whole numbers as they are."""
    top = J + 1.0
    return np.array([1.0, 1.0, 1.0, top**2, top**4, FULL, FULL])


@njit(**INNER)
def add_run(
    quantities: Array, first: int, burst: float, taus: Array, times: Array, sums: Sums
) -> None:
    """Add a run: its means, its energies, its photons, when it bursts and when it shines most.

    Parameters
    ----------
    quantities : ndarray (rows, columns)
        Those of the run begin at the column `first`, an output time each.
    burst : float
        When the total J^z first was <= 0, in the unit of `taus`; infinity if it was not.
    taus, times : ndarray (T,)
        Output times in the sampler's own unit, and in the user's.
    """
    # fields are named once: each use of one in a loop would count a reference
    T, energies, arrived = taus.size, sums.energy, sums.burst
    bins = energies.shape[1]
    for o in range(quantities.shape[0]):
        row = quantities[o, first : first + T]
        sums.clipped[o] += add_row(row, sums.scale[o], sums.total[o], sums.low[o], sums.high[o])
    if sums.peaks.last.size:
        add_peak(quantities[EMISSION_RATE, first : first + T], times, sums.peaks)
    # unsigned: an index that might count from the end costs a comparison
    for i in range(np.uint64(T)):
        cell = int(quantities[BATTERY_ENERGY, np.uint64(first) + i] * bins)
        energies[i, np.uint64(min(max(cell, 0), bins - 1))] += 1
    cell = int(quantities[EMITTED_PHOTONS, first + T - 1] / sums.photon_width)
    sums.photons[min(cell, sums.photons.size - 1)] += 1
    if burst <= taus[T - 1]:
        i = 0
        while taus[i] < burst:
            i += 1
        arrived[i] += 1


@njit(**INNER)
def add_populations(
    run: int, i: int, p: Array, first: int, bottom: int, levels: int, spins: int, sums: Sums
) -> float:
    """Add conditional populations at time i and sort them; returns their ladder ergotropy per spin.

    Parameters
    ----------
    p : ndarray
        Of `levels` levels from the bottom on, then zeros.
    first : int
        Position of the first of them among those of the study.
    bottom : int
        Excitations of that level above the bottom of its ladder.
    spins : int
        Of the battery.
    """
    group, energy = run % sums.populations.shape[0], 0.0
    for m in range(levels):
        energy += p[m] * (bottom + m)
        sums.populations[group, i, first + m] += np.int64(np.rint(p[m] * FULL))
    sort_ascending(p)
    for m in range(levels):
        energy -= p[p.size - 1 - m] * m
    last = sums.scale.size - 1
    add_value(energy / spins, sums.scale[last], sums.total, sums.low, sums.high, (last, i))
    return energy / spins


@njit(**INNER)
def bits(p: float) -> float:
    """-p log2 p of a probability."""
    return -p * log_unit(p) / LN2 if p > 0.0 else 0.0


@njit(**INNER)
def add_state(group: int, i: int, purity: float, entropy: float, sums: StateSums) -> None:
    """Add what is known of a run's battery at time i."""
    for row, value in ((PURITY, purity), (ENTROPY, entropy)):
        at = (group, row, i)
        add_value(value, sums.scale[row], sums.total, sums.low, sums.high, at)


@njit(**INNER)
def add_spread(run: int, quantities: Array, sums: Sums) -> None:
    """Add the rows (QUANTITIES, T) of one run to its group."""
    group = run % sums.spread_total.shape[0]
    for o in range(quantities.shape[0]):
        row, scale = quantities[o], sums.spread_scale[o]
        total, low = sums.spread_total[group, o], sums.spread_low[group, o]
        if o in MEANS_ALONE:
            sums.spread_clipped[o] += add_fine_row(row, scale, total, low)
        else:
            high = sums.spread_high[group, o]
            sums.spread_clipped[o] += add_row(row, scale, total, low, high)


@njit(error_model="numpy")
def sort_ascending(values: Array) -> None:
    """Shell's sort, in place: numpy's takes two seconds to compile."""
    gap = values.size // 2
    while gap > 0:
        for i in range(gap, values.size):
            moving, j = values[i], i
            while j >= gap and values[j - gap] > moving:
                values[j] = values[j - gap]
                j -= gap
            values[j] = moving
        gap //= 2
