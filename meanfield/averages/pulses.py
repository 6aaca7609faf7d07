r"""What pulses do to moments: dephasing of single spins, and rotations.

With a rotation by theta_k of class k about an axis in the equator, whose angle scatters by sigma
from spin to spin, let :math:`c_k=\cos\theta_k\,e^{-(\sigma\theta_k)^2/2}`. Mean fields (order 1)
turn as Bloch vectors. The moments of second order that do not depend on a common phase go, at half
turns,

.. math::
   z_k \to c_kz_k,\qquad A_k\to\tfrac{1+c_k}{2}A_k,\qquad
   C_{kl} \to \tfrac{1+c_kc_l}{2}\mathrm{Re}\,C_{kl}+i\tfrac{c_k+c_l}{2}\mathrm{Im}\,C_{kl}

Other angles leave spins with a phase: `meanfield.averages.covariances` has the moments for that.
"""

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.averages.equations import SUPPLIED, Z
from darkbattery.meanfield.classes.moments import BATTERY, System
from darkbattery.nvmodel.protocol import Pulse

Array = NDArray[np.float64]


def second_order_after(pulse: Pulse, system: System, y: Array) -> Array:
    """The state of `meanfield.averages.equations.second_order` after a pulse."""
    M, y = system.number.size, y.copy()
    upper = np.triu_indices(M)
    z, a, c = slice(Z, Z + M), slice(Z + M, Z + 3 * M), Z + 3 * M
    real, imag = slice(c, c + M * (M + 1) // 2), slice(c + M * (M + 1) // 2, None)
    if pulse.dephases:
        kept = 1.0 - of_each(system, pulse.dephase_battery, pulse.dephase_charger)
        both = np.outer(kept, kept)[upper]
        y[a] *= np.tile(kept, 2)
        y[real] *= both
        y[imag] *= both
        return y
    cosine, _ = turned(pulse, system)
    y[real] *= 0.5 * (1.0 + np.outer(cosine, cosine)[upper])
    y[imag] *= 0.5 * np.add.outer(cosine, cosine)[upper]
    y[a] *= np.tile(0.5 * (1.0 + cosine), 2)
    y[SUPPLIED] += 0.5 * system.share @ (cosine * y[z] - y[z])
    y[z] *= cosine
    return y


def first_order_after(pulse: Pulse, system: System, y: Array) -> Array:
    """The state of `meanfield.averages.equations.first_order` after a pulse."""
    M, y = system.number.size, y.copy()
    z, real, imag = (slice(Z + i * M, Z + (i + 1) * M) for i in range(3))
    if pulse.dephases:
        kept = 1.0 - of_each(system, pulse.dephase_battery, pulse.dephase_charger)
        y[real] *= kept
        y[imag] *= kept
        return y
    # b = (x - iy)/2
    vectors = rotated(pulse, system, np.array([2.0 * y[real], -2.0 * y[imag], y[z]]))
    y[SUPPLIED] += 0.5 * system.share @ (vectors[2] - y[z])
    y[real], y[imag], y[z] = 0.5 * vectors[0], -0.5 * vectors[1], vectors[2]
    return y


def rotated(pulse: Pulse, system: System, vectors: Array) -> Array:
    """Bloch vectors (3, M, ...) of the classes after a rotation, on the average over its error."""
    cosine, sine = (
        one.reshape(-1, *np.ones(vectors.ndim - 2, dtype=int)) for one in turned(pulse, system)
    )
    nx, ny = np.cos(pulse.axis), np.sin(pulse.axis)
    x, y, z = vectors
    along, across = nx * x + ny * y, nx * y - ny * x
    across, z = cosine * across - sine * z, sine * across + cosine * z
    return np.array([nx * along - ny * across, ny * along + nx * across, z])


def turned(pulse: Pulse, system: System) -> tuple[Array, Array]:
    """c and s of each class (M,); of an ensemble that is not turned 1 and 0."""
    angle = of_each(system, pulse.rotate_battery, pulse.rotate_charger)
    shrink = np.exp(-0.5 * (pulse.rotation_error * angle) ** 2)
    return shrink * np.cos(angle), shrink * np.sin(angle)


def of_each(system: System, battery: float, charger: float) -> Array:
    """A number of either ensemble, class by class (M,)."""
    return np.where(system.ensemble == BATTERY, battery, charger)
