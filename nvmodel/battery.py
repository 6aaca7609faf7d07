"""The paper's model: battery and charger spins in one shared reservoir (its Eq. (2))."""

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from darkbattery.nvmodel.display import model_html, model_text
from darkbattery.nvmodel.held import Derived, Held, given
from darkbattery.nvmodel.noise import LocalNoise
from darkbattery.nvmodel.observables import OWN_TIME_UNIT, TIME_UNIT
from darkbattery.nvmodel.preparation import DickeState, Polarised, Preparation, checked_preparation
from darkbattery.nvmodel.protocol import (
    Protocol,
    Stage,
    checked_protocol,
    refuse_beyond,
    simplified,
)
from darkbattery.nvmodel.refusal import (
    InputError,
    finite_number,
    known_name,
    number_between,
    whole_number,
)
from darkbattery.nvmodel.times import MOST_RATE

# above this nbar and nbar + 1 are the same double, and no reservoir is that hot
MOST_NBAR = 1e15

# a cubic centimetre of diamond at one NV per 100,000 atoms holds as many
MOST_SPINS = 10**18

BatteryStart = Literal["down", "thermal"]
ChargerStart = Literal["up"]
SILENT = LocalNoise()
WHOLE = 1e-15  # relative: some units in the last place of a double


@dataclass(frozen=True)
class Reservoir:
    """What takes and gives excitations of all spins together, at gamma, with nbar photons."""

    gamma: float
    nbar: float


def thermal_occupation(temperature: float) -> float:
    r"""Mean photon number :math:`\bar n = 1/(e^{1/T}-1)` at `temperature` k_B T/(hbar omega).

    >>> thermal_occupation(0.0)
    0.0
    >>> round(thermal_occupation(1.0), 6)
    0.581977
    """
    temperature = finite_number("temperature", temperature, least=0.0)
    if temperature < 1e-3:  # less than 1e-434, which no double holds
        return 0.0
    inverse = 1.0 / temperature
    # 1/(e^x - 1) and e^-x differ by less than 1e-300 of it there, and e^x overflows soon
    return math.exp(-inverse) if inverse > 700.0 else 1.0 / math.expm1(inverse)


@dataclass(frozen=True)
class CollectiveBattery:
    r"""Battery and charger spins that share one reservoir; and, if asked, what real spins add.

    .. math:: \dot\rho ={}& \gamma(\bar n+1) D[J^-]\rho + \gamma\bar n D[J^+]\rho \\
              & - i[\Delta J_B^z,\rho] + \text{local noise}, \\
              D[L]\rho ={}& L\rho L^\dagger - \tfrac12\{L^\dagger L,\rho\},

    with :math:`J^\pm = J_B^\pm + J_C^\pm` (Quach and Munro 2020, Eq. (2), in the frame that
    rotates with the charger). `gamma` multiplies the standard dissipator D, which is what the
    paper's appendix and figures use; its Eq. (2) as printed holds twice that.

    Parameters
    ----------
    n_battery, n_charger : int
        Numbers of spins, each 1 to 1e18, in any order of sizes.
    ratio : float, optional
        R = N_C/N_B, instead of `n_charger`; times `n_battery` it must be whole.
    nbar : float
        Mean thermal photon number of the reservoir, 0 to 1e15.
    temperature : float, optional
        k_B T/(hbar omega), instead of `nbar`.
    gamma : float
        Collective damping rate; its inverse is the unit of time. 1e-100 to 1e100.
    battery_start : "down", "thermal", DickeState or Polarised
        All battery spins down (the paper's appendix), in equilibrium with the reservoir
        (its section II), in a Dicke state, or each up with a given probability.
    charger_start : "up", DickeState or Polarised
        All charger spins up unless said otherwise.
    battery_noise, charger_noise : LocalNoise
        Of every single spin; none by default.
    detuning : float
        omega_B - omega_C, an angular rate in the unit of gamma.
    protocol : sequence of Stage and Pulse
        What happens when; empty: one stage that lasts for ever. Outputs at the very time of a pulse
        or of a new stage are read after it.
    detector_efficiency : float
        Probability that an emitted photon is recorded; single runs are conditioned on the
        record. Averages do not depend on it.

    Raises
    ------
    InputError
        For anything else; the message names the field.

    Examples
    --------
    >>> battery = CollectiveBattery(n_battery=10, ratio=5)
    >>> battery
    CollectiveBattery(n_battery=10, n_charger=50)
    >>> battery.ratio, battery.nbar
    (5.0, 0.0)
    >>> replace(battery, temperature=2.0).nbar
    1.5414940825367982
    """

    n_battery: int
    n_charger: int = None  # type: ignore[assignment]  # None until `ratio` has made it
    nbar: float | None = None
    temperature: float | None = None
    gamma: float = 1.0
    battery_start: BatteryStart | Preparation = "down"
    charger_start: ChargerStart | Preparation = "up"
    battery_noise: LocalNoise = SILENT
    charger_noise: LocalNoise = SILENT
    detuning: float = 0.0
    protocol: Protocol = ()
    detector_efficiency: float = 1.0
    ratio: float = field(default=None, kw_only=True, compare=False)  # type: ignore[assignment]

    resonator: ClassVar[None] = None  # the field follows the spins at once
    drive: ClassVar[None] = None
    ensembles: ClassVar[tuple[()]] = ()  # none whose spins differ from each other

    def __post_init__(self) -> None:
        assign = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        assign("n_charger", _number_of_chargers(self.n_battery, self.n_charger, self.ratio))
        for name in ("n_battery", "n_charger"):
            assign(name, whole_number(name, getattr(self, name), least=1, most=MOST_SPINS))
        assign("ratio", Derived(self.n_charger / self.n_battery))
        assign("gamma", finite_number("gamma", self.gamma, least=1.0 / MOST_RATE, most=MOST_RATE))
        for name, spins, known in (
            ("battery_start", self.n_battery, get_args(BatteryStart)),
            ("charger_start", self.n_charger, get_args(ChargerStart)),
        ):
            start = getattr(self, name)
            if isinstance(start, str):
                known_name(name, start, known)
            else:
                checked_preparation(name, spins, start)
        for name in ("battery_noise", "charger_noise"):
            if not isinstance(getattr(self, name), LocalNoise):
                raise InputError(name, getattr(self, name), "must be a LocalNoise")
        assign("detuning", number_between("detuning", self.detuning, -1e15, 1e15))
        assign("protocol", checked_protocol(self.protocol))
        for i, step in enumerate(self.protocol):
            if isinstance(step, Stage) and step.drives:
                text = "must be (): a shared reservoir is not driven"
                raise InputError(f"protocol[{i}].drives", step.drives, text)
        efficiency = number_between("detector_efficiency", self.detector_efficiency, 0.0, 1.0)
        assign("detector_efficiency", efficiency)
        photons, temperature = given(self.nbar, self.temperature)
        if temperature is None:
            assign("temperature", None)
            kind = Derived if photons is None else Held
            photons = 0.0 if photons is None else photons
            photons = finite_number("nbar", photons, least=0.0, most=MOST_NBAR)
            assign("nbar", kind(photons))
            return
        kept = finite_number("temperature", temperature, least=0.0, most=MOST_NBAR)
        assign("temperature", Held(kept))
        assign("nbar", Derived(thermal_occupation(kept)))
        if photons is not None and photons != self.nbar:
            raise InputError("nbar", photons, "give nbar or temperature, not both")

    @property
    def occupation(self) -> float:
        """`nbar` as a plain float (the field's type admits None only while constructing)."""
        assert self.nbar is not None
        return float(self.nbar)

    def __repr__(self) -> str:
        return model_text(self)

    def _repr_html_(self) -> str:
        # what a notebook shows
        return model_html(self, [("R", self.ratio)])

    @property
    def time_unit(self) -> str:
        """Unit of times: 1/gamma, or the user's own where gamma is not 1."""
        return TIME_UNIT if self.gamma == 1.0 else OWN_TIME_UNIT

    @property
    def reservoir(self) -> Reservoir:
        """What all spins share."""
        return Reservoir(self.gamma, self.occupation)

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of spins of battery and charger."""
        return self.n_battery, self.n_charger

    @property
    def collective_rate(self) -> float:
        """(N_B + N_C) gamma."""
        return (self.n_battery + self.n_charger) * self.gamma

    @property
    def burst_rate(self) -> float | None:
        """|N_C - N_B| gamma, at which a burst grows; None for R = 1."""
        return abs(self.n_charger - self.n_battery) * self.gamma or None

    @property
    def equation(self) -> str:
        """The master equation, in LaTeX."""
        text = r"\dot\rho = \gamma(\bar n+1)\,D[J^-]\rho + \gamma\bar n\,D[J^+]\rho"
        if self.detuning != 0.0:
            text += r" - i\Delta\,[J_B^z,\rho]"
        if {"battery_noise", "charger_noise"} & set(self.beyond_collective):
            text += (
                r" + \sum_n\left(g_\phi D[\sigma^z_n/2]"
                r"+g_\downarrow D[\sigma^-_n]+g_\uparrow D[\sigma^+_n]\right)\rho"
            )
        return text

    @property
    def symbols(self) -> str:
        """The equation's symbols in words."""
        return (
            "J± = J_B± + J_C± of battery and charger, γ the collective rate, n̄ the reservoir's "
            "photons (Quach and Munro 2020, Eq. (2); D is the standard dissipator)."
        )

    @property
    def thermal_energy(self) -> float:
        r"""Energy per spin in equilibrium, :math:`\bar n/(2\bar n+1)`, in hbar omega (Eq. (8))."""
        return self.occupation / (2.0 * self.occupation + 1.0)

    @property
    def battery_preparation(self) -> Preparation:
        """The battery's start as what every spin does."""
        if self.battery_start == "down":
            return DickeState(0)
        if self.battery_start == "thermal":
            return Polarised(self.thermal_energy)
        assert not isinstance(self.battery_start, str)
        return self.battery_start

    @property
    def charger_preparation(self) -> Preparation:
        """The charger's start as what every spin does."""
        if self.charger_start == "up":
            return DickeState(self.n_charger)
        assert not isinstance(self.charger_start, str)
        return self.charger_start

    @property
    def stages(self) -> Protocol:
        """The protocol, one endless stage where none was given."""
        return self.protocol or (Stage(math.inf),)

    @property
    def is_collective(self) -> bool:
        """Whether the dynamics is the paper's: all it may lack is a perfect detector.

        >>> CollectiveBattery(2, 3, detector_efficiency=0.5).is_collective
        True
        """
        return set(self.beyond_collective) <= {"detector_efficiency"}

    @property
    def beyond_collective(self) -> tuple[str, ...]:
        """Names of the fields that leave the paper's model; empty for the paper's model.

        A protocol counts where it switches anything.

        >>> CollectiveBattery(2, 3, detuning=0.1).beyond_collective
        ('detuning',)
        >>> CollectiveBattery(2, 3, protocol=(Stage(1.0), Stage(2.0))).beyond_collective
        ()
        """
        if self.protocol and (switching := without_idle_switching(self)) != self:
            return switching.beyond_collective
        fields = []
        cold_or_single = self.n_battery == 1 or self.occupation == 0.0
        if not (
            self.battery_start == "down" or (self.battery_start == "thermal" and cold_or_single)
        ):
            fields.append("battery_start")
        if self.charger_start != "up":
            fields.append("charger_start")
        for name in ("battery_noise", "charger_noise"):
            if not getattr(self, name).silent:
                fields.append(name)
        if self.detuning != 0.0:
            fields.append("detuning")
        if self.protocol:
            fields.append("protocol")
        if self.detector_efficiency != 1.0:
            fields.append("detector_efficiency")
        return tuple(fields)


def _number_of_chargers(n_battery: object, n_charger: object, ratio: object) -> object:
    if ratio is None or isinstance(ratio, Derived):
        if n_charger is None:
            raise InputError("n_charger", None, "must be given, or ratio")
        return n_charger
    spins = whole_number("n_battery", n_battery, least=1, most=MOST_SPINS)
    found = charger_spins(ratio, spins)
    if n_charger is not None and n_charger != found:
        raise InputError("ratio", ratio, "give n_charger or ratio, not both")
    return found


def charger_spins(ratio: object, n_battery: int) -> int:
    """`ratio` as it is written, times `n_battery`: whole but for the rounding of a division.

    >>> charger_spins(0.57, 100), charger_spins(1 / 3, 9), charger_spins(1.1, 10**16)
    (57, 3, 11000000000000000)
    """
    number = finite_number("ratio", ratio, least=0.0, exclusive=True, most=MOST_SPINS)
    exact = Fraction(repr(number)) * n_battery
    charger = round(exact)
    if abs(charger - exact) > WHOLE * exact:
        raise InputError("ratio", ratio, f"times n_battery = {n_battery} must be whole")
    return charger


def without_idle_switching(battery: CollectiveBattery) -> CollectiveBattery:
    """The same battery; without a protocol where that switches nothing.

    One stage that couples both ensembles is the model itself, with that stage's noise.

    Examples
    --------
    >>> idle = (Stage(1.0), Stage(math.inf))
    >>> without_idle_switching(CollectiveBattery(2, 3, protocol=idle)).protocol
    ()
    """
    if not battery.protocol:
        return battery
    steps = simplified(battery.protocol, battery.battery_noise, battery.charger_noise)
    if not steps:
        return replace(battery, protocol=())
    only = steps[0]
    if len(steps) > 1 or not isinstance(only, Stage) or not only.is_plain:
        # names are for figures alone
        return replace(battery, protocol=tuple(replace(step, name="") for step in steps))
    assert only.battery_noise is not None
    assert only.charger_noise is not None
    return replace(
        battery,
        battery_noise=only.battery_noise,
        charger_noise=only.charger_noise,
        protocol=(),
    )


def to_be_solved(battery: CollectiveBattery, times: ArrayLike) -> CollectiveBattery:
    """What every method solves for a battery: its idle switching is removed, once and here.

    `times` (T,) are rising; infinity for a steady state. Refused beyond the protocol's end.

    >>> to_be_solved(CollectiveBattery(2, 3, protocol=(Stage(2.0),)), [1.0, 3.0])
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: times[1] = 3.0: must be <= 2, where the protocol ends
    """
    refuse_beyond(battery.stages, np.asarray(times, dtype=float))
    return without_idle_switching(battery)


def only_on_ladders(battery: CollectiveBattery, where: str) -> None:
    """Refuse a battery whose dynamics `where` does not describe, whatever a detector sees of it."""
    only_collective(replace(battery, detector_efficiency=1.0), where)


def only_collective(battery: CollectiveBattery, where: str) -> None:
    """Refuse a battery that `where` does not describe, by the first field that leaves it.

    >>> only_collective(CollectiveBattery(2, 3, detuning=0.1), "the steady state")
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: detuning = 0.1: not in the steady state; ...
    """
    for name in battery.beyond_collective:
        raise InputError(
            name,
            getattr(without_idle_switching(battery), name),
            f"not in {where}; use trajectories.evolve or sample",
        )
