"""The way from 0 to the last output time, in stretches between features of the drive.

Every integrator of the engine goes along these: a step ends where the drive has an edge, and reads
the field of the stretch that it is in.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.pulse import Drive, Span, spans

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stretch:
    """A span, and the output times in it, counted from its start.

    One on its end belongs to the next span: there the field is read from the right.
    """

    span: Span
    outputs: Array


@dataclass(frozen=True)
class Piece:
    """A part of a span that ends at an output time or with the span.

    Attributes
    ----------
    since, length : float
        Its start, counted from the span's, and its length.
    output : bool
        Whether something is read at its end.
    """

    span: Span
    since: float
    length: float
    output: bool

    @property
    def start(self) -> float:
        """The start, counted from 0."""
        return self.span.start + self.since


def stretches(drive: Drive | None, times: Array) -> Iterator[Stretch]:
    """From 0 to the last of `times` (increasing, >= 0).

    >>> drive = Drive(amplitude=1.0, duration_s=2.0, start_s=1.0)
    >>> for one in stretches(drive, np.array([0.0, 1.0, 2.5, 3.0])):
    ...     print(one.span.start, one.span.length, one.outputs)
    0.0 1.0 [0.]
    1.0 2.0 [0.  1.5]
    3.0 0.0 [0.]
    """
    every, done = spans(drive, float(times[-1])), 0
    for i, span in enumerate(every):
        ends = int(np.searchsorted(times, span.stop)) if i + 1 < len(every) else times.size
        yield Stretch(span, np.minimum(times[done:ends] - span.start, span.length))
        done = max(done, ends)


def pieces(drive: Drive | None, times: Array) -> Iterator[Piece]:
    """The same cut at the output times; one at 0 or on an edge ends a piece of length 0.

    >>> drive = Drive(amplitude=1.0, duration_s=2.0, start_s=1.0)
    >>> for one in pieces(drive, np.array([0.0, 2.5])):
    ...     print(one.start, one.length, one.output)
    0.0 0.0 True
    0.0 1.0 False
    1.0 1.5 True
    """
    for stretch in stretches(drive, times):
        since = 0.0
        for until in stretch.outputs.tolist():
            yield Piece(stretch.span, since, until - since, output=True)
            since = until
        if since < stretch.span.length:
            yield Piece(stretch.span, since, stretch.span.length - since, output=False)
