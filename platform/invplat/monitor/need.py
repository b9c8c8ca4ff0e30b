"""Who needs a new model, and why: what a look found, how old the model is, and what has come since it learnt.

A fine-tune that was tried counts as much as one that is served: the gate's no is an answer, and is not asked for again
before there is more to learn from. Knows no nets and sends no jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from invplat.core.page.wording import day as told_day
from invplat.core.page.wording import plural
from invplat.monitor.finding import HIGH, LOW
from invplat.monitor.look import Look
from invplat.monitor.rollback import learnt_until
from invplat.registry import aliases, datasets, jobs, results, versions
from invplat.registry.database import Database
from invplat.registry.jobs import Job
from invplat.registry.results import Result
from invplat.transfer.gate import CANDIDATE
from invplat.transfer.jobs_asked import KIND

AGE, FIRST = "age", "first"
CHANGED = (  # findings that newer data may mend
    "accuracy_worse",
    "worse_than_naive",
    "bias",
    "coverage",
    "residual_drift",
    "drift",
    "unseen_skus",
    "silent_store",
)
DECIDES = ("lead_times",)  # the same, for models that foresee lead times
ONCE = ("silent_store", "lead_times")  # told for months; a model that has seen two weeks of it knows it
SEEN = 14  # days
RECENT = 12  # tries that are looked at, of any number in years
BROKEN = ("tenfold", "missing_periods", "future_data")  # data that should not be learnt from; of severity high


@dataclass(frozen=True)
class Limits:
    age: int = 28  # days of new data after which a model is old whatever is found
    rest: int = 7  # days of new data before it is tried again; twice as many after each further no of the gate

    def waited(self, refused: int) -> int:
        """One no may come of too little that is new; more of them say that more is needed."""
        return int(min(self.rest * 2 ** max(min(refused, 10) - 1, 0), max(self.age, self.rest)))


@dataclass(frozen=True)
class Standing:
    """What a business's model stands on, as the registry knows it."""

    tenant: str
    last: date | None  # of its newest data
    learnt: date | None  # the last day that its own champion has learnt from
    tried: date | None  # and that any fine-tune of it has
    busy: str | None = None  # the job that is at work on it
    refused: int = 0  # tries in a row, the last included, of which nothing was served

    @property
    def known(self) -> date | None:
        return max((one for one in (self.learnt, self.tried) if one is not None), default=None)


@dataclass(frozen=True)
class Reason:
    kind: str  # of monitor.finding.KINDS, or age, or first
    sentence: str


@dataclass(frozen=True)
class Need:
    tenant: str
    reasons: tuple[Reason, ...] = ()
    waits: str = ""  # why it is not done now

    @property
    def now(self) -> bool:
        return bool(self.reasons) and not self.waits

    @property
    def moved(self) -> bool:
        """Something has changed, and it is not only time that has passed."""
        return any(one.kind not in (AGE, FIRST) for one in self.reasons)

    def to_dict(self) -> dict[str, Any]:
        reasons = [{"kind": one.kind, "sentence": one.sentence} for one in self.reasons]
        return {"tenant": self.tenant, "now": self.now, "reasons": reasons, "waits": self.waits}


def standing(database: Database, tenant: str, workload: str) -> Standing:
    known = datasets.of_tenant(database, tenant)
    last = max((date.fromisoformat(one.last) for one in known if one.last), default=None)
    model = aliases.current(database, tenant, workload).get(aliases.CHAMPION)
    champion = None if model is None else versions.by_ids(database, [model]).get(model)
    own = champion is not None and champion.tenant == tenant
    tried: date | None = None
    busy: str | None = None
    serves: list[str] = []
    for result in results.of_tenant(database, tenant)[:RECENT]:
        job = jobs.get(database, result.job)
        if job.kind != KIND or job.spec.get("workload") != workload:
            continue
        if result.state in (results.QUEUED, results.RUNNING):
            busy = job.id if job.state in jobs.UNDER_WAY and not job.dead else busy
            continue
        serves.append(str((result.detail or {}).get("serves")))
        day = _tried(result, known)
        tried = day if tried is None or (day is not None and day > tried) else tried
    learnt = learnt_until(database, champion, tenant) if own and champion is not None else None
    refused = next((place for place, one in enumerate(serves) if one == CANDIDATE), len(serves))
    return Standing(tenant, last, learnt, tried, busy, refused)


def _tried(result: Result, known: Sequence[datasets.DatasetVersion]) -> date | None:
    """The last day of the data that a fine-tune had: it says which, or failed and had the newest of its time."""
    number = (result.detail or {}).get("dataset")
    mine = [one for one in known if (one.version == number if number else one.made <= result.changed) and one.last]
    return date.fromisoformat(mine[-1].last) if mine else None


def need_of(made: Look, stands: Standing, limits: Limits, *, decides: bool = False) -> Need:
    if stands.last is None:
        return Need(made.tenant)
    today = date.fromisoformat(made.today)
    last = min(stands.last, today)
    fresh = None if stands.known is None else (last - stands.known).days
    reasons = [
        Reason(one.kind, _told(one.sentence.rstrip("."), told_day(one.since)))
        for one in made.findings
        if one.kind in (*CHANGED, *(DECIDES if decides else ()))
        and one.severity != LOW
        and not (one.kind in ONCE and _seen(one.since, stands.known))
    ]
    if fresh is None:
        reasons.append(Reason(FIRST, "it has data, and no model was ever adapted to it"))
    elif fresh >= limits.age:
        reasons.append(Reason(AGE, f"{plural(fresh, 'day')} of data are newer than what its model has learnt from"))
    if not reasons:
        return Need(made.tenant)
    return Need(made.tenant, tuple(reasons), _waits(made, stands, limits, fresh))


def _waits(made: Look, stands: Standing, limits: Limits, fresh: int | None) -> str:
    if stands.busy is not None:
        return f"job {stands.busy} is at work on it"
    broken = [one.sentence for one in made.findings if one.kind in BROKEN and one.severity == HIGH]
    if broken:
        return f"its data look broken: {broken[0]}"
    least = limits.waited(stands.refused)
    if fresh is not None and fresh < least:
        if fresh <= 0:
            return "nothing is newer than what was tried"
        no = f", after {plural(stands.refused, 'try', 'tries')} that the gate refused" if stands.refused > 1 else ""
        return f"only {plural(fresh, 'day')} of data are newer than what was tried; {least} are waited for{no}"
    return ""


def _seen(since: str, known: date | None) -> bool:
    return known is not None and known >= date.fromisoformat(since) + timedelta(days=SEEN)


def unfinished(database: Database, spec: Any, tenants: Sequence[str]) -> Job | None:
    """A job that was cut off, and asked for the same for some of these and nobody else: to be gone on with."""
    for job in jobs.listed(database, states=(jobs.State.LOST, jobs.State.STOPPED), most=20):
        if job.kind != KIND or dict(job.spec) != dict(spec):
            continue
        left = results.pending(database, job.id)
        if left and set(left) <= set(tenants):
            return job
    return None


def _told(sentence: str, day: str) -> str:
    """Some findings name the day themselves."""
    return sentence if day in sentence else f"{sentence}, since {day}"
