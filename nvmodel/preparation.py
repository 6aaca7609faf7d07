r"""How an ensemble of spins starts: mixtures of Dicke states :math:`|j,m\rangle`.

Every start here is symmetric under exchange of spins and has no coherence between energies, so
that it is a list of (j, m) with probabilities; the states within one (j, m) share them equally.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.refusal import InputError, finite_number, number_between, whole_number

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DickeState:
    r""":math:`|j,m\rangle` with :math:`m=\mathrm{excitations}-N/2`.

    Parameters
    ----------
    excitations : int
        Number of spins up, 0 ... N.
    j : float, optional
        Cooperation number: whole or half-whole like N/2, from :math:`|m|` to N/2. Default: N/2, the
        symmetric state.
    """

    excitations: int
    j: float | None = None

    def __post_init__(self) -> None:
        excitations = whole_number("excitations", self.excitations, least=0)
        object.__setattr__(self, "excitations", excitations)
        if self.j is not None:
            object.__setattr__(self, "j", finite_number("j", self.j, least=0.0))

    def __repr__(self) -> str:
        return model_text(self)


@dataclass(frozen=True)
class Polarised:
    """Every spin up with probability `up`, by itself (a mixture, without coherence)."""

    up: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "up", number_between("up", self.up, 0.0, 1.0))


Preparation = DickeState | Polarised


@dataclass(frozen=True, eq=False)
class DickeMixture:
    r"""Probabilities of the states :math:`|j,m\rangle` of one ensemble.

    Attributes
    ----------
    j, m, probability : ndarray (states,)
        In order of falling j, then falling m; all probabilities > 0.
    """

    j: Array
    m: Array
    probability: Array

    @property
    def ladders(self) -> Array:
        """All j from the highest to the lowest."""
        highest, lowest = float(self.j.max()), float(self.j.min())
        return np.asarray(highest - np.arange(round(highest - lowest) + 1))


def checked_preparation(field: str, spins: int, start: Preparation) -> Preparation:
    """Return `start`, refused where `spins` spins have no such state."""
    if isinstance(start, Polarised):
        return start
    if not isinstance(start, DickeState):
        raise InputError(field, start, "must be a DickeState or Polarised")
    whole_number(f"{field}.excitations", start.excitations, least=0, most=spins)
    if start.j is not None:
        least = abs(start.excitations - spins / 2)
        if not least <= start.j <= spins / 2 or (2 * start.j - spins) % 2 != 0:
            raise InputError(
                f"{field}.j", start.j, f"must be {spins / 2:g} less a whole number, >= {least:g}"
            )
    return start


def dicke_mixture(spins: int, start: Preparation, tail: float = 0.0) -> DickeMixture:
    r"""The mixture of Dicke states that a start is.

    Of independent spins, :math:`|j,m\rangle` has the probability
    :math:`d_j\,p^{N/2+m}(1-p)^{N/2-m}` with the number of irreps
    :math:`d_j=(2j+1)N!/[(N/2+j+1)!\,(N/2-j)!]` (Arecchi et al. 1972), computed in logarithms.

    Parameters
    ----------
    spins : int
    start : DickeState or Polarised
    tail : float
        States may be left out as long as their probabilities add up to at most this; the others
        are not rescaled.

    Examples
    --------
    >>> half = dicke_mixture(2, Polarised(up=0.5))
    >>> print(half.j, half.m, half.probability.round(12))
    [1. 1. 1. 0.] [ 1.  0. -1.  0.] [0.25 0.25 0.25 0.25]
    """
    if isinstance(start, DickeState):
        j = spins / 2 if start.j is None else start.j
        m = start.excitations - spins / 2
        return DickeMixture(np.array([j]), np.array([m]), np.array([1.0]))
    if start.up in (0.0, 1.0):
        m = spins * (start.up - 0.5)
        return DickeMixture(np.array([spins / 2]), np.array([m]), np.array([1.0]))
    share = tail / 2.0
    lowest, highest = 0.0, float(spins)
    if share > 0.0:
        # Hoeffding 1963: a binomial number is further from its mean with at most this probability
        reach = np.sqrt(0.5 * spins * np.log(2.0 / share))
        lowest = max(lowest, np.floor(spins * start.up - reach))
        highest = min(highest, np.ceil(spins * start.up + reach))
    parts = []
    for excitations in np.arange(highest, lowest - 1.0, -1.0):
        m = excitations - spins / 2
        ladders = np.arange(spins / 2, abs(m) - 0.25, -1.0)
        logs = log_multiplicities(spins, ladders) + scipy.special.xlogy(excitations, start.up)
        p = np.exp(logs + scipy.special.xlog1py(spins - excitations, -start.up))
        parts.append(np.column_stack([ladders, np.full(ladders.size, m), p]))
    table = np.concatenate(parts)
    table = table[np.lexsort((-table[:, 1], -table[:, 0]))]
    kept = _without_tail(table[:, 2], share)
    return DickeMixture(table[kept, 0], table[kept, 1], table[kept, 2])


def _without_tail(probability: Array, tail: float) -> NDArray[np.bool_]:
    order = np.argsort(probability)
    kept = np.empty(probability.size, dtype=bool)
    kept[order] = np.cumsum(probability[order]) > tail
    return kept & (probability > 0.0)


def log_multiplicity(spins: int, j: float) -> float:
    r"""ln of the number of irreps j among N spins 1/2,
    :math:`d_j=(2j+1)N!/[(N/2+j+1)!\,(N/2-j)!]`.

    >>> round(log_multiplicity(4, 1.0), 9)  # ln 3
    1.098612289
    """
    return float(log_multiplicities(spins, np.array([float(j)]))[0])


def log_multiplicities(spins: int, j: Array) -> Array:
    """`log_multiplicity` of many j.

    >>> print(np.exp(log_multiplicities(4, np.array([2.0, 1.0, 0.0]))).round(9))
    [1. 3. 2.]
    """
    total = scipy.special.gammaln(spins + 1.0) + np.log(2.0 * j + 1.0)
    below = scipy.special.gammaln(spins / 2 + j + 2.0) + scipy.special.gammaln(spins / 2 - j + 1.0)
    return np.asarray(total - below)
