"""`darkbattery plan`: the numbers, where they come from, and how bad input is refused."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.cells import cell_len
from scipy import constants

from darkbattery import meanfield, trajectories
from darkbattery.meanfield.averages.delay import averaged
from darkbattery.meanfield.classes.moments import system_of
from darkbattery.nvmodel import (
    CollectiveBattery,
    InputError,
    Lorentzian,
    QGaussian,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
)
from darkbattery.nvmodel.devices.datasheet import Covariance
from darkbattery.nvmodel.devices.estimates import estimates
from darkbattery.nvmodel.devices.published import DEVICES, find_device
from darkbattery.nvmodel.devices.sheets import with_fit
from darkbattery.runs.cli import main
from darkbattery.runs.definitions.devicefile import write_device
from darkbattery.runs.plan.forecast import forecast
from darkbattery.runs.plan.intervals import drawn_forecasts, drawn_sensitivities, interval_table
from darkbattery.runs.plan.parameters import PARAMETERS, changed
from darkbattery.runs.plan.plan import make_plan, perfect, perfect_ladder_ergotropy
from darkbattery.runs.plan.regimes import regimes
from darkbattery.runs.plan.scaling import parse_scaling, scaling_table, shots_lines
from darkbattery.runs.plan.sensitivity import needed_for_threshold, sensitivities
from darkbattery.runs.plan.subject import corner, find_subject
from darkbattery.runs.report.page import report_page
from tests.meanfield.test_nv import device

# equal spins, T2 alone, no ringing: one class an ensemble, 0.02 s a burst
FAST = """
title = "Fast"
[model.resonator]
frequency_hz = 3e9
linewidth_fwhm_hz = 100e6
[model.battery]
number = 1e12
coupling_hz = 3.0
t2_s = 1e-6
[model.charger]
number = 5e12
coupling_hz = 3.0
t2_s = 1e-6
"""


def spins(number, coupling=3e6, **rest):
    return SpinEnsemble(number=number, coupling=coupling, **rest)


def battery(n_battery, n_charger, kappa_hz=1e9, coupling=3e6, **rest):
    return ResonatorBattery(
        battery=spins(n_battery, coupling, **rest),
        charger=spins(n_charger, coupling, **rest),
        resonator=Resonator(frequency_hz=3e9, linewidth_fwhm_hz=kappa_hz),
    )


# --- forecasts


@pytest.mark.parametrize("kappa_hz", [3e8, 3e6])
def test_energy_is_stored_left_behind_or_sent_out(kappa_hz):
    found = forecast(battery(1000, 5000, kappa_hz, t2_s=1e-6))
    assert found.gained > 0.5
    parts = found.energy_joule + found.left_joule + found.resonator_joule + found.out_joule
    # without T1 nothing is supplied; the outflow's integral holds to the step's 1e-6 and better
    np.testing.assert_allclose(parts, found.initial_joule, rtol=1e-8)
    assert abs(found.supplied_joule) < 1e-8 * found.initial_joule
    quantum = constants.h * 3e9
    np.testing.assert_allclose(found.initial_joule, 5000 * quantum, rtol=1e-12)
    np.testing.assert_allclose(found.energy_joule, 1000 * quantum * found.energy, rtol=1e-12)
    assert found.balance < 1e-8


def test_what_t1_supplies_is_the_integral_of_relaxation():
    model = battery(1000, 5000, kappa_hz=3e7, t1_s=2e-5, t2_s=1e-6)
    found = forecast(model)
    curve = found.curve
    held = 1000 * curve["battery_energy"] + 5000 * curve["charger_energy"]
    full = int(curve["battery_energy"].argmax())
    spent = np.trapezoid(held[: full + 1], curve.times[: full + 1]) / 2e-5
    # the trapezium rule at this spacing
    np.testing.assert_allclose(-found.supplied_joule, constants.h * 3e9 * spent, rtol=1e-3)


# kappa/(g sqrt N) = 8 and 0.3
@pytest.mark.parametrize("kappa_hz", [3e8, 1e7])
def test_the_perfect_ensemble_ends_in_the_dark_states(kappa_hz):
    N = 10**5
    rest = {"coupling": 3e5, "polarisation": 0.7, "t2_s": 1e-6, "line": Lorentzian(1e6)}
    model = perfect(battery(N, 5 * N, kappa_hz, **rest))
    found = forecast(model)
    late = meanfield.evolve(model, [1.5 * found.curve.times[-1]])["battery_energy"][-1]
    exact = trajectories.steady_state(CollectiveBattery(N, 5 * N))["battery_energy"][0]
    # second order errs by some 1/N
    assert abs(late - exact) < 5.0 / N
    # the plan's own run ends where changes are below 0.01
    assert abs(found.curve["battery_energy"][-1] - exact) < 0.01
    assert found.kept > 0.999
    assert found.storage_time == math.inf


def test_the_ladder_ergotropy_of_the_perfect_ensemble():
    # (5, 25): 0.8112, computed from the paper's Eq. (9) on the appendix's populations
    found = perfect_ladder_ergotropy(perfect(battery(5, 25, t2_s=1e-6)))
    np.testing.assert_allclose(found, 0.8112, atol=5e-5)
    assert math.isnan(perfect_ladder_ergotropy(battery(10**9, 5 * 10**9)))


def test_power_and_time_are_those_of_the_delay_average():
    model = device(5, 7)
    found = forecast(model, classes=24)
    # one modal run, which the plan's is not, for the average and for the modal time
    later, growth = np.linspace(0.0, found.curve.times[-1], 1001), meanfield.growth_rate(model)
    run = meanfield.evolve(model, later, classes=24)
    mean = averaged(run, np.linspace(0.0, 2e-6, 401), growth)
    watt = constants.h * 2.87e9 * model.battery.number
    # the plan's own output times: a quarter of the growth time apart
    np.testing.assert_allclose(found.mean_peak_power, watt * mean["power"].max(), rtol=0.01)
    assert 1.2 < found.peak_power / found.mean_peak_power < 1.5
    np.testing.assert_allclose(found.charging_spread, 0.049e-6, rtol=0.01)
    np.testing.assert_allclose(found.energy, 0.552, rtol=0.01)
    energy = run["battery_energy"]
    modal = np.interp(0.99 * np.ptp(energy), energy - energy[0], later)
    mean = modal + np.euler_gamma / (2.0 * growth)
    # the energy creeps towards its last per cent
    np.testing.assert_allclose(found.charging_time, mean, rtol=0.01)


def test_storage_time_beyond_the_run_is_that_of_a_longer_run():
    t1, N = 4e-5, 10**10  # so many that single spins do not emit meanwhile
    model = battery(N, 5 * N, kappa_hz=20e6, coupling=1e3, t1_s=t1, t2_s=1e-6)
    found = forecast(model)
    full = found.curve.times[found.curve["battery_energy"].argmax()]
    assert found.curve.times[-1] < full + 0.7 * found.storage_time  # it was extrapolated
    times = np.linspace(full, full + 1.2 * t1, 101)
    energy = meanfield.evolve(model, times)["battery_energy"]
    later = np.interp(-energy[0] / math.e, -energy, times) - full
    # T1 alone acts, after a dephasing that the run holds: 0.1 % in E is 0.1 % of T1
    np.testing.assert_allclose(found.storage_time, later, rtol=0.01)


def warm(excess):
    """At 300 K, T1 = 0.1 ms, a line of 0.3 MHz: C above threshold by so much."""

    def at(coupling):
        spins = {"coupling": coupling, "polarisation": 0.8, "t1_s": 1e-4, "t2_s": 5e-6}
        spins["line"] = Lorentzian(fwhm_hz=0.3e6)
        return ResonatorBattery(
            battery=SpinEnsemble(number=10**12, **spins),
            charger=SpinEnsemble(number=5 * 10**12, **spins),
            resonator=Resonator(frequency_hz=3e9, linewidth_fwhm_hz=1e6, temperature_k=300.0),
        )

    return at(math.sqrt(excess / estimates(at(1.0)).net_cooperativity))


def test_what_t1_brings_is_not_what_the_charger_gives():
    model = warm(1.2)
    found = forecast(model, classes=16)
    # the inversion of 0.8 halves in 0.07 ms, and falls below threshold in 0.018 ms
    assert found.growth_rate > 0.0
    assert not found.bursts
    assert "T1 takes the inversion below threshold" in regimes(model, found)[0].answer
    assert found.gained > 0.2
    # 1e-5: amplified noise of a burst that does not come
    assert abs(found.given) < 1e-5
    rest = 0.5 - 0.25 / (found.estimates.thermal_photons + 0.5)
    warmed = rest + (0.1 - rest) * np.exp(-found.curve.times / 1e-4)
    np.testing.assert_allclose(found.curve["battery_energy"], warmed, atol=1e-5)
    np.testing.assert_allclose(found.gained, found.warmed + found.given, atol=1e-12)
    assert found.no_storage == "its surroundings hold more in each spin"
    assert regimes(model, found)[-1].answer == found.no_storage


def test_a_burst_before_t1_acts_is_told_apart_from_warming():
    model = warm(2.0)
    found = forecast(model, classes=16)
    assert found.bursts
    energy, times = found.curve["battery_energy"], found.curve.times
    rest = 0.5 - 0.25 / (found.estimates.thermal_photons + 0.5)
    # the trapezium rule on the plan's fine times
    brought = np.concatenate([[0.0], np.cumsum(np.diff(times) * (energy[1:] + energy[:-1]) / 2)])
    brought = (rest * times - brought) / 1e-4
    full = int((energy - brought).argmax())
    np.testing.assert_allclose(found.warmed, brought[full], atol=1e-4)
    np.testing.assert_allclose(found.given, (energy - energy[0] - brought)[full], atol=1e-4)
    assert found.given > 0.1


@pytest.mark.long
def test_each_spin_by_itself_yields_what_one_rotation_does_not():
    # a line leaves some spins inverted below a mean inversion of one half
    found = forecast(find_subject("kersten2023").model)
    assert found.ergotropy_rotation == 0.0
    # .043 in a separate integration; classes to 0.005
    assert abs(found.ergotropy - 0.043) < 0.005


def test_below_threshold_nothing_is_charged():
    found = forecast(device(10, 7, 0.8))
    assert not found.bursts
    assert found.gained == 0.0
    assert found.ergotropy == 0.0
    assert math.isnan(found.charging_time)
    assert found.no_storage == "nothing was charged"
    np.testing.assert_allclose(found.energy, 0.1)
    np.testing.assert_allclose(found.energy_joule + found.left_joule, found.initial_joule)


def test_classes_are_chosen_by_their_error():
    found = forecast(device(20, 28))
    # 16 and 32 classes differ by .006, 32 and 64 by .0014, 64 and 128 by 4e-5
    assert found.class_error < 0.005
    assert found.classes == 64
    assert forecast(device(0, 7)).classes == 1


def test_a_burst_that_never_seems_to_come_is_not_waited_for():
    model = device(10, 7)
    C = estimates(model).net_cooperativity
    found = forecast(changed(model, {"cooperativity": estimates(model).cooperativity * 1.02 / C}))
    assert found.bursts
    assert found.gained == 0.0
    assert "little above threshold" in found.warnings[0]


# --- what limits


@pytest.mark.long
def test_elasticities_are_those_of_an_independent_difference():
    # 16 or 32 classes rephase within the window, where what is largest jumps from peak to peak
    model, rest, classes = device(10, 14), 4e-7, 64
    found = {one.name: one.elasticity for one in sensitivities(model, None, classes, rest).found}
    end = forecast(model, classes, rest).curve.times[-1]

    def ergotropy(factor, width):
        scaled = system_of(device(10 * width, 14 * factor), classes)
        return meanfield.evolve(scaled, np.linspace(0.0, end, 301))["ergotropy_local"].max()

    h = 0.01
    coupling = math.log(ergotropy(1 + h, 1) / ergotropy(1 - h, 1)) / math.log((1 + h) / (1 - h))
    width = math.log(ergotropy(1, 1 + h) / ergotropy(1, 1 - h)) / math.log((1 + h) / (1 - h))
    # another step; and here the end is not moved with the delay, after which the energy creeps
    np.testing.assert_allclose(found["coupling_hz"], coupling, rtol=0.1)
    np.testing.assert_allclose(found["line_fwhm_hz"], width, rtol=0.1)


def test_below_threshold_the_cooperativity_is_what_limits():
    model = device(10, 7, 0.8)
    found = sensitivities(model)
    assert found.objective == "cooperativity"
    slopes = {one.name: one.elasticity for one in found.found}
    # C = 2 g^2 N p/kappa, exactly
    np.testing.assert_allclose(slopes["coupling_hz"], 2.0, rtol=1e-9)
    np.testing.assert_allclose(slopes["spins"], 1.0, rtol=1e-9)
    np.testing.assert_allclose(slopes["resonator_fwhm_hz"], -1.0, rtol=1e-9)
    assert found.limiting.name == "coupling_hz"
    C = estimates(model).net_cooperativity
    coupling = PARAMETERS["coupling_hz"].read(model)
    np.testing.assert_allclose(found.limiting.needed, coupling / math.sqrt(C), rtol=1e-6)
    needed = needed_for_threshold(model, "line_fwhm_hz")
    narrower = changed(model, {"line_fwhm_hz": needed})
    np.testing.assert_allclose(estimates(narrower).net_cooperativity, 1.0, rtol=1e-6)


def test_without_net_inversion_only_the_inversions_count():
    model = battery(5000, 1000, t2_s=1e-6)
    found = sensitivities(model)
    assert {one.name for one in found.found} == {"inversion", "polarisation"}
    answer = regimes(model, forecast(model))[0].answer
    assert "fewer spins point up" in answer


@pytest.mark.long
def test_ranges_widen_what_is_told_and_hold_the_value():
    plan = make_plan(find_subject("kersten2023"))
    energies = [one.energy for one in plan.spanned()]
    # classes differ between the forecast and its variants
    assert min(energies) - 0.005 <= plan.forecast.energy <= max(energies) + 0.005
    assert max(energies) > 1.2 * min(energies)
    better, worse = plan.corners
    assert better.gained >= worse.gained


# --- parameters


@pytest.mark.parametrize("name", list(PARAMETERS))
def test_a_parameter_reads_what_was_set(name):
    model = replace(find_subject("kersten2023").model, protocol=(Stage(1e-6, rise=1e-7),))
    one = PARAMETERS[name]
    value = 0.9 * one.read(model) or 0.1
    # numbers of spins are whole
    np.testing.assert_allclose(one.read(one.change(model, value)), value, rtol=1e-9)


def test_cooperativity_is_set_last():
    model = changed(device(10, 7), {"cooperativity": 5.0, "line_fwhm_hz": 2e6})
    np.testing.assert_allclose(estimates(model).cooperativity, 5.0, rtol=1e-9)
    assert model.charger.line == QGaussian(2e6, q=1.39)


# --- the command


def plan(monkeypatch, tmp_path, *arguments):
    """In this process: the same entry point, without its start. Returns the exit status."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fast.toml").write_text(FAST)
    monkeypatch.setattr("sys.argv", ["darkbattery", "plan", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    return exit_.value.code


def test_a_plan_leaves_a_whole_result(monkeypatch, tmp_path, capsys):
    assert plan(monkeypatch, tmp_path, "fast.toml", "--ratio", 4, "--out", "out") == 0
    out = tmp_path / "out"
    assert {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} == {
        "plan.json",
        "summary.parquet",
        "curves.parquet",
        "sensitivities.parquet",
        "figures/plan.png",
        "figures/plan.svg",
    }
    record = json.loads((out / "plan.json").read_text())
    np.testing.assert_allclose(record["parameters"]["ratio"], 4.0)
    summary = pd.read_parquet(out / "summary.parquet").set_index("quantity")
    model = find_subject(str(tmp_path / "fast.toml"), 4.0).model
    np.testing.assert_allclose(
        summary.loc["stored energy", "value"], forecast(model).energy_joule, rtol=1e-12
    )
    shown = capsys.readouterr().out
    assert "limits most" in shown
    assert "Which description holds" in shown
    # the answer first; nothing is wider than the terminal, or cut off
    assert "stored after" in " ".join(shown.split(";")[0].split())
    last = shown.rstrip().rsplit("\n", 1)
    assert last[1].endswith("out")  # a path is one line, however long
    assert max(map(cell_len, last[0].splitlines())) <= 80
    assert "…" not in shown
    page = report_page([out])
    for said in ("stored after", "limits most", "storage time", "Which description holds"):
        assert said in page
    assert 'src="data:image/svg+xml;base64,' in page
    # kept unless replaced
    assert plan(monkeypatch, tmp_path, "fast.toml", "--out", "out") == 2
    assert "exists already" in capsys.readouterr().err
    table = (out / "curves.parquet").read_bytes()
    again = plan(monkeypatch, tmp_path, "fast.toml", "--ratio", 4, "--out", "out", "--replace")
    assert again == 0
    assert (out / "curves.parquet").read_bytes() == table


def test_a_map_has_a_row_a_point(monkeypatch, tmp_path):
    vary = ["--vary", "temperature_k=0.01:1:2", "--vary", "ratio=0.5:5:3"]
    assert plan(monkeypatch, tmp_path, "fast.toml", *vary, "--out", "out") == 0
    table = pd.read_parquet(tmp_path / "out" / "map.parquet")
    assert list(table["ratio"]) == [0.5, 2.75, 5.0] * 2
    assert list(table["bursts"]) == [False, True, True] * 2
    # R = 0.5 has more spins down than up
    assert (table["gained"] > 0).tolist() == table["bursts"].tolist()
    assert (tmp_path / "out" / "figures" / "map.png").exists()
    warm = table[table["temperature_k"] == 1.0]
    np.testing.assert_allclose(warm["thermal_photons"], 1 / math.expm1(0.04799243073366221 * 3))


def test_below_threshold_is_told_plainly(monkeypatch, tmp_path, capsys):
    weak = FAST.replace("coupling_hz = 3.0", "coupling_hz = 0.3")
    (tmp_path / "weak.toml").write_text(weak)
    assert plan(monkeypatch, tmp_path, "weak.toml", "--out", "out") == 0
    shown = capsys.readouterr().out
    assert "Threshold at" in shown
    record = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert "the battery is not charged" in record["regimes"][0][2]
    assert record["limiting"] == "coupling_hz"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kersten2032"], "did you mean 'kersten20"),
        (["absent.toml"], "absent.toml"),
        (["fast.toml", "--ratio", "-1"], "--ratio = -1"),
        (["fast.toml", "--ratio", "0"], "--ratio = 0"),
        (["fast.toml", "--ratio", "1e30"], "ratio = 1e+30"),
        (["fast.toml", "--vary", "lines=1:2:3"], "--vary = 'lines'"),
        (["fast.toml", "--vary", "ratio"], "FIELD=start:stop:points"),
        (["fast.toml", "--vary", "ratio=1:2"], "FIELD=start:stop:points"),
        (["fast.toml", "--vary", "ratio=1:2:x"], "FIELD=start:stop:points"),
        (["fast.toml", "--vary", "ratio=1:2:3:lin"], "FIELD=start:stop:points"),
        (["fast.toml", "--vary", "ratio=5:2:3"], "--vary stop = 2.0"),
        (["fast.toml", "--vary", "ratio=2:5:1"], "--vary points = 1.0"),
        (["fast.toml", "--vary", "ratio=0:5:3:log"], "--vary start = 0.0"),
        (["fast.toml", "--vary", "temperature_k=-1:5:3"], "--vary start = -1.0"),
        (["fast.toml", "--vary", "inversion=0.5:2:3"], "polarisation = "),
        (["fast.toml", "--vary", "line_fwhm_hz=1e6:2e6:3"], "has no line"),
        (["fast.toml", "--vary", "ratio=2:5:3", "--vary", "ratio=2:5:3"], "different parameters"),
        (["fast.toml", *(["--vary", "t1_s=1:2:3"] * 3)], "once or twice"),
        (["fast.toml", "--vary", "ratio=2:5:200", "--vary", "t1_s=1:2:200"], "at most 10000"),
    ],
)
def test_bad_input_gets_one_line_and_status_two(monkeypatch, tmp_path, capsys, arguments, message):
    assert plan(monkeypatch, tmp_path, *arguments, "--out", "out") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fast.toml"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[model.battery]", "[model.batery]"), "did you mean 'battery'?"),
        (("number = 1e12", "number = [1e12, 2e12]"), "use --vary"),
        (("linewidth_fwhm_hz = 100e6", "linewidth_hz = 10e6"), "linewidth_"),
        (("linewidth_fwhm_hz = 100e6", "linewidth_fwhm_hz = 0"), "must be > 0"),
        (("frequency_hz = 3e9", "frequency_hz = 3e9\ntemperature_k = -1"), "temperature_k = -1"),
        (("number = 1e12", "number = 0"), "number = 0"),
    ],
)
def test_bad_files_are_refused(tmp_path, change, message):
    path = tmp_path / "bad.toml"
    path.write_text(FAST.replace(*change))
    with pytest.raises(InputError, match=r"^[^\n]*$") as error:
        forecast(find_subject(str(path)).model)
    assert message in str(error.value)


def test_a_reservoir_or_a_lone_charger_cannot_be_planned(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("[model]\nn_battery = 2\nratio = 5\n")
    with pytest.raises(InputError, match="resonator"):
        find_subject(str(path))
    with pytest.raises(InputError, match="battery"):
        find_subject("nv_burst")
    with pytest.raises(InputError, match="battery"):
        forecast(replace(battery(10, 50), battery=None))


@pytest.mark.parametrize("name", list(DEVICES))
def test_every_device_has_a_subject(name):
    model = find_subject(name, 3.0).model
    np.testing.assert_allclose(model.charger.number / model.battery.number, 3.0, rtol=1e-9)


@pytest.mark.long
@pytest.mark.parametrize("name", list(DEVICES))
def test_every_device_has_a_plan(name):
    found = make_plan(find_subject(name))
    assert found.perfect.energy > 0.99
    assert found.sensitivities.limiting is not None


# --- uncertain devices


def fitted_kersten():
    """kersten2023 with two quantities fitted together and all else known."""
    device = find_device("kersten2023")
    for name, quantity in device.quantities.items():
        device = replace(device, **{name: replace(quantity, low=None, high=None, status="read")})
    values = {"collective_coupling_hz": 4.53e6, "inversion": 0.4}
    matrix = ((4e-4, -1e-4), (-1e-4, 1e-4))
    return with_fit(device, values, Covariance(tuple(values), matrix), "a test")


def test_draws_of_a_fitted_device_scatter_as_its_elasticities_say(tmp_path):
    write_device(fitted_kersten(), tmp_path / "own.toml")
    subject = find_subject(str(tmp_path / "own.toml"))
    assert subject.ratio == 5.0
    drawn = drawn_forecasts(subject, 24, rest=8e-7)
    assert drawn[0].values == drawn_forecasts(subject, 1, rest=8e-7)[0].values
    table = interval_table(drawn).set_index("quantity")
    assert table.loc["probability of bursting", "median"] == 1.0
    own = forecast(subject.model, 48, rest=8e-7)
    assert table.loc["time of the burst", "low"] < own.delay.mean
    assert own.delay.mean < table.loc["time of the burst", "high"]
    # the delay is ln(...)/2 lambda: what a step of the coupling changes, the draws show
    near = corner(subject, {"collective_coupling_hz": 4.53e6 * 1.01})
    slope = math.log(forecast(near, 48, rest=8e-7).delay.mean / own.delay.mean) / math.log(1.01)
    found = drawn_sensitivities(drawn).set_index(["quantity", "field"])
    row = found.loc["time of the burst", "collective_coupling_hz"]
    # straight lines over 2 % of the coupling
    assert abs(row.elasticity - slope) < max(4.0 * row.error, 0.05 * abs(slope))


@pytest.mark.long
def test_exponents_of_equal_spins_are_those_of_superradiance():
    # far above threshold in a bad cavity: power N^2; at fixed cooperativity N
    model = battery(2 * 10**10, 10**11, kappa_hz=3e7, coupling=30.0, t2_s=1e-4)
    asked = parse_scaling("spins=6e10:2.4e11")
    table = scaling_table(model, asked).set_index(["at", "quantity"])
    power = table.loc["fixed resonator", "peak power"]
    # memory of the resonator (g sqrt N/kappa = 1/14) and decoherence (1/C): some per cent each
    np.testing.assert_allclose(power.exponent, 2.0, atol=0.1)
    assert power.C_low > 20.0
    fixed = table.loc["fixed cooperativity", "peak power"]
    np.testing.assert_allclose(fixed.exponent, 1.0, atol=5e-3)
    lines = shots_lines(table.reset_index(), asked)
    assert lines[0].startswith("superextensive at fixed resonator")
    assert lines[1] == "not superextensive at fixed cooperativity"


def test_bad_scalings_are_refused():
    with pytest.raises(InputError, match="spins=start:stop"):
        parse_scaling("spins=3")
    with pytest.raises(InputError, match="--scaling"):
        parse_scaling("t2_s=1:2")


def test_a_run_definition_has_no_errors_to_draw_from(monkeypatch, tmp_path, capsys):
    assert plan(monkeypatch, tmp_path, "fast.toml", "--draws", 4) == 2
    assert "needs a device" in capsys.readouterr().err
