"""What listens at a port of a resonator: how fast it samples, how wide and how noisy it is."""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.fields import Resonator
from darkbattery.nvmodel.observables import OF
from darkbattery.nvmodel.refusal import InputError, finite_number, known_name

Array = NDArray[np.float64]

MOST_SAMPLES = 200_000  # of one record
FIELDS = ("received_in_phase", "received_quadrature")
POWER = "received_power"
UNITS = {**dict.fromkeys(FIELDS, "√W"), POWER: "W"}
"""Of a record at one moment: I, Q and the sum of their squares; names end with the port."""
REACH = 5.0  # standard deviations of the filter that are kept; beyond are 1e-6 of it


@dataclass(frozen=True)
class Receiver:
    r"""An amplifier, a mixer at the resonator's frequency and two channels that are sampled.

    Each channel, I and Q, has a Gaussian response without delay, of noise bandwidth B: it holds
    :math:`(\hbar\omega(\bar n+\tfrac12)+k_BT_n)B` of noise (Clerk et al. 2010, section V), the
    record's power twice that. Its -3 dB point is at 0.94 B.

    Parameters
    ----------
    port : str
        Where it listens, one of the resonator's.
    sampling_rate_hz : float
        Samples a second, of each channel; > 0.
    bandwidth_hz : float, optional
        B of a channel, > 0 and at most half the sampling rate, which is the default.
    noise_temperature_k : float
        T_n of the amplifier, K, >= 0; the port's own noise of ``nbar + 1/2`` comes to it.

    Examples
    --------
    >>> Receiver("out", sampling_rate_hz=50e6, noise_temperature_k=4.0).bandwidth
    25000000.0
    >>> Receiver("out", sampling_rate_hz=50e6, bandwidth_hz=40e6)
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: receiver.bandwidth_hz = 40000000.0: must be at most ...
    """

    port: str
    sampling_rate_hz: float
    bandwidth_hz: float | None = None
    noise_temperature_k: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.port, str) or not self.port:
            raise InputError("receiver.port", self.port, "must be the name of a port")
        for field, exclusive in (("sampling_rate_hz", True), ("noise_temperature_k", False)):
            value = getattr(self, field)
            number = finite_number(f"receiver.{field}", value, least=0.0, exclusive=exclusive)
            object.__setattr__(self, field, number)
        if self.bandwidth_hz is None:
            return
        field = "receiver.bandwidth_hz"
        number = finite_number(field, self.bandwidth_hz, least=0.0, exclusive=True)
        if number > 0.5 * self.sampling_rate_hz:
            half = f"{0.5 * self.sampling_rate_hz:.6g}"
            raise InputError(field, number, f"must be at most half the sampling rate, {half}")
        object.__setattr__(self, "bandwidth_hz", number)

    @property
    def bandwidth(self) -> float:
        """B, given or not, Hz."""
        return 0.5 * self.sampling_rate_hz if self.bandwidth_hz is None else self.bandwidth_hz

    @property
    def names(self) -> tuple[str, str, str]:
        """What its record holds: I, Q and the power, of its port."""
        in_phase, quadrature = (f"{name}{OF}{self.port}" for name in FIELDS)
        return in_phase, quadrature, f"{POWER}{OF}{self.port}"

    def rate_at(self, resonator: Resonator | None) -> float:
        """Rate of its port, 1/s; refused where the resonator has none of that name."""
        if resonator is None or not resonator.ports:
            raise InputError("receiver.port", self.port, "the model has no resonator with ports")
        known_name("receiver.port", self.port, list(resonator.rates))
        return resonator.rates[self.port]

    def edges(self, times: Array) -> Array:
        """Ends of the intervals that samples are means over, from the first time to the last.

        >>> Receiver("out", sampling_rate_hz=2.0).edges(np.array([1.0, 1.6, 2.3]))
        array([1. , 1.5, 2. ])
        """
        span, field = float(times[-1] - times[0]), "receiver.sampling_rate_hz"
        # a span of whole samples may fall short of the last by rounding
        count = int(span * self.sampling_rate_hz * (1.0 + 1e-12))
        if count > MOST_SAMPLES:
            text = f"makes {count:.3g} samples of a run; there may be {MOST_SAMPLES:,}"
            raise InputError(field, self.sampling_rate_hz, text)
        needed = self.response.size
        if count < needed:
            text = f"makes {count} samples between the output times"
            if needed == 1:
                raise InputError(field, self.sampling_rate_hz, f"{text}; there must be 1")
            raise InputError(
                "receiver.bandwidth_hz", self.bandwidth, f"needs {needed} samples, {text[6:]} are"
            )
        return np.asarray(times[0] + np.arange(count + 1) / self.sampling_rate_hz)

    @property
    def response(self) -> Array:
        """Weights of a sample's neighbours, an odd number: their sum is 1, of their squares 2B/f.

        >>> Receiver("out", sampling_rate_hz=10.0, bandwidth_hz=5.0).response
        array([1.])
        """
        share = 2.0 * self.bandwidth / self.sampling_rate_hz
        if share >= 1.0:
            return np.ones(1)
        widest = 1.0 + 1.0 / (2.0 * np.sqrt(np.pi) * share)
        if widest * REACH > MOST_SAMPLES:
            least = f"{REACH * self.sampling_rate_hz / MOST_SAMPLES:.2g}"
            raise InputError(
                "receiver.bandwidth_hz", self.bandwidth, f"must be at least {least} at this rate"
            )
        neighbour = np.arange(-np.ceil(REACH * widest), np.ceil(REACH * widest) + 1.0)

        def weights(width: float) -> Array:
            found = np.exp(-0.5 * (neighbour / width) ** 2)
            return np.asarray(found / found.sum())

        width = float(
            scipy.optimize.brentq(
                lambda one: (weights(one) ** 2).sum() - share, 1e-2, widest, xtol=1e-12
            )
        )
        found = weights(width)
        kept = found[np.abs(neighbour) <= np.ceil(REACH * width)]
        return np.asarray(kept / kept.sum())
