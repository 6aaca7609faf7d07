r"""The master equation of one stage as a sparse matrix on a `ProductSpace`.

The vector holds the stored elements (their real parts; then, with a detuning, their imaginary
parts) and behind them three integrals: photons emitted, photons absorbed, and excitations lost by
single spins less those they gained.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.channels import channels
from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.protocol import Stage
from darkbattery.nvmodel.spins import LocalNoise
from darkbattery.trajectories.propagate.channels import (
    SHIFT,
    channel_element,
    channel_strength,
    net_loss,
    processes_of,
    total_rate,
)
from darkbattery.trajectories.space.angular import lowering_squared
from darkbattery.trajectories.space.product_space import Located, MatrixSpace, ProductSpace

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Term = tuple[Located, Array]

INTEGRALS = 3


@dataclass(frozen=True)
class Rates:
    """What happens in a stage, per unit of time.

    Attributes
    ----------
    gamma, nbar : float
        Of the shared reservoir.
    on_battery, on_charger : bool
        Which ensembles it sees.
    battery, charger : LocalNoise
    detuning : float
    battery_coupling, charger_coupling : float
        c of :math:`J^-=c_BJ_B^-+c_CJ_C^-`.
    """

    n_battery: int
    n_charger: int
    gamma: float
    nbar: float
    on_battery: bool
    on_charger: bool
    battery: LocalNoise
    charger: LocalNoise
    detuning: float
    battery_coupling: float = 1.0
    charger_coupling: float = 1.0

    @classmethod
    def of(cls, battery: Experiment, stage: Stage) -> "Rates":
        """Those of a battery in one of its stages."""
        found = channels(battery, stage)
        return cls(
            n_battery=battery.n_battery,
            n_charger=battery.n_charger,
            gamma=battery.gamma,
            nbar=battery.nbar,
            on_battery="battery" in found.damped,
            on_charger="charger" in found.damped,
            battery=found.noise("battery"),
            charger=found.noise("charger"),
            detuning=found.energy("battery"),
            battery_coupling=battery.couplings[0],
            charger_coupling=battery.couplings[1],
        )

    @property
    def down(self) -> float:
        r""":math:`\gamma(\bar n+1)`."""
        return self.gamma * (self.nbar + 1.0)

    @property
    def up(self) -> float:
        r""":math:`\gamma\bar n`."""
        return self.gamma * self.nbar

    @property
    def raises(self) -> bool:
        """Whether anything can raise M."""
        coupled = self.on_battery or self.on_charger
        return (coupled and self.up > 0.0) or self.battery.pumping + self.charger.pumping > 0.0

    @property
    def local(self) -> bool:
        """Whether single spins have noise of their own."""
        return not (self.battery.silent and self.charger.silent)


@dataclass(frozen=True, eq=False)
class Generator:
    """A stage on a space; see the module for the layout of its vectors."""

    space: ProductSpace
    rates: Rates
    parts: int

    @cached_property
    def matrix(self) -> Any:
        """Sparse (CSR) matrix of the elements, all but the integrals."""
        turning = self.rates.detuning * self.space.coherence
        terms = terms_of(self.space, self.rates)
        return assembled(self.space.size, self.parts, terms, turning)

    @cached_property
    def counting(self) -> Array:
        """Rates of the integrals as rows over the elements, (3, parts * size)."""
        rows = np.vstack([self.emission, self.absorption, self.local_loss])
        return np.hstack([rows, np.zeros((INTEGRALS, (self.parts - 1) * self.space.size))])

    @cached_property
    def emission(self) -> Array:
        r""":math:`\gamma(\bar n+1)J^+J^-` as weights of the stored elements."""
        return self._photon_weights(self.rates.down, 0.0)

    @cached_property
    def absorption(self) -> Array:
        r""":math:`\gamma\bar nJ^-J^+` as weights of the stored elements."""
        return self._photon_weights(self.rates.up, 1.0)

    @cached_property
    def local_loss(self) -> Array:
        """Rate at which single spins lose excitations, less that at which they gain them."""
        e, r = self.space.elements, self.rates
        lost = net_loss(((r.battery, r.n_battery, e.mb), (r.charger, r.n_charger, e.mc)))
        return np.where(self.space.diagonal, lost, 0.0)

    def _photon_weights(self, rate: float, up: float) -> Array:
        e, r, space = self.space.elements, self.rates, self.space
        jb, jc = space.jb[e.b], space.jc[e.c]
        cb, cc = r.battery_coupling, r.charger_coupling
        diagonal = r.on_battery * cb**2 * lowering_squared(jb, e.mb + up)
        diagonal = diagonal + r.on_charger * cc**2 * lowering_squared(jc, e.mc + up)
        weights = np.where(space.diagonal, diagonal, 0.0)
        if r.on_battery and r.on_charger:
            # <m_B, m_C| J_B^+ J_C^- |m_B - 1, m_C + 1>, and its mirror image
            across = np.sqrt(lowering_squared(jb, e.mb) * lowering_squared(jc, e.mc + 1.0))
            weights += np.where(space.coherence == 1.0, 2.0 * cb * cc * across, 0.0)
        return rate * weights


def assembled(size: int, parts: int, terms: Iterable[Term], turning: Array | None = None) -> Any:
    """One sparse matrix of real and imaginary parts.

    Parameters
    ----------
    terms : iterable
        Where the rate of change of each element comes from, and with what factor.
    turning : ndarray (size,), optional
        Frequency of each element, of two parts.
    """
    rows, columns, values, mirrored = [], [], [], []
    for place, coefficient in terms:
        used = np.flatnonzero(place.valid & (coefficient != 0.0))
        rows.append(used.astype(np.int32))
        columns.append(place.position[used].astype(np.int32))
        values.append(coefficient[used])
        if parts == 2:
            mirrored.append(np.where(place.flipped[used], -1.0, 1.0) * coefficient[used])

    def matrix(of: list[Array]) -> Any:
        if not of:
            return scipy.sparse.csr_matrix((size, size))
        at = (np.concatenate(rows), np.concatenate(columns))
        return scipy.sparse.csr_matrix((np.concatenate(of), at), shape=(size, size))

    real = matrix(values)
    if parts == 1:
        return real
    across = scipy.sparse.diags(np.zeros(size) if turning is None else turning)
    return scipy.sparse.bmat([[real, across], [-across, matrix(mirrored)]], format="csr")


def terms_of(space: ProductSpace | MatrixSpace, rates: Rates) -> Iterator[Term]:
    """Where each element's rate of change comes from: source elements with their coefficients."""
    if rates.on_battery or rates.on_charger:
        if rates.down > 0.0:
            yield from collective_gain(space, rates, rates.down, 1)
        if rates.up > 0.0:
            yield from collective_gain(space, rates, rates.up, -1)
        yield from _collective_loss(space, rates)
    yield from _local_terms(space, rates.battery, rates.n_battery, True)
    yield from _local_terms(space, rates.charger, rates.n_charger, False)


def collective_gain(
    space: ProductSpace | MatrixSpace, rates: Rates, rate: float, step: int
) -> Iterator[Term]:
    """J^- rho J^+ (step 1: from one higher M) or J^+ rho J^- (step -1)."""
    e = space.elements
    jb, jc = space.jb[e.b], space.jc[e.c]
    lift = 1.0 if step == 1 else 0.0
    cb, cc = rates.battery_coupling, rates.charger_coupling
    moves = []
    if rates.on_battery:
        moves.append((step, 0))
    if rates.on_charger:
        moves.append((0, step))
    for kb, kc in moves:
        one = lowering_squared(jb, e.mb + lift) if kb else lowering_squared(jc, e.mc + lift)
        for bb, bc in moves:
            two = lowering_squared(jb, e.mb2 + lift) if bb else lowering_squared(jc, e.mc2 + lift)
            place = space.locate(e.b, e.c, e.mb + kb, e.mc + kc, e.mb2 + bb, e.mc2 + bc)
            both = (cb if kb else cc) * (cb if bb else cc)
            yield place, rate * both * np.sqrt(one * two)


def _collective_loss(space: ProductSpace | MatrixSpace, rates: Rates) -> Iterator[Term]:
    """-(K rho + rho K)/2 with K = down J^+J^- + up J^-J^+."""
    e = space.elements
    jb, jc = space.jb[e.b], space.jc[e.c]
    total = np.zeros(space.size)
    for rate, lift in ((rates.down, 0.0), (rates.up, 1.0)):
        for on, c, j, one, two in (
            (rates.on_battery, rates.battery_coupling, jb, e.mb, e.mb2),
            (rates.on_charger, rates.charger_coupling, jc, e.mc, e.mc2),
        ):
            if on:
                both = lowering_squared(j, one + lift) + lowering_squared(j, two + lift)
                total += rate * c**2 * both
    yield space.locate(e.b, e.c, e.mb, e.mc, e.mb2, e.mc2), -0.5 * total
    if not (rates.on_battery and rates.on_charger):
        return
    # J_B^+ J_C^- and J_B^- J_C^+ are in both products, and commute
    strength = -0.5 * (rates.down + rates.up) * rates.battery_coupling * rates.charger_coupling
    for s in (1, -1):
        lift = 0.0 if s == 1 else 1.0
        opposite = 1.0 - lift
        ket = lowering_squared(jb, e.mb + lift) * lowering_squared(jc, e.mc + opposite)
        place = space.locate(e.b, e.c, e.mb - s, e.mc + s, e.mb2, e.mc2)
        yield place, strength * np.sqrt(ket)
        bra = lowering_squared(jb, e.mb2 + lift) * lowering_squared(jc, e.mc2 + opposite)
        place = space.locate(e.b, e.c, e.mb, e.mc, e.mb2 - s, e.mc2 + s)
        yield place, strength * np.sqrt(bra)


def _local_terms(
    space: ProductSpace | MatrixSpace, noise: LocalNoise, spins: int, of_battery: bool
) -> Iterator[Term]:
    e = space.elements
    ladders, which = (space.jb, e.b) if of_battery else (space.jc, e.c)
    one, two = (e.mb, e.mb2) if of_battery else (e.mc, e.mc2)
    for operator, rate in processes_of(noise):
        if rate == 0.0:
            continue
        q = SHIFT[operator]
        loss = -0.5 * rate * (total_rate(operator, spins, one) + total_rate(operator, spins, two))
        yield space.locate(e.b, e.c, e.mb, e.mc, e.mb2, e.mc2), loss
        for change in (0, -1, 1):
            # irreps fall with their number: the source j - change is `change` places further on
            source = which + change
            known = (source >= 0) & (source < ladders.size)
            j = ladders[np.where(known, source, 0)]
            strength = rate * channel_strength(spins, change, j)
            t = channel_element(operator, change, j, one - q)
            t = t * channel_element(operator, change, j, two - q)
            if of_battery:
                place = space.locate(source, e.c, one - q, e.mc, two - q, e.mc2)
            else:
                place = space.locate(e.b, source, e.mb, one - q, e.mb2, two - q)
            yield place, np.where(known, strength * t, 0.0)
