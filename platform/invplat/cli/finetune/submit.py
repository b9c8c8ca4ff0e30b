"""`invplat finetune submit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.registry.database import Database
    from invplat.storage import Storage

WAYS = ("auto", "untouched", "head", "last", "all", "adapter")
LAST = "last"


@click.command("submit")
@click.argument("tenants", nargs=-1, metavar="[TENANT]...")
@click.option("--all", "everybody", is_flag=True, help="For every business that is registered.")
@click.option("--base", "bases", multiple=True, metavar="NAME[@N]", help="The donor; several: the nearest to each.")
@click.option("--workload", metavar="NAME", help="Of the bases to choose from [mlp].")
@click.option("--way", type=click.Choice(WAYS), default="auto", show_default=True, help="How to adapt.")
@click.option("--layers", type=click.IntRange(min=1), default=1, show_default=True, help="How many are the last.")
@click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="At most [as the way has it].")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same models.")
@click.option("--restart", "mode", flag_value="restart", default="restart", help="Begin again from the base [this].")
@click.option("--continue", "mode", flag_value="continue", help="Go on from each business's own champion.")
@click.option(
    "--since", metavar="DATE|last", help="Only for those whose data came on that day or later, or since their champion."
)
@click.option("--anew", is_flag=True, help="Even if the same was done before.")
@click.option("--wait", is_flag=True, help="Show how far it is, and in the end what has become of each business.")
@click.option("--in-process", is_flag=True, help="In this process, without Ray: the command ends with the job.")
@common
@pass_output
def command(
    output: Output,
    tenants: tuple[str, ...],
    everybody: bool,
    bases: tuple[str, ...],
    workload: str | None,
    way: str,
    layers: int,
    epochs: int | None,
    seed: int,
    mode: str,
    since: str | None,
    anew: bool,
    wait: bool,
    in_process: bool,
) -> None:
    """Give businesses models of their own, adapted from a base in batch; each is served where it is no worse.

    One job for all of them, whose id comes at once; it goes on after this command, in a process of its own or with
    --address as a Ray Job on a cluster. The same asked twice is done once. A business without data is served by the
    base; one with little is adapted as far as that goes.

    \b
    Examples:
      invplat finetune submit --all --wait
      invplat finetune submit corner-shop --base mlp@2 --way head
      invplat finetune submit --all --continue --since last
    """
    import secrets

    from invplat.cli.finetune.begin import begin
    from invplat.cli.jobs import shown
    from invplat.core.errors import SettingRefused
    from invplat.registry import audit
    from invplat.storage import open_storage
    from invplat.transfer.jobs_asked import Asked, find_bases, submit

    if everybody == bool(tenants):
        hint = "name businesses, or write --all, not both" if tenants else "name businesses, or write --all"
        raise SettingRefused("which businesses?" if not tenants else "names and --all", hint=hint)
    storage = open_storage(output.settings.storage_url)
    if output.settings.address is not None and not in_process:
        from invplat.transfer.jobs import reach

        reach(output.settings.address)
    with output.database() as database:
        wanted = _wanted(database, storage, tenants)
        donors = find_bases(database, storage, bases, workload)
        if since is not None:
            wanted = _fresh(database, wanted, since, donors[0].workload)
        if not wanted:
            output.result({"job": None, "tenants": 0}, table=lambda: click.echo("nobody has new data: nothing to do"))
            return
        asked = Asked(donors[0].workload, tuple(sorted(one.id for one in donors)), way, mode, layers, epochs, seed)
        job, new = submit(database, asked, wanted, actor=audit.person(), anew=secrets.token_hex(8) if anew else "")
        job = shown.checked(database, [job])[0]
        if not new and job.state not in ("queued", "running", "done"):  # lost in the meantime: begun again as new
            job, new = submit(database, asked, wanted, actor=audit.person())
        begin(output, database, job, in_process=in_process, wait=wait, said=shown.submitted(job, new, len(wanted)))


def _wanted(database: Database, storage: Storage, named: Sequence[str]) -> list[str]:
    """Refuses who isn't there, and registers data that the storage has and the registry does not know."""
    from invplat.data.dataset import Dataset, versions
    from invplat.registry import audit, datasets, tenants

    for name in named:
        tenants.get(database, name)
    wanted = list(dict.fromkeys(named)) or tenants.names(database)
    known = datasets.newest_of_all(database)
    for name in wanted:
        for number in versions(storage, name) if name not in known else []:
            made = datasets.DatasetVersion.of(Dataset.open(storage, name, number).manifest)
            datasets.register(database, made, actor=audit.person())
    return wanted


def _fresh(database: Database, wanted: Sequence[str], since: str, workload: str) -> list[str]:
    """Whose newest dataset came at that date or later; or after the one that their champion has learnt from."""
    from datetime import date

    from invplat.core.errors import SettingRefused
    from invplat.registry import aliases, datasets, versions

    newest = datasets.newest_of_all(database)
    if since != LAST:
        try:
            day = date.fromisoformat(since)
        except ValueError:
            raise SettingRefused(
                f"--since {since!r} is no date", hint="write for example --since 2026-03-01, or --since last"
            ) from None
        return [name for name in wanted if name in newest and newest[name].made[:10] >= day.isoformat()]
    champions = {one.tenant: one.model for one in aliases.champions(database) if one.workload == workload}
    known = versions.by_ids(database, champions.values())
    found = []
    for name in wanted:
        model = known.get(champions.get(name, ""))
        learnt = max((one.version or 0 for one in model.datasets if one.tenant == name), default=0) if model else 0
        if name in newest and newest[name].version > learnt:
            found.append(name)
    return found
