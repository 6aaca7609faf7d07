r"""What a single run is asked: quantities of one run, in words, and conditions on them.

``battery_energy at t = 0.2``, ``work from 0.1 to 0.3``, ``first_passage of 0.5``, ``final_J``; and
``emitted_photons < 5 at t = 0.2``. Energies are conditional on the run's record, per battery spin
in :math:`\hbar\omega`; times are output times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.refusal import InputError, finite_number, known_name

Array = NDArray[np.float64]
Form = Literal["at", "window", "level", "alone"]
Sign = Literal["<", "<=", ">", ">="]

FORMS: dict[str, tuple[Form, ...]] = {
    "battery_energy": ("at",),
    "work": ("window",),
    "power": ("window",),
    "emitted_photons": ("at", "window"),
    "absorbed_photons": ("at", "window"),
    "first_passage": ("level",),
    "peak_power": ("alone",),
    "peak_power_time": ("alone",),
    "peak_emission_rate": ("alone",),
    "peak_emission_time": ("alone",),
    "burst_time": ("alone",),
    "final_J": ("alone",),
}
"""Each quantity and what stands behind its name."""
SHOWN: dict[Form, str] = {
    "at": "{} at t = 0.2",
    "window": "{} from 0.1 to 0.3",
    "level": "{} of 0.5",
    "alone": "{}",
}
MEASURED_AS = {
    "battery_energy": "battery_energy",
    "work": "battery_energy",
    "power": "power",
    "peak_power": "power",
    "first_passage": "peak_emission_time",
    "peak_power_time": "peak_emission_time",
    "burst_time": "peak_emission_time",
    "peak_emission_time": "peak_emission_time",
    "peak_emission_rate": "peak_emission_rate",
    "first_photon_time": "peak_emission_time",
    "waiting_time": "peak_emission_time",
}
"""Observables in whose unit a quantity is; the others are numbers."""
TIMES = ("first_passage", "peak_power_time", "peak_emission_time", "burst_time")
"""Quantities that are times; first passages and bursts may not come."""
PHOTONS = ("emitted_photons", "absorbed_photons")
EMISSION = ("peak_emission_rate", "peak_emission_time")
"""Quantities that take the course of a run's emission."""

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BEHIND = (
    rf"(?: at t = (?P<at>{_NUMBER})| from (?:t = )?(?P<begin>{_NUMBER}) to (?P<end>{_NUMBER})"
    rf"| of (?P<level>{_NUMBER}))?"
)
_QUANTITY = re.compile(rf"(?P<name>\w+){_BEHIND}")
_CONDITION = re.compile(rf"(?P<name>\w+) ?(?P<sign><=|>=|<|>) ?(?P<bound>{_NUMBER}){_BEHIND}")
_NEAR = 1e-9  # of the last output time: spacings are rounded


@dataclass(frozen=True)
class Courses:
    """Some runs over the output times: arrays (runs, T), and of whole runs (runs,).

    Attributes
    ----------
    energies, powers : ndarray (runs, T)
        Conditional, per battery spin.
    emitted, absorbed : ndarray (runs, T)
        Photons so far.
    burst : ndarray (runs,)
        NaN where it has not come.
    J : ndarray (runs,)
        NaN where it is not conserved.
    emission : ndarray (runs, T)
        Photons emitted per time; (runs, 0) where `Ranges.lacking` has `EMISSION`.
    """

    energies: Array
    powers: Array
    emitted: Array
    absorbed: Array
    burst: Array
    J: Array
    emission: Array


@dataclass(frozen=True)
class Quantity:
    """One number of a run.

    Examples
    --------
    >>> quantity("where", "work  from 0.10 to 0.3")
    Quantity(name='work', begin=0.1, end=0.3, level=None)
    >>> str(quantity("where", "emitted_photons at t = 0.2"))
    'emitted_photons at t = 0.2'
    """

    name: str
    begin: float | None = None
    end: float | None = None
    level: float | None = None

    def __str__(self) -> str:
        return self.name + self.behind

    @property
    def behind(self) -> str:
        """What stands behind the name."""
        if self.level is not None:
            return f" of {self.level:.12g}"
        if self.begin is not None:
            return f" from {self.begin:.12g} to {self.end:.12g}"
        return "" if self.end is None else f" at t = {self.end:.12g}"

    def places(self, field: str, times: Array) -> tuple[int, int]:
        """Which output times its own are; refused where they are none."""
        return _place(field, self.begin, times), _place(field, self.end, times)

    def of(self, runs: Courses, times: Array) -> Array:
        """Its value in each run, NaN where there is none.

        >>> up = np.array([[0.0, 0.6], [0.0, 0.2]])
        >>> runs = Courses(up, up, up, up, np.full(2, np.nan), np.array([2.0, 3.0]), up)
        >>> quantity("of", "first_passage of 0.5").of(runs, np.array([0.0, 1.0]))
        array([ 1., nan])
        """
        a, b = self.places(self.name, times)
        if self.name == "first_passage":
            assert self.level is not None
            reached = runs.energies >= self.level
            return np.where(reached.any(axis=1), times[reached.argmax(axis=1)], np.nan)
        if self.name == "peak_power":
            return np.asarray(runs.powers.max(axis=1))
        if self.name == "peak_power_time":
            return np.asarray(times[runs.powers.argmax(axis=1)])
        if self.name == "peak_emission_rate":
            return np.asarray(runs.emission.max(axis=1))
        if self.name == "peak_emission_time":
            return np.asarray(times[runs.emission.argmax(axis=1)])
        if self.name in ("burst_time", "final_J"):
            return runs.burst if self.name == "burst_time" else runs.J
        if self.name in PHOTONS:
            so_far = runs.emitted if self.name == "emitted_photons" else runs.absorbed
            return so_far[:, b] if self.begin is None else so_far[:, b] - so_far[:, a]
        if self.name == "battery_energy":
            return runs.energies[:, b]
        gained = runs.energies[:, b] - runs.energies[:, a]
        return gained if self.name == "work" else gained / (times[b] - times[a])


@dataclass(frozen=True)
class Condition:
    """What selects runs; a run without the quantity is not selected.

    >>> str(condition("where", "emitted_photons<5 at t = 0.2"))
    'emitted_photons < 5 at t = 0.2'
    """

    quantity: Quantity
    sign: Sign
    bound: float

    def __str__(self) -> str:
        return f"{self.quantity.name} {self.sign} {self.bound:.12g}{self.quantity.behind}"

    def of(self, runs: Courses, times: Array) -> NDArray[np.bool_]:
        """Which runs it selects."""
        value = self.quantity.of(runs, times)
        compare = {
            "<": np.less,
            "<=": np.less_equal,
            ">": np.greater,
            ">=": np.greater_equal,
        }[self.sign]
        return np.asarray(compare(value, self.bound))  # false for NaN


def quantity(field: str, text: object) -> Quantity:
    """A quantity as it is written; refused in a line.

    >>> quantity("joint", "work at t = 1")
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: joint = 'work at t = 1': must be "work from 0.1 to 0.3"
    """
    found = _QUANTITY.fullmatch(_line(field, text))
    if found is None:
        known = ", ".join(FORMS)
        raise InputError(field, text, f'must be such as "work from 0.1 to 0.3", of: {known}')
    return _built(field, text, found)


def condition(field: str, text: object) -> Condition:
    """A condition as it is written; refused in a line.

    >>> condition("where", "final_J = 2")
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: where = 'final_J = 2': must be such as ...
    """
    found = _CONDITION.fullmatch(_line(field, text))
    if found is None:
        raise InputError(
            field, text, 'must be such as "emitted_photons < 5 at t = 0.2", with <, <=, > or >='
        )
    sign: Sign = found["sign"]  # type: ignore[assignment]
    return Condition(_built(field, text, found), sign, float(found["bound"]))


def _line(field: str, text: object) -> str:
    if not isinstance(text, str):
        raise InputError(field, text, "must be a text")
    return " ".join(text.split())


def _built(field: str, text: object, found: re.Match[str]) -> Quantity:
    name = known_name(field, found["name"], FORMS)
    form: Form = "alone"
    if found["at"] is not None:
        form = "at"
    elif found["begin"] is not None:
        form = "window"
    elif found["level"] is not None:
        form = "level"
    if form not in FORMS[name]:
        shown = " or ".join(f'"{SHOWN[one].format(name)}"' for one in FORMS[name])
        raise InputError(field, text, f"must be {shown}")
    if form == "at":
        return Quantity(name, end=float(found["at"]))
    if form == "window":
        begin, end = float(found["begin"]), float(found["end"])
        if not begin < end:
            raise InputError(field, text, "must end after it begins")
        return Quantity(name, begin, end)
    if form == "level":
        level = finite_number(field, float(found["level"]), least=0.0, exclusive=True, most=1.0)
        return Quantity(name, level=level)
    return Quantity(name)


def _place(field: str, time: float | None, times: Array) -> int:
    if time is None:
        return 0
    at = int(np.abs(times - time).argmin())
    if abs(times[at] - time) > _NEAR * times[-1]:
        nearest = f"must be one of the output times (the nearest is {times[at]:.6g})"
        raise InputError(field, time, nearest)
    return at
