"""What a name in a solution means, and what of a state or of runs it takes to know it."""

import math
from dataclasses import dataclass, replace
from enum import Flag, auto

TIME_UNIT = "1/γ"  # of times; a rate's holds γ
OF = " of "  # between a quantity at a port and the port's name


class Needs(Flag):
    """What of a state, or of the runs behind it, an observable takes to be read."""

    MEANS = auto()  # of operators linear in the spins' and the field's energies and rates
    POPULATIONS = auto()  # of the battery's ladders
    PAIRS = auto()  # coherences between all pairs of ladders
    COUNTS = auto()  # how photon numbers and emissions scatter
    SQUARES = auto()  # second moments over runs or within one
    RECORD = auto()  # the state that a run's record leaves, and not the average alone
    COURSE = auto()  # a run's whole course at once
    DETECTOR = auto()  # what a detector sees
    LOCAL = auto()  # processes of single spins
    BATTERY = auto()  # a battery beside the charger
    FIELD = auto()  # a resonator, with its frequency
    HISTORY = auto()  # counted since the start
    END = auto()  # the steady state
    STATE = auto()  # the whole conditional state of the battery
    START = auto()  # the energies at the start beside those now
    RATES = auto()  # how fast each population changes
    COHERENCE = auto()  # between energies of the battery
    JUMPS = auto()  # how many there were beside how they scatter
    PORT = auto()  # a port of the resonator, which its name ends with
    PHASE = auto()  # a mean field, which only what has a phase makes


NOTHING = Needs(0)
# beyond the energies and photons of two ensembles at a reservoir, which every method has
ELSEWHERE = Needs.LOCAL | Needs.FIELD | Needs.DETECTOR | Needs.END


@dataclass(frozen=True)
class Observable:
    """What a name in a `Solution` means.

    Attributes
    ----------
    words : str
        How people call it.
    needs : Needs
    bounds : tuple of float
        Between which its exact values lie; estimates of it scatter beyond.
    per_spin : bool
        Divided by the number of spins that it is of; else it grows with them.
    linear : bool
        Linear in the state: a mean over single runs is that of the average state.
    unasked : bool
        Given by the quantum engine where nothing is asked for by name, if it is cheap there; the
        semiclassical one gives all that it has but balances and what leaves by single ports.
    """

    name: str
    symbol: str
    unit: str
    definition: str
    needs: Needs
    words: str = ""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    per_spin: bool = False
    linear: bool = False
    unasked: bool = True

    def __post_init__(self) -> None:
        if not self.words:
            object.__setattr__(self, "words", self.name.replace("_", " "))

    @property
    def per_time(self) -> bool:
        """Whether it is a rate: its unit has the unit of time in it."""
        return "γ" in self.unit and self.unit != TIME_UNIT

    def at_port(self, port: str) -> "Observable":
        """The same at one port of a resonator.

        >>> here = "power that leaves by a port"
        >>> Observable("power", "$P$", "W", here, Needs.PORT).at_port("out").definition
        'power that leaves by port out'
        """
        letters = "".join(one for one in port if one.isascii() and one.isalnum())
        return replace(
            self,
            name=f"{self.name}{OF}{port}",
            symbol=self.symbol.replace("port", letters or "port"),
            definition=self.definition.replace("a port", f"port {port}"),
            words=f"{self.words} {port}",
        )
