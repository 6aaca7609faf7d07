"""The moments of a divided model followed through its stages, by any of the engine's equations."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.averages.covariances import (
    FIELD,
    coherences,
    pairs_of,
    parts,
    phased,
    phased_after,
    phased_from,
    phased_groups,
    phased_start,
    photons_of,
)
from darkbattery.meanfield.averages.equations import (
    LEFT,
    PHOTONS,
    SUPPLIED,
    Coefficients,
    Z,
    coefficients,
    first_order,
    first_order_groups,
    first_order_start,
    second_order,
    second_order_groups,
    second_order_start,
)
from darkbattery.meanfield.averages.phasedsteps import PhasedSteps
from darkbattery.meanfield.averages.pulses import first_order_after, second_order_after
from darkbattery.meanfield.averages.regrowth import Regrowth
from darkbattery.meanfield.averages.stepper import Explicit, Group, RightHandSide, Steps, advance
from darkbattery.meanfield.averages.stretches import Stretch, pieces, stretches_of
from darkbattery.meanfield.averages.turningsteps import TurningSteps
from darkbattery.meanfield.classes.legs import Leg, legs
from darkbattery.meanfield.classes.moments import System
from darkbattery.meanfield.classes.refilling import Refilling
from darkbattery.nvmodel.protocol import Pulse

Array = NDArray[np.float64]
Kernel = Callable[[Array, complex, Coefficients, Array], None]


@dataclass(frozen=True, eq=False)
class Moment:
    """The state at one time, unpacked; C is empty at order 1, <a> is 0 without a phase."""

    z: Array
    z_rate: Array
    coherence: NDArray[np.complex128]
    photons: float
    leaving: float
    left: float
    supplied: float
    upward: float
    pairs: NDArray[np.complex128]
    field: complex = 0.0


@dataclass(frozen=True, eq=False)
class Equations:
    """Moment equations as the way through the stages needs them.

    Attributes
    ----------
    start : callable
        The state of a system at t = 0.
    groups : callable
        Components with a common scale of errors.
    derivative : callable
        derivative(y, drive, coefficients, out), with the drive over sqrt(N).
    steps : callable or None
        steps(leg, stretch, since): how they are stepped from `since` in a stretch on; with a state
        at every stage for None.
    after : callable
        The state after a pulse.
    read : callable
        read(leg's system, y, y') as a `Moment`.
    correlations : callable
        Slices of the state that a burst grows from, by the number of classes.
    inversions : callable
        Slice of the state that holds <sigma_z> of each class, by their number.
    """

    start: Callable[[System], Array]
    groups: Callable[[System], list[Group]]
    derivative: Kernel
    steps: Callable[[Leg, Stretch, float], Steps] | None
    after: Callable[[Pulse, System, Array], Array]
    read: Callable[[System, Array, Array], Moment]
    correlations: Callable[[int], tuple[slice, ...]]
    inversions: Callable[[int], slice]


def follow(
    ways: Sequence[Equations], system: System, times: Array, tolerance: float, seen: Regrowth
) -> Iterator[Moment]:
    """The moments at each of `times`; `seen` watches every step.

    `ways` are those of `equations_of`: the last take over where a phase begins.
    """
    equations, *later = ways
    y = equations.start(system)
    rate = np.empty_like(y)
    refilling = Refilling(system, y[equations.inversions(system.number.size)])
    for leg in legs(system, times):
        if later and leg.begins_phase:
            equations, later, before = later[0], [], y
            y = phased_from(system, y)
            rate = np.empty_like(y)
            seen.goes_on(equations.correlations(system.number.size), before, y)
        z = equations.inversions(system.number.size)
        for pulse in leg.pulses:
            before, y = y, equations.after(pulse, system, y)
            refilling.turn(pulse, before[z], y[z])
        for stretch in stretches_of(leg):
            rhs = _in_stretch(equations, leg, stretch, 0.0)
            way = Way(equations, leg, stretch, tolerance, seen)
            if system.refills:
                states = _refilled(way, y, refilling, z)
            else:
                states = way.along(y, 0.0, np.append(stretch.outputs, stretch.length))
            for time in stretch.outputs:
                y = next(states)
                rhs(time, y, rate)
                yield equations.read(leg.system, y, rate)
            y = next(states)


class Way(NamedTuple):
    """What is gone along a stretch with."""

    equations: Equations
    leg: Leg
    stretch: Stretch
    tolerance: float
    seen: Regrowth

    def along(self, y: Array, since: float, stops: Array) -> Iterator[Array]:
        """The states at `stops`, counted from `since` in the stretch on."""
        steps = _steps(self.equations, self.leg, self.stretch, since)
        began = self.leg.begin + self.stretch.start + since
        return advance(steps, y, stops, self.tolerance, began, after_step=self.seen.follow)


def _refilled(way: Way, y: Array, refilling: Refilling, z: slice) -> Iterator[Array]:
    """The states at the outputs and at the end of a stretch, with flips around each piece of it."""
    for piece in pieces(way.stretch):
        y = y.copy()
        refilling.flip(0.5 * piece.length, y[z])
        if piece.length > 0.0:
            before, y = y, next(way.along(y, piece.since, np.array([piece.length]))).copy()
            refilling.follow(before[z], y[z])
        refilling.flip(0.5 * piece.length, y[z])
        if piece.output:
            yield y
    yield y


def equations_of(system: System, order: int) -> tuple[Equations, ...]:
    """First order; second, and from where a phase begins that with one, which takes longer.

    >>> from darkbattery.meanfield.classes.moments import system_of
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> equations_of(system_of(CollectiveBattery(1, 5), 1), 2) == (SECOND,)
    True
    """
    if order == 1:
        return (FIRST,)
    return (SECOND, PHASED) if system.has_phase else (SECOND,)


def _in_stretch(equations: Equations, leg: Leg, stretch: Stretch, since: float) -> RightHandSide:
    """The derivative at times from `since` in a stretch on."""
    p, root = coefficients(leg.system), np.sqrt(leg.system.total)
    p.detuning[:] = leg.detuning(0.0)
    derivative, moves = equations.derivative, not leg.still

    def rhs(time: float, y: Array, out: Array) -> None:
        at = since + time
        if moves:
            p.detuning[:] = leg.detuning(stretch.start + at)
        derivative(y, stretch.field(at) / root, p, out)

    return rhs


def _steps(equations: Equations, leg: Leg, stretch: Stretch, since: float) -> Steps:
    if equations.steps is not None:
        return equations.steps(leg, stretch, since)
    rhs = _in_stretch(equations, leg, stretch, since)
    return Explicit(rhs, equations.groups(leg.system))


def _undriven(y: Array, drive: complex, p: Coefficients, out: Array) -> None:
    second_order(y, p, out)


def _read_first(system: System, y: Array, rate: Array) -> Moment:
    M, total = system.number.size, system.total
    return Moment(
        z=y[Z : Z + M].copy(),
        z_rate=rate[Z : Z + M].copy(),
        coherence=y[Z + M : Z + 2 * M] + 1j * y[Z + 2 * M : Z + 3 * M],
        photons=total * float(y[-2] ** 2 + y[-1] ** 2),
        leaving=total * rate[LEFT],
        left=total * y[LEFT],
        supplied=total * y[SUPPLIED],
        upward=0.0,
        pairs=np.empty((0, 0), dtype=complex),
        field=np.sqrt(total) * complex(y[-2], y[-1]),
    )


def _read_second(system: System, y: Array, rate: Array) -> Moment:
    M, total = system.number.size, system.total
    return Moment(
        z=y[Z : Z + M].copy(),
        z_rate=rate[Z : Z + M].copy(),
        coherence=np.zeros(M, dtype=complex),
        photons=total * y[PHOTONS],
        leaving=total * rate[LEFT],
        left=total * y[LEFT],
        supplied=total * y[SUPPLIED],
        upward=_upward(system, y[Z : Z + M]),
        pairs=_hermitian(y[Z + 3 * M :], np.triu_indices(M), M),
    )


def _read_phased(system: System, y: Array, rate: Array) -> Moment:
    M, total = system.number.size, system.total
    b = parts(M)[0]
    z = y[b].reshape(3, M)[2].copy()
    return Moment(
        z=z,
        z_rate=rate[b].reshape(3, M)[2].copy(),
        coherence=coherences(system, y),
        photons=system.nbar if system.eliminated else total * photons_of(system, y),
        leaving=total * rate[LEFT],
        left=total * y[LEFT],
        supplied=total * y[SUPPLIED],
        upward=_upward(system, z),
        pairs=pairs_of(system, y),
        field=np.sqrt(total) * complex(y[FIELD], y[FIELD + 1]),
    )


def _upward(system: System, z: Array) -> float:
    """sum 4g^2/kappa N z: what a bath's photons are absorbed by beside what they stimulate."""
    if not system.eliminated:
        return 0.0
    return float(4.0 / system.kappa * (system.coupling**2 * system.number) @ z)


def _hermitian(packed: Array, upper: tuple[Any, Any], M: int) -> NDArray[np.complex128]:
    pairs = np.zeros((M, M), dtype=complex)
    real, imag = packed[: packed.size // 2], packed[packed.size // 2 :]
    pairs[upper] = real + 1j * imag
    pairs.T[upper] = real - 1j * imag
    return pairs


def _none(classes: int) -> tuple[slice, ...]:
    return ()


def _of_second(classes: int) -> tuple[slice, ...]:
    return slice(PHOTONS, Z), slice(Z + 3 * classes, None)


def _of_phased(classes: int) -> tuple[slice, ...]:
    return parts(classes)[2:]


def _plain_inversions(classes: int) -> slice:
    return slice(Z, Z + classes)


def _phased_inversions(classes: int) -> slice:
    vectors = parts(classes)[0]
    return slice(vectors.start + 2 * classes, vectors.start + 3 * classes)


FIRST = Equations(
    start=first_order_start,
    groups=first_order_groups,
    derivative=first_order,
    steps=None,
    after=first_order_after,
    read=_read_first,
    correlations=_none,
    inversions=_plain_inversions,
)
SECOND = Equations(
    start=second_order_start,
    groups=second_order_groups,
    derivative=_undriven,
    steps=TurningSteps,
    after=second_order_after,
    read=_read_second,
    correlations=_of_second,
    inversions=_plain_inversions,
)
PHASED = Equations(
    start=phased_start,
    groups=phased_groups,
    derivative=phased,
    steps=PhasedSteps,
    after=phased_after,
    read=_read_phased,
    correlations=_of_phased,
    inversions=_phased_inversions,
)
