"""Sphinx: the site, built offline by `make docs`, every warning an error."""

from importlib import metadata
from typing import Any

project = "darkbattery"
author = "The darkbattery developers"
release = metadata.version("darkbattery")
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "darkbattery"
html_static_path: list[str] = []

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "force"
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


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _bars_as_text)
