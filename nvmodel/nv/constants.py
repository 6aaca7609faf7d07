"""Constants of the nitrogen-vacancy centre's ground state, each with its source and status.

Physical constants come from `scipy.constants`. Frequencies are ordinary (energy over h).
"""

from dataclasses import dataclass

from darkbattery.nvmodel.devices.datasheet import Status
from darkbattery.nvmodel.refusal import known_name


@dataclass(frozen=True)
class Constant:
    """A number of the NV centre.

    Attributes
    ----------
    value : float
    unit, source : str
    status : str
        "read" in the source, "secondary" (from another work that cites it), "assumed".

    Examples
    --------
    >>> print(f"{float(GYROMAGNETIC):.5g} {GYROMAGNETIC.unit}")
    2.803e+10 Hz/T
    """

    value: float
    unit: str
    source: str
    status: Status

    def __float__(self) -> float:
        return self.value


_ACOSTA = "Acosta et al., Phys. Rev. Lett. 104, 070801 (2010)"
_CAMBRIA = "Cambria et al., Phys. Rev. B 108, L180102 (2023)"
_FELTON = "Felton et al., Phys. Rev. B 79, 075203 (2009)"

# D(T) = D_0 + sum_i c_i n(Delta_i/k_B T), measured from 15 to 500 K; samples differ by 0.4 MHz
SPLITTING_AT_ZERO = Constant(2877.38e6, "Hz", _CAMBRIA, "secondary")
PHONON_SHIFTS = (
    Constant(-54.91e6, "Hz", _CAMBRIA, "secondary"),
    Constant(-249.6e6, "Hz", _CAMBRIA, "secondary"),
)
PHONON_ENERGIES = (
    Constant(58.73e-3, "eV", _CAMBRIA, "secondary"),
    Constant(145.5e-3, "eV", _CAMBRIA, "secondary"),
)
HIGHEST_TEMPERATURE = Constant(500.0, "K", f"{_CAMBRIA}, abstract", "read")
# between 280 and 330 K
SPLITTING_SLOPE = Constant(-74.2e3, "Hz/K", f"{_ACOSTA}, abstract", "read")

GYROMAGNETIC = Constant(28.03e9, "Hz/T", f"g = 2.0028, {_FELTON}", "secondary")


@dataclass(frozen=True)
class Nucleus:
    """Nitrogen of the centre: twice its spin, hyperfine and quadrupole constants.

    Attributes
    ----------
    twice_spin : int
    axial, transverse, quadrupole : Constant
        A_par, A_perp and P, Hz.
    gyromagnetic : Constant
        Hz/T.
    """

    twice_spin: int
    axial: Constant
    transverse: Constant
    quadrupole: Constant
    gyromagnetic: Constant


_TABLE = "magnetic moments as tabulated"
NITROGEN = {
    14: Nucleus(
        twice_spin=2,
        axial=Constant(-2.14e6, "Hz", _FELTON, "secondary"),
        transverse=Constant(-2.70e6, "Hz", _FELTON, "secondary"),
        quadrupole=Constant(-5.01e6, "Hz", f"{_FELTON}; others -4.95 MHz", "secondary"),
        gyromagnetic=Constant(3.077e6, "Hz/T", _TABLE, "secondary"),
    ),
    15: Nucleus(
        twice_spin=1,
        axial=Constant(3.03e6, "Hz", _FELTON, "secondary"),
        transverse=Constant(3.65e6, "Hz", _FELTON, "secondary"),
        quadrupole=Constant(0.0, "Hz", "spin 1/2", "read"),
        gyromagnetic=Constant(-4.316e6, "Hz/T", _TABLE, "secondary"),
    ),
}
ISOTOPES = {f"{mass}N": nucleus for mass, nucleus in NITROGEN.items()}


def hyperfine_shifts(isotope: str) -> tuple[float, ...]:
    r"""Shifts of the lines of one isotope of nitrogen, Hz, increasing.

    A nucleus in state m shifts the transition between :math:`m_s=0` and :math:`\pm1` by
    :math:`\pm A_\parallel m` (Felton et al. 2009): three equal lines with 14N, two with 15N. That
    is for a field along the axis; elsewhere `nvmodel.nv.twolevel` has the lines, and a definition
    takes their shifts as numbers.

    >>> hyperfine_shifts("14N"), hyperfine_shifts("15N")
    ((-2140000.0, 0.0, 2140000.0), (-1515000.0, 1515000.0))
    """
    nucleus = ISOTOPES[known_name("hyperfine", isotope, ISOTOPES)]
    step, twice = abs(float(nucleus.axial)), nucleus.twice_spin
    return tuple(step * (i - 0.5 * twice) for i in range(twice + 1))
