"""A reservoir that damps c_B J_B^- + c_C J_C^-: against operators of single spins."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import CollectiveBattery, Experiment, InputError, LocalNoise, Reservoir
from darkbattery.nvmodel import Spins as Ensemble
from tests.explicit import Explicit
from tests.trajectories.test_cavity_irreps import changed

TIMES = np.array([0.0, 0.3, 1.0, 4.0])


def experiment_of(c_battery, c_charger, noise=None, nbar=0.2, gamma=1.3):
    quiet = noise or LocalNoise()
    return Experiment(
        Ensemble(2, "down", coupling=c_battery, noise=quiet),
        Ensemble(2, "up", coupling=c_charger),
        Reservoir(gamma=gamma, nbar=nbar),
    )


@pytest.mark.parametrize("noise", [None, LocalNoise(dephasing=0.5, emission=0.2)])
def test_averages_are_those_of_single_spins(noise):
    model = experiment_of(0.6, 1.7, noise)
    names = ["battery_energy", "charger_energy", "emission_rate", "absorption_rate", "power"]
    found = trajectories.evolve(model, TIMES, [*names, "log_negativity"])
    spins = Explicit(CollectiveBattery(2, 2))
    lower = (0.6 * spins.lowering("battery") + 1.7 * spins.lowering("charger")).toarray()
    jumps = [(1.3 * 1.2, lower), (1.3 * 0.2, lower.T)]
    for own in (0, 1) if noise else ():
        jumps += [(0.5, spins.z[own].toarray()), (0.2, spins.s[own].toarray())]
    one = np.eye(16)
    L = sum(
        rate * (np.kron(K, K) - 0.5 * np.kron(K.T @ K, one) - 0.5 * np.kron(one, K.T @ K))
        for rate, K in jumps
    )
    start = np.zeros((16, 16))
    start[12, 12] = 1.0  # battery's two spins down, charger's up
    for i, t in enumerate(TIMES):
        y = expm(L * t) @ start.ravel()
        rho, change = y.reshape(16, 16), (L @ y).reshape(16, 16)
        swapped = rho.reshape(4, 4, 4, 4).transpose(2, 1, 0, 3).reshape(16, 16)
        exact = {
            "battery_energy": np.trace(spins.z_b @ rho) / 2 + 0.5,
            "charger_energy": np.trace(spins.z_c @ rho) / 2 + 0.5,
            "power": np.trace(spins.z_b @ change) / 2,
            "emission_rate": 1.3 * 1.2 * np.trace(lower.T @ lower @ rho),
            "absorption_rate": 1.3 * 0.2 * np.trace(lower @ lower.T @ rho),
            "log_negativity": np.log2(np.abs(np.linalg.eigvalsh(swapped)).sum()),
        }
        for name, value in exact.items():
            assert abs(found[name][i] - value) < 1e-10, (name, t)


def test_equal_couplings_are_a_rate():
    model = experiment_of(2.0, 2.0, nbar=0.0, gamma=1.0)
    plain = CollectiveBattery(2, 2, gamma=4.0)
    one, other = (trajectories.evolve(each, TIMES) for each in (model, plain))
    assert one.provenance["solver"] == "master equation"
    np.testing.assert_array_equal(one["battery_energy"], other["battery_energy"])
    assert one.model == model
    ends = [trajectories.steady_state(each)["battery_energy"] for each in (model, plain)]
    assert ends[0] == ends[1]


def test_a_fast_resonator_of_unequal_spins_is_such_a_reservoir():
    errors = []
    for ratio in (12.0, 24.0):
        kappa = ratio * 2.0
        resonator = changed((1, 2), kappa, battery={"coupling": 1.5})
        reservoir = replace(
            experiment_of(1.5, 1.0, nbar=0.0, gamma=4.0 / kappa),
            battery=Ensemble(1, "down", coupling=1.5),
        )
        times = TIMES * kappa / 4.0
        found = [
            trajectories.evolve(one, times)["battery_energy"] for one in (resonator, reservoir)
        ]
        errors.append(np.abs(found[0] - found[1]).max())
    assert errors[0] < 0.04
    # gamma N/kappa = 4 N/kappa^2: twice the loss, a quarter of the error
    assert abs(errors[0] / errors[1] - 4.0) < 0.5


def test_what_has_them_not_says_so():
    model = experiment_of(0.5, 1.0, nbar=0.0)
    for entry in (
        lambda: trajectories.sample(model, TIMES, 2, 1),
        lambda: trajectories.steady_state(model),
        lambda: meanfield.evolve(model, TIMES),
    ):
        with pytest.raises(InputError, match="coupling") as refusal:
            entry()
        assert refusal.value.field == "battery.coupling"
