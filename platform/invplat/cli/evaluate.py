"""`invplat evaluate`."""

from __future__ import annotations

from pathlib import Path

import click

from invplat.cli.output import Output, common, pass_output

BESIDE = "seasonal_naive,moving_average,ridge,lightgbm"


@click.command("evaluate")
@click.argument("model", metavar="NAME[@VERSION]")
@click.option("--tenant", required=True, metavar="NAME", help="Whose model, and whose dataset.")
@click.option("--origins", type=click.IntRange(min=1), default=2, show_default=True, help="Rolling cutoffs.")
@click.option("--models", default=BESIDE, show_default=True, metavar="A,B,...", help="References beside it; none.")
@click.option("--holding", type=float, default=1.0, show_default=True, help="Cost of a unit kept for a period.")
@click.option("--shortage", type=float, default=9.0, show_default=True, help="Cost of a unit owed for a period.")
@click.option("--valued", is_flag=True, help="Both are shares of a product's unit cost: sums are money.")
@click.option("--series", type=click.IntRange(min=1), default=2_000, show_default=True, help="Judged at most, drawn.")
@click.option("--by", metavar="KEY,...", help="Also by horizon, store, category, sku, cutoff.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="[HOME/reports/TENANT/…]"
)
@common
@pass_output
def command(
    output: Output,
    model: str,
    tenant: str,
    origins: int,
    models: str,
    holding: float,
    shortage: float,
    valued: bool,
    series: int,
    by: str | None,
    out: Path | None,
) -> None:
    """Judge a kept model on the last origins of a dataset, without fitting it again, beside references that are.

    Where the model has learnt from what it is judged on, or was chosen by it, this is said.

    \b
    Examples:
      invplat evaluate mlp --tenant corner-shop
      invplat evaluate mlp@2 --tenant corner-shop --origins 4 --by horizon,store
    """
    from invplat.registry.models import open_bundle, reference, resolve
    from invplat.storage import open_storage

    name, asked = reference(model)
    storage = open_storage(output.settings.storage_url)
    version = resolve(storage, tenant, name, asked)

    from invplat.cli.judged import comparing, keys_of, written
    from invplat.data.dataset import Dataset
    from invplat.model import Model
    from invplat.train.contest import Rules, contest
    from invplat.train.forecaster import Kept
    from invplat.train.training import lead_times_for, seen_note

    kept = Model.of(open_bundle(storage, tenant, name, version))
    dataset = Dataset.open(storage, tenant)
    title = f"{name}@{version}"
    rules = Rules(
        models=() if models == "none" else tuple(filter(None, models.split(","))),
        origins=origins,
        horizon=kept.spec.horizon,
        frequency=kept.preparation.frequency,
        holding=holding,
        shortage=shortage,
        valued=valued,
        series=series,
        by=keys_of(by),
    )
    judged = Kept(kept, dataset, lead_times_for(kept, dataset), title)
    with comparing(output) as told:
        found = contest(dataset, [], rules, others=[judged], told=told)
    written(output, seen_note(found, title, kept.lineage), by, out, f"evaluate-{title}")
