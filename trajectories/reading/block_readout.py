"""What is read from a state over irreps: energies, populations, photons, entanglement."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.irreps import Irreps
from darkbattery.nvmodel.solution import Distribution
from darkbattery.trajectories.propagate.generator import INTEGRALS, Generator
from darkbattery.trajectories.reading.derived import (
    LINEAR,
    OF_RATES,
    derived,
    from_populations,
    over_excitations,
    over_irreps,
)
from darkbattery.trajectories.reading.entanglement import (
    negative_part,
    negative_part_and_slope,
    transpose_blocks,
)

Array = NDArray[np.float64]

LINEAR_WITH_LOSS = (*LINEAR, "local_loss")


@dataclass(frozen=True, eq=False)
class StageReadout:
    """Means of operators in one stage, as rows that multiply its vectors."""

    battery: Experiment
    irreps: Irreps
    generator: Generator

    @cached_property
    def _weights(self) -> Any:
        """Sparse rows: battery, charger, power, emission, absorption."""
        g, n = self.generator, self.generator.space.size
        e, diagonal = g.space.elements, g.space.diagonal
        tail = np.zeros((g.parts - 1) * n)
        battery = np.concatenate([np.where(diagonal, e.mb, 0.0) / self.battery.n_battery, tail])
        charger = np.concatenate([np.where(diagonal, e.mc, 0.0) / self.battery.n_charger, tail])
        rates = [np.concatenate([rate, tail]) for rate in (g.emission, g.absorption)]
        rows = (battery, charger, g.matrix.T @ battery, *rates)
        return scipy.sparse.vstack([scipy.sparse.csr_matrix(row) for row in rows], format="csr")

    def linear(self, vector: Array) -> dict[str, float]:
        """Energies, rates and counts of one vector."""
        found = [*(self._weights @ vector[:-INTEGRALS]), *vector[-INTEGRALS:]]
        means = dict(zip(LINEAR_WITH_LOSS, map(float, found), strict=True))
        means["battery_energy"] += 0.5
        means["charger_energy"] += 0.5
        return means

    @cached_property
    def _battery_places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The probabilities among the elements, and where they stand in `irreps`."""
        space, irreps = self.generator.space, self.irreps
        at = np.flatnonzero(space.diagonal)
        jb = space.jb[space.elements.b[at]]
        ladder = np.round(irreps.ladders[0] - jb).astype(np.int64)
        return at, irreps.offsets[ladder] + np.round(space.elements.mb[at] + jb).astype(np.int64)

    def populations(self, vector: Array) -> Array:
        r"""Probabilities of the battery's :math:`|j,m\rangle`, in the order of `irreps`."""
        at, place = self._battery_places
        return np.asarray(np.bincount(place, vector[at], self.irreps.j.size), dtype=float)

    def entanglement(self, vector: Array, with_rate: bool) -> tuple[float, float]:
        r"""Log-negativity in bits and its rate (NaN unless asked for).

        :math:`\log_2\sum_{j_B,j_C}\|\rho_{j_Bj_C}^{\Gamma_B}\|_1`: the copies of a pair of irreps
        are distinguishable, so that its trace norm counts once, whatever their number.
        """
        space, parts = self.generator.space, self.generator.parts
        state = vector[:-INTEGRALS].reshape(parts, -1)
        negative, slope = 0.0, np.nan
        if with_rate:
            change = (self.generator.matrix @ vector[:-INTEGRALS]).reshape(parts, -1)
            slope = 0.0
        for b in range(space.jb.size):
            for c in range(space.jc.size):
                transposed = transpose_blocks(space.dense_block(state, b, c))
                if with_rate:
                    moved = transpose_blocks(space.dense_block(change, b, c))
                    part, rate = negative_part_and_slope(transposed, moved)
                    slope += rate
                else:
                    part = negative_part(transposed)
                negative += part
        # the norm is the trace, 1, plus twice the negative part; the trace does not change
        log_norm = float(np.log1p(2.0 * negative))
        return log_norm / np.log(2.0), 2.0 * slope / (np.log(2.0) * (1.0 + 2.0 * negative))


@dataclass(eq=False)
class Readings:
    """Values collected over the output times."""

    battery: Experiment
    names: tuple[str, ...]
    irreps: Irreps
    linear: dict[str, list[float]] = field(
        default_factory=lambda: {name: [] for name in LINEAR_WITH_LOSS}
    )
    populations: list[Array] = field(default_factory=list)
    moved: list[Array] = field(default_factory=list)
    negativity: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)

    def add(self, readout: StageReadout, vector: Array) -> None:
        """Read one more output time."""
        for name, value in readout.linear(vector).items():
            self.linear[name].append(value)
        self.populations.append(readout.populations(vector))
        if set(OF_RATES) & set(self.names):
            self.moved.append(readout.populations(readout.generator.matrix @ vector[:-INTEGRALS]))
        if "log_negativity" in self.names or "entanglement_rate" in self.names:
            value, rate = readout.entanglement(vector, "entanglement_rate" in self.names)
            self.negativity.append(value)
            self.rate.append(rate)

    def values(self) -> dict[str, Array]:
        """All that was asked for, over time."""
        found = {name: np.array(values) for name, values in self.linear.items()}
        populations = np.array(self.populations)
        energy = found["battery_energy"]
        found |= derived(self.names, self.battery, energy, found["charger_energy"], None)
        found |= from_populations(self.names, self.irreps, energy, populations, None, self.moved)
        if self.negativity:
            found["log_negativity"] = np.array(self.negativity)
            found["entanglement_rate"] = np.array(self.rate)
        return {name: found[name] for name in self.names}

    def distributions(self) -> dict[str, Distribution]:
        """Over the battery's excitations, and over its irreps."""
        populations = np.array(self.populations)
        return {
            "populations": over_excitations(self.irreps.by_excitations(populations)),
            "irreps": over_irreps(self.irreps, populations),
        }
