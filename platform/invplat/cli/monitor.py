"""`invplat monitor`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.monitor.alerts import Channel
    from invplat.monitor.look import Look
    from invplat.registry.database import Database
    from invplat.storage import Storage

Known = dict[str, Any]  # tenant → what its last look depended on, and the look
SEVERE = 3  # exit code
DAY = click.DateTime(["%Y-%m-%d"])
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("monitor")
@click.argument("tenants", nargs=-1, metavar="[TENANT]...")
@click.option("--all", "every", is_flag=True, help="Every business.")
@click.option("--since", type=DAY, metavar="DATE", help="Only findings that began on this day or later.")
@click.option("--today", type=DAY, metavar="DATE", help="As if it were this day; what is later is not looked at.")
@click.option("--html", type=FILE, metavar="FILE", help="Write a page: findings, accuracy over time, coverage, drift.")
@click.option("--prometheus", type=FILE, metavar="FILE", help="Write figures for node_exporter's textfile collector.")
@click.option("--log", type=FILE, metavar="FILE", help="Append a line of JSON for each new or ended finding.")
@click.option(
    "--webhook", metavar="URL", envvar="INVPLAT_WEBHOOK", help="POST new and ended findings here [INVPLAT_WEBHOOK]."
)
@click.option(
    "--watch", type=click.FloatRange(min=1), metavar="SECONDS", help="Look again every so often until Ctrl-C."
)
@click.option("--strict", is_flag=True, help="Exit code 3 where a finding is of severity high.")
@common
@pass_output
def command(
    output: Output,
    tenants: tuple[str, ...],
    every: bool,
    since: datetime | None,
    today: datetime | None,
    html: Path | None,
    prometheus: Path | None,
    log: Path | None,
    webhook: str | None,
    watch: float | None,
    strict: bool,
) -> None:
    """Hold forecasts against what came, and find what has changed: accuracy, bias, coverage, drift, broken data.

    Forecasts that the service gave are matched with the newest data, each once. A log and a webhook hear of a finding
    once, and once more when it is graver or over. Findings are no error: the exit code is 0, or 3 with --strict.

    \b
    Examples:
      invplat monitor corner-shop
      invplat monitor --all --watch 3600 --prometheus /var/lib/node_exporter/invplat.prom --html monitor.html
    """
    import time

    from invplat.core.errors import SettingRefused
    from invplat.storage import open_storage

    if bool(tenants) == every:
        raise SettingRefused(
            "name the businesses, or write --all, and not both" if tenants else "no business is named",
            hint="invplat monitor corner-shop, or invplat monitor --all",
        )
    if watch is not None and strict:
        raise SettingRefused("--watch never ends, so --strict has no exit code to give", hint="leave out one of them")
    channels = _channels(log, webhook)
    storage = open_storage(output.settings.storage_url)
    known: Known = {}
    drawn: list[str] | None = None
    with closing(output.database()) as database:
        if tenants:
            _refuse_unknown(database, tenants)
        while True:
            day = date.today() if today is None else today.date()
            looks, failed = _looks(output, database, storage, tenants, day, known if watch is not None else None)
            arrived = _tell(storage, looks, channels)
            shown = [_since(one, since) for one in looks]
            files = _write(looks, shown, prometheus, html, watch is not None)
            marks = [f"{one.tenant} {each.mark}" for one in shown for each in one.findings]
            if output.json or drawn != marks:
                listed = [one.to_dict() for one in shown]
                content = {"today": str(day), "tenants": listed, "failed": failed, "alerts": arrived, "files": files}
                output.result(content, table=partial(_draw, output, shown, files))
            drawn = marks
            if watch is None:
                break
            time.sleep(watch)
    if failed:
        click.get_current_context().exit(1)
    if strict and any(finding.severity == "high" for one in shown for finding in one.findings):
        click.get_current_context().exit(SEVERE)


def _refuse_unknown(database: Database, tenants: Sequence[str]) -> None:
    from invplat.registry.tenants import get

    for name in tenants:
        get(database, name)


def _channels(log: Path | None, webhook: str | None) -> list[Channel]:
    from invplat.monitor.alerts import Log
    from invplat.monitor.webhook import Webhook

    found: list[Channel] = []
    if log is not None:
        found.append(Log(log, _complain))
    if webhook is not None:
        found.append(Webhook(webhook, _complain))
    return found


def _complain(text: str) -> None:
    """Even with --quiet: nobody else would say it."""
    click.echo(text, err=True)


def _looks(
    output: Output, database: Database, storage: Storage, tenants: Sequence[str], today: date, known: Known | None
) -> tuple[list[Look], dict[str, str]]:
    """One business that can't be looked at does not stop the others. `known`: what a watch has seen, which is not
    looked at again as long as nothing has changed; nothing ends a watch."""
    from invplat.core.errors import InvplatError
    from invplat.monitor.look import look, state
    from invplat.registry.tenants import names as all_names

    found: list[Look] = []
    failed: dict[str, str] = {}
    try:
        names = list(dict.fromkeys(tenants)) or all_names(database)
    except InvplatError as error:
        if known is None:
            raise
        _complain(f"the registry can't be read: {error.message}")
        return found, failed
    with output.progress(len(names), "looking at businesses") as step:
        for name in names:
            try:
                if known is None:
                    found.append(look(database, storage, name, today=today))
                else:
                    if known.get(name, (None,))[0] != (today, *state(database, storage, name)):
                        made = look(database, storage, name, today=today)
                        known[name] = (today, *state(database, storage, name)), made
                    found.append(known[name][1])
            except Exception as error:
                if known is None and (len(names) == 1 or not isinstance(error, InvplatError)):
                    raise
                failed[name] = error.message if isinstance(error, InvplatError) else type(error).__name__
                _complain(f"{name} could not be looked at: {failed[name]}")
            step.advance()
    return found, failed


def _tell(storage: Storage, looks: Sequence[Look], channels: Sequence[Channel]) -> list[dict[str, Any]]:
    from invplat.core.errors import InvplatError
    from invplat.monitor.alerts import tell

    arrived = []
    for channel in channels:
        try:
            arrived += tell(storage, looks, channel)
        except InvplatError as error:  # told, and it can't be remembered: it is told once more
            _complain(error.message)
    return arrived


def _write(
    looks: Sequence[Look], shown: Sequence[Look], prometheus: Path | None, html: Path | None, watched: bool
) -> list[str]:
    """A full disk ends a single look, and not a watch."""
    import time

    from invplat.core.errors import InvplatError

    files: list[str] = []
    try:
        if prometheus is not None:
            from invplat.monitor.prometheus import write_text

            files.append(str(write_text(looks, prometheus, time.time())))
        if html is not None:
            from invplat.monitor.page import write_page

            files.append(str(write_page(shown, html)))
    except InvplatError as error:
        if not watched:
            raise
        _complain(error.message)
    return files


def _since(one: Look, since: datetime | None) -> Look:
    if since is None:
        return one
    return replace(one, findings=tuple(each for each in one.findings if each.since >= str(since.date())))


def _draw(output: Output, looks: Sequence[Look], files: Sequence[str]) -> None:
    from invplat.core.page.wording import plural

    rows = [
        (one.tenant, each.severity, each.since, each.sentence, each.remedy) for one in looks for each in one.findings
    ]
    if rows:
        output.table(rows, ("tenant", "severity", "since", "what", "what to do"))
    for one in looks:
        figures = one.accuracy
        if figures and figures["wape"] is not None:
            known = [f"error {figures['wape']:.1%}"]
            known += [f"seasonal naive {figures['naive_wape']:.1%}"] if figures["naive_wape"] else []
            known += (
                [f"coverage {figures['coverage']:.0%} of {figures['promised']:.0%}"] if "coverage" in figures else []
            )
            click.echo(f"{one.tenant}: {', '.join(known)}, over {figures['cells']:,} forecasts of the last weeks")
        for note in one.notes:
            output.note(f"{one.tenant}: {note}")
    count = sum(len(one.findings) for one in looks)
    if not looks:
        click.echo("there is no business to look at")
    elif count:
        click.echo(f"{plural(count, 'finding')} in {plural(len(looks), 'business', 'businesses')}")
    else:
        click.echo(f"nothing to report of {plural(len(looks), 'business', 'businesses')}")
    for path in files:
        output.note(f"written: {path}")
