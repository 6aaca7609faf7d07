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
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.classes.division import divide
from darkbattery.nvmodel.experiment import (
    Experiment,
    Model,
    experiment_of,
    of_the_reservoir,
    without_idle_switching,
)
from darkbattery.nvmodel.preparation import Polarised
from darkbattery.nvmodel.protocol import (
    Protocol,
    courses,
    drives_of,
    sends_fields,
    total_duration,
    turns_partly,
)
from darkbattery.nvmodel.pulse import Drive
from darkbattery.nvmodel.readonly import own_read_only
from darkbattery.nvmodel.refusal import InputError, whole_number
from darkbattery.nvmodel.spins import LocalNoise, Spins

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
    protocol : Protocol
        What is switched; empty for one stage without end. See `meanfield.classes.legs`.
    own_detunings : pair of float
        Of battery and charger, where `detuning` has their lines, rad/s.
    refill : pair of float
        T_r of battery and charger, s; infinity where holes stay.
    ports : tuple of (str, float)
        Each port's name and rate, rad/s.

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
    protocol: Protocol = ()
    own_detunings: tuple[float, float] = (0.0, 0.0)
    refill: tuple[float, float] = (math.inf, math.inf)
    ports: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        # a System keys what is remembered of it: whoever changes the arrays he gave, or these,
        # would be answered from the old ones
        for field in fields(self):
            if isinstance(value := getattr(self, field.name), np.ndarray):
                object.__setattr__(self, field.name, own_read_only(value))

    @property
    def driven(self) -> bool:
        """Whether a field is sent in at any time."""
        return self.drive is not None or sends_fields(self.protocol)

    @property
    def relative_linewidth(self) -> float:
        """kappa over g sqrt N; infinity where the field follows at once."""
        if self.eliminated:
            return math.inf
        return self.kappa / math.sqrt(float(self.number @ self.coupling**2))

    @property
    def has_phase(self) -> bool:
        """Whether its means depend on a phase: of a field sent in, or of spins turned halfway."""
        return self.driven or turns_partly(self.protocol)

    @property
    def refills(self) -> bool:
        """Whether holes in a line fill."""
        return min(self.refill) < math.inf

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


def system_of(model: object, classes: int) -> System:
    """Divide a model into classes: at most `classes` in each ensemble.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> system = system_of(CollectiveBattery(n_battery=2, n_charger=10), 1)
    >>> print(system.number, system.start, 4 * system.coupling**2 / system.kappa)
    [ 2. 10.] [-1.  1.] [1. 1.]
    """
    experiment = experiment_of(model)
    if total_duration(experiment.stages) == math.inf:
        experiment = without_idle_switching(experiment)
    resonator, drive = experiment.resonator, experiment.drive
    if resonator is None:
        of_the_reservoir(experiment)
    _refuse_what_it_lacks(experiment)
    frame = 0.0 if drive is None else 2.0 * np.pi * drive.detuning_hz
    width, parts = bandwidth(experiment), []
    for spins, ensemble in ((experiment.battery, BATTERY), (experiment.charger, CHARGER)):
        if spins is not None:
            parts.append(_classes_of(spins, classes, width, frame, ensemble, experiment.nbar))
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
        kappa=4.0 / experiment.gamma if resonator is None else resonator.kappa,
        nbar=experiment.nbar,
        field_detuning=-frame,
        eliminated=resonator is None,
        drive=drive,
        frequency=None if resonator is None else 2.0 * np.pi * resonator.frequency_hz,
        protocol=experiment.protocol,
        own_detunings=experiment.detunings,
        refill=(_refill(experiment.battery), _refill(experiment.charger)),
        ports=() if resonator is None else tuple(resonator.rates.items()),
    )


def _refill(spins: Spins | None) -> float:
    return math.inf if spins is None or spins.refill_s is None else spins.refill_s


def _refuse_what_it_lacks(experiment: Experiment) -> None:
    """Refuse what the engine's equations lack, whatever the field."""
    for field in ("battery_start", "charger_start"):
        start = getattr(experiment, field)
        if field in experiment.beyond_collective and not _independent_spins(start):
            raise InputError(field, start, "not in the semiclassical engine")
    if experiment.detector is not None:
        raise InputError("detector", experiment.detector, "not in the semiclassical engine")
    efficiency = experiment.detector_efficiency
    if efficiency != 1.0:
        raise InputError("detector_efficiency", efficiency, "not in the semiclassical engine")


def local_rates(noise: LocalNoise) -> tuple[float, float, float]:
    """1/T2, 1/T1, and 1/T1 times the equilibrium <sigma_z>, of noise of single spins.

    >>> local_rates(LocalNoise(dephasing=2.0, emission=1.0))
    (1.5, 1.0, -1.0)
    """
    return noise.coherence_decay, noise.relaxation, noise.supply


def _independent_spins(start: object) -> bool:
    return isinstance(start, Polarised) or start in ("down", "up", "thermal")


def bandwidth(model: Model) -> float:
    r"""Detunings that matter, rad/s: :math:`\sqrt{\sum g^2N}+\kappa/2`, and shifts and 1/T2.

    With drives also their detuning, and how fast their steady field turns the spins; with a
    protocol the largest shift of each line.

    >>> from darkbattery.nvmodel import Resonator, ResonatorBattery, SpinEnsemble
    >>> spins = SpinEnsemble(number=100, coupling=2.0)
    >>> print(bandwidth(ResonatorBattery(spins, Resonator(1.0, linewidth_fwhm_hz=1.0 / np.pi))))
    21.0
    """
    experiment = experiment_of(model)
    ensembles, resonator, drive = experiment.ensembles, experiment.resonator, experiment.drive
    collective = math.hypot(*(spins.collective_coupling for spins in ensembles))
    local = max(spins.noise.coherence_decay for spins in ensembles)
    kappa = 4.0 / experiment.gamma if resonator is None else resonator.kappa
    ways = courses(experiment.stages, experiment.detunings)  # none, where all steps are pulses
    shift = sum(
        max([abs(own), *(abs(way[k].after) for way in ways)])
        for k, own in enumerate(experiment.detunings)
    )
    width = collective + 0.5 * kappa + local + shift
    for sent in drives_of(experiment.protocol) if drive is None else (drive,):
        turn = max(spins.coupling for spins in ensembles) * 4.0 * abs(sent.amplitude)
        width += sent.farthest_detuning + turn / max(kappa, collective)
    return float(width)


def is_broadened(model: Model | System) -> bool:
    """Whether more classes could change the answer.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> is_broadened(CollectiveBattery(n_battery=2, n_charger=10))
    False
    """
    return bool(_broad(model))


def largest_count(model: Model | System) -> int:
    """Most classes that an ensemble can be divided into: as many as the smaller one has spins.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> largest_count(CollectiveBattery(n_battery=2, n_charger=10))
    1
    """
    return min((spins.number for spins in _broad(model)), default=1)


def classes_to_take(model: Model | System, classes: int | None, usual: int) -> int:
    """As many as asked for; else the usual number, where the smaller ensemble has spins for them.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> classes_to_take(CollectiveBattery(n_battery=2, n_charger=10), None, 101)
    101

    Raises
    ------
    InputError
        For numbers of classes that are none.
    """
    if classes is not None:
        return whole_number("classes", classes, least=1)
    return min(usual, largest_count(model)) if is_broadened(model) else usual


def _broad(model: Model | System) -> list[Spins]:
    """The ensembles that can be divided; none of a `System`, which has its classes."""
    if isinstance(model, System):
        return []
    return [spins for spins in experiment_of(model).ensembles if not spins.alike]


def _classes_of(
    spins: Spins, classes: int, bandwidth: float, frame: float, ensemble: int, nbar: float
) -> Array:
    """The rows of `System`, number to ensemble, for one ensemble; detunings less `frame`, rad/s."""
    found = divide(spins, classes, bandwidth)
    if found.weights.size > spins.number:
        allowed = f"must be at most the number of spins, {spins.number}"
        raise InputError("classes", classes, allowed)
    same = np.ones(found.weights.size)
    return np.array(
        [
            found.weights * spins.number,
            found.couplings * spins.coupling,
            found.detunings + (spins.detuning - frame),
            same * spins.noise.coherence_decay,
            same * spins.noise.relaxation,
            same * spins.noise.supply,
            same * spins.inversion(nbar),
            same * ensemble,
        ]
    )
