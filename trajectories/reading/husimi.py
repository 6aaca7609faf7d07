r"""Husimi's Q function of a spin on the sphere: where its state looks like a coherent one.

.. math:: Q(\theta,\varphi)=\frac{2j+1}{4\pi}\langle\theta\varphi|\rho|\theta\varphi\rangle,\qquad
          |\theta\varphi\rangle=\sum_k\binom Nk^{1/2}\cos^k\tfrac\theta2\,
          \sin^{N-k}\tfrac\theta2\,e^{i(N-k)\varphi}|k\rangle

over k excitations of N = 2j spins (Arecchi et al., PRA 6, 2211 (1972)); full is the north pole, and
the integral over the sphere is 1. Without coherence between energies Q is the same at all
:math:`\varphi`.
"""

from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def coherent_states(spins: int, theta: ArrayLike, phi: ArrayLike) -> NDArray[np.complex128]:
    """Amplitudes (..., N + 1) over excitations of the spin-coherent states at these angles."""
    polar, azimuth = np.broadcast_arrays(np.asarray(theta, float), np.asarray(phi, float))
    k = np.arange(spins + 1.0)
    logs = scipy.special.gammaln(spins + 1.0) - scipy.special.gammaln(k + 1.0)
    logs = 0.5 * (logs - scipy.special.gammaln(spins - k + 1.0))
    up, down = np.abs(np.cos(0.5 * polar))[..., None], np.abs(np.sin(0.5 * polar))[..., None]
    size = np.exp(logs + scipy.special.xlogy(k, up) + scipy.special.xlogy(spins - k, down))
    return np.asarray(size * np.exp(1j * (spins - k) * azimuth[..., None]))


def husimi(rho: NDArray[Any], theta: ArrayLike, phi: ArrayLike) -> Array:
    """Q at these angles, of a state (N + 1, N + 1) over excitations.

    Examples
    --------
    All up: cos^{4j}(theta/2), times (2j + 1)/(4 pi).

    >>> full = np.diag([0.0, 0.0, 1.0])
    >>> (4.0 * np.pi / 3.0 * husimi(full, [0.0, np.pi / 2, np.pi], 0.3)).round(12).tolist()
    [1.0, 0.25, 0.0]
    """
    c = coherent_states(rho.shape[0] - 1, theta, phi)
    found = np.einsum("...k,kl,...l->...", c.conj(), rho, c).real
    return np.asarray(found * rho.shape[0] / (4.0 * np.pi))


def azimuth_of(states: NDArray[Any]) -> float:
    r"""Where on the equator states (T, N + 1, N + 1) point: the angle of their
    :math:`\langle J^x\rangle+i\langle J^y\rangle`, summed; 0 where there is no coherence.

    >>> pole = coherent_states(3, np.pi / 2, 0.7)
    >>> round(azimuth_of(np.outer(pole, pole.conj())[None]), 12)
    0.7
    """
    size = states.shape[-1]
    k = np.arange(1.0, size)
    root = np.sqrt(k * (size - k))
    # <J^+> = sum of rho_{k-1,k} <k|J^+|k-1>
    up = (np.diagonal(states, 1, axis1=1, axis2=2) * root).sum()
    return float(np.angle(up)) if abs(up) > 1e-12 * size else 0.0
