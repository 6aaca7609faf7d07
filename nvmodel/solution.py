"""The one answer of every engine: `Solution`, and what it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.display import solution_html, solution_text
from darkbattery.nvmodel.errors import SIGMAS, confidence_factor
from darkbattery.nvmodel.observables import OBSERVABLES, TIME_UNIT, unit_of
from darkbattery.nvmodel.refusal import InputError, NotComputedError, finite_number, nearest
from darkbattery.nvmodel.tally import RunSpans, Tally

if TYPE_CHECKING:
    import pandas as pd
    import xarray

Array = NDArray[np.float64]


# distributions whose weights are no probabilities but a mean in each bin: <sigma_z> over a line
PROFILES = ("battery_inversion", "charger_inversion")
JOINT_COLUMNS = (
    *("one", "other", "where", "one_low", "one_high", "other_low", "other_high"),
    "weight",
)
# of the table of distributions
DISTRIBUTION_COLUMNS = ("distribution", "quantity", "time", "low", "high", "weight")


@dataclass(frozen=True, eq=False)
class Distribution:
    r"""Weights over bins, of single runs or of a state; at one time or at every output time.

    Attributes
    ----------
    quantity : str
        What is distributed, with its unit.
    low, high : ndarray (bins,)
        Edges of the bins, :math:`\text{low}\le x<\text{high}` (the last bin is closed); equal for
        exact values.
    weight : ndarray (bins,) or (times, bins)
        Counts of runs (integers; runs that fall in no bin are in none), or probabilities; of
        `PROFILES` what each bin holds on average.
    """

    quantity: str
    low: Array
    high: Array
    weight: NDArray[Any]

    @classmethod
    def of_values(cls, quantity: str, values: Array, weight: NDArray[Any]) -> Distribution:
        """A distribution over exact `values` rather than bins."""
        return cls(quantity, values, values, weight)


@dataclass(frozen=True)
class Statistic:
    """One number about single runs; see `nvmodel.runstatistics`.

    Attributes
    ----------
    quantity : str
        Of a run, as it was asked for.
    where : str
        The condition that selects the runs; empty for all of them.
    time : float
        NaN where it is of whole runs.
    statistic : str
        ``share`` of runs, ``mean``, ``standard_deviation`` or ``reliability``; of two
        quantities ``correlation``.
    value, error : float
        With its standard error.
    """

    quantity: str
    where: str
    time: float
    statistic: str
    value: float
    error: float


@dataclass(frozen=True, eq=False)
class Joint:
    """Numbers of runs over the bins of two quantities: `weight` (bins of one, of the other)."""

    one: Distribution
    other: Distribution
    where: str
    weight: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Reading:
    """Numbers read from a state or from a tally: all a `Solution` shows."""

    values: Mapping[str, Array]
    errors: Mapping[str, Array | None] = field(default_factory=dict)
    distributions: Mapping[str, Distribution] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    statistics: tuple[Statistic, ...] = ()
    joints: tuple[Joint, ...] = ()

    def copied(self) -> Reading:
        """The same numbers in arrays of their own: writing into them reaches nothing else."""
        return Reading(
            {name: np.array(values) for name, values in self.values.items()},
            {name: None if e is None else np.array(e) for name, e in self.errors.items()},
            {
                name: Distribution(
                    d.quantity, np.array(d.low), np.array(d.high), np.array(d.weight)
                )
                for name, d in self.distributions.items()
            },
            self.warnings,
            self.statistics,
            tuple(Joint(j.one, j.other, j.where, np.array(j.weight)) for j in self.joints),
        )


class Values(dict[str, Array]):
    """Values by observable; called, as a mapping's ``values()``, the arrays alone."""

    def __call__(self) -> Any:
        """The arrays, in the observables' order."""
        return super().values()


class Solution(Mapping[str, Array]):
    """What an engine found: values over times, standard errors, distributions, warnings.

    A mapping of observables' names to their values over time: ``"power" in solution``,
    ``len(solution)``, ``solution.items()``.

    Attributes
    ----------
    model : CollectiveBattery, ResonatorBattery or DickeBattery
        What was solved; None where that is not known.
    times : ndarray (T,)
        Output times; infinity for a steady state.
    values : mapping of name to ndarray (T,)
        See `nvmodel.observables` for names and units. ``solution["power"]`` is short for
        ``solution.values["power"]``.
    errors : mapping of name to ndarray (T,) or None
        Standard error (`nvmodel.errors`): None where the value is deterministic, NaN for one run.
    distributions : mapping of name to Distribution
    warnings : tuple of str
        Where the solver left its validity; empty if it did not.
    runs : int or None
        Number of single runs; None where deterministic.
    provenance : mapping
        What made it: solver, tolerances, versions.
    records : DataFrame or None
        One row a run, where asked for; merging drops it.

    Examples
    --------
    >>> solution = Solution([0.0, 1.0], Reading({"power": np.array([0.0, 2.0])}))
    >>> solution["power"]
    array([0., 2.])
    >>> solution["ergotropy"]
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.NotComputedError: observable = 'ergotropy': not computed: ...
    >>> solution.to_dataframe()
       time observable  value  error
    0   0.0      power    0.0    NaN
    1   1.0      power    2.0    NaN
    """

    def __init__(
        self,
        times: Iterable[float],
        found: Reading | Tally,
        provenance: Mapping[str, Any] | None = None,
        records: pd.DataFrame | None = None,
        model: Any = None,
    ) -> None:
        self.model = model
        self.times = np.array(times, dtype=float)
        self.tally: Tally | None = None if isinstance(found, Reading) else found
        self._found = found
        self.records = records
        self.provenance: Mapping[str, Any] = dict(provenance or {})

    @cached_property
    def _reading(self) -> Reading:
        # a tally is read when first asked, so that merging blocks costs additions only
        found = self._found if isinstance(self._found, Reading) else self._found.read()
        # tables of ladders are remembered for the next block of runs, and counts are the tally's
        return found.copied()

    @cached_property
    def values(self) -> Values:
        """Values by observable."""
        return Values(self._reading.values)

    @property
    def errors(self) -> Mapping[str, Array | None]:
        """Standard errors by observable."""
        return {name: self._reading.errors.get(name) for name in self.values}

    @property
    def distributions(self) -> Mapping[str, Distribution]:
        """Distributions by name."""
        return self._reading.distributions

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """What `nvmodel.Statistics` asked of the runs."""
        return self._reading.statistics

    @property
    def joints(self) -> tuple[Joint, ...]:
        """Joint histograms, where asked for."""
        return self._reading.joints

    @property
    def warnings(self) -> tuple[str, ...]:
        """Where the solver left its validity."""
        return self._reading.warnings

    @property
    def runs(self) -> int | None:
        """Number of single runs."""
        return None if self.tally is None else len(self.tally.spans)

    def __getitem__(self, name: str) -> Array:
        if name in self.values:
            return self.values[name]
        if name in OBSERVABLES:
            raise NotComputedError("observable", name, "not computed: add it to observables")
        near = nearest(str(name), [*self.values, *OBSERVABLES])
        hint = f"did you mean {near!r}?" if near else f"known: {', '.join(self.values)}"
        raise NotComputedError("observable", name, f"unknown; {hint}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    # one answer is itself alone: arrays are not compared in silence
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return True  # and no tally is read to find out

    def __repr__(self) -> str:
        kind = "averages" if self.runs is None else f"{self.runs} single runs"
        of = "" if self.model is None else f" of {self.model!r}"
        span = f"{self.times.size} times up to {self.times[-1]:g}"
        return f"<Solution: {kind}{of}, {span}: {', '.join(self.values)}>"

    def __str__(self) -> str:
        return solution_text(self)

    def _repr_html_(self) -> str:
        # what a notebook shows
        return solution_html(self)

    def of_model(self, model: Any) -> Solution:
        """The same answer as the answer to `model`, as a user wrote it."""
        return Solution(self.times, self._found, self.provenance, self.records, model)

    def interval(self, name: str, sigmas: float = SIGMAS) -> tuple[Array, Array]:
        r"""Both ends of the interval of `sigmas` standard errors, with Student's factor.

        :math:`\text{value}\mp t\,\text{error}`, t = `nvmodel.errors.confidence_factor`: 2.03 for
        :math:`2\sigma` of 100 runs, 13.97 of two. The value itself where it is deterministic, NaN
        for a single run.

        >>> solution = Solution([0.0], Reading({"power": np.array([2.0])}))
        >>> solution.interval("power")
        (array([2.]), array([2.]))
        """
        sigmas = finite_number("sigmas", sigmas, least=0.0, exclusive=True)
        value, error = self[name], self.errors[name]
        if error is None or self.runs is None:
            return value.copy(), value.copy()
        half = confidence_factor(self.runs, sigmas) * error
        return value - half, value + half

    def merge(self, other: Solution) -> Solution:
        """As if the runs of both had been sampled together, to the bit; see `Tally`.

        Raises InputError for averages, for overlapping runs and for different studies.
        """
        if self.tally is None or not isinstance(other, Solution) or other.tally is None:
            raise InputError("merge", other, "only single runs can be merged")
        merged = self.tally.merge(other.tally)
        return Solution(self.times, merged, self.provenance, model=self.model)

    def with_counts(self, spans: RunSpans, arrays: Mapping[str, NDArray[np.int64]]) -> Solution:
        """The Solution of the same study with the counts of other runs, as read from a file."""
        assert self.tally is not None
        tally = self.tally.with_arrays(spans, arrays)
        return Solution(self.times, tally, self.provenance, model=self.model)

    def to_dataframe(self, parameters: Iterable[str] = ()) -> pd.DataFrame:
        """Tidy table: one row per time and observable, with columns time, observable, value, error.

        `error` is NaN where the value is deterministic.

        Parameters
        ----------
        parameters : iterable of str
            Attributes of the model that are columns too, in front, so that tables of several
            models can be joined: ``"nbar"``, ``"ratio"``, ``"resonator.temperature_k"``.

        Examples
        --------
        >>> from darkbattery.nvmodel import CollectiveBattery
        >>> battery = CollectiveBattery(n_battery=2, ratio=5)
        >>> solution = Solution([0.0], Reading({"power": np.array([2.0])}), model=battery)
        >>> solution.to_dataframe(parameters=["n_battery", "ratio"])
           n_battery  ratio  time observable  value  error
        0          2    5.0   0.0      power    2.0    NaN
        """
        import pandas as pd

        if isinstance(parameters, str) or not isinstance(parameters, Iterable):
            raise InputError("parameters", parameters, "must be a list of names")
        columns = {name: self._parameter(name) for name in parameters}
        frame = pd.DataFrame(self.columns())
        for position, (name, value) in enumerate(columns.items()):
            frame.insert(position, name, [value] * len(frame))
        return frame

    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns of `to_dataframe`: what tables of many models are joined of.

        Examples
        --------
        >>> Solution([0.0, 1.0], Reading({"power": np.array([2.0, 3.0])})).columns()["value"]
        array([2., 3.])
        """
        unknown, names = np.full(self.times.size, np.nan), list(self.values)
        errors = self.errors.values()
        return {
            "time": np.tile(self.times, len(names)),
            "observable": np.repeat(np.array(names, dtype=object), self.times.size),
            "value": np.concatenate(list(self.values.values())),
            "error": np.concatenate([unknown if error is None else error for error in errors]),
        }

    def _parameter(self, name: str) -> Any:
        try:
            value = attrgetter(name)(self.model)
        except (AttributeError, TypeError):
            kind = type(self.model).__name__
            raise InputError("parameters", name, f"is no attribute of the {kind}") from None
        return float(value) if isinstance(value, float) else value

    def to_xarray(self) -> xarray.Dataset:
        """An xarray Dataset: a variable over `time` for each observable, and NAME_error for errors.

        Variables have ``units`` and ``long_name``; the dataset's attributes say the model, the
        number of runs, the warnings and the provenance.

        Raises
        ------
        InputError
            Where xarray is not installed.
        """
        try:
            from xarray import Dataset
        except ImportError:
            raise InputError(
                "xarray", None, 'is not installed: pip install "darkbattery[xarray]"'
            ) from None
        time_unit = getattr(self.model, "time_unit", TIME_UNIT)
        variables: dict[str, Any] = {}
        for name, values in self.items():
            about = {"units": unit_of(name, time_unit) or "1"}
            if name in OBSERVABLES:
                about["long_name"] = OBSERVABLES[name].definition
            variables[name] = ("time", values, about)
            error = self.errors[name]
            if error is not None:
                about = {"units": about["units"], "long_name": f"standard error of {name}"}
                variables[f"{name}_error"] = ("time", error, about)
        # what netCDF can hold: numbers and texts
        attributes = {name: str(value) for name, value in self.provenance.items()}
        attributes |= {"model": repr(self.model), "warnings": "\n".join(self.warnings)}
        if self.runs is not None:
            attributes["runs"] = str(self.runs)
        return Dataset(variables, {"time": ("time", self.times, {"units": time_unit})}, attributes)

    def statistics_to_dataframe(self) -> pd.DataFrame:
        """Tidy table: quantity, where, time, statistic, value, error; one row a `Statistic`."""
        import pandas as pd

        return pd.DataFrame(self.statistic_columns())

    def statistic_columns(self) -> dict[str, NDArray[Any]]:
        """The columns of `statistics_to_dataframe`, of equal lengths."""
        numbers = ("time", "value", "error")
        return {
            one.name: np.array(
                [getattr(row, one.name) for row in self.statistics],
                dtype=float if one.name in numbers else object,
            )
            for one in fields(Statistic)
        }

    def joints_to_dataframe(self) -> pd.DataFrame:
        """Tidy table of the joint histograms; empty bins are left out.

        Columns: one, other, where, one_low, one_high, other_low, other_high, weight.
        """
        import pandas as pd

        return pd.DataFrame(self.joint_columns())

    def joint_columns(self) -> dict[str, NDArray[Any]]:
        """The columns of `joints_to_dataframe`, of equal lengths."""
        found: dict[str, list[NDArray[Any]]] = {name: [] for name in JOINT_COLUMNS}
        for joint in self.joints:
            i, k = np.nonzero(joint.weight)
            one, other = joint.one, joint.other
            names = (one.quantity, other.quantity, joint.where)
            texts = (np.full(i.size, name, dtype=object) for name in names)
            edges = one.low[i], one.high[i], other.low[k], other.high[k]
            columns = (*texts, *edges, joint.weight[i, k])
            for name, column in zip(JOINT_COLUMNS, columns, strict=True):
                found[name].append(column)
        return {
            name: np.concatenate(parts) if parts else np.array([]) for name, parts in found.items()
        }

    def distributions_to_dataframe(self) -> pd.DataFrame:
        """Tidy table of the distributions: distribution, time, low, high, weight.

        `time` is NaN for distributions over whole runs.
        """
        import pandas as pd

        return pd.DataFrame(self.distribution_columns())

    def distribution_columns(self) -> dict[str, NDArray[Any]]:
        """The columns of `distributions_to_dataframe`, of equal lengths.

        Examples
        --------
        >>> Solution([0.0], Reading({"power": np.array([2.0])})).distribution_columns()["weight"]
        array([], dtype=float64)
        """
        found: dict[str, list[NDArray[Any]]] = {name: [] for name in DISTRIBUTION_COLUMNS}
        for name, d in self.distributions.items():
            times = self.times if d.weight.ndim == 2 else np.array([np.nan])
            rows = times.size * d.low.size
            found["distribution"].append(np.full(rows, name, dtype=object))
            found["quantity"].append(np.full(rows, d.quantity, dtype=object))
            found["time"].append(np.repeat(times, d.low.size))
            found["low"].append(np.tile(d.low, times.size))
            found["high"].append(np.tile(d.high, times.size))
            found["weight"].append(np.asarray(d.weight, dtype=float).ravel())
        return {
            name: np.concatenate(parts) if parts else np.array([]) for name, parts in found.items()
        }
