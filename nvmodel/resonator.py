r"""Battery and charger at one resonator: the model behind the shared reservoir.

.. math:: H/\hbar = \sum_k D_k\tfrac{\sigma^z_k}{2} + D_c a^\dagger a
          + \sum_k g_k(a^\dagger\sigma^-_k+\sigma^+_k a) + \eta(t)(a^\dagger+a)

in the frame of the drive (of the resonator without one), with the field's energy lost at kappa to
surroundings with nbar thermal photons (Tavis and Cummings 1968).
"""

import math
import warnings
from dataclasses import dataclass
from typing import ClassVar, TypeGuard

import scipy

from darkbattery.nvmodel.battery import MOST_NBAR, CollectiveBattery, thermal_occupation
from darkbattery.nvmodel.display import model_html, model_text
from darkbattery.nvmodel.ensemble import SpinEnsemble
from darkbattery.nvmodel.held import Held, given
from darkbattery.nvmodel.protocol import Protocol, Stage, checked_protocol
from darkbattery.nvmodel.pulse import Drive
from darkbattery.nvmodel.refusal import InputError, finite_number, number_between


class ApproximationWarning(UserWarning):
    """An approximation was asked for whose estimated error is not small."""


# below this estimated error a resonator is eliminated without a word
SMALL_ELIMINATION_ERROR = 0.01


@dataclass(frozen=True)
class Resonator:
    """One mode and its surroundings.

    Parameters
    ----------
    frequency_hz : float
        Frequency, Hz, > 0.
    linewidth_fwhm_hz, linewidth_hwhm_hz : float
        Full or half width at half maximum of the power spectrum, Hz; give one of the two. The
        energy decays at kappa = 2 pi FWHM.
    temperature_k : float
        Temperature of the surroundings, K.

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

    def __post_init__(self) -> None:
        assign = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        frequency = finite_number("frequency_hz", self.frequency_hz, least=0.0, exclusive=True)
        assign("frequency_hz", frequency)
        names = ("linewidth_fwhm_hz", "linewidth_hwhm_hz")
        widths = given(self.linewidth_fwhm_hz, self.linewidth_hwhm_hz)
        if (widths[0] is None) == (widths[1] is None):
            raise InputError(", ".join(names), widths, "give exactly one of the two")
        for name, width in zip(names, widths, strict=True):
            kept = None if width is None else Held(finite_number(name, width, least=0.0))
            assign(name, kept)
        assign("temperature_k", finite_number("temperature_k", self.temperature_k, least=0.0))
        hottest = MOST_NBAR * scipy.constants.h * frequency / scipy.constants.k
        if self.temperature_k > hottest:
            raise InputError("temperature_k", self.temperature_k, f"must be at most {hottest:g}")

    def __repr__(self) -> str:
        return model_text(self)

    @property
    def kappa(self) -> float:
        """Decay rate of the field's energy, rad/s."""
        if self.linewidth_fwhm_hz is not None:
            return 2.0 * math.pi * self.linewidth_fwhm_hz
        assert self.linewidth_hwhm_hz is not None
        return 4.0 * math.pi * self.linewidth_hwhm_hz

    @property
    def nbar(self) -> float:
        """Mean thermal photon number."""
        if self.temperature_k == 0.0:
            return 0.0
        return thermal_occupation(
            scipy.constants.k * self.temperature_k / (scipy.constants.h * self.frequency_hz)
        )


@dataclass(frozen=True)
class EliminationError:
    r"""Estimated relative errors of replacing the resonator by a shared reservoir, by cause.

    Attributes
    ----------
    memory : float
        The resonator responds within 2/kappa, the spins act within 1/lambda: relative error of
        the linear growth rate (of the fastest collective rate where nothing grows).
    broadening, decoherence, relaxation : float
        What the reservoir leaves out: line width, 1/T2 and 1/T1 over the collective rate.
    detuning : float
        Detunings of the ensembles from the resonator over kappa/2.
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


@dataclass(frozen=True)
class ResonatorBattery:
    r"""Battery and charger ensembles at one resonator.

    Parameters
    ----------
    charger : SpinEnsemble
        Starts up, with <sigma_z> = +p.
    resonator : Resonator
        Starts in equilibrium with its surroundings.
    battery : SpinEnsemble, optional
        Starts down, with <sigma_z> = -p. None: the charger alone, for bursts and masers.
    battery_detuning_hz, charger_detuning_hz : float
        Centres of the lines minus the resonator's frequency, Hz.
    drive : Drive, optional
        A coherent field sent into the resonator; in a protocol they stand in its stages.
    protocol : sequence of Stage and Pulse
        What happens when, in s and rad/s; empty: one stage that lasts for ever. Before the first
        stage the detunings are the model's. Outputs at the very time of a pulse or of a new stage
        are read after it.

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

    reservoir: ClassVar[None] = None  # the spins share the resonator
    burst_rate: ClassVar[None] = None  # `meanfield.growth_rate` says

    def __post_init__(self) -> None:
        _of_type("charger", self.charger, SpinEnsemble)
        _of_type("resonator", self.resonator, Resonator)
        if self.battery is not None:
            _of_type("battery", self.battery, SpinEnsemble)
        if self.drive is not None:
            _of_type("drive", self.drive, Drive)
        for name in ("battery_detuning_hz", "charger_detuning_hz"):
            value = number_between(name, getattr(self, name), -1e15, 1e15)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "protocol", checked_protocol(self.protocol))
        if self.protocol and self.drive is not None:
            text = "must be None with a protocol: its stages have drives"
            raise InputError("drive", self.drive, text)

    def __repr__(self) -> str:
        return model_text(self)

    @property
    def time_unit(self) -> str:
        """Unit of times: seconds."""
        return "s"

    def _repr_html_(self) -> str:
        # what a notebook shows
        kappa = self.resonator.kappa
        return model_html(self, [("kappa (rad/s)", kappa), ("thermal photons", self.nbar)])

    @property
    def nbar(self) -> float:
        """Mean thermal photon number of the resonator's surroundings."""
        return self.resonator.nbar

    @property
    def stages(self) -> Protocol:
        """The protocol, one endless stage where none was given."""
        return self.protocol or (Stage(math.inf),)

    @property
    def detunings(self) -> tuple[float, float]:
        """Of the lines of battery and charger before the first stage, rad/s."""
        return (
            2.0 * math.pi * self.battery_detuning_hz,
            2.0 * math.pi * self.charger_detuning_hz,
        )

    @property
    def ensembles(self) -> tuple[SpinEnsemble, ...]:
        """Battery, where there is one, and charger."""
        return (self.charger,) if self.battery is None else (self.battery, self.charger)

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of spins of battery and charger."""
        return 0 if self.battery is None else self.battery.number, self.charger.number

    @property
    def ratio(self) -> float:
        """N_C/N_B; infinity without a battery."""
        return math.inf if self.battery is None else self.charger.number / self.battery.number

    @property
    def collective_rate(self) -> float:
        """(N_B + N_C) 4 g^2/kappa, with the charger's g; infinity where nothing is lost."""
        kappa = self.resonator.kappa
        return sum(self.sizes) * (4.0 * self.charger.coupling**2 / kappa if kappa else math.inf)

    @property
    def equation(self) -> str:
        """The Hamiltonian without a drive, in LaTeX."""
        return (
            r"H/\hbar = \sum_k D_k\tfrac{\sigma^z_k}{2} + D_c a^\dagger a"
            r" + \sum_k g_k(a^\dagger\sigma^-_k+\sigma^+_k a)"
        )

    @property
    def symbols(self) -> str:
        """The equation's symbols in words."""
        return (
            "Spins k of battery and charger at one resonator mode a, whose energy decays at κ "
            "(Tavis and Cummings 1968)."
        )

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
            coupling=unequal + battery.coupling_spread + charger.coupling_spread,
            polarisation=1.0 - min(battery.polarisation, charger.polarisation),
        )

    def eliminate_resonator(self, tolerance: float | None = None) -> CollectiveBattery:
        r"""The shared reservoir that a fast resonator is, with gamma = 4 g^2/kappa.

        Valid where the field follows the spins: collective rate, line width, 1/T1 and 1/T2 all
        far below kappa and below the collective rate (bad-cavity limit; Bonifacio, Schwendimann
        and Haake 1971).

        Parameters
        ----------
        tolerance : float, optional
            Largest estimated relative error to accept. Default: 0.01. An error above 0.01 that is
            accepted is told by an `ApproximationWarning`.

        Returns
        -------
        CollectiveBattery
            With gamma in 1/s, so that times are in seconds.

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
        return CollectiveBattery(
            n_battery=self.battery.number,
            n_charger=self.charger.number,
            nbar=self.nbar,
            gamma=4.0 * self.charger.coupling**2 / self.resonator.kappa,
        )


def of_the_reservoir(model: object) -> CollectiveBattery:
    """Return `model` if it is a CollectiveBattery; otherwise say where to go with it.

    >>> of_the_reservoir(CollectiveBattery(n_battery=1, n_charger=2)).n_charger
    2
    """
    if isinstance(model, CollectiveBattery):
        return model
    if getattr(model, "resonator", None) is not None:
        raise InputError(
            "battery",
            model,
            "has a resonator: evolve, sample, steady_state take it; here eliminate_resonator()",
        )
    raise InputError("battery", model, "must be a CollectiveBattery")


def at_resonator(model: object) -> TypeGuard[ResonatorBattery]:
    """Whether `model` is a ResonatorBattery: what an entry asks of whatever it is handed.

    >>> at_resonator(CollectiveBattery(n_battery=1, n_charger=2))
    False
    """
    return isinstance(model, ResonatorBattery)


def of_a_resonator(model: object) -> ResonatorBattery:
    """Return `model` if it is a ResonatorBattery; refuse it otherwise.

    >>> of_a_resonator(CollectiveBattery(n_battery=1, n_charger=2))
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: model = CollectiveBattery(...): must be a ...
    """
    if at_resonator(model):
        return model
    raise InputError("model", model, "must be a ResonatorBattery")


def _of_type(field: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise InputError(field, value, f"must be a {kind.__name__}")
