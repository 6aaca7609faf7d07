"""Systems with closed-form answers, each with its derivation."""

from fractions import Fraction
from math import factorial

import numpy as np
from numpy.typing import NDArray


def one_excitation_energy(n_battery: int, taus: NDArray[np.float64]) -> NDArray[np.float64]:
    """E_B(t) per spin for a charger of one spin at T = 0.

    The one excitation overlaps with the bright state by 1/sqrt N, N = N_B + 1, which decays with
    amplitude exp(-N tau/2); the rest is dark. The amplitude on each battery spin is therefore
    (exp(-N tau/2) - 1)/N. A photon leaves nothing behind.
    """
    n = n_battery + 1
    return ((1.0 - np.exp(-n * taus / 2.0)) / n) ** 2


def two_spin_steady_z(nbar: float) -> float:
    """<J_B^z> = <J_C^z> of two spins at any temperature (Quach and Munro 2020, Eq. (13)).

    The singlet keeps its weight 1/2 and has no <J^z>; the triplet is thermal.
    """
    return -(2.0 * nbar + 1.0) / (12.0 * nbar * (nbar + 1.0) + 4.0)


def dark_state_weights(n_battery: int, n_charger: int) -> dict[Fraction, Fraction]:
    """Exact p_J = |<j_B -j_B, j_C j_C|J M_0>|^2, in whole numbers.

    p_J = (2J+1) (2j_B)! (2j_C)! / [(j_B+j_C+J+1)! (j_B+j_C-J)!]
    (Varshalovich, Moskalev and Khersonskii 1988, section 8.5).
    """
    total = n_battery + n_charger
    numerator = factorial(n_battery) * factorial(n_charger)
    weights = {}
    for two_j in range(abs(n_charger - n_battery), total + 1, 2):
        denominator = factorial((total + two_j) // 2 + 1) * factorial((total - two_j) // 2)
        weights[Fraction(two_j, 2)] = Fraction((two_j + 1) * numerator, denominator)
    return weights


def dark_state_energies(n_battery: int, n_charger: int) -> dict[Fraction, Fraction]:
    """E_J = 1/2 + <J,-J|J_B^z|J,-J>/N_B of each dark state, by the projection theorem."""
    jb, jc = Fraction(n_battery, 2), Fraction(n_charger, 2)
    energies = {}
    for j in dark_state_weights(n_battery, n_charger):
        share = Fraction(0)
        if j > 0:
            share = (j * (j + 1) + jb * (jb + 1) - jc * (jc + 1)) / (2 * j * (j + 1))
        energies[j] = Fraction(1, 2) - j * share / n_battery
    return energies


def steady_energy_zero_temperature(n_battery: int, n_charger: int) -> Fraction:
    """Exact E_ss at T = 0: sum over J of p_J E_J."""
    energies = dark_state_energies(n_battery, n_charger)
    weights = dark_state_weights(n_battery, n_charger)
    return sum((weights[j] * energies[j] for j in weights), Fraction(0))
