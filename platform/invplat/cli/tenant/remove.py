"""`invplat tenant remove`."""

from __future__ import annotations

import sys

import click

from invplat.cli.output import Output, common, pass_output


@click.command("remove")
@click.argument("name", metavar="NAME")
@click.option("--keep-data", is_flag=True, help="Leave its files in the storage; `tenant add` takes them up again.")
@click.option("--yes", is_flag=True, help="Without asking.")
@common
@pass_output
def command(output: Output, name: str, keep_data: bool, yes: bool) -> None:
    """Remove a business for good: its datasets, models, predictions, results and keys, rows and bytes.

    Its keys open nothing from the first moment on, and a job that is at work for it leaves it out. Broken off, the same
    command goes on.

    \b
    Example:
      invplat tenant remove corner-shop --yes
    """
    from invplat.core.errors import SettingRefused
    from invplat.registry import audit, tenants
    from invplat.storage import open_storage

    storage = open_storage(output.settings.storage_url)
    with output.database() as database:
        known = tenants.known(database, name)
        what = "its rows, not its files" if keep_data else "everything that is kept of it"
        if not yes:
            if output.json or not sys.stdin.isatty():
                raise SettingRefused(
                    f"tenant {name} would be removed, {what}", hint=f"if so: invplat tenant remove {name} --yes"
                )
            click.confirm(f"remove tenant {name}, {what}, for good?", abort=True, err=True)
        tenants.remove(database, storage, known, keep_data=keep_data, actor=audit.person())
    where = f"{storage.url}/tenants/{name}" if keep_data else None
    rest = f"its files stay at {where}" if where else "with all that was kept of it"
    output.result(
        {"tenant": name, "removed": True, "data_kept": where}, table=lambda: click.echo(f"{name} is gone, {rest}")
    )
