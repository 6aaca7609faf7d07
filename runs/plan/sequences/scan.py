"""The moment to disconnect: the charging stage made shorter and longer, all else as it stands."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel import ResonatorBattery
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.plan.sequences.shots import Recipe, shots_of
from darkbattery.runs.plan.sequences.timeline import timed_stages, with_duration
from darkbattery.runs.ranks.world import spread

Array = NDArray[np.float64]

# durations over the sequence's own, and points between those beside the best of them
FACTORS = tuple(np.linspace(0.3, 2.0, 18).tolist())
BETWEEN = 4
# of the most that is stored: from when on waiting longer is not worth it, and what is still good
WORTH, NEARLY = 0.99, 0.95


@dataclass(frozen=True, eq=False)
class Scan:
    """What is stored over the duration of the charging stage.

    Attributes
    ----------
    durations : ndarray (D,)
        s, increasing.
    stored, error, recovered : ndarray (D,)
        Means over shots: per battery spin, hbar omega, its standard error, and J.
    """

    durations: Array
    stored: Array
    error: Array
    recovered: Array

    @property
    def most(self) -> float:
        """The largest stored energy per battery spin, hbar omega."""
        return float(self.stored.max())

    @property
    def place(self) -> int:
        """Of the best: the shortest that stores the most but for a hundredth."""
        return int(np.flatnonzero(self.stored >= WORTH * self.most)[0])

    @property
    def best(self) -> float:
        """The moment to disconnect, s after the charging stage begins."""
        return float(self.durations[self.place])

    @property
    def window(self) -> tuple[float, float]:
        """Durations around the best with which at least `NEARLY` of the most is stored, s.

        An end of the scan where it reaches that far.

        >>> nothing = np.zeros(3)
        >>> one = Scan(np.array([1.0, 2.0, 3.0]), np.array([0.8, 1.0, 0.99]), nothing, nothing)
        >>> print(*(round(end, 6) for end in one.window))
        1.75 3.0
        """
        goal, t, y = NEARLY * self.most, self.durations, self.stored
        below = np.flatnonzero(y < goal)
        before, after = below[below < self.place], below[below > self.place]
        low, high = float(t[0]), float(t[-1])
        if before.size:
            i = int(before[-1])
            low = float(np.interp(goal, y[i : i + 2], t[i : i + 2]))
        if after.size:
            i = int(after[0])
            high = float(np.interp(-goal, -y[i - 1 : i + 1], t[i - 1 : i + 1]))
        return low, high


def scan_of(model: ResonatorBattery, recipe: Recipe, comm: Any = None) -> Scan:
    """A coarse scan, and a fine one around its best."""
    own = timed_stages(model.protocol)[recipe.roles.charge].stage.duration
    found = _solved(model, recipe, [own * factor for factor in FACTORS], comm)
    ordered = sorted(found)
    place = max(range(len(ordered)), key=lambda i: found[ordered[i]][0])
    near = ordered[max(place - 1, 0) : place + 2]
    fine = [
        float(one)
        for low, high in pairwise(near)
        for one in np.linspace(low, high, BETWEEN + 1)[1:-1]
    ]
    found |= _solved(model, recipe, fine, comm)
    durations = np.array(sorted(found))
    rows = np.array([found[duration] for duration in durations.tolist()])
    return Scan(durations, *rows.T)


def _solved(
    model: ResonatorBattery, recipe: Recipe, durations: list[float], comm: Any
) -> dict[float, tuple[float, float, float]]:
    """By duration; those at which a rise or a drive no longer fits into the stage are left out."""
    variants = []
    for duration in durations:
        try:
            variants.append((duration, with_duration(model, recipe.roles.charge, duration)))
        except InputError:
            continue
    shots = spread(comm, lambda one: shots_of(one[1], recipe), variants)
    return {
        duration: (
            float(one.stored.mean()),
            float(one.stored.std(ddof=1) / np.sqrt(one.stored.size)),
            float(one.recovered_joule.mean()),
        )
        for (duration, _), one in zip(variants, shots, strict=True)
    }
