"""When and how strongly single runs emit most: rows, histograms, and the bursts themselves."""

import numpy as np
import pytest

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import CollectiveBattery, InputError, Statistics

MODEL = CollectiveBattery(20, 100)
TIMES = np.linspace(0.0, 0.15, 301)
RATE, TIME = "peak_emission_rate", "peak_emission_time"
ASKED = Statistics(of=[RATE, TIME], joint=[(RATE, TIME)], where=f"{RATE} > 1650")


def test_rows_and_histograms_have_the_peaks_of_the_runs():
    names = ["emission_rate", "battery_energy"]
    found = meanfield.sample(
        MODEL, TIMES, 24, 7, observables=names, records="summary", statistics=ASKED
    )
    # one run at a time: its mean is the run itself, of 30 bits
    runs = [meanfield.sample(MODEL, TIMES, 1, 7, i, names)["emission_rate"] for i in range(24)]
    height, when = np.max(runs, axis=1), TIMES[np.argmax(runs, axis=1)]
    np.testing.assert_allclose(found.records[RATE], height, rtol=1e-6)
    np.testing.assert_allclose(found.records[TIME], when, atol=1e-12)
    rows = {(one.quantity, one.where, one.statistic): one for one in found.statistics}
    for name, values in ((RATE, height), (TIME, when)):
        histogram = found.distributions[name]
        assert histogram.weight.sum() == 24
        mean, spread = rows[name, "", "mean"], rows[name, "", "standard_deviation"]
        assert mean.value == pytest.approx(values.mean(), rel=1e-6)
        assert spread.value == pytest.approx(values.std(ddof=1), rel=1e-6)
        # in bins of a percent; output times lie as far apart
        middle = 0.5 * (histogram.low + histogram.high) @ histogram.weight / 24
        assert middle == pytest.approx(values.mean(), rel=1e-2)
    chosen = rows[RATE, f"{RATE} > 1650", "mean"]
    assert chosen.value == pytest.approx(height[height > 1650].mean(), rel=1e-6)
    assert found.joints[0].weight.sum() == 24


def test_ranges_of_runs_join_to_the_bit_and_the_quantum_engine_says_that_it_has_none():
    parts = [meanfield.sample(MODEL, TIMES, 5, 7, first, statistics=ASKED) for first in (0, 5)]
    whole = meanfield.sample(MODEL, TIMES, 10, 7, statistics=ASKED)
    joined = parts[0].merge(parts[1])
    assert joined.statistics == whole.statistics
    with pytest.raises(InputError, match=f"{RATE}': is not known of these runs"):
        trajectories.sample(MODEL, TIMES, 5, 7, statistics=ASKED)


def test_a_sharp_burst_is_as_high_as_superradiance_has_it():
    """Of N spins all up the most probable burst is N^2/4 gamma high (Gross and Haroche 1982)."""
    spins = 10_000
    model = CollectiveBattery(1, spins)
    times = np.linspace(0.0, 3e-3, 601)
    found = meanfield.sample(model, times, 100, 3, statistics=Statistics(of=[RATE]))
    mean = next(one for one in found.statistics if one.statistic == "mean")
    # sech^2 that moves in time: its height is that of every run, to ln N/N, and output times see
    # it to (N gamma dt/2)^2/2, 3e-4
    assert mean.value == pytest.approx(0.25 * spins**2, rel=3e-3)
