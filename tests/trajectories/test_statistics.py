"""Distributions over runs: against a separate Monte Carlo on 2^N, merging, refusals."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import (
    CollectiveBattery,
    Detector,
    InputError,
    LocalNoise,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Statistics,
)

TIMES = np.linspace(0.0, 2.0, 21)
ASKED = Statistics(
    of=[
        "first_passage of 0.4",
        "peak_power",
        "peak_power_time",
        "work from 0.1 to 0.6",
        "power from 0.1 to 0.6",
        "emitted_photons from 0.1 to 0.6",
        "battery_energy at t = 1",
        "final_J",
    ],
    joint=[("emitted_photons at t = 0.6", "final_J"), ("battery_energy at t = 1", "peak_power")],
    where="emitted_photons < 2 at t = 0.6",
)


def _courses(n_battery, n_charger, runs, seed):
    """Quantum jumps of spins one by one at T = 0: energies, powers and photons (3, runs, T).

    Between photons the norm is a sum of exponentials, whose root is searched.
    """
    n, rng = n_battery + n_charger, np.random.default_rng(seed)
    up = np.array([[int(i) >> k & 1 for k in range(n)] for i in range(2**n)])
    J = np.zeros((2**n, 2**n))
    for k in range(n):
        here = np.flatnonzero(up[:, k])
        J[here - (1 << k), here] += 1.0
    rate, V = np.linalg.eigh(J.T @ J)
    energy = up[:, :n_battery].sum(axis=1) / n_battery
    lowered = np.diag(energy)
    # the adjoint equation of the stored energy, for the conditional power
    change = J.T @ lowered @ J - 0.5 * (J.T @ J @ lowered + lowered @ J.T @ J)
    found = np.zeros((3, runs, TIMES.size))
    for run in range(runs):
        c = V.T[:, np.flatnonzero(up @ (1 << np.arange(n)) == 2**n - 2**n_battery)[0]]
        now, photons, i = 0.0, 0, 0
        while i < TIMES.size:
            u = rng.random()
            norm = lambda tau, c=c, u=u: c**2 @ np.exp(-rate * tau) - u  # noqa: E731
            tau = math.inf if norm(1e4) > 0.0 else brentq(norm, 0.0, 1e4, xtol=1e-12)
            while i < TIMES.size and TIMES[i] < now + tau:
                psi = V @ (c * np.exp(-0.5 * rate * (TIMES[i] - now)))
                psi /= np.linalg.norm(psi)
                found[:, run, i] = energy @ psi**2, psi @ change @ psi, photons
                i += 1
            if i < TIMES.size:
                c = V.T @ (J @ (V @ (c * np.exp(-0.5 * rate * tau))))
                c, now, photons = c / np.linalg.norm(c), now + tau, photons + 1
    return found


def _rows(solution):
    return {
        (one.quantity, one.where, one.statistic): (one.value, one.error)
        for one in solution.statistics
        if math.isnan(one.time)
    }


def _expected(found, kept):
    """(mean, error), (sd, error) and share of each quantity of the kept runs, by plain numpy."""
    energies, powers, photons = found[:, kept]
    a, b, end = 1, 6, 10
    reached = energies >= 0.4
    passage = np.where(reached.any(axis=1), TIMES[reached.argmax(axis=1)], np.nan)
    gained = energies[:, b] - energies[:, a]
    return {
        "first_passage of 0.4": passage,
        "peak_power": powers.max(axis=1),
        "peak_power_time": TIMES[powers.argmax(axis=1)],
        "work from 0.1 to 0.6": gained,
        "power from 0.1 to 0.6": gained / 0.5,
        "emitted_photons from 0.1 to 0.6": photons[:, b] - photons[:, a],
        "battery_energy at t = 1": energies[:, end],
    }


@pytest.mark.parametrize(("n_battery", "n_charger"), [(1, 2), (2, 3)])
def test_against_a_monte_carlo_of_single_spins(n_battery, n_charger):
    runs, own = 4000, 600
    battery = CollectiveBattery(n_battery, n_charger)
    found = trajectories.sample(battery, TIMES, runs, seed=11, statistics=ASKED)
    rows, courses = _rows(found), _courses(n_battery, n_charger, own, seed=12)
    few = courses[2][:, 6] < 2
    share, error = rows["runs", ASKED.where, "share"]
    assert abs(share - few.mean()) < 4.5 * math.hypot(error, 0.5 / math.sqrt(own))
    for where, kept in (("", np.full(own, True)), (ASKED.where, few)):
        for name, values in _expected(courses, kept).items():
            known = values[~np.isnan(values)]
            n, sd = known.size, known.std(ddof=1)
            mean, error = rows[name, where, "mean"]
            # sums of single runs are in units of 2^-30 of their bounds
            assert abs(mean - known.mean()) < 4.5 * math.hypot(error, sd / math.sqrt(n)) + 1e-8, (
                name
            )
            of_sd = math.sqrt(max(((known - known.mean()) ** 4).mean() - sd**4, 0.0) / n)
            deviation, error = rows[name, where, "standard_deviation"]
            both = math.hypot(error, 0.5 * of_sd / max(sd, 1e-12))
            assert abs(deviation - sd) < 4.5 * both + 1e-7, name
            if name.startswith("first"):
                share, error = rows[name, where, "share"]
                assert abs(share - n / values.size) < 4.5 * math.hypot(error, 0.5 / math.sqrt(own))


def test_joint_counts_and_curves_of_selected_runs():
    """Photons until 0.6 and the dark state: exact weights, and the exact mean over photons."""
    battery, runs = CollectiveBattery(2, 3), 4000
    found = trajectories.sample(battery, TIMES, runs, seed=11, statistics=ASKED)
    joint, selected = found.joints[0], found.joints[2]
    assert joint.weight.sum() == runs
    np.testing.assert_array_equal(
        joint.weight.sum(axis=0), found.distributions["dark_state"].weight
    )
    np.testing.assert_array_equal(joint.weight[:2], selected.weight[:2])
    assert not selected.weight[2:].any()
    # p(n, t) from the exact counting statistics
    exact = trajectories.evolve(battery, [0.6], ["emitted_photons_variance"])
    p = exact.distributions["emitted_photons"].weight[0]
    shares = joint.weight.sum(axis=1)[: p.size] / runs
    # 4.5 standard errors, and one run more
    assert (np.abs(shares - p) < 4.5 * np.sqrt(p * (1 - p) / runs) + 1.0 / runs).all()
    share = _rows(found)["runs", ASKED.where, "share"]
    assert share[0] == shares[:2].sum()
    assert abs(share[0] - p[:2].sum()) < 4.5 * share[1]
    table = found.statistics_to_dataframe()
    curve = table[(table.quantity == "emitted_photons") & (table.time == TIMES[6])]
    assert abs(curve.value.iloc[0] - p[1] / p[:2].sum()) < 4.5 * curve.error.iloc[0]


NOISY = CollectiveBattery(2, 3, battery_noise=LocalNoise(dephasing=0.3))
AT_MODE = ResonatorBattery(
    SpinEnsemble(2, coupling=1.0), Resonator(3e9, 1.0), SpinEnsemble(1, coupling=1.0)
)
MIXED = ResonatorBattery(
    SpinEnsemble(2, coupling=1.0, polarisation=0.8),
    Resonator(3e9, 1.0),
    SpinEnsemble(1, coupling=0.5),
)


@pytest.mark.parametrize(
    ("sample", "model"),
    [
        (trajectories.sample, CollectiveBattery(2, 5)),
        (trajectories.sample, CollectiveBattery(2, 5, nbar=0.4)),
        (trajectories.sample, NOISY),
        (trajectories.sample, AT_MODE),
        (trajectories.sample, MIXED),
        (trajectories.sample, CollectiveBattery(1, 2, detector=Detector("homodyne"))),
        (meanfield.sample, CollectiveBattery(20, 60)),
    ],
    ids=["cold", "warm", "noisy", "mode", "mixed", "homodyne", "Wigner"],
)
def test_statistics_merge_to_the_bit_and_change_nothing_else(sample, model):
    asked = Statistics(ASKED.of[:-1], [("peak_power", "battery_energy at t = 1")], ASKED.where)
    plain = sample(model, TIMES, 60, 5)
    whole = sample(model, TIMES, 60, 5, statistics=asked)
    for name in plain:
        np.testing.assert_array_equal(plain[name], whole[name])
    parts = [sample(model, TIMES, n, 5, first=a, statistics=asked) for a, n in ((37, 23), (0, 37))]
    merged = parts[0].merge(parts[1])
    for name, count in merged.tally.arrays().items():
        np.testing.assert_array_equal(count, whole.tally.arrays()[name])
    assert merged.statistics_to_dataframe().equals(whole.statistics_to_dataframe())
    with pytest.raises(InputError, match="not the same study"):
        whole.merge(sample(model, TIMES, 10, 5, first=60))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"of": ["energy"]}, "statistics.of = 'energy': unknown"),
        ({"of": ["work at t = 1"]}, 'must be "work from 0.1 to 0.3"'),
        ({"of": ["work from 1 to 1"]}, "must end after it begins"),
        ({"of": ["first_passage of 1.2"]}, "must be a finite number"),
        ({"of": ["peak_power", "peak_power"]}, "must be different"),
        ({"of": "peak_power"}, "must be a list"),
        ({"joint": [("peak_power",)]}, "must be a pair"),
        ({"where": "peak_power = 2"}, "with <, <=, > or >="),
        ({"where": 3}, "must be a text"),
        ({}, "must ask for something"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_line(given, text):
    with pytest.raises(InputError) as refused:
        Statistics(**given)
    assert text in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("sample", "model", "asked", "text"),
    [
        (trajectories.sample, CollectiveBattery(1, 2), "work from 0 to 0.55", "output times"),
        (trajectories.sample, NOISY, "final_J", "is not known of these runs"),
        (meanfield.sample, CollectiveBattery(2, 5), "final_J", "is not known of these runs"),
        (
            trajectories.sample,
            CollectiveBattery(100, 500, detector_efficiency=0.5),
            "peak_power",
            "misses photons of few spins alone",
        ),
    ],
)
def test_what_runs_do_not_have_is_refused_in_a_line(sample, model, asked, text):
    with pytest.raises(InputError, match=text):
        sample(model, TIMES, 5, 1, statistics=Statistics(of=[asked]))


def test_a_run_that_never_gets_there_is_censored():
    """A run in J = 3 of (1, 5) ends empty: 1/6 of them, and only others come as near to 5/6.

    A run without a passage is not selected by any condition on it.
    """
    battery = CollectiveBattery(1, 5)
    asked = Statistics(of=["first_passage of 0.833"], where="first_passage > 0 of 0.833")
    found = trajectories.sample(battery, np.linspace(0.0, 9.0, 91), 3000, 2, statistics=asked)
    rows = _rows(found)
    share, error = rows["first_passage of 0.833", "", "share"]
    assert abs(share - 5.0 / 6.0) < 4.0 * error
    assert rows["runs", asked.where, "share"][0] == share
    assert found.distributions["first_passage of 0.833"].weight.sum() == round(3000 * share)


def test_what_no_run_did_leaves_room_for_one_that_does():
    """Twenty runs without a photon by t = 1e-4 told 0(0), which the photon of the next run denies.

    One in 20 is left room for; at t = 0 nothing has been emitted for certain.
    """
    asked = Statistics(
        of=["emitted_photons at t = 0.0001", "emitted_photons at t = 0", "work from 0 to 0.0001"],
        where="emitted_photons < 1 at t = 0.0001",
    )
    times = np.array([0.0, 1e-4])
    found = trajectories.sample(CollectiveBattery(1, 2), times, 20, seed=1, statistics=asked)
    rows = _rows(found)
    photons, nothing, work = asked.of
    assert rows[photons, "", "mean"] == (0.0, pytest.approx(1 / 20))
    assert rows[photons, "", "standard_deviation"] == (0.0, pytest.approx(1 / math.sqrt(20)))
    assert rows[nothing, "", "mean"] == (0.0, 0.0)
    assert rows[work, "", "mean"][1] > 0.05
    selected = [row for row in found.statistics if row.statistic == "mean" and row.time == 1e-4]
    assert {row.quantity for row in selected if row.error > 0.0} == {
        "battery_energy",
        "power",
        "emitted_photons",
    }


@pytest.mark.parametrize("nbar", [0.0, 0.4])
def test_correlation_of_two_quantities_is_that_of_the_rows(nbar):
    """Of the runs that have both, as numpy has it; its error as resampled runs scatter."""
    pair = ("burst_time", "battery_energy at t = 2")
    asked = Statistics(joint=[pair], where="emitted_photons > 2 at t = 0.6")
    battery = CollectiveBattery(2, 6, nbar=nbar)
    found = trajectories.sample(battery, TIMES, 3000, 5, records="summary", statistics=asked)
    rows, told = found.records, _rows(found)
    name = " and ".join(pair)
    both = rows[rows.burst_time.notna()]
    value, error = told[name, "", "correlation"]
    # bins' units of 2^-30 of the range
    exact = np.corrcoef(both.burst_time, both.final_energy)[0, 1]
    assert value == pytest.approx(exact, abs=1e-6)
    rng, again = np.random.default_rng(1), []
    x, y = both.burst_time.to_numpy(), both.final_energy.to_numpy()
    for _ in range(400):
        some = rng.integers(0, x.size, x.size)
        again.append(np.corrcoef(x[some], y[some])[0, 1])
    # a scatter from 400 samples: 4 percent; bins of times and energies: 5 more
    assert error == pytest.approx(np.std(again), rel=0.15)
    assert (name, asked.where, "correlation") in told
    parts = [
        trajectories.sample(battery, TIMES, n, 5, first=first, statistics=asked)
        for first, n in ((1000, 2000), (0, 1000))
    ]
    assert _rows(parts[0].merge(parts[1]))[name, "", "correlation"] == (value, error)


def test_a_quantity_that_is_the_same_in_all_runs_correlates_with_nothing():
    asked = Statistics(joint=[("emitted_photons at t = 0", "final_J")])
    found = trajectories.sample(CollectiveBattery(1, 3), TIMES, 50, 5, statistics=asked)
    value, error = _rows(found)["emitted_photons at t = 0 and final_J", "", "correlation"]
    assert math.isnan(value)
    assert math.isnan(error)
