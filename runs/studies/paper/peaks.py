"""The largest local maximum of an observable over time, finer than the output times."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkbattery import trajectories
from darkbattery.nvmodel.experiment import Model

Array = NDArray[np.float64]

ZOOM_POINTS = 9  # over the bracket of three times: each zoom is four times finer
MOST_ZOOMS = 4  # 256 times finer: for the maxima that are jumps, which no parabola fits
# neighbours this close to the top, relatively: the next term of the series beyond the parabola
# is then of the order of its square, 1e-5
SMOOTH = 3e-3


@dataclass(frozen=True)
class Peak:
    """Where and how high; NaN where there is no local maximum."""

    time: float
    value: float


def local_peak(battery: Model, observable: str, times: Array, values: Array) -> Peak:
    """The largest local maximum after the start.

    Parameters
    ----------
    times, values : ndarray (T,)
        The curve as computed; asked for again between its highest times until a parabola fits.
        The entanglement rate jumps up at kinks of the negativity and falls from there: the top of
        the jump is then the maximum.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> battery = CollectiveBattery(n_battery=1, n_charger=1)
    >>> times = np.linspace(0.0, 2.0, 9)
    >>> power = trajectories.evolve(battery, times, observables=["power"])["power"]
    >>> peak = local_peak(battery, "power", times, power)  # (1 - exp(-t)) exp(-t)/2: ln 2 and 1/8
    >>> round(peak.time, 3), round(peak.value, 6)
    (0.693, 0.125)
    """
    top = _largest_interior(values)
    if top is None:
        return Peak(math.nan, math.nan)
    for _ in range(MOST_ZOOMS):
        if np.ptp(values[top - 1 : top + 2]) <= SMOOTH * abs(values[top]):
            break
        times = np.linspace(times[top - 1], times[top + 1], ZOOM_POINTS)
        values = trajectories.evolve(battery, times, observables=[observable])[observable]
        top = 1 + int(np.argmax(values[1:-1]))
    else:
        return Peak(float(times[top]), float(values[top]))
    return _parabola(times[top - 1 : top + 2], values[top - 1 : top + 2])


def _largest_interior(values: Array) -> int | None:
    inner = values[1:-1]
    local = 1 + np.flatnonzero((inner > values[:-2]) & (inner >= values[2:]))
    return int(local[np.argmax(values[local])]) if local.size else None


def _parabola(times: Array, values: Array) -> Peak:
    """Top of the parabola through three points (their middle one the highest)."""
    shift = times - times[1]
    curvature, slope, height = np.polyfit(shift, values, 2)
    if curvature >= 0.0:
        return Peak(float(times[1]), float(values[1]))
    return Peak(float(times[1] - slope / (2 * curvature)), float(height - slope**2 / 4 / curvature))
