r"""Which two levels of the NV centre are the battery's spin-1/2, and how well that holds.

A resonator whose vacuum field is :math:`B_0` (root mean square) along n couples to the pair g, e
with :math:`g_0/2\pi=\gamma_eB_0|\langle e|\mathbf{n\cdot S}|g\rangle|`, at most :math:`1/\sqrt2` of
:math:`\gamma_eB_0` for linear polarisation and no mixing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.lines.classes import Subensemble
from darkbattery.nvmodel.nv.constants import GYROMAGNETIC, NITROGEN
from darkbattery.nvmodel.nv.levels import AXES, Branch, Diamond, Levels, electron_levels, levels
from darkbattery.nvmodel.refusal import InputError, finite_number, known_name

Array = NDArray[np.float64]

BRANCHES: tuple[Branch, ...] = ("lower", "upper")
# shares above which `TwoLevel.doubts` speaks
SMALL = 0.05
# transitions weaker than this share of the strongest are no lines
FAINT = 1e-6


@dataclass(frozen=True)
class TwoLevel:
    r"""A pair of levels of one centre, seen as a spin 1/2.

    Attributes
    ----------
    frequency_hz : float
        Transition frequency.
    element : float
        :math:`|\langle e|\mathbf{n\cdot S}|g\rangle|`, n along the resonator's field.
    mixing : float
        Largest share of foreign :math:`m_s` in the two states: 0 where :math:`m_s` is a good
        quantum number.
    neighbour_hz : float
        Distance to the nearest other transition that starts or ends in the pair.
    neighbour_strength : float
        Its squared matrix element over the pair's.
    polarisation : float
        :math:`\langle\sigma_z\rangle` in thermal equilibrium, of the spins in the pair, as a
        positive number.
    outside : float
        Share of the spins in the third level, which take no part, in thermal equilibrium.
    """

    frequency_hz: float
    element: float
    mixing: float
    neighbour_hz: float
    neighbour_strength: float
    polarisation: float
    outside: float

    def coupling_hz(self, vacuum_field_t: float) -> float:
        r""":math:`g_0/2\pi` (Hz) at a root-mean-square vacuum field :math:`B_0` (tesla)."""
        b = finite_number("vacuum_field_t", vacuum_field_t, least=0.0, exclusive=True)
        return GYROMAGNETIC.value * b * self.element

    def off_resonant_share(self, bandwidth_hz: float) -> float:
        """Share of the neighbour in what a field within +-bandwidth drives: a Lorentzian's wing."""
        band = finite_number("bandwidth_hz", bandwidth_hz, least=0.0, exclusive=True)
        return self.neighbour_strength * band**2 / (band**2 + self.neighbour_hz**2)

    def doubts(self, bandwidth_hz: float) -> tuple[str, ...]:
        r"""What speaks against two levels, one line each; nothing where the picture holds.

        `bandwidth_hz` is the largest of :math:`g\sqrt N/2\pi`, the resonator's and the line's
        width.
        """
        found = []
        if self.mixing > SMALL:
            found.append(f"m_s mixed by {self.mixing:.2g}")
        if (share := self.off_resonant_share(bandwidth_hz)) > SMALL:
            found.append(f"next transition {self.neighbour_hz:.3g} Hz off, driven by {share:.2g}")
        if self.outside > SMALL:
            found.append(f"{self.outside:.2g} of the spins in the third level")
        return tuple(found)


def two_level(
    diamond: Diamond, axis: int, direction: ArrayLike, branch: Branch = "lower"
) -> TwoLevel:
    """The pair of the lowest level and the next ("lower") or highest ("upper") one.

    Parameters
    ----------
    direction : array_like (3,)
        Of the resonator's magnetic field, in the crystal's frame.

    Examples
    --------
    >>> diamond = Diamond(field_t=(0.0, 0.0, 9.4e-3), temperature_k=0.025)
    >>> pair = two_level(diamond, axis=0, direction=(1, 0, 0))
    >>> print(round(pair.frequency_hz / 1e6, 1), round(pair.element, 3), pair.doubts(10e6))
    2749.5 0.567 ()
    """
    known_name("branch", branch, BRANCHES)
    upper = 1 + BRANCHES.index(branch)
    found = electron_levels(diamond, axis)
    strength = np.abs(found.elements(direction)) ** 2
    energies, third = found.energies_hz, 3 - upper
    frequency, element = float(energies[upper]), float(np.sqrt(strength[0, upper]))
    others = [(abs(energies[j] - energies[third]), strength[j, third]) for j in (0, upper)]
    distance, other = min((abs(gap - frequency), float(power)) for gap, power in others)
    population = found.thermal_populations(diamond.temperature_k)
    pair = population[0] + population[upper]
    return TwoLevel(
        frequency_hz=frequency,
        element=element,
        mixing=max(0.0, float(1.0 - found.share_of_ms.max(axis=0)[[0, upper]].min())),
        neighbour_hz=float(distance),
        neighbour_strength=other / element**2 if element > 0.0 else np.inf,
        polarisation=float((population[0] - population[upper]) / pair),
        outside=float(population[third]),
    )


@dataclass(frozen=True, eq=False)
class Lines:
    r"""Transitions of one axis between two electronic levels, one for each nuclear transition.

    Attributes
    ----------
    frequencies_hz, strengths : ndarray
        Ascending; squared matrix elements over their sum.
    element : float
        Square root of the sum of squared matrix elements over the nuclear states of the lower
        level: what :math:`|\langle e|\mathbf{n\cdot S}|g\rangle|` is without a nucleus.
    """

    frequencies_hz: Array
    strengths: Array
    element: float


def lines(diamond: Diamond, axis: int, direction: ArrayLike, branch: Branch = "lower") -> Lines:
    r"""Hyperfine lines from the lowest electronic level to the next or to the highest.

    Electronic levels are told apart by energy: a field or strain that does not split
    :math:`m_s=\pm1` by more than the hyperfine interaction is refused.

    Examples
    --------
    >>> found = lines(Diamond(field_t=(1e-3, 1e-3, 1e-3)), axis=0, direction=(1, -1, 0))
    >>> print((np.diff(found.frequencies_hz) / 1e6).round(2), found.strengths.round(3))
    [2.15 2.14] [0.333 0.333 0.333]
    """
    known_name("branch", branch, BRANCHES)
    upper = 1 + BRANCHES.index(branch)
    found: Levels = levels(diamond, axis)
    _refuse_overlap(diamond, axis)
    count = found.energies_hz.size // 3
    ends = slice(upper * count, (upper + 1) * count)
    frequency = found.energies_hz[None, ends] - found.energies_hz[:count, None]
    strength = np.abs(found.elements(direction)[:count, ends]) ** 2
    total = float(strength.sum())
    kept = strength > FAINT * max(strength.max(), 1e-300)
    order = np.argsort(frequency[kept])
    return Lines(
        frequencies_hz=frequency[kept][order],
        strengths=(strength[kept] / strength[kept].sum())[order],
        element=float(np.sqrt(total / count)),
    )


def _refuse_overlap(diamond: Diamond, axis: int) -> None:
    if diamond.nitrogen is None:
        return
    nucleus = NITROGEN[diamond.nitrogen]
    energies = electron_levels(diamond, axis).energies_hz
    hyperfine = nucleus.twice_spin * abs(nucleus.axial.value)
    if energies[2] - energies[1] < 2.0 * hyperfine:
        raise InputError(
            "field_t",
            diamond.field_t,
            f"must split m_s = +-1 of axis {axis} by more than {2.0 * hyperfine:.3g} Hz, "
            "or leave the nucleus out",
        )


def axes_lines(
    diamond: Diamond, direction: ArrayLike, branch: Branch = "lower"
) -> tuple[Lines, Lines, Lines, Lines]:
    """`lines` of all four axes, each of which has a quarter of the centres.

    >>> four = axes_lines(Diamond(field_t=(0.0, 0.0, 1e-3), nitrogen=None), (1, 1, 0))
    >>> print([round(one.element, 4) for one in four])
    [0.4024, 0.7091, 0.7091, 0.4024]
    """
    a, b, c, d = (lines(diamond, axis, direction, branch) for axis in range(len(AXES)))
    return a, b, c, d


def subensembles(
    diamond: Diamond, direction: ArrayLike, branch: Branch = "lower"
) -> tuple[Subensemble, ...]:
    """The lines of all axes as subensembles, for `classes.joint_classes` and `coupled_line`.

    Offsets count from the mean frequency, weighted with share and squared coupling; couplings are
    matrix elements. An axis that is not driven at all keeps its share with coupling 0.

    >>> diamond = Diamond(field_t=(1e-3, 1e-3, 1e-3), nitrogen=None)
    >>> parts = subensembles(diamond, direction=(1, -1, 0))
    >>> print([round(part.offset_hz / 1e6, 1) for part in parts])
    [-21.0, 12.5, 12.5, 12.5]
    """
    found = []
    for one in axes_lines(diamond, direction, branch):
        for frequency, strength in zip(one.frequencies_hz, one.strengths, strict=True):
            found.append((0.25 * float(strength), float(frequency), one.element))
    share, frequency, element = np.array(found).T
    weight = share * element**2
    centre = float(weight @ frequency / weight.sum())
    rows = zip(share, frequency - centre, element, strict=True)
    return tuple(Subensemble(*(float(x) for x in row)) for row in rows)
