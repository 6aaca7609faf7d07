"""Single runs at a resonator over irreps: beside averages, beside QuTiP, and among themselves."""

import dataclasses
import math

import numpy as np
import pytest
import qutip
import scipy

from darkbattery import runs, trajectories
from darkbattery.nvmodel import (
    ClosedModes,
    Drive,
    Experiment,
    InputError,
    LocalNoise,
    Pulse,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Spins,
    Stage,
)
from darkbattery.runs.definitions.definition import find_definition
from darkbattery.runs.definitions.tomlfile import read_toml
from darkbattery.trajectories.jumps.sampling import available
from darkbattery.trajectories.qutip import resonator_to_qutip

G = 2.0 * math.pi * 5e6
TIMES = np.linspace(0.0, 300e-9, 13)
NAMES = (
    "battery_energy",
    "charger_energy",
    "photons",
    "power",
    "emitted_photons",
    "absorbed_photons",
    "local_loss",
    "ergotropy",
    "ergotropy_total",
    "daemonic_ergotropy",
)
AVERAGED = tuple(name for name in NAMES if name != "daemonic_ergotropy")


def _noisy(n_battery=2, n_charger=3, temperature=0.15):
    """T1, T2, unequal couplings, a detuning and thermal photons at once."""
    spins = {"t1_s": 3e-7, "t2_s": 2e-7}
    return ResonatorBattery(
        battery=SpinEnsemble(n_battery, coupling=0.8 * G, **spins),
        charger=SpinEnsemble(n_charger, coupling=G, **spins),
        resonator=Resonator(5e9, linewidth_fwhm_hz=9.8e6, temperature_k=temperature),
        battery_detuning_hz=3e6,
    )


def _staged():
    """In, out of resonance with more noise, in again; the charger not full at the start."""
    return Experiment(
        Spins(2, "down", coupling=G),
        Spins(2, "up", coupling=G, noise=LocalNoise(emission=1e6)),
        Resonator(5e9, linewidth_fwhm_hz=4e6),
        protocol=(
            Stage(60e-9),
            Stage(80e-9, charger_detuning=8.0 * G, battery_noise=LocalNoise(dephasing=4e6)),
            Stage(math.inf, battery_detuning=0.0, charger_detuning=0.0),
        ),
    )


def _pumped():
    """Spins that are pumped up for ever: more photons than the start had excitations."""
    spins = {"coupling": G, "noise": LocalNoise(pumping=1.5e8)}
    return Experiment(Spins(1, "down", **spins), Spins(1, "up", **spins), Resonator(5e9, 4e6))


@pytest.mark.parametrize(
    "model", [_noisy(2, 2, 0.1), _staged(), _pumped()], ids=["noisy", "staged", "pumped"]
)
def test_sums_over_runs_are_the_averages(model):
    """Within 4.2 standard errors: of 10 x 13 numbers one in 300 such tests would be further."""
    exact = trajectories.evolve(model, TIMES, AVERAGED)
    found = trajectories.sample(model, TIMES, 4000, 5, observables=NAMES)
    for name in AVERAGED:
        error = found.errors[name]
        # what neither scatters nor is missed is known to the last bits of the sums: 2^-30
        tolerance = 4.2 * error + 1e-8 * max(1.0, np.abs(exact[name]).max())
        assert (np.abs(found[name] - exact[name]) <= tolerance).all(), name
    # each run knows its own record
    assert (found["daemonic_ergotropy"] >= found["ergotropy"] - 1e-8).all()


def test_the_first_jump_is_when_qutips_norm_says():
    """The share of runs without any record at t: the norm under QuTiP's effective Hamiltonian."""
    model = ResonatorBattery(
        battery=SpinEnsemble(1, coupling=0.7 * G, t1_s=2e-7),
        charger=SpinEnsemble(2, coupling=G, t1_s=3e-7),
        resonator=Resonator(5e9, linewidth_fwhm_hz=9.8e6),
    )
    few, start = _in_qutip(model)
    decay = sum(c.dag() * c for c in few.collapse)
    effective = (-1j * few.hamiltonian - 0.5 * decay).full()
    psi = start.full().ravel()
    for t in (20e-9, 60e-9, 150e-9):
        norm = np.linalg.norm(scipy.linalg.expm(effective * t) @ psi) ** 2
        rows = trajectories.sample(model, [t], 4000, 3, records="summary").records
        silent = np.mean((rows.emitted_photons == 0) & (rows.local_loss == 0))
        assert abs(silent - norm) < 4.0 * math.sqrt(norm * (1.0 - norm) / 4000)


def test_energies_agree_with_mcsolve():
    """QuTiP's own trajectories of the same operators, within 4 of both errors."""
    model = _noisy(1, 1, temperature=0.0)
    few, start = _in_qutip(model)
    energy = few.observables["battery_energy"]
    times = [0.0, 50e-9, 120e-9]
    options = {"progress_bar": False, "keep_runs_results": False}
    theirs = qutip.mcsolve(
        few.hamiltonian,
        start,
        times,
        few.collapse,
        e_ops=[energy],
        ntraj=300,
        seeds=7,
        options=options,
    )
    ours = trajectories.sample(model, times, 3000, 7, observables=["battery_energy"])
    error = np.hypot(ours.errors["battery_energy"], np.asarray(theirs.std_expect[0]) / 300**0.5)
    difference = np.abs(ours["battery_energy"] - np.asarray(theirs.expect[0]))
    assert (difference <= 4.0 * error + 1e-6).all()


def _in_qutip(model):
    found = resonator_to_qutip(model, most_photons=sum(model.sizes))
    place = int(np.argmax(found.initial.diag()))  # pure: all up, all down, no photon
    dims = [found.dims, [1] * len(found.dims)]
    start = qutip.Qobj(np.eye(found.initial.shape[0])[:, [place]], dims=dims)
    return found, start


def test_times_of_jumps_do_not_know_the_output_times():
    """The root is found to 1e-9 of a run's rates, on whatever grid: even, uneven, one time."""
    model = _noisy()
    grids = TIMES, [300e-9], np.concatenate([[0.0], np.geomspace(1e-9, 300e-9, 17)])
    found = [trajectories.single_run(model, grid, seed=11, run=4) for grid in grids]
    assert found[0].jump_times.size > 3
    for other in found[1:]:
        np.testing.assert_allclose(other.jump_times, found[0].jump_times, rtol=0.0, atol=1e-17)
        assert (other.processes == found[0].processes).all()
        assert other.battery_energy[-1] == pytest.approx(found[0].battery_energy[-1], abs=1e-9)


def test_ranges_merge_to_the_same_bits_and_rows_are_runs():
    model = _noisy()
    whole = trajectories.sample(model, TIMES, 300, 9, observables=NAMES, records="summary")
    parts = [
        trajectories.sample(model, TIMES, runs, 9, first, NAMES, records="summary")
        for first, runs in ((0, 120), (120, 180))
    ]
    merged = parts[0].merge(parts[1])
    for name in NAMES:
        assert (merged[name] == whole[name]).all()
        assert (merged.errors[name] == whole.errors[name]).all()
    for run in (0, 7, 211):
        one = trajectories.single_run(model, TIMES, seed=9, run=run)
        row = whole.records.iloc[run]
        assert one.battery_energy[-1] == row.final_energy
        assert one.emitted_photons[-1] == row.emitted_photons
        assert -one.directions[one.processes > 1].sum() == row.local_loss
        # the amplitudes are those of the energies
        m = np.arange(3.0)
        energy = (np.abs(one.amplitudes) ** 2).sum(axis=2) @ m / 2.0
        np.testing.assert_allclose(energy, one.battery_energy, atol=1e-12)
        np.testing.assert_allclose(one.populations @ m / 2.0, one.battery_energy, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"drive": Drive(1e6, 1e-7)}, "no drive"),
        ({"protocol": (Stage(1e-7), Pulse(rotate_battery=1.0), Stage(1e-7))}, "no rotations"),
        ({"protocol": (Stage(1e-7), Pulse(dephase_battery=0.5), Stage(1e-6))}, "no pulses"),
    ],
    ids=["drive", "rotation", "dephasing"],
)
def test_what_runs_do_not_have_is_refused_at_every_entry(change, words):
    spins = {"coupling": G, "noise": LocalNoise(emission=1e5)}
    model = Experiment(
        Spins(1, "down", **spins), Spins(2, "up", **spins), Resonator(5e9, 1e7), **change
    )
    for call in (
        lambda: trajectories.sample(model, [1e-7], 10, 1),
        lambda: trajectories.single_run(model, [1e-7], 1, 0),
    ):
        with pytest.raises(InputError, match=words) as refusal:
            call()
        assert "\n" not in str(refusal.value)


def test_outputs_at_the_time_of_a_switch_are_read_after_it():
    """2e-6 + 5e-6 is more than 7e-6 by rounding: the same time."""
    spins, cavity = {"coupling": 1e6, "detuning": 3e5}, Resonator(5e9, 1e5)
    steps = Stage(2e-6), Stage(5e-6), Stage(1e-5, "none")
    model = Experiment(Spins(1, "down"), Spins(2, "up", **spins), cavity)
    model = dataclasses.replace(model, battery=Spins(1, "down", coupling=1e6), protocol=steps)
    times = [2e-6, 7e-6, 8e-6]
    assert times[1] < steps[0].duration + steps[1].duration
    sampled = trajectories.sample(model, times, 8, 1)
    # nobody exchanges anything then, and before that all runs do
    assert (sampled["power"] == 0.0).tolist() == [False, True, True]


def test_what_is_available_is_what_sample_takes():
    """At a resonator, too: a reservoir's observables stood here."""
    model, names = _noisy(1, 2), available(_noisy(1, 2))
    assert {"photons", "local_loss"} <= set(names)
    assert set(trajectories.sample(model, TIMES[:2], 3, 1, observables=names)) == set(names)
    alike = Experiment(Spins(1, "down", G), Spins(2, "up", G), Resonator(5e9, 1e7))
    assert "photons" in available(alike)
    with pytest.raises(InputError, match=r"^field = ClosedModes"):
        available(Experiment(Spins(2, "down"), field=ClosedModes(2)))


def test_large_sizes_are_refused_with_their_memory_before_anything_is_made():
    with pytest.raises(InputError, match=r"need .* numbers \(.* GB, .* s\) for .* pairs of irreps"):
        trajectories.sample(_noisy(10, 50), TIMES, 10, 1)
    with pytest.raises(InputError, match="too many for single runs"):
        trajectories.sample(_noisy(500, 2500), TIMES, 10, 1)
    with pytest.raises(InputError, match=r"times = .* a run would take"):
        trajectories.sample(_noisy(), [1e6], 10, 1)


def test_transmons_run_in_both_ways():
    """The shipped definition at one temperature, fewer runs and times: the runs agree."""
    content = read_toml("definition", find_definition("transmons"))
    content["model"]["resonator"]["temperature_k"] = 0.05
    content["run"] |= {"runs": 1500, "times": {"stop": 4e-7, "points": 6}, "single_runs": 0}
    table = runs.run(content).table.set_index(["method", "observable", "time"])
    exact, sampled = table.loc["evolve"], table.loc["sample"]
    for name in ("battery_energy", "photons", "ergotropy", "local_loss", "emitted_photons"):
        z = (sampled.loc[name].value - exact.loc[name].value) / sampled.loc[name].error
        # 30 numbers: one test in 300 would be further off
        assert (z.abs().fillna(0.0) < 4.0).all(), name
