"""How truncated Wigner runs are stepped: legs, pieces between output times, steps in each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.averages.stretches import Piece, fastest_nutation, pieces, stretches_of
from darkbattery.meanfield.classes.legs import Leg, legs
from darkbattery.meanfield.classes.moments import System
from darkbattery.meanfield.paths.paths import (
    Kinds,
    Step,
    kinds_of,
    normals_per_step,
    step_of,
    steps_of,
)
from darkbattery.meanfield.paths.readings import Reading, Schedule, reading_of
from darkbattery.nvmodel.refusal import InputError

Array = NDArray[np.float64]

# of one run; days for a million runs of the smallest systems
MOST_STEPS = 1e8
# radians that lines turn in the time in which a step of 1 would turn spins by 1
MOST_TURNS = 6.0
# the same of a nutation by a field that is sent in: errors of its phase add up over all its turns
NUTATION = 2.0


@dataclass(frozen=True, eq=False)
class Part:
    """A leg as it is stepped.

    Attributes
    ----------
    leg : Leg
    pieces : tuple of Piece
        Between output times and features of fields and detunings.
    steps : tuple of int
        An even number in each.
    kinds : Kinds
    """

    leg: Leg
    pieces: tuple[Piece, ...]
    steps: tuple[int, ...]
    kinds: Kinds

    @cached_property
    def first_step(self) -> Step:
        """Of no length: what does not depend on it."""
        return step_of(self.leg.system, 0.0, self.kinds)

    @cached_property
    def asked(self) -> NDArray[np.bool_]:
        """Of which pieces the end is an output time."""
        return np.array([piece.output for piece in self.pieces], dtype=bool)

    @cached_property
    def reading(self) -> Reading:
        """What readings take."""
        return reading_of(self.leg.system)

    @cached_property
    def schedule(self) -> Schedule:
        """The steps as the kernel takes them."""
        count = np.array(self.steps, dtype=np.int64)
        start = np.array([self.leg.begin + piece.start for piece in self.pieces])
        # a piece may have no length and no step
        length = np.array([piece.length for piece in self.pieces]) / np.maximum(count, 1)
        different, which = np.unique(length, return_inverse=True)
        steps = steps_of(self.leg.system, different, self.kinds)
        return Schedule(count, start, length, which.astype(np.int64), steps)


@dataclass(frozen=True, eq=False)
class Plan:
    """How a study is stepped: an even number of steps in each piece of the way.

    Where nothing is switched there is a piece before each output time.
    """

    system: System
    times: Array
    steps: tuple[int, ...]

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Leg by leg."""
        found, done = [], 0
        kinds = kinds_on_the_way(self.system, self.times)
        for leg in legs(self.system, self.times):
            every = _pieces_of(leg)
            steps = self.steps[done : done + len(every)]
            found.append(Part(leg, every, steps, kinds))
            done += len(every)
        return tuple(found)

    @cached_property
    def per_step(self) -> int:
        """Normals that a step takes."""
        return normals_per_step(self.parts[0].first_step)

    @cached_property
    def schedule(self) -> Schedule:
        """Of the first leg."""
        return self.parts[0].schedule


def _pieces_of(leg: Leg) -> tuple[Piece, ...]:
    return tuple(piece for stretch in stretches_of(leg) for piece in pieces(stretch))


def kinds_on_the_way(system: System, times: Array) -> Kinds:
    """What happens in any leg."""
    every = [(kinds_of(leg.system), leg) for leg in legs(system, times)]
    return Kinds(
        any(kinds.decoheres for kinds, _ in every),
        any(kinds.relaxes for kinds, _ in every),
        any(shift.before or shift.after for _, leg in every for shift in leg.shifts),
    )


def plan_with_step(system: System, times: Array, step: float) -> Plan:
    """Steps of at most `step`, shorter where something is faster than in the system as it stands.

    Raises InputError for more than 1e8 of them.

    >>> from darkbattery.meanfield.classes.moments import system_of
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> system = system_of(CollectiveBattery(n_battery=2, n_charger=10), 1)
    >>> plan_with_step(system, np.array([0.0, 1.0, 1.5]), 0.3).steps
    (0, 4, 2)
    """
    usual, steps = fastest_rate(system), []
    for leg in legs(system, times):
        own = usual if not system.protocol else max(fastest_rate(leg.system), 1e-300)
        for piece in _pieces_of(leg):
            rate = own
            if system.protocol or any(drive.chirp_hz for drive in leg.drives):
                turn = leg.fastest_turn(piece.start, piece.start + piece.length)
                rate = max(rate, turn / MOST_TURNS)
            if system.protocol:
                rate = max(rate, NUTATION * fastest_nutation(leg, piece))
            longest = step * (usual / rate)
            if piece.length > MOST_STEPS * longest:
                raise InputError(
                    "times",
                    float(times[-1]),
                    f"needs more than {MOST_STEPS:.0e} steps of {longest:.1e}",
                )
            steps.append(int(2 * np.ceil(piece.length / (2.0 * longest))))
    return Plan(system, times, tuple(steps))


def fastest_rate(system: System) -> float:
    """Largest of the rates a step must resolve, 1/s: collective, thermal, of field and classes.

    >>> from darkbattery.meanfield.classes.moments import system_of
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> system = system_of(CollectiveBattery(n_battery=1000, n_charger=5000), 1)
    >>> fastest_rate(system)  # gamma (N + 2)
    6002.0
    """
    coupling = float(system.scaled_coupling.max())
    local = max(float(system.decoherence.max()), float(system.relaxation.max()))
    if system.eliminated:
        noise = 2.0 * (2.0 * system.nbar + 1.0) / system.total
        return 4.0 * coupling**2 / system.kappa * (1.0 + noise) + local
    # the field's thermal noise turns the spins at g sqrt(n)
    thermal = coupling * np.sqrt(1.0 + (system.nbar + 0.5) / system.total)
    return float(max(thermal, system.kappa / 2.0) + local)
