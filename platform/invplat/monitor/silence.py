"""Stores, categories and series that fell silent, now or for a while: closed, a dead till, or missing files.

Too long to be chance, by how much was usual and how long it was ever silent before.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from invplat.core.page.wording import day as told_day
from invplat.core.page.wording import number, plural
from invplat.monitor.facts import Facts
from invplat.monitor.finding import HIGH, LOW, MEDIUM, Finding, listed

Doubles = npt.NDArray[np.float64]
Unknown = dict[str, list[tuple[Any, Any]]]  # store → first and last day of each stretch, as datetime64
USUAL = {"daily": 56, "weekly": 8, "monthly": 6}  # periods that say what a store sells
YEAR = {"daily": 365, "weekly": 52, "monthly": 12}
OLD = {"daily": 90, "weekly": 13, "monthly": 4}  # periods after which a silence is no news
LOST = {"store": 12.0, "category": 25.0, "series": 60.0}  # units that should have been sold meanwhile
RUNS = {"store": 2, "category": 3, "series": 4}  # times as long as it ever was without sales
HOLE = {"daily": 7, "weekly": 1, "monthly": 1}  # periods without anything
LEAST = {"store": 2, "category": 3, "series": 7}  # periods


def unknown(facts: Facts) -> Unknown:
    """Stretches of which nobody knows what a store sold: it is silent now, or was, far longer than it ever is."""
    found: Unknown = {}
    first = 0
    for panel in facts.panels:
        total = facts.sold[first : first + len(panel.skus)].sum(axis=0)
        first += len(panel.skus)
        run = _dead(total[facts.shift(panel) :], "store", facts.frequency)
        if run:
            found[panel.store] = [(facts.dates[facts.width - run], facts.dates[-1])]
    for (begins, long), stores in holes(facts).items():
        for store in stores:
            found.setdefault(store, []).append((facts.dates[begins], facts.dates[begins + long - 1]))
    return found


def holes(facts: Facts) -> dict[tuple[int, int], list[str]]:
    """Where each begins on the common calendar and how long it is, and the stores that have it."""
    at: dict[tuple[int, int], list[str]] = {}
    first = 0
    for panel in facts.panels:
        total = facts.sold[first : first + len(panel.skus)].sum(axis=0)
        first += len(panel.skus)
        there = np.flatnonzero(total > 0)
        lengths = np.diff(there) - 1
        if not len(lengths):
            continue
        place = int(np.argmax(lengths))
        long = int(lengths[place])
        others = np.delete(lengths, place)
        begins = int(there[place]) + 1
        usual = float(total[max(begins - USUAL[facts.frequency], 0) : begins].mean()) * long
        lately = begins + long >= facts.width - 2 * OLD[facts.frequency]
        if (
            lately
            and long >= HOLE[facts.frequency]
            and usual >= LOST["store"]
            and long > RUNS["store"] * int(others.max(initial=0))
        ):
            at.setdefault((begins, long), []).append(panel.store)
    return at


def silent(facts: Facts) -> list[Finding]:
    found: list[Finding] = []
    first = 0
    several: list[tuple[str, int]] = []
    for panel in facts.panels:
        rows = slice(first, first + len(panel.skus))
        first += len(panel.skus)
        sold, short = facts.sold[rows], facts.short[rows]
        total = sold.sum(axis=0)
        run = _dead(total[facts.shift(panel) :], "store", facts.frequency)
        if run:
            found.append(_silent_store(facts, panel.store, run, total))
            continue
        labels = np.array(facts.categories[rows.start : rows.stop], object)
        dead_category = set()
        for category in sorted(set(labels.tolist()) - {""}) if len(set(labels.tolist())) > 1 else []:
            mine = labels == category
            part = sold[mine].sum(axis=0)
            run = _dead(part[facts.shift(panel) :], "category", facts.frequency)
            if run and mine.sum() > 1 and not short[mine][:, -run:].mean() > 0.3:
                dead_category.add(category)
                found.append(_nothing(facts, f"{panel.store} / {category}", run, part))
        for place, sku in enumerate(panel.skus):
            if labels[place] in dead_category:
                continue
            own = sold[place][int(facts.launch[rows.start + place]) :] if panel.launch[place] >= 0 else sold[place]
            run = _dead(own, "series", facts.frequency)
            if run and not short[place, -run - 1 :].any():
                several.append((f"{panel.store} / {sku}", run))
    several = [one for one in several if not _delisted(facts, one[0].split(" / ", 1)[1], one[1])]
    if several:
        several.sort(key=lambda one: (-one[1], one[0]))
        run = several[0][1]
        found.append(
            Finding(
                "zero_sales",
                LOW,
                facts.day(facts.width - run),
                f"{plural(len(several), 'series', 'series')} that always sold, and are in stock, sell nothing: "
                f"{listed([name for name, _ in several])}.",
                "ask whether they were delisted; else look at the till and the shelf",
                "single series",
                {"series": len(several), "periods": run},
            )
        )
    return found


def _run(values: Doubles) -> int:
    """How many periods at the end nothing was sold."""
    there = np.flatnonzero(values > 0)
    return len(values) - 1 - int(there[-1]) if len(there) else len(values)


def _longest(values: Doubles) -> int:
    """The longest stretch without sales between two sales."""
    there = np.flatnonzero(values > 0)
    return int(np.diff(there).max()) - 1 if len(there) > 1 else 0


def _dead(values: Doubles, kind: str, frequency: str) -> int:
    """How long it has been silent, if that is too long to be chance; else 0."""
    run = _run(values)
    before = values[: len(values) - run]
    if not LEAST[kind] <= run <= OLD[frequency] or len(before) < USUAL[frequency] / 2:
        return 0
    usual = float(before[-USUAL[frequency] :].mean())
    past = _longest(before[-YEAR[frequency] :])
    return run if usual * run >= LOST[kind] and run > RUNS[kind] * past else 0


def _delisted(facts: Facts, sku: str, run: int) -> bool:
    """Sold in several stores, and nowhere any more: somebody has decided so."""
    rows = [row for row, name in enumerate(facts.names) if name[1] == sku]
    return len(rows) > 1 and not facts.sold[rows][:, -max(run // 2, 1) :].any()


def _silent_store(facts: Facts, store: str, run: int, total: Doubles) -> Finding:
    since = facts.day(facts.width - run)
    lost = float(total[: len(total) - run][-USUAL[facts.frequency] :].mean()) * run
    rows = _last(facts, "sales", store), _last(facts, "stock", store)
    figures = {"periods": run, "usual_units": lost}
    if any(last is not None and str(last) >= since for last in rows):
        return Finding(
            "zero_sales",
            HIGH,
            since,
            f"Store {store} reports, but has sold nothing since {told_day(since)}; {number(lost)} units "
            "would be usual.",
            "look at its tills and at what sends their figures",
            store,
            figures,
        )
    return Finding(
        "silent_store",
        HIGH,
        since,
        f"Store {store} has sent nothing since {told_day(since)}; {number(lost)} units would be usual.",
        "ask whether it has closed; else find its missing files",
        store,
        figures,
    )


def _nothing(facts: Facts, subject: str, run: int, total: Doubles) -> Finding:
    since = facts.day(facts.width - run)
    lost = float(total[: len(total) - run][-USUAL[facts.frequency] :].mean()) * run
    return Finding(
        "zero_sales",
        MEDIUM,
        since,
        f"Nothing of {subject} was sold since {told_day(since)}, while there was stock; {number(lost)} units "
        "would be usual.",
        "look at the till, the shelf and the files",
        subject,
        {"periods": run, "usual_units": lost},
    )


def _last(facts: Facts, table: str, store: str) -> date | None:
    if not facts.dataset.has(table):
        return None
    rows = facts.dataset.read(table, store, ["date"])
    if not len(rows):
        return None
    known: Any = pl.Series(rows.column("date")).cast(pl.Date)
    found: date | None = known.filter(known <= facts.today).max()
    return found
