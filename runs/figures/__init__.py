"""Figures of a result: over time, against the swept field, and single runs one by one."""

from runs.figures.axes import BAND as BAND
from runs.figures.axes import observable_unit as observable_unit
from runs.figures.axes import time_label as time_label
from runs.figures.over_time import draw as draw
from runs.figures.over_time import fan_observable as fan_observable
from runs.figures.save import save_figures as save_figures
from runs.figures.swept import draw_sweep as draw_sweep
