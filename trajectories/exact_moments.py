"""What tallies of single runs have in common: arrays of moments, and the jackknife."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nvmodel.sums import ExactSums

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


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


def jackknife_error(groups: Counts, functional: Callable[[Array], Array]) -> Array:
    """Standard error of a function of the average populations (Efron 1982), over groups of runs.

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
    if present.size < 2:
        return np.full(groups.shape[1], np.nan)
    rest = total - groups[present]
    left_out = functional(rest / rest.sum(axis=-1, keepdims=True))
    spread = ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0)
    return np.sqrt(spread * (present.size - 1) / present.size)
