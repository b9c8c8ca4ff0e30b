"""`invplat report`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invplat.cli.judged import comparing, models_of, protocols_of
from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.data.dataset import Dataset
    from invplat.evaluate.compare import Comparison
    from invplat.evaluate.insights.insight import Insight
    from invplat.model import Model
    from invplat.train.contest import Rules

PROTOCOLS = ("ours", "report", "both")


@click.command("report")
@click.argument("model", required=False, metavar="[WORKLOAD|NAME@VERSION]")
@click.option("--tenant", required=True, metavar="NAME", help="Whose dataset, and whose models.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    metavar="FILE",
    help="The page.",
)
@click.option(
    "--png", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="Every picture by itself, too."
)
@click.option("--models", metavar="A,B,...", help="References beside it [those that are quick]; none: no reference.")
@click.option(
    "--protocol", type=click.Choice(PROTOCOLS), default="ours", show_default=True, help="Past sales, or none."
)
@click.option("--origins", type=click.IntRange(min=1), default=2, show_default=True, help="Rolling cutoffs.")
@click.option("--epochs", type=click.IntRange(min=1), default=15, show_default=True, help="Of a workload, at most.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--holding", type=float, default=1.0, show_default=True, help="Cost of a unit kept for a period.")
@click.option("--shortage", type=float, default=9.0, show_default=True, help="Cost of a unit owed for a period.")
@click.option("--series", type=click.IntRange(min=1), default=2_000, show_default=True, help="Judged at most, drawn.")
@click.option("--insights/--no-insights", default=True, show_default=True, help="What the data say of the business.")
@common
@pass_output
def command(
    output: Output,
    model: str | None,
    tenant: str,
    out: Path,
    png: Path | None,
    models: str | None,
    protocol: str,
    origins: int,
    epochs: int,
    seed: int,
    holding: float,
    shortage: float,
    series: int,
    insights: bool,
) -> None:
    """Write one HTML page about a model: tables, pictures, what its decisions cost, insights, limits.

    A workload is trained anew at each cutoff; NAME@VERSION is a kept model, judged as it is. Without a name, the
    newest of every kept model. The page needs no network and can be printed.

    \b
    Examples:
      invplat report mlp --tenant corner-shop --out report.html
      invplat report mlp@2 --tenant corner-shop --png pictures
    """
    from invplat.data.dataset import Dataset
    from invplat.storage import open_storage
    from invplat.train.contest import Rules

    rules = Rules(
        models=models_of(models),
        protocols=protocols_of(protocol),
        origins=origins,
        epochs=epochs,
        seed=seed,
        holding=holding,
        shortage=shortage,
        series=series,
    )
    storage = open_storage(output.settings.storage_url)
    found = _judged(output, storage, tenant, model, rules)
    dataset = Dataset.open(storage, tenant)
    told = _insights(output, dataset) if insights else []

    from invplat.evaluate.charts import charts, saved
    from invplat.evaluate.page import Report, write_page

    notes = [] if insights else ["insights were not asked for"]
    drawn = charts(found)
    page = write_page(Report(found, dataset.manifest, _again(), told, notes), out, drawn)
    pictures = saved(drawn, png) if png is not None else []
    files = [str(path) for path in (page, *pictures)]
    titles = [chart.title for chart in drawn]
    output.result({**found.to_json(), "findings": titles, "files": files}, table=lambda: _show(titles, files))


def _judged(output: Output, storage: Any, tenant: str, model: str | None, rules: Rules) -> Comparison:
    """By the same contest that `compare` and `evaluate` hold."""
    from dataclasses import replace

    from invplat.data.dataset import Dataset
    from invplat.train.contest import contest
    from invplat.train.forecaster import Kept
    from invplat.train.training import lead_times_for, seen_note
    from invplat.workload import find, installed

    if model is not None and "@" not in model and model in installed():
        workload = find(model)
        dataset = Dataset.open(storage, tenant)
        with comparing(output) as told:
            return contest(dataset, [workload], rules, told=told)
    kept, notes = _kept(storage, tenant, model)
    dataset = Dataset.open(storage, tenant)
    first = next(iter(kept.values()))
    rules = replace(rules, horizon=first.spec.horizon, frequency=first.preparation.frequency)
    others = [Kept(one, dataset, lead_times_for(one, dataset), title) for title, one in kept.items()]
    with comparing(output) as told:
        found = contest(dataset, [], rules, others=others, told=told)
    for title, one in kept.items():
        found = seen_note(found, title, one.lineage)
    return replace(found, notes=(*found.notes, *notes))


def _kept(storage: Any, tenant: str, model: str | None) -> tuple[dict[str, Model], list[str]]:
    """The one that is asked for, or the newest of each name that answers for the same periods as the first."""
    from invplat.core.errors import SettingRefused
    from invplat.model import Model
    from invplat.registry.models import names, open_bundle, reference, resolve
    from invplat.workload import installed

    there = names(storage, tenant)
    if model is None and not there:
        raise SettingRefused(
            f"tenant {tenant} has no model to report on",
            hint=f"name a workload ({', '.join(installed())}), or make one: invplat train WORKLOAD --tenant {tenant}",
        )
    wanted = [reference(model)] if model is not None else [(name, None) for name in there]
    found: dict[str, Model] = {}
    notes = []
    for name, asked in wanted:
        version = resolve(storage, tenant, name, asked)
        one = Model.of(open_bundle(storage, tenant, name, version))
        same = {(each.spec.horizon, each.preparation.frequency) for each in found.values()}
        if same and (one.spec.horizon, one.preparation.frequency) not in same:
            notes.append(f"{name}@{version} answers for other periods than the rest, and is left out")
            continue
        found[f"{name}@{version}"] = one
    return found, notes


def _insights(output: Output, dataset: Dataset) -> list[Insight]:
    from invplat.evaluate.insights.findings import insights

    with output.progress(len(dataset.stores), "looking at stores") as step:
        return insights(dataset, progress=lambda done, total: step.at(done, total))


def _again() -> str:
    """The command as it would be typed: what was given, without what is usual."""
    context = click.get_current_context()
    words = ["invplat", "report"]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if isinstance(parameter, click.Argument):
            words += [] if value is None else [str(value)]
        elif value is not None and value != parameter.default and parameter.expose_value:
            flag = parameter.opts[0] if value is not False else parameter.secondary_opts[0]
            words += [flag] if isinstance(value, bool) else [flag, str(value)]
    return shlex.join(words)


def _show(titles: list[str], files: list[str]) -> None:
    from invplat.core.page.wording import plural

    for title in titles:
        click.echo(f"- {title}")
    click.echo(f"the page is {files[0]}" + (f", with {plural(len(files) - 1, 'picture')}" if files[1:] else ""))
