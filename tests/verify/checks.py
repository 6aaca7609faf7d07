"""An experiment against its explicit reading; a difference names the observable and the time."""

import math

import numpy as np
from scipy.constants import hbar

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel.observables import OBSERVABLES
from darkbattery.nvmodel.peaks import PEAK
from darkbattery.nvmodel.protocol import Stage
from darkbattery.nvmodel.unitaries import WORKS
from darkbattery.trajectories.averages import evolution as master
from darkbattery.trajectories.averages import steady
from darkbattery.trajectories.jumps import sampling as jumps
from tests.verify import semiclassical
from tests.verify.experiments import MOST_CLASSES as CLASSES
from tests.verify.readings import FROM_RECORDS, OF_COURSES, READINGS
from tests.verify.states import moments
from tests.verify.unravelling import Unravelled

RUNS = 2000
# Two samples of 300 tell wrong conditional states by a few per cent of their spread
CONDITIONAL_RUNS = 300
MOST_CONDITIONAL_SPINS = 4
MOST_JUMPS = 12.0  # of one run on average: the separate Monte Carlo is slow

# `evolve` promises 1e-10 of a matrix element; sums of 64 of them, and what they are multiplied by
STATED = 1e-10
ELEMENTS = 64
# Means of single runs: 1,000 cases compare some 1e5 numbers, which hang together. 6 standard errors
# are passed by chance once in 5e8 by a normal distribution. Means over few events are not normal:
# RARE/runs of an observable's range come on top (an event of this probability is seen in no run
# once in e^10 cases). Sums have a resolution of 1e-8 of the range.
SIGMAS = 6.0
RARE = 10.0
RESOLUTION = 1e-8
# Emission of a run at two times, in units of the fastest there is: rounding orders dark states,
# and what is read just before and behind a switch differs by 1e-9
SAME_RATE = 1e-6


class DifferentError(AssertionError):
    """An observable that is not what it should be."""


def _compare(name, times, found, exact, allowed):
    gap = np.abs(found - exact)
    both = np.isfinite(found) & np.isfinite(exact)
    bad = np.flatnonzero(both & ~(gap <= allowed))
    if bad.size:
        i = int(bad[0])
        raise DifferentError(
            f"{name} at t = {times[i]!r}: {found[i]!r}, should be {exact[i]!r} "
            f"within {np.broadcast_to(allowed, gap.shape)[i]:.2g}"
        )


def _scale(spins, name):
    """Largest size of an observable, per unit of time where it is a rate."""
    m = spins.model
    fastest = m.gamma * (2.0 * m.occupation + 1.0) * spins.spins**2
    local = [m.battery_noise, m.charger_noise]
    for step in m.protocol:
        local += [getattr(step, key, None) for key in ("battery_noise", "charger_noise")]
    fastest += spins.spins * max(n.dephasing + n.emission + n.pumping for n in local if n)
    if OBSERVABLES[name].per_time:
        return fastest
    return {"g2_zero": 10.0, "emitted_photons_variance": spins.spins**2}.get(name, 1.0)


def check_quantum(experiment):
    """Every verb of the quantum engine that takes this battery."""
    exact = moments(experiment.model, experiment.times)
    _check_averages(experiment, exact)
    if can_be_sampled(experiment.model):
        _check_runs(experiment, exact)
    if has_a_steady_state(experiment.model):
        _check_steady(experiment)


def _check_averages(experiment, exact):
    """`trajectories.evolve`, every observable it has for this battery."""
    battery, times = experiment.model, experiment.times
    names = master.available(battery)
    found = trajectories.evolve(battery, times, names)
    for name in names:
        if name in OF_COURSES:
            continue
        read = READINGS.get(name) or FROM_RECORDS[name]
        values = np.array([read(m) for m in exact])
        # counts and their squares grow with time
        allowed = STATED * ELEMENTS * (_scale(exact[0].spins, name) + np.abs(values) ** 2)
        _compare(name, times, found[name], values, allowed)
    _check_populations(experiment, found, exact)


def _check_populations(experiment, found, exact):
    weights = found.distributions.get("populations")
    if weights is None:
        return
    for t, m, row in zip(experiment.times, exact, weights.weight, strict=True):
        ups = m.spins.nb - np.array([int(i).bit_count() for i in range(2**m.spins.nb)])
        own = np.bincount(ups, np.diag(m.battery).real, m.spins.nb + 1)
        same = np.full(row.size, t)
        _compare("populations", same, row, own, STATED * ELEMENTS)


def _check_runs(experiment, exact):
    """`trajectories.sample` against the exact averages, in units of its errors."""
    battery, times = experiment.model, experiment.times
    names = jumps.available(battery)
    found = trajectories.sample(battery, times, RUNS, seed=1, observables=names)
    few = exact[0].spins.spins <= MOST_CONDITIONAL_SPINS
    over_runs = {}
    if few and _jumps(exact[-1], times) < MOST_JUMPS:
        runs = Unravelled(battery, CONDITIONAL_RUNS, seed=2).sampled(times)
        over_runs = _over_runs(runs)
        _compare_bursts(found, runs)
        _compare_peaks(found, runs, SAME_RATE * _scale(exact[0].spins, "emission_rate"))
    for name in names:
        if name in READINGS:
            values, own = np.array([READINGS[name](m) for m in exact]), 0.0
        elif name in over_runs:
            values, own = over_runs[name]
        else:
            continue
        scale = _scale(exact[0].spins, name) + np.abs(np.nan_to_num(values))
        error = np.hypot(np.nan_to_num(found.errors[name]), own)
        allowed = SIGMAS * error + (RARE / RUNS + RESOLUTION) * scale
        if name in (*WORKS, "daemonic_ergotropy"):
            # sorting gains up to one population's error where two levels cross within the noise
            allowed += 0.5 / np.sqrt(RUNS) / battery.n_battery
        _compare(name, times, found[name], values, allowed)


def _jumps(last, times):
    """About how many jumps a run has."""
    stages = [step for step in last.model.stages if isinstance(step, Stage)]
    local = sum(rate for stage in stages for rate, _ in last.spins.noise(stage))
    return last.counted(1) + float(last.y[-2].real) + local * times[-1]


def _compare_bursts(found, runs):
    """Shares of runs whose burst has come, by bin, in units of the errors of both."""
    bursts = found.distributions.get("burst_time")
    if bursts is None:
        return
    # a jump of the separate runs is late by up to 2e-5 of an interval
    late = 1e-4 * (bursts.high - bursts.low)
    own = np.array([(runs.burst <= t).mean() for t in bursts.high + late])
    _compare_shares("share of burst_time", bursts, own, own)


def _compare_shares(name, found, least, most):
    """Shares of runs up to the end of each bin, in units of the errors of both."""
    share = np.cumsum(found.weight) / RUNS
    own = np.clip(share, least, most)
    together = np.clip(0.5 * (share + own), 0.0, 1.0)
    error = np.sqrt(together * (1.0 - together) * (1.0 / RUNS + 1.0 / CONDITIONAL_RUNS))
    _compare(name, found.high, share, own, SIGMAS * error + RARE / CONDITIONAL_RUNS)


def _compare_peaks(found, runs, same):
    """Time of the largest emission: mean so far, and shares of runs.

    Equal rates at two times, as in a dark state, leave it to rounding which is the largest: each
    run gives an earliest and a latest time, and what is found lies between their statistics.
    """
    if PEAK not in found.values:
        return
    times = found.times
    first, last = runs.peaks(times, same)
    error = np.maximum(first.std(axis=0), last.std(axis=0)) / np.sqrt(CONDITIONAL_RUNS)
    allowed = SIGMAS * np.hypot(error, found.errors[PEAK])
    allowed += (RARE / CONDITIONAL_RUNS + RESOLUTION) * times
    between = np.clip(found[PEAK], first.mean(axis=0), last.mean(axis=0))
    _compare(PEAK, times, found[PEAK], between, allowed)
    least, most = ((end[:, -1, None] <= times).mean(axis=0) for end in (last, first))
    _compare_shares(f"share of {PEAK}", found.distributions[PEAK], least, most)


def _over_runs(runs):
    """Means and variances over conditional states, with errors, from the separate Monte Carlo."""
    n = CONDITIONAL_RUNS

    def mean(x):
        return x.mean(axis=0), x.std(axis=0) / np.sqrt(n) + RARE / n * np.ptp(x, axis=0) / SIGMAS

    def variance(x):
        value, error = mean((x - x.mean(axis=0)) ** 2)
        return value * n / (n - 1), error

    return {
        "daemonic_ergotropy": mean(runs.ergotropy),
        "energy_variance_conditional": mean(runs.variance),
        "energy_variance_runs": variance(runs.energy),
        "ergotropy_variance_runs": variance(runs.ergotropy),
    }


def _check_steady(experiment):
    """`trajectories.steady_state` of the paper's model against a very late time."""
    battery = experiment.model
    names = steady.available(battery)
    found = trajectories.steady_state(battery, names)
    # all that decays does so at gamma/2 or faster: e^-40 is left
    late = moments(battery, [80.0 / battery.gamma])[0]
    for name in names:
        read = READINGS.get(name)
        if read is None:
            continue
        values = np.array([read(late)])
        allowed = STATED * ELEMENTS * _scale(late.spins, name)
        _compare(name, [np.inf], found[name], values, allowed)


def has_a_steady_state(battery):
    """Whether `steady_state` is defined: the paper's model, whoever looks."""
    return not set(battery.beyond_collective) - {"detector_efficiency"}


def can_be_sampled(battery):
    """Missed photons are for T = 0 and the paper's model (docs/physics.md)."""
    if battery.detector_efficiency == 1.0:
        return True
    return has_a_steady_state(battery) and battery.occupation == 0.0


# docs: tolerance 1e-6 of each step; energies are then good to 1e-8 where errors do not grow. From
# inversion they grow like the burst itself, so that 1e-6 of the seed is 1e-6 of the burst
MOMENTS_STATED = 1e-5


def check_second_order(experiment):
    """`meanfield.evolve` at order 2."""
    c = semiclassical.classes_of(experiment.model, CLASSES)
    _check_moments(experiment, 2, semiclassical.second_order(c, experiment.times), c)


def check_first_order(experiment):
    """`meanfield.evolve` at order 1."""
    c = semiclassical.classes_of(experiment.model, CLASSES)
    _check_moments(experiment, 1, semiclassical.first_order(c, experiment.times), c)


def _check_moments(experiment, order, exact, c):
    times = experiment.times
    found = meanfield.evolve(experiment.model, times, order=order, classes=CLASSES)
    held = c.total + c.nbar + np.abs(exact.get("photons", 0.0)).max()
    scales = _scales(c, held + np.abs(exact["emitted_photons"]).max())
    # without loss what comes back multiplies errors; the answer says by how much
    stated = max(MOMENTS_STATED, found.provenance["integration_error"])
    for name in found.values:
        allowed = stated * scales.get(name, 1.0)
        _compare(name, times, found[name], exact[name], allowed)


def _scales(c, photons):
    """Largest sizes of what is not of order 1, for so many photons."""
    rate = _collective_rate(c)
    if c.kappa is not None:
        # a strong field turns single spins
        rate += float(c.coupling.max() * np.sqrt(np.max(photons)))
    leaving = photons * (rate + (c.kappa or 0.0))
    quantum = hbar * c.frequency
    return {
        "power": rate,
        "emission_rate": leaving,
        "absorption_rate": leaving,
        "emitted_photons": photons,
        "absorbed_photons": photons,
        "photons": photons,
        "output_power": quantum * leaving,
        "battery_energy_joule": quantum * photons,
        "charger_energy_joule": quantum * photons,
    }


def _collective_rate(c):
    if c.kappa is None:
        return c.gamma * (c.total + 2.0 * c.nbar + 1.0)
    return float(np.sqrt((c.number * c.coupling**2).sum()) + c.relaxation.max())


WIGNER_PATHS = 1500
# the program halves its step until mean energies change by less than 0.002 (docs/semiclassical.md);
# the next halving changes them by half of that, and so on, and ours have an error of that kind too
STEP_ERROR = 0.004
FINE = 0.02  # our step, in units of the fastest rate


def check_wigner(experiment):
    """`meanfield.sample` against separate paths, in units of both errors."""
    c, times = semiclassical.classes_of(experiment.model, CLASSES), experiment.times
    fastest = _collective_rate(c) + (c.kappa or 0.0) + float(np.abs(c.detuning).max())
    photons = c.total + c.nbar
    if c.drive is not None:
        field = c.drive.amplitude * min(c.drive.duration_s, 2.0 / c.kappa if c.kappa else math.inf)
        fastest, photons = fastest + 2.0 * float(c.coupling.max()) * field, photons + field**2
    step = FINE / fastest
    paths = semiclassical.wigner_paths(c, times, WIGNER_PATHS, 3, step)
    found = meanfield.sample(
        experiment.model, times, WIGNER_PATHS, seed=4, observables=list(paths), classes=CLASSES
    )
    scales = _scales(c, photons) | {PEAK: times[-1]}
    for name in paths:
        own = paths[name].std(axis=1) / np.sqrt(WIGNER_PATHS)
        allowed = SIGMAS * np.hypot(own, found.errors[name])
        allowed = allowed + (STEP_ERROR + RESOLUTION) * scales.get(name, 1.0)
        _compare(name, times, found[name], paths[name].mean(axis=1), allowed)
