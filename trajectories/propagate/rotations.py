r"""Rotations of spins in no time, and jumps of single ones, over the kets of a `MatrixSpace`.

.. math:: U=e^{-i\theta(J^x\cos\varphi+J^y\sin\varphi)}

acts on each irrep as it stands.
"""

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.trajectories.propagate.channels import (
    SHIFT,
    Operator,
    channel_element,
    channel_strength,
)
from darkbattery.trajectories.space.angular import lowering_squared
from darkbattery.trajectories.space.product_space import MatrixSpace


def ladder_rotation(j: float, angle: float, axis: float) -> NDArray[np.complex128]:
    """U over m = -j ... j of one irrep.

    >>> print(abs(ladder_rotation(0.5, np.pi, 0.3)).round(12))
    [[0. 1.]
     [1. 0.]]
    """
    m = np.arange(-j, j + 0.25)
    lower = np.diag(np.sqrt(lowering_squared(j, m[1:])), 1).astype(np.complex128)
    lower *= 0.5 * np.exp(1j * axis)
    return np.asarray(scipy.linalg.expm(-1j * angle * (lower + lower.conj().T)))


def ket_rotation(space: MatrixSpace, angle: float, axis: float, of_battery: bool) -> Any:
    """U of one ensemble as a sparse matrix over all kets."""
    k = space.kets
    ladders, which = (space.jb, k.b) if of_battery else (space.jc, k.c)
    own, (row, column) = (k.mb if of_battery else k.mc), _with_equal_rest(space, of_battery)
    values = np.empty(row.size, dtype=np.complex128)
    for irrep, j in enumerate(ladders):
        here = which[row] == irrep
        at, of = (np.round(own[side[here]] + j).astype(np.int64) for side in (row, column))
        values[here] = ladder_rotation(float(j), angle, axis)[at, of]
    return scipy.sparse.csr_matrix((values, (row, column)), shape=(k.b.size,) * 2)


def _with_equal_rest(space: MatrixSpace, of_battery: bool) -> tuple[Any, Any]:
    """Pairs of kets that differ in nothing but the projection of one ensemble."""
    k = space.kets
    other = k.mc if of_battery else k.mb
    same = (k.b[:, None] == k.b) & (k.c[:, None] == k.c)
    row, column = np.nonzero(same & (np.abs(other[:, None] - other) < 0.25))
    return row, column


def turned(space: MatrixSpace, x: NDArray[Any], unitary: Any) -> NDArray[Any]:
    r""":math:`U\rho U^\dagger` of hermitian states (elements, runs) on a coherent space."""
    both = space.from_left(unitary)
    half = both @ x
    return np.ascontiguousarray(both @ np.conj(half[space.mirror]))


def single_spin_jumps(
    space: MatrixSpace, operator: Operator, spins: int, of_battery: bool
) -> list[Any]:
    r"""The jumps :math:`\sqrt c\,T` of `propagate.channels` of one ensemble, over the kets."""
    k, shift = space.kets, SHIFT[operator]
    ladders, which, m = (space.jb, k.b, k.mb) if of_battery else (space.jc, k.c, k.mc)
    j, found = ladders[which], []
    for change in (0, -1, 1):
        value = np.sqrt(channel_strength(spins, change, j))
        value = value * channel_element(operator, change, j, m)
        # irreps fall with their number
        if of_battery:
            target = space.find(k.b - change, k.c, k.mb + shift, k.mc)
        else:
            target = space.find(k.b, k.c - change, k.mb, k.mc + shift)
        used = np.flatnonzero((target >= 0) & (value != 0.0))
        shape = (k.b.size,) * 2
        found.append(scipy.sparse.csr_matrix((value[used], (target[used], used)), shape=shape))
    return found
