"""What a definition may hold: every key once, with its kind, its meaning and its default.

Reading a definition knows its keys from here, `runs.definitions.jsonschema` what editors may
complete, and docs/definition.md its tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from darkbattery.nvmodel.battery import BatteryStart, ChargerStart
from darkbattery.nvmodel.course import RiseShape
from darkbattery.nvmodel.detector import KINDS
from darkbattery.nvmodel.dicke import Arrangement
from darkbattery.nvmodel.lines.shapes import SHAPES
from darkbattery.nvmodel.nv.constants import ISOTOPES
from darkbattery.nvmodel.observables import OBSERVABLES, OF, Needs, needing
from darkbattery.nvmodel.protocol import Coupled
from darkbattery.nvmodel.pulse import PulseShape
from darkbattery.nvmodel.refusal import InputError, known_name

Kind = Literal["whole", "number", "text"]
Table = Mapping[str, "Entry"]
ANY_NAME = "*"  # a table whose keys are names of the user's own

Method = Literal["steady", "evolve", "sample"]
TimeUnit = Literal["model", "burst"]
Delays = Literal["modal", "averaged"]
ENGINES = ("quantum", "semiclassical", "auto")
SPACINGS = ("linear", "log")

ALONE = tuple(name for name, one in OBSERVABLES.items() if Needs.PORT not in one.needs)
REQUIRED = "required"
NONE = "-"


@dataclass(frozen=True)
class Field:
    """A key that holds a value.

    Attributes
    ----------
    kind : "whole", "number" or "text"
    meaning : str
        In Markdown, with its unit.
    default : str
    choices : tuple of str
        The words that are taken, where it is text.
    several : bool
        Whether it holds a list of values.
    table : Table, optional
        What it may hold instead.
    words : tuple of str
        Texts that it may hold instead.
    pairs : bool
        Whether the list is one of pairs.
    pattern : str
        A regular expression of texts that it takes beside its choices.
    """

    kind: Kind
    meaning: str
    default: str = NONE
    choices: tuple[str, ...] = ()
    several: bool = False
    table: Table | None = None
    words: tuple[str, ...] = ()
    pairs: bool = False
    pattern: str = ""


@dataclass(frozen=True)
class Section:
    """A key that holds a table."""

    meaning: str
    keys: Table
    default: str = NONE


Entry = Field | Section

RANGE: Table = {
    "start": Field("number", "first of the numbers", "0"),
    "stop": Field("number", "last of the numbers", REQUIRED),
    "points": Field("whole", "how many, at least 2", REQUIRED),
    "spacing": Field("text", "evenly in the number or its logarithm", "linear", SPACINGS),
}
NOISE: Table = {
    "dephasing": Field("number", r"$g_\phi$, multiplies $D[\sigma^z/2]$", "0"),
    "emission": Field("number", r"$g_\downarrow$, the rate at which a spin falls", "0"),
    "pumping": Field("number", r"$g_\uparrow$, the rate at which a spin rises", "0"),
    "relaxation": Field("number", "instead of the two: rate of a bath of each spin's own", "0"),
    "nbar": Field("number", "photons in that bath", "0"),
}
PREPARATION: Table = {
    "excitations": Field("whole", r"of a Dicke state $\lvert j,m\rangle$ above its lowest"),
    "j": Field("number", "of that state", "N/2"),
    "up": Field("number", "instead: each spin is up with that probability"),
}
PULSE: Table = {
    "dephase_battery": Field("number", "share of the battery's coherence that is lost, 0 to 1"),
    "dephase_charger": Field("number", "share of the charger's"),
    "rotate_battery_deg": Field(
        "number", "instead: angle that the battery turns; 180 inverts", "0"
    ),
    "rotate_charger_deg": Field("number", "angle that the charger turns", "0"),
    "axis_deg": Field("number", "azimuth of the axis: 0 for x, 90 for y", "0"),
    "rotation_error": Field(
        "number", "standard deviation of the angle over the angle, of each spin by itself", "0"
    ),
}
RESPONSE: Table = {
    "file": Field(
        "text",
        "CSV with the columns time [us] (in a reservoir time alone, in the definition's own unit) "
        "and response, from 0 to 1",
    ),
    "times": Field("number", "what such a file holds, here, in the unit of times", several=True),
    "response": Field("number", "at each of them", several=True),
}
STAGE: Table = {
    "duration": Field("number", "of a stage, in the unit of times; a pulse has none"),
    "coupled": Field("text", "which ensembles the field sees", "both", get_args(Coupled)),
    "battery_noise": Section("in place of the model's", NOISE),
    "charger_noise": Section("in place of the model's", NOISE),
    "rise": Field(
        "number",
        "time constant of an exponential change from the detunings before, length of a linear "
        "one, or its measured step response; at most the duration",
        "0: at once",
        table=RESPONSE,
    ),
    "rise_shape": Field("text", "how they change", "exponential", get_args(RiseShape)),
    **PULSE,
}
IN_RESERVOIR: Table = {
    **STAGE,
    "battery_detuning": Field("number", "where the stage brings the battery", "the model's"),
    "charger_detuning": Field("number", "where it brings the charger", "the model's"),
}
DRIVE: Table = {
    "amplitude": Field("number", r"largest $\eta$, rad/s", "one of two"),
    "power_w": Field("number", "the same by the power sent in, W", "one of two"),
    "port": Field("text", "where it is sent in, a name of the resonator's ports", "the only one"),
    "duration_s": Field(
        "number", "s; of a Gaussian its full width at half maximum", "required, or `file`"
    ),
    "start_s": Field(
        "number",
        "s, from the start of the stage; of a Gaussian its centre",
        "0",
    ),
    "shape": Field("text", "its envelope", "square", get_args(PulseShape)),
    "detuning_hz": Field("number", "from the resonator, Hz", "0"),
    "phase_deg": Field("number", "beside other fields and rotations", "0"),
    "chirp_hz": Field(
        "number", "by how much the frequency rises over the pulse, through `detuning_hz`", "0"
    ),
    "file": Field(
        "text", "instead of a shape: CSV with the columns time [us], I and Q at equal distances"
    ),
    "in_phase": Field("number", "what such a file holds, here", several=True),
    "quadrature": Field("number", "the same for Q", several=True),
}
WITH_MODE: Table = {
    **STAGE,
    "battery_detuning_hz": Field("number", "where the stage brings the battery", "the model's"),
    "charger_detuning_hz": Field("number", "where it brings the charger", "the model's"),
    "drives": Section("fields that are sent in", {ANY_NAME: Section("one of them", DRIVE)}),
}
DETECTOR: Table = {
    "kind": Field("text", "what it records", "photons", KINDS),
    "phase": Field("number", r"$\varphi$ of the local oscillator, radians", "0"),
    "efficiency": Field("number", r"$\eta$, the share of the light that is seen", "1"),
}
COLLECTIVE: Table = {
    "n_battery": Field("whole", "number of battery spins, >= 1", REQUIRED),
    "n_charger": Field("whole", "number of charger spins $N_C$", "required, or `ratio`"),
    "ratio": Field(
        "number", "$R=N_C/N_B$; the number must be whole but for rounding: 0.57 of 100 is 57"
    ),
    "nbar": Field("number", "photons in the reservoir", "0"),
    "temperature": Field("number", r"instead: $k_B\,T$/($\hbar\omega$)"),
    "gamma": Field("number", "collective rate; its inverse is the unit of time", "1"),
    "battery_start": Field(
        "text",
        "the word, a Dicke state, or each spin up with a probability",
        "down",
        get_args(BatteryStart),
        table=PREPARATION,
    ),
    "charger_start": Field(
        "text", "the same of the charger", "up", get_args(ChargerStart), table=PREPARATION
    ),
    "battery_noise": Section("of every single battery spin", NOISE),
    "charger_noise": Section("of every single charger spin", NOISE),
    "detuning": Field("number", r"$\omega_B-\omega_C$", "0"),
    "protocol": Section(
        "stages and pulses, one after the other in the order of the file",
        {ANY_NAME: Section("a stage if it has a duration, else a pulse", IN_RESERVOIR)},
    ),
    "detector_efficiency": Field(
        "number",
        r"probability that an emitted photon is recorded; below 1 `sample` takes few spins beyond "
        r"the plain model at $\bar n$ = 0",
        "1",
    ),
    "detector": Section(
        r"instead: what looks at the emitted light; below efficiency 1, and beyond the plain model "
        r"at $\bar n$ = 0, few spins",
        DETECTOR,
    ),
}
SPINS: Table = {
    "number": Field("whole", "number of spins", REQUIRED),
    "coupling_hz": Field("number", r"$g/2\pi$ of one spin, Hz", REQUIRED),
    "polarisation": Field(
        "number",
        r"$\langle\sigma_z\rangle$ at the start: of the battery downwards, of the charger upwards",
        "1",
    ),
    "t1_s": Field("number", "spin-lattice relaxation time, s", "infinite"),
    "t2_s": Field("number", "homogeneous coherence time, s", "2 T1"),
    "equilibrium": Field("number", r"$\langle\sigma_z\rangle$ that T1 relaxes towards", "thermal"),
    "refill_s": Field(
        "number", "$T_r$ in which flip-flops fill holes in the line, s; semiclassical", "never"
    ),
    "coupling_spread": Field("number", "standard deviation over mean of the couplings", "0"),
    "couplings": Section(
        "how couplings differ: the same spread, or a map of the field",
        {
            "spread": Field("number", "standard deviation over mean", "0"),
            "file": Field(
                "text", "CSV with the columns coupling (any unit) and weight (spins or volume)"
            ),
            "values": Field("number", "what such a file holds, here", several=True),
            "weights": Field("number", "of each value", several=True),
        },
    ),
    "line": Section(
        "inhomogeneous line",
        {
            "shape": Field("text", "its shape", "required, or `file`", SHAPES),
            "fwhm_hz": Field("number", "full width at half maximum, Hz", "required but for Voigt"),
            "q": Field("number", "of a q-Gaussian"),
            "gaussian_fwhm_hz": Field("number", "of a Voigt profile, for `fwhm_hz`"),
            "lorentzian_fwhm_hz": Field("number", "the same of its Lorentzian part"),
            "file": Field(
                "text",
                "instead of a shape: CSV with the columns frequency [MHz] (Hz, kHz, GHz) and "
                "weight: the density there, as an ODMR spectrum has it",
            ),
            "frequencies_hz": Field("number", "what such a file holds, here", several=True),
            "weights": Field("number", "of each frequency", several=True),
            "centre_hz": Field(
                "number", "frequency of the file that is the line's centre", "the mean"
            ),
        },
    ),
    "hyperfine": Field(
        "number",
        "the line once for each of these shifts (Hz), or as a nitrogen nucleus shifts centres "
        "along the field",
        several=True,
        words=tuple(ISOTOPES),
    ),
    "axes": Section(
        "parts of the ensemble, such as the four axes of centres",
        {
            ANY_NAME: Section(
                "one",
                {
                    "share": Field("number", "of the spins; those of all sum to 1", REQUIRED),
                    "shift_hz": Field("number", "of its line", "0"),
                    "coupling": Field("number", "over those of the others", "1"),
                },
            )
        },
    ),
}
PORT: Table = {
    "linewidth_fwhm_hz": Field("number", "its share of the full width, Hz", "one of two"),
    "coupling_coefficient": Field("number", "the same over what is lost inside", "one of two"),
}
AT_RESONATOR: Table = {
    "battery": Section("the ensemble that is charged; may be absent", SPINS),
    "charger": Section("the ensemble that charges it", SPINS, REQUIRED),
    "resonator": Section(
        "one mode and its surroundings",
        {
            "frequency_hz": Field("number", "frequency, Hz", REQUIRED),
            "linewidth_fwhm_hz": Field("number", "full width at half maximum, Hz", "one of two"),
            "linewidth_hwhm_hz": Field("number", "half width at half maximum, Hz", "one of two"),
            "temperature_k": Field("number", "temperature of the surroundings, K", "0"),
            "loaded_q": Field("number", "instead of a width: frequency over full width"),
            "ports": Section("where field enters and leaves", {ANY_NAME: Section("one", PORT)}),
        },
        REQUIRED,
    ),
    "drive": Section("a coherent field that is sent in; without a protocol", DRIVE),
    "battery_detuning_hz": Field("number", "centre of the line less the resonator's, Hz", "0"),
    "charger_detuning_hz": Field("number", "the same of the charger", "0"),
    "protocol": Section(
        "stages and pulses, one after the other in the order of the file",
        {ANY_NAME: Section("a stage if it has a duration, else a pulse", WITH_MODE)},
    ),
    "detector": Section(
        "what looks at the light that leaves; but for every photon `sample` takes few spins",
        {**DETECTOR, "port": Field("text", "of which port alone", "all that leaves")},
    ),
}
DICKE: Table = {
    "n_battery": Field("whole", "number of spins, and of photons at the start", REQUIRED),
    "coupling": Field("number", r"$\lambda$ in units of $\omega$, 0 to 2", REQUIRED),
    "arrangement": Field(
        "text", "one resonator for all, or one each", "collective", get_args(Arrangement)
    ),
}
CLOSED: Table = {"dicke": Section("a closed Dicke battery", DICKE, REQUIRED)}
PRECISION: Table = {
    "observable": Field("text", "whose error is looked at", REQUIRED, ALONE),
    "absolute": Field("number", "error that is enough", "one of two"),
    "relative": Field("number", "the same over the value", "one of two"),
    "times": Field("number", "some of the output times", "all", several=True),
    "min_runs": Field("whole", "runs that are made in any case", "1000"),
}
RECORDS: Table = {
    "levels": Field("number", "energies per spin whose times are told", several=True),
    "of_end": Field("number", "the same, as shares of each run's own end", several=True),
}
STATISTICS: Table = {
    "of": Field(
        "text",
        "quantities of a run whose distribution, mean, standard deviation and reliability are told",
        several=True,
    ),
    "joint": Field("text", "pairs of them, whose joint histogram is", several=True, pairs=True),
    "where": Field(
        "text",
        'a condition, such as `"emitted_photons < 5 at t = 0.2"`: all of it '
        "for the runs that it selects as well",
    ),
}
RECEIVER: Table = {
    "port": Field("text", "where it listens, a name of the resonator's ports", REQUIRED),
    "sampling_rate_hz": Field("number", "samples a second of each channel, I and Q", REQUIRED),
    "bandwidth_hz": Field("number", "noise bandwidth of a channel, Hz", "half the sampling rate"),
    "noise_temperature_k": Field("number", "$T_n$ of the amplifier, K", "0"),
}
TIMES: Table = {
    "values": Field("number", "a list, for a unit beside it", several=True),
    "unit": Field(
        "text",
        r"`model` ($1/\gamma$, or seconds) or `burst`, $1/(\lvert N_C-N_B\rvert\gamma)$, "
        "or how fast a burst grows at a resonator: equal stages at every size",
        "model",
        get_args(TimeUnit),
    ),
    **RANGE,
}
RUN: Table = {
    "engine": Field("text", "which engine answers", "quantum", ENGINES),
    "method": Field(
        "text", "one of these, or a list of them", REQUIRED, get_args(Method), several=True
    ),
    "order": Field("whole", "semiclassical `evolve`: 1 or 2", "2"),
    "delays": Field(
        "text",
        "semiclassical `evolve` of order 2: one run, or averaged over the burst's delays",
        "modal",
        get_args(Delays),
    ),
    "classes": Field("whole", "semiclassical: frequency classes of an ensemble", "chosen"),
    "times": Field(
        "number", "output times", "required but for `steady`", several=True, table=TIMES
    ),
    "observables": Field(
        "text",
        "[names](observables.md); each method gives those it has, in a sweep at the points where "
        "it has them, and says where not; those at a port with its name: `port_power of out`",
        "the cheap ones",
        ALONE,
        several=True,
        pattern=f"^({'|'.join(needing(Needs.PORT))}){OF}.+$",
    ),
    "runs": Field("whole", "number of single runs", "required for `sample`"),
    "first": Field("whole", "index of the first run", "0"),
    "seed": Field("whole", "0 ... $2^{64}$ - 1", "0"),
    "precision": Section("stop when it is reached", PRECISION),
    "records": Field("text", "a row for every run", NONE, ("summary",), table=RECORDS),
    "statistics": Section(
        "of what single runs do, in words: see [single runs](fluctuations.md)", STATISTICS
    ),
    "single_runs": Field(
        "whole",
        "how many runs to store and draw one by one: the first of those that were made, with "
        "`observables`, or the energies, ergotropy and photons where none are named",
        "0",
    ),
    "receiver": Section(
        "semiclassical `sample`: what records at a port each run that is stored or replayed",
        RECEIVER,
    ),
}
MODELS = (COLLECTIVE, AT_RESONATOR, CLOSED)


def flattened(model: Mapping[str, Any]) -> dict[str, Any]:
    """The [model] table with its tables' fields by dotted names; unknown keys are refused.

    >>> flattened({"resonator": {"frequency_hz": 3e9}})
    {'resonator.frequency_hz': 3000000000.0}
    >>> flattened({"protocol": {"store": {"duration": 2}}})
    {'protocol.store.duration': 2}
    """
    for name, fields in (("resonator", AT_RESONATOR), ("dicke", CLOSED)):
        if name in model:
            return _leaves("", model, fields)
    return _leaves("", model, COLLECTIVE)


def _leaves(prefix: str, table: Mapping[str, Any], known: Table) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if ANY_NAME in known:
            if "." in key:
                raise InputError(f"model.{prefix}", key, "must be a name without dots")
            inner = known[ANY_NAME]
        else:
            known_name(f"model.{prefix}{key}", key, known)
            inner = known[key]
        name = f"{prefix}{key}"
        keys = inner.keys if isinstance(inner, Section) else inner.table
        if isinstance(inner, Section) or (keys and isinstance(value, dict)):
            inside = _table(f"model.{name}", value)
            if not inside:
                known_ones = ", ".join(one for one in keys or {} if one != ANY_NAME)
                holds = f"; it holds {known_ones}" if known_ones else ""
                raise InputError(f"model.{name}", "{}", f"an empty table says nothing{holds}")
            flat |= _leaves(f"{name}.", inside, keys or {})
        elif isinstance(value, list) and inner.several:
            flat[name] = tuple(value)  # one value, and no sweep
        else:
            flat[name] = value
    return flat


def _table(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(name, value, "must be a table")
    return value
