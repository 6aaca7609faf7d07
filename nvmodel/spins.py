"""An ensemble of spins: how many, how they start, how broad, how coupled, how noisy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.lines.classes import Subensemble, coupled_line
from darkbattery.nvmodel.lines.measured import FieldMap
from darkbattery.nvmodel.lines.shapes import LineShape
from darkbattery.nvmodel.preparation import DickeState, Polarised, Preparation, checked_preparation
from darkbattery.nvmodel.refusal import (
    MOST_RATE,
    InputError,
    finite_number,
    known_name,
    number_between,
    whole_number,
)

# a cubic centimetre of diamond at one NV per 100,000 atoms holds as many
MOST_SPINS = 10**18
MOST_DETUNING = 1e16  # rad/s, above optical frequencies
MOST_AXES = 16  # four axes of centres with up to four lines each

NamedStart = Literal["down", "up", "thermal"]
NAMED_STARTS = get_args(NamedStart)
# fields that make spins of an ensemble differ, each with its value where it does not
UNEVEN = {
    "line": None,
    "coupling_spread": 0.0,
    "couplings": None,
    "axes": (),
    "refill_s": None,
}


@dataclass(frozen=True)
class LocalNoise:
    r"""Noise of single spins, which does not ask the other spins: its rates.

    .. math:: \dot\rho = \sum_n\left(g_\phi D[\sigma^z_n/2]+g_\downarrow D[\sigma^-_n]
              +g_\uparrow D[\sigma^+_n]\right)\rho

    over the spins n of one ensemble (Shammah et al. 2018, Eq. (1), in the same normalisation), in
    the unit of :math:`\gamma`.

    Parameters
    ----------
    dephasing : float
        :math:`g_\phi`, multiplies :math:`D[\sigma^z/2]`: the coherence of a spin decays at
        :math:`g_\phi/2`. A pure-dephasing time :math:`T_\phi` is ``dephasing = 2/T_phi``.
    emission, pumping : float
        :math:`g_\downarrow` and :math:`g_\uparrow`, the rates at which one spin falls and rises.

    Examples
    --------
    >>> LocalNoise(dephasing=1.0, emission=0.5).coherence_decay
    0.75
    >>> LocalNoise.thermal(relaxation=0.1, nbar=0.5)
    LocalNoise(emission=0.15000000000000002, pumping=0.05)
    """

    dephasing: float = 0.0
    emission: float = 0.0
    pumping: float = 0.0

    def __post_init__(self) -> None:
        for name in ("dephasing", "emission", "pumping"):
            value = finite_number(name, getattr(self, name), least=0.0, most=MOST_RATE)
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return model_text(self)

    @classmethod
    def thermal(cls, relaxation: float, nbar: float, dephasing: float = 0.0) -> LocalNoise:
        r"""Emission to pumping as :math:`(\bar n+1)/\bar n`, as a bath of each spin's own gives."""
        rate = finite_number("relaxation", relaxation, least=0.0)
        photons = finite_number("nbar", nbar, least=0.0)
        return cls(dephasing, rate * (photons + 1.0), rate * photons)

    @classmethod
    def of_lifetimes(cls, t1: float, t2: float, equilibrium: float) -> LocalNoise:
        r"""Relaxation in :math:`T_1` to `equilibrium`, coherence of one spin lost in :math:`T_2`.

        With :math:`\langle\sigma_z\rangle` = `equilibrium`,

        .. math:: g_{\uparrow,\downarrow} = \frac{1\pm\langle\sigma_z\rangle}{2T_1},\quad
                  g_\phi = \frac{2}{T_2} - \frac{1}{T_1}.

        >>> LocalNoise.of_lifetimes(t1=2.0, t2=1.0, equilibrium=-1.0)
        LocalNoise(dephasing=1.5, emission=0.5)
        """
        rate = 1.0 / t1
        dephasing = 2.0 / t2 - rate
        # T2 = 2 T1 leaves rounding of the difference
        dephasing = dephasing if dephasing > 1e-12 * rate else 0.0
        supply = rate * equilibrium
        return cls(dephasing, 0.5 * (rate - supply), 0.5 * (rate + supply))

    @property
    def relaxation(self) -> float:
        """:math:`1/T_1`, the rate at which the inversion of one spin decays."""
        return self.emission + self.pumping

    @property
    def supply(self) -> float:
        r""":math:`\langle\sigma_z\rangle_{eq}/T_1`, added to :math:`d\langle\sigma_z\rangle/dt`."""
        return self.pumping - self.emission

    @property
    def coherence_decay(self) -> float:
        """Rate at which the coherence of one spin decays, :math:`1/T_2`."""
        return 0.5 * (self.dephasing + self.emission + self.pumping)

    @property
    def silent(self) -> bool:
        """Whether all rates are zero."""
        return self.dephasing == self.emission == self.pumping == 0.0


SILENT = LocalNoise()


@dataclass(frozen=True)
class Spins:
    r"""An ensemble of spins 1/2.

    Parameters
    ----------
    number : int
        1 to 1e18; 1e16 is taken as :math:`10^{16}`.
    start : "down", "up", "thermal", DickeState or Polarised
        Thermal: in equilibrium with the field's surroundings.
    coupling : float
        Of one spin to the field, > 0, root mean square where couplings differ: g in rad/s at a
        resonator (half the vacuum Rabi splitting of one spin); relative, in a reservoir that damps
        :math:`\sum_k c_kJ_k^-`; :math:`\lambda` in units of :math:`\omega` in closed modes.
    detuning : float
        Frequency of the spins (of the line's centre), as an angular rate: minus the resonator's; in
        a reservoir the ensembles' difference alone matters.
    noise : LocalNoise
        Of every single spin.
    line : LineShape, optional
        Inhomogeneous line; None for equal frequencies.
    coupling_spread : float
        Standard deviation over mean of the spins' couplings (log-normal), 0 for equal couplings.
    couplings : FieldMap, optional
        Instead of that spread: measured or computed, in any unit; `coupling` is their root mean
        square.
    axes : sequence of Subensemble
        Parts of the ensemble whose lines and couplings differ, such as the four axes of NV centres:
        each has the line, shifted; empty for one part.
    refill_s : float, optional
        :math:`T_r`, s: holes in the line fill again by flip-flops, see
        `meanfield.classes.refilling`. None: they stay. Needs a line.

    Raises
    ------
    InputError
        For anything else; the message names the field.

    Examples
    --------
    >>> Spins(number=10, start="down", noise=LocalNoise(dephasing=0.1))
    Spins(number=10, start='down', noise=LocalNoise(dephasing=0.1))
    """

    number: int
    start: NamedStart | Preparation
    coupling: float = 1.0
    detuning: float = 0.0
    noise: LocalNoise = SILENT
    line: LineShape | None = None
    coupling_spread: float = 0.0
    couplings: FieldMap | None = None
    axes: tuple[Subensemble, ...] = ()
    refill_s: float | None = None

    def __post_init__(self) -> None:
        assign = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        assign("number", whole_number("number", self.number, least=1, most=MOST_SPINS))
        checked_start("start", self.number, self.start, NAMED_STARTS)
        assign("coupling", finite_number("coupling", self.coupling, least=0.0, exclusive=True))
        most = MOST_DETUNING
        assign("detuning", number_between("detuning", self.detuning, -most, most))
        of_type("noise", self.noise, LocalNoise)
        for name, value in checked_differences(self).items():
            assign(name, value)

    def __repr__(self) -> str:
        return model_text(self)

    @property
    def alike(self) -> bool:
        """Whether all have one frequency and one coupling."""
        return self.apart is None

    @property
    def apart(self) -> tuple[str, object, object] | None:
        """The first field that makes spins differ, its value, and the value without; else None.

        >>> Spins(number=2, start="up", coupling_spread=0.1).apart
        ('coupling_spread', 0.1, 0.0)
        """
        for field, without in UNEVEN.items():
            value = getattr(self, field)
            if value != without:
                return field, value, without
        return None

    def made_alike(self) -> Spins:
        """The same number of spins, all at the line's centre with the mean coupling."""
        return replace(self, **UNEVEN)  # type: ignore[arg-type]

    def equally_coupled(self) -> Spins:
        """The same line with one coupling for all spins of an axis: the same to a weak field."""
        return replace(self, coupling_spread=0.0, couplings=None)

    @property
    def unequally_coupled(self) -> bool:
        """Whether spins of an axis have several couplings."""
        return self.coupling_spread > 0.0 or self.couplings is not None

    @property
    def spread(self) -> float:
        """Standard deviation over mean of the couplings within an axis."""
        return self.coupling_spread if self.couplings is None else self.couplings.spread

    @property
    def seen_line(self) -> LineShape | None:
        """The line as a weak field sees it: axes weighted by share times coupling squared."""
        return coupled_line(self.line, self.axes) if self.line and self.axes else self.line

    @property
    def collective_coupling(self) -> float:
        r""":math:`g\sqrt N`."""
        return self.coupling * math.sqrt(self.number)

    def preparation(self, nbar: float) -> Preparation:
        """The start as what every spin does, with `nbar` photons in the field's surroundings."""
        if self.start == "down":
            return DickeState(0)
        if self.start == "up":
            return DickeState(self.number)
        if self.start == "thermal":
            return Polarised(thermal_energy(nbar))
        return self.start

    def inversion(self, nbar: float) -> float:
        r""":math:`\langle\sigma_z\rangle` at the start."""
        start = self.preparation(nbar)
        if isinstance(start, DickeState):
            return 2.0 * start.excitations / self.number - 1.0
        return 2.0 * start.up - 1.0


def thermal_energy(nbar: float) -> float:
    r"""Energy of a spin in equilibrium, :math:`\bar n/(2\bar n+1)`, in :math:`\hbar\omega`.

    Quach and Munro 2020, Eq. (8).
    """
    return nbar / (2.0 * nbar + 1.0)


def checked_parts(
    line: object, spread: float, couplings: object, axes: object
) -> tuple[Subensemble, ...]:
    """What makes spins differ, refused where it cannot be; the axes as a tuple."""
    if not (line is None or isinstance(line, LineShape)):
        raise InputError("line", line, "must be a line shape, or None")
    if couplings is not None:
        of_type("couplings", couplings, FieldMap)
        if spread:
            raise InputError("coupling_spread", spread, "give it or couplings, not both")
    if not isinstance(axes, Sequence) or isinstance(axes, str):
        raise InputError("axes", axes, "must be a list of Subensemble")
    for i, axis in enumerate(axes):
        of_type(f"axes[{i}]", axis, Subensemble)
    if axes:
        if line is None:
            raise InputError("axes", axes, "need a line: give it a shape first")
        if len(axes) > MOST_AXES:
            raise InputError("axes", len(axes), f"must be at most {MOST_AXES}")
        coupled_line(line, axes)  # refuses shares that do not sum to 1
    return tuple(axes)


def checked_differences(spins: Any) -> dict[str, Any]:
    """The fields by which spins differ, as they are to be kept; refused where they cannot be."""
    spread = finite_number("coupling_spread", spins.coupling_spread, least=0.0)
    return {
        "coupling_spread": spread,
        "axes": checked_parts(spins.line, spread, spins.couplings, spins.axes),
        "refill_s": _checked_refill(spins.refill_s, spins.line),
    }


def _checked_refill(refill_s: object, line: object) -> float | None:
    """The time in which holes fill, refused where there is no line to have one."""
    if refill_s is None:
        return None
    if line is None:
        raise InputError("refill_s", refill_s, "needs a line: spins all alike have no hole")
    return finite_number("refill_s", refill_s, least=0.0, exclusive=True)


def checked_start(field: str, spins: int, start: object, known: tuple[str, ...]) -> None:
    """Refuse what is neither a known name nor a state of `spins` spins."""
    if isinstance(start, str):
        known_name(field, start, known)
    else:
        checked_preparation(field, spins, start)  # type: ignore[arg-type]


def of_type(field: str, value: object, kind: type) -> None:
    """Refuse a value that is not of a kind."""
    if not isinstance(value, kind):
        raise InputError(field, value, f"must be a {kind.__name__}")
