r"""A detector that misses photons: what its record says, at T = 0.

Given the true record, a run's state after n photons is :math:`|\psi(n,t)\rangle`, whatever the
photons' times (`trajectories.reading.photonstates`). An observer who records each photon with
probability eta therefore holds the mixture

.. math:: \rho(t)=\sum_n w_n(t)\,|\psi(n,t)\rangle\langle\psi(n,t)|,\qquad
          w_n=\sum_J\pi_J(n)\Big/\sum_{J,n'}\pi_J(n'),

where :math:`\pi_J(n)` is the joint weight of his record, the ladder J and n emitted photons. With
:math:`\lambda_J(n)=a_J(M_0-n)^2` and time in :math:`1/\gamma`, starting from :math:`\pi_J(0)=p_J`,
between recorded photons

.. math:: \dot\pi_J(n)=-\lambda_J(n)\pi_J(n)+(1-\eta)\lambda_J(n{-}1)\pi_J(n{-}1),

and :math:`\pi_J(n+1)\leftarrow\eta\lambda_J(n)\pi_J(n)` at each of them. This is the unnormalised
stochastic master equation of an inefficient photodetector (Wiseman and Milburn 2010, section 4.8)
in the coupled basis, whose off-diagonal elements follow from the diagonal ones because every block
of M is pure.

The linear flow is solved by uniformisation (Jensen 1953): a Poisson mixture of powers of a matrix
without negative elements, so that nothing cancels and the truncation is bounded.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.refusal import refused_memory
from darkbattery.nvmodel.streams import PHOTON_DETECTION, WORDS, fill_uniform
from darkbattery.nvmodel.tally import Tally
from darkbattery.trajectories.jumps.counts.sums import (
    EMISSION,
    EMITTED,
    ENERGY,
    ERGOTROPY,
    PAIRS,
    QUANTITIES,
    RECORDED,
    VARIANCE,
    Sums,
    add_populations,
    add_run,
    add_spread,
)
from darkbattery.trajectories.jumps.counts.tally import JumpStudy
from darkbattery.trajectories.jumps.photons.walks import Starts, photon_times
from darkbattery.trajectories.reading.conditional import Unravelling, decay_tables, unravelling
from darkbattery.trajectories.reading.photonstates import photon_states, populations_by_photons
from darkbattery.trajectories.space.angular import lowering_squared

Array = NDArray[np.float64]

MOST_TABLE = 64_000_000  # doubles: 512 MB
# expected photons of the fastest ladder in one piece of the flow: exp(-200) is no denormal
PIECE = 200.0
# the Poisson weights left out; the relative error of what is kept is no larger
POISSON_TAIL = 1e-17
# Probability of a ladder and photon number that is dropped from the mixture, which is wrong by no
# more, since that is how often a run is there.
LEAST_WEIGHT = 1e-25


class Flow(NamedTuple):
    """The flow between recorded photons, and room for it.

    Attributes
    ----------
    rate : ndarray (K, photons + 1)
        As in `DetectedStates`.
    missed : float
        Probability that a photon is not recorded.
    work : ndarray (4, K, photons + 1)
    """

    rate: Array
    missed: float
    work: Array


class MixtureRead(NamedTuple):
    """What is read of a run's mixture at all times: for `add_run` (7, T), and for `add_spread`."""

    quantities: Array
    spread: Array


class DetectedStates(NamedTuple):
    r"""Tables over the number of emitted photons, (photons + 1, T) unless said otherwise.

    Attributes
    ----------
    n_battery, n_charger, gamma, m_start : float
        Of the model: sizes, rate and M of the start.
    rate : ndarray (K, photons + 1)
        :math:`\lambda_J(n)`.
    weight : ndarray (K,)
        :math:`p_J`.
    z, z_rate, emission, variance, pairs : ndarray
        Mean and rate of :math:`J_B^z`, :math:`\langle J^+J^-\rangle`, quantum variance of
        :math:`H_B/N_B`, :math:`\langle J^+J^+J^-J^-\rangle`.
    populations : ndarray (photons + 1, T, N_B + 1)
        Of the battery; empty unless asked for.
    """

    n_battery: float
    n_charger: float
    gamma: float
    m_start: float
    rate: Array
    weight: Array
    z: Array
    z_rate: Array
    emission: Array
    variance: Array
    pairs: Array
    populations: Array


def detected_states(
    battery: Experiment, tables: Unravelling, taus: Array, ladder: bool
) -> DetectedStates:
    """All states an observer's mixture can hold; refused where the tables would be too large."""
    basis = tables.basis
    photons = round(basis.J[-1] + basis.m_start)
    shape = (photons + 1, taus.size)
    size = float(shape[0]) * shape[1] * (basis.n_battery + 1 if ladder else 1)
    if size > MOST_TABLE:
        advice = f"take fewer times{' or energies only' if ladder else ''}"
        efficiency = battery.detector_efficiency
        raise refused_memory("detector_efficiency", efficiency, "a table", size, MOST_TABLE, advice)
    always = np.ones(shape, dtype=bool)
    means = decay_tables(tables, taus, always)
    states = photon_states(tables, taus, always, with_ergotropy=False)
    populations = np.zeros((*shape, basis.n_battery + 1) if ladder else (0, 0, 0))
    if ladder:
        for n, at, p in populations_by_photons(tables, taus, always):
            populations[n, at] = p
    M = basis.m_start - np.arange(photons + 1)
    return DetectedStates(
        float(battery.n_battery),
        float(battery.n_charger),
        battery.gamma,
        basis.m_start,
        np.ascontiguousarray(lowering_squared(basis.J[:, None], M)),
        basis.weight / basis.weight.sum(),
        means[0],
        means[1],
        means[2],
        states.energy_variance,
        states.pairs,
        populations,
    )


def count_detected(study: JumpStudy, first: int, runs: int) -> Tally:
    """Make runs first ... first + runs - 1 and add them up as the observer describes them."""
    battery, counts = study.battery, study.no_runs_yet()
    tables, taus = unravelling(battery), study.times * battery.gamma
    span = np.uint64(study.seed), first, runs, taus, study.times
    starts = Starts(tables.cumulative, tables.basis.J, tables.m_starts)
    states = detected_states(battery, tables, taus, study.needs_populations)
    sums = study.sums_into(counts)
    add_detected_runs(*span, starts, battery.detector_efficiency, states, sums)
    return study.tally(first, runs, counts)


@njit(cache=True, error_model="numpy")
def add_detected_runs(
    seed: int,
    first: int,
    runs: int,
    taus: Array,
    times: Array,
    starts: Starts,
    efficiency: float,
    states: DetectedStates,
    sums: Sums,
) -> None:
    """Add the runs first ... first + runs - 1 to `sums`, as the observer describes them."""
    T, last, photons = taus.size, taus[taus.size - 1], states.rate.shape[1]
    halfway = int(np.ceil(states.m_start))  # the photon after which M <= 0
    clicks = np.empty(photons)
    mixture, quantities = np.empty((T, photons)), np.empty((7, T))
    spread = np.zeros((QUANTITIES, T))
    read = MixtureRead(quantities, spread)
    for run in range(first, first + runs):
        ladder, jump_taus = photon_times(seed, run, starts, last)
        jumps = jump_taus.size
        recorded = thin(seed, run, jump_taus, jumps, efficiency, clicks)
        filter_record(clicks[:recorded], taus, efficiency, states.rate, states.weight, mixture)
        sums.ladders[ladder] += 1
        _read_mixture(mixture, states, read)
        emitted, seen = 0, 0
        for i in range(T):
            while emitted < jumps and jump_taus[emitted] <= taus[i]:
                emitted += 1
            while seen < recorded and clicks[seen] <= taus[i]:
                seen += 1
            quantities[5, i], spread[EMITTED, i], spread[RECORDED, i] = emitted, emitted, seen
        burst = 0.0 if halfway <= 0 else np.inf
        if 0 < halfway <= jumps:
            burst = jump_taus[halfway - 1]
        add_run(quantities, 0, burst, taus, times, sums)
        cell = int(recorded / sums.photon_width)
        sums.recorded[min(cell, sums.recorded.size - 1)] += 1
        if states.populations.size:
            _add_populations(run, mixture, states.populations, spread[ERGOTROPY], sums)
        if sums.spread_total.size:
            add_spread(run, spread, sums)


@njit(error_model="numpy")
def thin(
    seed: int, run: int, jump_taus: Array, jumps: int, efficiency: float, clicks: Array
) -> int:
    """Times of the recorded photons into `clicks`; their number.

    Photon j of run i is recorded if the j-th number of its own stream is below the efficiency: the
    same run, and a record that only grows with the efficiency.
    """
    draws = np.empty(WORDS)
    recorded = 0
    for j in range(jumps):
        if j % WORDS == 0:
            fill_uniform(seed, PHOTON_DETECTION, run, j // WORDS, draws)
        if draws[j % WORDS] < efficiency:
            clicks[recorded] = jump_taus[j]
            recorded += 1
    return recorded


@njit(cache=True, error_model="numpy")
def filter_record(
    clicks: Array, taus: Array, efficiency: float, rate: Array, weight: Array, mixture: Array
) -> None:
    """mixture (T, photons + 1) = probabilities of n emitted photons given the record so far.

    Parameters
    ----------
    clicks : ndarray
        Times of the recorded photons, increasing.
    taus : ndarray (T,)
        Output times; a photon recorded at one counts.
    rate, weight
        See `DetectedStates`.
    """
    K, photons = rate.shape
    pi = np.zeros((K, photons))
    flow = Flow(rate, 1.0 - efficiency, np.empty((4, K, photons)))
    for k in range(K):
        pi[k, 0] = weight[k]
    low, high, now, seen = 0, 0, 0.0, 0
    for i in range(taus.size):
        while seen < clicks.size and clicks[seen] <= taus[i]:
            low, high = _unseen(pi, low, high, flow, clicks[seen] - now)
            now = clicks[seen]
            high = min(high + 1, photons - 1)
            for k in range(K):
                for n in range(high, low, -1):
                    pi[k, n] = rate[k, n - 1] * pi[k, n - 1]
                pi[k, low] = 0.0
            low += 1
            low, high = _normalise(pi, low, high)
            seen += 1
        low, high = _unseen(pi, low, high, flow, taus[i] - now)
        now = taus[i]
        for n in range(photons):
            mixture[i, n] = 0.0
            if low <= n <= high:
                for k in range(K):
                    mixture[i, n] += pi[k, n]


@njit(error_model="numpy")
def _unseen(pi: Array, low: int, high: int, flow: Flow, tau: float) -> tuple[int, int]:
    """Let `tau` pass without a recorded photon; occupied are low <= n <= high."""
    K, photons = pi.shape
    left, rate = tau, flow.rate
    while left > 0.0:
        fastest = 0.0
        for k in range(K):
            reached = False
            for n in range(low, photons):
                reached = reached or pi[k, n] > 0.0
                if reached:
                    fastest = max(fastest, rate[k, n])
        if fastest == 0.0:
            break
        step = min(left, PIECE / fastest)
        # the last piece takes all that is left, to the bit
        left = left - step if step < left else 0.0
        high = _piece(pi, low, high, flow, fastest, fastest * step)
        low, high = _normalise(pi, low, high)
    return low, high


@njit(error_model="numpy")
def _piece(pi: Array, low: int, high: int, flow: Flow, fastest: float, x: float) -> int:
    r"""pi = sum over m of Poisson(m; x) B^m pi, with B = 1 + (generator)/fastest."""
    K, photons = pi.shape
    rate, missed, work = flow.rate, flow.missed, flow.work
    term, following, total, scaled = work[0], work[1], work[2], work[3]
    poisson = np.exp(-x)
    for k in range(K):
        for n in range(low, photons):
            term[k, n] = pi[k, n] if n <= high else 0.0
            following[k, n] = 0.0
            total[k, n] = poisson * term[k, n]
            scaled[k, n] = rate[k, n] / fastest
    m = 0
    # what is left of a Poisson distribution beyond m > x is below a geometric series
    while m < x or poisson * x / (m + 1.0 - x) > POISSON_TAIL:
        m += 1
        poisson *= x / m
        high = min(high + 1, photons - 1) if missed > 0.0 else high
        for k in range(K):
            following[k, low] = term[k, low] * (1.0 - scaled[k, low])
            for n in range(low + 1, high + 1):
                arrives = missed * scaled[k, n - 1] * term[k, n - 1]
                following[k, n] = term[k, n] * (1.0 - scaled[k, n]) + arrives
            for n in range(low, high + 1):
                total[k, n] += poisson * following[k, n]
        term, following = following, term
    for k in range(K):
        for n in range(low, high + 1):
            pi[k, n] = total[k, n]
    return high


@njit(error_model="numpy")
def _normalise(pi: Array, low: int, high: int) -> tuple[int, int]:
    """Divide by the sum, drop what is negligible; the first and last n that are occupied."""
    K = pi.shape[0]
    total = 0.0
    for k in range(K):
        for n in range(low, high + 1):
            total += pi[k, n]
    first, last = high, low
    for k in range(K):
        for n in range(low, high + 1):
            pi[k, n] /= total
            if pi[k, n] < LEAST_WEIGHT:
                pi[k, n] = 0.0
            else:
                first, last = min(first, n), max(last, n)
    return first, last


@njit(error_model="numpy")
def _read_mixture(mixture: Array, states: DetectedStates, read: MixtureRead) -> None:
    """Conditional means at every time; the variance of a mixture holds that of its means."""
    n_battery, n_charger, gamma = states.n_battery, states.n_charger, states.gamma
    quantities, spread = read.quantities, read.spread
    for i in range(mixture.shape[0]):
        z, z_rate, emission, pairs, photons = 0.0, 0.0, 0.0, 0.0, 0.0
        for n in range(mixture.shape[1]):
            w = mixture[i, n]
            z += w * states.z[n, i]
            z_rate += w * states.z_rate[n, i]
            emission += w * states.emission[n, i]
            pairs += w * states.pairs[n, i]
            photons += w * n
        variance = 0.0
        for n in range(mixture.shape[1]):
            apart = (states.z[n, i] - z) / n_battery
            variance += mixture[i, n] * (states.variance[n, i] + apart * apart)
        quantities[0, i] = 0.5 + z / n_battery
        quantities[1, i] = 0.5 + (states.m_start - photons - z) / n_charger
        quantities[2, i] = gamma * z_rate / n_battery
        quantities[3, i] = gamma * emission
        quantities[4, i] = 0.0
        quantities[6, i] = 0.0
        spread[ENERGY, i], spread[VARIANCE, i] = quantities[0, i], variance
        spread[EMISSION, i], spread[PAIRS, i] = emission, pairs


@njit(error_model="numpy")
def _add_populations(run: int, mixture: Array, populations: Array, work: Array, sums: Sums) -> None:
    p = np.empty(populations.shape[2])
    for i in range(mixture.shape[0]):
        for m in range(p.size):
            p[m] = 0.0
        for n in range(mixture.shape[1]):
            if mixture[i, n] > 0.0:
                for m in range(p.size):
                    p[m] += mixture[i, n] * populations[n, i, m]
        work[i] = add_populations(run, i, p, 0, 0, p.size, p.size - 1, sums)
