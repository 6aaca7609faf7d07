"""Single runs of turned spins, spin-coherent starts among them: against spins one by one."""

import math

import numpy as np
import pytest
import scipy

from darkbattery.nvmodel import (
    CollectiveBattery,
    Detector,
    DickeState,
    InputError,
    LocalNoise,
    Pulse,
    Stage,
)
from darkbattery.trajectories import current_spectrum, evolve, sample, single_run
from darkbattery.trajectories.jumps.diffusive.diffusion import noise_of
from darkbattery.trajectories.jumps.filters.record_filter import Record, RecordRuns
from darkbattery.trajectories.jumps.filters.runs import perfect_groups, photon_groups
from darkbattery.trajectories.reading.watched_readout import StageReadings
from tests.onrecord import AllSpins, even_steps, left_by_photons, milstein, read

TILT = (Pulse(rotate_charger=1.2, axis=0.4), Stage(math.inf))
STAGES = (
    Pulse(rotate_charger=1.9, axis=0.4, rotation_error=0.1),
    Stage(0.3),
    Pulse(dephase_battery=0.3),
    Pulse(rotate_battery=0.7, axis=-0.3),
    Stage(0.2, "battery", charger_noise=LocalNoise(dephasing=0.7)),
    Pulse(dephase_charger=1.0),
    Stage(math.inf),
)
NOISE = LocalNoise(dephasing=0.4, emission=0.2, pumping=0.1)
MODELS = {
    "cold": {"protocol": TILT},
    "heat": {"nbar": 0.3, "detuning": 0.7, "protocol": TILT},
    "noise": {"nbar": 0.2, "battery_noise": NOISE, "protocol": STAGES},
}
DETECTORS = {
    "photons": {},
    "photons missed": {"detector_efficiency": 0.5},
    "homodyne": {"detector": Detector("homodyne", efficiency=0.7, phase=0.4)},
    "heterodyne": {"detector": Detector("heterodyne")},
}
TIMES = np.array([0.0, 0.1, 0.3, 0.5, 1.2])


def watched(name, detector="photons", sizes=(1, 3), gamma=1.0):
    return CollectiveBattery(*sizes, gamma=gamma, **MODELS[name], **DETECTORS[detector])


@pytest.mark.parametrize(("name", "detector"), [("cold", "photons"), ("noise", "photons missed")])
def test_the_state_is_that_of_explicit_spins_on_the_same_photons(name, detector):
    battery = watched(name, detector, sizes=(2, 2)).experiment
    groups = perfect_groups if detector == "photons" else photon_groups
    (group,) = groups(battery, TIMES, 5, 0, 40, states=True)
    run = int(np.argmax([record.size for record in group.recorded]))
    assert group.recorded[run].size >= 2
    spins = AllSpins(battery)
    expected = left_by_photons(spins, spins.pulsed, battery, group.recorded[run], TIMES)
    ours = np.array([group.quantities[0, run], *group.known[:2, run]]).T
    # 1e-8: scipy's expm_multiply; entropies of eigenvalues that are rounding
    np.testing.assert_allclose(ours, expected, atol=1e-8)


def test_with_every_jump_known_the_state_stays_pure():
    """Photons that come in are jumps too: on the same record, of an odd start."""
    battery = watched("heat", sizes=(2, 2)).experiment
    one = next(
        one
        for run in range(50)
        if len(set((one := single_run(battery, TIMES, 4, run)).processes)) == 2
    )
    spins = AllSpins(battery)
    L = spins.lowering("both").toarray()
    jumps = math.sqrt(1.3) * L, math.sqrt(0.3) * L.T
    D = -0.7j * spins.z_b.toarray() - 0.5 * sum(k.T @ k for k in jumps)
    rho = spins.start()
    psi = spins.turn(1.2, 0.4, False) @ rho[:, np.argmax(np.diag(rho))].astype(complex)
    events = sorted([*zip(one.jump_times, one.processes, strict=True), *((t, 9) for t in TIMES)])
    now, found = 0.0, []
    for t, kind in events:
        psi, now = scipy.linalg.expm(D * (t - now)) @ psi, t
        if kind < 9:
            psi = jumps[kind] @ psi
        psi = psi / np.linalg.norm(psi)
        if kind == 9:
            found.append(read(spins, spins.vector(np.outer(psi, psi.conj())))[0])
    np.testing.assert_allclose(one.battery_energy, found, atol=1e-10)  # exact but for rounding
    assert one.directions.tolist() == [-1 if kind == 0 else 1 for kind in one.processes]


@pytest.mark.parametrize("kind", ["homodyne", "heterodyne"])
def test_the_state_is_that_of_explicit_spins_on_the_same_record(kind):
    """Starts have a phase, so that the local oscillator's counts."""
    phase, T, count = 0.8, 0.4, 400
    detector = Detector(kind, efficiency=0.6, phase=phase)
    battery = CollectiveBattery(1, 2, nbar=0.3, protocol=TILT, detector=detector).experiment
    steps = even_steps(battery, T, count)
    noise = noise_of(battery, 3, 0, 2, count)
    record = np.zeros_like(noise)
    ((_, watched, x),) = RecordRuns(battery, steps, Record(noise, record)).states()
    energies = StageReadings(battery, watched).means(x)[0]
    spins = AllSpins(battery)
    L = spins.lowering("both").toarray()
    c, others = math.sqrt(1.3) * np.exp(-1j * phase) * L, [math.sqrt(0.3) * L.T]
    U = spins.turn(1.2, 0.4, False)
    for run in range(2):
        rho = U @ spins.start() @ U.conj().T
        rho = milstein(rho, 0.0 * L, c, others, detector, record[:, 0, run], T / count)
        # of strong order 1, with steps of 0.001 times rates of some units
        assert energies[run] == pytest.approx(read(spins, spins.vector(rho))[0], abs=4e-3)


def test_one_spin_in_closed_form():
    """Turned by theta from down, and left alone with the light: without a click it falls slowly."""
    theta, times = 2.0, np.array([0.2, 0.7, 1.5])
    stages = (Pulse(rotate_battery=theta), Stage(math.inf, "battery"))
    battery = CollectiveBattery(1, 1, charger_start=DickeState(0), protocol=stages)
    up = math.sin(theta / 2) ** 2
    silent = up * np.exp(-times) / (1.0 - up + up * np.exp(-times))
    (group,) = perfect_groups(battery.experiment, times, 8, 0, 40, states=True)
    clicks = np.array([record[0] if record.size else np.inf for record in group.recorded])
    assert all(record.size <= 1 for record in group.recorded)
    assert 5 < np.isinf(clicks).sum() < 35
    expected = np.where(times < clicks[:, None], silent, 0.0)
    np.testing.assert_allclose(group.quantities[0], expected, atol=1e-12)
    # pure: all its energy can be drawn
    np.testing.assert_allclose(group.known[2], expected, atol=1e-12)


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize(
    "name", ["heat", *(pytest.param(one, marks=pytest.mark.long) for one in ("cold", "noise"))]
)
def test_averages_over_runs_are_those_of_evolve(name, detector):
    battery = watched(name, detector, sizes=(1, 2), gamma=2.0)
    names = ["battery_energy", "charger_energy", "power", "emitted_photons", "absorbed_photons"]
    names += ["local_loss", "energy_variance"]
    found = sample(battery, TIMES[1:], 200, 4, observables=[*names, "daemonic_ergotropy"])
    averages = evolve(battery, TIMES[1:], [*names, "ergotropy"])
    for one in names:
        apart = np.abs(found[one] - averages[one])
        # four standard errors, of some 30 numbers of each model
        assert np.all(apart <= 4.0 * found.errors[one] + 1e-9), (one, apart)
    above = found["daemonic_ergotropy"] - averages["ergotropy"]
    assert np.all(above > -4.0 * found.errors["daemonic_ergotropy"])


def test_parts_give_the_bits_of_the_whole_and_runs_are_made_again():
    for detector in ("photons", "photons missed", "homodyne"):
        battery = watched("cold", detector, sizes=(1, 2))
        made = {"observables": ["battery_energy", "daemonic_ergotropy"], "records": "summary"}
        whole = sample(battery, TIMES, 9, 4, **made)
        parts = sample(battery, TIMES, 4, 4, **made).merge(sample(battery, TIMES, 5, 4, 4, **made))
        np.testing.assert_array_equal(whole["battery_energy"], parts["battery_energy"])
        np.testing.assert_array_equal(whole["daemonic_ergotropy"], parts["daemonic_ergotropy"])
        one, row = single_run(battery, TIMES, 4, 7), whole.records.iloc[7]
        assert one.battery_energy[-1] == row.final_energy
        assert one.emitted_photons[-1] == row.emitted_photons
        assert one.battery_state.shape == (TIMES.size, 2, 2)
        assert one.battery_j.tolist() == [0.5] * TIMES.size
        # the charger's coherence is handed on: superpositions of energies
        assert abs(one.battery_state[2, 0, 1]) > 0.01 or one.battery_energy[2] < 0.05


def test_what_runs_of_turned_spins_lack_is_refused_in_a_line():
    battery = watched("cold", sizes=(2, 3))
    for name in ("ergotropy", "ergotropy_local", "charging_efficiency"):
        with pytest.raises(InputError, match="evolve has it: no detector changes an average"):
            sample(battery, [1.0], 10, 1, observables=[name])
    large = CollectiveBattery(5, 25, protocol=TILT)
    for made in (lambda: sample(large, [1.0], 10, 1), lambda: single_run(large, [1.0], 1, 1)):
        with pytest.raises(InputError, match=r"turned spins have a matrix of .* take fewer spins"):
            made()
    rising = (*TILT[:1], Stage(1.0, rise=0.1))
    with pytest.raises(InputError, match="rise"):
        sample(CollectiveBattery(1, 2, protocol=rising), [0.5], 10, 1)


def test_the_current_of_a_coherent_start_has_a_mean():
    """From the equator the field has an amplitude at once: the spectrum's middle is above noise."""
    times = np.linspace(0.0, 1.0, 21)
    stages = (Pulse(rotate_charger=0.5 * math.pi), Stage(math.inf))
    found = [
        current_spectrum(
            CollectiveBattery(1, 3, protocol=stages, detector=Detector("homodyne", phase=phase)),
            times,
            runs=40,
            seed=1,
        ).value[0]
        for phase in (0.0, 0.5 * math.pi)
    ]
    # <J^-> of a turn about x is imaginary: all of it in one quadrature
    assert found[1] > found[0] + 1.0
