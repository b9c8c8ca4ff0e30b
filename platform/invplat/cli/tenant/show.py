"""`invplat tenant show`."""

from __future__ import annotations

from dataclasses import asdict

import click

from invplat.cli.output import Output, common, pass_output


@click.command("show")
@click.argument("name", metavar="NAME")
@common
@pass_output
def command(output: Output, name: str) -> None:
    """Show what is known of a business: its data and what could not be used of it, models, keys, jobs and deeds.

    \b
    Example:
      invplat tenant show corner-shop
    """
    from invplat.cli.sight import register_all
    from invplat.core.page.wording import plural
    from invplat.registry import aliases, audit, datasets, jobs, keys, parts, results, tenants, versions
    from invplat.storage import open_storage

    storage = open_storage(output.settings.storage_url)
    with output.database() as database:
        tenant = tenants.get(database, name)
        register_all(output, database, storage, name)
        data = datasets.of_tenant(database, name)
        kept = versions.of_tenant(database, name)
        named = aliases.of_tenant(database, name)
        served = versions.by_ids(database, (one.model for one in named))
        theirs = keys.of_tenant(database, name)
        under_way = jobs.of_tenant(database, name, most=10)
        outcomes = {one.job: one for one in results.of_tenant(database, name)}
        predicted = parts.PREDICTED.rows_of(database, name)
        came_true = parts.ACTUAL.rows_of(database, name)
        deeds = audit.of_tenant(database, name, most=10)

    open_keys = [key for key in theirs if key.revoked is None]
    content = {
        "tenant": name,
        "created": tenant.created,
        "where": f"{storage.url}/tenants/{name}",
        "datasets": [
            {**asdict(one), "manifest": f"{storage.url}/tenants/{name}/datasets/versions/{one.version:08d}.json"}
            for one in data
        ],
        "models": [
            {"id": one.id, "model": one.reference, "workload": one.workload, "made": one.made, "verdict": one.verdict}
            for one in kept
        ],
        "aliases": [{**asdict(one), "reference": served[one.model].called} for one in named],
        "keys": [asdict(key) for key in theirs],
        "jobs": [
            {"id": job.id, "kind": job.kind, "state": str(job.state), "created": job.created}
            | {"result": asdict(outcomes[job.id]) if job.id in outcomes else None}
            for job in under_way
        ],
        "predictions": predicted,
        "actuals": came_true,
        "audit": [asdict(deed) for deed in deeds],
    }

    def draw() -> None:
        click.echo(f"{name}, registered {_day(tenant.created)}, kept at {content['where']}\n")
        if data:
            facts = ("mapping", "rows", "quarantined", "stores", "series", "first", "last")
            output.table(
                [(f"v{one.version}", _day(one.made), *(getattr(one, fact) for fact in facts)) for one in data],
                ("data", "made", *facts),
            )
        else:
            click.echo(f"no data yet: invplat data ingest --tenant {name} FILES")
        if named:
            output.table(
                [(one.workload, one.alias, served[one.model].called, _day(one.changed)) for one in named],
                ("workload", "alias", "model", "since"),
            )
        if kept:
            output.table(
                [(one.reference, one.workload, _day(one.made), one.study) for one in kept[-10:]],
                ("model", "workload", "made", "study"),
            )
        if under_way:
            output.table(
                [
                    (job.id, job.kind, str(job.state), _day(job.created))
                    + ((outcomes[job.id].state, outcomes[job.id].reason) if job.id in outcomes else (None, None))
                    for job in under_way
                ],
                ("job", "kind", "state", "submitted", "for this tenant", "reason"),
            )
        if any(one.quarantined for one in data):
            click.echo(f"what could not be used: invplat data quarantine --tenant {name}")
        counted = (plural(len(kept), "model"), plural(len(open_keys), "key"), plural(predicted, "prediction"))
        click.echo(", ".join((*counted, plural(came_true, "actual"))))

    output.result(content, table=draw)


def _day(moment: str) -> str:
    return moment[:16].replace("T", " ")
