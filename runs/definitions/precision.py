"""Precision on demand: how many runs are enough, asked where every rank count asks it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from darkbattery.nvmodel.observables import OBSERVABLES
from darkbattery.nvmodel.refusal import InputError, finite_number, known_name, whole_number
from darkbattery.nvmodel.solution import Solution

# energies per spin, which lie within 1 of each other for all single runs
BOUNDED = tuple(
    name for name, one in OBSERVABLES.items() if one.unit == "ħω" and one.bounds[1] == 1.0
)
# photons have no bound at T > 0; at T = 0 the number of excitations is one
COUNTED = ("emitted_photons",)
PSEUDO_RUNS = 4.0  # two at either end of the range
LEAST_GROWTH, MOST_GROWTH = 1.1, 8.0  # of the number of runs from one question to the next


@dataclass(frozen=True)
class Precision:
    r"""Sample until the standard error of an observable is small enough.

    Attributes
    ----------
    observable : str
        One that is bounded for single runs: energies, ergotropies, or emitted photons (T = 0).
    absolute, relative : float, optional
        Target of the standard error, or of it over the modulus of the mean; one of them.
    times : tuple of float, optional
        Output times at which it must hold; default: the worst of all, but for the start where the
        target is relative: a value that is 0 there has no relative error.
    min_runs : int
        Never fewer.

    Notes
    -----
    The sample variance of rare events is zero until the first one. The error is therefore judged
    with four runs added, two at either end of the observable's range (Agresti and Coull 1998 do so
    for proportions): with n runs all alike it is still about :math:`\text{range}\cdot\sqrt2/n`,
    never zero.

    Examples
    --------
    >>> Precision("battery_energy", absolute=1e-3).min_runs
    1000
    """

    observable: str
    absolute: float | None = None
    relative: float | None = None
    times: tuple[float, ...] | None = None
    min_runs: int = 1000

    def __post_init__(self) -> None:
        known_name("precision.observable", self.observable, (*BOUNDED, *COUNTED))
        if (self.absolute is None) == (self.relative is None):
            raise InputError(
                "precision",
                (self.absolute, self.relative),
                "give absolute or relative, one of them",
            )
        target = self.absolute if self.absolute is not None else self.relative
        name = "precision.absolute" if self.absolute is not None else "precision.relative"
        finite_number(name, target, least=0.0, exclusive=True)
        whole_number("precision.min_runs", self.min_runs, least=2)
        if self.relative is not None and 0.0 in (self.times or ()):
            raise InputError(
                "precision.times", 0.0, "has no relative error that says anything; give absolute"
            )

    @property
    def words(self) -> str:
        """What is asked for, in words.

        >>> Precision("battery_energy", relative=0.01).words
        'an error of battery_energy of at most 1 % at every output time'
        """
        if self.absolute is not None:
            target = f"{self.absolute:g}"
        else:
            assert self.relative is not None
            target = f"{100.0 * self.relative:g} %"
        chosen = "every output time" if self.times is None else "the times asked for"
        return f"an error of {self.observable} of at most {target} at {chosen}"

    def next_goal(self, found: Solution, most_excitations: int) -> int:
        """Number of runs to have before asking again; no more than there are means: enough.

        A function of the runs so far alone, so that it is the same for any number of ranks.
        """
        assert found.runs is not None
        worst = self._worst(found, most_excitations)
        if found.runs >= self.min_runs and worst <= 1.0:
            return found.runs
        # the error falls like one over the root; 2 % more spares most second questions
        wanted = 1.02 * found.runs * worst**2 if math.isfinite(worst) else math.inf
        growth = min(max(wanted, LEAST_GROWTH * found.runs), MOST_GROWTH * found.runs)
        return max(self.min_runs, math.ceil(growth))

    def _worst(self, found: Solution, most_excitations: int) -> float:
        """Largest ratio of the error to the target over the times asked for."""
        assert found.runs is not None
        error = found.errors.get(self.observable)
        if error is None:
            known = ", ".join(name for name, one in found.errors.items() if one is not None)
            raise InputError(
                "precision.observable", self.observable, f"is not read by these runs ({known})"
            )
        mean = found[self.observable]
        n = float(found.runs)
        high = float(most_excitations) if self.observable in COUNTED else 1.0
        ends = 0.5 * PSEUDO_RUNS * ((high - mean) ** 2 + mean**2)
        square = np.nan_to_num(error, nan=high) ** 2 + ends / (n + PSEUDO_RUNS) ** 2
        target = self.absolute if self.absolute is not None else self.relative * np.abs(mean)
        with np.errstate(divide="ignore"):
            ratio = np.sqrt(square) / target
        return float(np.max(ratio[self.columns(found.times)]))

    def columns(self, times: Sequence[float] | np.ndarray) -> np.ndarray:
        """Which of the output times are judged; InputError for one that is none of them."""
        if self.times is None:
            found = np.asarray(times)
            return np.flatnonzero((found > 0.0) | (self.relative is None))
        columns = []
        for t in self.times:
            near = np.flatnonzero(np.isclose(times, t, rtol=1e-12, atol=0.0))
            if not near.size:
                raise InputError("precision.times", t, "must be one of the output times")
            columns.append(int(near[0]))
        return np.array(columns)
