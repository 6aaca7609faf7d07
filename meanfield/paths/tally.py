"""Exactly additive counts of truncated Wigner runs, and what is read from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numba import njit
from numpy.typing import NDArray

from darkbattery.meanfield.averages.readout import (
    COMPARED,
    FROM_ANY,
    FROM_BATTERY,
    FROM_RESONATOR,
    start_energies,
)
from darkbattery.meanfield.classes.legs import couples, legs
from darkbattery.meanfield.classes.moments import BATTERY, CHARGER, System
from darkbattery.meanfield.classes.profile import profiles
from darkbattery.meanfield.paths.ladder import between_levels, read_ladder
from darkbattery.meanfield.paths.paths import ROWS
from darkbattery.meanfield.paths.readings import (
    BATTERY_ENERGY,
    CHARGER_ENERGY,
    FIELD_IMAG,
    FIELD_REAL,
    LEAVING,
    LEFT,
    PHOTONS,
    POWER,
    SUMMED,
)
from darkbattery.meanfield.paths.walk import FAR, GROUPS, Runs, kept_vectors, longest_vector
from darkbattery.nvmodel.efficiency import charging_efficiency, efficiency_error
from darkbattery.nvmodel.ergotropy import (
    local_ergotropy,
    local_ergotropy_bloch,
    local_ergotropy_of_classes,
)
from darkbattery.nvmodel.errors import (
    jackknife_variance,
    kinked_error,
    late_runs,
    mean_error,
    without_each,
)
from darkbattery.nvmodel.peaks import PEAK, add_peaks, no_peaks, peak_counts, read_peaks
from darkbattery.nvmodel.portlight import (
    IN_PHASE,
    NET_PHOTONS,
    QUADRATURE,
    at_ports,
    of_ports,
    reads_field,
)
from darkbattery.nvmodel.protocol import drives_of
from darkbattery.nvmodel.runstatistics import CountedStudy
from darkbattery.nvmodel.solution import Distribution, Reading
from darkbattery.nvmodel.tally import (
    BITS,
    FULL,
    ExactSums,
    RunSpans,
    Tally,
    add_value,
    is_clipped,
    quantised,
    usable_bounds,
)

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Functional = Callable[[Array, Array], Array]

MOST_LEVELS = 200
ENERGY_BINS = 100
LOW_BITS = (1 << BITS) - 1


def available(system: System) -> tuple[str, ...]:
    """Names that can be read from runs of a system."""
    names = (*(name for name in FROM_ANY if name != "absorbed_photons"), PEAK)
    if system.size(BATTERY):
        names = (*FROM_BATTERY, "ergotropy", *names)
    if not system.size(CHARGER):
        names = tuple(name for name in names if name not in COMPARED)
    if not system.eliminated:
        names += tuple(name for name in FROM_RESONATOR if name != "excitation_balance")
        if system.size(BATTERY):
            names += ("battery_energy_joule",)
    return names + at_ports(system.ports)


@dataclass(frozen=True, eq=False)
class WignerStudy:
    """What all runs have in common; see `nvmodel.tally.Study`.

    Its counts, by name:

    ``rows_total``, ``rows_square_low``, ``rows_square_high`` (SUMMED, T)
        As in `ExactSums`, in units of the bounds; ``rows_count_and_clipped`` (2,) beside them.
    ``delay_...``
        The same of shape (1,), in units of the last time, over the runs that burst.
    ``populations`` (T, levels)
        Runs whose battery is nearest each of `levels` equally spaced energies from 0 to 1.
    ``energies`` (T, ENERGY_BINS)
        The same in bins; what fluctuates beyond 0 or 1 is in the outermost.
    ``bursts`` (T,)
        Runs that burst since the output time before.
    ``vectors`` (GROUPS, T, components, classes)
        Of `meanfield.paths.readings.Vectors`.
    ``peak_...``
        Of `nvmodel.peaks`, where an observable needs them.
    ``field_...``
        As ``rows``, (2, T) of the field's parts, where an observable needs them.

    Attributes
    ----------
    identity : tuple
        Model, times, classes, steps and seed: runs of equal identity belong together.
    bounds : ndarray (ROWS,)
        Largest magnitude of each row of `Runs`.
    levels : int
        Levels of the battery's ladder on which the distribution of its energy is kept.
    """

    identity: tuple[Any, ...]
    system: System
    times: Array
    names: tuple[str, ...]
    bounds: Array
    levels: int
    warnings: tuple[str, ...]

    def count(self, first: int, batches: Iterable[Runs]) -> Tally:
        """The tally of runs first, first + 1, ..., in batches."""
        T, runs, clipped = self.times.size, 0, 0
        kept = ROWS if reads_field(self.names) else SUMMED
        total, low, high = np.zeros((3, kept, T), dtype=np.int64)
        nearest = np.zeros((T, self.levels), dtype=np.int64)
        binned, bursts = np.zeros((T, ENERGY_BINS), dtype=np.int64), np.zeros(T, dtype=np.int64)
        delay = np.zeros((3, 1), dtype=np.int64)
        peaks = no_peaks(T if PEAK in self.names else 0)
        components, classes = kept_vectors(self.system)
        vectors = np.zeros((GROUPS, T, components, classes.size), dtype=np.int64)
        for found in batches:
            vectors += found.vectors
            # one layout, for which there is one compiled kernel: the last lanes may be cut off
            rows = np.ascontiguousarray(found.rows)
            clipped += _add_lanes(rows[:kept], self.bounds[:kept], total, low, high)
            _add_counts(rows[BATTERY_ENERGY], nearest, binned)
            _add_bursts(found.delay, self.times, bursts, delay)
            if peaks.last.size:
                add_peaks(np.ascontiguousarray(rows[LEAVING].T), self.times, peaks)
            runs += found.delay.size
        counts = {
            "populations": nearest,
            "energies": binned,
            "bursts": bursts,
            "vectors": vectors,
            **peak_counts(peaks),
            **_limbs("rows", total[:SUMMED], low[:SUMMED], high[:SUMMED], runs, clipped),
            **_limbs("delay", delay[0], delay[1], delay[2], int(bursts.sum()), 0),
        }
        if kept > SUMMED:
            counts |= _limbs("field", total[SUMMED:], low[SUMMED:], high[SUMMED:], runs, 0)
        return Tally(self, RunSpans(((first, first + runs),)), counts)

    def read(self, spans: RunSpans, counts: Mapping[str, Counts]) -> Reading:
        """Means, standard errors and distributions."""
        rows = _from_limbs("rows", counts)
        field = _from_limbs("field", counts) if reads_field(self.names) else None
        values, errors = _read_rows(self, rows, field)
        distributions: dict[str, Distribution] = {}
        if counts["vectors"].size:
            if self.system.size(BATTERY):
                self._read_vectors(spans, counts["vectors"], values, errors)
            distributions |= self._profiles(len(spans), counts["vectors"])
        if self.system.size(BATTERY):
            energy = values["battery_energy"], errors["battery_energy"]
            least = np.fmax(energy[1], errors["ergotropy_local"])
            found = read_ladder(counts["populations"], len(spans), least)
            if self.system.size(BATTERY) > MOST_LEVELS:
                found = between_levels(
                    counts["populations"], len(spans), self.system.size(BATTERY), energy, found[1]
                )
            values["ergotropy"], errors["ergotropy"] = found
            edges = np.linspace(0.0, 1.0, ENERGY_BINS + 1)
            distributions["battery_energy"] = Distribution(
                "E_B per spin", edges[:-1], edges[1:], counts["energies"]
            )
            distributions["populations"] = self._populations(counts["populations"])
        low = np.concatenate([[0.0], self.times[:-1]])
        distributions["burst_time"] = Distribution(
            "time of the burst", low, self.times, counts["bursts"]
        )
        if PEAK in self.names:
            peak = read_peaks(self.times, len(spans), counts)
            values[PEAK], errors[PEAK], distributions[PEAK] = peak
        cut = f"{rows.clipped} values lay beyond their bounds and were cut off"
        return Reading(
            {name: values[name] for name in self.names},
            {name: errors[name] for name in self.names},
            distributions,
            self.warnings + ((cut,) if rows.clipped else ()),
        )

    def _read_vectors(
        self, spans: RunSpans, vectors: Counts, values: dict[str, Array], errors: dict[str, Any]
    ) -> None:
        """Ergotropies of the classes' average vectors, and by a jackknife over groups of runs."""
        share = self.system.of(BATTERY)[kept_vectors(self.system)[1]]
        size, unit = spans.group_counts(GROUPS), longest_vector(self.system) / FULL
        total = vectors.sum(axis=0)
        for name, functional in (
            ("ergotropy_local", _local_of_vectors),
            ("ergotropy_rotation", _rotation_of_vectors),
        ):

            def found(kept: NDArray[np.bool_], of: Functional = functional) -> Array:
                rest = (total - vectors[~kept].sum(axis=0)) * unit / size[kept].sum()
                return of(share, rest)

            values[name] = functional(share, total * (unit / size.sum()))
            left_out = np.array(without_each(found, size)).reshape(-1, self.times.size)
            errors[name] = np.sqrt(jackknife_variance(left_out))

    def _profiles(self, runs: int, vectors: Counts) -> dict[str, Distribution]:
        """Mean inversion over the lines of a sequence."""
        system, (_, classes) = self.system, kept_vectors(self.system)
        if not system.protocol or classes.size < system.number.size:
            return {}
        total = vectors.sum(axis=0)[:, 0]
        return profiles(system, total * (longest_vector(system) / FULL / runs))

    def _populations(self, counts: Counts) -> Distribution:
        size = self.system.size(BATTERY)
        level = np.arange(self.levels, dtype=np.float64) * (size / max(self.levels - 1, 1))
        return Distribution.of_values("battery excitations m_B + N_B/2", level, counts)


def study_of(
    identity: tuple[Any, ...],
    system: System,
    times: Array,
    names: tuple[str, ...],
    warnings: tuple[str, ...],
) -> WignerStudy:
    """Bounds and bins, from the definition alone."""
    levels = int(min(system.size(BATTERY), MOST_LEVELS)) + 1
    return WignerStudy(identity, system, times, names, _bounds(system, times), levels, warnings)


def _bounds(system: System, times: Array) -> Array:
    length = longest_vector(system)
    noise = 4.0 * FAR * (system.nbar + 0.5) / system.total
    coupling = float(system.scaled_coupling.max())
    local = max(float(leg.system.relaxation.max()) for leg in legs(system, times))
    if system.eliminated:
        leaving = 4.0 / system.kappa * coupling**2 * (length**2 + noise)
        power, photons = leaving, 1.0
    else:
        reach = min(float(times[-1]), 4.0 / max(system.kappa, 1e-300))
        sent = (system.drive,) if system.drive is not None else drives_of(system.protocol)
        # of a short pulse the field is at most its area
        field = sum(min(drive.amplitude * reach, drive.area) for drive in sent)
        drive = field / np.sqrt(system.total)
        amplitude = np.sqrt(length + noise) + drive
        photons = amplitude**2
        power = 2.0 * coupling * amplitude * length
        leaving = system.kappa * photons
    bounds = np.empty(ROWS)
    bounds[[BATTERY_ENERGY, CHARGER_ENERGY]] = 0.5 * (1.0 + length)
    bounds[POWER], bounds[LEAVING], bounds[PHOTONS] = power + local * length, leaving, photons
    bounds[LEFT] = leaving * float(times[-1])
    bounds[[FIELD_REAL, FIELD_IMAG]] = np.sqrt(photons)
    return usable_bounds(bounds)


def burst_delay(tally: Tally) -> tuple[int, float, float]:
    """Number of runs that burst, mean and standard deviation of the time they took."""
    study = tally.study.inner if isinstance(tally.study, CountedStudy) else tally.study
    assert isinstance(study, WignerStudy)
    delay, last = _from_limbs("delay", tally.counts), float(study.times[-1])
    spread = np.sqrt(delay.variance()[0]) * last
    return delay.count, float(delay.mean()[0] * last), float(spread)


def _limbs(
    name: str, total: Counts, low: Counts, high: Counts, runs: int, clipped: int
) -> dict[str, Counts]:
    return {
        f"{name}_total": total,
        f"{name}_square_low": low,
        f"{name}_square_high": high,
        f"{name}_count_and_clipped": np.array([runs, clipped], dtype=np.int64),
    }


def _from_limbs(name: str, counts: Mapping[str, Counts]) -> ExactSums:
    runs, clipped = counts[f"{name}_count_and_clipped"].tolist()
    total, low, high = (counts[f"{name}_{limb}"] for limb in ("total", "square_low", "square_high"))
    # the study's bounds are divided out before adding
    return ExactSums(runs, 1.0, total, low, high, clipped)


@njit(cache=True, error_model="numpy")
def _add_lanes(rows: Array, bounds: Array, total: Counts, low: Counts, high: Counts) -> int:
    """Add the last axis of `rows` (ROWS, T, runs), each row in units of its bound, to the limbs.

    Returns how many values were cut off.
    """
    clipped = 0
    for r in range(rows.shape[0]):
        for t in range(rows.shape[1]):
            q, below, above, beyond = _limbs_of(rows, r, t, bounds[r])
            total[r, t] += q
            low[r, t] += below
            high[r, t] += above
            clipped += beyond
    return clipped


@njit(error_model="numpy")
def _limbs_of(rows: Array, r: int, t: int, bound: float) -> tuple[Any, Any, Any, int]:
    """Limbs of one sum, and how many were cut off: in registers, not in arrays."""
    total = low = high = np.int64(0)
    clipped, scale = 0, FULL / bound
    for i in range(rows.shape[2]):
        x = rows[r, t, i]
        q = quantised(x, scale)
        # 32 bits hold q, and vector units have a product of such
        square = np.int64(np.int32(q)) * np.int64(np.int32(q))
        total += q
        low += square & LOW_BITS
        high += square >> BITS
        clipped += is_clipped(x, scale)
    return total, low, high, clipped


@njit(cache=True, error_model="numpy")
def _add_counts(energy: Array, nearest: Counts, binned: Counts) -> None:
    """Count at each time the runs of `energy` (T, runs) nearest each level, and in each bin.

    The outermost take what is beyond; NaN counts as 0.
    """
    last, bins = nearest.shape[1] - 1, binned.shape[1]
    for t in range(energy.shape[0]):
        for i in range(energy.shape[1]):
            e = energy[t, i]
            e = min(e, 1.0) if e > 0.0 else 0.0
            nearest[t, np.int64(np.rint(e * last))] += 1
            binned[t, min(np.int64(e * bins), bins - 1)] += 1


@njit(cache=True, error_model="numpy")
def _add_bursts(delay: Array, times: Array, bursts: Counts, limbs: Counts) -> None:
    """Count the runs that burst until each time; add when, in units of the last time."""
    last = max(times[-1], 1e-300)
    for i in range(delay.size):
        if delay[i] < np.inf:
            bursts[np.searchsorted(times[:-1], delay[i])] += 1
            add_value(delay[i] / last, FULL, limbs[0], limbs[1], limbs[2], 0)


def unseen_rows(study: WignerStudy, runs: int) -> Array:
    """How far off a late burst's run may lie, for each summed row of `Runs`; see `nvmodel.errors`.

    Single events are no matter here: every run has its noise. A resonator's delay has no tail in
    closed form.
    """
    system, found = study.system, np.zeros((SUMMED, study.times.size))
    both = system.size(BATTERY) and system.size(CHARGER)
    if not (system.eliminated and both) or system.protocol:
        return found
    gamma = 4.0 * system.coupling[0] ** 2 / system.kappa
    sizes = system.size(BATTERY), system.size(CHARGER)
    late = late_runs(*sizes, gamma * study.times, runs)
    found[[BATTERY_ENERGY, CHARGER_ENERGY]] = late
    for row in (POWER, LEAVING):
        found[row] = study.bounds[row] * late
    found[LEFT] = late
    return found


class _Found:
    """Values and standard errors by name, from those of the rows (SUMMED, T)."""

    def __init__(self, mean: Array, error: Array) -> None:
        self.mean, self.error = mean, error
        self.values: dict[str, Array] = {}
        self.errors: dict[str, Any] = {}

    def put(self, name: str, row: int, factor: float = 1.0, offset: Array | float = 0.0) -> None:
        """A quantity that is a row, scaled and shifted."""
        self.values[name] = factor * self.mean[row] + offset
        self.errors[name] = abs(factor) * self.error[row]


def _read_rows(
    study: WignerStudy, sums: ExactSums, field: ExactSums | None
) -> tuple[dict[str, Array], dict[str, Any]]:
    system, nbar = study.system, study.system.nbar
    bounds = study.bounds[:SUMMED, None]
    unseen = unseen_rows(study, sums.count) / bounds
    spread = mean_error(sums.variance(), sums.count, unseen, sums.resolution)
    found = _Found(sums.mean() * bounds, spread * bounds)
    values, errors = found.values, found.errors
    found.put("battery_energy", BATTERY_ENERGY)
    found.put("charger_energy", CHARGER_ENERGY)
    found.put("power", POWER)
    found.put("open_work", BATTERY_ENERGY, offset=-nbar / (2.0 * nbar + 1.0))
    values["ergotropy_local"] = local_ergotropy(values["battery_energy"])
    errors["ergotropy_local"] = kinked_error(
        2.0 * values["battery_energy"] - 1.0, 2.0 * errors["battery_energy"], sums.count
    )
    # of alike spins without a drive; else `WignerStudy` has both from the classes
    for entries in (values, errors):
        entries["ergotropy_rotation"] = entries["ergotropy_local"]
    sizes, start = (system.size(BATTERY), system.size(CHARGER)), start_energies(system)
    names = "battery_energy", "charger_energy"
    values["charging_efficiency"] = charging_efficiency(
        sizes, start, *(values[name] for name in names)
    )
    errors["charging_efficiency"] = efficiency_error(
        sizes, start, *((values[name], errors[name]) for name in names)
    )
    found.put("emission_rate", LEAVING, (nbar + 1.0) * system.total)
    found.put("emitted_photons", LEFT, (nbar + 1.0) * system.total)
    if not system.eliminated:
        return _read_resonator(study, found, field)
    # <J^-J^+> = <J^+J^-> - 2 <J^z>; the error of the second term is far smaller
    gamma = 4.0 * system.coupling[0] ** 2 / system.kappa
    seen = couples(system, study.times)
    held = sum(
        seen[i] * system.size(i) * (2.0 * found.mean[row] - 1.0)
        for i, row in ((BATTERY, BATTERY_ENERGY), (CHARGER, CHARGER_ENERGY))
    )
    found.put("absorption_rate", LEAVING, nbar * system.total, -nbar * gamma * held)
    return values, errors


def _read_resonator(
    study: WignerStudy, found: _Found, field: ExactSums | None
) -> tuple[dict[str, Array], dict[str, Any]]:
    """The same with what a resonator has beside: its photons, what leaves it, energies in joule."""
    system, nbar, total = study.system, study.system.nbar, study.system.total
    assert system.frequency is not None
    quantum = scipy.constants.hbar * system.frequency
    found.put("absorption_rate", LEAVING, nbar * total, nbar * system.kappa)
    found.put("photons", PHOTONS, total)
    found.put("output_power", LEAVING, quantum * total, -quantum * nbar * system.kappa)
    found.put("battery_energy_joule", BATTERY_ENERGY, quantum * system.size(BATTERY))
    found.put("charger_energy_joule", CHARGER_ENERGY, quantum * system.size(CHARGER))
    found.put(NET_PHOTONS, LEFT, total, -nbar * system.kappa * study.times)
    values, errors = found.values, found.errors
    if field is not None:
        bound = np.sqrt(total) * study.bounds[SUMMED:, None]
        spread = mean_error(field.variance(), field.count, 0.0, field.resolution)
        values |= dict(zip((IN_PHASE, QUADRATURE), bound * field.mean(), strict=True))
        errors |= dict(zip((IN_PHASE, QUADRATURE), bound * spread, strict=True))
    light = system.ports, system.kappa, quantum
    return values | of_ports(*light, values), errors | of_ports(*light, errors)


def _coherence(vectors: Array) -> Array:
    """|<sigma^->| of vectors (..., components, classes) as `Vectors` has them."""
    if vectors.shape[-2] == 1:
        return np.zeros_like(vectors[..., 0, :])
    return np.asarray(0.5 * np.hypot(vectors[..., 1, :], vectors[..., 2, :]))


def _local_of_vectors(share: Array, vectors: Array) -> Array:
    return local_ergotropy_of_classes(share, vectors[..., 0, :], _coherence(vectors))


def _rotation_of_vectors(share: Array, vectors: Array) -> Array:
    mean = (vectors @ share)[..., None]
    return local_ergotropy_bloch(mean[..., 0, :], _coherence(mean))[..., 0]
