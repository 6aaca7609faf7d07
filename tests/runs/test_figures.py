"""Figures: every result has one; colours do not repeat; what is left out is said."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.font_manager import findfont
from matplotlib.lines import Line2D

from darkbattery.nvmodel import CollectiveBattery
from darkbattery.runs.definitions.definition import parse_definition
from darkbattery.runs.definitions.units import OWN_NOTE, clock, prefixed
from darkbattery.runs.figures import draw, draw_sweep
from darkbattery.runs.figures.axes import legend_below
from darkbattery.runs.figures.save import save_figures
from darkbattery.runs.figures.sequences import draw_sequence, sequence_of
from darkbattery.runs.figures.style import empty_figure, figure_style
from darkbattery.runs.results.jumps import drawn_run
from darkbattery.runs.results.study import run_study
from darkbattery.trajectories import single_run, steady_state

TIMES = {"stop": 1.0, "points": 11}


def _study(model, **run):
    run = {"method": "evolve", "times": TIMES, "observables": ["battery_energy", "power"]} | run
    return run_study(parse_definition({"title": "t", "model": {"ratio": 3} | model, "run": run}))


def test_a_figure_shows_itself_in_a_notebook_and_leaves_its_pyplot_alone():
    before = plt.get_backend(), plt.get_fignums()
    figure = draw(_study({"n_battery": 1}))
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert (plt.get_backend(), plt.get_fignums()) == before


def _curves(axis):
    return [line for line in axis.lines if len(line.get_xdata()) > 1]


def test_a_steady_sweep_has_a_figure_against_the_swept_field(tmp_path):
    model = {"n_battery": [1, 2, 4], "ratio": 3}
    run = {"method": "steady", "observables": ["battery_energy"]}
    study = run_study(parse_definition({"model": model, "run": run}))
    assert [path.name for path in save_figures(study, tmp_path)] == ["sweep.png", "sweep.svg"]
    (curve,) = _curves(draw_sweep(study).axes[0])
    np.testing.assert_array_equal(curve.get_xdata(), [1, 2, 4])
    expected = [
        steady_state(CollectiveBattery(n, 3 * n), ["battery_energy"])["battery_energy"][0]
        for n in (1, 2, 4)
    ]
    np.testing.assert_array_equal(curve.get_ydata(), expected)


def test_no_font_is_asked_for_that_is_not_there():
    with figure_style():
        names = matplotlib.rcParams["font.sans-serif"]
    for name in names:
        findfont(name, fallback_to_default=False)  # else raises, for each text that is measured


def test_a_single_steady_state_has_a_figure(tmp_path):
    content = {"model": {"n_battery": 2, "ratio": 3}, "run": {"method": "steady"}}
    assert save_figures(run_study(parse_definition(content)), tmp_path)


@pytest.mark.parametrize("values", [1, 3, 12, 20])
def test_each_curve_has_its_own_colour(values):
    nbar = [round(0.05 * i, 3) for i in range(values)]
    figure = draw(_study({"n_battery": 1, "nbar": nbar if values > 1 else 0.0}))
    colours = [tuple(line.get_color()) for line in _curves(figure.axes[0])]
    assert len(set(colours)) == len(colours) == values
    # a colour bar where a legend would be long
    assert len(figure.axes) == 2 + (values > 6)


def test_curves_left_out_are_counted():
    figure = draw(_study({"n_battery": 1, "nbar": [round(0.01 * i, 3) for i in range(60)]}))
    assert len(_curves(figure.axes[0])) == 24
    assert "24 of the 60 values of nbar are drawn" in figure.get_suptitle()


def test_two_swept_fields_are_hue_and_style():
    figure = draw(_study({"n_battery": [1, 2, 3], "nbar": [0.0, 0.5]}))
    looks = [(tuple(c.get_color()), c._dash_pattern) for c in _curves(figure.axes[0])]
    assert len(set(map(str, looks))) == 6
    assert len({colour for colour, _ in looks}) == 3


def test_peaks_and_their_times_against_the_swept_field():
    study = _study({"n_battery": [1, 2, 3]})
    figure = draw_sweep(study)
    power = study.table[study.table["observable"] == "power"]
    peaks = power.loc[power.groupby("n_battery")["value"].idxmax()]
    by_title = {axis.get_title(loc="left"): axis for axis in figure.axes}
    (largest,) = _curves(by_title["power: largest"])
    (when,) = _curves(by_title["power: time of the largest"])
    np.testing.assert_array_equal(largest.get_ydata(), peaks["value"])
    np.testing.assert_array_equal(when.get_ydata(), peaks["time"])


def test_values_without_an_order_have_places_on_the_axis():
    starts = [{"excitations": n} for n in (2, 3, 1)]
    figure = draw_sweep(_study({"n_battery": 1, "charger_start": starts}))
    (curve,) = _curves(figure.axes[0])
    np.testing.assert_array_equal(curve.get_xdata(), [0, 1, 2])


def test_a_gamma_of_one_written_out_is_a_time_in_its_inverse():
    """It read "t" before, as though in seconds."""
    assert clock(_study({"n_battery": 1, "gamma": 1.0}).definition.model).axis == r"$\gamma t$"
    own = _study({"n_battery": 1, "gamma": 2.0})
    assert clock(own.definition.model).axis == "t ([t])"
    # what [t] in its units is stands in the heading
    assert OWN_NOTE in draw(own)._suptitle.get_text().replace("\n", " ")


@pytest.mark.parametrize(
    ("largest", "unit", "expected"),
    [(1.08e-11, "J", "pJ"), (6.44e-7, "W", "nW"), (4.31e-6, "s", "µs"), (999.0, "/s", "Hz"),
     (1e-3, "s", "ms"), (0.0, "W", "W")],
)  # fmt: skip
def test_prefixes(largest, unit, expected):
    factor, shown = prefixed(largest, unit)
    assert shown == expected
    assert largest == 0.0 or 1.0 <= round(largest * factor, 9) < 1000.0


def _labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_single_runs_jump_where_their_photons_came():
    """They went from one output time to the next in slanted lines before."""
    study = _study(
        {"n_battery": 2}, method=["evolve", "sample"], runs=20, seed=4, single_runs=3,
        times={"stop": 1.0, "points": 6},
    )  # fmt: skip
    figure = draw(study)
    (fan,) = (axis for axis in figure.axes if "single runs" in axis.get_title(loc="left"))
    for number, line in enumerate(fan.lines[:3]):
        one = single_run(CollectiveBattery(2, 6), study.definition.times, 4, number)
        x, y = line.get_data()
        jumps = np.asarray(one.jump_times)
        after = np.searchsorted(x, jumps)
        np.testing.assert_array_equal(x[after], jumps)
        # a vertical step: the value before it at the same time, to the last bit of a double
        np.testing.assert_array_equal(x[after - 1], np.nextafter(jumps, 0.0))
        assert np.abs(y[after] - y[after - 1]).max() > 0.05
        at = np.searchsorted(x, study.definition.times)
        # other output times, other rounding
        np.testing.assert_allclose(y[at], one.battery_energy, rtol=0.0, atol=1e-12)


def test_whole_numbers_of_a_run_are_steps():
    study = _study(
        {"n_battery": 2}, method="sample", runs=20, single_runs=2, observables=["emitted_photons"]
    )
    figure = draw(study)
    (fan,) = (axis for axis in figure.axes if "single runs" in axis.get_title(loc="left"))
    for line in fan.lines[:2]:
        _, y = line.get_data()
        np.testing.assert_array_equal(y, np.round(y))
        assert line.get_drawstyle() == "steps-post"
        # one photon at a time
        assert set(np.diff(y)) <= {0.0, 1.0}


def test_runs_that_jump_all_the_time_leave_lines_to_be_seen():
    """Ten warm runs were one solid colour."""
    study = _study(
        {"n_battery": 1, "nbar": [0.0, 2.0]}, method="sample", runs=20, single_runs=10,
        times={"stop": 40.0, "points": 5},
    )  # fmt: skip
    axes = [axis for axis in draw(study).axes if "single runs" in axis.get_title(loc="left")]
    cold, warm = (axis.get_title(loc="left").partition("\n")[0] for axis in axes)
    assert (cold, warm) == ("10 single runs", "1 of 10 single runs")
    # and the average over them all
    assert [len(axis.lines) for axis in axes] == [11, 2]


def test_a_run_that_does_not_jump_is_drawn_as_it_was_kept():
    study = _study({"n_battery": 2}, engine="semiclassical", method="sample", runs=5, single_runs=1)
    kept = study.single_runs[study.single_runs["observable"] == "battery_energy"]
    (point,) = study.definition.points()
    assert drawn_run(study.definition, point, 0, "battery_energy", kept) is kept
    # nor is another run drawn in its place
    quantum = _study({"n_battery": 2}, method="sample", runs=5, single_runs=1)
    other = kept.assign(value=0.3)
    assert drawn_run(quantum.definition, point, 0, "battery_energy", other) is other


def test_the_largest_of_noisy_means_is_said_to_be_too_high():
    """Of 20 runs several means agree with the largest; of exact averages none does."""
    run = {"method": ["evolve", "sample"], "runs": 20, "seed": 2}
    noisy = draw_sweep(_study({"n_battery": [1, 2]}, **run))
    assert "largest of sampled means: too high" in noisy._suptitle.get_text()
    exact = draw_sweep(_study({"n_battery": [1, 2]}))
    assert "too high" not in exact._suptitle.get_text()


def test_what_stands_in_a_figure_is_explained_below_it():
    study = _study(
        {"n_battery": 2, "protocol": {"charge": {"duration": 0.5}, "wait": {"duration": 0.5}}},
        method=["evolve", "sample"], runs=20, single_runs=2,
    )  # fmt: skip
    said = " ".join(_labels(draw(study)))
    for part in ("averages", "circles", "band", "grey", "thin", "black", "dashed: stages"):
        assert part in said
    for axis in draw(study).axes:
        assert axis.get_legend() is None  # below all panels, never over data


def test_a_modal_run_is_not_called_the_average_of_the_runs():
    """Black was the modal run, whose power is too high by a quarter, named the average."""
    run = {"engine": "semiclassical", "method": ["evolve", "sample"], "runs": 40, "single_runs": 2}
    study = _study({"n_battery": 5}, **run, observables=["battery_energy"])
    figure = draw(study)
    assert {"line: modal run", "black: average over all runs"} <= set(_labels(figure))
    black = next(line for axis in figure.axes for line in axis.lines if line.get_color() == "black")
    sampled = study.table[study.table["method"] == "sample"]
    np.testing.assert_array_equal(black.get_ydata(), sampled["value"])


def test_ticks_of_a_logarithmic_sweep_are_plain_numbers():
    few = _ticks([1, 4, 16, 64])
    assert few == ["1", "4", "16", "64"]
    many = _ticks([2**n for n in range(12)])
    assert {"1", "10", "100", "1000"} <= set(many)
    assert not any("$" in label for label in many)


def _ticks(sizes):
    model = {"n_battery": sizes, "ratio": 3}
    run = {"method": "steady", "observables": ["battery_energy"]}
    figure = draw_sweep(run_study(parse_definition({"model": model, "run": run})))
    figure.canvas.draw()
    return [label.get_text() for label in figure.axes[0].get_xticklabels()]


def test_a_legend_has_no_line_that_is_left_over():
    """Entries of seven in columns of two: matplotlib fills columns first."""
    figure = empty_figure(10.2, 3.0)
    entries = {f"n_battery = {n}": Line2D([], []) for n in range(7)}
    legend_below(figure, entries)
    figure.canvas.draw()
    lines = {round(text.get_window_extent().y0) for text in figure.legends[0].get_texts()}
    columns = {round(text.get_window_extent().x0) for text in figure.legends[0].get_texts()}
    assert (len(lines), len(columns)) == (2, 4)  # 2 + 2 + 2 + 1; it was 2 + 1 + 1 + 1 + 1 + 1


def test_what_is_zero_throughout_has_a_line_and_no_panel():
    """Nine panels were drawn, absorption at T = 0 among them, and the ergotropy left out."""
    names = ["battery_energy", "absorbed_photons", "ergotropy_total"]  # 0, and 1e-17 by rounding
    study = _study({"n_battery": 1, "ratio": 2}, observables=names, times=[0.1, 0.5])
    figure = draw(study)
    assert [axis.get_title("left") for axis in figure.axes] == ["battery energy"]
    assert "zero throughout: absorbed photons, total ergotropy" in figure.get_suptitle()
    alone = _study({"n_battery": 1, "ratio": 2}, observables=["absorbed_photons"])
    assert [axis.get_title("left") for axis in draw(alone).axes] == ["absorbed photons"]


def test_maps_of_averages_and_of_single_runs_are_drawn_apart():
    spins = {"number": 1e4, "coupling_hz": 1e4, "line": {"shape": "gaussian", "fwhm_hz": 1e6}}
    model = {
        "resonator": {"frequency_hz": 3e9, "linewidth_fwhm_hz": 1e6},
        "battery": spins,
        "charger": spins | {"number": 3e4},
        "protocol": {"burst": {"duration": 1e-7}},
    }
    run = {"engine": "semiclassical", "method": ["evolve", "sample"], "order": 1, "classes": 2}
    run |= {"runs": 4, "times": {"stop": 1e-7, "points": 3}, "observables": ["battery_energy"]}
    study = run_study(parse_definition({"model": model, "run": run}))
    titles = [axis.get_title(loc="left") for axis in draw(study).axes]
    for name in ("battery inversion", "charger inversion"):
        assert f"{name}, averages" in titles
        assert f"{name}, sampled" in titles


def test_a_sequence_is_on_one_sheet(monkeypatch):
    """Energies, what one port sends out, mean and shots, and maps; its stages named and shaded."""
    spins = {"number": 1e4, "coupling_hz": 1e4, "line": {"shape": "gaussian", "fwhm_hz": 1e6}}
    width = {"linewidth_fwhm_hz": 2.5e5}
    model = {
        "resonator": {"frequency_hz": 3e9, "linewidth_fwhm_hz": 1e6, "ports": {"out": width}},
        "battery": spins,
        "charger": spins | {"number": 3e4},
        "protocol": {"burst": {"duration": 5e-8}, "store": {"duration": 5e-8, "coupled": "none"}},
    }
    run = {"engine": "semiclassical", "method": "sample", "classes": 2, "runs": 4}
    run |= {"times": {"stop": 1e-7, "points": 3}, "single_runs": 2}
    run |= {"observables": ["battery_energy", "charger_energy", "output_power"]}
    study = run_study(parse_definition({"title": "t", "model": model, "run": run}))
    figure = draw_sequence(study, sequence_of(study))
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles[2] == "power out of port out: mean and single shots"
    assert [title.partition(",")[0] for title in titles[3:5]] == [
        "battery inversion",
        "charger inversion",
    ]
    shots = study.single_runs.query("observable == 'output_power'")
    drawn = [line.get_ydata() for line in _curves(figure.axes[2])]
    # the port's share of the width, in the prefix of the axis
    one = shots[shots["run"] == 0]["value"].to_numpy()
    (factor,) = {round(y / x, 6) for x, y in zip(one[1:], drawn[0][1:], strict=True)}
    assert f"{factor / 0.25:.3e}"[:5] == "1.000"
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == ["burst", "store"]
    assert [len(axis.patches) for axis in figure.axes[:3]] == [1, 1, 1]
    saved = "darkbattery.runs.figures.save.save_figure"
    monkeypatch.setattr(saved, lambda figure, folder, name: [name])
    assert save_figures(study, None) == ["charging", "sequence"]
