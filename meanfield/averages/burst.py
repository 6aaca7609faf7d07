r"""The burst of many spins as a classical run: Maxwell-Bloch equations from a computed seed.

While field and coherences are small they obey the linear equations of `meanfield.averages.linear`,
:math:`\dot x=Lx`. Covariances :math:`\Sigma_{ij}=\langle x_i^\dagger x_j\rangle` of the field and
of distinct spins then follow, at second order,

.. math:: \dot\Sigma = L^*\Sigma+\Sigma L^T+Q,\qquad \Sigma_{00}(0)=\bar n,\quad
          Q_{00}=\kappa\bar n,\quad Q_{0k}=ig_k(1+z_k)/2.

After some e-folds one growing mode r (left vector l, l r = 1) is all that is left of them,

.. math:: \Sigma\to c\,r^*r^Te^{2\lambda t},\qquad
          c = l^*\Big(\Sigma(0)+\frac{Q}{2\lambda}\Big)l^T,

a product of amplitudes, and it stays one: second-order cumulants become Maxwell-Bloch equations
with field and coherences :math:`\sqrt c\,r` at t = 0, up to terms of order 1/N. They have M
unknowns for M classes instead of :math:`M^2`.

That fails for few spins, for several growing modes, and where the field falls back to the size of
its noise and grows again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.meanfield.averages.burststeps import FIELD, LEFT, SUPPLIED, Terms, Z, steps
from darkbattery.meanfield.averages.linear import growing_modes, refined
from darkbattery.meanfield.averages.readout import Averages, default, observables
from darkbattery.meanfield.classes.moments import BATTERY, CHARGER, System
from darkbattery.nvmodel.refusal import InputError, output_times
from darkbattery.nvmodel.solution import Reading, Solution

Array = NDArray[np.float64]
Amplitudes = NDArray[np.complex128]

SOLVER = "Maxwell-Bloch equations from the burst's seed (modal single run)"
# spins in all, and how much of a spin's energy it may emit through the resonator by itself over the
# run, which correlations of single spins are for: what is stored differs by less than that
MANY, ALONE = 10**5, 0.003
# of the growth rate: a second mode that grows slower is left behind by half of the e-folds
RIVAL = 0.5
# error of a step relative to its group's largest component; sums over classes are right to a
# thousandth of it, and those that are differentiated ask for more
TOLERANCE, FINE = 1e-5, 1e-8
# field and coherences, squared, below so many times 1/N are noise, and below so many tolerances the
# integrator's; growing from there by such a factor is another burst
NOISE, GRAIN, AGAIN = 1e4, 1.0, 1e2
# what T1 takes of an inversion over a run, below which it is left out: energies hold to half of it;
# and rounding of classes
IDLE, ROUNDING = 1e-4, 1e-9
# field and coherences (of N, of one spin) below which the equations are linear
SMALL = 3e-4


@dataclass(frozen=True, eq=False)
class Seed:
    r"""Field and coherences of the modal run at t = 0, in the units of `meanfield.classes.moments`.

    Attributes
    ----------
    growth : complex
        :math:`\lambda`, rad/s.
    field, coherence : complex, ndarray (M,)
        :math:`\alpha/\sqrt N` and :math:`\beta_k`.
    """

    growth: complex
    field: complex
    coherence: Amplitudes


def is_classical(system: System, last: float) -> bool:
    """Whether a run until `last` (s) is classical: many spins in the dark, one growing mode.

    Few classes suffice to ask: `growing_modes` diagonalises.
    """
    if system.drive is not None or system.eliminated or system.refills or system.total < MANY:
        return False
    mean_square = float(system.share @ system.coupling**2)
    emission = 4.0 * mean_square / system.kappa * (2.0 * system.nbar + 1.0)
    if emission * last > ALONE:
        return False
    rates = growing_modes(system).real
    return bool(rates[0] > 0.0 and (rates.size == 1 or rates[1] < RIVAL * rates[0]))


def seed_of(system: System, growth: complex) -> Seed:
    r"""The modal run's start; `growth` is :math:`\lambda` or a value close to it, > 0.

    Examples
    --------
    >>> from darkbattery.meanfield.classes.moments import system_of
    >>> from darkbattery.nvmodel.devices.published import find_device, resonator_battery
    >>> system = system_of(resonator_battery(find_device("kersten2026"), ratio=5.0), 20)
    >>> found = seed_of(system, growth=3e6)
    >>> print(f"{found.growth.real:.3g} {abs(found.field):.1g}")
    3.17e+06 7e-07
    """
    growth = refined(growth, system)
    coupling, N, rate = system.scaled_coupling, system.total, 2.0 * growth.real
    pole = growth + system.decoherence + 1j * system.detuning
    right = 1j * coupling * system.start / pole
    left = -1j * system.share * coupling / pole
    # of the field: l r = 1 + sum of the classes'
    own = 1.0 / (1.0 + left @ right)
    thermal = system.nbar * (1.0 + system.kappa / rate)
    spontaneous = left @ (1j * coupling * (1.0 + system.start))
    energy = abs(own) ** 2 * (thermal + spontaneous.real / rate) / N
    if not energy > 0.0:
        raise InputError("growth", growth, "must be a growth from noise")
    return Seed(growth, complex(np.sqrt(energy)), np.sqrt(energy) * right)


def classical_burst(system: System, times: ArrayLike, seed: Seed) -> Solution | None:
    r"""The modal run of a burst: what `meanfield.evolve` gives at order 2, to order 1/N.

    Parameters
    ----------
    system : System
        That is classical, as `is_classical` says of it with few classes.
    times : array_like (T,)
        Strictly increasing, :math:`\ge0`, s.
    seed : Seed

    Returns
    -------
    Solution or None
        Observables as `meanfield.evolve`'s at order 2; None where another burst grows from what
        this one has left, and with it from noise.

    Raises
    ------
    InputError
        For bad times, and where too many steps are needed.
    """
    t = output_times(times)
    alike = _alike(system, t[-1])
    states = _states(system, alike, t, seed, TOLERANCE)
    if _bursts_again(system, states):
        return None
    provenance = {"solver": SOLVER, "tolerance": TOLERANCE, "classes": system.number.size}
    values = _values(system, alike, t, states)
    unasked = {name: values[name] for name in default(tuple(values))}
    return Solution(t, Reading(unasked), provenance)


def burst_photons(system: System, times: Array, seed: Seed) -> Array:
    """Photons of the burst in the resonator at `times` (s, increasing from 0), smooth in all."""
    t = np.asarray(times, dtype=float)
    states = _states(system, _alike(system, t[-1]), t, seed, FINE)
    found: Array = system.total * (states[:, FIELD] ** 2 + states[:, FIELD + 1] ** 2)
    return found


@dataclass(frozen=True, eq=False)
class _Alike:
    """Classes that the field turns alike, R rows of M classes.

    Bloch vectors of equal frequency, coupling and T2 are turned by one and the same rotation: where
    T1 does nothing those of the battery are those of the charger times the ratio of their
    inversions. Where the line is symmetric, opposite detunings make opposite real parts.

    Attributes
    ----------
    row : ndarray (M,)
        Of each class.
    one : ndarray (R,)
        A class of each row; with a detuning >= 0 where `mirrored`.
    scale : ndarray (M,)
        A class's Bloch vector over its row's.
    mirrored, relaxes : bool
        Whether classes at +-D share a row, and whether T1 does something.
    """

    row: NDArray[np.int64]
    one: NDArray[np.int64]
    scale: Array
    mirrored: bool
    relaxes: bool


def _alike(system: System, last: float) -> _Alike:
    relaxes = bool(system.relaxation.max() * last > IDLE)
    keys = [system.coupling, system.decoherence]
    if relaxes:
        keys += [system.relaxation, system.supply, system.start]
    scale = np.ones(system.number.size) if relaxes else system.start
    weight = system.share * system.coupling * scale
    mirrored = system.field_detuning == 0.0
    one, row = _distinct([*keys, np.abs(system.detuning) if mirrored else system.detuning])
    if mirrored:
        lean = _sums(row, np.sign(system.detuning) * weight, one.size)
        if np.abs(lean).max() > ROUNDING * np.abs(weight).max():
            mirrored = False
            one, row = _distinct([*keys, system.detuning])
    return _Alike(row, one, scale, mirrored, relaxes)


def _sums(row: NDArray[np.int64], values: Array, rows: int) -> Array:
    """Sums over the classes of each row."""
    return np.asarray(np.bincount(row, values, rows), dtype=float)


def _distinct(columns: list[Array]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A class of each set of equal ones, and the set of each class."""
    whole = [np.round(c / (ROUNDING * max(float(np.abs(c).max()), 1e-300))) for c in columns]
    _, one, row = np.unique(np.array(whole), axis=1, return_index=True, return_inverse=True)
    return one, row.ravel()


def _states(system: System, alike: _Alike, times: Array, seed: Seed, tolerance: float) -> Array:
    """Field and Bloch vectors of the rows (`meanfield.averages.burststeps`), at each time."""
    terms, start = _terms(system, alike), np.ones(alike.one.size)
    if alike.relaxes:
        start = system.start[alike.one]
    # the mode's coherences are i g z/(lambda + Gamma + iD) times the field
    pole = seed.growth + terms.decoherence + 1j * terms.detuning
    coherence = 1j * terms.coupling * start / pole * seed.field
    largest = max(abs(seed.field), float(np.abs(coherence).max()))
    begin = 0.0 if alike.relaxes else np.log(SMALL / largest) / seed.growth.real
    begin = max(float(begin), 0.0)

    def linear(at: Array) -> Array:
        """While inversions stay as they are."""
        rate, grown = 2.0 * seed.growth.real, np.exp(seed.growth * at)[:, None]
        left = system.kappa * abs(seed.field) ** 2 * np.expm1(rate * at)[:, None] / rate
        field, beta = grown * seed.field, grown * coherence
        z = np.broadcast_to(start, beta.shape)
        return np.hstack([left, 0.0 * left, field.real, field.imag, z, beta.real, beta.imag])

    early = int(np.searchsorted(times, begin))
    states = np.empty((times.size, Z + 3 * start.size))
    states[:early] = linear(times[:early])
    first = linear(np.array([begin]))[0]
    reached = steps(first, times[early:] - begin, terms, tolerance, states[early:])
    if early + reached < times.size:
        slow = float(times[early + reached])
        raise InputError("times", slow, "needs too many steps: end before it")
    return states


def _terms(system: System, alike: _Alike) -> Terms:
    coupling, one = system.scaled_coupling, alike.one
    weight = _sums(alike.row, system.share * coupling * alike.scale, one.size)
    detuning = system.detuning[one]
    relaxation, supply = (
        alike.relaxes * rates[one] for rates in (system.relaxation, system.supply)
    )
    share = _sums(alike.row, system.share, one.size)
    return Terms(
        # of coherences a + ib and -a + ib the field feels the sum
        real=np.zeros_like(weight) if alike.mirrored else weight,
        imag=weight,
        lost=share * relaxation,
        coupling=coupling[one],
        detuning=np.abs(detuning) if alike.mirrored else detuning,
        decoherence=system.decoherence[one],
        relaxation=relaxation,
        supply=supply,
        supplied=float(share @ supply),
        kappa=system.kappa,
        field_detuning=system.field_detuning,
        floor=1e-4 / np.sqrt(system.total),
        relaxes=alike.relaxes,
    )


def _bursts_again(system: System, states: Array) -> bool:
    """Whether field and coherences fall to their noise and grow from there."""
    R = (states.shape[1] - Z) // 3
    size = states[:, FIELD] ** 2 + states[:, FIELD + 1] ** 2
    after = slice(int((size > 0.5 * size.max()).argmax()), None)  # the first burst
    coherence = states[after, Z + R : Z + 2 * R] ** 2 + states[after, Z + 2 * R :] ** 2
    size = np.maximum(size[after], coherence.max(axis=1))
    least = np.minimum.accumulate(size)
    noise = max(NOISE / system.total, GRAIN * TOLERANCE)
    return bool(((least < noise) & (size > AGAIN * least)).any())


def _values(system: System, alike: _Alike, times: Array, states: Array) -> dict[str, Array]:
    N, R, row = system.total, alike.one.size, alike.row
    field_re, field_im = states[:, FIELD, None], states[:, FIELD + 1, None]
    z, re, im = (states[:, Z + i * R : Z + (i + 1) * R] for i in range(3))
    terms = _terms(system, alike)
    rate = -4.0 * terms.coupling * (field_re * im - field_im * re)
    rate += terms.supply - terms.relaxation * z
    weights = [system.of(which) for which in (BATTERY, CHARGER)]
    of_rows = np.array([_sums(row, w * alike.scale, R) for w in weights])
    mine = system.ensemble == BATTERY
    share = _sums(row[mine], weights[BATTERY][mine], R)
    # a row has one class of the battery, or two that mirror each other
    turned = _sums(row[mine], (weights[BATTERY] * alike.scale)[mine], R)
    battery = z * (turned / np.where(share > 0.0, share, 1.0))
    own = N * states[:, FIELD] ** 2 + N * states[:, FIELD + 1] ** 2
    found = Averages(
        inversion=of_rows @ z.T,
        inversion_rate=of_rows @ rate.T,
        # nobody knows the phase: over runs coherences average out
        coherence=np.zeros(times.size, dtype=complex),
        local_ergotropy=np.maximum(battery, 0.0) @ share,
        photons=own + system.nbar,
        leaving=system.kappa * (own + system.nbar),
        left=N * states[:, LEFT] + system.kappa * system.nbar * times,
        supplied=N * states[:, SUPPLIED],
        upward=np.zeros(times.size),
        field=np.zeros(times.size, dtype=complex),
    )
    return observables(times, found, system, system.nbar)
