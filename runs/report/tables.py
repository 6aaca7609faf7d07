"""Tables of the terminal as HTML."""

from collections.abc import Iterable
from html import escape

from rich.console import RenderableType
from rich.text import Text

from darkbattery.runs.terminal.tables import Fitted, Listing

WIDE = 120  # letters that the page's column holds, about


def tables_html(parts: Iterable[RenderableType], name: str) -> str:
    """Tables and notes, one below the other; each table may be scrolled by itself."""
    return "\n".join(_part(part, name) for part in parts)


def _part(part: RenderableType, name: str) -> str:
    if isinstance(part, Fitted):
        part = part.in_one(WIDE)
    if isinstance(part, Listing):
        return _table(part, name)
    text = part.plain if isinstance(part, Text) else str(part)
    return f'<p class="note">{escape(text)}</p>'


def _table(table: Listing, name: str) -> str:
    left = [column in table.left for column in table.columns]
    body = "".join(f"<tr>{_cells(cells, left)}</tr>" for cells in table.rows)
    head = ""
    if table.show_header:
        headings = (
            f'<th class="word">{_lines(c)}</th>' if word else f"<th>{_lines(c)}</th>"
            for c, word in zip(table.columns, left, strict=True)
        )
        head = f"<thead><tr>{''.join(headings)}</tr></thead>"
    heading = f"<h3>{escape(table.heading)}</h3>" if table.heading else ""
    label = escape(table.heading or name, quote=True)
    return (
        f'{heading}<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
        f"<table>{head}<tbody>{body}</tbody></table></div>"
    )


def _cells(cells: tuple[str, ...], left: list[bool]) -> str:
    filled = (*cells, *("" for _ in left[len(cells) :]))
    return "".join(
        f'<td class="word">{_lines(cell)}</td>' if word else f"<td>{_lines(cell)}</td>"
        for cell, word in zip(filled, left, strict=True)
    )


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")
