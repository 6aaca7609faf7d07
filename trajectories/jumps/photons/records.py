"""Collective runs at any temperature: each record is followed, read, and added to exact sums."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import INNER, KERNEL
from darkbattery.nvmodel.tally import Tally
from darkbattery.trajectories.jumps.counts.summaries import Told
from darkbattery.trajectories.jumps.counts.sums import (
    EMISSION,
    EMITTED,
    ENERGY,
    ERGOTROPY,
    PAIRS,
    QUANTITIES,
    RECORDED,
    VARIANCE,
    StateSums,
    Sums,
    add_populations,
    add_run,
    add_spread,
    add_state,
    bits,
)
from darkbattery.trajectories.jumps.counts.tally import JumpStudy
from darkbattery.trajectories.jumps.photons.abreast import LANES, Walks
from darkbattery.trajectories.jumps.photons.crossings import Crossings, Products, means_of_sums
from darkbattery.trajectories.jumps.photons.recording import (
    Tables,
    add_rows,
    as_products,
    follow,
    follow_lanes,
    groups_of_runs,
    kernel_tables,
    room_for_path,
)
from darkbattery.trajectories.reading.conditional import (
    ABSORPTION,
    BATTERY_Z,
    BATTERY_Z_RATE,
    unravelling,
)
from darkbattery.trajectories.reading.conditional import EMISSION as EMISSION_RATE
from darkbattery.trajectories.space.angular import CoupledBasis, clebsch_gordan

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


def count_records(study: JumpStudy, first: int, runs: int, rows: Told | None = None) -> Tally:
    """Make runs first ... first + runs - 1 and add them up, and to `rows` if given."""
    battery = study.battery
    tables, taus = unravelling(battery), study.times * battery.gamma
    q, counts = kernel_tables(tables, battery), study.no_runs_yet()
    sums, states = study.sums_into(counts), study.states_into(counts)
    # of Clebsch and Gordan, for M = J_t, J_t - 1, ...
    coefficients = _population_table(tables.basis) if study.needs_populations else None
    spread = sums.spread_total.size > 0
    if rows is None and coefficients is None and not spread:
        products = as_products(q, taus)
        if products is not None:
            _count_products(study, first, runs, q, taus, products, sums)
            return study.tally(first, runs, counts)
    for start, path in groups_of_runs(q, taus, first, runs, coefficients is not None or spread):
        follow(np.uint64(study.seed), start, taus, q, path)
        n = path.burst.size
        if rows is not None:
            add_rows(start, path, battery, q.bonds.J, rows)
        sizes = q.n_battery, q.n_charger
        _read_quantities(path.means, path.M, *sizes, battery.gamma, path.quantities)
        _add_runs(path.quantities, path.burst, path.drawn, taus, study.times, sums)
        work = np.zeros(path.M.size)
        if coefficients is not None:
            of_ladders = q.bonds.J, q.sign, coefficients
            found = path.amplitudes, path.M
            _add_populations(start, n, *found, *of_ladders, sums, states, work)
        if spread:
            z = path.means[BATTERY_Z]
            _add_spreads(start, n, path.amplitudes, path.M, z, path.quantities, work, q, sums)
    return study.tally(first, runs, counts)


def _count_products(
    study: JumpStudy,
    first: int,
    runs: int,
    q: Tables,
    taus: Array,
    products: Products,
    sums: Sums,
) -> None:
    """Make, follow and add the runs in one kernel, where no more of them is asked for."""
    path = room_for_path(q, taus, min(runs, LANES), products, False)
    _add_products(
        np.uint64(study.seed),
        first,
        runs,
        (q.nbar, q.n_battery, q.n_charger, study.battery.gamma),
        (q.starts.cumulative, q.starts.J, q.starts.m_starts, taus, study.times, path.table),
        (products, path.walks, path.crossings),
        (path.burst, path.drawn, path.M, path.emitted, path.absorbed),
        (path.means, path.amplitudes, path.quantities),
        sums,
    )


@njit(**KERNEL)
def _add_products(
    seed: int,
    first: int,
    runs: int,
    numbers: tuple[float, ...],
    tables: tuple[Array, Array, Array, Array, Array, Counts],
    made: tuple[Products, Walks, Crossings],
    found: tuple[Array, Counts, Array, Array, Array],
    states: tuple[Array, Array, Array],
    sums: Sums,
) -> None:
    """As many runs at a time as go abreast: what is known of them stays in the nearest caches."""
    nbar, n_battery, n_charger, gamma = numbers
    cumulative, J, m_starts, taus, times, table = tables
    products, walks, crossings = made
    burst, drawn, M, emitted, absorbed = found
    means, amplitudes, quantities = states
    for begin in range(0, runs, burst.size):
        n = min(burst.size, runs - begin)
        follow_lanes(
            seed,
            first + begin,
            0,
            n,
            nbar,
            cumulative,
            J,
            m_starts,
            taus,
            table,
            products,
            walks,
            crossings,
            burst,
            drawn,
            M,
            emitted,
            absorbed,
            means,
            amplitudes,
        )
        means_of_sums(means, M, nbar)
        _read_quantities(means, M, n_battery, n_charger, gamma, quantities)
        _add_each(quantities, n, burst, drawn, taus, times, sums)


def _population_table(basis: CoupledBasis) -> Array:
    return clebsch_gordan(basis, basis.J[-1] - np.arange(round(2 * basis.J[-1]) + 1))


@njit(**KERNEL)
def _read_quantities(
    means: Array, M: Array, n_battery: float, n_charger: float, gamma: float, found: Array
) -> None:
    """The rows of `derived.LINEAR` that are no photon numbers, into `found` (7, columns)."""
    of_battery, of_charger, of_power = 1.0 / n_battery, 1.0 / n_charger, gamma / n_battery
    # unsigned: an index that might count from the end keeps a loop out of vector registers
    for i in range(np.uint64(M.size)):
        z = means[BATTERY_Z, i]
        found[0, i], found[1, i] = z * of_battery + 0.5, (M[i] - z) * of_charger + 0.5
        found[2, i] = means[BATTERY_Z_RATE, i] * of_power
        found[3, i], found[4, i] = means[EMISSION_RATE, i] * gamma, means[ABSORPTION, i] * gamma


@njit(**INNER)
def _add_each(
    quantities: Array,
    runs: int,
    burst: Array,
    drawn: Counts,
    taus: Array,
    times: Array,
    sums: Sums,
) -> None:
    ladders = sums.ladders
    for r in range(runs):
        ladders[drawn[r] % ladders.size] += 1
        add_run(quantities, r * taus.size, burst[r], taus, times, sums)


@njit(**KERNEL)
def _add_runs(
    quantities: Array, burst: Array, drawn: Counts, taus: Array, times: Array, sums: Sums
) -> None:
    _add_each(quantities, burst.size, burst, drawn, taus, times, sums)


@njit(**KERNEL)
def _add_populations(
    first: int,
    runs: int,
    c: Array,
    M: Array,
    J: Array,
    signs: Array,
    coefficients: Array,
    sums: Sums,
    states: StateSums,
    work: Array,
) -> None:
    K, T = c.shape[0], c.shape[1] // runs
    size = coefficients.shape[2]
    amplitude, p = np.empty(size), np.empty(size)
    for i in range(c.shape[1]):
        row = int(J[K - 1] - M[i] + 0.5)
        sign = 1.0
        for m in range(size):
            amplitude[m] = 0.0
        for k in range(K):
            if k > 0:
                sign *= signs[k]
            for m in range(size):
                amplitude[m] += sign * c[k, i] * coefficients[row, k, m]
        for m in range(size):
            p[m] = amplitude[m] * amplitude[m]
        if states.total.shape[2]:
            purity, entropy = 0.0, 0.0
            for m in range(size):
                purity += p[m] * p[m]
                entropy += bits(p[m])
            group = (first + i // T) % states.total.shape[0]
            add_state(group, i % T, purity, entropy, states)
        work[i] = add_populations(first + i // T, i % T, p, 0, 0, size, size - 1, sums)


@njit(**KERNEL)
def _add_spreads(
    first: int,
    runs: int,
    c: Array,
    M: Array,
    z: Array,
    quantities: Array,
    work: Array,
    q: Tables,
    sums: Sums,
) -> None:
    """Add the rows of `sums.add_spread`."""
    T = M.size // runs
    whole, one = np.empty((QUANTITIES, M.size)), np.empty((QUANTITIES, T))
    conditional_spreads(c, M, z, q.bonds.J, q.diagonal, q.coupling, q.sign, q.n_battery, whole)
    for r in range(runs):
        for i in range(T):
            column = r * T + i
            for o in range(QUANTITIES):
                one[o, i] = whole[o, column]
            one[ENERGY, i], one[ERGOTROPY, i] = quantities[0, column], work[column]
            one[EMITTED, i], one[RECORDED, i] = quantities[5, column], quantities[5, column]
        add_spread(first + r, one, sums)


@njit(**INNER)
def conditional_spreads(
    c: Any, M: Any, z: Any, J: Any, g: Any, f: Any, sign: Any, n_battery: Any, out: Any
) -> None:
    r"""Rows VARIANCE, EMISSION and PAIRS of `out` for pure states with amplitudes c (K, T).

    `z` (T,) is the mean of J_B^z; the variance is the squared length of (J_B^z - z) psi.
    """
    K, T = c.shape
    for i in range(T):
        out[VARIANCE, i], out[EMISSION, i], out[PAIRS, i] = 0.0, 0.0, 0.0
        for k in range(K):
            x = (M[i] * g[k] - z[i]) * c[k, i]
            # amplitudes alternate by `sign` from ladder to ladder
            if k > 0:
                x += f[k] * np.sqrt(max(J[k] ** 2 - M[i] ** 2, 0.0)) * sign[k] * c[k - 1, i]
            if k + 1 < K:
                span = np.sqrt(max(J[k + 1] ** 2 - M[i] ** 2, 0.0))
                x += f[k + 1] * span * sign[k + 1] * c[k + 1, i]
            out[VARIANCE, i] += x * x
            rate = max((J[k] + M[i]) * (J[k] - M[i] + 1.0), 0.0) * c[k, i] ** 2
            out[EMISSION, i] += rate
            out[PAIRS, i] += rate * max((J[k] + M[i] - 1.0) * (J[k] - M[i] + 2.0), 0.0)
        out[VARIANCE, i] /= n_battery**2
