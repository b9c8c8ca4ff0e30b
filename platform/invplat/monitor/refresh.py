"""The base made anew, from the newest data of those who share it, as the one before was made; and judged beside it.

It becomes the base only where the gate lets it pass on days that neither has learnt from. Asked again with the same
data nothing is trained twice: a base that was kept, and not yet judged, is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from invplat.core.errors import InvplatError, Unknown
from invplat.data.dataset import Dataset
from invplat.model import Model
from invplat.monitor.bygone import medians
from invplat.monitor.facts import Facts, read_facts
from invplat.monitor.matching import counted, panels_of
from invplat.registry import aliases, audit, versions
from invplat.registry.database import Database
from invplat.registry.versions import Version
from invplat.storage import Storage
from invplat.train.material import read_material
from invplat.train.training import Trained, trained
from invplat.transfer.gate import CANDIDATE, CHAMPION, NAIVE, Judged, Verdict, decide
from invplat.transfer.jobs_asked import find_bases

DEED = "retrain.base"
CUTOFFS = 3  # at which both are held against what came
PLANNED = ("epochs", "patience", "seed")

Told = Callable[[str], None]


@dataclass(frozen=True)
class Refreshed:
    before: Version
    made: Version
    promoted: bool
    reason: str
    new: bool  # trained by this call

    def to_dict(self) -> dict[str, Any]:
        told = {"before": self.before.reference, "made": self.made.reference}
        return {**told, "promoted": self.promoted, "reason": self.reason, "trained_now": self.new}


def refresh(
    database: Database, storage: Storage, workload: str, names: Sequence[str], today: date, *, actor: str, told: Told
) -> Refreshed:
    before = _current(database, storage, workload, actor)
    old = Model.of(versions.open_bundle(storage, before))
    businesses = _datasets(storage, names)
    same = {(one.tenant, one.version) for one in businesses}
    made = next((one for one in versions.of_tenant(database, None, before.name) if _learnt(one) == same), None)
    new = made is None
    if made is None:
        told(f"a new base is trained on {len(businesses)} businesses, as {before.reference} was")
        bundle = _trained(old, before, businesses).model.bundle()
        made = versions.keep(database, storage, None, before.name, bundle, donor=before.id)
    if made.id == before.id:
        return Refreshed(before, made, False, "the base has learnt from these data already", False)
    if made.verdict is not None:
        return Refreshed(before, made, False, str(made.verdict["reason"]), False)
    model = Model.of(versions.open_bundle(storage, made))
    verdict = _verdict(database, storage, [one.tenant for one in businesses], today, model, old)
    if verdict.promoted:
        aliases.promote(database, None, workload, made.id, expected=before.id, actor=actor, reason=verdict.reason)
    said = {"decision": verdict.serves, "reason": verdict.reason, "figures": dict(verdict.figures)}
    versions.judged(database, {made.id: said})
    note = {"promoted": verdict.promoted, "reason": verdict.reason, "before": before.reference, "tenants": len(same)}
    database.write(lambda connection: audit.note(connection, actor, DEED, None, made.reference, **note))
    return Refreshed(before, made, verdict.promoted, verdict.reason, new)


def _current(database: Database, storage: Storage, workload: str, actor: str) -> Version:
    """The base by its alias: without one the base that was made last would answer, judged or not."""
    (*_, found) = find_bases(database, storage, (), workload)
    if aliases.CHAMPION not in aliases.current(database, None, workload):
        aliases.promote(
            database, None, workload, found.id, expected=None, actor=actor, reason="it was the base, unnamed"
        )
    return found


def _datasets(storage: Storage, names: Sequence[str]) -> list[Dataset]:
    found = []
    for name in sorted(names):
        try:
            found.append(Dataset.open(storage, name))
        except InvplatError:  # one whose data can't be read is no reason to do without the others
            continue
    if not found:
        raise Unknown("no business has data that a base could learn from", hint="ingest some: invplat data ingest")
    return found


def _learnt(one: Version) -> set[tuple[str | None, int | None]]:
    return {(each.tenant, each.version) for each in one.datasets}


def _trained(old: Model, before: Version, businesses: Sequence[Dataset]) -> Trained:
    plan: Mapping[str, Any] = before.lineage.get("plan") or {}
    spec = old.spec
    material = read_material(
        old.workload,
        businesses,
        past=spec.past,
        horizon=spec.horizon,
        quantiles=spec.quantiles,
        frequency=old.preparation.frequency,
        openings=int(before.lineage.get("openings") or 0),
        most=max(int(before.lineage.get("windows") or 0), 1000),
        seed=int(plan.get("seed", 0)),
    )
    return trained(material, params=old.params, plan={name: plan[name] for name in PLANNED if name in plan})


def _verdict(
    database: Database, storage: Storage, names: Sequence[str], today: date, new: Model, old: Model
) -> Verdict:
    """On days after all that the new one has seen; the old one has seen less."""
    since = date.fromisoformat(str(new.lineage["saw_until"]))
    tables = []
    for name in names:
        try:
            facts = read_facts(database, storage, name, today)
            tables.append(_compared(facts, since, new, old).with_columns(pl.lit(name).alias("tenant")))
        except InvplatError:
            continue
    cells = pl.concat([one for one in tables if len(one)]) if any(map(len, tables)) else pl.DataFrame()
    if not len(cells):
        return Verdict(CHAMPION, "the base is kept: no days are left to judge a new one by")
    errors = {who: (pl.col(who) - pl.col("actual")).abs().sum().alias(who) for who in (CANDIDATE, CHAMPION, NAIVE)}
    series = cells.group_by("tenant", "store", "sku").agg(*errors.values(), pl.col("actual").sum())
    sold = series["actual"].to_numpy()
    missed = {who: series[who].to_numpy() for who in errors}
    judged = {who: Judged(values, sold=sold, missed=values) for who, values in missed.items()}
    return decide(judged.pop(CANDIDATE), judged)


def _compared(facts: Facts, since: date, new: Model, old: Model) -> pl.DataFrame:
    """A row a series, cutoff and step that was seen whole, with what each would have said."""
    frequency, horizon = new.preparation.frequency, new.spec.horizon
    panels = panels_of(facts, frequency)
    dates: list[date] = sorted({day for panel in panels.values() for day in panel.dates[: panel.known].tolist()})
    room = [day for day in dates[: len(dates) - horizon] if day >= since]
    if not room:
        return pl.DataFrame()
    chosen = sorted({room[place] for place in np.linspace(0, len(room) - 1, CUTOFFS).round().astype(int).tolist()})
    rows = [
        {"store": store, "sku": sku, "as_of": day, "date": dates[dates.index(day) + step], "step": step}
        for store, panel in panels.items()
        for sku in panel.skus
        for day in chosen
        for step in range(1, horizon + 1)
    ]
    cells = counted(facts, pl.DataFrame(rows), frequency)
    said = {CANDIDATE: medians(new, facts, cells), CHAMPION: medians(old, facts, cells)}
    cells = cells.with_columns(pl.Series(who, values) for who, values in said.items())
    return cells.rename({"naive": NAIVE}).filter(
        pl.all_horizontal(pl.col(who).is_finite() for who in (CANDIDATE, CHAMPION, NAIVE))
    )
