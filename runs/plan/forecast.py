r"""What one model would do: the burst that charges the battery, and how long the energy stays.

Everything is read from one modal run (second-order cumulants) over the burst and the dephasing
after it. "Charged" is the moment of the largest battery energy, less what T1 has brought by then:
that would come without a charger as well. The dephased ensemble that is left
then no longer evolves collectively: its energy goes to equilibrium at 1/T1 and at the rate at which
single spins emit through the resonator.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import constants
from scipy.interpolate import CubicHermiteSpline

from darkbattery.meanfield.averages.delay import BurstDelay, delay_of_growth, mean_peak_power
from darkbattery.meanfield.averages.linear import growth_rate, mean_delay_shift
from darkbattery.meanfield.averages.modal import modal_run
from darkbattery.meanfield.classes.moments import is_broadened
from darkbattery.nvmodel import ResonatorBattery, Solution
from darkbattery.nvmodel.devices.estimates import Estimates, estimates
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.plan.window import (
    FEWEST,
    UNSETTLED,
    Window,
    dephasing_rate,
    equilibrium_inversion,
    growth_lasts,
    is_too_slow,
    most_classes,
    settling_window,
    window,
)

Array = NDArray[np.float64]

# of the rise of the battery's energy: reaching it ends the charging time
CHARGED = 0.99
# per spin, what doubles leave of zero in sums over a run
ROUNDING = 1e-12
# classes are doubled until energies of K and K/2 classes differ by less, in hbar omega
CLASS_ERROR, MOST = 0.005, 128
MARGINAL = "so little above threshold that nothing comes of it before a delay that is not followed"


@dataclass(frozen=True, eq=False)
class Forecast:
    """Numbers for an experiment; energies in J, times in s, powers in W; NaN where there is none.

    Attributes
    ----------
    estimates : Estimates
    growth_rate : float
        lambda (rad/s); <= 0: no burst, and the battery is not charged.
    delay : BurstDelay or None
        Expected before solving.
    energy, gained, ergotropy : float
        Per battery spin, in hbar omega: stored when charged, its rise since the start, and what
        rotations of every spin by itself can extract (`ergotropy_local`).
    ergotropy_rotation : float
        What one rotation of all spins can.
    given, warmed : float
        Parts of `gained`: what came through the resonator from the charger, and what came from the
        surroundings, by T1 or as thermal photons of which more came in than went out.
    lasts : bool
        Whether the inversion stays above threshold over the delay.
    initial_joule : float
        In charger, battery and resonator at the start.
    energy_joule, gained_joule, given_joule, ergotropy_joule : float
        Stored, gained, given by the charger and extractable, of the whole battery.
    peak_power, mean_peak_power : float
        Largest dE/dt of the whole battery: of the modal run, and of the average over runs.
    charging_time, charging_spread : float
        Mean and standard deviation over runs of the time at which 99 % of the rise is reached.
    left_joule, resonator_joule, out_joule : float
        When charged: in the charger, in the resonator, and net sent out since the start.
    supplied_joule : float
        Net from what T1 leads to, since the start.
    kept : float
        Share of the rise that is left once the ensembles have dephased; T1's warming left out.
    storage_time : float
        From charged on, until the excess of the battery's energy over equilibrium stays below 1/e
        of its value then; NaN for the reason in `no_storage`.
    no_storage : str
        Why there is no storage time; empty where there is one.
    balance : float
        What the bookkeeping misses, per spin in hbar omega: the solver's error.
    classes : int
    class_error : float
        Difference to half as many classes, in hbar omega; NaN where not asked for.
    warnings : tuple of str
    rest : float or None
        How long the run went on after the burst.
    curve : Solution or None
        The modal run.
    """

    estimates: Estimates
    growth_rate: float
    delay: BurstDelay | None
    energy: float
    gained: float
    ergotropy: float
    initial_joule: float
    energy_joule: float
    gained_joule: float
    ergotropy_joule: float
    ergotropy_rotation: float = 0.0
    given: float = 0.0
    warmed: float = 0.0
    given_joule: float = 0.0
    lasts: bool = True
    peak_power: float = 0.0
    mean_peak_power: float = 0.0
    charging_time: float = math.nan
    charging_spread: float = math.nan
    left_joule: float = math.nan
    resonator_joule: float = math.nan
    out_joule: float = 0.0
    supplied_joule: float = 0.0
    kept: float = math.nan
    storage_time: float = math.nan
    no_storage: str = ""
    balance: float = 0.0
    classes: int = 1
    class_error: float = math.nan
    warnings: tuple[str, ...] = ()
    rest: float | None = None
    curve: Solution | None = None

    @property
    def bursts(self) -> bool:
        """Whether the start is unstable, and stays so until the burst comes."""
        return self.growth_rate > 0.0 and self.lasts


def forecast(
    model: ResonatorBattery, classes: int | None = None, rest: float | None = None
) -> Forecast:
    """Solve one model.

    Parameters
    ----------
    model : ResonatorBattery
    classes : int, optional
        Frequency classes. Default: doubled until energies hold to 0.005 hbar omega.
    rest : float, optional
        How long to go on after the burst, s. Default: until energies settle.

    Raises
    ------
    InputError
        Without a battery, with a drive, or with a resonator that nothing leaves.
    """
    if model.battery is None:
        raise InputError("model.battery", None, "must be given: a plan charges a battery")
    if model.drive is not None:
        raise InputError("model.drive", model.drive, "must be absent: a plan charges in the dark")
    if model.protocol:
        raise InputError(
            "model.protocol",
            [s.name for s in model.protocol],
            "must be absent: a plan charges once",
        )
    rates, growth = estimates(model), growth_rate(model)
    if growth <= 0.0:
        return _without_burst(model, rates, growth)
    delay = delay_of_growth(model, growth)
    if is_too_slow(model, growth, delay):
        marginal = replace(
            _without_burst(model, rates, growth),
            delay=delay,
            lasts=growth_lasts(model, growth, delay),
            no_storage="the burst is not followed",
        )
        return replace(marginal, warnings=(f"{MARGINAL} ({delay.mean:.2g} s)",))
    chosen = (
        settling_window(model, rates, growth, delay)
        if rest is None
        else window(model, rates, growth, delay, rest)
    )
    burst = _Burst(model, rates, growth, delay, chosen)
    if not is_broadened(model):
        return _solved(burst, 1)
    if classes is not None:
        return _with_classes(burst, classes)
    K = FEWEST
    coarse = _with_classes(burst, K)
    while True:
        fine = _with_classes(burst, 2 * K)
        error = max(
            abs(fine.energy - coarse.energy),
            abs(fine.kept * fine.gained - coarse.kept * coarse.gained),
        )
        K *= 2
        if error < CLASS_ERROR or K >= MOST:
            return _with_error(fine, error)
        coarse = fine


def equilibrium_energy(model: ResonatorBattery) -> float:
    """Energy of a battery spin that its surroundings lead to, in hbar omega."""
    assert model.battery is not None
    return 0.5 * (1.0 + equilibrium_inversion(model, model.battery))


def _quantum(model: ResonatorBattery) -> float:
    return constants.h * model.resonator.frequency_hz


def _without_burst(model: ResonatorBattery, rates: Estimates, growth: float) -> Forecast:
    assert model.battery is not None
    energy = 0.5 * (1.0 - model.battery.polarisation)
    joule = _quantum(model) * model.battery.number
    ergotropy = max(0.0, 2.0 * energy - 1.0)
    charger = 0.5 * (1.0 + model.charger.polarisation) * model.charger.number
    initial = model.battery.number * energy + charger + model.nbar
    return Forecast(
        rates,
        growth,
        None,
        energy=energy,
        gained=0.0,
        ergotropy=ergotropy,
        initial_joule=_quantum(model) * initial,
        energy_joule=joule * energy,
        gained_joule=0.0,
        ergotropy_joule=joule * ergotropy,
        ergotropy_rotation=ergotropy,
        left_joule=_quantum(model) * charger,
        resonator_joule=_quantum(model) * model.nbar,
        no_storage="nothing was charged",
    )


def _with_error(found: Forecast, error: float) -> Forecast:
    warnings = found.warnings
    if error >= CLASS_ERROR:
        warnings += (
            f"stored energy with {found.classes // 2} and {found.classes} classes differs by "
            f"{error:.2g} hbar omega",
        )
    return replace(found, class_error=error, warnings=warnings)


@dataclass(frozen=True, eq=False)
class _Burst:
    """What is to be solved, and what is known of it before."""

    model: ResonatorBattery
    rates: Estimates
    growth: float
    delay: BurstDelay
    window: Window


def _with_classes(burst: _Burst, classes: int) -> Forecast:
    """With more classes where so few diverge, as a wide spread of couplings can do."""
    model = burst.model
    for K in (classes, 2 * classes, 4 * classes):
        try:
            return _solved(burst, most_classes(model, K))
        except InputError as error:
            if error.field != "times":  # that is where it diverges
                raise
    raise InputError("model", model, f"its second-order equations diverge, with {K} classes too")


def _solved(burst: _Burst, classes: int) -> Forecast:
    model, rates, growth, delay = burst.model, burst.rates, burst.growth, burst.delay
    assert model.battery is not None
    curve = modal_run(model, burst.window.times, classes, growth)
    energy, quantum, N_B = curve["battery_energy"], _quantum(model), model.battery.number
    rise, heat = energy - energy[0], _heat(model, curve)
    own = rise - np.maximum(heat, 0.0)
    full = int(own.argmax())
    N, held, out, supplied = _excitations(model, curve)
    balance = float(np.abs(curve["excitation_balance"]).max())
    error = max(balance, ROUNDING)
    ergotropy = float(curve["ergotropy_local"][full])
    # what the thermal field sends in, less what it takes, is not the charger's
    warmed = _beyond(float(heat[full]) + max(0.0, -float(out[full])) / N_B, error)
    given = float(rise[full]) - warmed
    storage, no_storage = _storage_time(model, rates, curve, full, float(own[full]))
    return Forecast(
        rates,
        growth,
        delay,
        energy=float(energy[full]),
        gained=float(rise[full]),
        ergotropy=ergotropy,
        initial_joule=quantum * float(held[0]),
        energy_joule=quantum * N_B * float(energy[full]),
        gained_joule=quantum * N_B * float(rise[full]),
        ergotropy_joule=quantum * N_B * ergotropy,
        ergotropy_rotation=_beyond(float(curve["ergotropy_rotation"][full]), error),
        given=given,
        warmed=warmed,
        given_joule=quantum * N_B * given,
        lasts=growth_lasts(model, growth, delay),
        peak_power=quantum * N_B * float(curve["power"].max()),
        mean_peak_power=quantum * N_B * mean_peak_power(curve, growth),
        charging_time=_first_reached(curve.times, own, full) + mean_delay_shift(growth),
        charging_spread=delay.spread,
        left_joule=float(curve["charger_energy_joule"][full]),
        resonator_joule=quantum * float(curve["photons"][full]),
        out_joule=quantum * _beyond(float(out[full]), error * N),
        supplied_joule=quantum * _beyond(float(supplied[full]), error * N),
        kept=float(own[-1] / own[full]) if own[full] > 0.0 else math.nan,
        storage_time=storage,
        no_storage=no_storage,
        balance=balance,
        classes=classes,
        warnings=curve.warnings + (() if burst.window.settled else (UNSETTLED,)),
        rest=burst.window.rest,
        curve=curve,
    )


def _excitations(model: ResonatorBattery, curve: Solution) -> tuple[int, Array, Array, Array]:
    """The number of spins; excitations held, sent out since the start, and supplied by T1."""
    assert model.battery is not None
    N_B, N_C = model.battery.number, model.charger.number
    out = curve["emitted_photons"] - curve["absorbed_photons"]
    held = N_B * curve["battery_energy"] + N_C * curve["charger_energy"] + curve["photons"]
    # less those at the start and what the solver lost
    supplied = held - held[0] + out - (N_B + N_C) * curve["excitation_balance"]
    return N_B + N_C, held, out, supplied


def _beyond(value: float, error: float) -> float:
    """Zero where it is that to the solver's error.

    >>> _beyond(9.54e-14, 1e-12), _beyond(-0.3, 1e-12)
    (0.0, -0.3)
    """
    return value if abs(value) > error else 0.0


def _heat(model: ResonatorBattery, curve: Solution) -> Array:
    """What T1 has brought each battery spin since the start, in hbar omega; negative: taken."""
    assert model.battery is not None
    energy = CubicHermiteSpline(curve.times, curve["battery_energy"], curve["power"])
    held = energy.antiderivative()(curve.times)
    brought = equilibrium_energy(model) * curve.times - (held - held[0])
    return np.asarray(model.battery.relaxation_rate * brought)


def _first_reached(times: Array, rise: Array, full: int) -> float:
    """When 99 % of the rise is first there."""
    goal = CHARGED * rise[full]
    i = int(np.argmax(rise >= goal))
    if i == 0:
        return float(times[0])
    return float(np.interp(goal, rise[i - 1 : i + 1], times[i - 1 : i + 1]))


def _storage_time(
    model: ResonatorBattery, rates: Estimates, curve: Solution, full: int, own: float
) -> tuple[float, str]:
    """The time, or NaN and why there is none."""
    if own <= 0.0:
        return math.nan, "nothing was charged"
    assert model.battery is not None
    excess = curve["battery_energy"] - equilibrium_energy(model)
    if excess[full] <= 0.0:
        return math.nan, "its surroundings hold more in each spin"
    goal = excess[full] / math.e
    if excess[-1] <= goal:
        # the last time it falls below: a swing of the field may take it there and back
        i = int(np.flatnonzero(excess > goal)[-1]) + 1
        when = np.interp(-goal, -excess[i - 1 : i + 1], curve.times[i - 1 : i + 1])
        return float(when - curve.times[full]), ""
    rate = model.battery.relaxation_rate
    if dephasing_rate(model) > 0.0:
        rate += rates.single_spin_rate * (2.0 * model.nbar + 1.0)
    if rate == 0.0:
        return math.inf, ""
    waited = float(curve.times[-1] - curve.times[full])
    return waited + math.log(float(excess[-1]) / goal) / rate, ""


def numbers(
    model: ResonatorBattery, classes: int | None = None, rest: float | None = None
) -> Forecast:
    """`forecast` without its curve: what travels between ranks."""
    return replace(forecast(model, classes, rest), curve=None)
