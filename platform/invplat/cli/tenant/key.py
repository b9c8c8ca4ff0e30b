"""`invplat tenant key create|list|revoke`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from invplat.cli.output import Output, common, pass_output

SCOPES = ("tenant:read", "tenant:write", "admin")  # as in registry.keys, which --help need not import
COLUMNS = ("key", "scopes", "label", "created", "last used", "revoked")


@click.group("key")
@common
def group() -> None:
    """Keys by which programs are let in: for one business, or an administrator's (without a name).

    \b
    Example:
      invplat tenant key create corner-shop --scope tenant:read
    """


@group.command("create")
@click.argument("tenant", required=False, metavar="[NAME]")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="What it may; several times for more [read]."
)
@click.option("--label", default="", metavar="TEXT", help="What it is for.")
@common
@pass_output
def create_command(output: Output, tenant: str | None, scopes: tuple[str, ...], label: str) -> None:
    """Make a key and print it, once: only its hash is kept. Without NAME, a key with the scope admin.

    \b
    Examples:
      invplat tenant key create corner-shop --scope tenant:read --scope tenant:write --label till
      invplat tenant key create --scope admin
    """
    from invplat.registry import audit, keys

    chosen = scopes or ((keys.READ,) if tenant else (keys.ADMIN,))
    with output.database() as database:
        key, secret = keys.create(database, tenant, chosen, label=label, actor=audit.person())

    def draw() -> None:
        click.echo(secret)
        output.note(f"this is key {key.id} of {tenant or 'an administrator'}, told only now; keep it safe")

    output.result({**_shown(key), "secret": secret}, table=draw)


@group.command("list")
@click.argument("tenant", required=False, metavar="[NAME]")
@common
@pass_output
def list_command(output: Output, tenant: str | None) -> None:
    """List a business's keys, revoked ones too; without NAME, the administrators'.

    \b
    Example:
      invplat tenant key list corner-shop
    """
    from invplat.registry import keys, tenants

    with output.database() as database:
        if tenant is not None:
            tenants.get(database, tenant)
        found = keys.of_tenant(database, tenant)

    def draw() -> None:
        if not found:
            click.echo("there are no keys; make one: invplat tenant key create " + (tenant or "--scope admin"))
            return
        rows = [
            (key.id, list(key.scopes), key.label or None, _day(key.created), _day(key.used), _day(key.revoked))
            for key in found
        ]
        output.table(rows, COLUMNS)

    output.result({"tenant": tenant, "keys": [_shown(key) for key in found]}, table=draw)


@group.command("revoke")
@click.argument("words", nargs=-1, required=True, metavar="[NAME] KEY")
@common
@pass_output
def revoke_command(output: Output, words: tuple[str, ...]) -> None:
    """Take a key back, at once and for good. KEY is the id that `key list` shows.

    \b
    Example:
      invplat tenant key revoke corner-shop 0f3a9c1e5b7d2468
    """
    from invplat.registry import audit, keys, tenants

    if len(words) > 2:
        raise click.UsageError("give the tenant's name and one key")
    *names, key = words
    tenant = names[0] if names else None
    with output.database() as database:
        if tenant is not None:
            tenants.get(database, tenant)
        # The whole key instead of its id: it is taken back all the same, and not repeated in any message.
        found = keys.revoke(database, tenant, keys.id_of(key) or key, actor=audit.person())
    output.result(_shown(found), table=lambda: click.echo(f"key {found.id} opens nothing any more"))


def _shown(key: Any) -> dict[str, Any]:
    return {**asdict(key), "scopes": list(key.scopes)}


def _day(moment: str | None) -> str | None:
    return moment[:16].replace("T", " ") if moment else None
