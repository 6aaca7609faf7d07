"""What exact averages will take, before they are made: unknowns, memory, and a measure of time."""

from collections.abc import Iterable
from dataclasses import dataclass

from nvmodel.battery import CollectiveBattery
from nvmodel.observables import requested
from trajectories import steady
from trajectories.angular import coupled_basis
from trajectories.heisenberg import chains_at
from trajectories.master import (
    AVAILABLE,
    BATCH,
    MANY_UNKNOWNS,
    default_observables,
    needs_all_pairs,
    refuse_too_many_unknowns,
    unknowns_of,
)
from trajectories.readout import (
    FROM_ENTANGLEMENT,
    FROM_POPULATIONS,
    NEED_POPULATIONS,
    refuse_large_blocks,
)

STEPS_BEFORE_OUTPUTS = 60  # from the fastest rate up to that of the outputs, about
THERMAL_SWEEP = 2.0  # a tridiagonal solve over a bidiagonal one
CHAIN_SWEEPS = 2e5  # a chain of the adjoint equation in unknowns times steps
OUTPUTS_PER_CHAIN = 200.0  # output times that take as long as the chain itself


@dataclass(frozen=True)
class Work:
    """What a calculation needs.

    Attributes
    ----------
    solver : str
    bytes : float
        Memory for its arrays.
    sweeps : float
        Unknowns times steps: times some 60 ns they are seconds.
    """

    solver: str
    bytes: float
    sweeps: float


def evolve_work(
    battery: CollectiveBattery,
    last: float,
    n_times: int,
    observables: Iterable[str] | None = None,
) -> Work:
    """Work of `evolve` with `n_times` outputs up to `last`, the negativity's own aside.

    Raises InputError where `evolve` would for the size.

    >>> evolve_work(CollectiveBattery(n_battery=10, n_charger=50), 2.0, 101).sweeps
    206241.0
    """
    basis = coupled_basis(battery.n_battery, battery.n_charger)
    names = requested(observables, default=default_observables(basis), available=AVAILABLE)
    all_pairs = needs_all_pairs(battery, names)
    ladder = any(name in NEED_POPULATIONS for name in names)
    unknowns = unknowns_of(basis, all_pairs)
    if not all_pairs and not ladder and unknowns > MANY_UNKNOWNS:
        chains = chains_at(battery, last)
        sweeps = chains * CHAIN_SWEEPS * (1.0 + n_times / OUTPUTS_PER_CHAIN)
        return Work("Heisenberg equation", 1e8, sweeps)
    refuse_too_many_unknowns(battery, basis, all_pairs)
    if any(name in FROM_ENTANGLEMENT for name in names):
        refuse_large_blocks(basis)
    held = 12.0 * unknowns + min(float(BATCH), n_times * unknowns)
    pace = THERMAL_SWEEP if battery.occupation > 0.0 else 1.0
    sweeps = unknowns * (n_times + STEPS_BEFORE_OUTPUTS) * pace
    return Work("master equation", 8.0 * held, sweeps)


def steady_products(battery: CollectiveBattery, observables: Iterable[str] | None = None) -> float:
    """Products in the populations of `steady_state`: times some 10 ns they are seconds.

    >>> steady_products(CollectiveBattery(n_battery=1, n_charger=10**15))
    0.0
    """
    basis = coupled_basis(battery.n_battery, battery.n_charger)
    products = steady.population_products(battery, basis)
    if observables is None:
        return products if products <= steady.CHEAP_POPULATIONS else 0.0
    takes_states = {*FROM_POPULATIONS, *FROM_ENTANGLEMENT}
    return products if takes_states & set(observables) else 0.0
