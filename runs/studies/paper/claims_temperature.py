"""Section VI: warm reservoirs, for one battery spin and both of its starts."""

import numpy as np
import pandas as pd

from darkbattery.nvmodel.fields import thermal_occupation
from darkbattery.runs.studies.kit import parabola_top, power_law
from darkbattery.runs.studies.paper.claims import (
    SOLVER,
    Claim,
    Evidence,
    Measured,
    judged,
    listed,
    smallest_step,
)

CLOSED = 1e-13  # closed forms, a few roundings


def _curve(evidence: Evidence, ratio: float, start: str = "down") -> pd.DataFrame:
    table = "warm" if ratio <= 4 else "warm_large"
    return evidence.over("temperature", table, ratio=ratio, battery_start=start)


def _equation_13(evidence: Evidence) -> Measured:
    pair = pd.concat([evidence.rows(t, ratio=1, battery_start="down") for t in ("warm", "hot")])
    nbar = np.array([thermal_occupation(t) for t in pair["temperature"]])
    expected = 0.5 - (2 * nbar + 1) / (12 * nbar * (nbar + 1) + 4)
    off = max(
        float(np.abs(pair[name] - expected).max()) for name in ("battery_energy", "charger_energy")
    )
    numbers = f"largest difference {off:.0e} at {len(pair)} temperatures from 0 to 1e8"
    return Measured(numbers, judged(off < CLOSED))


def _two_starts(evidence: Evidence) -> Measured:
    down, thermal = (_curve(evidence, 1, start) for start in ("down", "thermal"))
    difference = thermal["battery_energy"].to_numpy() - down["battery_energy"].to_numpy()
    at = int(np.abs(difference).argmax())
    temperature = float(down["temperature"].iloc[at])
    numbers = (
        f"equal at T = 0; E_ss differs by {difference[at]:+.4f} at T = {temperature:.2f} (R = 1), "
        f"{_largest_difference(evidence, 4):+.4f} at R = 4"
    )
    return Measured(numbers, judged(bool(np.abs(difference).max() < CLOSED)))


def _largest_difference(evidence: Evidence, ratio: float) -> float:
    down, thermal = (
        _curve(evidence, ratio, start)["battery_energy"].to_numpy() for start in ("down", "thermal")
    )
    difference = thermal - down
    return float(difference[np.abs(difference).argmax()])


def _converge(evidence: Evidence) -> Measured:
    ends, laws = [], []
    for (ratio, start), part in evidence.rows("hot").groupby(["ratio", "battery_start"]):
        ordered = part.sort_values("temperature")
        gap = (ordered["battery_energy"] - 0.5).abs()
        ends.append(float(gap.iloc[-1]))
        if start == "thermal" or ratio != 3:  # at R = 3 the term of order 1/T is zero
            decades = (ordered["temperature"] >= 1e3) & (gap > 1e-12)
            laws.append(power_law(ordered["temperature"][decades], gap[decades]).exponent)
    numbers = (
        f"|E_ss - 1/2| below {max(ends):.1e} at T = 1e8, exponents {min(laws):.4f} to "
        f"{max(laws):.4f} (R = 1, 2, 3, 4, 10, both starts; R = 3 started down even faster)"
    )
    return Measured(numbers, judged(max(ends) < 1e-7 and max(laws) < -0.99))


def _source(evidence: Evidence) -> Measured:
    falls, last, least_net = [], [], np.inf
    for ratio in (1, 2, 3, 4, 10):
        near = _curve(evidence, ratio)
        far = evidence.over("temperature", "hot", ratio=ratio, battery_start="down")
        for part in (near, far):
            falls.append(smallest_step(-part["open_work"] / part["battery_energy"]))
            # what the charger lost and the battery did not gain went into the reservoir
            net = ratio * (1.0 - part["charger_energy"]) - part["battery_energy"]
            least_net = min(least_net, float(net.min()))
        last.append(float((far["open_work"] / far["battery_energy"]).iloc[-1]))
    numbers = (
        f"W_open/E_ss, the share beyond what the reservoir gives by itself, falls at every step "
        f"from 1 to {max(last):.0e} (R = 1, 2, 3, 4, 10); yet the reservoir takes a net "
        f"{least_net:.1e} or more at every T"
    )
    shifts = min(falls) > -CLOSED and max(last) < 1e-6
    return Measured(numbers, judged(shifts and least_net < 0, shifts))


def _less_transferred(evidence: Evidence) -> Measured:
    temperatures = (0.0, 2.0, 4.0)
    ends = [
        _curve(evidence, 10).set_index("temperature")["battery_energy"].loc[t] for t in temperatures
    ]
    table = evidence.rows("warm_charging").pivot(
        index="time", columns="temperature", values="battery_energy"
    )
    ahead = table.index[(table[4.0] > table[0.0] + SOLVER)]
    numbers = (
        f"E_ss = {listed(ends)} at T = 0, 2, 4 (R = 10); until gamma t = {ahead.max():.2f} the "
        "battery at T = 4 is ahead of that at T = 0"
    )
    return Measured(
        numbers, judged(ahead.empty and smallest_step(ends) < 0, max(np.diff(ends)) < 0)
    )


def _low_states_gain(evidence: Evidence) -> Measured:
    least, recovers = {}, 0.0
    for ratio in (1, 2):
        curve = _curve(evidence, ratio)
        change = curve["battery_energy"] - curve["battery_energy"].iloc[0]
        least[ratio] = float(change.min())
        recovers = max(recovers, float(curve["temperature"][change < -CLOSED].max() or 0.0))
    numbers = (
        f"least change of E_ss: {least[1]:+.4f} at R = 1, {least[2]:+.4f} at R = 2, which gains "
        f"only above T = {recovers:.2f}"
    )
    kept = [change >= -CLOSED for change in least.values()]
    return Measured(numbers, judged(all(kept), kept[0]))


def _high_states_lose(evidence: Evidence) -> Measured:
    most = []
    for ratio in (3, 4, 10, 50):
        for start in ("down", "thermal"):
            energy = _curve(evidence, ratio, start)["battery_energy"]
            most.append(float((energy.iloc[1:] - energy.iloc[0]).max()))
    numbers = f"largest change of E_ss {max(most):.1e} (R = 3, 4, 10, 50, T up to 12, both starts)"
    return Measured(numbers, judged(max(most) <= CLOSED))


def _equal_rises(evidence: Evidence) -> Measured:
    rises = [
        smallest_step(_curve(evidence, 1, start)["battery_energy"]) for start in ("down", "thermal")
    ]
    numbers = f"least steps {listed(rises, 2)} from the starts down and thermal"
    return Measured(numbers, judged(min(rises) >= -CLOSED))


def _large_falls(evidence: Evidence) -> Measured:
    down = max(float(np.diff(_curve(evidence, r)["battery_energy"]).max()) for r in (4, 10, 50))
    lowest = _curve(evidence, 4, "thermal").set_index("temperature")["battery_energy"]
    thermal = float(np.diff(lowest).max())
    numbers = (
        f"started down: no step rises above {max(down, 0.0):.0e} (R = 4, 10, 50); started thermal: "
        f"least at T = {lowest.idxmin():.2f} with E_ss = {lowest.min():.4f}, then rising (R = 4)"
    )
    return Measured(numbers, judged(max(down, thermal) <= CLOSED, down <= CLOSED))


def _steepest_early(evidence: Evidence) -> Measured:
    where = {}
    for ratio in (4, 10, 50):
        curve = _curve(evidence, ratio)
        temperature = curve["temperature"].to_numpy()
        at = int((np.diff(curve["battery_energy"]) / np.diff(temperature)).argmin())
        where[ratio] = float(temperature[at : at + 2].mean())
    pairs = ", ".join(f"{t:.2f} at R = {ratio}" for ratio, t in where.items())
    numbers = f"dE_ss/dT is least at T = {pairs}"
    early = [t < 1.0 for t in where.values()]
    return Measured(numbers, judged(all(early), early[0]))


def _lowest(curve: pd.DataFrame) -> float:
    """Temperature of the least energy: the bottom of the parabola through three steps."""
    at = int(curve["battery_energy"].argmin())
    around = curve.iloc[at - 1 : at + 2]
    energy = around["battery_energy"].to_numpy()
    return parabola_top(around["temperature"].to_numpy(), -energy)[0]


def _two_goes_both_ways(evidence: Evidence) -> Measured:
    turns, once = {}, True
    for start in ("down", "thermal"):
        curve = _curve(evidence, 2, start)
        steps = np.diff(curve["battery_energy"])
        rising = steps[np.abs(steps) > CLOSED] > 0
        once = once and int(np.diff(rising).sum()) == 1 and not rising[0]
        turns[start] = _lowest(curve)
    numbers = (
        f"dE_ss/dT changes sign at T = {turns['down']:.3f}: E_ss falls below and "
        f"rises above (started thermal: {turns['thermal']:.3f})"
    )
    return Measured(numbers, judged(once))


def _decline_slows(evidence: Evidence) -> Measured:
    holds, texts = [], []
    for ratio in (2, 3, 4):
        curve = _curve(evidence, ratio)
        temperature = curve["temperature"].to_numpy()
        slope = np.diff(curve["battery_energy"]) / np.diff(temperature)
        at = int(slope.argmin())
        decline = slope[at:][slope[at:] < 0]  # up to where R = 2 begins to gain
        holds.append(slope[at] < 0 and smallest_step(decline) > -CLOSED)
        texts.append(f"{slope[at]:.4f} at T = {temperature[at : at + 2].mean():.2f}")
    one = smallest_step(_curve(evidence, 1)["battery_energy"])
    numbers = (
        f"steepest slopes {', '.join(texts)} for R = 2, 3, 4, then less steep at every step; R = 1 "
        f"has no falling step ({one:+.0e} or more)"
    )
    return Measured(numbers, judged(all(holds) and one > -CLOSED))


def _work_vanishes(evidence: Evidence) -> Measured:
    warm = _curve(evidence, 4)
    off = float((warm["ergotropy"] - (2 * warm["battery_energy"] - 1)).abs().max())
    hot = evidence.over("temperature", "hot", ratio=4, battery_start="down")
    far = hot[(hot["temperature"] >= 1e3) & (hot["ergotropy_local"] > 1e-12)]
    law = power_law(far["temperature"], far["ergotropy_local"])
    thermal = _curve(evidence, 4, "thermal")
    zero = float(thermal["temperature"][thermal["ergotropy"] <= CLOSED].min())
    numbers = (
        f"W = 2 E_ss - 1 to {off:.0e}, {hot['ergotropy_local'].iloc[-1]:.0e} at T = 1e8, exponent "
        f"{law}; started thermal W = 0 from T = {zero:.2f} on"
    )
    return Measured(numbers, judged(off < CLOSED and abs(law.exponent + 1) < 0.01))


TEMPERATURE_CLAIMS = (
    Claim(
        "Eq. (13)",
        "Sec. VI, Eq. (13)",
        "The energies of two spins at any temperature",
        "both to 1e-13 (closed forms) for a battery started down",
        _equation_13,
    ),
    Claim(
        "starts of Sec. II and Eq. (13)",
        "Sec. II, Fig. 1; Sec. VI",
        "A battery that starts in equilibrium with the reservoir ends as in Eq. (13)",
        "no difference between the starts above 1e-13 at any temperature",
        _two_starts,
    ),
    Claim(
        "all energies tend to 1/2",
        "Sec. VI, Fig. 6(b)",
        "For high temperature E_ss tends to one half for every R, and <J^z> to zero",
        "|E_ss - 1/2| below 1e-7 at T = 1e8 and falling at least as 1/T over five decades",
        _converge,
    ),
    Claim(
        "the source of energy shifts",
        "Sec. VI",
        "With temperature the energy comes less from the charger and more from the reservoir",
        "W_open/E_ss falls from 1 to below 1e-6 and the net flow turns round; limits: the first",
        _source,
    ),
    Claim(
        "less energy when warm",
        "Sec. VI, Fig. 6(a)",
        "The warmer the reservoir, the less energy the charger hands to the battery",
        "E_B(t) is less at every time; limits: in the end",
        _less_transferred,
    ),
    Claim(
        "heat helps below 1/2",
        "Sec. VI, Fig. 6(b)",
        "Batteries that end below one half when cold gain energy from heat",
        "E_ss(T) >= E_ss(0) at every T for R = 1, 2; limits: R = 1",
        _low_states_gain,
    ),
    Claim(
        "heat harms above 1/2",
        "Sec. VI, Fig. 6(b)",
        "Batteries that end above one half when cold lose energy to heat",
        "E_ss(T) < E_ss(0) at every T > 0, to the 1e-13 of closed forms",
        _high_states_lose,
    ),
    Claim(
        "R = 1 gains from heat",
        "Sec. VI, Figs. 6(b), 6(c)",
        "With one charger spin E_ss rises with temperature",
        "no step of 0.05 falls by more than 1e-13",
        _equal_rises,
    ),
    Claim(
        "R > 3 loses to heat",
        "Sec. VI, Figs. 6(b), 6(c)",
        "With more than three charger spins E_ss falls with temperature",
        "no step rises, for both starts; limits: started down",
        _large_falls,
    ),
    Claim(
        "the fall is steepest when cold",
        "Sec. VI, Fig. 6(c)",
        "For R > 3 the energy falls fastest at low temperature",
        "below k_B T = hbar omega for R = 4, 10, 50; limits: R = 4, the one drawn",
        _steepest_early,
    ),
    Claim(
        "R = 2 goes both ways",
        "Sec. VI, Fig. 6(c)",
        "With two charger spins heat can raise or lower E_ss",
        "dE_ss/dT changes sign exactly once, from falling to rising, for both starts",
        _two_goes_both_ways,
    ),
    Claim(
        "decline, then relaxation",
        "Fig. 6(c)",
        "E_ss falls at low temperature, ever more slowly when warmer, except for R = 1",
        "slopes between steps of 0.05 relax at every step after the steepest for R = 2, 3, 4; no "
        "step falls for R = 1",
        _decline_slows,
    ),
    Claim(
        "no work when hot",
        "Sec. VI, Fig. 6(d)",
        "The ergotropy vanishes as E_ss tends to one half",
        "W = 2 E_ss - 1 to 1e-13, falling with exponent -1 to 0.01",
        _work_vanishes,
    ),
)
