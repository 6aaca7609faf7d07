"""All that a plan says about one subject, found on all ranks."""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from threadpoolctl import threadpool_limits

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery, ResonatorBattery
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.plan.forecast import Forecast, forecast, numbers
from darkbattery.runs.plan.parameters import PARAMETERS
from darkbattery.runs.plan.regimes import Regime, regimes
from darkbattery.runs.plan.sensitivity import Sensitivities, sensitivities
from darkbattery.runs.plan.subject import Subject, Variant, corner, variants
from darkbattery.runs.plan.window import BRIEF
from darkbattery.runs.ranks.world import spread


@dataclass(frozen=True)
class Uncertainty:
    """What one uncertain quantity decides: its range, and the forecasts at its ends."""

    field: str
    status: str
    low: float
    high: float
    at_low: Forecast
    at_high: Forecast


@dataclass(frozen=True, eq=False)
class Plan:
    """The answer.

    Attributes
    ----------
    subject : Subject
    forecast, perfect : Forecast
        Of the model, and of equal, fully polarised spins without decoherence at its resonator.
    ladder, perfect_ladder : float
        Ergotropy over the ladder, per spin; NaN where not defined.
    regimes : tuple of Regime
    sensitivities : Sensitivities
    uncertainties : tuple of Uncertainty
    corners : tuple of Forecast
        With every uncertain quantity at its better end, and at its worse; empty where none is.
    """

    subject: Subject
    forecast: Forecast
    perfect: Forecast
    ladder: float
    perfect_ladder: float
    regimes: tuple[Regime, ...]
    sensitivities: Sensitivities
    uncertainties: tuple[Uncertainty, ...]
    corners: tuple[Forecast, ...]

    @property
    def title(self) -> str:
        """The subject, and how many times larger its charger is."""
        ratio = PARAMETERS["ratio"].read(self.subject.model)
        assert ratio is not None
        return f"{self.subject.title}, R = {ratio:.4g}"

    def spanned(self) -> tuple[Forecast, ...]:
        """Every forecast that the ranges allow and that was made."""
        ends = [end for one in self.uncertainties for end in (one.at_low, one.at_high)]
        return (self.forecast, *ends, *self.corners)


def make_plan(subject: Subject, comm: Any = None) -> Plan:
    """Solve the subject, its perfect ensemble, its variants, on all ranks; the Plan on every rank.

    Linear algebra runs on one thread, so that any number of ranks gives the same bits.
    """
    with threadpool_limits(limits=1):
        ideal, ends = perfect(subject.model), variants(subject)
        own, best = spread(comm, forecast, [subject.model, ideal])
        # what differs a little settles in the same time
        brief = partial(numbers, classes=BRIEF, rest=own.rest)
        others = spread(comm, brief, [end.model for end in ends])
        uncertainties = _paired(ends, others)
        corners = spread(comm, brief, _corners(subject, uncertainties))
        return Plan(
            subject,
            own,
            best,
            ladder_ergotropy(subject.model),
            perfect_ladder_ergotropy(ideal),
            regimes(subject.model, own),
            sensitivities(subject.model, comm, rest=own.rest),
            uncertainties,
            tuple(corners),
        )


def _paired(ends: list[Variant], found: list[Forecast]) -> tuple[Uncertainty, ...]:
    return tuple(
        Uncertainty(
            ends[i].field, ends[i].status, ends[i].value, ends[i + 1].value, *found[i : i + 2]
        )
        for i in range(0, len(ends), 2)
    )


def _corners(subject: Subject, uncertainties: tuple[Uncertainty, ...]) -> list[ResonatorBattery]:
    if not uncertainties:
        return []
    better, worse = {}, {}
    for one in uncertainties:
        rising = _score(one.at_high) >= _score(one.at_low)
        better[one.field] = one.high if rising else one.low
        worse[one.field] = one.low if rising else one.high
    return [corner(subject, better), corner(subject, worse)]


def _score(one: Forecast) -> float:
    """What the charger gives; below threshold how far from it, which is less than any gain."""
    if one.bursts:
        return one.given
    return min(0.0, one.estimates.net_cooperativity - 1.0)


def perfect(model: ResonatorBattery) -> ResonatorBattery:
    """The same numbers, couplings and resonator; no line, no decoherence, all spins polarised."""
    assert model.battery is not None

    def ideal(spins):  # type: ignore[no-untyped-def]
        return replace(spins.made_alike(), polarisation=1.0, t1_s=math.inf, t2_s=math.inf)

    return replace(
        model,
        battery=ideal(model.battery),
        charger=ideal(model.charger),
        battery_detuning_hz=0.0,
        charger_detuning_hz=0.0,
    )


def ladder_ergotropy(model: ResonatorBattery) -> float:
    """Per spin, of the dark states in which charging ends; NaN where it is not defined.

    It is defined where the spins stay symmetric, that is where the resonator can be eliminated, and
    told where the N_B + 1 populations fit (see `trajectories.steady_state`). For very many spins at
    R > 1 it tends to the energy itself: few levels near the top are populated, and a unitary may
    shift them all to the bottom.

    >>> from darkbattery.nvmodel import Resonator, SpinEnsemble
    >>> spins = SpinEnsemble(number=10, coupling=1.0)
    >>> cavity = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=1e6)
    >>> model = ResonatorBattery(SpinEnsemble(number=50, coupling=1.0), cavity, spins)
    >>> print(round(ladder_ergotropy(model), 3))
    0.898
    """
    try:
        return _dark_ergotropy(model.eliminate_resonator())
    except InputError:
        return math.nan


def perfect_ladder_ergotropy(model: ResonatorBattery) -> float:
    """The same of equal spins without decoherence at any resonator at zero temperature.

    The resonator conserves J, so that the dark states and their weights are those of the shared
    reservoir, whatever kappa.
    """
    assert model.battery is not None
    if model.nbar > 1e-6 or model.battery.coupling != model.charger.coupling:
        return ladder_ergotropy(model)
    return _dark_ergotropy(CollectiveBattery(model.battery.number, model.charger.number))


def _dark_ergotropy(battery: CollectiveBattery) -> float:
    found = trajectories.steady_state(battery)
    return float(found["ergotropy"][0]) if "ergotropy" in found.values else math.nan


def finite_range(values: list[float]) -> tuple[float, float]:
    """Smallest and largest, leaving out what is not there.

    >>> finite_range([2.0, math.nan, 1.0])
    (1.0, 2.0)
    """
    there = [value for value in values if not math.isnan(value)]
    return (min(there), max(there)) if there else (math.nan, math.nan)
