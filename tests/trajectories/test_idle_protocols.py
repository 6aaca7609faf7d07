"""A protocol that switches nothing is the plain battery, whoever is asked."""

import math
from dataclasses import replace

import numpy as np
import pytest

from darkbattery import meanfield
from darkbattery.nvmodel import CollectiveBattery, InputError, LocalNoise, Pulse, Stage
from darkbattery.trajectories import evolve, sample, single_run, steady_state
from darkbattery.trajectories.averages import evolution as master
from darkbattery.trajectories.averages.counting import second_order_coherence
from darkbattery.trajectories.jumps import sampling as jumps
from darkbattery.trajectories.jumps.photons.waiting import exact_waits, waiting_times
from darkbattery.trajectories.qutip.fewspins import to_qutip
from darkbattery.trajectories.qutip.states import density_matrices

TIMES = [0.0, 0.3, 1.0, 2.0]
NOISE = LocalNoise(dephasing=0.2, emission=0.1)
ENDLESS = (Stage(1.0, name="a"), Pulse(), Stage(math.inf, name="b"), Pulse(1.0))
IDLE = [(Stage(math.inf),), (Pulse(0.0), Stage(1.0), Stage(1.0)), ENDLESS]


def _same(one, other):
    assert one.provenance == other.provenance
    assert set(one.values) == set(other.values)
    for name, values in one.values.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)
        errors = one.errors[name], other.errors[name]
        assert (errors[0] is None) == (errors[1] is None)
        if errors[0] is not None:
            np.testing.assert_array_equal(*errors)


@pytest.mark.parametrize("protocol", IDLE)
@pytest.mark.parametrize(
    "plain",
    [
        CollectiveBattery(3, 5),
        CollectiveBattery(3, 5, nbar=0.4),
        CollectiveBattery(3, 5, detector_efficiency=0.5),
        CollectiveBattery(10**12, 5 * 10**12),
        CollectiveBattery(2, 3, battery_noise=NOISE),
        CollectiveBattery(2, 3, battery_start="thermal", nbar=0.3, detuning=0.5),
    ],
)
def test_averages_and_runs_to_the_bit(plain, protocol):
    idle = replace(plain, protocol=protocol)
    _same(evolve(idle, TIMES), evolve(plain, TIMES))
    assert master.available(idle) == master.available(plain)
    assert jumps.available(idle) == jumps.available(plain)
    if plain.n_battery < 10**6:
        _same(sample(idle, TIMES, 50, seed=3), sample(plain, TIMES, 50, seed=3))


def test_noise_of_the_one_stage_is_the_model_s():
    noisy = CollectiveBattery(2, 3, battery_noise=NOISE)
    stage = Stage(math.inf, battery_noise=NOISE)
    _same(evolve(CollectiveBattery(2, 3, protocol=(stage,)), TIMES), evolve(noisy, TIMES))
    silenced = replace(noisy, protocol=(replace(stage, battery_noise=LocalNoise()),))
    _same(evolve(silenced, TIMES), evolve(CollectiveBattery(2, 3), TIMES))
    _same(steady_state(silenced), steady_state(CollectiveBattery(2, 3)))


@pytest.mark.parametrize("nbar", [0.0, 0.4])
def test_every_other_entry(nbar):
    plain = CollectiveBattery(2, 4, nbar=nbar)
    idle = replace(plain, protocol=ENDLESS)
    _same(steady_state(idle), steady_state(plain))
    one, other = (single_run(b, TIMES, seed=1, run=2) for b in (idle, plain))
    np.testing.assert_array_equal(one.amplitudes, other.amplitudes)
    waits = [waiting_times(b, [0.0, 1.0, 9.0], 9.0, 20, seed=1) for b in (idle, plain)]
    np.testing.assert_array_equal(waits[0].between, waits[1].between)
    both = [second_order_coherence(b, 0.1, [0.0, 0.1]) for b in (idle, plain)]
    np.testing.assert_array_equal(*both)
    for a, b in zip(density_matrices(idle, TIMES), density_matrices(plain, TIMES), strict=True):
        np.testing.assert_array_equal(a.full(), b.full())
    assert to_qutip(idle).factors == to_qutip(plain).factors == (1, 1)
    if nbar == 0.0:
        np.testing.assert_array_equal(exact_waits(idle, TIMES), exact_waits(plain, TIMES))
    _same(meanfield.evolve(idle, TIMES), meanfield.evolve(plain, TIMES))


def test_the_end_of_an_idle_protocol_is_kept():
    """It says how long the experiment lasts."""
    ends = CollectiveBattery(2, 4, protocol=(Stage(1.0), Stage(1.0)))
    for ask in (
        lambda: evolve(ends, [1.0, 3.0]),
        lambda: sample(ends, [1.0, 3.0], 5, seed=1),
        lambda: steady_state(ends),
        lambda: waiting_times(ends, [0.0, 1.0], 3.0, 5, seed=1),
        lambda: exact_waits(ends, [0.0, 1.0]),
        lambda: second_order_coherence(ends, 1.0, [0.0, 3.0]),
        lambda: density_matrices(ends, [3.0]),
        lambda: meanfield.evolve(ends, [3.0]),
    ):
        with pytest.raises(InputError, match=r"protocol"):
            ask()
