"""Troubles in the data that come in: stores that fell silent, dead tills, holes, figures ten times too high, no news.

What is usual is learnt from the history itself: how long a store or a series is ever without sales, and how much it
ever sold. Knows no model.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from invplat.core.page.wording import day as told_day
from invplat.core.page.wording import number, plural
from invplat.monitor.facts import Facts
from invplat.monitor.finding import HIGH, MEDIUM, Finding, listed
from invplat.monitor.silence import holes, silent

Doubles = npt.NDArray[np.float64]
LATE = {"daily": 7, "weekly": 21, "monthly": 62}  # days, where no rhythm is known
LOOKED = {"daily": 28, "weekly": 6, "monthly": 3}  # periods looked at for peaks
TENFOLD = 8.0  # times the usual of the same weekday: ten, less what chance takes away
EVER = 3.0  # times the most that was ever sold


def troubles(facts: Facts) -> list[Finding]:
    return [*_stale(facts), *_future(facts), *silent(facts), *_holes(facts), *_peaks(facts)]


def _stale(facts: Facts) -> list[Finding]:
    """Against the rhythm in which data came so far; a lone delivery has none."""
    end = facts.end
    gaps = [(later - sooner).days for sooner, later in pairwise(sorted(set(facts.arrivals))) if later <= facts.today]
    rhythm = float(np.median(gaps)) if len(gaps) >= 2 else None
    usual = LATE[facts.frequency] if rhythm is None else max(3 * rhythm, LATE[facts.frequency] / 2)
    age = (facts.today - end).days
    if age <= usual:
        return []
    known = f"they came every {plural(rhythm, 'day')}" if rhythm else "the forecasts are of days long gone"
    return [
        Finding(
            "stale_data",
            HIGH if age > 3 * usual else MEDIUM,
            str(end + timedelta(days=1)),
            f"The data end on {told_day(str(end))}, {plural(age, 'day')} ago; {known}.",
            f"bring newer files: invplat data append --tenant {facts.tenant} …",
            "",
            {"days": age, "usual": rhythm if rhythm is not None else float(LATE[facts.frequency])},
        )
    ]


def _future(facts: Facts) -> list[Finding]:
    last = date.fromisoformat(facts.dataset.manifest.end)
    made = date.fromisoformat(facts.dataset.manifest.created[:10])
    if last <= facts.today or made > facts.today:  # a look back: when these data came, those days were over
        return []
    return [
        Finding(
            "future_data",
            MEDIUM,
            str(facts.today + timedelta(days=1)),
            f"Sales are dated up to {told_day(str(last))}, after today ({told_day(str(facts.today))}); "
            "what is after today was left out.",
            "look into the files' dates, and at this machine's clock",
            "",
            {"days": (last - facts.today).days},
        )
    ]


def _holes(facts: Facts) -> list[Finding]:
    """Stretches without any sale of a store, with sales before and after, far longer than it ever has otherwise."""
    found = []
    for (begins, long), stores in sorted(holes(facts).items()):
        every = len(stores) == len(facts.panels) and len(stores) > 1
        who = "any store" if every else f"{'store' if len(stores) == 1 else 'stores'} {listed(stores)}"
        ends = facts.day(begins + long - 1)
        found.append(
            Finding(
                "missing_periods",
                HIGH if every else MEDIUM,
                facts.day(begins),
                f"Nothing of {who} from {told_day(facts.day(begins))} to {told_day(ends)}, and sales before and after.",
                "find the missing files and append them; a closed time is better told as an event",
                "" if every else listed(stores),
                {"periods": long, "stores": len(stores)},
            )
        )
    return found


def _peaks(facts: Facts) -> list[Finding]:
    found = []
    first = 0
    looked = min(LOOKED[facts.frequency], facts.width // 2)
    several: list[tuple[str, int, float]] = []
    for panel in facts.panels:
        rows = slice(first, first + len(panel.skus))
        first += len(panel.skus)
        total = facts.sold[rows].sum(axis=0)
        place = _peak(total, looked, facts.season if facts.frequency == "daily" else 1, 20.0)
        if place is not None:
            times = float(total[place] / max(total[: facts.width - looked].max(), 1e-9))
            found.append(
                Finding(
                    "tenfold",
                    HIGH,
                    facts.day(place),
                    f"Store {panel.store} reports {number(float(total[place]))} units on "
                    f"{told_day(facts.day(place))}, {times:.1f} times the most that it ever sold before.",
                    "look whether units, packs or files were exchanged or counted twice",
                    panel.store,
                    {"units": float(total[place]), "times_the_most": times},
                )
            )
            continue
        for place_of, sku in enumerate(panel.skus):
            own = facts.sold[rows.start + place_of]
            before = own[: facts.width - looked]
            if (before > 0).sum() < 30:
                continue
            highest = int(np.argmax(own[facts.width - looked :])) + facts.width - looked
            times = float(own[highest] / before.max())
            if times >= 10 and own[highest] >= 50:
                several.append((f"{panel.store} / {sku}", highest, times))
    if several:
        several.sort(key=lambda one: (-one[2], one[0]))
        found.append(
            Finding(
                "tenfold",
                MEDIUM,
                facts.day(min(place for _, place, _ in several)),
                f"{plural(len(several), 'series', 'series')} sold ten times more in a day than ever before: "
                f"{listed([name for name, _, _ in several])}.",
                "look whether units and packs were exchanged; hide the day if nobody bought that much",
                "single series",
                {"series": len(several), "times_the_most": several[0][2]},
            )
        )
    return found


def _peak(total: Doubles, looked: int, season: int, least: float) -> int | None:
    start = len(total) - looked
    before = total[:start]
    if (before > 0).sum() < 20:
        return None
    highest = int(np.argmax(total[start:])) + start
    same = np.array([total[at] for back in range(1, 9) if (at := highest - back * season) >= 0 and total[at] > 0])
    if len(same) < 3 or total[highest] < least:
        return None
    usual = float(np.median(same))
    return highest if total[highest] >= TENFOLD * usual and total[highest] >= EVER * before.max() else None
