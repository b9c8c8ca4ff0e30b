"""`invplat models list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.storage import Storage

COLUMNS = ("model", "version", "workload", "made", "dataset", "kB")


@click.command("list")
@click.argument("name", required=False)
@click.option("--tenant", required=True, metavar="NAME", help="Whose models.")
@common
@pass_output
def command(output: Output, name: str | None, tenant: str) -> None:
    """List a tenant's models, the newest version of each; with NAME, every version of that one, oldest first.

    \b
    Examples:
      invplat models list --tenant corner-shop
      invplat models list mlp --tenant corner-shop
    """
    from invplat.registry.models import names, resolve, versions
    from invplat.storage import open_storage

    storage = open_storage(output.settings.storage_url)
    if name is None:
        asked = [(each, resolve(storage, tenant, each)) for each in names(storage, tenant)]
    else:
        resolve(storage, tenant, name)  # refuses a name that isn't there
        asked = [(name, version) for version in versions(storage, tenant, name)]
    found = [_row(storage, tenant, *each) for each in asked]

    def draw() -> None:
        if not found:
            click.echo(f"tenant {tenant} has no models")
            return
        output.table(
            [
                (
                    row["name"],
                    row["version"],
                    row["workload"],
                    str(row["made"])[:16].replace("T", " "),
                    row["dataset_version"],
                    row["size_kb"],
                )
                for row in found
            ],
            COLUMNS,
        )
        for row in found:
            if row["trouble"]:
                output.note(f"{row['name']}@{row['version']}: {row['trouble']}")

    output.result({"tenant": tenant, "models": found}, table=draw)


def _row(storage: Storage, tenant: str, name: str, version: int) -> dict[str, Any]:
    """One damaged bundle doesn't hide the others."""
    from invplat.core.errors import BundleRefused
    from invplat.registry.models import summary

    row: dict[str, Any] = {
        "name": name,
        "version": version,
        "workload": None,
        "made": None,
        "dataset_version": None,
        "size_kb": None,
        "metrics": None,
        "trouble": None,
    }
    try:
        found = summary(storage, tenant, name, version)
    except BundleRefused as error:
        return row | {"trouble": error.message}
    lineage = found.documents["lineage"]
    return row | {
        "workload": found.workload,
        "made": lineage.get("made"),
        "dataset_version": (lineage.get("dataset") or {}).get("version"),
        "size_kb": round(found.size / 1000, 1),
        "metrics": found.documents["metrics"],
    }
