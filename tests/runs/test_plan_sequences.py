"""Plans of sequences: what is stored, given back and sent out, when to disconnect, refusals."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.cells import cell_len
from scipy import constants

from darkbattery import meanfield
from darkbattery.meanfield.paths.plan import fastest_rate, plan_with_step
from darkbattery.nvmodel import (
    Drive,
    InputError,
    Pulse,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
    StepResponse,
)
from darkbattery.nvmodel.devices.published import find_device
from darkbattery.nvmodel.devices.sheets import sheet_of
from darkbattery.runs.cli import main
from darkbattery.runs.definitions.devicefile import write_device
from darkbattery.runs.plan.parameters import PARAMETERS
from darkbattery.runs.plan.sequences.plan import Approximations, SequencePlan
from darkbattery.runs.plan.sequences.scan import scan_of
from darkbattery.runs.plan.sequences.shots import (
    Recipe,
    classes_of,
    courses_of,
    halved_courses,
    shots_from,
    shots_of,
)
from darkbattery.runs.plan.sequences.table import (
    answer,
    how,
    stage_table,
    summary,
    summary_listing,
)
from darkbattery.runs.plan.sequences.timeline import (
    POINTS,
    Roles,
    find_roles,
    output_times,
    timed_stages,
)
from darkbattery.runs.plan.subject import Drawn, Subject, corner, find_subject
from darkbattery.runs.report.page import report_page

N_B, N_C = 10**6, 5 * 10**6
QUANTUM = constants.h * 3e9
# kappa/2pi = 30 MHz and g sqrt N/2pi = 4.7 MHz: the burst comes after 1.2 us
SPINS = {"coupling": 1.2e4}
# equal spins have one class, and the step holds at some 0.1 of the fastest time
FAST = Recipe(classes=1, runs=16, step=0.1, roles=Roles(0, 2))


def battery(*steps, kappa_hz=30e6, **rest):
    return ResonatorBattery(
        battery=SpinEnsemble(N_B, **SPINS, **rest),
        charger=SpinEnsemble(N_C, **SPINS, **rest),
        resonator=Resonator(3e9, linewidth_fwhm_hz=kappa_hz),
        protocol=steps,
    )


def command(monkeypatch, folder, *arguments):
    """In this process, with fewer outputs and durations. Returns the exit status."""
    sequences = "darkbattery.runs.plan.sequences"
    monkeypatch.setattr(f"{sequences}.timeline.POINTS", 24)
    monkeypatch.setattr(f"{sequences}.scan.FACTORS", (0.5, 1.0, 2.0))
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["darkbattery", "plan", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    return exit_.value.code


def test_without_loss_all_that_was_stored_comes_back():
    """Two sudden switches, no T1, T2, line: the battery alone gives back and sends out all."""
    model = battery(
        Stage(5e-6, "both", name="charge"), Stage(1e-6, "none"), Stage(4e-5, "battery", name="out")
    )
    found = shots_of(model, FAST)
    # three of four excitations that a battery may hold are in it: R = 5, N -> infinity
    assert found.charged.mean() > 0.75
    np.testing.assert_allclose(found.stored, found.charged, rtol=1e-9)  # nothing couples
    np.testing.assert_allclose(found.stored_joule, QUANTUM * N_B * found.stored, rtol=1e-12)
    # each run has some excitations of its vacuum noise left: 1/sqrt(N) of the energy
    allowed = 5.0 / np.sqrt(N_B)
    np.testing.assert_allclose(found.recovered_joule, found.stored_joule, rtol=allowed)
    np.testing.assert_allclose(found.sent_joule, found.stored_joule, rtol=allowed)


def test_stored_and_given_back_as_separate_calls_of_the_moment_equations_say():
    """Second order up to the release and up to the end, with dephasing and steps that rise."""
    away = 2e8
    steps = (
        Stage(5e-6, name="charge"),
        Stage(2e-6, battery_detuning=away, rise=2e-7, name="store"),
        Stage(1e-5, "battery", rise=2e-7, name="release"),
    )
    model = battery(*steps, t2_s=4e-5)
    stored = meanfield.evolve(replace(model, protocol=steps[:2]), [0.0, 7e-6])["battery_energy"]
    left = meanfield.evolve(model, [0.0, 1.7e-5])["battery_energy"]
    shots = shots_of(model, FAST)
    error = shots.stored.std() / np.sqrt(shots.stored.size)
    # the modal run dephases for a mean delay: within four errors, and the step's tolerance
    allowed = 4.0 * error + 2e-3
    assert abs(shots.stored.mean() - stored[-1]) < allowed
    back = shots.recovered_joule.mean() / (QUANTUM * N_B)
    assert abs(back - (stored[-1] - left[-1])) < 2.0 * allowed
    assert back > 0.3


def test_the_moment_to_disconnect_is_the_maximum_of_the_swing():
    """A switch to no coupling keeps the energy: the scan is the charging curve itself."""
    model = battery(Stage(5e-7, name="charge"), Stage(1e-8, "none"), kappa_hz=1e6)
    recipe = replace(FAST, runs=32, roles=Roles(0, None))
    scan = scan_of(model, recipe)
    alone = meanfield.sample(
        replace(model, protocol=()), scan.durations, 32, seed=1, observables=["battery_energy"]
    )
    # same runs of the same model, but other steps and so other noise: errors of both
    error = np.hypot(scan.error, alone.errors["battery_energy"])
    assert (np.abs(scan.stored - alone["battery_energy"]) < 4.0 * error + 4e-3).all()
    low, high = scan.window
    assert low < scan.best < high
    assert np.isnan(scan.recovered).all()


def test_a_pulse_a_field_or_a_step_towards_the_resonator_releases():
    own, kept = Stage(5e-6), Stage(1e-6, battery_detuning=2e8)
    energy = np.repeat([0.0, 0.8, 0.8, 0.8], [1, 2 * POINTS - 1, POINTS // 2, POINTS - POINTS // 2])
    for later in (
        [Stage(1e-6)],
        [Stage(1e-6, battery_detuning=1e8)],
        [Pulse(rotate_battery=np.pi), kept],
        [replace(kept, drives=[Drive(1.0, 1e-7)])],
    ):
        assert find_roles(battery(own, kept, *later), energy) == Roles(0, 2)
    for later in ([kept], [Pulse(rotate_charger=np.pi), kept], [replace(kept, coupled="none")]):
        assert find_roles(battery(own, kept, *later), energy) == Roles(0, None)
    apart = replace(own, coupled="none")
    assert find_roles(battery(own, apart, replace(own, coupled="battery")), energy).release == 2


def test_a_field_that_charges_further_gives_nothing_back():
    """A late charging pulse is no release; the next one, after which there is less, is."""
    own, kept = Stage(5e-6), Stage(1e-6, battery_detuning=2e8)
    sent = replace(kept, drives=[Drive(1.0, 1e-7)])
    ends = ((0.0, 0.6), (0.6, 0.6), (0.6, 0.8), (0.8, 0.3))
    energy = np.concatenate([np.linspace(*one, POINTS) for one in ends])
    assert find_roles(battery(own, kept, sent, sent), energy) == Roles(0, 3)
    assert find_roles(battery(own, kept, sent), energy[: 3 * POINTS]) == Roles(0, None)


def _dark_plan(known=1e-20):
    """Charged, and away from the resonator twice; what tables and the answer read of it."""
    away = [Stage(5e-7, "none", name=name) for name in ("store", "rest", "release")]
    model = battery(Stage(5e-6, name="charge"), *away)
    system = classes_of(model, 1)
    stages = timed_stages(model.protocol)
    step = FAST.step / fastest_rate(system)
    courses = courses_of(model, plan_with_step(system, output_times(stages), step), 8)
    roles = Roles(0, 3)
    shots = shots_from(courses, model, roles)
    subject = Subject("dark", "Dark", model, None, None)
    return SequencePlan(
        subject=subject, stages=stages, roles=roles, courses=courses,
        shots=shots, brief=shots, empty=shots, ergotropy=(0.5, 0.0), limits=(), scan=None,
        drawn=(), approximations=Approximations(1, 8, 1, 8, 0.0, 0.0, known, 0.0), warnings=(),
    )  # fmt: skip


def test_a_dark_stage_sends_out_nothing_and_gives_nothing_back_that_is_known():
    """The noise of a vacuum is no value, nor is less than half the step changes."""
    plan = _dark_plan()
    rows = stage_table(plan).set_index("stage")
    assert rows.loc["charge", "sent_joule"] > 1e5 * QUANTUM
    # the field of the burst rings down when the spins are taken away
    for name in ("rest", "release"):
        assert (rows.loc[name, ["sent_joule", "largest_watt"]] == 0.0).all()
    told = summary(plan).set_index("quantity")
    for what in ("largest power", "sent out"):
        assert told.loc[f"the resonator: {what} from release on", "value"] == 0.0
    assert told.loc["the resonator: largest power in charge", "value"] > 0.0
    said = answer(plan)
    assert "what is given back until the end is less than half the step changes" in said


def test_of_a_trigger_that_sends_nothing_in_no_noise_is_told():
    plan = _dark_plan()
    last = plan.stages[-1]
    trigger = replace(last, stage=replace(last.stage, drives=(Drive(1e-30, 1e-7),)))
    told = summary(replace(plan, stages=(*plan.stages[:-1], trigger)))
    assert plan.empty.sent_joule.mean() != 0.0
    # of eight runs: a standard deviation known to 1/sqrt(14), with three of its errors
    scatter = plan.shots.sent_joule.std(ddof=1)
    assert abs(scatter / plan.noise_joule - 1.0) < 3.0 / np.sqrt(14.0)
    rows = told[told["quantity"].str.contains("without spins")]
    assert len(rows) == 2
    assert (rows["value"] == 0.0).all()


def test_half_the_step_moves_the_same_runs_a_little():
    """What it changes of each shot is far less than shots differ by."""
    model = battery(Stage(5e-6, name="charge"), Stage(1e-6, "none"), Stage(4e-6, "battery"))
    system, roles = classes_of(model, 1), Roles(0, 2)
    times = output_times(timed_stages(model.protocol))
    plan = plan_with_step(system, times, 0.05 / fastest_rate(system))
    shots, fine = (
        shots_from(courses(model, plan, 16), model, roles)
        for courses in (courses_of, halved_courses)
    )
    change = fine.stored - shots.stored
    assert 0.0 < np.abs(change).max() < 0.1 * np.ptp(shots.stored)


@pytest.mark.parametrize("count", [1, 3])
def test_one_draw_has_no_interval(count):
    plan = _dark_plan()
    plan = replace(plan, drawn=(Drawn({}, plan.shots),) * count)
    rows = summary(plan)
    known = rows["drawn_low"].notna() & rows["drawn_high"].notna()
    assert known.any() == (count > 1)
    assert (len(summary_listing(rows, count).columns) == 4) == (count > 1)
    assert any("no ranges, of 1 draw that exists" in line for line in how(plan)) == (count == 1)


def test_a_charger_that_is_turned_up_has_an_inversion_of_the_same_sign():
    model = battery(Stage(1.0))
    down = replace(model, charger=replace(model.charger, polarisation=-0.4))
    one = PARAMETERS["inversion"]
    assert one.read(down) == 0.4
    assert one.change(down, 0.5).charger.polarisation == -0.5


def test_the_width_of_a_resonator_by_its_quality_factor_is_varied():
    model = battery()
    model = replace(model, resonator=Resonator(3e9, loaded_q=100.0))
    one = PARAMETERS["resonator_fwhm_hz"]
    assert one.change(model, 2e7).resonator.kappa == pytest.approx(4e7 * np.pi, rel=1e-12)


# --- device files

PROTOCOL = """
[protocol.invert]
rotate_charger_deg = 180
[protocol.burst]
duration = 5e-6
[protocol.store]
duration = 1e-6
battery_detuning_hz = -60e6
[protocol.release]
duration = 1e-6
drives.trigger = { power_w = 1e-12, port = "port1", duration_s = 5e-7 }
"""


def test_a_device_file_holds_a_sequence(tmp_path):
    path = tmp_path / "own.toml"
    write_device(find_device("eisenach2021"), path)
    sheet = path.read_text("utf-8")
    path.write_text(f"{sheet}\n{PROTOCOL}", "utf-8")
    subject = find_subject(str(path))
    model = subject.model
    assert [port.name for port in model.resonator.ports] == ["port1", "port2"]
    assert model.charger.polarisation == -find_device("eisenach2021").inversion.value
    # eta = sqrt(kappa_1 P/hbar omega), Gardiner and Collett (1985)
    eta = np.sqrt(2 * np.pi * 25.3e3 * 1e-12 / (constants.h * 2.9e9))
    assert model.protocol[3].drives[0].amplitude == pytest.approx(eta, rel=1e-9)
    moved = corner(subject, {"inversion": 0.7})
    assert moved.charger.polarisation == -0.7
    assert len(moved.protocol) == 4
    assert subject.device == replace(find_device("eisenach2021"), name="eisenach2021")
    assert "protocol" not in sheet_of(subject.device)


@pytest.mark.long
def test_draws_of_a_device_with_a_sequence(monkeypatch, tmp_path):
    path = tmp_path / "own.toml"
    write_device(find_device("eisenach2021"), path)
    short = PROTOCOL.replace("5e-6", "1e-7").replace("1e-6", "1e-8").replace("5e-7", "5e-9")
    path.write_text(f"{path.read_text('utf-8')}\n{short}", "utf-8")
    assert command(monkeypatch, tmp_path, path, "--draws", 3, "--out", "plan") == 0
    draws = pd.read_parquet(tmp_path / "plan" / "draws.parquet")
    assert len(draws) == 3
    assert draws["inversion"].nunique() == 3
    rows = pd.read_parquet(tmp_path / "plan" / "summary.parquet").set_index("quantity")
    assert rows.loc["stored energy", "drawn_low"] < rows.loc["stored energy", "drawn_high"]


# --- the command

TOML = """
title = "Short"
[model.resonator]
frequency_hz = 3e9
linewidth_fwhm_hz = 30e6
ports.out.linewidth_fwhm_hz = 20e6
[model.battery]
number = 1e6
coupling_hz = 1910.0
t2_s = 4e-5
[model.charger]
number = 5e6
coupling_hz = 1910.0
t2_s = 4e-5
[model.protocol.charge]
duration = 5e-6
[model.protocol.store]
duration = 1e-6
battery_detuning_hz = 30e6
rise = 1e-7
[model.protocol.release]
duration = 2e-6
"""


def test_the_command_prints_and_leaves_a_sequence(monkeypatch, tmp_path, capsys):
    (tmp_path / "short.toml").write_text(TOML, "utf-8")
    out = tmp_path / "plan"
    assert command(monkeypatch, tmp_path, "short.toml", "--out", "plan") == 0
    said = capsys.readouterr().out
    assert max(cell_len(line) for line in said.splitlines() if "/" not in line) <= 80
    for words in ("stored when release begins", "Disconnect", "limits most", "port out: sent out"):
        assert words in " ".join(said.split()), words
    record = json.loads((out / "plan.json").read_text("utf-8"))
    assert record["sequence"]["charge"] == "charge"
    assert (out / "figures" / "plan.svg").is_file()
    stages = pd.read_parquet(out / "stages.parquet")
    assert list(stages["stage"]) == ["charge", "store", "release"]
    limits = pd.read_parquet(out / "sensitivities.parquet").set_index("parameter")
    assert limits.loc["coupling_hz", "given"] > 0.0
    assert "rise_s" in limits.index
    page = report_page([out])
    assert "Stages: energies per spin" in page
    assert "rise_s" in page


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (("duration = 2e-6", "duration = inf"), [], "must end: a plan follows every stage"),
        (
            ("duration =", 'coupled = "none"\nduration ='),
            [],
            "must charge the battery: no stage does",
        ),
        (("a", "a"), ["--vary", "ratio=2:5:3"], "--vary = ['ratio=2:5:3']: not of a sequence"),
        (("a", "a"), ["--scaling", "ratio=2:5"], "--scaling = ['ratio=2:5']: not of a sequence"),
        (("a", "a"), ["--draws", "3"], "--draws = 3: needs a device"),
    ],
)
def test_what_a_plan_of_a_sequence_refuses(monkeypatch, tmp_path, capsys, change, options, said):
    (tmp_path / "short.toml").write_text(TOML.replace(*change), "utf-8")
    assert command(monkeypatch, tmp_path, "short.toml", *options) != 0
    error = capsys.readouterr().err
    assert said in " ".join(error.split())


def test_a_sequence_of_pulses_alone_is_refused():
    with pytest.raises(InputError, match="must have a stage"):
        timed_stages((Pulse(rotate_charger=1.0),))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("charger_detuning_hz = 1e6", "needs a sequence"),
        ("[protocol.burst]\nduration = 1e-6\nrise = 2e-6", "protocol.burst.rise"),
        ("[protocol.burst]\ndurations = 1e-6", "protocol.burst.durations"),
    ],
)
def test_what_a_device_file_s_sequence_refuses(tmp_path, lines, said):
    path = tmp_path / "own.toml"
    write_device(find_device("rose2017"), path)
    sheet = path.read_text("utf-8")
    text = f"{lines}\n{sheet}" if "=" in lines.splitlines()[0] else f"{sheet}\n{lines}"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as refused:
        find_subject(str(path))
    assert said in str(refused.value)
    assert not str(refused.value).startswith("model.")


def test_a_measured_rise_is_stretched_as_any_other():
    coil = StepResponse([0.0, 1e-7, 2e-7], [0.0, 0.7, 1.0])
    steps = (Stage(1e-6), Stage(1e-6, battery_detuning=2e8, rise_shape=coil))
    slower = PARAMETERS["rise_s"].change(battery(*steps), 4e-7).protocol[1].rise_shape
    assert slower.times == pytest.approx((0.0, 2e-7, 4e-7))
    assert slower.response == coil.response


def test_what_a_battery_begins_with_is_not_given_to_it():
    """Half of its spins up, charged by a short stage: the start would be most of what is stored."""
    model = battery(Stage(5e-6, "both"), Stage(1e-6, "none"))
    model = replace(model, battery=replace(model.battery, polarisation=0.6))
    found = shots_of(model, replace(FAST, roles=Roles(0, None)))
    start = found.stored - found.given
    assert abs(start.mean() - 0.2) < 4.0 * start.std() / np.sqrt(start.size) + 1e-9
