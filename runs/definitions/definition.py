"""Run definitions: TOML -> frozen dataclasses, every key checked."""

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.method import Summary, summary_of
from darkbattery.nvmodel.observables import known_observable
from darkbattery.nvmodel.receiver import Receiver
from darkbattery.nvmodel.refusal import (
    InputError,
    finite_number,
    known_name,
    output_times,
    whole_number,
    within,
)
from darkbattery.nvmodel.runstatistics import Statistics
from darkbattery.nvmodel.tally import MOST_RUNS
from darkbattery.runs.definitions.datafiles import with_files
from darkbattery.runs.definitions.models import (
    Model,
    build_model,
    named_start,
    shown,
)
from darkbattery.runs.definitions.precision import Precision
from darkbattery.runs.definitions.schema import (
    ENGINES,
    PRECISION,
    RANGE,
    RECEIVER,
    RECORDS,
    RUN,
    SPACINGS,
    STATISTICS,
    Delays,
    Method,
    TimeUnit,
    flattened,
)
from darkbattery.runs.definitions.tomlfile import read_toml

MOST_POINTS = 10_000
MOST_SAMPLES = 1e7  # of all records of a study


@dataclass(frozen=True)
class Point:
    """One model of a sweep, with the swept fields that set it apart."""

    swept: tuple[tuple[str, Any], ...]
    model: Model

    @property
    def label(self) -> str:
        """Such as ``n_battery=2, nbar=0.5``; empty without a sweep."""
        return ", ".join(f"{name}={shown(value)}" for name, value in self.swept)


@dataclass(frozen=True)
class RunDefinition:
    """A study as its TOML file says it; see docs/definition.md for the fields.

    `model` holds each field of the model table as a tuple of its values; `times` are in `time_unit`
    (see `times_of`).
    """

    title: str
    model: tuple[tuple[str, tuple[Any, ...]], ...]
    engine: str
    methods: tuple[Method, ...]
    order: int | None
    delays: Delays
    classes: int | None
    times: tuple[float, ...]
    time_unit: TimeUnit
    observables: tuple[str, ...] | None
    runs: int | None
    first: int
    seed: int
    precision: Precision | None
    records: Summary | None
    single_runs: int
    statistics: Statistics | None = None
    receiver: Receiver | None = None

    def points(self) -> tuple[Point, ...]:
        """The models of the sweep: one list makes a curve each, two lists a grid.

        Raises InputError for the first model that is not valid.
        """
        return self._points

    @cached_property
    def _points(self) -> tuple[Point, ...]:
        # asked for by every table and figure; a thousand models take a second
        names = [name for name, _ in self.model]
        swept = [name for name, values in self.model if len(values) > 1]
        points = []
        for combination in itertools.product(*(values for _, values in self.model)):
            fields = dict(zip(names, combination, strict=True))
            labels = tuple((name, fields[name]) for name in swept)
            points.append(Point(labels, build_model(fields)))
        return tuple(points)

    def times_of(self, model: Model) -> NDArray[np.float64]:
        r"""Output times of one model of the sweep, in its own unit (:math:`1/\gamma`, or seconds).

        In the unit "burst" the time in which a burst grows e-fold, :math:`1/(|N_C-N_B|\gamma)` in
        a reservoir, so that equal numbers are equal stages of the charging at every size.
        """
        times = np.array(self.times)
        if self.time_unit == "model":
            return times
        if model.burst_rate is None:
            raise InputError(
                "run.times.unit",
                self.time_unit,
                "only with R not 1; at a resonator with R > 1 and spins alike, in resonance",
            )
        return times / model.burst_rate

    @property
    def records_columns(self) -> tuple[str, ...]:
        """Columns that its rows of runs have by its own choice."""
        return () if self.records is None else self.records.columns

    def digest(self) -> str:
        """Hash of all that decides the numbers (not of the title or what is drawn)."""
        return _hash(self, without=("title", "single_runs", "receiver"))

    def study_digest(self) -> str:
        """Hash of all that decides what run i is: the same for any range of runs of a study."""
        drawn = ("title", "single_runs", "receiver")
        return _hash(self, without=(*drawn, "runs", "first", "precision", "records"))


def _hash(definition: RunDefinition, without: tuple[str, ...]) -> str:
    content = {name: v for name, v in asdict(definition).items() if name not in without}
    if definition.statistics is None:
        del content["statistics"]  # hashes are those of versions that had none
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def find_definition(name: str) -> Path:
    """The file `name`, or the shipped definition of that name (``charging``).

    Raises InputError if there is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = shipped_definitions()
    if name in shipped:
        return shipped[name]
    known = ", ".join(sorted(one for one in shipped if "/" not in one))
    raise InputError("definition", name, f"no such file, nor shipped definition ({known})")


def shipped_definitions() -> dict[str, Path]:
    """The definitions that come with the package, by name (``charging``, ``paper/charging``)."""
    folder = Path(str(resources.files("darkbattery.runs")))
    found = [path for deep in ("", "*/", "studies/*/") for path in folder.glob(f"{deep}*.toml")]
    names = {path: path.relative_to(folder).with_suffix("").as_posix() for path in found}
    return dict(sorted((name.removeprefix("studies/"), path) for path, name in names.items()))


def read_definition(path: Path, engine: str | None = None) -> RunDefinition:
    """Read and check a definition, on another `engine` than its own if one is given.

    InputError names the field, its value and what is allowed.
    """
    content = read_toml("definition", path)
    if engine is not None and isinstance(content.get("run"), dict):
        content = {**content, "run": {**content["run"], "engine": engine}}
    return parse_definition(content, path.parent)


def parse_definition(content: Mapping[str, Any], folder: Path = Path()) -> RunDefinition:
    """Check the content of a definition; files that it names are looked for in `folder`.

    Examples
    --------
    >>> definition = parse_definition({
    ...     "model": {"n_battery": [1, 2], "ratio": 5},
    ...     "run": {"method": "evolve", "times": [0.0, 1.0]},
    ... })
    >>> [point.model.n_charger for point in definition.points()]
    [5, 10]
    """
    if not isinstance(content, Mapping):
        raise InputError("definition", content, "must be a table")
    _known_keys("", content, ("title", "model", "run"))
    model, run = _table(content, "model"), _table(content, "run")
    fields = flattened(with_files(model, folder))
    _known_keys("run.", run, RUN)
    methods = _methods(run.get("method"))
    runs = run.get("runs")
    if "sample" in methods:
        runs = whole_number("run.runs", runs, least=1, most=MOST_RUNS)
    else:
        for name in ("runs", "first", "precision", "records", "statistics", "receiver"):
            if run.get(name) is not None:
                raise InputError(f"run.{name}", run[name], 'only with method = "sample"')
    definition = RunDefinition(
        title=_text("title", content.get("title", "untitled")),
        model=tuple((name, _sweep(name, value)) for name, value in fields.items()),
        engine=known_name("run.engine", run.get("engine", "quantum"), ENGINES),
        methods=methods,
        order=_only_semiclassical(run, "order", most=2),
        delays=_delays(run, methods),
        classes=_only_semiclassical(run, "classes", most=10_000),
        times=_times(run.get("times"), methods),
        time_unit=_time_unit(run),
        observables=_observables(run.get("observables")),
        runs=runs,
        first=whole_number("run.first", run.get("first", 0), least=0, most=MOST_RUNS - 1),
        precision=_precision(run),
        records=_records(run.get("records")),
        statistics=_statistics(run),
        seed=whole_number("run.seed", run.get("seed", 0), least=0, most=(1 << 64) - 1),
        single_runs=whole_number("run.single_runs", run.get("single_runs", 0), least=0, most=1000),
        receiver=_receiver(run),
    )
    count = int(np.prod([len(values) for _, values in definition.model]))
    if count > MOST_POINTS:
        raise InputError("model", count, f"a sweep has at most {MOST_POINTS} points")
    for point in definition.points():
        definition.times_of(point.model)
    _refuse_unread(definition)
    _refuse_other_times(definition)
    _refuse_unheard(definition)
    return definition


def _refuse_unheard(definition: RunDefinition) -> None:
    """A receiver at a port that a model does not have, or with more samples than a table holds."""
    receiver = definition.receiver
    if receiver is None:
        return
    samples = 0
    with within("run"):
        for point in definition.points():
            receiver.rate_at(point.model.resonator)
            samples += (
                receiver.edges(definition.times_of(point.model)).size * definition.single_runs
            )
        if samples > MOST_SAMPLES:
            text = (
                f"makes {samples:.3g} samples of all single_runs; there may be {MOST_SAMPLES:.0e}"
            )
            raise InputError("receiver.sampling_rate_hz", receiver.sampling_rate_hz, text)


def _refuse_other_times(definition: RunDefinition) -> None:
    """Statistics of runs at times that are no output times."""
    statistics = definition.statistics
    if statistics is None:
        return
    if definition.time_unit != "model":
        if statistics.names_times:
            raise InputError("run.statistics", statistics, 'names times: not with unit = "burst"')
        return
    with within("run"):
        statistics.checked(np.array(definition.times))


def _refuse_unread(definition: RunDefinition) -> None:
    """A precision asked of what single runs are not to read."""
    precision = definition.precision
    if precision is None:
        return
    if definition.observables is not None and precision.observable not in definition.observables:
        raise InputError(
            "run.precision.observable",
            precision.observable,
            f"must be one of run.observables ({', '.join(definition.observables)})",
        )
    precision.columns(definition.times)


def _only_semiclassical(run: Mapping[str, Any], name: str, most: int) -> int | None:
    if name not in run:
        return None
    if run.get("engine", "quantum") != "semiclassical":
        raise InputError(f"run.{name}", run[name], 'only with engine = "semiclassical"')
    return whole_number(f"run.{name}", run[name], least=1, most=most)


def _delays(run: Mapping[str, Any], methods: tuple[Method, ...]) -> Delays:
    delays = cast(Delays, known_name("run.delays", run.get("delays", "modal"), get_args(Delays)))
    if delays == "averaged":
        if run.get("engine", "quantum") != "semiclassical" or run.get("order", 2) != 2:
            raise InputError(
                "run.delays", delays, 'only with engine = "semiclassical" and order = 2'
            )
        if "evolve" not in methods:
            raise InputError("run.delays", delays, 'only with method = "evolve"')
    return delays


def _methods(value: Any) -> tuple[Method, ...]:
    values = value if isinstance(value, list) else [value]
    for one in values:
        known_name("run.method", one, get_args(Method))
    if not values or len(set(values)) < len(values):
        raise InputError("run.method", value, "must be methods, each once")
    return tuple(values)


def _times(value: Any, methods: tuple[Method, ...]) -> tuple[float, ...]:
    if value is None:
        if set(methods) == {"steady"}:
            return ()
        raise InputError("run.times", None, "must be given: a list, or start, stop and points")
    if isinstance(value, dict):
        span = {name: part for name, part in value.items() if name != "unit"}
        if set(span) == {"values"}:
            value = span["values"]
        else:
            value = _range("run.times", span, most=1_000_000)
    return tuple(output_times(value).tolist())


def _time_unit(run: Mapping[str, Any]) -> TimeUnit:
    times = run.get("times")
    given = times.get("unit", "model") if isinstance(times, dict) else "model"
    unit = cast(TimeUnit, known_name("run.times.unit", given, get_args(TimeUnit)))
    precision = run.get("precision")
    if unit == "burst" and isinstance(precision, dict) and precision.get("times") is not None:
        raise InputError("run.precision.times", precision["times"], 'not with unit = "burst"')
    return unit


def _precision(run: Mapping[str, Any]) -> Precision | None:
    value = _table_of_run(run, "precision", PRECISION)
    if value is None:
        return None
    if "observable" not in value:
        raise InputError("run.precision.observable", None, "must be given")
    fields = dict(value)
    if fields.get("times") is not None:
        fields["times"] = tuple(output_times(fields["times"]).tolist())
    return Precision(**fields)


def _records(value: Any) -> Summary | None:
    """Rows of runs: "summary", or a table with the levels of charge whose times are told."""
    with within("run"):
        if not isinstance(value, dict):
            return summary_of(value)
        _known_keys("records.", value, RECORDS)
        return Summary(**value)


def _statistics(run: Mapping[str, Any]) -> Statistics | None:
    """What is asked of single runs beyond means over all of them."""
    value = _table_of_run(run, "statistics", STATISTICS)
    with within("run"):
        return None if value is None else Statistics(**value)


def _receiver(run: Mapping[str, Any]) -> Receiver | None:
    """What listens at a port, of the engine whose runs have a field."""
    value = _table_of_run(run, "receiver", RECEIVER)
    if value is None:
        return None
    if run.get("engine", "quantum") != "semiclassical":
        text = 'only with engine = "semiclassical": quantum jumps count photons'
        raise InputError("run.receiver", value, text)
    for name in ("port", "sampling_rate_hz"):
        if name not in value:
            raise InputError(f"run.receiver.{name}", None, "must be given")
    with within("run"):
        return Receiver(**value)


def _range(name: str, value: dict[str, Any], most: int) -> list[float]:
    """The numbers of a table such as ``{ start = 0.01, stop = 10, points = 50, spacing = "log" }``.

    >>> [round(x, 9) for x in _range("t", dict(start=0.1, stop=10, points=3, spacing="log"), 9)]
    [0.1, 1.0, 10.0]
    """
    _known_keys(f"{name}.", value, RANGE)
    spacing = known_name(f"{name}.spacing", value.get("spacing", "linear"), SPACINGS)
    log = spacing == "log"
    start = finite_number(f"{name}.start", value.get("start", 0.0), least=0.0, exclusive=log)
    stop = finite_number(f"{name}.stop", value.get("stop"), least=start, exclusive=True)
    points = whole_number(f"{name}.points", value.get("points"), least=2, most=most)
    numbers: list[float] = (np.geomspace if log else np.linspace)(start, stop, points).tolist()
    return numbers


def _observables(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value:
        raise InputError("run.observables", value, "must be a list of names")
    return tuple(known_observable("run.observables", name) for name in value)


def _sweep(name: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, dict):
        return tuple(_range(f"model.{name}", value, most=MOST_POINTS))
    if isinstance(value, list):
        if not value:
            raise InputError(f"model.{name}", value, "a sweep must have at least one value")
        return tuple(named_start(name, one) for one in value)
    return (value,)


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = content.get(name)
    if not isinstance(value, dict):
        raise InputError(name, value, f"must be a table: [{name}]")
    return value


def _table_of_run(run: Mapping[str, Any], name: str, known: Iterable[str]) -> dict[str, Any] | None:
    """A table within [run], with known keys only; None where it is not given."""
    value = run.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InputError(f"run.{name}", value, "must be a table")
    _known_keys(f"run.{name}.", value, known)
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise InputError(name, value, "must be one line of printable text")
    return value


def _known_keys(prefix: str, table: Mapping[str, Any], known: Iterable[str]) -> None:
    for key in table:
        known_name(f"{prefix}{key}", key, known)
