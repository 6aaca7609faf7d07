r"""What a receiver at a port records of single runs: quadratures with vacuum and amplifier noise.

A port of rate :math:`\kappa_i` sends out what the resonator holds, and reflects what falls on it,

.. math:: b_i = \sqrt{\kappa_i}\,\alpha - \xi_i,\qquad
          \xi_i=\sqrt{\kappa_i/\kappa}\,\xi+\sqrt{1-\kappa_i/\kappa}\,\xi'_i,

of which :math:`\xi` is the noise that moved the resonator's field on this very run, and
:math:`\xi'_i` is what it has not seen of the port's noise, both of :math:`\bar n+1/2` (Gardiner and
Collett 1985). So vacuum that falls on an empty resonator leaves it as vacuum. The amplifier adds
:math:`k_BT_n/\hbar\omega` (Clerk et al. 2010, section V). The record is
:math:`I+iQ=\sqrt{\hbar\omega}\,b` in square roots of watts, averaged over the time of a sample and
seen through the channels' response. What a port reflects of a field sent into it is left out.

A walk knows :math:`\xi` by its steps; within them it is a Brownian bridge, drawn apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from darkbattery.meanfield.classes.moments import classes_to_take
from darkbattery.meanfield.paths.plan import Plan
from darkbattery.meanfield.paths.walk import FieldTrace, PathNoise, start_of, walk
from darkbattery.meanfield.paths.wigner import CLASSES, controlled_plan
from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.fields import Resonator
from darkbattery.nvmodel.receiver import Receiver
from darkbattery.nvmodel.refusal import output_times
from darkbattery.nvmodel.tally import run_range

Array = NDArray[np.float64]
Amplitudes = NDArray[np.complex128]

LISTENING = 1 << 20  # of the streams' pulses, of which no sequence has so many
NOTES = 4.0  # in the time of a sample: what is between them is interpolated
MOST_LANES = 16  # runs side by side


@dataclass(frozen=True, eq=False)
class PortRecords:
    """Runs first, first + 1, ... as a receiver sees them.

    Attributes
    ----------
    times : ndarray (T,)
        s: the middle of each sample.
    signal : ndarray (runs, T)
        I + iQ with all noise, in square roots of watts; its square is the power.
    field : ndarray (runs, T)
        sqrt(hbar omega kappa_i) alpha in the same channels, without any noise of the receiver or
        reflected by the port.
    """

    times: Array
    signal: Amplitudes
    field: Amplitudes


def port_records(
    model: Model,
    times: ArrayLike,
    runs: int,
    seed: int,
    receiver: Receiver,
    first: int = 0,
    classes: int | None = None,
) -> PortRecords:
    """Runs `first` to `first + runs - 1` of the study with these times and seed, at a port.

    They are the runs of `meanfield.sample` with the same arguments: a record is fixed by the
    study, the receiver, the seed and the run's index alone.

    Parameters
    ----------
    times : array_like (T,)
        Output times of the study, s; records go from the first of them to the last, but for what
        the channels' response takes at both ends.
    receiver : Receiver
        Its frequency is that of the model's drive, or of the resonator.
    runs, seed, first, classes : int
        As `meanfield.sample` takes them.

    Raises
    ------
    InputError
        For bad times and ranges, and where the resonator does not have the receiver's port.

    Examples
    --------
    >>> from darkbattery.nvmodel import Port, Resonator, ResonatorBattery, SpinEnsemble
    >>> cavity = Resonator(3e9, linewidth_fwhm_hz=1e6, ports=[Port("out", 5e5)])
    >>> spins = SpinEnsemble(10**12, coupling=6.0, t2_s=1e-6)
    >>> shots = port_records(
    ...     ResonatorBattery(spins, cavity), [0.0, 5e-6], runs=2, seed=1,
    ...     receiver=Receiver("out", sampling_rate_hz=50e6, noise_temperature_k=4.0),
    ... )
    >>> print(shots.signal.shape, f"{(abs(shots.signal) ** 2).max():.0e} W")
    (2, 250) 2e-06 W
    """
    t = output_times(times)
    runs, first, seed = run_range(runs, first, seed)
    resonator = experiment_of(model).resonator
    rate = receiver.rate_at(resonator)
    assert resonator is not None
    edges = receiver.edges(t)
    plan = controlled_plan(
        experiment_of(model), tuple(t.tolist()), classes_to_take(model, classes, CLASSES)
    ).plan
    listening = _Listening(receiver, resonator, rate, edges)
    apart = 1.0 / (NOTES * receiver.sampling_rate_hz)
    found = [listening.heard(shot) for shot in _shots(plan, seed, first, runs, apart)]
    signal, field = (np.array(part).reshape(runs, -1) for part in zip(*found, strict=True))
    return PortRecords(listening.times, signal, field)


@dataclass(frozen=True, eq=False)
class _Shot:
    """One run: at some times alpha, its integral, and the bath's noise until there."""

    source: PathNoise
    times: Array
    alpha: Amplitudes
    integral: Amplitudes
    fallen: Amplitudes


def _shots(plan: Plan, seed: int, first: int, runs: int, apart: float) -> Iterator[_Shot]:
    scale = np.sqrt(plan.system.total)
    for start in range(first, first + runs, MOST_LANES):
        count = min(MOST_LANES, first + runs - start)
        source, paths = PathNoise(seed, start, count), start_of(plan.system, seed, start, count)
        trace = FieldTrace(paths.field, apart)
        walk(plan, source, paths, count, trace)
        trace.close()
        noted = (trace.field, trace.integral, trace.fallen)
        alpha, integral, fallen = (_complex(np.array(one)) for one in noted)
        for i in range(count):
            yield _Shot(
                PathNoise(seed, start + i, 1),
                np.array(trace.times),
                scale * alpha[:, i],
                scale * integral[:, i],
                fallen[:, i],
            )


def _complex(parts: Array) -> Amplitudes:
    return np.asarray(parts[:, 0] + 1j * parts[:, 1])


@dataclass(frozen=True, eq=False)
class _Listening:
    """A receiver at its resonator."""

    receiver: Receiver
    resonator: Resonator
    rate: float
    edges: Array

    @property
    def times(self) -> Array:
        """Middles of the samples whose neighbours are all there."""
        response = self.receiver.response
        middles = 0.5 * (self.edges[1:] + self.edges[:-1])
        return middles[response.size // 2 : middles.size - response.size // 2]

    def heard(self, shot: _Shot) -> tuple[Amplitudes, Amplitudes]:
        """Signal and field of a run."""
        grid = np.sort(np.concatenate([shot.times, self.edges]))
        samples, f = self.edges.size - 1, self.receiver.sampling_rate_hz
        normals = shot.source.of_pulse(LISTENING, 2 * (grid.size + samples))[:, 0].reshape(2, -1)
        unit = np.sqrt(0.5) * (normals[0] + 1j * normals[1])
        inside = scipy.interpolate.CubicHermiteSpline(shot.times, shot.integral, shot.alpha)(
            self.edges
        )
        field = np.sqrt(self.rate) * f * np.diff(inside)
        bridge = np.concatenate([[0.0], np.cumsum(np.sqrt(np.diff(grid)) * unit[1 : grid.size])])
        at_edges, at_notes = (np.interp(where, grid, bridge) for where in (self.edges, shot.times))
        until = np.interp(self.edges, shot.times, shot.fallen - at_notes) + at_edges
        share, noise = self.rate / self.resonator.kappa, self.resonator.nbar + 0.5
        seen = np.sqrt(share * noise) * f * np.diff(until)
        quantum = scipy.constants.hbar * 2.0 * np.pi * self.resonator.frequency_hz
        added = scipy.constants.k * self.receiver.noise_temperature_k / quantum
        # a port that takes the whole width sees no noise but the resonator's
        unseen = np.sqrt(f * (max(0.0, 1.0 - share) * noise + added)) * unit[grid.size :]
        response = np.sqrt(quantum) * self.receiver.response
        signal = np.convolve(field - seen + unseen, response, "valid")
        return signal, np.convolve(field, response, "valid")
