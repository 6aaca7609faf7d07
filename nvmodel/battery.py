"""The paper's model: battery and charger spins in one shared reservoir (its Eq. (2))."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, get_args

from darkbattery.nvmodel.detector import Detector, diffusive
from darkbattery.nvmodel.display import model_html
from darkbattery.nvmodel.experiment import Experiment, ShortForm, refuse_driven_stages
from darkbattery.nvmodel.fields import Reservoir
from darkbattery.nvmodel.held import Derived
from darkbattery.nvmodel.preparation import Preparation
from darkbattery.nvmodel.protocol import Protocol, checked_protocol
from darkbattery.nvmodel.refusal import InputError, finite_number, number_between, whole_number
from darkbattery.nvmodel.spins import MOST_SPINS, SILENT, LocalNoise, Spins, checked_start, of_type

BatteryStart = Literal["down", "thermal"]
ChargerStart = Literal["up"]
BATTERY_STARTS, CHARGER_STARTS = get_args(BatteryStart), get_args(ChargerStart)
WHOLE = 1e-15  # relative: some units in the last place of a double


@dataclass(frozen=True, repr=False)
class CollectiveBattery(ShortForm):
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
        :math:`R=N_C/N_B`, instead of `n_charger`; times `n_battery` it must be whole.
    nbar : float
        Mean thermal photon number of the reservoir, 0 to 1e15.
    temperature : float, optional
        :math:`k_BT/(\hbar\omega)`, instead of `nbar`.
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
        :math:`\omega_B-\omega_C`, an angular rate in the unit of :math:`\gamma`.
    protocol : sequence of Stage and Pulse
        What happens when; empty: one stage that lasts for ever. Outputs at the very time of a pulse
        or of a new stage are read after it.
    detector_efficiency : float
        Probability that an emitted photon is recorded; single runs are conditioned on the
        record. Averages do not depend on it.
    detector : Detector, optional
        As in `Experiment`.

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
    >>> from dataclasses import replace
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
    detector: Detector | None = None
    ratio: float = field(default=None, kw_only=True, compare=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        assign = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        assign("n_charger", _number_of_chargers(self.n_battery, self.n_charger, self.ratio))
        for name in ("n_battery", "n_charger"):
            assign(name, whole_number(name, getattr(self, name), least=1, most=MOST_SPINS))
        assign("ratio", Derived(self.n_charger / self.n_battery))
        reservoir = Reservoir(self.gamma, self.nbar, self.temperature)  # type: ignore[arg-type]
        for name in ("gamma", "nbar", "temperature"):
            assign(name, getattr(reservoir, name))
        checked_start("battery_start", self.n_battery, self.battery_start, BATTERY_STARTS)
        checked_start("charger_start", self.n_charger, self.charger_start, CHARGER_STARTS)
        for name in ("battery_noise", "charger_noise"):
            of_type(name, getattr(self, name), LocalNoise)
        assign("detuning", number_between("detuning", self.detuning, -1e15, 1e15))
        assign("protocol", checked_protocol(self.protocol))
        refuse_driven_stages(self.protocol)
        detector, efficiency = diffusive(self.detector, self.detector_efficiency)
        assign("detector", detector)
        assign("detector_efficiency", efficiency)
        battery = Spins(
            self.n_battery,
            self.battery_start,
            detuning=self.detuning,
            noise=self.battery_noise,
        )
        charger = Spins(self.n_charger, self.charger_start, noise=self.charger_noise)
        observed = self.protocol, None, efficiency, detector
        self.stand_for(Experiment(battery, charger, reservoir, *observed))

    def _repr_html_(self) -> str:
        # what a notebook shows
        return model_html(self, [("R", self.ratio)])


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
