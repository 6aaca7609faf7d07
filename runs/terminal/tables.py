"""How all tables of the terminal look: no number is shortened, what is long stands below."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from darkbattery.runs.terminal.letters import plainly


@dataclass
class Listing:
    """A table below its heading, which may be wider than the table; rows are added one by one.

    Columns in `left` hold words, which may be broken (not those in `whole`), the others numbers.
    On a terminal that is too narrow for them the cells of a row stand below each other.
    """

    heading: str
    columns: Sequence[str]
    left: Sequence[str] = ()
    whole: Sequence[str] = ()
    show_header: bool = True
    _rows: list[tuple[tuple[str, ...], str]] = field(default_factory=list)

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The cells so far."""
        return tuple(cells for cells, _ in self._rows)

    @property
    def width(self) -> int:
        """Letters of a line where nothing is broken."""
        return 2 + sum(map(_width, self._by_column()))

    def _by_column(self) -> list[tuple[str, list[str]]]:
        columns = zip_longest(self.columns, *self.rows, fillvalue="")
        return [(heading, cells) for heading, *cells in columns]

    def add_row(self, *cells: str, style: str = "") -> None:
        """One cell a column; those that are left out at the end are empty."""
        self._rows.append((cells, style))

    def _least_width(self) -> int:
        """Letters of a line where words are broken as far as they can be read."""
        found = 0
        for column in self._by_column():
            widest = _width(column)
            broken = column[0] in self.left and column[0] not in self.whole
            found += min(widest, LEAST_WORDS + GAP) if broken else widest
        return found

    def _below_each_other(self) -> Iterator[str]:
        """A line a cell, with its heading but for the first of a row."""
        headings = [" ".join(heading.split()) for heading in self.columns]
        for first, *cells in self.rows:
            yield first
            for heading, cell in zip(headings[1:], cells, strict=False):
                if cell:
                    yield f"  {heading} {cell}"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        def said(text: str) -> Text:
            # before the columns get their widths: some letters become several
            return Text(plainly(text, options.encoding))

        if self.heading:
            heading = said(self.heading)
            heading.stylize("bold")
            yield heading
        if self._least_width() > options.max_width:
            for line in self._below_each_other():
                yield said(line)
            return
        table = Table(
            box=ASCII_HEAD if options.ascii_only else box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
            show_header=self.show_header,
        )
        for column in self.columns:
            words = column in self.left
            table.add_column(
                said(column),
                justify="left" if words else "right",
                no_wrap=not words or column in self.whole,
                # a word that is too long for its column is broken, never cut off
                overflow="fold",
            )
        for cells, style in self._rows:
            table.add_row(*map(said, cells), style=style)
        yield table


# as box.SIMPLE_HEAD, whose line is not ASCII
ASCII_HEAD = box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


Column = tuple[str, list[str]]  # heading, whose lines are broken already, and cells
GAP = 2  # between columns
LEAST_WORDS = 8  # letters of a line of words that are broken
NUMBER = "+-.0123456789"  # how one begins


@dataclass(frozen=True, eq=False)
class Fitted:
    """Columns of numbers, cut into tables that fit the terminal, each with the `fixed` ones.

    The columns of a group stay together where they fit at all. Rows from `cut` on follow others
    that are left out. `turned` has the same numbers with a row for each column, and is printed
    where it is one table and the columns are several.
    """

    fixed: Sequence[Column]
    groups: Sequence[Sequence[Column]]
    heading: str = ""
    cut: int | None = None
    turned: Listing | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        one = self.in_one(options.max_width)
        if one.width <= options.max_width:
            yield one
            return
        heading = self.heading
        for block in self._blocks(options.max_width):
            yield self._listing(heading, block)
            heading = ""

    def in_one(self, width: int) -> Listing:
        """All numbers in one table: turned where that fits the width and the columns do not."""
        columns = [*self.fixed, *(column for group in self.groups for column in group)]
        whole = self._listing(self.heading, columns)
        if self.turned is not None and self.turned.width <= width < whole.width:
            return self.turned
        return whole

    def _listing(self, heading: str, block: Sequence[Column]) -> Listing:
        table = Listing(heading, [name for name, _ in block], left=self._words())
        for i in range(len(block[0][1])):
            if i == self.cut:
                table.add_row(*("..." for _ in block))
            table.add_row(*(cells[i] for _, cells in block))
        return table

    def _words(self) -> list[str]:
        """Fixed columns that hold no numbers."""
        return [name for name, cells in self.fixed if not all(cell[:1] in NUMBER for cell in cells)]

    def _blocks(self, width: int) -> Iterator[list[Column]]:
        block = list(self.fixed)
        for group in self.groups:
            if len(block) > len(self.fixed) and not _fits([*block, *group], width):
                yield block
                block = list(self.fixed)
            for column in group:
                if len(block) > len(self.fixed) and not _fits([*block, column], width):
                    yield block
                    block = list(self.fixed)
                block.append(column)
        yield block


def _fits(columns: Sequence[Column], width: int) -> bool:
    return 2 + sum(map(_width, columns)) <= width


def _width(column: Column) -> int:
    heading, cells = column
    lines = [line for text in (heading, *cells) for line in text.split("\n")]
    return max(map(len, lines)) + GAP


@dataclass
class Footnotes:
    """Texts below a table, each once, and their marks in it.

    >>> notes = Footnotes()
    >>> notes.mark("a paper"), notes.mark("another"), notes.mark("a paper"), notes.mark("")
    ('[1]', '[2]', '[1]', '')
    """

    _texts: list[str] = field(default_factory=list)

    def mark(self, text: str) -> str:
        """What stands in the table for `text`; nothing for an empty one."""
        if not text:
            return ""
        if text not in self._texts:
            self._texts.append(text)
        return f"[{self._texts.index(text) + 1}]"

    def lines(self) -> Iterator[Text]:
        """The notes, one a line."""
        for i, text in enumerate(self._texts, 1):
            yield Text(f"[{i}] {text}")
