r"""What pulses do to paths: mean spins of a class turn and shrink, and what they lose is noise.

Of N_k spins by themselves, each left with a share :math:`\\eta` of a component of its Bloch vector,
the mean keeps the share too, and gains a variance :math:`(1-\\eta^2)/N_k` in it: squares of Pauli
operators are 1 before and after.
"""

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.averages.pulses import of_each, rotated
from darkbattery.meanfield.classes.moments import System
from darkbattery.nvmodel.protocol import Pulse

Array = NDArray[np.float64]


def turn_paths(pulse: Pulse, system: System, spins: Array, normals: Array) -> None:
    """Change `spins` (3, M, lanes); `normals` (3 M, lanes) of each run's own."""
    noise = normals.reshape(3, system.number.size, -1)
    width = 1.0 / np.sqrt(system.number)[:, None]
    if pulse.dephases:
        kept = 1.0 - of_each(system, pulse.dephase_battery, pulse.dephase_charger)[:, None]
        spins[:2] = kept * spins[:2] + width * np.sqrt(1.0 - kept**2) * noise[:2]
        return
    angle = of_each(system, pulse.rotate_battery, pulse.rotate_charger)[:, None]
    lost = width * np.sqrt(-np.expm1(-((pulse.rotation_error * angle) ** 2)))
    # in the plane at right angles to the axis
    nx, ny = np.cos(pulse.axis), np.sin(pulse.axis)
    kick = lost * np.array([-ny * noise[0], nx * noise[0], noise[2]])
    spins[:] = rotated(pulse, system, spins) + kick
