r"""What an observer of the light knows in a stage, as sparse matrices over a state's elements.

Of the master equation :math:`\dot\rho=L\rho` one channel is watched, with efficiency eta: the
emission, :math:`c=\sqrt{\gamma(\bar n+1)}\,J^-` of a reservoir
(`trajectories.propagate.watched_reservoir`), :math:`c=\sqrt{\kappa(\bar n+1)}\,a` of a resonator
(`trajectories.propagate.watched_mode`). All others, light that comes in and noise of single
spins, are averaged over. Between recorded photons, and at each of them,

.. math:: \dot\rho=(L-\eta S)\rho,\qquad\rho\leftarrow S\rho,\qquad S\rho=c\rho c^\dagger

(Wiseman and Milburn 2010, section 4.8), not normalised: the trace falls as the probability of the
record does.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.protocol import Pulse
from darkbattery.nvmodel.spins import LocalNoise
from darkbattery.trajectories.propagate.exponentials import doubled_exponentials
from darkbattery.trajectories.space.product_space import Matrices

Array = NDArray[np.float64]

REMAINDER = 0.25  # of the time in which the fastest element changes: left to a series
SERIES = 13  # its order: 0.25^14/14! is below rounding
LEAST = 6.4e-14  # relative: what of a commutator is rounding, of sums of some tens of terms


def times(matrix: Any, x: NDArray[Any]) -> NDArray[Any]:
    """A sparse matrix times states (elements, runs); real ones act on both parts at once.

    Every column is added up by itself, so that its bits do not depend on who is beside it.
    """
    if np.iscomplexobj(x) and not np.iscomplexobj(matrix.data):
        parts = np.ascontiguousarray(x).view(np.float64)
        return np.ascontiguousarray(matrix @ parts).view(np.complex128)
    return np.asarray(matrix @ x)


@dataclass(frozen=True, eq=False)
class Watched:
    r"""A stage on a space, and the detector's efficiency.

    Attributes
    ----------
    space : Matrices
    efficiency : float
    whole, seen, absorbed : sparse matrix
        L: what nobody watches; S: an emitted photon; a photon that came in.
    leaving, entering, ket_decay : sparse matrix
        Over the kets: c, a photon that comes in, and :math:`D=-iH-\tfrac12\sum_kL_k^\dagger L_k`.
    noises : pair of (LocalNoise, int)
        Of every single spin of battery and charger, and how many there are.
    lost : ndarray (elements,)
        Rate at which single spins lose excitations, less that at which they gain them.
    emission_rates : ndarray (kets,)
        At most so fast is light emitted from where each ket is.
    turning : float
        How fast c itself changes between jumps.
    down : float
        Rate of a photon of :math:`c^\dagger c`, which is `down` times what is counted of them.
    light : float
        In what those are told: of a reservoir as a rate, of a mode as photons in it.
    turns : bool
        Whether states have imaginary parts without a record.
    """

    space: Matrices
    efficiency: float
    whole: Any
    seen: Any
    absorbed: Any
    leaving: Any
    entering: Any
    ket_decay: Any
    noises: tuple[tuple[LocalNoise, int], tuple[LocalNoise, int]]
    lost: Array
    emission_rates: Array
    turning: float
    down: float
    light: float
    turns: bool

    @cached_property
    def silent(self) -> Any:
        """L - eta S: no recorded photon."""
        return (self.whole - self.efficiency * self.seen).tocsr()

    @cached_property
    def trace(self) -> Any:
        """A row."""
        return scipy.sparse.csr_matrix(np.where(self.space.diagonal, 1.0, 0.0))

    @cached_property
    def lowering(self) -> Any:
        r""":math:`\rho\to c\rho`."""
        return self.space.from_left(self.leaving)

    @cached_property
    def turned(self) -> Any:
        r""":math:`\rho\to[D,c]\rho`."""
        c, D = self.leaving, self.ket_decay
        return _pruned(self.space.from_left(D @ c - c @ D), self.lowering)

    @cached_property
    def gained(self) -> Any:
        r"""What of :math:`[L-\eta S,c]` is not [D, c]: of jumps that nobody sees."""
        D = self.space.from_left(self.ket_decay)
        mirror = self.space.mirror
        other = D.conj()[mirror][:, mirror]
        jumps = _pruned((self.silent - D - other).tocsr(), self.silent)
        return _pruned((jumps @ self.lowering - self.lowering @ jumps).tocsr(), self.lowering)

    def propagators(self, span: float, doublings: int) -> list[Any]:
        """exp[(L - eta S) t] for t = span, twice it, ...; see `doubled_exponentials`."""
        return doubled_exponentials(self.silent, span, doublings)


def _pruned(matrix: Any, beside: Any) -> Any:
    """Without elements that are rounding beside the largest of another."""
    matrix.data[np.abs(matrix.data) < LEAST * abs(beside).max()] = 0.0
    matrix.eliminate_zeros()
    return matrix


@dataclass(frozen=True, eq=False)
class Leg:
    """A stage with its end, or a pulse at the end of the stage before."""

    end: float
    watched: Watched | None
    pulse: Pulse | None


def turns_phases(legs: Iterable[Leg]) -> bool:
    """Whether states become complex: by a detuning, or by a pulse that turns spins."""
    return any(
        one.pulse.rotates
        if one.pulse is not None
        else one.watched is not None and one.watched.turns
        for one in legs
    )


class Watching(NamedTuple):
    """What an observer's runs go through: the space, the start on it, and all stages and pulses."""

    space: Any
    start: Array
    legs: list[Leg]


@dataclass(frozen=True, eq=False)
class Silence:
    """exp(A t) of a sparse A for a span, its half, its quarter, ..., and A itself for a rest."""

    matrix: Any
    spans: Array
    levels: list[Any]

    @classmethod
    def of(cls, matrix: Any, span: float) -> "Silence":
        """Tables for waits of at most `span`."""
        fastest = float(abs(matrix).sum(axis=1).max()) * span
        levels = 1 + max(0, math.ceil(math.log2(max(fastest, REMAINDER) / REMAINDER)))
        spans = np.asarray(span * 0.5 ** np.arange(levels), dtype=float)
        tables = doubled_exponentials(matrix, float(spans[-1]), levels - 1)
        return cls(matrix, spans, tables[::-1])

    def passed(self, x: NDArray[Any], wait: Array) -> NDArray[Any]:
        """States (elements, runs) after their waits (runs,), at most the span each."""
        x, left = x.copy(), wait.copy()
        for span, level in zip(self.spans, self.levels, strict=True):
            on = np.flatnonzero(left >= span)
            if on.size:
                x[:, on] = times(level, x[:, on])
                left[on] -= span
        on = np.flatnonzero(left > 0.0)
        if on.size:
            term = x[:, on]
            for k in range(1, SERIES + 1):
                term = times(self.matrix, term) * (left[on] / k)
                x[:, on] += term
        return x


def stretches_of(legs: list[Leg], at: Array) -> list[tuple[Leg, float, float, int]]:
    """Leg, start, stop and output (-1: none) of all stretches until the last output time."""
    found, now, i = [], 0.0, 0
    for leg in legs:
        if leg.pulse is not None:
            found.append((leg, now, now, -1))
            continue
        while i < at.size and at[i] < leg.end:
            found.append((leg, now, max(float(at[i]), now), i))
            now, i = found[-1][2], i + 1
        if i == at.size:
            break
        found.append((leg, now, leg.end, -1))
        now = leg.end
    return found


@dataclass(frozen=True, eq=False)
class Stretch:
    """From one event of a protocol to the next: an output, a new stage, a pulse.

    Attributes
    ----------
    start, stop : float
    leg : Leg
        In which it lies; of a pulse, in no time.
    silence : Silence or None
    output : int
        Which output time is at its end; -1 if none.
    """

    start: float
    stop: float
    leg: Leg
    silence: Silence | None
    output: int


def silent_stretches(legs: list[Leg], at: Array, silent: Callable[[Watched], Any]) -> list[Stretch]:
    """Those of `stretches_of`, with tables of what is `silent` in their stages, between jumps."""
    found, longest = stretches_of(legs, at), dict.fromkeys(legs, 0.0)
    for leg, start, stop, _ in found:
        longest[leg] = max(longest[leg], stop - start)
    tables = {
        leg: Silence.of(silent(leg.watched), span)
        for leg, span in longest.items()
        if leg.watched is not None and span > 0.0
    }
    return [Stretch(start, stop, leg, tables.get(leg), i) for leg, start, stop, i in found]
