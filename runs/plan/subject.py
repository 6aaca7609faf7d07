"""What is planned: a published device or a file, as a `ResonatorBattery`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from darkbattery.nvmodel import ResonatorBattery
from darkbattery.nvmodel.devices.draws import draw_values
from darkbattery.nvmodel.devices.published import (
    DEVICES,
    Device,
    find_device,
    resonator_battery,
    with_value,
)
from darkbattery.nvmodel.devices.sheets import is_sheet
from darkbattery.nvmodel.refusal import InputError, finite_number, known_name
from darkbattery.nvmodel.resonator import of_a_resonator
from darkbattery.runs.definitions.datafiles import with_files
from darkbattery.runs.definitions.definition import find_definition, shipped_definitions
from darkbattery.runs.definitions.devicefile import (
    NO_SEQUENCE,
    Sequence,
    device_from,
    sequence_from,
    with_sequence,
)
from darkbattery.runs.definitions.models import build_model
from darkbattery.runs.definitions.schema import flattened
from darkbattery.runs.definitions.tomlfile import read_toml
from darkbattery.runs.plan.parameters import split
from darkbattery.runs.ranks.world import spread

# charger spins for each battery spin of a device unless said otherwise
RATIO = 5.0

NO_ERRORS = "needs a device: a run definition has no errors"

Found = TypeVar("Found")


@dataclass(frozen=True)
class Subject:
    """A model and where it comes from.

    Attributes
    ----------
    name, title : str
    model : ResonatorBattery
    device : Device or None
        None for a file.
    ratio : float or None
        The one asked for; None: the file's own.
    sequence : Sequence
        Of a device file; empty for others.
    """

    name: str
    title: str
    model: ResonatorBattery
    device: Device | None
    ratio: float | None
    sequence: Sequence = NO_SEQUENCE


@dataclass(frozen=True)
class Variant:
    """The model with one uncertain quantity of its device at an end of its range."""

    field: str
    status: str
    value: float
    model: ResonatorBattery


@dataclass(frozen=True, eq=False)
class Drawn(Generic[Found]):
    """One possible device: its uncertain values, and what was found; None if it cannot be."""

    values: dict[str, float]
    found: Found | None


def find_subject(name: str, ratio: float | None = None) -> Subject:
    """A device by its name or its data sheet, or a TOML file with a [model] at a resonator.

    Raises
    ------
    InputError
        For a name that is none of these, a file whose model has a list, no resonator or no battery,
        and a ratio that is not positive.
    """
    if ratio is not None:
        ratio = finite_number("--ratio", ratio, least=0.0, exclusive=True)
    if name in DEVICES:
        device = find_device(name)
        ratio = RATIO if ratio is None else ratio
        model = resonator_battery(device, ratio=ratio)
        return Subject(name, device.title, model, device, ratio)
    if not Path(name).is_file():
        known_name("plan", name, [*DEVICES, *shipped_definitions()])
    elif is_sheet(content := read_toml("plan", Path(name))):
        device = device_from(content, Path(name))
        ratio = RATIO if ratio is None else ratio
        sequence = sequence_from(content, device, Path(name).parent)
        model = with_sequence(device, ratio, sequence)
        return Subject(Path(name).stem, device.title, model, device, ratio, sequence)
    title, model = _from_file(find_definition(name))
    if ratio is not None:
        model = split(model, ratio)
    return Subject(Path(name).stem, title, model, None, ratio)


def variants(subject: Subject) -> list[Variant]:
    """Both ends of every quantity with a range, which every assumed one has; none for a file."""
    if subject.device is None:
        return []
    found = []
    for field, quantity in subject.device.quantities.items():
        low, high = quantity.range
        for end in (low, high) if low < high else ():
            model = corner(subject, {field: end})
            found.append(Variant(field, quantity.status, end, model))
    return found


def corner(subject: Subject, values: dict[str, float]) -> ResonatorBattery:
    """The model of the device with several of its quantities replaced."""
    assert subject.device is not None
    device = subject.device
    for field, value in values.items():
        device = with_value(device, field, value)
    assert subject.ratio is not None
    return with_sequence(device, subject.ratio, subject.sequence)


def of_draws(
    subject: Subject,
    count: int,
    find: Callable[[ResonatorBattery], Found],
    comm: Any = None,
    seed: int = 1,
) -> list[Drawn[Found]]:
    """What `find` says of `count` draws of the subject's device, on every rank the same."""
    if count and subject.device is None:
        raise InputError("--draws", count, NO_ERRORS)

    def of_one(own: dict[str, float]) -> Found | None:
        try:
            return find(corner(subject, own))
        except InputError:  # T2 above 2 T1, ports wider than the resonator: there is none such
            return None

    values = draw_values(subject.device, count, seed) if subject.device is not None else []
    return [Drawn(*pair) for pair in zip(values, spread(comm, of_one, values), strict=True)]


def _from_file(path: Path) -> tuple[str, ResonatorBattery]:
    content = read_toml("plan", path)
    for key in content:
        known_name(key, key, ("title", "model", "run"))
    fields = flattened(with_files(_table(content), path.parent))
    for name, value in fields.items():
        if isinstance(value, (list, dict)):
            raise InputError(f"model.{name}", value, "a plan has one model: use --vary for sweeps")
    model = build_model(fields)
    if model.resonator is None:
        raise InputError("model.resonator", None, "must be a table: a plan needs frequencies")
    if not model.sizes[0]:
        raise InputError("model.battery", None, "must be a table: a plan charges a battery")
    return str(content.get("title", path.stem)), of_a_resonator(model)


def _table(content: dict[str, Any]) -> dict[str, Any]:
    value = content.get("model")
    if not isinstance(value, dict):
        raise InputError("model", value, "must be a table: [model]")
    return value
