"""What every model can be asked: engines and studies ask it, and not which model it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from darkbattery.nvmodel.battery import Reservoir
    from darkbattery.nvmodel.ensemble import SpinEnsemble
    from darkbattery.nvmodel.protocol import Protocol as Steps
    from darkbattery.nvmodel.pulse import Drive
    from darkbattery.nvmodel.resonator import Resonator


class Experiment(Protocol):
    """A battery, what charges it, and the field between them.

    `CollectiveBattery`, `ResonatorBattery` and `DickeBattery` are short ways to write one. The
    field is a reservoir or a resonator; a closed battery has neither.
    """

    @property
    def reservoir(self) -> Reservoir | None:
        """The shared reservoir."""

    @property
    def resonator(self) -> Resonator | None:
        """The resonator, open to its surroundings."""

    @property
    def drive(self) -> Drive | None:
        """The coherent field that is sent in."""

    @property
    def protocol(self) -> Steps:
        """What is switched when; empty for one stage without end."""

    @property
    def ensembles(self) -> tuple[SpinEnsemble, ...]:
        """The ensembles whose spins have a line and couplings of their own."""

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of spins of battery and charger."""

    @property
    def ratio(self) -> float:
        """R = N_C/N_B."""

    @property
    def nbar(self) -> float | None:
        """Mean thermal photon number; never None once the model is made."""

    @property
    def time_unit(self) -> str:
        """Unit of times."""

    @property
    def collective_rate(self) -> float:
        """The scale of the collective exchange, in the inverse unit of time."""

    @property
    def burst_rate(self) -> float | None:
        """At which a burst grows, where the model's own numbers say so."""

    @property
    def equation(self) -> str:
        """The equation of motion, in LaTeX."""

    @property
    def symbols(self) -> str:
        """The equation's symbols in words."""
