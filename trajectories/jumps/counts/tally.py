"""Studies of followed runs: what is summed up to which bounds, and what the sums say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.efficiency import efficiency_error
from darkbattery.nvmodel.errors import (
    Unseen,
    bent_error,
    farther,
    jackknife_error,
    kinked_error,
    mean_error,
    unseen_runs,
    without_each,
)
from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.irreps import Irreps
from darkbattery.nvmodel.observables import Needs, needing
from darkbattery.nvmodel.peaks import PEAK, no_peaks, peak_counts, read_peaks
from darkbattery.nvmodel.preparation import Polarised
from darkbattery.nvmodel.protocol import Stage
from darkbattery.nvmodel.refusal import refused_memory
from darkbattery.nvmodel.runquantities import EMISSION
from darkbattery.nvmodel.runstatistics import Ranges
from darkbattery.nvmodel.solution import Distribution, Reading
from darkbattery.nvmodel.spins import LocalNoise
from darkbattery.nvmodel.tally import FULL, ExactSums, RunSpans, Tally, usable_bounds
from darkbattery.nvmodel.unitaries import works_of
from darkbattery.trajectories.jumps.counts.ladders import undrawn_ladders
from darkbattery.trajectories.jumps.counts.spreads import read_spreads
from darkbattery.trajectories.jumps.counts.sums import (
    ENERGY_BINS,
    ENTROPY,
    GROUPS,
    PHOTON_BINS,
    PURITY,
    StateSums,
    Sums,
    spread_bounds,
    spread_counts,
    state_counts,
    sums_into,
)
from darkbattery.trajectories.reading.derived import FROM_POPULATIONS, LINEAR, derived
from darkbattery.trajectories.reading.fluctuations import (
    FLUCTUATIONS,
    NEED_ERGOTROPY,
    OF_STATES,
    entropy_in_bits,
    unseen_of_states,
)
from darkbattery.trajectories.space.angular import CoupledBasis, basis_of

Array = NDArray[np.float64]

# means over runs of what their records leave of the battery
MEANS_OF_RUNS = (*FROM_POPULATIONS, *needing(Needs.RECORD, without=Needs.SQUARES))
# read from the populations of every run
OF_POPULATIONS = (*FROM_POPULATIONS, *NEED_ERGOTROPY, *OF_STATES)
Counts = NDArray[np.int64]

MOST_POPULATIONS = 64_000_000  # whole numbers held for populations: 512 MB
PHOTONS = ("emitted_photons", "absorbed_photons")


@dataclass(frozen=True, eq=False)
class JumpStudy:
    """A study whose runs are followed one by one; see `nvmodel.tally.Study`.

    Its counts, by name:

    ``total``, ``square_low``, ``square_high`` (quantities, T), ``clipped`` (quantities,)
        As in `ExactSums`, of `summed` and of the conditional ladder ergotropy.
    ``energy`` (T, bins), ``burst`` (T,)
    ``photons`` (PHOTON_BINS,)
        Emitted photons at the last time, bins `photon_width` wide; ``recorded`` the same of those
        that a detector records, where it misses some.
    ``ladders`` (K,)
    ``populations`` (GROUPS, T, positions)
        Sums of 2^30 times the conditional populations, of the runs i with i mod GROUPS; without
        times unless an observable needs them.
    ``state_total``, ``state_low``, ``state_high`` (GROUPS, 2, T)
        As in `ExactSums`, of the purity and the entropy of the battery, where asked for.
    ``spread_...``, ``peak_...``
        Of `sums.spread_counts` and `nvmodel.peaks`, where an observable needs them.

    Attributes
    ----------
    summed : tuple of str
        Observables that are means over runs.
    bounds : ndarray (quantities,)
        Largest magnitudes.
    J : ndarray (K,)
        Ladders that runs are counted on; none where J is not conserved.
    irreps : Irreps or None
        Whose populations the battery has; None where it stays in the symmetric states.
    """

    battery: Experiment
    times: Array
    seed: int
    names: tuple[str, ...]
    summed: tuple[str, ...]
    bounds: Array
    spread_bounds: Array
    photon_width: float
    J: Array
    irreps: Irreps | None

    @property
    def identity(self) -> tuple[Any, ...]:
        """Runs of equal identity belong together."""
        return self.summed, self.battery, self.times.tobytes(), self.seed, self.names

    @cached_property
    def needs_populations(self) -> bool:
        """Whether an observable is read from conditional populations."""
        return bool(set(OF_POPULATIONS) & set(self.names))

    @property
    def knows_scatter(self) -> bool:
        """Whether its runs tell what variances over them are made of."""
        return self.irreps is None

    @property
    def positions(self) -> int:
        """How many populations the battery has."""
        spins = self.battery.n_battery
        return spins + 1 if self.irreps is None else (spins + 2) ** 2 // 4

    @property
    def asked_of(self) -> Experiment:
        """The experiment whose runs they are, with its starts."""
        return self.battery

    @property
    def ranges(self) -> Ranges:
        """What values of a run may be."""
        power = float(self.bounds[self.summed.index("power")])
        return Ranges(self.J, power, self.photon_width, lacking=EMISSION)

    def no_runs_yet(self) -> dict[str, Counts]:
        """Counts of no runs."""

        def zeros(*shape: int) -> Counts:
            return np.zeros(shape, dtype=np.int64)

        T, quantities, missed = self.times.size, self.bounds.size, self._detector_misses
        spread = {*FLUCTUATIONS, "recorded_photons"} & set(self.names)
        limbs = ("total", "square_low", "square_high")
        return {
            **{limb: zeros(quantities, T) for limb in limbs},
            "clipped": zeros(quantities),
            "energy": zeros(T, ENERGY_BINS),
            "photons": zeros(PHOTON_BINS),
            "burst": zeros(T),
            "ladders": zeros(self.J.size),
            "populations": zeros(GROUPS, T if self.needs_populations else 0, self.positions),
            **(spread_counts(T) if spread and self.knows_scatter else {}),
            **({"recorded": zeros(PHOTON_BINS)} if missed else {}),
            **(state_counts(T) if set(OF_STATES) & set(self.names) else {}),
            **peak_counts(no_peaks(T if PEAK in self.names else 0)),
        }

    def sums_into(self, counts: Mapping[str, Counts]) -> Sums:
        """The same arrays as kernels take them."""
        return sums_into(counts, self.bounds, self.spread_bounds, self.photon_width)

    @property
    def state_bounds(self) -> Array:
        """Of purity, and of the entropy in bits."""
        spins = self.battery.n_battery
        return np.array([1.0, np.log2(spins + 1.0) if self.irreps is None else float(spins)])

    def states_into(self, counts: Mapping[str, Counts]) -> StateSums:
        """Sums of purity and entropy as kernels take them."""
        found = counts if "state_total" in counts else state_counts(0)
        limbs = (found[f"state_{limb}"] for limb in ("total", "low", "high"))
        return StateSums(FULL / self.state_bounds, *limbs)

    def tally(self, first: int, runs: int, counts: Mapping[str, Counts]) -> Tally:
        """The tally of the runs first ... first + runs - 1, which were added to `counts`."""
        return Tally(self, RunSpans(((first, first + runs),)), counts)

    def read(self, spans: RunSpans, counts: Mapping[str, Counts]) -> Reading:
        """Means, standard errors and distributions."""
        runs = len(spans)
        moments = moments_of(runs, self.bounds, counts)
        means = dict(zip(self.summed, moments, strict=False))
        values = {name: sums.mean() for name, sums in means.items()}
        unseen = self.unseen(runs, values, counts)
        undrawn = self.undrawn(means, counts)
        beyond = farther(unseen.of_means, undrawn)
        errors: dict[str, Array | None] = {
            name: error_of(sums, beyond[name]) for name, sums in means.items()
        }
        self.follow_from(values, errors)
        energies = values["battery_energy"], values["charger_energy"]
        values |= derived(self.names, self.asked_of, *energies, None)
        energy_error = error_of(means["battery_energy"], beyond["battery_energy"])
        errors |= errors_from_energy(self.asked_of, values, energy_error, errors, runs)
        distributions = self._distributions(counts)
        if PEAK in self.names:
            found = read_peaks(self.times, runs, counts)
            values[PEAK], errors[PEAK], distributions[PEAK] = found
        if self.needs_populations:
            self._read_populations(spans, counts, unseen, values, errors)
            distributions |= self._population_distributions(counts["populations"])
            values["daemonic_ergotropy"] = moments[-1].mean()
            errors["daemonic_ergotropy"] = error_of(moments[-1], unseen.ergotropy)
        if set(OF_STATES) & set(self.names):
            self._read_states(spans, counts, unseen, values, errors)
        clipped = counts["clipped"].sum()
        if "spread_total" in counts:
            n_charger = self.battery.n_charger
            spread = read_spreads(counts, self.spread_bounds, spans, n_charger, unseen, undrawn)
            values |= spread[0]
            errors |= spread[1]
            clipped += counts["spread_clipped"].sum()
        return Reading(
            {name: values[name] for name in self.names},
            {name: errors[name] for name in self.names},
            distributions,
            (f"{clipped} values beyond their bound were cut off",) if clipped else (),
        )

    def unseen(self, runs: int, means: Mapping[str, Array], counts: Mapping[str, Counts]) -> Unseen:
        """How far off a run may lie that was not seen beside those with these means."""
        return unseen_of(self.battery, self.times, runs, *(means[name] for name in PHOTONS))

    def undrawn(
        self, means: Mapping[str, ExactSums], counts: Mapping[str, Counts]
    ) -> dict[str, Array]:
        """The same of ladders that no run drew, where runs draw one once and for all."""
        in_reservoir = self.asked_of.resonator is None
        if self.irreps is not None or not self.J.size or not in_reservoir:
            return {}
        basis = basis_of(*self.battery.sizes)
        variances = {name: means[name].variance() for name in ("battery_energy", "charger_energy")}
        found = undrawn_ladders(self.battery, basis, self.times, counts["ladders"], variances)
        # where photons are missed a run's means are over ladders, too: they scatter by less
        known = ("recorded_photons",) if self._detector_misses else tuple(found)
        return {name: far for name, far in found.items() if name in known}

    def follow_from(self, values: dict[str, Array], errors: dict[str, Array | None]) -> None:
        """Add what follows from the means over runs alone: nothing in a reservoir."""

    @property
    def _detector_misses(self) -> bool:
        return self.battery.detector_efficiency < 1.0

    def _distributions(self, counts: Mapping[str, Counts]) -> dict[str, Distribution]:
        found = {
            "battery_energy": energy_distribution(counts["energy"]),
            "emitted_photons": photon_distribution(
                "photons at the last time", self.photon_width, counts["photons"]
            ),
            "burst_time": burst_distribution(self.times, counts["burst"]),
        }
        if self.J.size:
            ladders = counts["ladders"]
            found["dark_state"] = Distribution.of_values("J of the ladder", self.J, ladders)
        if self._detector_misses:
            what = "recorded photons at the last time"
            recorded = photon_distribution(what, self.photon_width, counts["recorded"])
            found["recorded_photons"] = recorded
        return found

    @property
    def _ergotropies(self) -> dict[str, Callable[[Array], Array]]:
        """What is asked of the average populations (..., T, positions)."""
        found = works_of(self.irreps)
        return {name: functional for name, functional in found.items() if name in self.names}

    def _read_populations(
        self,
        spans: RunSpans,
        counts: Mapping[str, Counts],
        unseen: Unseen,
        values: dict[str, Array],
        errors: dict[str, Array | None],
    ) -> None:
        """Ergotropies of the average state, with a jackknife over the groups of runs."""
        groups, sizes = counts["populations"], spans.group_counts(GROUPS)
        total = groups.sum(axis=0)
        resolution = 0.5 * groups.shape[-1] / FULL
        # each run's populations sum to 2^30 up to rounding: normalised again
        normalised = lambda part: part / part.sum(axis=-1, keepdims=True)  # noqa: E731
        p = normalised(total)
        rest = without_each(lambda kept: normalised(total - groups[~kept].sum(axis=0)), sizes)
        others = np.array(rest).reshape(-1, *p.shape)
        along = self._along_energy(others)
        for name, functional in self._ergotropies.items():
            values[name] = functional(p)
            left_out = np.array([functional(one) for one in others]).reshape(-1, self.times.size)
            error = jackknife_error(values[name], left_out, len(spans), unseen.ergotropy)
            error = bent_error(functional, p, along, error, len(spans))
            errors[name] = np.hypot(error, resolution)

    def _read_states(
        self,
        spans: RunSpans,
        counts: Mapping[str, Counts],
        unseen: Unseen,
        values: dict[str, Array],
        errors: dict[str, Array | None],
    ) -> None:
        """Purity, entropy and what a record tells, with a jackknife over the groups of runs."""
        sizes, populations = spans.group_counts(GROUPS), counts["populations"]

        def mean(row: int, kept: NDArray[np.bool_]) -> Array:
            limbs = (counts[f"state_{one}"][kept, row].sum(axis=0) for one in _LIMBS)
            return ExactSums(int(sizes[kept].sum()), float(self.state_bounds[row]), *limbs).mean()

        def read(kept: NDArray[np.bool_]) -> dict[str, Array]:
            p = populations[kept].sum(axis=0)
            entropy = mean(ENTROPY, kept)
            told = self._entropy(p / p.sum(axis=-1, keepdims=True)) - entropy
            return dict(zip(OF_STATES, (mean(PURITY, kept), entropy, told), strict=True))

        whole, left_out = read(np.ones(GROUPS, dtype=bool)), without_each(read, sizes)
        runs, bits = len(spans), float(self.state_bounds[1])
        room = unseen_of_states(unseen, self.battery.n_battery, bits, runs)
        for name, value in whole.items():
            others = np.array([one[name] for one in left_out]).reshape(-1, value.size)
            found = jackknife_error(value, others, runs, room[name])
            values[name], errors[name] = value, np.hypot(found, 0.5 / FULL)

    def _entropy(self, p: Array) -> Array:
        """Of the battery's average state, in bits; of irreps all copies are alike."""
        copies = 0.0 if self.irreps is None else p @ self.irreps.log_multiplicity / np.log(2.0)
        return entropy_in_bits(p) + copies

    def _along_energy(self, others: Array) -> Array:
        """How populations go with the energy, for one standard error of it, by the jackknife."""
        n = self.battery.n_battery
        levels = np.arange(n + 1.0) / n if self.irreps is None else self.irreps.level
        if others.shape[0] < 2:
            return np.zeros(others.shape[1:])
        centred = others - others.mean(axis=0)
        energy = centred @ levels
        square = (energy**2).sum(axis=0)
        along = np.einsum("gt,gtm->tm", energy, centred)
        scale = (others.shape[0] - 1.0) / others.shape[0]
        return np.asarray(along * np.sqrt(scale / np.where(square > 0.0, square, np.inf))[:, None])

    def _population_distributions(self, groups: Counts) -> dict[str, Distribution]:
        total = groups.sum(axis=0)
        p = total / total.sum(axis=-1, keepdims=True)
        if self.irreps is None:
            return {"populations": excitation_distribution(p)}
        by_ladder = self.irreps.by_ladder(p)
        return {
            "populations": excitation_distribution(self.irreps.by_excitations(p)),
            "battery_irreps": Distribution.of_values(
                "j of the battery", self.irreps.ladders, by_ladder
            ),
        }


_LIMBS = ("total", "low", "high")


# --- the two kinds of followed runs


def collective_study(
    battery: Experiment, times: Array, seed: int, names: tuple[str, ...], basis: CoupledBasis
) -> JumpStudy:
    """Runs on the ladders of `basis`."""
    J, nbar = float(basis.J[-1]), battery.occupation
    height, last = J + basis.m_start + 2.0, float(times[-1])
    # whole numbers are summed as they are up to 2^30, beyond in steps of a power of two: a burst
    # with all its detours emits about (2 nbar + 1) times the start's height; we allow twice that
    photons = max(FULL, 2.0 ** np.ceil(np.log2(2.0 * (2.0 * nbar + 1.0) * height)))
    bounds = [1.0, 1.0, *largest_rates(battery, J), photons, photons, 1.0]
    return JumpStudy(
        battery,
        times,
        seed,
        names,
        LINEAR,
        usable_bounds(bounds),
        spread_bounds(J),
        _photon_width(2.0 * J + 1.5 * (thermal_emission(battery, float(basis.J[0])) * last)),
        basis.J.copy(),  # the basis is remembered, a study is handed out
        None,
    )


def noisy_study(battery: Experiment, times: Array, seed: int, names: tuple[str, ...]) -> JumpStudy:
    """Runs through the irreps of both ensembles."""
    nbar, spins = battery.occupation, battery.n_battery + battery.n_charger
    fastest = battery.gamma * (0.5 * spins + 1.0) ** 2
    collective = 2.0 * (2.0 * nbar + 1.0) * fastest / battery.n_battery
    noises = noises_of(battery)
    pumping = max(noise.pumping for noise in noises)
    power = collective + max(max(noise.emission for noise in noises), pumping)
    rates = (nbar + 1.0) * fastest, max(nbar, 1e-300) * fastest
    conserved = noises_are_silent(battery) and not battery.is_detuned and not battery.protocol
    J = np.arange(spins // 2 + 1 if conserved else 0, dtype=float) + 0.5 * (spins % 2)
    least = 0.5 * abs(battery.n_battery - battery.n_charger)
    steady = thermal_emission(battery, least) + pumping * spins
    study = JumpStudy(
        battery,
        times,
        seed,
        names,
        (*LINEAR, "local_loss"),
        usable_bounds([1.0, 1.0, power, *rates, FULL, FULL, FULL, 1.0]),
        spread_bounds(0.5 * spins),
        _photon_width(spins + 1.5 * steady * float(times[-1])),
        J,
        Irreps.all_of(battery.n_battery),
    )
    refuse_large_populations(study)
    return study


def _photon_width(photons: float) -> float:
    """Bin width for emitted photons: a whole number, from the definition alone.

    The bins reach to the photons of the start plus 1.5 times what a thermal ladder of the least J
    emits on average, and what pumping supplies, in the whole time.
    """
    return float(np.ceil(photons / PHOTON_BINS))


def thermal_emission(battery: Experiment, J: float) -> float:
    """Rate at which about a ladder J emits in equilibrium, in the long run."""
    nbar = battery.occupation
    return nbar * (nbar + 1.0) * 2.0 * (J + 1.0) * battery.gamma


def noises_of(battery: Experiment) -> list[LocalNoise]:
    """The noise of both ensembles, and of the stages that have their own."""
    found = [battery.battery_noise, battery.charger_noise]
    for step in battery.protocol:
        if isinstance(step, Stage):
            found += [n for n in (step.battery_noise, step.charger_noise) if n is not None]
    return found


def noises_are_silent(battery: Experiment) -> bool:
    """Whether no spin has a process of its own."""
    return battery.battery_noise.silent and battery.charger_noise.silent


def largest_rates(battery: Experiment, J: float) -> tuple[float, float, float]:
    """Largest power per spin, emission and absorption rates of any run, J its longest ladder.

    The battery's rate is a mean of J_B^+ J^- and the like, at most the product of both lengths.
    """
    nbar, gamma = battery.occupation, battery.gamma
    fastest = gamma * (J + 1.0) ** 2
    half_battery = battery.n_battery / 2 + 1.0
    power = (2.0 * nbar + 1.0) * gamma * (J + 1.0) * half_battery / battery.n_battery
    return power, (nbar + 1.0) * fastest, max(nbar, 1e-200) * fastest


# --- errors


def moments_of(runs: int, bounds: Array, counts: Mapping[str, Counts]) -> tuple[ExactSums, ...]:
    """The sums of every quantity, from their limbs in `counts`."""
    limbs = zip(*(counts[limb] for limb in ("total", "square_low", "square_high")), strict=True)
    return tuple(
        ExactSums(runs, float(bound), *three) for bound, three in zip(bounds, limbs, strict=True)
    )


def error_of(sums: ExactSums, unseen: ArrayLike) -> Array:
    """Standard error of the mean of exact sums; see `nvmodel.errors`.

    Energies per spin of a definite start are whole steps, and exact.
    """
    variance = sums.variance()
    definite = (variance == 0.0) & (np.asarray(unseen) == 0.0) & (sums.bound == 1.0)
    return mean_error(variance, sums.count, unseen, np.where(definite, 0.0, sums.resolution))


def errors_from_energy(
    battery: Experiment,
    values: Mapping[str, Array],
    error: Array,
    errors: Mapping[str, Array | None],
    runs: int,
) -> dict[str, Array]:
    """Standard errors of what follows from the energies per spin alone; `error` the battery's."""
    energy, charger = values["battery_energy"], values["charger_energy"]
    local = kinked_error(2.0 * energy - 1.0, 2.0 * error, runs)
    of_charger = errors["charger_energy"]
    assert of_charger is not None
    both = (energy, error), (charger, of_charger)
    return {
        "open_work": error,
        "ergotropy_local": local,
        "ergotropy_rotation": local,
        "charging_efficiency": efficiency_error(battery.sizes, battery.start_energies, *both),
    }


def unseen_of(
    battery: Experiment, times: Array, runs: int, emitted: Array, absorbed: Array
) -> Unseen:
    """How far off a run of this battery may lie that was not seen; see `nvmodel.errors`.

    `emitted` and `absorbed` (T,) are mean numbers of photons of the runs that were.
    """
    starts = battery.battery_preparation, battery.charger_preparation
    return unseen_runs(
        battery.n_battery,
        battery.n_charger,
        battery.occupation,
        battery.gamma,
        times,
        runs,
        local=max(n.dephasing + n.emission + n.pumping for n in noises_of(battery)),
        mixed=any(isinstance(s, Polarised) and 0.0 < s.up < 1.0 for s in starts),
        dark=battery.is_collective,
        witnessed=np.minimum(emitted, absorbed) if battery.occupation > 0.0 else emitted,
    )


# --- distributions over runs


def energy_edges() -> Array:
    """Edges of the bins for energies per spin, 0 ... 1 in hbar omega."""
    return np.linspace(0.0, 1.0, ENERGY_BINS + 1)


def energy_distribution(counts: Counts) -> Distribution:
    """Conditional energies (T, ENERGY_BINS) per spin."""
    edges = energy_edges()
    return Distribution("E_B per spin", edges[:-1], edges[1:], counts)


def photon_distribution(quantity: str, width: float, counts: Counts) -> Distribution:
    """Numbers of photons in bins of that width; the last one is open."""
    low = width * np.arange(counts.size, dtype=float)
    high = low + width
    high[-1] = np.inf
    return Distribution(quantity, low, high, counts)


def burst_distribution(times: Array, arrived: Counts) -> Distribution:
    """Time at which the total J^z of a run first is <= 0, between output times.

    Runs that are not there at the last output time are in no bin.
    """
    low = np.concatenate([[0.0], times[:-1]])
    return Distribution("time of the burst", low, times, arrived)


def excitation_distribution(p: Array) -> Distribution:
    """Of the battery's number of excitations, p (T, N_B + 1)."""
    excitations = np.arange(p.shape[-1], dtype=float)
    return Distribution.of_values("battery excitations m_B + N_B/2", excitations, p)


def refuse_large_populations(study: JumpStudy) -> None:
    """Refuse ergotropies whose table of populations memory does not hold."""
    size = GROUPS * study.times.size * study.positions
    if study.needs_populations and size > MOST_POPULATIONS:
        table, advice = "populations over j_B and m_B", "take fewer spins or times"
        raise refused_memory("observables", "ergotropy", table, size, MOST_POPULATIONS, advice)
