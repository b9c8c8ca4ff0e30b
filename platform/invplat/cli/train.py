"""`invplat train`."""

from __future__ import annotations

import click

from invplat.cli.output import Output, common, pass_output


@click.command("train")
@click.argument("workload", metavar="WORKLOAD")
@click.option(
    "--tenant", "tenants", required=True, multiple=True, metavar="NAME", help="Whose dataset; several: pooled."
)
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="Which version of the dataset [the newest].")
@click.option("--epochs", type=click.IntRange(min=1), default=30, show_default=True, help="At most.")
@click.option(
    "--patience", type=click.IntRange(min=0), default=5, show_default=True, help="Epochs without a better one."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same model.")
@click.option("--params", multiple=True, metavar="FILE|K=V,...", help="Of the workload's space [its defaults].")
@click.option("--from", "study", metavar="STUDY", help="The params of its best trial, and its spec.")
@click.option("--storage", "studies", metavar="URL", help="Where that study is kept [where datasets are].")
@click.option("--spec", multiple=True, metavar="K=V,...", help="past=56,horizon=28,quantiles=0.1/0.5/0.9.")
@click.option("--frequency", type=click.Choice(("daily", "weekly", "monthly")), help="Of the periods [the dataset's].")
@click.option(
    "--windows", type=click.IntRange(min=1), metavar="N", help="To learn from at most, drawn at random [60000]."
)
@click.option("--whole", is_flag=True, help="Afterwards learn again from all of the history, as long.")
@click.option("--name", metavar="NAME", help="The model's name [the workload's].")
@click.option("--base", is_flag=True, help="Keep it as a base, for all businesses to begin from: it is no tenant's.")
@click.option(
    "--openings",
    type=click.IntRange(min=0),
    metavar="N",
    help="Of each store, as if it had opened later [0; a pooled base's: 4].",
)
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Ray Train workers, stores shared out [here, without]."
)
@click.option("--gpus", is_flag=True, help="Each worker has a GPU, and reckons in bfloat16 where it can.")
@common
@pass_output
def command(
    output: Output,
    workload: str,
    tenants: tuple[str, ...],
    version: int | None,
    epochs: int,
    patience: int,
    seed: int,
    params: tuple[str, ...],
    study: str | None,
    studies: str | None,
    spec: tuple[str, ...],
    frequency: str | None,
    windows: int | None,
    whole: bool,
    name: str | None,
    base: bool,
    openings: int | None,
    workers: int | None,
    gpus: bool,
) -> None:
    """Train a workload on a tenant's dataset and keep it as the next version of a model.

    It learns on the earlier history, stops by what follows, and is judged once, beside the seasonal naive, on the last
    part. A base of several businesses also learns from their stores as if they had opened later, so that a business
    with a few weeks of history is nothing new to it. Nothing is kept of a run that is interrupted; with --workers, or
    --address, the same command goes on from its last epoch, with as many workers as are asked for then.

    \b
    Examples:
      invplat train mlp --tenant corner-shop
      invplat train mlp --tenant corner-shop --epochs 50 --params hidden_one=256,dropout_one=0.2 --spec horizon=14
      invplat train mlp --tenant corner-shop --from first-study --workers 2
    """
    from invplat.cli.chosen import from_study, params_given
    from invplat.cli.data.reading import Phases
    from invplat.cli.judged import Epochs, figure_text, grid, spec_of
    from invplat.core.names import check_model
    from invplat.workload import find

    given = {"frequency": frequency, "most": windows}
    asked = spec_of(spec) | {key: value for key, value in given.items() if value}
    chosen = params_given(params)
    model_name = check_model(name or workload)
    found = find(workload)
    found.space.check(chosen)

    from invplat.cli.kept import keep_registered
    from invplat.cli.sight import ensure_registered
    from invplat.data.dataset import Dataset
    from invplat.storage import open_storage
    from invplat.train.openings import USUAL
    from invplat.train.training import Trained, trained

    usual = USUAL if base and len(set(tenants)) > 1 else 0
    again = usual if openings is None else openings
    asked |= {"openings": again} if again else {}
    storage = open_storage(output.settings.storage_url)
    if study:
        best, before, said = from_study(open_storage(studies) if studies else storage, study, found)
        asked, chosen = {**before, **asked}, {**best, **chosen}
        output.note(said)
    datasets = [Dataset.open(storage, tenant, version) for tenant in dict.fromkeys(tenants)]
    with output.database() as database:
        ensure_registered(output, database, storage, [dataset.tenant for dataset in datasets])
    watch = Epochs(output, epochs)
    plan = {"epochs": epochs, "patience": patience, "seed": seed}

    def here() -> Trained:
        from invplat.train.material import read_material

        with Phases(output) as phases:
            material = read_material(
                found,
                datasets,
                seed=seed,
                told=lambda done, total: phases.tell("reading stores", done, total),
                **asked,
            )
        return trained(material, params=chosen, plan=plan, whole=whole, watch=watch)

    def by_workers() -> Trained:
        from invplat.train.distributed import trained_by_workers

        return trained_by_workers(
            found,
            datasets,
            workers=workers or 1,
            gpus=gpus,
            address=output.settings.address,
            params=chosen,
            plan=plan,
            asked=asked,
            whole=whole,
            watch=watch,
            told=output.note,
        )

    made = by_workers() if workers or gpus or output.settings.address else here()
    watch.end()
    owner = None if base else datasets[0].tenant
    kept = keep_registered(output, storage, owner, model_name, made.model.bundle(), study=study)
    where = f"{storage.url}/{kept.prefix}"
    for note in made.notes:
        output.note(f"- {note}")
    metrics = ("rmse", "mae", "wape", "mase", "r2", "bias", "pinball")
    result = {
        "model": kept.reference,
        "id": kept.id,
        "tenant": owner,
        "where": where,
        "windows": made.windows,
        "past": made.model.spec.past,
        "horizon": made.model.spec.horizon,
        "epochs": len(made.fitted.history),
        "best_epoch": made.fitted.best,
        "validation_loss": made.fitted.loss,
        "ended": str(made.fitted.ended),
        "seconds": round(sum(epoch.seconds for epoch in made.fitted.history), 1),
        "test": dict(made.model.metrics)["test"],
        "cutoffs": [str(cutoff) for cutoff in made.cutoffs],
        "params": dict(made.model.params),
        "notes": list(made.notes),
    }

    def draw() -> None:
        rows = [
            [
                (row.model, row.model == found.name),
                *((figure_text(name, row.figures[name].value), False) for name in metrics),
            ]
            for row in made.rows
        ]
        title = (
            f"judged on {len(made.cutoffs)} cutoffs from {made.cutoffs[0]} on, {made.model.spec.horizon} periods each"
        )
        grid(rows, ["model", *(metric.upper() for metric in metrics)], title)
        click.echo(
            f"\n{made.fitted.ended}: the weights of epoch {made.fitted.best}, {result['windows']:,} windows learnt from"
        )
        click.echo(f"kept as {result['model']} {f'of {owner}' if owner else '(a base)'}: {where}")
        if owner:
            click.echo(f"judge it again: invplat evaluate {result['model']} --tenant {owner}")

    output.result(result, table=draw)
