"""Homodyne and heterodyne records of few spins at any temperature, with noise and stages."""

import math
from dataclasses import replace

import numpy as np
import pytest

from darkbattery.nvmodel import (
    CollectiveBattery,
    Detector,
    DickeState,
    InputError,
    LocalNoise,
    Pulse,
    Stage,
)
from darkbattery.trajectories import evolve, sample, single_run
from darkbattery.trajectories.jumps.diffusive import runs as diffusive_runs
from darkbattery.trajectories.jumps.diffusive.diffusion import joined, noise_of
from darkbattery.trajectories.jumps.diffusive.recordladder import ladder_readings, record_ladder
from darkbattery.trajectories.jumps.filters.groups import irreps_of
from darkbattery.trajectories.jumps.filters.record_filter import (
    Record,
    RecordRuns,
    steps_of,
)
from darkbattery.trajectories.propagate.watched_mode import watching
from darkbattery.trajectories.qutip.fewspins import to_qutip
from darkbattery.trajectories.reading.watched_readout import BatteryReadings, StageReadings
from tests.onrecord import even_steps, milstein

BOTH = ("homodyne", "heterodyne")
NOISE = LocalNoise(dephasing=0.4, emission=0.3, pumping=0.2)
STAGES = (
    Stage(0.2),
    Pulse(dephase_battery=0.6),
    Stage(0.2, "battery", charger_noise=LocalNoise(dephasing=0.7)),
    Stage(math.inf),
)
MODELS = {
    "heat": {"nbar": 0.4},
    "noise": {"nbar": 0.2, "detuning": 0.8, "battery_noise": NOISE},
    "stages": {"nbar": 0.3, "charger_noise": LocalNoise(emission=0.2), "protocol": STAGES},
}
TIMES = np.array([0.0, 0.1, 0.4, 0.9])


def recorded(name, kind, efficiency=0.5, sizes=(1, 2), gamma=1.0):
    detector = Detector(kind, efficiency=efficiency)
    return CollectiveBattery(*sizes, gamma=gamma, detector=detector, **MODELS[name])


def followed(battery, steps, record):
    """The battery's matrices (T, runs, ...), irreps apart, and energies (T, runs)."""
    reads, found = BatteryReadings(steps.space, irreps_of(battery)), []
    for _, watched, x in RecordRuns(battery, steps, record).states():
        energy = StageReadings(battery, watched).means(x)[0]
        found.append((reads.matrices(x), energy))
    return found


def explicit_filter(battery, stage, record, h):
    """The battery's matrix that a record leaves, by QuTiP's operators and Milstein's scheme."""
    few = to_qutip(battery, stage=stage)
    c, *others = (operator.full() for operator in few.collapse)
    start = few.initial.full(), few.hamiltonian.full()
    rho = milstein(*start, c, others, battery.detector, record, h)
    size = rho.shape[0] // 2
    return np.einsum("icjc->ij", rho.reshape(2, size, 2, size))[::-1, ::-1]  # by excitations


@pytest.mark.parametrize("efficiency", [0.4, 1.0])
@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("name", ["heat", "noise"])
def test_the_state_is_that_of_qutips_operators_on_the_same_record(name, kind, efficiency):
    battery = recorded(name, kind, efficiency).experiment
    T, count = 0.6, 400
    steps = even_steps(battery, T, count)
    noise = noise_of(battery, 3, 0, 2, count)
    record = np.zeros_like(noise)
    matrices, _ = followed(battery, steps, Record(noise, record))[-1]
    stage = None if name == "heat" else Stage(math.inf)
    for run in range(2):
        expected = explicit_filter(battery, stage, record[:, 0, run], T / count)
        # Milstein's scheme is of strong order 1, with steps of 0.0015 times rates of some units:
        # 3e-3 here, a fifth of it with five times the steps
        np.testing.assert_allclose(matrices[0][run], expected, atol=6e-3)


@pytest.mark.parametrize("kind", BOTH)
def test_at_zero_temperature_it_is_the_ladder_of_photons(kind):
    """Another scheme of the same order, on the same record."""
    battery = CollectiveBattery(2, 3, detector=Detector(kind, efficiency=0.7)).experiment
    T, count = 0.3, 100
    grid = np.linspace(0.0, T, count + 1)
    ladder = record_ladder(battery, grid, math.inf)
    noise, record = noise_of(battery, 3, 0, 4, count), np.zeros((count, 2, 4), dtype=complex)
    record = record if kind == "heterodyne" else record.real
    bands, _ = diffusive_runs.follow(battery, ladder, noise, 1, record)
    z = ladder_readings(battery, grid, states=False).z
    expected = 0.5 + np.einsum("rtn,nt->tr", bands[:, :, 0].real, z) / 2
    nobody = np.zeros((0, 2, 0), noise.dtype)
    steps = steps_of(watching(battery, grid, coherent=True), grid, math.inf)
    again = followed(battery, steps, Record(nobody, record))
    found = np.array([energy for _, energy in again])
    # both are wrong by some 1e-5 with steps of 0.003
    np.testing.assert_allclose(found, expected, atol=5e-5)


@pytest.mark.parametrize("efficiency", [0.4, 1.0])
@pytest.mark.parametrize("kind", BOTH)
def test_strong_order_on_one_record(kind, efficiency):
    """Steps of twice the length, four times, ... on one record: the state at its end."""
    battery = recorded("noise", kind, efficiency).experiment
    T, count, runs = 0.5, 512, 16
    noise = noise_of(battery, 5, 0, runs, count)
    record, nobody = np.zeros_like(noise), np.zeros((0, 2, 0), noise.dtype)
    ((_, _, exact),) = RecordRuns(
        battery, even_steps(battery, T, count), Record(noise, record)
    ).states()
    errors = []
    for halvings in range(1, 6):
        record = joined(record, np.full(2 * (count >> halvings), T / (count >> halvings) / 2))
        steps = even_steps(battery, T, count >> halvings)
        ((_, _, found),) = RecordRuns(battery, steps, Record(nobody, record)).states()
        errors.append(math.sqrt((abs(found - exact) ** 2).sum(axis=0).mean()))
    orders = np.diff(np.log2(errors))
    # 1.5 in the limit; the last step, of 0.03, is longer than any that is taken
    assert orders.mean() > 1.4, (errors, orders)
    assert errors[0] < 5e-5  # steps of 0.002


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("name", MODELS)
def test_averages_over_runs_are_those_of_evolve(name, kind):
    battery = recorded(name, kind, gamma=2.0)
    names = ["battery_energy", "charger_energy", "power", "emission_rate", "emitted_photons"]
    names += ["absorbed_photons", "ergotropy"]
    names += ["local_loss"] if not battery.is_collective else ["energy_variance"]
    found = sample(battery, TIMES, 400, 4, observables=names)
    averages = evolve(battery, TIMES, names)
    for one in names:
        apart = np.abs(found[one] - averages[one])
        # four standard errors, of some 30 numbers of each of six
        assert np.all(apart <= 4.0 * found.errors[one] + 1e-12), (one, apart)
    assert found.provenance["step_error"] < 5e-4
    with pytest.raises(AssertionError):  # conditional energies are not the average
        np.testing.assert_allclose(
            sample(battery, TIMES, 1, 4)["battery_energy"], averages["battery_energy"], atol=1e-2
        )


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("name", ["heat", "noise"])
def test_any_split_of_the_runs_gives_the_same_bits(name, kind):
    names = ["battery_energy", "daemonic_ergotropy", "information_gain", "energy_variance_runs"]
    study = recorded(name, kind), TIMES
    asked = {"observables": names, "records": "summary"}
    whole = sample(*study, 60, 8, **asked)
    parts = [sample(*study, n, 8, first=first, **asked) for first, n in ((0, 1), (1, 40), (41, 19))]
    merged = parts[2].merge(parts[0]).merge(parts[1])
    for key, counts in whole.tally.arrays().items():
        assert np.array_equal(merged.tally.arrays()[key], counts), key
    rows = np.concatenate([part.records.to_numpy(dtype=float) for part in parts])
    np.testing.assert_array_equal(rows, whole.records.to_numpy(dtype=float))


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("name", MODELS)
def test_a_single_run_is_the_one_of_the_study(name, kind):
    battery = recorded(name, kind, gamma=3.0)
    one = single_run(battery, TIMES, 9, 5)
    names = ["battery_energy", "daemonic_ergotropy", "emitted_photons"]
    same = sample(battery, TIMES, 1, 9, first=5, observables=names, records="summary")
    fixed = 2e-9  # the fixed point of sums
    np.testing.assert_allclose(one.battery_energy, same["battery_energy"], atol=fixed)
    np.testing.assert_allclose(one.ergotropy, same["daemonic_ergotropy"], atol=fixed)
    # of photons, with a bound of some tens of them
    np.testing.assert_allclose(one.emitted_photons, same["emitted_photons"], atol=1e-6)
    assert same.records["record_x"][0] == pytest.approx(one.record.real.sum(), abs=1e-12)
    diagonal = np.diagonal(one.battery_state, axis1=1, axis2=2).real
    np.testing.assert_allclose(diagonal, one.populations, atol=1e-12)
    np.testing.assert_allclose(diagonal.sum(axis=1), 1.0, atol=1e-12)
    if battery.is_collective:
        turned = replace(battery, detector=Detector(kind, phase=0.5, efficiency=0.5))
        other = single_run(turned, TIMES, 9, 5)
        ratio = other.battery_state[2, 1, 0] / one.battery_state[2, 1, 0]
        assert ratio == pytest.approx(np.exp(0.5j), abs=1e-12)


def test_large_ones_are_refused_in_a_line():
    warm = CollectiveBattery(10, 50, nbar=0.2, detector=Detector("homodyne"))
    for battery, times in ((warm, [1.0]), (recorded("heat", "homodyne"), [1e5])):
        with pytest.raises(InputError, match="take ") as refusal:
            sample(battery, times, 1, 1)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("changed", [{"charger_start": DickeState(0)}, {"battery_noise": NOISE}])
def test_a_record_of_no_time_is_empty(changed):
    battery = CollectiveBattery(1, 1, detector=Detector("homodyne"), **changed)
    found = sample(battery, [0.0], runs=2, seed=1)
    # what can't be absorbed at nbar = 0 had a bound of 0, which sums were divided by
    assert found["emitted_photons"] == found["absorbed_photons"] == [0.0]
    assert found["charger_energy"] == [float("charger_start" not in changed)]
    assert found.warnings == ()
