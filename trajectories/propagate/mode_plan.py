"""What a problem at a resonator goes through over irreps: its course, starts, what is reached."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment, experiment_of
from darkbattery.nvmodel.irreps import Irreps
from darkbattery.nvmodel.method import Problem
from darkbattery.nvmodel.preparation import DickeMixture, dicke_mixture
from darkbattery.nvmodel.refusal import InputError
from darkbattery.trajectories.propagate.mode_stages import (
    Kick,
    Stretch,
    mixes_excitations,
    steps_of,
)
from darkbattery.trajectories.space.cavity_space import photons_to_begin_with, thermal_field
from darkbattery.trajectories.space.mode_space import ModeSpace, elements_needed

Array = NDArray[np.float64]

# weight of the states of a mixed start that may be left out
START_TAIL = 1e-14
# supplied by pumping on average, below which the room of start and thermal field holds them, too
FEW_PHOTONS = 0.01


@dataclass(frozen=True, eq=False)
class ModePlan:
    """A model's course, its starts and what they reach, but for the photon number.

    Attributes
    ----------
    steps : list
        Until the last time that is asked for.
    battery, charger : DickeMixture
        Starts.
    jb, jc : ndarray
        Irreps that are reached, falling.
    parts : int
        1 where amplitudes are real, 2 where they are complex.
    counts : bool
        Whether emitted photons are counted in three vectors.
    until : float
    """

    experiment: Experiment
    steps: list[Stretch | Kick]
    battery: DickeMixture
    charger: DickeMixture
    jb: Array
    jc: Array
    parts: int
    counts: bool
    until: float

    @property
    def kappa(self) -> float:
        """Decay rate of the field's energy, rad/s."""
        assert self.experiment.resonator is not None
        return self.experiment.resonator.kappa

    @property
    def coherent(self) -> bool:
        """Whether a drive makes coherence between excitation numbers."""
        return mixes_excitations(self.experiment)

    @property
    def stretches(self) -> list[Stretch]:
        """Without the pulses between them."""
        return [step for step in self.steps if isinstance(step, Stretch)]

    @property
    def raises(self) -> bool:
        """Whether Q can be above that of the spins at the start."""
        rates = [stretch.rates for stretch in self.stretches]
        pumped = any(one.battery.pumping + one.charger.pumping > 0.0 for one in rates)
        return self.coherent or pumped or self.experiment.nbar > 0.0

    @property
    def excited(self) -> float:
        """Highest Q of the start without photons."""
        return float(self.battery.m.max() + self.charger.m.max())

    @property
    def full(self) -> int:
        """Excitations of the start above all spins down."""
        return round(self.excited + 0.5 * sum(self.experiment.sizes))

    def top(self, most_photons: int) -> float:
        """Highest Q that is reached."""
        return float(self.jb[0] + self.jc[0]) + most_photons if self.raises else self.excited

    def unknowns(self, most_photons: int) -> float:
        """Of one vector."""
        elements = elements_needed(
            self.jb, self.jc, most_photons, self.top(most_photons), self.coherent
        )
        return elements * self.parts * (3.0 if self.counts else 1.0)


def mode_plan(problem: Problem, counted: Iterable[str] = ()) -> ModePlan:
    """The plan of a problem; `counted` are observables that need three vectors."""
    experiment = experiment_of(problem.model)
    sizes = experiment.sizes
    last = float(problem.times[-1])
    steps = steps_of(experiment, last)
    b = dicke_mixture(sizes[0], experiment.battery_preparation, START_TAIL)
    c = dicke_mixture(sizes[1], experiment.charger_preparation, START_TAIL)
    jb, jc = (
        Irreps.all_of(sizes[k]).ladders if any(_alone(step, k) for step in steps) else start.ladders
        for k, start in enumerate((b, c))
    )
    counts = bool(set(counted) & set(problem.names))
    parts = 2 if _turns(experiment, steps) else 1
    return ModePlan(experiment, steps, b, c, jb, jc, parts, counts, last)


def _alone(step: Stretch | Kick, ensemble: int) -> bool:
    """Whether anything happens to single spins of the battery, or of the charger."""
    if isinstance(step, Stretch):
        return not (step.rates.battery, step.rates.charger)[ensemble].silent
    return step.pulse.on_single_spins[ensemble]


def _turns(experiment: Experiment, steps: list[Stretch | Kick]) -> bool:
    """Whether states have imaginary parts: equal detunings turn nothing that is sharp in Q."""
    if any(isinstance(step, Kick) and step.pulse.rotates for step in steps):
        return True
    found = [one for step in steps if isinstance(step, Stretch) for one in step.detunings]
    if mixes_excitations(experiment):
        return any(any(one) for one in found)
    return any(len(set(one)) > 1 for one in found)


def start_over_kets(plan: ModePlan, space: ModeSpace) -> Array:
    """Probabilities of all states of a space at the start."""
    photons = thermal_field(plan.experiment.nbar, space.most_photons)
    found = space.probabilities(plan.battery, plan.charger, photons)
    return np.asarray(found / found.sum())


def first_bound(plan: ModePlan) -> int:
    """The highest photon number to begin with."""
    sizes = plan.experiment.sizes
    coupling = max(spins.coupling for spins in plan.experiment.ensembles)
    kappa, sent_in = plan.kappa, 0.0
    for step in plan.stretches:
        length = min(step.stop, plan.until) - step.start
        sent_in += step.strongest_drive * max(length, 0.0)
    if kappa > 0.0:
        sent_in = min(sent_in, 2.0 * max(s.strongest_drive for s in plan.stretches) / kappa)
    J = 0.5 * sum(sizes)
    # a rotation may lift all
    rotated = any(isinstance(step, Kick) and step.pulse.rotates for step in plan.steps)
    full = sum(sizes) if rotated else plan.full
    nbar = plan.experiment.nbar
    return max(1, photons_to_begin_with(J, full, coupling, kappa, nbar, sent_in**2) + _pumped(plan))


def _pumped(plan: ModePlan) -> int:
    """Photons beyond those of the start that pumping puts into the mode, at most about.

    On average what it supplies while the field lasts; far beyond that a lasing field is coherent.
    """
    spins = plan.experiment.sizes
    pumping = max(
        spins[0] * one.rates.battery.pumping + spins[1] * one.rates.charger.pumping
        for one in plan.stretches
    )
    lasts = min(1.0 / plan.kappa, plan.until) if plan.kappa > 0.0 else plan.until
    photons = pumping * lasts
    return math.ceil(photons + 8.0 * math.sqrt(photons) + 8.0) if photons > FEW_PHOTONS else 0


@lru_cache(maxsize=32)
def _planned(model: Experiment, times: tuple[float, ...]) -> tuple[ModePlan, int]:
    plan = mode_plan(Problem(model, np.array(times), ()))
    for step in plan.steps:
        if isinstance(step, Kick):
            raise InputError("protocol", step.pulse, "single runs at a resonator have no pulses")
        if step.changing is not None:
            text = "single runs at a resonator change detunings at once; meanfield has rises"
            raise InputError("protocol", model.protocol, text)
    return plan, max(1, first_bound(plan))


def plan_and_bound(problem: Problem) -> tuple[ModePlan, int]:
    """What a problem goes through, and the highest photon number; refused what runs do not have."""
    return _planned(experiment_of(problem.model), tuple(problem.times.tolist()))
