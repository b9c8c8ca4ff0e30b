"""`invplat models promote` and `invplat models rollback`: what the gate does by itself, by hand and by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.registry.database import Database

WHY = click.option("--reason", default="", metavar="TEXT", help="Why, for the audit log.")


@click.command("promote")
@click.argument("models", nargs=-1, required=True, metavar="NAME[@VERSION]...")
@click.option("--tenant", metavar="NAME", help="Whose champion it is to be [the bases'].")
@click.option("--base", is_flag=True, help="NAME is a base, to be served to the tenant as it is.")
@WHY
@common
@pass_output
def promote_command(output: Output, models: tuple[str, ...], tenant: str | None, base: bool, reason: str) -> None:
    """Make a version the champion of its workload; the champion until now becomes the previous one.

    Several names: all or none. Where somebody else promotes at the same moment, one of the two is refused.

    \b
    Example:
      invplat models promote mlp@3 --tenant corner-shop --reason "better on the new shelf"
    """
    from invplat.cli.sight import seen_models
    from invplat.core.errors import SettingRefused
    from invplat.registry import aliases, audit, versions
    from invplat.registry.models import reference, resolve
    from invplat.storage import open_storage

    storage = open_storage(output.settings.storage_url)
    with output.database() as database:
        _registered(database, tenant)
        owner = None if base else tenant
        there, _ = seen_models(output, database, storage, owner)
        moves: list[aliases.Move] = []
        for text in models:
            name, number = reference(text)
            if not any(one.name == name and number in (None, one.number) for one in there):
                resolve(storage, owner, name, number)  # refuses with what there is
            found = versions.get(database, owner, name, number)
            if found.workload in {move.workload for move in moves}:
                raise SettingRefused(f"two champions of {found.workload}", hint="name one version of each workload")
            champion = aliases.current(database, tenant, found.workload).get(aliases.CHAMPION)
            moves.append(aliases.Move(tenant, found.workload, found.id, champion, reason))
        aliases.promote_all(database, moves, actor=audit.person())
        ids = [model for move in moves for model in (move.model, move.expected) if model]
        names = {one.id: one.called for one in versions.by_ids(database, ids).values()}
    rows = [
        {"workload": move.workload, "champion": names[move.model], "previous": names.get(move.expected or "")}
        for move in moves
    ]

    def draw() -> None:
        for row in rows:
            before = f", after {row['previous']}" if row["previous"] else ""
            click.echo(f"{row['champion']} is the champion of {row['workload']} of {tenant or 'the bases'}{before}")

    output.result({"tenant": tenant, "promoted": rows}, table=draw)


@click.command("rollback")
@click.argument("workload", required=False)
@click.option("--tenant", metavar="NAME", help="Whose champion [the bases'].")
@WHY
@common
@pass_output
def rollback_command(output: Output, workload: str | None, tenant: str | None, reason: str) -> None:
    """Make the previous champion the champion again; a second rollback undoes the first.

    WORKLOAD may be left out where only one has a champion.

    \b
    Example:
      invplat models rollback mlp --tenant corner-shop
    """
    from invplat.core.errors import Unknown
    from invplat.registry import aliases, audit, versions

    with output.database() as database:
        _registered(database, tenant)
        champions = {one.workload: one for one in aliases.of_tenant(database, tenant) if one.alias == aliases.CHAMPION}
        if workload is None and len(champions) == 1:
            (workload,) = champions
        if workload is None or workload not in champions:
            owner = f"tenant {tenant} has" if tenant else "the bases have"
            raise Unknown(
                f"{owner} no champion{f' of {workload}' if workload else ' to tell which is meant'}",
                hint=f"there are champions of {', '.join(champions)}" if champions else "invplat models promote NAME",
            )
        before = champions[workload].model
        after = aliases.rollback(database, tenant, workload, expected=before, actor=audit.person(), reason=reason)
        names = {one.id: one.called for one in versions.by_ids(database, [before, after]).values()}
    said = f"{names[after]} is the champion of {workload} again, {names[before]} the previous one"
    output.result(
        {"tenant": tenant, "workload": workload, "champion": names[after], "previous": names[before]},
        table=lambda: click.echo(said),
    )


def _registered(database: Database, tenant: str | None) -> None:
    from invplat.registry import tenants

    if tenant is not None:
        tenants.get(database, tenant)
