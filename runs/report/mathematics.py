"""Words with notation in them, as HTML whose mathematics every browser sets by itself."""

import re
from html import escape

from latex2mathml.converter import convert

from darkbattery.runs.pages.typeset import typeset


def set_html(text: str) -> str:
    """`text` escaped, its notation as MathML.

    >>> "<msubsup>" in set_html("<J_B^z>/N_B + 1/2, per battery spin")
    True
    >>> set_html("a & b")
    'a &amp; b'
    """
    # odd pieces are formulae
    pieces = re.split(r"\$([^$]*)\$", typeset(text))
    return "".join(
        convert(piece) if i % 2 else escape(piece, quote=False) for i, piece in enumerate(pieces)
    )


def symbol_html(symbol: str) -> str:
    """A label for Plotly, which knows no TeX: $E_B$ -> E<sub>B</sub>.

    >>> symbol_html(r"$W_\\mathrm{loc}$"), symbol_html(r"$\\gamma t$"), symbol_html("t (s)")
    ('W<sub>loc</sub>', 'γt', 't (s)')
    >>> symbol_html(r"$\\langle\\sigma_E^2\\rangle_\\mathrm{runs}$")
    '⟨σ<sub>E</sub><sup>2</sup>⟩<sub>runs</sub>'
    """
    if "$" not in symbol:
        return symbol
    text = symbol.strip("$")
    for tex, plain in PLAIN:
        text = text.replace(tex, plain)
    text = re.sub(r"([_^])\{([^{}]*)\}", _raised, text)
    text = re.sub(r"([_^])(.)", _raised, text)
    return text.replace("{", "").replace("}", "")


PLAIN = (
    (r"\mathcal{E}", "ℰ"),
    (r"\dot S", "Ṡ"),
    (r"\Delta", "Δ"),
    (r"\gamma ", "γ"),
    (r"\omega ", "ω"),
    (r"\sigma", "σ"),
    (r"\langle", "⟨"),
    (r"\rangle", "⟩"),
    (r"\mathrm", ""),
    (r"\,", " "),
    (r"\ ", " "),
)


def _raised(found: re.Match[str]) -> str:
    tag = "sub" if found[1] == "_" else "sup"
    return f"<{tag}>{found[2]}</{tag}>"
