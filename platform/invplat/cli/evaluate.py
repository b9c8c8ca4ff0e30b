"""`invplat evaluate`."""

from __future__ import annotations

from pathlib import Path

import click

from invplat.cli.judged import comparing, judging, keys_of, models_of, written
from invplat.cli.output import Output, common, pass_output

BESIDE = "seasonal_naive,moving_average,ridge,lightgbm"


@click.command("evaluate")
@click.argument("model", metavar="NAME[@VERSION]")
@click.option("--tenant", required=True, metavar="NAME", help="Whose model, and whose dataset.")
@click.option("--origins", type=click.IntRange(min=1), default=2, show_default=True, help="Rolling cutoffs.")
@click.option("--models", default=BESIDE, show_default=True, metavar="A,B,...", help="References beside it; none.")
@judging
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

    from invplat.data.dataset import Dataset
    from invplat.model import Model
    from invplat.train.contest import Rules, contest
    from invplat.train.forecaster import Kept
    from invplat.train.training import lead_times_for, seen_note

    kept = Model.of(open_bundle(storage, tenant, name, version))
    dataset = Dataset.open(storage, tenant)
    title = f"{name}@{version}"
    rules = Rules(
        models=models_of(models),
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
