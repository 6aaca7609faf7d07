"""Spin-coherent starts at a reservoir against QuTiP with its own operators, and closed forms."""

import math

import numpy as np
import pytest
import qutip

from darkbattery.nvmodel import (
    CollectiveBattery,
    DickeState,
    InputError,
    LocalNoise,
    Pulse,
    Stage,
)
from darkbattery.trajectories import evolve

TIMES = np.array([0.0, 0.1, 0.5, 2.0])
NAMES = (
    *("battery_energy", "charger_energy", "power", "emission_rate", "absorption_rate"),
    *("emitted_photons", "absorbed_photons", "ergotropy", "ergotropy_incoherent"),
    *("ergotropy_local", "log_negativity", "capacity_unitary", "energy_variance"),
)
TILT = (Pulse(rotate_charger=1.9, axis=0.4), Stage(math.inf))


def _by_qutip(n_battery, n_charger, nbar, tilt, detuning=0.0):
    """Every name over TIMES, from density matrices."""
    sizes = n_battery + 1, n_charger + 1
    one = [qutip.qeye(size) for size in sizes]
    b, c = (qutip.jmat(n / 2, "-") for n in (n_battery, n_charger))
    zb, zc = (qutip.jmat(n / 2, "z") for n in (n_battery, n_charger))
    L = qutip.tensor(b, one[1]) + qutip.tensor(one[0], c)
    axis = math.cos(0.4) * qutip.jmat(n_charger / 2, "x")
    axis = axis + math.sin(0.4) * qutip.jmat(n_charger / 2, "y")
    turn = (-1j * tilt * axis).expm()
    start = qutip.tensor(qutip.basis(sizes[0], n_battery), turn * qutip.basis(sizes[1], 0))
    H = detuning * qutip.tensor(zb, one[1])
    collapse = [math.sqrt(nbar + 1.0) * L, math.sqrt(nbar) * L.dag()]
    # dense in time for the photon numbers: Simpson's rule to 1e-9
    grid = np.linspace(0.0, TIMES[-1], 2001)
    options = {"atol": 1e-12, "rtol": 1e-10, "progress_bar": "", "nsteps": 100_000}
    found = qutip.mesolve(H, start, grid, collapse, options=options)
    HB = qutip.tensor(zb, one[1]) / n_battery
    HC = qutip.tensor(one[0], zc) / n_charger
    generator = qutip.liouvillian(H, collapse)
    rates = [
        (nbar + 1.0) * qutip.expect(L.dag() * L, found.states),
        nbar * qutip.expect(L * L.dag(), found.states),
    ]
    step = grid[1]
    counted = [
        np.concatenate([[0.0], np.cumsum((r[:-2:2] + 4.0 * r[1:-1:2] + r[2::2]) * step / 3.0)])
        for r in rates
    ]
    level = np.arange(n_battery, -1, -1.0) / n_battery
    rows = []
    for t in TIMES:
        i = round(t / step)
        state = found.states[i]
        change = qutip.vector_to_operator(generator * qutip.operator_to_vector(state))
        rho = state.ptrace(0).full()
        p, r = np.diag(rho).real, np.linalg.eigvalsh(rho)[::-1]
        sx, sy, sz = (
            2.0 * qutip.expect(qutip.jmat(n_battery / 2, k), state.ptrace(0)) / n_battery
            for k in "xyz"
        )
        energy = p @ level
        rows.append(
            [
                qutip.expect(HB, state) + 0.5,
                qutip.expect(HC, state) + 0.5,
                (HB * change).tr().real,
                rates[0][i],
                rates[1][i],
                counted[0][i // 2],
                counted[1][i // 2],
                energy - r @ level[::-1],
                energy - np.sort(p)[::-1] @ level[::-1],
                0.5 * (math.hypot(sx, sy, sz) + sz),
                math.log2(2.0 * qutip.negativity(state, 0) + 1.0),
                (r[::-1] - r) @ level[::-1],
                p @ (level - energy) ** 2,
            ]
        )
    return np.array(rows)


@pytest.mark.parametrize(("sizes", "nbar", "detuning"), [((1, 2), 0.0, 0.0), ((2, 3), 0.3, 0.7)])
def test_a_tilted_charger_against_qutip(sizes, nbar, detuning):
    battery = CollectiveBattery(*sizes, nbar=nbar, detuning=detuning, protocol=TILT)
    found = evolve(battery, TIMES, NAMES)
    exact = _by_qutip(*sizes, nbar, 1.9, detuning)
    for name, column in zip(NAMES, exact.T, strict=True):
        # QuTiP's 1e-10, its photon numbers by Simpson's rule, and a negativity's 1e-9 eigenvalues
        np.testing.assert_allclose(found[name], column, atol=2e-7, err_msg=name)
    coherent = evolve(battery, TIMES, ["ergotropy_coherent"])["ergotropy_coherent"]
    whole = found["ergotropy"] - found["ergotropy_incoherent"]
    np.testing.assert_allclose(coherent, whole, atol=1e-12)
    assert coherent.max() > 0.05


def test_turned_by_half_an_empty_charger_is_a_full_one():
    """With noise of single spins, over all irreps: as the plain battery's own method has it."""
    noise = {"battery_noise": LocalNoise(dephasing=0.2, emission=0.1)}
    noise["charger_noise"] = LocalNoise(pumping=0.3, emission=0.05)
    names = ["battery_energy", "ergotropy", "emitted_photons", "local_loss", "log_negativity"]
    plain = evolve(CollectiveBattery(2, 3, nbar=0.2, **noise), TIMES, names)
    turned = (Pulse(rotate_charger=math.pi), Stage(math.inf))
    battery = CollectiveBattery(
        2, 3, nbar=0.2, charger_start=DickeState(0), protocol=turned, **noise
    )
    found = evolve(battery, TIMES, names)
    for name in names:
        # both step to 1e-12; the root of a negativity that begins at zero
        np.testing.assert_allclose(found[name], plain[name], atol=1e-8, err_msg=name)


def test_noise_of_single_spins_against_explicit_spins():
    """One spin each: dephasing takes coherence, emission population; Bloch's equations by hand."""
    noise = LocalNoise(dephasing=0.4, emission=0.3)
    stages = (Pulse(rotate_battery=1.1), Stage(math.inf, coupled="none"))
    battery = CollectiveBattery(1, 1, battery_noise=noise, protocol=stages)
    found = evolve(battery, TIMES, ["battery_energy", "ergotropy_local", "emitted_photons"])
    # turned from down: z = -cos, across = sin
    z = -1.0 + (1.0 - math.cos(1.1)) * np.exp(-0.3 * TIMES)
    # a spin's coherence falls at half of both rates (physics, local noise)
    across = math.sin(1.1) * np.exp(-0.5 * (0.4 + 0.3) * TIMES)
    np.testing.assert_allclose(found["battery_energy"], 0.5 * (1.0 + z), atol=1e-10)
    length = np.hypot(z, across)
    np.testing.assert_allclose(found["ergotropy_local"], 0.5 * (length + z), atol=1e-10)
    np.testing.assert_allclose(found["emitted_photons"], 0.0, atol=1e-12)


def test_a_charger_of_half_the_energy_charges_more_where_its_state_is_coherent():
    """A coherent start at the equator is no polarised one: the same energy, another battery."""
    equator = (Pulse(rotate_charger=0.5 * math.pi), Stage(math.inf))
    found = evolve(CollectiveBattery(1, 4, protocol=equator), TIMES, ["ergotropy_coherent"])
    # at the start the battery is its own, and down
    assert found["ergotropy_coherent"][0] == pytest.approx(0.0, abs=1e-12)
    assert found["ergotropy_coherent"].max() > 0.1


def test_what_is_not_there_is_refused_in_a_line():
    battery = CollectiveBattery(2, 3, protocol=TILT)
    with pytest.raises(InputError, match="where pulses turn spins, at most"):
        evolve(CollectiveBattery(30, 150, protocol=TILT), [1.0])
    with pytest.raises(InputError, match="fano_factor"):
        evolve(battery, [1.0], ["fano_factor"])
    turned = (Pulse(rotate_battery=1.0), Stage(math.inf))
    with pytest.raises(InputError, match="a pulse turns the battery in no time"):
        evolve(CollectiveBattery(1, 2, protocol=turned), [1.0], ["speed_limit_mandelstam_tamm"])
