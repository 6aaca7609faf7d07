"""Where field enters and leaves a resonator."""

from dataclasses import dataclass

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.refusal import InputError, finite_number, listed_items

WHOLE_RATE = 1e-12  # relative: ports that share the whole width may exceed it by rounding


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
