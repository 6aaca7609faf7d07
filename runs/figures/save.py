"""The figures of a result as files."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from darkbattery.runs.figures.over_time import draw
from darkbattery.runs.figures.swept import draw_sweep
from darkbattery.runs.study import Study
from darkbattery.runs.summary import swept_names


def save_figures(study: Study, folder: Path) -> list[Path]:
    """Draw into `folder` as PNG and SVG: charging over time, sweep against the swept field.

    A result without times has `sweep` alone, and one of a single model shows its values there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    timed = np.isfinite(study.table["time"]).any()
    paths = []
    if timed:
        paths += _save(draw(study), folder / "charging")
    if len(study.table) and (swept_names(study) or not timed):
        paths += _save(draw_sweep(study), folder / "sweep")
    return paths


def _save(figure: Figure, stem: Path) -> list[Path]:
    paths = [stem.with_suffix(".png"), stem.with_suffix(".svg")]
    # a fixed salt and no date: equal studies give equal files
    with plt.rc_context({"svg.hashsalt": "darkbattery"}):
        figure.savefig(paths[0], dpi=200)
        figure.set_layout_engine("none")  # laid out already, which is half of the work
        figure.savefig(paths[1], metadata={"Date": None})
    plt.close(figure)
    return paths
