"""Laws that hold for every model, whatever its numbers: hypothesis draws the models."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import OBSERVABLES, CollectiveBattery

SPINS = st.integers(1, 7)
NBAR = st.one_of(st.just(0.0), st.floats(1e-6, 20.0))
TIMES = st.lists(st.floats(1e-6, 30.0), min_size=1, max_size=4, unique=True).map(sorted)
BATTERIES = st.builds(CollectiveBattery, n_battery=SPINS, n_charger=SPINS, nbar=NBAR)
# what evolve promises; energies are per spin
ROUNDING = 1e-10
OF_AVERAGES = (
    *("battery_energy", "charger_energy", "power", "emitted_photons", "absorbed_photons"),
    *("emission_rate", "absorption_rate", "open_work", "ergotropy_local", "ergotropy"),
    *("ergotropy_total", "capacity_unitary", "capacity_unitary_total", "power_bound"),
    "charging_efficiency",
)
few = settings(deadline=None, max_examples=60)


def _laws(battery, found, tolerance):
    """Bounds and balances of an average state."""
    values = found.values
    for name, value in values.items():
        low, high = OBSERVABLES[name].bounds
        scale = 1.0 if high == 1.0 else 1.0 + np.abs(value).max()
        assert (value > low - tolerance * scale).all(), name
        assert (value < high + tolerance * scale).all(), name
    stored = (
        battery.n_battery * values["battery_energy"] + battery.n_charger * values["charger_energy"]
    )
    balance = stored + values["emitted_photons"] - values["absorbed_photons"]
    scale = battery.n_charger + np.abs(values["emitted_photons"])
    np.testing.assert_array_less(np.abs(balance - battery.n_charger), 100.0 * tolerance * scale)


def _ergotropy_laws(found, tolerance):
    """0 <= local <= ladder <= total <= E, and of a distribution that sums to one."""
    chain = [
        np.zeros(found.times.size),
        found["ergotropy_local"],
        found["ergotropy"],
        found["ergotropy_total"],
        found["battery_energy"],
    ]
    for smaller, larger in itertools.pairwise(chain):
        assert (smaller <= larger + tolerance).all()
    populations = found.distributions["populations"].weight
    assert (populations > -tolerance).all()
    assert (populations < 1.0 + tolerance).all()
    np.testing.assert_allclose(populations.sum(axis=-1), 1.0, atol=tolerance)
    levels = np.arange(populations.shape[-1]) / (populations.shape[-1] - 1)
    np.testing.assert_allclose(populations @ levels, found["battery_energy"], atol=10 * tolerance)


def _capacity_laws(found, tolerance):
    """Ergotropy <= capacity, ladder <= total, and what charging up may add fills the rest."""
    room = 1.0 - found["battery_energy"]
    for name in ("", "_total"):
        work, capacity = found[f"ergotropy{name}"], found[f"capacity_unitary{name}"]
        assert (work <= capacity + tolerance).all()
        assert (capacity - work <= room + tolerance).all()
    assert (found["capacity_unitary"] <= found["capacity_unitary_total"] + tolerance).all()


@given(BATTERIES, TIMES)
@few
def test_exact_averages(battery, times):
    found = trajectories.evolve(battery, times, OF_AVERAGES)
    efficiency = found.values.pop("charging_efficiency")  # empty where nothing was lost
    _laws(battery, found, ROUNDING)
    _ergotropy_laws(found, ROUNDING)
    _capacity_laws(found, ROUNDING)
    # levels less probable than 1e-10 are taken for that, at these rates
    rates = 1.0 + np.abs(found["power"]).max()
    assert (np.abs(found["power"]) <= found["power_bound"] + 1e-8 * rates).all()
    if battery.nbar == 0.0:
        assert (np.nan_to_num(efficiency) <= 1.0 + 1e-4).all()  # from differences of 1e-10


@given(BATTERIES)
@few
def test_where_charging_ends(battery):
    rest = trajectories.steady_state(battery)
    _ergotropy_laws(rest, ROUNDING)
    # every mode decays at gamma or faster: after 40/gamma what is left is e^-40
    late = trajectories.evolve(battery, [40.0])
    for name in ("battery_energy", "charger_energy", "ergotropy", "ergotropy_total"):
        np.testing.assert_allclose(late[name], rest[name], atol=ROUNDING)


@given(BATTERIES, TIMES, st.integers(0, 2**64 - 1))
@few
def test_single_runs(battery, times, seed):
    names = ("ergotropy", "ergotropy_total", "ergotropy_local", "battery_energy", "charger_energy")
    rates = ("emission_rate", "absorption_rate", "emitted_photons", "absorbed_photons")
    found = trajectories.sample(battery, times, 5, seed, observables=(*names, *rates))
    # sums of single runs are in units of 2^-30 of their bounds
    _laws(battery, found, 1e-8)
    _ergotropy_laws(found, 1e-8)
    one = trajectories.single_run(battery, times, seed, 0)
    jumps = np.searchsorted(one.jump_times, times, side="right")
    excitations = one.M + 0.5 * (battery.n_battery + battery.n_charger)
    steps = np.concatenate([[0], np.cumsum(one.directions)])[jumps]
    np.testing.assert_array_equal(excitations, battery.n_charger + steps)
    np.testing.assert_allclose((one.amplitudes**2).sum(axis=1), 1.0, atol=1e-12)
    assert (np.abs(one.directions) == 1).all()
    assert (np.diff(one.jump_times) > 0.0).all()


@given(BATTERIES, TIMES, st.floats(1e-8, 1e8))
@few
def test_gamma_only_sets_the_pace(battery, times, gamma):
    """gamma and 1/t scale together: energies as before, rates times gamma."""
    fast = CollectiveBattery(battery.n_battery, battery.n_charger, battery.nbar, gamma=gamma)
    scaled = np.array(times) / gamma
    one, other = trajectories.evolve(battery, times), trajectories.evolve(fast, scaled)
    for name in ("battery_energy", "ergotropy", "emitted_photons"):
        # 1e-9: gamma (t/gamma) is t to rounding, which rates of 1e4 per 1/gamma see
        np.testing.assert_allclose(other[name], one[name], rtol=1e-9, atol=1e-9)
    scale = np.abs(one["power"]).max() + 1.0
    np.testing.assert_allclose(other["power"] / gamma, one["power"], atol=1e-8 * scale)
    # single runs draw their photons from the same numbers
    runs = [trajectories.single_run(b, t, 3, 1) for b, t in ((battery, times), (fast, scaled))]
    common = min(run.directions.size for run in runs)
    assert abs(runs[0].directions.size - runs[1].directions.size) <= 1  # one at the very end
    np.testing.assert_allclose(
        runs[1].jump_times[:common] * gamma, runs[0].jump_times[:common], rtol=1e-12
    )


@given(st.integers(1, 6), st.integers(1, 6), NBAR)
@few
def test_names_are_only_names(n_battery, n_charger, nbar):
    """The two ensembles have one Liouvillian: swapped, they swap what they do.

    Taken to the same state by spin flip in the heat: at nbar -> inf the reservoir does not tell up
    from down, and E_B of (N_B, N_C) is 1 - E_C of (N_C, N_B).
    """
    battery = CollectiveBattery(n_battery, n_charger, nbar=nbar)
    mirrored = CollectiveBattery(n_charger, n_battery, nbar=nbar)
    one, other = trajectories.steady_state(battery), trajectories.steady_state(mirrored)
    weights = [s.distributions["dark_state"] for s in (one, other)]
    # the ladder J of |down...>|up...> is as likely whichever ensemble is up
    np.testing.assert_allclose(weights[0].low, weights[1].low)
    np.testing.assert_allclose(weights[0].weight, weights[1].weight, rtol=1e-9, atol=1e-300)
    hot = [CollectiveBattery(b.n_battery, b.n_charger, nbar=1e12) for b in (battery, mirrored)]
    times = np.array([0.1, 0.5, 2.0]) * 1e-12
    one, other = (trajectories.evolve(b, times) for b in hot)
    # 1e-9: the reservoir tells up from down by 1/nbar
    np.testing.assert_allclose(one["battery_energy"], 1.0 - other["charger_energy"], atol=1e-9)


@given(BATTERIES, TIMES)
@settings(deadline=None, max_examples=25)
def test_moments_keep_the_balance_and_say_where_they_leave_their_bounds(battery, times):
    found = meanfield.evolve(battery, times)
    inside = all(
        ((found[name] > -1e-6) & (found[name] < 1.0 + 1e-6)).all()
        for name in ("battery_energy", "charger_energy")
    )
    assert inside or found.warnings
    stored = (
        battery.n_battery * found["battery_energy"] + battery.n_charger * found["charger_energy"]
    )
    balance = stored + found["emitted_photons"] - found["absorbed_photons"]
    scale = battery.n_charger + np.abs(found["emitted_photons"]).max()
    # 1e-6: the tolerance of a step, which acts on the counters as well
    np.testing.assert_allclose(balance, battery.n_charger, atol=1e-6 * scale)
