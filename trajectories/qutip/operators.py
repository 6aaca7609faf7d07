"""Hamiltonian and collapse operators in QuTiP, from the list of what happens in a stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import qutip

from darkbattery.nvmodel.channels import DEPHASE, RISE, Channels, Place


class Part(NamedTuple):
    """Battery, charger or mode: a large spin, each of its spins, or an oscillator.

    Attributes
    ----------
    lowers : list of Qobj
        :math:`J^-` of each, or a.
    energies : list of Qobj
        :math:`J^z` of each, or the photon number.
    """

    lowers: list[Any]
    energies: list[Any]

    @property
    def lower(self) -> Any:
        """Of all."""
        return _sum(self.lowers)

    @property
    def energy(self) -> Any:
        """Of all."""
        return _sum(self.energies)

    def operators(self, step: int) -> list[Any]:
        """What changes the number of excitations by `step`, of each."""
        if step == DEPHASE:
            return self.energies
        return [one.dag() for one in self.lowers] if step == RISE else self.lowers


def hamiltonian(found: Channels, parts: Mapping[Place, Part]) -> Any:
    """The terms that are listed, over all parts."""
    total = 0.0 * next(iter(parts.values())).energy
    for term in found.terms:
        part = parts[term.of]
        if term.kind == "energy":
            total += term.rate * part.energy
            continue
        a = parts["mode"].lower
        if term.kind == "exchange":
            exchange = a.dag() * part.lower
            total += term.rate * (exchange + exchange.dag())
        else:
            total += term.rate * (part.lower + part.lower.dag()) * (a + a.dag())
    return total


def collapse_operators(found: Channels, parts: Mapping[Place, Part]) -> list[Any]:
    """The jumps that are listed, times the roots of their rates."""
    operators: list[Any] = []
    for jump in found.jumps:
        each = [[c * one for one in parts[place].operators(jump.step)] for place, c in jump.of]
        if jump.kind == "together":
            operators.append(np.sqrt(jump.rate) * _sum(_sum(of_part) for of_part in each))
        else:
            operators += [np.sqrt(jump.rate) * one for of_part in each for one in of_part]
    return operators


def placed(dims: list[int], i: int, operator: Any) -> Any:
    """An operator of factor i on the whole space."""
    return qutip.tensor([operator if k == i else qutip.qeye(d) for k, d in enumerate(dims)])


def spins_at(dims: list[int], sites: Iterable[int]) -> Part:
    """Large or single spins at some of the factors; m falls from +j to -j."""
    sites = list(sites)
    return Part(
        [placed(dims, i, qutip.jmat((dims[i] - 1) / 2, "-")) for i in sites],
        [placed(dims, i, qutip.jmat((dims[i] - 1) / 2, "z")) for i in sites],
    )


def _sum(operators: Iterable[Any]) -> Any:
    first, *others = operators
    return sum(others, first)
