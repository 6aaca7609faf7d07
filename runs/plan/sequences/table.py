"""A plan of a sequence in tables: tidy ones for files, and those for people."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkbattery.nvmodel.numbers import between, counted, in_unit, percent, with_error, with_unit
from darkbattery.runs.plan.intervals import HIGH, LOW, interval_of
from darkbattery.runs.plan.parameters import PARAMETERS
from darkbattery.runs.plan.sequences.plan import SequencePlan
from darkbattery.runs.plan.sequences.scan import NEARLY
from darkbattery.runs.plan.sequences.shots import ALL, Shots
from darkbattery.runs.plan.sequences.timeline import of_stage
from darkbattery.runs.terminal.tables import Listing

Array = NDArray[np.float64]
EMPTY = "... of what is sent in, without spins"
Reader = Callable[[Shots], Array]


def quantities(plan: SequencePlan) -> Iterator[tuple[str, str, Reader]]:
    """Name, unit and reader of everything that is told of each run."""
    yield "charged, per battery spin", "ħω", lambda s: s.charged
    yield "stored, per battery spin", "ħω", lambda s: s.stored
    yield "stored energy", "J", lambda s: s.stored_joule
    if plan.release is not None:
        yield "given back by the battery", "J", lambda s: s.recovered_joule
    yield f"burst after the start of {plan.charge.name}", "s", lambda s: s.burst
    for port in plan.shots.ports:
        yield _while_charging(plan, port), "W", _share(port, "burst_watt")
        yield from from_release(plan, port)


def from_release(plan: SequencePlan, at: str | None = None) -> Iterator[tuple[str, str, Reader]]:
    """Of these what leaves from the release on, of all ports or of one."""
    if plan.release is None:
        return
    since = f"from {plan.release.name} on"
    for port in plan.shots.ports if at is None else (at,):
        yield f"{_at(port)}: largest power {since}", "W", _share(port, "release_watt")
        yield f"{_at(port)}: sent out {since}", "J", _share(port, "sent_joule")


def _leaving(plan: SequencePlan) -> Iterator[tuple[str, float]]:
    """Names of what leaves, each with its port's share."""
    for port, share in plan.shots.ports.items():
        yield _while_charging(plan, port), share
        for name, _, _ in from_release(plan, port):
            yield name, share


def _while_charging(plan: SequencePlan, port: str) -> str:
    return f"{_at(port)}: largest power in {plan.charge.name}"


def _at(port: str) -> str:
    return port if port == ALL else f"port {port}"


def _over_shots(values: Array) -> float:
    """Standard error of a mean."""
    return float(values.std(ddof=1) / math.sqrt(values.size))


def _share(port: str, name: str) -> Reader:
    return lambda shots: shots.ports[port] * np.asarray(getattr(shots, name))


def summary(plan: SequencePlan) -> pd.DataFrame:
    """A row a quantity: mean over shots, its error, middle 95 % of shots and of devices' means.

    Below what leaves from the release on: how much of the fields that are sent in would leave an
    empty resonator.
    """
    rows, after = [], {name for name, _, _ in from_release(plan)}
    leaving = dict(_leaving(plan))
    drawn = [one.found for one in plan.drawn if one.found is not None]
    for name, unit, read in quantities(plan):
        own = read(plan.shots)
        low, high = np.percentile(own, (LOW, HIGH))
        ends = interval_of([float(read(one).mean()) for one in drawn])
        error = math.hypot(_over_shots(own), plan.spacing / math.sqrt(12.0) if unit == "s" else 0.0)
        value = float(own.mean())
        share = leaving.get(name)
        if share is not None and plan.is_vacuum(value / share, unit, error / share):
            value, low, high = 0.0, math.nan, math.nan
        rows.append((name, unit, value, error, low, high, *ends))
        if share is not None and plan.is_triggered and name in after:
            empty = float(read(plan.empty).mean())
            if plan.is_vacuum(empty / share, unit, plan.noise_joule):
                empty = 0.0
            rows.append((EMPTY, unit, empty, *(math.nan,) * 5))
        if name == "stored energy":
            joule = own.mean() / plan.shots.stored.mean()
            value, error = (float(joule * one) for one in plan.ergotropy)
            nothing = (math.nan,) * 4
            rows.append(("of it ergotropy, local", "J", value, error, *nothing))
    columns = ["quantity", "unit", "value", "error", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "drawn_low", "drawn_high"])


def stage_table(plan: SequencePlan) -> pd.DataFrame:
    """A row a stage: when, the energies at its end, what leaves in it; means over shots."""
    rows, found = [], plan.courses
    for i, one in enumerate(plan.stages):
        here = of_stage(i)
        sent = found.sent[here][-1] - found.sent[here][0]
        largest = found.power[here].max(axis=0)
        leaves = {}
        for values, unit in ((sent, "J"), (largest, "W")):
            mean, error = float(values.mean()), _over_shots(values)
            leaves[unit] = 0.0 if plan.is_vacuum(mean, unit, error) else mean, error
        rows.append(
            {
                "stage": one.name,
                "begin": one.begin,
                "duration": one.stage.duration,
                "battery_energy": float(found.battery[here][-1].mean()),
                "charger_energy": float(found.charger[here][-1].mean()),
                "sent_joule": leaves["J"][0],
                "sent_error": leaves["J"][1],
                "largest_watt": leaves["W"][0],
                "largest_error": leaves["W"][1],
            }
        )
    return pd.DataFrame(rows)


def limit_table(plan: SequencePlan) -> pd.DataFrame:
    """A row a parameter: elasticities of the energy given and the last power, with errors."""
    rows = [(one.name, one.unit, one.value, *one.given, *one.power) for one in plan.limits]
    columns = ["parameter", "unit", "value", "given", "given_error", "power", "power_error"]
    return pd.DataFrame(rows, columns=columns)


def scan_table(plan: SequencePlan) -> pd.DataFrame:
    """A row a duration of the charging stage."""
    names = ("durations", "stored", "error", "recovered")
    return pd.DataFrame({name: getattr(plan.scan, name) for name in names}).rename(
        columns={"durations": "duration", "recovered": "recovered_joule"}
    )


def course_table(plan: SequencePlan) -> pd.DataFrame:
    """Means over shots at every output time: energies per spin, power of all that leaves, W."""
    found = plan.courses
    return pd.DataFrame(
        {
            "time": found.times,
            "battery_energy": found.battery.mean(axis=1),
            "charger_energy": found.charger.mean(axis=1),
            "power": found.power.mean(axis=1),
        }
    )


def draw_table(plan: SequencePlan) -> pd.DataFrame:
    """A row a draw: its values, and the means of its shots."""
    rows = []
    for one in plan.drawn:
        found = (
            {}
            if one.found is None
            else {name: float(read(one.found).mean()) for name, _, read in quantities(plan)}
        )
        rows.append({**one.values, **found})
    return pd.DataFrame(rows)


# by the names of their files
TABLES: dict[str, Callable[[SequencePlan], pd.DataFrame]] = {
    "summary": summary,
    "stages": stage_table,
    "sensitivities": limit_table,
    "scan": scan_table,
    "curves": course_table,
    "draws": draw_table,
}


def summary_listing(rows: pd.DataFrame, draws: int) -> Listing:
    """A summary, as it was stored, for people."""
    # of draws that cannot be told apart from one, and of one, there are no intervals
    draws = draws if rows["drawn_low"].notna().any() else 0
    columns = ["quantity", "mean", "95 % of shots", *(["of devices"] if draws else [])]
    table = Listing("What the sequence does", columns, left=("quantity",))
    for row in rows.itertuples():
        cells = [row.quantity, _with_error(row.value, row.unit, row.error)]
        cells.append(_between(row.low, row.high, row.unit))
        cells += [_between(row.drawn_low, row.drawn_high, row.unit)] if draws else []
        table.add_row(*cells)
    return table


def _with_error(value: float, unit: str, error: float) -> str:
    if value == 0.0 and unit in ("J", "W"):
        return "0"  # no more than the vacuum's noise, as the tables have it
    if math.isnan(error):
        return in_unit(value, unit)
    if unit == "ħω":
        return f"{with_error(value, error)} {unit}"
    return with_unit(value, unit, error)


def _between(low: float, high: float, unit: str) -> str:
    return "" if math.isnan(low) else between(low, high, unit)


def stage_listing(rows: pd.DataFrame) -> Listing:
    """The stages, as they were stored, for people."""
    columns = ("stage", "lasts", "battery", "charger", "sent out", "largest power")
    heading = "Stages: energies per spin (ħω) at the end of each, and what leaves in it"
    table = Listing(heading, columns, left=("stage",))
    for row in rows.itertuples():
        table.add_row(
            row.stage,
            in_unit(row.duration, "s"),
            f"{row.battery_energy:.4f}",
            f"{row.charger_energy:.4f}",
            _with_error(row.sent_joule, "J", row.sent_error),
            _with_error(row.largest_watt, "W", row.largest_error),
        )
    return table


def limit_listing(rows: pd.DataFrame, release: str | None) -> Listing:
    """Elasticities, as they were stored, for people."""
    power = "power while charging" if release is None else f"power from {release} on"
    heading = "What limits: per cent of it for one per cent of a parameter"
    columns = ("parameter", "value", "energy given", power)
    table = Listing(heading, columns, left=("parameter",), whole=("parameter",))
    for row in rows.itertuples():
        given, last = _signed(row.given, row.given_error), _signed(row.power, row.power_error)
        table.add_row(row.parameter, in_unit(row.value, row.unit), given, last)
    return table


def _signed(value: float, error: float) -> str:
    """Such as +3.88(5), and 0 where it is none to a thousandth."""
    if abs(value) < 5e-4 and error < 5e-4:
        return "0"
    text = with_error(value, error) if error >= 5e-4 else f"{value:.3f}"
    return text if value < 0.0 else f"+{text}"


def answer(plan: SequencePlan) -> str:
    """What comes out, in a sentence."""
    stored, joule = plan.shots.stored, plan.shots.stored_joule
    text = (
        f"{plan.subject.title}: {in_unit(float(joule.mean()), 'J')} "
        f"({in_unit(float(stored.mean()), 'ħω')} a spin) stored"
    )
    if plan.release is None:
        return f"{text} at the end; nothing takes it out again."
    back = float(plan.shots.recovered_joule.mean())
    known = plan.approximations.step_recovered
    if abs(back) < known:
        return (
            f"{text} when {plan.release.name} begins; what is given back until the end is less "
            f"than half the step changes ({in_unit(known, 'J')})."
        )
    if back < 0.0:
        return f"{text} when {plan.release.name} begins; {in_unit(-back, 'J')} more at the end."
    return (
        f"{text} when {plan.release.name} begins; {in_unit(back, 'J')} of it "
        f"({percent(float(back / joule.mean()))}) given back until the end."
    )


def verdict(plan: SequencePlan) -> str:
    """What limits, in a sentence."""
    if not plan.limits or plan.limits[0].given[0] == 0.0:
        return "No parameter matters."
    one = plan.limits[0]
    more = "more" if one.given[0] > 0.0 else "less"
    return (
        f"{one.name} limits most ({PARAMETERS[one.name].meaning}): 1 % {more} of it raises what "
        f"the battery is given by {percent(abs(one.given[0]) / 100.0)}."
    )


def disconnecting(plan: SequencePlan) -> str:
    """The moment to disconnect, in a sentence or two."""
    scan, charge = plan.scan, plan.charge
    own = charge.stage.duration
    now = float(np.interp(own, scan.durations, scan.stored))
    stored, (low, high) = float(scan.stored[scan.place]), scan.window
    text = (
        f"Disconnect {in_unit(scan.best, 's')} after {charge.name} begins: {stored:.4f} ħω a spin "
        f"stored, {now:.4f} after the {in_unit(own, 's')} of the sequence. At least "
        f"{percent(NEARLY)} of the most from {in_unit(low, 's')} on"
    )
    if low == scan.durations[0]:
        text += ", the shortest that was tried"
    last = float(scan.durations[-1])
    if high < last:
        return f"{text}, and until {in_unit(high, 's')}."
    return f"{text}, to the longest that was tried ({in_unit(last, 's')}): it may be late."


def _most_changed(plan: SequencePlan) -> tuple[str, float]:
    """What differs most with the classes and shots of variants, and by which share."""
    shares = {}
    for name, _, read in quantities(plan):
        own, brief = float(read(plan.shots).mean()), float(read(plan.brief).mean())
        shares[name] = abs(brief / own - 1.0) if own else 0.0
    most = max(shares, key=lambda name: shares[name])
    return most, shares[most]


def how(plan: SequencePlan) -> list[str]:
    """How it was followed, and what that leaves uncertain."""
    a, (changed, share) = plan.approximations, _most_changed(plan)
    lines = [
        f"followed: {a.runs} shots by truncated Wigner (the stored energy to "
        f"{percent(a.shot_error)}), {a.classes} classes of each line; limits, draws and the "
        f"moment to disconnect have {a.brief_runs} shots or fewer and {a.brief_classes} classes, "
        f"with which it differs by {percent(a.class_change)}, and most of all '{changed}' by "
        f"{percent(share)}; half the step changes a mean energy "
        f"by {a.step_error:.1g} ħω at most"
    ]
    if plan.release is not None:
        lines[0] += f", and what is given back by {in_unit(a.step_recovered, 'J')}"
    if plan.drawn:
        whole = sum(one.found is not None for one in plan.drawn)
        if whole > 1:
            text = f"the middle 95 % of {whole} of {len(plan.drawn)} draws that exist"
        else:
            text = f"no ranges, of {counted(whole, 'draw')} that {'exists' if whole else 'exist'}"
        lines.append(f"of devices: {text}")
    elif plan.subject.device is None:
        lines.append("of devices: no ranges, since a definition has none; a device file has them")
    return lines
