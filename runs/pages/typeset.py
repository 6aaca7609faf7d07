r"""Plain notation as the docs set it: ``E_ss``, ``<J^+ J^->`` or ``3e-15`` become mathematics.

Tables of results and the terminal keep plain text; what writes a page of docs/ passes it through
`typeset`. Only notation listed here is changed, words are not.
"""

import re
from collections.abc import Callable

_GREEK = "gamma|omega|hbar|Delta|eta|kappa|lambda|rho|sigma|psi"
_WORDS = ("ss", "loc", "open", "tot", "net", "up", "end")
_SUBSCRIPT = {"max": r"\max"} | {word: rf"\mathrm{{{word}}}" for word in _WORDS}
_RATE = r"[-+\[\]()\d.\ iγω]"
_SYMBOL = re.compile(
    rf"""
    (?P<twice>2\ O\ rho\ O\+) |
    (?P<growth>(?:[\d.]+/\(\(N_C\ -\ N_B\)\ ?(?:gamma|γ)\)) |
               \(N_C\ -\ N_B\)\ ?(?:gamma\ t\b|gamma|γ)) |
    (?P<memory>(?:kappa/\(g\ sqrt\ N\))|\bg\ t\b) |
    (?P<root>sqrt\([A-Z](?:_[BC])?\)) |
    (?P<rate>(?<![ħ\w])(?!\ )[-+\[(]*(?={_RATE}*(?:ρ\d\d|n̄|iω))
             (?:{_RATE}|n̄|ρ\d\d)*(?:[\])γω]|n̄|ρ\d\d)) |
    (?P<number>(?<![\w.])[+-]?\d+(?:\.\d+)?e[+-]?\d+(?![\w.]\w)) |
    (?P<power>(?<![\w^.])(?:\d+|[NRT])\^-?(?:\d+(?:\.\d+)?|N_B|N)) |
    (?P<mean><[^<>\s](?:[^<>|]*[^<>\s|])?>(?:/N_[BC]|\^2)?) |
    (?P<ket>\|[JMjm\d][\w,\s+-]*>) |
    (?P<jump>\bJ(?:_[BC])?\^[z+-](?![\w])) |
    (?P<index>\bd?[A-Za-z]_(?:[A-Za-z]|\d|max|{"|".join(_WORDS)})\b(?![_/]\d)(?:/d[Tt]\b)?) |
    (?P<occupation>\bnbar\b) |
    (?P<greek>\bgamma\ t\b|\b(?:{_GREEK})\b) |
    (?P<deviation>\bsd\ [EW]\b) |
    (?P<letter>(?<![\w.'-])[RTNEWMJ](?![\w']|\.\ ?[A-Z]|-\w))
    """,
    re.VERBOSE,
)
_GAMMA = {"gamma": r"\gamma ", "γ": r"\gamma "}
_OPEN, _CLOSE = "\x02", "\x03"  # of a formula, until neighbours are joined


def typeset(text: str) -> str:
    r"""`text` with its notation between dollar signs; what is code or mathematics stays.

    >>> print(typeset("E_ss at N_B >= 2, R = 5, T = 0"))
    $E_{\mathrm{ss}}$ at $N_B$ >= 2, $R$ = 5, $T$ = 0
    >>> print(typeset("<J_B^z>/N_B to 1e-13; 3.1e-15; -0.9984(8); `N_B`"))
    $\langle J_B^z\rangle/N_B$ to $10^{-13}$; $3.1\times10^{-15}$; -0.9984(8); `N_B`
    >>> print(typeset("dE_ss/dT, E_B/N_B"))
    $dE_{\mathrm{ss}}/dT$, $E_B/N_B$
    >>> print(typeset("dE_B/dt at g t, kappa/(g sqrt N)"))
    $dE_B/dt$ at $g t$, $\kappa/(g\sqrt{N})$
    >>> print(typeset("<J^+ J^->^2"))
    $\langle J^+J^-\rangle^2$
    >>> print(typeset("1/((N_C - N_B) gamma), sqrt(N)"))
    $1/((N_C-N_B)\gamma )$, $\sqrt{N}$
    >>> print(typeset("[-(3n̄+1)γ - iω] ρ24; 1/gamma, k_B T/(hbar omega)"))
    $[-(3\bar n+1)\gamma  - i\omega ] \rho_{24}$; $1/\gamma$, $k_B\,T$/($\hbar\omega$)
    """
    # odd pieces are code, mathematics, addresses or marks
    pieces = re.split(
        r"(!\[[^\]]*\]\([^)]*\)|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)|<!--.*?-->)",
        text,
        flags=re.S,
    )
    pieces[::2] = [_joined(_SYMBOL.sub(_set, piece)) for piece in pieces[::2]]
    return "".join(pieces)


def _joined(text: str) -> str:
    """Factors, quotients and the numbers over them as one formula."""
    text = re.sub(rf"{_CLOSE} ?{_OPEN}", r"\\,", text).replace(r"\hbar\,\omega", r"\hbar\omega")
    text = text.replace(f"{_CLOSE}/{_OPEN}", "/")
    text = re.sub(rf"(?<![\w.^])(\d+)/{_OPEN}", rf"{_OPEN}\1/", text)
    return text.replace(_OPEN, "$").replace(_CLOSE, "$")


def _set(found: re.Match[str]) -> str:
    kind = found.lastgroup
    assert kind is not None
    if kind == "number":  # stands for itself: "E_B 3e-9" is no product
        return f"${_RULES[kind](found[0])}$"
    return f"{_OPEN}{_RULES[kind](found[0])}{_CLOSE}"


def _number(text: str) -> str:
    mantissa, exponent = text.split("e")
    power = f"10^{{{int(exponent)}}}"
    if float(mantissa) == 0.0:
        return "0"
    if float(mantissa) in (1.0, -1.0):
        return mantissa.replace("1.0", "1").replace("1", power, 1)
    return rf"{mantissa}\times{power}"


def _power(text: str) -> str:
    base, exponent = text.split("^")
    return f"{base}^{{{exponent}}}"


def _operators(text: str) -> str:
    return (
        re.sub(r"sigma_(\w)", r"\\sigma^\1", text)
        .replace("a^+ a", r"a^\dagger a")
        .replace(" J", "J")
    )


def _mean(text: str) -> str:
    inner, after = text[1:].split(">", 1)
    return rf"\langle {_operators(inner)}\rangle{after}"


def _index(text: str) -> str:
    letter, _, below = text.partition("_")
    below, over, rest = below.partition("/")
    below = f"{{{_SUBSCRIPT[below]}}}" if below in _SUBSCRIPT else below
    return f"{letter}_{below}{over}{rest}"


def _rate(text: str) -> str:
    text = re.sub(r"ρ(\d\d)", r"\\rho_{\1}", text)
    return text.replace("n̄", r"\bar n").replace("γ", r"\gamma ").replace("ω", r"\omega ").strip()


_RULES: dict[str, Callable[[str], str]] = {
    "twice": lambda text: r"2O\rho O^\dagger",
    "growth": lambda text: re.sub(" |gamma|γ", lambda part: _GAMMA.get(part[0], ""), text),
    "memory": lambda text: text.replace("kappa", r"\kappa").replace(" sqrt N", r"\sqrt{N}"),
    "root": lambda text: rf"\sqrt{{{text[5:-1]}}}",
    "rate": _rate,
    "number": _number,
    "power": _power,
    "mean": _mean,
    "ket": lambda text: rf"|{text[1:-1]}\rangle",
    "jump": str,
    "index": _index,
    "occupation": lambda text: r"\bar n",
    "greek": lambda text: rf"\{text}" if text != "hbar" else r"\hbar",
    "deviation": lambda text: rf"\sigma_{text[-1]}",
    "letter": str,
}
