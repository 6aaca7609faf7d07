"""The quantum engine and its peers, each with its best documented options.

T = 0 or nbar > 0, 101 output times to gamma t = 2.

- QuTiP mcsolve: tsit5, diagonal-format operators, norm_t_tol = 1e-10 (with the default it finds no
  collapse time from about 60 spins on), norm_steps = 100.
- QuTiP mesolve: tsit5, sparse operators, tolerances 1e-9 and 1e-8.
- QuTiP PIQS: operators of two ensembles in the Dicke basis, solved by mesolve as above; one
  ensemble, whose state stays diagonal, by its own pisolve.
- dynamiqs jssesolve: exact jumps by Event, operators by diagonals, runs batched; dynamiqs mesolve:
  Tsit5 to 1e-8. Double precision, on the CPU; compiled before the clock starts.
"""

import numpy as np
import qutip
from contest import Answer, Contender, Ready, our_sample, sampled
from qutip import piqs

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery, DickeState
from darkbattery.trajectories.qutip.fewspins import to_qutip

TIMES = np.linspace(0.0, 2.0, 101)
ENERGIES = ("battery_energy", "charger_energy")
OUR_AVERAGES = 50  # averages made by us at each turn: one takes milliseconds


def our_runs(battery: CollectiveBattery, runs: int) -> Ready:
    """`sample` of both energies."""

    def sample():
        return trajectories.sample(battery, TIMES, runs=runs, seed=1, observables=ENERGIES)

    return our_sample(sample, ENERGIES, runs)


def qutip_runs(battery: CollectiveBattery, runs: int) -> Ready:
    """`mcsolve` on the product of both large spins."""
    few = to_qutip(battery)
    options = {
        "method": "tsit5",
        "norm_t_tol": 1e-10,
        "norm_steps": 100,
        "progress_bar": "",
        "keep_runs_results": False,
    }
    jumps = [operator.to("Dia") for operator in few.collapse]
    solver = qutip.MCSolver(few.hamiltonian.to("Dia"), jumps, options=options)
    energies = [few.observables[name] for name in ENERGIES]
    start = _start(battery)
    return Ready(
        runs,
        lambda: solver.run(start, TIMES, ntraj=runs, e_ops=energies, seeds=1),
        lambda found: sampled(np.real(found.expect), np.real(found.std_expect), runs),
    )


def dynamiqs_runs(battery: CollectiveBattery, runs: int) -> Ready:
    """`jssesolve` with exact jumps."""
    import dynamiqs as dq
    import jax
    import optimistix

    root_finder = optimistix.Newton(1e-5, 1e-5, optimistix.rms_norm)
    h, jumps, energies = _for_dynamiqs(battery)
    keys = jax.random.split(jax.random.key(1), runs)
    start = dq.asqarray(_start(battery))
    # no run has more photons than the ladder has steps; in a hot reservoir many times as many
    most = battery.n_charger + 1 if battery.nbar == 0.0 else 1000
    return Ready(
        runs,
        lambda: jax.block_until_ready(
            dq.jssesolve(
                h,
                jumps,
                start,
                TIMES,
                keys,
                exp_ops=energies,
                method=dq.method.Event(root_finder=root_finder),
                save_states=False,
                nmaxclick=most,
            ).expects
        ),
        lambda found: sampled(np.real(found).mean(axis=0), np.real(found).std(axis=0), runs),
    )


def our_averages(battery: CollectiveBattery) -> Ready:
    """`evolve` for two energies, many times over."""
    return Ready(
        OUR_AVERAGES,
        lambda: [trajectories.evolve(battery, TIMES, ENERGIES) for _ in range(OUR_AVERAGES)],
        lambda found: Answer(np.array([found[-1][name] for name in ENERGIES])),
    )


def qutip_averages(battery: CollectiveBattery) -> Ready:
    """`mesolve` on the product of both large spins."""
    few = to_qutip(battery)
    energies = [few.observables[name] for name in ENERGIES]
    jumps = [operator.to("CSR") for operator in few.collapse]
    return _mesolve(few.hamiltonian, few.initial, jumps, energies)


def piqs_averages(battery: CollectiveBattery) -> Ready:
    """The same from PIQS' operators, which keep all irreps of each ensemble."""
    n_b, n_c = battery.n_battery, battery.n_charger
    below = [piqs.jspin(n, op, basis="dicke") for n in (n_b, n_c) for op in ("-", "z")]
    one = [qutip.qeye(piqs.num_dicke_states(n)) for n in (n_b, n_c)]
    z_b, z_c = qutip.tensor(below[1], one[1]), qutip.tensor(one[0], below[3])
    lower = qutip.tensor(below[0], one[1]) + qutip.tensor(one[0], below[2])
    jumps = [np.sqrt(battery.occupation + 1.0) * lower]
    if battery.occupation > 0.0:
        jumps.append(np.sqrt(battery.occupation) * lower.dag())
    energies = [z_b / n_b + 0.5, z_c / n_c + 0.5]
    start = qutip.tensor(piqs.dicke(n_b, n_b / 2, -n_b / 2), piqs.dicke(n_c, n_c / 2, n_c / 2))
    return _mesolve(0 * z_b, start, [jump.to("CSR") for jump in jumps], energies)


def dynamiqs_averages(battery: CollectiveBattery) -> Ready:
    """`mesolve` of dynamiqs."""
    import dynamiqs as dq
    import jax

    h, jumps, energies = _for_dynamiqs(battery)
    start = dq.asqarray(_start(battery))
    method = dq.method.Tsit5(rtol=1e-8, atol=1e-9)
    return Ready(
        1,
        lambda: jax.block_until_ready(
            dq.mesolve(
                h,
                jumps,
                start,
                TIMES,
                exp_ops=energies,
                method=method,
                save_states=False,
                progress_meter=False,
            ).expects
        ),
        lambda found: Answer(np.real(np.asarray(found))),
    )


def our_superradiance(spins: int) -> Ready:
    """All spins up: battery and charger are then parts of one ensemble."""
    n_b = spins // 6
    battery = CollectiveBattery(n_b, spins - n_b, battery_start=DickeState(n_b))
    share = np.array([n_b, spins - n_b]) / spins
    one = our_averages(battery)
    return Ready(one.units, one.work, lambda found: Answer(share[None] @ one.read(found).values))


def qutip_superradiance(spins: int) -> Ready:
    """`mesolve` on one large spin."""
    lower, energy = qutip.jmat(spins / 2, "-"), qutip.jmat(spins / 2, "z") / spins + 0.5
    start = qutip.basis(spins + 1, 0)
    return _mesolve(0 * energy, start, [lower.to("CSR")], [energy])


def piqs_superradiance(spins: int) -> Ready:
    """`pisolve`, which steps the populations alone."""
    system = piqs.Dicke(spins, collective_emission=1.0)
    start = piqs.dicke(spins, spins / 2, spins / 2)
    energy = np.real(piqs.jspin(spins, "z", basis="dicke").diag()) / spins + 0.5

    def read(found) -> Answer:
        populations = np.array([np.real(state.diag()) for state in found.states])
        return Answer((populations @ energy)[None])

    return Ready(1, lambda: system.pisolve(start, TIMES), read)


def _mesolve(h, start, jumps, energies) -> Ready:
    options = {"method": "tsit5", "atol": 1e-9, "rtol": 1e-8, "nsteps": 10**6, "progress_bar": ""}
    return Ready(
        1,
        lambda: qutip.mesolve(h, start, TIMES, jumps, e_ops=energies, options=options),
        lambda found: Answer(np.real(found.expect)),
    )


def _start(battery: CollectiveBattery) -> qutip.Qobj:
    return qutip.tensor(
        qutip.basis(battery.n_battery + 1, battery.n_battery),
        qutip.basis(battery.n_charger + 1, 0),
    )


def _for_dynamiqs(battery: CollectiveBattery):
    import dynamiqs as dq

    dq.set_precision("double")
    few = to_qutip(battery)
    # by diagonals: a lowering operator has few of them
    jumps = [
        dq.asqarray(operator.full(), dims=tuple(operator.dims[0]), layout=dq.dia)
        for operator in few.collapse
    ]
    energies = [
        dq.asqarray(
            few.observables[name].full(), dims=tuple(few.hamiltonian.dims[0]), layout=dq.dia
        )
        for name in ENERGIES
    ]
    return 0.0 * energies[0], jumps, energies


def runs_of(battery: CollectiveBattery, ours: int, theirs: int, batch: int) -> list[Contender]:
    """Single runs: how many of ours, of mcsolve's and of dynamiqs' make a turn."""
    return [
        Contender("darkbattery sample", lambda: our_runs(battery, ours)),
        Contender("QuTiP mcsolve", lambda: qutip_runs(battery, theirs)),
        Contender("dynamiqs jssesolve", lambda: dynamiqs_runs(battery, batch)),
    ]


def averages_of(battery: CollectiveBattery) -> list[Contender]:
    """Exact averages of both energies."""
    found = [
        Contender("darkbattery evolve", lambda: our_averages(battery)),
        Contender("QuTiP mesolve", lambda: qutip_averages(battery)),
        Contender("dynamiqs mesolve", lambda: dynamiqs_averages(battery)),
    ]
    if battery.n_charger <= 10:  # PIQS' space is that of all irreps: some 1,500 states already here
        found.insert(2, Contender("QuTiP PIQS", lambda: piqs_averages(battery)))
    return found


def superradiance_of(spins: int) -> list[Contender]:
    """Mean energy of one ensemble that starts all up."""
    return [
        Contender("darkbattery evolve", lambda: our_superradiance(spins)),
        Contender("QuTiP mesolve", lambda: qutip_superradiance(spins)),
        Contender("QuTiP PIQS pisolve", lambda: piqs_superradiance(spins)),
    ]
