"""Section IV: the ergotropy beside the stored energy."""

import numpy as np
import pandas as pd

from darkbattery.runs.studies.kit import PowerLaw, power_law
from darkbattery.runs.studies.paper.claims import (
    SOLVER,
    Claim,
    Evidence,
    Measured,
    judged,
    listed,
)


def _threshold_energy(curve: pd.DataFrame) -> float:
    """Stored energy at which the ergotropy leaves zero, from the first two samples above it."""
    above = curve[curve["ergotropy"] > SOLVER].head(2)
    (w0, w1), (e0, e1) = above["ergotropy"], above["battery_energy"]
    return float(e0 - w0 * (e1 - e0) / (w1 - w0))


def _one_spin(evidence: Evidence) -> Measured:
    one = pd.concat(
        [evidence.rows("ergotropy_size", n_battery=1), evidence.rows("ergotropy_ratio")]
    )
    expected = np.maximum(0.0, 2.0 * one["battery_energy"] - 1.0)
    off = float((one["ergotropy"] - expected).abs().max())
    threshold = _threshold_energy(evidence.rows("ergotropy_size", n_battery=1))
    numbers = (
        f"W = max(0, 2 E - 1) to {off:.0e} at R = 1, 5, 50; W leaves zero at E = {threshold:.4f}"
    )
    return Measured(numbers, judged(off < SOLVER and abs(threshold - 0.5) < SOLVER))


def _inversion(evidence: Evidence) -> Measured:
    sizes = (1, 2, 3, 10)
    found = [_threshold_energy(evidence.rows("ergotropy_size", n_battery=n)) for n in sizes]
    rows = evidence.rows("ergotropy_size")
    local = bool((rows[rows["battery_energy"] <= 0.5]["ergotropy_local"] == 0.0).all())
    numbers = (
        f"W leaves zero at E = {listed(found, 3)} for N_B = 1, 2, 3, 10 (R = 5); product unitaries "
        f"{'do' if local else 'do not'} need E > 1/2 at every N_B"
    )
    needs = [energy >= 0.5 - SOLVER for energy in found]
    return Measured(numbers, judged(all(needs), needs[0] and local))


def _equal_ensembles(evidence: Evidence) -> Measured:
    steady = evidence.over("n_battery", "ergotropy_equal")
    positive = steady[steady["ergotropy"] > SOLVER]
    during = float(evidence.rows("ergotropy_ratio", ratio=1)["ergotropy"].max())
    first = "none" if positive.empty else f"{positive['n_battery'].iloc[0]:.0f}"
    pairs = ", ".join(
        f"{row.ergotropy:.4f} (N_B = {row.n_battery})" for row in positive.itertuples()
    )
    numbers = f"N_B = 1: at most {max(during, 0.0):.0e}; first above zero at N_B = {first}: {pairs}"
    return Measured(numbers, judged(positive.empty, during < SOLVER))


def _never_inverted(evidence: Evidence) -> Measured:
    most = max(
        float(evidence.rows(table)["battery_energy"].max())
        for table in ("ergotropy_equal", "limit_equal")
    )
    numbers = f"largest <J_B^z>/N_B up to N_B = 1e6: {most - 0.5:.2e}"
    return Measured(numbers, judged(most < 0.5))


def _large_battery(evidence: Evidence) -> Measured:
    laws, ends = _gaps(evidence, "limit_ergotropy", "ratio", "n_battery", "ergotropy")
    end = f"to {listed(ends, 2)} at N_B = 3000"
    numbers = f"1 - W/E falls with exponents {', '.join(map(str, laws))} for R = 2, 5, {end}"
    return Measured(numbers, judged(all(abs(law.exponent + 1) < 0.05 for law in laws)))


def _large_charger(evidence: Evidence) -> Measured:
    laws, ends = _gaps(evidence, "limit_ratio", "n_battery", "ratio", "ergotropy_local")
    end = f"to {listed(ends, 2)} at R = 1e15"
    numbers = f"1 - W/E falls with exponents {', '.join(map(str, laws))} for N_B = 1, 2, 3, {end}"
    vanishing = all(abs(law.exponent + 1) < 0.01 for law in laws)
    return Measured(numbers, judged(vanishing and max(ends) < 1e-13))


def _gaps(
    evidence: Evidence, table: str, by: str, over: str, ergotropy: str
) -> tuple[list[PowerLaw], list[float]]:
    """How 1 - W/E falls from 100 on, and where it ends, for each value of `by`."""
    laws, ends = [], []
    for part in evidence.curves(over, table, by):
        gap = 1.0 - part[ergotropy] / part["battery_energy"]
        fitted = (part[over] >= 100) & (gap > 1e-12)
        laws.append(power_law(part[over][fitted], gap[fitted]))
        ends.append(float(gap.iloc[-1]))
    return laws, ends


ERGOTROPY_CLAIMS = (
    Claim(
        "one spin needs E > 1/2",
        "Sec. IV, Fig. 3",
        "The ergotropy of one battery spin is zero until it stores half a quantum",
        "W = max(0, 2 E - 1) at all times to 1e-9, the solver's accuracy",
        _one_spin,
    ),
    Claim(
        "work needs inversion",
        "Sec. IV, Fig. 3",
        "No battery yields work in a cycle unless <J_B^z> > 0",
        "W > 1e-9 only at E > 1/2, for each N_B; limits: for N_B = 1, and product unitaries",
        _inversion,
    ),
    Claim(
        "no ergotropy at R = 1",
        "Sec. IV, Fig. 3(b)",
        "With as many charger as battery spins the ergotropy is always zero",
        "W < 1e-9 at N_B = 1 to 100; limits: one battery spin, the case drawn",
        _equal_ensembles,
    ),
    Claim(
        "R = 1 stays below inversion",
        "Sec. IV, Fig. 3(b)",
        "With as many charger as battery spins <J_B^z> stays negative",
        "E_ss < 1/2 at N_B = 1 to 1e6",
        _never_inverted,
    ),
    Claim(
        "W tends to E for large N_B",
        "Sec. IV, Fig. 3(a)",
        "In a large battery nearly all stored energy is ergotropy",
        "1 - W/E falls with exponent -1 to 0.05 from 100 to 3000 spins (populations in memory)",
        _large_battery,
    ),
    Claim(
        "W tends to E for large R",
        "Sec. IV, Fig. 3(b)",
        "With a large charger nearly all stored energy is ergotropy",
        "1 - W/E falls with exponent -1 to 0.01, below 1e-13 at R = 1e15; W of product unitaries, "
        "all there is for one spin and a lower bound for more",
        _large_charger,
    ),
)
