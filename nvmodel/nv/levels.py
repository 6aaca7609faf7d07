r"""The NV centre's ground state: levels, transitions and what a resonator's field does to them.

One centre, z along its axis, frequencies ordinary (Hz):

.. math:: H/h ={}& (D+M_z)S_z^2 + M_x(S_y^2-S_x^2) + M_y\{S_x,S_y\} \\
              & + N_x\{S_x,S_z\} + N_y\{S_y,S_z\} + \gamma_e\mathbf{B\cdot S} \\
              & + A_\parallel S_zI_z + A_\perp(S_xI_x+S_yI_y) \\
              & + PI_z^2 - \gamma_n\mathbf{B\cdot I}

(Felton et al. 2009; strain: Udvarhelyi et al. 2018). The field is given in the crystal's cubic
frame; the four axes are :math:`\langle111\rangle`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import constants as physics

from darkbattery.nvmodel.nv.constants import (
    GYROMAGNETIC,
    HIGHEST_TEMPERATURE,
    NITROGEN,
    PHONON_ENERGIES,
    PHONON_SHIFTS,
    SPLITTING_AT_ZERO,
)
from darkbattery.nvmodel.refusal import InputError, finite_number, number_between, whole_number

Array = NDArray[np.float64]
Matrix = NDArray[np.complex128]
Branch = Literal["lower", "upper"]

AXES: Array = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / math.sqrt(3.0)
HIGHEST_FIELD = 1.0  # tesla; more is taken for millitesla or gauss


def zero_field_splitting(temperature_k: float) -> float:
    r"""D(T), Hz: :math:`D_0+c_1n(\Delta_1/k_BT)+c_2n(\Delta_2/k_BT)`, n the phonon occupation.

    Cambria et al., Phys. Rev. B 108, L180102 (2023), measured from 15 to 500 K, below which D no
    longer changes; higher temperatures are refused. Samples differ by some 0.4 MHz.

    Examples
    --------
    >>> print(round(zero_field_splitting(300.0) / 1e6, 1))
    2870.2
    """
    t = finite_number("temperature_k", temperature_k, least=0.0)
    if t > HIGHEST_TEMPERATURE.value:
        highest = f"{HIGHEST_TEMPERATURE.value:g} K"
        raise InputError("temperature_k", temperature_k, f"D(T) is known from 0 to {highest}")
    shift = 0.0
    for energy, scale in zip(PHONON_ENERGIES, PHONON_SHIFTS, strict=True):
        x = math.inf if t == 0.0 else energy.value * physics.e / (physics.k * t)
        shift += scale.value * (math.exp(-x) / -math.expm1(-x))
    return SPLITTING_AT_ZERO.value + shift


@dataclass(frozen=True)
class Strain:
    r"""Shifts by strain and electric field in the centre's frame, Hz (Udvarhelyi et al. 2018).

    The E of spectra without a field is :math:`\sqrt{m_x^2+m_y^2}`: the two lines lie 2 E apart.
    """

    m_z_hz: float = 0.0
    m_x_hz: float = 0.0
    m_y_hz: float = 0.0
    n_x_hz: float = 0.0
    n_y_hz: float = 0.0

    def __post_init__(self) -> None:
        for name in vars(self):
            value = number_between(name, getattr(self, name), -1e9, 1e9)
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Diamond:
    """What decides the levels of its NV centres.

    Parameters
    ----------
    field_t : (float, float, float)
        Magnetic field in the crystal's cubic frame, tesla, at most 1 T.
    temperature_k : float
        0 to 500 K.
    nitrogen : int, optional
        14 or 15; None leaves the nucleus out.
    strain : Strain
        The same for all four axes.

    Examples
    --------
    >>> diamond = Diamond(field_t=(0.0, 0.0, 9.4e-3), temperature_k=0.025, nitrogen=None)
    >>> print((levels(diamond, axis=0).energies_hz[1:] / 1e6).round(1))
    [2749.5 3053.4]
    """

    field_t: tuple[float, float, float] = (0.0, 0.0, 0.0)
    temperature_k: float = 300.0
    nitrogen: int | None = 14
    strain: Strain = field(default_factory=Strain)

    def __post_init__(self) -> None:
        object.__setattr__(self, "field_t", _vector("field_t", self.field_t))
        if math.hypot(*self.field_t) > HIGHEST_FIELD:
            raise InputError(
                "field_t", self.field_t, f"must be in tesla, at most {HIGHEST_FIELD:g} T"
            )
        zero_field_splitting(self.temperature_k)
        whole = isinstance(self.nitrogen, int) and not isinstance(self.nitrogen, bool)
        if self.nitrogen is not None and not (whole and self.nitrogen in NITROGEN):
            raise InputError("nitrogen", self.nitrogen, "must be 14, 15 or None")
        if not isinstance(self.strain, Strain):
            raise InputError("strain", self.strain, "must be a Strain")


@dataclass(frozen=True, eq=False)
class Levels:
    """Eigenstates of one centre.

    Attributes
    ----------
    energies_hz : ndarray (d,)
        Ascending, the lowest 0; d = 3, or :math:`3(2I+1)` with the nucleus.
    states : ndarray (d, d)
        Columns; basis :math:`m_s=+1,0,-1`, times :math:`m_I` descending.
    axis : ndarray (3,)
        Of the centre, in the crystal's frame.
    """

    energies_hz: Array
    states: Matrix
    axis: Array

    @property
    def share_of_ms(self) -> Array:
        """Probabilities of :math:`m_s=+1,0,-1` (rows) in each state (columns)."""
        size = self.energies_hz.size
        weight: Array = np.abs(self.states) ** 2
        return weight.reshape(3, size // 3, size).sum(axis=1)

    def elements(self, direction: ArrayLike) -> Matrix:
        r""":math:`\langle i|\mathbf{n\cdot S}|j\rangle` of the electron's spin along `direction`.

        :math:`\mathbf n` is a vector in the crystal's frame.
        """
        n = _unit("direction", direction) @ _frame(self.axis)
        x, y, z = _electron(self.energies_hz.size // 3)
        operator = n[0] * x + n[1] * y + n[2] * z
        found: Matrix = self.states.conj().T @ operator @ self.states
        return found

    def thermal_populations(self, temperature_k: float) -> Array:
        """Boltzmann's; at 0 K equal shares of the lowest states.

        >>> diamond = Diamond(nitrogen=None)
        >>> print(levels(diamond, 0).thermal_populations(0.025).round(3))
        [0.992 0.004 0.004]
        """
        t = finite_number("temperature_k", temperature_k, least=0.0)
        if t == 0.0:
            lowest = (self.energies_hz <= 1e-3).astype(float)
            return lowest / lowest.sum()
        weight = np.exp(-physics.h * self.energies_hz / (physics.k * t))
        return weight / weight.sum()

    def optical_populations(self, share: float) -> Array:
        r"""After green light: `share` in :math:`m_s=0`, the rest in equal parts in :math:`\pm1`.

        A transverse field mixes the :math:`m_s`, so that less ends in the lowest level; coherences
        between levels are left out, as they dephase.
        """
        p = number_between("share", share, 0.0, 1.0)
        mixture = np.array([(1.0 - p) / 2.0, p, (1.0 - p) / 2.0])
        return mixture @ self.share_of_ms / (self.energies_hz.size // 3)


def hamiltonian(diamond: Diamond, axis: int) -> Matrix:
    """H/h of one centre in its own frame, Hz; basis as in `Levels`."""
    which = whole_number("axis", axis, least=0, most=3)
    nucleus = None if diamond.nitrogen is None else NITROGEN[diamond.nitrogen]
    nuclear = 1 if nucleus is None else nucleus.twice_spin + 1
    x, y, z = _electron(nuclear)
    strain, b = diamond.strain, np.array(diamond.field_t) @ _frame(AXES[which])
    both = lambda a, c: a @ c + c @ a  # noqa: E731
    h = (zero_field_splitting(diamond.temperature_k) + strain.m_z_hz) * z @ z
    h = h + strain.m_x_hz * (y @ y - x @ x) + strain.m_y_hz * both(x, y)
    h = h + strain.n_x_hz * both(x, z) + strain.n_y_hz * both(y, z)
    h = h + GYROMAGNETIC.value * (b[0] * x + b[1] * y + b[2] * z)
    if nucleus is not None:
        i = [np.kron(np.eye(3), part) for part in spin_operators(nucleus.twice_spin)]
        h = h + nucleus.axial.value * z @ i[2]
        h = h + nucleus.transverse.value * (x @ i[0] + y @ i[1])
        h = h + nucleus.quadrupole.value * i[2] @ i[2]
        h = h - nucleus.gyromagnetic.value * (b[0] * i[0] + b[1] * i[1] + b[2] * i[2])
    return h


def levels(diamond: Diamond, axis: int) -> Levels:
    """Energies and states of the centres along one of the four axes (0 to 3, see `AXES`)."""
    energies, states = np.linalg.eigh(hamiltonian(diamond, axis))
    return Levels(energies - energies[0], states, AXES[axis])


def electron_levels(diamond: Diamond, axis: int) -> Levels:
    """The three levels without the nucleus."""
    return levels(replace(diamond, nitrogen=None), axis)


def spin_operators(twice_spin: int) -> tuple[Matrix, Matrix, Matrix]:
    """Matrices of the components x, y, z of a spin, basis m descending.

    >>> print(spin_operators(1)[0].real)
    [[0.  0.5]
     [0.5 0. ]]
    """
    s = twice_spin / 2.0
    m = s - np.arange(twice_spin + 1)
    up: Matrix = np.diag(np.sqrt(s * (s + 1.0) - m[1:] * (m[1:] + 1.0)), 1).astype(np.complex128)
    z: Matrix = np.diag(m).astype(np.complex128)
    x: Matrix = 0.5 * (up + up.T)
    y: Matrix = -0.5j * (up - up.T)
    return x, y, z


def _electron(nuclear: int) -> tuple[Matrix, Matrix, Matrix]:
    one = np.eye(nuclear, dtype=np.complex128)
    parts: list[Matrix] = [np.asarray(np.kron(part, one)) for part in spin_operators(2)]
    return parts[0], parts[1], parts[2]


def _frame(axis: Array) -> Array:
    """Columns x, y, z of a centre's frame: z along the axis, x from the crystal's [001]."""
    x = np.array([0.0, 0.0, 1.0]) - axis[2] * axis
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(axis, x), axis])


def _vector(name: str, values: Sequence[float]) -> tuple[float, float, float]:
    if isinstance(values, str) or not hasattr(values, "__len__") or len(values) != 3:
        raise InputError(name, values, "must be three numbers along the cubic axes")
    x, y, z = (number_between(name, value, -1e15, 1e15) for value in values)
    return x, y, z


def _unit(name: str, values: ArrayLike) -> Array:
    vector = np.array(_vector(name, np.asarray(values).tolist()))
    length = float(np.linalg.norm(vector))
    if length == 0.0:
        raise InputError(name, vector.tolist(), "must not be the zero vector")
    return vector / length
