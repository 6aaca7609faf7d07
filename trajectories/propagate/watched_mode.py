r"""What an observer of a resonator's light knows: the photons that leave its mode.

.. math:: c=\sqrt{\kappa(\bar n+1)}\,a

Of the light an efficiency :math:`\eta` is seen; a port that takes :math:`\kappa_i` of the whole
width is :math:`\eta=\kappa_i/\kappa` of it, since :math:`\sqrt{\eta}\,c` is all that a record tells
of (Gardiner and Collett 1985). Kets are :math:`(-i)^n|n\rangle`, in which a is -i times what it
stands for here: amplitudes are real without a detuning, and the local oscillator's phase is off by
`QUADRATURE`. What an observer's runs go through, with a mode or without, is asked for here.
"""

import math
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.method import Problem
from darkbattery.nvmodel.protocol import end_of
from darkbattery.trajectories.propagate import watched_reservoir
from darkbattery.trajectories.propagate.channels import net_loss
from darkbattery.trajectories.propagate.mode_generator import ModeGenerator, Move
from darkbattery.trajectories.propagate.mode_plan import ModePlan, plan_and_bound, start_over_kets
from darkbattery.trajectories.propagate.mode_stages import ModeRates
from darkbattery.trajectories.propagate.watched import Leg, Watched, Watching
from darkbattery.trajectories.space.mode_space import ModeMatrixSpace, block_states

Array = NDArray[np.float64]

QUADRATURE = 0.5 * math.pi
MOST_STATES = 600  # kets, before anything is listed
EMISSION, ABSORPTION = 0, 1  # among the processes of jumps


def watching(battery: Experiment, at: Array, coherent: bool) -> Watching:
    """Space, start, stages and pulses until the output times `at`."""
    if battery.resonator is None:
        return watched_reservoir.watching(battery, coherent)
    plan, bound = plan_and_bound(Problem(battery, at, ()))
    return _watching_mode(plan, bound, coherent, battery.detector_efficiency)


def irreps_reached(battery: Experiment, at: Array) -> tuple[Array, Array]:
    """j of battery and charger, falling."""
    if battery.resonator is None:
        space = watched_reservoir.space_of(battery, coherent=True)
        return space.jb, space.jc
    plan, _ = plan_and_bound(Problem(battery, at, ()))
    return plan.jb, plan.jc


def elements_of(battery: Experiment, at: Array, coherent: bool) -> float:
    """How many elements a state has; at most, where that says enough."""
    if battery.resonator is not None:
        return _elements_with_mode(*plan_and_bound(Problem(battery, at, ())), coherent)
    b, c = battery.sizes
    kets = (b / 2 + 1.0) ** 2 * (c / 2 + 1.0) ** 2
    if battery.is_collective:
        kets = (b + 1.0) * (c + 1.0)
    if kets > MOST_STATES:
        return kets
    return float(watched_reservoir.space_of(battery, coherent).size)


def _watching_mode(
    plan: ModePlan, most_photons: int, coherent: bool, efficiency: float
) -> Watching:
    """What an observer of a plan without pulses goes through."""
    top = plan.top(most_photons)
    space = ModeMatrixSpace(plan.jb, plan.jc, top, coherent, most_photons)
    start = np.zeros(space.size)
    start[space.diagonal] = start_over_kets(plan, space.modes)
    stages: dict[ModeRates, Watched] = {}
    for stretch in plan.stretches:
        if stretch.rates not in stages:
            generator = ModeGenerator(space.modes, stretch.rates, *plan.experiment.sizes, 2)
            stages[stretch.rates] = watched_stage(space, generator, efficiency)
    legs: list[Leg] = []
    for one in plan.stretches:
        leg = Leg(end_of(one.stop), stages[one.rates], None)
        # the last one goes on with what was before it
        legs = [*(legs[:-1] if legs and legs[-1].watched is leg.watched else legs), leg]
    return Watching(space, start, legs)


def _elements_with_mode(plan: ModePlan, most_photons: int, coherent: bool) -> float:
    """How many elements that would have, counted without making it."""
    states = block_states(plan.jb, plan.jc, most_photons, plan.top(most_photons), coherent)
    return float(states @ states)


def watched_stage(space: ModeMatrixSpace, generator: ModeGenerator, efficiency: float) -> Watched:
    """A stage as its generator over the kets has it."""
    r, k = generator.rates, space.kets
    decay = generator.without_jumps
    turns = bool(np.any(decay.data.imag))
    decay = decay if turns else decay.real.tocsr()
    jumps = [(process, space.sandwiched(*move)) for process, move in generator.jumps]
    nothing = scipy.sparse.csr_matrix((space.size,) * 2)
    light = {process: jump for process, jump in jumps if process in (EMISSION, ABSORPTION)}
    D, mirror = space.from_left(decay), space.mirror
    whole = D + D.conj()[mirror][:, mirror]
    for _, jump in jumps:
        whole = whole + jump
    moves = {process: _over_kets(move) for process, move in generator.jumps if process in light}
    return Watched(
        space,
        efficiency,
        whole=whole.tocsr(),
        seen=light[EMISSION],
        absorbed=light.get(ABSORPTION, nothing),
        leaving=moves[EMISSION],
        entering=moves.get(ABSORPTION, 0.0 * moves[EMISSION]),
        ket_decay=decay,
        noises=((r.battery, generator.n_battery), (r.charger, generator.n_charger)),
        lost=_lost(space, generator),
        emission_rates=np.asarray(r.kappa * (r.nbar + 1.0) * k.n),
        turning=_turning(generator),
        down=r.kappa * (r.nbar + 1.0),
        light=1.0,
        turns=turns,
    )


def _over_kets(move: Move) -> Any:
    to = np.flatnonzero((move.source >= 0) & (move.amplitude != 0.0))
    shape = (move.source.size,) * 2
    return scipy.sparse.csr_matrix((move.amplitude[to], (to, move.source[to])), shape=shape)


def _lost(space: ModeMatrixSpace, generator: ModeGenerator) -> Array:
    e, r = space.elements, generator.rates
    of = (r.battery, generator.n_battery, e.mb), (r.charger, generator.n_charger, e.mc)
    return np.where(space.diagonal, net_loss(of), 0.0)


def _turning(generator: ModeGenerator) -> float:
    """The field's own decay, the collective exchange, and what detunes or disturbs it."""
    r, sizes = generator.rates, (generator.n_battery, generator.n_charger)
    couplings = r.battery_coupling, r.charger_coupling
    exchange = math.hypot(*(g * math.sqrt(n) for g, n in zip(couplings, sizes, strict=True)))
    noises = [n.dephasing + n.emission + n.pumping for n in (r.battery, r.charger)]
    detuned = max(map(abs, r.detunings))
    return r.kappa * (r.nbar + 0.5) + exchange + detuned + max(noises)
