r"""Exact photon counting, without single runs: who has emitted how many photons by when.

The populations of the ladders alone decide it. They are a birth and death chain on each J, whose
generator :math:`Q=L+E+A` has the losses L, the emissions E (M to :math:`M-1`) and the absorptions
A. Counting emissions with :math:`e^{s}` tilts it, :math:`Q_s = L + e^{s}E + A` (full counting
statistics: Levitov and Lesovik 1993; Garrahan and Lesanovsky 2010); its derivatives at s = 0 are

.. math:: \dot p=Qp,\quad \dot q=Qq+Ep,\quad \dot r=Qr+2Eq+Ep,

with q and r the mean and mean square of the photon number, resolved by (J, M). At :math:`T=0` the
photon number is :math:`M_0-M` and p says everything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import (
    Experiment,
    of_the_reservoir,
    only_on_ladders,
    to_be_solved,
)
from darkbattery.nvmodel.refusal import InputError, output_times, refused_sizes
from darkbattery.nvmodel.solution import Distribution, Reading
from darkbattery.trajectories.propagate.chains import pair_chains, propagate
from darkbattery.trajectories.reading.conditional import unravelling
from darkbattery.trajectories.reading.fluctuations import (
    COUNTING,
    LEAST_EMISSION,
    NEED_ERGOTROPY,
    OF_STATES,
    OVER_RUNS,
    OverRuns,
    fano_factor,
    fluctuations,
    g2_zero,
    ratio,
)
from darkbattery.trajectories.reading.kinetic import RELIABILITY_BOUND, reliability_bound
from darkbattery.trajectories.reading.photonstates import information, pair_emission, photon_states
from darkbattery.trajectories.space.angular import (
    CoupledBasis,
    coupled_basis,
    lowering_squared,
    starts,
)

Array = NDArray[np.float64]

# sparse products of the counting equations at T > 0, in elements: some 30 s
MOST_WORK = 1e10
# (photons, times) cells of the exact distribution at T = 0, and elements of all its populations
MOST_CELLS = 8_000_000
MOST_POPULATIONS = 4_000_000_000
# states that are less probable add less than this to any mean
LEAST_PROBABILITY = 1e-20


@dataclass(frozen=True, eq=False)
class LadderPopulations:
    r"""Populations of :math:`|J,M\rangle` at the output times, (T, rows, K); M from the top."""

    basis: CoupledBasis
    M: Array
    population: Array


def ladder_populations(battery: Experiment, taus: Array) -> LadderPopulations:
    """The diagonal of the average state in the coupled basis, propagated by itself."""
    basis = coupled_basis(battery.n_battery, battery.n_charger)
    cells = (2.0 * basis.J[-1] + 1.0) * basis.n_ladders * taus.size
    _refuse(battery, cells, 16.0 * MOST_CELLS, "cells of photon counting")
    chains = pair_chains(basis, battery.occupation, furthest=0)
    state = np.zeros_like(chains.loss)
    for start in starts(battery, basis):
        state[round(chains.M[0] - start.M)] += start.probability * start.amplitude**2
    states, _, _ = propagate(chains, state, taus, np.zeros((0, *state.shape)))
    # rounding leaves -1e-17 where nothing is
    return LadderPopulations(basis, chains.M, np.maximum(states, 0.0))


def photon_probabilities(battery: Experiment, taus: Array) -> Array:
    """:math:`T=0`: probability of n photons until each time, (photons + 1, T).

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> photon_probabilities(CollectiveBattery(1, 1), np.array([0.0, 50.0])).round(6)
    array([[1. , 0.5],
           [0. , 0.5]])
    """
    ladders = ladder_populations(battery, taus)
    first = round(ladders.M[0] - ladders.basis.m_start)
    return np.asarray(ladders.population.sum(axis=2)[:, first:].T)


def exact_fluctuations(battery: Experiment, times: Array, names: tuple[str, ...]) -> Reading:
    """Those of COUNTING and OVER_RUNS that are in `names`, exactly, and the reliability's bound.

    OVER_RUNS and the bound at :math:`T=0` with every photon recorded; COUNTING at any temperature.
    At :math:`T=0` with the probabilities of the numbers of ``emitted_photons``.
    """
    taus = times * battery.gamma
    over_runs = [name for name in names if name in (*OVER_RUNS, RELIABILITY_BOUND)]
    if over_runs:
        refuse_unknown_records(battery, over_runs[0])
    if battery.occupation > 0.0:
        return Reading(_counting_at_temperature(battery, taus, names))
    if not {*COUNTING, *OVER_RUNS, RELIABILITY_BOUND} & set(names):
        return Reading({})
    probability = photon_probabilities(battery, taus)
    with_ergotropy = bool(set(NEED_ERGOTROPY) & set(names))
    if with_ergotropy or set(OF_STATES) & set(names):
        elements = float(probability.size) * (battery.n_battery + 1.0)
        _refuse(battery, elements, MOST_POPULATIONS, "conditional populations")
    active = probability > LEAST_PROBABILITY
    states = photon_states(unravelling(battery), taus, active, with_ergotropy)
    wanted = tuple(name for name in names if name in (*COUNTING, *OVER_RUNS))
    over = OverRuns(probability, None)
    values, _ = fluctuations(wanted, states, over, battery.n_charger)
    if set(OF_STATES) & set(names):
        values |= information(names, unravelling(battery), taus, over)[0]
    if RELIABILITY_BOUND in names:
        read = np.where(active, probability, 0.0)
        values[RELIABILITY_BOUND] = reliability_bound(states, read, taus, battery.n_charger)
    photons = np.arange(probability.shape[0], dtype=float)
    counted = Distribution.of_values("photons", photons, probability.T)
    return Reading(values, distributions={"emitted_photons": counted})


def records_follow(battery: Experiment) -> bool:
    """Whether a run's state follows from its photon number alone: :math:`T=0`, no photon missed."""
    return battery.occupation == 0.0 and battery.counts_every_photon


def refuse_unknown_records(battery: Experiment, name: str) -> None:
    """Refuse what needs single runs, unless the photon number alone decides a run's state."""
    if not records_follow(battery):
        raise InputError(
            "observables",
            name,
            "without single runs only at nbar = 0 where every photon is counted; use sample",
        )


def _counting_at_temperature(
    battery: Experiment, taus: Array, names: tuple[str, ...]
) -> dict[str, Array]:
    values: dict[str, Array] = {}
    if "g2_zero" in names:
        ladders = ladder_populations(battery, taus)
        J, T = ladders.basis.J, taus.size
        rate = (ladders.population * lowering_squared(J, ladders.M[:, None])).sum(axis=(1, 2))
        pairs = np.zeros(T)
        for row, M in enumerate(ladders.M):
            pairs += pair_emission(ladders.basis, np.full(T, M), ladders.population[:, row])
        values["g2_zero"] = g2_zero(pairs, rate, battery.n_charger)
    if {"emitted_photons_variance", "fano_factor"} & set(names):
        mean, square = emitted_moments(battery, taus)
        values["emitted_photons_variance"] = square - mean**2
        values["fano_factor"] = fano_factor(square - mean**2, mean)
    return values


def emitted_moments(battery: Experiment, taus: Array) -> tuple[Array, Array]:
    """Mean and mean square of the number of emitted photons, at any temperature.

    The three equations above as one sparse generator, its exponential applied by truncated Taylor
    series to rounding (Al-Mohy and Higham 2011).
    """
    basis = coupled_basis(battery.n_battery, battery.n_charger)
    chains = pair_chains(basis, battery.occupation, furthest=0)
    rows, K = chains.loss.shape
    size = rows * K
    # a state of rows and ladders as one vector: the row above is K places before
    emission = _shifted(chains.gain_above, -K)
    q = emission + _shifted(chains.gain_below, K)
    on_diagonal = (chains.loss.ravel(), (range(size), range(size)))
    q = (q - scipy.sparse.csr_matrix(on_diagonal, (size, size))).tocsr()
    _refuse(
        battery,
        9.0 * size * 2.0 * float(chains.loss.max()) * float(taus[-1]),
        MOST_WORK,
        "operations of photon counting",
    )
    blocks = [[q, None, None], [emission, q, None], [emission, 2.0 * emission, q]]
    generator = scipy.sparse.bmat(blocks).tocsr()
    state = np.zeros((3, rows, K))
    for start in starts(battery, basis):
        row = round(chains.M[0] - start.M)
        state[0, row] += start.probability * start.amplitude**2
    vector, now = state.ravel(), 0.0
    trace = -3.0 * float(chains.loss.sum())
    found = np.empty((taus.size, 2))
    for i, tau in enumerate(taus):
        if tau > now:
            vector = scipy.sparse.linalg.expm_multiply(
                generator * (tau - now), vector, traceA=trace * (tau - now)
            )
            now = tau
        found[i] = vector.reshape(3, -1)[1:].sum(axis=1)
    return found[:, 0], found[:, 1]


def second_order_coherence(battery: Experiment, time: float, delays: Array) -> Array:
    r"""How a photon at `time` goes with one a delay later, at any temperature.

    .. math:: g^{(2)}(t,\tau)=\frac{\langle J^+(t)\,J^+J^-(t+\tau)\,J^-(t)\rangle}
              {\langle J^+J^-\rangle(t)\,\langle J^+J^-\rangle(t+\tau)}

    by the regression theorem (Lax 1963): the populations after an emission at t, propagated on. A
    late `time` gives the steady state's. Delays are :math:`\ge0` and increasing; NaN once the
    emission is over.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> second_order_coherence(CollectiveBattery(1, 9), 0.0, np.array([0.0])).round(6)
    array([1.777778])
    """
    battery = of_the_reservoir(battery)
    only_on_ladders(battery, "second_order_coherence")
    t = output_times([time])
    taus = output_times(delays) * battery.gamma
    battery = to_be_solved(battery, t + taus[-1:] / battery.gamma)
    ladders = ladder_populations(battery, t * battery.gamma)
    basis, now = ladders.basis, ladders.population[0]
    chains = pair_chains(basis, battery.occupation, furthest=0)
    down = np.where(chains.inside(basis), lowering_squared(basis.J, chains.M[:, None]), 0.0)
    after = np.zeros_like(now)
    after[1:] = (down * now)[:-1]
    nothing = np.zeros((0, *now.shape))
    rate = float((down * now).sum())
    later = (propagate(chains, now, taus, nothing)[0] * down).sum(axis=(1, 2))
    pairs = (propagate(chains, after, taus, nothing)[0] * down).sum(axis=(1, 2))
    lit = (later > LEAST_EMISSION * battery.n_charger) & (rate > LEAST_EMISSION * battery.n_charger)
    return np.where(lit, ratio(pairs, rate * later), np.nan)


def _shifted(gain: Array, shift: int) -> scipy.sparse.csr_matrix:
    """The matrix that carries gain[r] into row r from `shift` places further on."""
    values = gain.ravel()
    to = np.flatnonzero(values)
    return scipy.sparse.csr_matrix((values[to], (to, to + shift)), (values.size, values.size))


def _refuse(battery: Experiment, needed: float, most: float, what: str) -> None:
    if needed > most:
        raise refused_sizes(
            battery.sizes,
            f"need {needed:.2g} {what}, at most {most:.2g}; take fewer spins or sample",
        )
