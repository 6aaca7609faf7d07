"""Runs side by side have the jumps of the same runs one by one, to the bit."""

import numpy as np
import pytest
from numba import njit

from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.experiment import experiment_of
from darkbattery.trajectories import sample
from darkbattery.trajectories.jumps.photons.abreast import (
    LANES,
    new_walks,
    next_piece,
    start_walks,
)
from darkbattery.trajectories.jumps.photons.walks import Starts, start_of_walk, whole_record
from darkbattery.trajectories.reading.conditional import unravelling


@njit(error_model="numpy")
def start(seed, first, runs, cumulative, J, m_starts, walks):
    start_walks(seed, first, runs, cumulative, J, m_starts, walks)


@njit(error_model="numpy")
def go_on(seed, nbar, last, most_cell, walks):
    return next_piece(seed, nbar, last, most_cell, walks)


@pytest.mark.parametrize(
    ("sizes", "nbar", "last", "runs"),
    [
        ((10, 50), 0.5, 2.0, LANES),
        ((3, 4), 2.0, 60.0, 5),  # several pieces, and lanes without a run
        ((2, 2), 0.01, 50.0, LANES),  # J = 0 never jumps
        ((1, 2), 0.5, 0.0, LANES),
    ],
)
def test_jumps_of_runs_side_by_side_are_those_of_each_alone(sizes, nbar, last, runs):
    tables = unravelling(experiment_of(CollectiveBattery(*sizes, nbar=nbar)))
    J, m_starts = tables.basis.J, tables.m_starts
    seed, first, walks = np.uint64(7), 11, new_walks()
    start(seed, first, runs, tables.cumulative, J, m_starts, walks)
    found = [([], []) for _ in range(runs)]
    pieces, goes_on = 0, True
    while goes_on:
        goes_on = go_on(seed, nbar, last, 100.0, walks)
        pieces += 1
        for r in range(runs):
            places = r + LANES * np.arange(walks.jumps[r])
            found[r][0].extend(walks.taus[places])
            found[r][1].extend(walks.heights[places])
            cells = (walks.taus[places] * (100.0 / max(last, 1e-300))).astype(int)
            np.testing.assert_array_equal(walks.cells[places], cells)
    assert (pieces > 1) == (last == 60.0)
    for r in range(runs):
        given = seed, first + r, Starts(tables.cumulative, J, m_starts), nbar
        taus, directions = whole_record(*given, last)
        own = J[walks.drawn[r] % J.size]
        np.testing.assert_array_equal(found[r][0], taus)
        heights = own + start_of_walk(*given) + np.cumsum(directions)
        np.testing.assert_array_equal(found[r][1], heights)


@pytest.mark.parametrize("sizes", [(10, 50), (1, 2), (40, 60)])
@pytest.mark.parametrize("runs", [1, 3 * LANES + 5])
def test_runs_that_are_only_added_up_are_those_that_are_kept_for_more(sizes, runs):
    """One kernel makes, follows and adds runs of which nothing else is asked."""
    battery, times = CollectiveBattery(*sizes, nbar=0.5), np.linspace(0.0, 1.5, 41)
    names = ["battery_energy", "power", "emission_rate", "emitted_photons", "absorbed_photons"]
    added = sample(battery, times, runs=runs, seed=5, observables=names)
    kept = sample(battery, times, runs=runs, seed=5, observables=[*names, "daemonic_ergotropy"])
    for name in names:
        np.testing.assert_array_equal(added[name], kept[name])
    for name, one in added.distributions.items():
        np.testing.assert_array_equal(one.weight, kept.distributions[name].weight)
