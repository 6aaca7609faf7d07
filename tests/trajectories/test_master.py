import numpy as np
import pytest
import qutip

from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.trajectories import evolve, steady_state
from darkbattery.trajectories.averages import collective_master as master
from darkbattery.trajectories.averages import few
from darkbattery.trajectories.averages.evolution import available
from darkbattery.trajectories.qutip.fewspins import measure, to_qutip
from tests.systems import one_excitation_energy

TIMES = np.array([0.0, 0.02, 0.15, 0.5, 1.5, 4.0])


def _qutip_states(few, times):
    # tolerances far below the 1e-8 that is asked of the comparison
    options = {"atol": 1e-13, "rtol": 1e-11, "nsteps": 10**6, "method": "dop853"}
    return qutip.mesolve(few.hamiltonian, few.initial, times, few.collapse, options=options).states


@pytest.mark.parametrize(
    ("nb", "nc", "nbar"),
    [(2, 5, 0.0), (3, 7, 0.4), (4, 4, 0.0), (1, 12, 2.0), (3, 2, 0.0), (2, 3, 1.3), (5, 2, 0.3)],
)
def test_every_observable_against_qutip(nb, nc, nbar):
    battery = CollectiveBattery(nb, nc, nbar=nbar)
    ours = evolve(battery, TIMES, observables=available(battery))
    few = to_qutip(battery)
    for i, state in enumerate(_qutip_states(few, TIMES)):
        for name, value in measure(few, state).items():
            if name == "entanglement_rate" and i == 0:
                continue  # from the right at the start: test_entanglement
            # 1e-8 is what is promised; rates carry the size of the generator, up to 300
            assert ours[name][i] == pytest.approx(value, abs=1e-8), (name, TIMES[i])


def test_thermal_start_of_one_spin_against_qutip():
    battery = CollectiveBattery(1, 3, nbar=0.7, battery_start="thermal")
    ours = evolve(battery, TIMES, observables=available(battery))
    assert ours["battery_energy"][0] == pytest.approx(0.7 / 2.4, abs=1e-12)
    few = to_qutip(battery)
    for i, state in enumerate(_qutip_states(few, TIMES)):
        for name, value in measure(few, state).items():
            if i > 0:
                assert ours[name][i] == pytest.approx(value, abs=1e-8), (name, TIMES[i])


@pytest.mark.parametrize("n_battery", [1, 2, 30])
def test_one_excitation_in_closed_form(n_battery):
    times = np.linspace(0.0, 1.0, 11)
    ours = evolve(CollectiveBattery(n_battery, 1), times, ["battery_energy"])
    # 1e-10: the accuracy that evolve states
    np.testing.assert_allclose(
        ours["battery_energy"], one_excitation_energy(n_battery, times), atol=1e-10
    )


def test_photons_balance_and_rates_integrate():
    battery = CollectiveBattery(3, 9, nbar=0.6)
    times = np.linspace(0.0, 1.5, 3001)
    s = evolve(battery, times)
    spins = 3 * s["battery_energy"] + 9 * s["charger_energy"]
    # 1e-9: photon numbers of 40 to a relative 1e-11
    np.testing.assert_allclose(spins + s["emitted_photons"] - s["absorbed_photons"], 9.0, atol=1e-9)
    trapezoid = np.trapezoid(s["emission_rate"], times)
    # second derivative of the rate times step^2/12: 1e4 * (5e-4)^2 / 12
    assert s["emitted_photons"][-1] == pytest.approx(trapezoid, abs=3e-4)


def test_gamma_is_the_unit_of_time():
    times = np.linspace(0.0, 1.0, 7)
    one = evolve(CollectiveBattery(2, 6, nbar=0.2), times)
    fast = evolve(CollectiveBattery(2, 6, nbar=0.2, gamma=4.0), times / 4.0)
    rates = ("power", "emission_rate", "absorption_rate")
    for name in one.values:
        scale = 4.0 if name in rates else 1.0
        # 1e-9: both are within 1e-10 times the rate
        np.testing.assert_allclose(fast[name], scale * one[name], atol=1e-9)


@pytest.mark.parametrize(
    ("n_battery", "energy", "negativity", "ergotropy", "peak", "at"),
    [
        (1, 0.69444, 0.5621, 0.3889, 0.80532, 0.4465),
        (2, 0.80581, 0.8010, 0.6116, 1.58063, 0.304),
        (3, 0.85676, 0.9058, 0.7135, 2.36555, 0.236),
        (5, 0.90562, 0.9939, 0.8112, 3.9468, 0.1675),
    ],
)
def test_reference_numbers_at_ratio_five(n_battery, energy, negativity, ergotropy, peak, at):
    """An independent calculation's digits, hence tolerances of half a unit in the last one."""
    battery = CollectiveBattery(n_battery, 5 * n_battery)
    late = evolve(battery, [12.0], ["battery_energy", "log_negativity", "ergotropy"])
    assert late["battery_energy"][0] == pytest.approx(energy, abs=5.1e-6)
    assert late["log_negativity"][0] == pytest.approx(negativity, abs=5.1e-5)
    assert late["ergotropy"][0] == pytest.approx(ergotropy, abs=5.1e-5)
    times = np.linspace(0.0, 0.7, 7001)
    power = evolve(battery, times, ["power"])["power"]
    assert power.max() == pytest.approx(peak, abs=1e-4 if n_battery == 5 else 1e-5)
    # the last one was read off a grid of 2.5e-3
    assert times[power.argmax()] == pytest.approx(at, abs=1.3e-3 if n_battery == 5 else 5.1e-4)


def test_the_rate_convention_is_that_of_figure_five():
    """At R = 50 the axes end at 30 and 10; with twice the rate the peaks would be outside."""
    names = ("power", "entanglement_rate")
    for n_battery, *peaks in [(1, 9.685, 3.07), (2, 19.407, 6.68), (3, 29.11, 10.25)]:
        battery = CollectiveBattery(n_battery, 50 * n_battery)
        coarse = np.linspace(0.0, 0.25, 126)
        s = evolve(battery, coarse, names)
        for name, peak, close in zip(names, peaks, (6e-3, 1e-2), strict=True):
            top = coarse[1 + s[name][1:].argmax()]
            fine = np.linspace(max(top - 4e-3, 1e-4), top + 4e-3, 81)
            # reference digits, and a grid of 1e-4
            assert evolve(battery, fine, [name])[name].max() == pytest.approx(peak, abs=close)


def test_batches_of_times_give_the_same(monkeypatch):
    battery, times = CollectiveBattery(2, 5, nbar=0.3), np.linspace(0.1, 2.0, 23)
    whole = evolve(battery, times)
    monkeypatch.setattr("darkbattery.trajectories.propagate.chains.BATCH", 200)
    parts = evolve(battery, times)
    for name in whole.values:
        # other step sizes: 1e-10 each
        np.testing.assert_allclose(parts[name], whole[name], atol=1e-9)


@pytest.mark.parametrize(
    ("times", "field"),
    [([], "times"), ([0.0, 0.0], "times[1]"), ([-1.0], "times[0]"), ([0.0, np.nan], "times[1]")],
)
def test_bad_times_are_refused(times, field):
    with pytest.raises(InputError) as refusal:
        evolve(CollectiveBattery(1, 5), times)
    assert refusal.value.field == field


def test_what_cannot_be_held_is_refused():
    with pytest.raises(InputError, match="GB"):
        evolve(CollectiveBattery(10**9, 2 * 10**9), [1.0], ["ergotropy"])
    with pytest.raises(InputError, match="not available here"):
        evolve(CollectiveBattery(2, 5), [1.0], ["capacity"])


@pytest.mark.parametrize("nbar", [0.0, 0.5])
def test_the_method_chosen_by_size_makes_no_difference(nbar, monkeypatch):
    battery, times = CollectiveBattery(20, 60, nbar=nbar), np.linspace(0.0, 0.3, 16)
    names = master.ENERGIES
    small = evolve(battery, times, names)
    monkeypatch.setattr(master, "MANY_UNKNOWNS", 0)
    large = evolve(battery, times, names)
    assert small.provenance["solver"] != large.provenance["solver"]
    for name in names:
        # 1e-9: both are within 1e-10 in states; rates carry up to 80^2/4 times that
        np.testing.assert_allclose(large[name], small[name], atol=1e-9 * 1600, err_msg=name)


MODELS = {
    "cold": {},
    "warm": {"nbar": 0.5},
    "in other units": {"gamma": 2.5, "nbar": 3.0},
    "half thermal": {"battery_start": "thermal", "nbar": 0.7},
}


# more thermal spins than one leave the ladder
FEW = [
    (sizes, model)
    for sizes in ((1, 5), (5, 1), (1, 1), (3, 6))
    for model in MODELS
    if model != "half thermal" or sizes[0] == 1
]


@pytest.mark.parametrize(("sizes", "model"), FEW, ids=str)
def test_what_few_spins_are_read_by_makes_no_difference(sizes, model, monkeypatch):
    battery = CollectiveBattery(*sizes, **MODELS[model])
    # late states are pure ones of ladders that long have decayed beside each other
    times = np.concatenate([np.linspace(0.0, 2.0, 41), [30.0, 1e3, 1e6]])
    at_once = evolve(battery, times)
    means = evolve(battery, times, master.ENERGIES)
    monkeypatch.setattr(few, "MOST_PRODUCTS", 0)
    by_numpy = evolve(battery, times)
    assert set(at_once) == set(by_numpy) == set(few.ROWS)
    # 1e-12: rounding, of photons up to 1e6; both read the same states
    for name in few.ROWS:
        np.testing.assert_allclose(at_once[name], by_numpy[name], rtol=1e-12, atol=1e-12)
    for name in means:
        np.testing.assert_allclose(means[name], by_numpy[name], rtol=1e-9, atol=1e-10)
    weights = [s.distributions["populations"].weight for s in (at_once, by_numpy)]
    np.testing.assert_allclose(*weights, rtol=0.0, atol=1e-12)


def test_sixteen_decades_from_one_function():
    for exponent in (2, 9, 16):
        n_battery = 10**exponent // 6
        battery = CollectiveBattery(n_battery, 5 * n_battery, nbar=0.5)
        late = 100.0 / n_battery
        solution = evolve(battery, [0.0, late], ["battery_energy", "open_work"])
        steady = steady_state(battery)["battery_energy"][0]
        # 1e-8 a spin is promised
        assert solution["battery_energy"][1] == pytest.approx(steady, abs=1e-8)


@pytest.mark.parametrize("sizes", [(3, 7), (6, 4), (5, 5), (12, 60)], ids=str)
def test_populations_at_zero_temperature_without_coherences(sizes):
    """From the pure blocks of M, against the master equation with all pairs of ladders."""
    times = np.linspace(0.0, 1.0, 9)
    names = ("ergotropy", "ergotropy_total", "energy_variance")
    pure = evolve(CollectiveBattery(*sizes), times, names)
    # the log-negativity needs all pairs, and makes evolve read the populations from them
    pairs = evolve(CollectiveBattery(*sizes), times, (*names, "log_negativity"))
    for name in names:
        # 1e-10: what both promise
        np.testing.assert_allclose(pure[name], pairs[name], atol=1e-10)
    weights = [s.distributions["populations"].weight for s in (pure, pairs)]
    np.testing.assert_allclose(weights[0], weights[1], atol=1e-10)
    np.testing.assert_allclose(weights[0].sum(axis=1), 1.0, atol=1e-10)


@pytest.mark.parametrize("sizes", [(12, 60), (20, 40)], ids=str)
def test_coherences_that_start_small_do_not_matter(sizes, monkeypatch):
    battery, times = CollectiveBattery(*sizes, nbar=0.3), np.linspace(0.0, 0.4, 9)
    names = ("ergotropy", "energy_variance", "log_negativity")

    def with_least(coherence):
        monkeypatch.setattr(master, "NEGLIGIBLE_COHERENCE", coherence)
        master.chain_tables.cache_clear()  # which remembers those of before
        found = evolve(battery, times, names)
        master.chain_tables.cache_clear()
        return found

    fewer = evolve(battery, times, names)
    whole, least = with_least(0.0), with_least(1e-4)
    for name in names:
        # 1e-11 left out, and the same again for other steps; the negativity sums over a block's
        # eigenvalues, some 20
        np.testing.assert_allclose(fewer[name], whole[name], atol=3e-10, err_msg=name)
    assert np.abs(least["log_negativity"] - whole["log_negativity"]).max() > 1e-6


@pytest.mark.parametrize("least", [1e-9, 0.9])
def test_levels_that_hold_nothing_are_passed_over_and_no_others(monkeypatch, least):
    # near R = 1 many ladders, late few pairs that hold anything; large batteries are read so
    battery, times = CollectiveBattery(20, 26, nbar=0.5), [0.0, 0.02, 0.2, 3.0]
    whole = evolve(battery, times, ["ergotropy"]).distributions["populations"].weight
    readout = "darkbattery.trajectories.reading.readout"
    monkeypatch.setattr(f"{readout}.WIDE", 0)
    monkeypatch.setattr(f"{readout}.ROWS", 3)
    monkeypatch.setattr(f"{readout}.LEAST_COEFFICIENT", least)
    narrow = evolve(battery, times, ["ergotropy"]).distributions["populations"].weight
    # rounding of sums in another order; a window too narrow is seen at once
    assert (np.abs(narrow - whole).max() < 1e-14) == (least < 1e-8)
