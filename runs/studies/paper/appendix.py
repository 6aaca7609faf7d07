"""The appendix: two spins, element by element, from the few-spin operators of Eq. (2).

The basis is the paper's: |1> both up, |2> and |3> the symmetric and antisymmetric states of one
spin up, |4> both down. Rates are linear in the model's parameters: d rho_ij/dt is a sum over kl of
[gamma (a nbar + b) + i c omega] rho_kl, and (a, b, c) are read from the Liouvillian exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

import numpy as np
import qutip
from numpy.typing import NDArray
from scipy.linalg import expm

from darkbattery.nvmodel.battery import BatteryStart, CollectiveBattery
from darkbattery.trajectories.qutip.fewspins import to_qutip

Complex = NDArray[np.complex128]
Element = tuple[int, int]

# coefficients are multiples of 1/2; the Liouvillian's entries are known to rounding
ROUNDING = 1e-12
HALF = np.sqrt(0.5)
OCCUPATIONS = (0.0, 0.1, 0.5, 1.0, 2.0, 10.0)
STARTS: tuple[BatteryStart, ...] = ("down", "thermal")
# in QuTiP's order of |battery, charger>: up up, up down, down up, down down
BASIS = np.array(
    [[1.0, 0.0, 0.0, 0.0], [0.0, HALF, HALF, 0.0], [0.0, -HALF, HALF, 0.0], [0.0, 0.0, 0.0, 1.0]]
)


@dataclass(frozen=True)
class Rate:
    """A coefficient gamma (nbar_part nbar + constant) + i omega_part omega."""

    nbar_part: Fraction = Fraction(0)
    constant: Fraction = Fraction(0)
    omega_part: Fraction = Fraction(0)

    @property
    def damping(self) -> tuple[Fraction, Fraction]:
        """What multiplies gamma."""
        return self.nbar_part, self.constant

    def __str__(self) -> str:
        damping = _linear(self.nbar_part, self.constant) + "γ" if any(self.damping) else ""
        if not self.omega_part:
            return damping
        size = abs(self.omega_part)
        turn = f"{'' if size == 1 else size}iω"
        sign = "-" if self.omega_part < 0 else "+" if damping else ""
        return f"[{damping} {sign} {turn}]" if damping else sign + turn


@dataclass(frozen=True)
class Printed:
    """An equation of the appendix, as printed: what multiplies which element."""

    number: int
    element: Element
    terms: tuple[tuple[Element, Rate], ...]


def _rate(nbar_part: int, constant: int, omega_part: int = 0) -> Rate:
    return Rate(Fraction(nbar_part), Fraction(constant), Fraction(omega_part))


PRINTED = (
    Printed(18, (1, 1), (((1, 1), _rate(-2, -2)), ((2, 2), _rate(2, 0)))),
    Printed(
        19,
        (2, 2),
        (((1, 1), _rate(2, 2)), ((2, 2), _rate(-4, -2)), ((4, 4), _rate(2, 0))),
    ),
    Printed(20, (3, 3), ()),
    Printed(21, (4, 4), (((2, 2), _rate(2, 2)), ((4, 4), _rate(-2, 0)))),
    Printed(22, (1, 2), (((1, 2), _rate(-3, -2, 1)),)),
    Printed(23, (1, 3), (((1, 3), _rate(-1, 0, 1)),)),
    Printed(24, (1, 4), (((1, 4), _rate(-2, -1, 2)),)),
    Printed(25, (2, 3), (((2, 3), _rate(-2, -1)),)),
    Printed(26, (2, 4), (((2, 4), _rate(-3, -1, 1)),)),
    Printed(27, (3, 4), (((3, 4), _rate(-1, 0, 1)),)),
)


@dataclass(frozen=True)
class Comparison:
    """An equation as printed, as it follows from Eq. (2), and what sets them apart.

    `rates_agree`: all that multiplies gamma is the same; `agrees`: and all that multiplies omega.
    """

    number: int
    element: Element
    printed: str
    derived: str
    difference: str
    rates_agree: bool
    agrees: bool


def derived_equations() -> dict[Element, dict[Element, Rate]]:
    """Right-hand sides of d rho_ij/dt, i <= j, with gamma times the standard dissipator.

    Read at three values of the parameters and checked at a fourth.
    """
    at = {
        "constant": _superoperator(nbar=0.0, gamma=1.0, omega=0.0),
        "nbar": _superoperator(nbar=1.0, gamma=1.0, omega=0.0),
        "omega": _superoperator(nbar=0.0, gamma=1.0, omega=1.0),
    }
    equations: dict[Element, dict[Element, Rate]] = {}
    for i in range(4):
        for j in range(i, 4):
            terms = {}
            for k, m in np.ndindex(4, 4):
                constant = at["constant"][i, j, k, m]
                rate = Rate(
                    _half_integer((at["nbar"][i, j, k, m] - constant).real),
                    _half_integer(constant.real),
                    _half_integer((at["omega"][i, j, k, m] - constant).imag),
                )
                if rate != Rate():
                    terms[k + 1, m + 1] = rate
            equations[i + 1, j + 1] = terms
    _check(equations)
    return equations


def compare() -> tuple[Comparison, ...]:
    """The ten equations beside those derived, with verdicts from the coefficients."""
    equations = derived_equations()
    return tuple(_compared(printed, equations[printed.element]) for printed in PRINTED)


def steady_populations(nbar: float, start: BatteryStart = "down") -> Complex:
    """Where two spins end, as a matrix in the basis |1> ... |4>, by long evolution.

    The slowest decay is exp(-gamma nbar t/2) of rho_34 or, at nbar = 0, exp(-gamma t): coherences
    below 1e-13 are waited for.
    """
    battery = CollectiveBattery(1, 1, nbar=nbar, battery_start=start)
    few = to_qutip(battery)
    generator = qutip.liouvillian(few.hamiltonian, few.collapse).full()
    slowest = nbar if nbar > 0.0 else 1.0
    start_state = few.initial.full().reshape(-1, order="F")
    end = (expm(generator * 60.0 / slowest) @ start_state).reshape(4, 4, order="F")
    return np.asarray(BASIS @ end @ BASIS.T)


def equation_32(nbar: float, dark_kept: bool) -> Complex:
    """Eq. (32): as printed, or with the dark state's weight kept at 1/2 (Eq. (30))."""
    norm = 1.0 + 3.0 * nbar * (nbar + 1.0)
    dark = norm if dark_kept else 1.0
    diagonal = np.array([nbar**2, nbar * (nbar + 1.0), dark, (nbar + 1.0) ** 2])
    return np.asarray(np.diag(0.5 * diagonal / norm).astype(complex))


def equations_28_to_31(nbar: float, dark: float) -> Complex:
    """Eqs. (28) to (31): the steady state for any initial weight of the dark state."""
    norm = 1.0 + 3.0 * nbar * (nbar + 1.0)
    bright = (1.0 - dark) / norm
    diagonal = [bright * nbar**2, bright * nbar * (nbar + 1), dark, bright * (nbar + 1) ** 2]
    return np.asarray(np.diag(diagonal).astype(complex))


def _superoperator(nbar: float, gamma: float, omega: float) -> Complex:
    """Element (i, j, k, m): what rho_km adds to d rho_ij/dt."""
    few = to_qutip(CollectiveBattery(1, 1, nbar=nbar, gamma=gamma), omega=omega)
    generator = qutip.liouvillian(few.hamiltonian, few.collapse).full()
    found = np.empty((4, 4, 4, 4), dtype=complex)
    for k, m in np.ndindex(4, 4):
        unit = np.outer(BASIS[k], BASIS[m]).reshape(-1, order="F")
        change = (generator @ unit).reshape(4, 4, order="F")
        found[:, :, k, m] = BASIS @ change @ BASIS.T
    return found


def _half_integer(value: float) -> Fraction:
    nearest = Fraction(round(2.0 * value), 2)
    if abs(float(nearest) - value) > ROUNDING:
        raise ArithmeticError(f"coefficient {value} is no multiple of 1/2")
    return nearest


def _check(equations: Mapping[Element, Mapping[Element, Rate]]) -> None:
    nbar, gamma, omega = 0.37, 1.3, 0.7
    expected = _superoperator(nbar, gamma, omega)
    for (i, j), terms in equations.items():
        for k, m in np.ndindex(4, 4):
            rate = terms.get((k + 1, m + 1), Rate())
            damping = gamma * (float(rate.nbar_part) * nbar + float(rate.constant))
            value = damping + 1j * omega * float(rate.omega_part)
            if abs(value - expected[i - 1, j - 1, k, m]) > ROUNDING:
                raise ArithmeticError(f"rho_{i}{j} is not linear in nbar, gamma and omega")


def _compared(printed: Printed, derived: Mapping[Element, Rate]) -> Comparison:
    as_printed = dict(printed.terms)
    notes = []
    rates_agree = True
    for element in sorted(set(as_printed) | set(derived)):
        theirs, ours = as_printed.get(element, Rate()), derived.get(element, Rate())
        name = f"ρ{element[0]}{element[1]}"
        if theirs.damping != ours.damping:
            rates_agree = False
            right = Rate(ours.nbar_part, ours.constant)
            if element in as_printed:
                notes.append(f"{name} should have {right}")
            else:
                notes.append(f"lacks {right} {name}")
        if theirs.omega_part != ours.omega_part:
            opposite = theirs.omega_part == -ours.omega_part
            notes.append("sign of iω opposite" if opposite else f"iω of {name} differs")
    return Comparison(
        printed.number,
        printed.element,
        _text(as_printed),
        _text(derived),
        "; ".join(notes) or "none",
        rates_agree,
        not notes,
    )


def _text(terms: Mapping[Element, Rate]) -> str:
    shown = [f"{rate} ρ{i}{j}" for (i, j), rate in sorted(terms.items())]
    return " + ".join(shown).replace("+ -", "- ") or "0"


def _linear(slope: Fraction, constant: Fraction) -> str:
    """Such as ``-2(n̄+1)``: the common factor in front.

    >>> _linear(Fraction(-4), Fraction(-2)), _linear(Fraction(2), Fraction(0))
    ('-2(2n̄+1)', '2n̄')
    """
    if slope == 0:
        return str(constant)
    factor = Fraction(gcd(slope.numerator, constant.numerator), 1)
    factor = -factor if slope < 0 else factor
    if slope.denominator != 1 or constant.denominator != 1:
        factor = Fraction(1)
    inner, rest = slope / factor, constant / factor
    n = "n̄" if inner == 1 else f"{inner}n̄"
    front = {1: "", -1: "-"}.get(int(factor), str(factor))
    return f"{front}{n}" if rest == 0 else f"{front}({n}{'+' if rest > 0 else '-'}{abs(rest)})"
