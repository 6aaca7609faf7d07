"""The example files of docs/examples: `python -m darkbattery.runs.fit.examples docs/examples`.

A device file as its owner would write it, and what he would measure: a transmission and a burst of
a device whose coupling, resonator, line and inversion are not those of the file, with 1 % of noise.
"""

import sys
from pathlib import Path

import numpy as np

from darkbattery.nvmodel.devices.datasheet import Device, with_value
from darkbattery.runs.definitions.devicefile import device_named
from darkbattery.runs.fit.synthetic import synthetic_trace, write_csv
from darkbattery.runs.questions import write_question

# what the traces were made with
TRUTH = {
    "collective_coupling_hz": 4.71e6,
    "linewidth_fwhm_hz": 815e3,
    "spin_linewidth_fwhm_hz": 8.32e6,
    "inversion": 0.43,
}
NOISE, COMMENT = 0.01, "synthetic: made by darkbattery.runs.fit.examples"


def true_device(device: Device) -> Device:
    """The device that the traces are of."""
    for name, value in TRUTH.items():
        device = with_value(device, name, value)
    return device


def main(folder: Path) -> None:
    """Write device.toml, s21.csv and burst.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    path = write_question("device", folder / "device.toml", replace=True)
    device = true_device(device_named("device", str(path)))
    f = device.frequency_hz.converted + np.linspace(-25e6, 25e6, 251)
    line = {"gain": 0.83, "phase": 0.4, "delay": 3.1e-8}
    s21 = synthetic_trace("s21", f, device, line, NOISE, seed=11)
    write_csv(s21, folder / "s21.csv", COMMENT)
    t = np.linspace(0.0, 6e-6, 201)
    burst = synthetic_trace("burst", t, device, {"peak": 2.31e-6}, NOISE, seed=12)
    write_csv(burst, folder / "burst.csv", COMMENT)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
