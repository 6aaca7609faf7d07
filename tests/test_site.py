"""The documentation site in a browser: every page, on a wide screen and on a telephone.

The notebooks' cells are shown and not run here; `make docs` runs them.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
WIDTHS = (1600, 1200, 768, 390)  # pixels: contents beside the text or not, a tablet, a telephone
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
# of an equation on the narrow screen, over the text's: smaller is not read
SMALLEST = 0.55
FAULTS = """() => {
  const page = document.documentElement, faults = [];
  const name = e => e.tagName.toLowerCase() + " " + e.textContent.trim().slice(0, 60);
  for (const e of document.querySelectorAll("mjx-merror, merror"))
    faults.push("equation not set: " + (e.dataset.mjxError || e.textContent));
  if (page.scrollWidth > page.clientWidth) faults.push("the page is wider than the screen");
  for (const e of document.querySelectorAll("article *")) {
    // an equation counts as a whole; what is there for readers of screens takes no room
    if (e.closest("mjx-assistive-mml, svg") || e.parentElement.closest("mjx-container")) continue;
    const {left, right, width, height} = e.getBoundingClientRect();
    if (e.matches(".many-columns td") && !e.textContent.trim() && height && page.clientWidth < 500)
      faults.push("an empty line: " + name(e.parentElement));
    const beyond = width && (right > page.clientWidth + 1 || left < -1);
    if (beyond) faults.push("beyond the screen: " + name(e));
    const hidden = ["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowX);
    if (hidden && e.scrollWidth > e.clientWidth + 1) faults.push("cut or scrolled: " + name(e));
  }
  for (const said of ["Built-in immutable sequence", "Alias for field number"])
    if (document.body.textContent.includes(said)) faults.push("words of Python's own: " + said);
  for (const e of document.querySelectorAll("article .math"))
    if (parseFloat(e.style.fontSize || 1) < SMALLEST) faults.push("too small to read: " + name(e));
  return faults;
}""".replace("SMALLEST", str(SMALLEST))
NUMBERS = """() => [...document.querySelectorAll("mjx-labels mjx-mtd")].map(
  e => [...e.querySelectorAll("mjx-c")].map(
    c => getComputedStyle(c, "::before").content.replaceAll('"', "")).join(""))"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site as `make docs` builds it, every warning an error.

    Without the notebooks' results and the listings of code, which nobody measures here.
    """
    pytest.importorskip("sphinx")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    command += [
        *("-D", "nb_execution_mode=off", "-t", "without_source"),
        "-d",
        str(out / "trees"),
        str(DOCS),
        str(out / "html"),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return out / "html"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize(
    "about",
    ["use", pytest.param("api", marks=pytest.mark.long)],  # half a minute of equations
)
def test_every_page_can_be_read_on_wide_and_narrow_screens(site, about):
    """One test of many pages, since the site is built once; every fault is in its message."""
    playwright = pytest.importorskip("playwright.sync_api")
    faults = []
    with playwright.sync_playwright() as started:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = started.chromium.launch(executable_path=CHROMIUM, args=options)
        # one tab: each new one starts a renderer of its own
        tab = browser.new_page()
        errors: list[str] = []
        tab.on("console", lambda said: said.type == "error" and errors.append(said.text))
        tab.on("pageerror", lambda error: errors.append(str(error)))
        for path in _pages(site, about):
            errors.clear()
            tab.set_viewport_size({"width": WIDTHS[0], "height": 900})
            tab.goto(path.as_uri())
            for width in WIDTHS:
                tab.set_viewport_size({"width": width, "height": 900})
                if tab.locator("article .math").count():
                    tab.wait_for_selector(f"html[data-equations='{width}']", state="attached")
                found = tab.evaluate(FAULTS)
                faults += [f"{path.relative_to(site)} at {width}: {fault}" for fault in found]
            faults += [f"{path.relative_to(site)}: console: {error}" for error in errors]
            missing = _numbers_of_source(path, site) - set(tab.evaluate(NUMBERS))
            faults += [
                f"{path.relative_to(site)}: no number {number}" for number in sorted(missing)
            ]
        browser.close()
    assert not faults, "\n".join(faults)


def _pages(site: Path, about: str) -> list[Path]:
    """Pages about the use, or of functions and classes: no listings of code, no indices."""
    left_out = {"genindex.html", "py-modindex.html", "search.html"}
    pages = [p for p in sorted(site.rglob("*.html")) if "_modules" not in p.parts]
    of_api = [page for page in pages if "api" in page.relative_to(site).parts]
    found = of_api if about == "api" else [page for page in pages if page not in of_api]
    assert found
    return [page for page in found if page.name not in left_out]


def _numbers_of_source(page: Path, site: Path) -> set[str]:
    """Numbers of equations that the page's source has."""
    source = (DOCS / page.relative_to(site)).with_suffix(".md")
    if not source.exists():
        return set()
    return {f"({n})" for n in re.findall(r"\\tag\{(\w+)\}", source.read_text(encoding="utf-8"))}
