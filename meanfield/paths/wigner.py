"""Single runs by the truncated Wigner method: classical spins with vacuum and thermal noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.meanfield.averages.cumulants import class_check
from darkbattery.meanfield.averages.readout import default
from darkbattery.meanfield.classes.classerror import ClassError
from darkbattery.meanfield.classes.moments import (
    System,
    classes_to_take,
    is_broadened,
    largest_count,
    system_of,
)
from darkbattery.meanfield.expected import expectations
from darkbattery.meanfield.paths.plan import Plan, fastest_rate, plan_with_step
from darkbattery.meanfield.paths.readings import BATTERY_ENERGY, CHARGER_ENERGY, LEFT, PHOTONS
from darkbattery.meanfield.paths.summaries import courses_of, ranges_of, summarise_runs
from darkbattery.meanfield.paths.tally import available, study_of
from darkbattery.meanfield.paths.walk import (
    HalvedNoise,
    PathNoise,
    Runs,
    lanes_for,
    refuse_many_times,
    simulate,
    start_of,
    walk,
)
from darkbattery.nvmodel.experiment import Experiment, Model, experiment_of
from darkbattery.nvmodel.method import Records, summary_of
from darkbattery.nvmodel.observables import requested
from darkbattery.nvmodel.peaks import PEAK
from darkbattery.nvmodel.refusal import output_times
from darkbattery.nvmodel.runstatistics import RunCounts, Statistics
from darkbattery.nvmodel.solution import Solution
from darkbattery.nvmodel.tally import run_range

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

CLASSES = 31  # where nobody asks for another number, and there are spins for them
# first step in units of the shortest collective time; it is halved while halving it changes the
# mean energies of the controlled runs, on the same noise, by more than the tolerance (hbar omega)
FIRST_STEP = 0.2
STEP_TOLERANCE = 2e-3
MOST_HALVINGS = 6
CONTROL_SEED = 0


def sample(
    model: Model | System,
    times: ArrayLike,
    runs: int,
    seed: int,
    first: int = 0,
    observables: Iterable[str] | None = None,
    records: Records = None,
    classes: int | None = None,
    statistics: Statistics | None = None,
) -> Solution:
    r"""Single runs `first` to `first + runs - 1` of the study fixed by model, times and seed.

    Every class of spins is a classical vector that starts with its quantum spread and moves in the
    field's vacuum and thermal noise (Polkovnikov 2010). Averages hold to order 1/N; the spread of
    bursts, and so distributions over runs, come out as the quantum ones at large N.

    Parameters
    ----------
    model : CollectiveBattery, ResonatorBattery or System
        A `System` has its classes already, which are then not checked.
    times : array_like (T,)
        Strictly increasing, :math:`\ge0`; seconds for a `ResonatorBattery`, else :math:`1/\gamma`'s
        unit.
    runs, seed, first : int
        Run i draws from a stream fixed by (seed, i) alone: ranges may be sampled apart, in any
        order, and merged, with the same bits.
    observables : iterable of str, optional
        Names from `nvmodel.OBSERVABLES`. Default: all there are for the model but
        ``peak_emission_time``.
    records : "summary" or Summary, optional
        Also give `Solution.records`, one row a run; see `meanfield.paths.summaries`. A `Summary`
        chooses the levels of charge whose times are told.
    classes : int, optional
        Frequency classes of each ensemble that has a line or a spread of couplings. Default: 31,
        or as many as the smaller of these ensembles has spins. Checked, as the step is:
        `provenance["class_error_end"]` and three more, `provenance["step_error"]`.
    statistics : Statistics, optional
        As the quantum engine's, of the paths: ``final_J`` and ``absorbed_photons`` are not known
        of them, and photons are real numbers.

    Returns
    -------
    Solution
        With standard errors. `distributions`: ``battery_energy`` and ``populations`` (of
        equally spaced energies, at most 201) at every time, ``burst_time`` (inversion of all
        spins first :math:`\le0`; 0 where it starts so), ``peak_emission_time`` where asked for.
        Merging disjoint ranges gives the same bits as one call.

    Raises
    ------
    InputError
        For bad times, names, ranges of runs, seeds, and more times than memory holds.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> solution = sample(CollectiveBattery(n_battery=10, n_charger=50), [0.5], runs=400, seed=1)
    >>> print(solution.runs, solution["battery_energy"].round(2))  # exact: 0.949
    400 [0.95]
    """
    t = output_times(times)
    runs, first, seed = run_range(runs, first, seed)
    summary = summary_of(records)
    classes = classes_to_take(model, classes, CLASSES)
    solved = model if isinstance(model, System) else experiment_of(model)
    control = controlled_plan(solved, tuple(t.tolist()), classes)
    plan, system = control.plan, control.plan.system
    known = available(system)
    unasked = tuple(name for name in default(known) if name != PEAK)
    names = requested(observables, default=unasked, available=known)
    identity = (solved, control.times, classes, plan.steps, seed)
    expected, warnings = expectations("wigner", system, names)
    # the plan is remembered with its system, and a tally's study is handed out
    study = study_of(identity, deepcopy(system), t, names, control.warnings + warnings)
    rows: list[pd.DataFrame] = []
    counts = None
    if statistics is not None:
        counts = RunCounts(statistics, t, ranges_of(system, study.bounds))

    def batches() -> Iterator[Runs]:
        for start, found in simulate(plan, seed, first, runs):
            if summary is not None:
                rows.append(summarise_runs(system, t, start, found, summary))
            if counts is not None:
                counts.add(courses_of(system, found))
            yield found

    tally = study.count(first, batches())
    if counts is not None:
        tally = counts.with_counts(tally)
    provenance = {
        "solver": "truncated Wigner",
        "seed": seed,
        "classes": classes,
        "steps": sum(plan.steps),
        "step_error": control.error,
        "expected_error": expected,
    }
    if control.class_error is not None:
        provenance |= control.class_error.provenance
    table = None
    if rows:
        import pandas as pd

        table = pd.concat(rows, ignore_index=True)
    return Solution(t, tally, provenance, table, model)


@dataclass(frozen=True, eq=False)
class Control:
    r"""A plan whose step and classes were checked.

    Attributes
    ----------
    error : float
        By how much halving the step changes the mean energies of some runs, in :math:`\hbar\omega`,
        or, with a drive, their photon number as a share of its largest.
    class_error : ClassError or None
        What halving the number of classes changes in the moment equations, whose finite classes
        rephase in the same way; None where there is nothing to divide.
    """

    plan: Plan
    times: tuple[float, ...]
    error: float
    class_error: ClassError | None
    warnings: tuple[str, ...]


@lru_cache(maxsize=16)
def controlled_plan(model: Experiment | System, times: tuple[float, ...], classes: int) -> Control:
    """Choose the step: a function of the definition alone, whichever runs are asked for."""
    system = model if isinstance(model, System) else system_of(model, classes)
    t = np.array(times)
    refuse_many_times(system, t.size)
    class_error = _class_check(model, t, classes)
    warnings = () if class_error is None else class_error.warnings(classes, largest_count(model))
    step = FIRST_STEP / fastest_rate(system)
    for _ in range(MOST_HALVINGS):
        plan = plan_with_step(system, t, step)
        error, certain = halving_error(plan)
        if certain <= STEP_TOLERANCE:
            return Control(plan, times, error, class_error, warnings)
        step /= 2.0
    seen = "mean energies" if not system.driven else "mean energies (or photons, of their peak)"
    warnings += (f"halving the step changes {seen} by {error:.2g} hbar omega",)
    return Control(plan, times, error, class_error, warnings)


def _class_check(model: Experiment | System, times: Array, classes: int) -> ClassError | None:
    if not is_broadened(model) or classes == 1:
        return None
    return class_check(model, times, 1 if system_of(model, 1).driven else 2, classes)


def halving_error(plan: Plan) -> tuple[float, float]:
    """Largest change of the mean energies of some runs when every step and its noise is halved.

    With a drive also of the mean photon number and of the photons that have left, as shares of
    their largest: a field that hardly moves the spins must be right too. Beside it the largest
    change beyond two of its standard errors: at few spins single paths change far more than their
    mean.
    """
    system, lanes = plan.system, lanes_for(plan.system)
    coarse = PathNoise(CONTROL_SEED, 0, lanes)
    fine = HalvedNoise(CONTROL_SEED, 0, lanes, plan.per_step)
    halved = Plan(system, plan.times, tuple(2 * count for count in plan.steps))
    one = walk(plan, coarse, start_of(system, CONTROL_SEED, 0, lanes))
    two = walk(halved, fine, start_of(system, CONTROL_SEED, 0, lanes))
    rows = [BATTERY_ENERGY, CHARGER_ENERGY]
    change = one.rows[rows] - two.rows[rows]
    if system.driven:
        for row in (PHOTONS, LEFT):
            seen = two.rows[row]
            most = max(float(seen.mean(axis=-1).max()), 1.0 / system.total)
            change = np.concatenate([change, (one.rows[[row]] - seen) / most])
    mean, spread = np.abs(change.mean(axis=-1)), change.std(axis=-1) / np.sqrt(lanes)
    return float(mean.max()), float((mean - 2.0 * spread).max())
