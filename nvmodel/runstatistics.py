r"""Statistics over single runs, as whole numbers: distributions, joint ones, and of selected runs.

A study of single runs is asked for them by a `Statistics`; its sampler hands the courses of its
runs to a `RunCounts`, and the tally, which then is of a `CountedStudy`, holds the counts beside its
own: they merge over ranks, checkpoints and restarts to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.refusal import InputError, refused_memory
from darkbattery.nvmodel.runquantities import (
    PHOTONS,
    TIMES,
    Condition,
    Courses,
    Quantity,
    condition,
    quantity,
)
from darkbattery.nvmodel.runreadings import CURVES, read_statistics
from darkbattery.nvmodel.solution import Reading
from darkbattery.nvmodel.tally import FULL, ExactSums, RunSpans, Study, Tally

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

BINS = 100  # of a range
PHOTON_BINS = 256
MANY = 1 << 17  # energies that are counted at once: 1 MB
# of peaks of the emission: bins of a percent, from a share of its bound on
EMISSION_BINS, LEAST_EMISSION = 1000, 1e-5
MOST_CELLS = 4_000_000  # of a joint histogram: 32 MB


@dataclass(frozen=True)
class Statistics:
    """What is asked of single runs beyond means over all of them.

    Parameters
    ----------
    of : tuple of str
        Quantities of a run (`nvmodel.runquantities`) whose distribution is kept, with their mean,
        standard deviation and reliability (the mean over it) and the share of runs that have them.
    joint : tuple of pairs of str
        Quantities whose joint histogram is kept, with their correlation: of "burst_time" and
        "battery_energy at t = 1" it says how the time of the light goes with the final energy.
    where : str, optional
        A condition: everything is then told of the selected runs as well, with their share, and
        their mean energy, power and photons over time.

    Examples
    --------
    >>> Statistics(of=["first_passage of 0.5"], where="emitted_photons<5 at t = 0.2")
    Statistics(of=('first_passage of 0.5',), where='emitted_photons < 5 at t = 0.2')
    >>> Statistics(of=["energy"])
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: statistics.of = 'energy': unknown; ...
    """

    of: tuple[str, ...] = ()
    joint: tuple[tuple[str, str], ...] = ()
    where: str | None = None

    def __post_init__(self) -> None:
        for name in ("of", "joint"):
            if not isinstance(getattr(self, name), tuple | list):
                raise InputError(f"statistics.{name}", getattr(self, name), "must be a list")
        of = tuple(str(quantity("statistics.of", one)) for one in self.of)
        if len(set(of)) < len(of):
            raise InputError("statistics.of", self.of, "must be different")
        joint = []
        for pair in self.joint:
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise InputError("statistics.joint", pair, "must be a pair of quantities")
            one, other = (str(quantity("statistics.joint", part)) for part in pair)
            joint.append((one, other))
        object.__setattr__(self, "of", of)
        object.__setattr__(self, "joint", tuple(joint))
        if self.where is not None:
            object.__setattr__(self, "where", str(condition("statistics.where", self.where)))
        if not (of or joint or self.where):
            raise InputError("statistics", {}, "must ask for something: of, joint or where")

    def __repr__(self) -> str:
        return model_text(self)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Of which a distribution is kept."""
        return tuple(quantity("statistics.of", one) for one in self.of)

    @property
    def pairs(self) -> tuple[tuple[Quantity, Quantity], ...]:
        """Of which a joint one is."""
        return tuple(
            (quantity("statistics.joint", a), quantity("statistics.joint", b))
            for a, b in self.joint
        )

    @property
    def condition(self) -> Condition | None:
        """What selects runs."""
        return None if self.where is None else condition("statistics.where", self.where)

    def everything(self) -> tuple[tuple[str, Quantity], ...]:
        """Every quantity that it names, with the field that does."""
        named = [("statistics.of", one) for one in self.quantities]
        named += [("statistics.joint", one) for pair in self.pairs for one in pair]
        if self.condition is not None:
            named.append(("statistics.where", self.condition.quantity))
        return tuple(named)

    def checked(self, times: Array) -> Statistics:
        """Itself, if all its times are output times; refused else."""
        for field, one in self.everything():
            one.places(field, times)
        return self

    @property
    def names_times(self) -> bool:
        """Whether it holds times, which are in the unit of the output times.

        >>> [Statistics(of=[one]).names_times for one in ("peak_power", "work from 0 to 1")]
        [False, True]
        """
        where = self.condition
        timed = where is not None and where.quantity.name in TIMES
        return timed or any(one.end is not None for _, one in self.everything())


@dataclass(frozen=True, eq=False)
class Ranges:
    """What values of a run may be, from the definition alone.

    Attributes
    ----------
    J : ndarray (K,)
        Ladders; empty where J is not conserved, or not known.
    power : float
        Largest magnitude, per spin.
    photon_width : float
        Of a bin for photons, a whole number.
    lacking : tuple of str
        Quantities that these runs do not have.
    emission : float
        Largest number of photons emitted per time; 0 where not known.
    whole_photons : bool
        Whether photons are whole numbers: not on paths of truncated Wigner.
    """

    J: Array
    power: float
    photon_width: float
    lacking: tuple[str, ...] = ()
    whole_photons: bool = True
    emission: float = 0.0

    @property
    def photon_unit(self) -> float:
        """What photons are summed in: reaching twice as far as their bins."""
        most = 2.0 * PHOTON_BINS * self.photon_width
        return _unit(1.0, most) if self.whole_photons else most / FULL


@dataclass(frozen=True, eq=False)
class Bins:
    """Bins for one quantity, and how it is summed.

    Attributes
    ----------
    low, high : ndarray (bins,)
    unit : float
        Sums are of whole numbers of it, each at most 2^30.
    whole : bool
        Whether all values are such: nothing is rounded.
    closed_above : bool
        Whether a bin holds its upper end: output times end the bins of times.
    event : float or None
        How far from the others a run may lie by an event that none of them had; None: as far as
        their mean is from zero.
    """

    low: Array
    high: Array
    unit: float
    whole: bool = False
    closed_above: bool = False
    event: float | None = None

    def places(self, values: Array) -> NDArray[np.int64]:
        """Bin of each value; -1 for NaN. What lies beyond the outermost is in it."""
        if self.closed_above:
            at = np.searchsorted(self.high, values, side="left")
        else:
            at = np.searchsorted(self.low, values, side="right") - 1
        return np.where(np.isnan(values), -1, np.clip(at, 0, self.low.size - 1))


def bins_of(one: Quantity, times: Array, ranges: Ranges) -> Bins:
    """Bins of a quantity: output times, whole numbers of photons, ladders, or an even range.

    >>> ranges = Ranges(np.array([2.0, 3.0]), 4.0, 1.0)
    >>> bins = bins_of(quantity("of", "first_passage of 0.5"), np.array([0.0, 0.5, 2.0]), ranges)
    >>> bins.low, bins.high, bins.places(np.array([0.5, 2.0, np.nan]))
    (array([0. , 0. , 0.5]), array([0. , 0.5, 2. ]), array([ 1,  2, -1]))
    """
    if one.name in TIMES:
        since = np.concatenate([[0.0], times[:-1]])
        last = max(float(times[-1]), 1e-290)
        spacing = float((times - since).max())
        return Bins(since, times, last / FULL, closed_above=True, event=spacing)
    if one.name == "final_J":
        return Bins(ranges.J, ranges.J, _unit(0.5, float(ranges.J[-1])), whole=True, event=1.0)
    if one.name in PHOTONS:
        low = ranges.photon_width * np.arange(PHOTON_BINS, dtype=np.float64)
        exact = ranges.whole_photons and ranges.photon_width == 1.0
        high = low if exact else np.append(low[1:], np.inf)
        # nothing has been emitted or absorbed at t = 0
        event = 0.0 if one.end == 0.0 else 1.0
        return Bins(low, high, ranges.photon_unit, ranges.whole_photons, event=event)
    if one.name == "peak_power":
        edges = np.linspace(0.0, ranges.power, 2 * BINS + 1)
        return Bins(edges[:-1], edges[1:], ranges.power / FULL)
    if one.name == "peak_emission_rate":
        # a burst may be any small share of what all spins together could send out
        edges = ranges.emission * np.geomspace(LEAST_EMISSION, 1.0, EMISSION_BINS)
        return Bins(np.append(0.0, edges[:-1]), edges, ranges.emission / FULL)
    most = 1.0  # of an energy per spin, and of its change
    if one.name == "battery_energy":
        edges = np.linspace(0.0, 1.0, BINS + 1)
    else:
        a, b = one.places(one.name, times)
        most = 1.0 if one.name == "work" else 1.0 / float(times[b] - times[a])
        edges = np.linspace(-most, most, 2 * BINS + 1)
    return Bins(edges[:-1], edges[1:], 2.0 * most / FULL, event=most)


def _unit(wanted: float, most: float) -> float:
    """`wanted`, or twice, four times ... it, so that 2^30 of them reach to `most`."""
    return wanted * 2.0 ** max(0.0, np.ceil(np.log2(max(most / wanted / FULL, 1e-300))))


class RunCounts:
    """Counts of runs that are added batch by batch.

    Parameters
    ----------
    statistics : Statistics
    times : ndarray (T,)
        Output times, in the unit in which `statistics` has its own.
    ranges : Ranges

    Raises
    ------
    InputError
        For times that are no output times, quantities that the runs do not have, and joint
        histograms beyond memory.
    """

    def __init__(self, statistics: Statistics, times: Array, ranges: Ranges) -> None:
        self.statistics, self.times = statistics.checked(times), times
        for field, one in statistics.everything():
            if one.name in ranges.lacking or (one.name == "final_J" and not ranges.J.size):
                raise InputError(field, one.name, "is not known of these runs")
        # read once: runs are added batch by batch
        self.quantities, self.pairs = statistics.quantities, statistics.pairs
        self.condition = statistics.condition
        self.bins = tuple(bins_of(one, times, ranges) for one in self.quantities)
        self.joint_bins = tuple(
            (bins_of(a, times, ranges), bins_of(b, times, ranges)) for a, b in self.pairs
        )
        self.curve_units = np.array([2.0 / FULL, ranges.power / FULL, ranges.photon_unit])
        for a, b in self.joint_bins:
            cells = float(a.low.size * b.low.size)
            if cells > MOST_CELLS:
                raise refused_memory(
                    "statistics.joint",
                    statistics.joint,
                    "a joint histogram",
                    cells,
                    float(MOST_CELLS),
                    "take fewer output times",
                )
        self.counts = self._none()
        self._waiting: list[Courses] = []

    @property
    def selections(self) -> int:
        """All runs, and those that the condition selects."""
        return 1 if self.statistics.where is None else 2

    def _none(self) -> dict[str, Counts]:
        S, n, T = self.selections, len(self.bins), self.times.size
        found: dict[str, tuple[int, ...]] = {
            "statistics_runs": (S,),
            "statistics_having": (S, n),
            "statistics_limbs": (S, n, 3),
            "statistics_clipped": (1,),
        }
        if self.joint_bins:
            found["statistics_together"] = (S, len(self.joint_bins), 3, 3)
        if S == 2:
            found["statistics_curves"] = (len(CURVES), 3, T)
        for k, bins in enumerate(self.bins):
            found[f"statistics_histogram_{k}"] = (S, bins.low.size)
        for k, (a, b) in enumerate(self.joint_bins):
            found[f"statistics_joint_{k}"] = (S, a.low.size, b.low.size)
        return {name: np.zeros(shape, dtype=np.int64) for name, shape in found.items()}

    def add(self, runs: Courses) -> None:
        """Add a batch of runs, which may be written over later."""
        copied = (np.array(getattr(runs, one.name)) for one in fields(Courses))
        self._waiting.append(Courses(*copied))
        if sum(some.energies.size for some in self._waiting) >= MANY:
            self._count_waiting()

    def _count_waiting(self) -> None:
        """Count small batches together: numpy takes as long for each as for a thousand runs."""
        if not self._waiting:
            return
        joined = [
            np.concatenate([getattr(some, one.name) for some in self._waiting])
            for one in fields(Courses)
        ]
        self._waiting = []
        self._count(Courses(*joined))

    def _count(self, runs: Courses) -> None:
        every = np.ones(runs.burst.size, dtype=bool)
        chosen = self.condition
        kept = [every] if chosen is None else [every, chosen.of(runs, self.times)]
        values = [one.of(runs, self.times) for one in self.quantities]
        pairs = [[one.of(runs, self.times) for one in pair] for pair in self.pairs]
        for s, here in enumerate(kept):
            self.counts["statistics_runs"][s] += int(here.sum())
            for k, (bins, value) in enumerate(zip(self.bins, values, strict=True)):
                self._add_values(s, k, bins, value[here])
            for k, ((a, b), (x, y)) in enumerate(zip(self.joint_bins, pairs, strict=True)):
                at = a.places(x[here]), b.places(y[here])
                both = (at[0] >= 0) & (at[1] >= 0)
                np.add.at(self.counts[f"statistics_joint_{k}"][s], (at[0][both], at[1][both]), 1)
                one, other = x[here][both] / a.unit, y[here][both] / b.unit
                for o, scaled in enumerate((one, other, 0.5 * (one + other))):
                    place = "statistics_together", s, k, o
                    self._add_limbs(ExactSums.of(scaled, FULL), place)
        if len(kept) == 2:
            courses = runs.energies, runs.powers, runs.emitted
            for o, (course, unit) in enumerate(zip(courses, self.curve_units, strict=True)):
                sums = ExactSums.of(course[kept[1]] / unit, FULL)
                self._add_limbs(sums, ("statistics_curves", o))

    def _add_values(self, s: int, k: int, bins: Bins, values: Array) -> None:
        known = values[~np.isnan(values)]
        places = bins.places(known)
        histogram = self.counts[f"statistics_histogram_{k}"][s]
        histogram += np.bincount(places, minlength=histogram.size)
        self.counts["statistics_having"][s, k] += known.size
        self._add_limbs(ExactSums.of(known / bins.unit, FULL), ("statistics_limbs", s, k))

    def _add_limbs(self, sums: ExactSums, place: tuple[Any, ...]) -> None:
        limbs = self.counts[place[0]][place[1:]]
        limbs += np.array([sums.total, sums.square_low, sums.square_high])
        self.counts["statistics_clipped"] += sums.clipped

    def with_counts(self, tally: Tally) -> Tally:
        """The tally of the same runs, with these counts beside its own."""
        self._count_waiting()
        study = CountedStudy(tally.study, self)
        return Tally(study, tally.spans, {**tally.counts, **self.counts})


@dataclass(frozen=True, eq=False)
class CountedStudy:
    """A study whose tallies hold statistics as well; see `nvmodel.tally.Study`.

    Attributes
    ----------
    inner : Study
        The same without them.
    counted : RunCounts
        Which say what the counts mean.
    """

    inner: Study
    counted: RunCounts

    @property
    def identity(self) -> tuple[Any, ...]:
        """Runs of equal identity belong together."""
        return "statistics", self.inner.identity, self.counted.statistics

    def read(self, spans: RunSpans, counts: Mapping[str, Counts]) -> Reading:
        """What the inner study reads, with the statistics."""
        found = self.inner.read(spans, counts)
        rows, distributions, joints = read_statistics(self.counted, counts)
        clipped = int(counts["statistics_clipped"][0])
        warnings = (f"{clipped} values of runs beyond their bound were cut off",) if clipped else ()
        return replace(
            found,
            distributions={**found.distributions, **distributions},
            statistics=rows,
            joints=joints,
            warnings=found.warnings + warnings,
        )
