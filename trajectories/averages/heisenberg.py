r"""Exact mean energies and photon numbers for 2 to 1e16 spins.

In the Heisenberg picture an operator evolves and the start stays. :math:`J_B^z` has only these:

.. math:: \langle JM|J_B^z|JM\rangle = M g_J,\qquad
          \langle J{-}1,M|J_B^z|JM\rangle = f_J\sqrt{J^2-M^2},

and the collective dissipator keeps J and the band structure (Quach and Munro 2020, Eq. (2)). So
each ladder J has one chain for the diagonal part and one for the part between J and :math:`J-1`,
and of each only the value at the start :math:`M_0=(N_C-N_B)/2` is wanted. With :math:`n=J-M`,
:math:`m=J+M`, :math:`L=2J`:

* functions of M: :math:`d(n)=(\bar n+1)\,m(n+1)`, :math:`u(n)=\bar n\,n(m+1)`, no potential. Two
  functions do: m and :math:`m(n+1)=\langle J^+J^-\rangle`, since
  :math:`d\langle M\rangle/dt=-\langle J^+J^-\rangle-2\bar n\langle M\rangle`;
* J, :math:`J-1` parts divided by :math:`f_J\sqrt{J^2-M^2}`: :math:`d(n)=(\bar n+1)(m-1)(n+1)`,
  :math:`u(n)=\bar n(n-1)(m+1)`, :math:`v(n)=M-(2\bar n+1)`, started with 1, and with v for the
  power.

The rung n of the start is k for :math:`J=J_{min}+k` if the charger is the larger ensemble, and
counts from the bottom otherwise. Neighbouring ladders evolve alike on the same rung, so only as
many are evolved as an interpolation in k needs: all for small systems, two at 1e16 spins.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.refusal import InputError, output_times, refused_sizes
from darkbattery.trajectories.propagate.grids import Grid, assemble
from darkbattery.trajectories.propagate.gridsteps import TooManyStepsError
from darkbattery.trajectories.propagate.laddersum import (
    Chain,
    LadderFamily,
    LadderSum,
    chains_needed,
    sum_over_ladders,
)
from darkbattery.trajectories.space.angular import CoupledBasis, coupled_basis

Array = NDArray[np.float64]

# left-out ladders, and left-out coherences with their lower neighbours, together weigh less than
# this; an energy per spin changes by no more
WEIGHT_TAIL = 1e-13

# a fixed limit to the work: at 20 ms a ladder, a minute
MOST_CHAINS = 3000


@dataclass(frozen=True, eq=False)
class Averages:
    r"""Exact averages over time.

    Attributes
    ----------
    times : ndarray (T,)
    battery_energy, charger_energy : ndarray (T,)
        Per spin, in :math:`\hbar\omega`.
    power : ndarray (T,)
        d battery_energy / dt, in :math:`\hbar\omega` per unit of time.
    emission_rate, absorption_rate : ndarray (T,)
        :math:`\gamma(\bar n+1)\langle J^+J^-\rangle` and :math:`\gamma\bar n\langle J^-J^+\rangle`,
        photons per unit of time.
    emitted_photons, absorbed_photons : ndarray (T,)
        Since the start.
    error_estimate : float
        Estimated largest error of the two energies. That of the power is :math:`\gamma N` times as
        large, that of the photons' numbers N, that of their rates :math:`\gamma N^2`, each at most,
        :math:`N=N_B+N_C`.
    ladders, chains : int
        Ladders J that carry the start, and chains evolved for them.
    """

    times: Array
    battery_energy: Array
    charger_energy: Array
    power: Array
    emission_rate: Array
    absorption_rate: Array
    emitted_photons: Array
    absorbed_photons: Array
    error_estimate: float
    ladders: int
    chains: int


def heisenberg_averages(battery: Experiment, times: ArrayLike) -> Averages:
    r"""Exact energies, power and photon numbers, at any size with R away from 1.

    Cost grows like log N from 1e5 spins on. Near R = 1 the number of ladders that matter grows;
    at :math:`R=1` it is :math:`10\sqrt N`.

    Parameters
    ----------
    battery : Experiment
        With `battery_start` "down".
    times : array_like (T,)
        In the inverse unit of :math:`\gamma`, :math:`\ge0`, increasing.

    Raises
    ------
    InputError
        For a thermal start, bad times, or if R is so near 1 that too many ladders are needed.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> battery = CollectiveBattery(n_battery=10**15, n_charger=5 * 10**15)
    >>> late = heisenberg_averages(battery, [0.0, 1e-14, 1e-13])
    >>> print(late.battery_energy.round(9) + 0.0)
    [0.         0.94853685 1.        ]
    """
    _refuse_other_starts(battery)
    times = output_times(times)
    taus = times * battery.gamma
    basis = _smaller_first(battery)
    levels, coherences = _level_family(battery, basis), _coherence_family(battery, basis)
    _needed(battery, levels, coherences, taus[-1])
    try:
        level, coherence = sum_over_ladders(levels, taus), sum_over_ladders(coherences, taus)
    except TooManyStepsError:
        raise InputError(
            "nbar",
            battery.occupation,
            f"too hot for {battery.n_battery} and {battery.n_charger} spins until "
            f"{times[-1]:g}: rounding leaves only tiny steps",
        ) from None
    return _averages(battery, times, basis, level, coherence)


def chains_at(battery: Experiment, last: float) -> int:
    """How many chains `heisenberg_averages` evolves up to the time `last`: 20 ms each, about.

    Raises InputError as it does.
    """
    _refuse_other_starts(battery)
    basis = _smaller_first(battery)
    families = _level_family(battery, basis), _coherence_family(battery, basis)
    return _needed(battery, *families, last * battery.gamma)


def _refuse_other_starts(battery: Experiment) -> None:
    if battery.battery_start != "down":
        raise InputError("battery_start", battery.battery_start, 'must be "down" at this size')


def _needed(
    battery: Experiment, levels: LadderFamily, coherences: LadderFamily, last_tau: float
) -> int:
    needed = chains_needed(levels, last_tau) + chains_needed(coherences, last_tau)
    if needed > MOST_CHAINS:
        raise refused_sizes(
            battery.sizes,
            f"need {needed} chains, more than {MOST_CHAINS}; take R further from 1, fewer spins, "
            "or shorter times",
        )
    return needed


def _smaller_first(battery: Experiment) -> CoupledBasis:
    """The basis with the smaller ensemble in the battery's place, where nothing cancels."""
    small = min(battery.n_battery, battery.n_charger)
    large = max(battery.n_battery, battery.n_charger)
    # sqrt(p_k p_{k-1}) <= p_k sqrt(2 N_large), from the ratio of neighbouring weights
    return coupled_basis(small, large, WEIGHT_TAIL / np.sqrt(2.0 * large))


def _difference(basis: CoupledBasis) -> int:
    return basis.n_charger - basis.n_battery


def _charger_is_larger(battery: Experiment) -> bool:
    return battery.n_charger >= battery.n_battery


def _level_family(battery: Experiment, basis: CoupledBasis) -> LadderFamily:
    """Rows p_J g_J L for the smaller and the larger ensemble; columns m/L and m (n+1)/L."""
    d = _difference(basis)
    k = np.arange(basis.n_ladders, dtype=float)
    share = np.stack([basis.diagonal, 1.0 - basis.diagonal])
    return LadderFamily(
        d=d,
        k=k,
        weight=share * basis.weight * (d + 2.0 * k),
        amplification=np.ones_like(k),
        from_top=_charger_is_larger(battery),
        chain=lambda grid: level_chain(grid, battery.occupation),
    )


def level_chain(grid: Grid, nbar: float) -> Chain:
    """Functions m/L and m (n+1)/L of the rung, under emission and absorption."""
    scale = max(grid.L, 1.0)
    m = grid.m / scale
    down, up = (nbar + 1.0) * m * (grid.n + 1.0), nbar * grid.n * ((grid.m + 1.0) / scale)
    height = _thermal_height(grid.L, nbar)
    offset = np.array([height, 4.0 * nbar * (grid.L - 2.0 * height) / scale]) / scale
    return Chain(
        blocks=assemble(grid, down, up, np.zeros_like(m)),
        start=np.stack([m, 4.0 * m * ((grid.n + 1.0) / scale)], axis=1) - offset,
        offset=offset,
        factor=np.array([1.0, 0.25 * scale]),
        size=np.ones_like(m),
    )


def _thermal_height(L: float, nbar: float) -> float:
    """Mean m with weights (nbar/(nbar+1))^m, m = 0 ... L; then <J^+J^-> is nbar (L - 2 m)."""
    if nbar == 0.0:
        return 0.0
    if nbar > L + 1.0:  # an infinite temperature: nearly all alike, and any constant will do
        return 0.5 * L
    with np.errstate(over="ignore"):
        return float(nbar - (L + 1.0) / np.expm1((L + 1.0) * np.log1p(1.0 / nbar)))


def _coherence_family(battery: Experiment, basis: CoupledBasis) -> LadderFamily:
    """2 sqrt(p_J p_{J-1}) f_J sqrt(J^2 - M_0^2) for k = 1, 2, ..."""
    d = _difference(basis)
    k = np.arange(1.0, basis.n_ladders)
    root = np.sqrt(k * (d + k))  # sqrt(J^2 - M_0^2)
    weight = 2.0 * np.sqrt(basis.weight[1:] * basis.weight[:-1]) * basis.coupling[1:] * root
    return LadderFamily(
        d=d,
        k=k,
        weight=weight[None],
        amplification=(0.5 * d + k) / root,
        from_top=_charger_is_larger(battery),
        chain=lambda grid: coherence_chain(grid, battery.occupation),
    )


def coherence_chain(grid: Grid, nbar: float) -> Chain:
    r"""Functions 1 and :math:`M-(2\bar n+1)` of the rung, on the chain between J and :math:`J-1`.

    That chain has the rungs :math:`1,\dots,L-1`. The ends stay on the grid, coupled to nothing.
    """
    n, m, scale = grid.n, grid.m, max(grid.L, 1.0)
    inside = (n > 0.0) & (m > 0.0)
    down = np.where(inside, (nbar + 1.0) * (n + 1.0) * ((m - 1.0) / scale), 0.0)
    up = np.where(inside, nbar * (n - 1.0) * ((m + 1.0) / scale), 0.0)
    growth = np.where(inside, (0.5 * (m - n) - (2.0 * nbar + 1.0)) / scale, 0.0)
    largest = 0.5 + (2.0 * nbar + 1.0) / scale
    return Chain(
        blocks=assemble(grid, down, up, growth),
        start=np.stack([inside.astype(float), growth / largest], axis=1),
        offset=np.zeros(2),
        factor=np.array([1.0, scale * largest]),
        size=2.0 * np.sqrt(n * m) / scale,
    )


def _averages(
    battery: Experiment,
    times: Array,
    basis: CoupledBasis,
    level: LadderSum,
    coherence: LadderSum,
) -> Averages:
    """Energies and rates from the sums, every ensemble's energy from its ground state up."""
    n, d, k, p = basis.n_battery, _difference(basis), np.arange(basis.n_ladders), basis.weight
    nbar, gamma = battery.occupation, battery.gamma
    L = d + 2.0 * k
    bottom = (n - k) / (L + 2.0)  # j + g_J (-J) at the ladder's bottom, over what follows
    dark = np.array([p @ (bottom * (d + k + 1.0)), p @ (bottom * (k + 1.0))])
    sizes = np.array([basis.n_battery, basis.n_charger], dtype=float)
    # the amplitudes alternate in sign: the battery's coherences count negative
    sign = np.array([-1.0, 1.0]) if _charger_is_larger(battery) else np.array([1.0, -1.0])
    energy = (dark + level.values[:, :, 0] + sign * coherence.values[:, :, 0]) / sizes
    height, flow = level.values[:, :, 0], level.values[:, :, 1]  # m and <J+J->, by ensemble
    top = np.array([p @ (basis.diagonal * L), p @ ((1.0 - basis.diagonal) * L)])
    power = (nbar * (top - 2.0 * height) - flow + sign * coherence.values[:, :, 1]) / sizes
    rate_down = flow.sum(axis=1)
    rate_up = rate_down + (p @ L) - 2.0 * height.sum(axis=1)  # <J-J+> = <J+J-> - 2 <M>
    down = level.integrals[:, :, 1].sum(axis=1)
    up = down + (p @ L) * gamma * times - 2.0 * level.integrals[:, :, 0].sum(axis=1)
    error = np.max((level.error + coherence.error) / sizes) + WEIGHT_TAIL
    at = 0 if _charger_is_larger(battery) else 1
    return Averages(
        times=times,
        battery_energy=energy[:, at],
        charger_energy=energy[:, 1 - at],
        power=gamma * power[:, at],
        emission_rate=gamma * (nbar + 1.0) * rate_down,
        absorption_rate=gamma * nbar * rate_up,
        emitted_photons=(nbar + 1.0) * down,
        absorbed_photons=nbar * up,
        error_estimate=float(error),
        ladders=basis.n_ladders,
        chains=level.chains + coherence.chains,
    )
