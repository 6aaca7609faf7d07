import warnings

import mpmath
import numpy as np

from darkbattery.trajectories.propagate.radau import (
    ERROR_PER_DEFECT,
    POINTS_IN_TIME,
    POLES,
    SLOPE_AT_START,
    STAGES,
    share_at,
)


def denominator() -> list[mpmath.mpf]:
    """Coefficients d_i of the Pade approximant (7, 8) of exp."""
    f, n, m = mpmath.factorial, 7, 8
    return [(-1) ** j * f(n + m - j) * f(m) / (f(n + m) * f(j) * f(m - j)) for j in range(m + 1)]


def coefficient(k: int, theta: mpmath.mpf) -> mpmath.mpf:
    """q_k(theta): that of z^k in exp(theta z) D(z)."""
    d = denominator()
    powers = (theta ** (k - i) / mpmath.factorial(k - i) for i in range(min(k, 8) + 1))
    return mpmath.fsum(a * b for a, b in zip(d, powers, strict=False))


def test_constants_are_those_of_the_pade_approximant_and_its_collocation():
    with mpmath.workdps(50), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library renames its argument order
        d = denominator()
        slope = [j * d[j] for j in range(1, 9)]
        roots = mpmath.polyroots(d[::-1], maxsteps=200, extraprec=200)
        upper = sorted((z for z in roots if z.imag > 0), key=lambda z: z.imag)
        # the points are where the next coefficient of the expansion, q_8, vanishes
        q8 = [d[i] / mpmath.factorial(8 - i) for i in range(9)]
        points = sorted(mpmath.re(c) for c in mpmath.polyroots(q8, maxsteps=200, extraprec=200))
        for c, point in zip(points, POINTS_IN_TIME[1:], strict=True):
            assert abs(c - mpmath.mpf(point)) < 2e-16
        for j, z in enumerate(upper):
            # the nearest doubles: 1 ulp of the modulus
            assert abs(z - mpmath.mpc(POLES[j])) < 3e-16 * abs(z)
            for i, c in enumerate(points):
                top = [coefficient(k, c) for k in range(9)]
                share = mpmath.polyval(top[::-1], z) / mpmath.polyval(slope[::-1], z)
                assert abs(share - mpmath.mpc(STAGES[i, j])) < 3e-16 * abs(share)
        largest = max(abs(coefficient(9, mpmath.mpf(i) / 1000)) for i in range(1001))
        assert abs(largest / abs(d[8]) - ERROR_PER_DEFECT) < 1e-6


def step(z: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The polynomial of one step of y' = z y from 1 at `theta`, and its values at the points."""
    solved = 1.0 / (z - POLES[:, None]), 1.0 / (z - POLES.conj()[:, None])
    shares = STAGES / POLES
    change = shares @ (solved[0] * z) + shares.conj() @ (solved[1] * z)
    values = np.concatenate([np.ones((1, z.size)), 1.0 + change])
    shares = np.array(
        [[share_at.py_func(i, one) for i in range(POINTS_IN_TIME.size)] for one in theta]
    )
    return shares @ values, values


def test_the_polynomial_follows_exp_and_its_slope_tells_the_error():
    theta = np.linspace(0.0, 1.0, 41)
    angles = np.linspace(0.0, 1.0, 13)[:, None] * np.pi
    z = (np.geomspace(2.0, 1e3, 60) * np.exp(1j * angles)).ravel()
    z = np.concatenate([z[z.real <= 0.0], np.geomspace(1.5, 5.0, 9)])  # decays, and bursts
    followed, values = step(z, theta)
    error = np.abs(np.exp(theta[:, None] * z) - followed).max(axis=0)
    estimate = ERROR_PER_DEFECT * np.abs(SLOPE_AT_START @ values - z)
    # leading order, so nothing to be asked for where the error is not small (or is rounding)
    small = (error < 1e-4) & (error > 1e-10)
    assert small.sum() > 50
    assert np.all(error[small] < 1.15 * estimate[small])
    assert np.all(error[small] > 0.6 * estimate[small])
    # and where it is large the estimate says so: never less than a sixth of it
    assert np.all(error < 6.5 * estimate + 1e-10)


def test_the_last_point_is_the_pade_approximant():
    z = np.linspace(-30.0, 1.0, 50)
    end = 2.0 * np.real(np.sum(STAGES[-1][:, None] / (z - POLES[:, None]), axis=0))
    _, values = step(z.astype(complex), np.array([1.0]))
    np.testing.assert_allclose(values[-1].real, end, atol=1e-11)  # residues of 1e4
    np.testing.assert_allclose(end[-5:], np.exp(z[-5:]), atol=1e-11)
