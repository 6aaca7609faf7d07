"""Data sheets: conversions, the published numbers' agreement among themselves, refusals."""

import math
from dataclasses import replace

import numpy as np
import pytest

from darkbattery.nvmodel import Multiplet, QGaussian
from darkbattery.nvmodel.devices.datasheet import QUANTITIES
from darkbattery.nvmodel.devices.published import (
    DEVICES,
    Device,
    Quantity,
    assumed,
    find_device,
    resonator_battery,
    with_value,
)
from darkbattery.nvmodel.refusal import InputError

PUTZ, KUBO, KERSTEN = (find_device(name) for name in ("putz2014", "kubo2011", "kersten2026"))


@pytest.mark.parametrize(
    ("value", "unit", "convention", "converted"),
    [
        (0.4e6, "Hz", "HWHM", 0.8e6),
        (0.4e6, "Hz", "FWHM", 0.4e6),
        (2.0 * math.pi * 0.4e6, "rad/s", "HWHM", 0.8e6),
        (17.2e6, "Hz", "2g", 8.6e6),
        (0.025, "K", "plain", 0.025),
    ],
)
def test_published_values_become_what_the_fields_say(value, unit, convention, converted):
    quantity = Quantity(value, unit, convention, "a test", "assumed", 0.5 * value, 2.0 * value)
    np.testing.assert_allclose(quantity.converted, converted, rtol=1e-15)
    np.testing.assert_allclose(quantity.range, (0.5 * converted, 2.0 * converted), rtol=1e-15)


@pytest.mark.parametrize("name", DEVICES)
def test_every_number_says_where_it_stands(name):
    device = find_device(name)
    assert device.name == name
    for field, quantity in device.quantities.items():
        assert len(quantity.source) > 5, field
        low, high = quantity.range
        assert low <= quantity.converted <= high
        if quantity.status == "assumed":
            assert assumed(device)[field] == (low, high)
            assert low < high, field
        else:
            assert field not in assumed(device)


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("ratio", [1.0, 5.0])
def test_a_battery_from_every_device(name, ratio):
    device = find_device(name)
    model = resonator_battery(device, ratio)
    total = model.battery.number + model.charger.number
    # whole spins on either side
    whole = max(1e-9, 6.0 / device.number)
    np.testing.assert_allclose(total, device.number, rtol=whole)
    np.testing.assert_allclose(model.charger.number / model.battery.number, ratio, rtol=whole)
    np.testing.assert_allclose(
        model.resonator.kappa, 2 * math.pi * device.linewidth_fwhm_hz.converted
    )
    polarised = device.spins.convention == "polarised"
    share = device.polarisation.converted if polarised else 1.0
    both = math.hypot(model.battery.collective_coupling, model.charger.collective_coupling)
    if device.collective_coupling_hz is not None:
        expected = 2.0 * math.pi * device.collective_coupling_hz.converted / math.sqrt(share)
        np.testing.assert_allclose(both, expected, rtol=1e-9)
    assert model.battery.polarisation == device.polarisation.converted
    assert model.charger.polarisation == device.inversion.converted


@pytest.mark.parametrize("name", DEVICES)
def test_every_end_of_every_assumed_range_makes_a_model(name):
    device = find_device(name)
    for field, ends in assumed(device).items():
        for value in ends:
            resonator_battery(with_value(device, field, value), ratio=5.0)


def test_published_numbers_agree_among_themselves():
    # Putz 2014: Q = 3060 and 0.4 MHz HWHM; about 12 Hz a spin and an order of magnitude of spins
    np.testing.assert_allclose(2.6899e9 / PUTZ.linewidth_fwhm_hz.converted, 3060, rtol=0.1)
    low, high = PUTZ.spins.range
    found = [8.6e6 / math.sqrt(n) for n in (high, low)]
    assert found[0] < 12.0 < found[1] * 1.02
    # Kersten 2026: 1.5 Hz a spin (two digits), and C = g^2/(kappa Gamma) = 14.6 in half widths
    np.testing.assert_allclose(KERSTEN.coupling_hz, 1.5, atol=0.05)
    half = KERSTEN.linewidth_fwhm_hz.converted / 2.0
    np.testing.assert_allclose(4.53e6**2 / (half * 3.36e6), 14.6, atol=0.05)
    # Eisenach 2021: loaded quality 14,500 at 200 kHz
    eisenach = find_device("eisenach2021")
    quality = eisenach.frequency_hz.converted / eisenach.linewidth_fwhm_hz.converted
    np.testing.assert_allclose(quality, 14_500, rtol=1e-9)


def test_lines():
    assert PUTZ.line == QGaussian(9.4e6, q=1.39)
    line = KUBO.line
    assert isinstance(line, Multiplet)
    np.testing.assert_allclose(line.offsets_hz, (-2.2e6, 0.0, 2.2e6))


def test_a_polarised_excess_is_a_share_of_all_spins():
    device = find_device("eisenach2021")
    np.testing.assert_allclose(device.number * device.polarisation.converted, 1.4e15, rtol=1e-12)
    better = with_value(device, "polarisation", 1.0)
    np.testing.assert_allclose(better.number, 1.4e15, rtol=1e-12)
    assert better.coupling_hz == device.coupling_hz


def test_shares_and_crystals():
    model = resonator_battery(PUTZ, fractions=(0.25, 0.75), battery_detuning_hz=-3e6)
    assert model.charger.number == 3 * model.battery.number
    assert model.battery_detuning_hz == -3e6
    two = resonator_battery(PUTZ, crystals=(1e11, 4e12), charger_polarisation=0.9)
    assert (two.battery.number, two.charger.number) == (10**11, 4 * 10**12)
    assert two.charger.polarisation == 0.9
    np.testing.assert_allclose(two.charger.coupling, 2.0 * math.pi * PUTZ.coupling_hz)


def test_one_value_is_varied_in_the_unit_of_its_name():
    # published as HWHM, varied as FWHM
    found = with_value(PUTZ, "linewidth_fwhm_hz", 1e6)
    assert found.linewidth_fwhm_hz.converted == 1e6
    assert found.spins == PUTZ.spins
    halved = with_value(PUTZ, "collective_coupling_hz", 4.3e6)
    np.testing.assert_allclose(halved.coupling_hz, PUTZ.coupling_hz / 2.0)


ONE = ("1", "plain", "a test", "read")
WIDTH = Quantity(1e6, "Hz", "FWHM", "a test", "read")


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: Quantity(1.0, "km", "FWHM", "x", "read"), "unit"),
        (lambda: Quantity(1.0, "Hz", "half", "x", "read"), "convention"),
        (lambda: Quantity(1.0, "Hz", "FWHM", "", "read"), "source"),
        (lambda: Quantity(1.0, "Hz", "FWHM", "x", "guessed"), "status"),
        (lambda: Quantity(1.0, "Hz", "FWHM", "x", "assumed"), "low, high"),
        (lambda: Quantity(1.0, "Hz", "FWHM", "x", "read", 0.5), "low, high"),
        (lambda: Quantity(1.0, "Hz", "FWHM", "x", "assumed", 2.0, 3.0), "value"),
        (lambda: Quantity(-1.0, "K", "plain", "x", "read"), "value"),
        # a width without convention
        (
            lambda: replace(PUTZ, linewidth_fwhm_hz=Quantity(4e5, "Hz", "plain", "x", "read")),
            "linewidth_fwhm_hz",
        ),
        (
            lambda: replace(PUTZ, spin_linewidth_fwhm_hz=Quantity(4e5, "Hz", "plain", "x", "read")),
            "spin_linewidth_fwhm_hz",
        ),
        (lambda: replace(PUTZ, temperature_k=Quantity(1.0, *ONE)), "temperature_k"),
        (lambda: replace(PUTZ, temperature_k=0.025), "temperature_k"),
        (lambda: replace(PUTZ, spins=Quantity(0.0, "1", "all", "x", "read")), "spins"),
        (lambda: replace(PUTZ, polarisation=Quantity(1.1, *ONE)), "polarisation"),
        (lambda: replace(PUTZ, q=None), "q"),
        (lambda: replace(PUTZ, line_shape="gausian", q=None), "line_shape"),
        (
            lambda: replace(PUTZ, single_coupling_hz=Quantity(12.0, "Hz", "g", "x", "read")),
            "single_coupling_hz, collective_coupling_hz",
        ),
        (
            lambda: replace(PUTZ, collective_coupling_hz=None),
            "single_coupling_hz, collective_coupling_hz",
        ),
        (lambda: replace(KUBO, hyperfine_lines=1), "hyperfine_lines"),
        (lambda: replace(PUTZ, hyperfine_lines=3), "hyperfine_lines"),
        (lambda: find_device("kersten2O23"), "device"),
        (lambda: with_value(PUTZ, "linewidth_hz", 1.0), "field"),
        (lambda: with_value(PUTZ, "hyperfine_hz", 1.0), "field"),
        (lambda: with_value(PUTZ, "temperature_k", -1.0), "temperature_k"),
        (lambda: with_value(PUTZ, "spins", 0.0), "spins"),
        (lambda: with_value(PUTZ, "q", 1.0), "q"),
        (lambda: with_value(PUTZ, "q", 3.0), "q"),
        (lambda: resonator_battery("putz2014", 1.0), "device"),
        (lambda: resonator_battery(PUTZ), "ratio, fractions, crystals"),
        (lambda: resonator_battery(PUTZ, 2.0, fractions=(0.5, 0.5)), "ratio, fractions, crystals"),
        (lambda: resonator_battery(PUTZ, 0.0), "ratio"),
        (lambda: resonator_battery(PUTZ, 1e15), "ratio, fractions, crystals"),
        (lambda: resonator_battery(PUTZ, fractions=(0.5, 0.4)), "fractions"),
        (lambda: resonator_battery(PUTZ, fractions=(0.0, 1.0)), "fractions"),
        (lambda: resonator_battery(PUTZ, fractions=(0.2, 0.3, 0.5)), "fractions"),
        (lambda: resonator_battery(PUTZ, crystals=(0.0, 1e12)), "crystals"),
        (lambda: resonator_battery(PUTZ, crystals="ab"), "crystals"),
        (lambda: resonator_battery(PUTZ, 1.0, charger_polarisation=1.5), "charger_polarisation"),
    ],
)
def test_bad_input_is_one_clear_line(call, field):
    with pytest.raises(InputError) as refusal:
        call()
    assert refusal.value.field == field
    assert "\n" not in str(refusal.value)


def test_a_misspelt_device_is_told_the_nearest():
    with pytest.raises(InputError, match="did you mean 'kersten2023'"):
        find_device("kersten203")


def test_fields_of_a_device_are_quantities():
    names = set(Device.__dataclass_fields__)
    assert set(QUANTITIES) <= names
