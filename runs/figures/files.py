"""A figure as files, the same bytes for the same data."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure


def save_figure(figure: Figure, folder: Path, name: str, dpi: int = 200) -> list[Path]:
    """Write `figure` as PNG, of `dpi` points an inch, and SVG into `folder`; and close it."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    figure.set_dpi(dpi)  # texts are measured for the layout as the PNG needs them, and once
    if (layout := figure.get_layout_engine()) is not None:
        layout.execute(figure)
    figure.set_layout_engine(None)  # laid out once: saving would do it again for each file
    # a fixed salt and no date: equal data give equal files
    with plt.rc_context({"svg.hashsalt": "darkbattery"}):
        figure.savefig(paths[0], dpi=dpi)
        figure.savefig(paths[1], metadata={"Date": None})
    plt.close(figure)
    return paths
