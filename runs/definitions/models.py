"""Models from the fields of a run definition, all keys checked."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from darkbattery.nvmodel import (
    CollectiveBattery,
    Detector,
    DickeState,
    Drive,
    FieldMap,
    Gaussian,
    LocalNoise,
    Lorentzian,
    Multiplet,
    Polarised,
    Port,
    Pulse,
    QGaussian,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
    StepResponse,
    Subensemble,
    Tabulated,
    Voigt,
)
from darkbattery.nvmodel.battery import charger_spins
from darkbattery.nvmodel.dicke import DickeBattery
from darkbattery.nvmodel.lines.measured import checked_values
from darkbattery.nvmodel.lines.shapes import SHAPES, LineShape, equal_copies
from darkbattery.nvmodel.nv.constants import hyperfine_shifts
from darkbattery.nvmodel.protocol import MOST_TURN, beyond_its_stage
from darkbattery.nvmodel.refusal import (
    InputError,
    finite_number,
    is_real,
    known_name,
    number_between,
    whole_number,
    within,
)
from darkbattery.nvmodel.spins import MOST_SPINS

Model = CollectiveBattery | ResonatorBattery | DickeBattery

KINDS: tuple[type[Any], ...] = (Gaussian, Lorentzian, QGaussian, Voigt)
LINES = dict(zip(SHAPES, KINDS, strict=True))
MEASURED = ("frequencies_hz", "weights")
DEGREES = {"_deg": math.pi / 180.0}
IN_RADIANS = {"_hz": 2.0 * math.pi, **DEGREES}  # what a field's ending says
MOST = {"_hz": 1e14, "_deg": MOST_TURN / DEGREES["_deg"]}  # by that ending
NAMED_STARTS = ("battery_start", "charger_start")  # a name, or a table


def _fields(*kinds: type[Any]) -> list[str]:
    return [field.name for kind in kinds for field in dataclasses.fields(kind)]


PREPARED = _fields(DickeState, Polarised)
TURNING = {*_fields(Pulse)} - {"name"}  # what a stage has not, but for its name


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The table that `flattened` takes apart.

    >>> nested({"charger.line.q": 1.4, "nbar": 0})
    {'charger': {'line': {'q': 1.4}}, 'nbar': 0}
    """
    tables: dict[str, Any] = {}
    for name, value in flat.items():
        place = tables
        *path, last = name.split(".")
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return tables


def build_model(fields: Mapping[str, Any]) -> Model:
    """The model of one point of a sweep, from flattened fields."""
    tables = nested(fields)
    if "dicke" in tables:
        dicke: DickeBattery = built("model.dicke", DickeBattery, tables["dicke"])
        return dicke
    if "resonator" not in tables:
        return _collective(tables)
    charger = spins_of("charger", tables.get("charger"))
    if charger is None:
        raise InputError("model.charger", None, "must be a table")
    drive, resonator = tables.get("drive"), _resonator(tables["resonator"])
    return ResonatorBattery(
        charger=charger,
        resonator=resonator,
        battery=spins_of("battery", tables.get("battery")),
        battery_detuning_hz=tables.get("battery_detuning_hz", 0.0),
        charger_detuning_hz=tables.get("charger_detuning_hz", 0.0),
        drive=None if drive is None else _drive("model.drive", drive, resonator),
        protocol=protocol_of(tables.get("protocol", {}), resonator),
        detector=_detector(tables["detector"]) if "detector" in tables else None,
    )


def _detector(fields: dict[str, Any]) -> Detector:
    return Detector(**fields)


def _resonator(fields: Mapping[str, Any]) -> Resonator:
    given = dict(fields)
    ports = given.pop("ports", {})
    path = "model.resonator"
    given["ports"] = tuple(
        built(f"{path}.ports.{name}", Port, {"name": name, **port}) for name, port in ports.items()
    )
    resonator: Resonator = built(path, Resonator, given)
    return resonator


def _collective(fields: dict[str, Any]) -> CollectiveBattery:
    ratio = fields.pop("ratio", None)
    if "n_battery" not in fields:
        raise InputError("model.n_battery", None, "must be given")
    if ratio is not None:
        if "n_charger" in fields:
            raise InputError("model.ratio", ratio, "give n_charger or ratio, not both")
        n_battery = whole_number("n_battery", fields["n_battery"], least=1, most=MOST_SPINS)
        with within("model"):
            fields["n_charger"] = charger_spins(ratio, n_battery)
    if "n_charger" not in fields:
        raise InputError("model.n_charger", None, "must be given, or ratio")
    for name in NAMED_STARTS:
        if name in fields:
            fields[name] = named_start(name, fields[name])
    for name in ("battery_noise", "charger_noise"):
        if name in fields:
            fields[name] = _noise(f"model.{name}", fields[name])
    if "protocol" in fields:
        fields["protocol"] = protocol_of(fields["protocol"], None)
    if "detector" in fields:
        fields["detector"] = _detector(fields["detector"])
    return CollectiveBattery(**fields)


def named_start(name: str, value: Any) -> Any:
    """A start's table as the preparation that it stands for; all else as it is.

    >>> named_start("battery_start", {"excitations": 1})
    DickeState(excitations=1)
    """
    if name not in NAMED_STARTS or not isinstance(value, dict):
        return value
    for key in value:
        known_name(f"model.{name}.{key}", key, PREPARED)
    if ("up" in value) == ("excitations" in value) or {"up", "j"} <= set(value):
        raise InputError(f"model.{name}", value, "must hold excitations (and j), or up")
    return built(f"model.{name}", Polarised if "up" in value else DickeState, value)


def written(value: Any) -> Any:
    """A value of a sweep as TOML holds it: what `named_start` takes.

    >>> written(DickeState(1)), written(0.5)
    ({'excitations': 1}, 0.5)
    """
    if not isinstance(value, DickeState | Polarised):
        return value
    return {name: one for name, one in vars(value).items() if one is not None}


def shown(value: Any) -> str:
    """A value of a sweep in a label or a column of text.

    >>> shown(DickeState(1, j=0.5)), shown(2)
    ('{ excitations = 1, j = 0.5 }', '2')
    """
    table = written(value)
    if not isinstance(table, dict):
        return str(value)
    return "{ " + ", ".join(f"{name} = {one}" for name, one in table.items()) + " }"


def _noise(name: str, fields: dict[str, Any]) -> LocalNoise:
    """Rates as they are, or a relaxation rate with its bath's nbar."""
    if "relaxation" not in fields and "nbar" not in fields:
        noise: LocalNoise = built(name, LocalNoise, fields)
        return noise
    for given in ("emission", "pumping"):
        if given in fields:
            raise InputError(f"{name}.{given}", fields[given], "give it or relaxation, not both")
    with within(name):
        return LocalNoise.thermal(
            fields.get("relaxation", 0.0), fields.get("nbar", 0.0), fields.get("dephasing", 0.0)
        )


def protocol_of(steps: Mapping[str, Any], at: Resonator | None) -> tuple[Stage | Pulse, ...]:
    """Stages and pulses of the tables of a definition's protocol, in their order."""
    return tuple(
        _step(f"model.protocol.{name}", name, fields, at) for name, fields in steps.items()
    )


def _step(path: str, name: str, fields: dict[str, Any], at: Resonator | None) -> Stage | Pulse:
    """A stage if it has a duration, else a pulse."""
    if "duration" not in fields:
        for key in fields:
            if not _of_a_pulse(key):
                raise InputError(f"{path}.{key}", fields[key], "a stage needs a duration")
        pulse: Pulse = built(path, Pulse, {**_in_radians(path, fields), "name": name})
        return pulse
    for key in filter(_of_a_pulse, fields):
        raise InputError(f"{path}.{key}", fields[key], "a pulse has no duration")
    given = _in_radians(path, fields)
    if isinstance(given.get("rise"), dict):
        if "rise_shape" in given:
            text = "give it or a measured response, not both"
            raise InputError(f"{path}.rise_shape", given["rise_shape"], text)
        given["rise_shape"] = built(f"{path}.rise", StepResponse, given.pop("rise"))
    for key in ("battery_noise", "charger_noise"):
        if key in given:
            given[key] = _noise(f"{path}.{key}", given[key])
    drives = given.pop("drives", {})
    if at is not None:
        given["drives"] = tuple(
            _drive(f"{path}.drives.{one}", drive, at) for one, drive in drives.items()
        )
        for one, drive in zip(drives, given["drives"], strict=True):
            if is_real(given["duration"]) and (text := beyond_its_stage(drive, given["duration"])):
                raise InputError(f"{path}.drives.{one}.duration_s", drive.duration_s, text)
    stage: Stage = built(path, Stage, {**given, "name": name})
    return stage


def _of_a_pulse(key: str) -> bool:
    return key.removesuffix("_deg") in TURNING


def _drive(path: str, fields: Mapping[str, Any], at: Resonator) -> Drive:
    given = _in_radians(path, fields, DEGREES)
    if ("power_w" in given) == ("amplitude" in given):
        raise InputError(f"{path}.amplitude", given.get("amplitude"), "give it or power_w")
    if "port" in given and "power_w" not in given:
        raise InputError(f"{path}.port", given["port"], "only with power_w")
    if "power_w" in given:
        port = given.pop("port", at.ports[0].name if len(at.ports) == 1 else None)
        with within(path):
            given["amplitude"] = at.amplitude_of(given.pop("power_w"), port)
    if "in_phase" in given and "shape" not in given:
        given["shape"] = "samples"
    drive: Drive = built(path, Drive, given)
    return drive


def _in_radians(
    path: str, fields: Mapping[str, Any], units: Mapping[str, float] = IN_RADIANS
) -> dict[str, Any]:
    """Fields as Python names them: what is in hertz or degrees, by its ending, in radians."""
    found = {}
    for key, value in fields.items():
        ending = next((one for one in units if key.endswith(one)), None)
        if ending is None:
            found[key] = value
        else:
            number = number_between(f"{path}.{key}", value, -MOST[ending], MOST[ending])
            found[key.removesuffix(ending)] = units[ending] * number
    return found


def built(name: str, kind: type[Any], fields: Mapping[str, Any]) -> Any:
    """An instance, its refusals with the table's name before the field's.

    >>> built("model.charger.line", Gaussian, {"fwhm_hz": 1e6})
    Gaussian(fwhm_hz=1000000.0)
    """
    known = _fields(kind)
    for key in fields:
        known_name(f"{name}.{key}", key, known)
    try:
        with within(name):
            return kind(**fields)
    except TypeError:
        needed = [one for one in known if one not in fields]
        raise InputError(name, sorted(fields), f"fields are missing, of {needed}") from None


def spins_of(name: str, fields: Mapping[str, Any] | None) -> SpinEnsemble | None:
    """The ensemble of a table `model.NAME`; None without one."""
    if fields is None:
        return None
    given, path = dict(fields), f"model.{name}"
    couplings, axes = given.pop("couplings", None), given.pop("axes", {})
    coupling = finite_number(
        f"{path}.coupling_hz", given.pop("coupling_hz", None), least=0.0, exclusive=True
    )
    given["coupling"] = 2.0 * math.pi * coupling
    given["line"] = _line(path, given.pop("line", None), given.pop("hyperfine", None))
    if couplings is not None:
        given |= _couplings(path, given, couplings)
    given["axes"] = tuple(axis_of(f"{path}.axes.{one}", part) for one, part in axes.items())
    ensemble: SpinEnsemble = built(path, SpinEnsemble, given)
    return ensemble


def _line(path: str, fields: Mapping[str, Any] | None, hyperfine: Any) -> LineShape | None:
    line = None if fields is None else one_line(f"{path}.line", fields)
    if hyperfine is None:
        return line
    if line is None:
        raise InputError(f"{path}.hyperfine", hyperfine, "needs a line: give it a shape first")
    with within(path):
        found: Multiplet = equal_copies(line, shifts_of(hyperfine))
    return found


def shifts_of(hyperfine: Any) -> tuple[float, ...]:
    """Shifts of an isotope's lines, or those of a list, Hz.

    >>> shifts_of("15N"), shifts_of([-1e6, 1e6])
    ((-1515000.0, 1515000.0), (-1000000.0, 1000000.0))
    """
    if isinstance(hyperfine, str):
        return hyperfine_shifts(hyperfine)
    shifts = checked_values("hyperfine", hyperfine, -math.inf)
    if not shifts or len(set(shifts)) < len(shifts):
        raise InputError("hyperfine", hyperfine, "must be shifts (Hz), each once")
    return shifts


def one_line(name: str, fields: Mapping[str, Any]) -> LineShape:
    """The line of a table that has a shape or what was measured, without its hyperfine copies."""
    measured = [key for key in MEASURED if key in fields]
    if measured and "shape" in fields:
        raise InputError(f"{name}.shape", fields["shape"], "give a shape or what was measured")
    if measured:
        spectrum: LineShape = built(name, Tabulated, fields)
        return spectrum
    shape = known_name(f"{name}.shape", fields.get("shape"), LINES)
    rest = {key: value for key, value in fields.items() if key != "shape"}
    line: LineShape = built(name, LINES[shape], rest)
    return line


def map_of(name: str, fields: Mapping[str, Any]) -> FieldMap:
    """The map of a table with `values` and `weights`."""
    if "spread" in fields:
        raise InputError(f"{name}.spread", fields["spread"], "give a spread or a map, not both")
    rest = dict(fields)
    rest["couplings"] = rest.pop("values", ())
    found: FieldMap = built(name, FieldMap, rest)
    return found


def _couplings(path: str, given: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """A spread or a map, as `SpinEnsemble` takes them."""
    if "coupling_spread" in given:
        text = "give it or couplings, not both"
        raise InputError(f"{path}.coupling_spread", given["coupling_spread"], text)
    name, rest = f"{path}.couplings", dict(fields)
    if "values" not in rest and "weights" not in rest:
        with within(name):
            spread = finite_number("spread", rest.get("spread"), least=0.0)
        return {"coupling_spread": spread}
    return {"couplings": map_of(name, rest)}


def axis_of(name: str, fields: Mapping[str, Any]) -> Subensemble:
    """An axis of a table with share, shift_hz and coupling."""
    given = dict(fields)
    if "shift_hz" in given:
        given["offset_hz"] = given.pop("shift_hz")
    axis: Subensemble = built(name, Subensemble, given)
    return axis
