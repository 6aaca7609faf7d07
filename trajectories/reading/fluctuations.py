r"""How single runs scatter: variances over runs beside quantum variances, and photon statistics.

By the law of total variance the quantum variance of the energy in the average state is the mean of
the conditional states' variances plus the variance over runs of the conditional mean. The Fano
factor is the variance of the photon number over its mean (1 for independent photons), and

.. math:: g^{(2)}(0)=\langle J^+J^+J^-J^-\rangle/\langle J^+J^-\rangle^2

(Glauber 1963) says how photons bunch: 2 for thermal light, 1 for a coherent burst.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.errors import Unseen, least_variance_error, mean_error
from darkbattery.nvmodel.observables import Needs, needing

Array = NDArray[np.float64]

COUNTING = needing(Needs.COUNTS)
OF_STATES = needing(Needs.STATE)
"""What takes the whole conditional state of the battery."""
PURITY, ENTROPY, GAIN = OF_STATES
OVER_RUNS = (*needing(Needs.RECORD), *OF_STATES)
"""What the average state does not know."""
FLUCTUATIONS = needing(Needs.SQUARES)
NEED_ERGOTROPY = needing(Needs.RECORD | Needs.POPULATIONS)

# of energies per spin that are known to 1e-10: below it runs do not differ
LEAST_VARIANCE = 1e-18
# fewer photons than this on average have not begun to come
LEAST_PHOTONS = 1e-9
# below this part of the emission at the start, gamma (nbar+1) N_C, too few photons still come for a
# ratio of their moments to mean anything
LEAST_EMISSION = 1e-3


@dataclass(frozen=True, eq=False)
class PhotonStates:
    r"""What is read from the state after n photons, (photons + 1, T); 0 where not asked for.

    Attributes
    ----------
    energy, energy_variance : ndarray
        Of :math:`H_B/N_B`: mean and quantum variance.
    emission, pairs : ndarray
        :math:`\langle J^+J^-\rangle` and :math:`\langle J^+J^+J^-J^-\rangle`.
    ergotropy : ndarray
        Over the ladder, per spin.
    """

    energy: Array
    energy_variance: Array
    emission: Array
    pairs: Array
    ergotropy: Array


@dataclass(frozen=True, eq=False)
class OverRuns:
    """Means over runs of quantities that depend on photon number and time, (photons + 1, T).

    Attributes
    ----------
    weight : ndarray (photons + 1, T)
        Numbers of runs with n photons, or probabilities.
    runs : int or None
        None: probabilities, exact.
    """

    weight: NDArray[Any]
    runs: int | None

    def mean(self, quantity: Array) -> Array:
        """Weighted mean (T,)."""
        return np.asarray((self.weight * quantity).sum(axis=0) / (self.runs or 1))

    def error(self, influence: Array, unseen: ArrayLike, rounding: float = 0.0) -> Array:
        """Standard error of a functional by its influence function (Efron 1982).

        `unseen` is the influence of a run that was not seen, `rounding` how far a quantity that has
        begun to differ is from its true value in double precision; see `nvmodel.errors`.

        The influence of a run is the derivative of the functional with respect to the run's weight;
        for a mean it is the quantity itself.
        """
        assert self.runs is not None
        variance = self.variance(influence)[0]
        definite = (variance == 0.0) & (np.asarray(unseen) == 0.0)
        return mean_error(variance, self.runs, unseen, np.where(definite, 0.0, rounding))

    def variance(self, quantity: Array) -> tuple[Array, Array]:
        """Variance over runs (T,), with runs - 1, and its influence."""
        square = (quantity - self.mean(quantity)) ** 2
        if self.runs is None:
            return self.mean(square), square
        if self.runs < 2:
            return np.full(square.shape[1:], np.nan), square
        return self.mean(square) * (self.runs / (self.runs - 1.0)), square


def fluctuations(
    names: tuple[str, ...],
    states: PhotonStates,
    over: OverRuns,
    n_charger: int,
    unseen: Unseen | None = None,
) -> tuple[dict[str, Array], dict[str, Array | None]]:
    """Values and standard errors of those of FLUCTUATIONS and OVER_RUNS that are in `names`.

    Without `unseen` there are no errors: `over` holds probabilities.
    """
    photons = np.arange(over.weight.shape[0], dtype=float)[:, None]
    values: dict[str, Array] = {}
    influence: dict[str, Array] = {}
    quantum = states.energy_variance
    values["energy_variance_conditional"] = over.mean(quantum)
    values["energy_variance_runs"], square = over.variance(states.energy)
    influence |= {"energy_variance_conditional": quantum, "energy_variance_runs": square}
    influence["energy_variance"] = quantum + square
    values["energy_variance"] = over.mean(influence["energy_variance"])
    work = states.ergotropy
    values["ergotropy_variance_runs"], influence["ergotropy_variance_runs"] = over.variance(work)
    values["daemonic_ergotropy"], influence["daemonic_ergotropy"] = over.mean(work), work
    spread, square = over.variance(photons + np.zeros_like(over.weight))
    values["emitted_photons_variance"], influence["emitted_photons_variance"] = spread, square
    mean = over.mean(photons)
    values["fano_factor"] = fano_factor(spread, mean)
    influence["fano_factor"] = ratio(square - values["fano_factor"] * photons, mean)
    pairs, rate = over.mean(states.pairs), over.mean(states.emission)
    values["g2_zero"] = g2_zero(pairs, rate, n_charger)
    influence["g2_zero"] = ratio(states.pairs, rate**2) - 2.0 * values["g2_zero"] * ratio(
        states.emission, rate
    )
    for name, variance, quantity in (
        ("energy_reliability", "energy_variance_runs", states.energy),
        ("ergotropy_reliability", "ergotropy_variance_runs", work),
    ):
        values[name] = reliability(over.mean(quantity), values[variance])
        slopes = reliability_slopes(values[name], values[variance])
        influence[name] = slopes[0] * quantity - slopes[1] * influence[variance]
    wanted = [name for name in names if name in values]
    errors: dict[str, Array | None] = dict.fromkeys(wanted)
    if unseen is not None and over.runs is not None:
        beyond = unseen_influences(values, mean, rate, unseen)
        least = least_errors(values, over.runs)
        for name in wanted:
            found = over.error(influence[name], beyond[name])
            errors[name] = np.fmax(found, least[name]) if name in least else found
    return {name: values[name] for name in wanted}, errors


def unseen_influences(
    values: Mapping[str, Array], photons: Array, rate: Array, unseen: Unseen
) -> dict[str, Array]:
    r"""Influence of a run that was not seen on each of FLUCTUATIONS and OVER_RUNS.

    Parameters
    ----------
    photons, rate : ndarray (T,)
        Mean number of photons, and mean of :math:`J^+J^-` (no :math:`\gamma`).
    """
    bunching = np.nan_to_num(values["g2_zero"])
    reliabilities = {}
    for of, one in (("energy", unseen.energy), ("ergotropy", unseen.ergotropy)):
        name = f"{of}_reliability"
        slopes = reliability_slopes(values[name], values[f"{of}_variance_runs"])
        reliabilities[name] = np.nan_to_num(np.hypot(slopes[0] * one, slopes[1] * one**2))
    return reliabilities | {
        "energy_variance": unseen.energy**2,
        "energy_variance_conditional": unseen.energy**2,
        "energy_variance_runs": unseen.energy**2,
        "ergotropy_variance_runs": unseen.ergotropy**2,
        "daemonic_ergotropy": unseen.ergotropy,
        "emitted_photons_variance": unseen.photons**2,
        "fano_factor": np.nan_to_num(ratio(unseen.photons**2, photons)),
        "g2_zero": np.nan_to_num(
            np.hypot(ratio(unseen.pairs, rate**2), 2.0 * bunching * ratio(unseen.lowering, rate))
        ),
        "recorded_photons": unseen.photons,
    }


def least_errors(values: Mapping[str, Array], runs: int) -> dict[str, Array]:
    """Least standard errors of variances over so few runs."""
    found = {
        name: least_variance_error(values[name], runs)
        for name in (
            "energy_variance_runs",
            "ergotropy_variance_runs",
            "emitted_photons_variance",
            "fano_factor",
        )
    }
    found["energy_variance"] = found["energy_variance_runs"]
    for of in ("energy", "ergotropy"):
        variance, name = f"{of}_variance_runs", f"{of}_reliability"
        # a root is off by half as much, relatively
        found[name] = 0.5 * values[name] * ratio(found[variance], values[variance])
    return found


def ratio(above: Array, below: Array) -> Array:
    """above/below, NaN where `below` is 0."""
    shape = np.broadcast_shapes(np.shape(above), np.shape(below))
    known = np.broadcast_to(below > 0.0, shape)
    return np.divide(above, below, out=np.full(shape, np.nan), where=known)


def reliability(mean: Array, variance: Array) -> Array:
    """Mean over standard deviation, NaN until runs differ.

    >>> reliability(np.array([0.0, 0.5]), np.array([0.0, 0.04]))
    array([nan, 2.5])
    """
    return np.where(variance > LEAST_VARIANCE, ratio(mean, np.sqrt(variance)), np.nan)


def reliability_slopes(value: Array, variance: Array) -> tuple[Array, Array]:
    """By how much a reliability rises with the mean, and falls with the variance."""
    deviation = np.sqrt(np.where(variance > LEAST_VARIANCE, variance, np.nan))
    return 1.0 / deviation, 0.5 * value / deviation**2


def fano_factor(variance: Array, mean: Array) -> Array:
    """variance/mean over times, NaN before the first photons.

    >>> fano_factor(np.array([0.0, 3.0]), np.array([0.0, 2.0]))
    array([nan, 1.5])
    """
    return np.where(mean > LEAST_PHOTONS, ratio(variance, mean), np.nan)


def g2_zero(pairs: Array, rate: Array, n_charger: int) -> Array:
    r""":math:`\langle J^+J^+J^-J^-\rangle/\langle J^+J^-\rangle^2`, NaN once the emission is over.

    >>> g2_zero(np.array([12.0, 0.0]), np.array([2.0, 1e-5]), n_charger=2)
    array([ 3., nan])
    """
    return np.where(rate > LEAST_EMISSION * n_charger, ratio(pairs, rate**2), np.nan)


def entropy_in_bits(p: Array) -> Array:
    r""":math:`-\sum p\log_2p` over the last axis.

    >>> entropy_in_bits(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    return -cross_entropy(p, p) + 0.0


def cross_entropy(p: Array, of: Array) -> Array:
    r""":math:`\sum p\log_2q` over the last axis, where p holds anything."""
    return np.asarray((p * np.log2(np.where(of > 0.0, of, 1.0))).sum(axis=-1))


def unseen_of_states(unseen: Unseen, spins: int, bits: float, runs: int) -> dict[str, Array]:
    r"""How far from the others a run may lie that was not seen, of each of `OF_STATES`.

    An event of probability q tells up to :math:`\log_2(1/q)`, which may be more than the `bits`
    that the battery's entropy has at most, and what none of `runs` has shown may have 1/runs.
    """
    # a run that differs by so much energy has moved so much of its populations
    moved = np.minimum(1.0, spins * unseen.ergotropy)
    return {PURITY: moved, ENTROPY: moved * bits, GAIN: moved * max(bits, math.log2(runs))}
