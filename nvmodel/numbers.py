"""Numbers as people read them: 0.6950(7), 10.8 pJ. One place for terminal, pages and notebooks."""

from __future__ import annotations

import math

ROUNDING = 1e-14  # of numbers near one: sums of some tens of doubles
PREFIXES = {
    -18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m",
    0: "", 3: "k", 6: "M", 9: "G", 12: "T",
}  # fmt: skip
SI = ("J", "W", "s", "Hz", "rad/s", "K", "T")  # written with prefixes
DIGITS = 6  # of a number without an error


def plain(value: float, digits: int = DIGITS) -> str:
    """`digits` significant digits; no number is a dash.

    >>> plain(0.69503218), plain(float("nan")), plain(float("inf"))
    ('0.695032', '-', 'inf')
    """
    return "-" if math.isnan(value) else f"{value:.{digits}g}"


def percent(share: float, digits: int = 2) -> str:
    """A share to two digits or so many, never as 1e+02.

    >>> percent(0.00463), percent(0.998), percent(12.345), percent(0.9988, digits=3)
    ('0.46 %', '100 %', '1200 %', '99.9 %')
    """
    return f"{float(f'{100.0 * share:.{digits}g}'):g} %"


def with_error(value: float, error: float | None) -> str:
    """The value to the error's digits, with the error of its last digits in brackets.

    One digit of the error, two where it begins with a 1 (a rounded 1 could be off by half).
    Without an error (None, not finite) the value alone.

    >>> with_error(0.69502, 0.00073), with_error(0.69502, 0.0012), with_error(0.5, 0.0)
    ('0.6950(7)', '0.6950(12)', '0.5(0)')
    >>> with_error(12345.6, 240.0), with_error(0.84, None), with_error(3.2e-9, 4e-11)
    ('12300(200)', '0.84', '3.20(4)e-09')
    """
    if error is None or not math.isfinite(error) or not math.isfinite(value):
        return plain(value)
    if error <= 0.0:
        return f"{plain(value)}(0)"
    size = math.floor(math.log10(max(abs(value), error)))
    if size < -4 or size > 5:
        return f"{_bracketed(value / 10.0**size, error / 10.0**size)}e{size:+03d}"
    return _bracketed(value, error)


def _bracketed(value: float, error: float) -> str:
    last, count = _last_digit(error)
    if last >= 0:
        unit = 10**last
        return f"{round(value / unit) * unit:d}({count * unit:d})"
    return f"{value:.{-last}f}({count:d})"


def _last_digit(error: float) -> tuple[int, int]:
    """Power of ten of the last digit shown, and the error in units of it."""
    power = math.floor(math.log10(error))
    leading = error / 10.0**power
    last = power - (1 if leading < 1.95 else 0)
    return last, round(error / 10.0**last)


def with_unit(value: float, unit: str, error: float | None = None, digits: int = 3) -> str:
    """A quantity in an SI unit with the prefix that leaves one to three digits before the point.

    `digits` significant digits, or those that its standard error leaves.

    >>> with_unit(1.08e-11, "J"), with_unit(6.44e-7, "W"), with_unit(0.0, "J")
    ('10.8 pJ', '644 nW', '0 J')
    >>> with_unit(0.9999e-6, "s"), with_unit(3e-30, "J"), with_unit(4.3121e-6, "s", 3e-9)
    ('1 µs', '3e-30 J', '4.312(3) µs')
    >>> with_unit(5920.0, "s"), with_unit(1e-19, "J", 9.2e-18)
    ('5920 s', '0(9) aJ')
    """
    power = 0
    known = error if error is not None and math.isfinite(error) else 0.0
    largest = max(abs(value), known)
    if largest > 0.0 and math.isfinite(value):
        rounded = float(f"{largest:.{digits}g}")
        power = 3 * math.floor(math.log10(rounded) / 3.0 + 1e-12)
    if power not in PREFIXES or (unit == "s" and power > 0):
        power = 0  # nobody counts in kiloseconds
    scaled = value / 10.0**power
    if error is not None and math.isfinite(error):
        return f"{with_error(scaled, error / 10.0**power)} {PREFIXES[power]}{unit}"
    most = 1e6 if unit == "s" else 1000.0
    if not 1.0 <= abs(scaled) < most:
        return f"{plain(scaled, digits)} {PREFIXES[power]}{unit}"
    # digits before the point are never written as an exponent: 644, not 6e+02
    return f"{float(f'{scaled:.{digits}g}'):.12g} {PREFIXES[power]}{unit}"


def between(low: float, high: float, unit: str = "1", digits: int = 3) -> str:
    """A range, its unit said once where it is the same at both ends.

    >>> between(3.62e6, 5.44e6, "Hz"), between(0.0, 2e-9, "J"), between(0.2, 0.9)
    ('3.62 to 5.44 MHz', '0 to 2 nJ', '0.2 to 0.9')
    >>> between(4.18e5, 1e6, "Hz"), between(0.0, 0.631, "ħω")
    ('418 kHz to 1 MHz', '0 to 0.631 ħω')
    """
    one, other = (in_unit(end, unit, digits) for end in (low, high))
    number, _, end = one.partition(" ")
    if low == 0.0 or end == other.partition(" ")[2]:
        return f"{number} to {other}"
    return f"{one} to {other}"


def in_unit(value: float, unit: str, digits: int = 3) -> str:
    """The number with its unit, with a prefix where the unit takes one; "1" is none.

    >>> in_unit(1.08e-11, "J"), in_unit(0.1482, "ħω"), in_unit(9e12, "1")
    ('10.8 pJ', '0.148 ħω', '9e+12')
    >>> in_unit(float("nan"), "J"), in_unit(float("inf"), "s")
    ('-', 'inf')
    """
    if not math.isfinite(value) or unit == "1":
        return plain(value, digits)
    if unit in SI:
        return with_unit(value, unit, digits=digits)
    return f"{plain(value, digits)} {unit}"


def counted(number: int, thing: str, things: str = "") -> str:
    """Such as 1 rank, 2 ranks, 200,000 runs; `things` where the plural is not by an s.

    >>> counted(1, "rank"), counted(2000, "run")
    ('1 rank', '2,000 runs')
    """
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
