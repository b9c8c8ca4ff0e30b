"""What the figures say, one sentence a subject: titles of the page, lines of the terminal."""

from __future__ import annotations

from datetime import date

from invplat.core.page.wording import (
    FULL_WEEKDAYS,
    day,
    harmless,
    number,
    percent,
    plural,
    short,
)
from invplat.data.describe.description import NO_CATEGORY, Description

KINDS = ("smooth", "erratic", "intermittent", "lumpy")
WHOLE_SPAN = 0.02  # of the span may be lacking at either end, and a store still counts as there throughout
LONGEST_NAME = 40


def arrived(described: Description) -> str:
    counts = described.counts
    if not counts.rows_in:
        return "No rows came in"
    if not counts.rows_quarantined:
        return (
            f"All {plural(counts.rows_in, 'row')} could be used" if counts.rows_in > 1 else "The one row could be used"
        )
    share = percent(counts.rows_quarantined / counts.rows_in)
    return f"{number(counts.rows_quarantined)} of {plural(counts.rows_in, 'row')} ({share}) could not be used"


def covered(described: Description) -> str:
    if not described.by_store:
        return "No store has a usable sale"
    if described.start == described.end:
        return f"{plural(described.stores, 'store')}, a single day: {day(described.start)}"
    if described.stores == 1:
        return f"One store, from {day(described.start)} to {day(described.end)}"
    start, end = date.fromisoformat(described.start), date.fromisoformat(described.end)
    slack = max(7, WHOLE_SPAN * (end - start).days)
    whole = sum(
        (date.fromisoformat(store.first) - start).days <= slack and (end - date.fromisoformat(store.last)).days <= slack
        for store in described.by_store
    )
    if whole == described.stores:
        who = "Both" if whole == 2 else f"All {number(whole)}"
        return f"{who} stores sell from the first day to the last"
    rest = described.stores - whole
    return (
        f"{number(whole)} of {number(described.stores)} stores sell throughout; {number(rest)} begin late or end early"
    )


def demanded(described: Description) -> str:
    demand = described.demand
    if not demand.total:
        return "No demand to show"
    parts = []
    best = next((line for line in demand.categories if line.label != NO_CATEGORY), None)
    if best is not None and len(demand.categories) > 1 and described.units > 0:
        share = percent(max(best.units, 0) / described.units)
        parts.append(f"The largest category, {name(best.label)}, has {share} of the units")
    else:
        parts.append(f"{number(described.units)} units in {plural(described.series, 'series', 'series')}")
    if all(value is not None for value in demand.weekdays) and demand.weekdays:
        means = [value or 0.0 for value in demand.weekdays]
        usual = sum(means) / 7
        top = max(range(7), key=lambda number: means[number])
        if usual > 0 and means[top] > 1.05 * usual:
            above = percent(round(means[top] / usual - 1, 2))
            parts.append(f"{FULL_WEEKDAYS[top]} sells {above} more than a usual day")
    return "; ".join(parts)


def seldom(described: Description) -> str:
    few = described.how_series_sell.seldom
    period = described.period
    if not described.series:
        return "No series"
    if not few:
        return f"Every series sells on at least half of its {period}s"
    if few == described.series > 1:
        return f"All {number(few)} series sell in fewer than half of their {period}s"
    verb = "sells" if few == 1 else "sell"
    where = "in" if period != "day" else "on"
    of = plural(described.series, "series", "series")
    return f"{number(few)} of {of} {verb} {where} fewer than half of their {period}s"


def regular(described: Description) -> str:
    classes = {kind: described.how_series_sell.classes[kind] for kind in KINDS}
    judged = sum(classes.values())
    if not judged:
        return "No series has sold often enough to tell how regular it is"
    most = max(classes, key=lambda kind: classes[kind])
    share = percent(classes[most] / judged)
    who = "Most series are" if 2 * classes[most] > judged else "The largest group of series is"
    return f"{who} {most}: {number(classes[most])} of {number(judged)} ({share})"


def concentrated(described: Description) -> str:
    pareto = described.pareto
    if not pareto.a or pareto.skus < 2:
        return f"{plural(pareto.skus, 'SKU')}"
    share = percent(pareto.a / pareto.skus)
    verb = "brings" if pareto.a == 1 else "bring"
    return f"{number(pareto.a)} of {number(pareto.skus)} SKUs ({share}) {verb} 80 % of {the(pareto.measure)}"


def ran_out(described: Description) -> str:
    found = described.stockouts
    if found is None:
        return "Nothing is known of stockouts"
    if not found.out:
        return "Nothing was ever out of stock"
    share = percent(found.out / found.known)
    if found.source == "stock":
        said = f"{share} of stock counts found nothing left"
    else:
        some = " at some time" if found.empty < found.out else ""
        said = f"{share} of series-{described.period}s were out of stock{some}"
    if found.hidden and found.sold > 0:
        said += f", hiding about {percent(found.hidden / found.sold)} more demand than was sold"
    return said


def came_back(described: Description) -> str:
    found = described.returns
    if found is None:
        return "No returns"
    if found.sold <= 0:
        return f"{number(found.units)} units came back"
    return f"{number(found.units)} units came back, {percent(found.units / found.sold)} of those sold"


def promoted(described: Description) -> str:
    found = described.promotion
    if found is None:
        return "No promotions are known"
    if not found.rows:
        return "Nothing was on promotion"
    what = "on promotion" if found.source == "promotion" else "at a discount"
    said = f"{percent(found.rows / found.known)} of {described.period}s with a row are {what}"
    if found.uplift:
        said += f" and sell {found.uplift:.2g} × as much"
    return said


def delivered(described: Description) -> str:
    found = described.lead_times
    if found is None:
        return "Lead times are unknown"
    return (
        f"Goods take {number(round(found.mean, 1))} days to arrive; one order in ten takes {number(found.p90)} or more"
    )


def idle(described: Description) -> str:
    found = described.dead_stock
    if found is None:
        return "Dead stock can't be told"
    if not found.idle:
        return f"Everything in stock has sold within {found.days} days"
    worth = f", worth {number(found.value)} at cost" if found.value else ""
    verb = "has" if found.idle == 1 else "have"
    return (
        f"{number(found.idle)} of {number(found.series)} stocked series {verb} not sold for {found.days} days: "
        f"{number(found.units)} units{worth}"
    )


def silent(described: Description) -> str:
    found = described.gaps
    if not found.absent:
        return f"Every series has a row for each of its {described.period}s"
    share = percent(found.absent / found.periods)
    what = "counted as nothing sold" if found.meaning == "zero" else "taken as not known"
    return f"{share} of series-{described.period}s have no row and are {what}"


def standing_out(described: Description) -> list[str]:
    """The sentences that a person should read first; subjects of which nothing is known are left out."""
    if not described.series:
        return [covered(described)]
    said = [covered(described), demanded(described), seldom(described)]
    if described.skus > 1:
        said.append(concentrated(described))
    for known, sentence in (
        (described.stockouts, ran_out),
        (described.promotion, promoted),
        (described.lead_times, delivered),
        (described.dead_stock, idle),
        (described.returns, came_back),
    ):
        if known is not None:
            said.append(sentence(described))
    if described.gaps.absent:
        said.append(silent(described))
    if described.outliers:
        verb = "is" if described.outliers == 1 else "are"
        said.append(f"{plural(described.outliers, 'sale')} {verb} far above the usual: kept, but hidden from models")
    return said


def name(text: str) -> str:
    """A name from outside, inside a sentence."""
    return short(harmless(text), LONGEST_NAME)


def the(measure: str) -> str:
    return "the units" if measure == "units" else "the revenue"
