r"""Linear response of a resonator with its spins at rest: transmission, polaritons, one photon.

All spins, battery and charger alike, are down with their polarisation p, and the field is weak.
With :math:`R(\delta)=\int\rho(w)\,dw/[\Gamma+i(w-\delta)]` for each ensemble's line, counted from
the resonator,

.. math:: t(\delta) = \frac{\kappa/2}{\kappa/2-i\delta+\sum_ig_i^2N_ip_iR_i(\delta)}

(Diniz et al., Phys. Rev. A 84, 063810 (2011); Kurucz, Wesenberg and Molmer, Phys. Rev. A 83,
053852 (2011)).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.ensemble import SpinEnsemble
from darkbattery.nvmodel.lines.classes import line_quadrature
from darkbattery.nvmodel.lines.response import line_response
from darkbattery.nvmodel.refusal import (
    InputError,
    finite_number,
    is_real,
    listed_numbers,
    output_times,
)
from darkbattery.nvmodel.resonator import ResonatorBattery

Array = NDArray[np.float64]
Amplitudes = NDArray[np.complex128]

# points of the search for peaks; a peak narrower than the span over this is missed
SEARCHED = 2001


def transmission(model: ResonatorBattery, detuning_hz: ArrayLike) -> Amplitudes:
    """Amplitude t at probe frequencies minus the resonator's (Hz); :math:`|t|^2=1` without spins.

    Raises
    ------
    InputError
        For spins with neither a line nor a finite :math:`T_2`, whose absorption is infinite.

    Examples
    --------
    >>> from darkbattery.nvmodel import Resonator
    >>> spins = SpinEnsemble(number=10**12, coupling=60.0, t2_s=1e-6)
    >>> cavity = Resonator(frequency_hz=2.7e9, linewidth_fwhm_hz=0.8e6)
    >>> model = ResonatorBattery(charger=spins, resonator=cavity)
    >>> half = spins.collective_coupling / (2e6 * np.pi)  # MHz
    >>> print((abs(transmission(model, [0.0, 1e6 * half])) ** 2).round(3))
    [0.    0.512]
    """
    return 0.5 * model.resonator.kappa * field_response(model, detuning_hz)


def probed(detuning_hz: ArrayLike) -> Array:
    """Detunings of a weak probe, one or a list of them, in rad/s; refused unless all are finite.

    >>> probed(1.0).round(3)
    array([6.283])
    """
    one = is_real(detuning_hz)
    given = listed_numbers("detuning_hz", [detuning_hz] if one else detuning_hz)
    if not np.isfinite(given).all():
        raise InputError("detuning_hz", detuning_hz, "must be finite")
    return np.asarray(2.0 * math.pi * given)


def field_response(model: ResonatorBattery, detuning_hz: ArrayLike) -> Amplitudes:
    r"""Field over the rate at which it is fed, s: what all scattering at ports is made of.

    With :math:`\kappa_i` the part of :math:`\kappa` that port i causes (rad/s), this times
    :math:`\sqrt{\kappa_i\kappa_j}` is the transmission :math:`S_{ij}`, and times
    :math:`\kappa_i`, less 1, the reflection :math:`S_{ii}` (Collett and Gardiner 1984), for
    amplitudes that turn as :math:`e^{-i\omega t}`; a network analyser's are their conjugates.

    Examples
    --------
    >>> from darkbattery.nvmodel import Resonator
    >>> spins = SpinEnsemble(number=1, coupling=1e-9, t2_s=1e-6)
    >>> empty = ResonatorBattery(spins, Resonator(frequency_hz=3e9, linewidth_fwhm_hz=1e6))
    >>> kappa = empty.resonator.kappa
    >>> matched = 0.5 * kappa * field_response(empty, [0.0, 0.5e6]) - 1.0
    >>> print(abs(matched).round(6))  # nothing comes back on resonance, half of the power beside it
    [0.       0.707107]
    """
    delta = probed(detuning_hz)
    half = 0.5 * model.resonator.kappa
    denominator: Amplitudes = half - 1j * delta.astype(np.complex128)
    for spins, centre in _at_rest(model):
        strength = spins.collective_coupling**2 * spins.polarisation
        response = line_response(spins.seen_line, spins.decoherence_rate, delta - centre)
        denominator = denominator + strength * response
    found: Amplitudes = 1.0 / denominator
    return found


@dataclass(frozen=True)
class Peak:
    """A maximum of :math:`|t|^2`.

    Attributes
    ----------
    detuning_hz, fwhm_hz, height : float
        Place from the resonator's frequency, full width at half maximum, :math:`|t|^2`. The width
        is nan where the transmission does not fall to half on both sides before the next peak.
    """

    detuning_hz: float
    fwhm_hz: float
    height: float


def transmission_peaks(model: ResonatorBattery, span_hz: float | None = None) -> tuple[Peak, ...]:
    """The peaks of :math:`|t|^2` (polaritons, dark modes), by ascending frequency.

    Parameters
    ----------
    span_hz : float, optional
        Searched on both sides of the resonator. Default: well beyond the polaritons.

    Examples
    --------
    >>> from darkbattery.nvmodel.devices.published import find_device, resonator_battery
    >>> model = resonator_battery(
    ...     find_device("putz2014"), ratio=1.0, charger_polarisation=0.99
    ... )
    >>> low, high = transmission_peaks(model)
    >>> print(round((high.detuning_hz - low.detuning_hz) / 1e6, 1), "MHz")  # published: 19.2
    19.5 MHz
    """
    span = _span(model)
    if span_hz is not None:
        span = finite_number("span_hz", span_hz, least=0.0, exclusive=True)
    grid = np.linspace(-span, span, SEARCHED)
    power = np.abs(transmission(model, grid)) ** 2
    inner = np.flatnonzero((power[1:-1] > power[:-2]) & (power[1:-1] >= power[2:])) + 1
    valleys = [0]
    for left, right in pairwise(inner):
        valleys.append(int(left + power[left:right].argmin()))
    valleys.append(SEARCHED - 1)
    return tuple(
        _peak(model, grid[i - 1 : i + 2], grid[valleys[k]], grid[valleys[k + 1]])
        for k, i in enumerate(inner)
    )


def photon_amplitude(model: ResonatorBattery, times: ArrayLike, classes: int = 301) -> Amplitudes:
    r"""Amplitude of one photon that is in the resonator at t = 0, all spins at rest.

    Its square is the probability to find it there. With K classes a line revives at about
    :math:`K/\mathrm{FWHM}`; before that the classes' error falls like :math:`K^{-4}`.

    Examples
    --------
    >>> from darkbattery.nvmodel.devices.published import find_device, resonator_battery
    >>> model = resonator_battery(
    ...     find_device("putz2014"), ratio=1.0, charger_polarisation=0.99
    ... )
    >>> kept = abs(photon_amplitude(model, np.linspace(0.0, 1e-7, 201))) ** 2
    >>> print(round(np.argmin(kept) * 0.5, 1), "ns")  # half a Rabi period
    30.5 ns
    """
    t = output_times(times)
    poles, couplings = [], []
    for spins, centre in _at_rest(model):
        detunings, weights = line_quadrature(spins.seen_line, classes)
        poles.append(-1j * (detunings + centre) - spins.decoherence_rate)
        strength = spins.collective_coupling * math.sqrt(spins.polarisation)
        couplings.append(strength * np.sqrt(weights))
    pole, g = np.concatenate(poles), np.concatenate(couplings)
    matrix = np.diag(np.concatenate([[-0.5 * model.resonator.kappa], pole]))
    matrix[0, 1:] = matrix[1:, 0] = -1j * g
    values, vectors = np.linalg.eig(matrix)
    start = np.linalg.solve(vectors, np.eye(values.size, 1)[:, 0])
    found: Amplitudes = np.exp(np.outer(t, values)) @ (vectors[0] * start)
    return found


def _at_rest(model: ResonatorBattery) -> Iterator[tuple[SpinEnsemble, float]]:
    """Each ensemble with the centre of its line, rad/s from the resonator."""
    centres = [(model.charger, model.charger_detuning_hz)]
    if model.battery is not None:
        centres.insert(0, (model.battery, model.battery_detuning_hz))
    for spins, centre in centres:
        if spins.line is None and math.isinf(spins.coherence_time):
            raise InputError("t2_s", spins.t2_s, "must be finite for spins without a line")
        if spins.polarisation < 0.0:
            text = "must be >= 0: all spins are down here"
            raise InputError("polarisation", spins.polarisation, text)
        yield spins, 2.0 * math.pi * centre


def _span(model: ResonatorBattery) -> float:
    strength = width = 0.0
    for spins, centre in _at_rest(model):
        strength += spins.collective_coupling**2 * spins.polarisation
        line = spins.seen_line
        quartile = 0.0 if line is None else float(np.abs(line.quantile([0.25, 0.75])).max())
        width = max(width, abs(centre) + 3.0 * quartile + spins.decoherence_rate)
    return (1.5 * math.sqrt(strength) + width + 2.0 * model.resonator.kappa) / (2.0 * math.pi)


def _peak(model: ResonatorBattery, around: Array, lowest: float, highest: float) -> Peak:
    power = lambda x: float(np.abs(transmission(model, x)[0]) ** 2)  # noqa: E731
    scale = around[2] - around[0]
    # in units of the grid, so that the tolerance is relative to it
    found = scipy.optimize.minimize_scalar(
        lambda x: -power(around[1] + scale * x), bounds=(-0.5, 0.5), options={"xatol": 1e-6}
    )
    place, height = around[1] + scale * float(found.x), -float(found.fun)
    edges = []
    for end in (lowest, highest):
        if power(end) > 0.5 * height:
            edges.append(math.nan)
            continue
        edges.append(
            float(scipy.optimize.brentq(lambda x: power(x) - 0.5 * height, place, end, rtol=1e-9))
        )
    return Peak(float(place), abs(edges[1] - edges[0]), height)
