r"""What follows from energies and populations alone, whatever state they were read from.

Speed limits of charging: how much power a state allows that changes as fast as it does.

With :math:`p_k` the probability of k excitations in the battery, :math:`E=\sum_kkp_k`, and since
:math:`\sum_k\dot p_k=0` Cauchy and Schwarz give

.. math:: |\dot E|=\Big|\sum_k(k-E)\sqrt{p_k}\,\frac{\dot p_k}{\sqrt{p_k}}\Big|
          \le\sqrt{\mathrm{Var}\,H_B\;I_E},\qquad I_E=\sum_k\frac{\dot p_k^2}{p_k},

the bound of Garcia-Pintos et al., PRL 125, 040601 (2020); it holds for any dynamics, and is that of
Mandelstam and Tamm where they are unitary. :math:`I_E` is the Fisher information of the energies
about time. Hoelder's inequality gives the other, in the norms of Deffner and Lutz, PRL 111, 010402
(2013), :math:`|\dot E|=|\sum_k(k-N_B/2)\dot p_k|\le(N_B/2)\sum_k|\dot p_k|`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.efficiency import charging_efficiency
from darkbattery.nvmodel.ergotropy import local_ergotropy
from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.irreps import Irreps, ladder_ergotropy_of_irreps
from darkbattery.nvmodel.observables import ELSEWHERE, OBSERVABLES, Needs, needing
from darkbattery.nvmodel.solution import Distribution
from darkbattery.nvmodel.unitaries import CAPACITIES, works_of

Array = NDArray[np.float64]

_OF_MEANS = needing(Needs.MEANS, without=ELSEWHERE)
ENERGIES = tuple(name for name in _OF_MEANS if OBSERVABLES[name].unasked)
"""Means of operators and what follows from them: every method has these, cheaply."""
FROM_ENERGY = tuple(name for name in _OF_MEANS if not OBSERVABLES[name].unasked)
"""What every method has as well, on request: here it is ergotropy_local, all spins being alike."""
LINEAR = (
    "battery_energy",
    "charger_energy",
    "power",
    "emission_rate",
    "absorption_rate",
    "emitted_photons",
    "absorbed_photons",
)
"""Those of them that are linear in the state, in the order in which kernels keep their sums."""
FROM_POPULATIONS = needing(
    Needs.POPULATIONS, without=Needs.RECORD | Needs.SQUARES | Needs.RATES | Needs.COHERENCE
)
"""What every method has that knows the battery's populations."""
CHEAP_OF_POPULATIONS = tuple(name for name in FROM_POPULATIONS if OBSERVABLES[name].unasked)
OF_RATES = needing(Needs.RATES, without=Needs.HISTORY)
NEED_POPULATIONS = needing(
    Needs.POPULATIONS, without=Needs.RECORD | Needs.COHERENCE | Needs.HISTORY
)
FROM_ENTANGLEMENT = needing(Needs.PAIRS, without=Needs.FIELD)

EXCITATIONS = "battery excitations m_B + N_B/2"  # what populations are over

# what probabilities are known to: of less probable levels the ratio of rate and probability is
# anything
LEAST_PROBABILITY = 1e-10


def derived(
    names: tuple[str, ...],
    battery: Model,
    battery_energy: Array,
    charger_energy: Array,
    found: Array | None,
    emitted: Array | None = None,
) -> dict[str, Array]:
    """The observables among `names` that follow from energies, populations, photons alone."""
    values = {}
    if "charging_efficiency" in names:
        one = experiment_of(battery)
        energies = battery_energy, charger_energy
        values["charging_efficiency"] = charging_efficiency(
            one.sizes, one.start_energies, *energies
        )
    if "open_work" in names:
        values["open_work"] = battery_energy - battery.thermal_energy
    if "recorded_photons" in names and emitted is not None:
        values["recorded_photons"] = battery.detector_efficiency * emitted
    for name in ("ergotropy_local", "ergotropy_rotation"):
        if name in names:
            values[name] = local_ergotropy(battery_energy)
    if found is not None:
        values |= {name: of(found) for name, of in works_of().items() if name in names}
        if "energy_variance" in names:
            levels = np.arange(found.shape[-1]) / battery.n_battery
            spread = (levels - battery_energy[:, None]) ** 2
            values["energy_variance"] = np.asarray((found * spread).sum(axis=-1))
    return values


def speeds(populations: Array, rates: Array) -> dict[str, Array]:
    r"""Observables that follow from how fast probabilities of the stored energy change.

    ``power_bound`` as above over :math:`N_B`, ``power_bound_trace`` :math:`\frac12\sum|\dot p_k|`,
    ``statistical_speed`` :math:`\frac12\sqrt{I_E}`, ``population_speed``
    :math:`\max_k|\dot p_k|`.

    Levels less probable than 1e-10 are left out of variance and :math:`I_E`, and
    :math:`\sum|k-E||\dot p_k|` over them is added to the bound: never below the power, and where
    one level begins to fill that is the limit of the equation above.

    Parameters
    ----------
    populations, rates : ndarray (T, N_B + 1)
        :math:`p_k` and its time derivative, k = 0 ... N_B excitations.

    Examples
    --------
    One spin uses all that its speed allows; two may not.

    >>> speeds(np.array([[0.5, 0.5]]), np.array([[-0.2, 0.2]]))["power_bound"]
    array([0.2])
    >>> two = speeds(np.array([[0.25, 0.5, 0.25]]), np.array([[0.1, -0.2, 0.1]]))  # power 0
    >>> [float(value[0].round(6)) for value in two.values()]
    [0.141421, 0.2, 0.2, 0.2]
    >>> speeds(np.array([[1.0, 0.0]]), np.array([[-0.3, 0.3]]))["power_bound"]
    array([0.3])
    """
    levels = np.arange(populations.shape[1])
    distance = np.abs(levels - (populations @ levels)[:, None])
    known = populations >= LEAST_PROBABILITY
    p, change = np.where(known, populations, 1.0), np.abs(rates)
    variance = np.where(known, p * distance**2, 0.0).sum(axis=1)
    information = np.where(known, change**2 / p, 0.0).sum(axis=1)
    rest = np.where(known, 0.0, distance * change).sum(axis=1)
    return {
        "power_bound": (np.sqrt(variance * information) + rest) / (levels.size - 1),
        "power_bound_trace": 0.5 * change.sum(axis=1),
        "statistical_speed": 0.5 * np.sqrt(information),
        "population_speed": change.max(axis=1),
    }


def from_populations(
    names: tuple[str, ...],
    irreps: Irreps,
    energy: Array,
    populations: Array,
    levels: Array | None,
    moved: Sequence[Array],
) -> dict[str, Array]:
    """Work, capacities, speeds and variance among `names`, over time.

    Parameters
    ----------
    populations : ndarray (T, positions)
        Of the battery's |j, m>.
    levels : ndarray (T, positions), optional
        Eigenvalues of its state where that has coherence between energies.
    moved : sequence of ndarray (T, positions)
        Rates of the populations; empty where nobody asks.
    """
    found: dict[str, Array] = {}
    more = np.zeros_like(energy)
    if levels is None:
        levels = populations
    else:
        # the work of a state is its energy less that of its eigenvalues, and theirs
        more = energy - levels @ irreps.level
    for name, of in works_of(irreps).items():
        if name in names:
            found[name] = of(levels) if name in CAPACITIES else more + of(levels)
    if {"ergotropy_coherent", "ergotropy_incoherent"} & set(names):
        alone = ladder_ergotropy_of_irreps(irreps, populations)
        found["ergotropy_incoherent"] = alone
        found["ergotropy_coherent"] = more + ladder_ergotropy_of_irreps(irreps, levels) - alone
    excited = irreps.by_excitations(populations)
    if moved:
        found |= speeds(excited, irreps.by_excitations(np.array(moved)))
    if "energy_variance" in names:
        spread = np.arange(excited.shape[1]) / (excited.shape[1] - 1.0) - energy[:, None]
        found["energy_variance"] = np.asarray((excited * spread**2).sum(axis=1))
    return found


def over_excitations(weight: Array) -> Distribution:
    """Probabilities (T, N_B + 1) of the battery's ladder as a `Distribution` over excitations."""
    return Distribution.of_values(EXCITATIONS, np.arange(weight.shape[1], dtype=float), weight)


def population_distributions(irreps: Irreps, populations: Array) -> dict[str, Distribution]:
    """Over the battery's excitations, and over its irreps where there are several."""
    found = {"populations": over_excitations(irreps.by_excitations(populations))}
    if irreps.ladders.size > 1:
        found["irreps"] = over_irreps(irreps, populations)
    return found


def over_irreps(irreps: Irreps, populations: Array) -> Distribution:
    """Probabilities of the battery's irreps."""
    return Distribution.of_values(
        "battery irrep j_B", irreps.ladders, irreps.by_ladder(populations)
    )
