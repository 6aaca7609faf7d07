"""The report page: what it holds, that it needs nothing else, and that it works in a browser."""

import base64
import html
import json
import lzma
import re
import shutil
import tomllib

import numpy as np
import pandas as pd
import pytest
import tomli_w

from darkbattery.nvmodel import InputError
from darkbattery.runs.cli import app
from darkbattery.runs.definitions.definition import parse_definition
from darkbattery.runs.report.charts import charts
from darkbattery.runs.report.packing import FILTER, packed
from darkbattery.runs.report.page import report_page, write_report
from darkbattery.runs.results.provenance import provenance
from darkbattery.runs.results.store import load, save
from darkbattery.runs.results.study import run_study
from darkbattery.runs.terminal.screen import result_tables
from darkbattery.runs.terminal.tables import Listing

BOTH_QUANTUM = {
    "title": "Two </script> & <b>sizes</b>",
    "model": {"n_battery": [1, 2], "ratio": 5},
    "run": {
        "method": ["steady", "evolve", "sample"],
        "times": {"stop": 2.0, "points": 21},
        "observables": ["battery_energy", "power"],
        "runs": 400,
        "seed": 5,
        "single_runs": 3,
    },
}
BOTH_SEMICLASSICAL = {
    "title": "The same, semiclassically",
    "model": {"n_battery": 2, "n_charger": 10},
    "run": {
        "engine": "semiclassical",
        "method": ["evolve", "sample"],
        "times": {"stop": 2.0, "points": 21},
        "observables": ["battery_energy"],
        "runs": 64,
    },
}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Folders of all four engines' results."""
    folders = []
    for content in (BOTH_QUANTUM, BOTH_SEMICLASSICAL):
        definition = parse_definition(content)
        folders.append(tmp_path_factory.mktemp("result"))
        save(run_study(definition), provenance(definition, 1, 0.0), folders[-1])
    return folders


@pytest.fixture(scope="module")
def page(results):
    return report_page(results)


def test_the_page_needs_nothing_from_elsewhere(page):
    beyond_plotly = page.replace(_script(page), "")
    assert not re.search(r'(src|href)="(?!#|data:)', beyond_plotly)
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", beyond_plotly)


def _script(page, name="library"):
    # packed: any letters may follow one another in it
    return re.search(rf'<script type="text/plain" id="{name}"[^>]*>(.*?)</script>', page, re.S)[1]


def _unpacked(page, name):
    squeezed = base64.b85decode(_script(page, name).replace(",", "<"))
    return lzma.decompress(squeezed, format=lzma.FORMAT_RAW, filters=[FILTER])


def test_the_page_is_small(page):
    """5 MB once, with the library as it is; 1.84 MB of deflate left 0.16 MB for two results."""
    assert len(page.encode()) < 2_000_000
    assert len(_script(page)) < 1_500_000


def test_the_number_of_runs_follows_the_answer(page):
    """It stood on the screen alone."""
    after = re.findall(r'class="answer">.*?</p>\s*<p class="runs">(.*?)</p>', page, re.S)
    assert after == [
        "400 single runs at each point, from the same random numbers.",
        "64 single runs.",
    ]


def test_the_definition_is_saved_under_a_name_of_its_own(page):
    assert 'download="the_same_semiclassically.toml"' in page
    assert "darkbattery run the_same_semiclassically.toml" in page


def test_a_definition_keeps_the_name_of_its_file(tmp_path):
    """It was made from the title, "the_same_semiclassically", whatever the file was called."""
    source, out = tmp_path / "my study.toml", tmp_path / "elsewhere"
    source.write_text(tomli_w.dumps(BOTH_SEMICLASSICAL))
    app(["run", str(source), "--out", str(out)], standalone_mode=False)
    text = report_page([out])
    assert 'download="my study.toml"' in text
    assert "darkbattery run &#39;my study.toml&#39;" in text


def test_it_opens_with_the_answer_and_has_the_terminals_numbers(results, page):
    """Its table read W_d_end and +- before."""
    first = re.search(r'<p class="answer">(.*?)</p>', page, re.S)[1]
    assert first.startswith("Battery energy in the steady state: from 0.694444 ħω (n_battery = 1)")
    assert "largest power: from" in first
    for part in result_tables(load(results[1]).study):
        for row in part.rows if isinstance(part, Listing) else ():
            assert all(html.escape(cell) in page for cell in row)
    for internal in ("_end", "_ss", ">+-<", "W_d", "E_C end"):
        assert internal not in page.replace(_script(page), "")
    order = [page.index(part) for part in ('class="answer"', 'class="plot"', "<h2>Numbers")]
    assert order == sorted(order)


def test_captions_set_their_mathematics(page):
    captions = re.findall(r"<figcaption[^>]*>(.*?)</figcaption>", page, re.S)
    about_energy = [text for text in captions if "per battery spin" in text]
    assert about_energy
    assert all("<math" in text and "J_B" not in text for text in about_energy)


def test_a_sweep_has_charts_against_the_swept_field(results):
    study = load(results[0]).study
    found = {chart.name: chart for chart in charts(study)}
    figure = found["battery energy at the end"].figure
    exact = next(trace for trace in figure.data if trace.name == "averages")
    table = study.table.query("method == 'evolve' and observable == 'battery_energy'")
    last = table[table["time"] == table["time"].max()].sort_values("n_battery")
    np.testing.assert_array_equal(np.asarray(exact.y, "f4"), last["value"].to_numpy("f4"))
    assert list(exact.x) == [1, 2]


def test_single_runs_of_a_report_jump(results):
    study = load(results[0]).study
    (fan, *_) = (chart for chart in charts(study) if "single runs" in chart.name)
    steps = [np.diff(trace.x).min() for trace in fan.figure.data if "run " in trace.name]
    # both sides of a photon are one time, to the seven digits of the page
    assert min(steps) == 0.0


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """The folder of a comparison."""
    folder = tmp_path_factory.mktemp("others")
    sources = []
    for name, engine in (("exact", "quantum"), ("second", "semiclassical")):
        content = {
            "model": {"n_battery": 2, "ratio": 5},
            "run": {"method": "evolve", "times": [0.0, 0.5, 1.0], "engine": engine},
        }
        definition = parse_definition(content)
        (folder / name).mkdir()
        save(run_study(definition), provenance(definition, 1, 0.0), folder / name)
        sources.append(str(folder / name))
    app(["compare", *sources, "--out", str(folder / "both")], standalone_mode=False)
    return folder


def test_comparisons_have_reports(others):
    """They were refused: "holds no definition.toml"."""
    text = report_page([others / "both"])
    for part in ("second (second order) differs from exact (exact)", "largest<br>difference"):
        assert part in text
    assert 'src="data:image/svg+xml;base64,' in text
    assert len(text.encode()) < 1_000_000  # no drawing library
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", text)


def test_the_papers_folder_has_a_report(tmp_path):
    (tmp_path / "paper.json").write_text(json.dumps({"ranks": 1}))
    claims = {"claim": "a", "place": "Sec. IV", "statement": "E_ss > 0.5", "numbers": "0.9",
              "criterion": "above", "verdict": "holds"}  # fmt: skip
    pd.DataFrame([claims]).to_parquet(tmp_path / "claims.parquet")
    text = report_page([tmp_path])
    assert "1 claims of the paper: holds: 1" in text
    assert "<msub>" in text
    assert "E_ss" not in text


def test_the_folder_of_regimes_has_a_report_that_opens_with_its_answer(tmp_path):
    """It said what the study asks, and named its tables by their files."""
    (tmp_path / "regimes.json").write_text(json.dumps({"ranks": 1}))
    (tmp_path / "tables").mkdir()
    table = pd.DataFrame([{"question": "energy at the end", "P_max/N_B": "any / <never> / 60"}])
    table.to_parquet(tmp_path / "tables" / "usable.parquet")
    text = report_page([tmp_path])
    assert '<p class="answer">Energy at the end to 1 %: P_max/N_B from N = 60.</p>' in text
    assert "any / &lt;never&gt; / 60" in text
    assert re.search(r"<summary>Spins <math.*at <math.*</summary>", text)
    assert "P_max" not in text.partition("<table")[2]


def test_titles_are_text_not_markup(page):
    assert "Two &lt;/script&gt; &amp; &lt;b&gt;sizes&lt;/b&gt;" in page
    assert "<b>sizes</b>" not in page.replace(_script(page), "")


def test_figures_carry_the_tables_numbers(results, page):
    figures = json.loads(_unpacked(page, "plots")).values()
    table = load(results[0]).study.table
    exact = table[
        (table.method == "evolve") & (table.observable == "power") & (table.n_battery == 2)
    ]
    named = [trace for f in figures for trace in f["data"] if trace.get("name")]
    found = [trace for trace in named if trace["name"] == "n_battery = 2, averages"]
    # as far as a screen shows them
    assert exact["value"].astype("f4").tolist() in [_numbers(trace["y"]) for trace in found]


def _numbers(values):
    """Plotly writes arrays as base64 of their bytes."""
    if isinstance(values, list):
        return values
    return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()


def test_the_saved_definition_is_the_definition(results, page):
    links = re.findall(r'href="data:application/toml;base64,([^"]*)"', page)
    saved = [parse_definition(tomllib.loads(base64.b64decode(one).decode())) for one in links]
    assert saved == [load(folder).study.definition for folder in results]


def test_an_existing_page_is_kept(results, tmp_path):
    out = tmp_path / "page.html"
    out.write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        app(["report", str(results[0]), "--out", str(out)], standalone_mode=False)
    assert out.read_text() == "mine"
    with pytest.raises(InputError, match="result folder"):
        app(["report", str(tmp_path), "--out", str(tmp_path / "new.html")], standalone_mode=False)
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with driver.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, results, tmp_path):
    """Opens the page in a context without network; fails on any message of the console."""
    messages = []

    def open_page(**context):
        out = tmp_path / "page.html"
        write_report(results, out)
        tab = chromium.new_context(offline=True, **context).new_page()
        tab.on("console", lambda m: messages.append(m.text) if m.type == "error" else None)
        tab.on("pageerror", lambda error: messages.append(str(error)))
        tab.on("requestfailed", lambda request: messages.append(request.url))
        tab.goto(out.as_uri())
        tab.wait_for_function(
            "[...document.querySelectorAll('.plot')].every(p => p.querySelector('.main-svg'))"
        )
        return tab

    yield open_page
    assert messages == []


def test_the_browser_unpacks_what_was_packed(opened):
    """Text with rare letters, long matches, far and repeated distances, and none at all."""
    draws = np.random.default_rng(3)
    noise = "".join(map(chr, draws.integers(32, 1000, 6000)))
    tab = opened(viewport={"width": 400, "height": 400})
    for text in ("", "ħω", "a" * 5000, noise, noise + noise[:900] + "ab" * 700 + noise[::-1]):
        one = packed(text)
        source = [one.text, one.length]
        found = "([t, n]) => new TextDecoder().decode(expanded(bytes(t), n))"
        assert tab.evaluate(found, source) == text


def test_figures_zoom_and_say_value_and_error(opened):
    tab = opened(viewport={"width": 1280, "height": 900})
    plot = tab.get_by_role("img", name=re.compile("^battery energy:")).first
    plot.scroll_into_view_if_needed()
    box = plot.locator(".nsewdrag").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    # the last curve with errors of the first figure is the sampled one of two spins
    text = plot.evaluate(
        "p => { Plotly.Fx.hover(p, [{curveNumber: p.data.findLastIndex(d => d.customdata),"
        " pointNumber: 10}]); return p.querySelector('.hoverlayer').textContent; }"
    )
    assert re.search(r"single runs1(\.0+)?: 0\.\d+ ± 0\.0\d+", text)
    before = plot.evaluate("p => p.layout.xaxis.range")
    tab.mouse.move(*middle)
    tab.mouse.down()
    tab.mouse.move(middle[0] + 120, middle[1] + 60, steps=4)
    tab.mouse.up()
    tab.wait_for_timeout(300)
    after = plot.evaluate("p => p.layout.xaxis.range")
    assert after[1] - after[0] < 0.5 * (before[1] - before[0])


def test_everything_shown_has_a_name(opened):
    tab = opened()
    assert tab.locator("html").get_attribute("lang") == "en"
    for selector in ("[role=img]", "[role=region]"):
        names = tab.locator(selector).evaluate_all("all => all.map(e => e.ariaLabel)")
        assert names
        assert all(names)
    assert tab.locator("h1").count() == 2
    # in the tree that screen readers get, the first figure goes by its observable
    assert tab.get_by_role("img", name=re.compile("^battery energy:")).count() == 2


def contrast(one, other):
    """Of two colours as CSS writes them, by the web's own definition (WCAG 2)."""
    light = []
    for colour in (one, other):
        parts = [int(c) / 255 for c in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        light.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
    return max(light) / min(light)


def test_an_equation_within_a_line_has_no_scroll_bar(opened):
    """Beside every symbol of a caption stood the arrows of one."""
    seen = opened().evaluate(
        "[...document.querySelectorAll('math:not([display=block])')]"
        ".map(e => getComputedStyle(e).overflowY)"
    )
    assert set(seen) == {"visible"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_sideways_scrolling(opened, scheme):
    phone = {"width": 390, "height": 844}
    tab = opened(viewport=phone, is_mobile=True, color_scheme=scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    ink, paper = tab.evaluate(
        "[getComputedStyle(document.querySelector('.xtick text')).fill,"
        " getComputedStyle(document.body).backgroundColor]"
    )
    brightness = [sum(map(int, re.findall(r"\d+", c)[:3])) / 765 for c in (ink, paper)]
    # the contrast of black on white is 1; 0.7 is easily read
    assert abs(brightness[0] - brightness[1]) > 0.7
    assert (brightness[1] < 0.5) == (scheme == "dark")
    if scheme == "dark":  # the dark end of a colour scale, too: 3 is what figures are asked for
        strokes = tab.evaluate(
            "[...document.querySelectorAll('.js-line')].map(e => getComputedStyle(e).stroke)"
        )
        assert len(strokes) > 5
        assert min(contrast(stroke, paper) for stroke in strokes) > 2.9
