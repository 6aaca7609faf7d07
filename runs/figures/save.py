"""The figures of a result as files."""

from pathlib import Path

import numpy as np

from darkbattery.runs.figures.over_time import draw
from darkbattery.runs.figures.sequences import draw_sequence, sequence_of
from darkbattery.runs.figures.statistics import draw_statistics
from darkbattery.runs.figures.style import save_figure
from darkbattery.runs.figures.swept import draw_sweep
from darkbattery.runs.results.table import Study, swept_names


def save_figures(study: Study, folder: Path) -> list[Path]:
    """Draw into `folder` as PNG and SVG: charging over time, sweep against the swept field.

    Of a sequence whose lines were kept `sequence`, too: the same on one sheet. Of single runs that
    were asked for statistics also those. A result without times has `sweep`
    alone, and one of a single model shows its values there.
    """
    timed = np.isfinite(study.table["time"]).any()
    paths = []
    if timed:
        paths += save_figure(draw(study), folder, "charging")
        if (point := sequence_of(study)) is not None:
            paths += save_figure(draw_sequence(study, point), folder, "sequence")
    if study.definition.statistics is not None and len(study.statistics):
        paths += save_figure(draw_statistics(study), folder, "statistics")
    if len(study.table) and (swept_names(study) or not timed):
        paths += save_figure(draw_sweep(study), folder, "sweep")
    return paths
