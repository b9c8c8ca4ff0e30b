"""Automatic rollback: a champion whose live forecasts err more than its predecessor's would have, on the same cells.

The champion's word is what was given and written down; the predecessor's is made now, as of the same days. Cells that
either has learnt from do not count. Both are held to their medians, as a mean's absolute error is least for whoever
says too little. Surely worse means: by a margin, series by series, and in every week.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from invplat.core.errors import InvplatError
from invplat.core.page.wording import percent
from invplat.model import Model
from invplat.monitor.bygone import medians
from invplat.monitor.facts import Facts
from invplat.monitor.matching import match, read_parts
from invplat.monitor.silence import unknown
from invplat.registry import aliases, datasets, versions
from invplat.registry.database import Database
from invplat.registry.parts import PREDICTED
from invplat.registry.versions import Version
from invplat.storage import Storage
from invplat.transfer.gate import chance_of

WATCHED = 56  # days of data after a champion learnt; later it is not the promotion that was wrong
LEAST = 100  # cells
PERIODS = {"daily": 14, "weekly": 2, "monthly": 2}  # of which something is known
MARGIN = 0.03  # of the predecessor's error
SURE = 0.01  # chance that as much is chance, below which it is not


@dataclass(frozen=True)
class Fall:
    tenant: str
    workload: str
    champion: str  # ids
    previous: str
    said: str  # how the two are called
    error: float  # of what was sold
    instead: float
    cells: int

    @property
    def reason(self) -> str:
        return (
            f"live, the error is {percent(self.error)} of what was sold over {self.cells:,} forecasts; {self.said} "
            f"would have come to {percent(self.instead)}"
        )


def fallen(database: Database, storage: Storage, facts: Facts, workload: str) -> Fall | None:
    now = aliases.current(database, facts.tenant, workload)
    if aliases.CHAMPION not in now or aliases.PREVIOUS not in now:
        return None
    known = versions.by_ids(database, (now[aliases.CHAMPION], now[aliases.PREVIOUS]))
    champion, previous = (known.get(now[alias]) for alias in (aliases.CHAMPION, aliases.PREVIOUS))
    if champion is None or previous is None or champion.id == previous.id:
        return None
    learnt = max(
        (day for one in (champion, previous) if (day := learnt_until(database, one, facts.tenant))), default=None
    )
    if learnt is not None and (facts.end - learnt).days > WATCHED:
        return None
    cells = _cells(database, storage, facts, champion.id, learnt)
    if len(cells) < LEAST or cells["date"].n_unique() < PERIODS[facts.frequency]:
        return None
    theirs = _theirs(storage, facts, previous, cells)
    if theirs is None:
        return None
    cells = cells.with_columns(pl.Series("theirs", theirs)).filter(pl.col("theirs").is_finite())
    if len(cells) < LEAST:
        return None
    return _judged(facts.tenant, workload, champion, previous, cells)


def learnt_until(database: Database, version: Version, tenant: str) -> date | None:
    """The last day of this business's data that a model has learnt from."""
    ends = {one.version: one.last for one in datasets.of_tenant(database, tenant)}
    mine = [ends[one.version] for one in version.datasets if one.tenant == tenant and one.version in ends]
    return max((date.fromisoformat(end) for end in mine if end), default=None)


def roll_back(database: Database, fall: Fall, *, actor: str) -> str:
    """Refuses where another promotion was first."""
    return aliases.rollback(
        database, fall.tenant, fall.workload, expected=fall.champion, actor=actor, reason=fall.reason
    )


def _cells(database: Database, storage: Storage, facts: Facts, champion: str, learnt: date | None) -> pl.DataFrame:
    """What the champion has said and what came, of days that neither model has seen."""
    first = facts.end - timedelta(days=WATCHED)
    parts = PREDICTED.of_tenant(database, facts.tenant, first=str(first))
    rows = read_parts(storage, [part for part in parts if part.model == champion], {})
    if len(rows) and learnt is not None:
        rows = rows.filter(pl.col("as_of") >= learnt)
    return match(facts, rows, None, unknown(facts)).cells


def _theirs(storage: Storage, facts: Facts, previous: Version, cells: pl.DataFrame) -> Any:
    if previous.prefix is None:  # the seasonal naive
        return cells["naive"].to_numpy()
    try:
        model = Model.of(versions.open_bundle(storage, previous))
    except InvplatError:  # what can't be read can't be gone back to
        return None
    return medians(model, facts, cells)


def _judged(tenant: str, workload: str, champion: Version, previous: Version, cells: pl.DataFrame) -> Fall | None:
    middle = pl.coalesce("q0.5", "mean") if "q0.5" in cells.columns else pl.col("mean")
    cells = cells.with_columns(
        ours=(middle - pl.col("actual")).abs(), instead=(pl.col("theirs") - pl.col("actual")).abs()
    )
    sums = [pl.col("ours").sum(), pl.col("instead").sum()]
    series = cells.group_by("store", "sku").agg(sums)
    weeks = cells.with_columns(week=pl.col("date").dt.truncate("1w")).group_by("week").agg(sums, n=pl.len())
    weeks = weeks.filter(pl.col("n") * 2 >= pl.col("n").median())  # one that has just begun says little
    ours, instead, sold = (float(cells[name].sum()) for name in ("ours", "instead", "actual"))
    worse = ours > (1 + MARGIN) * instead and bool((weeks["ours"] > weeks["instead"]).all())
    differences = (series["ours"] - series["instead"]).to_numpy().astype(np.float64)
    if not worse or not sold or chance_of(differences) >= SURE:
        return None
    return Fall(tenant, workload, champion.id, previous.id, previous.called, ours / sold, instead / sold, len(cells))
