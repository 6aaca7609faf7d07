"""When single runs burst and when they emit most, in both engines and in closed form."""

import numpy as np
import pytest

from darkbattery import meanfield, trajectories
from darkbattery.meanfield.paths.tally import burst_delay
from darkbattery.nvmodel import CollectiveBattery, InputError, LocalNoise, Polarised
from darkbattery.nvmodel.errors import mean_error
from darkbattery.nvmodel.peaks import add_peaks, no_peaks, peak_counts, read_peaks

PEAK = "peak_emission_time"
EULER = 0.5772156649015329


def test_times_of_the_largest_value_so_far_are_added():
    values = np.random.default_rng(1).normal(size=(50, 7))
    times = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
    found = no_peaks(7)
    add_peaks(values, times, found)
    mean, error, when = read_peaks(times, 50, peak_counts(found))
    so_far = np.array([[times[row[: i + 1].argmax()] for i in range(7)] for row in values])
    # times of a grid in quarters of the last are whole numbers of 2^-30 of it
    np.testing.assert_allclose(mean, so_far.mean(axis=0), atol=1e-15)
    expected = mean_error(so_far.var(axis=0, ddof=1), 50, 1.0)
    np.testing.assert_allclose(error, expected, atol=1e-12)
    assert when.weight.tolist() == [np.count_nonzero(so_far[:, -1] == t) for t in times]


@pytest.mark.parametrize(
    "model",
    [
        CollectiveBattery(3, 7),
        CollectiveBattery(3, 7, nbar=0.4),
        CollectiveBattery(5, 5),
        CollectiveBattery(
            2, 4, battery_noise=LocalNoise(emission=0.3), charger_start=Polarised(0.8)
        ),
    ],
    ids=["cold", "warm", "equal", "noisy"],
)
def test_the_row_of_a_run_is_where_its_conditional_emission_is_largest(model):
    times = np.linspace(0.0, 1.0, 31)
    found = trajectories.sample(
        model, times, runs=40, seed=5, observables=[PEAK, "battery_energy"], records="summary"
    )
    rows = found.records[PEAK].to_numpy()
    for run in range(12):
        one = trajectories.single_run(model, times, seed=5, run=run)
        M, J = one.M[:, None], one.J[None, :]
        # <J^+ J^-> of the replayed state; gamma (nbar + 1) does not move the largest
        emission = (np.abs(one.amplitudes) ** 2 * np.maximum((J + M) * (J - M + 1), 0.0)).sum(
            axis=1
        )
        first = np.flatnonzero(emission >= emission.max() * (1.0 - 1e-9))
        assert rows[run] in times[first]
    # times are kept to 2^-30 of the last
    np.testing.assert_allclose(found[PEAK][-1], rows.mean(), atol=1e-9)
    spacing = times[1]  # to which runs agree
    error = mean_error(rows.var(ddof=1), rows.size, spacing)
    np.testing.assert_allclose(found.errors[PEAK][-1], error, rtol=1e-6)
    weight = found.distributions[PEAK].weight
    assert weight.tolist() == [np.count_nonzero(rows == t) for t in times]
    half = trajectories.sample(model, times, 15, 5, observables=[PEAK, "battery_energy"])
    rest = trajectories.sample(model, times, 25, 5, first=15, observables=[PEAK, "battery_energy"])
    whole = half.merge(rest)
    assert (whole[PEAK] == found[PEAK]).all()
    assert (whole.distributions[PEAK].weight == weight).all()


def test_a_detector_that_sees_all_has_the_peaks_of_the_runs():
    times = np.linspace(0.0, 1.0, 31)
    almost = CollectiveBattery(2, 6, detector_efficiency=1.0 - 1e-12)
    seen = trajectories.sample(almost, times, runs=60, seed=2, observables=[PEAK])
    all_of_them = trajectories.sample(CollectiveBattery(2, 6), times, 60, 2, observables=[PEAK])
    np.testing.assert_allclose(seen[PEAK], all_of_them[PEAK], atol=1e-9)


def gumbel(battery, times_to=9.0, points=200):
    """Mean and standard deviation of the delay, and output times, in 1/((N_C - N_B) gamma)."""
    growth = float(battery.n_charger - battery.n_battery)
    location = np.log(growth / battery.n_charger * growth)
    times = np.linspace(0.0, location + times_to, points) / growth
    return growth, location + EULER, np.pi / np.sqrt(6.0), times


@pytest.mark.parametrize("spins", [200, 10**15])
def test_emission_peaks_with_gumbel_s_law_in_the_quantum_engine(spins):
    model = CollectiveBattery(spins, 5 * spins)
    growth, mean, spread, times = gumbel(model)
    runs = 3000 if spins < 1000 else 400
    found = trajectories.sample(model, times, runs, seed=3, observables=[PEAK])
    error = spread / np.sqrt(runs)
    # logarithms to order 1/N beside four standard errors; the grid is finer than both
    assert abs(growth * found[PEAK][-1] - mean) < 4.0 * error + 20.0 / spins
    # the standard error's own scatter, with the kurtosis 5.4 of Gumbel's law
    assert growth * found.errors[PEAK][-1] == pytest.approx(
        error, rel=4.0 * np.sqrt(4.4 / 4 / runs)
    )


def test_emission_peaks_alike_in_both_engines_and_later_than_the_average():
    model = CollectiveBattery(200, 1000)
    growth, mean, _, times = gumbel(model)
    quantum = trajectories.sample(model, times, 3000, seed=4, observables=[PEAK])
    wigner = meanfield.sample(model, times, 3000, seed=4, observables=[PEAK])
    error = np.hypot(quantum.errors[PEAK][-1], wigner.errors[PEAK][-1])
    # Wigner's delay is late by some 10/N of 1/growth
    assert abs(quantum[PEAK][-1] - wigner[PEAK][-1]) < 4.0 * error + 10.0 / 200 / growth
    exact = trajectories.evolve(model, times, observables=["emission_rate"])["emission_rate"]
    # the average of 1/cosh^2((x + ln W)/2) over W ~ exp(-W) is largest at x = 0.577 - 0.247; the
    # grid's 0.08 and logarithms to 1/N
    assert growth * times[exact.argmax()] - mean == pytest.approx(-0.247, abs=0.1)
    peaks = quantum.distributions[PEAK]
    assert peaks.weight.sum() == 3000


@pytest.mark.parametrize(
    "model",
    [
        CollectiveBattery(5, 5),
        CollectiveBattery(8, 3),
        CollectiveBattery(200, 400, charger_start=Polarised(0.6)),
    ],
    ids=["equal", "larger battery", "partly inverted"],
)
def test_runs_that_start_at_or_below_zero_burst_at_once_in_both_engines(model):
    times = np.linspace(0.0, 0.05, 6)
    for engine in (trajectories, meanfield):
        found = engine.sample(model, times, runs=60, seed=1, records="summary")
        # J^z starts at or below 0: N_B >= N_C, or 400 (0.6 - 0.4) - 200 = -120 of spread 20
        assert (found.records["burst_time"] == 0.0).all()
        assert found.distributions["burst_time"].weight.tolist() == [60, 0, 0, 0, 0, 0]
        assert found.records[PEAK].between(0.0, 0.05).all()
    count, mean, _ = burst_delay(found.tally)
    assert (count, mean) == (60, 0.0)


def test_averages_have_no_time_of_the_largest_emission():
    with pytest.raises(InputError, match=PEAK):
        trajectories.evolve(CollectiveBattery(1, 5), [1.0], observables=[PEAK])
