r"""The spectrum of a homodyne or heterodyne current, over single runs.

The record of a window between output times is :math:`Y_i=\int_{t_{i-1}}^{t_i}dY`, with
:math:`dY=\sqrt{\eta\gamma}\,\langle J^-e^{-i\phi}+\mathrm{h.c.}\rangle dt+dW` (homodyne) in units
:math:`\gamma^{-1/2}`. Over the whole time T its periodogram

.. math:: S(\omega)=\frac1T\Big|\sum_iY_ie^{i\omega\bar t_i}\Big|^2

is 1 on average where nothing is seen (shot noise), and above it what the light adds: with
:math:`x=J^-e^{-i\phi}+\mathrm{h.c.}` and :math:`G(t,t')` its correlation in normal and time order
(Wiseman and Milburn, Quantum Measurement and Control, 2010),

.. math:: \mathrm E\,S(\omega)=1+\frac{\eta\gamma}T\int_0^T\!\!\int_0^T
          G(t,t')\cos\omega(t-t')\,dt\,dt'.

At a resonator kappa and the mode's a stand for gamma and :math:`J^-`.
A charging run begins and ends: this is the spectrum of a burst, not of a steady state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.errors import mean_error
from darkbattery.nvmodel.experiment import Model, experiment_of, of_the_reservoir, to_be_solved
from darkbattery.nvmodel.method import Problem
from darkbattery.nvmodel.refusal import InputError, output_times
from darkbattery.nvmodel.tally import run_range
from darkbattery.trajectories.jumps.diffusive import runs as diffusive_runs
from darkbattery.trajectories.jumps.diffusive.runs import followed_on_ladders
from darkbattery.trajectories.jumps.filters import runs as filter_runs
from darkbattery.trajectories.propagate.realspins import refuse_unknown_stages

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

SAME_LENGTH = 1e-6  # of a window, relative: spacings are rounded


@dataclass(frozen=True, eq=False)
class CurrentSpectrum:
    r"""Mean periodogram of the current over runs.

    Attributes
    ----------
    frequency : ndarray (F,)
        :math:`\omega/2\pi`, in units of the inverse of the times' unit; heterodyne also below 0.
    value, error : ndarray (F,)
        :math:`S(\omega)` and its standard error; shot noise is 1.
    runs : int
    """

    frequency: Array
    value: Array
    error: Array
    runs: int

    def to_dataframe(self) -> pd.DataFrame:
        """Columns: frequency, value, error."""
        import pandas as pd

        columns = {"frequency": self.frequency, "value": self.value, "error": self.error}
        return pd.DataFrame(columns)


def current_spectrum(
    battery: Model, times: ArrayLike, runs: int, seed: int, first: int = 0
) -> CurrentSpectrum:
    """Spectrum of the records of the runs first ... first + runs - 1 of the study with this seed.

    Parameters
    ----------
    battery : Model
        With a homodyne or heterodyne detector, in a reservoir or at a resonator.
    times : array_like (T,)
        Equally spaced, from 0 or from the end of the first window on: the current is integrated
        between them, and resolved up to half their inverse spacing.
    runs, seed, first
        As `sample` takes them: the same runs.

    Raises
    ------
    InputError
        For a photon counter, uneven times, and what `sample` refuses.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery, Detector
    >>> battery = CollectiveBattery(1, 4, detector=Detector("homodyne"))
    >>> found = current_spectrum(battery, np.linspace(0.0, 4.0, 81), runs=400, seed=1)
    >>> low, high = found.value[0], found.value[-10:].mean()  # the light's line, and shot noise
    >>> bool(low > 2.0), bool(abs(high - 1.0) < 0.1)
    (True, True)
    """
    t = output_times(times)
    runs, first, seed = run_range(runs, first, seed)
    at_resonator = experiment_of(battery).resonator is not None
    experiment = to_be_solved(battery if at_resonator else of_the_reservoir(battery), t)
    detector = experiment.detector
    if detector is None:
        text = "counts photons: a current is a homodyne or heterodyne detector's"
        raise InputError("detector", "photons", text)
    on_ladders = not at_resonator and followed_on_ladders(experiment)
    if at_resonator:
        filter_runs.refuse_at_resonator(experiment)
    elif not on_ladders:
        refuse_unknown_stages(experiment)
    source = diffusive_runs if on_ladders else filter_runs
    source.refuse_large(Problem(experiment, t, (), runs=runs))
    lengths = np.diff(t, prepend=0.0)
    used = lengths > 0.0
    step = float(t[-1]) / max(int(used.sum()), 1)
    if used.sum() < 2 or np.abs(lengths[used] - step).max() > SAME_LENGTH * step:
        raise InputError("times", t.tolist()[:4], "must be at least two, equally spaced from 0 on")
    total, square, rate = 0.0, 0.0, experiment.watched_rate
    for group in source.groups_of_runs(experiment, t, seed, first, runs, states=False):
        window = group.window[:, used]
        both = np.iscomplexobj(window)
        found = np.fft.fft(window, axis=1) if both else np.fft.rfft(window, axis=1)
        power = np.abs(found) ** 2 / (rate * t[-1])
        total, square = total + power.sum(axis=0), square + (power**2).sum(axis=0)
    n = int(used.sum())
    frequency = (
        np.fft.fftfreq(n, step) if detector.kind == "heterodyne" else np.fft.rfftfreq(n, step)
    )
    mean = np.asarray(total / runs)
    scatter = np.maximum(square / runs - mean**2, 0.0) * (
        runs / (runs - 1.0) if runs > 1 else math.nan
    )
    error = mean_error(scatter, runs)
    order = np.argsort(frequency)
    return CurrentSpectrum(np.asarray(frequency[order]), mean[order], error[order], runs)
