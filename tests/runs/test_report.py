"""The report page: what it holds, that it needs nothing else, and that it works in a browser."""

import base64
import json
import re
import shutil
import tomllib

import numpy as np
import pytest

from nvmodel import InputError
from runs.cli import app
from runs.definition import parse_definition
from runs.provenance import provenance
from runs.report.page import report_page, write_report
from runs.store import load, save
from runs.study import run_study

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
    return report_page([load(folder) for folder in results])


def test_the_page_needs_nothing_from_elsewhere(page):
    beyond_plotly = page.replace(_script(page), "")
    assert not re.search(r'(src|href)="(?!#|data:)', beyond_plotly)
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", beyond_plotly)


def _script(page):
    # packed: any letters may follow one another in it
    return re.search(r'<script type="text/plain" id="library">(.*?)</script>', page, re.S)[1]


def test_the_page_is_small(page):
    """5 MB before: the library was carried as it is."""
    assert len(page.encode()) < 2_000_000


def test_the_definition_is_saved_under_a_name_of_its_own(page):
    assert 'download="the_same_semiclassically.toml"' in page
    assert "darkbattery run the_same_semiclassically.toml" in page


def test_titles_are_text_not_markup(page):
    assert "Two &lt;/script&gt; &amp; &lt;b&gt;sizes&lt;/b&gt;" in page
    assert "<b>sizes</b>" not in page.replace(_script(page), "")


def test_figures_carry_the_tables_numbers(results, page):
    figures = [json.loads(t) for t in re.findall(r"data-plot=[^>]*>(.*?)</script>", page, re.S)]
    table = load(results[0]).study.table
    exact = table[
        (table.method == "evolve") & (table.observable == "power") & (table.n_battery == 2)
    ]
    named = [trace for f in figures for trace in f["data"] if trace.get("name")]
    found = [trace for trace in named if trace["name"] == "n_battery=2, evolve"]
    assert exact["value"].tolist() in [_numbers(trace["y"]) for trace in found]


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
        write_report([load(folder) for folder in results], out)
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


def test_figures_zoom_and_say_value_and_error(opened):
    tab = opened(viewport={"width": 1280, "height": 900})
    plot = tab.locator(".plot").first
    plot.scroll_into_view_if_needed()
    box = plot.locator(".nsewdrag").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    # the last curve with errors of the first figure is the sampled one of two spins
    text = plot.evaluate(
        "p => { Plotly.Fx.hover(p, [{curveNumber: p.data.findLastIndex(d => d.customdata),"
        " pointNumber: 10}]); return p.querySelector('.hoverlayer').textContent; }"
    )
    assert re.search(r"sample1(\.0+)?: 0\.\d+ ± 0\.0\d+", text)
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
