"""`invplat jobs list`."""

from __future__ import annotations

import click

from invplat.cli.output import Output, common, pass_output

STATES = ("queued", "running", "done", "failed", "stopped", "lost")
COLUMNS = ("job", "kind", "state", "submitted", "tenants", "done", "failed", "message")


@click.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only those; may be repeated.")
@click.option("--tenant", metavar="NAME", help="Only those that are for this business.")
@click.option("--most", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@common
@pass_output
def command(output: Output, states: tuple[str, ...], tenant: str | None, most: int) -> None:
    """List the jobs, the newest first. A job whose process is gone is found out here, and marked lost.

    \b
    Examples:
      invplat jobs list
      invplat jobs list --state running --state queued
    """
    from invplat.cli.jobs.shown import checked, row_of
    from invplat.registry import jobs, results, tenants

    with output.database() as database:
        checked(database, jobs.listed(database, states=jobs.UNDER_WAY, most=10_000))
        wanted = [jobs.State(state) for state in states] or None
        if tenant is None:
            found = jobs.listed(database, states=wanted, most=most)
        else:
            tenants.get(database, tenant)
            theirs = jobs.of_tenant(database, tenant, most=10_000)
            found = [jobs.get(database, job.id) for job in theirs if wanted is None or job.state in wanted][:most]
        counts = results.counts(database, [job.id for job in found])
    rows = [row_of(job, counts[job.id]) for job in found]

    def draw() -> None:
        if not rows:
            click.echo("there are no jobs" + (" of these states" if states else ""))
            return
        output.table(
            [
                (
                    *(row[name] for name in ("job", "kind", "state")),
                    row["created"][:16].replace("T", " "),
                    *(row[name] for name in ("tenants", "done", "failed")),
                    row["message"] or None,
                )
                for row in rows
            ],
            COLUMNS,
        )

    output.result({"jobs": rows}, table=draw)
