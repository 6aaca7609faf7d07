"""The paper's model: battery and charger spins in one shared reservoir (its Eq. (2))."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from nvmodel.refusal import InputError, finite_number, known_name, whole_number

BatteryStart = Literal["down", "thermal"]


def thermal_occupation(temperature: float) -> float:
    r"""Mean photon number :math:`\bar n = 1/(e^{1/T}-1)` at `temperature` k_B T/(hbar omega).

    >>> thermal_occupation(0.0)
    0.0
    >>> round(thermal_occupation(1.0), 6)
    0.581977
    """
    if temperature == 0.0:
        return 0.0
    inverse = 1.0 / temperature
    return 0.0 if inverse > 745.0 else 1.0 / math.expm1(inverse)


@dataclass(frozen=True)
class CollectiveBattery:
    r"""Battery and charger spins that share one reservoir, and nothing else.

    .. math:: \dot\rho = \gamma(\bar n+1) D[J^-]\rho + \gamma\bar n D[J^+]\rho,\qquad
              D[L]\rho = L\rho L^\dagger - \tfrac12\{L^\dagger L,\rho\},

    with :math:`J^\pm = J_B^\pm + J_C^\pm` (Quach and Munro 2020, Eq. (2), in the frame that
    rotates at omega). `gamma` multiplies the standard dissipator D, which is what the paper's
    appendix and figures use; its Eq. (2) as printed holds twice that. The charger starts with
    all spins up.

    Parameters
    ----------
    n_battery, n_charger : int
        Numbers of spins, each at least 1, in any order of sizes.
    nbar : float
        Mean thermal photon number of the reservoir, >= 0.
    temperature : float, optional
        k_B T/(hbar omega), instead of `nbar`.
    gamma : float
        Collective damping rate; its inverse is the unit of time. > 0.
    battery_start : "down" or "thermal"
        All battery spins down (the paper's appendix), or in equilibrium with the reservoir
        (its section II).

    Raises
    ------
    InputError
        For anything else; the message names the field.

    Examples
    --------
    >>> battery = CollectiveBattery(n_battery=10, n_charger=50)
    >>> battery.ratio, battery.nbar
    (5.0, 0.0)
    >>> CollectiveBattery(n_battery=1, n_charger=1, temperature=2.0).nbar
    1.5414940825367982
    """

    n_battery: int
    n_charger: int
    nbar: float | None = None
    temperature: float | None = None
    gamma: float = 1.0
    battery_start: BatteryStart = "down"

    def __post_init__(self) -> None:
        assign = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        assign("n_battery", whole_number("n_battery", self.n_battery, least=1))
        assign("n_charger", whole_number("n_charger", self.n_charger, least=1))
        assign("gamma", finite_number("gamma", self.gamma, least=0.0, exclusive=True))
        known_name("battery_start", self.battery_start, get_args(BatteryStart))
        if self.temperature is None:
            nbar = 0.0 if self.nbar is None else finite_number("nbar", self.nbar, least=0.0)
        else:
            assign("temperature", finite_number("temperature", self.temperature, least=0.0))
            nbar = thermal_occupation(self.temperature)
            # equal values are let through so that dataclasses.replace works on any field
            if self.nbar is not None and self.nbar != nbar:
                raise InputError("nbar", self.nbar, "give nbar or temperature, not both")
        assign("nbar", nbar)

    @property
    def occupation(self) -> float:
        """`nbar` as a plain float (the field's type admits None only while constructing)."""
        assert self.nbar is not None
        return self.nbar

    @property
    def ratio(self) -> float:
        """R = N_C/N_B."""
        return self.n_charger / self.n_battery

    @property
    def thermal_energy(self) -> float:
        r"""Energy per spin in equilibrium, :math:`\bar n/(2\bar n+1)`, in hbar omega (Eq. (8))."""
        return self.occupation / (2.0 * self.occupation + 1.0)
