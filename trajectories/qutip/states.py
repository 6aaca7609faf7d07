r"""States as QuTiP holds them: conditional states, density matrices, PIQS' matrices.

Battery and charger are two large spins, as in `trajectories.qutip.fewspins`: dims [[N_B+1, N_C+1],
...], m falling from +j to -j. PIQS (Shammah et al. 2018) holds one ensemble as blocks j = N/2,
N/2-1, ... with m falling in each, and the number of irreps inside the blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import qutip
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.experiment import Experiment, only_collective, to_be_solved
from darkbattery.nvmodel.irreps import (
    Irreps,
    ladder_ergotropy_of_irreps,
    local_ergotropy_of_irreps,
    total_ergotropy_of_irreps,
)
from darkbattery.nvmodel.refusal import InputError, output_times, refused_sizes, whole_number
from darkbattery.trajectories.jumps.run import SingleRun
from darkbattery.trajectories.propagate.chains import pair_chains, state_batches
from darkbattery.trajectories.qutip.fewspins import MOST_STATES
from darkbattery.trajectories.space.angular import CoupledBasis, clebsch_gordan, coupled_basis

Array = NDArray[np.float64]


def conditional_states(battery: Experiment, one: SingleRun) -> list[Any]:
    r"""The state of one run at each of its times, kets :math:`\sum_J c_J|J,M\rangle`.

    Parameters
    ----------
    one : SingleRun
        Of this battery, from `trajectories.single_run`.

    Returns
    -------
    list of Qobj
        Kets with dims [[N_B + 1, N_C + 1], [1, 1]].

    Raises
    ------
    InputError
        Beyond 4096 states, and with anything beyond the collective model.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> from darkbattery.trajectories import single_run
    >>> pair = CollectiveBattery(n_battery=1, n_charger=1)
    >>> late = conditional_states(pair, single_run(pair, [50.0], seed=3, run=3))[0]
    >>> late.dims = qutip.singlet_state().dims
    >>> print(round(abs(late.overlap(qutip.singlet_state())), 6))
    1.0
    """
    only_collective(battery, "conditional_states, which take j_B = N_B/2 and j_C = N_C/2")
    basis = _small_basis(battery)
    coefficients = clebsch_gordan(basis, one.M)
    kets = []
    for M, amplitudes, table in zip(one.M, one.amplitudes, coefficients, strict=True):
        vector = np.zeros((battery.n_battery + 1) * (battery.n_charger + 1))
        inside, place = _places(battery, float(M))
        vector[place] = (amplitudes @ table)[inside]
        kets.append(qutip.Qobj(vector[:, None], dims=[_dims(battery), [1, 1]]))
    return kets


def density_matrices(battery: Experiment, times: ArrayLike) -> list[Any]:
    """The average states that `trajectories.evolve` reads its numbers from.

    Returns
    -------
    list of Qobj
        Density matrices with dims [[N_B + 1, N_C + 1], [N_B + 1, N_C + 1]].

    Raises
    ------
    InputError
        Beyond 4096 states; for local noise, protocols and other starts (see `fewspins.to_qutip`).

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> state = density_matrices(CollectiveBattery(n_battery=1, n_charger=2), [1.0])[0]
    >>> print(state.dims, round(state.tr(), 9))
    [[2, 3], [2, 3]] 1.0
    """
    t = output_times(times)
    battery = to_be_solved(battery, t)
    for field in battery.beyond_collective:
        if field not in ("detector", "detector_efficiency"):
            raise InputError(field, getattr(battery, field), "take fewspins.to_qutip and mesolve")
    basis = _small_basis(battery)
    chains = pair_chains(basis, battery.occupation, basis.n_ladders)
    coefficients = clebsch_gordan(basis, chains.M)
    size = (battery.n_battery + 1) * (battery.n_charger + 1)
    found = []
    for states, _, _ in state_batches(battery, basis, chains, t * battery.gamma):
        for state in states:
            matrix = np.zeros((size, size))
            for row, M in enumerate(chains.M):
                inside, place = _places(battery, float(M))
                elements = np.zeros((basis.n_ladders, basis.n_ladders))
                elements[chains.first, chains.second] = state[row]
                elements[chains.second, chains.first] = state[row]
                table = coefficients[row][:, inside]
                matrix[np.ix_(place, place)] += table.T @ elements @ table
            found.append(qutip.Qobj(matrix, dims=[_dims(battery)] * 2))
    return found


def to_piqs(battery_state: Any) -> Any:
    """A state of N spins as one large spin, in the space of `qutip.piqs`: the block j = N/2.

    Parameters
    ----------
    battery_state : Qobj
        (N + 1, N + 1), such as ``state.ptrace(0)``; m falling.

    Examples
    --------
    >>> from qutip import piqs
    >>> inverted = to_piqs(qutip.ket2dm(qutip.basis(4, 0)))  # three spins up
    >>> inverted == piqs.excited(3, basis="dicke")
    True
    """
    block = battery_state.full()
    spins = whole_number("battery_state", block.shape[0] - 1, least=1)
    size = qutip.piqs.num_dicke_states(spins)
    matrix = np.zeros((size, size), dtype=complex)
    matrix[: spins + 1, : spins + 1] = block
    return qutip.Qobj(matrix, dims=[[size], [size]])


def measure_piqs(state: Any, spins: int) -> dict[str, float]:
    """Energy and ergotropies, per spin, of a PIQS matrix: multiplicities are counted.

    Parameters
    ----------
    state : Qobj
        In the Dicke basis of `spins` spins, without coherence between energies (coherences are
        refused: the irreps' formulas do not hold with them).

    Returns
    -------
    dict of str to float
        ``battery_energy``, ``ergotropy`` (unitaries within each j), ``ergotropy_total``,
        ``ergotropy_local``.

    Examples
    --------
    >>> from qutip import piqs
    >>> found = measure_piqs(piqs.excited(2, basis="dicke"), 2)
    >>> print(found["ergotropy_total"])
    1.0
    """
    spins = whole_number("spins", spins, least=1)
    matrix = state.full()
    size = qutip.piqs.num_dicke_states(spins)
    if matrix.shape != (size, size):
        raise InputError("state", matrix.shape, f"must be ({size}, {size}) for {spins} spins")
    coherence = float(np.abs(matrix - np.diag(np.diag(matrix))).max())
    if coherence > 1e-12:
        raise InputError("state", coherence, "must have no coherence between energies")
    irreps = Irreps.all_of(spins)
    falling = np.diag(matrix).real
    populations = np.concatenate(
        [falling[a:b][::-1] for a, b in zip(irreps.offsets, irreps.offsets[1:], strict=False)]
    )
    return {
        "battery_energy": float(populations @ irreps.level),
        "ergotropy": float(ladder_ergotropy_of_irreps(irreps, populations)),
        "ergotropy_total": float(total_ergotropy_of_irreps(irreps, populations)),
        "ergotropy_local": float(local_ergotropy_of_irreps(irreps, populations)),
    }


def _small_basis(battery: Experiment) -> CoupledBasis:
    states = (battery.n_battery + 1) * (battery.n_charger + 1)
    if states > MOST_STATES:
        sizes = (battery.n_battery, battery.n_charger)
        raise refused_sizes(sizes, f"span {states} > {MOST_STATES} states")
    return coupled_basis(battery.n_battery, battery.n_charger)


def _dims(battery: Experiment) -> list[int]:
    return [battery.n_battery + 1, battery.n_charger + 1]


def _places(battery: Experiment, M: float) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which battery excitations 0 ... N_B occur at M, and where |m_B, M - m_B> stands."""
    up_b = np.arange(battery.n_battery + 1)
    up_c = round(M + (battery.n_battery + battery.n_charger) / 2) - up_b
    inside = (up_c >= 0) & (up_c <= battery.n_charger)
    place = (battery.n_battery - up_b) * (battery.n_charger + 1) + battery.n_charger - up_c
    return inside, place[inside]
