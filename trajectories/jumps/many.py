"""Many runs with all they know, as arrays: their photons, their courses and their last states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.refusal import InputError, whole_number
from darkbattery.nvmodel.sums import MOST_RUNS
from darkbattery.nvmodel.times import output_times
from darkbattery.trajectories.jumps.run import SingleRun
from darkbattery.trajectories.jumps.single import runs_side_by_side
from darkbattery.trajectories.jumps.spins.noisy_runs import PROCESSES

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

MOST_NUMBERS = 64_000_000  # of populations over runs and times: 512 MB
COURSES = ("battery_energy", "charger_energy", "ergotropy", "emitted_photons", "absorbed_photons")
"""Of a `SingleRun`, over its times."""


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


def single_runs(model: Model, times: ArrayLike, seed: int, runs: Iterable[int]) -> ManyRuns:
    """The runs with these indices of the study with this seed, again, to the bit.

    They are made as `single_run` makes each, whatever is recorded: some 1,000 a second of a few
    spins.

    Parameters
    ----------
    model, times, seed
        As `sample` takes them.
    runs : iterable of int
        Such as ``range(100)``, or those that a table of rows chose; each once.

    Raises InputError as `single_run` does, and beyond memory.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> found = single_runs(CollectiveBattery(1, 1), [1.0, 50.0], seed=3, runs=[2, 5])
    >>> found.runs.tolist(), found.jump_runs.tolist(), found.populations.shape
    ([2, 5], [2], (2, 2, 2))
    """
    t, experiment = output_times(times), experiment_of(model)
    each = t.size * (experiment.n_battery + 1.0)
    if not experiment.counts_every_photon:
        each *= experiment.n_battery + 2.0 + sum(experiment.sizes)  # and matrices, or amplitudes
    chosen = _indices(runs, int(MOST_NUMBERS / each))
    made = [
        one
        for first, number in _stretches(chosen)
        for one in runs_side_by_side(model, t, seed, first, number)
    ]
    jumps = [one.jump_times.size for one in made]

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(one, name) for one in made])

    def stacked(name: str) -> NDArray[Any]:
        return np.array([getattr(one, name) for one in made])

    return ManyRuns(
        runs=np.array(chosen),
        times=t,
        jump_runs=np.repeat(chosen, jumps),
        jump_times=joined("jump_times"),
        directions=joined("directions"),
        processes=joined("processes"),
        J=made[0].J,
        M=stacked("M"),
        battery_j=stacked("battery_j"),
        charger_j=stacked("charger_j"),
        courses={name: stacked(name) for name in COURSES},
        populations=stacked("populations"),
        final_amplitudes=_last(made),
        record=None if made[0].record is None else stacked("record"),
        battery_states=None if made[0].battery_state is None else stacked("battery_state"),
    )


def _indices(runs: Iterable[int], most: int) -> list[int]:
    """As whole numbers; no more are looked at than memory holds the populations of."""
    if isinstance(runs, str) or not isinstance(runs, Iterable):
        raise InputError("runs", runs, "must be indices of runs, such as range(100)")
    some = list(islice(runs, most + 1))
    if len(some) > most:
        raise InputError("runs", runs, f"at most {most} of these at once; take fewer runs or times")
    chosen = [whole_number("runs", run, least=0, most=MOST_RUNS - 1) for run in some]
    if not chosen or len(set(chosen)) < len(chosen):
        raise InputError("runs", chosen, "must be at least one index, each once")
    return chosen


def _stretches(chosen: list[int]) -> Iterator[tuple[int, int]]:
    """First index and number of those that follow each other."""
    begin = 0
    for end in range(1, len(chosen) + 1):
        if end == len(chosen) or chosen[end] != chosen[end - 1] + 1:
            yield chosen[begin], end - begin
            begin = end


def _last(made: list[SingleRun]) -> NDArray[Any]:
    """At the last time; of no ladder where a record leaves no amplitudes."""
    if made[0].amplitudes.shape[0] == 0:
        return np.zeros((len(made), 0, 1))
    return np.array([one.amplitudes[-1] for one in made])
