"""How fast sums over classes of a line converge: `line_quadrature` and equal-weight quantiles.

python benchmarks/classes.py
"""

import math

import numpy as np

from meanfield import evolve
from meanfield.jointclasses import with_classes
from nvmodel import (
    Gaussian,
    Lorentzian,
    Multiplet,
    QGaussian,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
)
from nvmodel.classes import Classes, coupling_quadrature, joint_classes, line_quadrature
from nvmodel.lineshape import line_classes, lorentzian_overlap

RATE = 1e7  # HWHM of the averaged Lorentzian, rad/s
LINES = {
    "Gaussian, 5 MHz": Gaussian(5e6),
    "q-Gaussian 1.39, 5 MHz": QGaussian(5e6, q=1.39),
    "Lorentzian, 5 MHz": Lorentzian(5e6),
    "q-Gaussian, 1.6 MHz, 14N triplet": Multiplet(
        QGaussian(1.6e6, q=1.39), (-2.2e6, 0.0, 2.2e6), (1 / 3,) * 3
    ),
}
COUNTS = (51, 102, 204)


def errors(rule, line):
    """Relative errors of the mean of RATE/(RATE^2 + w^2)."""
    exact, found = lorentzian_overlap(line, RATE), []
    for count in COUNTS:
        detunings, weights = rule(line, count)
        found.append(abs(weights @ (RATE / (RATE**2 + detunings**2)) / exact - 1.0))
    return found


def show(name, found):
    """One line: errors, and the order between the last two."""
    order = math.log2(found[-2] / found[-1]) if min(found) > 1e-14 else math.inf
    print(f"{name:58s} " + " ".join(f"{x:8.1e}" for x in found) + f"  order {order:.1f}")


def main():
    """All lines by both rules, then joint classes, then a burst."""
    print(f"{'relative error at K =':58s} " + " ".join(f"{count:8d}" for count in COUNTS))
    for name, line in LINES.items():
        show(f"{name}, line_quadrature", errors(line_quadrature, line))
        show(f"{name}, equal weights", errors(line_classes, line))
    # <g^2/(rate^2 + w^2 + g^2)>, log-normal couplings of relative spread 0.6
    line, means = LINES["q-Gaussian 1.39, 5 MHz"], []
    for count, couplings in ((26, 3), (52, 6), (104, 12), (208, 24)):
        c = joint_classes(line, couplings=coupling_quadrature(0.6, couplings), count=count)
        g2 = (3.0 * RATE * c.couplings) ** 2
        means.append(float(c.weights @ (g2 / (RATE**2 + c.detunings**2 + g2))))
    show("joint, 26 x 3, 52 x 6, 104 x 12", list(np.abs(np.array(means[:-1]) / means[-1] - 1.0)))

    burst()


def burst():
    """Peak power and last energy of a burst in a broad line by both rules."""
    spins = {"coupling": 2e6 * math.pi * 14.0 / 1e8, "t2_s": 1e-6, "line": QGaussian(10e6, q=1.39)}
    model = ResonatorBattery(
        battery=SpinEnsemble(number=10**16 // 6, **spins),
        charger=SpinEnsemble(number=10**16 - 10**16 // 6, **spins),
        resonator=Resonator(frequency_hz=2.87e9, linewidth_fwhm_hz=13.8e6),
    )
    times = np.linspace(0.0, 3e-6, 401)
    for count in (25, 51, 101):
        classes = joint_classes(spins["line"], count=count)
        detunings, weights = line_classes(spins["line"], count)
        equal = Classes(detunings, np.ones(count), weights)
        for name, found in (
            ("line_quadrature", evolve(with_classes(model, classes, classes), times)),
            ("equal weights", evolve(with_classes(model, equal, equal), times)),
        ):
            peak, last = found["power"].max() / 1e6, found["battery_energy"][-1]
            print(f"burst, K = {count}, {name}: peak power {peak:.4f}/us, E at 3 us {last:.4f}")


if __name__ == "__main__":
    main()
