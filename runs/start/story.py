"""A run as a story: its record, its energies, the battery's levels, its Q function; and a film."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from darkbattery.nvmodel.observables import in_words
from darkbattery.nvmodel.refusal import InputError, number_between
from darkbattery.runs.figures.style import (
    COLOURS,
    empty_figure,
    figure_style,
    open_frame,
    open_frames,
    save_figure,
)
from darkbattery.runs.start.replay import DRAWN, STYLES, Replay, draw_levels
from darkbattery.trajectories.reading.husimi import azimuth_of, husimi

Array = NDArray[np.float64]

MOMENTS = 5  # spheres in a row
PIXELS = 121  # of a sphere across
VIEW = 0.35  # rad, from above the equator
FRAMES, PER_SECOND = 80, 12  # of a film, at most
WRITERS = (".gif", ".mp4")


def save_story(one: Replay, moments: Sequence[float], folder: Path, name: str) -> list[Path]:
    """Write the story as PNG and SVG; the paths. Nothing without the battery's levels."""
    if not one.levels.size:
        return []
    return save_figure(draw_story(one, moments), folder, f"{name}-story")


def draw_story(one: Replay, moments: Sequence[float] = ()) -> Figure:
    """Record, energies and levels over time; below, Q at the moments.

    Without moments five are chosen, between which the stored energy moves equally far.
    """
    at = _places(one, moments)
    one = one.on_axis
    spheres = one.battery is not None
    ratios = [1.0, 1.5, 1.3, *([0.95] if spheres else [])]
    with figure_style():
        figure = empty_figure(5.4, 1.45 * sum(ratios))
        grid = figure.add_gridspec(len(ratios), max(len(at), 1), height_ratios=ratios)
        rows = [figure.add_subplot(grid[0, :])]
        rows += [figure.add_subplot(grid[i, :], sharex=rows[0]) for i in (1, 2)]
        _draw_record(rows[0], one)
        rows[0].set_title(f"run {one.run}", loc="left")
        _draw_energies(rows[1], one)
        levels = one.levels
        draw_levels(figure, rows[2], one.states["time"], levels, "battery\nexcitations")
        for axis in rows[:2]:
            axis.tick_params(labelbottom=False)
        rows[2].set_xlabel(one.axis)
        open_frames(figure)
        times = one.states["time"].to_numpy()
        if one.battery is not None:
            _draw_spheres(figure, grid, one, at)
            for axis in rows:
                for i in at:
                    axis.axvline(times[i], color="0.6", lw=0.6, ls=":")
        return figure


def save_film(one: Replay, path: Path) -> Path:
    """The battery's Q function beside its energies and levels, frame by frame, as GIF or MP4.

    Raises
    ------
    InputError
        For another suffix, where ffmpeg is missing, and for runs whose battery is not one ladder.
    """
    writer = film_writer(path)
    refuse_pictures(one, (), path)
    one = one.on_axis
    assert one.battery is not None
    times = one.states["time"].to_numpy()
    shown = np.unique(np.linspace(0, times.size - 1, min(FRAMES, times.size)).round().astype(int))
    phi = azimuth_of(one.battery)
    largest = max(float(_disc(one.battery[i], phi).max()) for i in shown)
    with figure_style():
        figure = empty_figure(6.4, 2.9)
        grid = figure.add_gridspec(2, 2, width_ratios=[1.0, 1.5])
        sphere = figure.add_subplot(grid[:, 0])
        image = _sphere(sphere, one.battery[0], phi, largest)
        sphere.set_title(f"run {one.run}, {times[0]:.3g}", loc="left", y=0.96)
        above, below = (figure.add_subplot(grid[i, 1]) for i in range(2))
        _draw_energies(above, one)
        above.set_xlabel(one.axis)
        mark = above.axvline(times[0], color="0.4", lw=0.8)
        levels = one.levels
        bars = below.bar(np.arange(levels.shape[1]), levels[0], color="0.4")
        below.set(ylim=(0.0, 1.0), xlabel="battery excitations", ylabel="probability")
        for axis in (above, below):
            open_frame(axis)
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # laid out once: nothing moves but what is told
        with writer.saving(figure, str(path), 110):
            for i in shown:
                image.set_data(_disc(one.battery[i], phi))
                sphere.set_title(f"run {one.run}, {times[i]:.3g}", loc="left", y=0.96)
                mark.set_xdata([times[i], times[i]])
                for bar, height in zip(bars, levels[i], strict=True):
                    bar.set_height(height)
                writer.grab_frame()
    return path


def film_writer(path: Path) -> AbstractMovieWriter:
    """What writes a film with this suffix, into a folder that is made; refused in a line else."""
    if path.suffix not in WRITERS:
        raise InputError("--film", str(path), f"must end in {' or '.join(WRITERS)}")
    if path.suffix == ".mp4" and not FFMpegWriter.isAvailable():
        raise InputError("--film", str(path), "needs ffmpeg, which is not there; take .gif")
    there = path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()
    except OSError as fault:
        text = f"can't be written: {(fault.strerror or str(fault)).lower()}"
        raise InputError("--film", str(path), text) from None
    if not there:
        path.unlink()
    return (PillowWriter if path.suffix == ".gif" else FFMpegWriter)(fps=PER_SECOND)


def refuse_pictures(one: Replay, moments: Sequence[float], film: Path | None) -> None:
    """Refuse spheres that a run does not have, and moments that it does not reach."""
    if one.battery is None and (moments or film is not None):
        field, value = ("--moment", moments[0]) if moments else ("--film", str(film))
        text = "only of runs whose battery stays on its symmetric ladder: it has no sphere else"
        raise InputError(field, value, text)
    first, last = (float(one.states["time"].iloc[end]) for end in (0, -1))
    for moment in moments:
        number_between("--moment", moment, first, last)


def _places(one: Replay, moments: Sequence[float]) -> list[int]:
    """Output times of the moments; or those between which the energy moves equally far."""
    times = one.states["time"].to_numpy()
    if moments:
        refuse_pictures(one, moments, None)
        return sorted({int(np.abs(times - moment).argmin()) for moment in moments})
    moved = np.append(0.0, np.cumsum(np.abs(np.diff(one.states["battery_energy"]))))
    share = moved / moved[-1] if moved[-1] > 0.0 else np.linspace(0.0, 1.0, times.size)
    wanted = np.linspace(0.0, 1.0, MOMENTS)
    found = np.searchsorted(share, wanted * (1.0 - 1e-9))
    return sorted(set(np.minimum(found, times.size - 1).tolist()))


def _draw_record(axis: Axes, one: Replay) -> None:
    times = one.states["time"].to_numpy()
    if "record_x" not in one.states:
        for name, direction, colour in (("emitted", -1, "black"), ("absorbed", 1, "red")):
            when = one.jumps["time"][one.jumps["direction"] == direction].to_numpy()
            if direction == -1 or when.size:
                so_far = np.arange(when.size + 1.0)
                edges = np.concatenate([[0.0], when, [times[-1]]])
                so_far = np.append(so_far, so_far[-1])
                axis.step(edges, so_far, where="post", color=colour, lw=1.1, label=name)
        axis.set_ylabel("photons")
        axis.legend(frameon=False, loc="best")
        return
    lengths = np.diff(times, prepend=0.0)
    seen = lengths > 0.0
    edges = np.append(times[seen] - lengths[seen], times[-1])
    for name, label, colour in (("record_x", "X", "black"), ("record_y", "Y", "0.6")):
        if name in one.states:
            current = one.states[name].to_numpy()[seen] / lengths[seen]
            axis.stairs(current, edges, color=colour, lw=0.9, label=label)
    axis.axhline(0.0, color="0.8", lw=0.6, zorder=0)
    axis.set_ylabel("current")
    if "record_y" in one.states:
        axis.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 0.97))


def _draw_energies(axis: Axes, one: Replay) -> None:
    shown = [name for name in DRAWN if name in one.drawn]
    for name, style, colour in zip(shown, STYLES, COLOURS, strict=False):
        axis.plot(one.drawn["time"], one.drawn[name], ls=style, color=colour, label=in_words(name))
    axis.set_ylim(-0.03, 1.03)
    axis.set_ylabel("energy per\nspin  (ħω)")
    # above the panel: curves fill it
    axis.legend(
        frameon=False, ncols=3, fontsize="small", loc="lower right", bbox_to_anchor=(1.0, 0.97)
    )


def _draw_spheres(figure: Figure, grid: Any, one: Replay, at: list[int]) -> None:
    assert one.battery is not None
    phi, times = azimuth_of(one.battery), one.states["time"].to_numpy()
    for column, i in enumerate(at):
        axis = figure.add_subplot(grid[3, column])
        _sphere(axis, one.battery[i], phi, float(_disc(one.battery[i], phi).max()))
        axis.set_xlabel(f"{times[i]:.3g}")
        if column == 0:
            axis.set_ylabel("Q", rotation=0, labelpad=8)


def _sphere(axis: Axes, state: NDArray[Any], phi: float, largest: float) -> Any:
    """One sphere: full on top, empty at the bottom; its equator drawn."""
    from seaborn import color_palette

    reach = (-1.0, 1.0, -1.0, 1.0)
    colours = color_palette("rocket_r", as_cmap=True)
    shown = {"cmap": colours, "vmin": 0.0, "vmax": largest, "extent": reach, "origin": "lower"}
    image = axis.imshow(_disc(state, phi), interpolation="bilinear", **shown)
    around = np.linspace(0.0, 2.0 * np.pi, 181)
    axis.plot(np.cos(around), np.sin(around), color="0.3", lw=0.7)
    front = around[around <= np.pi]
    axis.plot(np.cos(front), -np.sin(VIEW) * np.sin(front), color="0.5", lw=0.5)
    axis.set(xticks=[], yticks=[], xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect="equal")
    for spine in axis.spines.values():
        spine.set_visible(False)
    return image


def _disc(state: NDArray[Any], phi: float) -> np.ma.MaskedArray[Any, Any]:
    """Q on the half of the sphere that is seen from azimuth `phi`, a little from above."""
    u, v = np.meshgrid(*2 * [np.linspace(-1.0, 1.0, PIXELS)])
    inside = u**2 + v**2 <= 1.0
    depth = np.sqrt(np.maximum(1.0 - u**2 - v**2, 0.0))
    z = v * np.cos(VIEW) + depth * np.sin(VIEW)
    towards = depth * np.cos(VIEW) - v * np.sin(VIEW)
    theta = np.arccos(np.clip(z, -1.0, 1.0))
    found = husimi(state, theta, phi + np.arctan2(u, towards))
    return np.ma.masked_array(found, ~inside)
