r"""What unitaries make of a battery's populations: by name, for every method that has them.

A state with eigenvalues :math:`r_i` and levels :math:`\epsilon_i` holds, after the best and the
worst unitary,

.. math:: E_{\max}=\sum_ir_i^\uparrow\epsilon_i^\uparrow,\quad
          E_{\min}=\sum_ir_i^\downarrow\epsilon_i^\uparrow .

The ergotropy is :math:`E-E_{\min}`, and the capacity
:math:`C=E_{\max}-E_{\min}` (Yang et al., PRL 131, 030402 (2023)): what the battery can hold more in
its fullest than in its emptiest state of that spectrum. C does not change under unitaries, and with
all spins flipped :math:`E_{\max}-E` is an ergotropy too: C(p) = W(p) + W(p flipped).
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.ergotropy import (
    ladder_ergotropy,
    ladder_ergotropy_gradient,
    total_ergotropy_symmetric,
    total_ergotropy_symmetric_gradient,
)
from darkbattery.nvmodel.irreps import Irreps, ladder_ergotropy_of_irreps, total_ergotropy_of_irreps

Array = NDArray[np.float64]
Functional = Callable[[Array], Array]

CAPACITIES = ("capacity_unitary", "capacity_unitary_total")
"""Of `nvmodel.OBSERVABLES`; what they are of the spectrum alone."""
WORKS = ("ergotropy", "ergotropy_total", *CAPACITIES)
"""What `works_of` has."""


def works_of(irreps: Irreps | None = None) -> dict[str, Functional]:
    r"""Ergotropies and capacities per spin, each of populations (..., positions).

    Parameters
    ----------
    irreps : Irreps, optional
        Whose positions they are; None: those of :math:`0,\dots,N_B` excitations of the symmetric
        ladder.

    Examples
    --------
    The state that is half empty and half full can be turned to both ends:

    >>> works = works_of()
    >>> print(works["ergotropy"](np.array([0.25, 0.0, 0.75])))
    0.625
    >>> print(works["capacity_unitary"](np.array([0.25, 0.0, 0.75])))  # 0.875 - 0.125
    0.75
    >>> print(works["capacity_unitary_total"](np.array([0.25, 0.0, 0.75])))
    0.75
    """
    ladder: Functional = ladder_ergotropy
    total: Functional = total_ergotropy_symmetric
    flip: slice | NDArray[np.int64] = slice(None, None, -1)
    if irreps is not None:
        ladder = partial(ladder_ergotropy_of_irreps, irreps)
        total = partial(total_ergotropy_of_irreps, irreps)
        flip = flipped(irreps)
    return {
        "ergotropy": ladder,
        "ergotropy_total": total,
        "capacity_unitary": partial(_with_its_mirror, ladder, flip),
        "capacity_unitary_total": partial(_with_its_mirror, total, flip),
    }


def slopes_of_works() -> dict[str, Functional]:
    """Derivatives of `works_of()` with respect to each population: their influence functions.

    >>> print(slopes_of_works()["capacity_unitary"](np.array([0.25, 0.0, 0.75])))
    [ 0. -1.  1.]
    """
    ladder, total = ladder_ergotropy_gradient, total_ergotropy_symmetric_gradient
    back = slice(None, None, -1)

    def with_its_mirror(slope: Functional, p: Array) -> Array:
        return slope(p) + slope(p[..., back])[..., back]

    return {
        "ergotropy": ladder,
        "ergotropy_total": total,
        "capacity_unitary": partial(with_its_mirror, ladder),
        "capacity_unitary_total": partial(with_its_mirror, total),
    }


def flipped(irreps: Irreps) -> NDArray[np.int64]:
    """Position of (j, -m) for each (j, m).

    >>> flipped(Irreps.all_of(2))
    array([2, 1, 0, 3])
    """
    ends = irreps.offsets
    return ends[irreps.irrep] + ends[irreps.irrep + 1] - 1 - np.arange(irreps.irrep.size)


def _with_its_mirror(
    ergotropy: Functional, flip: slice | NDArray[np.int64], populations: ArrayLike
) -> Array:
    p = np.asarray(populations, dtype=float)
    return ergotropy(p) + ergotropy(p[..., flip])
