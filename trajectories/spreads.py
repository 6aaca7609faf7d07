"""Exact sums over single runs by groups of runs: variances, ratios, and their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nvmodel.errors import Unseen, jackknife_error
from nvmodel.solution import RunSpans
from nvmodel.sums import FULL, ExactSums, add_fine_row, add_row, fine_mean
from trajectories.fluctuations import (
    fano_factor,
    g2_zero,
    least_errors,
    ratio,
    unseen_influences,
)
from trajectories.walks import INNER

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

GROUPS = 32  # of runs, i mod 32, for the jackknife of what is not linear in the state
ENERGY, VARIANCE, ERGOTROPY, EMISSION, PAIRS, EMITTED, RECORDED = range(7)
QUANTITIES = 7
MEANS_ALONE = (VARIANCE, EMISSION, PAIRS)  # of which nobody asks the variance over runs


@dataclass(frozen=True, eq=False)
class GroupedSums:
    """Sums of each of `QUANTITIES`, and of their squares, over the runs i with i mod GROUPS = g.

    Attributes
    ----------
    bounds : ndarray (QUANTITIES,)
        Largest magnitudes; see `nvmodel.sums`.
    total, low, high : ndarray of int64 (GROUPS, QUANTITIES, T)
        As in `ExactSums`; T = 0 where nobody asked. Of VARIANCE, EMISSION and PAIRS only means are
        wanted, of values that may be far below their bounds: `low` holds `nvmodel.sums.add_fine`'s
        remainders, and `high` nothing.
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
        self, spans: RunSpans, n_charger: int, unseen: Unseen
    ) -> tuple[dict[str, Array], dict[str, Array | None]]:
        """Fluctuations over the runs in `spans`, with a jackknife over the groups."""
        counts, runs = group_counts(spans), len(spans)
        of = self._moments(np.ones(GROUPS, dtype=bool), runs)
        whole = self._functional(of, n_charger)
        present = np.flatnonzero(counts)
        left_out = []
        for g in present if present.size > 1 else ():
            kept = np.arange(GROUPS) != g
            rest = self._moments(kept, int(counts[kept].sum()))
            left_out.append(self._functional(rest, n_charger))
        photons, rate = of(EMITTED).mean(), of(EMISSION).mean()
        beyond = unseen_influences(whole, photons, rate, unseen)
        least = least_errors(whole, runs)
        rounding = self._rounding(whole, photons, rate)
        errors: dict[str, Array | None] = {}
        for name, value in whole.items():
            others = np.array([one[name] for one in left_out]).reshape(-1, value.size)
            found = jackknife_error(value, others, runs, beyond[name])
            found = np.fmax(found, least[name]) if name in least else found
            errors[name] = np.hypot(found, rounding[name])
        return whole, errors

    def _rounding(self, whole: dict[str, Array], photons: Array, rate: Array) -> dict[str, Array]:
        """What the fixed point may add to or take from each of them."""
        fine = 0.5 * self.bounds / FULL**2
        energy, work = 0.5 * self.bounds[[ENERGY, ERGOTROPY]] / FULL
        nothing = np.zeros_like(photons)
        # a variance of rounded values: their own scatter, and twice their product with it
        over_runs = _rounded_variance(whole["energy_variance_runs"], energy)
        return {
            "energy_variance_conditional": nothing + fine[VARIANCE],
            "energy_variance_runs": over_runs,
            "energy_variance": over_runs + fine[VARIANCE],
            "ergotropy_variance_runs": _rounded_variance(whole["ergotropy_variance_runs"], work),
            "emitted_photons_variance": nothing,
            "fano_factor": nothing,
            "g2_zero": np.nan_to_num(ratio(nothing + fine[PAIRS], rate**2))
            + np.nan_to_num(2.0 * whole["g2_zero"] * ratio(nothing + fine[EMISSION], rate)),
            "recorded_photons": nothing,
        }

    def _moments(self, groups: NDArray[np.bool_], runs: int) -> Callable[[int], ExactSums]:
        def of(o: int) -> ExactSums:
            parts = (array[groups, o].sum(axis=0) for array in (self.total, self.low, self.high))
            return ExactSums(runs, float(self.bounds[o]), *parts)

        return of

    @staticmethod
    def _functional(of: Callable[[int], ExactSums], n_charger: int) -> dict[str, Array]:
        energy, emitted, runs = of(ENERGY), of(EMITTED), of(ENERGY).count
        quantum, over_runs = fine_mean(of(VARIANCE)), energy.variance()
        photon_variance = emitted.variance()
        of_average = over_runs * ((runs - 1.0) / runs) if runs > 1 else np.zeros_like(quantum)
        return {
            "energy_variance_conditional": quantum,
            "energy_variance_runs": over_runs,
            "energy_variance": quantum + of_average,
            "ergotropy_variance_runs": of(ERGOTROPY).variance(),
            "emitted_photons_variance": photon_variance,
            "fano_factor": fano_factor(photon_variance, emitted.mean()),
            "g2_zero": g2_zero(fine_mean(of(PAIRS)), fine_mean(of(EMISSION)), n_charger),
            "recorded_photons": of(RECORDED).mean(),
        }


def _rounded_variance(variance: Array, rounding: float) -> Array:
    return np.asarray(rounding * (2.0 * np.sqrt(np.nan_to_num(variance)) + rounding))


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
        limbs = total[group, o], low[group, o], high[group, o]
        if o in MEANS_ALONE:
            clipped[o] += add_fine_row(quantities[o], scale[o], limbs[0], limbs[1])
        else:
            clipped[o] += add_row(quantities[o], scale[o], limbs[0], limbs[1], limbs[2])


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
