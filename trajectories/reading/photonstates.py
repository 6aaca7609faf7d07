r""":math:`T=0`: the state after n photons, which depends on n and the time alone; its spreads.

At fixed :math:`M=M_0-n` the amplitudes over ladders are :math:`c_J\propto
c_J(0)\prod_{m<n}a_J(M_0-m)\,e^{-\gamma J(J+1)t/2}` whatever the photons' times (see
`trajectories.reading.conditional`). A mean over single runs is therefore a sum over n, weighted
with the numbers of runs that have emitted n photons, or with their exact probabilities.

A perfect photon record tells purities and entropies of the battery: a run that has emitted n
photons until t is in one pure state of sharp M, so that its battery has no coherence between
energies and is its populations :math:`p_b(n,t)`. With :math:`P(n,t)` the probability of n and
:math:`\bar p=\sum_nPp(n)` the average battery,

.. math:: \mathrm{tr}\rho_B^2=\sum_bp_b^2,\qquad S=-\sum_bp_b\log_2p_b,

.. math:: \chi=S(\bar p)-\sum_nP\,S(p(n))=\sum_nP\sum_bp_b(n)\log_2\frac{p_b(n)}{\bar p_b},

the last the Holevo quantity, a mean of relative entropies.
"""

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.ergotropy import ladder_ergotropy
from darkbattery.nvmodel.errors import Unseen
from darkbattery.trajectories.reading.conditional import Unravelling
from darkbattery.trajectories.reading.entanglement import log_negativity_of_pure
from darkbattery.trajectories.reading.fluctuations import (
    ENTROPY,
    GAIN,
    OF_STATES,
    PURITY,
    OverRuns,
    PhotonStates,
    cross_entropy,
    entropy_in_bits,
    unseen_of_states,
)
from darkbattery.trajectories.space.angular import (
    CoupledBasis,
    basis_of,
    clebsch_gordan,
    lowering_squared,
)

Array = NDArray[np.float64]
Active = NDArray[np.bool_]

# photon numbers less probable than this are left out: together below 1e-13 for 1e4 photons
LEAST_PROBABILITY = 1e-17
AMPLITUDES = 1 << 23  # that are held at once for a negativity: 64 MB
FEW_NUMBERS = 1 << 14  # so few are made all at once: 128 kB
AT_ONCE = 1 << 17  # numbers of amplitudes, or of coefficients, that are made at once: 1 MB


def amplitudes_by_photons(
    tables: Unravelling, taus: Array, active: Active
) -> Iterator[tuple[int, NDArray[np.intp], Array]]:
    """For each n: the times i at which `active[n, i]`, and amplitudes (times, K) over ladders.

    In Condon and Shortley's phases, normalised.
    """
    signs = signs_of(tables)
    logs = tables.log_amplitudes(active.shape[0])
    photons, times = np.nonzero(active)
    bounds = np.searchsorted(photons, np.arange(active.shape[0] + 1))
    most = max(1, AT_ONCE // signs.size)
    n = 0
    while n < active.shape[0]:
        # as many n as fit, and one at least
        end = max(n + 1, int(np.searchsorted(bounds, bounds[n] + most, side="right")) - 1)
        cells = slice(bounds[n], bounds[end])
        c = logs[photons[cells]] - tables.damping * taus[times[cells], None]
        c = signs * np.exp(c - c.max(axis=1, keepdims=True, initial=-np.inf))
        c /= np.sqrt(np.einsum("ik,ik->i", c, c))[:, None]
        for one in range(n, end):
            own = slice(bounds[one], bounds[one + 1])
            if own.stop > own.start:
                yield one, times[own], c[own.start - bounds[n] : own.stop - bounds[n]]
        n = end


def signs_of(tables: Unravelling) -> Array:
    """Signs (K,) of the amplitudes, in Condon and Shortley's phases; they never change."""
    return np.cumprod(np.concatenate([[1.0], tables.relative_sign[1:]]))


def battery_amplitudes_by_photons(
    tables: Unravelling, taus: Array, active: Active
) -> Iterator[tuple[int, NDArray[np.intp], Array]]:
    """The same over the battery's excitations, (times, N_B + 1)."""
    basis = tables.basis
    block = max(1, AT_ONCE // (basis.n_ladders * (basis.n_battery + 1)))
    first, coefficients = 0, np.zeros((0, 0, 0))
    for n, at, c in amplitudes_by_photons(tables, taus, active):
        if n >= first + len(coefficients):
            first = n
            M = basis.m_start - np.arange(n, min(n + block, active.shape[0]))
            coefficients = clebsch_gordan(basis, M)
        yield n, at, c @ coefficients[n - first]


def populations_by_photons(
    tables: Unravelling, taus: Array, active: Active
) -> Iterator[tuple[int, NDArray[np.intp], Array]]:
    """The same with the battery's ladder populations."""
    for n, at, c in battery_amplitudes_by_photons(tables, taus, active):
        yield n, at, c**2


def populations_from_photons(tables: Unravelling, taus: Array, probability: Array) -> Array:
    r"""The battery's ladder populations (T, N_B + 1) of the average state at :math:`T=0`.

    Every block of M is pure: :math:`\rho(t)=\sum_nP(n,t)|\psi(n,t)\rangle\langle\psi(n,t)|`.

    Parameters
    ----------
    probability : ndarray (photons + 1, T)
        P(n, t).
    """
    basis, active = tables.basis, probability > LEAST_PROBABILITY
    if probability.size * max(basis.n_ladders, basis.n_battery + 1) <= FEW_NUMBERS:
        return _populations_of_few(tables, taus, np.where(active, probability, 0.0))
    found = np.zeros((taus.size, basis.n_battery + 1))
    for n, at, p in populations_by_photons(tables, taus, active):
        found[at] += probability[n, at, None] * p
    return found


def _populations_of_few(tables: Unravelling, taus: Array, probability: Array) -> Array:
    """The same of all states at once, held or not: a call for each n took longer."""
    basis, photons = tables.basis, probability.shape[0]
    # ladders first: the largest of a few numbers side by side is found one by one
    logs = tables.log_amplitudes(photons).T[:, :, None] - tables.damping[:, None, None] * taus
    scaled = np.exp(logs - logs.max(axis=0))
    c = np.multiply(np.moveaxis(scaled, 0, 2), signs_of(tables), order="C")
    flat = c.reshape(-1, basis.n_ladders)
    flat /= np.sqrt(np.einsum("ik,ik->i", flat, flat))[:, None]
    p = np.matmul(c, _coefficients_of_few(basis.n_battery, basis.n_charger, photons)) ** 2
    p *= probability[:, :, None]
    return np.asarray(p.sum(axis=0))


@lru_cache(maxsize=16)
def _coefficients_of_few(n_battery: int, n_charger: int, photons: int) -> Array:
    """Those of `clebsch_gordan` after 0, ..., photons - 1 photons: of spins alone."""
    basis = basis_of(n_battery, n_charger)
    return clebsch_gordan(basis, basis.m_start - np.arange(photons, dtype=float))


def log_negativity_from_photons(tables: Unravelling, taus: Array, probability: Array) -> Array:
    """The log-negativity (T,) in bits of the same state."""
    levels = tables.basis.n_battery + 1
    found = np.empty(taus.size)
    size = max(1, AMPLITUDES // (probability.shape[0] * levels))
    for first in range(0, taus.size, size):
        near = slice(first, first + size)
        p = probability[:, near]
        amplitudes = np.zeros((p.shape[1], p.shape[0], levels))
        for n, at, c in battery_amplitudes_by_photons(tables, taus[near], p > LEAST_PROBABILITY):
            amplitudes[at, n] = np.sqrt(p[n, at, None]) * c
        found[near] = [log_negativity_of_pure(one) for one in amplitudes]
    return found


def battery_z_spread(basis: CoupledBasis, M: Array, c: Array) -> tuple[Array, Array]:
    r"""Mean and variance of :math:`J_B^z` in states :math:`\sum_J c_J|J,M\rangle`, (S, K) -> (S,).

    The variance is the squared length of :math:`(J_B^z-\langle J_B^z\rangle)\psi`: nothing cancels.
    """
    m = M[:, None]
    span = np.sqrt(np.maximum(basis.J[1:] ** 2 - m * m, 0.0)) * basis.coupling[1:]
    z = m * basis.diagonal * c
    z[:, 1:] += span * c[:, :-1]
    z[:, :-1] += span * c[:, 1:]
    mean = (c * z).sum(axis=1)
    return mean, ((z - mean[:, None] * c) ** 2).sum(axis=1)


def pair_emission(basis: CoupledBasis, M: Array, weight: Array) -> Array:
    r""":math:`\langle J^+J^+J^-J^-\rangle` of states, `weight` (S, K) on the ladders at M (S,)."""
    m = M[:, None]
    return np.asarray(
        (weight * lowering_squared(basis.J, m) * lowering_squared(basis.J, m - 1.0)).sum(axis=1)
    )


def photon_states(
    tables: Unravelling, taus: Array, active: Active, with_ergotropy: bool
) -> PhotonStates:
    """Read the states where `active` (photons + 1, T)."""
    found = PhotonStates(*(np.zeros(active.shape) for _ in range(5)))
    basis = tables.basis
    for n, at, c in amplitudes_by_photons(tables, taus, active):
        M = np.full(at.size, basis.m_start - n)
        mean, variance = battery_z_spread(basis, M, c)
        found.energy[n, at] = 0.5 + mean / basis.n_battery
        found.energy_variance[n, at] = variance / basis.n_battery**2
        found.emission[n, at] = (c**2 * lowering_squared(basis.J, M[:, None])).sum(axis=1)
        found.pairs[n, at] = pair_emission(basis, M, c**2)
        if with_ergotropy:
            populations = (c @ clebsch_gordan(basis, M[:1])[0]) ** 2
            found.ergotropy[n, at] = ladder_ergotropy(populations)
    return found


def information(
    names: tuple[str, ...],
    tables: Unravelling,
    taus: Array,
    over: OverRuns,
    unseen: Unseen | None = None,
) -> tuple[dict[str, Array], dict[str, Array | None]]:
    """Values and standard errors of those of `OF_STATES` that are in `names`.

    Without `unseen` there are no errors: `over` holds probabilities.
    """
    active = over.weight > 1e-20 if over.runs is None else over.weight > 0
    of_run = {name: np.zeros(active.shape) for name in OF_STATES}
    average = np.zeros((taus.size, tables.basis.n_battery + 1))
    for n, at, p in populations_by_photons(tables, taus, active):
        of_run[PURITY][n, at] = (p**2).sum(axis=1)
        of_run[ENTROPY][n, at] = entropy_in_bits(p)
        average[at] += over.weight[n, at, None] * p
    average /= over.runs or 1
    if GAIN in names:
        for n, at, p in populations_by_photons(tables, taus, active):
            told = -cross_entropy(p, average[at]) - of_run[ENTROPY][n, at]
            of_run[GAIN][n, at] = np.maximum(told, 0.0)  # but for rounding
    asked = [name for name in OF_STATES if name in names]
    errors: dict[str, Array | None] = dict.fromkeys(asked)
    if unseen is not None:
        assert over.runs is not None
        spins = tables.basis.n_battery
        most = unseen_of_states(unseen, spins, math.log2(spins + 1.0), over.runs)
        errors |= {name: over.error(of_run[name], most[name]) for name in asked}
    return {name: over.mean(of_run[name]) for name in asked}, errors
