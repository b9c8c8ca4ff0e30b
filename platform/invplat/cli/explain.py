"""`invplat explain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from invplat.data.dataset import Dataset
    from invplat.evaluate.explain import Setting
    from invplat.evaluate.reasons.explanation import Explanation, Importance

TREES = "lightgbm"
ROWS = 60_000  # that trees learn from on the spot
SERIES = 300  # that a whole model is judged on


@click.command("explain")
@click.argument("model", metavar="NAME[@VERSION]")
@click.option("--tenant", required=True, metavar="NAME", help="Whose model and data.")
@click.option("--store", metavar="STORE", help="With --sku: why it says what it says of this series.")
@click.option("--sku", metavar="SKU", help="With --store.")
@click.option("--cutoff", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="The last known day [the newest].")
@click.option("--step", default="total", show_default=True, metavar="N|total", help="Which period of the horizon.")
@click.option(
    "--against",
    type=click.Choice(("store", "itself")),
    default="store",
    show_default=True,
    help="What is usual, to a net: for the store's series, or for this one.",
)
@click.option("--details", is_flag=True, help="Every column by itself.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Draws what is compared with.")
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw it here, too.")
@common
@pass_output
def command(
    output: Output,
    model: str,
    tenant: str,
    store: str | None,
    sku: str | None,
    cutoff: datetime | None,
    step: str,
    against: str,
    details: bool,
    seed: int,
    png: Path | None,
) -> None:
    """Show which inputs drive a forecast, and the order where the model decides; or a whole model's forecasts.

    A forecast is compared with what the model says of usual inputs at the same level of sales; the difference is shared
    out among the inputs, and adds up. The name lightgbm, where no such model is kept, means trees learnt on the spot.

    \b
    Examples:
      invplat explain mlp --tenant corner-shop --store S001 --sku SKU-0003
      invplat explain mlp@2 --tenant corner-shop --png drivers.png
    """
    from invplat.core.errors import SettingRefused
    from invplat.data.dataset import Dataset
    from invplat.registry.models import names, reference
    from invplat.storage import open_storage

    if (store is None) != (sku is None):
        raise SettingRefused(
            f"--{'store' if sku is None else 'sku'} alone names no series", hint="give both, or neither"
        )
    number = _number(step)
    day = None if cutoff is None else cutoff.date()
    storage = open_storage(output.settings.storage_url)
    name, version = reference(model)
    if name == TREES and version is None and name not in names(storage, tenant):
        found = _trees(output, Dataset.open(storage, tenant), store, sku, day, number, seed)
    else:
        from invplat.evaluate.explain import explain, importance

        # Before the dataset is read, as a misspelt name is found out at once.
        setting = _setting(output, storage, tenant, name, version, store)
        if store is not None and sku is not None:
            found = explain(setting, store, sku, day, step=number, itself=against == "itself", seed=seed)
        else:
            found = importance(setting, seed=seed)
    content: dict[str, Any] = {"tenant": tenant, "model": model}
    if isinstance(found, tuple):
        content["explanations"] = [each.to_dict() for each in found]
    else:
        content["importance"] = found.to_dict()
    output.result(content, table=lambda: _show(output, found, model, details))
    if png is not None:
        _draw(output, png, found, model)


def _number(step: str) -> int | None:
    from invplat.core.errors import SettingRefused

    if step == "total":
        return None
    if not step.isdecimal() or not int(step):
        raise SettingRefused(f"--step {step!r}", hint="write total, or a number from 1 on")
    return int(step)


def _setting(output: Output, storage: Any, tenant: str, name: str, version: int | None, store: str | None) -> Setting:
    """The whole business, or the one store that is asked for, as the model reads it."""
    from invplat.data.assemble import build_panel
    from invplat.data.dataset import Dataset
    from invplat.evaluate.explain import Setting
    from invplat.evaluate.panels import read_panels
    from invplat.model import Model
    from invplat.registry.models import open_bundle
    from invplat.train.training import lead_times_for

    model = Model.of(open_bundle(storage, tenant, name, version))
    dataset = Dataset.open(storage, tenant)
    frequency, past = model.preparation.frequency, model.spec.past

    def ready(panel: Any) -> Any:
        return model.preparation.ready(panel.widened(past), dataset)[0]

    if store is None:
        with output.progress(len(dataset.stores), "reading stores") as bar:
            panels: Sequence[Any] = read_panels(
                dataset,
                frequency=frequency,
                series=SERIES,
                make=lambda panel: (ready(panel),),
                told=lambda done, total: bar.at(done, total),
            ).panels
    else:
        _known_store(dataset, store)
        panels = [ready(build_panel(dataset, store, frequency=frequency, after=model.spec.horizon))]
    times = lead_times_for(model, dataset)
    return Setting(model, panels, () if times is None else [times] * len(panels))


def _known_store(dataset: Dataset, store: str) -> None:
    from difflib import get_close_matches

    from invplat.core.errors import DatasetError

    if store not in dataset.stores:
        near = get_close_matches(store, dataset.stores, n=3) or dataset.stores[:3]
        raise DatasetError(f"{dataset.tenant} has no store {store!r}", hint=f"such as {', '.join(near)}")


def _trees(
    output: Output,
    dataset: Dataset,
    store: str | None,
    sku: str | None,
    cutoff: date | None,
    step: int | None,
    seed: int,
) -> tuple[Explanation, ...] | Importance:
    """LightGBM as the comparison has it, learnt on what was known a horizon before the end, or at the cutoff."""
    from invplat.core.errors import SettingRefused
    from invplat.data.split import rolling_origins
    from invplat.evaluate.explain import found_series
    from invplat.evaluate.known import as_known, reaches
    from invplat.evaluate.learned import Learned
    from invplat.evaluate.panels import periods, read_panels
    from invplat.evaluate.reasons.trees import explain_trees, tree_importance
    from invplat.train.schedule import fitting

    if store is not None:
        _known_store(dataset, store)
    frequency = dataset.frequency
    horizon = fitting(frequency, periods(dataset, frequency))[0].horizon
    if step is not None and step > horizon:
        raise SettingRefused(f"step {step} of a horizon of {horizon}", hint=f"1 to {horizon}")
    with output.progress(len(dataset.stores), "reading stores") as bar:
        panels = read_panels(dataset, seed=seed, told=lambda done, total: bar.at(done, total)).panels
    origin = rolling_origins(panels, horizon=horizon, count=1)[0]
    origin = origin if cutoff is None else replace(origin, cutoff=cutoff)
    there = [panel for panel in panels if reaches(panel, origin.cutoff, horizon)]
    if not there:
        raise SettingRefused(
            f"no store knows what came in the {horizon} periods after {origin.cutoff}",
            hint="lightgbm is explained where its forecast can be judged: choose an earlier --cutoff",
        )
    seen = [as_known(panel, origin.cutoff, horizon) for panel in there]
    trees = Learned(TREES, rows=ROWS, grid={}, seed=seed, threads=1)  # small: two threads would wait for each other
    output.note(f"{TREES} learns from what was known on {origin.cutoff}")
    trees.fit(seen, origin)
    if store is None or sku is None:
        return tree_importance(trees, there, origin, horizon, seed)
    panel, _ = found_series(seen, store, sku)
    return (explain_trees(trees, panel, sku, origin, horizon, step=step),)


def _show(output: Output, found: tuple[Explanation, ...] | Importance, model: str, details: bool) -> None:
    from invplat.evaluate.reasons import terminal

    if not isinstance(found, tuple):
        click.echo(f"{model}: what drives its forecasts, over {found.windows:,} of them")
        output.table(terminal.weights(found), terminal.WEIGHTS)
        click.echo(terminal.judged(found))
        return
    for each in found:
        click.echo(terminal.about(each))
        if each.drivers:
            output.table(terminal.shares(each, details), terminal.SHARES)
        click.echo(terminal.summed(each))


def _draw(output: Output, path: Path, found: tuple[Explanation, ...] | Importance, model: str) -> None:
    from invplat.evaluate.pictures.canvas import png

    drawn: list[tuple[str, Figure]] = []
    if isinstance(found, tuple):
        from invplat.evaluate.pictures.drivers import drivers

        for each in found:
            first = f"{each.drivers[0][0]} moves it most" if each.drivers else "as usual"
            title = f"{each.store} · {each.sku}, {each.about}: {first}"
            name = "" if each is found[0] else f"-{each.about.partition(',')[0]}"
            drawn.append((name, drivers(each.drivers, each.baseline, each.forecast, title)))
    else:
        from invplat.evaluate.pictures.drivers import weights

        rows = [(weight.driver, weight.share, weight.permutation) for weight in found.weights]
        drawn.append(("", weights(rows, f"What drives the forecasts of {model}")))
    for name, figure in drawn:
        suffix = path.suffix or ".png"
        output.note(f"the picture is {png(figure, path.with_name(path.stem + name + suffix))}")
