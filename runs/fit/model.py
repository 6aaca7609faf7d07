r"""What a device would show in a trace, and what of a measurement is not the device's.

At rest, with the field's response chi of `meanfield.averages.response.field_response`,

.. math:: S_{21} = Ge^{i\phi-2\pi if\tau}\sqrt{\kappa_1\kappa_2}\,\chi^* + b,\qquad
          S_{11} = Ge^{i\phi-2\pi if\tau}(\kappa_1\chi^*-1) + b

in a network analyser's sign of phase (without ports S21 is the transmission that is 1 on resonance
without spins). An inverted ensemble's burst has the power :math:`G\hbar\omega\kappa_pn(t-t_0)+b`
at port p, where :math:`t_0`, the time of its peak, is free in each: delays are random. An ESR line
is :math:`G\,\mathrm{Re}R(f)+b`.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import constants
from scipy.interpolate import CubicSpline

from darkbattery.meanfield.averages.burst import burst_photons, seed_of
from darkbattery.meanfield.averages.delay import delay_of_growth
from darkbattery.meanfield.averages.linear import growth_rate
from darkbattery.meanfield.averages.modal import product_system
from darkbattery.meanfield.averages.response import field_response, transmission_peaks
from darkbattery.nvmodel.devices.datasheet import Device
from darkbattery.nvmodel.devices.split import whole_ensemble
from darkbattery.nvmodel.lines.response import line_response
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.resonator import ResonatorBattery
from darkbattery.runs.fit.traces import Trace

Array = NDArray[np.float64]
Values = dict[str, float]

# nuisances of each kind that are free unless said otherwise, and those that may be
USUAL = {
    "s21": ("gain", "phase", "delay"),
    "s11": ("gain", "phase", "delay"),
    "burst": ("peak", "background"),
    "esr": ("gain", "background"),
    "rabi": (),
}
POSSIBLE = {
    "s21": ("gain", "phase", "delay", "background", "background_imag"),
    "s11": ("gain", "phase", "delay", "background", "background_imag"),
    "burst": ("peak", "gain", "background"),
    "esr": ("gain", "background"),
    "rabi": (),
}
PHASES = ("phase", "delay", "background_imag")
# classes of a burst's line, and points of its curve
CLASSES, POINTS = 48, 500
# how long the curve goes on after the expected peak, in 1/(2 lambda)
BEFORE, AFTER = 12.0, 12.0


def predicted(trace: Trace, device: Device, nuisances: Values) -> NDArray[Any]:
    """The trace that the device would give."""
    return _MODELS[trace.kind](trace, device, nuisances)


def _scattering(trace: Trace, device: Device, nuisances: Values) -> NDArray[Any]:
    model = whole_ensemble(device, device.polarisation.converted)
    place = trace.x - device.frequency_hz.converted if trace.absolute else trace.x
    response = field_response(model, place).conj()
    one, two = (_rate(device, name) for name in ("port1_fwhm_hz", "port2_fwhm_hz"))
    if trace.kind == "s11":
        if one is None:
            raise InputError("port1_fwhm_hz", None, f"must be given: {trace.name} is a reflection")
        amplitude = one * response - 1.0
    elif one is not None and two is not None:
        amplitude = math.sqrt(one * two) * response
    else:
        amplitude = 0.5 * model.resonator.kappa * response
    middle = 0.5 * (trace.x[0] + trace.x[-1])
    turn = nuisances.get("phase", 0.0) - 2.0 * math.pi * nuisances.get("delay", 0.0) * (
        trace.x - middle
    )
    amplitude = nuisances.get("gain", 1.0) * amplitude * np.exp(1j * turn)
    amplitude = amplitude + complex(
        nuisances.get("background", 0.0), nuisances.get("background_imag", 0.0)
    )
    return amplitude if trace.is_complex else np.abs(amplitude)


def _rate(device: Device, name: str) -> float | None:
    width = device.quantities.get(name)
    return None if width is None else 2.0 * math.pi * width.converted


def _burst(trace: Trace, device: Device, nuisances: Values) -> NDArray[Any]:
    model = whole_ensemble(device, device.inversion.converted)
    growth = growth_rate(model)
    background = np.full(trace.x.size, nuisances.get("background", 0.0))
    if growth <= 0.0:
        return background
    curve, first, last = _photons(model, growth, float(np.ptp(trace.x)))
    at = trace.x - nuisances["peak"]
    inside = (at > first) & (at < last)
    ports = [_rate(device, name) for name in ("port2_fwhm_hz", "port1_fwhm_hz")]
    kappa = next((rate for rate in ports if rate is not None), model.resonator.kappa)
    watt = constants.h * device.frequency_hz.converted * kappa
    found = background
    found[inside] += nuisances.get("gain", 1.0) * watt * curve(at[inside])
    return found


def _photons(
    model: ResonatorBattery, growth: float, span: float
) -> tuple[Callable[[Array], Array], float, float]:
    """Photons over the time from the peak, and the times between which they are known."""
    system = product_system(model, CLASSES)
    seed = seed_of(system, growth)
    expected = delay_of_growth(model, growth).mean
    end = 1.2 * expected + max(AFTER / (2.0 * growth), 1.1 * span)
    begin = max(0.0, 0.7 * expected - BEFORE / (2.0 * growth))
    times = np.concatenate([[0.0], np.linspace(begin, end, POINTS)])
    photons = burst_photons(system, times, seed)
    curve = CubicSpline(times, photons)
    i = int(np.clip(photons.argmax(), 2, times.size - 2))
    roots = curve.derivative().roots(extrapolate=False)
    near = roots[np.abs(roots - times[i]) <= times[i + 1] - times[i - 1]]
    peak = float(near[np.argmax(curve(near))]) if near.size else float(times[i])
    return lambda at: curve(at + peak), float(times[1] - peak), float(end - peak)


def _esr(trace: Trace, device: Device, nuisances: Values) -> NDArray[Any]:
    place = trace.x - device.frequency_hz.converted if trace.absolute else trace.x
    rate = 1.0 / device.t2_s.converted
    seen = whole_ensemble(device, device.polarisation.converted).charger.seen_line
    line = line_response(seen, rate, 2.0 * math.pi * place).real
    centre = float(line_response(seen, rate, 0.0)[0].real)
    shape = nuisances.get("gain", 1.0) * line / centre + nuisances.get("background", 0.0)
    return np.asarray(shape)


def _rabi(trace: Trace, device: Device, _nuisances: Values) -> NDArray[Any]:
    found = []
    for shift in trace.x:
        model = whole_ensemble(device, device.polarisation.converted)
        peaks = transmission_peaks(replace(model, charger_detuning_hz=float(shift)))
        high = sorted(peaks, key=lambda peak: -peak.height)[:2]
        apart = abs(high[0].detuning_hz - high[-1].detuning_hz) if len(high) == 2 else 0.0
        found.append(apart)
    return np.array(found)


_MODELS = {
    "s21": _scattering,
    "s11": _scattering,
    "burst": _burst,
    "esr": _esr,
    "rabi": _rabi,
}


def first_guess(trace: Trace, device: Device, names: tuple[str, ...]) -> Values:
    """Nuisances from which a fit may start."""
    found: Values = {}
    if trace.kind in ("s21", "s11"):
        bare = predicted(trace, device, {})
        if not trace.is_complex:
            found["gain"] = float(np.median(trace.y) / np.median(bare))
        else:
            slopes = np.linspace(-20.0, 20.0, 801) / np.ptp(trace.x) if "delay" in names else [0.0]
            x = trace.x - 0.5 * (trace.x[0] + trace.x[-1])
            sums = [np.vdot(bare * np.exp(-2j * math.pi * s * x), trace.y) for s in slopes]
            best = int(np.abs(sums).argmax())
            ratio = sums[best] / np.vdot(bare, bare).real
            found |= {"gain": float(abs(ratio)), "phase": float(np.angle(ratio))}
            found["delay"] = float(slopes[best])
    elif trace.kind == "burst":
        edge = max(2, trace.x.size // 20)
        found["background"] = float(np.median(np.concatenate([trace.y[:edge], trace.y[-edge:]])))
        found["peak"] = float(trace.x[trace.y.argmax()])
        top = float(predicted(trace, device, {"peak": found["peak"]}).max())
        height = float(trace.y.max()) - found["background"]
        found["gain"] = height / top if top > 0.0 else 1.0
    elif trace.kind == "esr":
        found = {"gain": float(np.ptp(trace.y)), "background": float(trace.y.min())}
    return {name: found.get(name, 0.0) for name in names}
