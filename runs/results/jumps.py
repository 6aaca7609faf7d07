"""A single run of a study with its jumps where its photons came, for figures."""

import numpy as np
import pandas as pd

from darkbattery import trajectories
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.choice.choice import chosen
from darkbattery.runs.definitions.definition import Point, RunDefinition

MOST_JUMPS = 2000  # of a run; more are closer than a figure can show
SAME = 1e-9  # of a run made again: other output times, other rounding
# what a run's record has at any time
KNOWN = (
    "battery_energy",
    "charger_energy",
    "ergotropy",
    "emitted_photons",
    "absorbed_photons",
)


def with_jumps(
    definition: RunDefinition, point: Point, run: int, names: tuple[str, ...]
) -> pd.DataFrame | None:
    """Values of run `run` at its output times, and just before and at each of its jumps.

    None where runs do not jump (semiclassical paths), or their record is not to be had; columns
    time and `names` (of `KNOWN`).
    """
    one = chosen(definition, point, "sample")
    model = one.model
    if one.definition.engine != "quantum":
        return None
    times = one.definition.times_of(model)
    try:
        found = trajectories.single_run(model, times, definition.seed, run)
        jumps = np.array(found.jump_times)
        if jumps.size == 0 or jumps.size > MOST_JUMPS:
            return None
        # the state at the time of a jump is the one after it
        at = np.unique(np.concatenate([times, jumps, np.nextafter(jumps, 0.0)]))
        found = trajectories.single_run(model, at, definition.seed, run)
    except InputError:
        return None
    return pd.DataFrame({"time": at} | {name: getattr(found, name) for name in names})


def drawn_run(
    definition: RunDefinition, point: Point, run: int, name: str, kept: pd.DataFrame
) -> pd.DataFrame:
    """Columns time and value of a run as it is drawn; as it was `kept` where it has no jumps.

    A run made again that is not the one that was kept is not drawn.
    """
    if name not in KNOWN:
        return kept
    sharp = with_jumps(definition, point, run, (name,))
    if sharp is None:
        return kept
    sharp = sharp.rename(columns={name: "value"})
    again = sharp["value"].to_numpy()[np.searchsorted(sharp["time"], kept["time"])]
    known = kept["value"].to_numpy(dtype=float)
    if not np.allclose(again, known, rtol=SAME, atol=SAME, equal_nan=True):
        return kept
    return sharp
