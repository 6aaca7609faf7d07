"""What looks at the emitted light: photon counting, or a record that diffuses."""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from darkbattery.nvmodel.fields import Resonator
from darkbattery.nvmodel.refusal import InputError, known_name, number_between

DetectorKind = Literal["photons", "homodyne", "heterodyne"]
KINDS: tuple[DetectorKind, ...] = get_args(DetectorKind)
DIFFUSIVE = KINDS[1:]
"""Whose records diffuse."""


@dataclass(frozen=True)
class Detector:
    r"""How the emitted light is looked at; single runs are conditioned on its record.

    With :math:`c=\sqrt\gamma J^-`, at a resonator :math:`\sqrt\kappa\,a`, a homodyne detector
    records :math:`dY=\sqrt\eta\,\langle ce^{-i\varphi}+c^\dagger e^{i\varphi}\rangle dt+dW`, a
    heterodyne one both quadratures, :math:`dZ=\sqrt\eta\,\langle c\rangle e^{-i\varphi}dt+dW`
    with W complex and :math:`E|dW|^2=dt` (Wiseman and Milburn 2010, chapter 4). Averages over runs
    do not depend on it.

    Parameters
    ----------
    kind : "photons", "homodyne" or "heterodyne"
    phase : float
        :math:`\varphi` of the local oscillator, in radians, :math:`-2\pi` to :math:`2\pi`. Starts
        have no phase, so it turns amplitudes and changes no energy.
    efficiency : float
        :math:`\eta`, above 0, at most 1.
    port : str, optional
        Of a resonator: the light of this port is watched, :math:`\kappa_i/\kappa` of all that
        leaves, which counts as efficiency; by default all of it, what is lost inside too.

    Raises
    ------
    InputError
        For anything else, and for a phase where photons are counted.

    Examples
    --------
    >>> Detector("homodyne", efficiency=0.4)
    Detector(kind='homodyne', phase=0.0, efficiency=0.4, port=None)
    >>> Detector("photons", phase=1.0)
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: detector.phase = 1.0: must be 0 where photons are ...
    """

    kind: DetectorKind = "photons"
    phase: float = 0.0
    efficiency: float = 1.0
    port: str | None = None

    def __post_init__(self) -> None:
        known_name("detector.kind", self.kind, KINDS)
        phase = number_between("detector.phase", self.phase, -2.0 * math.pi, 2.0 * math.pi)
        efficiency = number_between("detector.efficiency", self.efficiency, 0.0, 1.0)
        if efficiency == 0.0:
            raise InputError("detector.efficiency", efficiency, "must be above 0, at most 1")
        if self.port is not None and not isinstance(self.port, str):
            raise InputError("detector.port", self.port, "must be the name of a port")
        if phase != 0.0 and self.kind == "photons":
            raise InputError("detector.phase", phase, "must be 0 where photons are counted")
        object.__setattr__(self, "phase", phase)
        object.__setattr__(self, "efficiency", efficiency)


def diffusive(
    detector: object, efficiency: object, resonator: Resonator | None = None
) -> tuple[Detector | None, float]:
    """The detector where its record diffuses, else None; and the efficiency, given once.

    A photon counter is its efficiency alone, so that both ways to write one are the same model; a
    port is the share of the light that it lets out.

    >>> diffusive(Detector("photons", efficiency=0.5), 1.0)
    (None, 0.5)
    >>> diffusive(Detector("homodyne"), 0.5)
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: detector_efficiency = 0.5: give it in the detector ...
    """
    number = number_between("detector_efficiency", efficiency, 0.0, 1.0)
    if detector is None:
        return None, number
    if not isinstance(detector, Detector):
        raise InputError("detector", detector, "must be a Detector")
    if number not in (1.0, detector.efficiency):
        raise InputError("detector_efficiency", number, "give it in the detector alone")
    if detector.port is not None:
        share = _share_of(detector.port, resonator)
        detector = replace(detector, port=None, efficiency=share * detector.efficiency)
    return (None if detector.kind == "photons" else detector), detector.efficiency


def _share_of(port: str, resonator: Resonator | None) -> float:
    """Of all the light that leaves the resonator."""
    rates = {} if resonator is None else resonator.rates
    if resonator is None or not rates:
        raise InputError("detector.port", port, "must be None: there is no resonator with ports")
    return min(1.0, rates[known_name("detector.port", port, list(rates))] / resonator.kappa)
