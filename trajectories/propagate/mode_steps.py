"""Stepping the master equation of spins at a mode through one stage, with photon counting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.trajectories.propagate.krylov import krylov_states
from darkbattery.trajectories.propagate.mode_generator import INTEGRALS, SUPPLIED, ModeGenerator
from darkbattery.trajectories.propagate.mode_stages import Changing

Array = NDArray[np.float64]

# of what changes in time, per step: 1e-9 is then kept over some hundred steps
RELATIVE, ABSOLUTE = 1e-11, 1e-13


def mode_states(
    generator: ModeGenerator, start: Array, times: Array, changing: Changing | None
) -> Iterator[Array]:
    r"""Vectors at `times` (rising, >= 0) from the stretch's beginning.

    A vector holds the state, with counting :math:`\rho_1,\rho_2` behind it,
    :math:`\rho_k=\sum_nn^k\rho(n)` over the photons n emitted so far, and the integrals.
    """
    counts = start.size > generator.parts * generator.space.size + INTEGRALS
    matrix = _with_counts(generator.matrix, generator.emissions) if counts else generator.matrix
    rows = _widened(generator.counting, matrix.shape[0])
    if changing is None:
        yield from krylov_states(matrix, rows, start, times)
        return
    yield from _integrated(generator, matrix, rows, start, times, changing)


def changed_by(
    generator: ModeGenerator, elements: Array, changing: Changing | None, since: float
) -> Array:
    """What a stretch's own changes add to the rate of change of the elements (copies * size)."""
    if changing is None:
        return np.zeros_like(elements)
    copies = elements.reshape(-1, generator.parts * generator.space.size)
    eta = changing.drive(since)
    found = np.zeros_like(copies)
    if eta != 0.0:
        found += eta * (generator.driving @ copies.T).T
    if generator.parts == 2:
        battery, charger = generator.turning
        of = changing.detunings(since)
        turning = of[0] * battery + of[1] * charger
        real, imaginary = copies.reshape(len(copies), 2, -1).transpose(1, 0, 2)
        found += np.concatenate([turning * imaginary, -turning * real], axis=1)
    return found.ravel()


def _with_counts(matrix: Any, emissions: Any) -> Any:
    return scipy.sparse.bmat(
        [[matrix, None, None], [emissions, matrix, None], [emissions, 2.0 * emissions, matrix]],
        format="csr",
    )


def _widened(rows: Array, size: int) -> Array:
    return np.hstack([rows, np.zeros((len(rows), size - rows.shape[1]))])


def _integrated(
    generator: ModeGenerator,
    matrix: Any,
    rows: Array,
    start: Array,
    times: Array,
    changing: Changing,
) -> Iterator[Array]:
    """By Dormand and Prince's method of order 8 (Hairer, Norsett and Wanner 1993)."""
    size = matrix.shape[0]
    supply = generator.supply if generator.space.coherent else None

    def change(time: float, y: Array) -> Array:
        state = y[:size]
        counted = rows @ state
        if supply is not None:
            counted[SUPPLIED] += changing.drive(time) * (supply @ state[: supply.size])
        own = changed_by(generator, state, changing, time)
        return np.concatenate([matrix @ state + own, counted])

    now, y = 0.0, start
    for time in times:
        if time > now:
            found = scipy.integrate.solve_ivp(
                change, (now, time), y, "DOP853", (time,), rtol=RELATIVE, atol=ABSOLUTE
            )
            if not found.success:
                raise ArithmeticError(found.message)
            now, y = float(time), found.y[:, -1]
        yield y.copy()
