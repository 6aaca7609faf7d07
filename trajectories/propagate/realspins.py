"""Single runs of real spins: the way that each stage is followed, and how many spins are held.

Averages of too many spins point to them.
"""

from darkbattery.nvmodel.channels import channels
from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.protocol import Pulse, Stage, beyond_sudden
from darkbattery.nvmodel.refusal import InputError, refused_sizes
from darkbattery.nvmodel.spins import LocalNoise

# see `trajectories.jumps.spins.nojump`
LADDERS, ROTATED, SERIES = 0, 1, 2

NEITHER = "not in the quantum engine of a reservoir; use meanfield"
MOST_REAL_SPINS = 20_000_000  # in all: tables of some 2 GB
TABLE_BYTES = 100.0  # a spin
MOST_ROTATED = 2001  # amplitudes: 64 MB for one set of eigenvectors, by rows and by columns


def way_of(stage: Stage, detuning: float, battery: LocalNoise, charger: LocalNoise) -> int:
    """How amplitudes are followed between jumps, with these noises of single spins."""
    if stage.coupled != "both":
        return ROTATED
    if detuning != 0.0:
        return SERIES
    equal = battery.emission - battery.pumping == charger.emission - charger.pumping
    return LADDERS if equal else ROTATED


def refuse_unknown_switching(model: Model) -> None:
    """Refuse what the irreps here do not have of a protocol.

    >>> from darkbattery.nvmodel import CollectiveBattery, Pulse
    >>> refuse_unknown_switching(CollectiveBattery(1, 2, protocol=(Pulse(rotate_battery=1.0),)))
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: protocol[0].rotate_battery = 1.0: not where M ...
    """
    found = beyond_sudden(experiment_of(model).protocol)
    if found is not None:
        text = NEITHER
        if ".rotate_" in found[0]:
            text = "not where M stays sharp; evolve and single runs have it for few spins"
        raise InputError(*found, text)


def refuse_unknown_stages(model: Model) -> None:
    """The same where pulses may turn spins."""
    steps = experiment_of(model).protocol
    found = beyond_sudden(tuple(Pulse() if isinstance(one, Pulse) else one for one in steps))
    if found is not None:
        raise InputError(*found, NEITHER)


def refuse_many_real_spins(model: Model) -> None:
    """Refuse runs of real spins whose tables, or whose eigenvectors, memory does not hold."""
    refuse_unknown_switching(model)
    experiment = experiment_of(model)
    sizes = experiment.sizes
    if sum(sizes) > MOST_REAL_SPINS:
        raise refused_sizes(
            sizes,
            f"single runs outside the paper's model need tables of {sum(sizes) * TABLE_BYTES:.2g} "
            f"bytes, at most {MOST_REAL_SPINS:.0e} spins in all",
        )
    ways = []
    for stage in experiment.stages:
        if isinstance(stage, Stage):
            found = channels(experiment, stage)
            noises = found.noise("battery"), found.noise("charger")
            ways.append(way_of(stage, experiment.detuning_in(stage), *noises))
    if ROTATED in ways and min(sizes) + 1 > MOST_ROTATED:
        raise refused_sizes(
            sizes,
            f"the smaller must be below {MOST_ROTATED} where a stage disconnects an ensemble or "
            "where emission less pumping differs between battery and charger",
        )


def instead_of_averages(model: Model) -> str:
    """Where to go with a battery too large for averages: to single runs, if they hold it.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> instead_of_averages(CollectiveBattery(30_000, 150_000, detuning=0.1))
    'take fewer spins, or trajectories.sample'
    >>> stored = CollectiveBattery(30_000, 150_000, protocol=(Stage(1.0), Stage(1.0, "none")))
    >>> instead_of_averages(stored)
    'take fewer spins'
    """
    try:
        refuse_many_real_spins(model)
    except InputError:
        return "take fewer spins"
    runs_too = experiment_of(model).counts_every_photon
    return "take fewer spins, or trajectories.sample" if runs_too else "take fewer spins"
