"""How figures look: seaborn's ticks style in its size for paper, and its colours, set down here.

A run draws at its end, and seaborn loads statistics that take longer than all panels of a small
study. Where a map of colours is seaborn's own, it is loaded there. Files are written here, too, the
same bytes for the same data.
"""

from contextlib import AbstractContextManager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

INK, PAPER = ".15", "white"
SCALE = 0.8  # on paper; sizes in points
TEXT, SMALL, LONG, SHORT = 12 * SCALE, 11 * SCALE, 6 * SCALE, 4 * SCALE
WIDE, CURVE, THIN = 1.25 * SCALE, 1.5 * SCALE, 1 * SCALE
# one after the other; the colour-blind tell them apart
COLOURS = tuple(
    to_rgb(f"#{colour}")
    for colour in (
        *("0173b2", "de8f05", "029e73", "d55e00", "cc78bc"),
        *("ca9161", "fbafe4", "949494", "ece133", "56b4e9"),
    )
)
_LOOK: Any = {
    "figure.facecolor": PAPER,
    "text.color": INK,
    "font.family": ["sans-serif"],
    "font.size": TEXT,
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.facecolor": PAPER,
    "axes.grid": False,
    "axes.labelcolor": INK,
    "axes.labelsize": TEXT,
    "axes.linewidth": WIDE,
    "axes.titlesize": TEXT,
    **{f"axes.spines.{side}": True for side in ("left", "bottom", "right", "top")},
    "grid.color": ".8",
    "grid.linestyle": "-",
    "grid.linewidth": THIN,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": TEXT,
    "lines.linewidth": CURVE,
    "lines.markersize": LONG,
    "lines.solid_capstyle": "round",
    "patch.edgecolor": "w",
    "patch.force_edgecolor": True,
    "patch.linewidth": THIN,
    **{
        f"{ticks}.{name}": value
        for ticks in ("xtick", "ytick")
        for name, value in {
            "color": INK,
            "direction": "out",
            "labelsize": SMALL,
            "major.size": LONG,
            "major.width": WIDE,
            "minor.size": SHORT,
            "minor.width": THIN,
        }.items()
    },
    "xtick.bottom": True,
    "xtick.top": False,
    "ytick.left": True,
    "ytick.right": False,
}


# those that are installed are named alone: matplotlib asks for each whenever it measures a text
FONTS = ("Arial", "DejaVu Sans", "Liberation Sans", "Bitstream Vera Sans")


@cache
def _installed() -> list[str]:
    known = {font.name for font in fontManager.ttflist}
    return [name for name in FONTS if name in known] or ["sans-serif"]


def figure_style() -> AbstractContextManager[None]:
    """In which every figure is drawn.

    >>> with figure_style():
    ...     matplotlib.rcParams["axes.edgecolor"]
    '.15'
    """
    return matplotlib.rc_context(_LOOK | {"font.sans-serif": _installed()})


class OwnFigure(Figure):
    """A figure of no window, which a notebook shows where it is returned.

    It stands in no list of pyplot's, and leaves a notebook its own way to show figures.
    """

    def _repr_png_(self) -> bytes:
        with BytesIO() as written:
            self.savefig(written, format="png")
            return written.getvalue()


def empty_figure(width: float, height: float) -> Figure:
    """A figure in inches, laid out by what it will hold."""
    figure = OwnFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def open_frames(figure: Figure) -> None:
    """Panels with lines at the left and below alone, and bars of colours."""
    for axis in figure.axes:
        open_frame(axis)


def open_frame(axis: Axes) -> None:
    """The same of one panel."""
    for side in ("left", "bottom", "top", "right"):
        axis.spines[side].set_visible(side in ("left", "bottom"))


def save_figure(figure: Figure, folder: Path, name: str, dpi: int = 200) -> list[Path]:
    """Write `figure` as PNG, of `dpi` points an inch, and SVG into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    figure.set_dpi(dpi)  # texts are measured for the layout as the PNG needs them, and once
    if (layout := figure.get_layout_engine()) is not None:
        layout.execute(figure)
    figure.set_layout_engine(None)  # laid out once: saving would do it again for each file
    # a fixed salt and no date: equal data give equal files
    with matplotlib.rc_context({"svg.hashsalt": "darkbattery"}):
        figure.savefig(paths[0], dpi=dpi)
        figure.savefig(paths[1], metadata={"Date": None})
    return paths
