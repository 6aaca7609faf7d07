r"""The same model in QuTiP: few spins, dense operators, no coupled basis.

For cross-checks, and for what the exact solver does not offer. Battery and charger are two large
spins j_B = N_B/2 and j_C = N_C/2, as long as all noise is collective. The matrices have
((N_B+1)(N_C+1))^2 elements, and a Liouvillian the square of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import qutip

from nvmodel.battery import CollectiveBattery, only_collective
from nvmodel.ergotropy import ergotropy_of_matrix
from nvmodel.refusal import InputError

MOST_STATES = 4096


@dataclass(frozen=True, eq=False)
class FewSpins:
    """A battery as QuTiP objects, with dims [[N_B + 1, N_C + 1], ...], m falling from +j to -j.

    Attributes
    ----------
    hamiltonian : Qobj
        omega (J_B^z + J_C^z).
    collapse : list of Qobj
        sqrt(gamma (nbar+1)) J^-, and sqrt(gamma nbar) J^+ at nbar > 0.
    initial : Qobj
        Density matrix of the start.
    observables : dict of str to Qobj
        ``battery_energy``, ``charger_energy``, ``emission_rate``, ``absorption_rate``: those that
        are means of an operator, by the names and units of `nvmodel.OBSERVABLES`.
    """

    battery: CollectiveBattery
    hamiltonian: Any
    collapse: list[Any]
    initial: Any
    observables: dict[str, Any]


def to_qutip(battery: CollectiveBattery, omega: float = 0.0) -> FewSpins:
    """The model as QuTiP operators; omega = 0 is the frame that rotates with the spins.

    Raises InputError beyond 4096 states (whose density matrix takes 256 MB).

    Examples
    --------
    >>> few = to_qutip(CollectiveBattery(n_battery=1, n_charger=1))
    >>> qutip.expect(few.observables["charger_energy"], few.initial)
    1.0
    """
    only_collective(battery, "the QuTiP model")
    size = (battery.n_battery + 1) * (battery.n_charger + 1)
    if size > MOST_STATES:
        raise InputError(
            "n_battery, n_charger",
            (battery.n_battery, battery.n_charger),
            f"span {size} states; QuTiP operators are made for at most {MOST_STATES}",
        )
    if battery.battery_start == "thermal" and battery.n_battery > 1:
        raise InputError("battery_start", "thermal", "needs n_battery = 1: symmetric states only")
    jb, jc = battery.n_battery / 2, battery.n_charger / 2
    one_b, one_c = qutip.qeye(battery.n_battery + 1), qutip.qeye(battery.n_charger + 1)
    z_b, z_c = qutip.tensor(qutip.jmat(jb, "z"), one_c), qutip.tensor(one_b, qutip.jmat(jc, "z"))
    lower = qutip.tensor(qutip.jmat(jb, "-"), one_c) + qutip.tensor(one_b, qutip.jmat(jc, "-"))
    down, up = battery.gamma * (battery.occupation + 1.0), battery.gamma * battery.occupation
    identity = qutip.tensor(one_b, one_c)
    return FewSpins(
        battery=battery,
        hamiltonian=omega * (z_b + z_c),
        collapse=[np.sqrt(down) * lower] + ([np.sqrt(up) * lower.dag()] if up > 0.0 else []),
        initial=_initial(battery),
        observables={
            "battery_energy": z_b / battery.n_battery + identity / 2,
            "charger_energy": z_c / battery.n_charger + identity / 2,
            "emission_rate": down * lower.dag() * lower,
            "absorption_rate": up * lower * lower.dag(),
        },
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
        Names and units as in `nvmodel.OBSERVABLES`. `ergotropy_total` holds for states symmetric
        under permutations of the battery's spins, which all states of this space are.
    """
    battery = few.battery
    rho = qutip.ket2dm(state) if state.isket else state
    rate = qutip.liouvillian(few.hamiltonian, few.collapse)(rho)
    values = {name: float(np.real(qutip.expect(op, rho))) for name, op in few.observables.items()}
    values["power"] = float(np.real(qutip.expect(few.observables["battery_energy"], rate)))
    values["open_work"] = values["battery_energy"] - battery.thermal_energy
    values["ergotropy_local"] = max(0.0, 2.0 * values["battery_energy"] - 1.0)
    reduced = rho.ptrace(0).full()
    ladder = np.diag(np.arange(battery.n_battery, -1, -1.0)) / battery.n_battery
    values["ergotropy"] = ergotropy_of_matrix(reduced, ladder)
    largest = float(np.linalg.eigvalsh(reduced)[-1])
    values["ergotropy_total"] = values["battery_energy"] - (1.0 - largest) / battery.n_battery
    transposed = qutip.partial_transpose(rho, [1, 0]).full()
    change = qutip.partial_transpose(rate, [1, 0]).full()
    eigenvalues, vectors = np.linalg.eigh(transposed)
    norm = float(np.abs(eigenvalues).sum())
    slope = np.real(np.einsum("ji,jk,ki->i", vectors.conj(), change, vectors))
    # eigenvalues that are zero to rounding have no sign, and their slope is rounding as well
    signs = np.where(np.abs(eigenvalues) > 1e-13, np.sign(eigenvalues), 0.0)
    values["log_negativity"] = float(np.log2(norm))
    values["entanglement_rate"] = float(signs @ slope) / (norm * float(np.log(2.0)))
    return values


def _initial(battery: CollectiveBattery) -> Any:
    nb, nc = battery.n_battery, battery.n_charger
    charger = qutip.basis(nc + 1, 0)
    down = qutip.ket2dm(qutip.tensor(qutip.basis(nb + 1, nb), charger))
    if battery.battery_start == "down":
        return down
    hot = battery.thermal_energy
    up = qutip.ket2dm(qutip.tensor(qutip.basis(nb + 1, 0), charger))
    return (1.0 - hot) * down + hot * up
