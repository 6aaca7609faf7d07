"""Capacities, coherent work, efficiency and speed limits: explicit states and closed forms."""

import math

import numpy as np
import pytest
from scipy.sparse.linalg import expm_multiply

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import (
    CollectiveBattery,
    DickeBattery,
    Experiment,
    InputError,
    Polarised,
    Pulse,
    Resonator,
    Spins,
    Stage,
)
from tests.verify.resonators import AtMode

TIMES = np.array([0.0, 1e-4, 0.1, 0.4, 1.3, 6.0])
CAPACITIES = ("capacity_unitary", "capacity_unitary_total")
TILT = 1.9  # of the charger, from up: no longer above the field's noise alone


def _tilted(n_battery, n_charger):
    """A charger that begins in a spin-coherent state, tilted by a pulse before anything else."""
    return Experiment(
        Spins(n_battery, "down", 1.0),
        Spins(n_charger, "up", 1.0),
        Resonator(3e9, 2.0 / (2.0 * math.pi), temperature_k=0.0),
        (Pulse(rotate_charger=TILT, axis=0.4), Stage(math.inf)),
    )


def _explicit(model, times):
    """The battery's state and its rate of change on 2^N, over time."""
    exact = AtMode(model, model.n_charger)  # at T = 0 there are no more excitations
    pulse, stage = model.stages
    rho = exact.pulsed(exact.first(), pulse)
    L, now = exact.generator(stage), 0.0
    b, rest = 2**exact.nb, 2**exact.nc * exact.levels
    for time in times:
        if time > now:
            rho, now = expm_multiply(L * (time - now), rho.ravel()).reshape(rho.shape), time
        change = (L @ rho.ravel()).reshape(rho.shape)
        yield tuple(np.einsum("ijkj->ik", x.reshape(b, rest, b, rest)) for x in (rho, change))


def _spectra(state, spins):
    """(levels, eigenvalues, populations) of every irrep, whose copies are alike."""
    ups = spins - np.array([int(i).bit_count() for i in range(2**spins)])
    sz = np.diag(ups - spins / 2.0)
    lower = np.zeros_like(sz)
    for i in range(2**spins):
        for n in range(spins):
            if not i >> n & 1:
                lower[i | 1 << n, i] = 1.0
    casimir = sz @ sz + 0.5 * (lower @ lower.T + lower.T @ lower)
    values, vectors = np.linalg.eigh(casimir + 1e-3 * sz)
    for k in range(spins // 2 + 1):
        j = spins / 2.0 - k
        here = np.abs(values - j * (j + 1.0)) < 0.1
        # one copy holds the whole weight, taken over all copies
        copies = math.comb(spins, k) - (math.comb(spins, k - 1) if k else 0)
        block = vectors[:, here].T @ state @ vectors[:, here]
        if copies == 1:
            yield np.arange(k, spins - k + 1) / spins, block
        else:
            assert np.trace(block).real < 1e-9, "only the symmetric ladder is met here"


@pytest.mark.parametrize(
    ("n_battery", "n_charger"), [(1, 2), pytest.param(2, 3, marks=pytest.mark.long)]
)
def test_work_of_a_tilted_start_against_explicit_spins(n_battery, n_charger):
    model = _tilted(n_battery, n_charger)
    names = ("ergotropy", "ergotropy_incoherent", "ergotropy_coherent", *CAPACITIES, "power_bound")
    found = trajectories.evolve(model, TIMES, [*names, "power"])
    ups = n_battery - np.array([int(i).bit_count() for i in range(2**n_battery)])
    for i, (state, change) in enumerate(_explicit(model, TIMES)):
        work, alone, spread = 0.0, 0.0, 0.0
        for level, block in _spectra(state, n_battery):
            r, p = np.linalg.eigvalsh(block)[::-1], np.diag(block).real
            work += p @ level - r @ level
            alone += p @ level - np.sort(p)[::-1] @ level
            spread += (r[::-1] - r) @ level
        r = np.linalg.eigvalsh(state)
        total = (r - r[::-1]) @ np.sort(ups) / n_battery
        p, rate = (np.bincount(ups, np.diag(x).real, n_battery + 1) for x in (state, change))
        exact = [work, alone, work - alone, spread, total]
        got = [found[name][i] for name in names[:-1]]
        # both step to 1e-11
        np.testing.assert_allclose(got, exact, atol=1e-8)
        if p.min() > 1e-6:
            k = np.arange(n_battery + 1)
            bound = math.sqrt(p @ (k - p @ k) ** 2 * (rate**2 / p).sum()) / n_battery
            # 1e-8 of a rate over 1e-6
            np.testing.assert_allclose(found["power_bound"][i], bound, atol=1e-5)
    assert found["ergotropy_coherent"].max() > 0.05
    assert (np.abs(found["power"]) <= found["power_bound"] + 1e-8).all()


def test_one_spin_in_closed_form():
    """diag(1 - E, E): C = |2E - 1|, and the bound is the power itself."""
    battery = CollectiveBattery(1, 5, nbar=0.3)
    names = [*CAPACITIES, "power_bound", "battery_energy", "power", "charging_efficiency"]
    found = trajectories.evolve(battery, TIMES, names)
    for name in CAPACITIES:
        np.testing.assert_allclose(found[name], np.abs(2.0 * found["battery_energy"] - 1.0))
    # probabilities of 1e-10, of which the bound's root is taken, at rates of 10
    np.testing.assert_allclose(found["power_bound"], np.abs(found["power"]), rtol=1e-6, atol=1e-7)
    assert np.isnan(found["charging_efficiency"][0])


def test_two_spins_end_with_a_third_of_what_was_lost():
    """(1, 1) at T = 0: both end at 1/4, so that 1/4 of 3/4 has arrived."""
    battery, names = CollectiveBattery(1, 1), ["charging_efficiency"]
    for found in (
        trajectories.evolve(battery, [60.0], names),
        trajectories.steady_state(battery, names),
    ):
        np.testing.assert_allclose(found["charging_efficiency"], 1.0 / 3.0, rtol=1e-9)


def test_engines_agree_on_the_efficiency_of_many_spins():
    battery, times, names = CollectiveBattery(50, 250), [0.02, 0.1], ["charging_efficiency"]
    exact = trajectories.evolve(battery, times, names)
    second = meanfield.evolve(battery, times, observables=names)
    runs = meanfield.sample(battery, times, 400, seed=2, observables=names)
    # docs/semiclassical.md: second order is the modal run, and right in the end
    name = names[0]
    np.testing.assert_allclose(second[name][-1], exact[name][-1], atol=0.005)
    gap = np.abs(runs[name] - exact[name])
    # and 0.004 for the model (docs/semiclassical.md)
    assert (gap < 4.0 * runs.errors[name] + 0.004).all()
    assert name not in meanfield.evolve(battery, times).values


@pytest.mark.parametrize("nbar", [0.0, 0.4])
def test_capacities_and_efficiency_over_runs(nbar):
    battery, names = CollectiveBattery(2, 5, nbar=nbar), [*CAPACITIES, "charging_efficiency"]
    exact = trajectories.evolve(battery, TIMES[2:], names)
    found = trajectories.sample(battery, TIMES[2:], 4000, seed=5, observables=names)
    for name in names:
        z = (found[name] - exact[name]) / found.errors[name]
        assert (np.abs(z) < 4.5).all(), name


def test_the_closed_battery_keeps_its_bound():
    """One spin: the coherent work beside the inversion, by hand from its Bloch vector."""
    battery, times = DickeBattery(n_battery=1, coupling=0.05), np.linspace(0.0, 60.0, 7)
    names = ["ergotropy", "ergotropy_coherent", "ergotropy_incoherent", "power", "power_bound"]
    found = trajectories.evolve(battery, times, [*names, "capacity_unitary", "battery_energy"])
    energy = found["battery_energy"]
    np.testing.assert_allclose(found["ergotropy_incoherent"], np.maximum(0.0, 2.0 * energy - 1.0))
    both = found["ergotropy_incoherent"] + found["ergotropy_coherent"]
    np.testing.assert_allclose(both, found["ergotropy"], atol=1e-12)
    # of a qubit the capacity is the length r of the Bloch vector: W = (r + z)/2
    length = 2.0 * found["ergotropy"] - (2.0 * energy - 1.0)
    np.testing.assert_allclose(found["capacity_unitary"], length, atol=1e-12)
    # the integrator's 1e-9, over a root
    np.testing.assert_allclose(found["power_bound"], np.abs(found["power"]), atol=1e-5)


def test_what_has_no_coherence_says_so():
    text = "only where a drive makes coherence between the battery's energies"
    resonator = Experiment(
        Spins(1, "down", 1.0), Spins(2, "up", 1.0), Resonator(3e9, 1.0, temperature_k=0.0)
    )
    for model in (CollectiveBattery(1, 2), resonator):
        with pytest.raises(InputError, match=text):
            trajectories.evolve(model, [1.0], ["ergotropy_coherent"])
        with pytest.raises(InputError, match=text):
            trajectories.sample(model, [1.0], 2, 1, observables=["ergotropy_coherent"])


def test_efficiency_of_runs_counts_from_their_own_start():
    """A charger that is not all up, at a mode where ladders mix: runs beside averages."""
    model = Experiment(
        Spins(1, "down", 0.6),
        Spins(2, Polarised(0.9), 1.0),
        Resonator(3e9, 2.0 / (2.0 * math.pi), temperature_k=0.0),
    )
    times, names = [0.8, 3.0], ["charging_efficiency"]
    exact = trajectories.evolve(model, times, names)["charging_efficiency"]
    found = trajectories.sample(model, times, 800, 3, observables=names)
    gap = np.abs(found["charging_efficiency"] - exact)
    assert (gap < 4.5 * found.errors["charging_efficiency"]).all()


@pytest.mark.parametrize("nbar", [0.0, 0.3])
def test_reliability_of_runs_that_end_in_two_dark_states(nbar):
    """(1, 5) at T = 0: energies 5/6 and 0 with weights 5/6 and 1/6, a ratio of sqrt 5."""
    battery, names = CollectiveBattery(1, 5, nbar=nbar), ["energy_reliability"]
    found = trajectories.sample(battery, [0.2, 30.0], 4000, seed=3, observables=names)
    end = trajectories.steady_state(battery, names)["energy_reliability"][0]
    assert abs(found["energy_reliability"][1] - end) < 4.0 * found.errors["energy_reliability"][1]
    if nbar == 0.0:
        np.testing.assert_allclose(end, math.sqrt(5.0), rtol=1e-12)
        exact = trajectories.evolve(battery, found.times, names)
        gap = np.abs(found["energy_reliability"] - exact["energy_reliability"])
        assert (gap < 4.0 * found.errors["energy_reliability"]).all()
    at_start = trajectories.sample(battery, [0.0, 1.0], 10, seed=3, observables=names)
    assert np.isnan(at_start["energy_reliability"][0])
