"""`invplat tenant add`."""

from __future__ import annotations

from typing import Any

import click

from invplat.cli.data import reading
from invplat.cli.output import Output, common, pass_output


@click.command("add")
@click.argument("name", metavar="NAME")
@click.option("--data", "paths", multiple=True, metavar="PATH", help="Its files, as `data ingest` takes them.")
@reading.how
@common
@pass_output
def command(output: Output, name: str, paths: tuple[str, ...], mapping_name: str, workers: int, today: Any) -> None:
    """Register a business; with --data, make a dataset of its files at once, as `data ingest` does.

    Where the files can't be read nothing is registered. What the storage already holds under this name, of an older
    invplat or of a business that was removed with --keep-data, is registered with it.

    \b
    Examples:
      invplat tenant add corner-shop
      invplat tenant add corner-shop --data exports/sales.csv --data exports/products.csv --mapping generic
    """
    from invplat.cli.sight import register_all, register_dataset
    from invplat.core.errors import Conflict
    from invplat.core.names import check_tenant
    from invplat.registry import audit, tenants
    from invplat.storage import open_storage

    check_tenant(name)
    with output.database() as database:
        if name in tenants.names(database):
            raise Conflict(
                f"there is a tenant {name} already",
                hint=f"see it: invplat tenant show {name}; more data: invplat data append --tenant {name} FILES",
            )
        outcome = None
        if paths:
            from invplat.data.ingest import ingest

            outcome = reading.read(output, ingest, name, paths, (mapping_name, workers, today))
            register_dataset(database, outcome.manifest)
        else:
            tenants.add(database, name, actor=audit.person())
        register_all(output, database, open_storage(output.settings.storage_url), name)
    if outcome is not None:
        reading.show(output, outcome)
        return
    output.result(
        {"tenant": name, "dataset_version": None},
        table=lambda: click.echo(f"{name} is registered; give it data: invplat data ingest --tenant {name} FILES"),
    )
