"""Which engine holds where: the questions that decide it, with the numbers that answer them."""

import math
from dataclasses import dataclass

from darkbattery.nvmodel import ResonatorBattery
from darkbattery.nvmodel.numbers import percent, with_unit
from darkbattery.nvmodel.resonator import SMALL_ELIMINATION_ERROR
from darkbattery.runs.plan.forecast import Forecast

# second order errs by 1/N: below so many spins the quantum engine is the one to ask
FEW_SPINS = 1000


@dataclass(frozen=True)
class Regime:
    """One question, the number that answers it, and what follows."""

    question: str
    measure: str
    answer: str


def regimes(model: ResonatorBattery, found: Forecast) -> tuple[Regime, ...]:
    """All questions for one model and its forecast."""
    return (
        _threshold(found),
        _elimination(model),
        _field(found),
        _broadening(found),
        _size(model),
        _spread(found),
        _storage(found),
    )


def _threshold(found: Forecast) -> Regime:
    C = found.estimates.net_cooperativity
    if found.bursts:
        measure = f"C = {C:.3g}, growth {_rate(found.growth_rate)}"
        return Regime("inversion above threshold?", measure, "yes: it bursts by itself")
    if found.growth_rate > 0.0:
        assert found.delay is not None
        measure = f"C = {C:.3g} at the start, delay {with_unit(found.delay.mean, 's')}"
        answer = "not for long enough: T1 takes the inversion below threshold before the burst"
        return Regime("inversion above threshold?", measure, answer)
    if found.estimates.superradiant_rate <= 0.0:
        answer = "no: fewer spins point up than down, weighted by g^2; raise R or the inversion"
    else:
        answer = "no: no burst, and the battery is not charged"
    return Regime("inversion above threshold?", f"C = {C:.3g} of 1", answer)


def _elimination(model: ResonatorBattery) -> Regime:
    error = model.elimination_error()
    measure = f"estimated error {error.total:.2g}, most from {error.cause}"
    if error.total <= SMALL_ELIMINATION_ERROR:
        answer = "yes: the quantum engine holds, without the resonator"
    else:
        answer = "no: semiclassical engine, with the resonator"
    return Regime("resonator eliminable?", measure, answer)


def _field(found: Forecast) -> Regime:
    ratio = found.estimates.bad_cavity
    answer = "field follows the spins" if ratio > 2.0 else "energy swings back from the field"
    return Regime("bad cavity?", f"kappa/(g sqrt N) = {ratio:.3g}", answer)


def _broadening(found: Forecast) -> Regime:
    question, rate = "broadening against growth?", found.estimates.ideal_growth
    if rate == 0.0:
        return Regime(question, "no net inversion", "nothing grows")
    width = found.estimates.half_width + found.estimates.decoherence_rate
    measure = f"{_rate(width)} against {_rate(rate)} without"
    if width < 0.1 * rate:
        return Regime(question, measure, "narrow: spins emit as one")
    if width < rate:
        return Regime(question, measure, "comparable: the line's wings are left behind")
    return Regime(question, measure, "broad: only spins near the centre emit together")


def _size(model: ResonatorBattery) -> Regime:
    assert model.battery is not None
    least = min(model.battery.number, model.charger.number)
    answer = "second order holds to 1/N" if least >= FEW_SPINS else "few spins: quantum engine"
    return Regime("many spins?", f"{least:.3g} in the smaller ensemble", answer)


def _spread(found: Forecast) -> Regime:
    question = "do runs differ?"
    if found.delay is None:
        return Regime(question, "no burst", "no delay that could differ")
    relative = found.delay.spread / found.delay.mean
    measure = f"delay {with_unit(found.delay.mean, 's')}, from run to run {percent(relative)}"
    if not math.isfinite(relative):
        return Regime(question, "no delay", "none that could differ")
    return Regime(question, measure, "curves are the modal run's; means are smeared by that")


def _storage(found: Forecast) -> Regime:
    question = "is it stored?"
    if found.no_storage:
        return Regime(question, "no storage time", found.no_storage)
    share = f"{percent(found.kept, digits=3)} is left after dephasing"
    if math.isinf(found.storage_time):
        return Regime(question, share, "for ever: nothing takes it")
    return Regime(question, share, f"for {with_unit(found.storage_time, 's')}")


def _rate(value: float) -> str:
    return with_unit(value, "rad/s")
