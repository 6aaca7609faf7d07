"""Single runs with a homodyne or heterodyne record: added up, or with all that each leaves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.method import Method, Problem, Work, refused_by
from darkbattery.nvmodel.refusal import refused_sizes
from darkbattery.nvmodel.solution import Solution
from darkbattery.trajectories.jumps.counts.sums import ENERGY, QUANTITIES, VARIANCE
from darkbattery.trajectories.jumps.diffusive.diffusion import (
    ALLOWED,
    PILOT_SEED,
    PILOTS,
    REACH,
    Steps,
    follow_mixed,
    follow_pure,
    joined,
    noise_of,
    short_enough,
)
from darkbattery.trajectories.jumps.diffusive.reading import (
    Tables,
    battery_matrix,
    read_batteries,
    read_runs,
)
from darkbattery.trajectories.jumps.diffusive.recordladder import (
    RecordLadder,
    ladder_readings,
    record_ladder,
)
from darkbattery.trajectories.jumps.diffusive.study import (
    EMITTED,
    Group,
    count_groups,
    diffusive_study,
    first_low,
)
from darkbattery.trajectories.reading.conditional import unravelling
from darkbattery.trajectories.reading.derived import ENERGIES, FROM_ENERGY, FROM_POPULATIONS
from darkbattery.trajectories.reading.fluctuations import OF_STATES
from darkbattery.trajectories.reading.photonstates import amplitudes_by_photons
from darkbattery.trajectories.space.angular import ladders_of

Array = NDArray[np.float64]

_VARIANCES = ("energy_variance", "energy_variance_conditional", "energy_variance_runs")
_WORK = ("daemonic_ergotropy", "ergotropy_variance_runs")
AVAILABLE = (*ENERGIES, *FROM_ENERGY, *FROM_POPULATIONS, *_VARIANCES, *_WORK, *OF_STATES)

MOST_PURE, MOST_MIXED = 450, 80  # photons whose amplitudes, or matrix, are followed
MOST_STATES = 16_000_000  # doubles of the amplitudes of the battery after n photons: 128 MB
GROUP_NUMBERS = 1 << 17  # of noise and bands that are held at once
MOST_GROUP = 64
# of a photon number and step, measured on one core; of a pair of them where light is missed
SECONDS_PURE, SECONDS_MIXED, COMPLEX = 1.5e-8, 3e-8, 3.0


def followed_on_ladders(battery: Experiment) -> bool:
    """Whether a diffusive record leaves amplitudes on the ladder of photons: at T = 0, plainly.

    >>> from darkbattery.nvmodel import CollectiveBattery, Detector
    >>> followed_on_ladders(CollectiveBattery(1, 2, 0.1, detector=Detector("homodyne")).experiment)
    False
    """
    return battery.occupation == 0.0 and battery.is_collective


def photons_of(battery: Experiment) -> float:
    """The largest number of photons that a run emits."""
    ladders = ladders_of(*battery.sizes)
    return 0.5 * (ladders.rows - 1.0 + battery.n_charger - battery.n_battery)


def refuse_large(problem: Problem) -> None:
    """Refuse what memory or time forbids, before anything is allocated."""
    battery = problem.model
    pure = battery.detector.efficiency == 1.0
    photons, most = photons_of(battery), MOST_PURE if pure else MOST_MIXED
    if photons > most:
        what = "amplitudes" if pure else "a matrix below efficiency 1"
        text = f"a diffusive record is followed by {what} over {photons:.2g} photons, at most "
        raise refused_sizes(battery.sizes, f"{text}{most}; take fewer spins, or count photons")
    size = problem.times.size * (photons + 1.0) * (battery.n_battery + 1.0)
    if size > MOST_STATES:
        text = f"the battery's states after n photons need {size * 8e-9:.2g} GB; take fewer times"
        raise refused_sizes(battery.sizes, text)
    record_ladder(battery, problem.times, REACH)  # refuses too many steps


def is_pure(battery: Experiment) -> bool:
    """Whether the record tells all: the state stays pure."""
    return battery.detector is not None and battery.detector.efficiency == 1.0


def steps_of(battery: Experiment, ladder: RecordLadder) -> Steps:
    """The ladder as kernels take it, for the battery's detector."""
    detector = battery.detector
    assert detector is not None
    bracket = 1.0 if detector.kind == "homodyne" else 0.0
    tables = ladder.lowering, ladder.decay, ladder.shift, ladder.low, ladder.high
    return Steps(ladder.steps, ladder.at, ladder.M, *tables, detector.efficiency, bracket)


def follow(
    battery: Experiment, ladder: RecordLadder, noise: NDArray[Any], bands: int, record: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Bands (runs, T, bands, N + 1) of the states and the windows' records (runs, T).

    See `diffusion.follow_pure` for `noise` and `record`.
    """
    runs, T = max(noise.shape[2], record.shape[2]), ladder.at.size
    found = np.empty((runs, T, bands, ladder.M.size), dtype=noise.dtype)
    window = np.empty((runs, T), dtype=noise.dtype)
    kernel = follow_pure if is_pure(battery) else follow_mixed
    kernel(noise, steps_of(battery, ladder), found, record, window)
    return found, window


def halved(ladder: RecordLadder, battery: Experiment) -> RecordLadder:
    """The same with every step in two, the ends of all steps being output times."""
    middles = 0.5 * (ladder.taus[1:] + ladder.taus[:-1])
    ends = np.sort(np.concatenate([ladder.taus, middles]))
    return record_ladder(battery, ends / battery.gamma, math.inf)


@lru_cache(maxsize=8)
def _planned(battery: Experiment, times: tuple[float, ...]) -> tuple[RecordLadder, float]:
    t = np.array(times)
    z = ladder_readings(battery, t, states=False).z
    return short_enough(
        lambda reach: record_ladder(battery, t, reach),
        lambda ladder: _step_error(battery, ladder, z) if ladder.steps.size else 0.0,
    )


def _step_error(battery: Experiment, ladder: RecordLadder, z: Array) -> float:
    fine = halved(ladder, battery)
    noise = noise_of(battery, PILOT_SEED, 0, PILOTS, fine.steps.size)
    record = np.zeros_like(noise)
    exact, _ = follow(battery, fine, noise, 1, record)
    exact = exact[:, 2 * ladder.at]
    again = joined(record, fine.steps)
    found, _ = follow(battery, ladder, np.zeros((0, 2, 0), noise.dtype), 1, again)
    apart = np.einsum("rtn,nt->rt", (found - exact)[:, :, 0].real, z) / battery.n_battery
    return float(np.sqrt((apart**2).mean(axis=0)).max())


def planned(battery: Experiment, times: Array) -> tuple[RecordLadder, float]:
    """The ladder on the steps of a study, and their error; see `short_enough`."""
    return _planned(battery, tuple(times.tolist()))


@dataclass(frozen=True, eq=False)
class LadderGroup(Group):
    """With the bands of V (runs, T, d, N + 1)."""

    bands: NDArray[Any]


def groups_of_runs(
    battery: Experiment,
    times: Array,
    seed: int,
    first: int,
    runs: int,
    states: bool,
    bands: int | None = None,
) -> Iterator[LadderGroup]:
    """The runs first ... first + runs - 1 in groups; with the battery's matrix if `states`.

    V is kept in as many bands as that takes, or in `bands`.
    """
    ladder, _ = planned(battery, times)
    T = times.size
    reading = ladder_readings(battery, times, states)
    q = Tables(
        reading.z,
        reading.z_rate,
        reading.emission,
        reading.variance,
        reading.amplitude,
        ladder.M,
        *battery.sizes,
        battery.gamma,
    )
    bands = bands or (battery.n_battery + 1 if states else 1)
    held = 4 * ladder.steps.size + T * bands * ladder.M.size
    size = max(1, min(MOST_GROUP, runs, GROUP_NUMBERS // max(held, 1)))
    for start in range(first, first + runs, size):
        n = min(size, first + runs - start)
        noise = noise_of(battery, seed, start, n, ladder.steps.size)
        nobody = np.zeros((0, 2, 0), noise.dtype)
        found, window = follow(battery, ladder, noise, bands, nobody)
        quantities, spread = np.empty((7, n, T)), np.zeros((QUANTITIES, n, T))
        read_runs(found, q, quantities.reshape(7, n * T), spread[VARIANCE].reshape(n * T))
        spread[ENERGY] = quantities[0]
        asked = n if states else 0
        populations, known = np.empty((asked, T, battery.n_battery + 1)), np.empty((3, asked, T))
        if states:
            flat = populations.reshape(n * T, -1), known.reshape(3, n * T)
            read_batteries(found, q, *flat)
        burst = first_low(ladder.M[0] - quantities[EMITTED], times)
        record = np.conj(window)  # states are followed with dZ*
        read = quantities, spread, populations, known, burst
        yield LadderGroup(start, *read, [np.zeros(0)] * n, record, found)


def count_runs(problem: Problem) -> Solution:
    """Make the runs of a problem and add them up."""
    battery, times, seed = problem.model, problem.times, problem.seed
    study = diffusive_study(battery, times, seed, problem.names, unravelling(battery).basis)
    ladder, error = planned(battery, times)
    provenance = {
        "solver": f"{battery.detector.kind} record",
        "seed": seed,
        "steps": ladder.steps.size,
        "step_error": error,
    }
    made = seed, problem.first, problem.runs or 1, study.needs_populations
    groups = groups_of_runs(battery, times, *made)
    return count_groups(problem, study, groups, provenance)


def diffusive_runs(
    battery: Experiment, times: Array, seed: int, first: int, runs: int
) -> Iterator[dict[str, Any]]:
    """The fields of `SingleRun`s, run by run; refused as `sample` refuses."""
    refuse_large(Problem(battery, times, (), runs=1))
    basis = unravelling(battery).basis
    photons = round(float(basis.J[-1] + basis.m_start))
    made = groups_of_runs(battery, times, seed, first, runs, states=True, bands=photons + 1)
    for group in made:
        for run in range(group.burst.size):
            yield _fields(battery, times, group, run)


def _fields(battery: Experiment, times: Array, group: LadderGroup, run: int) -> dict[str, Any]:
    detector, basis, T = battery.detector, unravelling(battery).basis, times.size
    assert detector is not None
    q, bands = group.quantities[:, run], group.bands[run]
    mean, photons = q[EMITTED], bands.shape[2] - 1
    amplitude = ladder_readings(battery, times, states=True).amplitude
    size = battery.n_battery + 1
    states = np.zeros((T, size, size), dtype=bands.dtype)
    for i in range(T):
        battery_matrix(bands[i], amplitude[i], states[i])
    # either may be the larger: more battery than charger spins, or fewer
    turn = np.exp(-1j * detector.phase * np.arange(max(size, photons + 1)))
    amplitudes = np.zeros((0, basis.n_ladders, photons + 1))
    if is_pure(battery):
        u = np.array([_amplitudes(one) for one in bands])
        amplitudes = _over_ladders(battery, times) * u[:, None, :]
    if detector.phase != 0.0:
        amplitudes = amplitudes * turn[: photons + 1]
        states = np.conj(turn[:size, None]) * states * turn[:size]
    return {
        "jump_times": np.zeros(0),
        "directions": np.zeros(0, dtype=np.int8),
        "processes": np.zeros(0, dtype=np.int8),
        "battery_j": np.full(T, battery.n_battery / 2),
        "charger_j": np.full(T, battery.n_charger / 2),
        "M": basis.m_start - mean,
        "J": basis.J.copy(),
        "amplitudes": amplitudes,
        "battery_energy": q[0],
        "charger_energy": q[1],
        "ergotropy": group.known[2, run],
        "emitted_photons": mean,
        "absorbed_photons": np.zeros(T),
        "populations": group.populations[run],
        "record": group.window[run],
        "battery_state": states,
    }


def _amplitudes(bands: NDArray[Any]) -> NDArray[Any]:
    """u (N + 1,) of a pure V[n, n - d], the most probable one real and positive."""
    top = int(np.argmax(bands[0].real))
    n = np.arange(bands.shape[1])
    above = bands[np.maximum(n - top, 0), n]
    below = np.conj(bands[np.maximum(top - n, 0), top])
    return np.asarray(np.where(n >= top, above, below) / np.sqrt(bands[0, top].real))


def _over_ladders(battery: Experiment, times: Array) -> Array:
    """Amplitudes over J of the states after n photons, (T, K, N + 1)."""
    tables = unravelling(battery)
    photons = round(float(tables.basis.J[-1] + tables.basis.m_start))
    found = np.zeros((times.size, tables.basis.n_ladders, photons + 1))
    always = np.ones((photons + 1, times.size), dtype=bool)
    for n, at, c in amplitudes_by_photons(tables, times * battery.gamma, always):
        found[at, :, n] = c
    return found


def _offers(battery: Experiment) -> tuple[str, ...]:
    if battery.detector is None or not followed_on_ladders(battery):
        return ()
    return AVAILABLE


def _work(problem: Problem) -> Work:
    battery = problem.model
    ladder = record_ladder(battery, problem.times, REACH)
    size, pure = ladder.M.size, is_pure(battery)
    numbers = ladder.steps.size * (size if pure else size**2)
    seconds = numbers * (SECONDS_PURE if pure else SECONDS_MIXED)
    seconds *= COMPLEX if battery.detector.kind == "heterodyne" else 1.0
    return Work((problem.runs or 1) * seconds)


DIFFUSIVE_RECORD = Method(
    name="diffusive record",
    kind="sample",
    offers=_offers,
    why_not=refused_by(refuse_large),
    work=_work,
    solve=count_runs,
    error=f"statistical, and at most {ALLOWED:g} of a run's energy per spin from its steps",
)
"""How runs with a homodyne or heterodyne record are made."""
