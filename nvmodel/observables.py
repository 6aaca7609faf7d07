"""Every observable once: its name, symbol, unit and definition."""

from collections.abc import Iterable
from dataclasses import dataclass

from nvmodel.refusal import InputError, known_name


@dataclass(frozen=True)
class Observable:
    """What a name in a `Solution` means."""

    name: str
    symbol: str
    unit: str
    definition: str


TIME_UNIT = "1/γ"  # of times; a rate's holds γ
OWN_TIME_UNIT = "unit of t"  # of times where gamma is the user's
_RATES = {"s": "/s", "1/ω": "ω", OWN_TIME_UNIT: f"/{OWN_TIME_UNIT}"}  # of what is per time
_ALL = (
    Observable("battery_energy", "$E_B$", "ħω", "<J_B^z>/N_B + 1/2, per battery spin (Eq. (6))"),
    Observable("charger_energy", "$E_C$", "ħω", "<J_C^z>/N_C + 1/2, per charger spin (Eq. (6))"),
    Observable("power", "$P_B$", "ħωγ", "dE_B/dt, per battery spin (Eq. (11))"),
    Observable(
        "ergotropy",
        "$W$",
        "ħω",
        "largest energy that unitaries on the N_B + 1 levels of the battery's symmetric ladder "
        "can extract, per battery spin (Eq. (9))",
    ),
    Observable(
        "ergotropy_total",
        "$W_\\mathrm{tot}$",
        "ħω",
        "largest energy that any unitary on the battery's 2^N_B-dimensional space can extract, "
        "per battery spin",
    ),
    Observable(
        "ergotropy_local",
        "$W_\\mathrm{loc}$",
        "ħω",
        "largest energy that products of single-spin unitaries can extract, per battery spin: sum "
        "of (|r_k| + z_k)/2 over the spins' Bloch vectors r_k; max(0, 2 E_B - 1) for spins all "
        "alike without coherence",
    ),
    Observable(
        "ergotropy_rotation",
        "$W_\\mathrm{rot}$",
        "ħω",
        "largest energy that one rotation of all spins alike can extract, per battery spin: "
        "(|r| + z)/2 of their mean Bloch vector r; ergotropy_local where spins are all alike, "
        "less in a line",
    ),
    Observable(
        "open_work",
        "$W_\\mathrm{open}$",
        "ħω",
        "E_B - nbar/(2 nbar + 1), per battery spin (Eq. (8)); may be negative",
    ),
    Observable(
        "log_negativity", "$S_B$", "bit", "log2 of the trace norm of rho's partial transpose (12)"
    ),
    Observable(
        "entanglement_rate",
        "$\\dot S_B$",
        "bit γ",
        "dS_B/dt from the right, differentiated exactly",
    ),
    Observable(
        "emission_rate", "$I$", "γ", "gamma (nbar + 1) <J^+ J^->: photons emitted per unit time"
    ),
    Observable("absorption_rate", "$A$", "γ", "gamma nbar <J^- J^+>: photons absorbed per time"),
    Observable("emitted_photons", "$n_\\mathrm{em}$", "1", "photons emitted since the start"),
    Observable("absorbed_photons", "$n_\\mathrm{abs}$", "1", "photons absorbed since the start"),
    Observable(
        "local_loss",
        "$n_\\mathrm{loc}$",
        "1",
        "excitations lost by single-spin emission less those gained by pumping, since the start",
    ),
    Observable("photons", "$n$", "1", "<a^+ a>: photons in the resonator"),
    Observable("output_power", "$P_\\mathrm{out}$", "W", "hbar omega times emitted less absorbed"),
    Observable("battery_energy_joule", "$E_B$", "J", "hbar omega N_B E_B, the whole battery"),
    Observable("charger_energy_joule", "$E_C$", "J", "hbar omega N_C E_C, the whole charger"),
    Observable(
        "excitation_balance",
        "$\\Delta$",
        "1",
        "excitations held, plus those lost, less those at the start and those supplied, per spin: "
        "zero but for the integrator's error",
    ),
    Observable(
        "daemonic_ergotropy",
        "$W_\\mathrm{d}$",
        "ħω",
        "mean over single runs of the conditional battery state's ladder ergotropy, per spin",
    ),
    Observable(
        "energy_variance",
        "$\\sigma_E^2$",
        "(ħω)²",
        "quantum variance of H_B/N_B in the average state: energy_variance_conditional plus "
        "energy_variance_runs",
    ),
    Observable(
        "energy_variance_conditional",
        "$\\langle\\sigma_E^2\\rangle_\\mathrm{runs}$",
        "(ħω)²",
        "mean over single runs of the quantum variance of H_B/N_B in the conditional state",
    ),
    Observable(
        "energy_variance_runs",
        "$\\mathrm{Var}\\,E_B$",
        "(ħω)²",
        "variance over single runs of the conditional E_B per battery spin",
    ),
    Observable(
        "ergotropy_variance_runs",
        "$\\mathrm{Var}\\,W$",
        "(ħω)²",
        "variance over single runs of the conditional ladder ergotropy per battery spin",
    ),
    Observable(
        "emitted_photons_variance",
        "$\\mathrm{Var}\\,n_\\mathrm{em}$",
        "1",
        "variance of the number of photons emitted since the start",
    ),
    Observable("fano_factor", "$F$", "1", "emitted_photons_variance over emitted_photons"),
    Observable(
        "recorded_photons",
        "$n_\\mathrm{rec}$",
        "1",
        "photons recorded by the detector since the start: emitted ones times its efficiency",
    ),
    Observable(
        "peak_emission_time",
        "$t_I$",
        TIME_UNIT,
        "time, among the output times so far, at which a run's conditional emission rate was "
        "largest; mean over single runs",
    ),
    Observable(
        "g2_zero",
        "$g^{(2)}(0)$",
        "1",
        "<J^+ J^+ J^- J^->/<J^+ J^->^2 at equal times: how the emission bunches",
    ),
    Observable(
        "capacity", "$\\mathcal{E}$", "ħω", "N_B E_B in the steady state, whole battery (Eq. (7))"
    ),
)

OBSERVABLES = {observable.name: observable for observable in _ALL}
"""All observables by name."""

_WORDS = {
    "ergotropy_total": "total ergotropy",
    "ergotropy_local": "local ergotropy",
    "ergotropy_rotation": "ergotropy by one rotation",
    "log_negativity": "logarithmic negativity",
    "battery_energy_joule": "whole battery's energy",
    "charger_energy_joule": "whole charger's energy",
    "energy_variance_conditional": "energy variance within a run",
    "energy_variance_runs": "energy variance over runs",
    "ergotropy_variance_runs": "ergotropy variance over runs",
    "emitted_photons_variance": "variance of emitted photons",
    "g2_zero": "g2 at equal times",
    "peak_emission_time": "time of peak emission",
}


def in_words(name: str) -> str:
    """How people call an observable.

    >>> in_words("battery_energy"), in_words("ergotropy_local")
    ('battery energy', 'local ergotropy')
    """
    return _WORDS.get(name, name.replace("_", " "))


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
    observables: Iterable[str] | None, default: Iterable[str], available: Iterable[str]
) -> tuple[str, ...]:
    """Names to compute: `default` for None, else those asked for, each known and available.

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
    names = tuple(known_name("observables", name, OBSERVABLES) for name in given)
    for name in names:
        if name not in available:
            raise InputError(
                "observables", name, f"not available here; available: {', '.join(available)}"
            )
    if not names:
        raise InputError("observables", [], "must name at least one observable")
    return tuple(dict.fromkeys(names))
