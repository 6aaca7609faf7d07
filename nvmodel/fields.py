"""What the spins share and exchange energy through: a reservoir, a resonator, or closed modes."""

import math
from dataclasses import dataclass

import scipy

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.held import Derived, Held, given
from darkbattery.nvmodel.refusal import (
    MOST_RATE,
    InputError,
    finite_number,
    known_name,
    listed_items,
    whole_number,
)

# above this nbar and nbar + 1 are the same double, and no reservoir is that hot
MOST_NBAR = 1e15
MOST_PHOTONS = 10**6  # of closed modes
WHOLE_RATE = 1e-12  # relative: ports that share the whole width may exceed it by rounding


def thermal_occupation(temperature: float) -> float:
    r"""Mean photons :math:`\bar n = 1/(e^{1/T}-1)` at `temperature` :math:`k_BT/(\hbar\omega)`.

    >>> thermal_occupation(0.0)
    0.0
    >>> round(thermal_occupation(1.0), 6)
    0.581977
    """
    temperature = finite_number("temperature", temperature, least=0.0)
    if temperature < 1e-3:  # less than 1e-434, which no double holds
        return 0.0
    inverse = 1.0 / temperature
    # 1/(e^x - 1) and e^-x differ by less than 1e-300 of it there, and e^x overflows soon
    return math.exp(-inverse) if inverse > 700.0 else 1.0 / math.expm1(inverse)


@dataclass(frozen=True)
class Reservoir:
    r"""What takes and gives excitations of all spins together, at once.

    .. math:: \dot\rho = \gamma(\bar n+1) D[J^-]\rho + \gamma\bar n D[J^+]\rho

    with :math:`J^- = \sum_k c_kJ_k^-` of the ensembles, :math:`c_k` their `coupling`.

    Parameters
    ----------
    gamma : float
        Rate that multiplies the standard dissipator D; 1e-100 to 1e100.
    nbar : float
        Mean thermal photon number, 0 to 1e15; 0 by default.
    temperature : float, optional
        :math:`k_BT/(\hbar\omega)`, instead of `nbar`.

    Examples
    --------
    >>> Reservoir(temperature=2.0).nbar
    1.5414940825367982
    """

    gamma: float = 1.0
    nbar: float = None  # type: ignore[assignment]  # None until it is made
    temperature: float | None = None

    def __post_init__(self) -> None:
        assign = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        assign("gamma", finite_number("gamma", self.gamma, least=1.0 / MOST_RATE, most=MOST_RATE))
        photons, temperature = given(self.nbar, self.temperature)
        if temperature is None:
            assign("temperature", None)
            kind = Derived if photons is None else Held
            photons = 0.0 if photons is None else photons
            assign("nbar", kind(finite_number("nbar", photons, least=0.0, most=MOST_NBAR)))
            return
        kept = finite_number("temperature", temperature, least=0.0, most=MOST_NBAR)
        assign("temperature", Held(kept))
        assign("nbar", Derived(thermal_occupation(kept)))
        if photons is not None and photons != self.nbar:
            raise InputError("nbar", photons, "give nbar or temperature, not both")

    def __repr__(self) -> str:
        return model_text(self)


@dataclass(frozen=True)
class Port:
    r"""A place where field enters and leaves a resonator, sqrt(kappa_i) a of it.

    Parameters
    ----------
    name : str
    linewidth_fwhm_hz : float, optional
        Its share :math:`\kappa_i/2\pi` of the resonator's full width, Hz, > 0.
    coupling_coefficient : float, optional
        Instead: :math:`\beta_i = \kappa_i/\kappa_\mathrm{internal}` (Pozar, Microwave
        Engineering, section 6.6), > 0.

    Examples
    --------
    >>> Port("in", coupling_coefficient=1.0)
    Port(name='in', coupling_coefficient=1.0)
    """

    name: str
    linewidth_fwhm_hz: float | None = None
    coupling_coefficient: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise InputError("name", self.name, "must be a text")
        given_ones = (self.linewidth_fwhm_hz, self.coupling_coefficient)
        if (given_ones[0] is None) == (given_ones[1] is None):
            text = "give exactly one of the two"
            raise InputError("linewidth_fwhm_hz, coupling_coefficient", given_ones, text)
        for field in ("linewidth_fwhm_hz", "coupling_coefficient"):
            if (value := getattr(self, field)) is not None:
                number = finite_number(field, value, least=0.0, exclusive=True)
                object.__setattr__(self, field, number)

    def __repr__(self) -> str:
        return model_text(self)


def checked_ports(ports: object) -> tuple[Port, ...]:
    """Ports as a tuple, refused unless each has a name of its own."""
    found = listed_items("ports", ports, Port)
    names = [port.name for port in found]
    if len(set(names)) < len(names):
        raise InputError("ports", names, "must have different names")
    return found


@dataclass(frozen=True)
class Resonator:
    r"""One mode and its surroundings.

    Parameters
    ----------
    frequency_hz : float
        Frequency, Hz, > 0.
    linewidth_fwhm_hz, linewidth_hwhm_hz : float
        Full or half width at half maximum of the power spectrum, Hz; give one of the two. The
        energy decays at :math:`\kappa=2\pi\,\mathrm{FWHM}`.
    temperature_k : float
        Temperature of the surroundings, K.
    ports : sequence of Port
        Of the width, what they do not take is lost inside.
    loaded_q : float, optional
        Quality factor f/FWHM, instead of a width.

    Examples
    --------
    >>> cavity = Resonator(frequency_hz=3.18e9, linewidth_fwhm_hz=13.8e6, temperature_k=0.025)
    >>> print(f"{cavity.kappa:.4g} {cavity.nbar:.2g}")
    8.671e+07 0.0022
    >>> Resonator(frequency_hz=3.18e9, linewidth_hwhm_hz=6.9e6).kappa == cavity.kappa
    True
    """

    frequency_hz: float
    linewidth_fwhm_hz: float | None = None
    linewidth_hwhm_hz: float | None = None
    temperature_k: float = 0.0
    ports: tuple[Port, ...] = ()
    loaded_q: float | None = None

    def __post_init__(self) -> None:
        assign = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        frequency = finite_number("frequency_hz", self.frequency_hz, least=0.0, exclusive=True)
        assign("frequency_hz", frequency)
        names = ("linewidth_fwhm_hz", "linewidth_hwhm_hz")
        widths = given(self.linewidth_fwhm_hz, self.linewidth_hwhm_hz)
        if self.loaded_q is not None:
            assign("loaded_q", finite_number("loaded_q", self.loaded_q, 0.0, exclusive=True))
            if widths != (None, None):
                raise InputError("loaded_q", self.loaded_q, "give it or a linewidth, not both")
        elif (widths[0] is None) == (widths[1] is None):
            raise InputError(", ".join(names), widths, "give exactly one of the two")
        for name, width in zip(names, widths, strict=True):
            kept = None if width is None else Held(finite_number(name, width, least=0.0))
            assign(name, kept)
        assign("temperature_k", finite_number("temperature_k", self.temperature_k, least=0.0))
        hottest = MOST_NBAR * scipy.constants.h * frequency / scipy.constants.k
        if self.temperature_k > hottest:
            raise InputError("temperature_k", self.temperature_k, f"must be at most {hottest:g}")
        assign("ports", checked_ports(self.ports))
        if self.internal_rate < -WHOLE_RATE * self.kappa:
            text = f"take more than the whole width, {self.kappa / (2.0 * math.pi):g} Hz"
            raise InputError("ports", self.ports, text)

    def __repr__(self) -> str:
        return model_text(self)

    @property
    def kappa(self) -> float:
        """Decay rate of the field's energy, rad/s."""
        if self.linewidth_fwhm_hz is not None:
            return 2.0 * math.pi * self.linewidth_fwhm_hz
        if self.loaded_q is not None:
            return 2.0 * math.pi * self.frequency_hz / self.loaded_q
        assert self.linewidth_hwhm_hz is not None
        return 4.0 * math.pi * self.linewidth_hwhm_hz

    @property
    def rates(self) -> dict[str, float]:
        r""":math:`\kappa_i` of each port, rad/s.

        >>> ports = (Port("in", coupling_coefficient=1.0), Port("out", coupling_coefficient=2.0))
        >>> cavity = Resonator(3e9, linewidth_fwhm_hz=4e6, ports=ports)
        >>> {name: round(rate / 2e6 / math.pi, 9) for name, rate in cavity.rates.items()}
        {'in': 1.0, 'out': 2.0}
        """
        widths = {p.name: 2.0 * math.pi * (p.linewidth_fwhm_hz or 0.0) for p in self.ports}
        shares = {p.name: p.coupling_coefficient or 0.0 for p in self.ports}
        internal = (self.kappa - sum(widths.values())) / (1.0 + sum(shares.values()))
        return {name: widths[name] + share * internal for name, share in shares.items()}

    @property
    def internal_rate(self) -> float:
        r"""What is lost inside, rad/s; :math:`\kappa` without ports."""
        return self.kappa - sum(self.rates.values())

    def amplitude_of(self, power_w: float, port: str) -> float:
        r""":math:`\eta=\sqrt{\kappa_iP/\hbar\omega}`, rad/s, of a power sent into a port.

        Gardiner and Collett (1985). The field that it drives is :math:`2\eta/\kappa` on resonance.

        >>> cavity = Resonator(3e9, linewidth_fwhm_hz=1e6, ports=[Port("in", 1e5)])
        >>> print(f"{cavity.amplitude_of(1e-9, 'in'):.3g}")
        1.78e+10
        """
        power = finite_number("power_w", power_w, least=0.0, most=MOST_RATE)
        if not self.rates:
            raise InputError("port", port, "the resonator has no ports")
        rate = self.rates[known_name("port", port, list(self.rates))]
        quantum = 2.0 * math.pi * scipy.constants.hbar * self.frequency_hz
        return math.sqrt(rate * power / quantum)

    def port_rates(self, into: str | None, out_of: str | None) -> tuple[float, float]:
        r""":math:`\kappa_i` of two ports, default first and last; :math:`\kappa/2` without any."""
        rates = self.rates
        if not rates:
            if into is not None or out_of is not None:
                raise InputError("ports", (into, out_of), "the resonator has none")
            return 0.5 * self.kappa, 0.5 * self.kappa
        names = list(rates)
        for name in (into, out_of):
            if name is not None:
                known_name("port", name, names)
        return rates[into or names[0]], rates[out_of or names[-1]]

    @property
    def nbar(self) -> float:
        """Mean thermal photon number."""
        if self.temperature_k == 0.0:
            return 0.0
        return thermal_occupation(
            scipy.constants.k * self.temperature_k / (scipy.constants.h * self.frequency_hz)
        )


@dataclass(frozen=True)
class ClosedModes:
    r"""Lossless modes in resonance with the spins, full of photons at the start.

    .. math:: H/\hbar\omega = a^\dagger a + J_z + 2\lambda J_x(a^\dagger+a)

    for each of them and its share of the spins, with counter-rotating terms; :math:`\lambda` is the
    spins' `coupling` (Ferraro et al. 2018, Eq. (1)).

    Parameters
    ----------
    photons : int
        In all modes together, shared equally, like the spins.
    number : int
        Of modes.

    Examples
    --------
    >>> ClosedModes(photons=8, number=2).photons_each
    4
    """

    photons: int
    number: int = 1

    def __post_init__(self) -> None:
        for name, least in (("photons", 0), ("number", 1)):
            value = whole_number(name, getattr(self, name), least=least, most=MOST_PHOTONS)
            object.__setattr__(self, name, value)
        if self.photons % self.number:
            raise InputError("photons", self.photons, f"must be a multiple of {self.number} modes")

    def __repr__(self) -> str:
        return model_text(self)

    @property
    def photons_each(self) -> int:
        """Photons of a mode at the start."""
        return self.photons // self.number


Field = Reservoir | Resonator | ClosedModes
