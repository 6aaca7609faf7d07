"""Truncated Wigner runs from start to end: their noise, their steps, what is read on the way."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.averages.pulses import of_each, rotated
from darkbattery.meanfield.classes.moments import BATTERY, System
from darkbattery.meanfield.classes.refilling import Refilling
from darkbattery.meanfield.paths.paths import BLOCK, INVERSION, ROWS, SUMS, Paths, Seen
from darkbattery.meanfield.paths.plan import Part, Plan
from darkbattery.meanfield.paths.readings import Numbers, Vectors, follow
from darkbattery.meanfield.paths.steps import collect
from darkbattery.nvmodel.normals import fill_normals
from darkbattery.nvmodel.protocol import Pulse, rotates
from darkbattery.nvmodel.refusal import refused_memory
from darkbattery.nvmodel.streams import TRUNCATED_WIGNER
from darkbattery.nvmodel.tally import FULL

Array = NDArray[np.float64]

# runs side by side: many, so that loops over lanes outweigh calls, but their state stays in cache
LANE_CLASSES, FEWEST_LANES, MOST_LANES = 4096, 32, 256
# doubles of what a batch of runs, or its sum, holds at all output times together: 8 GB
MOST_NUMBERS = 1_000_000_000
# normals held at once, and steps between which the stepper draws its own
CHUNK, DRAWN = 1 << 16, 1 << 12
# blocks of the streams from which pulses draw
PULSES = 1 << 44
# of the inversion of all spins, a mean over classes
ROUNDING = 1e-14
# of runs, i mod 32, for the jackknife of what is not linear in the averages
GROUPS = 32
# standard deviations of a fluctuation that still fit: a billion runs have none beyond
FAR = 8.0


@dataclass(frozen=True, eq=False)
class Runs:
    """What a batch of runs yields.

    Attributes
    ----------
    rows : ndarray (ROWS, T, runs)
    delay : ndarray (runs,)
        When the inversion of all spins first was <= 0; infinity if it was not.
    vectors : ndarray of int64 (GROUPS, T, components, classes)
        Of `meanfield.paths.readings.Vectors`: summed over the runs.
    """

    rows: Array
    delay: Array
    vectors: NDArray[np.int64]


def simulate(plan: Plan, seed: int, first: int, runs: int) -> Iterator[tuple[int, Runs]]:
    """Runs first, ..., first + runs - 1 in batches with the index of their first.

    Each run is a function of (seed, i) alone.
    """
    # whole blocks: one that is not full takes as long
    lanes = min(runs, max(BLOCK, lanes_for(plan.system) // BLOCK * BLOCK))
    for start in range(first, first + runs, lanes):
        valid = min(lanes, first + runs - start)
        paths = start_of(plan.system, seed, start, lanes)
        found = walk(plan, PathNoise(seed, start, lanes), paths, valid)
        yield start, Runs(found.rows[:, :, :valid], found.delay[:valid], found.vectors)


def lanes_for(system: System) -> int:
    """How many runs to keep side by side."""
    return min(MOST_LANES, max(FEWEST_LANES, LANE_CLASSES // system.number.size))


def refuse_many_times(system: System, times: int) -> None:
    """Refuse so many output times that memory does not hold what is read at them.

    Of a batch the rows of every run, and the vectors that are summed; twice, since halving the step
    compares two batches, and sums take as much as what is added to them.
    """
    components, classes = kept_vectors(system)
    each = 2.0 * (ROWS * lanes_for(system) + GROUPS * components * classes.size)
    if times * each > MOST_NUMBERS:
        fit = int(MOST_NUMBERS / each)
        advice = f"take fewer classes, or at most {fit} times"
        held = "single runs side by side"
        raise refused_memory("times", times, held, times * each, MOST_NUMBERS, advice)


def start_blocks(system: System) -> int:
    """Blocks of four numbers that the start takes from each stream."""
    return -(-(2 + 3 * system.number.size) // 4)


def start_of(system: System, seed: int, first: int, lanes: int) -> Paths:
    """Vacuum and thermal fluctuations of the start: <|S^-_k|^2> = N_k/2, var S^z = N_k (1-p^2)."""
    M = system.number.size
    normals = np.empty((4 * start_blocks(system), lanes))
    fill_normals(np.uint64(seed), TRUNCATED_WIGNER, first, 0, normals)
    spins = np.empty((3, M, lanes))
    width = 1.0 / np.sqrt(system.number)[:, None]
    spins[0] = width * normals[2 : 2 + M]
    spins[1] = width * normals[2 + M : 2 + 2 * M]
    along = width * np.sqrt(1.0 - system.start**2)[:, None]
    spins[2] = system.start[:, None] + along * normals[2 + 2 * M : 2 + 3 * M]
    field = np.sqrt((system.nbar + 0.5) / 2.0 / system.total) * normals[:2]
    return Paths(spins, field, np.empty((SUMS, lanes)))


@dataclass(frozen=True)
class PathNoise:
    """The numbers of consecutive runs, in order, after those of the start."""

    seed: int
    first: int
    lanes: int

    def fill(self, system: System, number: int, out: Array) -> None:
        """Fill `out` (normals, lanes) from normal `number` (a multiple of 4) on."""
        fill_normals(
            np.uint64(self.seed),
            TRUNCATED_WIGNER,
            self.first,
            start_blocks(system) + number // 4,
            out,
        )

    def numbers(self, system: System, number: int, per_step: int) -> Numbers:
        """Where the stepper draws the same itself."""
        block = start_blocks(system) + number // 4
        return Numbers(per_step, np.uint64(self.seed), self.first, block)

    def of_pulse(self, number: int, rows: int) -> Array:
        """Normals (rows, lanes) of pulse `number` of the protocol, apart from those of steps."""
        out = np.empty((-(-rows // 4) * 4, self.lanes))
        block = PULSES + number * (1 << 20)
        fill_normals(np.uint64(self.seed), TRUNCATED_WIGNER, self.first, block, out)
        return out[:rows]


@dataclass(frozen=True)
class HalvedNoise(PathNoise):
    """The same path with every increment in two: (a + b)/sqrt 2 and (a - b)/sqrt 2."""

    per_step: int
    offset: int = 1 << 40

    def fill(self, system: System, number: int, out: Array) -> None:
        """See `PathNoise`; `number` counts halved increments."""
        P, coarse = self.per_step, number // 2
        blocks = start_blocks(system) + coarse // 4
        lead = coarse % 4
        size = -(-(lead + out.shape[0] // 2) // 4) * 4
        whole, half = np.empty((size, self.lanes)), np.empty((size, self.lanes))
        fill_normals(np.uint64(self.seed), TRUNCATED_WIGNER, self.first, blocks, whole)
        fill_normals(np.uint64(self.seed), TRUNCATED_WIGNER, self.first, self.offset + blocks, half)
        stop = lead + out.shape[0] // 2
        a = whole[lead:stop].reshape(-1, P, self.lanes)
        b = half[lead:stop].reshape(-1, P, self.lanes)
        pair = np.stack([a + b, a - b], axis=1) * np.sqrt(0.5)
        out[:] = pair.reshape(out.shape)


def longest_vector(system: System) -> float:
    """Of a class: N_k spins have fluctuations of 1/sqrt(N_k) in each direction."""
    return 1.0 + FAR / np.sqrt(float(system.number.min()))


def kept_vectors(system: System) -> tuple[int, NDArray[np.int64]]:
    """Components and classes that are summed apart, the battery's: mean vectors of single spins.

    Of a sequence with lines those of both ensembles.

    None where there is one class and neither a drive nor a rotation: its energy says as much, and
    the phase is random.
    """
    phased = system.driven or rotates(system.protocol)
    mine = system.ensemble == BATTERY
    if system.protocol and system.number.size > 2:
        mine = np.ones_like(mine)  # a profile of either line
    kept = np.flatnonzero(mine)
    return (3 if phased else 1), (kept if phased or kept.size > 1 else kept[:0])


def _vectors(plan: Plan, part: Part, first: int, lanes: int, valid: int) -> Vectors:
    components, classes = kept_vectors(plan.system)
    group = np.where(np.arange(lanes) < valid, (first + np.arange(lanes)) % GROUPS, -1)
    shape = (GROUPS, len(part.pieces), components, classes.size)
    scale = FULL / longest_vector(plan.system)
    return Vectors(np.zeros(shape, dtype=np.int64), classes, group, scale)


class FieldTrace:
    """What a receiver needs of runs side by side, noted on the way: not oftener than it can tell.

    Attributes
    ----------
    times : list of float
        The start, and ends of steps at least `apart` (s) from each other.
    field, integral, fallen : list of ndarray (2, lanes)
        alpha/sqrt(N) at these times; until then its time integral, and the bath's noise that moved
        it, of variance t/2 in each part.
    """

    def __init__(self, field: Array, apart: float) -> None:
        self.apart = apart
        self._now, self._alpha = 0.0, field.copy()
        self._integral, self._fallen = np.zeros_like(field), np.zeros_like(field)
        self.times: list[float] = [0.0]
        self.field = [self._alpha]
        self.integral, self.fallen = [self._integral.copy()], [self._fallen.copy()]

    def add(self, length: float, after: Array, normals: Array) -> None:
        """A step, with the field after it and all normals that it took: the field's come first."""
        self._now += length
        self._integral += 0.5 * length * (self._alpha + after)
        self._fallen += np.sqrt(0.5 * length) * normals[:2]
        self._alpha = after.copy()
        if self._now - self.times[-1] >= self.apart:
            self.close()

    def close(self) -> None:
        """Note where it stands."""
        if self._now > self.times[-1]:
            self.times.append(self._now)
            self.field.append(self._alpha)
            self.integral.append(self._integral.copy())
            self.fallen.append(self._fallen.copy())


def walk(
    plan: Plan,
    source: PathNoise,
    paths: Paths,
    valid: int = MOST_LANES,
    trace: FieldTrace | None = None,
) -> Runs:
    """All steps of the runs side by side in `paths`, read at the output times.

    The vectors are those of the first `valid` runs. A `trace` is filled on the way; the runs are
    the same with it, to the bit.
    """
    lanes = paths.field.shape[1]
    seen = Seen(np.zeros(lanes), np.full(lanes, np.inf))
    rows, vectors, steps, pulses = [], [], 0, 0
    inverted_later = any(
        pulse.rotates for part in plan.parts for pulse in part.leg.pulses if part.leg.begin > 0.0
    )
    refilling = Refilling(plan.system, paths.spins[2])
    for part in plan.parts:
        pulses = _enter(plan, part, source, paths, seen, pulses, refilling)
        if part.leg.begin == 0.0 and not inverted_later:
            seen.delay[paths.sums[INVERSION] <= ROUNDING] = 0.0
        found, of_spins = _walk_part(
            plan, part, source, paths, seen, steps, valid, refilling, trace
        )
        steps += sum(part.steps)
        every = bool(part.asked.all())
        rows.append(found if every else found[:, part.asked])
        vectors.append(of_spins.total if every else of_spins.total[:, part.asked])
    if len(rows) == 1:
        return Runs(rows[0], seen.delay, vectors[0])
    return Runs(np.concatenate(rows, axis=1), seen.delay, np.concatenate(vectors, axis=1))


def _enter(
    plan: Plan,
    part: Part,
    source: PathNoise,
    paths: Paths,
    seen: Seen,
    pulses: int,
    refilling: Refilling,
) -> int:
    """The pulses before a leg, after `pulses` others, and its sums; how many there were then."""
    for pulse in part.leg.pulses:
        normals = source.of_pulse(pulses, 3 * plan.system.number.size)
        before = paths.spins[2].copy()
        _turn(pulse, plan.system, paths.spins, normals)
        refilling.turn(pulse, before, paths.spins[2])
        pulses += 1
    collect(paths, seen, part.first_step)
    return pulses


def _turn(pulse: Pulse, system: System, spins: Array, normals: Array) -> None:
    r"""Change `spins` (3, M, lanes) by a pulse; `normals` (3 M, lanes) of each run's own.

    Of N_k spins by themselves, each left with a share :math:`\eta` of a component of its Bloch
    vector, the mean keeps the share too, and gains a variance :math:`(1-\eta^2)/N_k` in it: squares
    of Pauli operators are 1 before and after.
    """
    noise = normals.reshape(3, system.number.size, -1)
    width = 1.0 / np.sqrt(system.number)[:, None]
    if pulse.dephases:
        kept = 1.0 - of_each(system, pulse.dephase_battery, pulse.dephase_charger)[:, None]
        spins[:2] = kept * spins[:2] + width * np.sqrt(1.0 - kept**2) * noise[:2]
        return
    angle = of_each(system, pulse.rotate_battery, pulse.rotate_charger)[:, None]
    lost = width * np.sqrt(-np.expm1(-((pulse.rotation_error * angle) ** 2)))
    # in the plane at right angles to the axis
    nx, ny = np.cos(pulse.axis), np.sin(pulse.axis)
    kick = lost * np.array([-ny * noise[0], nx * noise[0], noise[2]])
    spins[:] = rotated(pulse, system, spins) + kick


def _walk_part(
    plan: Plan,
    part: Part,
    source: PathNoise,
    paths: Paths,
    seen: Seen,
    before: int,
    valid: int,
    refilling: Refilling,
    trace: FieldTrace | None,
) -> tuple[Array, Vectors]:
    """Through one leg, after `before` steps; its rows and vectors at the end of each piece."""
    lanes, total, per_step = paths.field.shape[1], sum(part.steps), plan.per_step
    # numbers as the streams have them need not go through memory; others, and a trace's, do
    drawn = type(source) is PathNoise and trace is None
    size = DRAWN if drawn else max(2, CHUNK // (per_step * lanes) // 2 * 2)
    noise = np.empty((0 if drawn else min(size, total) * per_step, lanes))
    numbers = Numbers(per_step, np.uint64(source.seed), source.first, -1)
    rows = np.empty((ROWS, len(part.pieces), lanes))
    vectors = _vectors(plan, part, source.first, lanes, valid)
    place, done, z = np.zeros(2, dtype=np.int64), 0, paths.spins[2]
    lengths = np.repeat(part.schedule.length, 0 if trace is None else part.schedule.steps)
    while place[0] < len(part.pieces):
        count = min(size, total - done)
        if plan.system.refills:
            count = min(count, part.steps[place[0]] - int(place[1]))
            if not place[1]:  # all flips of a piece come before it: it is read at its end
                refilling.flip(part.pieces[place[0]].length, z)
                collect(paths, seen, part.first_step)
            was = z.copy()
        normals = noise[: count * per_step]
        if drawn:
            numbers = source.numbers(plan.system, (before + done) * per_step, per_step)
        else:
            source.fill(plan.system, (before + done) * per_step, normals)
        drive, shift = _outside(part, place, count)
        spans = [(0, count)] if trace is None else [(n, n + 1) for n in range(count)] or [(0, 0)]
        for one, end in spans:
            pushed = normals[one * per_step : end * per_step]
            outside = (drive[one:end], np.ascontiguousarray(shift[:, one:end]), pushed, numbers)
            follow(paths, part.schedule, part.reading, *outside, place, seen, rows, vectors)
            if trace is not None and end > one:
                trace.add(float(lengths[done + one]), paths.field, pushed)
        if plan.system.refills:
            refilling.follow(was, z)
        done += count
    return rows, vectors


def _outside(
    part: Part, place: NDArray[np.int64], steps: int
) -> tuple[NDArray[np.complex128], Array]:
    """Means over each of the next steps, from step place[1] of piece place[0] on.

    Of eta/sqrt(N), and of the shifts of both lines (2, steps).
    """
    drive, shift = np.zeros(steps, dtype=complex), np.zeros((2, steps))
    leg = part.leg
    moved = any(course.before or course.after for course in leg.shifts)
    if not (leg.drives or moved):
        return drive, shift
    (number, first), filled = place.tolist(), 0
    while filled < steps:
        until = min(part.steps[number], first + steps - filled)
        piece, h = part.pieces[number], part.schedule.length[number]
        if until > first:
            edges, here = h * np.arange(first, until + 1), slice(filled, filled + until - first)
            drive[here] = piece.stretch.mean(piece.since + edges)
            if moved:
                shift[:, here] = leg.mean_shifts(piece.start + edges)
        filled, number, first = filled + until - first, number + 1, 0
    return drive / np.sqrt(leg.system.total), shift
