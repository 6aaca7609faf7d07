"""How fast sums over classes of a line converge, and what bursts make of it.

python benchmarks/classes.py
"""

import math

import numpy as np

from darkbattery.meanfield import evolve, growth_rate, threshold_cooperativity
from darkbattery.meanfield.averages.linear import mean_delay_shift
from darkbattery.meanfield.classes.division import REACH, divide
from darkbattery.meanfield.classes.jointclasses import with_classes
from darkbattery.meanfield.classes.moments import bandwidth, system_of
from darkbattery.nvmodel import (
    Gaussian,
    Lorentzian,
    Multiplet,
    QGaussian,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
)
from darkbattery.nvmodel.lines.classes import (
    Classes,
    coupling_quadrature,
    joint_classes,
    line_quadrature,
)
from darkbattery.nvmodel.lines.shapes import line_classes, lorentzian_overlap

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
    """All lines by both rules, joint classes, bursts, and the table of NV-like numbers."""
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
    triplets()
    far()
    table()


def device(line, coupling):
    """1e16 spins, R = 5, T2 = 1 us, kappa/2pi = 13.8 MHz; g sqrt(N)/2pi in MHz."""
    spins = {"coupling": 2e6 * math.pi * coupling / 1e8, "t2_s": 1e-6, "line": line}
    return ResonatorBattery(
        battery=SpinEnsemble(number=10**16 // 6, **spins),
        charger=SpinEnsemble(number=10**16 - 10**16 // 6, **spins),
        resonator=Resonator(frequency_hz=2.87e9, linewidth_fwhm_hz=13.8e6),
    )


def both_rules(line, count):
    """Name and classes, by the rule of order 4 and with equal weights."""
    detunings, weights = line_classes(line, count)
    yield "line_quadrature", joint_classes(line, count=count)
    yield "equal weights", Classes(detunings, np.ones(count), weights)


def burst():
    """Peak power and last energy of a burst in a broad line by both rules."""
    line = QGaussian(10e6, q=1.39)
    model, times = device(line, 14.0), np.linspace(0.0, 3e-6, 401)
    for count in (25, 51, 101):
        for name, classes in both_rules(line, count):
            found = evolve(with_classes(model, classes, classes), times)
            peak, last = found["power"].max() / 1e6, found["battery_energy"][-1]
            print(f"burst, K = {count}, {name}: peak power {peak:.4f}/us, E at 3 us {last:.4f}")


def triplets():
    """14N triplets from resolved to one line: largest error of the battery's energy on the way."""
    times = np.linspace(0.0, 2.5e-6, 201)
    for width in (0.5, 0.7, 1.0, 1.3, 1.6):
        line = Multiplet(Gaussian(width * 1e6), (-2.2e6, 0.0, 2.2e6), (1 / 3,) * 3)
        model = device(line, 7.0)
        many = evolve(system_of(model, 180), times)["battery_energy"]
        for name, classes in both_rules(line, 31):
            found = evolve(with_classes(model, classes, classes), times)["battery_energy"]
            groups, error = len(line.groups), np.abs(found - many).max()
            print(f"triplet of {width} MHz ({groups} groups), K = 31, {name}: {error:.4f}")


def far():
    """What putting far spins nearer changes of the battery's energy."""
    times = np.linspace(0.0, 1.5e-6, 301)
    for name, line in (("q-Gaussian", QGaussian(10e6, q=1.39)), ("Lorentzian", Lorentzian(10e6))):
        model, found = device(line, 14.0), []
        for width in (bandwidth(model), 10.0 * bandwidth(model)):
            classes = divide(model.experiment.charger, 101, width)
            found.append(evolve(with_classes(model, classes, classes), times)["battery_energy"])
        change = np.abs(found[0] - found[1]).max()
        print(f"{name}, 101 classes, spins beyond {REACH:g} bandwidths: {change:.1e}")


def table():
    """The rows of docs/semiclassical.md on NV-like numbers."""
    for width, coupling, last in ((0, 7, 5), (5, 7, 5), (10, 7, 8), (10, 14, 3), (10, 28, 1)):
        model = device(QGaussian(width * 1e6, q=1.39) if width else None, float(coupling))
        times, growth = np.linspace(0.0, last * 1e-6, 801), growth_rate(model)
        found = evolve(model, times, classes=101)
        peak = int(found["power"].argmax())
        mean = 1e6 * (times[peak] + mean_delay_shift(growth))
        cells = [
            f"{width}, {coupling}",
            f"{threshold_cooperativity(model):.4g}",
            f"{growth / 1e6:.3g}",
            f"{found['battery_energy'][-1]:.3f}",
            f"{found['power'][peak] / 1e6:.3g}",
            f"{mean:.3f} ± {1e6 * math.pi / math.sqrt(24.0) / growth:.3f}",
            f"{found['ergotropy_local'][-1]:.3f}",
            f"{found.provenance.get('class_error_end', 0.0):.4f}",
        ]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
