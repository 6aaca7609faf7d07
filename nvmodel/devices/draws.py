"""Devices as they may be: draws from fitted covariances, errors and ranges."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.devices.datasheet import Device, Quantity

Array = NDArray[np.float64]

SHARES = ("polarisation", "inversion")


def draw_values(device: Device, count: int, seed: int = 1) -> list[dict[str, float]]:
    """`count` sets of the uncertain quantities' values, in the units of their fields.

    Quantities in the device's covariance are drawn together, log-normally; one with an error is
    log-normal about its value; one with a range lies as likely below its value as above it, and is
    spread evenly in its logarithm on either side (evenly where the range begins at 0). Polarisation
    and inversion are at most 1. Draw i does not depend on how many there are.

    Examples
    --------
    >>> from darkbattery.nvmodel.devices.published import find_device
    >>> first, second = draw_values(find_device("putz2014"), 2)
    >>> sorted(first)
    ['coupling_spread', 'inversion', 'spins', 't1_s', 't2_s']
    >>> 0.3 <= first["inversion"] <= 0.9
    True
    """
    together = device.covariance.fields if device.covariance is not None else ()
    alone = [
        name
        for name, quantity in device.quantities.items()
        if name not in together and quantity.range[0] < quantity.range[1]
    ]
    return [_one(device, together, alone, seed, i) for i in range(count)]


def _one(
    device: Device, together: tuple[str, ...], alone: list[str], seed: int, index: int
) -> dict[str, float]:
    draws = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, index]))
    found: dict[str, float] = {}
    if device.covariance is not None:
        moved = _root(np.array(device.covariance.matrix)) @ draws.standard_normal(len(together))
        for name, log in zip(together, moved, strict=True):
            found[name] = device.quantities[name].converted * math.exp(float(log))
    for name in alone:
        place = float(draws.uniform())
        normal = float(draws.standard_normal())
        found[name] = _value(device.quantities[name], place, normal)
    return _possible(found)


def _root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _value(quantity: Quantity, place: float, normal: float) -> float:
    middle = quantity.converted
    if quantity.error is not None:
        spread = quantity.error / quantity.value if quantity.value > 0.0 else 0.0
        return middle * math.exp(spread * normal)
    low, high = quantity.range
    ends = (low, middle) if place < 0.5 else (middle, high)
    share = 2.0 * place - (0.0 if place < 0.5 else 1.0)
    if ends[0] <= 0.0:
        return ends[0] + share * (ends[1] - ends[0])
    return ends[0] * (ends[1] / ends[0]) ** share


def _possible(values: Mapping[str, float]) -> dict[str, float]:
    return {name: min(v, 1.0) if name in SHARES else v for name, v in values.items()}
