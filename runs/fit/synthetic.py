"""Traces that a device would give, with noise: for planning a measurement, tests and examples."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.devices.datasheet import Device
from darkbattery.runs.fit.model import predicted
from darkbattery.runs.fit.traces import Kind, Trace, smooth_noise

HEADINGS = {
    "s21": ("frequency (MHz)", 1e-6, ("S21 real", "S21 imag")),
    "s11": ("frequency (MHz)", 1e-6, ("S11 real", "S11 imag")),
    "burst": ("time (us)", 1e6, ("power (W)",)),
    "esr": ("frequency (MHz)", 1e-6, ("absorption",)),
}


def synthetic_trace(
    kind: Kind,
    x: ArrayLike,
    device: Device,
    nuisances: Mapping[str, float],
    noise: float,
    seed: int,
) -> Trace:
    """A trace with white noise of `noise` times its largest value, of each part where complex.

    Examples
    --------
    >>> from darkbattery.nvmodel.devices.published import find_device
    >>> device = find_device("kersten2026")
    >>> f = device.frequency_hz.converted + np.linspace(-2e7, 2e7, 101)
    >>> found = synthetic_trace("s21", f, device, {}, noise=0.01, seed=1)
    >>> found.values, found.is_complex
    (202, True)
    """
    at = np.asarray(x, dtype=float)
    complex_ = kind in ("s21", "s11")
    empty: NDArray[Any] = np.zeros(at.size, dtype=complex if complex_ else float)
    bare = Trace(f"{kind}.csv", kind, at, empty, np.ones(at.size), absolute=kind != "burst")
    y = predicted(bare, device, dict(nuisances))
    draws = np.random.Generator(np.random.Philox(seed))
    size = noise * float(np.abs(y).max())
    y = y + size * draws.standard_normal(at.size)
    if complex_:
        y = y + 1j * size * draws.standard_normal(at.size)
    spread = np.full(at.size, smooth_noise(y))
    return Trace(bare.name, kind, at, y, spread, bare.absolute)


def write_csv(trace: Trace, path: Path, comment: str = "") -> None:
    """As `read_trace` reads it."""
    heading, scale, columns = HEADINGS[trace.kind]
    values = [trace.y.real, trace.y.imag] if trace.is_complex else [trace.y]
    lines = [f"# {comment}"] if comment else []
    lines.append(",".join([heading, *columns]))
    for i, place in enumerate(trace.x):
        cells = [f"{place * scale:.9g}", *(f"{column[i]:.6g}" for column in values)]
        lines.append(",".join(cells))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
