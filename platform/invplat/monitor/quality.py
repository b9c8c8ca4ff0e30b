"""What the sums of the past say of forecasts now: less right than before or than the naive, on one side, too sure.

A forecast of one period is made at several steps of the horizon, and those err together: what counts as evidence is
therefore the number of periods, not of cells. Thresholds stand above, each with its reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from math import sqrt
from typing import Any

import numpy as np
import polars as pl

from invplat.core.page.wording import percent
from invplat.monitor.change import changed_at, coverage_band, psi_of_counts
from invplat.monitor.finding import HIGH, LOW, MEDIUM, Finding

NOW = 4  # weeks that count as now
PAST = 26  # weeks before them that they are compared with
LEAST_PAST = 4  # weeks; of fewer nobody knows how much they differ by themselves
LEAST = 100  # cells of which a figure means something
WORSE = 1.2  # times the error of the past: less is of no consequence
SPANS = ((1, 4.5), (2, 4.0), (4, 3.5))  # weeks looked at together, and how many deviations of a week are too many
NAIVE = 1.05  # times the seasonal naive's error
ONE_SIDED = 0.1  # of what was sold
SURE = 5.0  # deviations; days of a store go up and down together, so more than for what is independent
SHORT = 0.04  # of coverage, beyond what chance allows
RESIDUAL = 0.2  # PSI; 0.1 to 0.25 is said to be a moderate change


@dataclass(frozen=True)
class Weeks:
    """Sums by week, oldest first."""

    days: list[date]
    table: pl.DataFrame

    def column(self, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        if name not in self.table.columns:
            return np.zeros(len(self.days))
        return self.table[name].cast(pl.Float64).to_numpy()

    def last(self, number: int) -> Weeks:
        return Weeks(self.days[-number:], self.table.tail(number))

    def before(self, number: int, most: int = PAST) -> Weeks:
        kept = max(len(self.days) - number, 0)
        return Weeks(self.days[:kept][-most:], self.table.head(kept).tail(most))

    def total(self, name: str) -> float:
        return float(self.column(name).sum())

    def share(self, top: str, bottom: str) -> float:
        below = self.total(bottom)
        return self.total(top) / below if below else float("nan")


def weeks_of(sums: pl.DataFrame, category: str | None = None, until: date | None = None) -> Weeks:
    found = sums if category is None else sums.filter(pl.col("category") == category)
    if until is not None:
        found = found.filter(pl.col("week") <= until)
    values = [name for name in found.columns if name not in ("model", "category", "step", "week", "levels")]
    table = found.group_by("week").agg(pl.col(values).sum()).sort("week")
    return Weeks(table["week"].to_list(), table)


def judged(sums: pl.DataFrame) -> list[Finding]:
    """Of the whole business; of a category only what the whole does not show."""
    if not len(sums):
        return []
    steps = max(int(sums["step"].n_unique()), 1)
    whole = weeks_of(sums)
    finders: tuple[Callable[[Weeks, int, str], Finding | None], ...] = (_worse, _naive, _one_sided)
    found = [one for finder in finders if (one := finder(whole, steps, ""))]
    for category in sorted(set(sums["category"].to_list()) - {""}):
        weeks = weeks_of(sums, category)
        if len(weeks.days) < len(whole.days) // 2:
            continue
        for finder in finders:
            one = finder(weeks, steps, category)
            if one is not None and one.kind not in {each.kind for each in found if not each.subject}:
                found.append(one)
    for (levels,), part in sorted(sums.partition_by("levels", as_dict=True).items()):
        found += _promises(str(levels), weeks_of(part), steps)
    return found


def _of(category: str) -> str:
    return f" of {category}" if category else ""


def _worse(weeks: Weeks, steps: int, category: str) -> Finding | None:
    past = weeks.before(NOW)
    usual = past.column("abs_error") / np.maximum(past.column("actual"), 1e-9)
    usual = usual[past.column("n") * NOW >= LEAST / NOW]
    if len(usual) < LEAST_PAST or not past.total("actual"):
        return None
    was, spread = past.share("abs_error", "actual"), float(np.std(usual, ddof=1))
    for number, sure in SPANS:
        last = weeks.last(number)
        now = last.share("abs_error", "actual")
        # A week that has just begun, or a category of few series, differs more by itself.
        usual_size = past.total("n") / len(past.days)
        limit = max(was * WORSE, was + sure * spread * sqrt(usual_size / max(last.total("n"), 1.0)) + 0.01)
        if last.total("n") < LEAST / 2 or not now > limit:
            continue
        before, naive = past.share("naive_error", "actual"), last.share("naive_error", "actual")
        harder = before > 0 and naive / before > 0.8 * now / was
        grave = LOW if harder else HIGH if now > 1.5 * was else MEDIUM
        series = weeks.column("abs_error") / np.maximum(weeks.column("actual"), 1e-9)
        # The change lies where the weeks that stand out begin.
        recent = series[-PAST:]
        since = weeks.days[len(series) - len(recent) + changed_at(recent)] if len(recent) > 3 else last.days[0]
        why = "; the seasonal naive has worsened as much, so demand itself is harder to foresee" if harder else ""
        return Finding(
            "accuracy_worse",
            grave,
            str(since),
            f"The error{_of(category)} is {percent(now)} of what was sold, where it was {percent(was)}{why}.",
            "look for what changed in demand, prices or assortment" if harder else "fine-tune the model on newer data",
            category,
            {"wape": now, "wape_before": was, "naive_wape": naive, "weeks": number, "cells": int(last.total("n"))},
        )
    return None


def _naive(weeks: Weeks, steps: int, category: str) -> Finding | None:
    last = weeks.last(NOW)
    ours, naive = last.column("beside_naive"), last.column("naive_error")
    if last.total("n") < LEAST or len(last.days) < 2 or not naive.sum():
        return None
    ratio = float(ours.sum() / naive.sum())
    if ratio <= NAIVE or (ours > naive).sum() < len(last.days) - 1:
        return None
    all_ours, all_naive = weeks.column("beside_naive"), weeks.column("naive_error")
    good = np.flatnonzero(all_ours <= all_naive)
    since = weeks.days[min(int(good[-1]) + 1, len(weeks.days) - 1) if len(good) else 0]
    return Finding(
        "worse_than_naive",
        HIGH if ratio > 1.2 else MEDIUM,
        str(since),
        f"The forecasts{_of(category)} err by {percent(ratio - 1)} more than repeating the last season would.",
        "fine-tune the model, or let the seasonal naive answer: invplat models promote",
        category,
        {
            "wape": float(ours.sum()) / max(last.total("actual"), 1e-9),
            "naive_wape": float(naive.sum()) / max(last.total("actual"), 1e-9),
            "ratio": ratio,
            "cells": int(last.total("n")),
        },
    )


def _one_sided(weeks: Weeks, steps: int, category: str) -> Finding | None:
    last = weeks.last(NOW)
    error, actual = last.total("error"), last.total("actual")
    if last.total("n") < LEAST or len(last.days) < 2 or not actual:
        return None
    share, noise = error / actual, sqrt(last.total("squared") * steps)
    same = np.sign(last.column("error")) == np.sign(error)
    if abs(share) < ONE_SIDED or abs(error) < SURE * noise or same.sum() < len(last.days):
        return None
    signed = weeks.column("error") / np.maximum(weeks.column("actual"), 1e-9)
    recent = signed[-PAST:]
    since = weeks.days[len(signed) - len(recent) + changed_at(recent)] if len(recent) > 5 else weeks.days[0]
    way = "more" if share > 0 else "less"
    return Finding(
        "bias",
        HIGH if abs(share) > 0.3 else MEDIUM,
        str(since),
        f"The forecasts{_of(category)} say {percent(abs(share))} {way} than what is sold, week after week.",
        "fine-tune the model; until then orders are " + ("too large" if share > 0 else "too small"),
        category,
        {"bias": share, "cells": int(last.total("n"))},
    )


def _promises(levels: str, weeks: Weeks, steps: int) -> list[Finding]:
    """The outer interval holds what it should, and errors fall among the quantiles as they did."""
    parts = [float(one) for one in levels.split(",") if one]
    last, past = weeks.last(NOW), weeks.before(NOW)
    if len(parts) < 2 or last.total("n") < LEAST:
        return []
    found = []
    promised, held = parts[-1] - parts[0], last.share("covered", "n")
    low, _ = coverage_band(promised, max(last.total("n") / steps, 1.0))
    if held < low - SHORT and _steady(last, low):
        shares = weeks.column("covered") / np.maximum(weeks.column("n"), 1)
        good = np.flatnonzero(shares >= low - SHORT)
        since = weeks.days[min(int(good[-1]) + 1, len(weeks.days) - 1) if len(good) else 0]
        found.append(
            Finding(
                "coverage",
                HIGH if held < promised - 0.2 else MEDIUM,
                str(since),
                f"The interval that should hold {percent(promised)} of what comes holds {percent(held)}.",
                "fine-tune the model; until then safety stock is too small",
                "",
                {"coverage": held, "promised": promised, "lowest_by_chance": low, "cells": int(last.total("n"))},
            )
        )
    names = [f"rank_{place}" for place in range(len(parts) + 1)]
    now, then = (np.array([each.total(name) for name in names]) for each in (last, past))
    if len(past.days) >= 2 * LEAST_PAST and then.sum() >= 4 * LEAST:
        moved = psi_of_counts(then / steps, now / steps)
        chance = (len(names) - 1) * (1 / max(now.sum() / steps, 1) + 1 / max(then.sum() / steps, 1))
        usual = [
            psi_of_counts((then - one) / steps, one / steps)
            for one in _windows(past, names)
            if one.sum() >= LEAST and (then - one).sum() >= LEAST
        ]
        if len(usual) >= 2 and moved > max(RESIDUAL, 3 * chance, 1.5 * max(usual)):
            centre = np.array([_centre(weeks, names, place) for place in range(len(weeks.days))])[-PAST:]
            since = weeks.days[len(weeks.days) - len(centre) + changed_at(centre)]
            found.append(
                Finding(
                    "residual_drift",
                    MEDIUM,
                    str(since),
                    f"What comes falls among the forecasts' quantiles otherwise than before (PSI {moved:.2f}).",
                    "look at bias and coverage; fine-tune the model if they are off",
                    "",
                    {"psi": moved, "usual": max(usual)},
                )
            )
    return found


def _steady(last: Weeks, low: float) -> bool:
    """Not for one bad week alone."""
    shares = last.column("covered") / np.maximum(last.column("n"), 1)
    return bool((shares < low).sum() * 2 > len(shares))


def _windows(past: Weeks, names: list[str]) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    """The counts of each four weeks of the past."""
    counts = np.stack([past.column(name) for name in names], axis=1)
    return [counts[start : start + NOW].sum(axis=0) for start in range(0, len(counts) - NOW + 1, NOW)]


def _centre(weeks: Weeks, names: list[str], place: int) -> float:
    counts = np.array([weeks.column(name)[place] for name in names])
    return float((counts * np.arange(len(names))).sum() / counts.sum()) if counts.sum() else float("nan")
