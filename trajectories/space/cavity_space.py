r"""Battery, charger and the mode of a resonator in |J,M>|n>: what is conserved, what is left.

With equal couplings and no detuning between the ensembles :math:`J^2` is conserved, and between
photons lost or gained :math:`Q=M+n` as well. In :math:`(-i)^n|J,M{=}Q{-}n\rangle|n\rangle` the
coupling is the real antisymmetric matrix

.. math:: \dot c_n = h_{n-1}c_{n-1}-h_nc_{n+1},\qquad
          h_n = g\sqrt{n+1}\sqrt{(J+M)(J-M+1)},\quad M=Q-n

(Tavis and Cummings 1968), beside decay and detuning, which are diagonal.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.spins import SILENT
from darkbattery.trajectories.space.angular import CoupledBasis, coupled_basis, lowering_squared

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

ELSEWHERE = "meanfield has it"
# probability of a thermal field beyond the highest photon number that a start holds
THERMAL_TAIL = 1e-14
# of which the frequencies are found
SAMPLED_BLOCKS = 8
# ladders as in `CoupledBasis`; beyond so many spins no block of states fits
MOST_SPINS = 20_000


@dataclass(frozen=True, eq=False)
class Cavity:
    """Rates in rad/s and per second, and the ladders of a start with the battery down.

    Attributes
    ----------
    basis : CoupledBasis
    coupling, kappa, nbar : float
    detuning : float
        Frequency of the resonator less that of the spins.
    """

    basis: CoupledBasis
    coupling: float
    kappa: float
    nbar: float
    detuning: float

    @property
    def excitations(self) -> int:
        """What the start holds above the lowest state of the highest kept ladder."""
        return round(self.basis.J[-1] + self.basis.m_start)


def cavity_of(model: Model) -> Cavity:
    """The model's rates and ladders; refused in one line where J is not conserved.

    >>> from darkbattery.nvmodel import Resonator, ResonatorBattery, SpinEnsemble
    >>> spins = {"coupling": 1.0}
    >>> charger = SpinEnsemble(number=5, **spins)
    >>> resonator = Resonator(3e9, linewidth_fwhm_hz=1.0)
    >>> model = ResonatorBattery(charger, resonator, SpinEnsemble(number=1, **spins))
    >>> cavity_of(model).basis.J
    array([2., 3.])
    """
    refuse_what_mixes_ladders(model)
    refuse_many_spins(model)
    experiment = experiment_of(model)
    battery, charger, resonator = experiment.battery, experiment.charger, experiment.resonator
    assert battery is not None
    assert charger is not None
    assert resonator is not None
    return Cavity(
        coupled_basis(battery.number, charger.number),
        charger.coupling,
        resonator.kappa,
        experiment.nbar,
        -charger.detuning,
    )


def slowest_decay(cavity: Cavity) -> float:
    r"""Rate (1/s) at which the last excitation leaves the ladder that keeps it longest.

    Amplitudes of :math:`|J,-J{+}1\rangle|0\rangle` and :math:`|J,-J\rangle|1\rangle`, coupled by
    :math:`g\sqrt{2J}`, of which the second decays at kappa/2; J = 0 couples to nothing.

    >>> from darkbattery.trajectories.space.angular import coupled_basis
    >>> cavity = Cavity(coupled_basis(1, 2), coupling=1.0, kappa=1.0, nbar=0.0, detuning=0.0)
    >>> round(slowest_decay(cavity), 9)
    0.5
    """
    J = float(cavity.basis.J[cavity.basis.J > 0.0].min())
    across = -1j * cavity.coupling * math.sqrt(2.0 * J)
    own = -0.5 * cavity.kappa - 1j * cavity.detuning
    rates = -2.0 * np.linalg.eigvals(np.array([[0.0, across], [across, own]])).real
    return max(float(rates.min()), 0.0)


def refuse_what_mixes_ladders(model: Model, elsewhere: str = ELSEWHERE) -> None:
    """Raise InputError for what is not on the ladders of J; `elsewhere` is what has it."""
    refuse_unequal_spins(model, elsewhere)
    refusal = what_mixes_ladders(model, elsewhere)
    if refusal is not None:
        raise refusal


def refuse_unequal_spins(model: Model, elsewhere: str = ELSEWHERE) -> None:
    """Raise InputError for what no form has: spins that differ within an ensemble."""
    experiment = experiment_of(model)
    for name, spins in (("battery", experiment.battery), ("charger", experiment.charger)):
        if spins is None:
            raise InputError(name, None, f"must be an ensemble with a resonator; {elsewhere}")
        if spins.apart is not None:
            field, value, allowed = spins.apart
            text = f"must be {allowed} here: spins of an ensemble are alike; {elsewhere}"
            raise InputError(f"{name}.{field}", value, text)


def refuse_many_spins(model: Model) -> None:
    """Raise InputError beyond the number for which any block of states fits."""
    sizes = experiment_of(model).sizes
    if sum(sizes) > MOST_SPINS:
        text = f"with a resonator at most {MOST_SPINS} spins in all exactly; {ELSEWHERE}"
        raise InputError("battery.number, charger.number", sizes, text)


def what_mixes_ladders(model: Model, elsewhere: str = ELSEWHERE) -> InputError | None:
    """The refusal of a model whose J, or whose Q between jumps, is not conserved; None where it is.

    >>> from darkbattery.nvmodel import Resonator, ResonatorBattery, SpinEnsemble
    >>> spins = SpinEnsemble(number=2, coupling=1.0)
    >>> cavity = Resonator(3e9, linewidth_fwhm_hz=1.0)
    >>> what_mixes_ladders(ResonatorBattery(spins, cavity, spins)) is None
    True
    """
    experiment = experiment_of(model)
    battery, charger = experiment.battery, experiment.charger
    assert battery is not None
    assert charger is not None
    if experiment.drive is not None:
        text = f"must be None here: Q is conserved; {elsewhere}"
        return InputError("drive", experiment.drive, text)
    if experiment.protocol:
        text = f"must be () here: ladders are not switched; {elsewhere}"
        return InputError("protocol", experiment.protocol, text)
    for field in ("coupling", "detuning"):
        both = (getattr(battery, field), getattr(charger, field))
        if both[0] != both[1]:
            return InputError(field, both, f"must be equal here; {elsewhere}")
    for name, spins, start in (("battery", battery, "down"), ("charger", charger, "up")):
        for field, allowed in (("start", start), ("noise", SILENT)):
            value = getattr(spins, field)
            if value != allowed:
                text = f"must be {allowed} here: single spins are alike; {elsewhere}"
                return InputError(f"{name}.{field}", value, text)
    return None


def thermal_field(nbar: float, most_photons: int) -> Array:
    """Probabilities of 0 ... most_photons photons at the start, normalised.

    >>> thermal_field(1.0, 1)
    array([0.66666667, 0.33333333])
    """
    if nbar == 0.0:
        return np.eye(1, most_photons + 1)[0]
    p = (nbar / (nbar + 1.0)) ** np.arange(most_photons + 1)
    return np.asarray(p / p.sum())


def first_photon_bound(cavity: Cavity) -> int:
    r"""A bound on the photon number to begin with: all excitations, less in a fast resonator.

    There the field follows the spins, :math:`n\approx(2g/\kappa)^2\langle J^+J^-\rangle`.
    """
    J, full = float(cavity.basis.J[-1]), cavity.excitations
    return photons_to_begin_with(J, full, cavity.coupling, cavity.kappa, cavity.nbar)


def photons_to_begin_with(
    J: float, full: int, coupling: float, kappa: float, nbar: float, sent_in: float = 0.0
) -> int:
    """The same for any spins of at most J, with `full` excitations at the start.

    A drive adds `sent_in` photons.
    """
    # slower than 1e-6 g is as good as without loss
    reach = 2.0 * coupling / max(kappa, 1e-6 * coupling)
    following = reach**2 * J * (J + 1.0)
    field = full if _coherent(following) > 0.7 * full else math.ceil(_coherent(following))
    if sent_in > 0.0:
        field += math.ceil(_coherent(sent_in))
    if nbar == 0.0:
        return field
    return field + math.ceil(-math.log(THERMAL_TAIL) / math.log1p(1.0 / nbar))


def _coherent(photons: float) -> float:
    """How far up a coherent field of so many photons reaches, about."""
    return photons + 8.0 * math.sqrt(photons) + 8.0


class Blocks(NamedTuple):
    r"""The pair (J, J') of ladders: elements (n, n') at equal Q, row by row, Q rising.

    Every row stands between two zeros, and so does every block between two rows of zeros, so that
    neighbours beyond an end are read as 0.

    Attributes
    ----------
    size : int
        Doubles of one state.
    Q : ndarray (rows,)
    begin, length : ndarray of int (rows,)
        First element of each row and how many it has.
    above, below : ndarray of int (rows,)
        First elements of the rows of n + 1 and n - 1, same n'.
    richer, poorer : ndarray of int (rows,)
        Where (n + 1, n' + 1) at Q + 1 and (n - 1, n' - 1) at Q - 1 are, for the first element.
    photons : ndarray of int (rows,)
        n of each row.
    first : ndarray of int (rows,)
        n' of its first element.
    rising, falling : ndarray (rows,)
        h_n and h_{n-1} of J.
    columns : ndarray of int (rows,)
        Where in `across` h'_{n'-1} of the first element is.
    across : ndarray
        h' of J'.
    diagonal, diagonal_m, diagonal_n : ndarray
        Where n = n', the row of M there (M falling from J'), and n.
    start : ndarray of int
        Elements n = n' = k at Q = M0 + k: the start with k photons.
    """

    size: int
    Q: Array
    begin: Integers
    length: Integers
    above: Integers
    below: Integers
    richer: Integers
    poorer: Integers
    photons: Integers
    first: Integers
    rising: Array
    falling: Array
    columns: Integers
    across: Array
    diagonal: Integers
    diagonal_m: Integers
    diagonal_n: Integers
    start: Integers


class _Sectors(NamedTuple):
    """The values of Q of a pair of ladders, and where the elements of each are.

    Beside 2J, 2J' and 2Q, `low` and `left` are the fewest photons n and n', `rows` and `columns`
    how many numbers there are of each.
    """

    twice_j: int
    twice_k: int
    twice_q: Integers
    low: Integers
    left: Integers
    rows: Integers
    columns: Integers

    @property
    def stride(self) -> Integers:
        """From row to row: each stands between two zeros."""
        return self.columns + 1

    @property
    def room(self) -> Integers:
        """Of each block, between rows of zeros."""
        return (self.rows + 2) * self.stride + 1

    @property
    def nothing(self) -> int:
        """Zeros ahead, for blocks that are not there."""
        return int(self.columns.max()) + 2

    @property
    def origin(self) -> Integers:
        """Places of the first elements."""
        ahead = np.concatenate([[0], np.cumsum(self.room)[:-1]])
        return np.asarray(self.nothing + ahead + self.stride + 1)


def _sectors_of(cavity: Cavity, k: int, other: int, most_photons: int) -> _Sectors:
    """Those of `blocks_of`."""
    two_J, two_K = (round(2.0 * cavity.basis.J[i]) for i in (k, other))
    thermal = cavity.nbar > 0.0
    top = two_K + 2 * most_photons if thermal else round(2.0 * cavity.basis.m_start)
    two_Q = np.arange(-two_K, top + 1, 2)
    low, left = (np.maximum(0, (two_Q - two) // 2) for two in (two_J, two_K))
    high, right = (np.minimum(most_photons, (two_Q + two) // 2) for two in (two_J, two_K))
    return _Sectors(two_J, two_K, two_Q, low, left, high - low + 1, right - left + 1)


def blocks_of(cavity: Cavity, k: int, other: int, most_photons: int) -> Blocks:
    """The pair of ladders k >= `other` of `cavity.basis`, with at most so many photons.

    Without thermal photons Q falls from that of the start.
    """
    of = _sectors_of(cavity, k, other, most_photons)
    origin, stride, sectors = of.origin, of.stride, np.arange(of.twice_q.size)

    def place(sector: Integers, n: Integers, other_n: Integers) -> Integers:
        at = origin[sector] + (n - of.low[sector]) * stride[sector]
        return np.asarray(at + other_n - of.left[sector])

    block = np.repeat(sectors, of.rows)
    row = np.arange(block.size) - np.repeat(np.cumsum(of.rows) - of.rows, of.rows)
    n, left = of.low[block] + row, of.left[block]
    begin = place(block, n, left)

    def shifted(by: int) -> Integers:
        inside = (block + by >= 0) & (block + by < sectors.size)
        there = np.clip(block + by, 0, sectors.size - 1)
        return np.where(inside, place(there, n + by, left + by), 1)

    equal = (n >= left) & (n < left + of.columns[block])
    sector, both = block[equal], n[equal]
    photons = np.arange(most_photons + 1)
    there = (round(2.0 * cavity.basis.m_start) + 2 * photons + of.twice_k) // 2
    held = there < sectors.size
    first_column, across = _across(cavity.coupling, of)
    return Blocks(
        size=int(of.nothing + of.room.sum()),
        Q=np.asarray(0.5 * of.twice_q[block]),
        begin=begin,
        length=of.columns[block],
        above=begin + stride[block],
        below=begin - stride[block],
        richer=shifted(1),
        poorer=shifted(-1),
        photons=n,
        first=left,
        rising=coupling_elements(cavity.coupling, of.twice_j, of.twice_q[block], n),
        falling=coupling_elements(cavity.coupling, of.twice_j, of.twice_q[block], n - 1),
        columns=first_column[block],
        across=across,
        diagonal=place(sector, both, both),
        diagonal_m=(of.twice_k - of.twice_q[sector]) // 2 + both,
        diagonal_n=both,
        start=place(there[held], photons[held], photons[held]),
    )


def _across(coupling: float, of: _Sectors) -> tuple[Integers, Array]:
    """h' of J' sector by sector, from one photon below the fewest on; where each one's begin."""
    size = of.columns + 1
    begin = np.cumsum(size) - size
    sector = np.repeat(np.arange(size.size), size)
    n = of.left[sector] + np.arange(sector.size) - begin[sector] - 1
    return begin, coupling_elements(coupling, of.twice_k, of.twice_q[sector], n)


def elements_of(cavity: Cavity, k: int, other: int, most_photons: int) -> float:
    """How many elements `blocks_of` will have, zeros left out."""
    of = _sectors_of(cavity, k, other, most_photons)
    return float(of.rows.astype(float) @ of.columns.astype(float))


def coupling_elements(coupling: float, two_J: int, two_Q: Integers, n: Integers) -> Array:
    """h_n at Q, 0 where n or n + 1 is not on the ladder."""
    M = 0.5 * two_Q - n
    inside = (n >= 0) & (np.abs(M) <= 0.5 * two_J)
    squared = np.maximum(n + 1.0, 0.0) * lowering_squared(0.5 * two_J, M)
    return np.asarray(coupling * np.sqrt(np.where(inside, squared, 0.0)))


def coupling_radius(cavity: Cavity, k: int, most_photons: int) -> tuple[Array, Array]:
    """Half the spread of ladder k's frequencies, in rad/s, at some rising values of Q: Q, radii.

    For the length of steps alone: the series ends by itself.
    """
    two_J, two_m = round(2.0 * cavity.basis.J[k]), round(2.0 * cavity.basis.m_start)
    two_top = two_J + 2 * most_photons if cavity.nbar > 0.0 else two_m
    blocks = np.unique(np.linspace(0, (two_top + two_J) // 2, SAMPLED_BLOCKS).astype(np.int64))
    found = np.empty(blocks.size)
    for i, two_Q in enumerate((2 * blocks - two_J).tolist()):
        low, high = max(0, (two_Q - two_J) // 2), min(most_photons, (two_Q + two_J) // 2)
        n = np.arange(low, high + 1)
        off = coupling_elements(cavity.coupling, two_J, np.full(n.size, two_Q), n)[:-1]
        values = scipy.linalg.eigvalsh_tridiagonal(cavity.detuning * n.astype(float), off)
        found[i] = 0.5 * (values[-1] - values[0])
    return blocks - 0.5 * two_J, found
