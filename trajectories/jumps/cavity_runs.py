"""Single runs at a resonator: what is summed, and what the sums say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.errors import Unseen, unseen_runs
from darkbattery.nvmodel.experiment import Model
from darkbattery.nvmodel.method import Method, Problem, Work, refused_by
from darkbattery.nvmodel.observables import Needs, needing, requested
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.solution import Distribution, Reading, Solution
from darkbattery.nvmodel.sums import FULL, usable_bounds
from darkbattery.nvmodel.tally import RunSpans, Tally
from darkbattery.trajectories.jumps.cavity_jumps import (
    ABSORBED,
    BATTERY_ENERGY,
    CHARGER_ENERGY,
    EMITTED,
    LONGEST,
    MOST_TERMS,
    PHOTONS,
    POWER,
    QUANTITIES,
    Mode,
    follow_runs,
)
from darkbattery.trajectories.jumps.sums import ENERGY_BINS, PHOTON_BINS
from darkbattery.trajectories.jumps.tally import (
    energy_distribution,
    error_of,
    errors_from_energy,
    moments_of,
    photon_distribution,
)
from darkbattery.trajectories.reading.light import in_light_and_joules
from darkbattery.trajectories.reading.readout import ENERGIES, FROM_ENERGY, derived
from darkbattery.trajectories.space.cavity_space import (
    Cavity,
    cavity_of,
    first_photon_bound,
    slowest_decay,
    thermal_field,
)

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

# the balance compares what each is propagated by itself with the rest: nothing of single runs
OF_THE_MODE = tuple(
    name for name in needing(Needs.MEANS | Needs.FIELD) if name != "excitation_balance"
)
AVAILABLE = (*ENERGIES, *OF_THE_MODE, *FROM_ENERGY)

MOST_RUN_SECONDS = 3600.0  # of one run
# amplitudes of all ladders, and their series
MOST_AMPLITUDES = 10_000_000
# of an amplitude, at most: (2, 10) spins take 0.9 of it, (10, 50), whose ladders are soon told
# apart, a fifth (benchmarks/resonator.py)
SECONDS_PER_TERM = 1.5e-9
TERMS = 24.0  # of a step


@dataclass(frozen=True, eq=False)
class CavityStudy:
    """A study of runs at a resonator; see `nvmodel.tally.Study`.

    Its counts: ``total``, ``square_low``, ``square_high`` (quantities, T) and ``clipped`` as in
    `ExactSums`, of the rows of `trajectories.jumps.cavity_jumps`; ``energy`` (T, bins);
    ``photons``, the emitted ones at the last time, in bins of `photon_width`; ``ladders`` (K,).
    """

    model: Model
    times: Array
    seed: int
    names: tuple[str, ...]
    cavity: Cavity
    most_photons: int
    bounds: Array
    photon_width: float

    @property
    def identity(self) -> tuple[Any, ...]:
        """Runs of equal identity belong together."""
        return "mode", self.model, self.times.tobytes(), self.seed, self.names

    def read(self, spans: RunSpans, counts: Mapping[str, Counts]) -> Reading:
        """Means, standard errors and distributions."""
        runs, cavity, basis = len(spans), self.cavity, self.cavity.basis
        sums = moments_of(runs, self.bounds, counts)
        mean = [one.mean() for one in sums]
        left = self._left(counts, runs, mean[BATTERY_ENERGY], mean[CHARGER_ENERGY], mean[PHOTONS])
        unseen = self._unseen(runs, mean[EMITTED], mean[ABSORBED], left)
        names = ("battery_energy", "charger_energy", "power", "photons")
        rows = (BATTERY_ENERGY, CHARGER_ENERGY, POWER, PHOTONS, EMITTED, ABSORBED)
        found = dict(zip((*names, "emitted_photons", "absorbed_photons"), rows, strict=True))
        # the mode holds one photon more or less where one event is not seen
        missed = unseen.of_means | {"photons": unseen.photons}
        values = {name: mean[row] for name, row in found.items()}
        errors: dict[str, Array | None] = {
            name: error_of(sums[row], missed[name]) for name, row in found.items()
        }
        for name, line in in_light_and_joules(self.model).items():
            error = errors[line.of]
            assert error is not None
            values[name], errors[name] = line.at(values[line.of]), line.factor * error
        energy = values["battery_energy"]
        reservoir = CollectiveBattery(basis.n_battery, basis.n_charger, nbar=cavity.nbar)
        values |= derived(self.names, reservoir, energy, None)
        energy_error = errors["battery_energy"]
        assert energy_error is not None
        errors |= errors_from_energy(energy, energy_error, runs)
        clipped = int(counts["clipped"].sum())
        return Reading(
            {name: values[name] for name in self.names},
            {name: errors[name] for name in self.names},
            self._distributions(counts),
            (f"{clipped} values beyond their bound were cut off",) if clipped else (),
        )

    def _left(
        self, counts: Mapping[str, Counts], runs: int, battery: Array, charger: Array, n: Array
    ) -> Array:
        """Excitations of a run that its ladder does not keep for ever, on average, at most.

        Where none was seen those seen before have decayed at the slowest rate of a single one.
        """
        basis = self.cavity.basis
        excited = basis.n_battery * (battery - 0.5) + basis.n_charger * (charger - 0.5) + n
        seen = excited + float(counts["ladders"] @ basis.J) / runs
        seen = np.where(seen < 0.5 / runs, 0.0, seen)  # a whole number of them, at T = 0
        left, rate = np.empty_like(seen), slowest_decay(self.cavity)
        before, at = 0.0, 0.0
        for i, t in enumerate(self.times):
            before = max(seen[i], before * math.exp(-rate * (t - at)))
            left[i], at = before, t
        return left

    def _unseen(self, runs: int, emitted: Array, absorbed: Array, left: Array) -> Unseen:
        """As in a reservoir whose fastest rate is that of all excitations in the mode."""
        basis, nbar = self.cavity.basis, self.cavity.nbar
        spins = basis.n_battery + basis.n_charger
        gamma = self.cavity.kappa * self.cavity.excitations / (0.5 * spins + 1.0) ** 2
        witnessed = np.minimum(emitted, absorbed) if nbar > 0.0 else emitted
        sizes = basis.n_battery, basis.n_charger
        mixed = nbar > 0.0  # the photons that the mode holds at the start
        return unseen_runs(
            *sizes,
            nbar,
            gamma,
            self.times,
            runs,
            mixed=mixed,
            dark=False,
            witnessed=witnessed,
            left=left,
        )

    def _distributions(self, counts: Mapping[str, Counts]) -> dict[str, Distribution]:
        J, what = self.cavity.basis.J, "photons at the last time"
        photons = photon_distribution(what, self.photon_width, counts["photons"])
        return {
            "battery_energy": energy_distribution(counts["energy"]),
            "emitted_photons": photons,
            "dark_state": Distribution.of_values("J of the ladder", J, counts["ladders"]),
        }


def sample_cavity(
    model: Model,
    times: Array,
    runs: int,
    seed: int,
    first: int,
    observables: Iterable[str] | None,
) -> Solution:
    """`trajectories.sample` of a resonator, its other arguments checked."""
    cavity = cavity_of(model)
    names = requested(observables, (*ENERGIES, *OF_THE_MODE), AVAILABLE)
    refuse_large_runs(cavity, times)
    study = _study(model, cavity, times, seed, names)
    T, K = times.size, cavity.basis.n_ladders
    counts = {
        **{
            limb: np.zeros((QUANTITIES, T), dtype=np.int64)
            for limb in ("total", "square_low", "square_high")
        },
        "clipped": np.zeros(QUANTITIES, dtype=np.int64),
        "energy": np.zeros((T, ENERGY_BINS), dtype=np.int64),
        "photons": np.zeros(PHOTON_BINS, dtype=np.int64),
        "ladders": np.zeros(K, dtype=np.int64),
    }
    follow_runs(
        np.uint64(seed),
        first,
        runs,
        times,
        mode_of(cavity, study.most_photons),
        FULL / study.bounds,
        *(counts[name] for name in ("total", "square_low", "square_high", "clipped")),
        counts["energy"],
        counts["photons"],
        study.photon_width,
        counts["ladders"],
        np.zeros((QUANTITIES, T)),
        *_room(cavity, study.most_photons),
    )
    tally = Tally(study, RunSpans(((first, first + runs),)), counts)
    provenance = {"solver": QUANTUM_JUMPS.name, "seed": seed, "most_photons": study.most_photons}
    return Solution(times, tally, provenance, model=model)


def _room(cavity: Cavity, most_photons: int) -> tuple[Any, ...]:
    """Losses, the detuning, and arrays of amplitudes; real without a detuning."""
    n = np.arange(most_photons + 1.0)
    thermal = np.where(n < most_photons, n + 1.0, 0.0)
    loss = 0.5 * cavity.kappa * ((cavity.nbar + 1.0) * n + cavity.nbar * thermal)
    kind = np.float64 if cavity.detuning == 0.0 else np.complex128
    turn = (1j * cavity.detuning * n if cavity.detuning != 0.0 else 0.0 * n).astype(kind)
    K, size = cavity.basis.n_ladders, most_photons + 1
    room = np.zeros((K, size), kind), np.zeros((MOST_TERMS, size), kind), np.zeros(size, kind)
    return loss + turn, turn, *room


def mode_of(cavity: Cavity, most_photons: int) -> Mode:
    """What the kernel reads."""
    basis = cavity.basis
    alternating = np.where(np.arange(basis.n_ladders) % 2 == 0, 1.0, -1.0)
    return Mode(
        basis.J,
        alternating * np.sqrt(basis.weight),
        np.cumsum(basis.weight),
        np.cumsum(thermal_field(cavity.nbar, most_photons)),
        basis.diagonal,
        basis.coupling,
        basis.m_start,
        cavity.coupling,
        cavity.kappa,
        cavity.nbar,
        cavity.detuning,
        basis.n_battery,
        basis.n_charger,
    )


def photon_bound(cavity: Cavity) -> int:
    """The highest photon number of a run: all excitations, and a thermal field's beside them."""
    if cavity.nbar == 0.0:
        return cavity.excitations
    return max(first_photon_bound(cavity), cavity.excitations)


def _study(
    model: Model, cavity: Cavity, times: Array, seed: int, names: tuple[str, ...]
) -> CavityStudy:
    basis, most_photons = cavity.basis, photon_bound(cavity)
    # of |<i g (a^+ J_B^- - h.c.)>|: twice the largest n times the largest J_B^-
    power = 2.0 * cavity.coupling * math.sqrt(most_photons + 1.0) * (0.5 * basis.n_battery + 1.0)
    bounds = [1.0, 1.0, power / basis.n_battery * 2.0, float(most_photons), FULL, FULL]
    steady = cavity.kappa * cavity.nbar * (cavity.nbar + 1.0) * float(times[-1])
    width = math.ceil((cavity.excitations + 1.0 + 1.5 * steady) / PHOTON_BINS)
    return CavityStudy(
        model, times, seed, names, cavity, most_photons, usable_bounds(bounds), float(width)
    )


def refuse_large_runs(cavity: Cavity, times: Array) -> None:
    """Refuse what memory or time forbids, before anything is allocated."""
    sizes = (cavity.basis.n_battery, cavity.basis.n_charger)
    amplitudes = cavity.basis.n_ladders * (photon_bound(cavity) + 1.0)
    if amplitudes > MOST_AMPLITUDES:
        text = f"need {amplitudes:.2g} amplitudes of ladders and photons, at most "
        text += f"{MOST_AMPLITUDES:.2g}; take fewer spins, a colder resonator, or meanfield"
        raise InputError("battery.number, charger.number", sizes, text)
    seconds = seconds_of_a_run(cavity, times)
    if seconds > MOST_RUN_SECONDS:
        text = f"a run would take {seconds:.2g} s until then, at most {MOST_RUN_SECONDS:.2g}; "
        text += "take shorter times, eliminate_resonator(), or meanfield"
        raise InputError("times", float(times[-1]), text)


def seconds_of_a_run(cavity: Cavity, times: Array) -> float:
    """About how long one run takes, at most."""
    J, n = float(cavity.basis.J[-1]), photon_bound(cavity)
    fastest = 2.0 * cavity.coupling * math.sqrt(n + 1.0) * (J + 1.0)
    fastest += 0.5 * cavity.kappa * (2.0 * cavity.nbar + 1.0) * (n + 1.0)
    photons = float(cavity.excitations)
    photons += 2.0 * cavity.kappa * cavity.nbar * (cavity.nbar + 1.0) * float(times[-1])
    steps = times.size + photons + fastest * float(times[-1]) / LONGEST
    return steps * TERMS * cavity.basis.n_ladders * (n + 1.0) * SECONDS_PER_TERM


def _offers(model: Any) -> tuple[str, ...]:
    cavity_of(model)
    return AVAILABLE


def _solved(problem: Problem) -> Solution:
    assert problem.runs is not None
    return sample_cavity(problem.model, problem.times, problem.runs, 0, 0, problem.names)


QUANTUM_JUMPS = Method(
    name="quantum jumps with the mode",
    kind="sample",
    offers=_offers,
    why_not=refused_by(lambda problem: refuse_large_runs(cavity_of(problem.model), problem.times)),
    work=lambda problem: Work(
        (problem.runs or 1) * seconds_of_a_run(cavity_of(problem.model), problem.times)
    ),
    solve=_solved,
    error="statistical",
)
AT_RESONATOR = (QUANTUM_JUMPS,)
"""How single runs at a resonator are made."""
