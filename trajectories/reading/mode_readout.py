"""What is read from a state of spins at a mode over irreps."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.ergotropy import local_ergotropy
from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.irreps import Irreps
from darkbattery.nvmodel.portlight import IN_PHASE, NET_PHOTONS, QUADRATURE, reads_field
from darkbattery.nvmodel.solution import Distribution
from darkbattery.trajectories.propagate.mode_generator import (
    ABSORBED,
    EMITTED,
    INTEGRALS,
    LOST,
    SUPPLIED,
    ModeGenerator,
)
from darkbattery.trajectories.propagate.mode_stages import Changing, turned_back
from darkbattery.trajectories.reading.bipartition import Bipartition, bipartition_of
from darkbattery.trajectories.reading.derived import (
    OF_RATES,
    derived,
    from_populations,
    population_distributions,
)
from darkbattery.trajectories.reading.light import at_the_ports, in_light_and_joules
from darkbattery.trajectories.space.angular import lowering_squared
from darkbattery.trajectories.space.mode_space import ModeSpace

Array = NDArray[np.float64]

# photons and photons emitted below which their ratios are not known to six digits
FEWEST_PHOTONS, FEWEST_EMITTED = 1e-3, 1e-9


@dataclass(frozen=True, eq=False)
class ModeReadout:
    """What the states of one space are read by, for all stages."""

    space: ModeSpace
    n_battery: int
    n_charger: int

    @cached_property
    def irreps(self) -> Irreps:
        """Of the battery."""
        return Irreps(self.n_battery, self.space.jb)

    @cached_property
    def _operators(self) -> Array:
        """Diagonal operators: battery, charger, photons, n(n - 1), the highest photon number."""
        k = self.space.kets
        of = (
            k.mb / self.n_battery,
            k.mc / self.n_charger,
            k.n,
            k.n * (k.n - 1.0),
            1.0 * (k.n == self.space.most_photons),
        )
        at = self._probabilities
        return np.array(of)[:, self.space.pairs[0][at]]

    @cached_property
    def _probabilities(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.space.diagonal)

    def means(self, state: Array) -> dict[str, float]:
        """Means that are linear in a state (parts, size)."""
        found = self._operators @ state[0, self._probabilities]
        names = ("battery_energy", "charger_energy", "photons", "pairs", "top")
        means = dict(zip(names, map(float, found), strict=True))
        means["battery_energy"] += 0.5
        means["charger_energy"] += 0.5
        return means

    @cached_property
    def _lowered(self) -> tuple[NDArray[np.int64], Array]:
        """Elements that differ by one photon alone, and sqrt(n) of the higher number."""
        k, (one, two) = self.space.kets, self.space.pairs
        at = np.flatnonzero(k.n[one] - k.n[two] == 1)
        same = np.array([of[one[at]] == of[two[at]] for of in (k.b, k.c, k.mb, k.mc)]).all(axis=0)
        at = at[same]
        return at, np.sqrt(k.n[one[at]])

    def field(self, state: Array) -> complex:
        """<a> in the frame of the drives: states are in (-i)^n |n>."""
        at, root = self._lowered
        value = root @ state[0, at] + (1j * (root @ state[1, at]) if len(state) == 2 else 0.0)
        return complex(-1j * value)

    @cached_property
    def _battery_places(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Elements with equal charger and field, and where they stand in `irreps`."""
        k, (one, two) = self.space.kets, self.space.pairs
        at = np.flatnonzero((k.n[one] == k.n[two]) & (k.mc[one] == k.mc[two]))
        jb, begin = self.space.jb[k.b], self.irreps.offsets[k.b]
        place = begin + np.round(k.mb + jb).astype(np.int64)
        return at, place[one[at]], place[two[at]]

    def battery(self, state: Array) -> NDArray[np.complex128]:
        """The battery's state over all |j, m>, in the order of `irreps`."""
        at, one, two = self._battery_places
        values = state[0, at] + (1j * state[1, at] if len(state) == 2 else 0.0j)
        size = self.irreps.j.size
        rho = np.zeros((size, size), dtype=np.complex128)
        np.add.at(rho, (one, two), values)
        other = one != two
        np.add.at(rho, (two[other], one[other]), np.conj(values[other]))
        return rho

    def populations(self, state: Array) -> Array:
        """Probabilities of the battery's |j, m>, in the order of `irreps`."""
        at, one, two = self._battery_places
        own = one == two
        found = np.bincount(one[own], state[0, at[own]], self.irreps.j.size)
        return np.asarray(found, dtype=float)

    def eigenvalues(self, rho: NDArray[np.complex128]) -> Array:
        """Those of each irrep, at its places in `irreps`."""
        ends = self.irreps.offsets
        parts = [np.linalg.eigvalsh(rho[a:b, a:b]) for a, b in pairwise(ends)]
        return np.maximum(np.concatenate(parts), 0.0)

    def turned(self, rho: NDArray[np.complex128]) -> float:
        """|<sigma^->| of a spin of the battery, twice: the part of its Bloch vector across."""
        lowering = np.sqrt(lowering_squared(self.irreps.j, self.irreps.m))[1:]
        same = np.diff(self.irreps.irrep) == 0
        return 2.0 * abs(np.diagonal(rho, -1)[same] @ lowering[same]) / self.n_battery

    @cached_property
    def across(self) -> Bipartition:
        """Battery against charger, the field traced out."""
        return bipartition_of(self.space, with_field=False)

    @cached_property
    def against_rest(self) -> Bipartition:
        """Battery against charger and field."""
        return bipartition_of(self.space, with_field=True)


@dataclass(eq=False)
class StateReadings:
    """What states are read for, collected over the output times."""

    names: tuple[str, ...]
    readout: ModeReadout
    found: dict[str, list[float]] = field(default_factory=dict, kw_only=True)
    populations: list[Array] = field(default_factory=list, kw_only=True)
    levels: list[Array] = field(default_factory=list, kw_only=True)
    moved: list[Array] = field(default_factory=list, kw_only=True)

    def read(self, state: Array, change: Callable[[], Array], means: dict[str, float]) -> None:
        """Keep `means` of a state (parts, size) with what else is asked for.

        `change` gives its rate of change.
        """
        names, across = set(self.names), self.readout.across
        moved = change() if {"entanglement_rate", *OF_RATES} & names else state
        if "entanglement_rate" in names:
            both = across.log_negativity_and_rate(state, moved)
            means["log_negativity"], means["entanglement_rate"] = both
        elif "log_negativity" in names:
            means["log_negativity"] = across.log_negativity(state)
        if set(OF_RATES) & names:
            self.moved.append(self.readout.populations(moved))
        self._work(state, means)
        for name, value in means.items():
            self.found.setdefault(name, []).append(value)

    def _work(self, state: Array, means: dict[str, float]) -> None:
        """Populations, and what coherence between energies adds to the work."""
        populations = self.readout.populations(state)
        self.populations.append(populations)
        z = 2.0 * means["battery_energy"] - 1.0
        if self.readout.space.coherent:
            rho = self.readout.battery(state)
            self.levels.append(self.readout.eigenvalues(rho))
            length = float(np.hypot(self.readout.turned(rho), z))
            means["ergotropy_local"] = 0.5 * (length + z)
        else:
            self.levels.append(populations)
            means["ergotropy_local"] = float(local_ergotropy(np.array(means["battery_energy"])))
        means["ergotropy_rotation"] = means["ergotropy_local"]

    def from_populations(self, energy: Array) -> dict[str, Array]:
        """What `derived.from_populations` has, with the energy (T,)."""
        levels = np.array(self.levels) if self.readout.space.coherent else None
        course = np.array(self.populations), levels, self.moved
        return from_populations(self.names, self.readout.irreps, energy, *course)

    def distributions(self) -> dict[str, Distribution]:
        """Over the battery's excitations, and over its irreps."""
        return population_distributions(self.readout.irreps, np.array(self.populations))


@dataclass(eq=False)
class ModeReadings(StateReadings):
    """The same at a mode, of an experiment that begins with so many thermal photons."""

    experiment: Experiment
    thermal_photons: float

    def add(
        self, generator: ModeGenerator, vector: Array, changing: Changing | None, since: float
    ) -> None:
        """Read one more output time, `since` the start of a stretch."""
        space, parts = self.readout.space, generator.parts
        size = parts * space.size
        elements = vector[:size]
        state = elements.reshape(parts, -1)
        counted = vector[-INTEGRALS:]
        means = self.readout.means(state)
        means |= {
            "power": float(generator.power @ elements),
            "emitted_photons": counted[EMITTED],
            "absorbed_photons": counted[ABSORBED],
            "local_loss": counted[LOST],
            "supplied": counted[SUPPLIED],
        }
        if vector.size > size + INTEGRALS:
            once, twice = vector[size:-INTEGRALS].reshape(2, parts, -1)[:, 0]
            means["counted"] = float(once[space.diagonal].sum())
            means["counted_squared"] = float(twice[space.diagonal].sum())
        if "log_negativity_rest" in self.names:
            means["log_negativity_rest"] = self.readout.against_rest.log_negativity(state)
        if space.coherent and reads_field(self.names):
            means[IN_PHASE], means[QUADRATURE] = np.array([self.readout.field(state)]).view(float)

        def change() -> Array:
            more = generator.changed(elements, changing, since)
            return np.asarray((generator.matrix @ elements + more).reshape(parts, -1))

        self.read(state, change, means)

    def values(self, times: Array) -> dict[str, Array]:
        """All that was asked for, over time."""
        found = {name: np.array(values) for name, values in self.found.items()}
        battery, charger = self.experiment.sizes
        for name, line in in_light_and_joules(self.experiment).items():
            found[name] = line.at(found[line.of])
        found[NET_PHOTONS] = found["emitted_photons"] - found["absorbed_photons"]
        if IN_PHASE in found:
            field = found[IN_PHASE] + 1j * found[QUADRATURE]
            field = field * turned_back(self.experiment, times)
            found[IN_PHASE], found[QUADRATURE] = field.real, field.imag
        found |= at_the_ports(self.experiment, found)
        held = battery * found["battery_energy"] + charger * found["charger_energy"]
        held = held + found["photons"] + found["emitted_photons"] - found["absorbed_photons"]
        held = held + found["local_loss"] - found["supplied"]
        found["excitation_balance"] = (held - self._at_first()) / (battery + charger)
        energies = found["battery_energy"], found["charger_energy"]
        found = {**derived(self.names, self.experiment, *energies, None), **found}
        found |= self.from_populations(found["battery_energy"])
        with np.errstate(divide="ignore", invalid="ignore"):
            n = found["photons"]
            found["g2_zero"] = np.where(n >= FEWEST_PHOTONS, found["pairs"] / n**2, np.nan)
            if "counted" in found:
                mean = found["counted"]
                variance = found["counted_squared"] - mean**2
                found["emitted_photons_variance"] = variance
                found["fano_factor"] = np.where(mean > FEWEST_EMITTED, variance / mean, np.nan)
        return {name: found[name] for name in self.names}

    def _at_first(self) -> float:
        """Excitations at the start, with the thermal photons that are held."""
        nbar = self.experiment.nbar
        ensembles = self.experiment.ensembles
        up = sum(0.5 * one.number * (1.0 + one.inversion(nbar)) for one in ensembles)
        return up + self.thermal_photons
