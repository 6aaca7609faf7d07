"""Studies of single runs at a resonator: what is summed up to which bounds, and what it says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.errors import Unseen, unseen_runs, unseen_scatter
from darkbattery.nvmodel.experiment import Experiment, Model, experiment_of
from darkbattery.nvmodel.irreps import Irreps
from darkbattery.nvmodel.kernelcache import KERNEL
from darkbattery.nvmodel.method import Problem
from darkbattery.nvmodel.portlight import NET_PHOTONS
from darkbattery.nvmodel.preparation import Polarised
from darkbattery.nvmodel.sums import FULL, usable_bounds
from darkbattery.trajectories.jumps.counts.sums import (
    EMISSION,
    ENERGY,
    ERGOTROPY,
    PHOTON_BINS,
    VARIANCE,
    Sums,
    add_populations,
    add_run,
    add_spread,
    spread_bounds,
)
from darkbattery.trajectories.jumps.counts.sums import EMITTED as EMITTED_SPREAD
from darkbattery.trajectories.jumps.counts.sums import QUANTITIES as SPREAD_QUANTITIES
from darkbattery.trajectories.jumps.counts.tally import (
    JumpStudy,
    moments_of,
    refuse_large_populations,
)
from darkbattery.trajectories.jumps.resonator.cavity_jumps import (
    BATTERY_ENERGY,
    EMITTED,
    PHOTONS,
    POWER,
    Path,
)
from darkbattery.trajectories.propagate.mode_plan import ModePlan
from darkbattery.trajectories.reading.light import (
    at_the_ports,
    in_light_and_joules,
    rows_of_runs,
)
from darkbattery.trajectories.space.cavity_space import Cavity, slowest_decay

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

SUMMED = (
    "battery_energy",
    "charger_energy",
    "power",
    "photons",
    "absorbed_photons",
    "emitted_photons",
)
"""What the rows of `trajectories.jumps.resonator.cavity_jumps` are called."""


@dataclass(frozen=True, eq=False)
class StudyAtResonator(JumpStudy):
    """A study of runs at a resonator: as in the reservoir that has its sizes and nbar."""

    model: Model

    @property
    def asked_of(self) -> Experiment:
        """The experiment whose runs they are, with its starts."""
        return experiment_of(self.model)

    @property
    def identity(self) -> tuple[Any, ...]:
        """Runs of equal identity belong together."""
        return "mode", self.model, self.times.tobytes(), self.seed, self.names

    def follow_from(self, values: dict[str, Array], errors: dict[str, Array | None]) -> None:
        """Light and joules, which are lines in what is summed."""
        for name, line in in_light_and_joules(self.model).items():
            error = errors[line.of]
            assert error is not None
            values[name], errors[name] = line.at(values[line.of]), line.factor * error
        known = {name: error for name, error in errors.items() if error is not None}
        for found, known_ones in ((values, values), (errors, known)):
            whole = {"output_power": known_ones["output_power"]}
            if "port_photons" in rows_of_runs(self.model):  # nothing is absorbed
                whole[NET_PHOTONS] = known_ones["emitted_photons"]
            found.update(at_the_ports(self.model, whole))


def _with_power_of_a_photon(found: Unseen, bounds: Array) -> Unseen:
    """Of power what a photon that is lost takes: its share of the largest, whatever kappa is."""
    share = bounds[POWER] / max(1.0, float(bounds[PHOTONS]))
    return replace(found, power=np.maximum(found.power, share * found.photons))


@dataclass(frozen=True, eq=False)
class CavityStudy(StudyAtResonator):
    """On the ladders of J."""

    cavity: Cavity
    most_photons: int

    def unseen(self, runs: int, means: Mapping[str, Array], counts: Mapping[str, Counts]) -> Unseen:
        """As in a reservoir whose fastest rate is that of all excitations in the mode."""
        basis, nbar = self.cavity.basis, self.cavity.nbar
        spins = basis.n_battery + basis.n_charger
        gamma = self.cavity.kappa * self.cavity.excitations / (0.5 * spins + 1.0) ** 2
        emitted, absorbed = means["emitted_photons"], means["absorbed_photons"]
        found = unseen_runs(
            basis.n_battery,
            basis.n_charger,
            nbar,
            gamma,
            self.times,
            runs,
            mixed=nbar > 0.0,  # the photons that the mode holds at the start
            dark=False,
            witnessed=np.minimum(emitted, absorbed) if nbar > 0.0 else emitted,
            left=self._left(counts, runs, means),
        )
        # of the thermal field at the start, which decays as an empty resonator's
        known = nbar * (nbar + 1.0) * np.exp(-2.0 * self.cavity.kappa * self.times)
        found = _with_power_of_a_photon(found, self.bounds)
        if runs < 2:
            return found
        variance = moments_of(runs, self.bounds, counts)[PHOTONS].variance()
        return replace(found, mode=np.maximum(found.mode, unseen_scatter(known, variance, runs)))

    def _left(self, counts: Mapping[str, Counts], runs: int, means: Mapping[str, Array]) -> Array:
        """Excitations of a run that its ladder does not keep for ever, on average, at most.

        Where none was seen those seen before have decayed at the slowest rate of a single one.
        """
        basis = self.cavity.basis
        excited = basis.n_battery * (means["battery_energy"] - 0.5) + means["photons"]
        excited = excited + basis.n_charger * (means["charger_energy"] - 0.5)
        seen = excited + float(counts["ladders"] @ basis.J) / runs
        seen = np.where(seen < 0.5 / runs, 0.0, seen)  # a whole number of them, at T = 0
        left, rate = np.empty_like(seen), slowest_decay(self.cavity)
        before, at = 0.0, 0.0
        for i, t in enumerate(self.times):
            before = max(seen[i], before * math.exp(-rate * (t - at)))
            left[i], at = before, t
        return left


def cavity_study(problem: Problem, cavity: Cavity, most_photons: int) -> CavityStudy:
    """What is summed of the runs of a problem."""
    basis, times = cavity.basis, problem.times
    # of |<i g (a^+ J_B^- - h.c.)>|: twice the largest n times the largest J_B^-
    power = 2.0 * cavity.coupling * math.sqrt(most_photons + 1.0) * (0.5 * basis.n_battery + 1.0)
    bounds = [1.0, 1.0, power / basis.n_battery * 2.0, float(most_photons), FULL, FULL, 1.0]
    steady = cavity.kappa * cavity.nbar * (cavity.nbar + 1.0) * float(times[-1])
    width = math.ceil((cavity.excitations + 1.0 + 1.5 * steady) / PHOTON_BINS)
    return CavityStudy(
        experiment_of(CollectiveBattery(basis.n_battery, basis.n_charger, nbar=cavity.nbar)),
        times,
        problem.seed,
        problem.names,
        SUMMED,
        usable_bounds(bounds),
        spread_bounds(float(basis.J[-1])),
        float(width),
        basis.J.copy(),
        None,
        problem.model,
        cavity,
        most_photons,
    )


@njit(**KERNEL)
def add_runs(first: int, path: Path, times: Array, spins: int, sums: Sums) -> None:
    """Add the runs first, first + 1, ... that were followed into `path`; `spins` of the battery.

    Populations, if asked for, are sorted on the way.
    """
    read, burst, drawn, populations = path.read, path.burst, path.drawn, path.populations
    T, spread = times.size, np.zeros((SPREAD_QUANTITIES, times.size))
    for place in range(burst.size):
        begin, run = place * T, first + place
        add_run(read, begin, burst[place], times, times, sums)
        sums.ladders[drawn[place]] += 1
        for i in range(T):
            column = begin + i
            energy = read[BATTERY_ENERGY, column]
            spread[ENERGY, i], spread[EMITTED_SPREAD, i] = energy, read[EMITTED, column]
            spread[EMISSION, i] = read[PHOTONS, column]
            if populations.shape[0]:
                p, square = populations[column], 0.0
                for m in range(p.size):
                    square += p[m] * (m / spins - energy) ** 2
                spread[VARIANCE, i] = square
                if sums.populations.shape[1]:
                    spread[ERGOTROPY, i] = add_populations(run, i, p, 0, 0, p.size, spins, sums)
        if sums.spread_total.shape[2]:
            add_spread(run, spread, sums)


@dataclass(frozen=True, eq=False)
class ModeStudy(StudyAtResonator):
    """Over the irreps of both ensembles.

    Attributes
    ----------
    kappa, fastest : float
        Rates of the field's energy, and of all excitations in the mode, 1/s.
    local : float
        Largest rate of a single spin's noise, 1/s.
    """

    kappa: float
    fastest: float
    local: float

    def unseen(self, runs: int, means: Mapping[str, Array], counts: Mapping[str, Counts]) -> Unseen:
        """As in a reservoir whose fastest rate is that of all excitations in the mode."""
        battery, nbar = self.battery, self.model.nbar
        starts = self.model.battery_preparation, self.model.charger_preparation
        emitted, absorbed = means["emitted_photons"], means["absorbed_photons"]
        found = unseen_runs(
            battery.n_battery,
            battery.n_charger,
            nbar,
            self.fastest / (0.5 * (battery.n_battery + battery.n_charger) + 1.0) ** 2,
            self.times,
            runs,
            local=self.local,
            mixed=nbar > 0.0 or any(isinstance(s, Polarised) and 0.0 < s.up < 1.0 for s in starts),
            dark=False,
            witnessed=np.minimum(emitted, absorbed) if nbar > 0.0 else emitted,
        )
        found = _with_power_of_a_photon(found, self.bounds)
        if runs < 2:
            return found
        # of the thermal field at the start, which decays as an empty resonator's
        known = nbar * (nbar + 1.0) * np.exp(-2.0 * self.kappa * self.times)
        variance = moments_of(runs, self.bounds, counts)[PHOTONS].variance()
        return replace(found, mode=np.maximum(found.mode, unseen_scatter(known, variance, runs)))


def mode_study(problem: Problem, plan: ModePlan, most_photons: int) -> ModeStudy:
    """What is summed of the runs of a problem."""
    experiment, times = problem.model, problem.times
    n_battery, n_charger = experiment.sizes
    nbar, spins, last = experiment.nbar, n_battery + n_charger, float(times[-1])
    rates = [stretch.rates for stretch in plan.stretches]
    noises = [noise for one in rates for noise in (one.battery, one.charger)]
    coupling = max(one.battery_coupling for one in rates)
    # of |<i g (a^+ J_B^- - h.c.)>|: twice the largest n times the largest J_B^-
    power = 4.0 * coupling * math.sqrt(most_photons + 1.0) * (0.5 * n_battery + 1.0) / n_battery
    power += max(max(noise.emission, noise.pumping) for noise in noises)
    pumped = spins * max(noise.pumping for noise in noises) * last
    photons = plan.full + 1.0 + 1.5 * (plan.kappa * nbar * (nbar + 1.0) * last + pumped)
    study = ModeStudy(
        experiment_of(CollectiveBattery(n_battery, n_charger, nbar=nbar)),
        times,
        problem.seed,
        problem.names,
        (*SUMMED, "local_loss"),
        usable_bounds([1.0, 1.0, power, float(most_photons), FULL, FULL, FULL, 1.0]),
        spread_bounds(0.5 * spins),
        float(math.ceil(photons / PHOTON_BINS)),
        np.zeros(0),
        Irreps.all_of(n_battery),
        experiment,
        plan.kappa,
        plan.kappa * max(plan.full, 1),
        max(noise.dephasing + noise.emission + noise.pumping for noise in noises),
    )
    refuse_large_populations(study)
    return study
