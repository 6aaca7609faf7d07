"""Evolution by moment equations against exact results that share no code with it."""

from dataclasses import replace

import numpy as np
import pytest
import qutip as qt
from scipy.linalg import expm

from darkbattery import meanfield, trajectories
from darkbattery.meanfield.averages.equations import (
    PHOTONS,
    Z,
    coefficients,
    second_order,
    second_order_groups,
    second_order_start,
)
from darkbattery.meanfield.averages.readout import bound_warnings
from darkbattery.meanfield.averages.stepper import Explicit, advance
from darkbattery.meanfield.classes.moments import BATTERY, CHARGER, system_of
from darkbattery.nvmodel import (
    CollectiveBattery,
    Drive,
    Lorentzian,
    QGaussian,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
)

TWO_PI = 2.0 * np.pi


def resonator_battery(n_battery, n_charger, g, kappa, **options):
    """Rates in rad/s of order 1; options of the ensembles."""
    spins = {"coupling": g, **options}
    return ResonatorBattery(
        battery=SpinEnsemble(number=n_battery, **spins),
        charger=SpinEnsemble(number=n_charger, **spins),
        resonator=Resonator(frequency_hz=1.0, linewidth_fwhm_hz=kappa / TWO_PI),
    )


def state_at(system, times, start, tolerance=1e-11):
    p = coefficients(system)
    rhs = lambda t, y, out: second_order(y, p, out)  # noqa: E731
    steps = Explicit(rhs, second_order_groups(system))
    return [y.copy() for y in advance(steps, start, times, tolerance)]


def taylor_of_second_order(system, order):
    """Series of the state at t = 0, from the right-hand side, which is quadratic in it."""
    p, y0 = coefficients(system), second_order_start(system)

    def f(y):
        out = np.empty_like(y)
        second_order(y, p, out)
        return out

    zero = f(np.zeros_like(y0))

    def bilinear(u, v):
        return (f(u + v) - f(u) - f(v) + zero) / 2.0

    series = [y0]
    for n in range(order):
        new = (f(series[n]) - f(-series[n])) / 2.0 + (zero if n == 0 else 0.0)
        for i in range(n + 1):
            new += bilinear(series[i], series[n - i])
        series.append(new / (n + 1))
    return series


def exact_series(n_battery, n_charger, g, kappa, order):
    """Taylor coefficients of E_B by the Liouvillian's powers, spins and mode as matrices."""
    n = n_battery + n_charger
    levels = n_charger + 1
    dims = [levels] + [2] * n

    def place(x, i):
        parts = [qt.qeye(d) for d in dims]
        parts[i] = x
        return qt.tensor(parts)

    a = place(qt.destroy(levels), 0)
    lower = [place(qt.sigmam(), i + 1) for i in range(n)]
    h = sum(g * (a.dag() * s + s.dag() * a) for s in lower)
    L = qt.liouvillian(h, [np.sqrt(kappa) * a]).data.as_scipy()
    up, down = qt.basis(2, 0), qt.basis(2, 1)
    ket = qt.tensor([qt.basis(levels, 0)] + [down] * n_battery + [up] * n_charger)
    v = qt.operator_to_vector(qt.ket2dm(ket)).full().ravel()
    energy = lower[0].dag() * lower[0]
    row = qt.operator_to_vector(energy).full().ravel().conj()
    found, factorial = [], 1.0
    for i in range(order + 1):
        found.append((row @ v).real / factorial)
        v, factorial = L @ v, factorial * (i + 1)
    return np.array(found)


@pytest.mark.parametrize(("n_battery", "n_charger"), [(1, 2), (2, 2)])
def test_taylor_coefficients_are_exact_through_fifth_order(n_battery, n_charger):
    g, kappa = 0.7, 0.9
    system = system_of(resonator_battery(n_battery, n_charger, g, kappa), 1)
    series = taylor_of_second_order(system, 6)
    found = np.array([y[Z] / 2.0 for y in series])
    found[0] += 0.5
    exact = exact_series(n_battery, n_charger, g, kappa, 6)
    # rounding of sums of order 1
    np.testing.assert_allclose(found[:6], exact[:6], atol=1e-12)
    # and the sixth is where third cumulants first enter: the test would see a wrong oracle
    assert abs(found[6] - exact[6]) > 1e-4


def test_closed_system_conserves_excitation_and_total_spin():
    closed = resonator_battery(30, 70, g=0.3, kappa=0.0)
    system = system_of(closed, 1)
    states = state_at(system, [0.0, 1.0, 3.0], second_order_start(system))
    spins = system.share
    for y in states:
        z, pairs = y[Z : Z + 2], y[Z + 6 : Z + 9]
        # a sum that is linear in the state: only rounding
        assert abs(y[PHOTONS] + spins @ (1 + z) / 2 - 0.7) < 1e-12
        # quadratic: the integrator's error, tolerance 1e-11 a step
        found = pairs + np.array([z[0] * z[0], z[0] * z[1], z[1] * z[1]]) / 4
        np.testing.assert_allclose(found, [0.25, -0.25, 0.25], atol=1e-9)


def test_balance_of_excitations_with_all_losses():
    model = resonator_battery(30, 70, g=0.3, kappa=1.0, t1_s=5.0, t2_s=3.0, equilibrium=-0.3)
    solution = meanfield.evolve(model, np.linspace(0.0, 5.0, 11))
    assert np.abs(solution["excitation_balance"]).max() < 1e-12


def one_photon(n, classes=41):
    """Photon number over time: one photon shared with n unexcited spins of a broad line."""
    spins = SpinEnsemble(number=n, coupling=1.0 / np.sqrt(n), line=QGaussian(0.2 / TWO_PI, q=1.39))
    model = ResonatorBattery(
        charger=spins, resonator=Resonator(frequency_hz=1.0, linewidth_fwhm_hz=0.05 / TWO_PI)
    )
    system = replace(system_of(model, classes), start=-np.ones(classes))
    start = second_order_start(system)
    start[PHOTONS] = 1.0 / n
    times = np.linspace(0.0, 20.0, 41)
    found = n * np.array([y[PHOTONS] for y in state_at(system, times, start)])
    matrix = np.diag(np.concatenate([[-0.025], -1j * system.detuning])).astype(complex)
    matrix[0, 1:] = matrix[1:, 0] = -1j * np.sqrt(system.share)
    exact = np.array([abs(expm(matrix * t)[0, 0]) ** 2 for t in times])
    return np.abs(found - exact).max(), exact


def test_one_photon_rabi_oscillation_and_cavity_protection():
    errors = [one_photon(n)[0] for n in (10**2, 10**3, 10**4)]
    # the closure lets a photon excite two spins at order 1/N
    assert errors[0] < 0.2
    ratios = np.array(errors[:-1]) / errors[1:]
    np.testing.assert_allclose(ratios, 10.0, rtol=0.15)
    # cavity protection itself: the line's own dephasing, at this width, would leave nothing
    _, exact = one_photon(10**2)
    assert exact[-8:].max() > 0.2


def test_bad_cavity_approaches_the_eliminated_equations():
    times = np.linspace(0.0, 0.5, 51)
    differences = []
    for kappa in (1e3, 1e4):
        g = np.sqrt(kappa) / 2.0  # gamma = 1
        kept = meanfield.evolve(resonator_battery(10, 50, g, kappa), times)
        gone = meanfield.evolve(CollectiveBattery(n_battery=10, n_charger=50), times)
        differences.append(np.abs(kept["battery_energy"] - gone["battery_energy"]).max())
    # the first correction is of order gamma N/kappa = 0.06 and 0.006
    assert differences[0] < 0.06
    np.testing.assert_allclose(differences[0] / differences[1], 10.0, rtol=0.1)


def test_elimination_with_classes_follows_the_kept_resonator():
    # 20 classes, T1, T2 and an unequal drive of rates: the eliminated kernel in full
    kappa = 1e4
    options = {"t1_s": 3.0, "t2_s": 2.0, "line": Lorentzian(1.0), "equilibrium": 0.2}
    model = resonator_battery(30, 70, np.sqrt(kappa) / 2.0, kappa, **options)
    system = system_of(model, 10)
    times = np.linspace(0.0, 0.5, 11)
    kept = meanfield.evolve(system, times)
    gone = meanfield.evolve(replace(system, eliminated=True), times)
    # corrections of order (gamma N + line)/kappa, 1e-2
    np.testing.assert_allclose(kept["battery_energy"], gone["battery_energy"], atol=0.01)


@pytest.mark.parametrize("temperature", [0.0, 2e-11])
def test_one_ensemble_ends_in_thermal_equilibrium(temperature):
    # k_B T = 0.42 h f at 1 Hz: nbar = 0.1; one broad ensemble keeps no dark states
    spins = SpinEnsemble(number=100, coupling=0.3, t1_s=2.0, t2_s=1.0)
    cavity = Resonator(frequency_hz=1.0, linewidth_fwhm_hz=1.0, temperature_k=temperature)
    model = ResonatorBattery(charger=spins, resonator=cavity)
    solution = meanfield.evolve(model, [0.0, 100.0])
    nbar = model.nbar
    np.testing.assert_allclose(solution["photons"][-1], nbar, atol=1e-6)
    # T1 and resonator agree on the temperature
    np.testing.assert_allclose(solution["charger_energy"][-1], nbar / (2 * nbar + 1), atol=1e-6)


# final energy and peak power of exact solution, second order: 3 digits are known
TABLE = [
    (1, 5, 0.724, 1.04),
    (10, 20, 0.823, 2.66),
    (10, 50, 0.950, 10.04),
    (1000, 5000, 0.9994, 1000.0),
]


@pytest.mark.parametrize(("n_battery", "n_charger", "energy", "power"), TABLE)
def test_second_order_of_the_shared_reservoir(n_battery, n_charger, energy, power):
    times = np.linspace(0.0, 40.0 / (n_charger - n_battery), 801)
    battery = CollectiveBattery(n_battery=n_battery, n_charger=n_charger)
    solution = meanfield.evolve(battery, times)
    # half a unit of the last digit of the table
    np.testing.assert_allclose(solution["battery_energy"][-1], energy, atol=5.1e-4)
    np.testing.assert_allclose(solution["power"].max(), power, rtol=5e-3)
    # where the energy ends wrong by a percent and more it says so; nothing else is wrong
    exact = trajectories.evolve(battery, times[-1:])["battery_energy"][0]
    assert all(text.startswith("expect ") for text in solution.warnings)
    assert bool(solution.warnings) == (abs(energy / exact - 1.0) > 0.01)


def test_second_order_keeps_dark_states_where_one_spin_meets_one():
    # one spin up, one down: half the excitation stays in the dark singlet, exactly E_B = 1/4
    solution = meanfield.evolve(CollectiveBattery(n_battery=1, n_charger=1), [0.0, 50.0])
    # it ends where (1 + z)/2 + C = 0 on both spins; C + z_B z_C/4 = -1/4 is conserved, so that
    # z = 1 - sqrt(2)
    exact = 1.0 - np.sqrt(0.5)
    np.testing.assert_allclose(solution["battery_energy"][-1], exact, atol=1e-6)


def test_delay_average_against_the_exact_master_equation():
    # exact E_B and peak power at (10, 50), from the coupled-basis solution of the master equation
    battery = CollectiveBattery(n_battery=10, n_charger=50)
    average = meanfield.delay_average(battery, np.linspace(0.0, 1.0, 401))
    # (7.92 exact; 10.04 modal): 1/N corrections remain
    np.testing.assert_allclose(average["power"].max(), 7.92, rtol=0.05)
    rate = average.provenance["growth_rate"]
    np.testing.assert_allclose(rate, 20.0, rtol=1e-12)
    np.testing.assert_allclose(average.provenance["delay_jitter"], np.pi / np.sqrt(6.0) / 40.0)


def test_maxwell_bloch_without_a_seed_stays_and_with_one_bursts():
    model = resonator_battery(10**6, 5 * 10**6, g=1e-3, kappa=10.0)
    times = np.linspace(0.0, 60.0, 61)
    alone = meanfield.evolve(model, times, order=1)
    assert alone["battery_energy"].max() == 0.0
    seeded = replace(model, drive=Drive(amplitude=1.0, duration_s=0.1))
    solution = meanfield.evolve(seeded, times, order=1)
    assert solution["battery_energy"][-1] > 0.9
    # quadratic in the field, so only as good as a step, 1e-6 of the field
    assert np.abs(solution["excitation_balance"]).max() < 1e-7
    # second order has the vacuum's seed beside the field's
    both = meanfield.evolve(seeded, times)
    assert both["battery_energy"][-1] > 0.9
    assert np.argmax(both["power"]) <= np.argmax(solution["power"])


def test_maxwell_bloch_of_one_driven_linear_resonator():
    # spins that hardly couple: the field of a driven oscillator in closed form
    spins = SpinEnsemble(number=1, coupling=1e-12)
    cavity = Resonator(frequency_hz=1.0, linewidth_fwhm_hz=0.6 / TWO_PI)
    drive = Drive(amplitude=2.0, duration_s=1e3, detuning_hz=0.5 / TWO_PI)
    model = ResonatorBattery(charger=spins, resonator=cavity, drive=drive)
    times = np.linspace(0.0, 9.0, 10)
    solution = meanfield.evolve(model, times, order=1)
    rate = 0.3 - 0.5j  # kappa/2 + i D_c, D_c = -0.5
    field = -2.0j * (1.0 - np.exp(-rate * times)) / rate
    np.testing.assert_allclose(solution["photons"], np.abs(field) ** 2, atol=1e-7)


def test_local_ergotropy_of_a_driven_spin_counts_its_coherence():
    # a pi/2 pulse on spins that start down: coherence without inversion is worth 1/2
    spins = SpinEnsemble(number=10, coupling=1e-3)
    cavity = Resonator(frequency_hz=1.0, linewidth_fwhm_hz=100.0 / TWO_PI)
    drive = Drive(amplitude=50.0 * np.pi / 4.0 / 1e-3 / 100.0, duration_s=1e3)
    model = ResonatorBattery(charger=spins, battery=spins, resonator=cavity, drive=drive)
    # steady alpha = -2i eta/kappa turns a spin at 2 g |alpha|
    solution = meanfield.evolve(model, [0.0, 100.0], order=1)
    np.testing.assert_allclose(solution["ergotropy_local"][-1], 0.5, atol=0.02)


def test_growth_rate_of_two_poles_in_closed_form():
    g, kappa, t2 = 0.02, 3.0, 5.0
    model = resonator_battery(100, 900, g, kappa, t2_s=t2)
    found = meanfield.growth_rate(model)
    # (lambda + kappa/2)(lambda + 1/T2) = g^2 (N_C - N_B)
    assert abs((found + kappa / 2) * (found + 1 / t2) - g**2 * 800) < 1e-12
    cooperativity = meanfield.threshold_cooperativity(model)
    np.testing.assert_allclose(cooperativity, 2 * g**2 * 800 * t2 / kappa, rtol=1e-12)


def test_growth_starts_where_the_cooperativity_is_one():
    def model(scale):
        g = scale * 0.002
        return resonator_battery(10_000, 990_000, g, 3.0, t2_s=5.0, line=Lorentzian(0.5 / TWO_PI))

    # Lorentzian: half widths add, C = 2 g^2 N/(kappa (1/T2 + W/2))
    one = np.sqrt(3.0 * (0.2 + 0.25) / (2.0 * 980_000.0)) / 0.002
    np.testing.assert_allclose(meanfield.threshold_cooperativity(model(one)), 1.0, rtol=1e-9)
    assert meanfield.growth_rate(model(1.02 * one)) > 0.0
    assert meanfield.growth_rate(model(0.98 * one)) <= 0.0


def test_energy_grows_at_twice_the_linear_rate():
    spins = {"coupling": 1e-8, "t2_s": 3.0}
    model = ResonatorBattery(
        charger=SpinEnsemble(number=10**16, **spins),
        resonator=Resonator(frequency_hz=1.0, linewidth_fwhm_hz=0.5),
    )
    rate = meanfield.growth_rate(model)
    times = np.array([8.0, 9.0]) / rate
    n = meanfield.evolve(model, times)["photons"]
    # after 8 growth times the other root has died out to exp(-16 - ...)
    np.testing.assert_allclose(np.log(n[1] / n[0]), 2.0, rtol=1e-5)


def test_too_few_classes_are_told():
    line = QGaussian(5.0 / TWO_PI, q=1.39)
    model = resonator_battery(10**6, 5 * 10**6, g=5e-3, kappa=10.0, line=line)
    solution = meanfield.evolve(model, np.linspace(0.0, 10.0, 51), classes=5)
    assert solution.provenance["class_error_peak"] > 0.01
    assert "try classes = 10" in solution.warnings[0]


def test_ensembles_are_averaged_apart():
    system = system_of(resonator_battery(10, 50, 1.0, 1.0, line=Lorentzian(1.0)), 4)
    for ensemble in (BATTERY, CHARGER):
        np.testing.assert_allclose(system.of(ensemble).sum(), 1.0)
    np.testing.assert_allclose(system.total, 60.0)


def test_what_leaves_its_bounds_is_named():
    z, C = np.array([0.2, -0.4]), np.zeros((2, 2), dtype=complex)
    assert bound_warnings(0.0, z, 0.0, C) == ()
    assert "sigma_z" in bound_warnings(0.0, 3.0 * z, 0.0, C)[0]
    assert "negative" in bound_warnings(0.0, z, -0.1, C)[0]
    # p = 0.6, 0.3: at most min(0.18, 0.28) for |C|^2
    C[0, 1] = 1j * np.sqrt(0.17)
    assert bound_warnings(0.0, z, 0.0, C) == ()
    C[0, 1] = 1j * np.sqrt(0.19)
    assert "correlation" in bound_warnings(0.0, z, 0.0, C)[0]
