"""`invplat compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from invplat.cli.judged import comparing, judging, keys_of, models_of, params_of, protocols_of, spec_of, written
from invplat.cli.output import Output, common, pass_output

PROTOCOLS = ("ours", "report", "both")


@click.command("compare")
@click.argument("workloads", nargs=-1, metavar="[WORKLOAD]...")
@click.option("--tenant", required=True, metavar="NAME", help="Whose dataset.")
@click.option("--models", metavar="A,B,...", help="Reference models [those that are quick]; none: no reference.")
@click.option(
    "--protocol", type=click.Choice(PROTOCOLS), default="ours", show_default=True, help="Past sales, or none."
)
@click.option("--origins", type=click.IntRange(min=1), default=2, show_default=True, help="Rolling cutoffs, of ours.")
@click.option("--spec", multiple=True, metavar="K=V,...", help="past=56,horizon=28 [by frequency].")
@click.option("--params", multiple=True, metavar="K=V,...", help="Of the workloads' space [its defaults].")
@click.option("--epochs", type=click.IntRange(min=1), default=15, show_default=True, help="Of nets, at most.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--thorough", is_flag=True, help="All rows and settings for the references, all windows for nets.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="For references.")
@judging
@common
@pass_output
def command(
    output: Output,
    workloads: tuple[str, ...],
    tenant: str,
    models: str | None,
    protocol: str,
    origins: int,
    spec: tuple[str, ...],
    params: tuple[str, ...],
    epochs: int,
    seed: int,
    holding: float,
    shortage: float,
    valued: bool,
    series: int,
    thorough: bool,
    threads: int,
    by: str | None,
    out: Path | None,
) -> None:
    """Compare workloads with reference models, on the same windows by the same judge.

    Protocol ours: rolling origins, past sales allowed to every model, and what orders by each forecast would have
    cost. Protocol report: the first study's table of monthly quantity by attributes alone, rows split at random.
    Figures, answers and charts go to a folder.

    \b
    Examples:
      invplat compare mlp --tenant corner-shop
      invplat compare mlp lstm --tenant corner-shop --models seasonal_naive,lightgbm --protocol both --by category
    """
    from invplat.core.errors import SettingRefused
    from invplat.workload import find

    asked, chosen = spec_of(spec), params_of(params)
    if "quantiles" in asked:
        raise SettingRefused("--spec quantiles is of training", hint="compare judges the usual ones")
    found = [find(name) for name in dict.fromkeys(workloads)]
    if not found and models == "none":
        raise SettingRefused("nothing to compare", hint="name a workload, or some --models")

    from invplat.data.dataset import Dataset
    from invplat.storage import open_storage
    from invplat.train.contest import Rules, contest

    rules = Rules(
        models=models_of(models),
        protocols=protocols_of(protocol),
        origins=origins,
        epochs=epochs,
        seed=seed,
        holding=holding,
        shortage=shortage,
        valued=valued,
        thorough=thorough,
        series=series,
        by=keys_of(by),
        threads=threads,
        params={workload.name: _own(chosen, workload.space.dimensions, len(found)) for workload in found},
        **asked,
    )
    dataset = Dataset.open(open_storage(output.settings.storage_url), tenant)
    with comparing(output) as told:
        comparison = contest(dataset, found, rules, told=told)
    written(output, comparison, by, out, "-".join(["compare", *(workload.name for workload in found)]))


def _own(params: dict[str, Any], known: Any, workloads: int) -> dict[str, Any]:
    """Of several workloads each takes the params that it has; one alone is asked about all of them."""
    return params if workloads < 2 else {name: value for name, value in params.items() if name in known}
