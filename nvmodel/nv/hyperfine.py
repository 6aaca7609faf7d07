r"""Hyperfine lines of NV centres in an ensemble's line.

A nuclear spin at rest in state m shifts the transition between :math:`m_s=0` and :math:`\pm1` by
:math:`\pm A_\parallel m` (Felton et al. 2009): three equal lines with 14N, two with 15N. That is
for a field along the axis; elsewhere `nvmodel.nv.twolevel` has the lines, and a definition takes
their shifts as numbers.
"""

from darkbattery.nvmodel.lines.shapes import LineShape, Multiplet, shifted_copies
from darkbattery.nvmodel.nv.constants import NITROGEN
from darkbattery.nvmodel.refusal import known_name

ISOTOPES = {f"{mass}N": nucleus for mass, nucleus in NITROGEN.items()}


def hyperfine_shifts(isotope: str) -> tuple[float, ...]:
    """Shifts of the lines of one isotope, Hz, increasing.

    >>> hyperfine_shifts("14N"), hyperfine_shifts("15N")
    ((-2140000.0, 0.0, 2140000.0), (-1515000.0, 1515000.0))
    """
    nucleus = ISOTOPES[known_name("hyperfine", isotope, ISOTOPES)]
    step, twice = abs(float(nucleus.axial)), nucleus.twice_spin
    return tuple(step * (i - 0.5 * twice) for i in range(twice + 1))


def split_line(line: LineShape, shifts_hz: tuple[float, ...]) -> Multiplet:
    """The line once for each shift (Hz), all with as many spins.

    >>> from darkbattery.nvmodel.lines.shapes import Gaussian
    >>> split_line(Gaussian(1e6), hyperfine_shifts("15N")).weights
    (0.5, 0.5)
    """
    return shifted_copies(line, shifts_hz, (1.0 / len(shifts_hz),) * len(shifts_hz))
