"""The figure of a fit: each trace with the model through it, residuals below; correlations."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from darkbattery.runs.definitions.units import prefixed
from darkbattery.runs.figures.style import COLOURS, empty_figure, figure_style, open_frames
from darkbattery.runs.fit.model import predicted
from darkbattery.runs.fit.solve import Fit
from darkbattery.runs.fit.traces import Trace

X_LABELS = {"burst": ("t", "s"), "rabi": ("detuning of the spins", "Hz")}
Y_LABELS = {
    "s21": "$|S_{21}|$",
    "s11": "$|S_{11}|$",
    "burst": "power",
    "esr": "absorption",
    "rabi": "splitting (Hz)",
}


def draw_fit(found: Fit) -> Figure:
    """A column a trace: data and model, and residuals in standard deviations; correlations last."""
    traces = found.problem.traces
    device, nuisances = found.problem.at(found.x)
    with figure_style():
        columns = len(traces) + 1
        figure = empty_figure(3.4 * columns, 4.4)
        grid = figure.subplots(2, columns, height_ratios=(3, 1), squeeze=False)
        for i, trace in enumerate(traces):
            _draw_trace(grid[0, i], grid[1, i], trace, predicted(trace, device, nuisances[i]))
        for axis in grid[:, -1]:
            axis.remove()
        _draw_correlations(figure.add_subplot(grid[0, 0].get_gridspec()[:, -1]), found)
        figure.suptitle(f"{device.title}: chi square {found.chi_square:.4g} of {found.freedom}")
        open_frames(figure)
        return figure


def _draw_trace(above: Axes, below: Axes, trace: Trace, model: np.ndarray) -> None:
    blue, orange, *_ = COLOURS
    name, unit = X_LABELS.get(trace.kind, ("f", "Hz"))
    centre = float(np.median(trace.x)) if trace.absolute else 0.0
    factor, unit = prefixed(float(np.abs(trace.x - centre).max()), unit)
    x = factor * (trace.x - centre)
    size, shown = 1.0, Y_LABELS[trace.kind]
    if trace.kind == "burst":
        size, watt = prefixed(float(np.abs(trace.y).max()), "W" if trace.calibrated else "a.u.")
        shown = f"power  ({watt})"
    above.plot(x, size * np.abs(trace.y) if trace.is_complex else size * trace.y, ".", ms=2.5,
               color=blue, label=trace.name)  # fmt: skip
    above.plot(x, size * np.abs(model) if trace.is_complex else size * model, color=orange, lw=1.3,
               label="model")  # fmt: skip
    above.set_ylabel(shown)
    above.legend(frameon=False, fontsize="small")
    off = (trace.y - model) / trace.noise
    parts = (off.real, off.imag) if trace.is_complex else (off,)
    for part, colour in zip(parts, (blue, "0.5"), strict=False):
        below.plot(x, part, ".", ms=2, color=colour)
    below.axhline(0.0, color="0.7", lw=0.7)
    below.set_ylabel("residual  (σ)")
    label = name if centre == 0.0 else f"{name} - {centre / 1e9:.6g} GHz"
    below.set_xlabel(f"{label}  ({unit})")


def _draw_correlations(axis: Axes, found: Fit) -> None:
    from seaborn import color_palette

    names = [one.label for one in found.problem.unknowns]
    colours = color_palette("vlag", as_cmap=True)
    image = axis.imshow(found.correlations, vmin=-1.0, vmax=1.0, cmap=colours)
    axis.set_xticks(range(len(names)), names, rotation=90, fontsize="x-small")
    axis.set_yticks(range(len(names)), names, fontsize="x-small")
    axis.figure.colorbar(image, ax=axis, label="correlation", shrink=0.7)
    axis.tick_params(length=0)
