r"""What a receiver at a port records of one run: quadratures with vacuum and amplifier noise.

A port of rate :math:`\kappa_i` sends out :math:`\sqrt{\kappa_i}\,\alpha` and reflects the vacuum
and thermal noise that falls on it. Sampled at intervals dt, each sample the mean over its interval
and the amplifier's noise temperature T_n beside it, the record is

.. math:: I+iQ = \sqrt{\hbar\omega}\left[\sqrt{\kappa_i}\,\alpha + \xi\right],\qquad
          \langle|\xi|^2\rangle = \frac{\bar n+1/2+k_BT_n/\hbar\omega}{dt}

in square roots of watts (Gardiner and Collett 1985; Clerk et al. 2010, section V). What of the
reflected noise has also entered the resonator is left out: it is of the order of the vacuum.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from darkbattery.meanfield.paths.readings import FIELD_IMAG, FIELD_REAL
from darkbattery.meanfield.paths.walk import PathNoise, start_of, walk
from darkbattery.meanfield.paths.wigner import controlled_plan
from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.refusal import InputError, finite_number, known_name, whole_number
from darkbattery.nvmodel.sums import MOST_RUNS
from darkbattery.nvmodel.times import output_times

Array = NDArray[np.float64]
Amplitudes = NDArray[np.complex128]

RECEIVER = 1 << 20  # after the pulses', of which no sequence has so many


@dataclass(frozen=True, eq=False)
class PortRecord:
    """One run as a receiver sees it.

    Attributes
    ----------
    times : ndarray (T,)
        s.
    signal : ndarray (T,)
        I + iQ with all noise, in square roots of watts; its square is the power.
    field : ndarray (T,)
        sqrt(hbar omega kappa_i) alpha, without the receiver's noise.
    """

    times: Array
    signal: Amplitudes
    field: Amplitudes


def port_record(
    model: Model,
    times: ArrayLike,
    seed: int,
    run: int,
    port: str,
    noise_temperature_k: float = 0.0,
    classes: int = 31,
) -> PortRecord:
    """Run `run` of the study with this seed at a port of its resonator.

    Parameters
    ----------
    times : array_like (T,)
        Evenly spaced, s: the sampling times, whose inverse spacing is the bandwidth.
    seed, run, classes : int
        As `meanfield.sample` takes them.
    port : str
        One of the resonator's.
    noise_temperature_k : float
        T_n of the amplifier, K.

    Examples
    --------
    >>> from darkbattery.nvmodel import Port, Resonator, ResonatorBattery, SpinEnsemble
    >>> cavity = Resonator(3e9, linewidth_fwhm_hz=1e6, ports=[Port("out", 5e5)])
    >>> spins = SpinEnsemble(10**12, coupling=6.0, t2_s=1e-6)
    >>> record = port_record(
    ...     ResonatorBattery(spins, cavity), np.linspace(0.0, 5e-6, 101), seed=1, run=0, port="out"
    ... )
    >>> print(f"{(abs(record.signal) ** 2).max():.0e} W")
    2e-06 W
    """
    t = output_times(times)
    run = whole_number("run", run, least=0, most=MOST_RUNS - 1)
    seed = whole_number("seed", seed, least=0, most=(1 << 64) - 1)
    resonator = experiment_of(model).resonator
    if resonator is None or not resonator.ports:
        raise InputError("port", port, "the model has no resonator with ports")
    rate = resonator.rates[known_name("port", port, list(resonator.rates))]
    temperature = finite_number("noise_temperature_k", noise_temperature_k, least=0.0)
    if t.size < 2 or np.ptp(np.diff(t)) > 1e-6 * float(t[1] - t[0]):
        raise InputError("times", times, "must be evenly spaced, at least two")
    plan = controlled_plan(model, tuple(t.tolist()), whole_number("classes", classes, 1)).plan
    source = PathNoise(seed, run, 1)
    rows = walk(plan, source, start_of(plan.system, seed, run, 1)).rows[..., 0]
    alpha = np.sqrt(plan.system.total) * (rows[FIELD_REAL] + 1j * rows[FIELD_IMAG])
    quantum = scipy.constants.hbar * 2.0 * np.pi * resonator.frequency_hz
    added = scipy.constants.k * temperature / quantum
    variance = (resonator.nbar + 0.5 + added) / float(t[1] - t[0])
    normals = source.of_pulse(RECEIVER, 2 * t.size)[:, 0].reshape(2, t.size)
    noise = np.sqrt(0.5 * variance) * (normals[0] + 1j * normals[1])
    field = np.sqrt(quantum * rate) * alpha
    return PortRecord(t, field + np.sqrt(quantum) * noise, field)
