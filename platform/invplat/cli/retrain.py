"""`invplat retrain`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.monitor.round import Done, Seen, Wishes
    from invplat.registry.database import Database
    from invplat.registry.jobs import Job
    from invplat.storage import Storage

DAY = click.DateTime(["%Y-%m-%d"])
NAMED = {"hourly": 3600.0, "daily": 86400.0, "weekly": 604800.0}
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


@click.command("retrain")
@click.argument("tenants", nargs=-1, metavar="[TENANT]...")
@click.option("--all", "every", is_flag=True, help="Every business.")
@click.option("--schedule", metavar="EVERY", help="Again and again until Ctrl-C: daily, weekly, 6h, 30m, 900.")
@click.option("--dry-run", is_flag=True, help="Say who needs it and why, and do nothing.")
@click.option("--age", type=click.IntRange(1), default=28, show_default=True, help="Days of new data that are enough.")
@click.option(
    "--rest", type=click.IntRange(0), default=7, show_default=True, help="Days of new data between two tries."
)
@click.option(
    "--base-when", type=click.FloatRange(0, 1, min_open=True), metavar="SHARE", help="Moved: train a new base, too."
)
@click.option("--workload", default="mlp", show_default=True, metavar="NAME", help="Whose models.")
@click.option("--continue", "mode", flag_value="continue", help="Go on from each champion [begin from the base].")
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Of a fine-tune, at most [as the way has it].")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same models.")
@click.option("--today", type=DAY, metavar="DATE", help="As if it were this day; what is later is not looked at.")
@click.option("--wait", is_flag=True, help="Until the fine-tunes have ended; a schedule always does.")
@click.option("--in-process", is_flag=True, help="Fine-tune in this process, without Ray.")
@click.option("--history", is_flag=True, help="Show what was done so far, and end.")
@common
@pass_output
def command(
    output: Output,
    tenants: tuple[str, ...],
    every: bool,
    schedule: str | None,
    dry_run: bool,
    age: int,
    rest: int,
    base_when: float | None,
    workload: str,
    mode: str | None,
    epochs: int | None,
    seed: int,
    today: datetime | None,
    wait: bool,
    in_process: bool,
    history: bool,
) -> None:
    """Find out whose model is out of date, and why; fine-tune those in one batch, through the gate; go back where a
    champion's live forecasts err more than its predecessor's would have.

    What calls for it: findings of `invplat monitor`, and days of data that no model of the business has learnt from.
    Nobody is tried twice with the same data, so a run that was cut off is simply run again. With --base-when 0.3 the
    base is trained anew once three in ten have moved; where it passes the gate, everybody adapts from it.

    \b
    Examples:
      invplat retrain --all --dry-run
      invplat retrain corner-shop --wait
      invplat retrain --all --schedule daily --base-when 0.3
    """
    from invplat.core.errors import SettingRefused
    from invplat.monitor.need import Limits
    from invplat.monitor.round import Wishes
    from invplat.storage import open_storage
    from invplat.workload import find

    if history:
        _history(output)
        return
    if bool(tenants) == every:
        raise SettingRefused(
            "name the businesses, or write --all, and not both" if tenants else "no business is named",
            hint="invplat retrain corner-shop, or invplat retrain --all",
        )
    pause = None if schedule is None else interval(schedule)
    if pause is not None and dry_run:
        raise SettingRefused("--dry-run does nothing, so there is nothing to schedule", hint="leave out one of them")
    find(workload)
    wishes = Wishes(workload, Limits(age, rest), base_when, mode or "restart", epochs, seed)
    storage = open_storage(output.settings.storage_url)
    if output.settings.address is not None and not in_process and not dry_run:
        from invplat.transfer.jobs import reach

        reach(output.settings.address)
    with closing(output.database()) as database:
        _refuse_unknown(database, tenants)
        one = _Once(output, database, storage, tenants, wishes, dry_run, wait, in_process, pause is not None)
        if pause is None:
            if not one.go(date.today() if today is None else today.date()):
                click.get_current_context().exit(1)
            return
        _again_and_again(one, pause, today)


def _again_and_again(one: _Once, pause: float, today: datetime | None) -> None:
    """Nothing but Ctrl-C ends it: what goes wrong is said, and tried again at the next turn."""
    import time

    from invplat.core.errors import Interrupted, InvplatError

    while True:
        try:
            one.go(date.today() if today is None else today.date())
        except Interrupted:
            raise
        except InvplatError as error:
            _complain(f"this round was not finished: {error.message}")
        except (OSError, RuntimeError, ValueError) as error:
            _complain(f"this round was not finished: {type(error).__name__}: {error}")
        time.sleep(pause)


class _Once:
    """One round, from the look to the job's end."""

    def __init__(
        self,
        output: Output,
        database: Database,
        storage: Storage,
        tenants: Sequence[str],
        wishes: Wishes,
        dry: bool,
        wait: bool,
        in_process: bool,
        scheduled: bool,
    ) -> None:
        self.output, self.database, self.storage = output, database, storage
        self.tenants, self.wishes = list(dict.fromkeys(tenants)), wishes
        self.dry, self.wait, self.in_process, self.scheduled = dry, wait or scheduled, in_process, scheduled

    def go(self, today: date) -> bool:
        """Whether nothing failed."""
        from invplat.cli.jobs import shown
        from invplat.monitor.round import Done, act, see
        from invplat.registry import audit, jobs, tenants

        names = self.tenants or tenants.names(self.database)
        shown.checked(self.database, jobs.listed(self.database, states=jobs.UNDER_WAY))  # what was killed is told so
        with self.output.progress(len(names), "looking at businesses") as step:
            told = step.advance
            seen = see(self.database, self.storage, names, self.wishes, today, told, lenient=self.scheduled)
        done = Done()
        if not self.dry:
            done = act(self.database, self.storage, seen, self.wishes, actor=audit.person(), told=self.output.note)
            if done.job is not None:
                done.job = self._begun(done.job)
        failed = {**seen.failed, **done.failed}
        for name, why in failed.items():
            _complain(f"{name}: {why}")
        content = _content(self.database, seen, done, self.wishes, failed, self.dry)
        self.output.result(content, table=lambda: _draw(self.output, seen, done, content))
        return not failed and (done.job is None or done.job.state not in jobs.OVER)

    def _begun(self, job: Job) -> Job:
        from invplat.cli.finetune.begin import run_here, send
        from invplat.cli.jobs import watch
        from invplat.core.errors import Interrupted
        from invplat.registry import jobs
        from invplat.transfer.jobs_process import unattended

        if unattended(job):
            if self.in_process:
                run_here(self.output, self.database, job.id, "in-process", self.output.note)
            else:
                send(self.output, self.database, job)
        found = jobs.get(self.database, job.id)
        if self.in_process and found.state is jobs.State.STOPPED:
            raise Interrupted(f"job {job.id} was stopped", hint="run the same again: what is done of it stays done")
        return watch.wait(self.output, self.database, job.id) if self.wait and not self.in_process else found


def interval(text: str) -> float:
    """Seconds."""
    from invplat.core.errors import SettingRefused

    if text in NAMED:
        return NAMED[text]
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw]?)", text)
    seconds = float(match[1]) * UNITS[match[2] or "s"] if match else 0.0
    if seconds < 1:
        raise SettingRefused(
            f"--schedule {text!r} is no interval", hint="write hourly, daily, weekly, or such as 900, 30m, 6h, 1d"
        )
    return seconds


def _refuse_unknown(database: Database, tenants: Sequence[str]) -> None:
    from invplat.registry.tenants import get

    for name in tenants:
        get(database, name)


def _complain(text: str) -> None:
    """Even with --quiet: nobody else would say it."""
    click.echo(text, err=True)


def _content(
    database: Database, seen: Seen, done: Done, wishes: Wishes, failed: dict[str, str], dry: bool
) -> dict[str, Any]:
    from invplat.cli.jobs import shown

    back = [
        {"tenant": one.tenant, "to": one.said, "error": one.error, "error_instead": one.instead, "reason": one.reason}
        for one in (seen.falls.values() if dry else done.back)
    ]
    return {
        "today": str(seen.today),
        "dry_run": dry,
        "tenants": [one.to_dict() for one in seen.needs.values()],
        "rolled_back": back,
        "moved": len(seen.moved),
        "base_wanted": seen.refreshes(wishes.base_when),
        "base": None if done.base is None else done.base.to_dict(),
        "job": None if done.job is None else shown.content_of(database, done.job),
        "failed": failed,
    }


def _draw(output: Output, seen: Seen, done: Done, content: dict[str, Any]) -> None:
    from invplat.cli.jobs import shown
    from invplat.core.page.wording import plural
    from invplat.registry import jobs

    rows = [
        (one.tenant, "yes" if one.now else "not now", "; ".join(each.sentence for each in one.reasons), one.waits)
        for one in seen.needs.values()
        if one.reasons
    ]
    if rows:
        output.table(rows, ("tenant", "retrain", "why", "why not now"))
    well = sum(not one.reasons for one in seen.needs.values())
    if well:
        click.echo(f"{plural(well, 'business', 'businesses')} without a reason to retrain")
    for one in content["rolled_back"]:
        would = "would go" if content["dry_run"] else "gone"
        click.echo(f"{one['tenant']}: {would} back to {one['to']}: {one['reason']}")
    if content["dry_run"]:
        if content["base_wanted"]:
            click.echo(f"a new base would be trained: {plural(content['moved'], 'business', 'businesses')} have moved")
        click.echo("nothing was done")
        return
    if done.base is not None:
        click.echo(f"base {done.base.made.reference}: {done.base.reason}")
    if done.job is None:
        return
    if done.job.state in jobs.UNDER_WAY:
        click.echo(f"{shown.submitted(done.job, done.new, len(done.tenants))}: invplat jobs status {done.job.id}")
    else:
        shown.draw(output, content["job"])


def _history(output: Output) -> None:
    from invplat.monitor.round import history

    with closing(output.database()) as database:
        deeds = history(database)

    def draw() -> None:
        if not deeds:
            click.echo("nothing was retrained yet")
            return
        rows = [(one["at"][:19], one["action"], one["tenant"], one["subject"], _why(one)) for one in deeds]
        output.table(rows, ("at", "what", "tenant", "of", "why"))

    output.result({"history": deeds}, table=draw)


def _why(deed: dict[str, Any]) -> str:
    return str(deed.get("why") or deed.get("reason") or "")
