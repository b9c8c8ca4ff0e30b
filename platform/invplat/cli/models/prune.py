"""`invplat models prune`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.registry.prune import Pruned
    from invplat.registry.sweep import Swept

COLUMNS = ("of", "model", "made", "kB")
STAYS = ("of", "model", "stays as")


@click.command("prune")
@click.option("--tenant", metavar="NAME", help="Of one business.")
@click.option("--all", "everybody", is_flag=True, help="Of every business.")
@click.option("--bases", is_flag=True, help="Of the bases.")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=3,
    metavar="N",
    show_default=True,
    help="The newest N of each name stay.",
)
@click.option(
    "--older-than", type=click.IntRange(min=0, max=36500), metavar="DAYS", help="Of the others, only what is older."
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@click.option("--yes", is_flag=True, help="Without asking.")
@common
@pass_output
def command(
    output: Output,
    tenant: str | None,
    everybody: bool,
    bases: bool,
    keep: int,
    older_than: int | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Remove old versions for good, their rows and bytes, and what bundles shared that none of them names any more.

    There stay: the newest N of each name; whatever is champion, challenger or previous, of anybody; what a job begins
    from or is at work for; and a base as long as there are models that began as it. Broken off, the same goes on.

    \b
    Examples:
      invplat models prune --all --keep 3 --older-than 30 --dry-run
      invplat models prune --tenant corner-shop --keep 1 --yes
    """
    from datetime import UTC, datetime, timedelta

    from invplat.core.errors import SettingRefused
    from invplat.core.page.wording import plural
    from invplat.registry import audit, prune, sweep, tenants
    from invplat.storage import open_storage

    if (tenant is not None) + everybody + bases != 1:
        raise click.UsageError("say whose: --tenant NAME, --all, or --bases")
    before = None if older_than is None else datetime.now(UTC) - timedelta(days=older_than)
    rule, storage, actor = prune.Rule(keep, before), open_storage(output.settings.storage_url), audit.person()
    with output.database() as database:
        if tenant is not None:
            tenants.get(database, tenant)
        owners: list[str | None] = list(tenants.names(database)) if everybody else [tenant]
        done: dict[str | None, Pruned] = {}
        with output.progress(len(owners), "looking") as step:
            for owner in owners:
                done[owner] = prune.found(database, storage, owner, rule)
                step.advance()
        gone = [one for each in done.values() for one in each.gone]
        half = [prefix for each in done.values() for prefix in each.leftovers]
        if dry_run:
            swept = sweep.found(storage, [str(one.prefix) for one in gone])
        else:
            if gone and not yes:
                what = f"{plural(len(gone), 'old version')}, {_kb(sum(one.size for one in gone)):,} kB"
                if output.json or not sys.stdin.isatty():
                    raise SettingRefused(f"{what}, would be removed", hint="if so, the same with --yes; see --dry-run")
                click.confirm(f"remove {what}, for good?", abort=True, err=True)
            work = [owner for owner in owners if done[owner].gone or done[owner].leftovers]
            with output.progress(len(work), "removing") as step:
                for owner in work:
                    done[owner] = prune.prune(database, storage, owner, rule, actor=actor)
                    step.advance()
            swept = sweep.sweep(storage)
    content = _content(done, swept, dry_run)
    output.result(content, table=lambda: _draw(output, content, len(half)))


def _content(done: Mapping[str | None, Pruned], swept: Swept, dry_run: bool) -> dict[str, Any]:
    removed = [
        {
            "tenant": owner,
            "model": one.reference,
            "id": one.id,
            "workload": one.workload,
            "made": one.made,
            "size_kb": _kb(one.size),
        }
        for owner, each in done.items()
        for one in each.gone
    ]
    return {
        "dry_run": dry_run,
        "removed": removed,
        "stays": [
            {"tenant": owner, "model": model, "why": why}
            for owner, each in done.items()
            for model, why in each.named.items()
        ],
        "leftovers": [prefix for each in done.values() for prefix in each.leftovers],
        "shared": [{"key": key, "size_kb": _kb(size)} for key, size in swept.gone.items()],
        "unread": swept.unread,
        "freed_kb": _kb(sum(each.size for each in done.values()) + swept.size),
    }


def _draw(output: Output, content: Mapping[str, Any], half: int) -> None:
    from invplat.core.page.wording import plural

    owner = {True: "the bases"}
    rows = [
        (owner.get(one["tenant"] is None, one["tenant"]), one["model"], one["made"][:10], one["size_kb"])
        for one in content["removed"]
    ]
    if rows:
        output.table(rows, COLUMNS)
    if content["stays"]:
        named = [
            (owner.get(one["tenant"] is None, one["tenant"]), one["model"], one["why"]) for one in content["stays"]
        ]
        output.table(named, STAYS)
    parts = [plural(len(rows), "old version")]
    if content["shared"]:
        parts.append(f"{plural(len(content['shared']), 'object')} that nobody shares any more")
    if half:
        parts.append(f"the rest of {half:,} half removed before")
    click.echo(f"{'would go' if content['dry_run'] else 'gone'}: {', '.join(parts)}, {content['freed_kb']:,} kB")
    for prefix in content["unread"]:
        output.note(f"{prefix} can't be read, nobody knows what it shares: nothing that is shared was removed")


def _kb(size: int) -> float:
    return round(size / 1000, 1)
