"""One run with all it knows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SingleRun:
    """One run with its whole record and its conditional state.

    Attributes
    ----------
    run : int
        Its index in the study.
    jump_times : ndarray (jumps,)
    directions : ndarray of int8 (jumps,)
        Change of the number of excitations: -1 for a photon emitted, +1 for one absorbed, 0 where
        spins dephase.
    processes : ndarray of int8 (jumps,)
        What each jump was, by its place in `trajectories.PROCESSES`; 0 and 1 are
        collective emission and absorption.
    times : ndarray (T,)
    battery_j, charger_j : ndarray (T,)
        j_B and j_C: N/2 each with collective noise alone.
    M : ndarray (T,)
        Total projection.
    J : ndarray (K,)
        Ladders.
    amplitudes : ndarray (T, K)
        The conditional state is sum_J amplitudes[t, J] |j_B[t] j_C[t]; J, M[t]>, in Condon and
        Shortley's phases; complex where battery and charger are detuned.
    battery_energy, charger_energy, ergotropy : ndarray (T,)
        Of the conditional state, per spin; ladder ergotropy.
    emitted_photons, absorbed_photons : ndarray (T,)
        Of the shared reservoir.
    populations : ndarray (T, N_B + 1)
        Of the battery's excitations.
    """

    run: int
    jump_times: Array
    directions: NDArray[np.int8]
    processes: NDArray[np.int8]
    times: Array
    battery_j: Array
    charger_j: Array
    M: Array
    J: Array
    amplitudes: NDArray[Any]
    battery_energy: Array
    charger_energy: Array
    ergotropy: Array
    emitted_photons: Array
    absorbed_photons: Array
    populations: Array
