"""A single run: its record, and what it makes known."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SingleRun:
    r"""One run with its whole record and its conditional state.

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
        :math:`j_B` and :math:`j_C`: N/2 each with collective noise alone.
    M : ndarray (T,)
        Total projection; its mean with a resonator, where :math:`M+n` is sharp.
    J : ndarray (K,)
        Ladders.
    amplitudes : ndarray (T, K)
        :math:`c_J(t)` of the conditional state
        :math:`\sum_J c_J(t)\,|j_B(t)\,j_C(t);J,M(t)\rangle`, in Condon and Shortley's phases;
        complex where battery and charger are detuned. With a resonator (T, K, n), of photons in the
        mode beside, times :math:`(-i)^n`; where that mixes ladders there is no J, and they are
        (T, N_B + 1, n), over the battery's excitations, at sharp j_B, j_C and M + n.
    battery_energy, charger_energy, ergotropy : ndarray (T,)
        Of the conditional state, per spin; ladder ergotropy.
    emitted_photons, absorbed_photons : ndarray (T,)
        Of the shared reservoir.
    populations : ndarray (T, N_B + 1)
        Of the battery's excitations.
    photons : ndarray (T,), optional
        In the mode of a resonator, on average.
    record : ndarray (T,), optional
        Of a homodyne or heterodyne detector (complex): its integral since the output time before,
        in units of :math:`\gamma^{-1/2}`, of mean :math:`\sqrt\eta\int\langle J^-e^{-i\varphi}+
        \mathrm{h.c.}\rangle\gamma dt`, heterodyne without the conjugate; at a resonator kappa and a
        for gamma and :math:`J^-`. Nothing jumps then; M and
        `emitted_photons` are means: of the number given the record on ladders at T = 0, else the
        rate given the record until each time, integrated. `amplitudes` (T, K, n) are those of
        :math:`|J,M_0-n\rangle`, of no times where the detector misses light.
    battery_state : ndarray (T, N_B + 1, N_B + 1), optional
        Beside it, and where a detector misses photons: the battery's conditional state over its
        excitations, irreps added up. The jumps are then the recorded photons, M is a mean, there
        are no amplitudes, and j_B and j_C are NaN where spins have noise of their own;
        `emitted_photons` and `absorbed_photons` are what happened, seen or not.
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
    photons: Array | None = None
    record: NDArray[Any] | None = None
    battery_state: NDArray[Any] | None = None
