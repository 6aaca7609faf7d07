"""Averages by moment equations: Maxwell-Bloch (order 1) and second-order cumulants (order 2)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.meanfield.averages.following import Moment, equations_of, follow
from darkbattery.meanfield.averages.readout import Averages, available, bound_warnings, default
from darkbattery.meanfield.averages.readout import observables as all_observables
from darkbattery.meanfield.averages.regrowth import Regrowth
from darkbattery.meanfield.classes.classerror import ClassError, class_error, halved
from darkbattery.meanfield.classes.moments import (
    BATTERY,
    CHARGER,
    System,
    classes_to_take,
    is_broadened,
    largest_count,
    system_of,
)
from darkbattery.meanfield.classes.profile import profiles
from darkbattery.meanfield.expected import expectations
from darkbattery.nvmodel.ergotropy import local_ergotropy_of_classes
from darkbattery.nvmodel.experiment import Model
from darkbattery.nvmodel.observables import requested
from darkbattery.nvmodel.refusal import InputError, output_times, whole_number
from darkbattery.nvmodel.solution import Reading, Solution

Array = NDArray[np.float64]

CLASSES = 101  # where nobody asks for another number, and there are spins for them
# error of a step relative to the largest moment of its group
TOLERANCE = 1e-6
# what energies (hbar omega) may be wrong by in the end, in tolerances, where nothing multiplies the
# errors of steps (measured: up to 0.3 of one); at little loss one return multiplies what the one
# before has multiplied already, so that the gain counts twice
ALLOWANCE = 10.0
# estimated error of energies above which it is measured: against an integration with ten times the
# tolerance; where that differs by more, too, the integration is made again as closely as doubles
# allow, and with ten times that tolerance; the difference is then the error, told above ACCURACY
TRUSTED, ACCURACY = 1e-4, 1e-3
LOOSE = 1e-5
TIGHT = (1e-12, 1e-13)
ENERGIES = ("battery_energy", "charger_energy")


def evolve(
    model: Model | System,
    times: ArrayLike,
    order: int = 2,
    observables: Iterable[str] | None = None,
    classes: int | None = None,
) -> Solution:
    r"""Averages over the charging by moment equations, for any number of spins.

    Order 2 from an inverted charger is the *modal single run*: its energies are right at the end,
    while its burst comes at the most probable delay and is not smeared by the spread of delays, so
    that the peak power at large N is higher than the average's by about 27 %. For the average over
    runs see `meanfield.delay_average` and `meanfield.sample`. Order 1 needs a drive: without a
    seed it stays at its start.

    Parameters
    ----------
    model : CollectiveBattery, ResonatorBattery or System
    times : array_like (T,)
        Strictly increasing, :math:`\ge0`; seconds for a `ResonatorBattery`, else :math:`1/\gamma`'s
        unit.
    order : 1 or 2
        Maxwell-Bloch equations, or cumulants up to second order. From the stage on in
        which a field is first sent in, or spins are turned by less than half a circle, the latter
        are those with a phase (`meanfield.averages.covariances`), which take 2 to 5 times as long.
    observables : iterable of str, optional
        Names from `nvmodel.OBSERVABLES`. Default: all there are for the model.
    classes : int, optional
        Frequency classes K of each ensemble that has a line or a spread of couplings. Default: 101,
        or as many as the smaller of these ensembles has spins. A second run
        with half of them measures the error, see `meanfield.classes.classerror`:
        `provenance["class_error_end"]` and three more.

    Returns
    -------
    Solution
        Deterministic; its `warnings` tell of moments outside physical bounds, of classes too few,
        and of the time from which on the integrator decides. `provenance["integration_error"]` is
        the integrator's error in the energies, :math:`\hbar\omega`: a linear estimate, or, where
        that is not small, the difference between two tolerances. `provenance["expected_error"]` is
        that of the method, by observable, as docs/regimes.md has it (largest over the charging, as
        a share of the curve's largest value); a warning tells where energies end wrong.

    Raises
    ------
    InputError
        For bad times, names or orders.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> solution = evolve(CollectiveBattery(n_battery=1, n_charger=5), [0.0, 20.0])
    >>> print(solution["battery_energy"].round(3))  # exact: 0.694
    [0.    0.724]
    """
    return evolve_with_classes(model, times, order, observables, classes)[0]


@dataclass(frozen=True, eq=False)
class BatteryClasses:
    """The battery's classes: the share (K,) of its spins and the inversion (T, K) of each."""

    share: Array
    inversion: Array


def evolve_with_classes(
    model: Model | System,
    times: ArrayLike,
    order: int,
    observables: Iterable[str] | None,
    classes: int | None,
) -> tuple[Solution, BatteryClasses]:
    """`evolve`, and what its averages over the battery's classes were taken of."""
    t = output_times(times)
    order = whole_number("order", order, least=1, most=2)
    classes = classes_to_take(model, classes, CLASSES)
    system = model if isinstance(model, System) else system_of(model, classes)
    known = available(system)
    names = requested(observables, default=default(known), available=known)
    answer = _answer(system, t, order)
    values = answer.values
    expected, warnings = expectations("first" if order == 1 else "second", system, names)
    warnings = answer.warnings + warnings
    provenance = {
        "solver": SOLVERS[order],
        "phase": order == 1 or system.has_phase,
        "tolerance": answer.tolerance,
        "integration_error": answer.error,
        "expected_error": expected,
        "classes": classes,
    }
    if is_broadened(model) and classes > 1:
        error = _class_error(model, t, order, classes, values)
        provenance |= error.provenance
        warnings += error.warnings(classes, largest_count(model))
    kept = profiles(system, answer.inversions) if system.protocol else {}
    reading = Reading({name: values[name] for name in names}, {}, kept, warnings)
    return Solution(t, reading, provenance, model=model), answer.of_battery


def class_check(model: Model | System, times: Array, order: int, classes: int) -> ClassError:
    """What half as many classes would change, for a model with a line or a spread of couplings."""
    values = _answer(system_of(model, classes), times, order).values
    return _class_error(model, times, order, classes, values)


def _class_error(
    model: Model | System, times: Array, order: int, classes: int, values: dict[str, Array]
) -> ClassError:
    coarse = _answer(system_of(model, halved(classes)), times, order).values
    return class_error(times, values, coarse)


SOLVERS = {1: "Maxwell-Bloch equations", 2: "second-order cumulants (modal single run)"}


@dataclass(frozen=True, eq=False)
class _Answer:
    """All observables of a system, what is to be said of them, and how well they are known.

    `error` is that of the integration in the energies, hbar omega; `inversions` (T, M) are those of
    the classes.
    """

    values: dict[str, Array]
    warnings: tuple[str, ...]
    of_battery: BatteryClasses
    inversions: Array
    tolerance: float
    error: float


def _answer(system: System, times: Array, order: int) -> _Answer:
    seen = _watch(system, order)
    if order == 1:
        moments = follow(equations_of(system, 1), system, times, TOLERANCE, seen)
        return _Answer(*_read(system, times, moments, nbar=0.0), TOLERANCE, ALLOWANCE * TOLERANCE)
    read = _second_values(system, times, TOLERANCE, seen)
    error = ALLOWANCE * TOLERANCE * seen.gain**2
    if error > TRUSTED:
        error = max(ALLOWANCE * TOLERANCE, _looser(system, times, read[0]))
    if error <= TRUSTED:
        return _Answer(*read, TOLERANCE, error)
    return _closest(system, times)


def _looser(system: System, times: Array, values: dict[str, Array]) -> float:
    """By how much ten times the tolerance changes the energies at every other time, the last in it.

    Errors that fall with the correlations they are part of, as by decoherence, are not multiplied
    by what comes back; the estimate does not know which kind a fall is. With fewer times the steps
    of the two are not the same where output times set them.
    """
    fewer = slice((times.size - 1) % 2, None, 2)
    try:
        loose = _second_values(system, times[fewer], LOOSE, _watch(system, 2))[0]
    except InputError:  # it diverges, which the finer one did not
        return np.inf
    return float(max(np.abs(values[name][fewer] - loose[name]).max() for name in ENERGIES))


def _closest(system: System, times: Array) -> _Answer:
    """As closely as doubles allow; errors grow from burst to burst, and the answer has an end."""
    (coarse, *_), (values, warnings, of_battery, inversions) = (
        _second_values(system, times, tolerance, _watch(system, 2)) for tolerance in TIGHT
    )
    difference = np.max([np.abs(values[name] - coarse[name]) for name in ENERGIES], axis=0)
    wrong = difference > ACCURACY
    if wrong.any():
        warnings += (
            f"from t = {times[wrong.argmax()]:.4g} on errors of the integrator, however small, "
            f"outgrow the seed 1/N of the next burst: energies change by up to "
            f"{difference.max():.2g} hbar omega with its tolerance",
        )
    return _Answer(values, warnings, of_battery, inversions, TIGHT[1], float(difference.max()))


def _watch(system: System, order: int) -> Regrowth:
    return Regrowth(equations_of(system, order)[0].correlations(system.number.size))


def _second_values(
    system: System, times: Array, tolerance: float, seen: Regrowth
) -> tuple[dict[str, Array], tuple[str, ...], BatteryClasses, Array]:
    moments = follow(equations_of(system, 2), system, times, tolerance, seen)
    return _read(system, times, moments, system.nbar)


def _read(
    system: System, times: Array, moments: Iterator[Moment], nbar: float
) -> tuple[dict[str, Array], tuple[str, ...], BatteryClasses, Array]:
    """All observables, what left its bounds first, the battery's classes, and all inversions.

    `nbar` is 0 for Maxwell's and Bloch's equations: without noise nothing is emitted or absorbed
    by it.
    """
    found, warnings, inversions = _averages(system, times, moments)
    mine = system.ensemble == BATTERY
    classes = BatteryClasses(system.of(BATTERY)[mine], inversions[:, mine])
    return all_observables(times, found, system, nbar), warnings, classes, inversions


def _averages(
    system: System, times: Array, moments: Iterator[Moment]
) -> tuple[Averages, tuple[str, ...], Array]:
    weights = np.array([system.of(BATTERY), system.of(CHARGER)])
    mine = system.ensemble == BATTERY
    share = weights[BATTERY, mine]
    rows: list[list[complex]] = []
    inversions: list[Array] = []
    warnings: tuple[str, ...] = ()
    for time, m in zip(times, moments, strict=True):
        rows.append(
            [
                *(weights @ m.z),
                *(weights @ m.z_rate),
                weights[BATTERY] @ m.coherence,
                local_ergotropy_of_classes(share, m.z[mine], m.coherence[mine]).item(),
                m.photons,
                m.leaving,
                m.left,
                m.supplied,
                m.upward,
                m.field,
            ]
        )
        inversions.append(m.z)
        warnings = warnings or bound_warnings(float(time), m.z, m.photons, m.pairs)
    columns = np.array(rows, dtype=complex).T
    inversion, rate = columns[:2].real, columns[2:4].real
    local, photons, leaving, left, supplied, upward = columns[5:-1].real
    means = (photons, leaving, left, supplied, upward)
    found = Averages(inversion, rate, columns[4], local, *means, field=columns[-1])
    return found, warnings, np.array(inversions)
