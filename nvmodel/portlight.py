r"""What leaves by the ports of a resonator, as shares of what leaves it in all.

A port of rate :math:`\kappa_i`, of a resonator that loses :math:`\kappa`, sends out
:math:`\sqrt{\kappa_i}\,a`, less the thermal light that it would send out and take in without spins:

.. math:: P_i = \hbar\omega\,\kappa_i\left(\langle a^\dagger a\rangle-\bar n\right),\qquad
          I_i+iQ_i = \sqrt{\hbar\omega\kappa_i}\,\langle a\rangle

(Gardiner and Collett 1985). What it reflects of a field that is sent into it is left out.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.observables import OF, Needs, needing, row_of

Array = NDArray[np.float64]
Rates = Iterable[tuple[str, float]]

AT_PORT = needing(Needs.PORT)
OF_FIELD = needing(Needs.PORT | Needs.PHASE)
"""Of the mean field, where it has a phase."""
OF_PHOTONS = needing(Needs.PORT, without=Needs.PHASE)
# what they are multiples of: the whole resonator's, and <a>
NET_PHOTONS, IN_PHASE, QUADRATURE = "net photons", "Re <a>", "Im <a>"


def at_ports(rates: Rates, rows: Iterable[str] = AT_PORT) -> tuple[str, ...]:
    """Names of quantities at each of some ports, which have a name and a rate.

    >>> at_ports([("out", 1e6)])[:2]
    ('port_power of out', 'port_photon_rate of out')
    """
    rows = tuple(rows)
    return tuple(f"{row}{OF}{name}" for name, _ in rates for row in rows)


def reads_field(names: tuple[str, ...]) -> bool:
    """Whether any of the names takes the mean field, and not its photons alone."""
    return any(row_of(name) in OF_FIELD for name in names)


def of_ports(
    rates: Rates, kappa: float, quantum: float, whole: Mapping[str, Array]
) -> dict[str, Array]:
    r"""Values at the ports, of `output_power` and what of the three others is known.

    Parameters
    ----------
    rates : iterable of (str, float)
        Names and :math:`\kappa_i` of the ports, 1/s.
    kappa : float
        Of the resonator.
    quantum : float
        :math:`\hbar\omega`, J.

    Standard errors are had in the same way: all factors are positive.
    """
    found: dict[str, Array] = {}
    for name, rate in rates:
        share, amplitude = rate / kappa, np.sqrt(quantum * rate)
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
