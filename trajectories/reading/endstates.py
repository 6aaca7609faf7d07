r"""How single runs scatter in the end: the states :math:`|J,M\rangle` that every run ends in.

At :math:`T=0` a run ends in the dark state :math:`|J,-J\rangle`, with probability :math:`p_J`. At
:math:`T>0` its photons tell the ladders apart in the long run, and it wanders over the
:math:`|J,M\rangle` of one ladder with thermal probabilities. Means over runs are sums over these
states.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.ergotropy import ladder_ergotropy
from darkbattery.trajectories.reading.fluctuations import (
    NEED_ERGOTROPY,
    OF_STATES,
    entropy_in_bits,
    g2_zero,
    reliability,
)
from darkbattery.trajectories.reading.photonstates import pair_emission
from darkbattery.trajectories.space.angular import (
    CoupledBasis,
    clebsch_gordan,
    coupled_basis,
    lowering_squared,
)

Array = NDArray[np.float64]


class DarkStates(NamedTuple):
    """Ends of runs at :math:`T=0`: J, :math:`p_J`, energy, ladder ergotropy per spin, each (K,)."""

    J: Array
    probability: Array
    energy: Array
    ergotropy: Array


EMISSION = ("emission_rate", "absorption_rate", "g2_zero")
CHUNK = 2_000_000  # elements of Clebsch-Gordan coefficients at a time: 16 MB


def dark_states(n_battery: int, n_charger: int) -> DarkStates:
    r"""The dark states :math:`|J,-J\rangle` that runs end in at :math:`T=0`, from the lowest J on.

    A run that has emitted n photons in all is in :math:`J=n-(N_C-N_B)/2`.

    >>> dark = dark_states(1, 5)
    >>> print(dark.J, dark.probability.round(6), dark.energy.round(6), dark.ergotropy.round(6))
    [2. 3.] [0.833333 0.166667] [0.833333 0.      ] [0.666667 0.      ]
    """
    basis = coupled_basis(n_battery, n_charger)
    energy = 0.5 - basis.J * basis.diagonal / n_battery
    work = np.empty_like(energy)
    for k, J in enumerate(basis.J):
        alone = replace(basis, J=basis.J[k : k + 1])
        work[k] = ladder_ergotropy(clebsch_gordan(alone, np.array([-J]))[0, 0] ** 2)
    return DarkStates(basis.J, basis.weight, energy, work)


def scatter_in_the_end(
    basis: CoupledBasis, M: Array, weight: Array, names: tuple[str, ...]
) -> dict[str, float]:
    r"""`energy_variance` and its two parts, and what else of OVER_RUNS is in `names`.

    Parameters
    ----------
    weight : ndarray (rows, K)
        Probability of ending in :math:`|J,M\rangle`, rows in the order of `M`.
    """
    m = M[:, None]
    energy = 0.5 + m * basis.diagonal / basis.n_battery
    # |J,M> reaches its two neighbours under J_B^z; the upper one of the last kept ladder is gone
    below = basis.coupling**2 * np.maximum(basis.J**2 - m**2, 0.0)
    above = np.zeros_like(below)
    above[:, :-1] = basis.coupling[1:] ** 2 * np.maximum(basis.J[1:] ** 2 - m**2, 0.0)
    quantum = float((weight * (below + above)).sum()) / basis.n_battery**2
    over_runs = float((weight * (energy - (weight * energy).sum()) ** 2).sum())
    values = {
        "energy_variance_conditional": quantum,
        "energy_variance_runs": over_runs,
        "energy_variance": quantum + over_runs,
        "energy_reliability": _reliability(float((weight * energy).sum()), over_runs),
    }
    if set(NEED_ERGOTROPY) & set(names):
        work = _ladder_ergotropies(basis, M, weight)
        mean = float((weight * work).sum())
        values["daemonic_ergotropy"] = mean
        scatter = float((weight * (work - mean) ** 2).sum())
        values["ergotropy_variance_runs"] = scatter
        values["ergotropy_reliability"] = _reliability(mean, scatter)
    if set(OF_STATES) & set(names):
        values |= _information(basis, M, weight)
    return values


def _reliability(mean: float, variance: float) -> float:
    return float(reliability(np.array(mean), np.array(variance)))


def light_in_the_end(
    basis: CoupledBasis, M: Array, weight: Array, nbar: float, gamma: float
) -> dict[str, float]:
    """Emission and absorption rates, which are equal, and g2(0) of what is emitted."""
    rate = float((weight * lowering_squared(basis.J, M[:, None])).sum())
    pairs = float(pair_emission(basis, M, weight).sum())
    bunching = g2_zero(np.array([pairs]), np.array([rate]), basis.n_charger)
    return {
        "emission_rate": gamma * (nbar + 1.0) * rate,
        "absorption_rate": gamma * (nbar + 1.0) * rate,
        "g2_zero": float(bunching[0]),
    }


def _information(basis: CoupledBasis, M: Array, weight: Array) -> dict[str, float]:
    """Purity, entropy and what is learned, of the populations of each state."""
    purity, entropy, average = 0.0, 0.0, np.zeros(basis.n_battery + 1)
    for part in _parts(basis, weight):
        p, w = clebsch_gordan(basis, M[part]) ** 2, weight[part]
        purity += float((w * (p**2).sum(axis=2)).sum())
        entropy += float((w * entropy_in_bits(p)).sum())
        average += np.einsum("rk,rkm->m", w, p)
    told = float(entropy_in_bits(average)) - entropy
    return dict(zip(OF_STATES, (purity, entropy, told), strict=True))


def _parts(basis: CoupledBasis, weight: Array) -> list[NDArray[np.intp]]:
    """Rows that hold anything, as many at once as memory allows."""
    rows = np.flatnonzero(weight.any(axis=1))
    size = max(1, CHUNK // (basis.n_ladders * (basis.n_battery + 1)))
    return [rows[start : start + size] for start in range(0, rows.size, size)]


def _ladder_ergotropies(basis: CoupledBasis, M: Array, weight: Array) -> Array:
    work = np.zeros_like(weight)
    for part in _parts(basis, weight):
        work[part] = ladder_ergotropy(clebsch_gordan(basis, M[part]) ** 2)
    return work
