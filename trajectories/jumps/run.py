"""What a single run makes known, or many of them as arrays: records, courses, states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.trajectories.jumps.spins.noisy_runs import PROCESSES

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

COURSES = ("battery_energy", "charger_energy", "ergotropy", "emitted_photons", "absorbed_photons")
"""Of a `SingleRun`, over its times."""


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


@dataclass(frozen=True, eq=False)
class ManyRuns:
    r"""Runs of one study, side by side; each as `SingleRun` has it.

    Attributes
    ----------
    runs : ndarray (n,)
        Their indices.
    times : ndarray (T,)
    jump_runs : ndarray (jumps,)
        Of which run each jump is: all jumps of all runs, run by run.
    jump_times : ndarray (jumps,)
    directions, processes : ndarray of int8 (jumps,)
        -1 for a photon emitted, +1 for one absorbed, 0 where spins dephase; and which process it
        was, by its place in `trajectories.PROCESSES`.
    J : ndarray (K,)
    M, battery_j, charger_j : ndarray (n, T)
    courses : dict of ndarray (n, T)
        ``battery_energy``, ``charger_energy``, ``ergotropy``, ``emitted_photons``,
        ``absorbed_photons``.
    populations : ndarray (n, T, N_B + 1)
        Of the battery's excitations, conditional on the record.
    final_amplitudes : ndarray (n, K), with a resonator (n, K, photons)
        Of the state at the last time, as `SingleRun.amplitudes`; of a diffusive record over J and
        the photons that were emitted, of no ladder where it leaves a matrix.
    record : ndarray (n, T), optional
        Of a homodyne or heterodyne detector, as `SingleRun.record`.
    battery_states : ndarray (n, T, N_B + 1, N_B + 1), optional
        As `SingleRun.battery_state`.
    """

    runs: NDArray[np.int64]
    times: Array
    jump_runs: NDArray[np.int64]
    jump_times: Array
    directions: NDArray[np.int8]
    processes: NDArray[np.int8]
    J: Array
    M: Array
    battery_j: Array
    charger_j: Array
    courses: dict[str, Array]
    populations: Array
    final_amplitudes: NDArray[Any]
    record: NDArray[Any] | None = None
    battery_states: NDArray[Any] | None = None

    def jumps_of(self, run: int) -> Array:
        """Times of the jumps of one run."""
        return self.jump_times[self.jump_runs == run]

    def jumps_to_dataframe(self) -> pd.DataFrame:
        """Columns: run, time, direction, process; a row a jump."""
        import pandas as pd

        return pd.DataFrame(
            {
                "run": self.jump_runs,
                "time": self.jump_times,
                "direction": self.directions,
                "process": [PROCESSES[process] for process in self.processes],
            }
        )

    def states_to_dataframe(self) -> pd.DataFrame:
        """A row a run and output time.

        Columns: run, time, M, the courses, record_x and record_y of a diffusive record (its
        integral since the output time before), population_0 and on.
        """
        import pandas as pd

        n, T = self.M.shape
        columns = {"run": np.repeat(self.runs, T), "time": np.tile(self.times, n)}
        columns |= {"M": self.M.ravel()}
        columns |= {name: course.ravel() for name, course in self.courses.items()}
        if self.record is not None:
            columns["record_x"] = self.record.real.ravel()
            if np.iscomplexobj(self.record):
                columns["record_y"] = self.record.imag.ravel()
        levels = self.populations.reshape(n * T, -1).T
        columns |= {f"population_{q}": level for q, level in enumerate(levels)}
        return pd.DataFrame(columns)

    def final_states_to_dataframe(self) -> pd.DataFrame:
        """Columns: run, battery_j, charger_j, M, J, battery_excitations, photons, real, imaginary.

        A row an amplitude at the last time: by J, or, where J is not conserved at a resonator, by
        the battery's excitations; the other of the two is NaN. Photons are those in the mode, or,
        of a diffusive record, those emitted. No rows where a record leaves a matrix.
        """
        import pandas as pd

        n, K = self.final_amplitudes.shape[:2]
        each = int(np.prod(self.final_amplitudes.shape[2:]))
        c = self.final_amplitudes.reshape(n, K, each)
        ladders = self.J[:K] if self.J.size else np.full(K, np.nan)
        excited = np.full(K, np.nan) if self.J.size else np.arange(float(K))
        ends = (("battery_j", self.battery_j), ("charger_j", self.charger_j), ("M", self.M))
        found = {"run": np.repeat(self.runs, K * each)}
        found |= {name: np.repeat(of[:, -1], K * each) for name, of in ends}
        for name, level in (("J", ladders), ("battery_excitations", excited)):
            found[name] = np.tile(np.repeat(level, each), n)
        found["photons"] = np.tile(np.arange(each), n * K)
        return pd.DataFrame(found | {"real": c.real.ravel(), "imaginary": c.imag.ravel()})

    def final_batteries_to_dataframe(self) -> pd.DataFrame:
        """Columns: run, excitations, excitations_2, real, imaginary.

        A row an element of the battery's matrix at the last time; no rows without matrices.
        """
        import pandas as pd

        size, last = self.populations.shape[2], np.zeros((0, 0, 0))
        if self.battery_states is not None:
            last = self.battery_states[:, -1]
        row, column = (np.tile(x.ravel(), len(last)) for x in np.indices((size, size)))
        found = {"run": np.repeat(self.runs[: len(last)], size**2)}
        found |= {"excitations": row, "excitations_2": column}
        return pd.DataFrame(found | {"real": last.real.ravel(), "imaginary": last.imag.ravel()})
