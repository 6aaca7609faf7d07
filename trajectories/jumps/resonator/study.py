"""A study of single runs at a resonator: what is summed up, and what the sums say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.errors import Unseen, unseen_runs, unseen_scatter
from darkbattery.nvmodel.experiment import Experiment, Model, experiment_of
from darkbattery.nvmodel.observables import Needs, needing
from darkbattery.nvmodel.portlight import NET_PHOTONS
from darkbattery.nvmodel.preparation import Polarised
from darkbattery.trajectories.jumps.counts.tally import JumpStudy, moments_of
from darkbattery.trajectories.jumps.resonator.cavity_jumps import PHOTONS, POWER
from darkbattery.trajectories.reading.light import (
    at_the_ports,
    in_light_and_joules,
    rows_of_runs,
)

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

SUMMED = (
    "battery_energy",
    "charger_energy",
    "power",
    "photons",
    "absorbed_photons",
    "emitted_photons",
)
"""What the rows of `trajectories.jumps.resonator.cavity_jumps` are called."""
# the balance compares what each is propagated by itself with the rest: nothing of single runs
OF_THE_MODE = tuple(
    name for name in needing(Needs.MEANS | Needs.FIELD) if name != "excitation_balance"
)


def _with_power_of_a_photon(found: Unseen, bounds: Array) -> Unseen:
    """Of power what a photon that is lost takes: its share of the largest, whatever kappa is."""
    share = bounds[POWER] / max(1.0, float(bounds[PHOTONS]))
    return replace(found, power=np.maximum(found.power, share * found.photons))


@dataclass(frozen=True, eq=False)
class StudyAtResonator(JumpStudy):
    """A study of runs at a resonator: as in the reservoir that has its sizes and nbar.

    Attributes
    ----------
    model : Model
    kappa, fastest : float
        Rates of the field's energy, and of all excitations in the mode, 1/s.
    local : float
        Largest rate of a single spin's noise, 1/s.
    """

    model: Model
    kappa: float
    fastest: float
    local: float

    @property
    def asked_of(self) -> Experiment:
        """The experiment whose runs they are, with its starts."""
        return experiment_of(self.model)

    @property
    def identity(self) -> tuple[Any, ...]:
        """Runs of equal identity belong together."""
        return "mode", self.model, self.times.tobytes(), self.seed, self.names

    def follow_from(self, values: dict[str, Array], errors: dict[str, Array | None]) -> None:
        """Light and joules, which are lines in what is summed."""
        for name, line in in_light_and_joules(self.model).items():
            error = errors[line.of]
            assert error is not None
            values[name], errors[name] = line.at(values[line.of]), line.factor * error
        known = {name: error for name, error in errors.items() if error is not None}
        for found, known_ones in ((values, values), (errors, known)):
            whole = {"output_power": known_ones["output_power"]}
            if "port_photons" in rows_of_runs(self.model):  # nothing is absorbed
                whole[NET_PHOTONS] = known_ones["emitted_photons"]
            found.update(at_the_ports(self.model, whole))

    def unseen(self, runs: int, means: Mapping[str, Array], counts: Mapping[str, Counts]) -> Unseen:
        """As in a reservoir whose fastest rate is that of all excitations in the mode."""
        (n_battery, n_charger), model = self.battery.sizes, self.asked_of
        nbar, starts = model.nbar, (model.battery_preparation, model.charger_preparation)
        emitted, absorbed = means["emitted_photons"], means["absorbed_photons"]
        found = unseen_runs(
            n_battery,
            n_charger,
            nbar,
            self.fastest / (0.5 * (n_battery + n_charger) + 1.0) ** 2,
            self.times,
            runs,
            local=self.local,
            # by the photons that the mode holds at the start, or by the spins
            mixed=nbar > 0.0 or any(isinstance(s, Polarised) and 0.0 < s.up < 1.0 for s in starts),
            dark=False,
            witnessed=np.minimum(emitted, absorbed) if nbar > 0.0 else emitted,
            left=self.left(counts, runs, means),
        )
        found = _with_power_of_a_photon(found, self.bounds)
        if runs < 2:
            return found
        # of the thermal field at the start, which decays as an empty resonator's
        known = nbar * (nbar + 1.0) * np.exp(-2.0 * self.kappa * self.times)
        variance = moments_of(runs, self.bounds, counts)[PHOTONS].variance()
        return replace(found, mode=np.maximum(found.mode, unseen_scatter(known, variance, runs)))

    def left(
        self, counts: Mapping[str, Counts], runs: int, means: Mapping[str, Array]
    ) -> Array | float:
        """Excitations that a run does not keep for ever, on average, at most, where it is known."""
        return 0.0
