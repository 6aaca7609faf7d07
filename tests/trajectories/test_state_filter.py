"""Few spins whose observer does not see it all, at any temperature: against spins one by one."""

import math
from dataclasses import replace

import numpy as np
import pytest

from darkbattery.nvmodel import (
    CollectiveBattery,
    InputError,
    LocalNoise,
    Pulse,
    Stage,
    Statistics,
)
from darkbattery.trajectories import evolve, sample, single_run, single_runs
from darkbattery.trajectories.jumps.filters.hidden_runs import hidden_runs
from darkbattery.trajectories.jumps.filters.runs import photon_groups
from tests.onrecord import dephased, left_by_photons
from tests.verify.states import Spins

NOISE = {
    "battery_noise": LocalNoise(dephasing=0.4, emission=0.2, pumping=0.1),
    "charger_noise": LocalNoise(emission=0.3),
}
STAGES = (
    Stage(0.3),
    Pulse(dephase_battery=0.5),
    Stage(0.2, "battery", charger_noise=LocalNoise(dephasing=0.7)),
    Pulse(dephase_charger=1.0),
    Stage(math.inf),
)
MODELS = {
    "heat": {"nbar": 0.4},
    "noise": {"nbar": 0.2, "detuning": 0.8, **NOISE},
    "stages": {"nbar": 0.3, "battery_noise": LocalNoise(emission=0.2), "protocol": STAGES},
    "cold noise": {"battery_noise": LocalNoise(dephasing=1.0)},
}
TIMES = np.array([0.0, 0.1, 0.4, 0.5, 1.2])


def counted(name, sizes=(2, 3), efficiency=0.6, gamma=1.0):
    model = MODELS[name]
    return CollectiveBattery(*sizes, gamma=gamma, detector_efficiency=efficiency, **model)


@pytest.mark.parametrize("name", MODELS)
def test_the_state_is_that_of_explicit_spins_on_the_same_record(name):
    battery = counted(name).experiment
    (group,) = photon_groups(battery, TIMES, 5, 0, 12, states=True)
    run = int(np.argmax([record.size for record in group.recorded]))
    assert group.recorded[run].size >= 2
    spins = Spins(battery)
    pulsed = lambda x, pulse: dephased(spins, x, pulse)  # noqa: E731
    expected = left_by_photons(spins, pulsed, battery, group.recorded[run], TIMES)
    ours = np.array([group.quantities[0, run], *group.known[:2, run]]).T
    # 1e-9: scipy's expm_multiply, ours is exact to rounding; entropies of eigenvalues near 0
    np.testing.assert_allclose(ours[:, :2], expected[:, :2], atol=1e-9)
    np.testing.assert_allclose(ours[:, 2], expected[:, 2], atol=1e-8)


@pytest.mark.parametrize("name", MODELS)
def test_averages_over_runs_are_those_of_evolve(name):
    battery = counted(name, gamma=2.0)
    names = ["battery_energy", "charger_energy", "power", "emission_rate", "emitted_photons"]
    names += ["absorbed_photons", "ergotropy_total"]
    names += ["local_loss"] if not battery.is_collective else ["energy_variance"]
    found = sample(battery, TIMES, 1500, 4, observables=[*names, "recorded_photons"])
    averages = evolve(battery, TIMES, names)
    for one in names:
        apart = np.abs(found[one] - averages[one])
        # four standard errors, of some 40 numbers of each model
        assert np.all(apart <= 4.0 * found.errors[one] + 1e-12), (one, apart)
    apart = np.abs(found["recorded_photons"] - 0.6 * averages["emitted_photons"])
    assert np.all(apart <= 4.0 * found.errors["recorded_photons"] + 1e-12)
    with pytest.raises(AssertionError):  # conditional energies are not the average
        np.testing.assert_allclose(
            sample(battery, TIMES, 1, 4)["battery_energy"], averages["battery_energy"], atol=1e-2
        )


def test_at_zero_temperature_it_is_the_mixture_over_photon_numbers():
    """The plain model has a method of its own: the same runs, rows beside."""
    battery = CollectiveBattery(2, 4, detector_efficiency=0.5)
    names = ["battery_energy", "charger_energy", "power", "daemonic_ergotropy", "fano_factor"]
    names += ["recorded_photons", "energy_variance_conditional", "g2_zero"]
    ours = sample(battery, TIMES, 40, 3, observables=names)
    filtered = sample(battery, TIMES, 40, 3, observables=names, records="summary")
    assert filtered.provenance["solver"] == "filter of few spins"
    for name in names:
        # 1e-8: the fixed point of sums, of a bound of some tens for powers
        np.testing.assert_allclose(filtered[name], ours[name], atol=2e-8, equal_nan=True)
    rows = filtered.records
    assert rows.recorded_photons.mean() == filtered["recorded_photons"][-1]
    assert rows.emitted_photons.mean() > rows.recorded_photons.mean()
    for name, one in ours.distributions.items():
        if name in ("recorded_photons", "emitted_photons", "burst_time", "battery_energy"):
            np.testing.assert_array_equal(filtered.distributions[name].weight, one.weight)


@pytest.mark.parametrize("name", ["heat", "noise"])
def test_records_grow_with_the_efficiency_and_end_in_every_photon(name):
    battery = counted(name).experiment
    before = np.zeros(0)
    for efficiency in (0.2, 0.7, 1.0 - 1e-12):
        one = replace(battery, detector_efficiency=efficiency)
        (hidden,) = hidden_runs(one, TIMES, 3, 1, 1)
        assert set(before) <= set(hidden.recorded)
        before = hidden.recorded
    assert before.size == hidden.emitted[-1]
    full = single_run(replace(battery, detector_efficiency=1.0), TIMES, 3, 1)
    np.testing.assert_array_equal(before, full.jump_times[full.processes == 0])
    np.testing.assert_array_equal(hidden.absorbed, full.absorbed_photons)


@pytest.mark.parametrize("name", MODELS)
def test_any_split_of_the_runs_gives_the_same_bits(name):
    names = ["battery_energy", "daemonic_ergotropy", "information_gain", "energy_variance_runs"]
    study = counted(name), TIMES
    statistics = Statistics(of=("emitted_photons at t = 0.4",))
    asked = {"observables": names, "records": "summary", "statistics": statistics}
    whole = sample(*study, 90, 8, **asked)
    parts = [sample(*study, n, 8, first=first, **asked) for first, n in ((0, 1), (1, 70), (71, 19))]
    merged = parts[2].merge(parts[0]).merge(parts[1])
    for key, counts in whole.tally.arrays().items():
        assert np.array_equal(merged.tally.arrays()[key], counts), key
    rows = np.concatenate([part.records.to_numpy(dtype=float) for part in parts])
    np.testing.assert_array_equal(rows, whole.records.to_numpy(dtype=float))


@pytest.mark.parametrize("name", [*MODELS, "plain"])
def test_a_single_run_is_the_one_of_the_study(name):
    battery = CollectiveBattery(2, 3, detector_efficiency=0.6)
    battery = battery if name == "plain" else counted(name)
    one = single_run(battery, TIMES, 9, 5)
    names = ["battery_energy", "daemonic_ergotropy", "emitted_photons", "recorded_photons"]
    same = sample(battery, TIMES, 1, 9, first=5, observables=names)
    fixed = 2e-9  # the fixed point of sums
    np.testing.assert_allclose(one.battery_energy, same["battery_energy"], atol=fixed)
    np.testing.assert_allclose(one.ergotropy, same["daemonic_ergotropy"], atol=fixed)
    np.testing.assert_array_equal(one.emitted_photons, same["emitted_photons"])
    seen = np.searchsorted(one.jump_times, TIMES, side="right")
    np.testing.assert_array_equal(seen, same["recorded_photons"])
    diagonal = np.diagonal(one.battery_state, axis1=1, axis2=2).real
    np.testing.assert_allclose(diagonal, one.populations, atol=1e-12)
    assert len(single_runs(battery, TIMES, 9, [5, 6]).states_to_dataframe()) == 2 * TIMES.size


def test_large_ones_are_refused_in_a_line():
    warm = CollectiveBattery(20, 100, nbar=0.2, detector_efficiency=0.5)
    noisy = CollectiveBattery(20, 100, battery_noise=LocalNoise(1.0), detector_efficiency=0.5)
    for battery in (warm, noisy):
        with pytest.raises(InputError, match=r"missed photons leave .* take fewer") as refusal:
            sample(battery, [1.0], 1, 1)
        assert "\n" not in str(refusal.value)
    many = CollectiveBattery(100, 500, detector_efficiency=0.5)
    with pytest.raises(InputError, match=r"records = .*: with a detector that misses .* take"):
        sample(many, [0.01], 1, 1, records="summary")
