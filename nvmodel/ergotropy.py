r"""Ergotropy: the most work a unitary can draw from a battery state.

The ergotropy of a state with eigenvalues :math:`r_1\ge r_2\ge\dots` and a Hamiltonian with levels
:math:`\epsilon_1\le\epsilon_2\le\dots` is :math:`W=E-\sum_i r_i\epsilon_i` (Allahverdyan, Balian
and Nieuwenhuizen 2004; Quach and Munro 2020, Eqs. (9) and (10)). Which unitaries are allowed
decides which levels there are. All functions take and return energies in :math:`\hbar\omega` per
spin.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def ergotropy_of_matrix(state: ArrayLike, hamiltonian: ArrayLike) -> float:
    """Ergotropy of any density matrix under all unitaries of its space.

    Parameters
    ----------
    state, hamiltonian : array_like (d, d)
        Hermitian matrices; the result is in the Hamiltonian's unit (not per spin).

    Examples
    --------
    >>> ergotropy_of_matrix([[0.2, 0.0], [0.0, 0.8]], [[0.0, 0.0], [0.0, 1.0]])
    0.6000000000000001
    """
    rho, h = np.asarray(state), np.asarray(hamiltonian)
    r = np.linalg.eigvalsh(rho)[::-1]
    levels = np.linalg.eigvalsh(h)
    return float(np.real(np.trace(rho @ h)) - r @ levels)


def ladder_ergotropy(populations: ArrayLike) -> Array:
    r"""Ergotropy over the :math:`N_B+1` levels of the symmetric ladder (the paper's), per spin.

    Parameters
    ----------
    populations : array_like (..., N_B + 1)
        Probabilities of 0, 1, ..., :math:`N_B` excitations, the last axis in this order. The state
        has no coherence between them (true of every state here: excitations are only lost and
        gained).

    Examples
    --------
    >>> print(ladder_ergotropy([0.25, 0.0, 0.75]))  # inverted: 0.75 - 0.25/2
    0.625
    """
    p = np.asarray(populations, dtype=float)
    levels = np.arange(p.shape[-1]) / (p.shape[-1] - 1)
    return p @ levels - np.sort(p, axis=-1)[..., ::-1] @ levels


def ladder_ergotropy_gradient(populations: ArrayLike) -> Array:
    """Derivative of `ladder_ergotropy` with respect to each population (its influence function).

    The ergotropy is piecewise linear: a population of rank i (largest first) counts with
    level(own) - level(i).

    >>> print(ladder_ergotropy_gradient([0.25, 0.0, 0.75]))
    [-0.5 -0.5  1. ]
    """
    p = np.asarray(populations, dtype=float)
    levels = np.arange(p.shape[-1]) / (p.shape[-1] - 1)
    rank = np.argsort(np.argsort(-p, axis=-1, kind="stable"), axis=-1)
    return levels - levels[rank]


def total_ergotropy_symmetric(populations: ArrayLike) -> Array:
    r"""Ergotropy over all unitaries on :math:`2^{N_B}` dimensions of a symmetric state, per spin.

    The state has :math:`N_B+1` eigenvalues, the Hamiltonian one level 0 and :math:`N_B` levels 1
    below all others: the best unitary puts the largest on the ground state and every other on the
    first level, :math:`W = E - (1 - r_1)/N_B`.

    Parameters
    ----------
    populations : array_like (..., N_B + 1)
        As for `ladder_ergotropy`.

    Examples
    --------
    >>> print(total_ergotropy_symmetric([0.25, 0.0, 0.75]))
    0.625
    """
    p = np.asarray(populations, dtype=float)
    n = p.shape[-1] - 1
    return p @ (np.arange(n + 1) / n) - (p.sum(axis=-1) - p.max(axis=-1)) / n


def total_ergotropy_symmetric_gradient(populations: ArrayLike) -> Array:
    """Derivative of `total_ergotropy_symmetric` with respect to each population.

    >>> print(total_ergotropy_symmetric_gradient([0.25, 0.0, 0.75]))
    [-0.5  0.   1. ]
    """
    p = np.asarray(populations, dtype=float)
    n = p.shape[-1] - 1
    largest = np.arange(n + 1) == np.argmax(p, axis=-1)[..., None]
    return np.arange(n + 1) / n - np.where(largest, 0.0, 1.0 / n)


def local_ergotropy(energy: ArrayLike) -> Array:
    r"""Ergotropy under products of single-spin unitaries, :math:`\max(0, 2E-1)`, per spin.

    Holds for permutation-symmetric states without coherence between energies, whose single-spin
    state is diag(1-E, E). One rotation of all spins then does as well.

    >>> local_ergotropy([0.25, 0.75])
    array([0. , 0.5])
    """
    return np.maximum(0.0, 2.0 * np.asarray(energy, dtype=float) - 1.0)


def local_ergotropy_of_classes(
    weight: ArrayLike, inversion: ArrayLike, coherence: ArrayLike
) -> Array:
    r"""Ergotropy under products of single-spin unitaries of spins in classes, per spin.

    Each spin is turned down along its own Bloch vector :math:`r_k`:
    :math:`W=\sum_kw_k(|r_k|+z_k)/2`, never below `local_ergotropy_bloch` of the mean vector.

    Parameters
    ----------
    weight : array_like (K,)
        Share of each class, :math:`w_k`; they add up to 1.
    inversion, coherence : array_like (..., K)
        :math:`\langle\sigma_z\rangle` and :math:`\langle\sigma^-\rangle` (complex) of the spins of
        each class.

    Examples
    --------
    >>> print(local_ergotropy_of_classes([0.5, 0.5], [0.5, -0.5], [0.0, 0.0]))  # their mean has 0
    0.25
    """
    return np.asarray(local_ergotropy_bloch(inversion, coherence) @ np.asarray(weight, dtype=float))


def local_ergotropy_bloch(inversion: ArrayLike, coherence: ArrayLike) -> Array:
    r"""Ergotropy under one and the same rotation of every spin, per spin.

    A spin with Bloch vector of length r and component z along the field holds :math:`(1+z)/2`;
    turned down it holds :math:`(1-r)/2`: :math:`W=(r+z)/2` with
    :math:`r^2=z^2+4|\langle\sigma^-\rangle|^2`.

    Parameters
    ----------
    inversion, coherence : array_like
        :math:`\langle\sigma_z\rangle` and :math:`\langle\sigma^-\rangle` (complex), averaged over
        the spins.

    Examples
    --------
    >>> local_ergotropy_bloch([0.5, -0.5, 0.0], [0.0, 0.0, 0.5j])
    array([0.5, 0. , 0.5])
    """
    z = np.asarray(inversion, dtype=float)
    return 0.5 * (np.hypot(z, 2.0 * np.abs(np.asarray(coherence))) + z)
