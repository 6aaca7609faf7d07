"""Studies of single runs at a resonator over irreps: bounds, and what was not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.errors import Unseen, unseen_runs, unseen_scatter
from darkbattery.nvmodel.experiment import experiment_of
from darkbattery.nvmodel.irreps import Irreps
from darkbattery.nvmodel.method import Problem
from darkbattery.nvmodel.preparation import Polarised
from darkbattery.nvmodel.sums import FULL, usable_bounds
from darkbattery.trajectories.jumps.counts.sums import PHOTON_BINS, spread_bounds
from darkbattery.trajectories.jumps.counts.tally import moments_of, refuse_large_populations
from darkbattery.trajectories.jumps.resonator.cavity_tally import SUMMED, StudyAtResonator
from darkbattery.trajectories.jumps.resonator.mode_jumps import PHOTONS
from darkbattery.trajectories.propagate.mode_plan import ModePlan

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


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
