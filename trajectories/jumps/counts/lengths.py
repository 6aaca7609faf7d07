"""How many jumps a run has until a time, about, and the longest run that is begun."""

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.channels import ENSEMBLES, channels
from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.protocol import Stage, endless
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.spins import LocalNoise
from darkbattery.trajectories.space.angular import coupled_basis

MOST_JUMPS = 1e8  # of one run of a compiled walk, so that it ends within seconds to minutes
# of the series of a detuned stage, over the norm of half its generator and over that of the turning
LONGEST_STEP, LONGEST_TURN = 13.0, 2.0


def thermal_photons(battery: Experiment, time: float) -> float:
    r"""About how many photons a run emits and absorbs in equilibrium until `time`.

    On ladder J as many are emitted as absorbed, :math:`(\bar n+1)\langle J^+J^-\rangle` each in
    :math:`1/\gamma`. With :math:`n=\bar n`: :math:`\langle J^+J^-\rangle` tends to
    :math:`2nJ/(n+1)` in the cold and :math:`2J(J+1)/3` in the heat; their harmonic sum stands in
    between.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> thermal_photons(CollectiveBattery(n_battery=1, n_charger=2, nbar=0.0), 1e9)
    0.0
    """
    n = battery.occupation
    if n == 0.0:
        return 0.0
    basis = coupled_basis(battery.n_battery, battery.n_charger)
    J = np.maximum(basis.J, 0.5)  # J = 0 is dark for ever; it has company
    cold, hot = 2.0 * n * J, (n + 1.0) * 2.0 * J * (J + 1.0) / 3.0
    rate = float(basis.weight @ (2.0 * cold / (1.0 + cold / hot)) / basis.weight.sum())
    return rate * battery.gamma * time


def local_jumps(noise: LocalNoise, spins: int, nbar: float) -> float:
    r"""Jumps a second of the noise of so many single spins beside a field, at most.

    What is pumped falls again, into its own bath or the field; a warm field's light falls into
    the baths; :math:`J^z` of a spin jumps at a quarter of :math:`g_\phi`.
    """
    warmed = noise.emission if nbar > 0.0 else 0.0
    return spins * (0.25 * noise.dephasing + 2.0 * noise.pumping + warmed)


def series_steps(battery: Experiment, stage: Stage, lasts: float) -> float:
    """About how many steps detuned spins are followed in between jumps; 0 where none are needed."""
    detuning = battery.detuning_in(stage)
    if detuning == 0.0 or stage.coupled != "both":
        return 0.0
    turns = 0.5 * abs(detuning) * battery.n_battery
    # the sum's shortest ladder beside its longest, at M = 0
    decays = 0.125 * battery.gamma * (2.0 * battery.nbar + 1.0) * sum(battery.sizes)
    return lasts * max(turns / LONGEST_TURN, decays / LONGEST_STEP)


def jumps_until(battery: Experiment, time: float) -> float:
    """About how many jumps of all kinds, or steps, a run in a reservoir has until `time`.

    >>> from darkbattery.nvmodel import CollectiveBattery, LocalNoise
    >>> noisy = CollectiveBattery(1, 2, battery_noise=LocalNoise(dephasing=4.0))
    >>> jumps_until(noisy.experiment, 10.0)
    13.0
    """
    found, begun = sum(battery.sizes) + thermal_photons(battery, time), 0.0
    for step in endless(battery.stages):
        if not isinstance(step, Stage) or begun >= time:
            continue
        lasts, stage = min(step.duration, time - begun), channels(battery, step)
        begun += lasts
        found += series_steps(battery, step, lasts)
        for ensemble, spins in zip(ENSEMBLES, battery.sizes, strict=True):
            found += lasts * local_jumps(stage.noise(ensemble), spins, battery.nbar)
    return found


def refuse_endless(
    battery: Experiment, times: NDArray[np.float64], most: float = MOST_JUMPS
) -> None:
    """Refuse runs of more jumps than somebody waits for, before the first is made."""
    refuse_jumps(jumps_until(battery, float(times[-1])), times, most)


def refuse_jumps(jumps: float, times: NDArray[np.float64], most: float = MOST_JUMPS) -> None:
    """The same of so many."""
    if jumps > most:
        text = f"a single run has about {jumps:.1g} jumps or steps until then, at most {most:.0g}; "
        text += "take shorter times, or evolve"
        raise InputError("times", float(times[-1]), text)
