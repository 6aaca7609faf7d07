r"""What leaves by the ports of a resonator, as shares of what leaves it in all.

A port of rate :math:`\kappa_i`, of a resonator that loses :math:`\kappa`, sends out
:math:`\sqrt{\kappa_i}\,a`, less the thermal light that it would send out and take in without spins:

.. math:: P_i = \hbar\omega\,\kappa_i\left(\langle a^\dagger a\rangle-\bar n\right),\qquad
          I_i+iQ_i = \sqrt{\hbar\omega\kappa_i}\,\langle a\rangle

(Gardiner and Collett 1985). What it reflects of a field that is sent into it is left out.
"""

from collections.abc import Mapping

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.meanfield.classes.moments import System
from darkbattery.nvmodel.observables import OF, Needs, needing, row_of

Array = NDArray[np.float64]

AT_PORT = needing(Needs.PORT)
# what they are multiples of: the whole resonator's, and <a>
NET_PHOTONS, IN_PHASE, QUADRATURE = "net photons", "Re <a>", "Im <a>"
FIELDS = ("port_in_phase", "port_quadrature")


def at_ports(system: System) -> tuple[str, ...]:
    """Names of the quantities at each port.

    >>> from darkbattery.meanfield.classes.moments import system_of
    >>> from darkbattery.nvmodel import Port, Resonator, ResonatorBattery, SpinEnsemble
    >>> cavity = Resonator(3e9, linewidth_fwhm_hz=1e6, ports=[Port("out", 5e5)])
    >>> at_ports(system_of(ResonatorBattery(SpinEnsemble(10, coupling=1.0), cavity), 1))[:2]
    ('port_power of out', 'port_photon_rate of out')
    """
    return tuple(f"{row}{OF}{name}" for name, _ in system.ports for row in AT_PORT)


def reads_field(names: tuple[str, ...]) -> bool:
    """Whether any of the names takes the mean field, and not its photons alone."""
    return any(row_of(name) in FIELDS for name in names)


def of_ports(system: System, whole: Mapping[str, Array]) -> dict[str, Array]:
    """Values at the ports, of `output_power` and what of the three others is known.

    Standard errors are had in the same way: all factors are positive.
    """
    found: dict[str, Array] = {}
    if not system.ports:
        return found
    assert system.frequency is not None
    quantum = scipy.constants.hbar * system.frequency
    for name, rate in system.ports:
        share, amplitude = rate / system.kappa, np.sqrt(quantum * rate)
        for row, source, factor in (
            ("port_power", "output_power", share),
            ("port_photon_rate", "output_power", share / quantum),
            ("port_photons", NET_PHOTONS, share),
            ("port_in_phase", IN_PHASE, amplitude),
            ("port_quadrature", QUADRATURE, amplitude),
        ):
            if source in whole:
                found[f"{row}{OF}{name}"] = factor * whole[source]
    return found
