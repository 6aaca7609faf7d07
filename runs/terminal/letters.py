"""Text in letters that a terminal has: where its encoding lacks some, plainer ones stand in."""

import re
import unicodedata

# for encodings that lack them
PLAIN = {
    "ħωγ": "hw gamma", "ħ": "h", "ω": "w", "γ": "gamma",
    "µ": "u", "μ": "u", "Δ": "D", "σ": "s", "ρ": "rho",
    "κ": "kappa", "−": "-", "±": "+-", "²": "^2", "³": "^3", "×": "x", "∞": "inf", "…": "...",
    "–": "-", "·": "*", "→": "->", "≤": "<=", "≥": ">=", "√": "sqrt", "†": "+", "•": "*",
    "’": "'", "‘": "'", "“": '"', "”": '"', "\u00a0": " ",
    # frames of help texts
    "─": "-", "━": "-", "│": "|", "┃": "|", "╭": "+", "╮": "+", "╰": "+", "╯": "+",
}  # fmt: skip


def plainly(text: str, encoding: str) -> str:
    """`text` in letters that `encoding` has; what becomes longer takes the blanks that follow.

    So columns stay below each other.

    >>> plainly("power (ħωγ)     0.3\\nn̄ = 1, ρ ≥ 0", "ascii")
    'power (hw gamma) 0.3\\nn = 1, rho >= 0'
    """
    return "\n".join(_plain_line(line, encoding) for line in text.split("\n"))


def _plain_line(line: str, encoding: str) -> str:
    found, longer = "", 0
    for piece in re.findall(r" {2,}|ħωγ|.", line):
        if piece.startswith("  "):
            eaten = min(longer, len(piece) - 1)
            found, longer = found + piece[eaten:], longer - eaten
            continue
        letter = _plain_letter(piece, encoding)
        found, longer = found + letter, max(0, longer + len(letter) - len(piece))
    return found


def _plain_letter(letter: str, encoding: str) -> str:
    try:
        letter.encode(encoding)
        return letter
    except UnicodeEncodeError:
        plain = PLAIN.get(letter) or unicodedata.normalize("NFKD", letter)
        if plain.isascii():
            return plain
        if unicodedata.combining(letter):
            return ""
        return plain.encode(encoding, "replace").decode(encoding)
