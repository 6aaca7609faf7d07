"""Published devices: spin ensembles in diamond at microwave resonators.

Every number keeps the unit and the convention it has in its source, and says whether it was read
there ("read"), taken from another work ("secondary") or is "assumed", then with a range.
"""

from collections.abc import Mapping
from types import MappingProxyType

from nvmodel.datasheet import Device, Quantity, assumed, with_value
from nvmodel.refusal import known_name
from nvmodel.split import resonator_battery

__all__ = [
    "DEVICES",
    "Device",
    "Quantity",
    "assumed",
    "find_device",
    "resonator_battery",
    "with_value",
]

_KERSTEN = "Kersten et al. 2023"
_ANGERER = "Angerer et al. 2018"
_EISENACH = "Eisenach et al. 2021"

ANGERER_2018 = Device(
    name="angerer2018",
    title="Superradiant emission from colour centres in diamond",
    reference="A. Angerer et al., Nat. Phys. 14, 1168 (2018)",
    frequency_hz=Quantity(3.18e9, "Hz", "plain", _ANGERER, "assumed", 3.1e9, 3.3e9),
    linewidth_fwhm_hz=Quantity(13.8e6, "Hz", "FWHM", _ANGERER, "assumed", 13.8e6, 27.6e6),
    spins=Quantity(1e16, "1", "all", _ANGERER, "assumed", 0.3e16, 2e16),
    single_coupling_hz=Quantity(0.07, "Hz", "g", _ANGERER, "assumed", 0.05, 0.1),
    spin_linewidth_fwhm_hz=Quantity(10e6, "Hz", "FWHM", _ANGERER, "assumed", 4e6, 12e6),
    line_shape="q-gaussian",
    q=Quantity(1.39, "1", "plain", "Krimer et al. 2014, other sample", "assumed", 1.05, 1.6),
    t2_s=Quantity(1e-6, "s", "plain", _ANGERER, "assumed", 0.3e-6, 5e-6),
    t1_s=Quantity(1e4, "s", "plain", _ANGERER, "assumed", 1e2, 1e5),
    temperature_k=Quantity(0.025, "K", "plain", _ANGERER, "assumed", 0.02, 0.05),
    polarisation=Quantity(0.99, "1", "plain", "thermal", "assumed", 0.95, 1.0),
    inversion=Quantity(0.6, "1", "plain", "achieved by a pulse", "assumed", 0.3, 0.9),
)

KERSTEN_2023 = Device(
    name="kersten2023",
    title="Triggered superradiance and storage of spin inversion",
    reference="W. Kersten et al., Phys. Rev. Lett. 131, 043601 (2023)",
    frequency_hz=Quantity(3.1e9, "Hz", "plain", _KERSTEN, "secondary"),
    linewidth_fwhm_hz=Quantity(418e3, "Hz", "FWHM", _KERSTEN, "secondary"),
    spins=Quantity(9e12, "1", "all", _KERSTEN, "secondary"),
    collective_coupling_hz=Quantity(4.53e6, "Hz", "g", _KERSTEN, "secondary"),
    spin_linewidth_fwhm_hz=Quantity(8.65e6, "Hz", "FWHM", _KERSTEN, "secondary"),
    line_shape="q-gaussian",
    q=Quantity(1.39, "1", "plain", "Krimer et al. 2014, other sample", "assumed", 1.05, 1.6),
    t2_s=Quantity(0.89e-6, "s", "plain", _KERSTEN, "secondary"),
    t1_s=Quantity(1e2, "s", "plain", _KERSTEN, "assumed", 0.1, 1e5),
    temperature_k=Quantity(0.025, "K", "plain", _KERSTEN, "secondary"),
    polarisation=Quantity(0.99, "1", "plain", "thermal", "assumed", 0.95, 1.0),
    inversion=Quantity(0.6, "1", "plain", "achieved by a pulse", "assumed", 0.3, 0.9),
)

EISENACH_2021 = Device(
    name="eisenach2021",
    title="Cavity-enhanced microwave readout of a solid-state spin sensor",
    reference="E. R. Eisenach et al., Nat. Commun. 12, 1357 (2021)",
    frequency_hz=Quantity(2.9e9, "Hz", "plain", _EISENACH, "assumed", 2.8e9, 3.0e9),
    linewidth_fwhm_hz=Quantity(200e3, "Hz", "FWHM", _EISENACH, "read"),
    spins=Quantity(1.4e15, "1", "polarised", _EISENACH, "read"),
    collective_coupling_hz=Quantity(0.70e6, "Hz", "g", _EISENACH, "read"),
    spin_linewidth_fwhm_hz=Quantity(5.24e6, "Hz", "FWHM", _EISENACH, "read"),
    line_shape="lorentzian",
    t2_s=Quantity(2e-6, "s", "plain", _EISENACH, "assumed", 0.5e-6, 20e-6),
    t1_s=Quantity(5e-3, "s", "plain", "room temperature", "assumed", 1e-3, 6e-3),
    temperature_k=Quantity(300.0, "K", "plain", _EISENACH, "read"),
    polarisation=Quantity(0.8, "1", "plain", "optical pumping", "assumed", 0.3, 0.95),
    inversion=Quantity(0.6, "1", "plain", "achieved by a pulse", "assumed", 0.3, 0.9),
)

DEVICES: Mapping[str, Device] = MappingProxyType(
    {device.name: device for device in (ANGERER_2018, EISENACH_2021, KERSTEN_2023)}
)


def find_device(name: str) -> Device:
    """The published device of that name; a misspelt one is refused with the nearest.

    >>> print(find_device("kersten2023").reference)
    W. Kersten et al., Phys. Rev. Lett. 131, 043601 (2023)
    """
    return DEVICES[known_name("device", name, DEVICES)]
