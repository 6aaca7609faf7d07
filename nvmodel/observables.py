"""Every observable once: its name, symbol, unit and definition, and what it takes to know it."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Flag, auto
from types import MappingProxyType

from darkbattery.nvmodel.refusal import InputError, known_name

TIME_UNIT = "1/γ"  # of times; a rate's holds γ
OWN_TIME_UNIT = "unit of t"  # of times where gamma is the user's
OF = " of "  # between a quantity at a port and the port's name
_RATES = {"s": "/s", "1/ω": "ω", OWN_TIME_UNIT: f"/{OWN_TIME_UNIT}"}  # of what is per time


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

        >>> OBSERVABLES["port_power"].at_port("out").definition
        "port out's share of output_power: what the spins send out there"
        """
        letters = "".join(one for one in port if one.isascii() and one.isalnum())
        return replace(
            self,
            name=f"{self.name}{OF}{port}",
            symbol=self.symbol.replace("port", letters or "port"),
            definition=self.definition.replace("a port", f"port {port}"),
            words=f"{self.words} {port}",
        )


_ALL = (
    Observable(
        "battery_energy",
        "$E_B$",
        "ħω",
        "<J_B^z>/N_B + 1/2, per battery spin (Eq. (6))",
        Needs.MEANS | Needs.BATTERY,
        bounds=(0.0, 1.0),
        per_spin=True,
        linear=True,
    ),
    Observable(
        "charger_energy",
        "$E_C$",
        "ħω",
        "<J_C^z>/N_C + 1/2, per charger spin (Eq. (6))",
        Needs.MEANS,
        bounds=(0.0, 1.0),
        per_spin=True,
        linear=True,
    ),
    Observable(
        "capacity",
        "$\\mathcal{E}$",
        "ħω",
        "N_B E_B in the steady state, whole battery (Eq. (7))",
        Needs.MEANS | Needs.END | Needs.BATTERY,
        bounds=(0.0, math.inf),
        linear=True,
    ),
    Observable(
        "power",
        "$P_B$",
        "ħωγ",
        "dE_B/dt, per battery spin (Eq. (11))",
        Needs.MEANS | Needs.BATTERY,
        per_spin=True,
        linear=True,
    ),
    Observable(
        "ergotropy",
        "$W$",
        "ħω",
        "largest energy that unitaries on the N_B + 1 levels of the battery's symmetric ladder "
        "can extract, per battery spin (Eq. (9))",
        Needs.POPULATIONS | Needs.BATTERY,
        bounds=(0.0, 1.0),
        per_spin=True,
    ),
    Observable(
        "ergotropy_total",
        "$W_\\mathrm{tot}$",
        "ħω",
        "largest energy that any unitary on the battery's 2^N_B-dimensional space can extract, "
        "per battery spin",
        Needs.POPULATIONS | Needs.BATTERY,
        words="total ergotropy",
        bounds=(0.0, 1.0),
        per_spin=True,
    ),
    Observable(
        "ergotropy_local",
        "$W_\\mathrm{loc}$",
        "ħω",
        "largest energy that products of single-spin unitaries can extract, per battery spin: sum "
        "of (|r_k| + z_k)/2 over the spins' Bloch vectors r_k; max(0, 2 E_B - 1) for spins all "
        "alike without coherence",
        Needs.MEANS | Needs.BATTERY,
        words="local ergotropy",
        bounds=(0.0, 1.0),
        per_spin=True,
    ),
    Observable(
        "ergotropy_rotation",
        "$W_\\mathrm{rot}$",
        "ħω",
        "largest energy that one rotation of all spins alike can extract, per battery spin: "
        "(|r| + z)/2 of their mean Bloch vector r; ergotropy_local where spins are all alike, "
        "less in a line",
        Needs.MEANS | Needs.BATTERY,
        words="ergotropy by one rotation",
        bounds=(0.0, 1.0),
        per_spin=True,
        unasked=False,
    ),
    Observable(
        "capacity_unitary",
        "$C$",
        "ħω",
        "highest less lowest energy under the unitaries of ergotropy, per battery spin (Yang et "
        "al. 2023); capacity is the paper's N_B E_B",
        Needs.POPULATIONS | Needs.BATTERY,
        words="capacity by unitaries",
        bounds=(0.0, 1.0),
        per_spin=True,
        unasked=False,
    ),
    Observable(
        "capacity_unitary_total",
        "$C_\\mathrm{tot}$",
        "ħω",
        "the same under the unitaries of ergotropy_total, per battery spin",
        Needs.POPULATIONS | Needs.BATTERY,
        words="total capacity by unitaries",
        bounds=(0.0, 1.0),
        per_spin=True,
        unasked=False,
    ),
    Observable(
        "ergotropy_incoherent",
        "$W_\\mathrm{inc}$",
        "ħω",
        "ergotropy of the same state without coherence between energies, per battery spin "
        "(Francica et al. 2020)",
        Needs.POPULATIONS | Needs.COHERENCE | Needs.BATTERY,
        words="incoherent ergotropy",
        bounds=(0.0, 1.0),
        per_spin=True,
        unasked=False,
    ),
    Observable(
        "ergotropy_coherent",
        "$W_\\mathrm{coh}$",
        "ħω",
        "what coherence between energies adds: ergotropy less ergotropy_incoherent, per spin",
        Needs.POPULATIONS | Needs.COHERENCE | Needs.BATTERY,
        words="coherent ergotropy",
        bounds=(0.0, 1.0),
        per_spin=True,
        unasked=False,
    ),
    Observable(
        "power_bound",
        "$P_\\mathrm{max}$",
        "ħωγ",
        "sqrt(Var H_B I_E)/N_B, which no |power| exceeds: I_E = sum of (dp_k/dt)^2/p_k over the "
        "probabilities p_k of k excitations (Garcia-Pintos et al. 2020)",
        Needs.POPULATIONS | Needs.RATES | Needs.BATTERY,
        words="bound on the power",
        bounds=(0.0, math.inf),
        per_spin=True,
        unasked=False,
    ),
    Observable(
        "power_bound_trace",
        "$P_\\mathrm{tr}$",
        "ħωγ",
        "half the sum of |dp_k/dt|, the spread of the battery's levels times the trace norm of its "
        "change: no |power| exceeds that either, and none of the two bounds is always the lower",
        Needs.POPULATIONS | Needs.RATES | Needs.BATTERY,
        words="trace-norm bound on the power",
        bounds=(0.0, math.inf),
        per_spin=True,
        unasked=False,
    ),
    Observable(
        "statistical_speed",
        "$v$",
        "γ",
        "sqrt(I_E)/2: the Bures angle that the distribution of the stored energy covers per time",
        Needs.POPULATIONS | Needs.RATES | Needs.BATTERY,
        words="statistical speed",
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "population_speed",
        "$\\Lambda$",
        "γ",
        "largest |dp_k/dt| of all levels k: operator norm of the battery's change in energy",
        Needs.POPULATIONS | Needs.RATES | Needs.BATTERY,
        words="speed of the fastest population",
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "speed_limit_mandelstam_tamm",
        "$\\tau_\\mathrm{MT}$",
        TIME_UNIT,
        "time that the same change takes at the least at the mean statistical_speed so far: t "
        "times the angle arccos(sum of sqrt[p_k(0) p_k(t)]) over the angle covered "
        "(Taddei et al. 2013)",
        Needs.POPULATIONS | Needs.RATES | Needs.HISTORY | Needs.BATTERY,
        words="Mandelstam-Tamm speed limit",
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "speed_limit_margolus_levitin",
        "$\\tau_\\mathrm{ML}$",
        TIME_UNIT,
        "the same at the mean population_speed: t |sum of p_k(0) [p_k(0) - p_k(t)]| over its time "
        "integral (Deffner and Lutz 2013)",
        Needs.POPULATIONS | Needs.RATES | Needs.HISTORY | Needs.BATTERY,
        words="Margolus-Levitin speed limit",
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "charging_efficiency",
        "$\\eta_B$",
        "1",
        "N_B [E_B - E_B(0)] over N_C [E_C(0) - E_C]: gained by the battery of what the charger "
        "lost; empty until the charger lost 1e-6 per spin",
        Needs.MEANS | Needs.START | Needs.BATTERY,
        unasked=False,
    ),
    Observable(
        "open_work",
        "$W_\\mathrm{open}$",
        "ħω",
        "E_B - nbar/(2 nbar + 1), per battery spin (Eq. (8)); may be negative",
        Needs.MEANS | Needs.BATTERY,
        bounds=(-0.5, 1.0),
        per_spin=True,
    ),
    Observable(
        "log_negativity",
        "$S_B$",
        "bit",
        "log2 of the trace norm of rho's partial transpose (12)",
        Needs.PAIRS | Needs.BATTERY,
        words="logarithmic negativity",
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "entanglement_rate",
        "$\\dot S_B$",
        "bit γ",
        "dS_B/dt from the right, differentiated exactly",
        Needs.PAIRS | Needs.BATTERY,
        unasked=False,
    ),
    Observable(
        "log_negativity_rest",
        "$S_{B|CF}$",
        "bit",
        "the same of the battery against charger and field together; log_negativity has the field "
        "traced out",
        Needs.PAIRS | Needs.BATTERY | Needs.FIELD,
        words="logarithmic negativity against all the rest",
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "emission_rate",
        "$I$",
        "γ",
        "gamma (nbar + 1) <J^+ J^->: photons emitted per unit time",
        Needs.MEANS,
        bounds=(0.0, math.inf),
        linear=True,
    ),
    Observable(
        "absorption_rate",
        "$A$",
        "γ",
        "gamma nbar <J^- J^+>: photons absorbed per time",
        Needs.MEANS,
        bounds=(0.0, math.inf),
        linear=True,
    ),
    Observable(
        "emitted_photons",
        "$n_\\mathrm{em}$",
        "1",
        "photons emitted since the start",
        Needs.MEANS | Needs.HISTORY,
        bounds=(0.0, math.inf),
        linear=True,
    ),
    Observable(
        "absorbed_photons",
        "$n_\\mathrm{abs}$",
        "1",
        "photons absorbed since the start",
        Needs.MEANS | Needs.HISTORY,
        bounds=(0.0, math.inf),
        linear=True,
    ),
    Observable(
        "local_loss",
        "$n_\\mathrm{loc}$",
        "1",
        "excitations lost by single-spin emission less those gained by pumping, since the start",
        Needs.MEANS | Needs.HISTORY | Needs.LOCAL,
        linear=True,
    ),
    Observable(
        "photons",
        "$n$",
        "1",
        "<a^+ a>: photons in the resonator",
        Needs.MEANS | Needs.FIELD,
        bounds=(0.0, math.inf),
        linear=True,
    ),
    Observable(
        "output_power",
        "$P_\\mathrm{out}$",
        "W",
        "hbar omega times emitted less absorbed",
        Needs.MEANS | Needs.FIELD,
        linear=True,
    ),
    Observable(
        "port_power",
        "$P_\\mathrm{port}$",
        "W",
        "a port's share of output_power: what the spins send out there",
        Needs.MEANS | Needs.FIELD | Needs.PORT,
        words="power at port",
        linear=True,
        unasked=False,
    ),
    Observable(
        "port_photon_rate",
        "$\\dot n_\\mathrm{port}$",
        "γ",
        "photons per time that the spins send out by a port",
        Needs.MEANS | Needs.FIELD | Needs.PORT,
        words="photon rate at port",
        linear=True,
        unasked=False,
    ),
    Observable(
        "port_photons",
        "$n_\\mathrm{port}$",
        "1",
        "photons that have left by a port since the start, thermal ones not counted",
        Needs.MEANS | Needs.HISTORY | Needs.FIELD | Needs.PORT,
        words="photons so far at port",
        linear=True,
        unasked=False,
    ),
    Observable(
        "port_in_phase",
        "$I_\\mathrm{port}$",
        "√W",
        "real part of the mean field that leaves by a port, what it reflects left out; in the "
        "frame of the model's drive, else of the resonator",
        Needs.MEANS | Needs.FIELD | Needs.PORT | Needs.PHASE,
        words="in-phase field at port",
        linear=True,
        unasked=False,
    ),
    Observable(
        "port_quadrature",
        "$Q_\\mathrm{port}$",
        "√W",
        "imaginary part of the same field at a port",
        Needs.MEANS | Needs.FIELD | Needs.PORT | Needs.PHASE,
        words="field in quadrature at port",
        linear=True,
        unasked=False,
    ),
    Observable(
        "battery_energy_joule",
        "$E_B$",
        "J",
        "hbar omega N_B E_B, the whole battery",
        Needs.MEANS | Needs.FIELD | Needs.BATTERY,
        words="whole battery's energy",
        bounds=(0.0, math.inf),
        linear=True,
    ),
    Observable(
        "charger_energy_joule",
        "$E_C$",
        "J",
        "hbar omega N_C E_C, the whole charger",
        Needs.MEANS | Needs.FIELD,
        words="whole charger's energy",
        bounds=(0.0, math.inf),
        linear=True,
    ),
    Observable(
        "excitation_balance",
        "$\\Delta$",
        "1",
        "excitations held, plus those lost, less those at the start and those supplied, per spin: "
        "zero but for the integrator's error",
        Needs.MEANS | Needs.HISTORY | Needs.FIELD,
        per_spin=True,
        linear=True,
    ),
    Observable(
        "daemonic_ergotropy",
        "$W_\\mathrm{d}$",
        "ħω",
        "mean over single runs of the conditional battery state's ladder ergotropy, per spin",
        Needs.RECORD | Needs.POPULATIONS | Needs.BATTERY,
        bounds=(0.0, 1.0),
        per_spin=True,
        unasked=False,
    ),
    Observable(
        "energy_variance",
        "$\\sigma_E^2$",
        "(ħω)²",
        "quantum variance of H_B/N_B in the average state: energy_variance_conditional plus "
        "energy_variance_runs",
        Needs.POPULATIONS | Needs.SQUARES | Needs.BATTERY,
        bounds=(0.0, 0.25),
        per_spin=True,
        unasked=False,
    ),
    Observable(
        "energy_variance_conditional",
        "$\\langle\\sigma_E^2\\rangle_\\mathrm{runs}$",
        "(ħω)²",
        "mean over single runs of the quantum variance of H_B/N_B in the conditional state",
        Needs.RECORD | Needs.SQUARES | Needs.BATTERY,
        words="energy variance within a run",
        bounds=(0.0, 0.25),
        per_spin=True,
        unasked=False,
    ),
    Observable(
        "energy_variance_runs",
        "$\\mathrm{Var}\\,E_B$",
        "(ħω)²",
        "variance over single runs of the conditional E_B per battery spin",
        Needs.RECORD | Needs.SQUARES | Needs.BATTERY,
        words="energy variance over runs",
        bounds=(0.0, 0.25),
        per_spin=True,
        unasked=False,
    ),
    Observable(
        "ergotropy_variance_runs",
        "$\\mathrm{Var}\\,W$",
        "(ħω)²",
        "variance over single runs of the conditional ladder ergotropy per battery spin",
        Needs.RECORD | Needs.POPULATIONS | Needs.SQUARES | Needs.BATTERY,
        words="ergotropy variance over runs",
        bounds=(0.0, 0.25),
        per_spin=True,
        unasked=False,
    ),
    Observable(
        "energy_reliability",
        "$E_B/\\sigma$",
        "1",
        "mean over standard deviation of the conditional E_B over single runs; of a battery that "
        "begins empty also that of the mean power until then",
        Needs.RECORD | Needs.SQUARES | Needs.BATTERY,
        words="reliability of the energy",
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "ergotropy_reliability",
        "$W_\\mathrm{d}/\\sigma$",
        "1",
        "mean over standard deviation of the conditional ladder ergotropy over single runs",
        Needs.RECORD | Needs.POPULATIONS | Needs.SQUARES | Needs.BATTERY,
        words="reliability of the ergotropy",
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "emitted_photons_variance",
        "$\\mathrm{Var}\\,n_\\mathrm{em}$",
        "1",
        "variance of the number of photons emitted since the start",
        Needs.COUNTS | Needs.SQUARES,
        words="variance of emitted photons",
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "fano_factor",
        "$F$",
        "1",
        "emitted_photons_variance over emitted_photons",
        Needs.COUNTS | Needs.SQUARES,
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "fano_factor_bound",
        "$F_\\mathrm{kin}$",
        "1",
        "least Fano factor with so many jumps (kinetic uncertainty): (t emission_rate)^2 over "
        "emitted_photons times all photons",
        Needs.JUMPS | Needs.HISTORY,
        words="kinetic bound of the Fano factor",
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "energy_reliability_bound",
        "$(E_B/\\sigma)_\\mathrm{kin}$",
        "1",
        "largest energy_reliability with so many photons (kinetic uncertainty)",
        Needs.JUMPS | Needs.HISTORY | Needs.BATTERY,
        words="kinetic bound of the reliability",
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "recorded_photons",
        "$n_\\mathrm{rec}$",
        "1",
        "photons recorded by the detector since the start: emitted ones times its efficiency",
        Needs.MEANS | Needs.HISTORY | Needs.DETECTOR,
        bounds=(0.0, math.inf),
        linear=True,
        unasked=False,
    ),
    Observable(
        "conditional_purity",
        "$\\langle\\mathrm{tr}\\rho_B^2\\rangle$",
        "1",
        "mean over single runs of the purity of the conditional battery state",
        Needs.STATE | Needs.BATTERY,
        words="purity within a run",
        bounds=(0.0, 1.0),
        unasked=False,
    ),
    Observable(
        "conditional_entropy",
        "$\\langle S(\\rho_B)\\rangle$",
        "bit",
        "mean over single runs of the von Neumann entropy of the conditional battery state",
        Needs.STATE | Needs.BATTERY,
        words="entropy within a run",
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "information_gain",
        "$\\chi$",
        "bit",
        "entropy of the average battery state less conditional_entropy: what a record tells of the "
        "battery, at most",
        Needs.STATE | Needs.BATTERY,
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "peak_emission_time",
        "$t_I$",
        TIME_UNIT,
        "time, among the output times so far, at which a run's conditional emission rate was "
        "largest; mean over single runs",
        Needs.COURSE,
        words="time of peak emission",
        bounds=(0.0, math.inf),
        unasked=False,
    ),
    Observable(
        "g2_zero",
        "$g^{(2)}(0)$",
        "1",
        "<J^+ J^+ J^- J^->/<J^+ J^->^2 at equal times, with a resonator <n(n - 1)>/<n>^2 of its "
        "photons: how the emission bunches",
        Needs.COUNTS | Needs.SQUARES,
        words="g2 at equal times",
        bounds=(0.0, math.inf),
        unasked=False,
    ),
)


class Observables(Mapping[str, Observable]):
    """All observables by name, and those at a port by name and port: ``port_power of out``.

    >>> "port_power of out" in OBSERVABLES, "power of out" in OBSERVABLES
    (True, False)
    """

    def __init__(self, rows: Iterable[Observable]) -> None:
        self._rows = {one.name: one for one in rows}

    def __getitem__(self, name: str) -> Observable:
        if name in self._rows:
            return self._rows[name]
        row, of, port = name.partition(OF)
        found = self._rows[row]
        if not (of and port and Needs.PORT in found.needs):
            raise KeyError(name)
        return found.at_port(port)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


OBSERVABLES = Observables(_ALL)
"""All observables by name."""


def known_observable(field: str, name: object) -> str:
    """Return `name` if it is that of a quantity; refuse it otherwise, also where its port lacks.

    >>> known_observable("observables", "port_power")
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: ... must name a port, such as 'port_power of out'
    """
    if isinstance(name, str) and name in OBSERVABLES:
        if Needs.PORT in OBSERVABLES[name].needs and OF not in name:
            raise InputError(field, name, f"must name a port, such as {name + OF + 'out'!r}")
        return name
    return known_name(field, name, OBSERVABLES)


def row_of(name: str) -> str:
    """The row of the table that a name belongs to: without its port.

    >>> row_of("port_power of out"), row_of("power")
    ('port_power', 'power')
    """
    return name.partition(OF)[0]


def needing(needs: Needs, without: Needs = NOTHING) -> tuple[str, ...]:
    """Names of the observables that need all of `needs` and nothing of `without`.

    Those at a port are left out unless `needs` has it: they are there port by port.

    >>> needing(Needs.PAIRS, without=Needs.FIELD)
    ('log_negativity', 'entanglement_rate')
    """
    without |= Needs.PORT & ~needs
    return tuple(
        name for name, one in OBSERVABLES.items() if needs in one.needs and not one.needs & without
    )


def in_words(name: str) -> str:
    """How people call an observable.

    >>> in_words("battery_energy"), in_words("ergotropy_local")
    ('battery energy', 'local ergotropy')
    """
    return OBSERVABLES[name].words if name in OBSERVABLES else name.replace("_", " ")


def unit_of(name: str, time_unit: str = TIME_UNIT) -> str:
    """Unit of an observable where times are in `time_unit`; empty for a pure number.

    >>> unit_of("power"), unit_of("power", "s"), unit_of("emitted_photons")
    ('ħωγ', 'ħω/s', '')
    """
    unit = OBSERVABLES[name].unit if name in OBSERVABLES else ""
    if unit == TIME_UNIT:
        return time_unit
    return "" if unit == "1" else unit.replace("γ", _RATES.get(time_unit, "γ"))


def requested(
    observables: Iterable[str] | None,
    default: Iterable[str],
    available: Iterable[str],
    reasons: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, ...]:
    """Names to compute: `default` for None, else those asked for, each known and available.

    `reasons` say why some are not available.

    >>> requested(["power"], default=["battery_energy"], available=["battery_energy", "power"])
    ('power',)
    """
    if observables is None:
        return tuple(default)
    if isinstance(observables, str) or not isinstance(observables, Iterable):
        raise InputError("observables", observables, "must be a list of names")
    try:
        given = tuple(observables)
    except TypeError:  # an array of no dimensions calls itself iterable
        raise InputError("observables", observables, "must be a list of names") from None
    names = tuple(known_observable("observables", name) for name in given)
    for name in names:
        if name not in available:
            why = "not available here"
            if Needs.COHERENCE in OBSERVABLES[name].needs:
                why = "only where a drive makes coherence between the battery's energies"
            if Needs.PORT in OBSERVABLES[name].needs:
                why = "only at a named port of the model's resonator"
            if {Needs.PORT, Needs.HISTORY} <= set(OBSERVABLES[name].needs):
                why += ", by quantum single runs at T = 0 alone"
            if Needs.PHASE in OBSERVABLES[name].needs:
                why += " whose field has a phase: in averages where a drive or a rotation makes one"
            why = reasons.get(name, why)
            raise InputError("observables", name, f"{why}; available: {', '.join(available)}")
    if not names:
        raise InputError("observables", [], "must name at least one observable")
    return tuple(dict.fromkeys(names))
