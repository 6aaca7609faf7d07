"""The appendix and Eqs. (3), (4): two spins, their equations of motion and their steady state."""

import numpy as np

from darkbattery.runs.studies.paper.appendix import (
    OCCUPATIONS,
    PRINTED,
    STARTS,
    compare,
    equation_32,
    equations_28_to_31,
    steady_populations,
)
from darkbattery.runs.studies.paper.claims import Claim, Evidence, Measured, judged

EVOLVED = 1e-10  # a matrix exponential of norm 1e4, to rounding


def _ten_equations(evidence: Evidence) -> Measured:
    found = compare()
    agree = [one.number for one in found if one.agrees]
    turned = [one.number for one in found if one.rates_agree and not one.agrees]
    others = [one.number for one in found if not one.rates_agree]
    numbers = (
        f"{len(agree)} of {len(found)} agree; sign of i omega opposite in {_numbered(turned)}; "
        f"rates differ in {_numbered(others)}"
    )
    populations = {one.number for one in PRINTED if one.element[0] == one.element[1]}
    return Measured(numbers, judged(len(agree) == len(found), populations <= set(agree)))


def _numbered(equations: list[int]) -> str:
    return ", ".join(f"({number})" for number in equations) or "none"


def _any_dark_weight(evidence: Evidence) -> Measured:
    off = 0.0
    for nbar in OCCUPATIONS:
        for start in STARTS:
            hot = nbar / (2.0 * nbar + 1.0) if start == "thermal" else 0.0
            expected = equations_28_to_31(nbar, dark=0.5 * (1.0 - hot))
            off = max(off, float(np.abs(steady_populations(nbar, start) - expected).max()))
    numbers = f"largest difference {off:.0e} at nbar = 0 to 10, both starts"
    return Measured(numbers, judged(off < EVOLVED))


def _equation_32(evidence: Evidence) -> Measured:
    printed, kept = (
        max(
            float(np.abs(steady_populations(n) - equation_32(n, dark_kept)).max())
            for n in OCCUPATIONS
        )
        for dark_kept in (False, True)
    )
    trace = float(np.trace(equation_32(1.0, dark_kept=False)).real)
    numbers = (
        f"as printed its trace is {trace:.4f} at nbar = 1; with the dark state's weight kept at "
        f"1/2 (Eq. (30)) it is off by {kept:.0e}"
    )
    return Measured(numbers, judged(printed < EVOLVED, kept < EVOLVED))


def _which_equation(evidence: Evidence) -> Measured:
    cold = equation_32(0.0, dark_kept=True)
    third = np.zeros((4, 4))
    third[1:3, 1:3] = 0.5
    fourth = np.diag([0.0, 0.0, 0.5, 0.5])
    off = [float(np.abs(cold - other).max()) for other in (third, fourth)]
    numbers = f"largest difference {off[0]:.2f} to Eq. (3), the start; {off[1]:.0e} to Eq. (4)"
    return Measured(numbers, judged(off[0] < EVOLVED))


def _cold_steady_state(evidence: Evidence) -> Measured:
    off = float(np.abs(steady_populations(0.0) - np.diag([0.0, 0.0, 0.5, 0.5])).max())
    return Measured(f"largest difference {off:.0e}", judged(off < EVOLVED))


APPENDIX_CLAIMS = (
    Claim(
        "dark state survives",
        "Sec. III, Eq. (4)",
        "Two spins at T = 0 end half in the ground state and half in the dark state",
        "every matrix element to 1e-10, by long evolution",
        _cold_steady_state,
    ),
    Claim(
        "ten equations of motion",
        "Appendix, Eqs. (18) to (27)",
        "The printed equations of the matrix elements follow from Eq. (2)",
        "all coefficients equal, read from the Liouvillian exactly, gamma times the standard "
        "dissipator; limits: the populations, Eqs. (18) to (21), which decide the steady state",
        _ten_equations,
    ),
    Claim(
        "steady populations",
        "Appendix, Eqs. (28) to (31)",
        "The steady state follows from nbar and the start's weight on the dark state",
        "every matrix element to 1e-10, by long evolution",
        _any_dark_weight,
    ),
    Claim(
        "Eq. (32)",
        "Appendix, Eq. (32)",
        "The steady state of two spins started up and down, at any temperature",
        "every matrix element to 1e-10 as printed; limits: with the weight of Eq. (30)",
        _equation_32,
    ),
    Claim(
        "cold limit of Eq. (32)",
        "Appendix, last paragraph",
        "Eq. (32) at T = 0 is Eq. (3)",
        "every matrix element to 1e-10",
        _which_equation,
    ),
)
