"""Models from the fields of a run definition, all keys checked."""

import math
from collections.abc import Mapping
from typing import Any

from darkbattery.nvmodel import (
    CollectiveBattery,
    Detector,
    DickeState,
    Drive,
    LocalNoise,
    Polarised,
    Port,
    Pulse,
    Resonator,
    ResonatorBattery,
    Stage,
    StepResponse,
)
from darkbattery.nvmodel.battery import charger_spins
from darkbattery.nvmodel.dicke import DickeBattery
from darkbattery.nvmodel.protocol import MOST_TURN, beyond_its_stage
from darkbattery.nvmodel.refusal import (
    InputError,
    is_real,
    known_name,
    number_between,
    whole_number,
    within,
)
from darkbattery.nvmodel.spins import MOST_SPINS
from darkbattery.runs.definitions.ensembles import built, spins_of
from darkbattery.runs.definitions.schema import (
    ANY_NAME,
    AT_RESONATOR,
    CLOSED,
    COLLECTIVE,
    PREPARATION,
    PULSE,
    Section,
    Table,
)

Model = CollectiveBattery | ResonatorBattery | DickeBattery

DEGREES = {"_deg": math.pi / 180.0}
IN_RADIANS = {"_hz": 2.0 * math.pi, **DEGREES}  # what a field's ending says
MOST = {"_hz": 1e14, "_deg": MOST_TURN / DEGREES["_deg"]}  # by that ending
NAMED_STARTS = ("battery_start", "charger_start")  # a name, or a table


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
            known_key(f"model.{prefix}", key, tuple(known))
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


def known_key(prefix: str, key: str, known: tuple[str, ...]) -> None:
    """Refuse a key that is not known, and name the nearest."""
    if key not in known:
        known_name(f"{prefix}{key}", key, known)


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
        known_key(f"model.{name}.", key, tuple(PREPARATION))
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
            if key not in PULSE:
                raise InputError(f"{path}.{key}", fields[key], "a stage needs a duration")
        pulse: Pulse = built(path, Pulse, {**_in_radians(path, fields), "name": name})
        return pulse
    for key in PULSE:
        if key in fields:
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


def _table(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(name, value, "must be a table")
    return value
