"""`invplat tune`."""

from __future__ import annotations

from pathlib import Path

import click

from invplat.cli.output import Output, common, pass_output


@click.command("tune")
@click.argument("workload", metavar="WORKLOAD")
@click.option("--tenant", "tenants", multiple=True, metavar="NAME", help="Whose dataset; several: pooled.")
@click.option("--search", default="bayes", show_default=True, metavar="grid|random|bayes", help="Chooses trials.")
@click.option("--trials", type=int, metavar="N", help="How many [64; of a grid, all points].")
@click.option("--time-budget", metavar="TIME", help="After 90s, 10m or 2h no more trials begin.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME,...",
    help="pinball, rmse, cost, size; the first rules [pinball].",
)
@click.option("--scheduler", default="asha", show_default=True, metavar="asha|median|none", help="Ends poor trials.")
@click.option("--max-concurrent", type=int, metavar="N", help="Packs of trials at once [one a processor].")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same trials.")
@click.option("--warm-start", "warm", multiple=True, metavar="STUDY", help="Try first what that study found best.")
@click.option(
    "--space",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What is searched.",
)
@click.option("--name", metavar="STUDY", help="[WORKLOAD-DATE-TIME]")
@click.option("--resume", metavar="STUDY", help="Go on with a study that was cut short.")
@click.option("--storage", metavar="URL", help="Where the study is kept [where datasets are].")
@click.option("--epochs", type=click.IntRange(min=1), default=12, show_default=True, help="Of a trial, at most.")
@click.option(
    "--patience", type=click.IntRange(min=0), default=5, show_default=True, help="Epochs without a better one."
)
@click.option("--spec", multiple=True, metavar="K=V,...", help="past=56,horizon=28,quantiles=0.1/0.5/0.9.")
@click.option("--frequency", type=click.Choice(("daily", "weekly", "monthly")), help="Of the periods [the dataset's].")
@click.option(
    "--windows",
    type=click.IntRange(min=1),
    default=12_000,
    show_default=True,
    metavar="N",
    help="A trial learns from so many at most, drawn at random.",
)
@click.option("--in-process", is_flag=True, help="Without Ray: in this process, one pack after another.")
@click.option("--gpus", is_flag=True, help="A GPU for each pack.")
@click.option("--yes", is_flag=True, help="Run a grid however large it is.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="Of the report.")
@common
@pass_output
def command(
    output: Output,
    workload: str,
    tenants: tuple[str, ...],
    search: str,
    trials: int | None,
    time_budget: str | None,
    metrics: tuple[str, ...],
    scheduler: str,
    max_concurrent: int | None,
    seed: int,
    warm: tuple[str, ...],
    space: Path | None,
    name: str | None,
    resume: str | None,
    storage: str | None,
    epochs: int,
    patience: int,
    spec: tuple[str, ...],
    frequency: str | None,
    windows: int | None,
    in_process: bool,
    gpus: bool,
    yes: bool,
    out: Path | None,
) -> None:
    """Search the params with which a workload learns a tenant's data best, and write up what was found.

    Every trial learns on the earlier history and is judged on the validation part; the last part is left for `train`.
    Ctrl-C keeps all that was found: go on with --resume. With --address the trials run on that Ray cluster.

    \b
    Examples:
      invplat tune mlp --tenant corner-shop
      invplat tune mlp --tenant corner-shop --search random --trials 200 --time-budget 10m --metric cost,size
      invplat tune mlp --resume mlp-20260301-091500
    """
    from invplat.cli.tuning import (
        check_cluster,
        check_gone_on,
        left_behind,
        lent,
        seconds_of,
        wishes_of,
    )
    from invplat.core.errors import SettingRefused
    from invplat.workload import find

    budget = seconds_of(time_budget)
    found = find(workload)
    wishes, written = wishes_of(click.get_current_context(), found)
    address = None if in_process else check_cluster(output.settings.address)

    from contextlib import ExitStack
    from dataclasses import replace
    from datetime import datetime

    import invplat
    from invplat.cli.data.reading import Phases
    from invplat.cli.tuned import lead, tell
    from invplat.data.dataset import Dataset
    from invplat.storage import open_storage
    from invplat.train.material import read_material
    from invplat.tune.grid import check_grid
    from invplat.tune.place import Place
    from invplat.tune.plan import StudyPlan
    from invplat.tune.record import Record

    kept = open_storage(output.settings.storage_url)
    results = open_storage(storage) if storage else kept
    record = Record.open(results, resume) if resume else None
    if record is not None:
        plan = record.plan
        check_gone_on(plan, name or plan.name, workload, tenants, {entry: wishes[entry] for entry in written})
        datasets = [Dataset.open(kept, *dataset) for dataset in plan.datasets]
        for note in left_behind(kept, plan):
            output.note(f"- {note}")
    else:
        if not tenants:
            raise SettingRefused("nobody's data was named", hint="name whose: --tenant NAME")
        datasets = [Dataset.open(kept, tenant) for tenant in dict.fromkeys(tenants)]
        plan = StudyPlan(
            name=name or f"{workload}-{datetime.now():%Y%m%d-%H%M%S}",
            workload=workload,
            datasets=tuple((dataset.tenant, dataset.version) for dataset in datasets),
            code=invplat.__version__,
            **{**wishes, "max_concurrent": 1 if max_concurrent is None else max_concurrent},
        )
        if plan.search == "grid":
            check_grid(plan.space, plan.trials, yes)
        Record.check_new(results, plan.name)
    first = lent(results, plan.warm)
    place = Place(address, in_process, gpus)
    with ExitStack() as stack:
        if record is not None:
            stack.enter_context(record.leading())
        with Phases(output) as phases:
            material = read_material(
                found,
                datasets,
                seed=plan.seed,
                told=lambda done, total: phases.tell("reading stores", done, total),
                **plan.spec,
            )
        for note in material.notes:
            output.note(f"- {note}")
        at_once = stack.enter_context(place.open(found, max_concurrent))
        if record is None:
            record = Record.create(results, replace(plan, max_concurrent=at_once))
            stack.enter_context(record.leading())
        study = lead(output, record, material, place, first, budget, storage)
    tell(output, study, record, out)
