"""Long texts as a page carries them: LZMA in base 85, which unpack.js undoes."""

import base64
import lzma
from dataclasses import dataclass
from functools import cache

import plotly.offline

# what unpack.js takes: no positions, and the letter before, in a literal's probabilities
FILTER = {"id": lzma.FILTER_LZMA1, "preset": 6, "lc": 3, "lp": 0, "pb": 0}


@dataclass(frozen=True)
class Packed:
    """A packed text, and its length in bytes when unpacked."""

    text: str
    length: int


def packed(text: str) -> Packed:
    """`text` packed; "," stands for "<" of base 85, which could begin a comment.

    >>> packed("aaaaaaaaaaaaaaaaaaaaaaaa").length
    24
    """
    content = text.encode()
    squeezed = lzma.compress(content, format=lzma.FORMAT_RAW, filters=[FILTER])
    return Packed(base64.b85encode(squeezed).decode().replace("<", ","), len(content))


@cache
def drawing_library() -> Packed:
    """Plotly, which takes seconds to pack: once for all pages of a process."""
    return packed(plotly.offline.get_plotlyjs())
