"""Sphinx: the site, built offline by `make docs`, every warning an error."""

import inspect
from importlib import metadata
from typing import Any

from docutils import nodes
from jinja2.sandbox import SandboxedEnvironment
from numpydoc import docscrape_sphinx
from sphinx import addnodes
from sphinx.application import Sphinx

project = "darkbattery"
author = "The darkbattery developers"
release = metadata.version("darkbattery")
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
]
if not tags.has("without_source"):  # noqa: F821 (Sphinx puts it here)
    extensions.append("sphinx.ext.viewcode")
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "darkbattery"
html_show_copyright = False  # the licence says it
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # the tests build with -D nb_execution_mode=off
nb_execution_in_temp = True  # a notebook that writes files leaves none beside the docs
nb_execution_timeout = 300
nb_execution_raise_on_error = True

autodoc_typehints = "none"  # the docstrings' parameter lists say types, shapes and units
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False


def _bars_as_text(
    app: object, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Kets such as |J, M> stand in docstrings as they are; reStructuredText would substitute."""
    in_math = in_doctest = False
    for i, line in enumerate(lines):
        if line.startswith(".. math::"):
            in_math = True
        elif in_math and line and not line.startswith(" "):
            in_math = False
        in_doctest = line.startswith(">>>") or (in_doctest and line.strip() != "")
        if not (in_math or in_doctest):
            # odd pieces are inside backticks
            pieces = line.split("`")
            pieces[::2] = [piece.replace("|", r"\|") for piece in pieces[::2]]
            lines[i] = "`".join(pieces)


def _no_words_of_builtins(
    app: object, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """A constant's value instead of how a tuple is made."""
    said = "\n".join(lines).strip()
    of_type = (inspect.getdoc(type(thing)) or "").partition("\n")[0]
    if type(thing).__module__ == "builtins" and of_type and said.startswith(of_type):
        lines[:] = [f"``{thing!r}``", ""]


MANY_COLUMNS = 3
FULL = 9  # columns; beyond, they are set close


def _own_equations(app: object, document: nodes.document) -> None:
    r"""Sphinx would put an equation of several lines into a split, which may not hold a \tag."""
    for block in document.findall(nodes.math_block):
        if r"\tag" in block.astext():
            equation = rf"\begin{{equation*}}{block.astext().strip()}\end{{equation*}}"
            block.children = [nodes.Text(equation)]
            block["no-wrap"] = block["nowrap"] = True


def _name_cells(app: object, document: nodes.document, page: str) -> None:
    """On a narrow screen rows of wide tables are lists: each cell carries its column's name."""
    for table in document.findall(nodes.table):
        head = next(iter(table.findall(nodes.thead)), None)
        body = next(iter(table.findall(nodes.tbody)), None)
        if head is None or body is None or len(head[-1]) < MANY_COLUMNS:
            continue
        table["classes"] += ["many-columns", "dense"] if len(head[-1]) > FULL else ["many-columns"]
        for row in body:
            for name, cell in zip(head[-1], row, strict=False):
                if not cell.astext().strip():
                    cell["classes"].append("empty")
                elif name.astext().strip():
                    content = [part.deepcopy() for part in name[0].children]
                    cell[0].insert(0, nodes.inline("", "", *content, classes=["column-name"]))


def _no_addresses(app: object, document: nodes.document) -> None:
    """A constant that holds functions is told by what is said of it, not by where they lie."""
    for value in list(document.findall(addnodes.desc_annotation)):
        if "<function" in value.astext() or " object at 0x" in value.astext():
            value.parent.remove(value)


def _images_open(app: object, document: nodes.document, page: str) -> None:
    """A figure opens by itself, whole, where it is clicked: on a narrow screen it is small."""
    for image in list(document.findall(nodes.image)):
        if isinstance(image.parent, nodes.reference) or not isinstance(app, Sphinx):
            continue
        name = app.env.images[image["uri"]][1]
        depth = "../" * page.count("/")
        link = nodes.reference("", "", refuri=f"{depth}_images/{name}", classes=["whole-image"])
        image.replace_self(link)
        link += image


def _skip_fields(
    app: object, what: str, name: str, thing: object, skip: bool, options: object
) -> bool | None:
    """Fields of named tuples stand in the class's own list, with what they are."""
    return True if type(thing).__name__ == "_tuplegetter" else None


def _one_template() -> None:
    """Numpydoc would compile its template again for each of thousands of docstrings."""
    kept: list[SandboxedEnvironment] = []

    def environment(loader: Any) -> SandboxedEnvironment:
        if not kept:
            kept.append(SandboxedEnvironment(loader=loader))
        return kept[0]

    docscrape_sphinx.SandboxedEnvironment = environment


def setup(app: Any) -> None:
    """Called by Sphinx."""
    _one_template()
    app.connect("doctree-read", _own_equations)
    app.connect("doctree-read", _no_addresses)
    app.connect("doctree-resolved", _name_cells)
    app.connect("doctree-resolved", _images_open)
    app.connect("autodoc-skip-member", _skip_fields)
    app.connect("autodoc-process-docstring", _no_words_of_builtins)
    app.connect("autodoc-process-docstring", _bars_as_text)
