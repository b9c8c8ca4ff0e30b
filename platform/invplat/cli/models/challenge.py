"""`invplat models challenge`."""

from __future__ import annotations

import click

from invplat.cli.output import Output, common, pass_output


@click.command("challenge")
@click.argument("model", metavar="NAME[@VERSION]")
@click.option("--tenant", metavar="NAME", help="Whose champion it is tried against [the bases'].")
@click.option("--base", is_flag=True, help="NAME is a base, to be tried for the tenant as it is.")
@click.option("--end", is_flag=True, help="Try it no longer.")
@common
@pass_output
def command(output: Output, model: str, tenant: str | None, base: bool, end: bool) -> None:
    """Try a version beside the champion: the service asks it what the champion is asked, and tells its answers nobody.

    They are kept, and held against what comes: invplat models show tells both errors on the same questions. Nothing is
    promoted by itself. Of the bases: for every business that a base answers for.

    \b
    Examples:
      invplat models challenge mlp@4 --tenant corner-shop
      invplat models challenge mlp@4 --tenant corner-shop --end
    """
    from invplat.core.errors import Unknown
    from invplat.registry import aliases, audit, tenants, versions
    from invplat.registry.models import reference

    name, number = reference(model)
    with output.database() as database:
        if tenant is not None:
            tenants.get(database, tenant)
        found = versions.get(database, None if base else tenant, name, number)
        now = aliases.current(database, tenant, found.workload)
        if end:
            if now.get(aliases.CHALLENGER) != found.id:
                raise Unknown(
                    f"{found.called} is not tried beside the champion of {found.workload}",
                    hint="see who is: invplat models list",
                )
            aliases.withdraw(database, tenant, found.workload, actor=audit.person())
        else:
            aliases.challenge(database, tenant, found.workload, found.id, actor=audit.person())
        champion = versions.by_ids(database, [now[aliases.CHAMPION]]) if aliases.CHAMPION in now else {}
    beside = next((one.called for one in champion.values()), None)
    content = {
        "tenant": tenant,
        "workload": found.workload,
        "challenger": None if end else found.called,
        "champion": beside,
    }

    def draw() -> None:
        if end:
            click.echo(f"{found.called} is tried no longer")
        else:
            click.echo(f"{found.called} is tried beside {beside or 'whichever base answers'}")

    output.result(content, table=draw)
