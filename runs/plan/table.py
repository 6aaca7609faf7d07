"""A plan in tables: tidy ones for files, and those for people."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict

import pandas as pd

from darkbattery.nvmodel.numbers import between, percent, plain, with_error
from darkbattery.runs.plan.forecast import Forecast
from darkbattery.runs.plan.parameters import PARAMETERS, shown
from darkbattery.runs.plan.plan import Plan, finite_range
from darkbattery.runs.plan.sensitivity import OBJECTIVES
from darkbattery.runs.terminal.tables import Listing

Reader = Callable[[Forecast], float]

STORAGE = "storage time"
EXACT = 1e-9  # an error of a slope near one below this is rounding
_MHZ = 2.0e6 * math.pi
QUANTITIES: tuple[tuple[str, str, Reader], ...] = (
    ("g sqrt N/2pi", "MHz", lambda f: f.estimates.collective_coupling / _MHZ),
    ("kappa/(g sqrt N)", "1", lambda f: f.estimates.bad_cavity),
    ("thermal photons", "1", lambda f: f.estimates.thermal_photons),
    ("cooperativity C, aligned", "1", lambda f: f.estimates.cooperativity),
    ("C of the net inversion", "1", lambda f: f.estimates.net_cooperativity),
    ("superradiant rate", "1/s", lambda f: f.estimates.superradiant_rate),
    ("growth rate", "1/s", lambda f: f.growth_rate),
    ("delay of the burst", "s", lambda f: math.nan if f.delay is None else f.delay.mean),
    ("its spread over runs", "s", lambda f: math.nan if f.delay is None else f.delay.spread),
    ("charging time", "s", lambda f: f.charging_time),
    ("stored energy per spin", "ħω", lambda f: f.energy),
    ("gained energy per spin", "ħω", lambda f: f.gained),
    ("of that from the charger", "ħω", lambda f: f.given),
    ("and from the surroundings", "ħω", lambda f: f.warmed),
    ("ergotropy per spin, local", "ħω", lambda f: f.ergotropy),
    ("ergotropy per spin, one rotation", "ħω", lambda f: f.ergotropy_rotation),
    ("at the start, everywhere", "J", lambda f: f.initial_joule),
    ("stored energy", "J", lambda f: f.energy_joule),
    ("gained energy", "J", lambda f: f.gained_joule),
    ("given by the charger", "J", lambda f: f.given_joule),
    ("ergotropy, local", "J", lambda f: f.ergotropy_joule),
    ("left in the charger", "J", lambda f: f.left_joule),
    ("in the resonator", "J", lambda f: f.resonator_joule),
    ("sent out", "J", lambda f: f.out_joule),
    ("supplied by T1", "J", lambda f: f.supplied_joule),
    ("peak power, modal run", "W", lambda f: f.peak_power),
    ("peak power, mean over runs", "W", lambda f: f.mean_peak_power),
    ("kept after dephasing", "1", lambda f: f.kept),
    (STORAGE, "s", lambda f: f.storage_time),
)
LADDER = "ergotropy per spin, ladder"


def summary(plan: Plan) -> pd.DataFrame:
    """Columns quantity, unit, value, low, high (over the ranges of its quantities), perfect."""
    spanned = plan.spanned()
    rows = []
    for name, unit, read in QUANTITIES:
        low, high = finite_range([read(one) for one in spanned])
        rows.append((name, unit, read(plan.forecast), low, high, read(plan.perfect)))
        if name == "ergotropy per spin, local":
            nothing = (math.nan, math.nan)
            rows.append((LADDER, unit, plan.ladder, *nothing, plan.perfect_ladder))
    return pd.DataFrame(rows, columns=["quantity", "unit", "value", "low", "high", "perfect"])


def curves(plan: Plan) -> pd.DataFrame:
    """The modal runs: ensemble ("device", "perfect"), time, observable, value, error."""
    parts = []
    for name, one in (("device", plan.forecast), ("perfect", plan.perfect)):
        if one.curve is not None:
            frame = one.curve.to_dataframe()
            frame.insert(0, "ensemble", name)
            parts.append(frame)
    columns = ["ensemble", "time", "observable", "value", "error"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def sensitivity_table(plan: Plan) -> pd.DataFrame:
    """Columns parameter, unit, value, objective, elasticity, needed."""
    rows = [asdict(one) for one in plan.sensitivities.found]
    columns = ["name", "unit", "value", "elasticity", "needed"]
    frame = pd.DataFrame(rows, columns=columns).rename(columns={"name": "parameter"})
    frame.insert(3, "objective", plan.sensitivities.objective)
    return frame


def uncertainty_table(plan: Plan) -> pd.DataFrame:
    """One row an uncertain quantity: its range, and what would be at its ends."""
    rows = []
    for one in plan.uncertainties:
        row: dict[str, object] = {
            "field": one.field,
            "status": one.status,
            "low": one.low,
            "high": one.high,
        }
        for end, found in (("low", one.at_low), ("high", one.at_high)):
            row |= {
                f"bursts_at_{end}": found.bursts,
                f"cooperativity_at_{end}": found.estimates.net_cooperativity,
                f"energy_at_{end}": found.energy,
                f"ergotropy_at_{end}": found.ergotropy,
                f"warnings_at_{end}": "; ".join(found.warnings),
            }
        rows.append(row)
    return pd.DataFrame(rows)


# by the names of their files
TABLES: dict[str, Callable[[Plan], pd.DataFrame]] = {
    "summary": summary,
    "curves": curves,
    "sensitivities": sensitivity_table,
    "uncertainties": uncertainty_table,
}


def summary_listing(rows: pd.DataFrame, title: str) -> Listing:
    """A summary, as it was stored, for people; storage that there is none of is a dash."""
    ranged = bool((rows["low"] < rows["high"]).any())
    columns = ("quantity", "value", *(["over the ranges"] if ranged else []), "perfect")
    table = Listing(title, columns, left=("quantity",))
    for row in rows.itertuples():
        if math.isnan(row.value) and math.isnan(row.perfect) and row.quantity != STORAGE:
            continue  # asked for, and there is nothing of the kind
        span = ""
        if row.low == row.low and row.low != row.high:
            factor, unit = (1e6, "Hz") if row.unit == "MHz" else (1.0, row.unit)
            span = between(factor * row.low, factor * row.high, unit)
        value = shown(row.value, row.unit)
        cells = [value, *([span] if ranged else []), shown(row.perfect, row.unit)]
        table.add_row(row.quantity, *cells)
    return table


def regime_listing(regimes: Iterable[Sequence[str]]) -> Listing:
    """Questions, measures and answers, as they were stored, for people."""
    columns = ("question", "answer")
    table = Listing("Which description holds", columns, left=columns, show_header=False)
    for question, measure, said in regimes:
        table.add_row(question, f"{said} ({measure})")
    return table


def sensitivity_listing(rows: pd.DataFrame) -> Listing:
    """Elasticities, as they were stored, for people."""
    objective = str(rows["objective"].iloc[0]) if len(rows) else "ergotropy"
    title = f"What limits: per cent of the {OBJECTIVES[objective]} for one of a parameter"
    threshold = objective == "cooperativity"
    columns = ("parameter", "value", "elasticity", *(["needed"] if threshold else []))
    # never broken: as --vary takes them
    table = Listing(title, columns, left=("parameter",), whole=("parameter",))
    for one in rows.itertuples():
        # no -0.00
        cells = [
            one.parameter,
            shown(one.value, one.unit),
            f"{round(one.elasticity, 2) + 0.0:+.2f}",
        ]
        if threshold:
            cells.append(shown(one.needed, one.unit))
        table.add_row(*cells)
    return table


def interval_listing(rows: pd.DataFrame, count: int) -> Listing:
    """What the draws of an uncertain device say, for people."""
    columns = ("quantity", "median", "95 % of the draws")
    table = Listing(f"Of {count} draws of the device", columns, left=("quantity",))
    for row in rows.itertuples():
        span = "" if math.isnan(row.low) else between(row.low, row.high, row.unit)
        table.add_row(row.quantity, shown(row.median, row.unit), span)
    return table


def drawn_listing(rows: pd.DataFrame) -> Listing:
    """What the scatter of the draws is due to: the fields with a twentieth of the variance."""
    columns = ("quantity", "field", "elasticity", "share of variance")
    title = "What the scatter of the draws is due to"
    table = Listing(title, columns, left=("quantity", "field"), whole=("field",))
    for row in rows[rows["share"] > 0.05].itertuples():
        slope = _slope(row.elasticity, row.error)
        table.add_row(row.quantity, row.field, slope, percent(row.share))
    return table


def scaling_listing(rows: pd.DataFrame) -> Listing:
    """Exponents for people, with the distance from threshold beside them."""
    columns = ("at", "quantity", "exponent", "C from", "to")
    title = f"Exponents in {rows['along'].iloc[0]} (a burst needs C > 1)"
    table = Listing(title, columns, left=("at", "quantity"))
    for row in rows.itertuples():
        slope = _slope(row.exponent, row.error)
        table.add_row(row.at, row.quantity, slope, f"{row.C_low:.3g}", f"{row.C_high:.3g}")
    return table


def _slope(value: float, error: float) -> str:
    """Such as 3.5(4), 1 and 0: a line through equal numbers has no error but rounding."""
    if math.isnan(value):
        return "-"
    if error < EXACT:
        return plain(round(value, 3) + 0.0)  # no -0.0
    return with_error(value, error)


def answer(plan: Plan) -> str:
    """What comes out, in a sentence."""
    one = plan.forecast
    if not one.bursts:
        return f"{plan.title}: no burst, so that the battery is not charged by itself."
    if one.no_storage:
        kept = f"not kept ({one.no_storage})"
    elif math.isinf(one.storage_time):
        kept = "kept for ever"
    else:
        kept = f"kept for {shown(one.storage_time, 's')}"
    return (
        f"{plan.title}: {shown(one.energy_joule, 'J')} ({shown(one.energy, 'ħω')} a spin) "
        f"stored after {shown(one.charging_time, 's')}, at a mean peak power of "
        f"{shown(one.mean_peak_power, 'W')}; {shown(one.ergotropy_joule, 'J')} of it is work; "
        f"{kept}."
    )


def verdict(plan: Plan) -> str:
    """What limits, in a sentence."""
    limiting = plan.sensitivities.limiting
    if limiting is None:
        return "No parameter of the device matters."
    objective = OBJECTIVES[plan.sensitivities.objective]
    more = "more" if limiting.elasticity > 0.0 else "less"
    text = f"{limiting.name} limits most ({PARAMETERS[limiting.name].meaning}): 1 % {more} of it "
    text += f"raises the {objective} by {percent(abs(limiting.elasticity) / 100.0)}."
    if limiting.needed == limiting.needed:
        text += f" Threshold at {shown(limiting.needed, limiting.unit)}."
    return text


def burst_count(plan: Plan) -> str:
    """How many of the forecasts within the ranges burst; empty without such ranges."""
    spanned = plan.spanned()
    if len(spanned) == 1:
        return ""
    count = sum(one.bursts for one in spanned)
    return (
        f"ranges: {len(plan.uncertainties)} quantities, one at a time and all at their "
        f"better and worse ends; {count} of {len(spanned)} forecasts burst"
    )
