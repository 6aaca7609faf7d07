r"""What leaves by one port of a resonator, on the average.

A port of rate :math:`\kappa_i`, of a resonator that loses :math:`\kappa` in all, sends out its
share of what leaves, less the thermal light that it would send out and take in without spins:

.. math:: P_i = \hbar\omega\,\kappa_i\left(\langle a^\dagger a\rangle-\bar n\right)

(Gardiner and Collett 1985).
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import experiment_of
from darkbattery.nvmodel.refusal import InputError, known_name
from darkbattery.nvmodel.solution import Solution

Array = NDArray[np.float64]

NEEDED = ("output_power", "emitted_photons")


@dataclass(frozen=True, eq=False)
class PortOutput:
    """What one port sends out.

    Attributes
    ----------
    times, power, photon_rate, photons : ndarray (T,)
        s, W, 1/s, and photons so far.
    power_error, photons_error : ndarray (T,) or None
        Standard errors of averages over single runs.
    """

    times: Array
    power: Array
    photon_rate: Array
    photons: Array
    power_error: Array | None
    photons_error: Array | None


def port_output(solution: Solution, port: str) -> PortOutput:
    """Power and photons at a port, of averages or of single runs' means.

    Parameters
    ----------
    solution : Solution
        Of `meanfield.evolve` or `meanfield.sample`, of a model whose resonator has ports, with
        `output_power` and `emitted_photons` among its observables.
    port : str
        One of the resonator's. What it reflects of a field that is sent into it is left out.

    Raises
    ------
    InputError
        For another port or solution.

    Examples
    --------
    >>> from darkbattery.meanfield import evolve
    >>> from darkbattery.nvmodel import Port, Resonator, ResonatorBattery, SpinEnsemble
    >>> cavity = Resonator(3e9, linewidth_fwhm_hz=1e6, ports=[Port("out", 5e5)])
    >>> spins = SpinEnsemble(10**12, coupling=6.0, t2_s=1e-6)
    >>> found = port_output(evolve(ResonatorBattery(spins, cavity), [0.0, 1e-6, 2e-5]), "out")
    >>> print(f"{found.photons[-1] / 1e12:.2f} of each spin's photon")
    0.41 of each spin's photon
    """
    resonator = None if solution.model is None else experiment_of(solution.model).resonator
    if resonator is None or not resonator.ports:
        raise InputError("port", port, "the model has no resonator with ports")
    rate = resonator.rates[known_name("port", port, list(resonator.rates))]
    missing = [name for name in NEEDED if name not in solution.values]
    if missing:
        raise InputError("solution", ", ".join(missing), "must be among its observables")
    share = rate / resonator.kappa
    quantum = scipy.constants.hbar * 2.0 * np.pi * resonator.frequency_hz
    power, left = share * solution["output_power"], solution["emitted_photons"]
    stimulated = resonator.nbar + 1.0
    if "absorbed_photons" in solution.values:
        net = left - solution["absorbed_photons"]
    else:  # single runs: emitted is nbar + 1 times what kappa n adds up to
        net = left / stimulated - resonator.nbar * resonator.kappa * solution.times
    errors = [solution.errors[name] for name in NEEDED]
    factors = (share, share / stimulated)
    of_power, of_photons = (
        None if error is None else factor * error
        for factor, error in zip(factors, errors, strict=True)
    )
    return PortOutput(solution.times, power, power / quantum, share * net, of_power, of_photons)
