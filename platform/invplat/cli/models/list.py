"""`invplat models list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.registry.versions import Version

COLUMNS = ("model", "version", "workload", "made", "dataset", "kB", "is", "verdict")


@click.command("list")
@click.argument("name", required=False)
@click.option("--tenant", metavar="NAME", help="Whose models [the bases].")
@common
@pass_output
def command(output: Output, name: str | None, tenant: str | None) -> None:
    """List a tenant's models, the newest version of each; with NAME, every version of that one, oldest first.

    Without --tenant the bases are listed, which belong to no business.

    \b
    Examples:
      invplat models list --tenant corner-shop
      invplat models list mlp --tenant corner-shop
    """
    from invplat.cli.sight import seen_models
    from invplat.registry import aliases
    from invplat.registry.models import reference
    from invplat.storage import open_storage

    storage = open_storage(output.settings.storage_url)
    with output.database() as database:
        found, trouble = seen_models(output, database, storage, tenant)
        named: dict[str, list[str]] = {}
        for one in aliases.of_tenant(database, tenant):
            named.setdefault(one.model, []).append(one.alias)
    rows = [_row(one, named.get(one.id, [])) for one in found]
    for text, why in trouble.items():
        bad, number = reference(text)
        rows.append({**dict.fromkeys(rows[0] if rows else FIELDS), "name": bad, "version": number, "trouble": why})
    rows.sort(key=lambda row: (row["name"], row["version"]))
    if name is None:
        rows = list({row["name"]: row for row in rows}.values())
    else:
        rows = [row for row in rows if row["name"] == name] or _refused(storage, tenant, name)

    def draw() -> None:
        if not rows:
            click.echo(f"tenant {tenant} has no models" if tenant else "there are no bases")
            return
        output.table(
            [
                (
                    row["name"],
                    row["version"],
                    row["workload"],
                    str(row["made"] or "–")[:16].replace("T", " "),
                    row["dataset_version"],
                    row["size_kb"],
                    row["aliases"] or None,
                    (row["verdict"] or {}).get("decision"),
                )
                for row in rows
            ],
            COLUMNS,
        )
        for row in rows:
            if row["trouble"]:
                output.note(f"{row['name']}@{row['version']}: {row['trouble']}")

    output.result({"tenant": tenant, "models": rows}, table=draw)


FIELDS = (
    *("id", "name", "version", "workload", "made", "dataset_version", "size_kb", "metrics"),
    *("aliases", "verdict", "trouble"),
)


def _row(one: Version, aliases: list[str]) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "version": one.number,
        "workload": one.workload,
        "made": one.made,
        "dataset_version": one.datasets[0].version if one.datasets else None,
        "size_kb": round(one.size / 1000, 1),
        "metrics": one.metrics,
        "aliases": aliases,
        "verdict": one.verdict,
        "trouble": None,
    }


def _refused(storage: Any, tenant: str | None, name: str) -> list[dict[str, Any]]:
    """A name that isn't there, with those that are."""
    from invplat.registry.models import resolve

    resolve(storage, tenant, name)
    return []
