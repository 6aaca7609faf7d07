"""What a line holds: inversion over frequency, and the cells that classes are of it."""

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.classes.moments import BATTERY, CHARGER, System
from darkbattery.nvmodel.solution import PROFILES, Distribution

Array = NDArray[np.float64]


def cells(detuning: Array) -> tuple[Array, Array]:
    """Lower and upper edges of the classes' cells, between neighbours, in the classes' order.

    >>> cells(np.array([0.0, 3.0, 1.0]))
    (array([-0.5,  2. ,  0.5]), array([0.5, 4. , 2. ]))
    """
    order = np.argsort(detuning, kind="stable")
    at = detuning[order]
    middle = 0.5 * (at[1:] + at[:-1])
    if at.size > 1:
        middle = np.concatenate([[2.0 * at[0] - middle[0]], middle, [2.0 * at[-1] - middle[-1]]])
    else:
        middle = np.array([at[0], at[0]])
    low, high = np.empty(at.size), np.empty(at.size)
    low[order], high[order] = middle[:-1], middle[1:]
    return low, high


def profiles(system: System, inversion: Array) -> dict[str, Distribution]:
    """<sigma_z> over the detuning from the line's centre (Hz), of ensembles that have a line.

    `inversion` (T, M) of the classes.
    """
    found = {}
    for name, ensemble in zip(PROFILES, (BATTERY, CHARGER), strict=True):
        mine = np.flatnonzero(system.ensemble == ensemble)
        off = (system.detuning[mine] - system.own_detunings[ensemble]) / (2.0 * np.pi)
        if np.unique(off).size < 2:
            continue
        order = np.argsort(off, kind="stable")
        low, high = cells(off)
        found[name] = Distribution(
            "<sigma_z> over the detuning from the line's centre (Hz)",
            low[order],
            high[order],
            np.asarray(inversion[:, mine[order]]),
        )
    return found
