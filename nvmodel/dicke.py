r"""Baselines that others compare with: the Dicke battery, and spins charged in parallel.

.. math:: H/\hbar\omega = a^\dagger a + J_z + 2\lambda J_x(a^\dagger+a)

for N spins, all down, in one resonator that holds N photons at the start, closed (Ferraro et al.
2018, Phys. Rev. Lett. 120, 117702, Eqs. (1) and (2)); in parallel, each spin has a resonator of its
own with one photon.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.protocol import Protocol
from darkbattery.nvmodel.refusal import finite_number, known_name, whole_number

Arrangement = Literal["collective", "parallel"]


@dataclass(frozen=True)
class DickeBattery:
    r"""N spins charged by the photons of a resonator, in resonance and closed.

    Parameters
    ----------
    n_battery : int
        N, at least 1.
    coupling : float
        :math:`\lambda`, in units of omega, 0 to 2; with counter-rotating terms.
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

    reservoir: ClassVar[None] = None  # closed
    resonator: ClassVar[None] = None  # none that is open to surroundings
    drive: ClassVar[None] = None  # its photons are there from the start
    protocol: ClassVar[Protocol] = ()
    ensembles: ClassVar[tuple[()]] = ()  # none whose spins differ from each other
    ratio: ClassVar[float] = math.inf  # photons charge it
    nbar: ClassVar[float] = 0.0
    burst_rate: ClassVar[None] = None

    def __post_init__(self) -> None:
        spins = whole_number("n_battery", self.n_battery, least=1, most=1000)
        object.__setattr__(self, "n_battery", spins)
        coupling = finite_number("coupling", self.coupling, least=0.0, exclusive=True, most=2.0)
        object.__setattr__(self, "coupling", coupling)
        known_name("arrangement", self.arrangement, get_args(Arrangement))

    def __repr__(self) -> str:
        return model_text(self)

    @property
    def time_unit(self) -> str:
        """Unit of times: 1/omega."""
        return "1/ω"

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of spins of battery and charger, which is photons here."""
        return self.n_battery, 0

    @property
    def collective_rate(self) -> float:
        """lambda sqrt(n) for n spins at a resonator."""
        return self.coupling * math.sqrt(self.spins_each)

    @property
    def equation(self) -> str:
        """The Hamiltonian, in LaTeX."""
        return r"H/\hbar\omega = a^\dagger a + J_z + 2\lambda J_x(a^\dagger+a)"

    @property
    def symbols(self) -> str:
        """The equation's symbols in words."""
        return (
            "N spins, all down, and a resonator with N photons, closed (Ferraro et al. 2018); in "
            "parallel, one photon and one resonator for each spin."
        )

    @property
    def groups(self) -> int:
        """Number of resonators."""
        return 1 if self.arrangement == "collective" else self.n_battery

    @property
    def spins_each(self) -> int:
        """Number of spins, and of photons at the start, in each."""
        return self.n_battery // self.groups
