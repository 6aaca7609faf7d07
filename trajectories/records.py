"""Single runs at any temperature: each record is followed, read, and added to exact sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nvmodel.battery import CollectiveBattery
from nvmodel.ergotropy import ladder_ergotropy, total_ergotropy_symmetric
from nvmodel.errors import Unseen
from nvmodel.peaks import PEAK, PeakSums, PeakTimes, no_peaks
from nvmodel.refusal import InputError
from nvmodel.solution import Distribution, Reading, RunSpans, same_shapes
from nvmodel.sums import FULL, ExactSums, usable_bounds
from trajectories.angular import CoupledBasis, clebsch_gordan
from trajectories.conditional import Unravelling, unravelling
from trajectories.detector import add_detected_runs, detected_states
from trajectories.exact_moments import (
    PHOTONS,
    error_from_populations,
    error_of,
    errors_from_energy,
    largest_rates,
    moment_arrays,
    moments_from,
    unseen_of,
)
from trajectories.fluctuations import FLUCTUATIONS, NEED_ERGOTROPY
from trajectories.histograms import (
    ENERGY_BINS,
    PHOTON_BINS,
    burst_distribution,
    energy_edges,
    photon_distribution,
)
from trajectories.readout import FROM_POPULATIONS, LINEAR, derived
from trajectories.recording import kernel_tables
from trajectories.recordsums import Sums, add_records
from trajectories.spreads import GROUPS, GroupedSums, spread_bounds
from trajectories.summaries import RunRows

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

SUMMED = LINEAR
MOST_TABLE = 64_000_000  # doubles of Clebsch-Gordan coefficients held for populations: 512 MB


@dataclass(frozen=True, eq=False)
class RecordTally:
    """Exact sums over the records of a set of runs; see `nvmodel.solution.Tally`.

    Attributes
    ----------
    moments : tuple of ExactSums, each (T,)
        For each name of `SUMMED`.
    energy : ndarray of int64 (T, bins)
    photons : ndarray of int64 (PHOTON_BINS,)
        Emitted photons at the last time, bins `photon_width` wide.
    burst : ndarray of int64 (T,)
    ladders : ndarray of int64 (K,)
    populations : ndarray of int64 (GROUPS, T, N_B + 1)
        Sums of 2^30 times the conditional populations, of the runs i with i mod GROUPS; empty
        unless an observable needs them.
    daemonic : ExactSums (T,)
        Conditional ladder ergotropy; of no runs unless asked for.
    spread : GroupedSums
        For variances and ratios; without times unless an observable needs them.
    recorded : ndarray of int64 (PHOTON_BINS,)
        Recorded photons at the last time, in the bins of `photons`; empty unless the detector
        misses some.
    peaks : PeakTimes
        Of no times unless asked for.
    """

    battery: CollectiveBattery
    times: Array
    seed: int
    names: tuple[str, ...]
    spans: RunSpans
    moments: tuple[ExactSums, ...]
    energy: Counts
    photons: Counts
    burst: Counts
    ladders: Counts
    populations: Counts
    daemonic: ExactSums
    spread: GroupedSums
    recorded: Counts
    peaks: PeakTimes

    @classmethod
    def count(
        cls,
        battery: CollectiveBattery,
        times: Array,
        seed: int,
        names: tuple[str, ...],
        first: int,
        runs: int,
        rows: RunRows | None = None,
    ) -> RecordTally:
        """Make runs first ... first + runs - 1 and add them up, and to `rows` if given."""
        tables = unravelling(battery)
        basis = tables.basis
        bounds = _bounds(battery, basis, times)
        ladder = bool({*FROM_POPULATIONS, *NEED_ERGOTROPY} & set(names))
        needs_spread = bool({*FLUCTUATIONS, "recorded_photons"} & set(names))
        spread = GroupedSums.empty(spread_bounds(basis.J), times.size if needs_spread else 0)
        peaks = no_peaks(times.size if PEAK in names else 0)
        sums = _no_runs_yet(battery, basis, times, bounds, ladder, spread, peaks)
        _add_runs(battery, tables, times, seed, (first, runs), ladder, sums, rows)
        moments = tuple(
            ExactSums(
                runs,
                bounds[o],
                sums.total[o],
                sums.low[o],
                sums.high[o],
                int(sums.clipped[o]),
            )
            for o in range(len(SUMMED) + 1)
        )
        return cls(
            battery,
            times,
            seed,
            names,
            RunSpans(((first, first + runs),)),
            moments[:-1],
            sums.energy,
            sums.photons,
            sums.burst,
            sums.ladders,
            sums.populations,
            moments[-1],
            spread,
            sums.recorded,
            PeakTimes.of(peaks, times, runs),
        )

    def merge(self, other: Any) -> RecordTally:
        """The tally of both sets of runs."""
        if not isinstance(other, RecordTally) or self._study() != other._study():
            raise InputError("merge", other, "not the same study")
        return RecordTally(
            self.battery,
            self.times,
            self.seed,
            self.names,
            self.spans.union(other.spans),
            tuple(a.merge(b) for a, b in zip(self.moments, other.moments, strict=True)),
            self.energy + other.energy,
            self.photons + other.photons,
            self.burst + other.burst,
            self.ladders + other.ladders,
            self.populations + other.populations,
            self.daemonic.merge(other.daemonic),
            self.spread.merge(other.spread),
            self.recorded + other.recorded,
            self.peaks.merge(other.peaks),
        )

    def arrays(self) -> dict[str, Counts]:
        """All sums and histograms; the daemonic sums are the last of the moments."""
        moments = (*self.moments, self.daemonic)
        return {
            **moment_arrays(moments),
            "energy": self.energy,
            "photons": self.photons,
            "burst": self.burst,
            "ladders": self.ladders,
            "populations": self.populations,
            **(self.spread.arrays() if self.spread.total.size else {}),
            **({"recorded": self.recorded} if self.recorded.size else {}),
            **self.peaks.arrays(),
        }

    def with_arrays(self, spans: RunSpans, arrays: Mapping[str, Counts]) -> RecordTally:
        """The same study with other counts."""
        same_shapes(arrays, self.arrays())
        moments = moments_from((*self.moments, self.daemonic), len(spans), arrays)
        return replace(
            self,
            spans=spans,
            moments=moments[:-1],
            daemonic=moments[-1],
            energy=arrays["energy"],
            photons=arrays["photons"],
            burst=arrays["burst"],
            ladders=arrays["ladders"],
            populations=arrays["populations"],
            spread=self.spread.with_arrays(arrays) if self.spread.total.size else self.spread,
            recorded=arrays["recorded"] if self.recorded.size else self.recorded,
            peaks=self.peaks.with_arrays(len(spans), arrays),
        )

    def _study(self) -> tuple[Any, ...]:
        return self.battery, self.times.tobytes(), self.seed, self.names

    def read(self) -> Reading:
        """Means, standard errors and distributions."""
        runs = len(self.spans)
        values = {name: sums.mean() for name, sums in zip(SUMMED, self.moments, strict=True)}
        unseen = unseen_of(self.battery, self.times, runs, *(values[name] for name in PHOTONS))
        errors: dict[str, Array | None] = {
            name: error_of(sums, unseen.of_means[name])
            for name, sums in zip(SUMMED, self.moments, strict=True)
        }
        values |= derived(self.names, self.battery, values["battery_energy"], None)
        energy_error = error_of(self.moments[0], unseen.energy)
        errors |= errors_from_energy(values["battery_energy"], energy_error, runs)
        distributions = self._distributions()
        self.peaks.read_into(self.times, values, errors, distributions)
        if self.populations.size:
            self._read_populations(unseen, values, errors, distributions)
        if self.spread.total.size:
            spread, spread_errors = self.spread.read(self.spans, self.battery.n_charger, unseen)
            values |= spread
            errors |= spread_errors
        clipped = sum(int(sums.clipped) for sums in self.moments) + int(self.spread.clipped.sum())
        return Reading(
            {name: values[name] for name in self.names},
            {name: errors[name] for name in self.names},
            distributions,
            (f"{clipped} values beyond their bound were cut off",) if clipped else (),
        )

    def _distributions(self) -> dict[str, Distribution]:
        basis = unravelling(self.battery).basis
        edges = energy_edges()
        width = photon_width(self.battery, basis, self.times)
        found = {
            "battery_energy": Distribution("E_B per spin", edges[:-1], edges[1:], self.energy),
            "emitted_photons": photon_distribution("photons at the last time", width, self.photons),
            "burst_time": burst_distribution(self.times, self.burst),
            "dark_state": Distribution.of_values("J of the ladder", basis.J, self.ladders),
        }
        if self.recorded.size:
            found["recorded_photons"] = photon_distribution(
                "recorded photons at the last time", width, self.recorded
            )
        return found

    def _read_populations(
        self,
        unseen: Unseen,
        values: dict[str, Array],
        errors: dict[str, Array | None],
        distributions: dict[str, Distribution],
    ) -> None:
        """Ergotropies of the average state, with a jackknife over the groups of runs."""
        total = self.populations.sum(axis=0)
        # each run's populations sum to 2^30 up to rounding: normalised again
        ladder = total / total.sum(axis=-1, keepdims=True)
        for name, functional in (
            ("ergotropy", ladder_ergotropy),
            ("ergotropy_total", total_ergotropy_symmetric),
        ):
            values[name] = functional(ladder)
            errors[name] = error_from_populations(
                self.populations, functional, len(self.spans), unseen.ergotropy
            )
        values["daemonic_ergotropy"] = self.daemonic.mean()
        errors["daemonic_ergotropy"] = error_of(self.daemonic, unseen.ergotropy)
        distributions["populations"] = Distribution.of_values(
            "battery excitations m_B + N_B/2", np.arange(ladder.shape[-1], dtype=float), ladder
        )


def _add_runs(
    battery: CollectiveBattery,
    tables: Unravelling,
    times: Array,
    seed: int,
    span: tuple[int, int],
    ladder: bool,
    sums: Sums,
    rows: RunRows | None,
) -> None:
    """Make `span` = (first, number) of runs, as a detector of the model's efficiency sees them."""
    basis, taus = tables.basis, times * battery.gamma
    kernel, (first, runs) = kernel_tables(tables, battery), span
    key = np.uint64(seed)
    if battery.detector_efficiency < 1.0:
        states = detected_states(battery, tables, taus, ladder)
        eta = battery.detector_efficiency
        add_detected_runs(key, first, runs, taus, battery.gamma, kernel, eta, states, sums)
        return
    coefficients = _population_table(basis) if ladder else np.zeros((0, 0, 0))
    add_records(key, first, runs, taus, battery.gamma, kernel, coefficients, sums, rows)


def _no_runs_yet(
    battery: CollectiveBattery,
    basis: CoupledBasis,
    times: Array,
    bounds: Array,
    ladder: bool,
    spread: GroupedSums,
    peaks: PeakSums,
) -> Sums:
    """Sums and histograms of a study, all zero; without populations unless `ladder`."""

    def integers(*shape: int) -> Counts:
        return np.zeros(shape, dtype=np.int64)

    T = times.size
    rows = T if ladder else 0
    return Sums(
        scale=FULL / bounds,
        total=integers(len(SUMMED) + 1, T),
        low=integers(len(SUMMED) + 1, T),
        high=integers(len(SUMMED) + 1, T),
        clipped=integers(len(SUMMED) + 1),
        energy=integers(T, ENERGY_BINS),
        photons=integers(PHOTON_BINS),
        photon_width=photon_width(battery, basis, times),
        burst=integers(T),
        ladders=integers(basis.n_ladders),
        populations=integers(GROUPS, rows, battery.n_battery + 1),
        spread_scale=FULL / spread.bounds,
        spread_total=spread.total,
        spread_low=spread.low,
        spread_high=spread.high,
        spread_clipped=spread.clipped,
        recorded=integers(PHOTON_BINS if battery.detector_efficiency < 1.0 else 0),
        peaks=peaks,
    )


def photon_width(battery: CollectiveBattery, basis: CoupledBasis, times: Array) -> float:
    """Bin width for emitted photons: a whole number, from the definition alone.

    The bins reach to the photons of the start plus 1.5 times those that a thermal ladder of the
    lowest kept J emits on average in the whole time.
    """
    J, nbar = float(basis.J[0]), battery.occupation
    steady = nbar * (nbar + 1.0) * 2.0 * (J + 1.0) * battery.gamma * float(times[-1])
    return float(np.ceil((2.0 * basis.J[-1] + 1.5 * steady) / PHOTON_BINS))


def _bounds(battery: CollectiveBattery, basis: CoupledBasis, times: Array) -> Array:
    """Largest magnitudes of the summed quantities.

    Whole numbers are summed as they are up to 2^30, beyond in steps of a power of two: a burst with
    all its detours emits about (2 nbar + 1) times the start's height, and we allow twice that.
    """
    J, nbar = float(basis.J[-1]), battery.occupation
    height = J + basis.m_start + 2.0
    photons = max(FULL, 2.0 ** np.ceil(np.log2(2.0 * (2.0 * nbar + 1.0) * height)))
    return usable_bounds([1.0, 1.0, *largest_rates(battery, J), photons, photons, 1.0])


def _population_table(basis: CoupledBasis) -> Array:
    rows = round(2 * basis.J[-1]) + 1
    size = rows * basis.n_ladders * (basis.n_battery + 1)
    if size > MOST_TABLE:
        raise InputError(
            "observables",
            "ergotropy",
            f"needs a table of {size * 8e-9:.2g} GB for single runs at this size, at most "
            f"{MOST_TABLE * 8e-9:.2g}; ask for energies only, or use evolve",
        )
    return clebsch_gordan(basis, basis.J[-1] - np.arange(rows))
