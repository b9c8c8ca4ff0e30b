"""Drift of what the model is told: demand, prices, promotions and stock now, against what it has learnt from.

Every value is a block (a week of days) of one series, relative to that series' own usual. How much such shares differ
by themselves is learnt from the reference: each of its own stretches, as long as now, is held against the rest of it.
Only what differs more than any of them, and by much, is drift, so that a season or a quiet month is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from invplat.core.page.wording import percent
from invplat.monitor.change import changed_at, ks, ks_chance, psi
from invplat.monitor.facts import BLOCK, RECENT, Facts
from invplat.monitor.finding import HIGH, MEDIUM, Finding
from invplat.monitor.silence import Unknown

Doubles = npt.NDArray[np.float64]
GREAT = 0.25  # PSI that is said to be a great change
BEYOND = 1.5  # times the most that the reference's own stretches differ
YOUNG = 2.0  # times as much is asked where less than a year is known: it may be the season
PART = 1.5  # times as much is asked of a category, which goes its own way more than the whole does
CHANCE = 0.01  # of all columns together
LEAST_NOW = 24  # values; of a category twice as many
LEAST_STRETCHES = 3  # of the reference: of fewer nobody knows what is usual
LEAST_BLOCKS = 2  # that must have passed since the model learnt
WHOLE = {"daily": 52, "weekly": 52, "monthly": 12}  # blocks of a year
YEARS = 2  # of reference, at most: older habits are no reference
NEW_SHARE = 0.1  # of what is sold lately, by products that were never seen before
COLUMNS = {  # column of the panel → what a person calls it, whether it is relative to a series' own usual, and a change
    "demand": ("demand", True, 0.25),  # of its mean that is worth a word
    "price": ("prices", True, 0.08),
    "promotion": ("promotions", False, 0.1),
    "discount": ("discounts", False, 0.05),
    "on_hand": ("stock", True, 0.5),
}


@dataclass(frozen=True)
class Drift:
    column: str
    category: str  # empty: all
    psi: float | None
    usual: float | None  # the most that stretches of the reference differ from the rest of it
    ks: float | None
    chance: float | None
    now: float | None  # the mean, relative to the reference where the column is
    lowest: float | None  # and that of the reference's stretches
    highest: float | None
    values: int
    young: bool = False  # the reference is less than a year, so a season may be new to it
    note: str = ""  # why it was not judged

    @property
    def found(self) -> bool:
        """Of another shape than any stretch of the reference, or of a mean outside of all of theirs; and not by chance,
        nor by so little that nobody cares."""
        if self.psi is None or self.usual is None or self.chance is None or self.chance >= CHANCE:
            return False
        _, relative, least = COLUMNS[self.column]
        more = YOUNG if self.young else PART if self.category else 1.0
        least *= more
        now, lowest, highest = self.now or 0.0, self.lowest or 0.0, self.highest or 0.0
        room = (least * lowest, least * highest) if relative else (least, least)
        outside = now > highest + room[1] or now < lowest - room[0]
        centre = (lowest + highest) / 2
        moved = abs(now - centre) >= (least * centre if relative else least)
        return self.psi > GREAT and (outside or (moved and self.psi > more * BEYOND * self.usual))


def drifts(facts: Facts, unknown: Unknown | None = None) -> tuple[list[Drift], list[Finding]]:
    """A row for each column that the data have, judged or not, and what is to be told. In `unknown` stretches
    of a store nothing is."""
    there = [name for name in COLUMNS if name == "demand" or any(panel.has(name) for panel in facts.panels)]
    groups = [("", np.ones(len(facts.names), bool))]
    categories = sorted(set(facts.categories) - {""})
    if len(categories) > 1:
        labels = np.array(facts.categories, object)
        groups += [(category, labels == category) for category in categories]
    rows, told = [], []
    for name in there:
        values = _values(facts, name)
        for place, (store, _) in enumerate(facts.names):
            for start, end in (unknown or {}).get(store, []):
                values[place, (facts.dates >= start) & (facts.dates <= end)] = np.nan
        whole: Drift | None = None
        for category, which in groups:
            row, since = _judged(facts, name, category, values[which], len(there) * len(groups))
            rows += [row] if not category or row.psi is not None else []
            whole = row if not category else whole
            if row.found and not (category and whole is not None and whole.found):
                told.append(_told(row, since))
    return rows, told + unseen(facts)


def _told(row: Drift, since: str) -> Finding:
    what, relative, _ = COLUMNS[row.column]
    where = f" of {row.category}" if row.category else ""
    season = ", and less than a year of it is known" if row.young else ""
    now = row.now or 0.0
    if relative:
        moved = f"{percent(abs(now - 1))} {'above' if now > 1 else 'below'} what the model has learnt from"
    else:
        moved = f"{percent(now)} on average, unlike what the model has learnt from"
    return Finding(
        "drift",
        HIGH
        if row.psi is not None and row.psi > 2 * GREAT and row.column == "demand" and not (row.young or row.category)
        else MEDIUM,
        since,
        f"{what.capitalize()}{where}: {moved}{season} (PSI {row.psi:.2f}, by itself at most {row.usual:.2f}).",
        "fine-tune the model on newer data; if nobody meant this change, look into the files",
        f"{row.column}{' of ' + row.category if row.category else ''}",
        {"psi": row.psi, "usual": row.usual, "ks": row.ks, "chance": row.chance, "now": row.now, "values": row.values},
    )


def _values(facts: Facts, name: str) -> Doubles:
    """Series × periods, NaN where not known."""
    if name == "demand":
        found: Doubles = facts.demand.copy()
        return found
    parts = []
    for panel in facts.panels:
        shape = (len(panel.skus), panel.timeline.length)
        if not panel.has(name):
            parts.append(facts.spread(panel, np.full(shape, np.nan)))
            continue
        values = panel.column(name).astype(np.float64)
        known = "stock_known" if name == "on_hand" else f"{name}_known"
        if panel.has(known):
            values = np.where(panel.column(known) > 0, values, np.nan)
        parts.append(facts.spread(panel, np.where(panel.exists, values, np.nan)))
    return np.concatenate(parts)


def _parted(facts: Facts) -> tuple[int, int]:
    """Where the reference ends and now begins, both as blocks counted back from the end: (blocks of now, of both)."""
    size = BLOCK[facts.frequency]
    blocks = facts.width // size
    recent = RECENT[facts.frequency]
    if facts.learnt is not None:
        since = int((facts.dates > np.datetime64(facts.learnt)).sum()) // size
        recent = min(recent, since)
    return recent, blocks


def _judged(facts: Facts, name: str, category: str, values: Doubles, tests: int) -> tuple[Drift, str]:
    """The row, and since when it is so, should it be told."""
    size = BLOCK[facts.frequency]
    now, blocks = _parted(facts)

    def not_judged(note: str, number: int = 0) -> tuple[Drift, str]:
        return Drift(name, category, None, None, None, None, None, None, None, number, note=note), ""

    if now < LEAST_BLOCKS:
        return not_judged("too little is new since the model learnt")
    whole = _blocks(values, size, blocks)
    last = blocks - now if facts.learnt is None else _learnt_block(facts, size, blocks, now)
    first = max(0, last - YEARS * WHOLE[facts.frequency])
    reference, recent = whole[:, first:last], whole[:, blocks - now :]
    if COLUMNS[name][1]:
        enough = np.isfinite(reference).sum(axis=1) >= max(LEAST_BLOCKS, now)
        usual = _mean(reference, enough)
        usual[usual <= 0] = np.nan
        reference, recent = reference / usual[:, None], recent / usual[:, None]
    stretches = [
        np.arange(start, start + now) for start in range(reference.shape[1] % now, reference.shape[1] - now + 1, now)
    ]
    new, old = _known(recent), _known(reference)
    least = 2 * LEAST_NOW if category else LEAST_NOW
    if len(new) < least:
        return not_judged(f"{len(new)} values now, {least} are needed", len(new))
    if len(stretches) < LEAST_STRETCHES:
        return not_judged("the reference is too short to know what is usual", len(new))
    bins = int(np.clip(len(new) // 6, 3, 10))
    own, means = [], []
    for stretch in stretches:
        rest, part = _known(np.delete(reference, stretch, axis=1)), _known(reference[:, stretch])
        if len(part) >= LEAST_NOW / 2 and len(rest):
            own.append(psi(rest, part, bins))
            means.append(float(part.mean()))
    if len(own) < LEAST_STRETCHES:
        return not_judged("the reference is too thin to know what is usual", len(new))
    distance = ks(old, new)
    # Blocks of one series follow each other: they count as half as many.
    chance = min(1.0, tests * ks_chance(distance, len(old) / 2, len(new) / 2))
    row = Drift(
        name,
        category,
        psi(old, new, bins),
        max(own),
        distance,
        chance,
        float(new.mean()),
        min(means),
        max(means),
        len(new),
        reference.shape[1] < WHOLE[facts.frequency],
    )
    return row, _since(facts, values, size, blocks, now) if row.found else ""


def _learnt_block(facts: Facts, size: int, blocks: int, now: int) -> int:
    learnt = facts.learnt or date.min
    after = int((facts.dates > np.datetime64(learnt)).sum())
    return blocks - max(-(-after // size), now)


def _blocks(values: Doubles, size: int, blocks: int) -> Doubles:
    """Means of blocks, the last ends with the last period; NaN where less than half is known."""
    cut = values[:, values.shape[1] - blocks * size :].reshape(len(values), blocks, size)
    there = np.isfinite(cut).sum(axis=2)
    total = np.nan_to_num(cut).sum(axis=2)
    return np.where(there * 2 >= size, total / np.maximum(there, 1), np.nan)


def _mean(values: Doubles, enough: npt.NDArray[np.bool_]) -> Doubles:
    there = np.isfinite(values).sum(axis=1)
    return np.where(enough, np.nan_to_num(values).sum(axis=1) / np.maximum(there, 1), np.nan)


def _known(values: Doubles) -> Doubles:
    """Rounded: 32 bits of a price must not make two of it."""
    return np.round(values[np.isfinite(values)], 4)


def _since(facts: Facts, values: Doubles, size: int, blocks: int, now: int) -> str:
    """By the mean of all series, each relative to its own before, over twelve blocks and now."""
    wide = min(blocks, now + 12)
    first = facts.width - wide * size
    daily = values[:, first:]
    level = _mean(values[:, :first] if first >= size else values, np.ones(len(values), bool))
    if (level > 0).any():
        daily = daily / np.where(level > 0, level, np.nan)[:, None]
    there = np.isfinite(daily)
    mean = np.where(there.any(axis=0), np.nan_to_num(daily).sum(axis=0) / np.maximum(there.sum(axis=0), 1), np.nan)
    return facts.day(first + changed_at(mean))


def unseen(facts: Facts) -> list[Finding]:
    """What is sold lately of products that were sold nowhere before, beside what is usual of that."""
    size = BLOCK[facts.frequency]
    now, blocks = _parted(facts)
    now = max(now, LEAST_BLOCKS)
    if blocks < 2 * now:
        return []
    skus: dict[str, int] = {}
    for (_, sku), launch in zip(facts.names, facts.launch.tolist(), strict=True):
        skus[sku] = min(launch, skus.get(sku, launch))
    born = np.array([skus[sku] for _, sku in facts.names])
    sold: Any = facts.sold

    def share(end: int) -> float:
        inside = slice(max(end - now * size, 0), end)
        total = sold[:, inside].sum()
        return float(sold[born >= inside.start][:, inside].sum() / total) if total else 0.0

    lately = share(facts.width)
    usual = [share(end) for end in range(facts.width - now * size, 2 * now * size, -now * size)]
    if lately <= max(NEW_SHARE, 2 * max(usual, default=0.0)):
        return []
    fresh = born >= facts.width - now * size
    names = sorted({sku for (_, sku), new in zip(facts.names, fresh.tolist(), strict=True) if new})
    kinds = sorted({facts.categories[place] for place in np.flatnonzero(fresh)} - {""})
    line = f" ({', '.join(kinds[:3])})" if kinds else ""
    return [
        Finding(
            "unseen_skus",
            HIGH if lately > 0.3 else MEDIUM,
            facts.day(int(born[fresh].min())),
            f"{percent(lately)} of what is sold lately is of {len(names):,} products that are new{line}.",
            "fine-tune the model, so that it knows them; check that old products were not given new names",
            "",
            {"share": lately, "usual": max(usual, default=0.0), "skus": len(names)},
        )
    ]
