"""How `invplat tune` turns options into a study's plan, says how far the study is, and tells what came of it.

Knows no torch and no Ray; what is heavy is imported when it is used.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click

import invplat
from invplat.cli.output import Output
from invplat.core.errors import SettingRefused

if TYPE_CHECKING:
    from invplat.core.space import Params
    from invplat.storage import Storage
    from invplat.tune.driver import Standing
    from invplat.tune.plan import StudyPlan
    from invplat.workload import Workload

TRIALS = 64
WARM = 8  # trials that each other study lends
SPAN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
LINE_EVERY = 5.0  # seconds between two lines where nothing can be written over


def seconds_of(text: str | None) -> float | None:
    """90s, 10m, 1h30m."""
    if text is None:
        return None
    found = SPAN.fullmatch(text.strip().lower().replace(" ", ""))
    parts = [float(part or 0) for part in found.groups()] if found else []
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    if seconds <= 0:
        raise SettingRefused(f"--time-budget {text!r} is no time", hint="write for example 90s, 10m or 1h30m")
    return seconds


def wishes_of(context: click.Context, workload: Workload) -> tuple[dict[str, Any], set[str]]:
    """What the options say of a plan, by its entries; and which of those somebody wrote down."""
    from click.core import ParameterSource

    from invplat.cli.judged import spec_of
    from invplat.tune.metrics import check_metrics
    from invplat.tune.space_file import space_of

    given = context.params
    metrics = [part.strip() for entry in given["metrics"] for part in entry.split(",") if part.strip()]
    read = {"frequency": given["frequency"], "most": given["windows"]}
    found = {name: given[name] for name in ("search", "scheduler", "epochs", "patience", "seed", "max_concurrent")}
    found["trials"] = TRIALS if given["trials"] is None and given["search"] != "grid" else given["trials"]
    found["metrics"] = check_metrics(metrics or ["pinball"])
    found["spec"] = spec_of(given["spec"]) | {name: value for name, value in read.items() if value is not None}
    found["space"] = workload.space if given["space"] is None else space_of(workload.space, given["space"])
    found["warm"] = tuple(dict.fromkeys(given["warm"]))
    written = {name for name in given if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if written & {"frequency", "windows"}:
        written.add("spec")
    return found, written & set(found)


def check_cluster(address: str | None) -> str | None:
    """Refuses at once what Ray would try for minutes."""
    if address is not None:
        from invplat.session import check_address

        if address.startswith("ray://"):
            raise SettingRefused(
                f"tune leads a study from inside the cluster, which {address} is not",
                hint="run it on one of the cluster's nodes with --address HOST:6379 or auto",
            )
        check_address(address)
    return address


def check_gone_on(plan: StudyPlan, name: str, workload: str, tenants: Sequence[str], wishes: Mapping[str, Any]) -> None:
    """A study that is resumed goes on as it began: what is written beside --resume must not say otherwise."""
    from dataclasses import replace

    versions = dict(plan.datasets)
    datasets = tuple((tenant, versions.get(tenant, 0)) for tenant in tenants) or plan.datasets
    now = replace(plan, **wishes, name=name, workload=workload, datasets=plan.datasets, code=invplat.__version__)
    odd = plan.differences(now)
    if sorted(datasets) != sorted(plan.datasets):
        odd.append(f"tenants were {', '.join(versions)}, are {', '.join(tenants)}")
    if odd:
        raise SettingRefused(
            f"{plan.name} can't go on as another study: {'; '.join(odd)}",
            hint=f"leave out what differs, or begin another study with what this one found: --warm-start {plan.name}",
        )


def left_behind(kept: Storage, plan: StudyPlan) -> list[str]:
    """What has come since the study began; it goes on with what it began with."""
    from invplat.data.dataset import versions

    newest = {tenant: versions(kept, tenant)[-1] for tenant, _ in plan.datasets}
    return [
        f"{tenant} has version {newest[tenant]} by now; {plan.name} goes on with version {version}, as it began"
        for tenant, version in plan.datasets
        if newest[tenant] != version
    ]


def lent(results: Storage, studies: Sequence[str]) -> list[Params]:
    """The best that other studies found, by turns."""
    from invplat.tune.record import Record
    from invplat.tune.study import Study

    found = []
    for name in studies:
        record = Record.open(results, name)
        found.append([trial.params for trial in Study.of(record.plan, record.finished()).ranked[:WARM]])
    return [params for turn in zip_longest(*found) for params in turn if params is not None]


class Live:
    """A line that says how far a study is; on a terminal it is written over, elsewhere there is one now and then."""

    def __init__(self, output: Output) -> None:
        self.silent = output.quiet or output.json
        self.over = sys.stderr.isatty()
        self._said, self._ended = 0.0, -1

    def __call__(self, standing: Standing) -> None:
        now = time.monotonic()
        fresh = standing.ended != self._ended and (now - self._said >= LINE_EVERY or standing.ended >= standing.total)
        if self.silent or not (self.over or fresh):
            return
        self._said, self._ended = now, standing.ended
        line = line_of(standing)
        click.echo(
            f"\r\x1b[K{line[: get_terminal_size().columns - 1]}" if self.over else line, err=True, nl=not self.over
        )

    def end(self) -> None:
        if self.over and not self.silent:
            click.echo("\r\x1b[K", err=True, nl=False)


def line_of(standing: Standing) -> str:
    from invplat.tune.study import figure_text

    parts = [f"{standing.ended:,} of {standing.total:,} trials"]
    if standing.best is not None:
        parts.insert(0, f"best {standing.metric} {figure_text(standing.value)} (trial {standing.best.number})")
    parts += [f"{standing.running:,} running"] if standing.running else []
    parts += [f"{count:,} {state}" for state, count in standing.counts.items() if count and state != "done"]
    parts += [f"{standing.rate:,.0f} a minute"] if standing.rate else []
    parts += [f"{_time(standing.left)} left"] if standing.left else []
    return ", ".join(parts)


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
