"""Published devices: spin ensembles in diamond at microwave resonators.

Every number keeps the unit and the convention it has in its source, and says whether it was read
there ("read"), taken from another work ("secondary") or is "assumed", then with a range. "Recalled"
marks a number that is believed to stand in the paper named, but was not looked up there.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from darkbattery.nvmodel.devices.datasheet import Device, Quantity, assumed, with_value
from darkbattery.nvmodel.devices.split import resonator_battery
from darkbattery.nvmodel.refusal import known_name

__all__ = [
    "DEVICES",
    "Device",
    "Quantity",
    "assumed",
    "find_device",
    "resonator_battery",
    "with_value",
]

# no experiment of the list but Angerer's and Kersten's inverted its spins
_NEVER = "not inverted in this work; what a pulse reaches elsewhere"
_LATTICE = "Astner et al., Nat. Mater. 17, 313 (2018), other samples: up to 8 h below 0.4 K"
_SHAPE = "Putz et al. 2014, other sample"
_INVERSION = Quantity(0.6, "1", "plain", _NEVER, "assumed", 0.3, 0.9)
_T1_COLD = Quantity(1e4, "s", "plain", _LATTICE, "assumed", 1e2, 2.9e4)
_STRIP = "field of a coplanar strip, not evaluated in the paper"

ANGERER_2018 = Device(
    name="angerer2018",
    title="Superradiant emission from colour centres in diamond",
    reference="A. Angerer et al., Nat. Phys. 14, 1168 (2018)",
    frequency_hz=Quantity(3.18e9, "Hz", "plain", "recalled", "assumed", 3.1e9, 3.3e9),
    linewidth_fwhm_hz=Quantity(
        13.8e6, "Hz", "FWHM", "recalled, convention not known", "assumed", 13.8e6, 27.6e6
    ),
    spins=Quantity(1e16, "1", "all", "recalled", "assumed", 0.3e16, 2e16),
    single_coupling_hz=Quantity(0.07, "Hz", "g", "recalled", "assumed", 0.05, 0.1),
    spin_linewidth_fwhm_hz=Quantity(9.4e6, "Hz", "FWHM", _SHAPE, "assumed", 4e6, 12e6),
    line_shape="q-gaussian",
    q=Quantity(1.39, "1", "plain", _SHAPE, "assumed", 1.05, 1.6),
    t2_s=Quantity(1e-6, "s", "plain", "Kersten et al. 2026, other sample", "assumed", 3e-7, 5e-6),
    t1_s=_T1_COLD,
    temperature_k=Quantity(0.025, "K", "plain", "recalled", "assumed", 0.02, 0.05),
    polarisation=Quantity(0.99, "1", "plain", "thermal at 25 mK", "assumed", 0.95, 1.0),
    inversion=Quantity(0.6, "1", "plain", "reached by a pulse", "assumed", 0.3, 0.9),
    coupling_spread=Quantity(0.02, "1", "plain", "three-dimensional mode", "assumed", 0.0, 0.1),
    note="Read in the abstract: fast-cavity limit, a burst 10^12 times faster than the decay of "
    "one spin, intensity growing faster than the number of spins.",
)

_PUTZ = "Putz et al. 2014"
PUTZ_2014 = Device(
    name="putz2014",
    title="Protecting a spin ensemble against decoherence (cavity protection)",
    reference="S. Putz et al., Nat. Phys. 10, 720 (2014)",
    frequency_hz=Quantity(2.6899e9, "Hz", "plain", f"{_PUTZ}, p. 720", "read"),
    linewidth_fwhm_hz=Quantity(0.4e6, "Hz", "HWHM", f"{_PUTZ}, p. 721; Q = 3060", "read"),
    spins=Quantity(1e12, "1", "all", f"{_PUTZ}, p. 721, order of magnitude", "read", 0.5e12, 2e12),
    collective_coupling_hz=Quantity(17.2e6, "Hz", "2g", f"{_PUTZ}, p. 721", "read"),
    spin_linewidth_fwhm_hz=Quantity(9.4e6, "Hz", "FWHM", f"{_PUTZ}, p. 721", "read"),
    line_shape="q-gaussian",
    q=Quantity(1.39, "1", "plain", f"{_PUTZ}, p. 721", "read"),
    t2_s=Quantity(
        5e-6, "s", "plain", f"{_PUTZ}: 'negligibly small' dissipation", "assumed", 1e-6, 1e-4
    ),
    t1_s=_T1_COLD,
    temperature_k=Quantity(0.025, "K", "plain", f"{_PUTZ}, p. 720", "read"),
    polarisation=Quantity(0.99, "1", "plain", f"{_PUTZ}, p. 720, thermal", "read"),
    inversion=_INVERSION,
    coupling_spread=Quantity(0.5, "1", "plain", _STRIP, "assumed", 0.2, 1.0),
    note="9.4 mT at 22.5 degrees from <100> in the (100) plane: two of the four axes. "
    "One spin's coupling is given as about 12 Hz.",
)


def _again(quantity: Quantity | None, source: str, spread: float = 0.1) -> Quantity:
    """The quantity of another device, taken over as an assumption with a relative range."""
    assert quantity is not None
    low, high = (quantity.value * (1.0 + sign * spread) for sign in (-1.0, 1.0))
    if quantity.low is not None and quantity.high is not None:
        low, high = min(low, quantity.low), max(high, quantity.high)
    return replace(quantity, source=source, status="assumed", low=low, high=high)


_AS_PUTZ = "recalled, as in Putz et al. 2014 by the same group"
KRIMER_2014 = replace(
    PUTZ_2014,
    name="krimer2014",
    title="Non-Markovian dynamics of a cavity at a broadened ensemble",
    reference="D. O. Krimer et al., Phys. Rev. A 90, 043852 (2014)",
    frequency_hz=_again(PUTZ_2014.frequency_hz, _AS_PUTZ, 0.01),
    linewidth_fwhm_hz=_again(PUTZ_2014.linewidth_fwhm_hz, _AS_PUTZ),
    spins=_again(PUTZ_2014.spins, _AS_PUTZ),
    collective_coupling_hz=_again(PUTZ_2014.collective_coupling_hz, _AS_PUTZ),
    spin_linewidth_fwhm_hz=_again(PUTZ_2014.spin_linewidth_fwhm_hz, _AS_PUTZ),
    q=_again(PUTZ_2014.q, _AS_PUTZ, 0.05),
    temperature_k=_again(PUTZ_2014.temperature_k, _AS_PUTZ, 0.2),
    polarisation=Quantity(0.99, "1", "plain", _AS_PUTZ, "assumed", 0.95, 1.0),
    note="",
)

_KUBO = "Kubo et al. 2011"
KUBO_2011 = Device(
    name="kubo2011",
    title="Hybrid circuit: a qubit's photon stored in spins (axis along the field)",
    reference="Y. Kubo et al., Phys. Rev. Lett. 107, 220501 (2011)",
    frequency_hz=Quantity(2.84e9, "Hz", "plain", f"{_KUBO}, Fig. 3", "read"),
    linewidth_fwhm_hz=Quantity(0.1e6, "Hz", "FWHM", "not found", "assumed", 0.02e6, 0.3e6),
    spins=Quantity(
        2.5e10, "1", "all", f"{_KUBO}, p. 1: about 1e11 on four axes", "read", 1e10, 6e10
    ),
    collective_coupling_hz=Quantity(
        3.0e6,
        "Hz",
        "g",
        "from the storage time 97 ns, see docs/devices.md",
        "assumed",
        2.8e6,
        3.1e6,
    ),
    spin_linewidth_fwhm_hz=Quantity(
        1.6e6, "Hz", "FWHM", f"{_KUBO}, p. 3, convention not stated", "assumed", 1.6e6, 3.2e6
    ),
    line_shape="lorentzian",
    hyperfine_hz=Quantity(2.2e6, "Hz", "plain", f"{_KUBO}, p. 1", "read"),
    hyperfine_lines=3,
    t2_s=Quantity(5e-6, "s", "plain", "not found", "assumed", 1e-6, 1e-4),
    t1_s=_T1_COLD,
    temperature_k=Quantity(0.05, "K", "plain", f"{_KUBO}, p. 3", "read"),
    polarisation=Quantity(0.88, "1", "plain", "thermal at 50 mK", "assumed", 0.8, 1.0),
    inversion=_INVERSION,
    coupling_spread=Quantity(0.5, "1", "plain", _STRIP, "assumed", 0.2, 1.0),
    note="1.4 mT along [111]; this is the axis along the field (group I).",
)

ASTNER_2017 = Device(
    name="astner2017",
    title="Coherent coupling of remote spin ensembles via a cavity bus",
    reference="T. Astner et al., Phys. Rev. Lett. 118, 140502 (2017)",
    frequency_hz=Quantity(2.75e9, "Hz", "plain", "recalled", "assumed", 2.6e9, 2.9e9),
    linewidth_fwhm_hz=Quantity(0.44e6, "Hz", "HWHM", "recalled", "assumed", 0.2e6, 1.0e6),
    spins=Quantity(2e12, "1", "all", "two crystals like Putz et al.", "assumed", 4e11, 6e12),
    collective_coupling_hz=Quantity(
        10e6, "Hz", "g", "both crystals, like Putz et al. times 2^(1/2)", "assumed", 6e6, 14e6
    ),
    spin_linewidth_fwhm_hz=Quantity(9.4e6, "Hz", "FWHM", _SHAPE, "assumed", 4e6, 12e6),
    line_shape="q-gaussian",
    q=Quantity(1.39, "1", "plain", _SHAPE, "assumed", 1.05, 1.6),
    t2_s=Quantity(5e-6, "s", "plain", "not found", "assumed", 1e-6, 1e-4),
    t1_s=_T1_COLD,
    temperature_k=Quantity(0.025, "K", "plain", "recalled", "assumed", 0.01, 0.1),
    polarisation=Quantity(0.99, "1", "plain", "thermal at 25 mK", "assumed", 0.85, 1.0),
    inversion=_INVERSION,
    coupling_spread=Quantity(0.5, "1", "plain", _STRIP, "assumed", 0.2, 1.0),
    note="Two crystals at the two ends of one coplanar resonator. Read in the abstract: bright and "
    "dark states of both, and a coupling increased by the second.",
)

_MASING = "review of Kersten et al. 2026 in E. Rolph, nv-maser-twin"
KERSTEN_2026 = Device(
    name="kersten2026",
    title="Self-induced superradiant masing",
    reference="W. Kersten et al., Nat. Phys. (2026), arXiv:2402.08537",
    frequency_hz=Quantity(3.1e9, "Hz", "plain", _MASING, "secondary"),
    # HWHM, because then C = 14.6 is the published g^2/(kappa Gamma) and p C = 1 the threshold
    linewidth_fwhm_hz=Quantity(
        418e3, "Hz", "HWHM", f"{_MASING}; convention from C = 14.6", "assumed", 209e3, 418e3
    ),
    spins=Quantity(9e12, "1", "all", _MASING, "secondary"),
    collective_coupling_hz=Quantity(4.53e6, "Hz", "g", _MASING, "secondary"),
    spin_linewidth_fwhm_hz=Quantity(8.65e6, "Hz", "FWHM", _MASING, "secondary"),
    line_shape="q-gaussian",
    q=Quantity(
        1.39, "1", "plain", "Putz et al. 2014; it gives the published C", "assumed", 1.3, 1.5
    ),
    t2_s=Quantity(0.89e-6, "s", "plain", _MASING, "secondary"),
    t1_s=_T1_COLD,
    temperature_k=Quantity(0.025, "K", "plain", _MASING, "secondary"),
    polarisation=Quantity(0.99, "1", "plain", "thermal at 25 mK", "assumed", 0.95, 1.0),
    inversion=Quantity(0.4, "1", "plain", f"{_MASING}: 0.1 to 0.4", "secondary", 0.1, 0.4),
    coupling_spread=Quantity(0.02, "1", "plain", "three-dimensional mode", "assumed", 0.0, 0.1),
    note="Published with it: C = 14.6 from Gamma/2pi = 3.36 MHz, threshold at inversion 1/C, and "
    "refilling of the spectral hole within 11.6 us by dipole-dipole coupling, which no engine "
    "here has.",
)

_AS_MASING = "as in Kersten et al. 2026, same group and cavity"
KERSTEN_2023 = replace(
    KERSTEN_2026,
    name="kersten2023",
    title="Triggered superradiance and storage of spin inversion",
    reference="W. Kersten et al., Phys. Rev. Lett. 131, 043601 (2023)",
    frequency_hz=_again(KERSTEN_2026.frequency_hz, _AS_MASING, 0.03),
    linewidth_fwhm_hz=_again(KERSTEN_2026.linewidth_fwhm_hz, _AS_MASING, 0.2),
    spins=_again(KERSTEN_2026.spins, _AS_MASING, 0.5),
    collective_coupling_hz=_again(KERSTEN_2026.collective_coupling_hz, _AS_MASING, 0.2),
    spin_linewidth_fwhm_hz=_again(KERSTEN_2026.spin_linewidth_fwhm_hz, _AS_MASING, 0.2),
    t2_s=_again(KERSTEN_2026.t2_s, _AS_MASING, 0.5),
    temperature_k=_again(KERSTEN_2026.temperature_k, _AS_MASING, 0.2),
    inversion=Quantity(0.4, "1", "plain", "as in the later work, just after", "assumed", 0.2, 0.9),
    note="Read in the abstract: inversion stored for tens of ms with the spins detuned; a trigger "
    "of a few hundred photons moves the burst; below threshold after long hold times.",
)

_EISENACH = "Eisenach et al. 2021"
EISENACH_2021 = Device(
    name="eisenach2021",
    title="Cavity-enhanced microwave readout of a solid-state spin sensor",
    reference="E. R. Eisenach et al., Nat. Commun. 12, 1357 (2021)",
    frequency_hz=Quantity(2.9e9, "Hz", "plain", f"{_EISENACH}, p. 4: Q_L kappa_c", "read"),
    linewidth_fwhm_hz=Quantity(
        200e3, "Hz", "FWHM", f"{_EISENACH}, p. 4, loaded", "read", 184e3, 200e3
    ),
    spins=Quantity(1.4e15, "1", "polarised", f"{_EISENACH}, p. 4", "read"),
    collective_coupling_hz=Quantity(1.4e6, "Hz", "2g", f"{_EISENACH}, p. 4", "read"),
    spin_linewidth_fwhm_hz=Quantity(
        5.24e6, "Hz", "FWHM", f"{_EISENACH}, Methods, effective", "read"
    ),
    line_shape="lorentzian",
    t2_s=Quantity(2e-6, "s", "plain", "not found", "assumed", 0.3e-6, 2e-5),
    t1_s=Quantity(5e-3, "s", "plain", "NV at room temperature: 4 to 5 ms", "assumed", 1e-3, 6e-3),
    temperature_k=Quantity(300.0, "K", "plain", f"{_EISENACH}, ambient", "read", 290.0, 310.0),
    polarisation=Quantity(0.5, "1", "plain", "optical pumping, not found", "assumed", 0.1, 0.9),
    inversion=Quantity(0.4, "1", "plain", "a pulse after pumping", "assumed", 0.05, 0.8),
    coupling_spread=Quantity(
        0.02, "1", "plain", f"{_EISENACH}, p. 3: field within 3.5 %", "read", 0.0, 0.035
    ),
    note="Field along <100>, all four axes; the width includes unresolved hyperfine lines. "
    "Published cooperativity 1.8.",
)

_ALL = (
    ANGERER_2018,
    ASTNER_2017,
    EISENACH_2021,
    KERSTEN_2023,
    KERSTEN_2026,
    KRIMER_2014,
    KUBO_2011,
    PUTZ_2014,
)
DEVICES: Mapping[str, Device] = MappingProxyType({device.name: device for device in _ALL})


def find_device(name: str) -> Device:
    """The published device of that name; a misspelt one is refused with the nearest.

    >>> print(find_device("kersten2023").reference)
    W. Kersten et al., Phys. Rev. Lett. 131, 043601 (2023)
    """
    return DEVICES[known_name("device", name, DEVICES)]
