"""The experiment: a battery, what charges it, the field between them, and what is done to them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike

from darkbattery.nvmodel.channels import equation
from darkbattery.nvmodel.detector import Detector, diffusive
from darkbattery.nvmodel.display import model_html, model_text
from darkbattery.nvmodel.fields import ClosedModes, Field, Reservoir, Resonator
from darkbattery.nvmodel.observables import OWN_TIME_UNIT, TIME_UNIT
from darkbattery.nvmodel.preparation import DickeState, Preparation
from darkbattery.nvmodel.protocol import (
    Protocol,
    Stage,
    checked_protocol,
    refuse_beyond,
    simplified,
)
from darkbattery.nvmodel.pulse import Drive
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.spins import SILENT, LocalNoise, NamedStart, Spins, of_type, thermal_energy

PLAIN = Reservoir()
ENDLESS = (Stage(math.inf),)


@dataclass(frozen=True)
class Experiment:
    r"""A battery, what charges it, the field between them, and what is done to them.

    `CollectiveBattery`, `ResonatorBattery` and `DickeBattery` are short ways to write one. Times
    are in the unit of the rates' inverse: seconds at a resonator, :math:`1/\omega` in closed modes.

    Parameters
    ----------
    battery, charger : Spins, optional
        One of them at least.
    field : Reservoir, Resonator or ClosedModes
        What the spins share.
    protocol : sequence of Stage and Pulse
        What happens when; empty: one stage that lasts for ever. Outputs at the very time of a pulse
        or of a new stage are read after it.
    drive : Drive, optional
        A coherent field sent into a resonator; in a protocol they stand in its stages.
    detector_efficiency : float
        Probability that an emitted photon is recorded; single runs are conditioned on the
        record. Averages do not depend on it.
    detector : Detector, optional
        What looks at the emitted light, its efficiency in it; by default photons are counted, and
        a `Detector` that counts photons becomes `detector_efficiency`. A port is kept as its
        share of the light, in the efficiency.

    Raises
    ------
    InputError
        For anything else; the message names the field. What no engine solves is refused by the
        engines.

    Examples
    --------
    >>> Experiment(battery=Spins(10, "down"), charger=Spins(50, "up"), field=Reservoir(nbar=0.1))
    Experiment(battery=Spins(number=10, start='down'), charger=..., field=Reservoir(nbar=0.1))
    """

    battery: Spins | None = None
    charger: Spins | None = None
    field: Field = PLAIN
    protocol: Protocol = ()
    drive: Drive | None = None
    detector_efficiency: float = 1.0
    detector: Detector | None = None

    def __post_init__(self) -> None:
        assign = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        for name in ("battery", "charger"):
            if getattr(self, name) is not None:
                of_type(name, getattr(self, name), Spins)
        if not self.ensembles:
            raise InputError("battery, charger", None, "must be Spins, one of them at least")
        if not isinstance(self.field, Field):
            known = " or ".join(kind.__name__ for kind in get_args(Field))
            raise InputError("field", self.field, f"must be a {known}")
        assign("protocol", checked_protocol(self.protocol))
        if self.drive is not None:
            of_type("drive", self.drive, Drive)
            if self.protocol:
                text = "must be None with a protocol: its stages have drives"
                raise InputError("drive", self.drive, text)
        detector, efficiency = diffusive(self.detector, self.detector_efficiency, self.resonator)
        assign("detector", detector)
        assign("detector_efficiency", efficiency)

    def __repr__(self) -> str:
        return model_text(self)

    def _repr_html_(self) -> str:
        return model_html(self, [])  # what a notebook shows

    @property
    def experiment(self) -> Experiment:
        """Itself: what a short way to write one has too."""
        return self

    @property
    def reservoir(self) -> Reservoir | None:
        """The field where it is a reservoir."""
        return self.field if isinstance(self.field, Reservoir) else None

    @property
    def resonator(self) -> Resonator | None:
        """The field where it is a resonator, open to its surroundings."""
        return self.field if isinstance(self.field, Resonator) else None

    @property
    def modes(self) -> ClosedModes | None:
        """The field where it is closed modes."""
        return self.field if isinstance(self.field, ClosedModes) else None

    @property
    def ensembles(self) -> tuple[Spins, ...]:
        """Battery and charger, those that there are."""
        return tuple(spins for spins in (self.battery, self.charger) if spins is not None)

    @property
    def n_battery(self) -> int:
        """Number of the battery's spins."""
        return 0 if self.battery is None else self.battery.number

    @property
    def n_charger(self) -> int:
        """Number of the charger's spins."""
        return 0 if self.charger is None else self.charger.number

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of spins of battery and charger."""
        return self.n_battery, self.n_charger

    @property
    def start_energies(self) -> tuple[float, float]:
        """Energies per spin of battery and charger at the start, in hbar omega; 0 of none."""
        battery, charger = (
            0.0 if spins is None else 0.5 * (1.0 + spins.inversion(self.nbar))
            for spins in (self.battery, self.charger)
        )
        return battery, charger

    @property
    def ratio(self) -> float:
        """:math:`R=N_C/N_B`; infinity without a battery, and where photons charge it."""
        charged_by_spins = self.battery is not None and self.modes is None
        return self.n_charger / self.n_battery if charged_by_spins else math.inf

    @property
    def nbar(self) -> float:
        """Mean thermal photon number of the field's surroundings."""
        return 0.0 if self.modes is not None else float(self.field.nbar)  # type: ignore[union-attr]

    @property
    def occupation(self) -> float:
        """`nbar`."""
        return self.nbar

    @property
    def gamma(self) -> float:
        """Collective damping rate of a reservoir."""
        assert self.reservoir is not None
        return self.reservoir.gamma

    @property
    def watched_rate(self) -> float:
        """Of the light that leaves, in whose unit records are told: gamma, or a resonator's kappa.

        >>> Experiment(Spins(1, "down"), Spins(2, "up"), Reservoir(gamma=2.0)).watched_rate
        2.0
        """
        return self.gamma if self.resonator is None else self.resonator.kappa

    @property
    def time_unit(self) -> str:
        """Unit of times."""
        if self.reservoir is not None:
            return TIME_UNIT if self.gamma == 1.0 else OWN_TIME_UNIT
        return "s" if self.resonator is not None else "1/ω"

    @property
    def collective_rate(self) -> float:
        r"""The scale of the collective exchange.

        :math:`N\gamma` in a reservoir, :math:`N\,4g^2/\kappa` with the charger's g at a resonator
        (infinity where nothing is lost), :math:`\lambda\sqrt n` for n spins a closed mode.
        """
        if self.reservoir is not None:
            return sum(self.sizes) * self.gamma
        coupling = self.ensembles[-1].coupling
        if self.resonator is not None:
            kappa = self.resonator.kappa
            return sum(self.sizes) * (4.0 * coupling**2 / kappa if kappa else math.inf)
        assert self.modes is not None
        return coupling * math.sqrt(sum(self.sizes) / self.modes.number)

    @property
    def burst_rate(self) -> float | None:
        r"""How fast a burst's energy grows; None where that is not so simple.

        :math:`|N_C-N_B|\gamma` in a reservoir. At a resonator :math:`2\lambda` with
        :math:`\lambda(\lambda+\kappa/2)=g^2(N_C-N_B)`, which is the same far above
        :math:`g\sqrt N`, for more charger than battery spins of one coupling in resonance.

        >>> slow = Resonator(5e9, linewidth_fwhm_hz=0.0)
        >>> Experiment(Spins(1, "down"), Spins(5, "up"), slow).burst_rate  # 2 g sqrt(N_C - N_B)
        4.0
        """
        more = self.n_charger - self.n_battery
        if self.reservoir is not None:
            return abs(more) * self.gamma or None
        like_one = all(spins.alike for spins in self.ensembles) and len(set(self.couplings)) == 1
        if self.resonator is None or more <= 0 or not like_one or any(self.detunings):
            return None
        kappa, fast = self.resonator.kappa, self.couplings[1] ** 2 * more
        return 8.0 * fast / (kappa + math.sqrt(kappa**2 + 16.0 * fast))

    @property
    def relative_linewidth(self) -> float:
        r""":math:`\kappa/\sqrt{\sum_k g_k^2}`, kappa over g sqrt N; infinity in a reservoir.

        >>> cavity = Resonator(5e9, linewidth_fwhm_hz=2.0)
        >>> spins = {"coupling": 4.0 * math.pi / 6**0.5}
        >>> round(Experiment(Spins(1, "down", **spins), Spins(5, "up", **spins), cavity)
        ...       .relative_linewidth, 12)
        1.0
        """
        if self.resonator is None:
            return math.inf
        strength = math.hypot(*(spins.collective_coupling for spins in self.ensembles))
        return self.resonator.kappa / strength

    @property
    def equation(self) -> str:
        """The equation of motion without a drive, in LaTeX."""
        return equation(self)

    @property
    def symbols(self) -> str:
        """The equation's symbols in words."""
        if self.modes is not None:
            return (
                "N spins, all down, and a resonator with N photons, closed (Ferraro et al. 2018); "
                "in parallel, one photon and one resonator for each spin."
            )
        if self.resonator is not None:
            return (
                "Spins k of battery and charger at one resonator mode a, whose energy decays at κ "
                "(Tavis and Cummings 1968)."
            )
        return (
            "J± = J_B± + J_C± of battery and charger, γ the collective rate, n̄ the reservoir's "
            "photons (Quach and Munro 2020, Eq. (2); D is the standard dissipator)."
        )

    @property
    def thermal_energy(self) -> float:
        r"""Energy per spin in equilibrium with the field's surroundings, in :math:`\hbar\omega`."""
        return thermal_energy(self.nbar)

    @property
    def detunings(self) -> tuple[float, float]:
        """Of the lines of battery and charger before the first stage; 0 where there is none."""
        both = (self.battery, self.charger)
        first, second = (0.0 if spins is None else spins.detuning for spins in both)
        return first, second

    @property
    def couplings(self) -> tuple[float, float]:
        """Of a spin of battery and charger to the field; 1 where there is none."""
        both = (self.battery, self.charger)
        first, second = (1.0 if spins is None else spins.coupling for spins in both)
        return first, second

    @property
    def detuning(self) -> float:
        r""":math:`\omega_B-\omega_C`."""
        battery, charger = self.battery, self.charger
        return 0.0 if battery is None or charger is None else battery.detuning - charger.detuning

    def detuning_in(self, stage: Stage) -> float:
        r""":math:`\omega_B-\omega_C` in a stage, once its rise is over.

        >>> detuned = Experiment(Spins(1, "down", detuning=0.5), Spins(2, "up"))
        >>> detuned.detuning_in(Stage(1.0, charger_detuning=2.0))
        -1.5
        """
        own, towards = self.detunings, (stage.battery_detuning, stage.charger_detuning)
        both = [one if to is None else to for one, to in zip(own, towards, strict=True)]
        return both[0] - both[1]

    @property
    def is_detuned(self) -> bool:
        """Whether battery and charger ever differ in frequency."""
        stages = (step for step in self.stages if isinstance(step, Stage))
        return any(self.detuning_in(stage) != 0.0 for stage in stages)

    @property
    def battery_start(self) -> NamedStart | Preparation:
        """The battery's start; down where there is none."""
        return "down" if self.battery is None else self.battery.start

    @property
    def charger_start(self) -> NamedStart | Preparation:
        """The charger's start; up where there is none."""
        return "up" if self.charger is None else self.charger.start

    @property
    def battery_preparation(self) -> Preparation:
        """The battery's start as what every spin does."""
        return DickeState(0) if self.battery is None else self.battery.preparation(self.nbar)

    @property
    def charger_preparation(self) -> Preparation:
        """The charger's start as what every spin does."""
        return DickeState(0) if self.charger is None else self.charger.preparation(self.nbar)

    @property
    def battery_noise(self) -> LocalNoise:
        """Of every single spin of the battery."""
        return SILENT if self.battery is None else self.battery.noise

    @property
    def charger_noise(self) -> LocalNoise:
        """Of every single spin of the charger."""
        return SILENT if self.charger is None else self.charger.noise

    @property
    def stages(self) -> Protocol:
        """The protocol, one endless stage where none was given."""
        return self.protocol or ENDLESS

    @cached_property
    def is_collective(self) -> bool:
        """Whether the dynamics is the paper's, whatever detector looks at it.

        >>> Experiment(Spins(2, "down"), Spins(3, "up"), detector_efficiency=0.5).is_collective
        True
        """
        return set(self.beyond_collective) <= {"detector", "detector_efficiency"}

    @property
    def beyond_collective(self) -> tuple[str, ...]:
        """Names of the fields that leave the paper's model; empty for the paper's model.

        A protocol counts where it switches anything.

        >>> Experiment(Spins(2, "down", detuning=0.1), Spins(3, "up")).beyond_collective
        ('detuning',)
        >>> idle = (Stage(1.0), Stage(2.0))
        >>> Experiment(Spins(2, "down"), Spins(3, "up"), protocol=idle).beyond_collective
        ()
        """
        if self.protocol and (switching := without_idle_switching(self)) != self:
            return switching.beyond_collective
        fields = []
        cold_or_single = self.n_battery == 1 or self.nbar == 0.0
        if not (
            self.battery_start == "down" or (self.battery_start == "thermal" and cold_or_single)
        ):
            fields.append("battery_start")
        if self.charger_start != "up":
            fields.append("charger_start")
        for name in ("battery_noise", "charger_noise"):
            if not getattr(self, name).silent:
                fields.append(name)
        if self.detuning != 0.0:
            fields.append("detuning")
        if self.reservoir is not None and self.couplings != (1.0, 1.0):
            fields.append("couplings")
        if self.protocol:
            fields.append("protocol")
        if self.detector is not None:
            fields.append("detector")
        elif self.detector_efficiency != 1.0:
            fields.append("detector_efficiency")
        return tuple(fields)

    @property
    def counts_every_photon(self) -> bool:
        """Whether the record is that of a perfect photon counter."""
        return self.detector is None and self.detector_efficiency == 1.0


class ShortForm:
    """A short way to write an `Experiment`: it has all that its experiment has."""

    experiment: Experiment

    def stand_for(self, experiment: Experiment) -> None:
        """Say what it is short for: once, when it is made."""
        object.__setattr__(self, "experiment", experiment)

    def __getattr__(self, name: str) -> Any:
        # asked for what is no field of its own
        if name.startswith("_") or name == "experiment":
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        return getattr(self.experiment, name)

    def __repr__(self) -> str:
        return model_text(self)


Model = Experiment | ShortForm


def experiment_of(model: object) -> Experiment:
    """The experiment that a model is or stands for; anything else is refused.

    >>> experiment_of("three spins")
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: model = 'three spins': must be an Experiment, ...
    """
    if isinstance(model, Experiment | ShortForm):
        return model.experiment
    raise InputError("model", model, "must be an Experiment, or a battery that is short for one")


def without_idle_switching(model: Model) -> Experiment:
    """The same experiment; without a protocol where that switches nothing.

    One stage that couples both ensembles is the model itself, with that stage's noise.

    Examples
    --------
    >>> idle = (Stage(1.0), Stage(math.inf))
    >>> without_idle_switching(Experiment(Spins(2, "down"), Spins(3, "up"), protocol=idle)).protocol
    ()
    """
    experiment = experiment_of(model)
    if not experiment.protocol:
        return experiment
    own = (experiment.battery_noise, experiment.charger_noise)
    steps = simplified(experiment.protocol, *own)
    if not steps:
        return replace(experiment, protocol=())
    only = steps[0]
    if len(steps) > 1 or not isinstance(only, Stage) or not only.is_plain:
        # names are for figures alone
        return replace(experiment, protocol=tuple(replace(step, name="") for step in steps))
    assert only.battery_noise is not None
    assert only.charger_noise is not None
    battery, charger = experiment.battery, experiment.charger
    return replace(
        experiment,
        battery=None if battery is None else replace(battery, noise=only.battery_noise),
        charger=None if charger is None else replace(charger, noise=only.charger_noise),
        protocol=(),
    )


def to_be_solved(model: Model, times: ArrayLike) -> Experiment:
    """What every method solves for a model: its idle switching is removed, once and here.

    `times` (T,) are rising; infinity for a steady state. Refused beyond the protocol's end.

    >>> stored = Experiment(Spins(2, "down"), Spins(3, "up"), protocol=(Stage(2.0),))
    >>> to_be_solved(stored, [1.0, 3.0])
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: times[1] = 3.0: must be <= 2, where the protocol ends
    """
    experiment = experiment_of(model)
    refuse_beyond(experiment.stages, np.asarray(times, dtype=float))
    return without_idle_switching(experiment)


def only_on_ladders(model: Model, where: str) -> None:
    """Refuse a battery whose dynamics `where` does not describe, whatever a detector sees of it."""
    experiment = experiment_of(model)
    only_collective(replace(experiment, detector_efficiency=1.0, detector=None), where)


def only_collective(model: Model, where: str) -> None:
    """Refuse a battery that `where` does not describe, by the first field that leaves it.

    >>> only_collective(Experiment(Spins(2, "down"), Spins(3, "down")), "the steady state")
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: charger_start = 'down': not in the steady state; ...
    """
    experiment = experiment_of(model)
    for name in experiment.beyond_collective:
        raise InputError(
            name,
            getattr(without_idle_switching(experiment), name),
            f"not in {where}; use trajectories.evolve or sample",
        )


def of_the_reservoir(model: object) -> Experiment:
    r"""The experiment of battery and charger, spins all alike, in a reservoir; refused otherwise.

    Equal couplings c are a rate :math:`\gamma c^2`.

    >>> of_the_reservoir(Experiment(Spins(2, "down"))).n_charger
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: charger = None: must be Spins, in a reservoir
    """
    experiment = in_a_reservoir(model)
    for name, coupling in zip(("battery", "charger"), experiment.couplings, strict=True):
        if coupling != 1.0:
            text = "must be that of the other ensemble here; trajectories.evolve has them unequal"
            raise InputError(f"{name}.coupling", coupling, text)
    return experiment


def in_a_reservoir(model: object) -> Experiment:
    """The same; couplings of battery and charger may differ."""
    experiment = experiment_of(model)
    if experiment.resonator is not None:
        raise InputError(
            "battery",
            model,
            "has a resonator: evolve, sample, steady_state take it; here eliminate_resonator()",
        )
    if experiment.modes is not None:
        raise InputError("field", experiment.field, "must be a Reservoir here")
    if experiment.drive is not None:
        raise InputError("drive", experiment.drive, "must be None in a reservoir")
    refuse_driven_stages(experiment.protocol)
    for name in ("battery", "charger"):
        spins = getattr(experiment, name)
        if spins is None:
            raise InputError(name, None, "must be Spins, in a reservoir")
        if spins.apart is not None:
            field, value, allowed = spins.apart
            raise InputError(f"{name}.{field}", value, f"must be {allowed}, in a reservoir")
    return _with_plain_couplings(experiment)


def _with_plain_couplings(experiment: Experiment) -> Experiment:
    battery, charger, reservoir = experiment.battery, experiment.charger, experiment.reservoir
    assert battery is not None
    assert charger is not None
    assert reservoir is not None
    c = battery.coupling
    if c != charger.coupling or c == 1.0:
        return experiment
    return replace(
        experiment,
        battery=replace(battery, coupling=1.0),
        charger=replace(charger, coupling=1.0),
        field=replace(reservoir, gamma=reservoir.gamma * c**2),
    )


def refuse_driven_stages(protocol: Protocol) -> None:
    """A reservoir takes no drives."""
    for i, step in enumerate(protocol):
        if isinstance(step, Stage) and step.drives:
            text = "must be (): a shared reservoir is not driven"
            raise InputError(f"protocol[{i}].drives", step.drives, text)
