r"""The stepper of all chains: collocation at the eight points of Radau IIA.

One step of length h of y' = Q y is r(hQ) y with the subdiagonal Pade approximant (7, 8) of exp,
order 15, which vanishes at infinity, so that rates far above 1/h are damped as they should be. It
is applied in partial fractions over the poles z_j, a sum of resolvents of the generator,

.. math:: r(A) = 2\,\mathrm{Re}\sum_{j=1}^4 c_j\,(A-z_j)^{-1}.

The same resolvents give the polynomial of degree 8 that starts from y and satisfies the equation
at the points c_i (Hairer and Wanner, Solving Ordinary Differential Equations II, IV.5): with
:math:`D(z)=\sum_i d_i z^i` the approximant's denominator, at the time theta h

.. math:: r_\theta(A) = \frac{1}{D(A)}\sum_{k\le8} q_k(\theta)\,A^k
          = 2\,\mathrm{Re}\sum_j c_j(\theta)\,(A-z_j)^{-1} + r_\theta(\infty),\qquad
          q_k(\theta) = \sum_{i\le k} d_i\,\frac{\theta^{k-i}}{(k-i)!} .

So whatever is read from a solution is known at every time of a step. In between the error is
:math:`q_9(\theta)A^9/D(A)` and higher orders, and the polynomial's slope at the start misses Q y by
:math:`q_8(0)A^9/D(A)/h` exactly: what is missing tells the error.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import INNER

Array = NDArray[np.float64]

# All constants were computed with 60 digits; a test derives them again.
# Poles z_j in the upper half plane.
POLES = np.array(
    [
        complex(10.169446006657515, 1.6492017968222277),
        complex(9.4063712136907401, 4.9692172876232938),
        complex(7.738688146830548, 8.370879306237983),
        complex(4.6854946328211968, 12.01057859981379),
    ]
)
# The points, with the start of the step before them.
POINTS_IN_TIME = np.array(
    [
        0.0,
        0.022479386438712498,
        0.11467905316090423,
        0.26578982278458947,
        0.45284637366944462,
        0.64737528288683036,
        0.81975930826310764,
        0.94373743946307785,
        1.0,
    ]
)
# c_j(theta) at each of the points but the start, where they are zero: shape (8, 4).
STAGES = np.array(
    [
        [
            complex(-14.27915370933826, 6.4269245601482322),
            complex(-3.5956955856359573, 10.872169909921078),
            complex(2.4905630188311559, 5.2321280817816282),
            complex(1.4471574040731616, 0.88073269519019253),
        ],
        [
            complex(12.880819714147838, -8.4975066014535058),
            complex(0.0011328027185817549, -14.317406609080452),
            complex(-5.9626639886749965, -6.9049670636335043),
            complex(-2.7402248075931821, -1.3353800903139874),
        ],
        [
            complex(-19.34665810419407, 3.3804413286529717),
            complex(0.90250798252597603, 4.7793106800975766),
            complex(10.984490812822448, 1.899833001228893),
            complex(5.1313437929921217, 1.3169584009519417),
        ],
        [
            complex(-24.197765812434549, -46.353789883306541),
            complex(33.423812157885524, -30.570615903638078),
            complex(2.351727472020987, 17.859277738515709),
            complex(-9.8985690929069943, 1.2687516818218178),
        ],
        [
            complex(-153.77126639038887, -348.6575801842291),
            complex(228.43266641292585, 107.36405688271993),
            complex(-90.462865796408209, 30.755124039753694),
            complex(14.369230597855012, -14.51124594702065),
        ],
        [
            complex(-229.72249073282311, -2197.5376279862051),
            complex(373.88493848496791, 1199.2043543190735),
            complex(-155.50403708340256, -342.6648997141843),
            complex(12.757747460484418, 40.106734571752561),
        ],
        [
            complex(757.0077786602937, -7748.1471546474508),
            complex(-1254.2327839142824, 3849.554843469278),
            complex(564.29069303169078, -796.0764521573115),
            complex(-68.756337202840439, 30.351292184828879),
        ],
        [
            complex(2612.6208468682107, -13549.06014743892),
            complex(-3848.5444154374366, 5690.315433804313),
            complex(1334.8647374600173, -702.43101049801378),
            complex(-94.941168890791301, -25.476662481767773),
        ],
    ]
)
ORDER = 15  # at the end of a step; 8 in between
# largest |q_9| on [0, 1] over |q_8(0)|
ERROR_PER_DEFECT = 0.0144241


@njit(**INNER)
def share_at(i: int, theta: float) -> float:
    """What the polynomial through values at `POINTS_IN_TIME` has of the i-th at the time theta h.

    >>> float(share_at.py_func(8, 1.0)), float(abs(share_at.py_func(3, 1.0)))
    (1.0, 0.0)
    """
    share = 1.0
    for k in range(POINTS_IN_TIME.size):
        if k != i:
            share *= (theta - POINTS_IN_TIME[k]) / (POINTS_IN_TIME[i] - POINTS_IN_TIME[k])
    return share


def _slope_at_start() -> Array:
    """Row (9,) that reads that polynomial's derivative at the start from its values."""
    points = POINTS_IN_TIME[1:]
    row = np.empty(points.size + 1)
    for i in range(points.size):
        others = np.delete(points, i)
        row[i + 1] = np.prod(others / (others - points[i])) / points[i]
    row[0] = -np.sum(1.0 / points)
    return row


SLOPE_AT_START = _slope_at_start()


def _divisors() -> Array:
    """Product (9,) of the distances from each point to all others."""
    return np.array(
        [np.prod(point - POINTS_IN_TIME[point != POINTS_IN_TIME]) for point in POINTS_IN_TIME]
    )


# what Lagrange's products of distances to the other points are divided by
DIVISORS = _divisors()
