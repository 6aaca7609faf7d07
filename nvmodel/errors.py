r"""Standard errors of what single runs give: one rule, for every tally of both engines.

The scatter of n runs says nothing of what they did not meet: a rare event leaves no trace until the
first one, and two runs that agree prove little. So each error holds three parts (docs/physics.md):

.. math:: \epsilon^2=\frac{s^2}{n}+\frac{\max(u,\,s\ln n)^2}{n^2}+\rho^2 .

s is the standard deviation over runs, of the quantity or of its influence on what is asked. The
second part is one run that was not seen, put at the distance u that a single event makes, or at
that of the largest of n exponential deviations. rho is half a step of the fixed-point sums, or
the rounding of rates that are differences: after a burst they fall below it. Where
nothing can have happened yet, u is zero and so is the error.

Intervals take Student's factor for n - 1 degrees of freedom: value +- `confidence_factor` times the
error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
T = TypeVar("T")

SIGMAS = 2.0  # of the intervals that people read
# a burst later than most has a tail; before, most runs are in it and the sample knows
FEW_ARE_LATE = 0.5
# runs with events after which their scatter says how far one goes
WITNESSES = 30.0


def confidence_factor(runs: int, sigmas: float = SIGMAS) -> float:
    """By what to multiply the standard error of so many runs for an interval of `sigmas`.

    Student's t with runs - 1 degrees of freedom, at the probability that a normal variable lies
    within `sigmas` (95.45 % for 2); NaN for fewer than two runs.

    >>> [round(confidence_factor(runs), 2) for runs in (2, 5, 20, 100, 10**6)]
    [13.97, 2.87, 2.14, 2.03, 2.0]
    """
    if runs < 2:
        return math.nan
    return float(scipy.special.stdtrit(runs - 1, scipy.special.ndtr(sigmas)))


def mean_error(
    variance: ArrayLike, runs: int, unseen: ArrayLike = 0.0, resolution: ArrayLike = 0.0
) -> Array:
    """Standard error of a mean over runs, or of what is a mean of influences.

    Parameters
    ----------
    variance : array_like (T,)
        Sample variance over runs, with runs - 1.
    unseen : array_like
        How far off a run may lie that differs by a single event; see `Unseen`.
    resolution : array_like
        Half a step of the sums' fixed point.

    Examples
    --------
    No event in 100 runs leaves room for one in 100; nothing that can happen leaves none.

    >>> mean_error([0.0, 0.0], 100, unseen=[1.0, 0.0])
    array([0.01, 0.  ])
    """
    square = np.asarray(variance, dtype=float)
    if runs < 2:
        return np.full(np.broadcast_shapes(square.shape, np.shape(unseen)), np.nan)
    beyond = np.maximum(np.asarray(unseen), np.sqrt(square) * math.log(runs))
    return np.asarray(np.sqrt(square / runs + (beyond / runs) ** 2 + np.square(resolution)))


def unseen_scatter(known: ArrayLike, variance: ArrayLike, runs: int) -> Array:
    r"""How far off an unseen run must lie for an error to hold a scatter that is known beforehand.

    Few runs may draw nothing of what a start certainly scatters by: thermal photons of which no
    run had one. Then u = sqrt(runs (known - variance)) makes the standard error that of `known`.

    >>> error = mean_error(0.0, 20, unseen_scatter(0.3125, 0.0, 20))
    >>> round(float(error**2 * 20), 9)
    0.3125
    """
    return np.sqrt(runs * np.maximum(np.asarray(known) - np.asarray(variance), 0.0))


def farther(one: Mapping[str, Array], other: Mapping[str, Array]) -> dict[str, Array]:
    """The farther of two runs that were not seen, by observable; all of `one`."""
    return {name: np.maximum(far, other.get(name, 0.0)) for name, far in one.items()}


def least_variance_error(variance: ArrayLike, runs: int) -> Array:
    """Least standard error of a variance over few runs, by the chi-square distribution.

    A small sample variance says little of how large the true one may be: its interval reaches to
    (runs - 1) V/chi^2 at 95.45 % from one side, and is at least the normal distribution's
    V sqrt(2/(runs - 1)).

    >>> [float(least_variance_error(1.0, runs).round(3)) for runs in (2, 5, 1000)]
    [21.92, 1.72, 0.045]
    """
    if runs < 2:
        return np.full(np.shape(variance), np.nan)
    free = runs - 1.0
    upper = free / scipy.special.chdtri(free, 2.0 * scipy.special.ndtr(SIGMAS) - 1.0) - 1.0
    return np.asarray(variance) * max(upper / confidence_factor(runs), math.sqrt(2.0 / free))


def kinked_error(margin: ArrayLike, error: ArrayLike, runs: int) -> Array:
    r"""Standard error of max(0, x) for x = `margin` known to `error`.

    Above the kink it is that of x. Below, the interval of max(0, x) reaches as far as that of x,
    and beyond its end the root mean square of max(0, x) is left, so that it never is exactly zero.

    >>> kinked_error([1.0, 0.0, -0.1, -0.3], 0.1, 10**6).round(5)
    array([0.1    , 0.1    , 0.05   , 0.00143])
    """
    x, sigma = np.asarray(margin, dtype=float), np.asarray(error, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.where(x < 0.0, -x / sigma, 0.0)
    below = np.where(np.isnan(below), 0.0, np.minimum(below, 30.0))
    density = np.exp(-0.5 * below**2) / math.sqrt(2.0 * math.pi)
    left = np.sqrt(np.maximum((1.0 + below**2) * scipy.special.ndtr(-below) - below * density, 0.0))
    return np.asarray(sigma * np.maximum(1.0 - below / confidence_factor(runs), left))


def bent_error(
    functional: Callable[[Array], Array], at: Array, along: Array, error: Array, runs: int
) -> Array:
    r"""Standard error of a convex function of populations where it bends within its interval.

    An ergotropy f is piecewise linear: its slope at p says nothing of a sorting that begins to pay
    just beyond. With u one standard error of p, in the direction in which the energy scatters, and
    c the factor of the interval, the error is at least :math:`[f(p\pm cu)-f(p)]/c`; for one spin
    that is `kinked_error` before its tail.

    Parameters
    ----------
    functional : callable
        Of populations (T, levels).
    at, along : ndarray (T, levels)
        p and u.
    error : ndarray (T,)
        By the slope at p.

    Examples
    --------
    >>> inversion = lambda p: np.maximum(0.0, p[:, 1] - p[:, 0])
    >>> p, u = np.array([[0.52, 0.48]]), np.array([[-0.02, 0.02]])
    >>> bent_error(inversion, p, u, np.array([0.0]), 10**6).round(3)
    array([0.02])
    """
    factor = confidence_factor(runs)
    if not math.isfinite(factor):
        return error
    here, found = functional(at), error
    for step in (factor, -factor):
        there = functional(np.maximum(at + step * along, 0.0))
        found = np.maximum(found, (there - here) / factor)
    return np.asarray(found)


def without_each(found: Callable[[NDArray[np.bool_]], T], sizes: NDArray[np.int64]) -> list[T]:
    """What is found from the other groups of runs, without each group that has any.

    Parameters
    ----------
    found : callable
        Of a mask of the groups that are kept.
    sizes : ndarray of int (groups,)
        Numbers of runs; see `nvmodel.tally.RunSpans.group_counts`.

    Examples
    --------
    >>> values, sizes = np.array([3.0, 0.0, 5.0]), np.array([1, 0, 1])
    >>> without_each(lambda kept: float(values[kept].sum()), sizes)
    [5.0, 3.0]
    """
    present = np.flatnonzero(sizes)
    groups = np.arange(sizes.size)
    return [found(groups != g) for g in present] if present.size > 1 else []


def jackknife_variance(left_out: Array) -> Array:
    """Variance of a function of averages, from its values without each group (Efron 1982).

    `left_out` is (groups, T), of `without_each`; NaN for fewer than two.

    >>> jackknife_variance(np.array([[5.0], [3.0]]))
    array([1.])
    """
    groups = left_out.shape[0]
    if groups < 2:
        return np.full(left_out.shape[1:], np.nan)
    mean = left_out.mean(axis=0)
    return np.asarray(((left_out - mean) ** 2).sum(axis=0) * (groups - 1) / groups)


def jackknife_error(whole: Array, left_out: Array, runs: int, unseen: ArrayLike = 0.0) -> Array:
    """Standard error of a function of averages from its values without one group each.

    Parameters
    ----------
    whole : ndarray (T,)
        Of all runs.
    left_out : ndarray (groups, T)
        Of `without_each`.
    unseen : array_like
        How far a single run of another kind moves it, times the number of runs.

    Notes
    -----
    The jackknife's estimate of the bias, (groups - 1)(mean - whole), is part of the error: the
    value is left alone.
    """
    groups = left_out.shape[0]
    if groups < 2:
        return np.full_like(whole, np.nan)
    square = jackknife_variance(left_out)
    bias = (groups - 1) * (left_out.mean(axis=0) - whole)
    # without one of two runs there is no variance: what was not seen is left
    known = np.isfinite(square) | np.isnan(whole)
    found = np.hypot(mean_error(square * runs, runs, unseen), bias)
    return np.where(known, found, mean_error(np.zeros_like(whole), runs, unseen))


@dataclass(frozen=True)
class Unseen:
    """How far from the others a run may lie that was not seen, over times, each (T,).

    Attributes
    ----------
    energy : ndarray
        Per spin of the battery, in hbar omega.
    charger, power, rate, absorption, photons, mode, absorbed, pairs, lowering, lost : ndarray
        Of the charger's energy, of dE_B/dt, of emission, of absorption, of photon numbers, of
        photons in a resonator, of <J^+J^+J^-J^->, of <J^+J^->, of excitations lost to single-spin
        processes.
    """

    energy: Array
    charger: Array
    power: Array
    rate: Array
    absorption: Array
    photons: Array
    mode: Array
    absorbed: Array
    pairs: Array

    lowering: Array
    lost: Array

    @property
    def ergotropy(self) -> Array:
        """Of an ergotropy: a spin turned over makes twice its energy."""
        return np.minimum(1.0, 2.0 * self.energy)

    @property
    def of_means(self) -> dict[str, Array]:
        """By name of the observables that are means over runs."""
        return {
            "battery_energy": self.energy,
            "charger_energy": self.charger,
            "power": self.power,
            "emission_rate": self.rate,
            "photons": self.mode,
            "absorption_rate": self.absorption,
            "emitted_photons": self.photons,
            "absorbed_photons": self.absorbed,
            "recorded_photons": self.photons,
            "local_loss": self.lost,
            "daemonic_ergotropy": self.ergotropy,
        }


def unseen_runs(
    n_battery: int,
    n_charger: int,
    nbar: float,
    gamma: float,
    times: Array,
    runs: int,
    local: float = 0.0,
    mixed: bool = False,
    dark: bool = True,
    witnessed: ArrayLike = 0.0,
    left: ArrayLike = 0.0,
) -> Unseen:
    r"""What one event more or less makes, and a run whose burst is late.

    An event moves one excitation: energies by a step per spin, rates by what one rung of the ladder
    gives, a power by heat and by single spins, too. Where fewer than one event is expected in all
    runs, y < 1, its weight is y(1 - ln y): so it tends to zero at t = 0 and where all is dark. Once
    some `WITNESSES` runs had events of the rarest kind, their scatter knows what one makes, and the
    weight falls exponentially with their number. A burst comes later than t with probability
    :math:`\Delta e^{-\Delta\gamma t}`, Delta = \|N_C - N_B\| (the delay's Gumbel tail); such a run
    lies as far off as the whole charge.

    Parameters
    ----------
    local : float
        Largest rate of events of one spin.
    mixed : bool
        Whether runs differ at t = 0 already.
    dark : bool
        Whether nothing happens after the burst but what heat does: no local process, no protocol.
    witnessed : array_like (T,)
        Events of the rarest kind in a run so far, on average, as counted.
    left : array_like (T,)
        Events still to come in a run, on average, where few runs have any.
    """
    spins, ladder = float(n_battery + n_charger), max(float(abs(n_charger - n_battery)), 1.0)
    tau = gamma * np.asarray(times, dtype=float)
    events = (2.0 * nbar + 1.0) * (0.5 * spins + 1.0) ** 2 * tau + local * spins * np.asarray(times)
    begin = np.ones_like(tau) if mixed else _weight(runs * events)
    begun = begin * np.exp(-runs * np.minimum(1.0, np.asarray(witnessed)) / WITNESSES)
    still = runs * np.asarray(left)
    begun = np.maximum(begun, begin * _weight(still) * np.exp(-still / WITNESSES))
    over = dark & burst_is_over(n_battery, n_charger, tau)
    tail = late_runs(n_battery, n_charger, tau, runs) if dark else np.zeros_like(tau)
    # once the burst is over a rung above the lowest holds what heat brings
    busy = np.where(over, _weight(runs * nbar), begun)
    pairs = np.where(over, _weight(runs * nbar**2), begun)
    warm = nbar + 1.0
    # one J more of the dark states: see `trajectories.reading.endstates`
    step = min(1.0, max(1.0, n_charger / (abs(n_charger - n_battery) + 1.0)) / n_battery)
    top = (0.5 * spins) ** 2

    def reach(one: float, least: Array, whole: float) -> Array:
        return np.maximum(np.minimum(one, whole) * least, whole * tail)

    rate = reach(spins, busy, top)
    return Unseen(
        energy=reach(step, begun, 1.0),
        charger=reach(1.0 / n_charger, begun, min(1.0, ladder / n_charger)),
        power=(gamma * (warm + nbar) * rate + local * begun) / n_battery,
        rate=gamma * warm * rate,
        absorption=gamma * nbar * rate,
        photons=reach(1.0, begun, ladder),
        mode=reach(1.0, begun, ladder),
        absorbed=_weight(runs * nbar * events) if nbar > 0.0 else np.zeros_like(tau),
        pairs=reach(2.0 * spins**2, pairs, top**2),
        lowering=rate,
        lost=_weight(runs * local * spins * np.asarray(times)),
    )


def burst_is_over(n_battery: float, n_charger: float, taus: Array) -> NDArray[np.bool_]:
    """Whether the burst of most runs is, at times taus/gamma."""
    return _late(max(abs(n_charger - n_battery), 1.0), taus) < FEW_ARE_LATE


def late_runs(n_battery: float, n_charger: float, taus: Array, runs: int) -> Array:
    """Weight of a run whose burst is not over at time taus/gamma and was not seen; 0 ... 1."""
    late = _late(max(abs(n_charger - n_battery), 1.0), taus)
    expected = runs * late
    weight = _weight(expected) * np.exp(np.minimum(0.0, 1.0 - expected))
    return np.where(late < FEW_ARE_LATE, weight, 0.0)


def _late(ladder: float, taus: Array) -> Array:
    return np.minimum(1.0, ladder * np.exp(-np.minimum(ladder * taus, 700.0)))


def _weight(expected: ArrayLike) -> Array:
    """y(1 - ln y) of the expected number of events y, 1 from one on."""
    y = np.clip(np.asarray(expected, dtype=float), 0.0, 1.0)
    return np.where(y > 0.0, y * (1.0 - np.log(np.where(y > 0.0, y, 1.0))), 0.0)
