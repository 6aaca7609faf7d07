"""Section V: the logarithmic negativity, its rate, and how they go with energy and power."""

import numpy as np
import pandas as pd
from scipy import stats

from darkbattery.runs.studies.kit import power_law
from darkbattery.runs.studies.paper.claims import (
    SOLVER,
    Claim,
    Evidence,
    Measured,
    judged,
    listed,
    smallest_step,
    straight,
)

RATIOS = (3, 5, 10)  # of Figs. 5(c), 5(d)
CORRELATED = 0.99  # 98 percent of the variance of one is that of the other
# a curve of S_B over E_B that turns back only within the last percent is drawn without a turn
CHARGED, OVERSHOOT = 0.95, 0.01


def _steady(evidence: Evidence, ratio: float) -> pd.DataFrame:
    return evidence.over("n_battery", "size", ratio=ratio)


def _peaks(evidence: Evidence, ratio: float) -> pd.DataFrame:
    return evidence.over("n_battery", "rate peaks", ratio=ratio)


def _grows(evidence: Evidence) -> Measured:
    steps = [smallest_step(_steady(evidence, r)["log_negativity"]) for r in (1, 2, 3, 5, 10)]
    numbers = f"least steps {listed(steps, 2)} at R = 1, 2, 3, 5, 10"
    return Measured(numbers, judged(min(steps) > 1e-10))


def _along_time(evidence: Evidence) -> Measured:
    falls, charged, overshoots = [], [], []
    for curve in evidence.curves("time", "charging", "n_battery"):
        energy, entanglement = (
            curve["battery_energy"].to_numpy(),
            curve["log_negativity"].to_numpy(),
        )
        steps = np.diff(entanglement)
        first = int(np.argmax(steps < -SOLVER)) if (steps < -SOLVER).any() else len(steps)
        falls.append(first < len(steps))
        charged.append(energy[first] / energy[-1])
        overshoots.append(float(entanglement.max() / entanglement[-1] - 1.0))
    numbers = (
        f"E_B and S_B rise together until {100 * min(charged):.1f} percent of the energy is stored "
        f"(R = 5, N_B = 1, 2, 3); S_B then passes its end value by {max(overshoots):.1e} of it"
    )
    within = min(charged) > CHARGED and max(overshoots) < OVERSHOOT
    return Measured(numbers, judged(not any(falls), within))


def _along_size(evidence: Evidence) -> Measured:
    tables = [_steady(evidence, ratio) for ratio in (2, 3, 5)]
    linear = [stats.pearsonr(t["battery_energy"], t["log_negativity"]).statistic for t in tables]
    rank = [stats.spearmanr(t["battery_energy"], t["log_negativity"]).statistic for t in tables]
    numbers = f"over N_B: rank correlation {listed(rank)}, linear {listed(linear)} at R = 2, 3, 5"
    return Measured(numbers, judged(min(rank) > 1 - 1e-12))


def _at_given_energy(evidence: Evidence) -> Measured:
    # lines between the points of Fig. 4(d), wherever two neighbouring R share a range of energies
    pairs, drops = ((2, 3), (3, 5), (5, 10)), []
    for low, high in pairs:
        a, b = _steady(evidence, low), _steady(evidence, high)
        energies = np.linspace(b["battery_energy"].iloc[0], a["battery_energy"].iloc[-1], 50)
        of = lambda t, e=energies: np.interp(e, t["battery_energy"], t["log_negativity"])  # noqa: E731
        drops.append(float((of(a) - of(b)).min()))
    numbers = f"least drop of S_B between R = {', '.join(f'{a} and {b}' for a, b in pairs)}: "
    return Measured(numbers + f"{listed(drops, 3)} bit", judged(min(drops) > 0))


def _falls_with_ratio(evidence: Evidence) -> Measured:
    table = evidence.rows("size").pivot(index="n_battery", columns="ratio", values="log_negativity")
    falling = (table[list(RATIOS)].diff(axis=1).iloc[:, 1:] < 0).all(axis=1)
    first = int(falling.index[::-1][falling[::-1].cumprod().astype(bool)].min())
    one = table.loc[1]
    numbers = (
        f"falls from R = 3 to 5 to 10 for N_B >= {first}; N_B = 1: "
        f"{listed(one.to_numpy())} bit at R = {listed(one.index.to_numpy(float))}"
    )
    return Measured(numbers, judged(bool(falling.all()), bool(falling.loc[first:].all())))


def _scaling_falls(evidence: Evidence) -> Measured:
    gains = np.array([np.ptp(_steady(evidence, r)["log_negativity"]) for r in (1, 2, 3, 5, 10)])
    numbers = f"S(10 spins) - S(1 spin) = {listed(gains, 3)} bit at R = 1, 2, 3, 5, 10"
    return Measured(numbers, judged(bool((np.diff(gains) < 0).all())))


def _linear_rate(evidence: Evidence) -> Measured:
    parts = [_peaks(evidence, ratio) for ratio in RATIOS]
    lines = [straight(part["n_battery"], part["rate_peak"]) for part in parts]
    slopes, _, offs = zip(*lines, strict=True)
    numbers = (
        f"slopes {listed(slopes)}, largest distance from the line "
        f"{listed(100 * np.array(offs), 2)} percent of the range at R = 3, 5, 10"
    )
    return Measured(numbers, judged(max(offs) < 0.02))


def _with_power(evidence: Evidence) -> Measured:
    found = [
        stats.pearsonr(part["power_peak"], part["rate_peak"]).statistic
        for part in (_peaks(evidence, ratio) for ratio in RATIOS)
    ]
    table = evidence.rows("rate peaks")
    rank = stats.spearmanr(table["power_peak"], table["rate_peak"]).statistic
    numbers = (
        f"linear correlation over N_B {listed(found, 6)} at R = 3, 5, 10; rank correlation over "
        f"all {len(table)} batteries {rank:.4f}"
    )
    return Measured(numbers, judged(min(found) > CORRELATED and rank > 0.95))


def _same_periods(evidence: Evidence) -> Measured:
    shares = []
    for _, curve in evidence.rows("rates").groupby("n_battery"):
        power = curve["power"] > 0.01 * curve["power"].max()
        rate = curve["entanglement_rate"].abs() > 0.01 * curve["entanglement_rate"].max()
        shares.append(float((power & rate).sum() / (power | rate).sum()))
    numbers = f"{listed(shares, 2)} of the time for N_B = 1, 2, 3 (R = 50)"
    return Measured(numbers, judged(min(shares) > 0.9, min(shares) > 0.5))


def _lag_positive(evidence: Evidence) -> Measured:
    tables = [
        evidence.rows(f"rate peaks{end}")
        for end in ("", " at R = 50", " of large batteries", " of large chargers")
    ]
    lags = pd.concat(tables)["lag"]
    numbers = (
        f"{(lags > 0).sum()} of {len(lags)} lags positive, {lags.min():.2g} to {lags.max():.3g}"
    )
    return Measured(numbers, judged(bool((lags > 0).all())))


def _lag_with_size(evidence: Evidence) -> Measured:
    exceptions, steps = [], 0
    for ratio in RATIOS:
        part = _peaks(evidence, ratio)
        for n, change in zip(part["n_battery"].iloc[1:], np.diff(part["lag"]), strict=True):
            steps += 1
            if change >= 0:
                exceptions.append(f"{change:+.4f} from N_B = {n - 1} to {n} at R = {ratio}")
    numbers = f"{steps - len(exceptions)} of {steps} steps fall"
    text = f"{numbers}; {'; '.join(exceptions)}" if exceptions else numbers
    # one step that is out: another kink of the negativity takes over as the largest maximum
    return Measured(text, judged(not exceptions, len(exceptions) <= 1))


def _lag_with_ratio(evidence: Evidence) -> Measured:
    parts = evidence.curves("ratio", "rate peaks", "n_battery")
    drops = [smallest_step(-part["lag"]) for part in parts]
    numbers = f"least fall from R = 3 to 5 to 10 over N_B = 1 ... 10: {min(drops):.3f}"
    return Measured(numbers, judged(min(drops) > 0))


def _lag_vanishes(evidence: Evidence) -> Measured:
    size = pd.concat([_peaks(evidence, 5), evidence.rows("rate peaks of large batteries")])
    size = size[size["n_battery"] >= 6].sort_values("n_battery")
    ratio = pd.concat(
        [
            evidence.rows("rate peaks", n_battery=1),
            evidence.rows("rate peaks of large chargers"),
        ]
    )
    ratio = ratio[ratio["ratio"] >= 30].sort_values("ratio")
    laws = [power_law(size["n_battery"], size["lag"]), power_law(ratio["ratio"], ratio["lag"])]
    numbers = (
        f"exponent {laws[0]} in N_B = 6 ... 20 at R = 5 (lag {size['lag'].iloc[-1]:.3g} at 20), "
        f"{laws[1]} in R = 30 ... 1000 at N_B = 1 (lag {ratio['lag'].iloc[-1]:.2g} at 1000)"
    )
    falling = all(law.exponent + 5 * law.error < -0.5 for law in laws)
    return Measured(numbers, judged(falling))


def _rate_with_ratio(evidence: Evidence) -> Measured:
    parts = evidence.curves("ratio", "rate peaks", "n_battery")
    step = min(smallest_step(part["rate_peak"]) for part in parts)
    numbers = f"least step over R = 3, 5, 10 (N_B = 1 ... 10; to 100 for one spin): {step:.3f}"
    return Measured(numbers, judged(step > 0))


ENTANGLEMENT_CLAIMS = (
    Claim(
        "S_ss grows with N_B",
        "Sec. V, Fig. 4(c)",
        "The steady negativity rises with the number of battery spins",
        "every step from 1 to 10 spins rises",
        _grows,
    ),
    Claim(
        "S_B goes with E_B in time",
        "Sec. V, Figs. 4(a), 4(b)",
        "During charging more energy means more entanglement",
        "no step of either falls; limits: up to 95 percent of the energy, overshoot below 1%",
        _along_time,
    ),
    Claim(
        "S_ss goes with E_ss",
        "Sec. V, Fig. 4(d)",
        "Over N_B, more capacity means more entanglement",
        "rank correlation 1 at R = 2, 3, 5",
        _along_size,
    ),
    Claim(
        "S_ss falls with R at given E_ss",
        "Sec. V, Fig. 4(d)",
        "Of two steady states of equal energy the one with the larger charger is less entangled",
        "positive drop at every energy that neighbouring R have in common",
        _at_given_energy,
    ),
    Claim(
        "S_ss falls with R",
        "Sec. V",
        "At given N_B the steady negativity falls as R grows",
        "falls over R = 3, 5, 10 at every N_B; limits: from some N_B on",
        _falls_with_ratio,
    ),
    Claim(
        "growth of S_ss flattens",
        "Sec. V",
        "The larger R, the less the steady negativity gains from more battery spins",
        "the gain from 1 to 10 spins falls at each step of R",
        _scaling_falls,
    ),
    Claim(
        "peak rate is linear in N_B",
        "Sec. V, Fig. 5(c)",
        "The largest local maximum of the entanglement rate is linear in N_B",
        "no point off the least-squares line by more than 2 percent of the range",
        _linear_rate,
    ),
    Claim(
        "P_max goes with the peak rate",
        "Sec. V",
        "Peak power and peak entanglement rate are positively correlated",
        "linear correlation over N_B above 0.99 at each R, rank correlation over all above 0.95",
        _with_power,
    ),
    Claim(
        "same periods",
        "Sec. V, Figs. 5(a), 5(b)",
        "Power and entanglement rate are non-zero during about the same time",
        "both above 1 percent of their peak in 90 percent of the time either is; limits: in half",
        _same_periods,
    ),
    Claim(
        "the rate lags the power",
        "Sec. V, Fig. 5(d)",
        "The entanglement rate peaks after the power",
        "every lag is positive",
        _lag_positive,
    ),
    Claim(
        "the lag falls with N_B",
        "Sec. V, Fig. 5(d)",
        "The lag shortens with each battery spin",
        "every step falls at R = 3, 5, 10; limits: all but one",
        _lag_with_size,
    ),
    Claim(
        "the lag falls with R",
        "Sec. V, Fig. 5(d)",
        "The lag shortens with R",
        "every step falls at N_B = 1 ... 10",
        _lag_with_ratio,
    ),
    Claim(
        "the lag vanishes",
        "Sec. V, Fig. 5(d)",
        "For large N_B or R there is no lag",
        "power laws with exponents below -1/2 by five standard errors",
        _lag_vanishes,
    ),
    Claim(
        "peak rate grows with R",
        "Sec. V, Fig. 5(c)",
        "The larger the charger, the faster entanglement comes",
        "every step rises",
        _rate_with_ratio,
    ),
)
