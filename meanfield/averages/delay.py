r"""From the modal run to the average over runs: the spread of the burst's delay.

Vacuum noise starts a burst with an energy of W times its mean, W exponentially distributed, and
the run is then the deterministic one shifted in time:

.. math:: \langle E\rangle(t) = \int_0^\infty e^{-W}E_2\big(t+\ln W/2\lambda\big)\,dW

(Haake, Haus, King, Schroeder and Glauber 1981). :math:`\ln W` is Gumbel distributed: the delay's
standard deviation is :math:`\pi/(\sqrt6\,2\lambda)`, its mean later than the mode by
:math:`0.577/(2\lambda)`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from darkbattery.meanfield.averages.burststage import burst_stage
from darkbattery.meanfield.averages.cumulants import BatteryClasses, evolve_with_classes
from darkbattery.meanfield.averages.linear import growth_rate
from darkbattery.meanfield.averages.readout import available, default
from darkbattery.meanfield.classes.moments import System, system_of
from darkbattery.meanfield.expected import expectations
from darkbattery.nvmodel.ergotropy import local_ergotropy, local_ergotropy_of_classes
from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.observables import ELSEWHERE, Needs, needing, requested, row_of
from darkbattery.nvmodel.portlight import OF_PHOTONS
from darkbattery.nvmodel.refusal import InputError, output_times
from darkbattery.nvmodel.solution import Reading, Solution

Array = NDArray[np.float64]

# ln W from here to there carries all but 1e-16 of the weight; the midpoint rule converges
# exponentially for this integrand, and 0.05 is far below its width
LOG_W = np.arange(-37.0, 3.7, 0.05) + 0.025
WEIGHT = 0.05 * np.exp(LOG_W - np.exp(LOG_W))
# where the mean's largest power is looked for, in units of ln W from the modal run's: the delay's
# spread is 1.28 of them, its mean 0.577 later
BEFORE, AFTER = -4.0, 8.0
# spacing of the tabulated modal run in units of 1/(2 lambda), by which it changes little
SPACING = 0.1
MOST_TABULATED = 20_000
# lifetimes of the resonator's field that are followed: ten seconds of the smallest systems
MOST_DECAYS = 1e6

# a balance of what went in and out is that of one course; without a drive a field has no phase
_AVERAGED = {
    *needing(Needs.MEANS, without=ELSEWHERE | Needs.START),
    *needing(Needs.MEANS | Needs.FIELD, without=Needs.HISTORY),
    *OF_PHOTONS,
}


def over_delays(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that have an average over delays.

    >>> over_delays(["power", "excitation_balance", "port_power of out"])
    ('power', 'port_power of out')
    """
    return tuple(name for name in names if row_of(name) in _AVERAGED)


@dataclass(frozen=True)
class BurstDelay:
    """When a burst comes, in the unit of time of its model (seconds at a resonator).

    Attributes
    ----------
    mean, spread : float
        Mean and standard deviation over runs of the time at which half of the net inversion has
        been spent (Gumbel distributed).
    """

    mean: float
    spread: float


def expected_delay(model: Model | System) -> BurstDelay:
    r"""Delay of the burst from the growth rate :math:`\lambda` alone, before anything is solved.

    With :math:`N_{net}=N_Cp_C-N_Bp_B` and :math:`N_{up}` spins excited at the start,

    .. math:: \langle t\rangle&=\frac{1}{2\lambda}\Big[\ln\frac{N_{net}^2}{N_{up}+\bar nN_{net}}
              +0.577\Big], \\ \Delta t&=\frac{\pi}{\sqrt6\,2\lambda}

    which for N spins all up at :math:`\bar n=0` is the :math:`[\ln N+0.577]/(N\gamma)` of Gross and
    Haroche (1982), and has the relative spread :math:`1.28/(\ln N+0.577)`. The logarithm is that of
    equal spins without decoherence, and correct to some 20 % close to threshold, where the burst is
    weak.

    Raises
    ------
    InputError
        Where nothing grows.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> delay = expected_delay(CollectiveBattery(n_battery=1000, n_charger=5000))
    >>> print([round(4000 * t, 3) for t in (delay.mean, delay.spread)])  # exact: 8.645, 1.284
    [8.648, 1.283]
    """
    growth = growth_rate(model)
    if growth <= 0.0:
        raise InputError("model", model, "must burst: below threshold there is no delay")
    return delay_of_growth(model, growth)


def delay_of_growth(model: Model | System, growth: float) -> BurstDelay:
    r"""`expected_delay` where the growth rate :math:`\lambda>0` is known already."""
    system = model if isinstance(model, System) else system_of(model, 1)
    rate = 2.0 * growth
    net = float(system.number @ system.start)
    up = float(system.number @ (1.0 + system.start)) / 2.0
    # a net inversion in coupling may be none in number
    folds = np.log(max(net * net / (up + system.nbar * max(net, 0.0)), 1.0))
    return BurstDelay(float(folds + np.euler_gamma) / rate, np.pi / 6.0**0.5 / rate)


def delay_average(
    model: Model | System,
    times: ArrayLike,
    observables: Iterable[str] | None = None,
    classes: int | None = None,
) -> Solution:
    r"""Second order averaged over the burst's delay: what the mean of many runs shows.

    Parameters and units as for `meanfield.evolve`, which gives the modal run instead. Of a protocol
    the burst must come in one stage, in which the last of the times is: before it nothing grows.

    Returns
    -------
    Solution
        `provenance` holds "growth_rate" (:math:`\lambda`) and "delay_jitter", in the inverse unit
        of time and the unit of time.

    Raises
    ------
    InputError
        Where nothing grows: without a burst there is no delay.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> battery = CollectiveBattery(n_battery=1000, n_charger=5000)
    >>> times = np.linspace(0.0, 0.005, 201)
    >>> print(delay_average(battery, times)["power"].max().round(-1))  # exact 787, modal 1000
    780.0
    """
    t = output_times(times)
    burst = _burst(model, t)
    rate, begin = 2.0 * burst.growth, burst.begin
    last = max(float(t[-1]), begin) + LOG_W[-1] / rate
    longest = begin + _longest(model, rate)
    if last > longest:
        allowed = f"must end before {longest:.3g}, and {LOG_W[-1] / rate:.3g} before that"
        raise InputError("times", float(t[-1]), allowed)
    table = np.linspace(begin, last, int(np.ceil((last - begin) * rate / SPACING)) + 1)
    table = np.concatenate([t[t < begin], table])
    system = model if isinstance(model, System) else system_of(model, 1)
    everything = over_delays(available(system))
    modal, of_battery = evolve_with_classes(burst.model, table, 2, everything, classes)
    found = averaged(modal, t, rate / 2.0, observables, of_battery, begin)
    expected, warnings = expectations("delay", system, found.values)
    provenance = dict(found.provenance) | {"expected_error": expected}
    kept = tuple(text for text in found.warnings if not text.startswith("expect "))
    reading = Reading(dict(found.values), warnings=kept + warnings)
    return Solution(t, reading, provenance, model=model)


@dataclass(frozen=True)
class _Burst:
    """What bursts, from when on, and how fast it grows."""

    model: Model | System
    begin: float
    growth: float


def _burst(model: Model | System, times: Array) -> _Burst:
    steps = () if isinstance(model, System) else experiment_of(model).protocol
    if steps:
        found = burst_stage(experiment_of(model), times)
        return _Burst(found.endless, found.begin, found.growth)
    growth = growth_rate(model)
    if growth <= 0.0:
        raise InputError("model", model, "must burst: below threshold no delay is averaged over")
    return _Burst(model, 0.0, growth)


def why_no_delays(model: Model | System, times: Array) -> InputError | None:
    """Why `delay_average` refuses: nothing bursts in one stage, or it cannot be followed.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> why_no_delays(CollectiveBattery(n_battery=1000, n_charger=5000), np.array([0.005]))
    """
    try:
        burst = _burst(model, times)
    except InputError as refusal:
        return refusal
    rate = 2.0 * burst.growth
    if times[-1] + LOG_W[-1] / rate <= burst.begin + _longest(model, rate):
        return None
    return InputError("times", float(times[-1]), "too late to average over delays")


def _longest(model: Model | System, rate: float) -> float:
    """How long the modal run may be: outputs by the growth, steps by the resonator's decay."""
    system = model if isinstance(model, System) else system_of(model, 1)
    field = 0.0 if system.eliminated else 0.5 * system.kappa
    steps = np.inf if field == 0.0 else MOST_DECAYS / field
    return float(min(MOST_TABULATED * SPACING / rate, steps))


def averaged(
    modal: Solution,
    times: ArrayLike,
    growth: float,
    observables: Iterable[str] | None = None,
    classes: BatteryClasses | None = None,
    begin: float = 0.0,
) -> Solution:
    r"""A modal run that is there already, averaged over the delay.

    Parameters
    ----------
    modal : Solution
        From `meanfield.evolve`, from time 0 on, with some four times or more in each 1/(2 growth);
        later times than its last count as the last.
    times : array_like (T,)
    growth : float
        :math:`\lambda`, from `growth_rate`.
    classes : BatteryClasses, optional
        Of the modal run; without them there is no ``ergotropy_local``.
    begin : float
        When it begins to grow; earlier times, which the modal run has, are as they are there.
    """
    t, rate = output_times(times), 2.0 * growth
    known = list(over_delays(modal.values))
    if classes is None:
        known = [name for name in known if name != "ergotropy_local"]
    names = requested(observables, default=default(tuple(known)), available=known)
    # before it begins all runs are alike
    early, late = np.searchsorted(modal.times, t[t < begin]), t[t >= begin]
    alike, modal, classes = _split(modal, classes, begin)
    found = {name: _average(name, modal, late, rate) for name in names}
    # ergotropies are of the average state
    if "ergotropy_rotation" in found:
        energy = _average("battery_energy", modal, late, rate)
        found["ergotropy_rotation"] = local_ergotropy(energy)
    if "ergotropy_local" in found:
        assert classes is not None
        found["ergotropy_local"] = _average_local_ergotropy(modal, classes, late, rate)
    if early.size:
        found = {name: np.append(alike[name][early], value) for name, value in found.items()}
    provenance = dict(modal.provenance) | {
        "solver": "second-order cumulants averaged over the delay",
        "growth_rate": growth,
        "delay_jitter": np.pi / np.sqrt(6.0) / rate,
    }
    reading = Reading(found, warnings=modal.warnings)
    return Solution(t, reading, provenance, model=modal.model)


def _split(
    modal: Solution, classes: BatteryClasses | None, begin: float
) -> tuple[Solution, Solution, BatteryClasses | None]:
    """All of a modal run, and the run and its classes from `begin` on."""
    after = modal.times >= begin
    if after.all():
        return modal, modal, classes
    values = {name: value[after] for name, value in modal.values.items()}
    reading = Reading(values, warnings=modal.warnings)
    rest = Solution(modal.times[after], reading, modal.provenance, model=modal.model)
    if classes is not None:
        classes = BatteryClasses(classes.share, classes.inversion[after])
    return modal, rest, classes


def mean_peak_power(modal: Solution, growth: float) -> float:
    r"""Largest :math:`dE_B/dt` of the average over the delay, which is close to the modal run's.

    As `averaged` has it, at times that are as far apart as two of the average's own points: one
    evaluation of the modal run serves all of them.

    Examples
    --------
    >>> from darkbattery import meanfield
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> modal = meanfield.evolve(
    ...     CollectiveBattery(n_battery=1000, n_charger=5000), np.linspace(0.0, 0.01, 401)
    ... )
    >>> print(round(mean_peak_power(modal, growth=2000.0), -1))  # modal 1000
    780.0
    """
    rate, last = 2.0 * growth, modal.times[-1]
    peak = float(modal.times[modal["power"].argmax()])
    spacing = LOG_W[1] - LOG_W[0]
    count = round((AFTER - BEFORE) / spacing) + 1
    near = peak + (BEFORE + spacing * np.arange(count)) / rate
    first = near[0] + LOG_W[0] / rate
    all_of_them = first + spacing / rate * np.arange(count + LOG_W.size - 1)
    curve = scipy.interpolate.make_interp_spline(modal.times, modal["power"], k=3)
    mean = np.correlate(curve(np.clip(all_of_them, 0.0, last)), WEIGHT, "valid")
    return float(mean[(near > 0.0) & (near < last)].max())


def _average_local_ergotropy(
    modal: Solution, classes: BatteryClasses, times: Array, rate: float
) -> Array:
    if classes.share.size == 1:
        return local_ergotropy(_average("battery_energy", modal, times, rate))
    inversion = np.empty((times.size, classes.share.size))
    shifted = _shifted(modal, times, rate)
    for k, z in enumerate(classes.inversion.T):
        inversion[:, k] = (
            scipy.interpolate.make_interp_spline(modal.times, z, k=3)(shifted) @ WEIGHT
        )
    return local_ergotropy_of_classes(classes.share, inversion, np.zeros_like(inversion))


def _average(name: str, modal: Solution, times: Array, rate: float) -> Array:
    if name == "battery_energy":
        curve = scipy.interpolate.CubicHermiteSpline(modal.times, modal[name], modal["power"])
    else:
        curve = scipy.interpolate.make_interp_spline(modal.times, modal[name], k=3)
    found: Array = curve(_shifted(modal, times, rate)) @ WEIGHT
    return found


def _shifted(modal: Solution, times: Array, rate: float) -> Array:
    """Times of the modal run that count at each time, (T, LOG_W)."""
    found: Array = np.clip(times[:, None] + LOG_W / rate, modal.times[0], modal.times[-1])
    return found
