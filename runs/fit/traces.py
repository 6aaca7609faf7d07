"""Measured traces: CSV files with units in their headings, and Touchstone files."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.definitions.datafiles import FREQUENCIES, TIMES, read_csv

Array = NDArray[np.float64]
Kind = Literal["s21", "s11", "burst", "esr", "rabi"]

POWERS = {"w": 1.0, "mw": 1e-3, "uw": 1e-6, "µw": 1e-6, "nw": 1e-9, "pw": 1e-12, "fw": 1e-15}
ARBITRARY = ("a.u.", "arb", "v", "mv", "1")
# fourth differences of smooth curves are noise: the root of 1 + 16 + 36 + 16 + 1
_DIFFERENCE, _NORM = np.array([1.0, -4.0, 6.0, -4.0, 1.0]), math.sqrt(70.0)
_MEDIAN = 0.6744897501960817  # of |x| over the standard deviation
LEAST_POINTS = 8


@dataclass(frozen=True, eq=False)
class Trace:
    """One measured curve.

    Attributes
    ----------
    name : str
        Of its file.
    kind : str
        "s21", "s11" (amplitudes over frequency), "burst" (power over time), "esr" (absorption over
        frequency) or "rabi" (splitting over the spins' detuning).
    x : ndarray
        Hz or s.
    y : ndarray
        Complex amplitudes, magnitudes, W, or arbitrary units.
    noise : ndarray
        Standard deviation of each value, of real and imaginary part each where y is complex.
    absolute : bool
        Whether frequencies are absolute; else they are counted from the resonator's.
    calibrated : bool
        Whether a power is in watts.
    """

    name: str
    kind: Kind
    x: Array
    y: NDArray[Any]
    noise: Array
    absolute: bool = True
    calibrated: bool = True

    @property
    def is_complex(self) -> bool:
        """Whether phases were measured."""
        return bool(np.iscomplexobj(self.y))

    @property
    def values(self) -> int:
        """Real numbers in it."""
        return int(self.y.size * (2 if self.is_complex else 1))


def read_trace(path: Path) -> Trace:
    """A trace from a file: Touchstone by its ending (.s1p, .s2p), else CSV.

    Raises
    ------
    InputError
        For a file that cannot be read, a heading without its unit, rows with gaps, and frequencies
        or times that do not rise.
    """
    if not path.is_file():
        raise InputError("--data", str(path), "must be a file")
    if re.fullmatch(r"\.s[12]p", path.suffix.lower()):
        return _touchstone(path)
    return _from_csv(path)


def smooth_noise(y: NDArray[Any]) -> float:
    """The scatter of neighbouring points about a smooth curve, by the median.

    >>> curve = np.sin(np.linspace(0.0, 3.0, 2001))
    >>> noisy = curve + 0.01 * np.random.default_rng(1).standard_normal(2001)
    >>> round(smooth_noise(noisy), 3)
    0.01
    """
    parts = np.concatenate([y.real, y.imag]) if np.iscomplexobj(y) else y
    differences = np.convolve(parts, _DIFFERENCE, "valid") / _NORM
    found = float(np.median(np.abs(differences))) / _MEDIAN
    return max(found, 1e-9 * float(np.ptp(np.abs(y))), 1e-300)


def _touchstone(path: Path) -> Trace:
    try:
        import skrf
    except ImportError:
        needed = 'needs scikit-rf: pip install "darkbattery[fit]"'
        raise InputError("--data", str(path), needed) from None
    try:
        network = skrf.Network(str(path))
    except Exception as error:  # its reader raises whatever the line made fail
        raise InputError("--data", str(path), f"is no Touchstone file: {error}") from None
    kind: Kind = "s21" if network.nports == 2 else "s11"
    y = network.s[:, 1, 0] if network.nports == 2 else network.s[:, 0, 0]
    return _checked(path, kind, np.asarray(network.f, dtype=float), y, None, True, True)


def _from_csv(path: Path) -> Trace:
    table = read_csv("--data", path)
    at, take, headings = table.names, table.column, list(table.headings)
    error = take("error") if "error" in at else None
    if "time" in at and "power" in at:
        return _burst(path, take("time", TIMES), take("power"), table.unit("power"), error)
    if "splitting" in at:
        y = take("splitting", FREQUENCIES)
        x = take("detuning", FREQUENCIES) if "detuning" in at else np.zeros(y.size)
        error = take("error", FREQUENCIES) if "error" in at else None
        if error is None:
            raise InputError(path.name, "splitting", "needs a column error, with its unit")
        return Trace(path.name, "rabi", x, y, error, absolute=False)
    absolute = "frequency" in at
    if not absolute and "detuning" not in at:
        allowed = "must have a column frequency, detuning or time, with its unit in brackets"
        raise InputError(path.name, headings, allowed)
    x = take("frequency" if absolute else "detuning", FREQUENCIES)
    if "absorption" in at:
        return _checked(path, "esr", x, take("absorption"), error, absolute, False)
    kind: Kind
    for kind in ("s21", "s11"):
        if f"{kind} real" in at and f"{kind} imag" in at:
            y = take(f"{kind} real") + 1j * take(f"{kind} imag")
            return _checked(path, kind, x, y, error, absolute, True)
        if kind in at:
            y = take(kind)
            if table.unit(kind).lower() == "db":
                y = 10.0 ** (y / 20.0)
            if f"{kind} phase" in at:
                turn = {"deg": math.pi / 180.0, "rad": 1.0}
                y = y * np.exp(1j * take(f"{kind} phase", turn))
            return _checked(path, kind, x, y, error, absolute, True)
    allowed = "must have S21 real and S21 imag, S21 (and S21 phase), absorption, power, splitting"
    raise InputError(path.name, headings, allowed)


def _burst(path: Path, time: Array, power: Array, unit: str, error: Array | None) -> Trace:
    if unit.lower() == "dbm":
        return _checked(path, "burst", time, 1e-3 * 10.0 ** (power / 10.0), None, False, True)
    scale = POWERS.get(unit.lower())
    if scale is None and unit.lower() not in ARBITRARY:
        allowed = f"its heading must carry a unit: {', '.join(POWERS)}, dBm, or a.u."
        raise InputError(f"{path.name}: power", unit or None, allowed)
    scaled = power * (scale or 1.0)
    error = None if error is None else error * (scale or 1.0)
    return _checked(path, "burst", time, scaled, error, False, scale is not None)


def _checked(
    path: Path,
    kind: Kind,
    x: Array,
    y: NDArray[Any],
    error: Array | None,
    absolute: bool,
    calibrated: bool,
) -> Trace:
    if x.size < LEAST_POINTS:
        raise InputError(path.name, x.size, f"must have at least {LEAST_POINTS} points")
    if (np.diff(x) <= 0.0).any():
        bad = int((np.diff(x) <= 0.0).argmax()) + 2
        raise InputError(path.name, float(x[bad - 1]), f"must rise: row {bad} does not")
    noise = np.full(x.size, smooth_noise(y)) if error is None else error
    if not (noise > 0.0).all():
        raise InputError(f"{path.name}: error", float(noise.min()), "must be > 0")
    return Trace(path.name, kind, x, y, noise, absolute, calibrated)
