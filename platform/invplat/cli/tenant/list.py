"""`invplat tenant list`."""

from __future__ import annotations

import click

from invplat.cli.output import Output, common, pass_output

COLUMNS = ("tenant", "data", "rows", "stores", "series", "until", "models", "champion of", "keys", "jobs under way")


@click.command("list")
@common
@pass_output
def command(output: Output) -> None:
    """List all businesses, with what each has: data, models, which workloads have a champion, keys.

    \b
    Example:
      invplat tenant list
    """
    from dataclasses import asdict

    from invplat.registry import aliases, datasets, tenants
    from invplat.registry.overview import counts

    with output.database() as database:
        known = tenants.listed(database)
        data = datasets.newest_of_all(database)
        count = counts(database)
        champions: dict[str | None, list[str]] = {}
        for one in aliases.champions(database):
            champions.setdefault(one.tenant, []).append(one.workload)

    def draw() -> None:
        if not known:
            click.echo("there are no tenants; add one: invplat tenant add NAME --data FILES")
            return
        rows = []
        for one in known:
            newest, has = data.get(one.name), count[one.name]
            facts = (
                (f"v{newest.version}", newest.rows, newest.stores, newest.series, newest.last)
                if newest
                else (None, None, None, None, None)
            )
            rows.append((one.name, *facts, has.models, champions.get(one.name, []) or None, has.keys, has.jobs or None))
        output.table(rows, COLUMNS)

    output.result(
        {
            "tenants": [
                {
                    "tenant": one.name,
                    "created": one.created,
                    "dataset": asdict(data[one.name]) if one.name in data else None,
                    "champions": champions.get(one.name, []),
                    **asdict(count[one.name]),
                }
                for one in known
            ]
        },
        table=draw,
    )
