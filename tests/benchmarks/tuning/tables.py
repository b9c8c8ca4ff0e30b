"""A made-up table in the form of the base model's first study: attributes and the calendar → quantity, no past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from invplat.data.design import Design
from invplat.data.layout import Layout
from invplat.train.material import Part
from invplat.workload import Source, Spec, Workload

NAMES = {"store": 40, "sku": 200, "category": 25, "vendor": 30}
NUMBERS = ("month", "weekday", "payday", "size", "tax", "purchase_price", "sales_price", "pack", "classification")


@dataclass(frozen=True)
class Table:
    """What a study needs of its material."""

    workload: Workload
    layout: Layout
    train: Source
    validation: Source
    businesses: tuple[Any, ...] = ()


def made_table(workload: Any, rows: int, *, held: float = 0.2, seed: int = 0) -> Table:
    random = np.random.default_rng(seed)
    train = int(rows * (1 - held))
    design = _design(random, rows)
    sizes = {name: count + 1 for name, count in NAMES.items()}
    parts = [_part(design, slice(0, train)), _part(design, slice(train, rows))]
    learnt = workload.rows(parts[0], sizes)
    asked = workload.rows(parts[1], sizes, like=learnt)
    layout = workload.layout(learnt, Spec(past=1, horizon=1))
    sources = [workload.examples(each, layout) for each in (learnt, asked)]
    every = [Part(source, torch.arange(len(source))) for source in sources]
    return Table(workload, layout, every[0], every[1])


def _design(random: np.random.Generator, rows: int) -> Design:
    ids = {name: random.integers(1, count + 1, rows) for name, count in NAMES.items()}
    numbers = {name: random.gamma(2.0, 2.0, rows) for name in NUMBERS}
    said = {name: random.normal(0, 0.5, count + 1) for name, count in NAMES.items()}
    logs = 1.5 + sum(said[name][ids[name]] for name in NAMES)
    logs = logs - 0.08 * numbers["sales_price"] + 0.3 * np.sin(numbers["month"]) * (numbers["payday"] > 3)
    target = random.poisson(np.exp(np.clip(logs, -3, 5))).astype(np.float32)
    values = np.stack([*numbers.values(), *ids.values()], axis=1).astype(np.float32)
    nowhen = np.zeros(rows, "datetime64[D]")
    return Design(
        names=(*NUMBERS, *NAMES),
        values=values,
        categorical=tuple(NAMES),
        target=target,
        observed=np.ones(rows, np.bool_),
        censored=np.zeros(rows, np.bool_),
        series=np.arange(rows),
        cutoffs=nowhen,
        steps=np.ones(rows, np.int64),
        dates=nowhen,
    )


def _part(design: Design, rows: slice) -> Design:
    cut = {
        name: getattr(design, name)[rows]
        for name in design.__dataclass_fields__
        if name not in ("names", "categorical")
    }
    return Design(names=design.names, categorical=design.categorical, **cut)
