"""`invplat data versions`."""

from __future__ import annotations

import click

from invplat.cli.output import Output, common, pass_output


@click.command("versions")
@click.option("--tenant", required=True, metavar="NAME", help="Whose dataset.")
@common
@pass_output
def command(output: Output, tenant: str) -> None:
    """List the versions of a tenant's dataset, oldest first.

    \b
    Example:
      invplat data versions --tenant corner-shop
    """
    from invplat.core.errors import DatasetError
    from invplat.data.dataset import Dataset, versions
    from invplat.storage import open_storage

    storage = open_storage(output.settings.storage_url)
    there = versions(storage, tenant)
    if not there:
        raise DatasetError(
            f"tenant {tenant} has no dataset", hint=f"make one: invplat data ingest --tenant {tenant} FILES"
        )
    manifests = [Dataset.open(storage, tenant, version).manifest for version in there]
    output.result(
        {
            "tenant": tenant,
            "versions": [
                {
                    **manifest.summary(),
                    "created": manifest.created,
                    "parent": manifest.parent,
                    "mapping": manifest.mapping,
                }
                for manifest in manifests
            ],
        },
        table=lambda: output.table(
            [
                (
                    m.version,
                    m.parent,
                    m.created[:16].replace("T", " "),
                    m.mapping,
                    m.counts.rows_kept,
                    len(m.stores),
                    m.series,
                    m.start,
                    m.end,
                )
                for m in manifests
            ],
            ("version", "of", "made", "mapping", "rows", "stores", "series", "from", "to"),
        ),
    )
