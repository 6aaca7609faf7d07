"""How much the number of classes decides: what a user reads, with K classes and with half of them.

A burst that comes a little later moves along a steep curve: where it is compared time by time, a
shift by a tenth of its width looks like an error of a tenth of the charge. So the two curves are
laid over each other first, and the shift is judged as what it is, an error of the delay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Array = NDArray[np.float64]

ENERGIES = ("battery_energy", "charger_energy")
# accepted: of energies in hbar omega a spin, of the largest power and of the delay as shares
TOLERANCE = 0.01
# fewer output times draw no curve that could be moved
FEWEST_TIMES = 8
NEWTON_STEPS = 30


def halved(classes: int) -> int:
    """How many classes K are compared with."""
    return (classes + 1) // 2


@dataclass(frozen=True)
class ClassError:
    """Differences between a run with K classes and one with half of them.

    It is the error of the run with half; that with K is closer (by a factor of 16 where the curve
    is smooth in frequency, by 2 to 4 where the classes' rephasing decides).

    Attributes
    ----------
    end : float
        Of the energies at the last time, the larger, hbar omega a spin.
    peak : float
        Of the largest power (without a battery: emission rate), as a share of it.
    delay : float
        Shift of the curves, as a share of the time of the largest power.
    curve : float
        Largest of the energies at any time once that shift is taken out, hbar omega a spin.
    """

    end: float
    peak: float
    delay: float
    curve: float

    @property
    def provenance(self) -> dict[str, float]:
        """As a Solution has them."""
        return {f"class_error_{name}": value for name, value in vars(self).items()}

    def warnings(self, classes: int, most: int) -> tuple[str, ...]:
        """One where any is above 0.01: which, and how many classes K to try, at most `most`.

        >>> error = ClassError(end=0.002, peak=0.03, delay=0.0, curve=0.02)
        >>> for line in error.warnings(31, most=10**6)[0].split(" and by "):
        ...     print(line)
        16 and 31 classes differ by 3 % in the largest power
        0.02 hbar omega in energies on the way: try classes = 62
        """
        parts = [
            f"{value:.2g} hbar omega in energies {when}"
            for value, when in ((self.end, "at the end"), (self.curve, "on the way"))
            if value > TOLERANCE and not (when == "on the way" and value <= 1.5 * self.end)
        ]
        shares = ((self.peak, "largest power"), (self.delay, "time of the burst"))
        parts = [f"{100.0 * x:.2g} % in the {what}" for x, what in shares if x > TOLERANCE] + parts
        if not parts:
            return ()
        advice = f"try classes = {min(2 * classes, most)}"
        if classes >= most:
            advice = "there are no more spins to divide"
        return (
            f"{halved(classes)} and {classes} classes differ by {' and by '.join(parts)}: {advice}",
        )


def class_error(times: Array, fine: Mapping[str, Array], coarse: Mapping[str, Array]) -> ClassError:
    """Compare two runs of one model at the same times (T,), their observables by name (T,).

    Examples
    --------
    >>> t = np.linspace(0.0, 10.0, 101)
    >>> def burst(at):
    ...     energy = 0.5 + 0.5 * np.tanh(t - at)
    ...     rise = 0.5 / np.cosh(t - at) ** 2
    ...     return {"battery_energy": energy, "charger_energy": 1.0 - energy, "power": rise}
    >>> error = class_error(t, burst(5.0), burst(5.1))
    >>> print(round(error.delay, 3), round(error.curve, 3), round(error.end, 3))
    0.02 0.0 0.0
    """
    rate = "power" if "power" in fine else "emission_rate"
    one, two = (
        np.stack([run[name] for name in (*ENERGIES, rate)], axis=-1) for run in (fine, coarse)
    )
    shift = _shift(times, one[:, :-1], two[:, :-1]) if times.size >= FEWEST_TIMES else 0.0
    moved = (
        two
        if shift == 0.0
        else _moved(scipy.interpolate.PchipInterpolator(times, two), times, shift)
    )
    kept = (times + shift >= times[0]) & (times + shift <= times[-1])
    largest = float(np.abs(one[:, -1]).max())
    at = float(times[np.abs(one[:, -1]).argmax()]) or float(times[-1])
    return ClassError(
        end=float(np.abs(one[-1, :-1] - two[-1, :-1]).max()),
        peak=abs(float(np.abs(moved[kept, -1]).max()) / largest - 1.0) if largest > 0.0 else 0.0,
        delay=abs(shift) / at if at > 0.0 else 0.0,
        curve=float(np.abs(moved - one)[kept, :-1].max()),
    )


def _shift(times: Array, fine: Array, coarse: Array) -> float:
    """By how much later the coarse curves (T, 2) come, least squares by Gauss and Newton."""
    curve = scipy.interpolate.PchipInterpolator(times, coarse)
    slope, shift = curve.derivative(), 0.0
    span = float(times[-1] - times[0])

    def misfit(by: float) -> float:
        return float(np.square(_moved(curve, times, by) - fine).mean())

    for _ in range(NEWTON_STEPS):
        steep = _moved(slope, times, shift)
        norm = float(np.square(steep).sum())
        if norm == 0.0:
            break
        step = -float(((_moved(curve, times, shift) - fine) * steep).sum()) / norm
        shift = float(np.clip(shift + step, -0.5 * span, 0.5 * span))
        if abs(step) < 1e-9 * span:
            break
    return shift if misfit(shift) < misfit(0.0) else 0.0


def _moved(curve: scipy.interpolate.PchipInterpolator, times: Array, shift: float) -> Array:
    """The curve at times + shift; held at its ends."""
    found: Array = curve(np.clip(times + shift, times[0], times[-1]))
    return found
