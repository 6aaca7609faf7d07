r"""Noise of single spins as jumps between Dicke states.

For a state of N spins that is symmetric under their exchange, and q one of z (:math:`\sigma^z/2`),
+ and -, :math:`\sum_n s_q^{(n)}\rho s_q^{(n)\dagger}` is that of exactly three jumps
:math:`\sqrt c\,T` with :math:`T|j,m\rangle=t\,|j',m+q\rangle`, :math:`j'=j,j-1,j+1` (Chase and
Geremia 2008; Shammah et al. 2018, Table II). How many irreps there are of each j is inside c.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.spins import LocalNoise

Array = NDArray[np.float64]
Operator = Literal["z", "+", "-"]

SHIFT: dict[Operator, int] = {"z": 0, "+": 1, "-": -1}
"""By how much each operator moves m."""


def channel_strength(spins: int, change: int, j: ArrayLike) -> Array:
    r"""c of the jump :math:`j\to j+\text{change}`, 0 where there is none.

    For a change of 0, -1 and 1 it is

    .. math:: \frac{N/2+1}{2j(j+1)},\quad \frac{N/2+j+1}{2j(2j+1)},\quad
              \frac{N/2-j}{2(j+1)(2j+1)}.

    >>> print(channel_strength(2, 0, [1.0, 0.0]), channel_strength(2, -1, [1.0, 0.5]))
    [0.5 0. ] [0.5 1.25]
    """
    a = np.asarray(j, dtype=float)
    if change == 1:
        return np.asarray((spins / 2 - a) / (2.0 * (a + 1.0) * (2.0 * a + 1.0)))
    above = spins / 2 + 1.0 if change == 0 else spins / 2 + a + 1.0
    below = 2.0 * a * (a + 1.0 if change == 0 else 2.0 * a + 1.0)
    return np.asarray(np.where(a > 0.0, above / np.where(a > 0.0, below, 1.0), 0.0))


def channel_element(operator: Operator, change: int, j: ArrayLike, m: ArrayLike) -> Array:
    r"""t of :math:`|j,m\rangle\to|j+\text{change},m+q\rangle`, 0 where the target does not exist.

    >>> print(channel_element("-", 0, 1.0, [1.0, 0.0, -1.0]).round(6))
    [1.414214 1.414214 0.      ]
    """
    a, b = np.broadcast_arrays(np.asarray(j, dtype=float), np.asarray(m, dtype=float))
    sign = 1.0
    if operator == "z":
        if change == 0:
            return b.copy()
        squared = (a + b) * (a - b) if change == -1 else (a + 1.0) ** 2 - b * b
    else:
        # raising m is lowering -m, with the opposite signs outside the diagonal
        b = b if operator == "-" else -b
        if change == 0:
            squared = (a + b) * (a - b + 1.0)
        elif change == -1:
            squared = (a + b) * (a + b - 1.0)
        else:
            squared = (a - b + 1.0) * (a - b + 2.0)
        if change != 0:
            sign = 1.0 if (operator == "+") == (change == -1) else -1.0
    return sign * np.sqrt(np.maximum(squared, 0.0))


def total_rate(operator: Operator, spins: int, m: ArrayLike) -> Array:
    r""":math:`\sum_n s_q^{(n)\dagger}s_q^{(n)}`: :math:`N/4, N/2-m, N/2+m` for z, +, -.

    >>> print(total_rate("-", 3, [1.5, -1.5]))
    [3. 0.]
    """
    b = np.asarray(m, dtype=float)
    if operator == "z":
        return np.full(b.shape, spins / 4)
    return spins / 2 - b if operator == "+" else spins / 2 + b


def processes_of(noise: LocalNoise) -> tuple[tuple[Operator, float], ...]:
    """Operators of single spins with their rates."""
    return ("z", noise.dephasing), ("-", noise.emission), ("+", noise.pumping)


def with_local_decay(decay: Array, ensembles: Iterable[tuple[LocalNoise, int, Array]]) -> Array:
    """`decay` of all states and the rates at which jumps of single spins leave them.

    >>> with_local_decay(np.zeros(2), [(LocalNoise(emission=2.0), 3, np.array([1.5, -1.5]))])
    array([6., 0.])
    """
    for noise, spins, m in ensembles:
        for operator, rate in processes_of(noise):
            decay = decay + rate * total_rate(operator, spins, m)
    return decay


def net_loss(ensembles: Iterable[tuple[LocalNoise, int, Array]]) -> Array:
    """Rate at which single spins lose excitations, less that at which they gain them.

    Of each ensemble its noise, its number of spins, and the m of all states.

    >>> print(net_loss([(LocalNoise(emission=2.0, pumping=1.0), 3, np.array([1.5, -1.5]))]))
    [ 6. -3.]
    """
    lost = np.zeros(1)
    for noise, spins, m in ensembles:
        lost = lost + noise.emission * total_rate("-", spins, m)
        lost = lost - noise.pumping * total_rate("+", spins, m)
    return lost
