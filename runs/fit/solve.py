"""The joint fit: least squares over all traces, what it determines, and its posterior."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.devices.datasheet import Covariance, Device, with_value
from darkbattery.nvmodel.devices.sheets import with_fit
from darkbattery.nvmodel.refusal import InputError, known_name
from darkbattery.runs.fit.model import PHASES, POSSIBLE, USUAL, first_guess, predicted
from darkbattery.runs.fit.traces import Trace

Array = NDArray[np.float64]

# names that a plan has for what a data sheet names otherwise
ALIASES = {"line_fwhm_hz": "spin_linewidth_fwhm_hz", "resonator_fwhm_hz": "linewidth_fwhm_hz"}
SHARES = ("polarisation", "inversion")
# errors of ln x that the data alone leave; above, a parameter is not determined
UNDETERMINED = 1.0
# walls of a declared range: one standard deviation is this share of its width; and beyond 1
WALL, SHARE_WALL = 0.05, 0.01
# relative steps of the solver's differences, above the burst's rounding and noise of 1e-8
EPSILON, STEP = 1e-8, 1e-4
# chi square over data above which the minimum is taken for a local one; starts are then tried with
# the device's quantities so far (in ln) from the data sheet's
AGREES, TRIES, AROUND = 1.5, 4, 0.1
# residual of what no device can be
NEVER = 1e3
WALKERS, BURN = 4, 0.3


@dataclass(frozen=True)
class Unknown:
    """A number to be found: x = 1 + (its logarithm or itself, from where it starts, over `size`).

    Attributes
    ----------
    name : str
        A quantity of the device, or a nuisance.
    trace : int
        Which trace's nuisance; -1 for the device's.
    start, size : float
    logarithmic : bool
    """

    name: str
    trace: int
    start: float
    size: float
    logarithmic: bool

    @property
    def label(self) -> str:
        """A name that no other has."""
        return self.name if self.trace < 0 else f"t{self.trace}_{self.name}"

    def value(self, x: float) -> float:
        """The number at x."""
        moved = (x - 1.0) * self.size
        return self.start * math.exp(moved) if self.logarithmic else self.start + moved


@dataclass(frozen=True, eq=False)
class Problem:
    """What is fitted to what."""

    device: Device
    traces: tuple[Trace, ...]
    unknowns: tuple[Unknown, ...]

    def at(self, x: Array) -> tuple[Device, list[dict[str, float]]]:
        """The device and each trace's nuisances; InputError where there is no such device."""
        device, nuisances = self.device, [{} for _ in self.traces]  # type: ignore[var-annotated]
        for one, place in zip(self.unknowns, x, strict=True):
            value = one.value(float(place))
            if one.trace >= 0:
                nuisances[one.trace][one.name] = value
            else:
                value = min(value, 1.0) if one.name in SHARES else value
                device = with_value(device, one.name, value)
        return device, nuisances

    def residuals(self, x: Array) -> Array:
        """Of all traces, in standard deviations; then `priors`."""
        return np.concatenate([self.of_data(x), self.priors(x)])

    def of_data(self, x: Array) -> Array:
        """Residuals of the traces alone."""
        try:
            device, nuisances = self.at(x)
            parts = [
                _weighted(trace, predicted(trace, device, own))
                for trace, own in zip(self.traces, nuisances, strict=True)
            ]
        except (InputError, OverflowError):
            return np.full(sum(trace.values for trace in self.traces), NEVER)
        return np.nan_to_num(np.concatenate(parts), nan=NEVER, posinf=NEVER, neginf=-NEVER)

    def priors(self, x: Array) -> Array:
        """What the data sheet says: errors as they are, ranges as flat with soft walls."""
        found = []
        for one, place in zip(self.unknowns, x, strict=True):
            if one.trace >= 0:
                continue
            log = math.log(one.value(float(place)))
            found.append(_prior(self.device, one.name, log))
            if one.name in SHARES:
                found.append(max(0.0, log) / SHARE_WALL)
        return np.array(found)


def _prior(device: Device, name: str, log: float) -> float:
    quantity = device.quantities[name]
    if quantity.error is not None:
        spread = quantity.error / quantity.value
        return (log - math.log(quantity.converted)) / spread if spread > 0.0 else 0.0
    low, high = quantity.range
    if not 0.0 < low < high:
        return 0.0
    wall = WALL * math.log(high / low)
    return max(0.0, log - math.log(high), math.log(low) - log) / wall


def _weighted(trace: Trace, found: NDArray[Any]) -> Array:
    off = (trace.y - found) / trace.noise
    return np.concatenate([off.real, off.imag]) if trace.is_complex else np.asarray(off)


@dataclass(frozen=True, eq=False)
class Fit:
    """The optimum.

    Attributes
    ----------
    problem : Problem
    x : ndarray (P,)
    covariance : ndarray (P, P)
        Of x, priors included.
    chi_square, freedom : float, int
        Of the data, and data less unknowns.
    device : Device
        With the fitted values, their errors and covariance.
    samples : ndarray or None
        Of the posterior, a row each.
    """

    problem: Problem
    x: Array
    covariance: Array
    chi_square: float
    freedom: int
    device: Device
    samples: Array | None = None

    @property
    def errors(self) -> Array:
        """Standard deviations of x."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def correlations(self) -> Array:
        """Of the unknowns."""
        return np.asarray(self.covariance / np.outer(self.errors, self.errors))


def problem_of(
    device: Device, traces: Sequence[Trace], free: Sequence[str], nuisances: Sequence[str] = ()
) -> Problem:
    """Name the unknowns and where they start.

    Parameters
    ----------
    free : sequence of str
        Quantities of the device; coupling_hz, line_fwhm_hz, resonator_fwhm_hz stand for those that
        it has.
    nuisances : sequence of str
        "kind.name" (s21.background, burst.gain); replace the usual ones of the kinds they name;
        "kind.none" leaves none.
    """
    if not traces:
        raise InputError("--data", None, "must be given: a fit needs a trace")
    names = [_field(device, name) for name in free]
    if not names:
        raise InputError("--free", None, "must name what is to be found")
    for name in names:
        if names.count(name) > 1:
            raise InputError("--free", name, "must be named once")
    chosen = _chosen(nuisances)
    unknowns = [_of_device(device, name) for name in names]
    for i, trace in enumerate(traces):
        _check_scale(trace, device)
        own = chosen.get(trace.kind, _usual(trace))
        own = tuple(name for name in own if trace.is_complex or name not in PHASES)
        unknowns += _of_trace(i, trace, first_guess(trace, device, own))
    points = sum(trace.values for trace in traces)
    if points < len(unknowns):
        raise InputError("--free", len(unknowns), f"must be at most as many as points, {points}")
    return Problem(device, tuple(traces), tuple(unknowns))


def fit(problem: Problem, steps: int = 0, seed: int = 1) -> Fit:
    """Least squares, and `steps` of an ensemble sampler from there.

    Raises
    ------
    InputError
        Where lmfit (or emcee) is missing, and for a parameter that the data do not determine.
    """
    try:
        import lmfit
    except ImportError:
        raise InputError("fit", "lmfit", 'must be there: pip install "darkbattery[fit]"') from None
    parameters = lmfit.Parameters()
    for one in problem.unknowns:
        parameters.add(one.label, value=1.0)

    def residuals(given: Any) -> Array:
        return problem.residuals(np.array([given[one.label].value for one in problem.unknowns]))

    data = sum(trace.values for trace in problem.traces)
    x, best = np.ones(len(problem.unknowns)), math.inf
    for start in _starts(problem):
        for one, place in zip(problem.unknowns, start, strict=True):
            parameters[one.label].set(value=place)
        minimizer = lmfit.Minimizer(residuals, parameters, calc_covar=False)
        found = minimizer.minimize(method="leastsq", epsfcn=EPSILON, max_nfev=4000)
        if float(found.chisqr) < best:
            best = float(found.chisqr)
            x = np.array([found.params[one.label].value for one in problem.unknowns])
        if best < AGREES * data:
            break
    slopes = _slopes(problem, x)
    _refuse_undetermined(problem, slopes[:data])
    covariance: Array = np.asarray(np.linalg.inv(slopes.T @ slopes), dtype=np.float64)
    samples = None
    if steps:
        samples = posterior(problem, x, covariance, steps, seed)
        covariance = np.asarray(np.cov(samples.T), dtype=float)
        x = samples.mean(axis=0)
    chi_square = float((problem.of_data(x) ** 2).sum())
    return Fit(
        problem,
        x,
        covariance,
        chi_square,
        data - len(problem.unknowns),
        _fitted_device(problem, x, covariance),
        samples,
    )


def _starts(problem: Problem) -> Iterator[Array]:
    """Where the data sheet is, then around it: a burst that rings has more than one minimum."""
    size = len(problem.unknowns)
    yield np.ones(size)
    own = np.array([one.trace < 0 for one in problem.unknowns])
    draws = np.random.Generator(np.random.Philox(7))
    for _ in range(TRIES):
        yield 1.0 + np.where(own, AROUND * draws.standard_normal(size), 0.0)


def _field(device: Device, name: str) -> str:
    name = ALIASES.get(name.strip(), name.strip())
    if name == "coupling_hz":
        single = device.single_coupling_hz is not None
        name = "single_coupling_hz" if single else "collective_coupling_hz"
    return known_name("--free", name, device.quantities)


def _usual(trace: Trace) -> tuple[str, ...]:
    usual = USUAL[trace.kind]
    return usual if trace.calibrated or "gain" in usual else ("gain", *usual)


def _chosen(nuisances: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for text in nuisances:
        kind, _, name = text.strip().partition(".")
        known_name("--nuisance", kind, POSSIBLE)
        known_name("--nuisance", name, (*POSSIBLE[kind], "none"))
        found[kind] = found.get(kind, ()) + ((name,) if name != "none" else ())
    if "burst" in found and "peak" not in found["burst"]:
        found["burst"] += ("peak",)  # random in each
    return found


def _of_device(device: Device, name: str) -> Unknown:
    value = device.quantities[name].converted
    if value <= 0.0:
        raise InputError(f"{name}.value", value, "must be > 0 to start from")
    size = 1.0
    if name == "frequency_hz":  # the width is the scale
        size = device.linewidth_fwhm_hz.converted / value
    return Unknown(name, -1, value, size, True)


def _of_trace(i: int, trace: Trace, guess: dict[str, float]) -> list[Unknown]:
    span, height = float(np.ptp(trace.x)), float(np.abs(trace.y).max())
    sizes = {"phase": 1.0, "delay": 1.0 / span, "peak": 0.1 * span}
    found = []
    for name, value in guess.items():
        logarithmic = name == "gain"
        size = 1.0 if logarithmic else sizes.get(name, height)
        found.append(Unknown(name, i, value, size, logarithmic))
    return found


def _check_scale(trace: Trace, device: Device) -> None:
    """Units that were mistaken are powers of a thousand off."""
    if trace.kind in ("burst", "rabi"):
        return
    if trace.absolute:
        ratio = device.frequency_hz.converted / float(np.median(trace.x))
        if not 0.5 < ratio < 2.0:
            raise InputError(
                f"{trace.name}: frequency", float(np.median(trace.x)), _unit(ratio, "frequency_hz")
            )
        return
    ratio = device.spin_linewidth_fwhm_hz.converted / float(np.ptp(trace.x))
    if not 1e-3 < ratio < 1e3:
        raise InputError(
            f"{trace.name}: detuning", float(np.ptp(trace.x)), _unit(ratio, "the line's width")
        )


def _unit(ratio: float, beside: str) -> str:
    power = 3 * round(math.log10(ratio) / 3.0)
    return f"is some 10^{-power} times {beside}: is the unit of its heading right?"


def _slopes(problem: Problem, x: Array) -> Array:
    columns = []
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = STEP
        columns.append((problem.residuals(x + step) - problem.residuals(x - step)) / (2.0 * STEP))
    return np.array(columns).T


def _refuse_undetermined(problem: Problem, slopes: Array) -> None:
    """By what the data alone say; a direction without any counts as endlessly wide."""
    norms = np.linalg.norm(slopes, axis=0)
    scaled = slopes / np.where(norms > 0.0, norms, 1.0)
    _, values, vectors = np.linalg.svd(scaled, full_matrices=False)
    inverse = (vectors.T / np.maximum(values, 1e-9) ** 2) @ vectors
    # a parameter that nothing depends on has an error without end
    errors = np.sqrt(np.diag(inverse)) / np.where(norms > 0.0, norms, 1e-30)
    correlations = inverse / np.sqrt(np.outer(np.diag(inverse), np.diag(inverse)))
    worst, at = 0.0, -1
    for i, one in enumerate(problem.unknowns):
        spread = errors[i] * (one.size if one.trace < 0 else 0.0)
        if one.trace < 0 and spread > max(worst, UNDETERMINED):
            worst, at = spread, i
    if at < 0:
        return
    others = np.abs(correlations[at]) * (np.arange(len(problem.unknowns)) != at)
    other = int(others.argmax())
    raise InputError(
        "--free",
        problem.unknowns[at].name,
        f"is not determined by the data (error of its logarithm {worst:.2g}, correlation "
        f"{correlations[at, other]:+.4f} with {problem.unknowns[other].label}): fix one of them",
    )


def posterior(problem: Problem, x: Array, covariance: Array, steps: int, seed: int) -> Array:
    """Samples of the unknowns about an optimum, a row each, by emcee's affine-invariant walkers.

    Raises
    ------
    InputError
        Where emcee is missing.
    """
    try:
        import emcee
    except ImportError:
        raise InputError("fit", "emcee", 'must be there: pip install "darkbattery[fit]"') from None
    draws = np.random.Generator(np.random.Philox(seed))
    walkers = WALKERS * x.size
    start = x + draws.multivariate_normal(np.zeros(x.size), 0.1 * covariance, walkers)
    failed: list[Exception] = []

    def log_likelihood(at: Array) -> float:
        if failed:  # what follows is thrown away
            return 0.0
        try:
            return -0.5 * float((problem.residuals(at) ** 2).sum())
        # a request to stop, too: emcee would print its traceback
        except Exception as error:
            failed.append(error)
            return 0.0

    sampler = emcee.EnsembleSampler(walkers, x.size, log_likelihood)
    sampler.random_state = np.random.RandomState(seed).get_state()
    for _ in sampler.sample(start, iterations=steps):
        if failed:
            raise failed[0]
    return np.asarray(sampler.get_chain(discard=int(BURN * steps), flat=True))


def _fitted_device(problem: Problem, x: Array, covariance: Array) -> Device:
    own = [i for i, one in enumerate(problem.unknowns) if one.trace < 0]
    sizes = np.array([problem.unknowns[i].size for i in own])
    of_logs = covariance[np.ix_(own, own)] * np.outer(sizes, sizes)
    names = tuple(problem.unknowns[i].name for i in own)
    values = {problem.unknowns[i].name: problem.unknowns[i].value(float(x[i])) for i in own}
    values = {n: min(v, 1.0) if n in SHARES else v for n, v in values.items()}
    rows = tuple(tuple(float(v) for v in row) for row in 0.5 * (of_logs + of_logs.T))
    source = "fitted to " + ", ".join(trace.name for trace in problem.traces)
    return with_fit(problem.device, values, Covariance(names, rows), source)
