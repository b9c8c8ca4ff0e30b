"""liquor: the seed report's table on two liquor businesses, every reference model and ours in one run.

Monthly quantity by store and product. *bibitor*: January of the chain, the report's features, random 70/15/15. *iowa*:
the 79 largest stores of 2018-2019 under two protocols side by side. As the report: November and December 2019, no past
sales, `train_test_split` with seed 27. Ours: all 24 months, the last three test and the three before validation, past
sales as of the quarter's beginning allowed to every model. Rows are months in which something was sold, in both.
The order of rows before the split is part of the split; ours is month, item, store. Of the two smaller parts ours is
the mean of three fits that differ in their seed; each of them is shown by itself too.

    make bench NAME=liquor          ARGS="--only iowa_report" for one part, --epochs 60 for a longer training
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from forecasting.common import data_file, last_line, our_workload
from forecasting.side_by_side import side_by_side

from invplat.evaluate.estimators import GRIDS, NEIGHBOUR_ROWS, Rows
from invplat.evaluate.tabular_references import REPORT, Outcome, Parts, TabularData, tabular_reference

SEED = 27
STORES = 79
OURS = "mlp"
SEEDS = (27, 28, 29)  # of ours: their mean is compared
MANY = 200_000  # rows to learn from
FEW_EPOCHS = 8  # of ours, where rows are many
BEAT = ("rmse", "correlation", "mae", "rae", "rrse", "r2")
ORIENTATION = {  # R2 of Iowa under the report's protocol
    "linear": 0.236,
    "ridge": 0.239,
    "lasso": 0.203,
    "elastic_net": 0.052,
    "neighbours": 0.174,
    "forest": 0.561,
    "lightgbm": 0.671,
}
# Where rows are many: what the slow ones may learn from, and fewer settings to choose among.
MOST = {"neighbours": 20_000, "forest": 120_000}
LONG = {  # begun first, so that the last process to end is not alone for long
    ("iowa_ours", "mlp"): 5,
    ("iowa_ours", "forest"): 4,
    ("iowa_report", "mlp"): 3,
    ("iowa_ours", "lightgbm"): 2,
    ("iowa_ours", "neighbours"): 2,
    ("bibitor", "mlp"): 1,
}
FEWER: dict[str, dict[str, tuple[Any, ...]]] = {
    "neighbours": {"n_neighbors": (10, 40)},
    "forest": {"max_features": (0.4,), "min_samples_leaf": (1, 4)},
}


def random_parts(rows: int) -> Parts:
    from sklearn.model_selection import train_test_split

    train, rest = train_test_split(np.arange(rows), train_size=0.7, random_state=SEED)
    validation, test = train_test_split(rest, test_size=0.5, random_state=SEED)
    return Parts(train, validation, test)


def tabular(frame: pl.DataFrame, numbers: list[str], texts: list[str]) -> TabularData:
    return TabularData(
        {name: frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in numbers},
        {name: frame[name].cast(pl.String).to_list() for name in texts},
        frame["quantity"].cast(pl.Float64).to_numpy(),
    )


def bibitor() -> tuple[TabularData, Parts]:
    """Prices are those at which the chain began the month, the tax is that of a kind of bottle: a row's own mean price,
    and its own tax as the till rounds it, would tell how many were sold."""
    sales = pl.read_parquet(data_file("bibitor_liquor/sales_first100k.parquet"))
    prices = pl.read_parquet(data_file("bibitor_liquor/purchase_prices.parquet"))
    bottle = pl.col("ExciseTax").sum() / pl.col("SalesQuantity").sum()
    rows = (
        sales.with_columns(
            month=pl.col("SalesDate").dt.month(),
            price=pl.col("SalesPrice").sort_by("SalesDate", "SalesPrice").first().over("Brand"),
            tax=bottle.over("Classification", "Volume").round(2),
        )
        .group_by("month", "Brand", "Store", "Classification", "VendorNo", "Size")
        .agg(pl.col("price", "tax").first(), quantity=pl.col("SalesQuantity").sum(), volume=pl.col("Volume").mean())
        .join(prices.select(pl.col("Brand").cast(pl.Int32), "PurchasePrice").unique("Brand"), on="Brand", how="left")
        .sort("month", "Brand", "Store", "Classification", "VendorNo", "Size")
    )
    numbers = ["price", "volume", "tax", "PurchasePrice"]
    data = tabular(rows, numbers, ["Brand", "Store", "Classification", "VendorNo", "Size"])
    return data, random_parts(len(rows))


def iowa_months() -> pl.DataFrame:
    sales = pl.read_parquet(data_file("iowa_liquor/sales_2018_2019.parquet"))
    products = pl.read_parquet(data_file("iowa_liquor/products.parquet"))
    largest = (
        sales.group_by("Store Number")
        .agg(pl.col("Bottles Sold").sum())
        .sort("Bottles Sold", "Store Number", descending=[True, False])
        .head(STORES)
    )
    return (
        sales.join(largest.select("Store Number"), on="Store Number", how="semi")
        .with_columns(month=pl.col("Date").dt.truncate("1mo"))
        .group_by("month", "Item Number", "Store Number")
        .agg(quantity=pl.col("Bottles Sold").sum())
        .join(products, on="Item Number", how="inner")
        .sort("month", pl.col("Item Number").cast(pl.Int64), "Store Number")
    )


PRODUCT = ["Bottle Volume (ml)", "State Bottle Cost", "State Bottle Retail", "Pack"]
IDENTITY = ["Item Number", "Store Number", "Category Name", "Vendor"]


def iowa_report() -> tuple[TabularData, Parts]:
    rows = iowa_months().filter(pl.col("month") >= pl.date(2019, 11, 1))
    return tabular(rows, PRODUCT, ["month", *IDENTITY]), random_parts(len(rows))


def iowa_ours() -> tuple[TabularData, Parts]:
    """What is known of the past is what stood at the beginning of a row's quarter, up to three months before."""
    rows = iowa_months()
    at = ((rows["month"].dt.year() - 2018) * 12 + rows["month"].dt.month() - 1).to_numpy().astype(np.int64)
    quantity = rows["quantity"].to_numpy().astype(np.float64)
    now = at // 3 * 3  # months before this one are known
    past: dict[str, Any] = {"step": at - now + 1, "calendar_month": at % 12}
    for name, keys in (
        ("series", ["Item Number", "Store Number"]),
        ("item", ["Item Number"]),
        ("store", ["Store Number"]),
        ("category_store", ["Category Name", "Store Number"]),
    ):
        past.update(
            history(name, rows.select(pl.struct(keys).rank("dense")).to_series().to_numpy() - 1, at, now, quantity)
        )
    frame = rows.with_columns(**{name: pl.Series(np.asarray(values, np.float64)) for name, values in past.items()})
    frame = frame.with_columns(pl.col(list(past)).fill_nan(None))
    place = np.arange(len(rows))
    data = replace(
        tabular(frame, [*PRODUCT, *past], IDENTITY),
        dates=rows["month"].to_numpy().astype("datetime64[D]"),
        quantities=tuple(name for name in past if name not in ("step", "calendar_month")),
    )
    return data, Parts(place[at < 18], place[(at >= 18) & (at < 21)], place[at >= 21])


def history(name: str, owner: Any, at: Any, now: Any, quantity: Any) -> dict[str, Any]:
    """Of each row's owner as of `now`: the mean month of the last 1, 3, 6 and 12, and the same month a year ago."""
    owner = owner.astype(np.int64)
    grid = np.zeros((int(owner.max()) + 1, 24))
    np.add.at(grid, (owner, at), quantity)
    totals = np.hstack([np.zeros((len(grid), 1)), np.cumsum(grid, axis=1)])
    sold = np.hstack([np.zeros((len(grid), 1)), np.cumsum(grid > 0, axis=1)])
    found = {}
    for width in (1, 3, 6, 12):
        first = np.maximum(now - width, 0)
        total, months = totals[owner, now] - totals[owner, first], sold[owner, now] - sold[owner, first]
        found[f"{name}_mean_{width}"] = np.where(now > 0, total / np.maximum(now - first, 1), np.nan)
        found[f"{name}_size_{width}"] = np.where(months > 0, total / np.maximum(months, 1), np.nan)
    found[f"{name}_year"] = np.where(at >= 12, grid[owner, np.maximum(at - 12, 0)], np.nan)
    return found


DATASETS: dict[str, Callable[[], tuple[TabularData, Parts]]] = {
    "bibitor": bibitor,
    "iowa_report": iowa_report,
    "iowa_ours": iowa_ours,
}


@dataclass(frozen=True)
class Task:
    dataset: str
    model: str  # a reference, or the workload
    seed: int = SEED
    epochs: int = 0  # of the workload


@cache
def loaded(dataset: str) -> tuple[TabularData, Parts, Rows]:
    data, parts = DATASETS[dataset]()
    return data, parts, data.rows(parts.train)


def work(task: Task) -> Outcome:
    data, parts, rows = loaded(task.dataset)
    many = len(parts.train) > MANY
    if task.model in GRIDS:
        most = {"neighbours": NEIGHBOUR_ROWS, **(MOST if many else {})}.get(task.model)
        grid = FEWER.get(task.model) if many else None
        return tabular_reference(data, parts, task.model, grid=grid, most=most, seed=task.seed, threads=1, rows=rows)
    from forecasting.tabular import of_seed

    workload = our_workload(task.model)
    assert workload is not None  # it was looked for before
    batch = 1024 if many else 512
    return of_seed(workload, data, parts, task.seed, epochs=FEW_EPOCHS if many else task.epochs, batch=batch)


def tasks_of(datasets: Sequence[str], ours: str | None, epochs: int) -> list[Task]:
    """The longest first."""
    found = [Task(dataset, model) for dataset in datasets for model in GRIDS]
    if ours is not None:
        found += [Task(dataset, ours, seed, epochs) for dataset in datasets for seed in SEEDS]
    return sorted(found, key=lambda task: (-LONG.get((task.dataset, task.model), 0), found.index(task)))


def show(outcome: Outcome) -> None:
    figures = "".join(f"{_shown(outcome, name):>11}" for name in REPORT)
    print(f"  {outcome.name:15}{figures}{outcome.seconds:8.0f}  {dict(outcome.settings)}", flush=True)


def _shown(outcome: Outcome, name: str) -> str:
    value = outcome.figures[name].value
    if value is None:
        return "-"
    return f"{100 * value:.2f} %" if name == "mape" else f"{value:.4f}"


def table(dataset: str, found: Mapping[Task, Outcome]) -> tuple[int, dict[str, Outcome], Outcome | None]:
    """Prints it: every reference, each seed of ours, and their mean."""
    data, parts, _ = loaded(dataset)
    sizes = f"{len(parts.train):,} / {len(parts.validation):,} / {len(parts.test):,}"
    print(f"{dataset}: {len(data.target):,} rows, train / validation / test {sizes}")
    print(f"  {'model':15}{''.join(f'{column.upper():>11}' for column in REPORT)}{'seconds':>8}  settings")
    peers = {model: found[Task(dataset, model)] for model in GRIDS}
    mine = [
        found[task] for task in sorted(found, key=lambda task: task.seed) if task.dataset == dataset and task.epochs
    ]
    for outcome in (*peers.values(), *mine):
        show(outcome)
    if len(mine) < 2:
        return len(data.target), peers, mine[0] if mine else None
    from forecasting.tabular import mean_of

    ours = mean_of(OURS, data, parts, mine)
    show(ours)
    return len(data.target), peers, ours


def better(ours: Outcome, peer: Outcome, metric: str) -> bool:
    mine, theirs = ours.figures[metric].value, peer.figures[metric].value
    if mine is None or theirs is None:
        return mine is not None
    return mine > theirs if metric in ("correlation", "r2") else mine < theirs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(DATASETS))
    parser.add_argument("--processes", type=int, default=2, help="each fits a model at a time, on one thread")
    parser.add_argument("--epochs", type=int, default=10)
    given = parser.parse_args()
    began = time.perf_counter()
    chosen = [given.only] if given.only else list(DATASETS)
    ours = OURS if our_workload(OURS) is not None else None
    fitted: dict[Task, Outcome] = {}
    for task, outcome in side_by_side(work, tasks_of(chosen, ours, given.epochs), given.processes):
        fitted[task] = outcome
        print(f"{time.perf_counter() - began:4.0f} s: {task.dataset} {outcome.name}", flush=True)
    found = {name: table(name, fitted) for name in chosen}
    print(f"{time.perf_counter() - began:.0f} s in all")
    lost = {
        name: sorted({metric for peer in peers.values() for metric in BEAT if ours and not better(ours, peer, metric)})
        for name, (_, peers, ours) in found.items()
    }
    for name, metrics in lost.items():
        if metrics:
            print(f"{name}: a peer is better on {', '.join(metrics)}")
    figures = {
        name: {peer: {metric: outcome.figures[metric].value for metric in REPORT} for peer, outcome in peers.items()}
        for name, (_, peers, _) in found.items()
    }
    report = figures.get("iowa_report", {})
    last_line(
        "liquor",
        ours={
            name: {metric: ours.figures[metric].value for metric in REPORT} if ours else "missing: no workload mlp"
            for name, (_, _, ours) in found.items()
        },
        peers=figures,
        target="every reference model on RMSE, correlation, MAE, RAE, RRSE and R2, on each dataset and protocol",
        met=len(found) == len(DATASETS) and all(ours and not lost[name] for name, (_, _, ours) in found.items()),
        reproduced={
            **({"rows": {"ours": found["iowa_report"][0], "published": 67_597}} if report else {}),
            **{
                name: {"ours": report[name]["r2"], "published": r2}
                for name, r2 in ORIENTATION.items()
                if name in report
            },
        },
    )


if __name__ == "__main__":
    main()
