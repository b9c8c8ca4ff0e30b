"""One look at a business: its newest data and its forecasts brought together, and everything that is to be told.

The same data, forecasts and day give the same look. What was found is kept as tenants/T/monitor/latest.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import polars as pl

from invplat.data.dataset import versions
from invplat.monitor import history, incoming, inputs, outgoing, quality, silence, suppliers
from invplat.monitor.facts import champion, read_facts
from invplat.monitor.finding import Finding, ordered, rounded
from invplat.monitor.inputs import Drift
from invplat.monitor.level import jumps
from invplat.monitor.matching import BROKEN, CENSORED, COUNTED, GONE, HIDDEN, LATE, STATES
from invplat.registry import tenants
from invplat.registry.database import Database
from invplat.registry.parts import PREDICTED
from invplat.storage import Storage

GROUPS = ("category", "step", "model")


@dataclass(frozen=True)
class Look:
    tenant: str
    today: str
    dataset: int | None  # the version that was looked at; None: there are no data
    end: str | None  # the last day of which anything is known
    learnt: str | None  # the last day that the model has learnt from
    findings: tuple[Finding, ...] = ()
    drifts: tuple[Drift, ...] = ()
    accuracy: Mapping[str, Any] = field(default_factory=dict)  # figures of the last weeks
    weeks: tuple[Mapping[str, Any], ...] = ()  # figures by week, oldest first
    groups: Mapping[str, list[Mapping[str, Any]]] = field(default_factory=dict)  # by category, step, model
    cells: Mapping[str, int] = field(default_factory=dict)  # what became of the predictions matched by this look
    predictions: int = 0  # rows that were ever given
    notes: tuple[str, ...] = ()
    sums: pl.DataFrame = field(default_factory=pl.DataFrame, compare=False)

    def to_dict(self) -> dict[str, Any]:
        plain = {name: value for name, value in vars(self).items() if name not in ("findings", "drifts", "sums")}
        drifts = [{**asdict(one), "found": one.found} for one in self.drifts]
        whole = {**plain, "findings": [one.to_dict() for one in self.findings], "drifts": drifts}
        found: dict[str, Any] = json.loads(json.dumps(_rounded(whole), default=str))
        return found


def look(
    database: Database,
    storage: Storage,
    tenant: str,
    *,
    today: date,
) -> Look:
    tenants.get(database, tenant)  # refuses what isn't there, with the nearest names
    if not versions(storage, tenant):
        found = Look(tenant, str(today), None, None, None, notes=("there are no data of it yet",))
        keep(storage, found)
        return found
    facts = read_facts(database, storage, tenant, today)
    unknown = silence.unknown(facts)
    kept = history.update(database, storage, facts, unknown)
    drifts, drifted = inputs.drifts(facts, unknown)
    told = {(one.kind, one.subject) for one in drifted}
    drifted += [one for one in jumps(facts, unknown) if (one.kind, one.subject) not in told]
    findings = [
        *quality.judged(kept.sums),
        *drifted,
        *incoming.troubles(facts),
        *outgoing.troubles(facts, kept.open, unknown),
        *suppliers.changes(facts),
    ]
    made = Look(
        tenant,
        str(today),
        facts.dataset.version,
        str(facts.end),
        None if facts.learnt is None else str(facts.learnt),
        tuple(ordered(findings)),
        tuple(drifts),
        _figures(kept.sums.filter(pl.col("week").is_in(_last(kept.sums)))) if len(kept.sums) else {},
        tuple(_by(kept.sums, "week")),
        {name: _by(kept.sums, name) for name in GROUPS} if len(kept.sums) else {},
        kept.matched.states,
        kept.predictions,
        tuple(_notes(kept)),
        kept.sums,
    )
    keep(storage, made)
    return made


def state(database: Database, storage: Storage, tenant: str) -> tuple[Any, ...]:
    """What a look depends on besides the day: as long as it is the same, so is the look."""
    waiting = tuple(part.id for part in PREDICTED.of_tenant(database, tenant, matched=False))
    return versions(storage, tenant)[-1:], champion(database, tenant), waiting


def place(tenant: str) -> str:
    return f"tenants/{tenant}/monitor/latest.json"


def keep(storage: Storage, made: Look) -> None:
    storage.write(place(made.tenant), json.dumps(made.to_dict(), ensure_ascii=False).encode())


def _notes(kept: history.History) -> list[str]:
    """What was left out and why: nothing is dropped in silence."""
    if not kept.predictions:
        return ["no forecasts were given yet, so there is nothing to hold against what comes; the data were looked at"]
    found = []
    states = kept.matched.states
    if not states.get(COUNTED) and not len(kept.sums):
        found.append("forecasts were given, and none of them is due in the data yet")
    left = [state for state in (CENSORED, HIDDEN, GONE, LATE, BROKEN) if states.get(state)]
    found += [f"{states[state]:,} predictions {STATES[state]}" for state in left]
    if kept.matched.unpredicted and states:
        found.append(f"{kept.matched.unpredicted:,} series sell and none of the open forecasts speaks of them")
    found += [f"a part of the forecasts can't be read: {why}" for why in kept.matched.unreadable.values()]
    return found


def _last(sums: pl.DataFrame) -> list[Any]:
    return sums["week"].unique().sort().to_list()[-quality.NOW :]


def _by(sums: pl.DataFrame, key: str) -> list[Mapping[str, Any]]:
    """Weeks: all of them; else the last weeks of each group."""
    if not len(sums):
        return []
    table = sums if key == "week" else sums.filter(pl.col("week").is_in(_last(sums)))
    parts = sorted(table.partition_by(key, as_dict=True).items(), key=lambda each: each[0][0])
    return [{key: name if key == "step" else str(name), **_figures(part)} for (name,), part in parts]


def _figures(sums: pl.DataFrame) -> dict[str, Any]:
    total = {name: float(sums[name].sum()) for name in sums.columns if sums[name].dtype.is_numeric()}
    sold, cells = total["actual"], total["n"]
    found: dict[str, Any] = {
        "cells": int(cells),
        "wape": total["abs_error"] / sold if sold else None,
        "naive_wape": total["naive_error"] / sold if sold else None,
        "bias": total["error"] / sold if sold else None,
    }
    levels = {one for text in sums["levels"].unique().to_list() for one in text.split(",") if one}
    wide = sums.filter(pl.col("levels").str.contains(","))
    if len(wide) and wide["n"].sum():
        found["coverage"] = float(wide["covered"].sum()) / float(wide["n"].sum())
        promised = [float(text.split(",")[-1]) - float(text.split(",")[0]) for text in wide["levels"].to_list()]
        found["promised"] = float(
            sum(p * n for p, n in zip(promised, wide["n"].to_list(), strict=True)) / wide["n"].sum()
        )
    pinball = {}
    for level in sorted(levels, key=float):
        mine = sums.filter(pl.col("levels").str.split(",").list.contains(level))
        pinball[level] = float(mine[f"pinball_{level}"].sum()) / max(float(mine["n"].sum()), 1.0)
    return {**found, "pinball": pinball} if pinball else found


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return rounded(value)
