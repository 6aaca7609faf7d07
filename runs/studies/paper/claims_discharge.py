"""Section IV: discharging without the charger, as charged and dephased first."""

import math

import numpy as np
import pandas as pd

from darkbattery.runs.studies.kit import power_law
from darkbattery.runs.studies.paper.claims import (
    SOLVER,
    Claim,
    Evidence,
    Measured,
    judged,
    listed,
)

PULSE = "protocol.pulse.dephase_battery"
NOISE = "protocol.discharge.battery_noise.dephasing"
# "at the single-spin rate": half is gone at ln 2/gamma within this share
LIKE_ONE_SPIN = 0.05


def _half_time(curve: pd.DataFrame) -> float:
    """When half the energy is gone, in 1/gamma; infinity if it is not within the curve."""
    ordered = curve.sort_values("time")
    t = ordered["time"].to_numpy() - ordered["time"].iloc[0]
    left = ordered["battery_energy"].to_numpy() / ordered["battery_energy"].iloc[0]
    if left[-1] > 0.5:
        return math.inf
    # it only falls, and steps are short against its curvature
    return float(np.interp(-0.5, -left, t))


def _initial_rate(curve: pd.DataFrame) -> float:
    """Share of the energy that leaves per 1/gamma, at the start."""
    first = curve.sort_values("time").iloc[0]
    return float(-first["power"] / first["battery_energy"])


def _fresh(evidence: Evidence) -> Measured:
    table = evidence.rows("discharge_size")
    sizes = sorted(table["n_battery"].unique())
    curves = [table[table["n_battery"] == size] for size in sizes]
    halves = [_half_time(curve) for curve in curves]
    peaks = [float(-curve["power"].min()) for curve in curves]
    large = [i for i, size in enumerate(sizes) if size >= 5]
    law = power_law([sizes[i] for i in large], [peaks[i] for i in large])
    numbers = (
        f"half is gone at {listed(halves, 3)}/gamma for N_B = {listed(sizes, 3)} (R = 5); largest "
        f"power a spin {listed(peaks, 3)}: exponent {law} from 5 spins"
    )
    falls = all(np.diff(halves) < 0) and all(np.diff(peaks) > 0)
    return Measured(numbers, judged(falls and law.exponent - 5 * law.error > 0))


def _dephased(evidence: Evidence) -> Measured:
    table = evidence.rows("discharge_dephased")
    ends = evidence.rows("discharge_end")
    single = math.log(2.0)
    parts, pulsed_like, noisy_like, slopes = [], [], [], []
    for size, part in table.groupby("n_battery"):
        of = dict(iter(part.groupby([PULSE, NOISE])))
        fresh, pulsed = _half_time(of[0.0, 0.0]), _half_time(of[1.0, 0.0])
        noises = sorted(part[NOISE].unique())[1:]
        halves = [_half_time(of[0.0, noise]) for noise in noises]
        slopes.append(abs(_initial_rate(of[1.0, 0.0]) - 1.0))
        pulsed_like.append(abs(pulsed / single - 1.0) < LIKE_ONE_SPIN)
        noisy_like.append(abs(halves[-1] / single - 1.0) < LIKE_ONE_SPIN)
        kept = ends[(ends["n_battery"] == size) & (ends[PULSE] == 1.0)].sort_values(
            ["ratio", "time"]
        )
        energy = kept["battery_energy"].to_numpy().reshape(-1, 2)
        dark = energy[:, 1] / energy[:, 0]
        parts.append(
            f"N_B = {size}: first {_initial_rate(of[0.0, 0.0]):.2f} gamma fresh and "
            f"{_initial_rate(of[1.0, 0.0]):.4f} gamma after a full pulse, half gone at {fresh:.3f} "
            f"and {pulsed:.3f}/gamma (one spin: {single:.3f}); kept for ever {dark[1]:.3f} of it, "
            f"at R = 1 {dark[0]:.3f}; continuous dephasing of {listed(noises, 4)} gamma: half at "
            f"{listed(halves, 3)}"
        )
    initial = max(slopes) < SOLVER
    return Measured(
        "; ".join(parts),
        judged(initial and all(pulsed_like), initial and all(noisy_like)),
    )


DISCHARGE_CLAIMS = (
    Claim(
        "superradiant discharge",
        "Sec. IV",
        "Without its charger the battery discharges faster the more spins it has",
        "at every step of N_B half is gone sooner and the largest power a spin rises, with an "
        "exponent above 0 by five standard errors",
        _fresh,
    ),
    Claim(
        "dephased discharge",
        "Sec. IV",
        "Dephased first, the battery discharges at the single-spin rate",
        "first rate gamma to 1e-9, and half gone at ln 2/gamma to 5 percent after a full pulse; "
        "limits: the first rate, and half gone so under continuous dephasing of 1000 gamma",
        _dephased,
    ),
)
