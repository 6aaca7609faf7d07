r"""Baselines that others compare with: the Dicke battery, and spins charged in parallel.

.. math:: H/\hbar\omega = a^\dagger a + J_z + 2\lambda J_x(a^\dagger+a)

for N spins, all down, in one resonator that holds N photons at the start, closed (Ferraro et al.
2018, Phys. Rev. Lett. 120, 117702, Eqs. (1) and (2)); in parallel, each spin has a resonator of its
own with one photon.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from darkbattery.nvmodel.experiment import Experiment, ShortForm
from darkbattery.nvmodel.fields import ClosedModes
from darkbattery.nvmodel.refusal import finite_number, known_name, whole_number
from darkbattery.nvmodel.spins import Spins

Arrangement = Literal["collective", "parallel"]


@dataclass(frozen=True, repr=False)
class DickeBattery(ShortForm):
    r"""N spins charged by the photons of a resonator, in resonance and closed.

    Parameters
    ----------
    n_battery : int
        N, at least 1.
    coupling : float
        :math:`\lambda`, in units of :math:`\omega`, 0 to 2; with counter-rotating terms.
    arrangement : "collective" or "parallel"
        One resonator with N photons for all, or one with one photon for each.

    Raises
    ------
    InputError
        For anything else; the message names the field.

    Examples
    --------
    >>> DickeBattery(n_battery=4, coupling=0.05).groups
    1
    """

    n_battery: int
    coupling: float
    arrangement: Arrangement = "collective"

    def __post_init__(self) -> None:
        spins = whole_number("n_battery", self.n_battery, least=1, most=1000)
        object.__setattr__(self, "n_battery", spins)
        coupling = finite_number("coupling", self.coupling, least=0.0, exclusive=True, most=2.0)
        object.__setattr__(self, "coupling", coupling)
        known_name("arrangement", self.arrangement, get_args(Arrangement))
        battery = Spins(spins, "down", coupling=coupling)
        modes = ClosedModes(photons=spins, number=self.groups)
        self.stand_for(Experiment(battery, field=modes))

    @property
    def groups(self) -> int:
        """Number of resonators."""
        return 1 if self.arrangement == "collective" else self.n_battery
