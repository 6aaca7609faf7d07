r"""Which moments are kept, how they are scaled and packed.

The spins are divided into M classes k of N_k equal spins. Kept are, with N = sum N_k,

* the photon number :math:`n=\langle a^\dagger a\rangle`, as n/N,
* the inversions :math:`z_k=\langle\sigma^z_k\rangle`,
* :math:`A_k=\langle a^\dagger\sigma^-_k\rangle`, as A_k/sqrt(N),
* :math:`C_{kl}=\langle\sigma^+_k\sigma^-_l\rangle` of distinct spins, Hermitian, for k <= l,

so that with :math:`G_k=g_k\sqrt N` nothing in the equations grows with N. Two integrals ride along:
of n/N (what leaves the resonator) and of the excitations supplied by T1 and by the drive.
"""

import math
from dataclasses import dataclass, fields, replace
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.classes.division import divide
from darkbattery.nvmodel.battery import CollectiveBattery, without_idle_switching
from darkbattery.nvmodel.ensemble import SpinEnsemble
from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.preparation import DickeState, Polarised, Preparation
from darkbattery.nvmodel.protocol import total_duration
from darkbattery.nvmodel.pulse import Drive
from darkbattery.nvmodel.readonly import own_read_only
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.resonator import ResonatorBattery

Array = NDArray[np.float64]

BATTERY, CHARGER = 0, 1


@dataclass(frozen=True, eq=False)
class System:
    r"""A model divided into classes: all that the engine's equations need.

    Attributes
    ----------
    number, coupling, detuning, decoherence, relaxation, supply, start : ndarray (M,)
        N_k; g_k (rad/s); D_k (rad/s, in the drive's frame); Gamma_k = 1/T2 (rad/s); 1/T1 (1/s);
        1/T1 times the equilibrium <sigma_z> (1/s); <sigma_z> at the start.
    ensemble : ndarray (M,)
        BATTERY or CHARGER.
    kappa, nbar, field_detuning : float
        Energy decay rate (rad/s), thermal photons, D_c (rad/s, in the drive's frame).
    eliminated : bool
        Whether the field follows the spins at once: its equations become algebraic.
    drive : Drive or None
    frequency : float or None
        Transition frequency, rad/s, where known.

    Its arrays are copies of those it is given, and cannot be written into.
    """

    number: Array
    coupling: Array
    detuning: Array
    decoherence: Array
    relaxation: Array
    supply: Array
    start: Array
    ensemble: NDArray[np.int64]
    kappa: float
    nbar: float
    field_detuning: float
    eliminated: bool
    drive: Drive | None
    frequency: float | None

    def __post_init__(self) -> None:
        # a System keys what is remembered of it: whoever changes the arrays he gave, or these,
        # would be answered from the old ones
        for field in fields(self):
            if isinstance(value := getattr(self, field.name), np.ndarray):
                object.__setattr__(self, field.name, own_read_only(value))

    @property
    def ensembles(self) -> tuple[()]:
        """None that could be divided further: it has its classes."""
        return ()

    @property
    def total(self) -> float:
        """N, all spins."""
        return float(self.number.sum())

    @property
    def share(self) -> Array:
        """f_k = N_k/N."""
        return self.number / self.total

    @property
    def scaled_coupling(self) -> Array:
        """G_k = g_k sqrt(N), rad/s."""
        return self.coupling * np.sqrt(self.total)

    def of(self, ensemble: int) -> Array:
        """Weights that average over the classes of one ensemble; all 0 if it has none."""
        weight = np.where(self.ensemble == ensemble, self.number, 0.0)
        return weight / max(weight.sum(), 1.0)

    def size(self, ensemble: int) -> float:
        """Number of spins of one ensemble."""
        return float(self.number[self.ensemble == ensemble].sum())

    def without_resonator(self) -> "System":
        """The same with the field eliminated, whether or not that is valid."""
        return replace(self, eliminated=True)


@singledispatch
def system_of(model: object, classes: int) -> System:
    """Divide a model into classes: at most `classes` in each ensemble.

    >>> system = system_of(CollectiveBattery(n_battery=2, n_charger=10), 1)
    >>> print(system.number, system.start, 4 * system.coupling**2 / system.kappa)
    [ 2. 10.] [-1.  1.] [1. 1.]
    """
    raise _no_model(model)


def _no_model(model: object) -> InputError:
    return InputError("model", model, "must be a CollectiveBattery or a ResonatorBattery")


@system_of.register
def _(model: CollectiveBattery, classes: int) -> System:
    if total_duration(model.stages) < math.inf:
        raise InputError("protocol", model.protocol, "not in the semiclassical engine")
    model = without_idle_switching(model)
    for field in model.beyond_collective:
        start = getattr(model, field)
        if not (field in ("battery_start", "charger_start") and _independent_spins(start)):
            raise InputError(field, start, "not in the semiclassical engine")
    ones, zeros = np.ones(2), np.zeros(2)
    return System(
        number=np.array([model.n_battery, model.n_charger], dtype=float),
        coupling=ones,
        detuning=zeros,
        decoherence=zeros,
        relaxation=zeros,
        supply=zeros,
        start=np.array(
            [
                _mean_inversion(model.battery_preparation, model.n_battery),
                _mean_inversion(model.charger_preparation, model.n_charger),
            ]
        ),
        ensemble=np.array([BATTERY, CHARGER]),
        kappa=4.0 / model.gamma,
        nbar=model.occupation,
        field_detuning=0.0,
        eliminated=True,
        drive=None,
        frequency=None,
    )


def _independent_spins(start: object) -> bool:
    return isinstance(start, Polarised) or start in ("down", "up", "thermal")


def _mean_inversion(start: Preparation, spins: int) -> float:
    if isinstance(start, DickeState):
        return 2.0 * start.excitations / spins - 1.0
    return 2.0 * start.up - 1.0


@system_of.register
def _(model: ResonatorBattery, classes: int) -> System:
    if model.protocol:
        raise InputError("protocol", model.protocol, "not in the semiclassical engine")
    frame = 0.0 if model.drive is None else model.drive.detuning_hz
    width, parts = bandwidth(model), []
    for spins, shift, ensemble in (
        (model.battery, model.battery_detuning_hz, BATTERY),
        (model.charger, model.charger_detuning_hz, CHARGER),
    ):
        if spins is not None:
            centre = 2.0 * np.pi * (shift - frame)
            parts.append(_classes_of(spins, classes, width, centre, ensemble, model.nbar))
    number, coupling, detuning, decoherence, relaxation, supply, start, ensemble = np.concatenate(
        parts, axis=1
    )
    return System(
        number=number,
        coupling=coupling,
        detuning=detuning,
        decoherence=decoherence,
        relaxation=relaxation,
        supply=supply,
        start=start,
        ensemble=ensemble.astype(np.int64),
        kappa=model.resonator.kappa,
        nbar=model.nbar,
        field_detuning=-2.0 * np.pi * frame,
        eliminated=False,
        drive=model.drive,
        frequency=2.0 * np.pi * model.resonator.frequency_hz,
    )


def bandwidth(model: ResonatorBattery) -> float:
    r"""Detunings that matter, rad/s: :math:`\sqrt{\sum g^2N}+\kappa/2`, and shifts and 1/T2.

    With a drive also its detuning, and how fast its steady field turns the spins.

    >>> from darkbattery.nvmodel import Resonator
    >>> spins = SpinEnsemble(number=100, coupling=2.0)
    >>> print(bandwidth(ResonatorBattery(spins, Resonator(1.0, linewidth_fwhm_hz=1.0 / np.pi))))
    21.0
    """
    ensembles = model.ensembles
    collective = math.hypot(*(spins.collective_coupling for spins in ensembles))
    local = max(spins.decoherence_rate for spins in ensembles)
    shift = 2.0 * np.pi * (abs(model.battery_detuning_hz) + abs(model.charger_detuning_hz))
    width = collective + 0.5 * model.resonator.kappa + local + shift
    if model.drive is not None:
        turn = max(spins.coupling for spins in ensembles) * 4.0 * abs(model.drive.amplitude)
        width += 2.0 * np.pi * abs(model.drive.detuning_hz) + turn / max(
            model.resonator.kappa, collective
        )
    return float(width)


def is_broadened(model: Experiment | System) -> bool:
    """Whether more classes could change the answer.

    >>> is_broadened(CollectiveBattery(n_battery=2, n_charger=10))
    False
    """
    if not hasattr(model, "ensembles"):
        raise _no_model(model)
    return any(_is_broad(spins) for spins in model.ensembles)


def largest_count(model: Experiment | System) -> int:
    """Most classes that an ensemble can be divided into: as many as the smaller one has spins.

    >>> largest_count(CollectiveBattery(n_battery=2, n_charger=10))
    1
    """
    return min((spins.number for spins in model.ensembles if _is_broad(spins)), default=1)


def _is_broad(spins: SpinEnsemble) -> bool:
    return spins.line is not None or spins.coupling_spread > 0.0


def _classes_of(
    spins: SpinEnsemble, classes: int, bandwidth: float, centre: float, ensemble: int, nbar: float
) -> Array:
    """The rows of `System`, number to ensemble, for one ensemble around `centre`, rad/s."""
    found = divide(spins, classes, bandwidth)
    if found.weights.size > spins.number:
        allowed = f"must be at most the number of spins, {spins.number}"
        raise InputError("classes", classes, allowed)
    equilibrium = spins.equilibrium
    if equilibrium is None:
        equilibrium = -1.0 / (2.0 * nbar + 1.0)
    start = spins.polarisation if ensemble == CHARGER else -spins.polarisation
    same = np.ones(found.weights.size)
    return np.array(
        [
            found.weights * spins.number,
            found.couplings * spins.coupling,
            found.detunings + centre,
            same * spins.decoherence_rate,
            same * spins.relaxation_rate,
            same * spins.relaxation_rate * equilibrium,
            same * start,
            same * ensemble,
        ]
    )
