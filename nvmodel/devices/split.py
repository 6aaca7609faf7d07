"""Battery and charger out of a device's spins."""

import math
from collections.abc import Sequence

from darkbattery.nvmodel.devices.datasheet import Device
from darkbattery.nvmodel.ensemble import SpinEnsemble
from darkbattery.nvmodel.fields import Resonator
from darkbattery.nvmodel.refusal import InputError, finite_number, number_between
from darkbattery.nvmodel.resonator import ResonatorBattery


def resonator_battery(
    device: Device,
    ratio: float | None = None,
    *,
    fractions: Sequence[float] | None = None,
    crystals: Sequence[float] | None = None,
    battery_polarisation: float | None = None,
    charger_polarisation: float | None = None,
    battery_detuning_hz: float = 0.0,
    charger_detuning_hz: float = 0.0,
) -> ResonatorBattery:
    """A battery and its charger at a device's resonator.

    Parameters
    ----------
    device : Device
        Its couplings, line, times and temperature are those of both ensembles.
    ratio : float, optional
        Charger spins over battery spins; the two together are the device's spins.
    fractions : (float, float), optional
        Instead: shares of battery and charger in the device's spins, sum 1.
    crystals : (float, float), optional
        Instead: numbers of spins of two crystals, battery and charger; the coupling of one spin is
        the device's.
    battery_polarisation, charger_polarisation : float, optional
        Default: the device's polarisation, and its inversion.
    battery_detuning_hz, charger_detuning_hz : float
        Centres of the lines minus the resonator's frequency, Hz.

    Raises
    ------
    InputError
        Unless exactly one of the three ways to split is given, and possible.

    Examples
    --------
    >>> from darkbattery.nvmodel.devices.published import find_device
    >>> model = resonator_battery(find_device("angerer2018"), ratio=3.0)
    >>> model.charger.number / model.battery.number
    3.0
    """
    if not isinstance(device, Device):
        raise InputError("device", device, "must be a Device: find_device(name) gives one")
    number = _numbers(device, ratio, fractions, crystals)
    down = device.polarisation.converted if battery_polarisation is None else battery_polarisation
    up = device.inversion.converted if charger_polarisation is None else charger_polarisation
    return ResonatorBattery(
        battery=_ensemble(device, number[0], number_between("battery_polarisation", down, 0, 1)),
        charger=_ensemble(device, number[1], number_between("charger_polarisation", up, 0, 1)),
        resonator=_resonator(device),
        battery_detuning_hz=battery_detuning_hz,
        charger_detuning_hz=charger_detuning_hz,
    )


def whole_ensemble(device: Device, polarisation: float) -> ResonatorBattery:
    """All of a device's spins at its resonator, as a charger without a battery.

    >>> from darkbattery.nvmodel.devices.published import find_device
    >>> whole_ensemble(find_device("kersten2026"), polarisation=0.4).charger.number
    9000000000000
    """
    spins = _ensemble(device, round(device.number), polarisation)
    return ResonatorBattery(spins, _resonator(device))


def _resonator(device: Device) -> Resonator:
    return Resonator(
        frequency_hz=device.frequency_hz.converted,
        linewidth_fwhm_hz=device.linewidth_fwhm_hz.converted,
        temperature_k=device.temperature_k.converted,
    )


def _numbers(
    device: Device,
    ratio: float | None,
    fractions: Sequence[float] | None,
    crystals: Sequence[float] | None,
) -> tuple[int, int]:
    given = [ratio, fractions, crystals]
    if sum(x is not None for x in given) != 1:
        raise InputError("ratio, fractions, crystals", tuple(given), "give exactly one of them")
    if ratio is not None:
        ratio = finite_number("ratio", ratio, least=0.0, exclusive=True)
        shares = [1.0 / (1.0 + ratio), ratio / (1.0 + ratio)]
    elif fractions is not None:
        shares = _two_of("fractions", fractions)
        # shares are typed by hand: a thousandth in the sum is a slip, not rounding
        if abs(sum(shares) - 1.0) > 1e-9:
            raise InputError("fractions", tuple(fractions), "must sum to 1")
    else:
        assert crystals is not None
        shares = [n / device.number for n in _two_of("crystals", crystals)]
    battery, charger = (round(share * device.number) for share in shares)
    if min(battery, charger) < 1:
        raise InputError(
            "ratio, fractions, crystals", (battery, charger), "must leave a spin on either side"
        )
    return battery, charger


def _two_of(field: str, values: Sequence[float]) -> list[float]:
    if isinstance(values, str) or not hasattr(values, "__len__") or len(values) != 2:
        raise InputError(field, values, "must be two numbers, battery and charger")
    return [finite_number(field, value, least=0.0, exclusive=True) for value in values]


def _ensemble(device: Device, number: int, polarisation: float) -> SpinEnsemble:
    spread = device.coupling_spread
    return SpinEnsemble(
        number=number,
        coupling=2.0 * math.pi * device.coupling_hz,
        polarisation=polarisation,
        t1_s=device.t1_s.converted,
        t2_s=device.t2_s.converted,
        line=device.line,
        coupling_spread=0.0 if spread is None else spread.converted,
        couplings=device.measured.couplings,
        axes=device.measured.axes,
    )
