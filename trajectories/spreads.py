"""Exact sums over single runs by groups of runs: variances, ratios, and their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nvmodel.solution import RunSpans
from nvmodel.sums import FULL, ExactSums, add_row
from trajectories.fluctuations import fano_factor, g2_zero
from trajectories.walks import INNER

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

GROUPS = 32  # of runs, i mod 32, for the jackknife of what is not linear in the state
ENERGY, VARIANCE, ERGOTROPY, EMISSION, PAIRS, EMITTED, RECORDED = range(7)
QUANTITIES = 7


@dataclass(frozen=True, eq=False)
class GroupedSums:
    """Sums of each of `QUANTITIES`, and of their squares, over the runs i with i mod GROUPS = g.

    Attributes
    ----------
    bounds : ndarray (QUANTITIES,)
        Largest magnitudes; see `nvmodel.sums`.
    total, low, high : ndarray of int64 (GROUPS, QUANTITIES, T)
        As in `ExactSums`; T = 0 where nobody asked.
    clipped : ndarray of int64 (QUANTITIES,)
    """

    bounds: Array
    total: Counts
    low: Counts
    high: Counts
    clipped: Counts

    @classmethod
    def empty(cls, bounds: Array, n_times: int) -> GroupedSums:
        """Of no runs."""
        shape = (GROUPS, QUANTITIES, n_times)
        total, low, high = (np.zeros(shape, dtype=np.int64) for _ in range(3))
        return cls(bounds, total, low, high, np.zeros(QUANTITIES, dtype=np.int64))

    def merge(self, other: GroupedSums) -> GroupedSums:
        """Of the runs of both."""
        mine, theirs = self.arrays(), other.arrays()
        return self.with_arrays({name: mine[name] + theirs[name] for name in mine})

    def arrays(self) -> dict[str, Counts]:
        """All its counts by name."""
        return {
            "spread_total": self.total,
            "spread_low": self.low,
            "spread_high": self.high,
            "spread_clipped": self.clipped,
        }

    def with_arrays(self, arrays: Mapping[str, Counts]) -> GroupedSums:
        """The same with other counts."""
        return replace(
            self,
            total=arrays["spread_total"],
            low=arrays["spread_low"],
            high=arrays["spread_high"],
            clipped=arrays["spread_clipped"],
        )

    def read(
        self, spans: RunSpans, n_charger: int
    ) -> tuple[dict[str, Array], dict[str, Array | None]]:
        """Fluctuations over the runs in `spans`, with a jackknife over the groups."""
        counts = group_counts(spans)
        whole = self._functional(self._moments(np.ones(GROUPS, dtype=bool), len(spans)), n_charger)
        present = np.flatnonzero(counts)
        if present.size < 2:
            nothing = {name: np.full_like(value, np.nan) for name, value in whole.items()}
            return whole, dict(nothing)
        left_out = []
        for g in present:
            kept = np.arange(GROUPS) != g
            rest = self._moments(kept, int(counts[kept].sum()))
            left_out.append(self._functional(rest, n_charger))
        errors: dict[str, Array | None] = {}
        for name in whole:
            values = np.array([one[name] for one in left_out])
            spread = ((values - values.mean(axis=0)) ** 2).sum(axis=0)
            errors[name] = np.sqrt(spread * (present.size - 1) / present.size)
        return whole, errors

    def _moments(self, groups: NDArray[np.bool_], runs: int) -> Callable[[int], ExactSums]:
        def of(o: int) -> ExactSums:
            parts = (array[groups, o].sum(axis=0) for array in (self.total, self.low, self.high))
            return ExactSums(runs, float(self.bounds[o]), *parts)

        return of

    @staticmethod
    def _functional(of: Callable[[int], ExactSums], n_charger: int) -> dict[str, Array]:
        energy, emitted, runs = of(ENERGY), of(EMITTED), of(ENERGY).count
        quantum, over_runs = of(VARIANCE).mean(), energy.variance()
        photon_variance = emitted.variance()
        of_average = over_runs * ((runs - 1.0) / runs) if runs > 1 else np.zeros_like(quantum)
        return {
            "energy_variance_conditional": quantum,
            "energy_variance_runs": over_runs,
            "energy_variance": quantum + of_average,
            "ergotropy_variance_runs": of(ERGOTROPY).variance(),
            "emitted_photons_variance": photon_variance,
            "fano_factor": fano_factor(photon_variance, emitted.mean()),
            "g2_zero": g2_zero(of(PAIRS).mean(), of(EMISSION).mean(), n_charger),
            "recorded_photons": of(RECORDED).mean(),
        }


def group_counts(spans: RunSpans) -> Counts:
    """How many runs of `spans` are in each group.

    >>> group_counts(RunSpans(((0, 33), (64, 65))))[:3]
    array([3, 1, 1])
    """
    return spans.group_counts(GROUPS)


def spread_bounds(J: Array) -> Array:
    """Largest magnitudes of the quantities; whole numbers are summed as they are."""
    top = float(J[-1]) + 1.0
    return np.array([1.0, 1.0, 1.0, top**2, top**4, FULL, FULL])


@njit(**INNER)
def add_spread(
    run: int,
    quantities: Any,
    scale: Any,
    total: Any,
    low: Any,
    high: Any,
    clipped: Any,
) -> None:
    """Add the rows (QUANTITIES, T) of one run to its group."""
    group = run % total.shape[0]
    for o in range(quantities.shape[0]):
        clipped[o] += add_row(
            quantities[o], scale[o], total[group, o], low[group, o], high[group, o]
        )


@njit(**INNER)
def conditional_spreads(
    c: Any, M: Any, z: Any, J: Any, g: Any, f: Any, sign: Any, n_battery: Any, out: Any
) -> None:
    r"""Rows VARIANCE, EMISSION and PAIRS of `out` for pure states with amplitudes c (K, T).

    `z` (T,) is the mean of J_B^z; the variance is the squared length of (J_B^z - z) psi.
    """
    K, T = c.shape
    for i in range(T):
        out[VARIANCE, i], out[EMISSION, i], out[PAIRS, i] = 0.0, 0.0, 0.0
        for k in range(K):
            x = (M[i] * g[k] - z[i]) * c[k, i]
            # amplitudes alternate by `sign` from ladder to ladder
            if k > 0:
                x += f[k] * np.sqrt(max(J[k] ** 2 - M[i] ** 2, 0.0)) * sign[k] * c[k - 1, i]
            if k + 1 < K:
                span = np.sqrt(max(J[k + 1] ** 2 - M[i] ** 2, 0.0))
                x += f[k + 1] * span * sign[k + 1] * c[k + 1, i]
            out[VARIANCE, i] += x * x
            rate = max((J[k] + M[i]) * (J[k] - M[i] + 1.0), 0.0) * c[k, i] ** 2
            out[EMISSION, i] += rate
            out[PAIRS, i] += rate * max((J[k] + M[i] - 1.0) * (J[k] - M[i] + 2.0), 0.0)
        out[VARIANCE, i] /= n_battery**2
