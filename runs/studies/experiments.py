"""What published devices measured, beside what the program finds for them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from darkbattery import meanfield
from darkbattery.meanfield.averages.response import Peak, photon_amplitude, transmission_peaks
from darkbattery.nvmodel.devices.datasheet import Device, with_value
from darkbattery.nvmodel.devices.published import find_device, resonator_battery
from darkbattery.nvmodel.nv.levels import (
    AXES,
    Diamond,
    Strain,
    electron_levels,
    zero_field_splitting,
)
from darkbattery.nvmodel.nv.twolevel import lines, two_level
from darkbattery.nvmodel.resonator import ResonatorBattery


@dataclass(frozen=True)
class Comparison:
    """One measured number and ours.

    Attributes
    ----------
    device, quantity, unit : str
    published : float or None
        None where the source read gives no number.
    found : float
    remark : str
    """

    device: str
    quantity: str
    unit: str
    published: float | None
    found: float
    remark: str = ""


def comparisons() -> tuple[Comparison, ...]:
    """All of them, in a few seconds.

    >>> [row.device for row in comparisons() if row.quantity == "cooperativity"]
    ['eisenach2021', 'kersten2026']
    """
    parts = (_centre(), _putz(), _krimer(), _astner(), _kubo(), _eisenach(), _kersten())
    return tuple(row for part in parts for row in part)


def at_rest(device: Device, battery_mhz: float = 0.0, charger_mhz: float = 0.0) -> ResonatorBattery:
    """The device with all spins down in two equal parts, at two detunings."""
    return resonator_battery(
        device,
        fractions=(0.5, 0.5),
        charger_polarisation=device.polarisation.converted,
        battery_detuning_hz=1e6 * battery_mhz,
        charger_detuning_hz=1e6 * charger_mhz,
    )


def polariton(device: Device, collective_coupling_mhz: float) -> Peak:
    """The upper polariton at a coupling g sqrt(N)/2 pi."""
    coupled = with_value(device, "collective_coupling_hz", 1e6 * collective_coupling_mhz)
    return transmission_peaks(at_rest(coupled))[-1]


def _centre() -> Iterator[Comparison]:
    name, along = "NV centre", AXES[0]
    at_300 = zero_field_splitting(300.0)
    yield Comparison(name, "D at 300 K", "MHz", 2870.2, at_300 / 1e6, "samples: +-0.4")
    slope = (zero_field_splitting(330.0) - zero_field_splitting(280.0)) / 50.0
    yield Comparison(name, "dD/dT, 280 to 330 K", "kHz/K", -74.2, slope / 1e3, "another law's mean")
    for nucleus, published in ((14, 2.16), (15, 3.03)):
        x, y, z = (2e-3 * float(part) for part in along)
        found = lines(Diamond((x, y, z), nitrogen=nucleus), 0, direction=(1, -1, 0))
        strong = found.frequencies_hz[found.strengths > 0.01]
        splitting = float(strong[1] - strong[0]) / 1e6
        yield Comparison(name, f"hyperfine splitting, {nucleus}N", "MHz", published, splitting)
    cold = Diamond(field_t=(0.0, 0.0, 9.4e-3), temperature_k=0.025)
    pair = two_level(cold, 0, direction=(1, 0, 0))
    where = "9.4 mT along <100>, 25 mK"
    yield Comparison(name, "m_s mixed by", "", None, pair.mixing, where)
    yield Comparison(name, "spins in the third level", "", None, pair.outside, where)


def _putz() -> Iterator[Comparison]:
    name, device = "putz2014", find_device("putz2014")
    angle = math.radians(22.5)
    diamond = Diamond(
        field_t=(0.0, 9.4e-3 * math.cos(angle), 9.4e-3 * math.sin(angle)),
        temperature_k=0.025,
        strain=Strain(m_x_hz=7.7e6),
    )
    line = two_level(diamond, 0, direction=(1, 0, 0)).frequency_hz
    yield Comparison(name, "line at 9.4 mT", "MHz", 2689.9, line / 1e6, "angle, D, E as published")
    ground = electron_levels(diamond, 0).thermal_populations(0.025)[0]
    yield Comparison(name, "spins in the ground state", "", 0.99, float(ground))
    peak = polariton(device, 8.6)
    yield Comparison(name, "Rabi splitting", "MHz", 19.2, 2e-6 * peak.detuning_hz)
    yield Comparison(name, "decay rate, FWHM", "MHz", 3.0, 1e-6 * peak.fwhm_hz, "polariton")
    # the least coupling at which both polaritons are resolved
    share = peak.fwhm_hz / polariton(device, 4.0).fwhm_hz
    yield Comparison(name, "decay rate over its maximum", "", 0.5, share, "maximum: at 4 MHz")


def _krimer() -> Iterator[Comparison]:
    name, device = "krimer2014", find_device("krimer2014")
    lorentzian = replace(device, line_shape="lorentzian", q=None)
    for coupling in (8.6, 17.2, 34.4):
        where = f"at {coupling} MHz"
        width = 1e-6 * polariton(device, coupling).fwhm_hz
        yield Comparison(name, f"polariton's FWHM {where}", "MHz", None, width, "q = 1.39")
        width = 1e-6 * polariton(lorentzian, coupling).fwhm_hz
        remark = "Lorentzian: not protected"
        yield Comparison(name, f"polariton's FWHM {where}", "MHz", None, width, remark)


def _astner() -> Iterator[Comparison]:
    name, device = "astner2017", find_device("astner2017")
    both = transmission_peaks(at_rest(device))
    # the other crystal far away in frequency
    one = transmission_peaks(at_rest(device, charger_mhz=2000.0), span_hz=40e6)
    ratio = (both[-1].detuning_hz - both[0].detuning_hz) / (
        one[-1].detuning_hz - one[0].detuning_hz
    )
    yield Comparison(
        name, "splitting, two crystals over one", "", math.sqrt(2.0), ratio, "root of 2"
    )
    low, dark, high = transmission_peaks(at_rest(device, -12.0, 12.0))
    place = 1e-6 * dark.detuning_hz
    yield Comparison(name, "dark state at +-12 MHz", "MHz", 0.0, round(place, 3), "from the centre")
    yield Comparison(name, "its FWHM", "MHz", None, 1e-6 * dark.fwhm_hz)
    bright = 0.5e-6 * (low.fwhm_hz + high.fwhm_hz)
    yield Comparison(name, "FWHM of the bright states", "MHz", None, bright)


def _kubo() -> Iterator[Comparison]:
    name, device = "kubo2011", find_device("kubo2011")
    x, y, z = (1.4e-3 * float(part) for part in AXES[0])
    diamond = Diamond(field_t=(x, y, z), temperature_k=0.05)
    line = two_level(diamond, 0, direction=(1, -1, 0)).frequency_hz
    yield Comparison(name, "line at 1.4 mT along [111]", "GHz", 2.84, line / 1e9)
    model = resonator_battery(device, 1.0, battery_polarisation=1.0, charger_polarisation=1.0)
    times = np.linspace(0.0, 250e-9, 501)
    kept = np.abs(photon_amplitude(model, times)) ** 2
    store = int(kept[:250].argmin())
    again = store + int(kept[store : store + 200].argmax())
    remark = "coupling fitted to it"
    yield Comparison(name, "photon stored after", "ns", 97.0, 1e9 * times[store], remark)
    yield Comparison(name, "and retrieved after", "ns", 146.0, 1e9 * times[again])
    yield Comparison(name, "with probability", "", 0.07, float(kept[again]))


def _eisenach() -> Iterator[Comparison]:
    device = find_device("eisenach2021")
    coupling, kappa, width = (
        getattr(device, field).converted
        for field in ("collective_coupling_hz", "linewidth_fwhm_hz", "spin_linewidth_fwhm_hz")
    )
    found = 4.0 * coupling**2 / (kappa * width)
    yield Comparison("eisenach2021", "cooperativity", "", 1.8, found, "4 g^2/(kappa kappa_s)")


def _kersten() -> Iterator[Comparison]:
    name, device = "kersten2026", find_device("kersten2026")
    model = resonator_battery(device, 1.0, charger_polarisation=1.0)
    assert model.battery is not None
    inverted = replace(model.battery, number=model.battery.number * 2, polarisation=1.0)
    maser = ResonatorBattery(inverted, model.resonator)
    cooperativity = meanfield.threshold_cooperativity(maser)
    half = model.resonator.kappa / 2.0
    width = inverted.collective_coupling**2 / (half * cooperativity) / (2e6 * math.pi)
    yield Comparison(name, "effective width Gamma", "MHz", 3.36, width, "half width, q = 1.39")
    yield Comparison(name, "cooperativity", "", 14.6, cooperativity)
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = 0.5 * (low + high)
        tried = replace(maser, charger=replace(inverted, polarisation=middle))
        low, high = (low, middle) if meanfield.growth_rate(tried) > 0.0 else (middle, high)
    remark = "growth of the linear equations; published: 1/C"
    yield Comparison(name, "inversion at threshold", "", 1.0 / 14.6, high, remark)
