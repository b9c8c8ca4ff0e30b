"""Nothing after a cutoff reaches what a model sees at it: with a future of garbage every bit of the past must stay.

Also: a panel that ends at the cutoff and one that goes on say the same of the past, so training sees what serving will.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from invplat.data.assemble import build_panel
from invplat.data.design import design
from invplat.data.features import Recipe, featured
from invplat.data.lead_times import LEVELS, read_lead_times
from invplat.data.panel import Panel
from invplat.data.transforms import Categories, LogScale, MinMax, Standardise
from invplat.data.windows import windows
from tests.data.memory import day, memory_dataset

Tables = dict[str, list[dict[str, Any]]]
DAYS, END = 120, 140  # of data; and of the longer panel
PAST, HORIZON = 3, 2
PLANNED = ("price", "promotion", "plan")
LOOKAHEAD = {"promotion_until", "holiday_until"}  # what these say of the past is planned ahead by their nature
RECIPE = Recipe(
    lags=(1, 5),
    windows=(2, 9),
    statistics=("mean", "std", "min", "max"),
    quantiles=(0.5,),
    half_lives=(3.0,),
    pattern=8,
    delays={"cpi": 4},
)
Extra = Callable[[Panel], Mapping[str, Any]]


def world(seed: int) -> Tables:
    draw = random.Random(seed)
    tables: Tables = {name: [] for name in ("sales", "stock", "receipts", "products", "stores", "events", "signals")}
    for number in range(4):
        sku = f"sku{number}"
        tables["products"].append(
            {
                "sku": sku,
                "category": draw.choice("xyz"),
                "supplier": draw.choice(["v1", "v2", None]),
                "unit_cost": 1.0 + number,
            }
        )
        for store in ("s1", "s2"):
            launch = draw.choice([0, 0, 3, 15, 50, 100])
            for moment in range(launch, DAYS):
                if moment == launch or draw.random() < 0.8:
                    tables["sales"].append(sold(draw, store, sku, moment))
                if draw.random() < 0.5:
                    tables["stock"].append(
                        {
                            "store": store,
                            "sku": sku,
                            "date": day(moment),
                            "on_hand": draw.randrange(-1, 9),
                            "on_order": 2,
                        }
                    )
                if draw.random() < 0.15:
                    received = day(moment + draw.randrange(30))
                    tables["receipts"].append(
                        {
                            "store": store,
                            "sku": sku,
                            "ordered_on": day(moment),
                            "received_on": received,
                            "quantity": 5,
                            "supplier": draw.choice(["v1", None]),
                        }
                    )
    tables["stores"] = [{"store": store, "city": "here", "size": 10.0} for store in ("s1", "s2")]
    for moment in range(DAYS):
        if draw.random() < 0.1:
            tables["events"].append(
                {
                    "date": day(moment),
                    "name": "feast",
                    "store": draw.choice([None, "s1"]),
                    "kind": draw.choice(["holiday", "campaign"]),
                }
            )
        if draw.random() < 0.6:
            tables["signals"].append({"date": day(moment), "name": "oil", "value": draw.random()})
        tables["signals"].append({"date": day(moment), "name": "known", "value": draw.random()})
        if moment % 30 == 0:
            tables["signals"].append({"date": day(moment), "name": "cpi", "value": draw.random()})
    return tables


def sold(draw: random.Random, store: str, sku: str, moment: int) -> dict[str, Any]:
    row: dict[str, Any] = {"store": store, "sku": sku, "date": day(moment), "quantity": draw.randrange(0, 40) / 7}
    row.update(
        price=draw.randrange(1, 9) / 3,
        promotion=draw.choice([0, 0, 1]),
        discount=draw.random(),
        outlier=draw.random() < 0.05,
    )
    row.update(
        available=draw.choice([1.0, 1.0, 0.5]),
        returned=draw.choice([0.0, 1.0]),
        visitors=draw.choice([None, draw.random()]),
        plan=draw.random(),
    )
    return row


def garbled(tables: Tables, cutoff: date, seed: int) -> Tables:
    """The same up to the cutoff; after it rows are gone, changed or new, some of series and signals never seen."""
    draw = random.Random(seed)
    found: Tables = {name: [row for row in rows if when(name, row) <= cutoff] for name, rows in tables.items()}
    for name in ("sales", "stock", "events", "signals"):
        for row in tables[name]:
            if when(name, row) > cutoff and draw.random() < 0.6:
                found[name].append(
                    {key: draw.randrange(10**6) if type(value) in (int, float) else value for key, value in row.items()}
                )
    for row in tables["receipts"]:
        if row["ordered_on"] <= cutoff < row["received_on"]:  # on its way at the cutoff: only when it comes is unknown
            found["receipts"].append({**row, "received_on": cutoff + timedelta(days=draw.randrange(1, 99))})
        elif row["ordered_on"] > cutoff and draw.random() < 0.5:
            found["receipts"].append(
                {**row, "received_on": row["ordered_on"] + timedelta(days=draw.randrange(300)), "supplier": "new"}
            )
    late = (cutoff - day(0)).days + 1
    for number in range(draw.randrange(1, 4)):
        sku = draw.choice(["a_first", "sku0_between", "zzz"]) + str(number)
        found["products"].append(
            {"sku": sku, "category": draw.choice(["aaa", "x"]), "supplier": "new", "unit_cost": 1e6}
        )
        found["sales"] += [sold(draw, "s1", sku, moment) | {"quantity": 1e5} for moment in range(late, late + 9)]
        found["stock"].append(
            {"store": "s1", "sku": "sku1", "date": day(late + 40 + number), "on_hand": 0, "on_order": 9}
        )
        found["signals"].append(
            {"date": day(late + number), "name": draw.choice(["aaa", "oil"]), "value": 1e6, "store": "s1"}
        )
    return found


def when(name: str, row: Mapping[str, Any]) -> date:
    if name == "receipts":
        found: date = row["received_on"]
    else:
        found = row.get("date", date.min)
    return found


def seen(
    tables: Tables, cutoff: date, end: date, extra: Extra | None, *, frequency: str, gaps: str, fit_on_all: bool = False
) -> dict[str, Any]:
    """Everything that a model is told at the cutoff, by name."""
    spoilt = [
        {"store": "s1", "sku": "sku0", "date": day(5)},
        {"store": "s1", "sku": "sku1", "date": cutoff + timedelta(days=1)},
    ]
    dataset = memory_dataset(tables, gaps=gaps, known=("plan", "known"), quarantine=spoilt)
    bare = build_panel(dataset, "s1", frequency=frequency, end=end, before=PAST, after=HORIZON, planned=PLANNED)
    at = build_panel(dataset, "s1", frequency=frequency, end=cutoff, planned=PLANNED).last
    panel = featured(bare, RECIPE, dataset)
    if extra is not None:
        panel = panel.with_past(extra(panel))
    cut = windows(panel, past=PAST, horizon=HORIZON, cutoffs=[at], least=0, targets=False)
    batch = cut.batch(scaled=False)
    said: dict[str, Any] = {}
    for row, series in enumerate(cut.series.tolist()):
        sku = panel.skus[series]
        said[f"{sku} level"] = batch.level[row].numpy()
        said[f"{sku} texts"] = [texts[series] for texts in panel.statics.texts.values()]
        said.update({f"{sku} past {name}": batch.past[row, :, i].numpy() for i, name in enumerate(cut.past_names)})
        said.update({f"{sku} static {name}": batch.static[row, i].numpy() for i, name in enumerate(cut.static_names)})
        for i, name in enumerate(cut.ahead_names):
            if name not in LOOKAHEAD:
                said[f"{sku} ahead {name}"] = batch.ahead[row, :PAST, i].numpy()
    there = np.ones(len(panel.skus), np.bool_) if fit_on_all else panel.launched(at)
    period = panel.period(at)
    for name, texts in panel.statics.texts.items():
        said[f"vocabulary {name}"] = Categories.fit(
            [text for text, has in zip(texts, there, strict=True) if has], cutoff=at
        ).to_json()
    demand = panel.demand[:, : period + 1][panel.observed[:, : period + 1]]
    for transform in (Standardise, LogScale, MinMax):
        said[transform.kind] = transform.fit(demand, cutoff=at).to_json()
    table = design(bare, RECIPE, horizon=HORIZON, cutoffs=[at], dataset=dataset, season=4, targets=False)
    told = [i for i, name in enumerate(table.names) if name in panel.past.names or name.startswith("season")]
    for row, (series, step) in enumerate(zip(table.series.tolist(), table.steps.tolist(), strict=True)):
        said.update({f"design {panel.skus[series]} {step} {table.names[i]}": table.values[row, i] for i in told})
    lead_times = read_lead_times(dataset)
    for level in LEVELS:
        summary = lead_times.summary(level, at)
        for row, name in enumerate(summary.names):
            figures = (
                summary.number,
                summary.mean,
                summary.deviation,
                summary.quantiles,
                summary.late,
                summary.open,
                summary.oldest,
            )
            said[f"lead times {level} {name}"] = np.concatenate([np.atleast_1d(figure[row]) for figure in figures])
    history = lead_times.of_panel(panel, cut.series, cut.cutoffs, 4)
    said.update(
        {
            f"VLT {panel.skus[series]}": np.append(history.days[i], history.level[i])
            for i, series in enumerate(cut.series.tolist())
        }
    )
    return said


def differences(
    seed: int, cutoff: int, extra: Extra | None = None, *, frequency: str = "daily", gaps: str = "zero", **options: Any
) -> set[str]:
    """What is not bit for bit the same in four tellings: true or garbled future, panel to the cutoff or beyond it."""
    tables, at = world(seed), day(cutoff)
    other = garbled(tables, at, seed + 1)
    short = seen(tables, at, at, extra, frequency=frequency, gaps=gaps, **options)
    assert short, "nothing was seen, so nothing could leak"
    found: set[str] = set()
    for told, end in ((other, at), (tables, day(END)), (other, day(END))):
        said = seen(told, at, end, extra, frequency=frequency, gaps=gaps, **options)
        found |= {name for name, value in short.items() if name not in said or not same(value, said[name])}
        found |= {
            f"{name} appeared"
            for name in said
            if name not in short and not name.split(" ")[-1].startswith("signal_aaa")
        }
    return found


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray | np.generic):
        return np.asarray(one).tobytes() == np.asarray(other).tobytes()
    return bool(one == other)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 10**6),
    cutoff=st.integers(75, 110),
    frequency=st.sampled_from(["daily", "daily", "weekly", "monthly"]),
    gaps=st.sampled_from(["zero", "missing"]),
)
def test_the_future_changes_no_bit_of_the_past(seed: int, cutoff: int, frequency: str, gaps: str) -> None:
    assert differences(seed, cutoff, frequency=frequency, gaps=gaps) == set()


def centred(panel: Panel) -> dict[str, Any]:
    """A leak as people make it: a smoothing that looks both ways."""
    padded = np.pad(panel.demand, ((0, 0), (1, 1)))
    return {"blurred": (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3}


def whole_mean(panel: Panel) -> dict[str, Any]:
    return {"usual": np.broadcast_to(panel.demand.mean(axis=1, keepdims=True), panel.shape)}


def test_a_leaky_feature_is_caught() -> None:
    assert any("blurred" in name for name in differences(1, 90, centred))
    assert any("usual" in name for name in differences(1, 90, whole_mean))


def test_a_leaky_vocabulary_is_caught() -> None:
    assert any("vocabulary" in name for name in differences(1, 90, fit_on_all=True))
