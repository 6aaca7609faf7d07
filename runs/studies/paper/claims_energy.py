"""Sections III and IV: the stored energy, its growth with N_B and R, and its limits."""

import numpy as np

from darkbattery.runs.studies.kit import power_law
from darkbattery.runs.studies.paper.claims import (
    SOLVER,
    Claim,
    Evidence,
    Measured,
    judged,
    listed,
    smallest_step,
)

# closed forms are sums of positive terms: a few units in the last place
CLOSED = 1e-14
# below this lack, 1 - E is read from the last three digits of E: too few to fit
FIT_ABOVE = 1e-12


def _quarter(evidence: Evidence) -> Measured:
    pair = evidence.rows("size", n_battery=1, ratio=1).iloc[0]
    off = max(abs(pair["battery_energy"] - 0.25), abs(pair["charger_energy"] - 0.25))
    numbers = f"E_B = {pair['battery_energy']:.6g}, E_C = {pair['charger_energy']:.6g}"
    return Measured(numbers, judged(off < CLOSED))


def _opposite(evidence: Evidence) -> Measured:
    rises, falls = [], []
    for curve in evidence.curves("time", "charging", "n_battery"):
        rises.append(smallest_step(curve["battery_energy"]))
        falls.append(smallest_step(-curve["charger_energy"]))
    numbers = (
        f"3 curves, 200 steps each: least rise of E_B {min(rises):.1e}, "
        f"least fall of E_C {min(falls):.1e}"
    )
    return Measured(numbers, judged(min(rises) > -SOLVER and min(falls) > -SOLVER))


def _grows(evidence: Evidence, over: str, curves: str, limits: str) -> Measured:
    table = "size" if over == "n_battery" else "ratio"
    steps = [smallest_step(part["battery_energy"]) for part in evidence.curves(over, table, curves)]
    decades = []
    for part in evidence.curves(over, limits, curves):
        lack = part["energy_lack"].to_numpy()
        decades.append(float((lack[:-1] / np.maximum(lack[1:], 1e-300)).min()))
    numbers = (
        f"least step up to 10: {min(steps):.3g}; over 15 decades 1 - E falls at least "
        f"{min(decades):.3g}-fold a decade"
    )
    return Measured(numbers, judged(min(steps) > 0 and min(decades) > 1))


def _superextensive(evidence: Evidence) -> Measured:
    least = np.inf
    for table in ("size", "limit_size", "limit_equal"):
        for part in evidence.curves("n_battery", table, "ratio"):
            single = part["capacity"].iloc[0]
            ratios = (part["capacity"] / (part["n_battery"] * single)).iloc[1:]
            least = min(least, float(ratios.min()))
    far = evidence.rows("limit_size", n_battery=1e15)
    one = evidence.rows("limit_size", n_battery=1)
    gain = (far["capacity"].to_numpy() / 1e15) / one["capacity"].to_numpy()
    numbers = (
        f"least ratio of E(R, M) to M E(R, 1) for M = 2 ... 1e15: {least:.4f}; "
        f"at M = 1e15 {listed(gain)} for R = 2, 5, 10"
    )
    return Measured(numbers, judged(least > 1.0))


def _flattening(evidence: Evidence) -> Measured:
    # it rises: last less first
    gain = evidence.rows("size").groupby("ratio")["battery_energy"].agg(np.ptp).to_numpy()
    numbers = f"E(10 spins) - E(1 spin) = {listed(gain, 3)} at R = 1, 2, 3, 5, 10"
    falling = np.diff(gain) < 0
    return Measured(numbers, judged(bool(falling.all()), bool(falling[1:].all())))


def _half(evidence: Evidence) -> Measured:
    size = evidence.rows("limit_size", n_battery=1e15)["battery_energy"].to_numpy()
    ratio = evidence.rows("limit_ratio", ratio=1e15)["battery_energy"].to_numpy()
    ends = np.concatenate([size, ratio])
    numbers = (
        f"E_ss = 1 - {1 - ends.min():.1e} or nearer 1 in all six limits, <J_B^z>/N_B = "
        f"{ends.min() - 0.5:.6g}: one half is the limit of the spin, not of Eq. (6)'s energy"
    )
    return Measured(numbers, judged(bool(np.all(np.abs(ends - 0.5) < 1e-6))))


def _full(evidence: Evidence, table: str, over: str, curves: str) -> Measured:
    laws, ends, factors = [], [], []
    for part in evidence.curves(over, table, curves):
        ends.append(float(part["energy_lack"].iloc[-1]))
        fitted = part[(part[over] >= 1e2) & (part["energy_lack"] > FIT_ABOVE)]
        laws.append(power_law(fitted[over], fitted["energy_lack"]))
        factors.append(float((fitted["energy_lack"] * fitted[over]).iloc[-1]))
    x = "N_B" if over == "n_battery" else "R"
    keys = "R = 2, 5, 10" if over == "n_battery" else "N_B = 1, 2, 3"
    numbers = (
        f"1 - E = c/{x}: exponents {', '.join(map(str, laws))}, c = {listed(factors)} for {keys}; "
        f"1 - E at {x} = 1e15: {listed(ends, 2)}"
    )
    exact = all(abs(law.exponent + 1.0) < 0.01 for law in laws)
    return Measured(numbers, judged(exact and max(ends) < 1e-14))


def _equal(evidence: Evidence) -> Measured:
    table = evidence.over("n_battery", "limit_equal")
    lack = 0.5 - table["battery_energy"]
    law = power_law(table["n_battery"][2:], lack[2:])
    numbers = (
        f"E_ss = {table['battery_energy'].iloc[-1]:.5f} at N_B = 1e6; 1/2 - E falls with exponent "
        f"{law}: R = 1 leads to 1/2, not 1"
    )
    halfway = abs(law.exponent + 0.5) < 0.01 and bool((lack > 0).all())
    return Measured(numbers, judged(halfway))


def _open_work(evidence: Evidence) -> Measured:
    off = 0.0
    for table in ("charging", "size"):
        rows = evidence.rows(table)
        off = max(off, float((rows["open_work"] - rows["battery_energy"]).abs().max()))
    return Measured(f"largest difference {off:.1e}", judged(off == 0.0))


ENERGY_CLAIMS = (
    Claim(
        "two spins share",
        "Sec. III, Eqs. (4), (5)",
        "One charger spin leaves a quarter quantum in one battery spin at T = 0",
        "both energies are 1/4 to 1e-14 (closed form)",
        _quarter,
    ),
    Claim(
        "E_C falls as E_B rises",
        "Sec. IV, Fig. 2(a)",
        "During charging the charger only loses and the battery only gains",
        "no step of 0.01/gamma goes the other way by more than 1e-9, the solver's accuracy",
        _opposite,
    ),
    Claim(
        "E_ss grows with N_B",
        "Sec. IV, Fig. 2(b)",
        "The stored energy a spin rises strictly with the number of battery spins",
        "every step rises, at R = 1, 2, 3, 5, 10 and over decades at R = 2, 5, 10",
        lambda evidence: _grows(evidence, "n_battery", "ratio", "limit_size"),
    ),
    Claim(
        "E_ss grows with R",
        "Sec. IV, Fig. 2(c)",
        "The stored energy a spin rises strictly with the charger's ratio",
        "every step rises, at N_B = 1, 2, 3, up to R = 10 and over decades",
        lambda evidence: _grows(evidence, "ratio", "n_battery", "limit_ratio"),
    ),
    Claim(
        "superextensive capacity",
        "Sec. IV",
        "A battery of M spins holds more than M batteries of one spin, at any M > 1",
        "ratio above 1 at R = 1, 2, 3, 5, 10, M = 2 ... 10 and decades to 1e15 (1e6 at R = 1)",
        _superextensive,
    ),
    Claim(
        "flattening with R",
        "Sec. IV, Fig. 2(b)",
        "The larger R, the less the stored energy gains from more battery spins",
        "the gain from 1 to 10 spins falls at each step of R; limits: from R = 2 on",
        _flattening,
    ),
    Claim(
        "limit is one half",
        "Sec. IV",
        "For R or N_B to infinity the stored energy a spin tends to half a quantum",
        "E_ss within 1e-6 of 1/2 at 1e15",
        _half,
    ),
    Claim(
        "limit of large N_B",
        "Sec. IV",
        "For any R > 1 the battery fills up as N_B grows",
        "1 - E falls with exponent -1 to 0.01 and ends below 1e-14",
        lambda evidence: _full(evidence, "limit_size", "n_battery", "ratio"),
    ),
    Claim(
        "limit of large R",
        "Sec. IV",
        "The battery fills up as R grows",
        "1 - E falls with exponent -1 to 0.01 and ends below 1e-14",
        lambda evidence: _full(evidence, "limit_ratio", "ratio", "n_battery"),
    ),
    Claim(
        "R = 1 is excluded",
        "Sec. IV",
        "Only R > 1 leads to a full battery",
        "at R = 1 the limit is 1/2: 1/2 - E > 0 falls with exponent -1/2 to 0.01 to 1e6 spins",
        _equal,
    ),
    Claim(
        "open work is the energy",
        "Sec. IV, Eq. (8)",
        "At T = 0 all stored energy counts as work against the reservoir",
        "no difference at all in Figs. 2(a), 2(b)",
        _open_work,
    ),
)
