"""Whether the inversion lasts until the burst: T1 works against it meanwhile."""

import math
from dataclasses import replace

from darkbattery.meanfield.averages.delay import BurstDelay
from darkbattery.nvmodel import ResonatorBattery, SpinEnsemble
from darkbattery.nvmodel.devices.estimates import estimates

# of an inversion: what T1 takes less of over the delay does not matter
SMALL_LOSS = 0.02
# times at which the growth is looked at, in the expected delay, and the most of them
STEPS, MOST_STEPS = 8, 64


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
