r"""The closed Dicke battery, by Schroedinger's equation in QuTiP.

One group of n spins is a large spin beside a resonator with as many photons as its state needs; in
parallel the groups are alike and independent, so that one is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.ergotropy import ergotropy_of_matrix, ladder_ergotropy
from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.fields import ClosedModes
from darkbattery.nvmodel.method import Method, Problem, able, never, refused_for_size
from darkbattery.nvmodel.observables import Needs, needing, requested
from darkbattery.nvmodel.refusal import InputError, output_times
from darkbattery.nvmodel.solution import Reading, Solution
from darkbattery.nvmodel.spins import SILENT, Spins
from darkbattery.nvmodel.unitaries import works_of
from darkbattery.trajectories.averages.speed_limits import LIMITS, with_speed_limits
from darkbattery.trajectories.reading.derived import OF_RATES, over_excitations, speeds

Array = NDArray[np.float64]

AVAILABLE = (
    "battery_energy",
    "power",
    "photons",
    "ergotropy",
    "ergotropy_local",
    "ergotropy_rotation",
)
ON_REQUEST = (
    "capacity_unitary",
    *needing(Needs.COHERENCE),
    *OF_RATES,
)
MOST_STATES = 20_000
MOST_TIME = 1e4  # in 1/omega: oscillations are followed one by one
# highest photon numbers kept: as many that the last of them weighs less than this at all times
OVERFLOW = 1e-8


def evolve_dicke(
    battery: Model, times: ArrayLike, observables: Iterable[str] | None = None
) -> Solution:
    r"""Averages of a closed Dicke battery, or of spins in parallel.

    Parameters
    ----------
    battery : DickeBattery, or an Experiment in `ClosedModes`
    times : array_like (T,)
        Strictly increasing, :math:`\ge0`, in :math:`1/\omega`; at most :math:`10^4`.
    observables : iterable of str, optional
        Of ``battery_energy``, ``power`` (both per spin), ``photons`` (in all resonators),
        ``ergotropy`` (of a group's ladder, per spin), ``ergotropy_local``,
        ``ergotropy_rotation`` (the same: spins are alike). Default: these. On request
        ``capacity_unitary`` and the coherent and incoherent parts of ``ergotropy`` (all of a
        group's ladder), and speed limits.

    Returns
    -------
    Solution
        Deterministic; `provenance` holds the photon numbers kept and the weight of the last.

    Raises
    ------
    InputError
        For bad times or names, and systems of more than 20,000 states.

    Examples
    --------
    >>> from darkbattery.nvmodel import DickeBattery
    >>> found = evolve_dicke(DickeBattery(n_battery=1, coupling=0.01), [0.0, np.pi / 0.02])
    >>> print(found["battery_energy"].round(2))  # half a Rabi oscillation
    [0. 1.]
    """
    t = output_times(times)
    available = (*AVAILABLE, *ON_REQUEST, *LIMITS)
    names = requested(observables, default=AVAILABLE, available=available)
    in_closed_modes(battery)
    problem = Problem(experiment_of(battery), t, names)
    return able(CLOSED, problem).solve(problem).of_model(battery)


def _solved(problem: Problem) -> Solution:
    t, names = problem.times, problem.names
    spins, modes = in_closed_modes(problem.model)
    n = spins.number // modes.number
    kept = _photons_kept(n, modes)
    while True:
        states, overflow = _states(n, modes.photons_each, kept, spins.coupling, t)
        if overflow < OVERFLOW:
            break
        kept *= 2
    import qutip  # takes most of a second

    operators = _operators(n, kept, spins.coupling)
    z, photons, flow = (
        np.array([qutip.expect(operators[name], state).real for state in states])
        for name in ("z", "photons", "flow")
    )
    energy = z / n + 0.5
    values = {"battery_energy": energy, "power": flow / n, "photons": modes.number * photons}
    if {"ergotropy", "ergotropy_local", "ergotropy_rotation"} & set(names):
        values |= _ergotropies(states, n)
    distributions = {}
    if set(ON_REQUEST) & set(names):
        found, populations = _from_ladder(states, operators["hamiltonian"], n)
        values |= found
        distributions["populations"] = over_excitations(populations)
    provenance = {"solver": "Schroedinger equation", "photons_kept": kept, "overflow": overflow}
    reading = Reading({name: values[name] for name in names}, {}, distributions)
    return Solution(t, reading, provenance)


def refuse_too_large(battery: Model, times: Array) -> None:
    """Refuse what `evolve_dicke` refuses for its size, before anything is computed."""
    if times[-1] > MOST_TIME:
        raise InputError("times", float(times[-1]), f"must be at most {MOST_TIME:g} / omega")
    spins, modes = in_closed_modes(battery)
    n = spins.number // modes.number
    _refuse_many_states(n, _photons_kept(n, modes), spins.coupling)


def in_closed_modes(model: Model) -> tuple[Spins, ClosedModes]:
    """The battery and its modes; refused where the experiment has anything else.

    >>> from darkbattery.nvmodel import DickeBattery
    >>> in_closed_modes(DickeBattery(n_battery=4, coupling=0.05))[1].photons
    4
    """
    experiment = experiment_of(model)
    modes, battery = experiment.modes, experiment.battery
    if modes is None:
        raise InputError("field", experiment.field, "must be ClosedModes here")
    if battery is None:
        raise InputError("battery", None, "must be Spins in closed modes")
    for name, value, allowed in (
        ("charger", experiment.charger, None),
        ("drive", experiment.drive, None),
        ("protocol", experiment.protocol, ()),
        ("battery.start", battery.start, "down"),
        ("battery.detuning", battery.detuning, 0.0),
        ("battery.noise", battery.noise, SILENT),
        *(() if battery.apart is None else [(f"battery.{battery.apart[0]}", *battery.apart[1:])]),
    ):
        if value != allowed:
            raise InputError(name, value, f"must be {allowed!r} in closed modes")
    if battery.number % modes.number:
        text = f"must be a multiple of the {modes.number} modes"
        raise InputError("battery.number", battery.number, text)
    return battery, modes


def _photons_kept(n: int, modes: ClosedModes) -> int:
    return n + modes.photons_each + 12


def _refuse_many_states(n: int, kept: int, coupling: float) -> None:
    if (n + 1) * (kept + 1) > MOST_STATES:
        raise InputError(
            "n_battery, coupling",
            (n, coupling),
            f"needs more than {MOST_STATES} states of spins and photons",
        )


def _operators(n: int, kept: int, coupling: float) -> dict[str, Any]:
    import qutip

    one_b, one_a = qutip.qeye(n + 1), qutip.qeye(kept + 1)
    x, y, z = (qutip.tensor(qutip.jmat(n / 2, axis), one_a) for axis in "xyz")
    a = qutip.tensor(one_b, qutip.destroy(kept + 1))
    field = a + a.dag()
    return {
        "hamiltonian": a.dag() * a + z + 2.0 * coupling * x * field,
        "z": z,
        "photons": a.dag() * a,
        # d J_z/dt = -i [J_z, H] = 2 lambda J_y (a + a^dagger)
        "flow": 2.0 * coupling * y * field,
    }


def _states(
    n: int, photons: int, kept: int, coupling: float, times: Array
) -> tuple[list[Any], float]:
    """Kets at `times`, and the largest weight of the last photon number."""
    import qutip

    _refuse_many_states(n, kept, coupling)
    start = qutip.tensor(qutip.basis(n + 1, n), qutip.basis(kept + 1, photons))
    options = {"atol": 1e-11, "rtol": 1e-9, "nsteps": 10_000_000, "progress_bar": ""}
    grid = times if times[0] == 0.0 else np.concatenate([[0.0], times])
    hamiltonian = _operators(n, kept, coupling)["hamiltonian"]
    states = qutip.sesolve(hamiltonian, start, grid, options=options).states[-times.size :]
    last = qutip.tensor(qutip.qeye(n + 1), qutip.fock_dm(kept + 1, kept))
    return states, max(float(qutip.expect(last, state)) for state in states)


def _ergotropies(states: list[Any], n: int) -> dict[str, Array]:
    """Of the groups' ladders, and by one rotation of all their spins."""
    import qutip

    ladder = np.diag(np.arange(n, -1, -1.0)) / n
    spin = [qutip.jmat(n / 2, axis) for axis in "xyz"]
    work, local = [], []
    for state in states:
        reduced = state.ptrace(0)
        work.append(ergotropy_of_matrix(reduced.full(), ladder))
        bloch = np.array([qutip.expect(one, reduced).real for one in spin]) * 2.0 / n
        local.append(0.5 * (np.linalg.norm(bloch) + bloch[2]))
    return {
        "ergotropy": np.array(work),
        "ergotropy_local": np.array(local),
        "ergotropy_rotation": np.array(local),
    }


def _from_ladder(states: list[Any], hamiltonian: Any, n: int) -> tuple[dict[str, Array], Array]:
    """What eigenvalues, populations and their rates say of the groups' ladders; populations."""
    reduced = [state.ptrace(0).full()[::-1, ::-1] for state in states]
    spectrum = np.array([np.linalg.eigvalsh(rho) for rho in reduced])
    populations = np.array([np.diag(rho).real for rho in reduced])
    rates = np.empty_like(populations)
    for row, state in zip(rates, states, strict=True):
        psi = state.full().reshape(n + 1, -1)
        change = -1j * (hamiltonian @ state).full().reshape(n + 1, -1)
        row[:] = 2.0 * (psi.conj() * change).sum(axis=1).real[::-1]
    # the levels that a spectrum is held in, emptiest and fullest, in any order before
    level = np.arange(n + 1.0) / n
    alone = ladder_ergotropy(populations)
    work = populations @ level - np.sort(spectrum, axis=1)[:, ::-1] @ level
    values = {
        "capacity_unitary": works_of()["capacity_unitary"](spectrum),
        "ergotropy_incoherent": alone,
        "ergotropy_coherent": work - alone,
        **speeds(populations, rates),
    }
    return values, populations


def _offers(model: Any) -> tuple[str, ...]:
    in_closed_modes(model)
    return (*AVAILABLE, *ON_REQUEST)


SCHROEDINGER = Method(
    name="Schroedinger equation",
    kind="evolve",
    offers=_offers,
    why_not=refused_for_size(refuse_too_large),
    work=never,
    solve=_solved,
    error="1e-8",
)
CLOSED = with_speed_limits((SCHROEDINGER,))
"""Of a closed battery."""
