"""Whoever writes into what an engine handed out changes his own copy alone."""

import gc
import importlib
import pkgutil
from dataclasses import replace
from functools import cached_property, partial
from types import FunctionType, ModuleType

import numpy as np
import pandas as pd
import pytest

from darkbattery import meanfield, nvmodel, runs, trajectories
from darkbattery.meanfield.expected import read_map
from darkbattery.nvmodel import CollectiveBattery, LocalNoise, Pulse, Stage
from darkbattery.trajectories import evolve, sample, single_run, steady_state

TIMES = [0.0, 0.05, 0.2]
COLD, WARM = CollectiveBattery(3, 6), CollectiveBattery(3, 6, nbar=0.4)
BLIND = CollectiveBattery(3, 6, detector_efficiency=0.5)
NOISY = CollectiveBattery(2, 3, battery_noise=LocalNoise(emission=0.3), detuning=0.2)
STEPPED = CollectiveBattery(2, 3, protocol=(Stage(0.1), Pulse(0.5, 0.5)))
ALL = ["battery_energy", "ergotropy", "daemonic_ergotropy"]
LEAVES = str | bytes | type | CollectiveBattery | FunctionType | ModuleType
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
    """All arrays that can be reached: attributes, remembered properties, mappings, sequences."""
    if id(thing) in seen or isinstance(thing, LEAVES):
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
    else:
        for name, kind in vars(type(thing)).items():
            if isinstance(kind, cached_property):
                getattr(thing, name)
        if hasattr(thing, "__dict__"):
            yield from _arrays(vars(thing), seen)


def _caches():
    """Every function of the package that remembers what it returned."""
    found = {}
    for package in (nvmodel, trajectories, meanfield, runs):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if module.name.rpartition(".")[2] != "__main__":
                for one in vars(importlib.import_module(module.name)).values():
                    if hasattr(one, "cache_info"):
                        found[id(one)] = one
    return found.values()


def _remembered():
    """Arrays that a cache holds: referents of a remembering function are its keys and results."""
    seen = {}
    for one in _caches():
        own = {id(one.__wrapped__), id(one.__dict__)}
        for held in gc.get_referents(one):
            if id(held) not in own:
                yield from _arrays(held, seen)


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


@pytest.mark.parametrize("name", STUDIES)
def test_what_is_handed_out_shares_no_memory_with_a_cache(name):
    handed = [a for a in _arrays(STUDIES[name](), {}) if a.flags.writeable and a.size]
    kept = [a for a in _remembered() if a.size]
    assert len(list(_caches())) >= 5
    assert kept  # caches are seen into
    for array in handed:
        assert not any(np.may_share_memory(array, one) for one in kept)


def test_the_map_of_errors_is_the_callers_own():
    table = read_map()
    before = table.copy()
    table["end"] = 77.0
    pd.testing.assert_frame_equal(read_map(), before)


def test_a_system_cannot_be_changed_behind_what_is_remembered_of_it():
    """One given to `sample` keys its plan: changed in place it was answered from the old one."""
    numbers = np.array([3.0, 6.0])
    system = replace(meanfield.classes.moments.system_of(COLD, 1), number=numbers)
    before = meanfield.sample(system, TIMES, 20, 5)["battery_energy"]
    numbers[:] = 77.0
    with pytest.raises(ValueError, match="read-only"):
        system.number[0] = 77.0
    np.testing.assert_array_equal(meanfield.sample(system, TIMES, 20, 5)["battery_energy"], before)


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
