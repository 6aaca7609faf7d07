r"""The master equation as independent chains in M, and their exact propagation.

In :math:`|J,M\rangle` the numbers :math:`\rho_{JM,J'M}` of a pair (J, J') obey

.. math:: \dot\rho_{JJ'}(M) = (\bar n+1)\,a_J(M{+}1)a_{J'}(M{+}1)\,\rho_{JJ'}(M{+}1)
          + \bar n\,u_J(M{-}1)u_{J'}(M{-}1)\,\rho_{JJ'}(M{-}1)
          - \tfrac12[(\bar n+1)(a_J^2+a_{J'}^2)+\bar n(u_J^2+u_{J'}^2)]\,\rho_{JJ'}(M)

in units of 1/gamma, with :math:`a_J(M)^2=(J+M)(J-M+1)` and :math:`u_J(M)=a_J(M+1)`: tridiagonal
(bidiagonal at nbar = 0), every pair by itself. All chains are stored as columns of one array whose
rows are M = J_top, J_top - 1, ..., so that one sweep advances all of them in vector registers.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from trajectories.angular import CoupledBasis, lowering_squared
from trajectories.radau import ORDER, POLES, RESIDUES

Array = NDArray[np.float64]

# largest accepted difference between one step and two half steps, which themselves are more
# accurate by 2^15; what is left is far below the rounding of the residues, 1e-13 a step
STEP_TOLERANCE = 1e-9

# where halving changed less than this, the next few steps of the same size are taken whole
UNVERIFIED_BELOW = 1e-11
MOST_UNVERIFIED = 4

# a state that a step of at least 1/(gamma (2 nbar + 1)) moves less than this has arrived: every
# mode but the steady ones decays at that rate or faster (a test diagonalises the chains). Longer
# steps would lose digits to rates times step.
STATIONARY_STEP = 1.0
STATIONARY_CHANGE = 1e-13


@dataclass(frozen=True, eq=False)
class Chains:
    """The generator of a set of pairs (J_k, J_k'), in units of gamma.

    Attributes
    ----------
    M : ndarray (rows,)
        Total projection of each row, descending from the highest kept J.
    first, second : ndarray (chains,)
        Indices k >= k' of each pair.
    gain_above, gain_below, loss : ndarray (rows, chains)
        Rates into a row from the row above (emission) and below (absorption), and out of it.
    """

    M: Array
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    gain_above: Array
    gain_below: Array
    loss: Array

    def inside(self, basis: CoupledBasis) -> NDArray[np.bool_]:
        """Where |M| <= J of both ladders, shape (rows, chains)."""
        return np.abs(self.M)[:, None] <= basis.J[self.second]


def pair_chains(basis: CoupledBasis, nbar: float, furthest: int) -> Chains:
    """Chains of all pairs with |k - k'| <= `furthest`, ordered by distance, then by k.

    >>> from trajectories.angular import coupled_basis
    >>> chains = pair_chains(coupled_basis(1, 2), nbar=0.0, furthest=1)
    >>> print(chains.M, chains.first, chains.second)
    [ 1.5  0.5 -0.5 -1.5] [0 1 1] [0 1 0]
    """
    K = basis.n_ladders
    distances = range(min(furthest, K - 1) + 1)
    first = np.concatenate([np.arange(distance, K) for distance in distances])
    second = np.concatenate([np.arange(K - distance) for distance in distances])
    M = basis.J[-1] - np.arange(round(2 * basis.J[-1]) + 1)
    column = M[:, None]
    lower_one = lowering_squared(basis.J[first], column)
    lower_two = lowering_squared(basis.J[second], column)
    raise_one = lowering_squared(basis.J[first], column + 1)
    raise_two = lowering_squared(basis.J[second], column + 1)
    inside = np.abs(column) <= basis.J[second]
    down = np.where(inside, np.sqrt(lower_one * lower_two), 0.0)
    up = np.where(inside, np.sqrt(raise_one * raise_two), 0.0)
    gain_above, gain_below = np.zeros_like(down), np.zeros_like(down)
    gain_above[1:] = (nbar + 1.0) * down[:-1]
    gain_below[:-1] = nbar * up[1:]
    loss = 0.5 * ((nbar + 1.0) * (lower_one + lower_two) + nbar * (raise_one + raise_two))
    return Chains(M, first, second, gain_above, gain_below, np.where(inside, loss, 0.0))


class Generator(NamedTuple):
    """What the sweeps need of `Chains`, plus the weights of the integrated emission."""

    above: Array
    below: Array
    loss: Array
    emission: Array
    thermal: bool


def propagate(
    chains: Chains, start: Array, taus: Array, emission: Array, slowest: float = 1.0
) -> tuple[Array, Array, float]:
    """Propagate `start` (rows, chains) exactly to all `taus` (gamma t, increasing).

    Steps of the (7, 8) Pade approximant in partial fractions that land on every output time. The
    error is measured by halving steps.

    Parameters
    ----------
    emission : ndarray (rows, chains)
        Weights whose sum over the state is integrated along: the number of emitted photons.
    slowest : float
        Every mode but the steady ones decays at this rate or faster: 2 nbar + 1.

    Returns
    -------
    states : ndarray (len(taus), rows, chains)
    integral : ndarray (len(taus),)
    error : float
        Estimated largest error of any element of any state.
    """
    states = np.empty((taus.size, *start.shape))
    integral = np.empty(taus.size)
    generator = Generator(
        chains.gain_above, chains.gain_below, chains.loss, emission, bool(chains.gain_below.any())
    )
    fastest_at_start = float(np.max(np.where(start != 0.0, chains.loss, 0.0)))
    first_step = 1.0 / max(fastest_at_start, 1e-300)
    stationary_step = STATIONARY_STEP / slowest
    error = _propagate(
        generator, POLES, RESIDUES, taus, start, first_step, stationary_step, states, integral
    )
    return states, integral, error


@njit(cache=True, error_model="numpy")
def _propagate(
    q: Generator,
    poles: Array,
    residues: Array,
    taus: Array,
    start: Array,
    step: float,
    stationary_step: float,
    states: Array,
    integral: Array,
) -> float:
    # one row of zeros above the first
    rows, columns = start.shape
    scratch = np.zeros((4, rows + 1, columns))
    x, whole = np.empty((rows, columns)), np.empty((rows, columns))
    half, two = np.empty((rows, columns)), np.empty((rows, columns))
    for r in range(rows):
        for c in range(columns):
            x[r, c] = start[r, c]
    _lift_denormals(x)
    y, now, error = 0.0, 0.0, 0.0
    verified_step, difference, unverified = 0.0, 0.0, 0
    stationary = False
    for i in range(taus.size):
        if stationary:
            y += (taus[i] - now) * _weighted_sum(q.emission, x)
            now = taus[i]
        while now < taus[i]:
            left = taus[i] - now
            step = min(step, 4.0 * stationary_step)
            # equal steps to the output time, so that no sliver is left at its end
            h = left / np.ceil(left / step) if left > step else left
            y_next = _step(h, x, y, q, poles, residues, whole, scratch)
            if (
                h <= verified_step
                and difference < UNVERIFIED_BELOW
                and unverified < MOST_UNVERIFIED
            ):
                unverified += 1
                error += difference
                before, x, whole = x, whole, x
            else:
                y_half = _step(h / 2, x, y, q, poles, residues, half, scratch)
                y_two = _step(h / 2, half, y_half, q, poles, residues, two, scratch)
                difference = abs(y_two - y_next) / (1.0 + abs(y_two))
                difference = max(difference, _largest_difference(two, whole))
                growth = 0.9 * (STEP_TOLERANCE / max(difference, 1e-300)) ** (1.0 / (ORDER + 1))
                if difference > STEP_TOLERANCE and h > 1e-15 * taus[i]:
                    step = h * max(0.1, min(0.7, growth))
                    continue
                error += difference * 2.0**-ORDER
                step = max(step, h * min(4.0, growth)) if growth > 1.0 else h * growth
                verified_step, unverified = 1.01 * h, 0
                before, x, two = x, two, x
                y_next = y_two
            _lift_denormals(x)
            y = y_next
            now = taus[i] if h == left else now + h
            if h >= stationary_step and _largest_difference(x, before) < STATIONARY_CHANGE:
                stationary = True
                y += (taus[i] - now) * _weighted_sum(q.emission, x)
                now = taus[i]
        # loops rather than slices here and below: a slice's checks take seconds to compile
        for r in range(x.shape[0]):
            for c in range(x.shape[1]):
                states[i, r, c] = x[r, c]
        integral[i] = y
    return error


@njit(error_model="numpy")
def _largest_difference(one: Array, other: Array) -> float:
    largest = 0.0
    for r in range(one.shape[0]):
        for c in range(one.shape[1]):
            largest = max(largest, abs(one[r, c] - other[r, c]))
    return largest


@njit(error_model="numpy")
def _weighted_sum(weights: Array, x: Array) -> float:
    total = 0.0
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            total += weights[r, c] * x[r, c]
    return total


@njit(error_model="numpy")
def _lift_denormals(x: Array) -> None:
    """Put a floor of 1e-100 under all magnitudes: tails would fade into denormals, 100x slower."""
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            if abs(x[r, c]) < 1e-100:
                x[r, c] = 1e-100


@njit(error_model="numpy")
def _step(
    h: float,
    x: Array,
    y: float,
    q: Generator,
    poles: Array,
    residues: Array,
    out: Array,
    scratch: Array,
) -> float:
    """out = r(h Q) x for r the rational approximant; returns the integral at the step's end."""
    rows, chains = x.shape
    y_out = 0.0
    flow = np.empty((2, chains))
    for r in range(rows):
        for c in range(chains):
            out[r, c] = 0.0
    for j in range(poles.size):
        zr, zi = poles[j].real, poles[j].imag
        cr, ci = 2.0 * residues[j].real, 2.0 * residues[j].imag
        if q.thermal:
            _solve_tridiagonal(h, x, q, zr, zi, scratch)
        else:
            _solve_bidiagonal(h, x, q, zr, zi, scratch)
        for c in range(chains):
            flow[0, c], flow[1, c] = 0.0, 0.0
        for r in range(rows):
            for c in range(chains):
                sr, si = scratch[0, r + 1, c], scratch[1, r + 1, c]
                out[r, c] += cr * sr - ci * si
                flow[0, c] += q.emission[r, c] * sr
                flow[1, c] += q.emission[r, c] * si
        # the integral is one more row of the generator, with rate 0: its own solve is a division
        nr, ni = -y, 0.0
        for c in range(chains):
            nr += h * flow[0, c]
            ni += h * flow[1, c]
        norm = 1.0 / (zr * zr + zi * zi)
        y_out += cr * (nr * zr + ni * zi) * norm - ci * (ni * zr - nr * zi) * norm
    return y_out


@njit(error_model="numpy")
def _solve_bidiagonal(
    h: float, x: Array, q: Generator, zr: float, zi: float, scratch: Array
) -> None:
    """scratch[0] + i scratch[1] = (hQ - z)^-1 x below a row of zeros, where nothing climbs."""
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            g = h * q.above[r, c]
            dr, di = -h * q.loss[r, c] - zr, -zi
            nr, ni = x[r, c] - g * scratch[0, r, c], -g * scratch[1, r, c]
            norm = 1.0 / (dr * dr + di * di)
            scratch[0, r + 1, c] = (nr * dr + ni * di) * norm
            scratch[1, r + 1, c] = (ni * dr - nr * di) * norm


@njit(error_model="numpy")
def _solve_tridiagonal(
    h: float, x: Array, q: Generator, zr: float, zi: float, scratch: Array
) -> None:
    """The same by elimination down the rows, factors kept in scratch[2:], then back up."""
    rows, chains = x.shape
    for r in range(rows):
        for c in range(chains):
            g = h * q.above[r, c]
            dr = -h * q.loss[r, c] - zr - g * scratch[2, r, c]
            di = -zi - g * scratch[3, r, c]
            nr, ni = x[r, c] - g * scratch[0, r, c], -g * scratch[1, r, c]
            norm = 1.0 / (dr * dr + di * di)
            scratch[0, r + 1, c] = (nr * dr + ni * di) * norm
            scratch[1, r + 1, c] = (ni * dr - nr * di) * norm
            u = h * q.below[r, c] * norm
            scratch[2, r + 1, c] = u * dr
            scratch[3, r + 1, c] = -u * di
    for r in range(rows - 1, 0, -1):
        for c in range(chains):
            sr, si = scratch[0, r + 1, c], scratch[1, r + 1, c]
            fr, fi = scratch[2, r, c], scratch[3, r, c]
            scratch[0, r, c] -= fr * sr - fi * si
            scratch[1, r, c] -= fr * si + fi * sr
