r"""What happens in a stage of an experiment: the Hamiltonian's terms and the jumps, listed once.

.. math:: \dot\rho = -i\Big[\sum_t w_tH_t,\rho\Big] + \sum_c r_c D[L_c]\rho,\qquad
          D[L]\rho = L\rho L^\dagger - \tfrac12\{L^\dagger L,\rho\}

Generators, jump kernels, QuTiP's operators and the report's equation are made from this list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from darkbattery.nvmodel.protocol import Stage
from darkbattery.nvmodel.spins import LocalNoise

if TYPE_CHECKING:
    from darkbattery.nvmodel.experiment import Experiment

Place = Literal["battery", "charger", "mode"]
ENSEMBLES: tuple[Place, Place] = ("battery", "charger")
FALL, DEPHASE, RISE = -1, 0, 1
ENDLESS = Stage(math.inf)


@dataclass(frozen=True)
class Term:
    r"""A term of the Hamiltonian.

    Attributes
    ----------
    kind : "energy", "exchange" or "quadratures"
        :math:`J^z` of an ensemble or :math:`a^\dagger a`; :math:`a^\dagger J^-+J^+a`;
        :math:`2J^x(a^\dagger+a)`.
    of : "battery", "charger" or "mode"
    rate : float
    """

    kind: Literal["energy", "exchange", "quadratures"]
    of: Place
    rate: float


@dataclass(frozen=True)
class Jump:
    r"""A jump channel.

    Attributes
    ----------
    kind : "together" or "each spin"
        :math:`\sum_kc_kL_k` over `of`, or that of every spin by itself.
    step : -1, 0 or 1
        Excitations gained: :math:`L_k` is :math:`J_k^-` (a of the mode), :math:`J_k^z`,
        :math:`J_k^+`.
    rate : float
    of : tuple of (place, c_k)
    """

    kind: Literal["together", "each spin"]
    step: int
    rate: float
    of: tuple[tuple[Place, float], ...]


@dataclass(frozen=True)
class Channels:
    """All of a stage but what drives it; only what has a rate is listed."""

    terms: tuple[Term, ...]
    jumps: tuple[Jump, ...]

    def noise(self, ensemble: Place) -> LocalNoise:
        """Jumps of every single spin of an ensemble, as rates."""
        rates = {
            jump.step: jump.rate
            for jump in self.jumps
            if jump.kind == "each spin" and jump.of[0][0] == ensemble
        }
        return LocalNoise(rates.get(DEPHASE, 0.0), rates.get(FALL, 0.0), rates.get(RISE, 0.0))

    def together(self, step: int) -> float:
        """The rate at which the spins lose or gain excitations together."""
        jumps = (one for one in self.jumps if one.kind == "together" and one.of[0][0] != "mode")
        return sum(one.rate for one in jumps if one.step == step)

    @property
    def damped(self) -> tuple[Place, ...]:
        """What gives its excitations away together."""
        jumps = [one for one in self.jumps if one.kind == "together"]
        return tuple(place for place, _ in jumps[0].of) if jumps else ()

    def energy(self, of: Place) -> float:
        """The rate of its energy's term."""
        return sum(one.rate for one in self.terms if (one.kind, one.of) == ("energy", of))

    def exchange(self, of: Place) -> float:
        """The rate of its exchange with the mode; 0 of what does not see it."""
        return sum(one.rate for one in self.terms if (one.kind, one.of) == ("exchange", of))


def channels(experiment: Experiment, stage: Stage = ENDLESS) -> Channels:
    """The list of a stage; detunings are those that it goes to.

    Examples
    --------
    >>> from darkbattery.nvmodel import Experiment, Reservoir, Spins
    >>> found = channels(Experiment(Spins(2, "down"), Spins(3, "up"), Reservoir(gamma=2.0)))
    >>> found.terms, [(jump.step, jump.rate) for jump in found.jumps]
    ((), [(-1, 2.0)])
    """
    coupled = tuple(
        (name, spins.coupling)
        for name, spins in zip(ENSEMBLES, (experiment.battery, experiment.charger), strict=True)
        if spins is not None and stage.coupled in ("both", name)
    )
    detunings = tuple(
        own if to is None else to
        for own, to in zip(
            experiment.detunings, (stage.battery_detuning, stage.charger_detuning), strict=True
        )
    )
    terms: list[Term] = []
    nbar = experiment.nbar
    if experiment.reservoir is not None:
        terms = [Term("energy", "battery", detunings[0] - detunings[1])]
        rate, damped = experiment.reservoir.gamma, coupled
    elif experiment.resonator is not None:
        terms = [Term("energy", name, d) for name, d in zip(ENSEMBLES, detunings, strict=True)]
        terms += [Term("exchange", name, coupling) for name, coupling in coupled]
        rate, damped = experiment.resonator.kappa, (("mode", 1.0),)
    else:
        terms = [Term("energy", "mode", 1.0), Term("energy", "battery", 1.0)]
        terms += [Term("quadratures", name, coupling) for name, coupling in coupled]
        rate, damped = 0.0, ()
    jumps = []
    if damped:
        jumps = [
            Jump("together", FALL, rate * (nbar + 1.0), damped),
            Jump("together", RISE, rate * nbar, damped),
        ]
    noises = (
        stage.battery_noise or experiment.battery_noise,
        stage.charger_noise or experiment.charger_noise,
    )
    for name, noise in zip(ENSEMBLES, noises, strict=True):
        rates = ((DEPHASE, noise.dephasing), (FALL, noise.emission), (RISE, noise.pumping))
        jumps += [Jump("each spin", step, rate, ((name, 1.0),)) for step, rate in rates]
    return Channels(
        tuple(term for term in terms if term.rate != 0.0),
        tuple(jump for jump in jumps if jump.rate > 0.0),
    )


EACH_SPIN = (
    r" + \sum_n\left(g_\phi D[\sigma^z_n/2]"
    r"+g_\downarrow D[\sigma^-_n]+g_\uparrow D[\sigma^+_n]\right)\rho"
)


def equation(experiment: Experiment) -> str:
    """The equation of motion without a drive, in LaTeX: the kinds that are in the list.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> print(CollectiveBattery(1, 2, detuning=0.5).equation[-24:])
     - i\\Delta\\,[J_B^z,\\rho]
    """
    stages = [step for step in experiment.stages if isinstance(step, Stage)]
    found = [channels(experiment, stage) for stage in stages]
    kinds = {term.kind for one in found for term in one.terms}
    if "quadratures" in kinds:
        return r"H/\hbar\omega = a^\dagger a + J_z + 2\lambda J_x(a^\dagger+a)"
    if "exchange" in kinds or experiment.resonator is not None:
        return (
            r"H/\hbar = \sum_k D_k\tfrac{\sigma^z_k}{2} + D_c a^\dagger a"
            r" + \sum_k g_k(a^\dagger\sigma^-_k+\sigma^+_k a)"
        )
    text = r"\dot\rho = \gamma(\bar n+1)\,D[J^-]\rho + \gamma\bar n\,D[J^+]\rho"
    if "energy" in kinds:
        text += r" - i\Delta\,[J_B^z,\rho]"
    if any(jump.kind == "each spin" for one in found for jump in one.jumps):
        text += EACH_SPIN
    return text
