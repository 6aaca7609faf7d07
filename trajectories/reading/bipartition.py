"""Logarithmic negativity of a state on a `ModeSpace`: the battery against what is looked at.

Either against charger and field, or against the charger with the field traced out. The partial
transpose over the battery conserves the excitations of the rest less those of the battery, unless a
drive mixes them; its blocks are filled from the stored elements at once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.trajectories.reading.entanglement import negative_part, negative_part_and_slope
from darkbattery.trajectories.space.mode_space import ModeSpace

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Bipartition:
    """Where the elements stand in the blocks of the partial transpose.

    Attributes
    ----------
    used : ndarray of int
        Elements that count.
    at, mirrored : ndarray of int
        Their places in the blocks, one behind the other, and those of their conjugates.
    sizes : ndarray of int
        Rows of each block.
    """

    used: Indices
    at: Indices
    mirrored: Indices
    sizes: Indices

    def blocks(self, state: Array) -> list[NDArray[Any]]:
        """The blocks of a state (parts, size)."""
        values = state[0, self.used]
        if len(state) == 2:
            values = values + 1j * state[1, self.used]
        ends = np.cumsum(self.sizes**2)
        flat = np.zeros(int(ends[-1]), dtype=values.dtype)
        np.add.at(flat, self.at, values)
        # the diagonal of the state is its own conjugate
        other = self.at != self.mirrored
        np.add.at(flat, self.mirrored[other], np.conj(values[other]))
        parts = np.split(flat, ends[:-1])
        return [part.reshape(d, d) for part, d in zip(parts, self.sizes, strict=True)]

    def log_negativity(self, state: Array) -> float:
        """In bits, of a state of trace 1."""
        negative = sum(negative_part(block[None]) for block in self.blocks(state))
        return float(np.log1p(2.0 * negative) / np.log(2.0))

    def log_negativity_and_rate(self, state: Array, change: Array) -> tuple[float, float]:
        """The same with its derivative from the right."""
        negative, slope = 0.0, 0.0
        for block, moved in zip(self.blocks(state), self.blocks(change), strict=True):
            part, rate = negative_part_and_slope(block[None], moved[None])
            negative, slope = negative + part, slope + rate
        norm = 1.0 + 2.0 * negative
        return float(np.log1p(2.0 * negative) / np.log(2.0)), 2.0 * slope / (np.log(2.0) * norm)


def bipartition_of(space: ModeSpace, with_field: bool) -> Bipartition:
    """The battery against the charger, with the field or with the field traced out."""
    k, (one, two) = space.kets, space.pairs
    used = np.arange(space.size) if with_field else np.flatnonzero(k.n[one] == k.n[two])
    one, two = one[used], two[used]
    charger = np.round(k.mc + space.jc[k.c]).astype(np.int64)
    photons = k.n if with_field else np.zeros_like(k.n)
    battery = np.round(k.mb + space.jb[k.b]).astype(np.int64)
    # of a state: its irreps, what is conserved, battery and rest
    most = space.most_photons + 1
    rest = charger * most + photons
    held = np.zeros_like(rest) if space.coherent else charger + photons
    labels = [
        np.stack(
            [k.b[i], k.c[i], held[r] - (0 if space.coherent else battery[u]), battery[u], rest[r]]
        )
        for i, u, r in ((one, two, one), (two, one, two))
    ]
    states, place = np.unique(np.hstack(labels), axis=1, return_inverse=True)
    place = place.reshape(2, -1)
    new = (np.diff(states[:3], axis=1) != 0).any(axis=0)
    first = np.concatenate([[0], np.flatnonzero(new) + 1, [states.shape[1]]])
    sizes = np.diff(first)
    block = np.repeat(np.arange(sizes.size), sizes)
    local = np.arange(states.shape[1]) - first[block]
    begin = np.cumsum(sizes**2) - sizes**2
    row, column = place
    start, width = begin[block[row]], sizes[block[row]]
    return Bipartition(
        used,
        start + local[row] * width + local[column],
        start + local[column] * width + local[row],
        sizes,
    )
