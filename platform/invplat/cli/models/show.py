"""`invplat models show`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from invplat.cli.output import Output, common, pass_output

SHOWN = ("spec", "params", "lineage", "metrics")


@click.command("show")
@click.argument("model", metavar="NAME[@VERSION]")
@click.option("--tenant", required=True, metavar="NAME", help="Whose model.")
@common
@pass_output
def command(output: Output, model: str, tenant: str) -> None:
    """Show what a model is and where it comes from: its params, lineage and metrics; the newest version by default.

    \b
    Example:
      invplat models show mlp@3 --tenant corner-shop
    """
    from invplat.registry.models import reference, summary
    from invplat.storage import open_storage

    name, version = reference(model)
    found = summary(open_storage(output.settings.storage_url), tenant, name, version)
    kilobytes = round(found.size / 1000, 1)

    def draw() -> None:
        click.echo(f"{found.name}@{found.version} of {tenant}: {found.workload}, {kilobytes:,} kB")
        for title in SHOWN:
            rows = list(_flat(found.documents[title]))
            if rows:
                output.table(rows, (title, ""))

    output.result(
        {
            "tenant": tenant,
            "name": found.name,
            "version": found.version,
            "workload": found.workload,
            "size_kb": kilobytes,
            **{title: found.documents[title] for title in (*SHOWN, "input_schema")},
        },
        table=draw,
    )


def _flat(content: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """One line a value: `dataset.version  3`."""
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value
