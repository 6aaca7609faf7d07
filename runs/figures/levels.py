"""A map of how probable each number of excitations is, over time."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray


def draw_levels(
    figure: Figure, axis: Axes, times: ArrayLike, levels: NDArray[np.float64], label: str
) -> None:
    """Probabilities `levels` (T, excitations) and their bar."""
    image = axis.pcolormesh(
        times,
        np.arange(levels.shape[1]),
        levels.T,
        cmap="viridis",
        vmin=0.0,
        shading="nearest",
        rasterized=True,
    )
    figure.colorbar(image, ax=axis, label="probability")
    axis.set_ylabel(label)
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
