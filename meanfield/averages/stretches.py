"""The way through a stage in stretches between features of the fields that are sent in.

Every integrator of the engine goes along these: a step ends where a drive has an edge, and reads
the field of the stretch that it is in.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.meanfield.classes.legs import Leg, legs
from darkbattery.meanfield.classes.moments import System
from darkbattery.nvmodel.pulse import Drive, ShapedSpan, Span, spans
from darkbattery.nvmodel.refusal import InputError

Array = NDArray[np.float64]
Amplitudes = NDArray[np.complex128]

# amplitudes of an envelope that are looked at in a piece of it, for the largest
SEEN = 5


@dataclass(frozen=True)
class Wave:
    r"""One drive over a stretch, :math:`\eta(t)e^{-i(\delta t-\varphi)}`.

    Attributes
    ----------
    span : Span
    since : float
        How far into the span the stretch begins.
    detuning, phase : float
        delta, rad/s, in the frame of the equations, and phi.
    """

    span: Span | ShapedSpan
    since: float = 0.0
    detuning: float = 0.0
    phase: float = 0.0

    def field(self, since: float) -> complex:
        """At `since` the start of the stretch; at its end the limit from within."""
        eta = self.span.field(self.since + since)
        turned = self.phase - self.detuning * (self.span.start + self.since + since)
        return eta * complex(math.cos(turned), math.sin(turned)) if turned else complex(eta)

    def mean(self, edges: Array) -> Amplitudes:
        """Over each part between `edges`, from the stretch's start."""
        return self.span.mean(self.since + edges, self.detuning, self.phase)


@dataclass(frozen=True, eq=False)
class Stretch:
    """A time over which all fields are smooth, and the output times in it, from its start.

    One on its end belongs to the next stretch: there the field is read from the right.

    Attributes
    ----------
    start, length : float
        The length is kept apart: it may be shorter than the distance between numbers at its time.
    """

    start: float
    length: float
    waves: tuple[Wave, ...]
    outputs: Array

    def field(self, since: float) -> complex:
        """Sum of all that is sent in, rad/s."""
        return sum((wave.field(since) for wave in self.waves), 0j)

    def mean(self, edges: ArrayLike) -> Amplitudes:
        """The same, over each part between `edges`."""
        at = np.asarray(edges, dtype=float)
        parts = (wave.mean(at) for wave in self.waves)
        return sum(parts, np.zeros(at.size - 1, dtype=complex))


@dataclass(frozen=True)
class Piece:
    """A part of a stretch that ends at an output time or with the stretch.

    Attributes
    ----------
    since, length : float
        Its start, counted from the stretch's, and its length.
    output : bool
        Whether something is read at its end.
    """

    stretch: Stretch
    since: float
    length: float
    output: bool

    @property
    def start(self) -> float:
        """The start, counted from 0."""
        return self.stretch.start + self.since


def stretches_of(leg: Leg) -> Iterator[Stretch]:
    """The way through a leg."""
    return stretches(leg.drives, leg.outputs, leg.length, leg.frame, leg.cuts)


def stretches(
    drives: Sequence[Drive],
    times: Array,
    last: float,
    frame: float = 0.0,
    cuts: Sequence[float] = (),
) -> Iterator[Stretch]:
    """From 0 to `last`, with the output times (increasing, from 0 to `last`) in them.

    `frame` is the frequency of the frame, rad/s from the resonator; `cuts` are more places where
    a stretch ends.

    >>> drive = Drive(amplitude=1.0, duration_s=2.0, start_s=1.0)
    >>> for one in stretches([drive], np.array([0.0, 1.0, 2.5, 3.0]), 3.0):
    ...     print(one.start, one.length, one.outputs)
    0.0 1.0 [0.]
    1.0 2.0 [0.  1.5]
    3.0 0.0 [0.]
    """
    done = 0
    every = list(_smooth(drives, last, frame, [cut for cut in cuts if cut < last]))
    for i, (start, length, waves) in enumerate(every):
        ends = int(np.searchsorted(times, start + length)) if i + 1 < len(every) else times.size
        # an output between the end of one and the start of the next, apart by rounding, is at 0
        yield Stretch(start, length, waves, np.clip(times[done:ends] - start, 0.0, length))
        done = max(done, ends)


def _smooth(
    drives: Sequence[Drive], last: float, frame: float, cuts: Sequence[float]
) -> Iterator[tuple[float, float, tuple[Wave, ...]]]:
    """Start, length and waves of each stretch."""
    turning = [(2.0 * math.pi * drive.detuning_hz - frame, drive.phase) for drive in drives]
    if len(drives) < 2 and not cuts:
        for span in spans(drives[0] if drives else None, last):
            yield span.start, span.length, (Wave(span, 0.0, *turning[0]),) if drives else ()
        return
    parts = [spans(drive, last) for drive in drives]
    for drive, one in zip(drives, parts, strict=True):
        if any(span.length > 0.0 and span.stop == span.start for span in one):
            raise InputError("duration_s", drive.duration_s, "too short for its time")
    starts = np.unique([0.0, *cuts, *(span.start for one in parts for span in one)])
    for start, stop in zip(starts, [*starts[1:], last], strict=True):
        waves = []
        for one, turn in zip(parts, turning, strict=True):
            span = [span for span in one if span.start <= start][-1]
            waves.append(Wave(span, start - span.start, *turn))
        yield float(start), float(stop - start), tuple(waves)


def pieces(stretch: Stretch) -> Iterator[Piece]:
    """The same cut at the output times; one at the start ends a piece of length 0.

    >>> drive = Drive(amplitude=1.0, duration_s=2.0, start_s=1.0)
    >>> way = stretches([drive], np.array([0.0, 2.5]), 2.5)
    >>> for one in [piece for stretch in way for piece in pieces(stretch)]:
    ...     print(one.start, one.length, one.output)
    0.0 0.0 True
    0.0 1.0 False
    1.0 1.5 True
    """
    since = 0.0
    for until in stretch.outputs.tolist():
        yield Piece(stretch, since, until - since, output=True)
        since = until
    if since < stretch.length:
        yield Piece(stretch, since, stretch.length - since, output=False)


def fastest_nutation(leg: Leg, piece: Piece) -> float:
    r"""How fast the fields sent in turn a spin on the way through a piece, at most, rad/s.

    :math:`2g\sum_j\eta_j/|\kappa/2+i\delta_j|`: the field of a resonator without spins, at the
    largest coupling, each drive's largest amplitude (of `SEEN` in the piece) and the nearest of its
    frequencies.

    >>> import darkbattery.nvmodel as nv
    >>> from darkbattery.meanfield.classes.moments import system_of
    >>> drive = Drive(amplitude=1e12, duration_s=1e-6)
    >>> model = nv.ResonatorBattery(
    ...     nv.SpinEnsemble(number=1e12, coupling=10.0),
    ...     nv.Resonator(3e9, linewidth_fwhm_hz=1e7 / (2.0 * np.pi)),
    ...     protocol=(nv.Stage(2e-6, drives=(drive,)),),
    ... )
    >>> (leg,) = legs(system_of(model, 1), np.array([2e-6]))
    >>> way = [piece for stretch in stretches_of(leg) for piece in pieces(stretch)]
    >>> [round(fastest_nutation(leg, piece)) for piece in way]  # 2 g eta/(kappa/2)
    [4000000, 0]
    """
    at = piece.since + np.linspace(0.0, piece.length, SEEN)
    turned = 0.0
    for drive, wave in zip(leg.drives, piece.stretch.waves, strict=True):
        eta = max(abs(wave.span.field(wave.since + since)) for since in at.tolist())
        turned += eta / math.hypot(leg.system.kappa / 2.0, drive.nearest_detuning)
    return float(2.0 * leg.system.coupling.max() * turned)


def turns_by_fields(system: System, times: Array) -> float:
    """How often the fields of a sequence turn a spin until the last of `times`, at most.

    By `fastest_nutation`; what integrators do goes with it.
    """
    if not system.protocol:
        return 0.0
    turned = 0.0
    for leg in legs(system, times):
        for stretch in stretches_of(leg) if leg.drives else ():
            turned += sum(fastest_nutation(leg, one) * one.length for one in pieces(stretch))
    return turned / (2.0 * math.pi)
