"""Outputs at the time of a switch, just before and just after: read in the right stage."""

import math

import numpy as np
import pytest
from scipy.sparse import diags

from darkbattery.nvmodel import CollectiveBattery, DickeState, LocalNoise, Polarised, Pulse, Stage
from darkbattery.nvmodel.eight import EIGHT
from darkbattery.trajectories import evolve, sample
from darkbattery.trajectories.averages.evolution import FOR_REAL_SPINS
from darkbattery.trajectories.averages.speed_limits import LIMITS, SPEEDS
from darkbattery.trajectories.jumps.photons import recording
from darkbattery.trajectories.jumps.spins import stages
from darkbattery.trajectories.jumps.spins.local_noise import EDGE, empty_state
from darkbattery.trajectories.propagate.krylov import krylov_states
from tests.explicit import Explicit

NOISE = LocalNoise(dephasing=0.3, emission=0.2, pumping=0.1)
BATTERIES = {
    "a last pulse in the heat": CollectiveBattery(
        1,
        2,
        nbar=2.0,
        battery_start="thermal",
        charger_start=DickeState(1, j=0),
        protocol=(Stage(0.5), Pulse(0.0, 1.0)),
    ),
    "pulses alone": CollectiveBattery(
        2,
        2,
        nbar=0.7,
        battery_start=DickeState(1, j=0),
        charger_start=DickeState(1, j=0),
        protocol=(Pulse(0.5, 0.0), Pulse(0.0, 1.0)),
    ),
    "pulses alone, noisy": CollectiveBattery(
        2, 1, battery_noise=NOISE, detuning=0.4, protocol=(Pulse(1.0, 0.3),)
    ),
    "pulses at both ends": CollectiveBattery(
        2,
        2,
        nbar=0.3,
        charger_start=Polarised(0.8),
        protocol=(Pulse(0.2, 0.4), Stage(0.4), Pulse(0.5, 0.5), Stage(0.2, "battery"), Pulse(1.0)),
    ),
    "noise that comes late": CollectiveBattery(
        1,
        2,
        charger_start=DickeState(1, j=0),
        protocol=(Stage(0.3), Stage(0.3, "none", NOISE, NOISE), Pulse(0.6, 0.6)),
    ),
    "a reservoir that comes late": CollectiveBattery(
        2,
        1,
        nbar=0.5,
        detuning=0.6,
        charger_start=DickeState(0),
        protocol=(Stage(0.3, "none"), Stage(0.3, "charger"), Stage(0.3), Pulse(0.0, 0.7)),
    ),
    "noise from the start": CollectiveBattery(4, 2, battery_noise=NOISE),
    "a detuning from the start": CollectiveBattery(2, 2, nbar=0.2, detuning=1.0),
}


def _around_switches(battery):
    """At, just before and just after each switch, as far as the protocol reaches."""
    ends = np.cumsum([0.0, *(s.duration for s in battery.stages if isinstance(s, Stage))])
    ends = ends[np.isfinite(ends)]
    times = np.unique(np.concatenate([ends - 1e-6, ends, ends + 1e-6]))
    last = math.inf if battery.stages == (Stage(math.inf),) else ends[-1]
    return times[(times >= 0.0) & (times <= last)]


@pytest.mark.parametrize("name", BATTERIES)
def test_averages_around_every_switch(name):
    battery = BATTERIES[name]
    times = _around_switches(battery)
    expected = Explicit(battery).averages(times)
    found = evolve(battery, times, [*expected])
    for observable, values in expected.items():
        # 1e-9: both are within 1e-10, and rates have the size of the generator
        np.testing.assert_allclose(found[observable], values, atol=1e-9, err_msg=observable)


@pytest.mark.parametrize("name", BATTERIES)
def test_each_output_by_itself(name):
    """An output that is the last one, wherever it lies, is read as among others."""
    battery = BATTERIES[name]
    times = _around_switches(battery)
    together = evolve(battery, times, FOR_REAL_SPINS)
    for i, time in enumerate(times):
        alone = evolve(battery, [time], FOR_REAL_SPINS)
        for observable in FOR_REAL_SPINS:
            # 1e-9: as above; speeds are roots of rates over probabilities that are 1e-6 here
            near = 1e-6 if observable in (*SPEEDS, *LIMITS) else 0.0
            assert np.isclose(
                alone[observable][0], together[observable][i], rtol=near, atol=1e-9, equal_nan=True
            ), observable


@pytest.mark.parametrize("name", BATTERIES)
def test_a_stage_behind_the_end_changes_nothing_before_it(name):
    battery = BATTERIES[name]
    if not battery.protocol:
        return
    stages = [step for step in battery.protocol if isinstance(step, Stage)] or [Stage(1.0)]
    longer = CollectiveBattery(
        battery.n_battery,
        battery.n_charger,
        nbar=battery.nbar,
        battery_start=battery.battery_start,
        charger_start=battery.charger_start,
        battery_noise=battery.battery_noise,
        detuning=battery.detuning,
        protocol=(*battery.protocol, stages[-1]),
    )
    times = _around_switches(battery)
    one, other = evolve(battery, times, FOR_REAL_SPINS), evolve(longer, times, FOR_REAL_SPINS)
    for observable in FOR_REAL_SPINS:
        # 1e-9: as above; the entanglement rate among them, which `Explicit` does not know
        np.testing.assert_allclose(one[observable], other[observable], atol=1e-9)


@pytest.mark.parametrize("name", BATTERIES)
def test_single_runs_around_every_switch(name):
    battery = BATTERIES[name]
    times = _around_switches(battery)
    expected = Explicit(battery).averages(times)
    names = [o for o in expected if not o.startswith("ergotropy")]
    found = sample(battery, times, runs=1500, seed=11, observables=names)
    for observable in names:
        error = np.maximum(found.errors[observable], 1e-9)  # 1e-9: nothing differs between runs
        # 5 sigma, and rare events that no run has seen: 1e-6 of time at rates of up to 20
        room = 5.0 * error + 2e-5
        assert np.all(np.abs(found[observable] - expected[observable]) < room), observable


def test_outputs_that_a_double_can_hardly_tell_apart():
    """Two outputs within rounding of the protocol's end, both read."""
    battery = CollectiveBattery(2, 2, protocol=(Stage(0.1), Stage(0.2, "battery")))
    end = 0.1 + 0.2
    found = evolve(battery, [end * (1.0 - 5e-13), end])
    # 1e-11: 5e-13 of a time at rates of 3
    assert abs(np.diff(found["battery_energy"])[0]) < 1e-11


@pytest.mark.parametrize("spans", [[0.0], [0.0, 0.0], [0.0, 1.0, 1.0], [1.0, 1.0]])
def test_krylov_over_no_time_and_over_the_same_time_twice(spans):
    rates = np.linspace(0.5, 2.0, 60)  # more than the projected spaces have dimensions
    start, counting = np.append(np.ones(60) / 60, 0.0), rates[None]
    found = list(krylov_states(diags(-rates).tocsr(), counting, start, np.array(spans)))
    for span, state in zip(spans, found, strict=True):
        left = np.exp(-rates * span) / 60
        # 1e-12: the method's tolerance
        np.testing.assert_allclose(state, [*left, 1.0 - left.sum()], atol=1e-12)


@pytest.mark.parametrize(
    "battery",
    [
        CollectiveBattery(2, 3),
        CollectiveBattery(2, 3, nbar=0.5),
        CollectiveBattery(1, 3, nbar=0.5, battery_start="thermal"),
        CollectiveBattery(300, 100_000, nbar=0.5),
        CollectiveBattery(10**13, 5 * 10**13),
        CollectiveBattery(2, 3, detector_efficiency=0.5),
        CollectiveBattery(20, 100, battery_noise=LocalNoise(emission=0.1)),
        CollectiveBattery(3, 3, detuning=0.5),
        *BATTERIES.values(),
    ],
)
def test_the_start_alone(battery):
    found = evolve(battery, [0.0])
    b, c = battery.battery_preparation, battery.charger_preparation
    for start, spins, name in (
        (b, battery.n_battery, "battery"),
        (c, battery.n_charger, "charger"),
    ):
        up = start.up if isinstance(start, Polarised) else start.excitations / spins
        # 1e-12: sums of a few hundred rounded terms
        assert abs(found[f"{name}_energy"][0] - up) < 1e-12
    assert found["emitted_photons"][0] == found["absorbed_photons"][0] == 0.0
    if battery.n_charger < 10**13:
        runs = sample(battery, [0.0], runs=3, seed=1)
        assert runs["emitted_photons"][0] == 0.0


GUARD = 4096  # numbers around each array


class Guard:
    """Arrays of what builds room for kernels, with others around them that nothing may write to."""

    def __init__(self, build):
        self.build, self.kept = build, []

    def __call__(self, *sizes):
        room = self.build(*sizes)
        for array in room:
            whole = np.full(array.size + 2 * GUARD, 7, array.dtype)
            inside = whole[GUARD : GUARD + array.size]
            inside[:] = array.ravel()
            self.kept.append((whole, inside.reshape(array.shape)))
        return type(room)(*(inside for _, inside in self.kept[-len(room) :]))

    def held(self):
        """Whether nothing was written beyond any array, of which there were some."""
        edges = [(whole[:GUARD], whole[GUARD + inside.size :]) for whole, inside in self.kept]
        return bool(edges) and all(np.all(edge == 7) for pair in edges for edge in pair)


# what is written eight at a time is checked by nothing else: it would be other arrays' memory


@pytest.mark.parametrize("name", [n for n, one in BATTERIES.items() if not one.is_collective])
def test_series_write_nothing_beyond_their_arrays(name, monkeypatch):
    guard, battery = Guard(stages.empty_frame), BATTERIES[name]
    monkeypatch.setattr(stages, "empty_frame", guard)
    sample(battery, _around_switches(battery), runs=300, seed=11)
    assert guard.held()


@pytest.mark.parametrize("fewest", range(1, 20))
def test_a_row_of_a_state_has_room_for_whole_registers(fewest):
    """Beyond its end stands the next row, which no guard between arrays would miss."""
    scratch = empty_state(fewest, 50, detuned=False).scratch
    # amplitudes of all J, from the border on, in registers of eight
    assert scratch.shape[1] >= EDGE + -(-(fewest + 1) // EIGHT) * EIGHT


@pytest.mark.parametrize(("n_battery", "n_charger"), [(1, 1), (1, 9), (8, 8), (10, 50), (40, 60)])
@pytest.mark.parametrize(
    "times", [[0.0], [0.05], [0.0, 0.03, 0.08], list(np.linspace(0.0, 1.0, 33))]
)  # closer than what has logarithms followed instead
def test_runs_abreast_write_nothing_beyond_their_arrays(n_battery, n_charger, times, monkeypatch):
    guards = {name: Guard(getattr(recording, name)) for name in ("new_crossings", "new_walks")}
    for name, guard in guards.items():
        monkeypatch.setattr(recording, name, guard)
    sample(CollectiveBattery(n_battery, n_charger, nbar=0.5), times, runs=50, seed=3)
    assert all(guard.held() for guard in guards.values())
