"""All of QuTiP's side in one module: models as operators, states, and measures of any state.

`to_qutip` writes a battery as Hamiltonian and collapse operators, `resonator_to_qutip` one at a
resonator with few spins; `density_matrices` and
`conditional_states` give what `trajectories.evolve` and `single_run` hold as states, `to_piqs` and
`measure_piqs` go to PIQS and back, and `measure`, `state_ergotropy` and `state_log_negativity`
read states that come from anywhere.

>>> from darkbattery.nvmodel import CollectiveBattery
>>> few = to_qutip(CollectiveBattery(n_battery=1, ratio=2))
>>> few.initial.dims
[[2, 3], [2, 3]]
"""

from darkbattery.trajectories.qutip.fewspins import FewSpins, dicke_projectors, measure, to_qutip
from darkbattery.trajectories.qutip.measures import state_ergotropy, state_log_negativity
from darkbattery.trajectories.qutip.resonator import ResonatorSpins, resonator_to_qutip
from darkbattery.trajectories.qutip.states import (
    conditional_states,
    density_matrices,
    measure_piqs,
    to_piqs,
)

__all__ = [
    "FewSpins",
    "ResonatorSpins",
    "conditional_states",
    "density_matrices",
    "dicke_projectors",
    "measure",
    "measure_piqs",
    "resonator_to_qutip",
    "state_ergotropy",
    "state_log_negativity",
    "to_piqs",
    "to_qutip",
]


def __dir__() -> list[str]:
    return sorted(__all__)
