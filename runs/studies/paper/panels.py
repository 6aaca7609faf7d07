"""Which panel of the paper shows what: a table, and how a panel's data is read from it."""

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from darkbattery.runs.studies.paper.claims import Evidence

Line = Literal["by curve", "solid", "dotted"]
Scale = Literal["linear", "log"]

TIME = r"$\gamma t$"
SIZE = "$N_B$"
RATIO = "$R$"
TEMPERATURE = r"$k_BT/\hbar\omega$"
ENERGY = r"$E\ \ (\hbar\omega)$"
STORED = r"$E_B^{ss}\ \ (\hbar\omega)$"
NEGATIVITY = r"$S_B\ \ (\mathrm{bit})$"
RATE = r"$\dot S_B\ \ (\mathrm{bit}\,\gamma)$"
POWER = r"$P_B\ \ (\hbar\omega\gamma)$"


@dataclass(frozen=True)
class Layer:
    """One quantity of a panel: a column of a table of `Evidence`.

    `line` is "by curve" where the panel shows one quantity; where it shows two, their line
    styles tell them apart (as in the paper) and markers the curves.
    """

    table: str
    y: str
    line: Line = "by curve"
    symbol: str = ""


@dataclass(frozen=True)
class Panel:
    """A panel: its layers over the column `x`, one curve for each of `values` of the field `by`."""

    figure: str
    letter: str
    layers: tuple[Layer, ...]
    x: str
    by: str
    values: tuple[float, ...]
    x_label: str
    y_label: str
    where: tuple[tuple[str, Any], ...] = ()
    points: bool = False  # a marker at each point: whole numbers along x
    scale: Scale = "linear"

    @property
    def name(self) -> str:
        """Such as ``fig2a``."""
        return f"fig{self.figure}{self.letter}"


@dataclass(frozen=True)
class Layout:
    """A figure: its panels in rows of `columns`; by default those that carry its name."""

    figure: str
    columns: int
    title: str
    in_paper: bool = True
    chosen: tuple[str, ...] = ()


LAYOUTS = (
    Layout("2", 3, "Capacity and power"),
    Layout("3", 2, "Ergotropy beside stored energy"),
    Layout("4", 2, "Entanglement and capacity"),
    Layout("5", 2, "Entanglement rate and power"),
    Layout("6", 2, "Temperature"),
    Layout("limits", 2, "Towards the limits, in closed form", in_paper=False),
    Layout("starts", 2, "Two starts of a warm battery", in_paper=False),
    Layout(
        *("composite", 3, "One panel of each", False),
        chosen=("fig2a", "fig2e", "fig3a", "fig4d", "fig5b", "fig6b"),
    ),
)

_SIZES, _DOWN = (1, 2, 3), (("battery_start", "down"),)
_ENERGIES = (
    Layer("charging", "battery_energy", "solid", "$E_B$"),
    Layer("charging", "charger_energy", "dotted", "$E_C$"),
)
_WARM = (
    Layer("warm_charging", "battery_energy", "solid", "$E_B$"),
    Layer("warm_charging", "charger_energy", "dotted", "$E_C$"),
)


def _work(table: str, energy: Line = "dotted", work: Line = "solid") -> tuple[Layer, ...]:
    # Fig. 3 has the energy dotted, Fig. 6(d) the ergotropy
    return (Layer(table, "battery_energy", energy, "$E_B$"), Layer(table, "ergotropy", work, "$W$"))


def _one(table: str, y: str) -> tuple[Layer, ...]:
    return (Layer(table, y),)


_PEAK_POWER = r"$P_B^\mathrm{max}\ \ (\hbar\omega\gamma)$"
_LACK = r"$1-E_B^{ss}/\hbar\omega$"
_SLOPE = r"$dE_B^{ss}/d(k_BT)$"

PANELS = (
    Panel("2", "a", _ENERGIES, "time", "n_battery", _SIZES, TIME, ENERGY),
    Panel(
        *("2", "b", _one("size", "battery_energy"), "n_battery", "ratio", (2, 5, 10)),
        *(SIZE, STORED),
        points=True,
    ),
    Panel(
        *("2", "c", _one("ratio", "battery_energy"), "ratio", "n_battery", _SIZES),
        *(RATIO, STORED),
        points=True,
    ),
    Panel("2", "d", _one("charging", "power"), "time", "n_battery", _SIZES, TIME, POWER),
    Panel(
        *("2", "e", _one("power peaks by size", "power_peak"), "n_battery", "ratio", (2, 5, 10)),
        *(SIZE, _PEAK_POWER),
        points=True,
    ),
    Panel(
        *("2", "f", _one("power peaks by ratio", "power_peak"), "ratio", "n_battery", _SIZES),
        *(RATIO, _PEAK_POWER),
        points=True,
    ),
    Panel("3", "a", _work("ergotropy_size"), "time", "n_battery", (1, 2, 10), TIME, ENERGY),
    Panel("3", "b", _work("ergotropy_ratio"), "time", "ratio", (1, 5, 50), TIME, ENERGY),
    Panel(
        "4", "a", _one("charging", "log_negativity"), "time", "n_battery", _SIZES, TIME, NEGATIVITY
    ),
    Panel(
        *("4", "b", _one("charging", "battery_energy"), "log_negativity", "n_battery", _SIZES),
        *(NEGATIVITY, r"$E_B\ \ (\hbar\omega)$"),
    ),
    Panel(
        *("4", "c", _one("size", "log_negativity"), "n_battery", "ratio", (2, 3, 5)),
        *(SIZE, r"$S_B^{ss}\ \ (\mathrm{bit})$"),
        points=True,
    ),
    Panel(
        *("4", "d", _one("size", "battery_energy"), "log_negativity", "ratio", (2, 3, 5)),
        *(r"$S_B^{ss}\ \ (\mathrm{bit})$", STORED),
        points=True,
    ),
    Panel("5", "a", _one("rates", "power"), "time", "n_battery", _SIZES, TIME, POWER),
    Panel("5", "b", _one("rates", "entanglement_rate"), "time", "n_battery", _SIZES, TIME, RATE),
    Panel(
        *("5", "c", _one("rate peaks", "rate_peak"), "n_battery", "ratio", (3, 5, 10)),
        *(SIZE, r"$\dot S_B^\mathrm{max}\ \ (\mathrm{bit}\,\gamma)$"),
        points=True,
    ),
    Panel(
        *("5", "d", _one("rate peaks", "lag"), "n_battery", "ratio", (3, 5, 10)),
        *(SIZE, r"$\gamma\Delta t$"),
        points=True,
    ),
    Panel("6", "a", _WARM, "time", "temperature", (0.0, 2.0, 4.0), TIME, ENERGY),
    Panel(
        *("6", "b", _one("warm", "battery_energy"), "temperature", "ratio", (1, 2, 3, 4)),
        *(TEMPERATURE, STORED, _DOWN),
    ),
    Panel(
        *("6", "c", _one("warm", "energy_slope"), "temperature", "ratio", (1, 2, 3, 4)),
        *(TEMPERATURE, _SLOPE, _DOWN),
    ),
    Panel(
        *("6", "d", _work("warm", "solid", "dotted"), "temperature", "ratio", (4,)),
        *(TEMPERATURE, ENERGY, _DOWN),
    ),
    Panel(
        *("limits", "a", _one("limit_size", "energy_lack"), "n_battery", "ratio", (2, 5, 10)),
        *(SIZE, _LACK),
        points=True,
        scale="log",
    ),
    Panel(
        *("limits", "b", _one("limit_ratio", "energy_lack"), "ratio", "n_battery", _SIZES),
        *(RATIO, _LACK),
        points=True,
        scale="log",
    ),
    Panel(
        *("starts", "a", _one("warm", "battery_energy"), "temperature", "ratio", (1, 2, 3, 4)),
        *(TEMPERATURE, STORED, _DOWN),
    ),
    Panel(
        *("starts", "b", _one("warm", "battery_energy"), "temperature", "ratio", (1, 2, 3, 4)),
        *(TEMPERATURE, STORED, (("battery_start", "thermal"),)),
    ),
)


def panels_of(layout: Layout) -> tuple[Panel, ...]:
    """The panels of one figure, in order."""
    if layout.chosen:
        return tuple(panel for panel in PANELS if panel.name in layout.chosen)
    return tuple(panel for panel in PANELS if panel.figure == layout.figure)


def tables_of(layout: Layout) -> set[str]:
    """The tables of `Evidence` that a figure needs."""
    return {layer.table for panel in panels_of(layout) for layer in panel.layers}


def panel_data(panel: Panel, evidence: Evidence) -> pd.DataFrame:
    """What a panel shows, tidy: columns quantity, the field of its curves, x, value.

    Where x is itself an observable (energy over negativity), rows keep the order of time or size.
    """
    parts = []
    for layer in panel.layers:
        rows = evidence.rows(layer.table, **dict(panel.where))
        for value in panel.values:
            curve = rows[rows[panel.by] == value]
            columns = {panel.by: curve[panel.by], panel.x: curve[panel.x], "value": curve[layer.y]}
            part = pd.DataFrame(columns)
            part.insert(0, "quantity", layer.y)
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def curve_label(panel: Panel, value: float) -> str:
    """Label of a curve in the legend, such as ``$N_B$ = 2``.

    >>> curve_label(PANELS[1], 5)
    '$R$ = 5'
    """
    symbol = {"n_battery": SIZE, "ratio": RATIO, "temperature": "$T$"}[panel.by]
    return f"{symbol} = {value:g}"
