"""Homodyne and heterodyne records against explicit spins, QuTiP, averages and themselves."""

import math
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from darkbattery import meanfield
from darkbattery.nvmodel import (
    CollectiveBattery,
    Detector,
    InputError,
)
from darkbattery.trajectories import evolve, sample, single_run
from darkbattery.trajectories.averages import steady
from darkbattery.trajectories.jumps.diffusive.diffusion import joined, noise_of
from darkbattery.trajectories.jumps.diffusive.reading import battery_matrix
from darkbattery.trajectories.jumps.diffusive.recordladder import ladder_readings, record_ladder
from darkbattery.trajectories.jumps.diffusive.runs import follow, halved
from darkbattery.trajectories.jumps.photons.waiting import waiting_times
from darkbattery.trajectories.space.angular import clebsch_gordan, coupled_basis

BOTH = ("homodyne", "heterodyne")
SIZES = ((1, 2), (2, 3))
LOWERING = np.array([[0.0, 0.0], [1.0, 0.0]])  # of up, down


def spins_lowering(spins):
    """J^- on 2^N states, spin by spin."""

    def one(k):
        return reduce(np.kron, [LOWERING if k == i else np.eye(2) for i in range(spins)])

    return sum(one(k) for k in range(spins))


def explicit_filter(n_battery, n_charger, efficiency, homodyne, record, steps):
    """The battery's matrix (2^N_B) that a record leaves: Milstein's scheme on 2^N states."""
    spins = n_battery + n_charger
    c = spins_lowering(spins)
    loss, pair = 0.5 * c.T @ c, 0.5 * efficiency * c @ c
    up_up = np.zeros(2**spins)
    up_up[int("1" * n_battery + "0" * n_charger, 2)] = 1.0
    rho = np.outer(up_up, up_up).astype(complex)
    root = math.sqrt(efficiency)
    for y, h in zip(record, steps, strict=True):
        square = y * y - (h if homodyne else 0.0)
        m = np.eye(2**spins) - h * loss + root * y * c + square * pair
        rho = m @ rho @ m.conj().T + (1.0 - efficiency) * h * c @ rho @ c.T
        rho /= np.trace(rho).real
    parts = rho.reshape(2**n_battery, 2**n_charger, 2**n_battery, 2**n_charger)
    return np.einsum("icjc->ij", parts)


def ladder_matrix(experiment, bands, time):
    """The same on the battery's N_B + 1 symmetric states, by excitations."""
    amplitude = ladder_readings(experiment, np.array([time]), states=True).amplitude[0]
    rho = np.zeros((experiment.n_battery + 1,) * 2, dtype=bands.dtype)
    battery_matrix(bands, amplitude, rho)
    return rho


def symmetric(spins):
    """Isometry from excitations 0 ... N to 2^N states."""
    found = np.zeros((2**spins, spins + 1))
    for state in range(2**spins):
        excited = spins - bin(state).count("1")
        found[state, excited] = 1.0 / math.sqrt(math.comb(spins, excited))
    return found


@pytest.mark.parametrize("efficiency", [0.4, 1.0])
@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("sizes", SIZES)
def test_the_state_is_that_of_explicit_spins_on_the_same_record(sizes, kind, efficiency):
    battery = CollectiveBattery(*sizes, detector=Detector(kind, efficiency=efficiency)).experiment
    T, steps = 0.6, 400
    ladder = record_ladder(battery, np.linspace(0.0, T, steps + 1), math.inf)
    noise = noise_of(battery, 3, 0, 2, steps)
    record = np.zeros_like(noise)
    bands, _ = follow(battery, ladder, noise, sizes[0] + 1, record)
    isometry = symmetric(sizes[0])
    for run in range(2):
        y = record[:, 0, run]
        found = explicit_filter(*sizes, efficiency, kind == "homodyne", y, ladder.steps)
        expected = isometry.T @ found @ isometry
        rho = ladder_matrix(battery, bands[run, -1], T)
        # Milstein's scheme is of strong order 1, with steps of 0.0015 times rates of some units; it
        # is nearer by the same factor with shorter steps (3e-3 here, 6e-4 with 2000)
        np.testing.assert_allclose(rho, expected, atol=6e-3)


@pytest.mark.parametrize("efficiency", [0.4, 1.0])
@pytest.mark.parametrize("kind", BOTH)
def test_strong_order_on_one_record(kind, efficiency):
    """Steps of twice the length, four times, ... on one record: the state at its end."""
    battery = CollectiveBattery(2, 5, detector=Detector(kind, efficiency=efficiency)).experiment
    T, steps, runs = 0.3, 1024, 16
    ladder = record_ladder(battery, np.linspace(0.0, T, steps + 1), math.inf)
    noise = noise_of(battery, 5, 0, runs, steps)
    record, nobody = np.zeros_like(noise), np.zeros((0, 2, 0), noise.dtype)
    exact = follow(battery, ladder, noise, 3, record)[0][:, -1]
    errors = []
    for halvings in range(1, 7):
        record = joined(record, ladder.steps)
        ladder = record_ladder(battery, ladder.taus[::2], math.inf)
        found = follow(battery, ladder, nobody, 3, record)[0][:, -1]
        if halvings >= 3:
            errors.append(math.sqrt((abs(found - exact) ** 2).sum(axis=(1, 2)).mean()))
    orders = np.diff(np.log2(errors))
    # 1.5 at least in the limit; the last steps, of 0.02, are long for rates of 12 to 16
    assert orders.mean() > 1.4, (errors, orders)
    assert errors[0] < 1e-4  # steps of 0.0023


@pytest.mark.parametrize("efficiency", [0.4, 1.0])
@pytest.mark.parametrize("kind", BOTH)
def test_averages_over_runs_are_those_of_evolve(kind, efficiency):
    battery = CollectiveBattery(2, 3, gamma=2.0, detector=Detector(kind, efficiency=efficiency))
    times = [0.0, 0.1, 0.3, 2.0]
    names = ["battery_energy", "charger_energy", "power", "emission_rate", "emitted_photons"]
    names += ["ergotropy", "energy_variance"]
    found = sample(battery, times, runs=1500, seed=4, observables=names)
    averages = evolve(battery, times, names)
    for name in names:
        apart = np.abs(found[name] - averages[name])
        # four standard errors, of 28 numbers of each of four detectors
        assert np.all(apart <= 4.0 * found.errors[name] + 1e-12), (name, apart)
    assert found.provenance["step_error"] < 5e-4
    with pytest.raises(AssertionError):  # conditional energies are not the average
        np.testing.assert_allclose(
            sample(battery, times, 1, 4)["battery_energy"], averages["battery_energy"], atol=1e-2
        )


@pytest.mark.parametrize(
    ("kind", "daemonic"),
    [
        # (2/sqrt pi) e Gamma(3/2, 1) and e K_1(1)
        ("homodyne", (math.e * (math.erfc(1.0) + 2.0 / (math.e * math.sqrt(math.pi))) - 1.0) / 4.0),
        ("heterodyne", (math.e * 0.6019072301972346 - 1.0) / 4.0),
        ("photons", 0.0),
    ],
)
def test_daemonic_ergotropy_of_one_spin_in_closed_form(kind, daemonic):
    r"""One spin charged by one: in the end the state is :math:`|S>+\xi|dd>`, not normalised.

    xi is the record's integral with the photon's own mode, normal under the measure of no light,
    so that its law has the density :math:`N(\xi)(1+|\xi|^2)/2`. The battery's Bloch vector gives
    the ergotropy :math:`(|\xi|\sqrt{2+|\xi|^2}-|\xi|^2)/(2+2|\xi|^2)`; with photons the singlet
    and both spins down have none.
    """
    battery = CollectiveBattery(1, 1, detector=Detector(kind))
    names = ["battery_energy", "ergotropy", "daemonic_ergotropy"]
    found = sample(battery, [0.0, 12.0], runs=4000, seed=2, observables=names)
    apart = abs(found["daemonic_ergotropy"][-1] - daemonic)
    assert apart <= 4.0 * found.errors["daemonic_ergotropy"][-1] + 1e-9
    assert found["ergotropy"][-1] - 1e-9 <= found["daemonic_ergotropy"][-1] + 1e-9
    assert found["daemonic_ergotropy"][-1] < found["battery_energy"][-1]


@pytest.mark.parametrize("efficiency", [0.5, 1.0])
@pytest.mark.parametrize("kind", BOTH)
def test_any_split_of_the_runs_gives_the_same_bits(kind, efficiency):
    battery = CollectiveBattery(2, 4, detector=Detector(kind, efficiency=efficiency))
    names = ["battery_energy", "daemonic_ergotropy", "information_gain", "energy_variance_runs"]
    study = battery, [0.0, 0.2, 1.0]
    whole = sample(*study, runs=90, seed=8, observables=names, records="summary")
    parts = [
        sample(*study, runs=n, seed=8, first=first, observables=names, records="summary")
        for first, n in ((0, 1), (1, 70), (71, 19))
    ]
    merged = parts[2].merge(parts[0]).merge(parts[1])
    for name, counts in whole.tally.arrays().items():
        assert np.array_equal(merged.tally.arrays()[name], counts), name
    rows = np.concatenate([part.records.to_numpy(dtype=float) for part in parts])
    np.testing.assert_array_equal(rows, whole.records.to_numpy(dtype=float))


def test_what_a_record_tells_of_the_battery():
    """A conditional state is purer than the average; its entropy and the gain add up."""
    names = ["conditional_purity", "conditional_entropy", "information_gain", "populations"]
    battery = CollectiveBattery(1, 2, detector=Detector("homodyne"))
    found = sample(battery, [0.0, 0.4], runs=500, seed=3, observables=names[:3])
    assert found["conditional_purity"][0] == pytest.approx(1.0, abs=1e-9)
    assert found["conditional_entropy"][0] == pytest.approx(0.0, abs=1e-8)
    p = evolve(battery, [0.4])["battery_energy"][0]
    whole = found["conditional_entropy"][1] + found["information_gain"][1]
    slope = abs(math.log2((1.0 - p) / p))
    energy = sample(battery, [0.0, 0.4], runs=500, seed=3)
    error = slope * energy.errors["battery_energy"][1]
    assert abs(whole + p * math.log2(p) + (1.0 - p) * math.log2(1.0 - p)) < 4.0 * error


def test_the_phase_changes_no_number():
    battery = CollectiveBattery(2, 3, detector=Detector("homodyne"))
    turned = replace(battery, detector=Detector("homodyne", phase=1.0))
    names = ["battery_energy", "daemonic_ergotropy"]
    one, other = (sample(b, [0.0, 0.3], 20, 1, observables=names) for b in (battery, turned))
    for name in names:
        np.testing.assert_array_equal(one[name], other[name])


def test_halving_a_ladder_keeps_its_steps():
    battery = CollectiveBattery(2, 3).experiment
    ladder = record_ladder(battery, np.array([0.0, 0.5, 1.0]), 0.1)
    fine = halved(ladder, battery)
    np.testing.assert_allclose(fine.taus[::2], ladder.taus, rtol=1e-15)
    np.testing.assert_allclose(fine.lowering[::2], ladder.lowering, rtol=1e-12)


@pytest.mark.parametrize("kind", BOTH)
def test_a_single_run_is_the_one_of_the_study(kind):
    battery = CollectiveBattery(2, 4, detector=Detector(kind, phase=0.5, efficiency=1.0))
    times = [0.0, 0.1, 0.4, 1.5]
    one = single_run(battery, times, seed=9, run=5)
    names = ["battery_energy", "daemonic_ergotropy", "emitted_photons"]
    same = sample(battery, times, runs=1, seed=9, first=5, observables=names, records="summary")
    fixed = 2e-9  # the fixed point of sums
    np.testing.assert_allclose(one.battery_energy, same["battery_energy"], atol=fixed)
    np.testing.assert_allclose(one.ergotropy, same["daemonic_ergotropy"], atol=fixed)
    np.testing.assert_allclose(one.emitted_photons, same["emitted_photons"], atol=1e-8)
    assert same.records["record_x"][0] == pytest.approx(one.record.real.sum(), abs=1e-12)
    # the state itself: its norm, its mean M, and the battery's matrix from its amplitudes
    weight = abs(one.amplitudes) ** 2
    np.testing.assert_allclose(weight.sum(axis=(1, 2)), 1.0, atol=1e-12)
    M = battery.n_charger / 2 - battery.n_battery / 2 - np.arange(weight.shape[2])
    np.testing.assert_allclose(weight.sum(axis=1) @ M, one.M, atol=1e-12)
    basis = coupled_basis(2, 4)
    coefficients = clebsch_gordan(basis, M)  # (n, K, b)
    for i in range(len(times)):
        joint = np.zeros((3, 5), dtype=complex)  # over excitations of battery and charger
        for n in range(M.size):
            for b in range(3):
                if 0 <= 4 - n - b <= 4:
                    joint[b, 4 - n - b] += one.amplitudes[i, :, n] @ coefficients[n, :, b]
        np.testing.assert_allclose(joint @ joint.conj().T, one.battery_state[i], atol=1e-12)


@pytest.mark.parametrize("kind", BOTH)
def test_a_single_run_of_fewer_photons_than_battery_spins_is_turned_by_the_phase(kind):
    """Three battery spins charged by one: at most one photon, and four rows of the matrix."""
    runs = [
        single_run(CollectiveBattery(3, 1, detector=Detector(kind, phase)), [0.4], seed=1, run=0)
        for phase in (0.0, 0.5)
    ]
    plain, turned = (one.battery_state[0] for one in runs)
    b = np.arange(4)
    expected = plain * np.exp(-0.5j * (b - b[:, None]))
    assert abs(plain[0, 1]) > 0.01
    np.testing.assert_allclose(turned, expected, atol=1e-15)
    assert runs[1].amplitudes.shape == (1, 2, 2)


def test_a_single_run_of_a_detector_that_misses_light_has_no_amplitudes():
    battery = CollectiveBattery(1, 2, detector=Detector("homodyne", efficiency=0.5))
    one = single_run(battery, [0.2, 0.9], seed=1, run=0)
    assert one.amplitudes.shape[0] == 0
    assert np.all(np.linalg.eigvalsh(one.battery_state) > 0.0)


REFUSED = {
    "kind": (lambda: Detector("bolometer"), r"detector\.kind = 'bolometer': "),
    "phase": (lambda: Detector("photons", phase=0.1), r"detector\.phase = 0\.1: must be 0"),
    "nothing": (lambda: Detector("homodyne", efficiency=0.0), r"detector\.efficiency = 0\.0: "),
    "too much": (lambda: Detector("homodyne", efficiency=1.1), r"detector\.efficiency = 1\.1: "),
    "twice": (
        lambda: CollectiveBattery(1, 2, detector_efficiency=0.5, detector=Detector("homodyne")),
        r"detector_efficiency = 0\.5: give it in the detector alone",
    ),
    "no detector": (lambda: CollectiveBattery(1, 2, detector=0.5), r"detector = 0\.5: must be"),
    "semiclassical": (lambda: meanfield.evolve(SEEN, [1.0]), "not in the semiclassical engine"),
    "waits": (lambda: waiting_times(SEEN, [0.0, 1.0], 1.0, 1, 1), "waits are between photons"),
    "many": (lambda: sample(replace(SEEN, n_charger=900), [1.0], 1, 1), "take fewer spins"),
    "photons": (lambda: sample(SEEN, [1.0], 1, 1, observables=["fano_factor"]), "not available"),
}
SEEN = CollectiveBattery(1, 2, detector=Detector("homodyne"))


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    call, message = REFUSED[case]
    with pytest.raises(InputError, match=message) as refusal:
        call()
    assert "\n" not in str(refusal.value)


def test_a_photon_counter_is_its_efficiency():
    short, long = (
        CollectiveBattery(1, 2, detector_efficiency=0.5),
        CollectiveBattery(1, 2, detector=Detector("photons", efficiency=0.5)),
    )
    assert short == long
    assert hash(short.experiment) == hash(long.experiment)


def test_steady_states_offer_no_single_runs_of_a_diffusive_record():
    assert "daemonic_ergotropy" in steady.available(CollectiveBattery(1, 2).experiment)
    assert "daemonic_ergotropy" not in steady.available(SEEN.experiment)
    with pytest.raises(InputError, match="every photon"):
        evolve(SEEN, [1.0], ["daemonic_ergotropy"])


def emission_rates(n_battery, n_charger, time):
    """r_n^2 of n = 1 ... of docs/physics.md (25b), gamma = 1."""
    basis = coupled_basis(n_battery, n_charger)
    J, M = basis.J, basis.m_start
    left = basis.weight * np.exp(-J * (J + 1.0) * time)
    weights = [left.sum()]
    for m in range(int(M + J[-1])):
        left = left * (J + M - m) * (J - M + m + 1.0)
        weights.append(left.sum())
    return np.array(weights[1:]) / np.array(weights[:-1])


@pytest.mark.parametrize("efficiency", [0.4, 1.0])
@pytest.mark.parametrize("kind", BOTH)
def test_weak_order_by_quadrature(kind, efficiency):
    """A step after a given record, its normals by Gauss and Hermite: the mean of the law itself.

    From the start alone a record's drift is not seen, for the state has no phase there: after three
    steps it has. The mean follows the photons' own rate equation.
    """
    battery = CollectiveBattery(2, 3, detector=Detector(kind, efficiency=efficiency))
    x, w = np.polynomial.hermite_e.hermegauss(9)
    if kind == "homodyne":
        one, two = (part.ravel() for part in np.meshgrid(x, x))
        weight = np.outer(w, w).ravel() / w.sum() ** 2
    else:
        parts = np.array([part.ravel() for part in np.meshgrid(x, x, x, x)]) / math.sqrt(2.0)
        one, two = parts[0] + 1j * parts[1], parts[2] + 1j * parts[3]
        weight = reduce(np.multiply.outer, [w] * 4).ravel() / w.sum() ** 4
    noise = np.full((4, 2, one.size), 1.0, dtype=one.dtype)
    noise[3] = one, two
    begin, errors = 0.15, []
    for h in (0.02, 0.01):
        times = np.array([0.05, 0.1, begin, begin + h])
        ladder = record_ladder(battery.experiment, times, math.inf)
        bands, _ = follow(battery.experiment, ladder, noise, 1, np.zeros((4, 2, 0), noise.dtype))
        before, after = bands[0, 2, 0].real, weight @ bands[:, 3, 0].real

        def rate(time, p):
            lost = np.append(emission_rates(2, 3, time), 0.0) * p
            return np.append(0.0, lost[:-1]) - lost

        exact = solve_ivp(rate, (begin, begin + h), before, rtol=1e-11, atol=1e-13).y[:, -1]
        errors.append(np.abs(after - exact).max())
    # h^3 in a step; without the record's drift, or its integral, h^2: a factor of 4
    assert errors[0] > 6.0 * errors[1]
    assert errors[0] < 1e-3


def test_too_many_steps_are_refused_before_anything_is_made(monkeypatch):
    for name, value in (("FIRST_ROOM", 8), ("MOST_TABLE", 1000)):
        monkeypatch.setattr(f"darkbattery.trajectories.jumps.diffusive.recordladder.{name}", value)
    battery = CollectiveBattery(2, 6, gamma=3.0, detector=Detector("homodyne"))
    with pytest.raises(InputError, match="needs too many steps until then") as refusal:
        sample(battery, [0.0, 50.0], 1, 1)
    assert refusal.value.field == "times"


@pytest.mark.parametrize("nbar", [0.0, 0.3])  # on the ladder, and by matrices of few spins
@pytest.mark.parametrize("kind", BOTH)
def test_the_record_that_is_given_leaves_the_state_that_is_given(kind, nbar):
    """(25a) of physics.md stepped on what a user is handed, sign of the phase and all."""
    phase, efficiency, times = 0.5, 0.8, np.linspace(0.0, 0.5, 1001)
    detector = Detector(kind, phase=phase, efficiency=efficiency)
    one = single_run(CollectiveBattery(1, 1, nbar=nbar, detector=detector), times, seed=5, run=3)
    down = spins_lowering(2)
    c = np.sqrt(nbar + 1.0) * np.exp(-1j * phase) * down
    rho = np.zeros((4, 4), complex)
    rho[2, 2] = 1.0  # the battery down, the charger up
    channels = ((nbar + 1.0, down), (nbar, down.T))
    for dt, dz in zip(np.diff(times), one.record[1:], strict=True):
        change = sum(
            g * (L @ rho @ L.T - 0.5 * (L.T @ L @ rho + rho @ L.T @ L)) for g, L in channels
        )
        seen = c @ rho * np.conj(dz) + rho @ c.conj().T * dz
        rho = rho + dt * change + np.sqrt(efficiency) * seen
        rho /= np.trace(rho).real
    battery = np.einsum("ikjk->ij", rho.reshape(2, 2, 2, 2))[::-1, ::-1]  # by excitations
    # Euler's error of strong order 1/2 is some .01; a conjugated record is off by .08 and more
    np.testing.assert_allclose(one.battery_state[-1], battery, atol=0.03)
    assert abs(battery[0, 1].imag) > 0.04
