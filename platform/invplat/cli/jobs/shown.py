"""A job as commands show it: the same record for machines, the same table for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output
from invplat.core.page.wording import plural

if TYPE_CHECKING:
    from invplat.registry.database import Database
    from invplat.registry.jobs import Job
    from invplat.registry.results import Result

ROWS = 40  # of businesses that a table shows
SERVED = {
    "candidate": "the new model",
    "champion": "as before",
    "base": "the base",
    "seasonal_naive": "the seasonal naive",
    "unchanged": "as before",
}


def checked(database: Database, found: Iterable[Job]) -> list[Job]:
    """As they really are."""
    from invplat.transfer.jobs_process import check_all

    return check_all(database, found, asked_of_cluster)


def asked_of_cluster(job: Job) -> str | None:
    from invplat.transfer.jobs import gone

    return gone(job)


def get(database: Database, job: str) -> Job:
    from invplat.registry import jobs

    return checked(database, [jobs.get(database, job)])[0]


def row_of(job: Job, counts: Mapping[str, int]) -> dict[str, Any]:
    over = job.ended is not None
    return {
        "job": job.id,
        "kind": job.kind,
        "state": str(job.state),
        "stopping": job.stopping,
        "tenants": sum(counts.values()),
        "done": counts.get("done", 0),
        "failed": counts.get("failed", 0),
        "left": counts.get("queued", 0) + counts.get("running", 0),
        "created": job.created,
        "started": job.started,
        "ended": job.ended,
        "seconds": _seconds(job.started, job.ended if over else None),
        "attempt": job.attempt,
        "message": job.message,
        "where": job.address or (job.process.host if job.process else None),
        "process": job.process.pid if job.process else None,
        "ray_job": job.ray_job,
        "asked": dict(job.spec),
    }


def result_of(one: Result, over: bool) -> dict[str, Any]:
    detail = dict(one.detail or {})
    # A row that its process left as running when it died: nobody is at work on it.
    state = "left" if over and one.state in ("queued", "running") else one.state
    return {
        "tenant": one.tenant,
        "state": state,
        "way": one.way,
        "model": detail.get("model"),
        "model_id": one.model,
        "serves": detail.get("serves"),
        "error_before": detail.get("before"),
        "error_after": detail.get("after"),
        "reason": one.reason,
        "notes": detail.get("notes", []),
        "seconds": one.seconds,
        "detail": detail,
    }


def content_of(database: Database, job: Job) -> dict[str, Any]:
    from invplat.registry import results

    found = sorted(results.of_job(database, job.id), key=lambda one: one.tenant)
    rows = [result_of(one, job.ended is not None) for one in found]
    counts = Counter(one.state for one in found)
    return {**row_of(job, counts), "results": rows}


def draw(output: Output, content: Mapping[str, Any]) -> None:
    """A line about the job, then its businesses: those that failed first, then those that have ended."""
    click.echo(headline(content))
    order = {"failed": 0, "done": 1, "running": 2}
    rows: Sequence[dict[str, Any]] = sorted(
        content["results"], key=lambda row: (order.get(row["state"], 3), row["tenant"])
    )
    ended = [row for row in rows if row["state"] in ("failed", "done")]
    if ended:
        click.echo()
        output.table(
            [
                (row["tenant"], row["state"], row["way"], _errors(row), _verdict(row), row["model"], _took(row))
                for row in ended[:ROWS]
            ],
            ("tenant", "state", "way", "error", "serves", "model", "s"),
        )
    if len(ended) > ROWS:
        click.echo(f"… and {len(ended) - ROWS:,} more: --json tells all")
    for row in [row for row in ended[:ROWS] if row["state"] == "failed" or row["notes"]]:
        said = [row["reason"]] if row["state"] == "failed" else row["notes"]
        for sentence in said:
            output.note(f"- {sentence if sentence.startswith(row['tenant']) else row['tenant'] + ': ' + sentence}")
    served = Counter(_verdict(row) for row in rows if row["state"] == "done")
    if served:
        click.echo("\nserved: " + ", ".join(f"{verdict} {count:,}" for verdict, count in served.most_common()))
    if content["left"] + content["failed"] and content["state"] in ("failed", "stopped", "lost"):
        click.echo(f"finish the rest: invplat jobs retry {content['job']}")


def headline(content: Mapping[str, Any]) -> str:
    parts = [f"job {content['job']} is {content['state']}", f"{content['done']:,} of {content['tenants']:,} done"]
    if content["failed"]:
        parts.append(f"{content['failed']:,} failed")
    if content["left"]:
        parts.append(f"{content['left']:,} left")
    if content["seconds"] is not None:
        parts.append(f"{content['seconds']:.0f} s")
    return ", ".join(parts) + (f": {content['message']}" if content["message"] else "")


def submitted(job: Job, new: bool, count: int) -> str:
    if new:
        return f"job {job.id} has begun for {plural(count, 'business', 'businesses')}"
    return f"the same was asked before: job {job.id} is {job.state}"


def _errors(row: Mapping[str, Any]) -> str | None:
    before, after = row["error_before"], row["error_after"]
    if before is None and after is None:
        return None
    return " → ".join("–" if value is None else f"{value:.1%}" for value in (before, after))


def _verdict(row: Mapping[str, Any]) -> str:
    return SERVED.get(str(row["serves"]), "–")


def _took(row: Mapping[str, Any]) -> float | None:
    return None if row["seconds"] is None else round(row["seconds"], 2)


def _seconds(started: str | None, ended: str | None) -> float | None:
    if started is None:
        return None
    last = datetime.now(UTC) if ended is None else datetime.fromisoformat(ended)
    return round((last - datetime.fromisoformat(started)).total_seconds(), 1)
