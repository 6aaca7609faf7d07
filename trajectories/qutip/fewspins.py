r"""The same model in QuTiP: few spins, dense operators, no coupled basis.

For cross-checks, and for what the exact solver does not offer. Battery and charger are two large
spins :math:`j_B=N_B/2` and :math:`j_C=N_C/2` in the paper's model, with :math:`((N_B+1)(N_C+1))^2`
matrix elements; otherwise every spin is there by itself, with :math:`4^N`. A Liouvillian has the
square of that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import qutip

from darkbattery.nvmodel.channels import FALL, RISE, Place, channels
from darkbattery.nvmodel.ergotropy import ergotropy_of_matrix, local_ergotropy_bloch
from darkbattery.nvmodel.experiment import (
    Experiment,
    Model,
    of_the_reservoir,
    without_idle_switching,
)
from darkbattery.nvmodel.preparation import Polarised
from darkbattery.nvmodel.protocol import Stage
from darkbattery.nvmodel.refusal import InputError, refused_sizes
from darkbattery.trajectories.qutip.operators import (
    Part,
    collapse_operators,
    hamiltonian,
    placed,
    spins_at,
)

MOST_STATES = 4096
MOST_SPINS = 10


@dataclass(frozen=True, eq=False)
class FewSpins:
    r"""A battery as QuTiP objects, m falling from +j to -j.

    Attributes
    ----------
    factors : tuple of int
        How many factors of the space are the battery's and the charger's: (1, 1) with dims
        [[N_B + 1, N_C + 1], ...], or (N_B, N_C) with dims [[2, 2, ...], ...].
    hamiltonian : Qobj
        :math:`\omega(J_B^z+J_C^z)+\Delta J_B^z`.
    collapse : list of Qobj
        :math:`\sqrt{\gamma(\bar n+1)}\,J^-`, and :math:`\sqrt{\gamma\bar n}\,J^+` at
        :math:`\bar n>0`; then those of each spin.
    initial : Qobj
        Density matrix of the start.
    observables : dict of str to Qobj
        ``battery_energy``, ``charger_energy``, ``emission_rate``, ``absorption_rate``: those that
        are means of an operator, by the names and units of `nvmodel.OBSERVABLES`.
    """

    battery: Experiment
    factors: tuple[int, int]
    hamiltonian: Any
    collapse: list[Any]
    initial: Any
    observables: dict[str, Any]


def to_qutip(battery: Model, omega: float = 0.0, stage: Stage | None = None) -> FewSpins:
    r"""The model as QuTiP operators; :math:`\omega=0`: the frame that turns with the charger.

    Parameters
    ----------
    stage : Stage, optional
        The stage of the battery's protocol to take.

    Raises
    ------
    InputError
        Beyond 4096 states (whose density matrix takes 256 MB), or 10 spins where each spin is there
        by itself; for a protocol without `stage`.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery, LocalNoise
    >>> few = to_qutip(CollectiveBattery(n_battery=1, n_charger=1))
    >>> qutip.expect(few.observables["charger_energy"], few.initial)
    1.0
    >>> to_qutip(CollectiveBattery(1, 2, charger_noise=LocalNoise(dephasing=0.1))).initial.dims
    [[2, 2, 2], [2, 2, 2]]
    """
    battery = of_the_reservoir(battery)
    if stage is None:
        battery = without_idle_switching(battery)
    if battery.protocol and stage is None:
        raise InputError("stage", None, "must be one of the stages of battery.protocol")
    each = stage is not None or not battery.is_collective
    stage = stage or Stage(math.inf)
    _refuse_too_large(battery, each)
    sizes = battery.sizes
    dims = [2] * sum(sizes) if each else [size + 1 for size in sizes]
    b, c = (range(sizes[0]), range(sizes[0], sum(sizes))) if each else (range(1), range(1, 2))
    parts: dict[Place, Part] = {"battery": spins_at(dims, b), "charger": spins_at(dims, c)}
    found = channels(battery, stage)
    z_b, z_c = parts["battery"].energy, parts["charger"].energy
    zero = 0.0 * parts["battery"].lower
    lower = sum((parts[place].lower for place in found.damped), zero)
    one = qutip.qeye(dims)
    return FewSpins(
        battery=battery,
        factors=sizes if each else (1, 1),
        hamiltonian=omega * (z_b + z_c) + hamiltonian(found, parts),
        collapse=collapse_operators(found, parts),
        initial=_each_initial(battery) if each else _initial(battery),
        observables={
            "battery_energy": z_b / battery.n_battery + one / 2,
            "charger_energy": z_c / battery.n_charger + one / 2,
            "emission_rate": found.together(FALL) * lower.dag() * lower,
            "absorption_rate": found.together(RISE) * lower * lower.dag(),
        },
    )


def _refuse_too_large(battery: Experiment, each: bool) -> None:
    sizes = (battery.n_battery, battery.n_charger)
    if each and sum(sizes) > MOST_SPINS:
        raise refused_sizes(sizes, f"at most {MOST_SPINS} spins, each by itself, in QuTiP")
    size = (battery.n_battery + 1) * (battery.n_charger + 1)
    if size > MOST_STATES:
        raise refused_sizes(
            sizes,
            f"span {size} states; QuTiP operators are made for at most {MOST_STATES}",
        )


def measure(few: FewSpins, state: Any) -> dict[str, float]:
    """Our observables of any QuTiP state of battery and charger, by dense linear algebra.

    Parameters
    ----------
    state : Qobj
        Ket or density matrix with the dims of `few`.

    Returns
    -------
    dict of str to float
        Names and units as in `nvmodel.OBSERVABLES`; for states symmetric under permutations of the
        battery's spins.
    """
    battery = few.battery
    rho = qutip.ket2dm(state) if state.isket else state
    rate = qutip.liouvillian(few.hamiltonian, few.collapse)(rho)
    values = {name: float(np.real(qutip.expect(op, rho))) for name, op in few.observables.items()}
    values["power"] = float(np.real(qutip.expect(few.observables["battery_energy"], rate)))
    values["open_work"] = values["battery_energy"] - battery.thermal_energy
    of_battery, of_charger = few.factors
    battery_state = rho.ptrace(list(range(of_battery)))
    reduced = battery_state.full()
    spin = battery_state.ptrace(0) if of_battery > 1 else battery_state
    # <sigma^-> of each spin, all being alike
    lower = qutip.jmat((spin.shape[0] - 1) / 2, "-") / (spin.shape[0] - 1)
    inversion = 2.0 * values["battery_energy"] - 1.0
    work = local_ergotropy_bloch(inversion, complex(qutip.expect(lower, spin)))
    values["ergotropy_local"] = float(work)
    if few.factors == (1, 1) and battery.n_battery > 1:
        ladder = np.diag(np.arange(battery.n_battery, -1, -1.0)) / battery.n_battery
        values["ergotropy"] = ergotropy_of_matrix(reduced, ladder)
        largest = float(np.linalg.eigvalsh(reduced)[-1])
        values["ergotropy_total"] = values["battery_energy"] - (1.0 - largest) / battery.n_battery
    else:
        projectors = dicke_projectors(battery.n_battery)
        levels = sum(m * p for (_, m), p in projectors.items()) / battery.n_battery
        values["ergotropy"] = _within_irreps(battery.n_battery, reduced, projectors)
        values["ergotropy_total"] = ergotropy_of_matrix(reduced, levels)
    mask = [1] * of_battery + [0] * of_charger
    transposed = qutip.partial_transpose(rho, mask).full()
    change = qutip.partial_transpose(rate, mask).full()
    eigenvalues, vectors = np.linalg.eigh(transposed)
    norm = float(np.abs(eigenvalues).sum())
    slope = np.real(np.einsum("ji,jk,ki->i", vectors.conj(), change, vectors))
    # eigenvalues that are zero to rounding have no sign, and their slope is rounding as well
    signs = np.where(np.abs(eigenvalues) > 1e-13, np.sign(eigenvalues), 0.0)
    values["log_negativity"] = float(np.log2(norm))
    values["entanglement_rate"] = float(signs @ slope) / (norm * float(np.log(2.0)))
    return values


def _initial(battery: Experiment) -> Any:
    nb, nc = battery.n_battery, battery.n_charger
    charger = qutip.basis(nc + 1, 0)
    down = qutip.ket2dm(qutip.tensor(qutip.basis(nb + 1, nb), charger))
    if battery.battery_start == "down":
        return down
    hot = battery.thermal_energy
    up = qutip.ket2dm(qutip.tensor(qutip.basis(nb + 1, 0), charger))
    return (1.0 - hot) * down + hot * up


def dicke_projectors(spins: int) -> dict[tuple[float, float], Any]:
    """Projectors on the eigenspaces (j, m) of :math:`J^2, J_z` among all :math:`2^N` states.

    >>> {key: round(float(np.trace(p))) for key, p in dicke_projectors(2).items()}
    {(1.0, 1.0): 1, (1.0, 0.0): 1, (1.0, -1.0): 1, (0.0, 0.0): 1}
    """
    total = [
        sum(placed([2] * spins, site, qutip.jmat(0.5, axis)) for site in range(spins)).full()
        for axis in "xyz"
    ]
    far = spins * (spins + 4.0)  # further apart than any two values of J^2
    summed = sum(matrix @ matrix for matrix in total) + far * total[2]
    values, vectors = np.linalg.eigh(summed.real)
    projectors = {}
    for j in spins / 2 - np.arange(spins // 2 + 1):
        for m in j - np.arange(round(2 * j) + 1):
            space = vectors[:, np.abs(values - j * (j + 1.0) - far * m) < 1e-6]
            projectors[float(j), float(m)] = space @ space.T
    return projectors


def _within_irreps(spins: int, reduced: Any, projectors: dict[tuple[float, float], Any]) -> float:
    """Ergotropy of a permutation-symmetric state under unitaries that act within each j."""
    populations = {key: float(np.trace(p @ reduced).real) for key, p in projectors.items()}
    work = 0.0
    for ladder in {j for j, _ in populations}:
        m = np.array([m for j, m in populations if j == ladder])
        p = np.array([p for (j, _), p in populations.items() if j == ladder])
        work += float(p @ m - np.sort(p)[::-1] @ np.sort(m))
    return work / spins


def _each_initial(battery: Experiment) -> Any:
    spins = battery.n_battery, battery.n_charger
    starts = battery.battery_preparation, battery.charger_preparation
    parts = []
    for n, start in zip(spins, starts, strict=True):
        if isinstance(start, Polarised):
            parts += [qutip.Qobj(np.diag([start.up, 1.0 - start.up]))] * n
            continue
        j = n / 2 if start.j is None else start.j
        projector = dicke_projectors(n)[j, start.excitations - n / 2]
        parts.append(qutip.Qobj(projector / np.trace(projector), dims=[[2] * n] * 2))
    return qutip.tensor(parts)
