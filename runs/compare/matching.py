"""Which curves of which results belong over each other; refusals of what is not comparable."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.choice.choice import chosen, engine_name
from darkbattery.runs.definitions import units
from darkbattery.runs.definitions.definition import Point
from darkbattery.runs.definitions.models import Model
from darkbattery.runs.definitions.schema import Method
from darkbattery.runs.results.table import Study, rows_of

# fields of a `CollectiveBattery` that may differ between two comparable ones, or that are compared
# as ratio and occupation
SIZES = ("n_battery", "n_charger", "ratio", "nbar", "temperature", "gamma")
SAME = 1e-9  # relative: ratios and occupations come from the same numbers by other roads


@dataclass(frozen=True, eq=False)
class Source:
    """A result by the name it is called by.

    `folder` is where the rows of single runs are looked for, if anywhere.
    """

    name: str
    study: Study
    folder: Path | None = None


@dataclass(frozen=True)
class Facts:
    r"""What decides whether two models are comparable, and how their times scale.

    Attributes
    ----------
    spins : int
        :math:`N=N_B+N_C`.
    ratio : float
        :math:`R=N_C/N_B`; infinite without a battery.
    nbar : float
    rate : float
        :math:`N\gamma`, with :math:`\gamma=4g^2/\kappa` at a resonator.
    n_battery : int
    """

    spins: int
    ratio: float
    nbar: float
    rate: float
    n_battery: int


@dataclass(frozen=True, eq=False)
class Series:
    """All curves of one point of one result by one method."""

    source: Source
    point: Point
    index: int
    method: Method
    table: pd.DataFrame
    distributions: pd.DataFrame
    told_apart: str = ""  # by what, where other points of the result have its size too

    @property
    def facts(self) -> Facts:
        """Of its model."""
        return facts_of(self.point.model)

    @property
    def name(self) -> str:
        """Such as ``jumps: quantum jumps``."""
        one = chosen(self.source.study.definition, self.point, self.method)
        return f"{self.source.name}: {engine_name(one.definition, self.method)}"


@dataclass(frozen=True, eq=False)
class Pair:
    """A series and its reference, with what sets their models apart."""

    reference: Series
    other: Series
    notes: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The point, in words; both where they differ."""
        one, two = (_point_name(series) for series in (self.reference, self.other))
        return one if one == two else f"{two} beside {one}"

    @property
    def names(self) -> dict[str, str]:
        """Model and both series, as tables have them."""
        both = {"reference": self.reference.name, "compared": self.other.name}
        return {"model": self.model, **both}

    @property
    def same_size(self) -> bool:
        """Whether both have as many spins."""
        one, two = self.reference.facts, self.other.facts
        return (one.n_battery, one.spins) == (two.n_battery, two.spins)


def facts_of(model: Model) -> Facts:
    """Sizes and rates of a model.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> facts_of(CollectiveBattery(2, 10, gamma=0.5)).rate
    6.0
    """
    n_battery, n_charger = model.sizes
    nbar = float(model.nbar or 0.0)
    return Facts(n_battery + n_charger, model.ratio, nbar, model.collective_rate, n_battery)


@dataclass(frozen=True, eq=False)
class Matched:
    """What belongs together.

    Attributes
    ----------
    pairs : list of Pair
        Each series with its reference: the first result's averages, where it has them.
    runs : list of Pair
        Single runs with the reference's single runs, for their distributions.
    remarks : list of str
        What was left out.
    """

    pairs: list[Pair]
    runs: list[Pair]
    remarks: list[str]


def matched(sources: Sequence[Source], scaled: bool, anyway: bool) -> Matched:
    """Pair the first result's series with those of the others.

    Points of equal model belong together; without any, points of equal R and temperature do, each
    with the reference nearest in size, and among those of one size in its rate. A result's single
    runs are also paired with its own averages.

    Raises
    ------
    InputError
        Where results have no comparable point or no common observable, unless `anyway`.
    """
    reference = _series(sources[0])
    found_all = Matched(_own_pairs(reference), [], [])
    for source in sources[1:]:
        found, left = _pairs_between(reference, _series(source), scaled, anyway)
        if left:
            text = f"{left} of {source.name}'s points have no counterpart; left out"
            found_all.remarks.append(text)
        _refuse_nothing_common(source, found)
        found_all.pairs.extend(found)
        found_all.runs.extend(_of_runs(reference, found))
    return found_all


def reason_against(one: Model, two: Model, scaled: bool) -> tuple[str, Any, str] | None:
    """Field, value and reason why two models are not comparable; None if they are.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> reason_against(CollectiveBattery(1, 2), CollectiveBattery(1, 5), scaled=False)
    ('ratio', 5.0, 'the reference has 2.0')
    """
    mine, theirs = facts_of(one), facts_of(two)
    for name in ("ratio", "nbar"):
        a, b = getattr(mine, name), getattr(theirs, name)
        if a != b and not abs(a - b) <= SAME * max(abs(a), abs(b)):
            return name, b, f"the reference has {a}"
    if one.reservoir is not None and two.reservoir is not None:
        for field in fields(one):
            if field.name in SIZES:
                continue
            a, b = getattr(one, field.name), getattr(two, field.name)
            if a != b:
                return field.name, b, f"the reference has {a}"
        was, rate = one.reservoir.gamma, two.reservoir.gamma
        if was != rate and not scaled:
            return "gamma", rate, f"the reference has {was}; give --scaled"
    return None


def _series(source: Source) -> list[Series]:
    study, found = source.study, []
    points = study.definition.points()
    sizes = [_size_name(facts_of(point.model)) for point in points]
    many = Counter(sizes)
    for index, point in enumerate(points):
        table = rows_of(study.table, point)
        distributions = rows_of(study.distributions, point)
        for method in study.definition.methods:
            found.append(
                Series(
                    source,
                    point,
                    index,
                    method,
                    table[table["method"] == method],
                    distributions[distributions["method"] == method],
                    point.label if many[sizes[index]] > 1 else "",
                )
            )
    return found


def _own_pairs(series: list[Series]) -> list[Pair]:
    by_point = {(one.index, one.method): one for one in series}
    return [
        Pair(by_point[one.index, "evolve"], one)
        for one in series
        if one.method == "sample" and (one.index, "evolve") in by_point
    ]


def _of_runs(reference: list[Series], pairs: list[Pair]) -> list[Pair]:
    """Single runs with the single runs of the same reference point."""
    sampled = {one.index: one for one in reference if one.method == "sample"}
    return [
        Pair(sampled[pair.reference.index], pair.other, pair.notes)
        for pair in pairs
        if pair.other.method == "sample"
        and pair.reference.method != "sample"
        and pair.reference.index in sampled
    ]


def _pairs_between(
    reference: list[Series], others: list[Series], scaled: bool, anyway: bool
) -> tuple[list[Pair], int]:
    """Pairs, and the number of the others' points that have no counterpart."""
    chosen = {one.index: one for one in reversed(reference) if _leading(one, reference)}
    near: dict[int, list[Series]] = {}
    refusal: tuple[str, Any, str] | None = None
    for other in others:
        for one in chosen.values():
            reason = reason_against(one.point.model, other.point.model, scaled)
            if reason is None:
                near.setdefault(other.index, []).append(one)
            else:
                refusal = refusal or reason
    partners = _partners(others, near)
    notes: tuple[str, ...] = ()
    if not partners:
        assert refusal is not None
        field, value, why = refusal
        if not anyway:
            raise InputError(field, value, f"not comparable: {why} (--anyway compares it)")
        notes = (f"{field} = {value}: {why}; compared because told so",)
        order = list(chosen.values())
        partners = {other.index: order[min(other.index, len(order) - 1)] for other in others}
    pairs = []
    for other in others:
        if other.index in partners:
            partner = _of_kind(partners[other.index], other, reference)
            if partner is not None:
                pairs.append(Pair(partner, other, notes + _differing(partner, other)))
    points = {other.index for other in others}
    return pairs, len(points - set(partners))


def _leading(one: Series, reference: list[Series]) -> bool:
    """Whether it is its point's first choice as a reference: averages before single runs."""
    rank = {"evolve": 0, "sample": 1, "steady": 2}
    methods = [other.method for other in reference if other.index == one.index]
    return one.method == min(methods, key=lambda method: rank[method])


def _of_kind(leading: Series, other: Series, reference: list[Series]) -> Series | None:
    """The reference of the same point to compare with: steady states with steady states."""
    same_point = [one for one in reference if one.index == leading.index]
    steady = [one for one in same_point if one.method == "steady"]
    if other.method == "steady":
        return steady[0] if steady else None
    return None if leading.method == "steady" else leading


def _partners(others: list[Series], near: dict[int, list[Series]]) -> dict[int, Series]:
    """The partner of each point: of those alike where any point has one, else of those near."""
    alike: dict[int, list[Series]] = {}
    for other in others:
        equal = [one for one in near.get(other.index, ()) if _alike(one, other)]
        if equal:
            alike[other.index] = equal
    found = alike or near
    return {o.index: _nearest(o, found[o.index]) for o in others if o.index in found}


def _alike(one: Series, other: Series) -> bool:
    """Whether both are the same model, or one is the other with its resonator eliminated."""
    if not Pair(one, other).same_size:
        return False
    models = one.point.model, other.point.model
    # reservoirs were compared field by field, for numbers that come by other roads
    both_at_resonators = all(model.resonator is not None for model in models)
    return models[0] == models[1] or not both_at_resonators


def _nearest(other: Series, candidates: list[Series]) -> Series:
    """The candidate whose size is nearest, by ratio, and then whose rate is."""

    def apart(one: Series) -> tuple[float, float]:
        mine, theirs = one.facts, other.facts
        return _times_apart(mine.spins, theirs.spins), _times_apart(mine.rate, theirs.rate)

    return min(candidates, key=apart)


def _times_apart(one: float, two: float) -> float:
    """How far two numbers are apart by ratio, as a logarithm.

    >>> _times_apart(0.0, 0.0), _times_apart(0.0, 1.0)
    (0.0, inf)
    """
    if one == two:
        return 0.0
    if not (0.0 < one < np.inf and 0.0 < two < np.inf):
        return float(np.inf)
    return abs(float(np.log(one / two)))


def _differing(one: Series, other: Series) -> tuple[str, ...]:
    notes = []
    models = (one.point.model, other.point.model)
    if type(models[0]) is type(models[1]) and models[0].reservoir is None:
        for field in fields(models[0]):
            if getattr(models[0], field.name) != getattr(models[1], field.name):
                notes.append(f"the models differ in {field.name}")
    definitions = [series.source.study.definition for series in (one, other)]
    alike = definitions[0].seed == definitions[1].seed and one.method == other.method == "sample"
    if alike and definitions[0].engine == definitions[1].engine and models[0] == models[1]:
        notes.append("the same seed: their single runs are not independent")
    return tuple(notes)


def _refuse_nothing_common(source: Source, pairs: list[Pair]) -> None:
    for pair in pairs:
        if set(pair.reference.table["observable"].unique()) & set(
            pair.other.table["observable"].unique()
        ):
            return
    names = sorted(set(source.study.table["observable"].unique()))
    raise InputError(
        "observables", names, f"{source.name} has none in common with the reference's methods"
    )


def _point_name(series: Series) -> str:
    """Its size, and what sets it apart from others of that size."""
    size = _size_name(series.facts)
    return f"{size}, {series.told_apart}" if series.told_apart else size


def _size_name(facts: Facts) -> str:
    """Such as ``N_B = 10, R = 5, nbar = 0``."""
    if facts.n_battery == 0:
        return f"N_C = {facts.spins:.6g}, nbar = {facts.nbar:.4g}"
    return f"N_B = {facts.n_battery:.6g}, R = {facts.ratio:.4g}, nbar = {facts.nbar:.4g}"


def time_factor(series: Series, scaled: bool) -> float:
    r"""What its times are multiplied by: :math:`N\gamma`, or 1."""
    return series.facts.rate if scaled else 1.0


def time_unit(pair: Pair, scaled: bool) -> str:
    """Of a pair's times where they have one that needs saying: seconds at a resonator."""
    seconds = units.clock(pair.reference.source.study.definition.model) is units.SECONDS
    return units.SECONDS.time if seconds and not scaled else ""
