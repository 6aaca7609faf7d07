r"""The same resonator with few spins in QuTiP: the exact reference of the semiclassical engine.

Ensembles without noise of their own, fully polarised, are large spins; otherwise every spin is
there by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import qutip

from darkbattery.nvmodel.ensemble import SpinEnsemble
from darkbattery.nvmodel.refusal import InputError, whole_number
from darkbattery.nvmodel.resonator import ResonatorBattery

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


def resonator_to_qutip(model: ResonatorBattery, most_photons: int) -> ResonatorSpins:
    """The model as QuTiP operators, with at most `most_photons` in the resonator.

    Raises
    ------
    InputError
        Beyond 2048 states; for lines and spreads of couplings, whose spins all differ, and drives.

    Examples
    --------
    >>> from darkbattery.nvmodel import Resonator, SpinEnsemble
    >>> cavity = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=0.0)
    >>> spin = SpinEnsemble(number=1, coupling=1.0)
    >>> few = resonator_to_qutip(ResonatorBattery(charger=spin, resonator=cavity), most_photons=2)
    >>> later = qutip.mesolve(few.hamiltonian, few.initial, [0.0, np.pi / 2])
    >>> print(round(qutip.expect(few.observables["photons"], later.states[-1]), 4))  # Rabi: sin^2
    1.0
    """
    most_photons = whole_number("most_photons", most_photons, least=1)
    for spins in (model.battery, model.charger):
        if spins is not None and (spins.line is not None or spins.coupling_spread > 0.0):
            raise InputError("line", model, "must have equal spins in each ensemble")
    if model.drive is not None:
        raise InputError("drive", model.drive, "add it to the Hamiltonian: eta(t) (a + a.dag())")
    ensembles = _ensembles(model)
    dims = [d for spins in ensembles for d in spins.factors] + [most_photons + 1]
    if np.prod(dims, dtype=float) > MOST_STATES:
        numbers = [spins.number for spins in ensembles]
        raise InputError("number", numbers, f"with {most_photons} photons: > {MOST_STATES} states")
    return _assembled(model, ensembles, dims)


class _Ensemble(NamedTuple):
    """Spins of one kind, their rates in rad/s and per second."""

    name: str
    number: int
    coupling: float
    detuning: float
    start: float  # <sigma_z>
    local: list[tuple[float, str]]  # rates of sigma^-, sigma^+ and sigma_z/2 of each spin

    @property
    def factors(self) -> list[int]:
        """A large spin, or every spin by itself where each has noise of its own."""
        each = bool(self.local) or self.start * self.start < 1.0
        return [2] * self.number if each else [self.number + 1]


def _ensembles(model: ResonatorBattery) -> list[_Ensemble]:
    kinds = (
        ("battery_energy", model.battery, model.battery_detuning_hz, -1.0),
        ("charger_energy", model.charger, model.charger_detuning_hz, 1.0),
    )
    return [
        _Ensemble(
            name,
            spins.number,
            spins.coupling,
            2.0 * math.pi * detuning_hz,
            sign * spins.polarisation,
            _local_rates(spins, model.nbar),
        )
        for name, spins, detuning_hz, sign in kinds
        if spins is not None
    ]


def _local_rates(spins: SpinEnsemble, nbar: float) -> list[tuple[float, str]]:
    """From T1, its equilibrium and T2."""
    t1 = spins.relaxation_rate
    equilibrium = spins.equilibrium
    supply = t1 * (-1.0 / (2.0 * nbar + 1.0) if equilibrium is None else equilibrium)
    dephasing = 2.0 * spins.decoherence_rate - t1
    rates = (((t1 - supply) / 2, "down"), ((t1 + supply) / 2, "up"), (dephasing, "dephasing"))
    # T2 = 2 T1 leaves rounding of the difference
    return [(rate, name) for rate, name in rates if rate > 1e-12 * (t1 + abs(dephasing))]


def _assembled(
    model: ResonatorBattery, ensembles: list[_Ensemble], dims: list[int]
) -> ResonatorSpins:
    a = _placed(dims, len(dims) - 1, qutip.destroy(dims[-1]))
    hamiltonian = 0.0 * a.dag() * a
    kappa, nbar = model.resonator.kappa, model.nbar
    collapse = [
        np.sqrt(rate) * operator
        for rate, operator in ((kappa * (nbar + 1.0), a), (kappa * nbar, a.dag()))
        if rate > 0.0
    ]
    observables, starts, site = {"photons": a.dag() * a}, [], 0
    battery_factors: list[int] = []
    for spins in ensembles:
        sites = range(site, site + len(spins.factors))
        site += len(spins.factors)
        lowers = [_placed(dims, i, qutip.jmat((dims[i] - 1) / 2, "-")) for i in sites]
        zs = [_placed(dims, i, qutip.jmat((dims[i] - 1) / 2, "z")) for i in sites]
        lower, z = sum(lowers[1:], lowers[0]), sum(zs[1:], zs[0])
        exchange = a.dag() * lower
        hamiltonian += spins.detuning * z + spins.coupling * (exchange + exchange.dag())
        for rate, name in spins.local:
            operators = {"down": lowers, "up": [o.dag() for o in lowers], "dephasing": zs}[name]
            collapse += [np.sqrt(rate) * operator for operator in operators]
        observables[spins.name] = z / float(spins.number) + 0.5
        battery_factors += list(sites) if spins.name == "battery_energy" else []
        starts += [_start(dims[i], spins.start) for i in sites]
    top = _placed(dims, len(dims) - 1, qutip.fock_dm(dims[-1], dims[-1] - 1))
    field = qutip.thermal_dm(dims[-1], nbar)
    return ResonatorSpins(
        dims=dims,
        battery_factors=battery_factors,
        hamiltonian=hamiltonian,
        collapse=collapse,
        initial=qutip.tensor([*starts, field]),
        observables=observables | {"overflow": top},
    )


def _start(levels: int, z: float) -> Any:
    if levels > 2:
        return qutip.fock_dm(levels, 0 if z > 0.0 else levels - 1)
    return qutip.Qobj(np.diag([(1.0 + z) / 2, (1.0 - z) / 2]))


def _placed(dims: list[int], i: int, operator: Any) -> Any:
    return qutip.tensor([operator if k == i else qutip.qeye(d) for k, d in enumerate(dims)])
