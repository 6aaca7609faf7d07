"""Data sheets of devices: published numbers in their own unit and convention, and their status."""

import math
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

import numpy as np

from darkbattery.nvmodel.devices.measured import NOTHING, Measured
from darkbattery.nvmodel.lines.shapes import Gaussian, LineShape, Lorentzian, Multiplet, QGaussian
from darkbattery.nvmodel.refusal import InputError, finite_number, known_name
from darkbattery.nvmodel.spins import checked_parts

Status = Literal["read", "secondary", "assumed"]
Unit = Literal["Hz", "kHz", "MHz", "GHz", "rad/s", "s", "ms", "us", "ns", "K", "mK", "T", "mT", "1"]
LineName = Literal["gaussian", "lorentzian", "q-gaussian", "voigt", "measured"]
STATUSES: tuple[str, ...] = get_args(Status)
UNITS: tuple[str, ...] = get_args(Unit)
# each unit in the one that fields are named after
_IN_BASE = {
    "Hz": {"Hz": 1.0, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9, "rad/s": 0.5 / math.pi},
    "s": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9},
    "K": {"K": 1.0, "mK": 1e-3},
    "T": {"T": 1.0, "mT": 1e-3},
    "1": {"1": 1.0},
}
_BASE = {unit: (base, size) for base, units in _IN_BASE.items() for unit, size in units.items()}
LINE_SHAPES: tuple[str, ...] = get_args(LineName)
GIVEN = ("voigt", "measured")  # of them: those of `Measured.line`

# what a published number has to be multiplied by to become what the field's name says
WIDTHS = {"FWHM": 1.0, "HWHM": 2.0}  # FWHM
COUPLINGS = {"g": 1.0, "2g": 0.5}  # half the vacuum Rabi splitting
NUMBERS = {"all": 1.0, "polarised": 1.0}  # see `Device.number`
PLAIN = {"plain": 1.0}
CONVENTIONS = WIDTHS | COUPLINGS | NUMBERS | PLAIN


@dataclass(frozen=True)
class Quantity:
    r"""A published number as it stands in its source.

    Parameters
    ----------
    value : float
        As published.
    unit : str
        "Hz" (ordinary frequency, :math:`x/2\pi`; kHz, MHz, GHz), "rad/s" (angular), "s" (ms, us,
        ns), "K" (mK), "T" (mT) or "1".
    convention : str
        Widths "FWHM" or "HWHM" (of a power spectrum: the energy decays at
        :math:`2\pi\,\mathrm{FWHM}`, the amplitude at :math:`2\pi\,\mathrm{HWHM}`); couplings "g"
        (half the vacuum Rabi splitting) or "2g" (all of it); numbers of spins "all" or "polarised"
        (the excess in one level); all else "plain".
    source : str
        Paper and place.
    status : str
        "read" in the source, "secondary" (from another work that cites it), "assumed".
    low, high : float, optional
        Range, in the same unit and convention.
    error : float, optional
        Standard deviation, in the same unit and convention. An assumed value must have a range or
        an error.

    Examples
    --------
    >>> kappa = Quantity(2.5e6, "rad/s", "HWHM", "a paper, Table 1", "read")
    >>> round(kappa.converted)  # Hz, FWHM
    795775
    """

    value: float
    unit: Unit
    convention: str
    source: str
    status: Status
    low: float | None = None
    high: float | None = None
    error: float | None = None

    def __post_init__(self) -> None:
        known_name("unit", self.unit, UNITS)
        known_name("convention", self.convention, CONVENTIONS)
        known_name("status", self.status, STATUSES)
        if not isinstance(self.source, str) or not self.source:
            raise InputError("source", self.source, "must say where the value stands")
        assign = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        assign("value", finite_number("value", self.value, least=0.0))
        if (self.low is None) != (self.high is None):
            raise InputError("low, high", (self.low, self.high), "give both or none")
        if self.error is not None:
            if self.low is not None:
                raise InputError("error", self.error, "give a range or an error, not both")
            assign("error", finite_number("error", self.error, least=0.0))
        if self.low is None or self.high is None:
            if self.status == "assumed" and self.error is None:
                raise InputError("low, high", None, "an assumed value must carry a range")
            return
        low, high = (finite_number(n, getattr(self, n), least=0.0) for n in ("low", "high"))
        assign("low", low)
        assign("high", high)
        if not low <= self.value <= high:
            raise InputError("value", self.value, f"must lie in its range [{low:g}, {high:g}]")

    @property
    def factor(self) -> float:
        """Converted value over published value."""
        return CONVENTIONS[self.convention] * _BASE[self.unit][1]

    @property
    def base_unit(self) -> str:
        """The unit of `converted`."""
        return _BASE[self.unit][0]

    @property
    def converted(self) -> float:
        """In ordinary Hz, FWHM, half the vacuum Rabi splitting, s, K, T or 1."""
        return self.value * self.factor

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest converted value: the range, or two errors to either side.

        Both are `converted` where there is neither.
        """
        if self.low is None or self.high is None:
            reach = 2.0 * (self.error or 0.0)
            return max(0.0, self.value - reach) * self.factor, (self.value + reach) * self.factor
        return self.low * self.factor, self.high * self.factor


# allowed units and conventions of each field; the first of each is what the field's name says
_HERTZ, _SECONDS, _KELVIN, _PLAIN = (tuple(_IN_BASE[base]) for base in ("Hz", "s", "K", "1"))
_FORMS: dict[str, tuple[tuple[str, ...], dict[str, float]]] = {
    "frequency_hz": (_HERTZ, PLAIN),
    "linewidth_fwhm_hz": (_HERTZ, WIDTHS),
    "port1_fwhm_hz": (_HERTZ, WIDTHS),
    "port2_fwhm_hz": (_HERTZ, WIDTHS),
    "spins": (_PLAIN, NUMBERS),
    "single_coupling_hz": (_HERTZ, COUPLINGS),
    "collective_coupling_hz": (_HERTZ, COUPLINGS),
    "coupling_spread": (_PLAIN, PLAIN),
    "spin_linewidth_fwhm_hz": (_HERTZ, WIDTHS),
    "q": (_PLAIN, PLAIN),
    "hyperfine_hz": (_HERTZ, PLAIN),
    "t2_s": (_SECONDS, PLAIN),
    "t1_s": (_SECONDS, PLAIN),
    "temperature_k": (_KELVIN, PLAIN),
    "polarisation": (_PLAIN, PLAIN),
    "inversion": (_PLAIN, PLAIN),
}
QUANTITIES = tuple(_FORMS)
_POSITIVE = frozenset(_FORMS) - {"coupling_spread", "temperature_k", "polarisation", "inversion"}


@dataclass(frozen=True)
class Covariance:
    """How the errors of several quantities of a device go together.

    Parameters
    ----------
    fields : tuple of str
        Names of quantities.
    matrix : tuple of tuples of float
        Covariance of the natural logarithms of their values: symmetric, no variance negative.

    Examples
    --------
    >>> Covariance(("t2_s",), ((0.01,),)).fields  # 10 %
    ('t2_s',)
    """

    fields: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        for name in self.fields:
            known_name("covariance.fields", name, QUANTITIES)
        size = len(self.fields)
        if len(self.matrix) != size or any(len(row) != size for row in self.matrix):
            allowed = f"must have {size} rows of {size}"
            raise InputError("covariance.matrix", len(self.matrix), allowed)
        found = np.array(self.matrix, dtype=float)
        scale = float(np.abs(found).max(initial=0.0))
        if not np.isfinite(found).all() or np.abs(found - found.T).max(initial=0.0) > 1e-9 * scale:
            raise InputError("covariance.matrix", "it", "must be symmetric and finite")
        if size and np.linalg.eigvalsh(found).min() < -1e-9 * scale:
            raise InputError("covariance.matrix", "it", "must have no negative variance")


@dataclass(frozen=True, kw_only=True)
class Device:
    r"""An ensemble of spins at a resonator, as published.

    A field's `Quantity` keeps the published unit and convention; `Quantity.converted` is what the
    field's name says. Exactly one of the two couplings is given, the other follows from the number
    of spins.

    Parameters
    ----------
    name, title, reference : str
        Short name, what it is, paper.
    frequency_hz, linewidth_fwhm_hz : Quantity
        Of the resonator; its width is the loaded one.
    port1_fwhm_hz, port2_fwhm_hz : Quantity, optional
        What of that width its ports cause; the rest is internal loss.
    spins : Quantity
        Spins N that the resonator addresses.
    single_coupling_hz, collective_coupling_hz : Quantity, optional
        :math:`g_0/2\pi` (root mean square over the spins) or :math:`g_0\sqrt N/2\pi`.
    spin_linewidth_fwhm_hz : Quantity
        Inhomogeneous line, of each hyperfine component where `hyperfine_hz` is given, else of all.
    line_shape : str
        "gaussian", "lorentzian" or "q-gaussian" (then with `q`); with `Measured.line` its shape.
    t2_s, t1_s, temperature_k : Quantity
        Homogeneous coherence time, spin-lattice relaxation time, temperature.
    polarisation, inversion : Quantity
        Magnitude of :math:`\langle\sigma_z\rangle`, 0 to 1, as prepared down, and after a pulse
        that inverts.
    hyperfine_hz : Quantity, optional
        Splitting of neighbouring hyperfine lines.
    hyperfine_lines : int
        Their number: 3 (14N) or 2 (15N) where `hyperfine_hz` is given, else 1.
    coupling_spread : Quantity, optional
        Standard deviation over mean of the single-spin couplings.
    covariance : Covariance, optional
        Of quantities that were fitted together.
    measured : Measured
        A line, shifts, axes and a map of couplings that are given in full.
    note : str
        What else has to be known.

    Raises
    ------
    InputError
        For a missing or superfluous quantity, or one in a unit or convention that the field does
        not have; a width without FWHM or HWHM is one.
    """

    name: str
    title: str
    reference: str
    frequency_hz: Quantity
    linewidth_fwhm_hz: Quantity
    spins: Quantity
    spin_linewidth_fwhm_hz: Quantity
    line_shape: LineName
    t2_s: Quantity
    t1_s: Quantity
    temperature_k: Quantity
    polarisation: Quantity
    inversion: Quantity
    single_coupling_hz: Quantity | None = None
    collective_coupling_hz: Quantity | None = None
    q: Quantity | None = None
    hyperfine_hz: Quantity | None = None
    hyperfine_lines: int = 1
    coupling_spread: Quantity | None = None
    port1_fwhm_hz: Quantity | None = None
    port2_fwhm_hz: Quantity | None = None
    covariance: Covariance | None = None
    measured: Measured = NOTHING
    note: str = ""

    def __post_init__(self) -> None:
        for name in QUANTITIES:
            _check_form(name, getattr(self, name), needed=name not in _OPTIONAL)
        known_name("line_shape", self.line_shape, LINE_SHAPES)
        if self.measured.shape != (self.line_shape if self.line_shape in GIVEN else ""):
            raise InputError("line_shape", self.line_shape, "must be given by line")
        if self.measured.hyperfine_hz and self.hyperfine_hz is not None:
            raise InputError("hyperfine", self.measured.hyperfine_hz, "give it or hyperfine_hz")
        if (self.q is not None) != (self.line_shape == "q-gaussian"):
            raise InputError("q", self.q, "must be given with a q-gaussian, and only then")
        couplings = (self.single_coupling_hz, self.collective_coupling_hz)
        if sum(x is not None for x in couplings) != 1:
            raise InputError(
                "single_coupling_hz, collective_coupling_hz", couplings, "give exactly one"
            )
        lines = (2, 3) if self.hyperfine_hz is not None else (1,)
        if self.hyperfine_lines not in lines:
            raise InputError("hyperfine_lines", self.hyperfine_lines, f"must be one of {lines}")
        if self.internal_fwhm_hz < 0.0:
            raise InputError(
                "port1_fwhm_hz, port2_fwhm_hz",
                self.linewidth_fwhm_hz.converted - self.internal_fwhm_hz,
                f"together at most linewidth_fwhm_hz = {self.linewidth_fwhm_hz.converted:g}",
            )
        for name in self.covariance.fields if self.covariance is not None else ():
            known_name("covariance.fields", name, self.quantities)
        if self.q is not None:
            for q in (self.q.low, self.q.high, self.q.converted):
                if q is None:
                    continue
                QGaussian(1.0, q)
        spread = 0.0 if self.coupling_spread is None else self.coupling_spread.range[1]
        checked_parts(self.line, spread, self.measured.couplings, self.measured.axes)

    @property
    def quantities(self) -> dict[str, Quantity]:
        """All that are given, by field."""
        found = {name: getattr(self, name) for name in QUANTITIES}
        return {name: quantity for name, quantity in found.items() if quantity is not None}

    @property
    def internal_fwhm_hz(self) -> float:
        """What of the loaded width is lost inside, Hz."""
        ports = (self.port1_fwhm_hz, self.port2_fwhm_hz)
        return self.linewidth_fwhm_hz.converted - sum(x.converted for x in ports if x is not None)

    @property
    def number(self) -> float:
        """All spins N; where the source counts the polarised excess, that over the polarisation."""
        if self.spins.convention == "polarised":
            return self.spins.converted / self.polarisation.converted
        return self.spins.converted

    @property
    def coupling_hz(self) -> float:
        r""":math:`g_0/2\pi`, Hz: of one spin."""
        if self.single_coupling_hz is not None:
            return self.single_coupling_hz.converted
        assert self.collective_coupling_hz is not None
        # a collective coupling belongs to the number of spins in its source, polarised or all
        return self.collective_coupling_hz.converted / math.sqrt(self.spins.converted)

    @property
    def line(self) -> LineShape:
        """The inhomogeneous line with its hyperfine components."""
        line = self.measured.copies(self._one_line)
        if self.hyperfine_hz is None:
            return line
        count = self.hyperfine_lines
        offsets = [(i - (count - 1) / 2.0) * self.hyperfine_hz.converted for i in range(count)]
        return Multiplet(line, offsets_hz=tuple(offsets), weights=(1.0 / count,) * count)

    @property
    def _one_line(self) -> LineShape:
        width = self.spin_linewidth_fwhm_hz.converted
        if (given := self.measured.of_width(width)) is not None:
            return given
        if self.q is not None:
            return QGaussian(width, q=self.q.converted)
        return Gaussian(width) if self.line_shape == "gaussian" else Lorentzian(width)


_OPTIONAL = frozenset(field.name for field in fields(Device) if field.default is None)


def assumed(device: Device) -> dict[str, tuple[float, float]]:
    """The fields that rest on an assumption, each with its converted range.

    >>> from darkbattery.nvmodel.devices.published import find_device
    >>> assumed(find_device("astner2017"))["q"]
    (1.05, 1.6)
    """
    found = device.quantities.items()
    return {name: quantity.range for name, quantity in found if quantity.status == "assumed"}


def with_value(device: Device, field: str, value: float, source: str = "chosen") -> Device:
    """The device with another value of one quantity, in the unit and convention of its name.

    >>> from darkbattery.nvmodel.devices.published import find_device
    >>> cold = with_value(find_device("angerer2018"), "temperature_k", 0.1)
    >>> cold.temperature_k.converted, cold.temperature_k.source
    (0.1, 'chosen')
    """
    known_name("field", field, device.quantities)
    units, conventions = _FORMS[field]
    convention = next(iter(conventions))
    if field == "spins":
        convention = device.spins.convention
    value = finite_number(field, value, least=0.0)
    chosen = Quantity(value, units[0], convention, source, "assumed", value, value)  # type: ignore[arg-type]
    return replace(device, **{field: chosen})  # type: ignore[arg-type]


def _check_form(name: str, quantity: object, needed: bool) -> None:
    if quantity is None and not needed:
        return
    if not isinstance(quantity, Quantity):
        raise InputError(name, quantity, "must be a Quantity")
    units, conventions = _FORMS[name]
    if quantity.unit not in units:
        raise InputError(name, quantity.unit, f"its unit must be {', '.join(units)}")
    if quantity.convention not in conventions:
        allowed = " or ".join(conventions)
        raise InputError(name, quantity.convention, f"its convention must be {allowed}")
    least = quantity.value if quantity.low is None else quantity.low
    if name in _POSITIVE and least == 0.0:
        raise InputError(name, 0.0, "must be > 0")
    most = max(quantity.value, quantity.high or 0.0)
    if name in ("polarisation", "inversion") and most > 1.0:
        raise InputError(name, most, "must be a number from 0 to 1")
