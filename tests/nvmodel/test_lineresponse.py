"""The response of a line to a probe, by closed form, against adaptive quadrature."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate

from darkbattery.nvmodel import Gaussian, Lorentzian, Multiplet, QGaussian, Tabulated, Voigt
from darkbattery.nvmodel.lines.response import line_response
from darkbattery.nvmodel.lines.shapes import lorentzian_overlap
from darkbattery.nvmodel.refusal import InputError

MHZ = 2.0 * math.pi * 1e6
LINES = {
    "gaussian": Gaussian(5e6),
    "nearly gaussian": QGaussian(5e6, q=1.02),
    "q-gaussian": QGaussian(5e6, q=1.39),
    "lorentzian": Lorentzian(5e6),
    "heavy": QGaussian(5e6, q=2.5),
    "voigt": Voigt(4e6, 0.3e6),
    # a wide and a narrow piece, a jump at the end
    "measured": Tabulated((-3e6, 0.0, 0.01e6, 4e6, 6e6), (0.0, 2.0, 2.1, 0.3, 0.5)),
    "multiplet": Multiplet(QGaussian(2e6, q=1.39), (-2.2e6, 0.5e6), (0.3, 0.7)),
}


def by_quadrature(line, rate, detuning):
    """In v with w = detuning + rate tan(v), pieces around pole and line; the tail decays in v."""

    def integrand(v, part):
        # dw/(rate + i (w - detuning)) = (1 - i tan v) dv
        return part(line.density(detuning + rate * np.tan(v)) * (1.0 - 1j * np.tan(v)))

    edges = [-200.0, -30.0, -8.0, -2.0, 0.0, 2.0, 8.0, 30.0, 200.0]
    inner = [math.atan((edge * MHZ - detuning) / rate) for edge in edges]
    bounds = [-math.pi / 2, *sorted([*inner, 0.0]), math.pi / 2]
    total = 0.0
    for factor, part in ((1.0, np.real), (1j, np.imag)):
        for low, high in pairwise(bounds):
            if high > low:
                total += (
                    factor
                    * integrate.quad(
                        integrand, low, high, (part,), limit=400, epsabs=0.0, epsrel=1e-9
                    )[0]
                )
    return total


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize(("rate", "detuning"), [(0.7, 0.0), (0.3, 1.3), (0.05, -6.0), (3.0, 20.0)])
def test_response_by_adaptive_quadrature(name, rate, detuning):
    line, rate, detuning = LINES[name], rate * MHZ, detuning * MHZ
    expected = by_quadrature(line, rate, detuning)
    found = line_response(line, rate, detuning)[0]
    # quad's own error, larger at corners of the density; 20,000 midpoints for q = 1.02
    bound = {"nearly gaussian": 1e-4, "measured": 3e-6}.get(name, 1e-6)
    np.testing.assert_allclose(found, expected, rtol=bound)


def test_real_part_is_the_overlap():
    line = LINES["multiplet"]
    found = line_response(line, 0.7 * MHZ, 1.3 * MHZ)[0]
    expected = lorentzian_overlap(line, 0.7 * MHZ, 1.3 * MHZ)
    np.testing.assert_allclose(found.real, expected, rtol=1e-6)


def test_far_in_the_wing_absorption_is_the_density():
    # Re R -> pi rho for rate -> 0, where a sum over classes sees its own spacing
    line = LINES["q-gaussian"]
    found = line_response(line, 1e-4 * MHZ, 30.0 * MHZ)[0]
    np.testing.assert_allclose(found.real, math.pi * line.density(30.0 * MHZ), rtol=1e-2)


def test_without_a_line_the_spins_respond_as_one():
    found = line_response(None, 2.0, [0.0, 2.0])
    np.testing.assert_allclose(found, [0.5, 0.25 + 0.25j])


def test_a_rate_of_zero_is_the_limit_or_refused():
    line = LINES["q-gaussian"]
    found = line_response(line, 0.0, 1.0 * MHZ)[0]
    np.testing.assert_allclose(found.real, math.pi * line.density(1.0 * MHZ), rtol=1e-9)
    np.testing.assert_allclose(found, line_response(line, 1.0, 1.0 * MHZ)[0], rtol=1e-6)
    for refused in (None, QGaussian(1e6, q=1.01)):
        with pytest.raises(InputError, match="rate"):
            line_response(refused, 0.0, 0.0)
