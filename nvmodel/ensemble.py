"""Ensembles of spins that share a resonator: how many, how prepared, how broad, how coupled."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.held import Derived
from darkbattery.nvmodel.lines.classes import Subensemble, coupled_line
from darkbattery.nvmodel.lines.measured import FieldMap
from darkbattery.nvmodel.lines.shapes import LineShape
from darkbattery.nvmodel.preparation import Polarised
from darkbattery.nvmodel.refusal import (
    MOST_RATE,
    InputError,
    finite_number,
    is_real,
    number_between,
    whole_number,
)
from darkbattery.nvmodel.spins import MOST_SPINS, UNEVEN, LocalNoise, Spins, checked_differences


@dataclass(frozen=True)
class SpinEnsemble:
    r"""Spins 1/2 of one kind.

    Parameters
    ----------
    number : int
        Number of spins N, 1 to 1e18; 1e16 is taken as :math:`10^{16}`.
    coupling : float
        Root-mean-square coupling g of one spin to the resonator, rad/s (half the vacuum Rabi
        splitting of one spin; the ensemble's is :math:`g\sqrt N`).
    polarisation : float
        :math:`\langle\sigma_z\rangle` at the start, downwards for the battery and upwards for the
        charger, -1 to 1: a charger that waits for its inversion has a negative one.
    t1_s : float
        Spin-lattice relaxation time, s; infinity for none.
    t2_s : float, optional
        Homogeneous coherence time of one spin, s, at most :math:`2T_1`, which is the default.
        Includes what :math:`T_1` does to the coherence, not what the line does.
    equilibrium : float, optional
        :math:`\langle\sigma_z\rangle` that :math:`T_1` relaxes towards, -1 to 1 (1 is a pump).
        Default: thermal equilibrium at the resonator's temperature.
    line : LineShape, optional
        Inhomogeneous line; None for equal frequencies.
    coupling_spread : float
        Standard deviation over mean of the spins' couplings (log-normal), 0 for equal couplings.
    couplings : FieldMap, optional
        Instead of that spread: a map of the field over the crystal, in any unit.
    axes : sequence of Subensemble
        Parts of the ensemble whose lines are shifted and whose couplings differ; empty for one.
    refill_s : float, optional
        :math:`T_r`, s: holes in the line fill again by flip-flops, see
        `meanfield.classes.refilling`. None: they stay. Needs a line.

    Raises
    ------
    InputError
        For anything else; the message names the field.

    Examples
    --------
    >>> from darkbattery.nvmodel.lines.shapes import QGaussian
    >>> spins = SpinEnsemble(number=1e16, coupling=0.44, t2_s=1e-6, line=QGaussian(5e6, q=1.39))
    >>> spins.number, spins.collective_coupling
    (10000000000000000, 44000000.0)
    """

    number: int
    coupling: float
    polarisation: float = 1.0
    t1_s: float = math.inf
    t2_s: float | None = None
    equilibrium: float | None = None
    line: LineShape | None = None
    coupling_spread: float = 0.0
    couplings: FieldMap | None = None
    axes: tuple[Subensemble, ...] = ()
    refill_s: float | None = None

    def __post_init__(self) -> None:
        assign = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        assign("number", whole_number("number", self.number, least=1, most=MOST_SPINS))
        assign("coupling", finite_number("coupling", self.coupling, least=0.0, exclusive=True))
        assign("polarisation", number_between("polarisation", self.polarisation, -1.0, 1.0))
        assign("t1_s", _lifetime("t1_s", self.t1_s))
        longest = 2.0 * self.t1_s
        free = self.t2_s is None or isinstance(self.t2_s, Derived)
        assign("t2_s", Derived(longest) if free else _lifetime("t2_s", self.t2_s))
        if self.coherence_time > longest:
            raise InputError("t2_s", self.t2_s, f"must be at most 2 T1 = {longest:g}")
        if self.equilibrium is not None:
            assign("equilibrium", number_between("equilibrium", self.equilibrium, -1.0, 1.0))
        for name, value in checked_differences(self).items():
            assign(name, value)

    def __repr__(self) -> str:
        return model_text(self)

    @property
    def collective_coupling(self) -> float:
        r""":math:`g\sqrt N`, rad/s."""
        return self.coupling * math.sqrt(self.number)

    @property
    def coherence_time(self) -> float:
        """:math:`T_2` as a plain float, s (the field may be None only while constructing)."""
        assert self.t2_s is not None
        return self.t2_s

    @property
    def decoherence_rate(self) -> float:
        r""":math:`\Gamma=1/T_2`, rad/s (half width of the homogeneous line)."""
        return 1.0 / self.coherence_time

    @property
    def relaxation_rate(self) -> float:
        """:math:`1/T_1`, per second."""
        return 1.0 / self.t1_s

    def local_noise(self, nbar: float) -> LocalNoise:
        """:math:`T_1, T_2` and the equilibrium (default: with `nbar` photons) as rates, 1/s."""
        thermal = -1.0 / (2.0 * nbar + 1.0)
        equilibrium = thermal if self.equilibrium is None else self.equilibrium
        return LocalNoise.of_lifetimes(self.t1_s, self.coherence_time, equilibrium)

    def spins(self, start: Literal["down", "up"], detuning_hz: float, nbar: float) -> Spins:
        """The ensemble of an experiment: `start`, as far as it is polarised.

        `nbar` are the photons of the surroundings, `detuning_hz` is the centre of the line.

        >>> SpinEnsemble(number=4, coupling=1.0, polarisation=0.8).spins("up", 0.0, nbar=0.0)
        Spins(number=4, start=Polarised(up=0.9))
        """
        up = 0.5 * (1.0 + (self.polarisation if start == "up" else -self.polarisation))
        return Spins(
            number=self.number,
            start=start if self.polarisation == 1.0 else Polarised(up),
            coupling=self.coupling,
            detuning=2.0 * math.pi * detuning_hz,
            noise=self.local_noise(nbar),
            line=self.line,
            coupling_spread=self.coupling_spread,
            couplings=self.couplings,
            axes=self.axes,
            refill_s=self.refill_s,
        )

    def made_alike(self) -> "SpinEnsemble":
        """The same number of spins, all at the line's centre with the mean coupling."""
        return replace(self, **UNEVEN)  # type: ignore[arg-type]

    @property
    def seen_line(self) -> LineShape | None:
        """The line as a weak field sees it: axes weighted by share times coupling squared."""
        return coupled_line(self.line, self.axes) if self.line and self.axes else self.line

    @property
    def spread(self) -> float:
        """Standard deviation over mean of the couplings within an axis."""
        return self.coupling_spread if self.couplings is None else self.couplings.spread

    @property
    def half_width(self) -> float:
        """Half the distance between the quartiles of the line, rad/s; 0 without a line."""
        line = self.seen_line
        if line is None:
            return 0.0
        low, high = line.quantile([0.25, 0.75])
        return float(high - low) / 2.0


def _lifetime(field: str, value: object) -> float:
    if is_real(value) and value == math.inf:
        return math.inf
    return finite_number(field, value, least=1.0 / MOST_RATE)
