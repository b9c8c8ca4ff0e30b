"""A jump of demand as a whole: more, or less, within two blocks than it ever went in so short a time.

Needs no model, and sees at once what drift, which looks for another shape than was learnt, must first have weeks of.
Series that are new or of which nothing is known lately are left out: what they do is told elsewhere.
"""

from __future__ import annotations

from math import log

import numpy as np

from invplat.core.page.wording import percent, plural
from invplat.monitor.facts import BLOCK, Facts
from invplat.monitor.finding import HIGH, MEDIUM, Finding
from invplat.monitor.silence import Unknown

NOW, BEFORE = 2, 6  # blocks: what is held against what
NEWS = 2  # blocks that a jump is told again
LEAST, BEYOND = 1.3, 1.15  # times: a jump that matters, and beyond any that was before
LEAST_PAST = 12  # ratios of the past; of fewer nobody knows what is usual
DAYS = {"daily": 1, "weekly": 7, "monthly": 31}
YEAR = {"daily": 52, "weekly": 52, "monthly": 12}  # blocks; of less, a season may be new, and twice as much is asked
UNITS = 100.0  # in all blocks that are looked at: less jumps by chance


def jumps(facts: Facts, unknown: Unknown | None = None) -> list[Finding]:
    size = BLOCK[facts.frequency]
    blocks = facts.width // size
    if blocks < NOW + BEFORE + LEAST_PAST:
        return []
    old = np.asarray(facts.launch) < facts.width - (NOW + BEFORE + NEWS) * size
    first = facts.dates[-1] - np.timedelta64((NOW + BEFORE + NEWS) * size * DAYS[facts.frequency], "D")
    silent = {store for store, gaps in (unknown or {}).items() if any(end >= first for _, end in gaps)}
    rows = [place for place, (store, _) in enumerate(facts.names) if old[place] and store not in silent]
    if not rows:
        return []
    demand = facts.demand[rows][:, facts.width - blocks * size :]
    # An empty shelf counts as the mean of the block's other days, and a block that nobody knows as nothing.
    cut = demand.reshape(len(rows), blocks, size)
    there = np.isfinite(cut).sum(axis=2)
    total = (np.nan_to_num(cut).sum(axis=2) / np.maximum(there, 1)).sum(axis=0) * size
    ratios = np.array([_ratio(total, end) for end in range(NOW + BEFORE, blocks + 1)])
    young = 2 if blocks < YEAR[facts.frequency] else 1
    for back in range(NEWS):
        place = len(ratios) - 1 - back
        past = ratios[: place - NOW + 1]
        past = past[np.isfinite(past)]
        end = NOW + BEFORE + place
        if len(past) < LEAST_PAST or total[end - NOW - BEFORE : end].sum() < UNITS:
            continue
        now = float(ratios[place])
        most = max(float(past.max()), 0.0) if now > 0 else max(float(-past.min()), 0.0)
        if np.isfinite(now) and abs(now) > young * max(log(LEAST), most + log(BEYOND)):
            return [_told(facts, now, most, facts.day(facts.width - (back + NOW) * size), young > 1)]
    return []


def _ratio(total: np.ndarray[tuple[int], np.dtype[np.float64]], end: int) -> float:
    """The logarithm of the last blocks' mean over that of those before; infinite where nothing was sold."""
    now, before = total[end - NOW : end].mean(), total[end - NOW - BEFORE : end - NOW].mean()
    return log(now / before) if now > 0 and before > 0 else float("nan")


def _told(facts: Facts, now: float, most: float, since: str, young: bool) -> Finding:
    what = {"daily": "week", "weekly": "week", "monthly": "month"}[facts.frequency]
    times = float(np.exp(now))
    way = "above" if now > 0 else "below"
    usual = float(np.exp(most) - 1 if now > 0 else 1 - np.exp(-most))
    season = ", and less than a year of it is known" if young else ""
    return Finding(
        "drift",
        HIGH if abs(now) > 2 * log(LEAST) else MEDIUM,
        since,
        f"Demand within {plural(NOW, what)} lies {percent(abs(times - 1))} {way} that of the {BEFORE} before; "
        f"it never went by more than {percent(usual)}{season}.",
        "fine-tune the model on newer data; if nobody meant this change, look into the files",
        "demand",
        {"times": times, "most_before": usual},
    )
