"""What sums over single runs by groups of runs say: variances, ratios, and their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.errors import Unseen, farther, jackknife_error, without_each
from darkbattery.nvmodel.tally import FULL, ExactSums, RunSpans, fine_mean
from darkbattery.trajectories.jumps.counts.sums import (
    EMISSION,
    EMITTED,
    ENERGY,
    ERGOTROPY,
    GROUPS,
    PAIRS,
    RECORDED,
    VARIANCE,
)
from darkbattery.trajectories.reading.fluctuations import (
    fano_factor,
    g2_zero,
    least_errors,
    ratio,
    reliability,
    unseen_influences,
)

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


def read_spreads(
    counts: Mapping[str, Counts],
    bounds: Array,
    spans: RunSpans,
    n_charger: int,
    unseen: Unseen,
    undrawn: Mapping[str, Array],
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
    beyond = farther(unseen_influences(whole, photons, rate, unseen), undrawn)
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
    work = of(ERGOTROPY)
    return {
        "energy_reliability": reliability(energy.mean(), over_runs),
        "ergotropy_reliability": reliability(work.mean(), work.variance()),
        "energy_variance_conditional": quantum,
        "energy_variance_runs": over_runs,
        "energy_variance": quantum + of_average,
        "ergotropy_variance_runs": work.variance(),
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
        "energy_reliability": nothing,
        "ergotropy_reliability": nothing,
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
