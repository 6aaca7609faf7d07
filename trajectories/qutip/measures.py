"""Ergotropy and entanglement of any QuTiP state of a battery and whatever charges it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import qutip

from darkbattery.nvmodel.ergotropy import ergotropy_of_matrix
from darkbattery.nvmodel.refusal import InputError


def state_ergotropy(state: Any, factors: Sequence[int], hamiltonian: Any = None) -> float:
    r"""Most work that unitaries on some factors of a state can draw, :math:`E-\sum_ir_i\epsilon_i`.

    Parameters
    ----------
    state : Qobj
        Ket or density matrix of battery, charger, resonator, ...
    factors : sequence of int
        Which factors of its space are the battery.
    hamiltonian : Qobj, optional
        Of the battery. Default: every factor a spin of d levels with the highest first, as QuTiP
        has it, :math:`\hbar\omega` apart.

    Returns
    -------
    float
        In the Hamiltonian's unit, not per spin.

    Raises
    ------
    InputError
        For factors that are not there, a Hamiltonian of other dims, or no state (trace 1).

    Examples
    --------
    >>> bell = qutip.bell_state("00")
    >>> print(state_ergotropy(bell, [0]), round(state_ergotropy(bell, [0, 1]), 9))
    0.0 1.0
    """
    reduced = _density_matrix(state, factors).ptrace(list(factors))
    if hamiltonian is None:
        dims = reduced.dims[0]
        levels = [_level(dims, i) for i in range(len(dims))]
        hamiltonian = sum(levels[1:], levels[0])
    if hamiltonian.dims != reduced.dims:
        raise InputError("hamiltonian", hamiltonian.dims, f"must have dims {reduced.dims}")
    found = ergotropy_of_matrix(reduced.full(), hamiltonian.full())
    return max(0.0, found)  # rounding leaves passive states at -1e-16


def state_log_negativity(state: Any, factors: Sequence[int]) -> float:
    r"""Logarithmic negativity :math:`\log_2\|\rho^{T_B}\|_1` between some factors and the rest.

    Parameters and errors as for `state_ergotropy` (Vidal and Werner 2002).

    Examples
    --------
    >>> print(round(state_log_negativity(qutip.bell_state("00"), [0]), 9))
    1.0
    """
    rho = _density_matrix(state, factors)
    mask = [int(i in factors) for i in range(len(rho.dims[0]))]
    transposed = qutip.partial_transpose(rho, mask).full()
    return float(max(0.0, np.log2(np.abs(np.linalg.eigvalsh(transposed)).sum())))


def _density_matrix(state: Any, factors: Sequence[int]) -> Any:
    rho = qutip.ket2dm(state) if state.isket else state
    count = len(rho.dims[0])
    if not factors or len(set(factors)) < len(factors) or not set(factors) <= set(range(count)):
        raise InputError("factors", list(factors), f"must be some of 0 ... {count - 1}, each once")
    if abs(rho.tr() - 1.0) > 1e-6 or not rho.isherm:
        raise InputError("state", complex(rho.tr()), "must be a state: Hermitian, of trace 1")
    return rho


def _level(dims: list[int], i: int) -> Any:
    operators = [qutip.qeye(d) for d in dims]
    operators[i] = qutip.Qobj(np.diag(np.arange(dims[i] - 1, -1, -1.0)))
    return qutip.tensor(operators)
