r"""What ladders that no run drew add to errors: their probabilities are known beforehand.

Collective noise conserves J, which a run draws with probability :math:`p_J`. Few runs may all be
on one ladder; their scatter then holds nothing of what the others would have done.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.errors import WITNESSES, burst_is_over, unseen_scatter
from darkbattery.nvmodel.experiment import Experiment
from darkbattery.trajectories.space.angular import CoupledBasis, starts

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


def undrawn_ladders(
    battery: Experiment,
    basis: CoupledBasis,
    times: Array,
    drawn: Counts,
    variances: Mapping[str, Array],
) -> dict[str, Array]:
    r"""How far off a run must lie that was not seen, (T,), by what ladders are known to do.

    In equilibrium a ladder emits :math:`2\gamma\bar n(\bar n+1)|\langle J^z\rangle|` photons per
    time (detailed balance), and as many are absorbed. Once the burst is over energies scatter
    as :math:`J^z` does, over ladders and by heat, and what it lost since the start was emitted. See
    `nvmodel.errors.unseen_scatter`.

    Parameters
    ----------
    drawn : ndarray (K,)
        Runs on each ladder of `basis`.
    variances : mapping of ndarray (T,)
        Of energies, over the runs; none where there is no heat.
    """
    runs = int(drawn.sum())
    if runs < 2:
        return {}
    weight = sum(s.probability * np.abs(s.amplitude) ** 2 for s in starts(battery, basis))
    known, share = np.asarray(weight) / np.sum(weight), drawn / runs
    nbar, (z, thermal) = battery.occupation, _equilibrium(basis.J, battery.occupation)
    hot = 2.0 * battery.gamma * nbar * (nbar + 1.0) * times
    over = burst_is_over(*battery.sizes, battery.gamma * times).astype(float)
    in_battery = basis.diagonal / battery.n_battery
    in_charger = (1.0 - basis.diagonal) / battery.n_charger
    # a course over time (T,), and what it is multiplied by on each ladder (K,)
    courses = {
        "emitted_photons": (hot + over, -z),
        "recorded_photons": (battery.detector_efficiency * (hot + over), -z),
        "absorbed_photons": (hot, -z),
        "battery_energy": (over, in_battery * z),
        "charger_energy": (over, in_charger * z),
    }
    found = {}
    for name, (course, mean) in courses.items():
        seen = _variance(mean, share) * runs / (runs - 1.0)
        found[name] = course * unseen_scatter(_variance(mean, known), seen, runs)
    # once many runs hold heat their scatter knows it; equilibrium is not all there yet
    few = np.exp(-runs * nbar / WITNESSES)
    for name, portion in (("battery_energy", in_battery), ("charger_energy", in_charger)):
        if name in variances:
            whole = _variance(portion * z, known) + float(portion**2 * thermal @ known)
            heated = few * over * unseen_scatter(whole, variances[name], runs)
            found[name] = np.maximum(found[name], heated)
    return found


def _variance(mean: Array, probability: Array) -> float:
    """Over ladders, of their means (K,)."""
    apart = mean - float(mean @ probability)
    return float(apart**2 @ probability)


def _equilibrium(J: Array, nbar: float) -> tuple[Array, Array]:
    """Mean and variance of J^z on ladders in equilibrium: Brillouin's function and its slope."""
    if nbar == 0.0:
        return -J, np.zeros_like(J)
    x = 0.5 * np.log1p(1.0 / nbar)
    whole = np.minimum((2.0 * J + 1.0) * x, 300.0)  # beyond, the sinh is infinite and nothing left
    depth = (J + 0.5) / np.tanh(whole) - 0.5 / np.tanh(x)
    variance = 0.25 / np.sinh(x) ** 2 - ((J + 0.5) / np.sinh(whole)) ** 2
    return -depth, np.maximum(variance, 0.0)
