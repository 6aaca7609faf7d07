r"""From the modal run to the average over runs: the spread of the burst's delay.

Vacuum noise starts a burst with an energy of W times its mean, W exponentially distributed, and
the run is then the deterministic one shifted in time:

.. math:: \langle E\rangle(t) = \int_0^\infty e^{-W}E_2\big(t+\ln W/2\lambda\big)\,dW

(Haake, Haus, King, Schroeder and Glauber 1981). ln W is Gumbel distributed: the delay's standard
deviation is :math:`\pi/(\sqrt6\,2\lambda)`, its mean later than the mode by 0.577/(2 lambda).
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicHermiteSpline, make_interp_spline

from meanfield.cumulants import evolve
from meanfield.linear import growth_rate
from nvmodel.battery import CollectiveBattery
from nvmodel.ergotropy import local_ergotropy
from nvmodel.observables import requested
from nvmodel.refusal import InputError
from nvmodel.resonator import ResonatorBattery
from nvmodel.solution import Reading, Solution
from nvmodel.times import output_times

Array = NDArray[np.float64]

# ln W from here to there carries all but 1e-16 of the weight; the midpoint rule converges
# exponentially for this integrand, and 0.05 is far below its width
LOG_W = np.arange(-37.0, 3.7, 0.05) + 0.025
WEIGHT = 0.05 * np.exp(LOG_W - np.exp(LOG_W))
# spacing of the tabulated modal run in units of 1/(2 lambda), by which it changes little
SPACING = 0.1
MOST_TABULATED = 20_000

AVERAGED = (
    "battery_energy",
    "charger_energy",
    "power",
    "ergotropy_local",
    "open_work",
    "emission_rate",
    "absorption_rate",
    "emitted_photons",
    "absorbed_photons",
    "photons",
    "output_power",
    "battery_energy_joule",
    "charger_energy_joule",
)


def delay_average(
    model: CollectiveBattery | ResonatorBattery,
    times: ArrayLike,
    observables: Iterable[str] | None = None,
    classes: int = 101,
) -> Solution:
    """Second order averaged over the burst's delay: what the mean of many runs shows.

    Parameters and units as for `meanfield.evolve`, which gives the modal run instead.

    Returns
    -------
    Solution
        `provenance` holds "growth_rate" (lambda) and "delay_jitter", in the inverse unit of time
        and the unit of time.

    Raises
    ------
    InputError
        Where nothing grows: without a burst there is no delay.

    Examples
    --------
    >>> battery = CollectiveBattery(n_battery=1000, n_charger=5000)
    >>> times = np.linspace(0.0, 0.005, 201)
    >>> print(delay_average(battery, times)["power"].max().round(-1))  # exact 787, modal 1000
    780.0
    """
    t = output_times(times)
    rate = 2.0 * growth_rate(model)
    if rate <= 0.0:
        raise InputError("model", model, "must burst: below threshold no delay is averaged over")
    last = t[-1] + LOG_W[-1] / rate
    count = int(np.ceil(last * rate / SPACING)) + 1
    if count > MOST_TABULATED:
        raise InputError(
            "times", float(t[-1]), f"must end before {MOST_TABULATED * SPACING / rate:.3g}"
        )
    table = np.linspace(0.0, last, count)
    modal = evolve(model, table, classes=classes)
    known = [name for name in AVERAGED if name in modal.values]
    names = requested(observables, default=known, available=known)
    averaged = {name: _average(name, modal, t, rate) for name in known}
    if "ergotropy_local" in averaged:  # of the average state
        averaged["ergotropy_local"] = local_ergotropy(averaged["battery_energy"])
    provenance = dict(modal.provenance) | {
        "solver": "second-order cumulants averaged over the delay",
        "growth_rate": rate / 2.0,
        "delay_jitter": np.pi / np.sqrt(6.0) / rate,
    }
    reading = Reading({name: averaged[name] for name in names}, warnings=modal.warnings)
    return Solution(t, reading, provenance)


def _average(name: str, modal: Solution, times: Array, rate: float) -> Array:
    if name == "battery_energy":
        curve = CubicHermiteSpline(modal.times, modal[name], modal["power"])
    else:
        curve = make_interp_spline(modal.times, modal[name], k=3)
    shifted = np.maximum(times[:, None] + LOG_W / rate, 0.0)
    found: Array = curve(shifted) @ WEIGHT
    return found
