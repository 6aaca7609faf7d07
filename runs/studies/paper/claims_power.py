"""Section IV: the power of charging, and the rate convention."""

import pandas as pd

from darkbattery.runs.studies.kit import PowerLaw, power_law
from darkbattery.runs.studies.paper.appendix import PRINTED, derived_equations
from darkbattery.runs.studies.paper.claims import (
    Claim,
    Evidence,
    Measured,
    judged,
    smallest_step,
    straight,
)

# peaks are read from parabolas through points within 3e-3 of the top
PEAK = 1e-4
# exponents: proportional means P_max/N_B within 5 percent over a decade, 10^0.02 = 1.047
PROPORTIONAL = 0.02
# Fig. 5's axes are labelled up to these; a curve drawn to scale passes its last label by little
LAST_LABELS = {"power": 30.0, "rate": 10.0}
PASSES = 1.05


def _law(evidence: Evidence, table: str, ratio: float, least: int = 1) -> PowerLaw:
    """Of the peak power over the size, from so many battery spins on."""
    part = evidence.over("n_battery", table, ratio=ratio)
    part = part[part["n_battery"] >= least]
    return power_law(part["n_battery"], part["power_peak"])


def _proportional(evidence: Evidence) -> Measured:
    near = [_law(evidence, "power peaks by size", ratio) for ratio in (2, 5, 10)]
    far = [_law(evidence, "power peaks of large batteries", ratio, 100) for ratio in (2, 5)]
    numbers = (
        f"exponents {', '.join(map(str, near))} for R = 2, 5, 10 over N_B = 1 ... 10; "
        f"{', '.join(map(str, far))} for R = 2, 5 over 100 ... 1000"
    )
    is_one = lambda law: abs(law.exponent - 1.0) < PROPORTIONAL  # noqa: E731
    return Measured(
        numbers, judged(all(map(is_one, near + far)), all(map(is_one, [*near[1:], *far])))
    )


def _straight(evidence: Evidence) -> Measured:
    parts = (evidence.over("n_battery", "power peaks by size", ratio=r) for r in (2, 5, 10))
    found = [straight(part["n_battery"], part["power_peak"]) for part in parts]
    numbers = "; ".join(f"{a:.4f} N_B {b:+.4f}, off by {off:.1%}" for a, b, off in found)
    return Measured(numbers + " (R = 2, 5, 10)", judged(max(off for *_, off in found) < 0.01))


def _beyond_root(evidence: Evidence) -> Measured:
    laws = [_law(evidence, "power peaks by size", ratio) for ratio in (2, 3, 5, 10)]
    margins = [(law.exponent - 0.5) / law.error for law in laws]
    numbers = (
        f"exponents {', '.join(map(str, laws))} for R = 2, 3, 5, 10: at least {min(margins):.0f} "
        "standard errors above 1/2"
    )
    return Measured(numbers, judged(min(margins) > 5))


def _grows_with_ratio(evidence: Evidence) -> Measured:
    parts = evidence.curves("ratio", "power peaks by ratio", "n_battery")
    step = min(smallest_step(part["power_peak"]) for part in parts)
    tables = ("rate peaks", "rate peaks of large chargers")
    far = pd.concat([evidence.rows(table, n_battery=1) for table in tables]).sort_values("ratio")
    far = far[far["ratio"] >= 30]
    law = power_law(far["ratio"], far["power_peak"])
    numbers = (
        f"least step from R = 1 to 10: {step:.3f}; exponent {law} over R = 30 ... 1000 "
        f"(N_B = 1), where P_max/R = {(far['power_peak'] / far['ratio']).iloc[-1]:.4f}"
    )
    return Measured(numbers, judged(step > PEAK and law.exponent > 0))


def _as_printed(evidence: Evidence) -> Measured:
    peaks = evidence.over("n_battery", "rate peaks at R = 50").iloc[-1]
    found = {"power": float(peaks["power_peak"]), "rate": float(peaks["rate_peak"])}

    def fits(factor: float) -> bool:
        # and reaches the last label but one interval, or the axis would have been cut shorter
        return all(
            0.75 < factor * found[name] / last < PASSES for name, last in LAST_LABELS.items()
        )

    # d rho_11/dt = -2 gamma rho_11 at T = 0: Eq. (18) against what the standard dissipator gives
    derived = derived_equations()[1, 1][1, 1].constant
    appendix = PRINTED[0].terms[0][1].constant / derived
    numbers = (
        f"peaks at R = 50, N_B = 3: {2 * found['power']:.1f} and {2 * found['rate']:.2f} as "
        f"printed ({'fit' if fits(2.0) else 'do not fit'} axes to 30 and 10); {found['power']:.1f} "
        f"and {found['rate']:.2f} with the standard dissipator "
        f"({'fit' if fits(1.0) else 'do not fit'}); Eq. (18) has {appendix} times the latter's rate"
    )
    return Measured(numbers, judged(fits(2.0) and appendix == 2))


POWER_CLAIMS = (
    Claim(
        "P_max is proportional to N_B",
        "Sec. IV, Figs. 2(d), 2(e)",
        "The peak power a spin is proportional to the number of battery spins",
        "exponent 1 to 0.02 (standard errors in brackets); limits: R >= 5, or many spins at R = 2",
        _proportional,
    ),
    Claim(
        "P_max is linear in N_B",
        "Sec. IV, Fig. 2(e)",
        "The peak power a spin lies on a straight line over the number of battery spins",
        "no point off the least-squares line by more than 1 percent of the range",
        _straight,
    ),
    Claim(
        "beyond the square root",
        "Sec. IV",
        "Without interactions between spins the power grows faster than the square root of N",
        "exponents above 1/2 by more than five standard errors",
        _beyond_root,
    ),
    Claim(
        "P_max grows with R",
        "Sec. IV, Fig. 2(f)",
        "The peak power a spin rises strictly with R",
        "every step rises at N_B = 1, 2, 3, and further up to R = 1000",
        _grows_with_ratio,
    ),
    Claim(
        "rates of Eq. (2)",
        "Sec. II, Eq. (2); Fig. 5",
        "With L(O) = 2 O rho O+ - ... as printed and time in 1/gamma one gets the curves drawn",
        "both peaks within 75 to 105 percent of the last axis labels of Figs. 5(a), 5(b), and "
        "twice the standard dissipator's rate in Eq. (18)",
        _as_printed,
    ),
)
