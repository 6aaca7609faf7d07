r"""Coupled angular momentum: the basis :math:`|J,M\rangle` in which the problem falls apart.

Collective damping conserves :math:`J^2` with :math:`J=J_B+J_C`, so each J is a ladder of its own.
The start, battery down and charger up, spreads over the ladders :math:`J=|j_C-j_B|+k`,
:math:`k=0,1,\dots`. Standard theory of angular momentum: Varshalovich, Moskalev and Khersonskii
1988, chapter 8.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.kernelcache import KERNEL, apart
from darkbattery.nvmodel.refusal import InputError

Array = NDArray[np.float64]

# weights p_J below this are left out. Amplitudes are their square roots, and coherences between
# a kept and a left-out ladder would be of this root's size: 1e-11, below every tolerance we state.
WEIGHT_TAIL = 1e-22
MOST_LADDERS = 20_000_000
# ladders whose coefficients are made side by side, and values at which recursions are scaled down
ABREAST, LARGE = 32, 1e150
# spins of a battery from which on that is worth its compilation, three times as long
MANY = 200
_LANES = np.uint64(ABREAST)


class Ladders(NamedTuple):
    """How many ladders matter, and how high: what the cost of all methods goes by.

    Attributes
    ----------
    n_battery : int
    number : int
        K.
    rows : float
        2J + 1 of the highest.
    """

    n_battery: int
    number: int
    rows: float


@dataclass(frozen=True, eq=False)
class CoupledBasis:
    r"""The ladders :math:`J_k=|N_C-N_B|/2+k` that the start reaches, and :math:`J_B^z` on them.

    Attributes
    ----------
    n_battery, n_charger : int
    J : ndarray (K,)
        Total angular momentum of each ladder.
    weight : ndarray (K,)
        Probability of each ladder in the start :math:`|j_B,-j_B\rangle|j_C,j_C\rangle`, whose
        amplitudes alternate in sign with k:

        .. math:: p_J=\frac{(2J+1)\,(2j_B)!\,(2j_C)!}{(j_B+j_C+J+1)!\,(j_B+j_C-J)!} .
    m_start : float
        M of the start, :math:`j_C-j_B`.
    diagonal : ndarray (K,)
        :math:`g_J`, with :math:`\langle JM|J_B^z|JM\rangle = M g_J`; 0 at J = 0.
    coupling : ndarray (K,)
        :math:`f_J`, with :math:`\langle J{-}1,M|J_B^z|JM\rangle=f_J\sqrt{J^2-M^2}` (Condon and
        Shortley's phases, battery first); 0 for the lowest ladder.
    """

    n_battery: int
    n_charger: int
    J: Array
    weight: Array
    m_start: float
    diagonal: Array
    coupling: Array

    @property
    def n_ladders(self) -> int:
        """K."""
        return self.J.size

    @property
    def ladders(self) -> Ladders:
        """How many ladders, and how high."""
        return Ladders(self.n_battery, self.J.size, 2.0 * float(self.J[-1]) + 1.0)


def coupled_basis(n_battery: int, n_charger: int, tail: float = WEIGHT_TAIL) -> CoupledBasis:
    r"""The ladders whose weights matter: the left-out ones together weigh less than `tail`.

    For :math:`R>1` the weights fall like :math:`R^{-k}`, so that about :math:`50/\ln R` ladders
    remain at any size.

    Examples
    --------
    >>> basis = coupled_basis(1, 5)
    >>> print(basis.J, basis.weight)
    [2. 3.] [0.83333333 0.16666667]
    """
    n, larger = min(n_battery, n_charger), max(n_battery, n_charger)
    d = larger - n
    weight = ladder_weights(n, larger, tail)
    k = np.arange(weight.size, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):  # J = 0 and J = 1/2 are set by hand
        g_smaller = (2.0 * k * (d + k + 1.0) - float(n) * d) / ((d + 2.0 * k) * (d + 2.0 * k + 2.0))
        f = np.sqrt(k * (k + d) * (n - k + 1.0) * (larger + k + 1.0)) / (
            (d + 2.0 * k) * np.sqrt((d + 2.0 * k - 1.0) * (d + 2.0 * k + 1.0))
        )
    f[0] = 0.0
    diagonal = g_smaller if n_battery <= n_charger else 1.0 - g_smaller
    if d == 0:
        diagonal[0] = 0.0
    return CoupledBasis(
        n_battery=n_battery,
        n_charger=n_charger,
        J=d / 2 + k,
        weight=weight,
        m_start=(n_charger - n_battery) / 2,
        diagonal=diagonal,
        coupling=f,
    )


def ladders_of(n_battery: int, n_charger: int) -> Ladders:
    """How many ladders matter, remembered; refused as `coupled_basis` refuses them.

    >>> ladders_of(1, 5)
    Ladders(n_battery=1, number=2, rows=7.0)
    """
    found = _ladders_or_refusal(n_battery, n_charger)
    if isinstance(found, InputError):
        raise found
    return found


FEW_LADDERS = 100  # whose basis is remembered: 4 kB


def basis_of(n_battery: int, n_charger: int) -> CoupledBasis:
    """`coupled_basis`, remembered where it is small: a sweep has many models of the same spins.

    >>> basis_of(1, 5) is basis_of(1, 5)
    True
    """
    few = ladders_of(n_battery, n_charger).number <= FEW_LADDERS
    return (_small_basis if few else coupled_basis)(n_battery, n_charger)


@lru_cache(maxsize=64)
def _small_basis(n_battery: int, n_charger: int) -> CoupledBasis:
    return coupled_basis(n_battery, n_charger)


@lru_cache(maxsize=256)
def _ladders_or_refusal(n_battery: int, n_charger: int) -> Ladders | InputError:
    try:
        return coupled_basis(n_battery, n_charger).ladders
    except InputError as refusal:
        return refusal


def ladder_weights(smaller: int, larger: int, tail: float = WEIGHT_TAIL) -> Array:
    r""":math:`p_J` from the lowest ladder on, :math:`J=D/2+k`, cut where the rest weighs < `tail`.

    By the ratio of neighbours from the exact first weight :math:`(D+1)/(\text{larger}+1)`, D =
    larger - smaller,

    .. math:: \frac{p_{k+1}}{p_k}=\frac{D+2k+3}{D+2k+1}\cdot\frac{smaller-k}{larger+k+2},

    because differences of log-gamma functions lose their digits at large N. A relative error of
    about :math:`10^{-16}\sqrt k` remains.

    >>> ladder_weights(2, 2)
    array([0.33333333, 0.5       , 0.16666667])
    """
    d = larger - smaller
    parts = [np.array([(d + 1) / (larger + 1)])]
    start, chunk = 0, 64
    while start < smaller:
        if start > MOST_LADDERS:
            raise InputError(
                "n_battery, n_charger",
                (smaller, larger),
                f"need more than {MOST_LADDERS} ladders J; take R further from 1 or fewer spins",
            )
        k = np.arange(start, min(start + chunk, smaller), dtype=float)
        ratio = (d + 2.0 * k + 3.0) / (d + 2.0 * k + 1.0) * ((smaller - k) / (larger + k + 2.0))
        weight = parts[-1][-1] * np.cumprod(ratio)
        # past the peak the ratios fall, so the rest is below a geometric series
        rest = np.where(ratio < 1.0, weight * ratio / np.maximum(1.0 - ratio, 1e-300), np.inf)
        enough = np.flatnonzero(rest < tail)
        if enough.size:
            parts.append(weight[: enough[0] + 1])
            break
        parts.append(weight)
        start += k.size
        chunk = min(2 * chunk, 1 << 20)
    return np.concatenate(parts)


def lowering_squared(J: Any, M: Any) -> Any:
    r""":math:`a_J(M)^2=J(J+1)-M(M-1)=(J+M)(J-M+1)`, 0 outside the ladder.

    >>> float(lowering_squared(0.5, 0.5))
    1.0
    """
    return np.maximum((J + M) * (J - M + 1.0), 0.0)


@njit(inline="always")
def rates_from_sums(g: Any, g_q: Any, q: Any, across: Any, M: Any, nbar: Any) -> Any:
    """:math:`J_B^z`, its rate, both photon rates from means of g, g q and :math:`q=a_J(M)^2-M`.

    `across` is what neighbouring ladders add to the mean of :math:`J_B^z`.
    """
    warm = 2.0 * nbar + 1.0
    return (
        g * M + across,
        across * (M - warm) - g_q - warm * M * g,
        (nbar + 1.0) * (q + M),
        nbar * (q - M),
    )


def clebsch_gordan(basis: CoupledBasis, M: Array) -> Array:
    r"""Coefficients :math:`\langle j_B m_B, j_C\,M{-}m_B|J M\rangle`.

    At fixed M they are the eigenvectors of the tridiagonal matrix of :math:`J^2` in :math:`m_B`,
    whose eigenvalue :math:`J(J+1)` is known. A recursion from either end, each run into growing
    values and the two joined in the middle, gives them without loss at any size.

    Parameters
    ----------
    basis : CoupledBasis
    M : ndarray (n,)
        Total projections.

    Returns
    -------
    ndarray (n, K, N_B + 1)
        Condon and Shortley's phases; 0 where :math:`|M|>J` or :math:`|M-m_B|>j_C`. The last axis is
        the battery's number of excitations, :math:`m_B+j_B`.

    Examples
    --------
    >>> print(clebsch_gordan(coupled_basis(1, 1), np.array([0.0])).round(6))  # singlet, triplet
    [[[-0.707107  0.707107]
      [ 0.707107  0.707107]]]
    """
    out = np.zeros((M.size, basis.n_ladders, basis.n_battery + 1))
    # the same bits either way
    fill = _clebsch_gordan_abreast if basis.n_battery >= MANY else _clebsch_gordan
    fill(basis.n_battery / 2, basis.n_charger / 2, basis.J, np.asarray(M, float), out)
    return out


@njit(**KERNEL)
def _clebsch_gordan(jb: float, jc: float, J: Array, M: Array, out: Array) -> None:
    for i in range(M.size):
        low, high = max(-jb, M[i] - jc), min(jb, M[i] + jc)
        size = round(high - low) + 1
        first = round(low + jb)
        diag, off = np.empty(size), np.empty(size)
        for s in range(size):
            b = low + s
            c = M[i] - b
            diag[s] = jb * (jb + 1) + jc * (jc + 1) + 2 * b * c
            off[s] = np.sqrt((jb - b) * (jb + b + 1) * (jc + c) * (jc - c + 1))
        for k in range(J.size):
            if abs(M[i]) <= J[k]:
                known_eigenvector(diag, off, J[k] * (J[k] + 1), out[i, k, first : first + size])


@njit(**KERNEL)
def _clebsch_gordan_abreast(jb: float, jc: float, J: Array, M: Array, out: Array) -> None:
    """`_clebsch_gordan`, ABREAST ladders at once."""
    longest = round(2.0 * min(jb, jc)) + 1
    diag, off = np.empty(longest), np.empty(longest)
    left, right = np.zeros(longest * ABREAST), np.zeros(longest * ABREAST)
    inside = np.empty(J.size, dtype=np.int64)
    for i in range(M.size):
        low, high = max(-jb, M[i] - jc), min(jb, M[i] + jc)
        size = round(high - low) + 1
        first = round(low + jb)
        for s in range(size):
            b = low + s
            c = M[i] - b
            diag[s] = jb * (jb + 1) + jc * (jc + 1) + 2 * b * c
            off[s] = np.sqrt((jb - b) * (jb + b + 1) * (jc + c) * (jc - c + 1))
        ladders = 0
        for k in range(J.size):
            if abs(M[i]) <= J[k]:
                inside[ladders] = k
                ladders += 1
        for begin in range(0, ladders, ABREAST):
            some = inside[begin : min(begin + ABREAST, ladders)]
            _known_eigenvectors(diag, off, size, J, some, left, right)
            for lane in range(some.size):
                row = out[i, some[lane]]
                for s in range(size):
                    row[first + s] = left[ABREAST * s + lane]


@njit(error_model="numpy")
def _known_eigenvectors(
    diag: Array, off: Array, n: int, J: Array, ladders: NDArray[np.int64], left: Array, right: Array
) -> None:
    """`known_eigenvector`, with the same bits, of up to ABREAST ladders: left (n, ABREAST), flat.

    Each step of a recursion waits for the division of the one before: side by side, ladders share
    the wait. `right` is room.
    """
    count, lanes = ladders.size, np.uint64(ladders.size)
    eigenvalue, join, best = np.empty(count), np.zeros(count), np.full(count, np.inf)
    scale, norm = np.empty(count), np.zeros(count)
    for lane in range(count):
        j = J[ladders[lane]]
        eigenvalue[lane] = j * (j + 1)
        left[lane] = right[ABREAST * (n - 1) + lane] = 1.0
    if n == 1:
        return
    _find_joins(lanes, eigenvalue, diag, off, n, best, join)
    _recur_up(lanes, eigenvalue, diag, off, left, int(join.max()) + 1, join)
    _recur_down(lanes, eigenvalue, diag, off, n, right, int(join.min()), join)
    # both are known at join and join + 1; scaled by the larger, the other may be a node
    for lane in range(count):
        place = ABREAST * int(join[lane]) + lane
        pivot = place if abs(right[place]) > abs(right[place + ABREAST]) else place + ABREAST
        scale[lane] = right[pivot] / left[pivot]
    _normalise(lanes, left, right, n, scale, join, norm)


@njit(error_model="numpy")
def _find_joins(
    lanes: Any, eigenvalue: Array, diag: Array, off: Array, n: int, best: Array, join: Array
) -> None:
    """Where the diagonal is nearest the eigenvalue: the middle of the oscillating region."""
    apart()
    for s in range(n - 1):
        diagonal, width, place = diag[s], off[s] + (off[s - 1] if s else 0.0), float(s)
        for lane in range(lanes):
            distance = abs(eigenvalue[lane] - diagonal) / width
            nearer = distance < best[lane]
            best[lane] = distance if nearer else best[lane]
            join[lane] = place if nearer else join[lane]


@njit(error_model="numpy")
def _recur_up(
    lanes: Any, eigenvalue: Array, diag: Array, off: Array, v: Array, steps: int, join: Array
) -> None:
    """From the first row to join + 1 of each lane."""
    apart()
    for s in range(steps):
        before, place, large = (off[s - 1] if s else 0.0), float(s), np.uint64(0)
        here = np.uint64(ABREAST * s)
        back = np.uint64(ABREAST * max(s - 1, 0))
        for lane in range(lanes):
            product = (eigenvalue[lane] - diag[s]) * v[here + lane]
            value = (product - before * v[back + lane]) / off[s]
            going = place <= join[lane]
            v[here + _LANES + lane] = value if going else 0.0
            large += np.uint64(going & (abs(value) > LARGE))
        if large != np.uint64(0):
            _shrink(lanes, v, s + 1, (0, s + 2))


@njit(error_model="numpy")
def _recur_down(
    lanes: Any, eigenvalue: Array, diag: Array, off: Array, n: int, v: Array, last: int, join: Array
) -> None:
    """From row n - 1 to join of each lane."""
    apart()
    for s in range(n - 1, last, -1):
        before, place, large = (off[s] if s < n - 1 else 0.0), float(s), np.uint64(0)
        there = np.uint64(ABREAST * (s - 1))
        back = np.uint64(ABREAST * min(s + 1, n - 1))
        for lane in range(lanes):
            product = (eigenvalue[lane] - diag[s]) * v[there + _LANES + lane]
            value = (product - before * v[back + lane]) / off[s - 1]
            going = place > join[lane]
            v[there + lane] = value if going else 0.0
            large += np.uint64(going & (abs(value) > LARGE))
        if large != np.uint64(0):
            _shrink(lanes, v, s - 1, (s - 1, n))


@njit(error_model="numpy")
def _shrink(lanes: Any, v: Array, row: int, rows: tuple[int, int]) -> None:
    """Lanes that have grown large in a row."""
    for i in range(lanes):
        lane = np.int64(i)
        if abs(v[ABREAST * row + lane]) > LARGE:
            for s in range(rows[0], rows[1]):
                v[ABREAST * s + lane] *= 1e-150


@njit(error_model="numpy")
def _normalise(
    lanes: Any, left: Array, right: Array, n: int, scale: Array, join: Array, norm: Array
) -> None:
    """Left rows times `scale` until join, then right ones; each lane to norm 1, in `left`."""
    apart()
    for s in range(n):
        row, place = np.uint64(ABREAST * s), float(s)
        for lane in range(lanes):
            first, second = left[row + lane], right[row + lane]
            inside = place <= join[lane]
            value = (scale[lane] if inside else 1.0) * (first if inside else second)
            left[row + lane] = value
            norm[lane] += value * value
    for lane in range(lanes):
        norm[lane] = np.sqrt(norm[lane])
    for s in range(n):
        row = np.uint64(ABREAST * s)
        for lane in range(lanes):
            left[row + lane] /= norm[lane]


@njit(**KERNEL)
def known_eigenvector(diag: Array, off: Array, eigenvalue: float, v: Array) -> None:
    """Fill v (n,) with the normalised eigenvector of a tridiagonal matrix, its end positive.

    `off[s]` couples s and s + 1 and is not zero; the eigenvalue is known to rounding.
    """
    n = diag.size
    if n == 1:
        v[0] = 1.0
        return
    # joined where the diagonal is nearest the eigenvalue: the middle of the oscillating region
    join, best = 0, np.inf
    for s in range(n - 1):
        distance = abs(eigenvalue - diag[s]) / (off[s] + (off[s - 1] if s else 0.0))
        if distance < best:
            join, best = s, distance
    left, right = np.zeros(n), np.zeros(n)
    left[0], right[n - 1] = 1.0, 1.0
    for s in range(join + 1):
        before = off[s - 1] * left[s - 1] if s else 0.0
        left[s + 1] = ((eigenvalue - diag[s]) * left[s] - before) / off[s]
        if abs(left[s + 1]) > 1e150:
            for i in range(s + 2):
                left[i] *= 1e-150
    for s in range(n - 1, join, -1):
        after = off[s] * right[s + 1] if s < n - 1 else 0.0
        right[s - 1] = ((eigenvalue - diag[s]) * right[s] - after) / off[s - 1]
        if abs(right[s - 1]) > 1e150:
            for i in range(s - 1, n):
                right[i] *= 1e-150
    # both are known at join and join + 1; scale by the larger, the other may be a node
    pivot = join if abs(right[join]) > abs(right[join + 1]) else join + 1
    scale = right[pivot] / left[pivot]
    norm = 0.0
    for s in range(n):
        v[s] = scale * left[s] if s <= join else right[s]
        norm += v[s] * v[s]
    # the coefficient of the highest m_B is positive, and right[n - 1] was started so
    for s in range(n):
        v[s] /= np.sqrt(norm)


# --- what the charging starts from


@dataclass(frozen=True, eq=False)
class Start:
    """One pure state of a mixture: its weight, its M, and its amplitude on each ladder."""

    probability: float
    M: float
    amplitude: Array


def starts(battery: Experiment, basis: CoupledBasis) -> tuple[Start, ...]:
    r"""The mixture the charging starts from; the charger is all up.

    A thermal battery of one spin is up with probability :math:`\bar n/(2\bar n+1)`. Thermal
    batteries of more spins leave the symmetric ladder and are refused.
    """
    alternating = np.where((np.arange(basis.n_ladders)) % 2 == 0, 1.0, -1.0)
    down = Start(1.0, basis.m_start, alternating * np.sqrt(basis.weight))
    if battery.battery_start == "down" or battery.occupation == 0.0:
        return (down,)
    if battery.n_battery > 1:
        raise InputError(
            "battery_start",
            "thermal",
            f"needs n_battery = 1 (here {battery.n_battery}): more thermal spins leave the "
            "symmetric states, which this engine does not hold yet",
        )
    up = np.zeros(basis.n_ladders)
    up[-1] = 1.0  # all spins up: the top of the highest ladder
    hot = battery.thermal_energy
    return (
        Start(1.0 - hot, down.M, down.amplitude),
        Start(hot, basis.m_start + 1.0, up),
    )
