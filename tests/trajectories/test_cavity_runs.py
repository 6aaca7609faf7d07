"""Single runs with the mode: against averages, an independent Monte Carlo, and to the bit."""

import math

import numpy as np
import pytest
import qutip
from scipy.stats import chi2

from darkbattery import trajectories
from darkbattery.nvmodel import InputError, Resonator, ResonatorBattery, SpinEnsemble
from darkbattery.trajectories.qutip import resonator_to_qutip
from tests.trajectories.test_cavity_master import model_of

NAMES = (
    "battery_energy",
    "charger_energy",
    "power",
    "photons",
    "emission_rate",
    "output_power",
    "emitted_photons",
    "absorbed_photons",
    "battery_energy_joule",
)


@pytest.mark.parametrize(
    ("model", "runs", "last"),
    [
        (model_of(1, 2, 1.0), 20_000, 4.0),
        (model_of(2, 6, math.sqrt(8.0)), 4000, 5.0),
        pytest.param(model_of(3, 2, 0.7, detuning=1.1), 8000, 6.0, marks=pytest.mark.long),
        (model_of(1, 2, 1.5, nbar=0.3, detuning=0.7), 8000, 3.0),
        (model_of(2, 3, 40.0), 2000, 20.0),
    ],
)
def test_means_over_runs_are_the_averages(model, runs, last):
    times = np.linspace(0.0, last, 9)
    found = trajectories.sample(model, times, runs, seed=7)
    exact = trajectories.evolve(model, times)
    assert not found.warnings
    for name in NAMES:
        off = np.abs(found[name] - exact[name])
        # of 8 times and 9 names, some of them alike: beyond 4.5 sigma once in 2000 seeds. The sums'
        # fixed point is 1e-9 of a bound
        scale = max(1.0, np.abs(exact[name]).max())
        assert (off <= 4.5 * found.errors[name] + 1e-8 * scale).all(), name


def test_emitted_photons_are_distributed_as_in_an_independent_monte_carlo():
    """Photons of (1, 2) until t = 2: by waiting times of small steps in the product basis."""
    model, last, runs = model_of(1, 2, 1.5), 2.0, 4000
    few = resonator_to_qutip(model, 2)
    loss = few.collapse[0].full()
    free = -1j * few.hamiltonian.full() - 0.5 * loss.conj().T @ loss
    steps = 800
    advance = qutip.Qobj(free * (last / steps)).expm().full()
    rng = np.random.default_rng(5)
    start = few.initial.full()[:, np.argmax(np.diag(few.initial.full()).real)].copy()
    states = np.repeat(start[:, None], runs, axis=1)
    level, counted = rng.random(runs), np.zeros(runs, dtype=int)
    for _ in range(steps):
        states = advance @ states
        jumped = (np.abs(states) ** 2).sum(axis=0) < level
        states[:, jumped] = loss @ states[:, jumped]
        states[:, jumped] /= np.linalg.norm(states[:, jumped], axis=0)
        counted[jumped] += 1
        level[jumped] = rng.random(jumped.sum())
    ours = trajectories.sample(model, [last], runs, seed=3)
    found = ours.distributions["emitted_photons"].weight[:3]
    theirs = np.bincount(counted, minlength=3)
    # two samples of equal size: chi squared of two degrees of freedom, beyond it once in 1000.
    # Their jumps are late by at most a step, 0.4 % of a photon
    statistic = ((found - theirs) ** 2 / (found + theirs)).sum()
    assert statistic < chi2.ppf(0.999, df=2)


def test_ladders_are_drawn_with_their_weights_and_end_dark():
    model, runs = model_of(1, 5, 3.0), 3000
    found = trajectories.sample(model, [60.0], runs, seed=11)
    drawn = found.distributions["dark_state"]
    assert drawn.low.tolist() == [2.0, 3.0]
    share = drawn.weight[0] / runs
    assert abs(share - 5.0 / 6.0) < 4.0 * math.sqrt(5.0 / 36.0 / runs)
    # ladder J ends in |J,-J>: M0 + J photons each, and nothing is left in the mode
    photons = found.distributions["emitted_photons"].weight
    assert photons[[4, 5]].tolist() == drawn.weight.tolist()
    assert found["photons"][0] < 1e-9
    end = trajectories.steady_state(model)["battery_energy"][0]
    assert abs(found["battery_energy"][0] - end) < 4.0 * found.errors["battery_energy"][0] + 1e-9


@pytest.mark.parametrize("model", [model_of(2, 3, 2.0), model_of(1, 2, 1.0, 0.4, 0.3)])
def test_any_split_of_the_runs_gives_the_same_bits(model):
    times = [0.0, 0.5, 3.0]
    whole = trajectories.sample(model, times, 60, seed=5, first=10)
    parts = [trajectories.sample(model, times, n, seed=5, first=f) for f, n in ((45, 25), (10, 35))]
    merged = parts[0].merge(parts[1])
    for name, counts in whole.tally.arrays().items():
        assert np.array_equal(counts, merged.tally.arrays()[name]), name
    other = trajectories.sample(model, times, 60, seed=6, first=10)
    assert not np.array_equal(other["battery_energy"], whole["battery_energy"])


def test_output_times_change_no_record():
    """A finer grid of outputs takes other steps: jump times to rounding, and the same photons."""
    model = model_of(2, 4, 1.0)
    coarse = trajectories.sample(model, [4.0], 200, seed=2)
    fine = trajectories.sample(model, np.linspace(0.0, 4.0, 41), 200, seed=2)
    assert coarse["emitted_photons"][-1] == fine["emitted_photons"][-1]
    # of 200 runs; series and roots are good to 1e-13, the fixed point to 1e-9
    assert abs(coarse["battery_energy"][-1] - fine["battery_energy"][-1]) < 2e-9


def test_no_error_is_zero_where_something_may_happen():
    found = trajectories.sample(model_of(1, 2, 1e-3), [0.0, 0.1], 10, seed=1)
    assert found["emitted_photons"][1] == 0.0  # one in some 10^5 runs has one
    assert found.errors["emitted_photons"][1] > 0.0
    assert found.errors["emitted_photons"][0] < 1e-9


def test_what_runs_do_not_have_is_refused():
    model = model_of(1, 2, 1.0)
    with pytest.raises(InputError, match="observables"):
        trajectories.sample(model, [1.0], 1, 1, observables=["g2_zero"])
    with pytest.raises(InputError, match="take shorter times"):
        trajectories.sample(model, [1e12], 1, 1)
    with pytest.raises(InputError, match="amplitudes"):
        trajectories.sample(model_of(100, 500, 1.0, nbar=1e5), [1.0], 1, 1)
    with pytest.raises(InputError, match="take shorter times"):
        trajectories.single_run(model, [1e12], 1, 1)


@pytest.mark.parametrize(("battery", "charger", "seed"), [(2, 4, 1), (1, 2, 1), (1, 5, 2)])
def test_late_light_of_few_runs_lies_within_its_error(battery, charger, seed):
    """Few or none of 2,000 runs have an excitation left; errors were too small by 18 and 25."""
    spins = {"coupling": 2e6 * math.pi}
    linewidth = 0.8e6 * math.sqrt(battery + charger)  # Hz, where the light swings back and forth
    model = ResonatorBattery(
        SpinEnsemble(number=charger, **spins),
        Resonator(frequency_hz=5e9, linewidth_fwhm_hz=linewidth),
        SpinEnsemble(number=battery, **spins),
    )
    times = np.linspace(0.0, 2e-6, 21)
    exact = trajectories.evolve(model, times, ["photons"])["photons"]
    single = trajectories.sample(model, times, 2000, seed, observables=["photons"])
    # 5: of skewed sums of few events at 21 times
    off = np.abs(single["photons"] - exact)[1:] / single.errors["photons"][1:]
    assert off.max() < 5.0


STATES = (
    "battery_energy",
    "ergotropy",
    "ergotropy_total",
    "daemonic_ergotropy",
    "energy_variance",
    "energy_variance_conditional",
    "energy_variance_runs",
    "ergotropy_variance_runs",
    "emitted_photons_variance",
    "fano_factor",
)


@pytest.mark.parametrize("model", [model_of(2, 4, 1.5), model_of(1, 3, 1.0, 0.4, 0.3)])
def test_ergotropies_of_runs_are_those_of_the_average_state_and_scatter_lawfully(model):
    times = np.linspace(0.0, 4.0, 5)
    found = trajectories.sample(model, times, 3000, 5, observables=STATES)
    exact = trajectories.evolve(model, times, ["ergotropy", "ergotropy_total"])
    for name in ("ergotropy", "ergotropy_total"):
        # ten numbers of two models: beyond 4.5 sigma once in 7000 seeds
        off = np.abs(found[name] - exact[name])
        assert (off <= 4.5 * found.errors[name] + 1e-8).all(), name
    # the populations are those of the average state
    p = exact.distributions["populations"].weight
    q = found.distributions["populations"].weight
    assert np.abs(q - p).max() < 4.5 * 0.5 / math.sqrt(3000)
    # what is known of a run is worth something, and the law of total variance holds
    assert (found["daemonic_ergotropy"] >= found["ergotropy"] - 1e-9).all()
    m = np.arange(p.shape[-1]) / (p.shape[-1] - 1.0)
    law = (q * m**2).sum(axis=-1) - found["battery_energy"] ** 2
    # populations and energies are rounded to 1e-9 each
    assert np.abs(found["energy_variance"] - law).max() < 1e-7


def test_rows_and_single_runs_are_the_runs_that_are_added_up():
    model, times = model_of(2, 4, 1.0), np.linspace(0.0, 12.0, 25)
    names = ("battery_energy", "emitted_photons", "daemonic_ergotropy", "photons")
    many = trajectories.sample(model, times, 40, 3, first=7, observables=names, records="summary")
    rows = many.records
    assert rows.run.tolist() == list(range(7, 47))
    ones = [trajectories.single_run(model, times, 3, run) for run in rows.run]
    assert rows.emitted_photons.tolist() == [one.jump_times.size for one in ones]
    assert rows.final_energy.tolist() == [one.battery_energy[-1] for one in ones]
    assert np.array_equal(rows.final_J, [one.J[np.argmax(weights(one)[-1])] for one in ones])
    for name, of in (
        ("battery_energy", "battery_energy"),
        ("emitted_photons", "emitted_photons"),
        ("daemonic_ergotropy", "ergotropy"),
        ("photons", "photons"),
    ):
        mean = np.mean([getattr(one, of) for one in ones], axis=0)
        # the sums' fixed point: 1e-9 of a bound of at most 6
        assert np.abs(many[name] - mean).max() < 1e-8, name


def weights(one):
    """Of the ladders at all times, (T, K)."""
    return (np.abs(one.amplitudes) ** 2).sum(axis=-1)


@pytest.mark.parametrize("detuning", [0.0, 0.8])
def test_a_single_run_obeys_its_own_record(detuning):
    """From its photons alone: the conditional state in QuTiP's product basis."""
    model, times = model_of(1, 2, 1.2, detuning=detuning), np.linspace(0.0, 3.0, 7)
    one = next(
        run
        for run in (trajectories.single_run(model, times, 9, i) for i in range(50))
        if run.jump_times.size == 2
    )
    few = resonator_to_qutip(model, 2)
    loss = few.collapse[0].full()
    free = -1j * few.hamiltonian.full() - 0.5 * loss.conj().T @ loss
    psi = few.initial.full()[:, np.argmax(np.diag(few.initial.full()).real)]
    values, vectors = np.linalg.eig(free)
    back = np.linalg.inv(vectors)

    def advanced(state, time):
        return vectors @ (np.exp(values * time) * (back @ state))

    now, photons = 0.0, one.jump_times.tolist()
    for i, t in enumerate(times):
        while photons and photons[0] <= t:
            psi = loss @ advanced(psi, photons[0] - now)
            now = photons.pop(0)
        at = advanced(psi, t - now)
        at = at / np.linalg.norm(at)
        for name in ("battery_energy", "photons"):
            seen = (at.conj() @ few.observables[name].full() @ at).real
            # series to 1e-12, eigenvectors of a matrix that is not normal
            assert abs(getattr(one, name)[i] - seen) < 1e-9, (name, t)


def test_few_runs_without_a_thermal_photon_know_that_there_may_be_one():
    """Of 20 runs none may hold one at nbar = 0.25: photons were off by up to 9 errors."""
    model, times = model_of(1, 2, 1.0, nbar=0.25), [0.0, 0.2, 0.5, 1.0]
    exact = trajectories.evolve(model, times, ["photons"])["photons"]
    worst = 0.0
    for seed in range(200):
        found = trajectories.sample(model, times, 20, seed, observables=["photons"])
        off = np.abs(found["photons"] - exact) / found.errors["photons"]
        worst = max(worst, off.max())
    # of 800 numbers, of skewed sums of some five photons: 3.5 is seen
    assert worst < 4.5
