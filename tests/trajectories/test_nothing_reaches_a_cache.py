"""Whoever writes into what an engine handed out changes his own copy alone."""

from dataclasses import fields, is_dataclass
from functools import partial
from types import FunctionType

import numpy as np
import pytest

import meanfield
from nvmodel import CollectiveBattery, LocalNoise, Pulse, Stage
from trajectories import evolve, sample, single_run, steady_state

TIMES = [0.0, 0.05, 0.2]
COLD, WARM = CollectiveBattery(3, 6), CollectiveBattery(3, 6, nbar=0.4)
BLIND = CollectiveBattery(3, 6, detector_efficiency=0.5)
NOISY = CollectiveBattery(2, 3, battery_noise=LocalNoise(emission=0.3), detuning=0.2)
STEPPED = CollectiveBattery(2, 3, protocol=(Stage(0.1), Pulse(0.5, 0.5)))
ALL = ["battery_energy", "ergotropy", "daemonic_ergotropy"]
LEAVES = str | bytes | type | CollectiveBattery | FunctionType
STUDIES = {
    "averages": partial(evolve, COLD, TIMES),
    "warm averages": partial(evolve, WARM, TIMES),
    "large averages": partial(evolve, CollectiveBattery(10**12, 5 * 10**12), TIMES),
    "noisy averages": partial(evolve, NOISY, TIMES),
    "steady": partial(steady_state, WARM),
    "runs": partial(sample, COLD, TIMES, 20, 5, observables=ALL, records="summary"),
    "warm runs": partial(sample, WARM, TIMES, 20, 5, observables=ALL, records="summary"),
    "a blind detector": partial(sample, BLIND, TIMES, 20, 5, observables=ALL),
    "noisy runs": partial(sample, NOISY, TIMES, 20, 5, observables=ALL, records="summary"),
    "runs of a protocol": partial(sample, STEPPED, TIMES[:2], 20, 5),
    "one run": partial(single_run, COLD, TIMES, 5, 2),
    "one warm run": partial(single_run, WARM, TIMES, 5, 2),
    "one noisy run": partial(single_run, NOISY, TIMES, 5, 2),
    "mean field": partial(meanfield.evolve, COLD, TIMES),
    "Wigner": partial(meanfield.sample, COLD, TIMES, 20, 5),
}


def _arrays(thing, seen):
    """All arrays that can be reached through attributes, mappings and sequences."""
    if id(thing) in seen or isinstance(
        thing, str | bytes | type | CollectiveBattery | FunctionType
    ):
        return
    seen[id(thing)] = thing
    if isinstance(thing, np.ndarray):
        yield thing
    elif hasattr(thing, "to_numpy"):  # a table
        for column in thing:
            yield from _arrays(thing[column].to_numpy(), seen)
    elif isinstance(thing, dict):
        for value in thing.values():
            yield from _arrays(value, seen)
    elif isinstance(thing, tuple | list):
        for value in thing:
            yield from _arrays(value, seen)
    elif is_dataclass(thing):
        for field in fields(thing):
            yield from _arrays(getattr(thing, field.name), seen)
    elif hasattr(thing, "distributions"):
        for name in ("times", "values", "errors", "distributions", "records"):
            yield from _arrays(getattr(thing, name), seen)
        # what a tally is made of, its study and the tables behind it included
        yield from _arrays(thing.tally, seen)
    elif hasattr(thing, "__dict__"):
        yield from _arrays(vars(thing), seen)


@pytest.mark.parametrize("name", STUDIES)
def test_scribbling_over_everything_changes_no_later_study(name):
    found = list(_arrays(STUDIES[name](), {}))
    before = [array.copy() for array in found]
    assert found
    for array in found:
        if array.flags.writeable and array.dtype.kind in "fciu":
            array[...] = 77
    after = list(_arrays(STUDIES[name](), {}))
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_counts_that_are_written_over_merge_as_before():
    """What a reading shows of a tally is not the tally."""
    for battery in (COLD, WARM, NOISY):
        halves = [sample(battery, TIMES, 10, 5, first=first) for first in (0, 10)]
        for array in _arrays([halves[0].values, halves[0].distributions], {}):
            array[...] = 77
        merged, whole = halves[0].merge(halves[1]), sample(battery, TIMES, 20, 5)
        for kind in ("values", "distributions"):
            pairs = (list(_arrays(getattr(s, kind), {})) for s in (merged, whole))
            for one, other in zip(*pairs, strict=True):
                np.testing.assert_array_equal(one, other)
