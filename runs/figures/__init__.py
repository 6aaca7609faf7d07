"""Figures of a result: over time, against the swept field, and single runs one by one."""

from darkbattery.runs.figures.axes import BAND
from darkbattery.runs.figures.over_time import draw
from darkbattery.runs.figures.save import save_figures
from darkbattery.runs.figures.swept import draw_sweep
from darkbattery.runs.results.summary import fan_observable

__all__ = [
    "BAND",
    "draw",
    "draw_sweep",
    "fan_observable",
    "save_figures",
]


def __dir__() -> list[str]:
    return sorted(__all__)  # what tab completion offers
