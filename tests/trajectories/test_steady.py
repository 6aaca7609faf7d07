import numpy as np
import pytest
import qutip

from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.trajectories import evolve, steady_state
from darkbattery.trajectories.qutip.fewspins import measure, to_qutip
from tests.systems import steady_energy_zero_temperature, two_spin_steady_z


def _energy(nb, nc, **fields):
    return float(steady_state(CollectiveBattery(nb, nc, **fields))["battery_energy"][0])


@pytest.mark.parametrize(
    ("nb", "nc"), [(1, 5), (10, 50), (3, 30), (4, 4), (5, 2), (30, 7), (40, 44)]
)
def test_zero_temperature_against_whole_numbers(nb, nc):
    # 1e-14: sums of at most forty positive terms
    assert _energy(nb, nc) == pytest.approx(
        float(steady_energy_zero_temperature(nb, nc)), rel=1e-14
    )


def test_reference_value():
    assert _energy(10, 50) == pytest.approx(0.9488347792888612, rel=1e-15)


@pytest.mark.parametrize("n_charger", [1, 10, 10**3, 10**9, 10**15])
def test_one_battery_spin_at_any_charger(n_charger):
    # (N_C/(N_C+1))^2; 1e-15: a few roundings
    assert _energy(1, n_charger) == pytest.approx((n_charger / (n_charger + 1)) ** 2, rel=1e-15)


@pytest.mark.parametrize("nbar", [1e-300, 1e-12, 0.01, 0.7, 30.0, 1e6, 1e12])
def test_two_spins_at_any_temperature(nbar):
    # 1e-13: the accuracy promised
    assert _energy(1, 1, nbar=nbar) == pytest.approx(0.5 + two_spin_steady_z(nbar), rel=1e-13)


@pytest.mark.parametrize(
    ("nb", "nc", "nbar"), [(2, 5, 0.0), (3, 30, 0.5), (5, 2, 0.3), (4, 4, 1.5), (10, 50, 0.1)]
)
def test_every_observable_against_late_evolution(nb, nc, nbar):
    battery = CollectiveBattery(nb, nc, nbar=nbar)
    names = ["battery_energy", "charger_energy", "ergotropy", "ergotropy_total", "log_negativity"]
    steady, late = steady_state(battery, names), evolve(battery, [500.0], names)
    for name in names:
        # 1e-9: evolve is good to 1e-10, its negativity sums sixty eigenvalues
        assert steady[name][0] == pytest.approx(late[name][0], abs=1e-9), name


@pytest.mark.parametrize(("nb", "nc", "nbar"), [(2, 3, 0.4), (3, 2, 0.0), (1, 4, 1.1)])
def test_against_qutips_propagator(nb, nc, nbar):
    """The Liouvillian's long-time limit by squaring; QuTiP's steadystate is wrong here."""
    battery = CollectiveBattery(nb, nc, nbar=nbar)
    few = to_qutip(battery)
    liouvillian = qutip.liouvillian(few.hamiltonian, few.collapse)
    step = (liouvillian * 2.0).expm()
    for _ in range(8):  # 2^8 * 2/gamma
        step = step * step
    final = qutip.vector_to_operator(step * qutip.operator_to_vector(few.initial))
    steady = steady_state(battery, ["battery_energy", "charger_energy", "ergotropy"])
    theirs = measure(few, final)
    for name in steady.values:
        # 1e-9: eight squarings of an exponential good to 1e-13
        assert steady[name][0] == pytest.approx(theirs[name], abs=1e-9), name


def test_qutips_steadystate_is_another_state():
    """Why it is not used: the steady state depends on the start."""
    few = to_qutip(CollectiveBattery(3, 30, nbar=0.5))
    theirs = qutip.steadystate(few.hamiltonian, few.collapse)
    assert abs(qutip.expect(few.observables["battery_energy"], theirs) - 0.9145) > 0.5
    assert _energy(3, 30, nbar=0.5) == pytest.approx(0.9145, abs=5e-5)


@pytest.mark.parametrize("n_charger", [10**3, 10**16])
def test_thermal_start_mixes_both_ends(n_charger):
    battery = CollectiveBattery(1, n_charger, nbar=0.8, battery_start="thermal")
    # the charger's ladders hold the battery's weight; a fully up start is one thermal ladder
    hot = 0.8 / 2.6
    down = _energy(1, n_charger, nbar=0.8)
    top = 0.5 - 0.5 * (1.0 - 2.0 / (n_charger + 1.0) * 0.8)  # <M>/(2J) with J = (N_C+1)/2
    energy = float(steady_state(battery)["battery_energy"][0])
    # the ladder's mean excitation is nbar up to ((nbar+1)/nbar)^-N
    assert energy == pytest.approx((1 - hot) * down + hot * top, rel=1e-12)


def test_both_limits_of_the_energy():
    assert _energy(10**3, 10**16) == pytest.approx(1.0, abs=1e-9)
    assert _energy(10**15, 10**16) == pytest.approx(1.0, abs=1e-9)
    assert _energy(5, 25, nbar=1e12) == pytest.approx(0.5, abs=1e-9)


def test_energies_add_up_to_what_is_not_emitted():
    """At T = 0 the mean J^z is -sum p_J J, whoever holds the excitations."""
    for nb, nc in [(3, 8), (8, 3), (6, 6)]:
        s = steady_state(CollectiveBattery(nb, nc))
        j = s.distributions["dark_state"].low
        held = nb * s["battery_energy"][0] + nc * s["charger_energy"][0]
        expected = (nb + nc) / 2 - s.distributions["dark_state"].weight @ j
        assert held == pytest.approx(expected, rel=1e-13)


def test_limits_of_size_are_named():
    with pytest.raises(InputError, match="ladders"):
        steady_state(CollectiveBattery(10**16, 10**16))
    with pytest.raises(InputError, match="energies only"):
        steady_state(CollectiveBattery(10**9, 5 * 10**9), ["ergotropy"])
    assert np.isfinite(_energy(10**6, 10**6))
