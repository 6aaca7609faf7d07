"""What tallies of single runs have in common: arrays of moments, and the jackknife."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nvmodel.battery import CollectiveBattery
from nvmodel.errors import Unseen, jackknife_error, kinked_error, mean_error, unseen_runs
from nvmodel.preparation import Polarised
from nvmodel.protocol import Stage
from nvmodel.sums import FULL, ExactSums

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

PHOTONS = ("emitted_photons", "absorbed_photons")


def largest_rates(battery: CollectiveBattery, J: float) -> tuple[float, float, float]:
    """Largest power per spin, emission and absorption rates of any run, J its longest ladder.

    The battery's rate is a mean of J_B^+ J^- and the like, at most the product of both lengths.
    """
    nbar, gamma = battery.occupation, battery.gamma
    fastest = gamma * (J + 1.0) ** 2
    half_battery = battery.n_battery / 2 + 1.0
    power = (2.0 * nbar + 1.0) * gamma * (J + 1.0) * half_battery / battery.n_battery
    return power, (nbar + 1.0) * fastest, max(nbar, 1e-200) * fastest


def moment_arrays(moments: tuple[ExactSums, ...]) -> dict[str, Counts]:
    """Sums of equal shape as four arrays, one row for each."""
    return {
        "total": np.array([sums.total for sums in moments]),
        "square_low": np.array([sums.square_low for sums in moments]),
        "square_high": np.array([sums.square_high for sums in moments]),
        "clipped": np.array([sums.clipped for sums in moments], dtype=np.int64),
    }


def moments_from(
    moments: tuple[ExactSums, ...], count: int, arrays: Mapping[str, Counts]
) -> tuple[ExactSums, ...]:
    """The same sums with the counts that `moment_arrays` gave, of `count` runs."""
    return tuple(
        replace(
            sums,
            count=count,
            total=arrays["total"][o],
            square_low=arrays["square_low"][o],
            square_high=arrays["square_high"][o],
            clipped=int(arrays["clipped"][o]),
        )
        for o, sums in enumerate(moments)
    )


def error_of(sums: ExactSums, unseen: ArrayLike) -> Array:
    """Standard error of the mean of exact sums; see `nvmodel.errors`.

    Energies per spin of a definite start are whole steps, and exact.
    """
    variance = sums.variance()
    definite = (variance == 0.0) & (np.asarray(unseen) == 0.0) & (sums.bound == 1.0)
    return mean_error(variance, sums.count, unseen, np.where(definite, 0.0, sums.resolution))


def errors_from_energy(energy: Array, error: Array, runs: int) -> dict[str, Array]:
    """Standard errors of what follows from the battery's energy per spin alone."""
    local = kinked_error(2.0 * energy - 1.0, 2.0 * error, runs)
    return {"open_work": error, "ergotropy_local": local, "ergotropy_rotation": local}


def error_from_populations(
    groups: Counts, functional: Callable[[Array], Array], runs: int, unseen: ArrayLike
) -> Array:
    """Standard error of a function of the average populations, with a jackknife over groups.

    Parameters
    ----------
    groups : ndarray (GROUPS, T, positions)
        Sums of populations of each group, in any unit; groups of no runs are left out.
    functional : callable
        Of populations (..., T, positions), normalised.

    Returns
    -------
    ndarray (T,)
        NaN for fewer than two groups.
    """
    total = groups.sum(axis=0)
    present = np.flatnonzero(groups[:, -1].sum(axis=-1))
    whole = functional(total / total.sum(axis=-1, keepdims=True))
    if present.size < 2:
        return np.full_like(whole, np.nan)
    rest = total - groups[present]
    left_out = functional(rest / rest.sum(axis=-1, keepdims=True))
    resolution = 0.5 * groups.shape[-1] / FULL
    return np.hypot(jackknife_error(whole, left_out, runs, unseen), resolution)


def unseen_of(
    battery: CollectiveBattery, times: Array, runs: int, emitted: Array, absorbed: Array
) -> Unseen:
    """How far off a run of this battery may lie that was not seen; see `nvmodel.errors`.

    `emitted` and `absorbed` (T,) are mean numbers of photons of the runs that were.
    """
    noises = [battery.battery_noise, battery.charger_noise]
    for step in battery.protocol:
        if isinstance(step, Stage):
            noises += [n for n in (step.battery_noise, step.charger_noise) if n is not None]
    starts = battery.battery_preparation, battery.charger_preparation
    return unseen_runs(
        battery.n_battery,
        battery.n_charger,
        battery.occupation,
        battery.gamma,
        times,
        runs,
        local=max(n.dephasing + n.emission + n.pumping for n in noises),
        mixed=any(isinstance(s, Polarised) and 0.0 < s.up < 1.0 for s in starts),
        dark=set(battery.beyond_collective) <= {"detector_efficiency"},
        witnessed=np.minimum(emitted, absorbed) if battery.occupation > 0.0 else emitted,
    )
