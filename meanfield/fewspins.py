r"""The same resonator with few spins in QuTiP: the exact reference of the semiclassical engine.

Ensembles without noise of their own, fully polarised, are large spins; otherwise every spin is
there by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import qutip

from meanfield.moments import BATTERY, CHARGER, System, is_broadened, system_of
from nvmodel.refusal import InputError, whole_number
from nvmodel.resonator import ResonatorBattery

MOST_STATES = 2048


@dataclass(frozen=True, eq=False)
class ResonatorSpins:
    """Battery, charger and resonator as QuTiP objects; rates in rad/s, times in s.

    Attributes
    ----------
    dims : list of int
        The battery's factors (if there is one), the charger's, then the resonator's; m falling
        from +j to -j, photons rising.
    battery_factors : list of int
    hamiltonian : Qobj
        In the frame of the resonator, without a drive's.
    collapse : list of Qobj
    initial : Qobj
        Density matrix of the start.
    observables : dict of str to Qobj
        ``battery_energy``, ``charger_energy``, ``photons``: names and units of
        `nvmodel.OBSERVABLES`. ``overflow``: probability of the highest photon number kept, to be
        watched.
    """

    dims: list[int]
    battery_factors: list[int]
    hamiltonian: Any
    collapse: list[Any]
    initial: Any
    observables: dict[str, Any]


def to_qutip(model: ResonatorBattery, most_photons: int) -> ResonatorSpins:
    """The model as QuTiP operators, with at most `most_photons` in the resonator.

    Raises
    ------
    InputError
        Beyond 2048 states; for lines and spreads of couplings, whose spins all differ, and drives.

    Examples
    --------
    >>> from nvmodel import Resonator, SpinEnsemble
    >>> cavity = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=0.0)
    >>> spin = SpinEnsemble(number=1, coupling=1.0)
    >>> few = to_qutip(ResonatorBattery(charger=spin, resonator=cavity), most_photons=2)
    >>> later = qutip.mesolve(few.hamiltonian, few.initial, [0.0, np.pi / 2])
    >>> print(round(qutip.expect(few.observables["photons"], later.states[-1]), 4))  # Rabi: sin^2
    1.0
    """
    most_photons = whole_number("most_photons", most_photons, least=1)
    if is_broadened(model):
        raise InputError("line", model, "must have equal spins in each ensemble")
    if model.drive is not None:
        raise InputError("drive", model.drive, "add it to the Hamiltonian: eta(t) (a + a.dag())")
    system = system_of(model, 1)
    each = [
        bool(_local_rates(system, k)) or z * z < 1.0 for k, z in enumerate(system.start.tolist())
    ]
    parts = [
        [2] * int(n) if by_itself else [int(n) + 1]
        for n, by_itself in zip(system.number, each, strict=True)
    ]
    dims = [d for part in parts for d in part] + [most_photons + 1]
    if np.prod(dims, dtype=float) > MOST_STATES:
        raise InputError(
            "number", system.number.tolist(), f"with {most_photons} photons: > {MOST_STATES} states"
        )
    return _assembled(system, parts, dims)


def _assembled(system: System, parts: list[list[int]], dims: list[int]) -> ResonatorSpins:
    a = _placed(dims, len(dims) - 1, qutip.destroy(dims[-1]))
    hamiltonian = system.field_detuning * a.dag() * a
    collapse = [
        np.sqrt(rate) * operator
        for rate, operator in (
            (system.kappa * (system.nbar + 1.0), a),
            (system.kappa * system.nbar, a.dag()),
        )
        if rate > 0.0
    ]
    observables, starts, site = {"photons": a.dag() * a}, [], 0
    battery_factors: list[int] = []
    for k, part in enumerate(parts):
        sites = range(site, site + len(part))
        site += len(part)
        lowers = [_placed(dims, i, qutip.jmat((dims[i] - 1) / 2, "-")) for i in sites]
        zs = [_placed(dims, i, qutip.jmat((dims[i] - 1) / 2, "z")) for i in sites]
        lower, z = sum(lowers[1:], lowers[0]), sum(zs[1:], zs[0])
        exchange = a.dag() * lower
        hamiltonian += system.detuning[k] * z + system.coupling[k] * (exchange + exchange.dag())
        for rate, name in _local_rates(system, k):
            operators = {"down": lowers, "up": [o.dag() for o in lowers], "dephasing": zs}[name]
            collapse += [np.sqrt(rate) * operator for operator in operators]
        ensemble = int(system.ensemble[k])
        name = {BATTERY: "battery_energy", CHARGER: "charger_energy"}[ensemble]
        observables[name] = z / float(system.number[k]) + 0.5
        battery_factors += list(sites) if ensemble == BATTERY else []
        starts += [_start(dims[i], float(system.start[k])) for i in sites]
    top = _placed(dims, len(dims) - 1, qutip.fock_dm(dims[-1], dims[-1] - 1))
    field = qutip.thermal_dm(dims[-1], system.nbar)
    return ResonatorSpins(
        dims=dims,
        battery_factors=battery_factors,
        hamiltonian=hamiltonian,
        collapse=collapse,
        initial=qutip.tensor([*starts, field]),
        observables=observables | {"overflow": top},
    )


def _local_rates(system: System, k: int) -> list[tuple[float, str]]:
    """Rates of sigma^-, sigma^+ and sigma_z/2 of each spin, from T1, its equilibrium and T2."""
    t1, supply = float(system.relaxation[k]), float(system.supply[k])
    dephasing = 2.0 * float(system.decoherence[k]) - t1
    rates = (((t1 - supply) / 2, "down"), ((t1 + supply) / 2, "up"), (dephasing, "dephasing"))
    # T2 = 2 T1 leaves rounding of the difference
    return [(rate, name) for rate, name in rates if rate > 1e-12 * (t1 + abs(dephasing))]


def _start(levels: int, z: float) -> Any:
    if levels > 2:
        return qutip.fock_dm(levels, 0 if z > 0.0 else levels - 1)
    return qutip.Qobj(np.diag([(1.0 + z) / 2, (1.0 - z) / 2]))


def _placed(dims: list[int], i: int, operator: Any) -> Any:
    return qutip.tensor([operator if k == i else qutip.qeye(d) for k, d in enumerate(dims)])
