"""How long a run has to be: the burst in fine steps, then until nothing changes any more.

And whether the inversion lasts until the burst, while T1 works against it.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.averages.delay import BurstDelay
from darkbattery.meanfield.averages.modal import modal_run
from darkbattery.meanfield.classes.moments import largest_count
from darkbattery.nvmodel import ResonatorBattery, SpinEnsemble
from darkbattery.nvmodel.devices.estimates import Estimates, estimates
from darkbattery.nvmodel.refusal import InputError

Array = NDArray[np.float64]

# classes to start with, which also find the window; and of the many runs beside the main one
FEWEST, BRIEF = 16, 48
# outputs in 1/(2 lambda), by which the burst grows e-fold, and in 1/(g sqrt N), by which it rings
GROWTH_SPACING, RING_SPACING = 0.25, 0.35
# the window of the burst: so many expected delays and e-folds of its growth
BURST_DELAYS, FOLDS = 1.1, 12.0
# what follows: so many times of dephasing or lifetimes of the field, at so many times
DEPHASINGS, DECAYS, LATER = 5.0, 4.0, 180
# what follows is taken so much longer if energies still change by 0.01 in its last third
SETTLED, LONGER = 0.01, 4.0
# but not longer than so many lifetimes of the field and bursts
MOST_PERIODS, MOST_BURSTS = 1e4, 30.0
# a burst that takes longer than so many times of dephasing is not followed
MOST_DEPHASINGS = 1000.0
UNSETTLED = "energies still change at the end of the time that was followed"
# of an inversion: what T1 takes less of over the delay does not matter
SMALL_LOSS = 0.02
# times at which the growth is looked at, in the expected delay, and the most of them
STEPS, MOST_STEPS = 8, 64


@dataclass(frozen=True)
class Window:
    """Times of a run, s: finely over the burst, then coarsely; and whether energies settle."""

    burst: Array
    after: Array
    settled: bool

    @property
    def times(self) -> Array:
        """All of them."""
        return np.concatenate([self.burst, self.after])

    @property
    def rest(self) -> float:
        """How long the run goes on after the burst, s."""
        return float(self.after[-1] - self.burst[-1])


def is_too_slow(model: ResonatorBattery, growth: float, delay: BurstDelay) -> bool:
    """Whether the model is so close to threshold that its burst is not followed."""
    return _burst_end(growth, delay) * dephasing_rate(model) > MOST_DEPHASINGS


def settling_window(
    model: ResonatorBattery, rates: Estimates, growth: float, delay: BurstDelay
) -> Window:
    """As long as energies go on changing, as a run with few classes tells, which costs little."""
    first = window(model, rates, growth, delay, _first_rest(model))
    longer = window(model, rates, growth, delay, LONGER * first.rest)
    for one in (first, longer):
        if not one.settled:  # too long to be followed
            return one
        coarse = np.concatenate([one.burst[::8], one.after])
        try:
            found = modal_run(model, coarse, most_classes(model, FEWEST), growth)
        except InputError:  # it diverges
            return replace(first, settled=False)
        if np.ptp(found["battery_energy"][-LATER // 3 :]) < SETTLED:
            return one
    return replace(longer, settled=False)


def window(
    model: ResonatorBattery, rates: Estimates, growth: float, delay: BurstDelay, rest: float
) -> Window:
    """The burst, and `rest` seconds after it, unless that is too long to be followed."""
    end = _burst_end(growth, delay)
    spacing = max(2.0 * growth / GROWTH_SPACING, rates.collective_coupling / RING_SPACING)
    longest = MOST_PERIODS / model.resonator.kappa + MOST_BURSTS * end
    after = end + min(rest, longest) * np.arange(1.0, LATER + 1.0) / LATER
    return Window(np.linspace(0.0, end, int(spacing * end) + 2), after, rest < longest)


def _burst_end(growth: float, delay: BurstDelay) -> float:
    return BURST_DELAYS * delay.mean + FOLDS / (2.0 * growth)


def _first_rest(model: ResonatorBattery) -> float:
    rest = DECAYS / model.resonator.kappa
    dephasing = dephasing_rate(model)
    return max(rest, DEPHASINGS / dephasing) if dephasing > 0.0 else rest


def most_classes(model: ResonatorBattery, classes: int) -> int:
    """So many, but not more than spins, and one without anything to divide."""
    return min(classes, largest_count(model))


def dephasing_rate(model: ResonatorBattery) -> float:
    """Rate at which dark states are lost to decoherence and to the line, rad/s."""
    assert model.battery is not None
    ensembles = (model.battery, model.charger)
    return min(spins.decoherence_rate + spins.half_width for spins in ensembles)


def growth_lasts(model: ResonatorBattery, growth: float, delay: BurstDelay) -> bool:
    r"""Whether the burst comes before T1 has taken the inversion below threshold.

    Each inversion goes to its equilibrium at 1/T1, and with it the net cooperativity C(t), of which
    lambda(t) is taken as linear, lambda(0) at the start and 0 at C = 1. A burst needs
    :math:`\int2\lambda\,dt=2\lambda(0)\langle t\rangle` before C(t) = 1.
    """
    ensembles = [spins for spins in (model.battery, model.charger) if spins is not None]
    loss = max(spins.relaxation_rate for spins in ensembles) * delay.mean
    if loss < SMALL_LOSS:
        return True
    excess = estimates(model).net_cooperativity - 1.0
    if not 0.0 < excess < math.inf:  # below threshold but for rounding, or without any broadening
        return excess > 0.0
    step, before, folds = delay.mean / STEPS, growth, 0.0
    for i in range(1, MOST_STEPS + 1):
        left = estimates(relaxed(model, i * step)).net_cooperativity - 1.0
        now = growth * left / excess
        folds += step * (before + max(now, 0.0))
        if folds >= 2.0 * growth * delay.mean:
            return True
        if now <= 0.0:
            return False
        before = now
    return False


def relaxed(model: ResonatorBattery, time: float) -> ResonatorBattery:
    """The model with the inversions that T1 alone leaves after `time` (s).

    An inversion that has changed its sign counts as none: nothing grows then.
    """

    def left(spins: SpinEnsemble, sign: float) -> SpinEnsemble:
        rest = equilibrium_inversion(model, spins)
        z = rest + (sign * spins.polarisation - rest) * math.exp(-time * spins.relaxation_rate)
        return replace(spins, polarisation=min(max(sign * z, 0.0), 1.0))

    battery = None if model.battery is None else left(model.battery, -1.0)
    return replace(model, battery=battery, charger=left(model.charger, 1.0))


def equilibrium_inversion(model: ResonatorBattery, spins: SpinEnsemble) -> float:
    """<sigma_z> that T1 leads to."""
    thermal = -1.0 / (2.0 * model.nbar + 1.0)
    return thermal if spins.equilibrium is None else spins.equilibrium
