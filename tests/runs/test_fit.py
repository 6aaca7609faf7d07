"""Traces in, fitted devices out: formats, truth recovered, what is refused."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from darkbattery import meanfield
from darkbattery.meanfield.averages.response import transmission
from darkbattery.meanfield.classes.moments import system_of
from darkbattery.nvmodel import InputError
from darkbattery.nvmodel.devices.datasheet import Covariance
from darkbattery.nvmodel.devices.draws import draw_values
from darkbattery.nvmodel.devices.published import DEVICES, find_device, with_value
from darkbattery.nvmodel.devices.sheets import device_of, sheet_of, with_fit
from darkbattery.nvmodel.devices.split import whole_ensemble
from darkbattery.runs.cli import main
from darkbattery.runs.definitions.devicefile import device_named, doubts
from darkbattery.runs.fit.model import predicted
from darkbattery.runs.fit.solve import fit, posterior, problem_of
from darkbattery.runs.fit.synthetic import synthetic_trace, write_csv
from darkbattery.runs.fit.traces import read_trace
from darkbattery.runs.ranks.signals import Stopped

KERSTEN = find_device("kersten2026")
F0 = KERSTEN.frequency_hz.converted
F = F0 + np.linspace(-2.5e7, 2.5e7, 101)
T = np.linspace(0.0, 6e-6, 81)
FREE = ("coupling_hz", "resonator_fwhm_hz", "line_fwhm_hz", "inversion")


def transmission_trace(seed=1, device=KERSTEN, **nuisances):
    return synthetic_trace("s21", F, device, {"gain": 0.8, "phase": 0.3} | nuisances, 0.01, seed)


def burst_trace(seed=2, device=KERSTEN):
    return synthetic_trace("burst", T, device, {"peak": 2.5e-6}, 0.01, seed)


def moved(device, **factors):
    """The device with values to start from, without ranges."""
    for name, factor in factors.items():
        device = with_value(device, name, factor * device.quantities[name].converted)
    return device


# --- models


def test_a_transmission_is_that_of_the_engine_in_an_analysers_phase():
    found = predicted(transmission_trace(), KERSTEN, {"gain": 0.8, "phase": 0.3})
    rest = whole_ensemble(KERSTEN, KERSTEN.polarisation.converted)
    engine = transmission(rest, F - F0)
    np.testing.assert_allclose(found, 0.8 * np.exp(0.3j) * engine.conj(), rtol=1e-12)


def test_ports_scatter_all_that_a_lossless_resonator_is_fed():
    device = find_device("eisenach2021")
    half = 0.5 * device.linewidth_fwhm_hz.converted
    device = with_value(with_value(device, "port1_fwhm_hz", half), "port2_fwhm_hz", half)
    device = with_value(device, "collective_coupling_hz", 1e-3)  # spins that absorb nothing
    x = device.frequency_hz.converted + np.linspace(-1e6, 1e6, 41)
    s11, s21 = (synthetic_trace(kind, x, device, {}, 0.0, 1).y for kind in ("s11", "s21"))
    np.testing.assert_allclose(abs(s11) ** 2 + abs(s21) ** 2, 1.0, atol=1e-9)


def test_a_burst_is_the_modal_run_of_second_order():
    fine = np.linspace(0.0, 6e-6, 601)
    found = synthetic_trace("burst", fine, KERSTEN, {"peak": 2.5e-6}, 0.0, 1).y
    model = whole_ensemble(KERSTEN, KERSTEN.inversion.converted)
    alike = replace(model, charger=replace(model.charger, coupling_spread=0.0))  # 2 % there
    times = np.linspace(0.0, 8e-6, 801)
    exact = meanfield.evolve(system_of(alike, 31), times, observables=["output_power"])
    exact = exact["output_power"]
    np.testing.assert_allclose(found.max(), exact.max(), rtol=0.01)  # 31 classes; the grid's top
    at = times[exact.argmax()] - 2.5e-6
    shifted = np.interp(fine + at, times, exact)
    np.testing.assert_allclose(found, shifted, atol=0.04 * exact.max())  # half a step of 10 ns


# --- fits


def test_a_joint_fit_finds_the_truth_within_its_errors():
    start = moved(KERSTEN, collective_coupling_hz=1.1, linewidth_fwhm_hz=0.9, inversion=1.1)
    found = fit(problem_of(start, (transmission_trace(), burst_trace()), FREE))
    assert 0.7 < found.chi_square / found.freedom < 1.3
    for name in ("collective_coupling_hz", "linewidth_fwhm_hz", "inversion"):
        quantity = found.device.quantities[name]
        off = (quantity.converted - KERSTEN.quantities[name].converted) / quantity.factor
        # four standard errors; fixed seeds
        assert abs(off) < 4.0 * quantity.error, name
        assert quantity.error < 0.1 * quantity.value
    again = device_of(sheet_of(found.device), "x")
    assert again == found.device
    assert again.covariance.fields[0] == "collective_coupling_hz"


@pytest.mark.long
def test_a_posterior_of_a_straight_problem_is_the_curvature_s():
    free = ("coupling_hz",)
    problem = problem_of(moved(KERSTEN), (transmission_trace(),), free)
    found = fit(problem)
    sampled = posterior(problem, found.x, found.covariance, steps=150, seed=1)
    # 16 walkers of 105 steps, some 20 of them from one independent draw to the next: a standard
    # deviation to 7 %, and three of these; the mean to a tenth of an error
    np.testing.assert_allclose(sampled.std(axis=0), found.errors, rtol=0.21)
    assert (np.abs(sampled.mean(axis=0) - found.x) < 0.3 * found.errors).all()


def test_a_stop_during_the_posterior_is_no_traceback(capsys, monkeypatch):
    problem = problem_of(moved(KERSTEN), (transmission_trace(),), ("coupling_hz",))
    fitted = fit(problem)

    def stopped(*_):
        raise Stopped

    monkeypatch.setitem(type(problem).residuals.__globals__, "predicted", stopped)
    with pytest.raises(Stopped):
        posterior(problem, fitted.x, fitted.covariance, steps=50, seed=1)
    assert capsys.readouterr().out == ""


def test_what_the_data_do_not_determine_is_named_with_its_correlation():
    problem = problem_of(moved(KERSTEN, t1_s=1.0), (transmission_trace(),), ("coupling_hz", "t1_s"))
    with pytest.raises(InputError, match=r"t1_s.*not determined by the data.*correlation"):
        fit(problem)
    both = ("collective_coupling_hz", "polarisation")  # only g^2 N p is seen
    with pytest.raises(InputError, match=r"not determined.*correlation -1.0000"):
        fit(problem_of(moved(KERSTEN, polarisation=0.8), (transmission_trace(),), both))


def test_an_error_on_the_data_sheet_is_a_prior():
    sure = replace(KERSTEN.collective_coupling_hz, value=4.0e6, error=1.0)
    found = fit(
        problem_of(
            replace(KERSTEN, collective_coupling_hz=sure),
            (transmission_trace(),),
            ("coupling_hz", "line_fwhm_hz"),
        )
    )
    np.testing.assert_allclose(found.device.collective_coupling_hz.converted, 4.0e6, rtol=1e-4)
    assert found.chi_square > 10.0 * found.freedom  # it is not the truth


# --- files


@pytest.mark.parametrize("kind", ["s21", "burst"])
def test_a_trace_is_read_as_it_was_written(tmp_path, kind):
    trace = transmission_trace() if kind == "s21" else burst_trace()
    write_csv(trace, tmp_path / "x.csv")
    found = read_trace(tmp_path / "x.csv")
    assert found.kind == kind
    np.testing.assert_allclose(found.x, trace.x, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.y, trace.y, atol=1e-5 * np.abs(trace.y).max())


def test_touchstone_is_read(tmp_path):
    lines = ["# MHZ S RI R 50"]
    y = transmission_trace().y
    for f, s in zip(F, y, strict=True):
        lines.append(f"{f / 1e6:.9f} 0 0 {s.real} {s.imag} {s.real} {s.imag} 0 0")
    (tmp_path / "x.s2p").write_text("\n".join(lines))
    found = read_trace(tmp_path / "x.s2p")
    np.testing.assert_allclose(found.y, y)
    np.testing.assert_allclose(found.x, F, rtol=1e-12)


BAD = {
    "gap": ("time (us),power (W)\n" + "0,1\n1,\n" * 8, "no gaps"),
    "unit": ("time,power (W)\n" + "".join(f"{i},1\n" for i in range(9)), "must carry a unit"),
    "order": ("time (us),power (W)\n" + "".join(f"{9 - i},1\n" for i in range(9)), "must rise"),
    "short": ("time (us),power (W)\n0,1\n1,2\n", "at least 8 points"),
    "columns": ("time (us),volume (l)\n" + "".join(f"{i},1\n" for i in range(9)), "column"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_a_bad_file_is_refused_in_one_line(tmp_path, case):
    text, said = BAD[case]
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_trace(tmp_path / "x.csv")


def test_hertz_taken_for_megahertz_are_told(tmp_path):
    write_csv(transmission_trace(), tmp_path / "x.csv")
    text = (tmp_path / "x.csv").read_text().replace("(MHz)", "(Hz)")
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(InputError, match=r"10\^-6 times frequency_hz: is the unit"):
        problem_of(KERSTEN, [read_trace(tmp_path / "x.csv")], ("coupling_hz",))


def test_more_unknowns_than_points_are_refused():
    short = synthetic_trace("burst", T[::10][:9], KERSTEN, {"peak": 2e-6}, 0.01, 1)
    names = [name for name in KERSTEN.quantities if KERSTEN.quantities[name].converted > 0.0]
    with pytest.raises(InputError, match="as many as points"):
        problem_of(KERSTEN, (short,), names)


# --- device files


@pytest.mark.parametrize("name", list(DEVICES))
def test_a_data_sheet_is_read_as_it_is_written(name):
    assert device_of(sheet_of(DEVICES[name]), "x") == DEVICES[name]


def own_sheet(**changes):
    found = sheet_of(KERSTEN) | changes
    return {key: value for key, value in found.items() if value is not None}


def test_quality_factors_coefficients_and_densities_are_other_ways_to_say_it():
    quality = {"value": 10_000.0, "convention": "internal", "source": "x"}
    port = {"value": 0.5, "convention": "coefficient"}
    device = device_of(
        own_sheet(
            linewidth_fwhm_hz=None,
            quality_factor=quality,
            port1_fwhm_hz=port,
            port2_fwhm_hz=port,
            spins=None,
            nv_density={"value": 1.0, "unit": "ppm"},
            volume={"value": 2.0, "unit": "mm3"},
            filling={"value": 0.25},
        ),
        "x",
    )
    internal = F0 / 10_000.0
    np.testing.assert_allclose(device.internal_fwhm_hz, internal)
    np.testing.assert_allclose(device.linewidth_fwhm_hz.converted, 2.0 * internal)
    np.testing.assert_allclose(device.port1_fwhm_hz.converted, 0.5 * internal)
    np.testing.assert_allclose(device.number, 1.76e14 * 0.5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"line_width": {"value": 1.0}}, "line_width"),
        ({"t2_s": {"value": 1.0, "unit": "us", "error": "x"}}, "t2_s.error"),
        ({"t2_s": None, "t1_s": None}, "t2_s.*t1_s.*missing|t1_s.*t2_s.*missing"),
        ({"linewidth_fwhm_hz": {"value": 1.0, "unit": "MHz"}}, "FWHM or HWHM"),
        ({"quality_factor": {"value": 1e3}}, "give it or linewidth_fwhm_hz"),
        ({"covariance": {"fields": ["t2_s"], "matrix": [[-1.0]]}}, "negative variance"),
        ({"port1_fwhm_hz": {"value": 2.0, "unit": "MHz", "convention": "FWHM"}}, "at most"),
    ],
)
def test_a_bad_data_sheet_is_refused_in_one_line(changes, said):
    with pytest.raises(InputError, match=said) as caught:
        device_of(own_sheet(**changes), "x")
    assert "\n" not in str(caught.value)


def test_doubts_are_told():
    wide = with_value(KERSTEN, "t2_s", 1e-8)
    assert any("T2*" in line for line in doubts(wide))
    assert any("unit" in line for line in doubts(with_value(KERSTEN, "temperature_k", 2e3)))
    assert any(
        "thermal would be" in line for line in doubts(with_value(KERSTEN, "polarisation", 0.5))
    )


def test_draws_follow_the_covariance():
    matrix = ((0.01, 0.018), (0.018, 0.04))
    values = {"collective_coupling_hz": 4e6, "linewidth_fwhm_hz": 8e5}
    device = with_fit(KERSTEN, values, Covariance(tuple(values), matrix), "x")
    draws = draw_values(device, 2000)
    logs = np.log([[one[name] / values[name] for name in values] for one in draws])
    # a variance's relative standard error is (2/2000)^(1/2) = 0.03
    np.testing.assert_allclose(np.cov(logs.T), matrix, rtol=0.15)
    np.testing.assert_allclose(logs.mean(axis=0), 0.0, atol=0.015)
    inversions = np.array([one["inversion"] for one in draws])
    low, high = KERSTEN.inversion.range
    assert low <= inversions.min() < inversions.max() <= high
    assert draw_values(device, 3) == draws[:3]


# --- the command


def command(monkeypatch, tmp_path, *arguments):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["darkbattery", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    return exit_.value.code


def test_from_a_template_to_a_fitted_device(monkeypatch, tmp_path, capsys):
    assert command(monkeypatch, tmp_path, "init", "device") == 0
    assert command(monkeypatch, tmp_path, "devices", "--check", "device.toml") == 0
    assert "no doubts" in capsys.readouterr().out
    device = device_named("x", str(tmp_path / "device.toml"))
    trace = synthetic_trace("s21", F, device, {"gain": 0.5}, 0.01, 1)
    write_csv(trace, tmp_path / "s21.csv")
    asked = ("fit", "device.toml", "--data", "s21.csv", "--free", "coupling_hz,line_fwhm_hz")
    assert command(monkeypatch, tmp_path, *asked) == 0
    out = tmp_path / "results" / "fit-device"
    assert {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} == {
        "fit.json",
        "device.toml",
        "parameters.parquet",
        "residuals.parquet",
        "correlations.parquet",
        "figures/fit.png",
        "figures/fit.svg",
    }
    fitted = device_named("x", str(out / "device.toml"))
    assert math.isclose(fitted.collective_coupling_hz.converted, 4.5e6, rel_tol=0.05)
    assert fitted.covariance is not None
    assert command(monkeypatch, tmp_path, *asked) == 2
    assert "exists already" in capsys.readouterr().err
    assert command(monkeypatch, tmp_path, *asked[:-1], "nonsense", "--replace") == 2
    assert "--free" in capsys.readouterr().err
    assert Path("results").is_dir()
