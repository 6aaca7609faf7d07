"""Holes that fill by flip-flops: the law, the equations without turns, and what is kept."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from darkbattery import meanfield, trajectories
from darkbattery.meanfield.classes.moments import system_of
from darkbattery.meanfield.classes.refilling import Refilling, flip_rates
from darkbattery.nvmodel import (
    Drive,
    Gaussian,
    InputError,
    Pulse,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
)
from darkbattery.runs.definitions.definition import parse_definition

LINE = Gaussian(4e6)
KAPPA = 2.0 * math.pi * 1e6
SPINS = SpinEnsemble(10**6, 6e3, t2_s=1e-6, line=LINE, refill_s=1e-5)


def burst(refill, **changed):
    """A burst in a line, then storage away from the resonator."""
    spins = {"coupling": 2e4, "t2_s": 1e-6, "line": LINE, "refill_s": refill}
    return ResonatorBattery(
        charger=SpinEnsemble(10**6, **spins),
        resonator=Resonator(3e9, 1e6),
        battery=SpinEnsemble(2 * 10**5, **spins),
        **{"protocol": (Stage(2e-6), Stage(1e-3, "none"))} | changed,
    )


def test_the_law_is_that_of_its_rates():
    time = np.geomspace(1e-3, 30.0, 200)
    rates, share = flip_rates(2.0)
    assert share.sum() == pytest.approx(1.0, abs=1e-12)
    found = np.exp(-np.outer(2.0 * time, rates)) @ share
    # ten rates for all: flip_rates says how far they are from the law
    np.testing.assert_allclose(found, np.exp(-np.sqrt(time)), atol=5e-3)


def test_a_hole_burnt_at_once_fills_by_the_law_and_is_inverted_with_its_spins():
    system = system_of(burst(1e-5), 9)
    z = np.where(np.abs(system.detuning) < 8e6, -0.3, 0.9)
    mean = [system.of(i) @ z for i in range(2)]
    one, many = Refilling(system, z), Refilling(system, z)
    together, bit_by_bit = z.copy(), z.copy()
    one.flip(2e-5, together)
    for _ in range(50):
        many.flip(4e-7, bit_by_bit)
    np.testing.assert_allclose(together, bit_by_bit, atol=1e-12)
    left = np.exp(-np.sqrt(2.0))
    for i in range(2):
        mine = system.ensemble == i
        expected = mean[i] + left * (z[mine] - mean[i])
        # ten rates stand for all, to 5e-3 of a hole 1.2 deep
        np.testing.assert_allclose(together[mine], expected, atol=5e-3 * 1.2)
        assert system.of(i) @ together == pytest.approx(mean[i], abs=1e-12)
    # the other half of the way after a half turn is the same, upside down
    one.turn(Pulse(rotate_battery=math.pi, rotate_charger=math.pi), together, -together)
    turned = -together
    one.flip(2e-5, turned)
    many.flip(2e-5, bit_by_bit)
    np.testing.assert_allclose(turned, -bit_by_bit, atol=1e-12)


@pytest.mark.long
def test_mean_fields_go_as_one_integration_of_all_rates_does():
    """Maxwell and Bloch with a field sent in, and every class of every rate at once, by scipy."""
    eta, end = 1e9, 4e-6
    model = ResonatorBattery(
        replace(SPINS, polarisation=-1.0),
        Resonator(3e9, 1e6),
        protocol=(Stage(end, drives=[Drive(eta, end)]),),
    )
    system, (rates, share) = system_of(model, 5), flip_rates(1e-5)
    M, R, w = system.number.size, rates.size, system.of(1)
    g, N, D = system.coupling, system.number, system.detuning

    def rhs(t, y):
        a, b, u = y[0], y[1 : M + 1], y[M + 1 :].reshape(R, M).real
        z = share @ u
        da = -0.5 * KAPPA * a - 1j * (eta + np.sum(g * N * b))
        db = -(1j * D + 1e6) * b + 1j * g * a * z
        du = -4.0 * g * (np.conj(a) * b).imag + rates[:, None] * ((u @ w)[:, None] - u)
        return np.concatenate([[da], db, du.ravel()])

    start = np.concatenate([np.zeros(M + 1), -np.ones(R * M)]).astype(complex)
    times = np.array([1e-6, 4e-6])
    found = solve_ivp(rhs, (0.0, end), start, "BDF", times, rtol=1e-6, atol=1e-8)
    u = found.y[M + 1 :].real.reshape(R, M, 2)
    z = np.einsum("r,rkt->tk", share, u)
    one = meanfield.evolve(model, times, 1, classes=5)
    runs = meanfield.sample(model, times, 32, 1, classes=5)
    order = np.argsort(D)
    assert np.ptp(z[-1]) > 0.1  # there is a hole to speak of
    # flips in turns with the field: of 400 in T_r, and of a hundred 2e-3 in first order; runs have
    # 1e6/5 spins a class, and noise of the field
    for solution, apart in ((one, 1e-3), (runs, 5e-3)):
        profile = solution.distributions["charger_inversion"].weight
        np.testing.assert_allclose(profile, z[:, order], atol=apart)
        np.testing.assert_allclose(solution["charger_energy"], 0.5 + 0.5 * z @ w, atol=apart)


@pytest.mark.long
def test_a_stored_hole_fills_and_nothing_is_lost():
    # a phase, for the larger of both sets of moments
    protocol = (Pulse(rotate_charger=0.1), Stage(2e-6), Stage(1e-3, "none"))
    times = np.array([2e-6, 7e-6, 2e-5])
    found, kept = (
        meanfield.evolve(burst(refill, protocol=protocol), times, 2, classes=5)
        for refill in (1e-4, None)
    )
    profile = found.distributions["charger_inversion"].weight
    depth = np.ptp(profile, axis=1)
    assert depth[0] > 0.3
    # the law from the burst on, which comes within the first microsecond and takes a part of it
    law = np.exp(-np.sqrt((times - 0.5e-6) / 1e-4))
    np.testing.assert_allclose(depth / depth[0], law / law[0], rtol=0.03)
    for name in ("battery_energy", "charger_energy"):
        np.testing.assert_allclose(found[name][1:], found[name][0], atol=1e-9)
    assert np.ptp(kept.distributions["charger_inversion"].weight, axis=1)[1:] == pytest.approx(
        np.ptp(kept.distributions["charger_inversion"].weight, axis=1)[0], abs=1e-6
    )
    assert np.abs(found["excitation_balance"]).max() < 1e-9


def test_what_has_no_hole_or_no_engine_is_refused():
    with pytest.raises(InputError, match="refill_s = 1e-05: needs a line"):
        SpinEnsemble(10, 1.0, refill_s=1e-5)
    with pytest.raises(InputError, match=r"refill_s = 0\.0: must be a finite number > 0"):
        SpinEnsemble(10, 1.0, line=LINE, refill_s=0.0)
    small = replace(burst(1e-5), charger=replace(SPINS, number=5), battery=replace(SPINS, number=1))
    with pytest.raises(InputError, match="line"):
        trajectories.evolve(small, [1e-6])


def test_a_definition_says_so_for_each_ensemble():
    spins = {"number": 1e9, "coupling_hz": 1.0, "line": {"shape": "gaussian", "fwhm_hz": 1e6}}
    content = {
        "model": {
            "resonator": {"frequency_hz": 3e9, "linewidth_fwhm_hz": 1e6},
            "charger": spins | {"refill_s": [1.16e-5, 1e-4]},
            "battery": spins,
        },
        "run": {"engine": "semiclassical", "method": "evolve", "times": [1e-6]},
    }
    models = [point.model for point in parse_definition(content).points()]
    assert [model.charger.refill_s for model in models] == [1.16e-5, 1e-4]
    assert system_of(models[0], 3).refill == (math.inf, 1.16e-5)
    content["model"]["charger"]["refill_s"] = -1.0
    with pytest.raises(InputError, match=r"charger\.refill_s = -1\.0: must be a finite number > 0"):
        parse_definition(content)
