r"""What a partly discharged line still does: cooperativity, growth, and what a port sees of it.

Classes are cells of the line, each with its inversion z_k spread evenly from :math:`l_k` to
:math:`h_k` (rad/s), so that 1/T2 may be far below their distance:

.. math:: R(s) = \sum_k\frac{N_kg_k^2z_k}{h_k-l_k}\int_{l_k}^{h_k}\frac{dw}{s+\Gamma_k+iw}

A weak field at s = -i delta sees the resonator as
:math:`1/[\kappa/2-i\delta-R(-i\delta)]`; the growth rate is the root of
:math:`\lambda+\kappa/2=R(\lambda)` with the largest real part (Haake et al. 1981), and
:math:`C=(2/\kappa)\,\mathrm{Re}\,R(0)`, above 1 where it is positive.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.meanfield.averages.cumulants import SOLVERS
from darkbattery.meanfield.averages.response import probed
from darkbattery.meanfield.classes.legs import legs
from darkbattery.meanfield.classes.moments import BATTERY, CHARGER, System, system_of
from darkbattery.meanfield.classes.profile import cells
from darkbattery.nvmodel.experiment import Experiment, experiment_of
from darkbattery.nvmodel.refusal import InputError, finite_number
from darkbattery.nvmodel.solution import PROFILES, Solution

Array = NDArray[np.float64]
Amplitudes = NDArray[np.complex128]

NEWTON_STEPS = 30
# where roots are looked for, over the growth rate without broadening
STARTS = (1.0, 0.1, 1.0 + 1.0j, 1.0 - 1.0j, 0.1 + 1.0j, 0.1 - 1.0j)


@dataclass(frozen=True, eq=False)
class Remaining:
    """What is left at each output time.

    Attributes
    ----------
    times, cooperativity, growth_rate : ndarray (T,)
        The growth rate of the field's amplitude, rad/s; 0 where nothing grows.
    """

    times: Array
    cooperativity: Array
    growth_rate: Array


def remaining(solution: Solution) -> Remaining:
    """Cooperativity and growth rate of what is left at any time of a sequence.

    Parameters
    ----------
    solution : Solution
        Of `meanfield.evolve`, of a `ResonatorBattery`.

    Raises
    ------
    InputError
        For another solution.

    Examples
    --------
    >>> from darkbattery.meanfield import evolve
    >>> from darkbattery.nvmodel import Lorentzian, Pulse, Resonator, ResonatorBattery
    >>> from darkbattery.nvmodel import SpinEnsemble, Stage
    >>> spins = SpinEnsemble(10**12, 6.0, t2_s=1e-6, line=Lorentzian(2e6), polarisation=-1.0)
    >>> cavity = Resonator(3e9, linewidth_fwhm_hz=1e6)
    >>> steps = (Stage(1e-9), Pulse(rotate_charger=3.141592653589793), Stage(1e-6))
    >>> left = remaining(evolve(ResonatorBattery(spins, cavity, protocol=steps), [0.0, 1e-9]))
    >>> print(left.cooperativity.round(2), left.growth_rate > 0)
    [-1.57  1.57] [False  True]
    """
    states = _moments(solution)
    found = np.array([(_cooperativity(*one), _growth(*one)) for one in states])
    return Remaining(solution.times, found[:, 0], found[:, 1])


def scattering(
    solution: Solution,
    time: float,
    detuning_hz: ArrayLike,
    into: str | None = None,
    out_of: str | None = None,
) -> Amplitudes:
    r"""S-parameter of a weak field at one moment of a sequence.

    .. math:: S_{ij} = \frac{\sqrt{\kappa_i\kappa_j}}{\kappa/2-i\delta-R(-i\delta)}-\delta_{ij}

    Spins are at any inversion; |S| > 1 is gain. Probing is meant to be over before they change.

    Parameters
    ----------
    time : float
        One of the output times, s.
    detuning_hz : array_like
        Of the probe from the resonator.
    into, out_of : str, optional
        Names of the resonator's ports; default its first and its last. Without ports the
        transmission through two that share kappa.

    Examples
    --------
    >>> from darkbattery.meanfield import evolve
    >>> from darkbattery.nvmodel import Resonator, ResonatorBattery, SpinEnsemble, Stage
    >>> cavity = Resonator(3e9, linewidth_fwhm_hz=2.0)
    >>> spins = SpinEnsemble(10, 1e-9, t2_s=1.0)
    >>> empty = evolve(ResonatorBattery(spins, cavity, protocol=(Stage(1.0),)), [0.0])
    >>> print(abs(scattering(empty, 0.0, [0.0, 1.0])).round(4))
    [1.     0.7071]
    """
    delta, states = probed(detuning_hz), _moments(solution)
    at = finite_number("time", time, 0.0)
    # times are of nanoseconds, too: no distance is small beside zero
    place = np.flatnonzero(np.isclose(solution.times, at, rtol=1e-9, atol=0.0))
    if place.size != 1:
        raise InputError("time", time, "must be one of the output times")
    system, detuning, inversion = states[int(place[0])]
    resonator = _at_resonator(solution).resonator
    assert resonator is not None
    one, other = resonator.port_rates(into, out_of)
    response = np.array([_response(-1j * d, system, detuning, inversion) for d in delta])
    amplitude = np.sqrt(one * other) / (0.5 * system.kappa - 1j * delta - response)
    same = into is not None and into == out_of
    return np.asarray(amplitude - same)


def _at_resonator(solution: Solution) -> Experiment:
    if not isinstance(solution, Solution):
        raise InputError("solution", solution, "must be a Solution of meanfield.evolve")
    experiment = experiment_of(solution.model)
    if experiment.resonator is None:
        raise InputError("solution", solution, "must be of a battery at a resonator")
    return experiment


def _moments(solution: Solution) -> list[tuple[System, Array, Array]]:
    """At each time the stage's system, its classes' detunings and their inversions."""
    model = _at_resonator(solution)
    if solution.provenance.get("solver") not in SOLVERS.values():
        raise InputError("solution", solution, "must be one of meanfield.evolve")
    system = system_of(model, solution.provenance["classes"])
    z = _inversions(solution, system)
    found, done = [], 0
    for leg in legs(system, solution.times):
        for since in leg.outputs:
            found.append((leg.system, leg.detuning(float(since)), z[done]))
            done += 1
    return found


def _inversions(solution: Solution, system: System) -> Array:
    """<sigma_z> of each class (T, M), from the profiles, or from energies of alike spins."""
    z = np.empty((solution.times.size, system.number.size))
    energies = ("battery_energy", "charger_energy")
    for name, energy, ensemble in zip(PROFILES, energies, (BATTERY, CHARGER), strict=True):
        mine = np.flatnonzero(system.ensemble == ensemble)
        if not mine.size:
            continue
        if name in solution.distributions:
            order = np.argsort(system.detuning[mine], kind="stable")
            z[:, mine[order]] = solution.distributions[name].weight
        elif mine.size == 1:
            z[:, mine[0]] = 2.0 * solution[energy] - 1.0
        else:
            text = "must be of a protocol: it keeps the inversion of each class"
            raise InputError("solution", solution, text)
    return z


def _response(s: complex, system: System, detuning: Array, inversion: Array) -> complex:
    """R(s)."""
    strength = system.number * system.coupling**2 * inversion
    total = 0j
    for ensemble in (BATTERY, CHARGER):
        mine = system.ensemble == ensemble
        if not mine.any():
            continue
        low, high = cells(detuning[mine])
        pole = s + system.decoherence[mine]
        wide = high - low > 1e-9 * np.abs(pole)
        width = np.where(wide, high - low, 1.0)
        spread = (np.log(pole + 1j * high) - np.log(pole + 1j * low)) / (1j * width)
        with np.errstate(divide="ignore"):
            sharp = 1.0 / (pole + 1j * detuning[mine])
        total += complex(strength[mine] @ np.where(wide, spread, sharp))
    return total


def _cooperativity(system: System, detuning: Array, inversion: Array) -> float:
    if system.kappa == 0.0:
        return float("nan")
    return 2.0 / system.kappa * _response(0j, system, detuning, inversion).real


def _growth(system: System, detuning: Array, inversion: Array) -> float:
    """The fastest of the growing roots that Newton's method finds from around the ideal one."""
    strength = float(system.number @ (system.coupling**2 * np.maximum(inversion, 0.0)))
    if strength == 0.0:
        return 0.0
    half = 0.25 * system.kappa
    ideal = float(np.sqrt(half * half + strength) - half)
    roots = [_root(ideal * start, system, detuning, inversion) for start in STARTS]
    return max([root.real for root in roots if root is not None and root.real > 0.0], default=0.0)


def _root(start: complex, system: System, detuning: Array, inversion: Array) -> complex | None:
    """Of lambda + kappa/2 = R(lambda); None where Newton's method finds none that grows."""
    root, own = start, 0.5 * system.kappa
    for _ in range(NEWTON_STEPS):
        away = 1e-6 * abs(root)
        value = root + own - _response(root, system, detuning, inversion)
        slope = root + away + own - _response(root + away, system, detuning, inversion) - value
        step = value * away / slope
        root -= step
        if not np.isfinite(root) or root.real <= 0.0:
            return None
        if abs(step) < 1e-10 * abs(root):
            return root
    return None
