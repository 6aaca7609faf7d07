r"""Charging efficiency: what the battery gained of what the charger lost,

.. math:: \eta=\frac{N_B[E_B(t)-E_B(0)]}{N_C[E_C(0)-E_C(t)]}.

The rest left as light or into the heat bath; a warm reservoir or a drive may give more than the
charger lost.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAST_LOSS = 1e-6
"""Of the charger's energy per spin: below it energies, known to 1e-10, tell no ratio."""


def charging_efficiency(
    sizes: tuple[float, float], start: tuple[float, float], battery: Array, charger: Array
) -> Array:
    r""":math:`\eta`, empty (NaN) until the charger has lost or gained `LEAST_LOSS` per spin.

    Parameters
    ----------
    sizes : tuple of float
        Spins of battery and charger.
    start : tuple of float
        Energies per spin of both at the start, in hbar omega.
    battery, charger : ndarray (T,)
        The same later.

    Examples
    --------
    >>> charging_efficiency((2, 10), (0.0, 1.0), np.array([0.0, 0.8]), np.array([1.0, 0.2]))
    array([nan, 0.2])
    """
    gained, lost = sizes[0] * (battery - start[0]), sizes[1] * (start[1] - charger)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(lost) > LEAST_LOSS * sizes[1], gained / lost, np.nan)


def efficiency_error(
    sizes: tuple[float, float],
    start: tuple[float, float],
    battery: tuple[Array, Array],
    charger: tuple[Array, Array],
) -> Array:
    r"""Largest standard error of :math:`\eta` from those of both energies, each (value, error).

    To first order it is :math:`|\delta G-\eta\,\delta L|/|L|`; how gain G and loss L of a run go
    together is not kept, and the two errors add up at most. They do where runs end in dark states:
    a run that stores less has also lost more.

    >>> energy, charger = (np.array([0.8]), np.array([0.01])), (np.array([0.2]), np.array([0.0]))
    >>> efficiency_error((2, 10), (0.0, 1.0), energy, charger)
    array([0.0025])
    """
    found = charging_efficiency(sizes, start, battery[0], charger[0])
    lost = np.abs(sizes[1] * (start[1] - charger[0]))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = (sizes[0] * battery[1] + np.abs(found) * sizes[1] * charger[1]) / lost
    return np.where(np.isnan(found), np.nan, error)
