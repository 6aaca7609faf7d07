"""`darkbattery devices`, and the documented comparisons with experiments."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from darkbattery.meanfield.averages.linear import threshold_cooperativity
from darkbattery.nvmodel.devices.published import DEVICES, assumed, find_device, with_value
from darkbattery.nvmodel.devices.split import whole_ensemble
from darkbattery.nvmodel.numbers import in_unit
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.cli import app
from darkbattery.runs.studies.devices import derived
from darkbattery.runs.studies.experiments import comparisons

# published to so many digits, or with so much assumed
TOLERANCE = {
    "D at 300 K": 2e-4,
    "dD/dT, 280 to 330 K": 0.05,
    "hyperfine splitting, 14N": 0.01,
    "hyperfine splitting, 15N": 0.01,
    "line at 9.4 mT": 0.002,
    "spins in the ground state": 0.005,
    "Rabi splitting": 0.03,
    "decay rate, FWHM": 0.05,
    "decay rate over its maximum": 0.15,
    "splitting, two crystals over one": 0.05,
    "line at 1.4 mT along [111]": 0.002,
    "photon stored after": 0.02,
    "and retrieved after": 0.05,
    "with probability": 0.4,
    "cooperativity": 0.05,
    "effective width Gamma": 0.01,
    "inversion at threshold": 0.02,
}


def shown(*arguments):
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["devices", *arguments])


def test_all_devices_are_listed():
    answer = shown()
    assert answer.exit_code == 0
    assert all(name in answer.output for name in DEVICES)
    assert "12 of 12" in answer.output


@pytest.mark.parametrize("name", DEVICES)
def test_a_data_sheet_shows_every_number_with_its_status(name):
    answer = shown(name)
    assert answer.exit_code == 0
    device = find_device(name)
    for field, quantity in device.quantities.items():
        row = next(line for line in answer.output.splitlines() if line.startswith(f" {field} "))
        assert quantity.status in row
        assert in_unit(quantity.value, quantity.unit, 6) in row
        assert quantity.factor == 1.0 or in_unit(quantity.converted, quantity.base_unit, 6) in row
        assert quantity.convention in row or quantity.convention == "plain"
        # the source stands below, by its mark
        mark = row.split()[-1]
        assert f"{mark} {quantity.source}" in answer.output


def test_a_misspelt_device_is_refused():
    answer = shown("putz2015")
    assert isinstance(answer.exception, InputError)
    assert "did you mean 'putz2014'" in str(answer.exception)
    assert isinstance(shown("putz2014", "--checks").exception, InputError)


def test_comparisons_hold():
    rows = comparisons()
    assert {row.device for row in rows} > {"putz2014", "krimer2014", "astner2017", "kersten2026"}
    for row in rows:
        assert np.isfinite(row.found), row
        if row.published:
            assert abs(row.found / row.published - 1.0) < TOLERANCE[row.quantity], row
    widths = [row.found for row in rows if row.device == "krimer2014"]
    # protected lines narrow towards kappa/2, Lorentzian ones stay
    assert widths[0] > 2.0 * widths[2] > 4.0 * widths[4] > 4.0 * 0.4
    np.testing.assert_allclose(widths[1::2], (0.8 + 9.4 + 0.064) / 2.0, rtol=0.01)
    dark, bright = (
        row.found for row in rows if row.device == "astner2017" and row.published is None
    )
    assert dark < bright / 3.0


def test_what_follows_from_a_sheet():
    lines = derived(find_device("kersten2026"))
    # C = 14.6 times the inversion 0.4
    assert any("inverted as given: 5.83 " in line for line in lines)
    assert any("g_0/2pi: 1.51 Hz" in line for line in lines)


def test_both_conventions_of_kersten2026_lie_in_its_range():
    device = find_device("kersten2026")
    width = device.linewidth_fwhm_hz
    assert width.range == (418e3, 836e3)
    assert all(word in width.source for word in ("FWHM", "HWHM"))
    # published: 14.6 with half widths; 1/C = 0.034 with 418 kHz as FWHM
    for value, inversion, digits in ((836e3, 1 / 14.6, 0.005), (418e3, 0.034, 0.02)):
        model = whole_ensemble(with_value(device, "linewidth_fwhm_hz", value), 1.0)
        np.testing.assert_allclose(1.0 / threshold_cooperativity(model), inversion, rtol=digits)


def test_the_assumed_coupling_of_angerer2017_gives_its_cooperativities():
    device = find_device("angerer2017")
    ends = device.linewidth_fwhm_hz.range
    couplings = (6.2e6, 8.9e6)  # with 1.2 MHz as FWHM, as HWHM
    for width, coupling in zip(ends, couplings, strict=True):
        changed = with_value(device, "linewidth_fwhm_hz", width)
        model = whole_ensemble(with_value(changed, "collective_coupling_hz", coupling), 1.0)
        # "about 18"; T2 broadens the assumed line a little
        np.testing.assert_allclose(threshold_cooperativity(model), 18.0, rtol=0.05)


def test_the_page_counts_what_is_assumed():
    page = (Path(__file__).parents[2] / "docs" / "devices.md").read_text("utf-8")
    for name, device in DEVICES.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert f"{len(assumed(device))} of {len(device.quantities)}" in row


def test_a_polarised_excess_is_told_as_all_spins_too():
    """The sheet left the number empty that a definition needs."""
    sheet = shown("eisenach2021").output
    row = next(line for line in sheet.splitlines() if line.startswith(" spins "))
    assert row.split()[1:4] == ["1.4e+15", "polarised", "2.8e+15"]
