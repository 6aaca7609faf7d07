"""Single runs with local noise, detuning, protocols or any start, added to exact sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nvmodel.battery import CollectiveBattery
from nvmodel.errors import Unseen
from nvmodel.irreps import Irreps, ladder_ergotropy_of_irreps, total_ergotropy_of_irreps
from nvmodel.peaks import PEAK, PeakTimes, no_peaks
from nvmodel.refusal import InputError
from nvmodel.rows import Summary
from nvmodel.solution import Distribution, Reading, RunSpans, same_shapes
from nvmodel.sums import ExactSums
from trajectories.exact_moments import (
    PHOTONS,
    error_from_populations,
    error_of,
    errors_from_energy,
    moment_arrays,
    moments_from,
    unseen_of,
)
from trajectories.histograms import (
    burst_distribution,
    energy_edges,
    photon_distribution,
)
from trajectories.local_noise import Array
from trajectories.noisy_rows import NoisyRows, no_rows_yet
from trajectories.noisy_sums import add_runs, largest, no_runs_yet, photon_width
from trajectories.readout import FROM_POPULATIONS, LINEAR, derived
from trajectories.stages import empty_course, empty_draws, empty_frame_of, empty_state_of, plan

Counts = NDArray[np.int64]

SUMMED = (*LINEAR, "local_loss")


@dataclass(frozen=True, eq=False)
class NoisyTally:
    """Exact sums over a set of runs; see `nvmodel.solution.Tally`.

    Attributes
    ----------
    moments : tuple of ExactSums, each (T,)
        For each name of `SUMMED`, then the conditional ladder ergotropy (zero unless asked for).
    energy, photons, burst : ndarray of int64
        As in `trajectories.records.RecordTally`.
    ladders : ndarray of int64 (number of J,)
        Of the dark states that the runs end in; empty unless J is conserved.
    populations : ndarray of int64 (GROUPS, T, positions)
        Sums of 2^30 times the conditional populations over (j_B, m_B), laid out as
        `nvmodel.irreps.Irreps`; empty unless an observable needs them.
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
        rows: NoisyRows | None = None,
    ) -> NoisyTally:
        """Make runs first ... first + runs - 1 and add them up, and to `rows` if given."""
        ladder = any(name in (*FROM_POPULATIONS, "daemonic_ergotropy") for name in names)
        bounds = largest(battery)
        peaks = no_peaks(times.size if PEAK in names else 0)
        sums = no_runs_yet(battery, times, bounds, ladder, peaks)
        steps = plan(battery)
        add_runs(
            np.uint64(seed),
            first,
            runs,
            steps,
            times,
            empty_state_of(battery),
            empty_frame_of(battery, steps),
            empty_draws(),
            empty_course(battery, times.size, amplitudes=False, populations=ladder),
            sums,
            no_rows_yet(0, Summary()) if rows is None else rows,
        )
        moments = tuple(
            ExactSums(runs, bound, total, low, high, int(clipped))
            for bound, total, low, high, clipped in zip(
                bounds, sums.total, sums.low, sums.high, sums.clipped, strict=True
            )
        )
        return cls(
            battery,
            times,
            seed,
            names,
            RunSpans(((first, first + runs),)),
            moments,
            sums.energy,
            sums.photons,
            sums.burst,
            sums.ladders,
            sums.populations,
            PeakTimes.of(peaks, times, runs),
        )

    def merge(self, other: Any) -> NoisyTally:
        """The tally of both sets of runs."""
        if not isinstance(other, NoisyTally) or self._study() != other._study():
            raise InputError("merge", other, "not the same study")
        return replace(
            self,
            spans=self.spans.union(other.spans),
            moments=tuple(a.merge(b) for a, b in zip(self.moments, other.moments, strict=True)),
            energy=self.energy + other.energy,
            photons=self.photons + other.photons,
            burst=self.burst + other.burst,
            ladders=self.ladders + other.ladders,
            populations=self.populations + other.populations,
            peaks=self.peaks.merge(other.peaks),
        )

    def arrays(self) -> dict[str, Counts]:
        """All sums and histograms."""
        return moment_arrays(self.moments) | {
            "energy": self.energy,
            "photons": self.photons,
            "burst": self.burst,
            "ladders": self.ladders,
            "populations": self.populations,
            **self.peaks.arrays(),
        }

    def with_arrays(self, spans: RunSpans, arrays: Mapping[str, Counts]) -> NoisyTally:
        """The same study with other counts."""
        same_shapes(arrays, self.arrays())
        return replace(
            self,
            spans=spans,
            moments=moments_from(self.moments, len(spans), arrays),
            energy=arrays["energy"],
            photons=arrays["photons"],
            burst=arrays["burst"],
            ladders=arrays["ladders"],
            populations=arrays["populations"],
            peaks=self.peaks.with_arrays(len(spans), arrays),
        )

    def _study(self) -> tuple[Any, ...]:
        return self.battery, self.times.tobytes(), self.seed, self.names

    def read(self) -> Reading:
        """Means, standard errors and distributions."""
        summed = self.moments[:-1]
        runs = len(self.spans)
        values = {name: sums.mean() for name, sums in zip(SUMMED, summed, strict=True)}
        unseen = unseen_of(self.battery, self.times, runs, *(values[name] for name in PHOTONS))
        errors: dict[str, Array | None] = {
            name: error_of(sums, unseen.of_means[name])
            for name, sums in zip(SUMMED, summed, strict=True)
        }
        values |= derived(self.names, self.battery, values["battery_energy"], None)
        energy_error = error_of(self.moments[0], unseen.energy)
        errors |= errors_from_energy(values["battery_energy"], energy_error, runs)
        distributions = self._distributions()
        self.peaks.read_into(self.times, values, errors, distributions)
        if self.populations.size:
            self._read_populations(unseen, values, errors, distributions)
        clipped = sum(int(sums.clipped) for sums in self.moments)
        return Reading(
            {name: values[name] for name in self.names},
            {name: errors[name] for name in self.names},
            distributions,
            (f"{clipped} values beyond their bound were cut off",) if clipped else (),
        )

    def _distributions(self) -> dict[str, Distribution]:
        edges = energy_edges()
        width = photon_width(self.battery, self.times)
        found = {
            "battery_energy": Distribution("E_B per spin", edges[:-1], edges[1:], self.energy),
            "emitted_photons": photon_distribution("photons at the last time", width, self.photons),
            "burst_time": burst_distribution(self.times, self.burst),
        }
        if self.ladders.size:
            spins = self.battery.n_battery + self.battery.n_charger
            J = np.arange(self.ladders.size, dtype=float) + 0.5 * (spins % 2)
            found["dark_state"] = Distribution.of_values("J of the ladder", J, self.ladders)
        return found

    def _read_populations(
        self,
        unseen: Unseen,
        values: dict[str, Array],
        errors: dict[str, Array | None],
        distributions: dict[str, Distribution],
    ) -> None:
        """Ergotropies of the average state, with a jackknife over the groups of runs."""
        irreps = Irreps.all_of(self.battery.n_battery)
        total = self.populations.sum(axis=0)
        p = total / total.sum(axis=-1, keepdims=True)
        for name, functional in (
            ("ergotropy", ladder_ergotropy_of_irreps),
            ("ergotropy_total", total_ergotropy_of_irreps),
        ):
            if name in self.names:
                values[name] = functional(irreps, p)
                errors[name] = error_from_populations(
                    self.populations,
                    partial(functional, irreps),
                    len(self.spans),
                    unseen.ergotropy,
                )
        values["daemonic_ergotropy"] = self.moments[-1].mean()
        errors["daemonic_ergotropy"] = error_of(self.moments[-1], unseen.ergotropy)
        by_excitations = irreps.by_excitations(p)
        distributions["populations"] = Distribution.of_values(
            "battery excitations m_B + N_B/2",
            np.arange(by_excitations.shape[-1], dtype=float),
            by_excitations,
        )
        distributions["battery_irreps"] = Distribution.of_values(
            "j of the battery", irreps.ladders, irreps.by_ladder(p)
        )
