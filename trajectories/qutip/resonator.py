r"""The same resonator with few spins in QuTiP: the exact reference of the semiclassical engine.

Ensembles without noise of their own, fully polarised, are large spins; otherwise every spin is
there by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import qutip

from darkbattery.nvmodel.channels import ENSEMBLES, Place, channels
from darkbattery.nvmodel.experiment import Experiment, Model, experiment_of
from darkbattery.nvmodel.refusal import InputError, whole_number
from darkbattery.nvmodel.spins import Spins
from darkbattery.trajectories.qutip.operators import (
    Part,
    collapse_operators,
    hamiltonian,
    placed,
    spins_at,
)

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


def resonator_to_qutip(model: Model, most_photons: int) -> ResonatorSpins:
    """The model as QuTiP operators, with at most `most_photons` in the resonator.

    Raises
    ------
    InputError
        Beyond 2048 states; for lines and spreads of couplings, whose spins all differ, and drives.

    Examples
    --------
    >>> from darkbattery.nvmodel import Resonator, ResonatorBattery, SpinEnsemble
    >>> cavity = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=0.0)
    >>> spin = SpinEnsemble(number=1, coupling=1.0)
    >>> few = resonator_to_qutip(ResonatorBattery(charger=spin, resonator=cavity), most_photons=2)
    >>> later = qutip.mesolve(few.hamiltonian, few.initial, [0.0, np.pi / 2])
    >>> print(round(qutip.expect(few.observables["photons"], later.states[-1]), 4))  # Rabi: sin^2
    1.0
    """
    most_photons = whole_number("most_photons", most_photons, least=1)
    experiment = experiment_of(model)
    if experiment.resonator is None:
        raise InputError("field", experiment.field, "must be a Resonator here")
    if not all(spins.alike for spins in experiment.ensembles):
        raise InputError("line", model, "must have equal spins in each ensemble")
    for name in ("drive", "protocol"):
        if getattr(experiment, name):
            text = "add it to the Hamiltonian: eta(t) (a + a.dag()), detunings D(t) J^z"
            raise InputError(name, getattr(experiment, name), text)
    sides = {
        name: spins
        for name, spins in zip(ENSEMBLES, (experiment.battery, experiment.charger), strict=True)
        if spins is not None
    }
    factors = {name: _factors(spins) for name, spins in sides.items()}
    dims = [d for of_spins in factors.values() for d in of_spins] + [most_photons + 1]
    if np.prod(dims, dtype=float) > MOST_STATES:
        numbers = [spins.number for spins in sides.values()]
        raise InputError("number", numbers, f"with {most_photons} photons: > {MOST_STATES} states")
    return _assembled(experiment, sides, factors, dims)


def _factors(spins: Spins) -> list[int]:
    """A large spin, or every spin by itself where each has noise of its own."""
    together = spins.noise.silent and spins.start in ("down", "up")
    return [spins.number + 1] if together else [2] * spins.number


def _assembled(
    experiment: Experiment,
    sides: dict[Place, Spins],
    factors: dict[Place, list[int]],
    dims: list[int],
) -> ResonatorSpins:
    a = placed(dims, len(dims) - 1, qutip.destroy(dims[-1]))
    parts: dict[Place, Part] = {"mode": Part([a], [a.dag() * a])}
    observables, starts, site = {"photons": a.dag() * a}, [], 0
    for name, spins in sides.items():
        sites = range(site, site + len(factors[name]))
        site += len(factors[name])
        parts[name] = spins_at(dims, sites)
        observables[f"{name}_energy"] = parts[name].energy / float(spins.number) + 0.5
        starts += [_start(dims[i], spins.inversion(experiment.nbar)) for i in sites]
    top = placed(dims, len(dims) - 1, qutip.fock_dm(dims[-1], dims[-1] - 1))
    field = qutip.thermal_dm(dims[-1], experiment.nbar)
    found = channels(experiment)
    return ResonatorSpins(
        dims=dims,
        battery_factors=list(range(len(factors.get("battery", [])))),
        hamiltonian=hamiltonian(found, parts),
        collapse=collapse_operators(found, parts),
        initial=qutip.tensor([*starts, field]),
        observables=observables | {"overflow": top},
    )


def _start(levels: int, z: float) -> Any:
    if levels > 2:
        return qutip.fock_dm(levels, 0 if z > 0.0 else levels - 1)
    return qutip.Qobj(np.diag([(1.0 + z) / 2, (1.0 - z) / 2]))
