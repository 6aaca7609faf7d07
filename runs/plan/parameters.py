"""The parameters of an experiment that a plan reads, varies and blames, by name."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from darkbattery.nvmodel import Multiplet, ResonatorBattery, SpinEnsemble, Stage
from darkbattery.nvmodel.devices.estimates import estimates
from darkbattery.nvmodel.numbers import in_unit
from darkbattery.nvmodel.refusal import InputError, finite_number

Change = Callable[[ResonatorBattery, float], ResonatorBattery]


@dataclass(frozen=True)
class Parameter:
    """One number of a `ResonatorBattery`.

    Attributes
    ----------
    name, unit, meaning : str
    read : callable
        Its value in a model; None where the model has none.
    change : callable
        The model with another value; raises InputError for one that cannot be.
    independent : bool
        Whether it is a property of the device; others are combinations of these.
    """

    name: str
    unit: str
    meaning: str
    read: Callable[[ResonatorBattery], float | None]
    change: Change
    independent: bool = True


@dataclass(frozen=True)
class Vary:
    """One axis of a map: a parameter, and its values."""

    name: str
    values: tuple[float, ...]


def both(model: ResonatorBattery, change: Callable[[SpinEnsemble], SpinEnsemble]) -> Any:
    """The model with `change` applied to battery and charger."""
    battery = None if model.battery is None else change(model.battery)
    return replace(model, battery=battery, charger=change(model.charger))


def split(model: ResonatorBattery, ratio: float) -> ResonatorBattery:
    """The same spins, shared so that there are `ratio` in the charger for one in the battery."""
    ratio = finite_number("ratio", ratio, least=0.0, exclusive=True)
    battery = _battery(model)
    total = battery.number + model.charger.number
    charger = round(total * (ratio / (1.0 + ratio)))
    if not 0 < charger < total:
        raise InputError("ratio", ratio, f"leaves no spin on one side of {total}")
    return replace(
        model,
        battery=replace(battery, number=total - charger),
        charger=replace(model.charger, number=charger),
    )


def _battery(model: ResonatorBattery) -> SpinEnsemble:
    if model.battery is None:
        raise InputError("model.battery", None, "must be given: a plan charges a battery")
    return model.battery


def _total(model: ResonatorBattery) -> float:
    return float(_battery(model).number + model.charger.number)


def _with_total(model: ResonatorBattery, value: float) -> ResonatorBattery:
    value = finite_number("spins", value, least=2.0)
    factor = value / _total(model)
    return both(model, lambda spins: replace(spins, number=max(1, round(spins.number * factor))))


def _with_coupling(model: ResonatorBattery, value: float) -> ResonatorBattery:
    value = finite_number("coupling_hz", value, least=0.0, exclusive=True)
    return _scaled_coupling(model, 2.0 * math.pi * value / model.charger.coupling)


def _scaled_coupling(model: ResonatorBattery, factor: float) -> ResonatorBattery:
    return both(model, lambda spins: replace(spins, coupling=spins.coupling * factor))


def _with_cooperativity(model: ResonatorBattery, value: float) -> ResonatorBattery:
    value = finite_number("cooperativity", value, least=0.0, exclusive=True)
    now = estimates(model).cooperativity
    if not math.isfinite(now):
        raise InputError("cooperativity", value, "needs a line or a T2: it is infinite without")
    return _scaled_coupling(model, math.sqrt(value / now))


def _with_resonator(model: ResonatorBattery, **fields: Any) -> ResonatorBattery:
    return replace(model, resonator=replace(model.resonator, **fields))


def _line_width(model: ResonatorBattery) -> float | None:
    line: Any = model.charger.line
    if line is None:
        return None
    part: Any = line.line if isinstance(line, Multiplet) else line
    return float(part.fwhm_hz)


def _with_line_width(model: ResonatorBattery, value: float) -> ResonatorBattery:
    value = finite_number("line_fwhm_hz", value, least=0.0, exclusive=True)
    now = _line_width(model)
    if now is None:
        raise InputError("line_fwhm_hz", value, "the model has no line: give it a shape first")
    return both(model, lambda spins: _broader(spins, value / now))


def _broader(spins: SpinEnsemble, factor: float) -> SpinEnsemble:
    line: Any = spins.line
    if line is None:
        return spins
    if isinstance(line, Multiplet):
        part: Any = line.line
        return replace(spins, line=replace(line, line=part.stretched(factor)))
    return replace(spins, line=line.stretched(factor))


def _with_t2(model: ResonatorBattery, value: float) -> ResonatorBattery:
    return both(model, lambda spins: replace(spins, t2_s=value))


def _with_t1(model: ResonatorBattery, value: float) -> ResonatorBattery:
    return both(model, lambda spins: replace(spins, t1_s=value))


def _with_polarisation(model: ResonatorBattery, value: float) -> ResonatorBattery:
    battery = _battery(model)
    return replace(model, battery=replace(battery, polarisation=_signed(value, battery)))


def _with_inversion(model: ResonatorBattery, value: float) -> ResonatorBattery:
    charger = model.charger
    return replace(model, charger=replace(charger, polarisation=_signed(value, charger)))


def _signed(value: float, spins: SpinEnsemble) -> float:
    """A magnitude with the sign that the ensemble starts with: a pulse may come first."""
    return math.copysign(value, spins.polarisation)


def _rise(model: ResonatorBattery) -> float | None:
    rises = [step.rise for step in model.protocol if isinstance(step, Stage)]
    return max(rises, default=0.0) or None


def _with_rise(model: ResonatorBattery, value: float) -> ResonatorBattery:
    now = _rise(model)
    if now is None:
        raise InputError("rise_s", value, "needs a sequence whose detunings take a rise")
    steps = [
        step.with_rise_stretched(value / now) if isinstance(step, Stage) else step
        for step in model.protocol
    ]
    return replace(model, protocol=tuple(steps))


def _with_spread(model: ResonatorBattery, value: float) -> ResonatorBattery:
    if _spread(model) is None:
        raise InputError("coupling_spread", value, "not where couplings are a map of the field")
    return both(model, lambda spins: replace(spins, coupling_spread=value))


def _spread(model: ResonatorBattery) -> float | None:
    sides = (model.charger, _battery(model))
    return None if any(spins.couplings for spins in sides) else model.charger.coupling_spread


_ALL = (
    Parameter("spins", "1", "spins of battery and charger together", _total, _with_total),
    Parameter(
        "coupling_hz",
        "Hz",
        "g/2pi of one charger spin; the battery's in proportion",
        lambda model: model.charger.coupling / (2.0 * math.pi),
        _with_coupling,
    ),
    Parameter(
        "resonator_fwhm_hz",
        "Hz",
        "kappa/2pi",
        lambda model: model.resonator.kappa / (2.0 * math.pi),
        lambda model, value: _with_resonator(
            model, linewidth_fwhm_hz=value, linewidth_hwhm_hz=None, loaded_q=None
        ),
    ),
    Parameter(
        "line_fwhm_hz",
        "Hz",
        "width of the charger's line (of each hyperfine component); the battery's in proportion",
        _line_width,
        _with_line_width,
    ),
    Parameter("t2_s", "s", "T2 of both ensembles", lambda m: m.charger.coherence_time, _with_t2),
    Parameter("t1_s", "s", "T1 of both ensembles", lambda m: m.charger.t1_s, _with_t1),
    Parameter(
        "polarisation",
        "1",
        "of the battery, which starts down",
        lambda model: abs(_battery(model).polarisation),
        _with_polarisation,
    ),
    Parameter(
        "inversion",
        "1",
        "polarisation of the charger, which starts up, or is turned up in a sequence",
        lambda model: abs(model.charger.polarisation),
        _with_inversion,
    ),
    Parameter(
        "coupling_spread",
        "1",
        "standard deviation over mean of the couplings",
        _spread,
        _with_spread,
    ),
    Parameter(
        "temperature_k",
        "K",
        "of the resonator's surroundings",
        lambda model: model.resonator.temperature_k,
        lambda model, value: _with_resonator(model, temperature_k=value),
    ),
    Parameter(
        "rise_s", "s", "longest rise of a sequence; the others in proportion", _rise, _with_rise
    ),
    Parameter(
        "ratio",
        "1",
        "N_C/N_B at constant N_C + N_B",
        lambda model: model.charger.number / _battery(model).number,
        split,
        independent=False,
    ),
    Parameter(
        "cooperativity",
        "1",
        "C of all spins aligned, set by the couplings",
        lambda model: estimates(model).cooperativity,
        _with_cooperativity,
        independent=False,
    ),
)

PARAMETERS = {one.name: one for one in _ALL}
"""All parameters by name; where two are varied, the later in this order is set last."""


def changed(model: ResonatorBattery, values: dict[str, float]) -> ResonatorBattery:
    """The model with several parameters set, in the order of `PARAMETERS`."""
    for name, one in PARAMETERS.items():
        if name in values:
            model = one.change(model, values[name])
    return model


def shown(value: float, unit: str = "1") -> str:
    """Three digits, with a prefix of the unit; nothing there is a dash.

    >>> shown(1.23456e-9, "J"), shown(float("nan")), shown(float("inf"), "s"), shown(0.1482, "ħω")
    ('1.23 nJ', '-', 'inf', '0.148 ħω')
    """
    if unit == "MHz":
        value, unit = 1e6 * value, "Hz"
    return in_unit(value, unit)
