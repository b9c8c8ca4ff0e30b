"""A job as the API tells of it: to a business its own part, to an administrator all of it; as `jobs status` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from invplat.core.errors import Unknown
from invplat.registry import jobs, results
from invplat.registry.database import Database
from invplat.registry.jobs import UNDER_WAY, Job
from invplat.registry.results import DONE, FAILED, QUEUED, RUNNING, Result
from invplat.serve.auth import Caller

MOST = 1000  # businesses whose results are told


class Outcome(BaseModel):
    """What has become of one business."""

    tenant: str
    state: str = Field(description="queued, running, done, failed; left: its job ended before.")
    way: str | None = Field(description="How the model was adapted.")
    model: str | None = Field(description="What was kept.", examples=["mlp@4"])
    serves: str | None = Field(
        description="What answers now: candidate (the new one), champion (as before), base, seasonal_naive, unchanged."
    )
    error_before: float | None = Field(description="Share of what was sold that the forecast missed, before.")
    error_after: float | None
    reason: str
    notes: list[str]
    seconds: float | None


class JobSaid(BaseModel):
    job: str = Field(description="Its id.", examples=["1f0c9a2b3d4e5f60"])
    kind: str = Field(examples=["finetune"])
    state: str = Field(description="queued, running, done, failed, stopped or lost.")
    stopping: bool
    created: str
    started: str | None
    ended: str | None
    seconds: float | None
    message: str
    asked: dict[str, Any]
    own: bool = Field(description="Asked for by this business; else by the operator, for this one among others.")
    tenants: int = Field(description="Of how many businesses it is told.")
    done: int
    failed: int
    left: int
    results: list[Outcome]


class Jobs(BaseModel):
    jobs: list[JobSaid] = Field(description="The newest first.")


def seen(database: Database, caller: Caller, job: str) -> Job:
    """As it really is, and as this caller may see it; another's is not there."""
    found = _get(database, caller, job)
    if found.state in UNDER_WAY and checked(database, [found]):
        return _get(database, caller, job)
    return found


def _get(database: Database, caller: Caller, job: str) -> Job:
    try:
        return jobs.get(database, job) if caller.tenant is None else jobs.seen_by(database, caller.tenant, job)
    except Unknown:
        raise Unknown("there is no such job") from None  # told alike whatever the name was


def checked(database: Database, found: Iterable[Job]) -> bool:
    """Those whose process is gone are marked so; whether any was."""
    from invplat.transfer.jobs_process import checked as looked_at

    gone = False
    for job in found:
        if job.state in UNDER_WAY:
            whole = jobs.get(database, job.id)  # a business does not see the process
            gone = looked_at(database, whole, _asked_of_cluster).state is not whole.state or gone
    return gone


def _asked_of_cluster(job: Job) -> str | None:
    from invplat.transfer.jobs import gone

    return gone(job)


def said(database: Database, caller: Caller, found: Sequence[Job], tenant: str | None = None) -> list[JobSaid]:
    """`tenant`: whose part is told to an administrator; all where none is named."""
    whose = caller.tenant or tenant
    if whose is None:
        parts = {job.id: results.of_job(database, job.id) for job in found}
    else:
        parts = {job.id: [] for job in found}
        for one in results.of_tenant(database, whose):
            if one.job in parts:
                parts[one.job].append(one)
    return [_said(job, sorted(parts[job.id], key=lambda one: one.tenant), whose) for job in found]


def _said(job: Job, parts: Sequence[Result], whose: str | None) -> JobSaid:
    counts = Counter(one.state for one in parts)
    return JobSaid(
        job=job.id,
        kind=job.kind,
        state=str(job.state),
        stopping=job.stopping,
        created=job.created,
        started=job.started,
        ended=job.ended,
        seconds=_seconds(job),
        message=job.message,
        asked=dict(job.spec),
        own=job.tenant == whose,
        tenants=len(parts),
        done=counts[DONE],
        failed=counts[FAILED],
        left=counts[QUEUED] + counts[RUNNING],
        results=[_outcome(one, job.ended is not None) for one in parts[:MOST]],
    )


def _outcome(one: Result, over: bool) -> Outcome:
    detail = dict(one.detail or {})
    return Outcome(
        tenant=one.tenant,
        state="left" if over and one.state in (QUEUED, RUNNING) else one.state,
        way=one.way,
        model=detail.get("model"),
        serves=detail.get("serves"),
        error_before=detail.get("before"),
        error_after=detail.get("after"),
        reason=one.reason,
        notes=[str(note) for note in detail.get("notes") or []],
        seconds=one.seconds,
    )


def _seconds(job: Job) -> float | None:
    if job.started is None:
        return None
    last = datetime.now(UTC) if job.ended is None else datetime.fromisoformat(job.ended)
    return round((last - datetime.fromisoformat(job.started)).total_seconds(), 1)
