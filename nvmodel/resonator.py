r"""Battery and charger at one resonator: the model behind the shared reservoir.

.. math:: H/\hbar = \sum_k D_k\tfrac{\sigma^z_k}{2} + D_c a^\dagger a
          + \sum_k g_k(a^\dagger\sigma^-_k+\sigma^+_k a) + \eta(t)(a^\dagger+a)

in the frame of the drive (of the resonator without one), with the field's energy lost at
:math:`\kappa` to surroundings with :math:`\bar n` thermal photons (Tavis and Cummings 1968).
"""

import math
import warnings
from dataclasses import dataclass, replace

from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.detector import Detector
from darkbattery.nvmodel.display import model_html
from darkbattery.nvmodel.ensemble import SpinEnsemble
from darkbattery.nvmodel.experiment import Experiment, ShortForm
from darkbattery.nvmodel.fields import Resonator
from darkbattery.nvmodel.protocol import Protocol, checked_protocol
from darkbattery.nvmodel.pulse import Drive
from darkbattery.nvmodel.refusal import InputError, finite_number, number_between
from darkbattery.nvmodel.spins import of_type


class ApproximationWarning(UserWarning):
    """An approximation was asked for whose estimated error is not small."""


# below this estimated error a resonator is eliminated without a word
SMALL_ELIMINATION_ERROR = 0.01


@dataclass(frozen=True)
class EliminationError:
    r"""Estimated relative errors of replacing the resonator by a shared reservoir, by cause.

    Attributes
    ----------
    memory : float
        The resonator responds within :math:`2/\kappa`, the spins act within :math:`1/\lambda`:
        relative error of the linear growth rate (of the fastest collective rate where nothing
        grows).
    broadening, decoherence, relaxation : float
        What the reservoir leaves out: line width, :math:`1/T_2` and :math:`1/T_1` over the
        collective rate.
    detuning : float
        Detunings of the ensembles from the resonator over :math:`\kappa/2`.
    coupling : float
        Spread of the couplings, and their relative difference between the ensembles.
    polarisation : float
        Largest 1 - p: the reservoir's battery starts fully polarised.
    """

    memory: float
    broadening: float
    decoherence: float
    relaxation: float
    detuning: float
    coupling: float
    polarisation: float

    @property
    def total(self) -> float:
        """Sum of all."""
        return sum(vars(self).values())

    @property
    def cause(self) -> str:
        """Name of the largest."""
        return max(vars(self), key=lambda name: vars(self)[name])


@dataclass(frozen=True, repr=False)
class ResonatorBattery(ShortForm):
    r"""Battery and charger ensembles at one resonator.

    Parameters
    ----------
    charger : SpinEnsemble
        Starts up, with :math:`\langle\sigma_z\rangle=+p`.
    resonator : Resonator
        Starts in equilibrium with its surroundings.
    battery : SpinEnsemble, optional
        Starts down, with :math:`\langle\sigma_z\rangle=-p`. None: the charger alone, for bursts and
        masers.
    battery_detuning_hz, charger_detuning_hz : float
        Centres of the lines minus the resonator's frequency, Hz.
    drive : Drive, optional
        A coherent field sent into the resonator; in a protocol they stand in its stages.
    protocol : sequence of Stage and Pulse
        What happens when, in s and rad/s; empty: one stage that lasts for ever. Before the first
        stage the detunings are the model's. Outputs at the very time of a pulse or of a new stage
        are read after it.
    detector : Detector, optional
        What looks at the light that leaves, or at that of one of the resonator's ports; by default
        every photon is counted. Averages do not depend on it.

    Examples
    --------
    >>> cavity = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=10e6)
    >>> spins = dict(coupling=2.0)
    >>> model = ResonatorBattery(
    ...     battery=SpinEnsemble(number=10**6, **spins),
    ...     charger=SpinEnsemble(number=5 * 10**6, **spins),
    ...     resonator=cavity,
    ... )
    >>> battery = model.eliminate_resonator()
    >>> print(battery.n_charger, f"{battery.gamma:.4g}")
    5000000 2.546e-07
    """

    charger: SpinEnsemble
    resonator: Resonator
    battery: SpinEnsemble | None = None
    battery_detuning_hz: float = 0.0
    charger_detuning_hz: float = 0.0
    drive: Drive | None = None
    protocol: Protocol = ()
    detector: Detector | None = None

    def __post_init__(self) -> None:
        of_type("charger", self.charger, SpinEnsemble)
        of_type("resonator", self.resonator, Resonator)
        if self.battery is not None:
            of_type("battery", self.battery, SpinEnsemble)
        if self.drive is not None:
            of_type("drive", self.drive, Drive)
        for name in ("battery_detuning_hz", "charger_detuning_hz"):
            value = number_between(name, getattr(self, name), -1e15, 1e15)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "protocol", checked_protocol(self.protocol))
        if self.protocol and self.drive is not None:
            text = "must be None with a protocol: its stages have drives"
            raise InputError("drive", self.drive, text)
        nbar, battery = self.resonator.nbar, self.battery
        down = None if battery is None else battery.spins("down", self.battery_detuning_hz, nbar)
        up = self.charger.spins("up", self.charger_detuning_hz, nbar)
        done = self.protocol, self.drive
        self.stand_for(Experiment(down, up, self.resonator, *done, detector=self.detector))

    def _repr_html_(self) -> str:
        # what a notebook shows
        kappa = self.resonator.kappa
        return model_html(self, [("kappa (rad/s)", kappa), ("thermal photons", self.nbar)])

    def elimination_error(self) -> EliminationError:
        """Estimated errors of `eliminate_resonator`; refused without a battery or a linewidth."""
        battery, charger, kappa = self.battery, self.charger, self.resonator.kappa
        if battery is None:
            raise InputError("battery", None, "must be an ensemble: CollectiveBattery has both")
        if kappa == 0.0:
            raise InputError("linewidth_fwhm_hz", 0.0, "must be > 0: nothing leaves the resonator")
        strength = [spins.coupling**2 * spins.number for spins in (battery, charger)]
        net = charger.polarisation * strength[1] - battery.polarisation * strength[0]
        # without net inversion the fastest process is the decay of a bright state of all spins
        fast = net if net > 0.0 else sum(strength)
        slow_resonator = 2.0 * fast / kappa
        # (lambda + kappa/2) lambda = g^2 N_net
        growth = 4.0 * fast / (kappa + math.sqrt(kappa * kappa + 16.0 * fast))
        widths = [spins.half_width for spins in (battery, charger)]
        detunings = (self.battery_detuning_hz, self.charger_detuning_hz)
        rates = [spins.relaxation_rate for spins in (battery, charger)]
        decoherence = [spins.decoherence_rate for spins in (battery, charger)]
        unequal = abs(battery.coupling - charger.coupling) / charger.coupling
        return EliminationError(
            memory=slow_resonator / growth - 1.0,
            broadening=max(widths) / growth,
            decoherence=max(decoherence) / growth,
            relaxation=max(rates) / growth,
            detuning=4.0 * math.pi * max(map(abs, detunings)) / kappa
            + 2.0 * math.pi * abs(detunings[1] - detunings[0]) / growth,
            coupling=unequal + battery.spread + charger.spread,
            polarisation=1.0 - min(battery.polarisation, charger.polarisation),
        )

    def eliminate_resonator(self, tolerance: float | None = None) -> CollectiveBattery:
        r"""The shared reservoir that a fast resonator is, with :math:`\gamma=4g^2/\kappa`.

        Valid where the field follows the spins: collective rate, line width, :math:`1/T_1` and
        :math:`1/T_2` all far below :math:`\kappa` and below the collective rate (bad-cavity limit;
        Bonifacio, Schwendimann and Haake 1971).

        Parameters
        ----------
        tolerance : float, optional
            Largest estimated relative error to accept. Default: 0.01. An error above 0.01 that is
            accepted is told by an `ApproximationWarning`.

        Returns
        -------
        CollectiveBattery
            With :math:`\gamma` in 1/s, so that times are in seconds; its detector sees as much.

        Raises
        ------
        InputError
            Where the estimate exceeds the tolerance; names the largest cause. Also with a drive
            or a protocol.
        """
        if self.drive is not None:
            raise InputError("drive", self.drive, "must be None: a shared reservoir is not driven")
        if self.protocol:
            raise InputError("protocol", self.protocol, "must be (): eliminate one stage by itself")
        error = self.elimination_error()
        allowed = SMALL_ELIMINATION_ERROR if tolerance is None else tolerance
        finite_number("tolerance", allowed, least=0.0)
        reason = f"estimated relative error {error.total:.2g}, most of it from {error.cause}"
        if error.total > allowed:
            raise InputError(
                "tolerance", tolerance, f"the resonator cannot be eliminated: {reason}"
            )
        if error.total > SMALL_ELIMINATION_ERROR:
            warnings.warn(f"resonator eliminated: {reason}", ApproximationWarning, stacklevel=2)
        assert self.battery is not None
        detector = self.experiment.detector
        if detector is not None:
            # the field that follows J^- is behind it by a quarter of a period
            phase = math.remainder(detector.phase + 0.5 * math.pi, 2.0 * math.pi)
            detector = replace(detector, phase=phase)
        return CollectiveBattery(
            n_battery=self.battery.number,
            n_charger=self.charger.number,
            nbar=self.nbar,
            gamma=4.0 * self.charger.coupling**2 / self.resonator.kappa,
            detector_efficiency=self.experiment.detector_efficiency,
            detector=detector,
        )


def of_a_resonator(model: object) -> ResonatorBattery:
    """Return `model` if it is a ResonatorBattery; refuse it otherwise.

    >>> of_a_resonator(CollectiveBattery(n_battery=1, n_charger=2))
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: model = CollectiveBattery(...): must be a ...
    """
    if isinstance(model, ResonatorBattery):
        return model
    raise InputError("model", model, "must be a ResonatorBattery")
