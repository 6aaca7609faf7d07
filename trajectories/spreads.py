"""Exact sums over single runs by groups of runs: variances, ratios, and their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nvmodel.errors import Unseen, jackknife_error, without_each
from nvmodel.sums import FULL, ExactSums, add_fine_row, add_row, fine_mean
from nvmodel.tally import RunSpans
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


def spread_counts(n_times: int) -> dict[str, Counts]:
    """Room for the sums of each of `QUANTITIES`, and of their squares, of no runs yet.

    As in `ExactSums`, (GROUPS, QUANTITIES, T): over the runs i with i mod GROUPS = g. Of VARIANCE,
    EMISSION and PAIRS only means are wanted, of values that may be far below their bounds:
    ``spread_low`` holds the remainders of `nvmodel.sums.add_fine_row`, ``spread_high`` nothing.
    """
    shape = (GROUPS, QUANTITIES, n_times)
    limbs = ("spread_total", "spread_low", "spread_high")
    found = {name: np.zeros(shape, dtype=np.int64) for name in limbs}
    return found | {"spread_clipped": np.zeros(QUANTITIES, dtype=np.int64)}


def spread_bounds(J: float) -> Array:
    """Largest magnitudes of the quantities, J the longest ladder; whole numbers as they are."""
    top = J + 1.0
    return np.array([1.0, 1.0, 1.0, top**2, top**4, FULL, FULL])


def read_spreads(
    counts: Mapping[str, Counts], bounds: Array, spans: RunSpans, n_charger: int, unseen: Unseen
) -> tuple[dict[str, Array], dict[str, Array | None]]:
    """Fluctuations over the runs in `spans` and their errors, with a jackknife over the groups."""
    sizes, runs = spans.group_counts(GROUPS), len(spans)

    def sums(o: int, kept: NDArray[np.bool_]) -> ExactSums:
        limbs = (counts[f"spread_{limb}"][kept, o].sum(axis=0) for limb in ("total", "low", "high"))
        return ExactSums(int(sizes[kept].sum()), float(bounds[o]), *limbs)

    every = np.ones(GROUPS, dtype=bool)
    whole = _functional(lambda o: sums(o, every), n_charger)
    left_out = without_each(lambda kept: _functional(lambda o: sums(o, kept), n_charger), sizes)
    photons, rate = sums(EMITTED, every).mean(), sums(EMISSION, every).mean()
    beyond = unseen_influences(whole, photons, rate, unseen)
    least = least_errors(whole, runs)
    rounding = _rounding(bounds, whole, photons, rate)
    errors: dict[str, Array | None] = {}
    for name, value in whole.items():
        others = np.array([one[name] for one in left_out]).reshape(-1, value.size)
        found = jackknife_error(value, others, runs, beyond[name])
        found = np.fmax(found, least[name]) if name in least else found
        errors[name] = np.hypot(found, rounding[name])
    return whole, errors


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


def _rounding(
    bounds: Array, whole: dict[str, Array], photons: Array, rate: Array
) -> dict[str, Array]:
    """What the fixed point may add to or take from each of them."""
    fine = 0.5 * bounds / FULL**2
    energy, work = 0.5 * bounds[[ENERGY, ERGOTROPY]] / FULL
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


def _rounded_variance(variance: Array, rounding: float) -> Array:
    return np.asarray(rounding * (2.0 * np.sqrt(np.nan_to_num(variance)) + rounding))


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
