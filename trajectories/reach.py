"""What is exactly within reach: which observables a method gives of a battery, before it is asked.

The limits are those by which the solvers refuse, and a limit of patience.
"""

import numpy as np
from numpy.typing import NDArray

from nvmodel.battery import CollectiveBattery
from nvmodel.refusal import InputError
from trajectories.angular import CoupledBasis, coupled_basis
from trajectories.fluctuations import COUNTING, FLUCTUATIONS, OVER_RUNS
from trajectories.heisenberg import chains_at
from trajectories.jump_groups import made_in_groups
from trajectories.jumps import available as available_runs
from trajectories.jumps import refuse_too_large, thermal_photons
from trajectories.master import (
    CHEAP_POPULATIONS,
    MANY_UNKNOWNS,
    MOST_UNKNOWNS,
    available,
    plain_charging,
)
from trajectories.protocols import refuse_large_averages
from trajectories.readout import (
    FROM_ENTANGLEMENT,
    FROM_POPULATIONS,
    NEED_POPULATIONS,
    refuse_large_blocks,
)
from trajectories.records import MOST_TABLE

Array = NDArray[np.float64]

PATIENCE_SECONDS = 600.0  # of one core, for one model
# measured on one core: (10, 50) spins at nbar = 0.5 take 1.8e-7 s a jump, (1000, 5000) 5e-8 s
SECONDS_PER_JUMP = 2e-7
# at nbar = 0 with every photon recorded 1.2e-8 to 2.2e-8 s from (10, 50) to (1e5, 5e5) spins
COLD_SECONDS_PER_JUMP = 2e-8
# a run in groups takes 2 to 6 ms
JUMPS_BESIDE_GROUPS = 3e4
# dense eigenvalues of a matrix of this size cubed, per second of one core
EIGENVALUE_RATE = 1e9


def averages_in_reach(battery: CollectiveBattery, times: Array) -> tuple[str, ...]:
    """Observables that `trajectories.evolve` gives in minutes at most; none for a refusal.

    >>> averages_in_reach(CollectiveBattery(10**15, 5 * 10**15), np.array([1e-15]))[:2]
    ('battery_energy', 'charger_energy')
    >>> "ergotropy" in averages_in_reach(CollectiveBattery(10, 50), np.array([1.0]))
    True
    """
    if not plain_charging(battery):
        return _real_spins_in_reach(battery, times)
    basis = _basis(battery)
    if basis is None:
        return ()
    K, rows = float(basis.n_ladders), 2.0 * float(basis.J[-1]) + 1.0
    pairs = K * (K + 1.0) / 2.0
    few = (2.0 * K - 1.0) * rows <= MANY_UNKNOWNS
    small = pairs * rows <= MOST_UNKNOWNS
    beyond: set[str] = set()
    if not small or pairs * rows * (battery.n_battery + 1.0) > CHEAP_POPULATIONS:
        beyond |= {*NEED_POPULATIONS, *COUNTING, *OVER_RUNS}
    eigenvalues = times.size * rows * (battery.n_battery + 1.0) ** 3
    if not small or eigenvalues > PATIENCE_SECONDS * EIGENVALUE_RATE or not _blocks_fit(basis):
        beyond |= set(FROM_ENTANGLEMENT)
    if not (few or _by_heisenberg(battery, float(times[-1]))):
        beyond |= set(available(battery)) - {*NEED_POPULATIONS, *FROM_ENTANGLEMENT}
    return tuple(name for name in available(battery) if name not in beyond)


def runs_in_reach(battery: CollectiveBattery, times: Array, runs: int) -> tuple[str, ...]:
    """Observables that so many quantum-jump runs give within `PATIENCE_SECONDS` of one core.

    >>> runs_in_reach(CollectiveBattery(10**15, 5 * 10**15), np.array([1e-14]), runs=1)[-1]
    'peak_emission_time'
    >>> runs_in_reach(CollectiveBattery(10**15, 5 * 10**15), np.array([1e-14]), runs=10**7)
    ()
    """
    try:
        known = available_runs(battery)
        if not plain_charging(battery):
            return known
        refuse_too_large(battery, times)
    except InputError:
        return ()
    in_groups = made_in_groups(battery)
    one_by_one = JUMPS_BESIDE_GROUPS if in_groups else battery.n_charger
    jumps = one_by_one + 2.0 * thermal_photons(battery, float(times[-1]))
    cold = battery.occupation == 0.0 and battery.detector_efficiency == 1.0 and not in_groups
    seconds = COLD_SECONDS_PER_JUMP if cold else SECONDS_PER_JUMP
    if runs * jumps * seconds > PATIENCE_SECONDS:
        return ()
    if in_groups:
        return known
    basis = coupled_basis(battery.n_battery, battery.n_charger)
    rows = 2.0 * float(basis.J[-1]) + 1.0
    if rows * basis.n_ladders * (battery.n_battery + 1.0) > MOST_TABLE:
        needing = (*FROM_POPULATIONS, "daemonic_ergotropy", *FLUCTUATIONS)
        return tuple(name for name in known if name not in needing)
    return known


def _real_spins_in_reach(battery: CollectiveBattery, times: Array) -> tuple[str, ...]:
    try:
        refuse_large_averages(battery, times)
    except InputError:
        return ()
    return available(battery)


def _blocks_fit(basis: CoupledBasis) -> bool:
    try:
        refuse_large_blocks(basis)
    except InputError:
        return False
    return True


def _by_heisenberg(battery: CollectiveBattery, last: float) -> bool:
    if battery.battery_start != "down":
        return False
    try:
        return chains_at(battery, last) > 0
    except InputError:
        return False


def _basis(battery: CollectiveBattery) -> CoupledBasis | None:
    try:
        return coupled_basis(battery.n_battery, battery.n_charger)
    except InputError:  # too many ladders: R too near 1 for this size
        return None
