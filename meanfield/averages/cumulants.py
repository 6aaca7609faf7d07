"""Averages by moment equations: Maxwell-Bloch (order 1) and second-order cumulants (order 2)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.meanfield.averages.equations import (
    LEFT,
    PHOTONS,
    SUPPLIED,
    Z,
    coefficients,
    first_order,
    first_order_groups,
    first_order_start,
    second_order,
    second_order_groups,
    second_order_start,
)
from darkbattery.meanfield.averages.pulses import first_order_after, second_order_after
from darkbattery.meanfield.averages.readout import Averages, available, bound_warnings
from darkbattery.meanfield.averages.readout import observables as all_observables
from darkbattery.meanfield.averages.regrowth import Regrowth
from darkbattery.meanfield.averages.stepper import RightHandSide, march
from darkbattery.meanfield.averages.stretches import Stretch, stretches_of
from darkbattery.meanfield.classes.classerror import ClassError, class_error, halved
from darkbattery.meanfield.classes.legs import Leg, legs
from darkbattery.meanfield.classes.moments import (
    BATTERY,
    CHARGER,
    System,
    is_broadened,
    largest_count,
    system_of,
)
from darkbattery.meanfield.classes.profile import profiles
from darkbattery.meanfield.expected import expectations
from darkbattery.nvmodel.ergotropy import local_ergotropy_of_classes
from darkbattery.nvmodel.experiment import Model
from darkbattery.nvmodel.observables import requested
from darkbattery.nvmodel.refusal import InputError, whole_number
from darkbattery.nvmodel.solution import Reading, Solution
from darkbattery.nvmodel.times import output_times

Array = NDArray[np.float64]

# error of a step relative to the largest moment of its group
TOLERANCE = 1e-6
# what energies (hbar omega) may be wrong by in the end, in tolerances, where nothing multiplies the
# errors of steps (measured: up to 0.3 of one); at little loss one return multiplies what the one
# before has multiplied already, so that the gain counts twice
ALLOWANCE = 10.0
# estimated error of energies above which the integration is made again as closely as doubles allow,
# and with ten times that tolerance; the difference is then the error, told above ACCURACY
TRUSTED, ACCURACY = 1e-4, 1e-3
TIGHT = (1e-12, 1e-13)


def evolve(
    model: Model | System,
    times: ArrayLike,
    order: int = 2,
    observables: Iterable[str] | None = None,
    classes: int = 101,
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
        Maxwell-Bloch equations, or cumulants up to second order (no drive).
    observables : iterable of str, optional
        Names from `nvmodel.OBSERVABLES`. Default: all there are for the model.
    classes : int
        Frequency classes K of each ensemble that has a line or a spread of couplings. A second run
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
        For bad times, names or orders, and for a drive at order 2.

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
    classes: int,
) -> tuple[Solution, BatteryClasses]:
    """`evolve`, and what its averages over the battery's classes were taken of."""
    t = output_times(times)
    order = whole_number("order", order, least=1, most=2)
    classes = whole_number("classes", classes, least=1)
    system = model if isinstance(model, System) else system_of(model, classes)
    names = requested(observables, default=available(system), available=available(system))
    answer = _answer(system, t, order)
    values = answer.values
    expected, warnings = expectations("first" if order == 1 else "second", system, names)
    warnings = answer.warnings + warnings
    provenance = {
        "solver": SOLVERS[order],
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
class _Moment:
    """The state at one time, unpacked; C is empty at order 1."""

    z: Array
    z_rate: Array
    coherence: NDArray[np.complex128]
    photons: float
    leaving: float
    left: float
    supplied: float
    upward: float
    pairs: NDArray[np.complex128]


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
    if order == 1:
        read = _read(system, times, _first(system, times), nbar=0.0)
        return _Answer(*read, TOLERANCE, ALLOWANCE * TOLERANCE)
    seen = Regrowth(system.number.size)
    read = _second_values(system, times, TOLERANCE, seen)
    error = ALLOWANCE * TOLERANCE * seen.gain**2
    if error <= TRUSTED:
        return _Answer(*read, TOLERANCE, error)
    return _closest(system, times)


def _closest(system: System, times: Array) -> _Answer:
    """As closely as doubles allow; errors grow from burst to burst, and the answer has an end."""
    (coarse, *_), (values, warnings, of_battery, inversions) = (
        _second_values(system, times, tolerance, Regrowth(system.number.size))
        for tolerance in TIGHT
    )
    energies = ("battery_energy", "charger_energy")
    difference = np.max([np.abs(values[name] - coarse[name]) for name in energies], axis=0)
    wrong = difference > ACCURACY
    if wrong.any():
        warnings += (
            f"from t = {times[wrong.argmax()]:.4g} on errors of the integrator, however small, "
            f"outgrow the seed 1/N of the next burst: energies change by up to "
            f"{difference.max():.2g} hbar omega with its tolerance",
        )
    return _Answer(values, warnings, of_battery, inversions, TIGHT[1], float(difference.max()))


def _second_values(
    system: System, times: Array, tolerance: float, seen: Regrowth
) -> tuple[dict[str, Array], tuple[str, ...], BatteryClasses, Array]:
    return _read(system, times, _second(system, times, tolerance, seen), system.nbar)


def _read(
    system: System, times: Array, moments: Iterator[_Moment], nbar: float
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
    system: System, times: Array, moments: Iterator[_Moment]
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
            ]
        )
        inversions.append(m.z)
        warnings = warnings or bound_warnings(float(time), m.z, m.photons, m.pairs)
    columns = np.array(rows, dtype=complex).T
    inversion, rate = columns[:2].real, columns[2:4].real
    found = Averages(inversion, rate, columns[4], *columns[5:].real)
    return found, warnings, np.array(inversions)


def _second(system: System, times: Array, tolerance: float, seen: Regrowth) -> Iterator[_Moment]:
    if system.driven:
        raise InputError("order", 2, "must be 1 with a drive: second order here has no phase")
    total, y = system.total, second_order_start(system)
    rate, M = np.empty_like(y), system.number.size
    upper, groups = np.triu_indices(M), second_order_groups(system)
    for leg in legs(system, times):
        for pulse in leg.pulses:
            y = second_order_after(pulse, system, y)
        for stretch in stretches_of(leg):
            rhs, began = _second_order_in(leg, stretch.start), leg.begin + stretch.start
            stops = np.append(stretch.outputs, stretch.length)
            states = march(rhs, y, stops, groups, tolerance, began, after_step=seen.follow)
            for time in stretch.outputs:
                y = next(states)
                rhs(time, y, rate)
                yield _Moment(
                    z=y[Z : Z + M].copy(),
                    z_rate=rate[Z : Z + M].copy(),
                    coherence=np.zeros(M, dtype=complex),
                    photons=total * y[PHOTONS],
                    leaving=total * rate[LEFT],
                    left=total * y[LEFT],
                    supplied=total * y[SUPPLIED],
                    upward=_upward(leg.system, y[Z : Z + M]),
                    pairs=_hermitian(y[Z + 3 * M :], upper, M),
                )
            y = next(states)


def _second_order_in(leg: Leg, began: float) -> RightHandSide:
    p = coefficients(leg.system)
    if leg.still:
        p.detuning[:] = leg.detuning(0.0)

        def still(time: float, y: Array, out: Array) -> None:
            second_order(y, p, out)

        return still

    def rhs(time: float, y: Array, out: Array) -> None:
        p.detuning[:] = leg.detuning(began + time)
        second_order(y, p, out)

    return rhs


def _upward(system: System, z: Array) -> float:
    """sum 4g^2/kappa N z: what a bath's photons are absorbed by beside what they stimulate."""
    if not system.eliminated:
        return 0.0
    return float(4.0 / system.kappa * (system.coupling**2 * system.number) @ z)


def _first(system: System, times: Array) -> Iterator[_Moment]:
    y, groups = first_order_start(system), first_order_groups(system)
    for leg in legs(system, times):
        for pulse in leg.pulses:
            y = first_order_after(pulse, system, y)
        for stretch in stretches_of(leg):
            stops = np.append(stretch.outputs, stretch.length)
            rhs = _first_order_in(leg, stretch)
            states = march(rhs, y, stops, groups, TOLERANCE, leg.begin + stretch.start)
            for time in stretch.outputs:
                yield _first_moment(leg.system, rhs, time, next(states))
            y = next(states)


def _first_order_in(leg: Leg, stretch: Stretch) -> RightHandSide:
    p, root = coefficients(leg.system), np.sqrt(leg.system.total)
    p.detuning[:] = leg.detuning(0.0)

    def rhs(time: float, y: Array, out: Array) -> None:
        if not leg.still:
            p.detuning[:] = leg.detuning(stretch.start + time)
        first_order(y, stretch.field(time) / root, p, out)

    return rhs


def _first_moment(system: System, rhs: RightHandSide, time: float, y: Array) -> _Moment:
    M, total, rate = system.number.size, system.total, np.empty_like(y)
    rhs(time, y, rate)
    return _Moment(
        z=y[Z : Z + M].copy(),
        z_rate=rate[Z : Z + M].copy(),
        coherence=y[Z + M : Z + 2 * M] + 1j * y[Z + 2 * M : Z + 3 * M],
        photons=total * float(y[-2] ** 2 + y[-1] ** 2),
        leaving=total * rate[LEFT],
        left=total * y[LEFT],
        supplied=total * y[SUPPLIED],
        upward=0.0,
        pairs=np.empty((0, 0), dtype=complex),
    )


def _hermitian(packed: Array, upper: tuple[Any, Any], M: int) -> NDArray[np.complex128]:
    pairs = np.zeros((M, M), dtype=complex)
    real, imag = packed[: packed.size // 2], packed[packed.size // 2 :]
    pairs[upper] = real + 1j * imag
    pairs.T[upper] = real - 1j * imag
    return pairs
