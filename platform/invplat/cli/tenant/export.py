"""`invplat tenant export`."""

from __future__ import annotations

from pathlib import Path

import click

from invplat.cli.output import Output, common, pass_output


@click.command("export")
@click.argument("name", metavar="NAME")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="New or empty."
)
@common
@pass_output
def command(output: Output, name: str, out: Path) -> None:
    """Write everything that is kept of a business into a folder: datasets, quarantine, models, predictions, registry.

    Tables are Parquet, as pandas or DuckDB read them; models are safetensors and JSON; registry.json says what is what.
    Keys are listed without their hashes.

    \b
    Example:
      invplat tenant export corner-shop --out corner-shop-copy
    """
    from invplat.cli.sight import register_all
    from invplat.cli.tenant.copy import keys_of, registry_document, write_copy
    from invplat.registry import tenants
    from invplat.storage import open_storage

    storage = open_storage(output.settings.storage_url)
    with output.database() as database:
        tenants.get(database, name)
        register_all(output, database, storage, name)
        document = registry_document(database, name)
        wanted = keys_of(database, storage, name)
        with output.progress(len(wanted), "copying") as step:
            size = write_copy(storage, f"tenants/{name}", wanted, document, out, step.advance)
    output.result(
        {"tenant": name, "folder": str(out), "files": len(wanted) + 1, "size_kb": round(size / 1000, 1)},
        table=lambda: click.echo(f"{len(wanted) + 1:,} files, {size / 1000:,.0f} kB in {out}"),
    )
