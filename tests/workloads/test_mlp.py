"""The base model: its search space as first studied, tables as well as panels, and that it uses what it is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from invplat.core.errors import SettingRefused
from invplat.data.design import Design, design
from invplat.data.features import Recipe
from invplat.data.transforms import Categories
from invplat.testing.panels import Case, made_panel, made_windows
from invplat.train.loop import fit
from invplat.train.plan import Plan
from invplat.workload import Spec
from invplat_workloads.flat import FlatBatch, Shares
from invplat_workloads.mlp import WORKLOAD
from invplat_workloads.rows import Rows, rows_of

CASE = Case(past=14, horizon=5)
SPEC = Spec(past=14, horizon=5, quantiles=(0.1, 0.5, 0.9))


def test_the_grid_is_the_study_s_and_is_counted_without_being_made() -> None:
    assert WORKLOAD.space.grid_size() == 12 * 13 * 6 * 6
    first = next(WORKLOAD.space.grid())
    assert WORKLOAD.space.check(first) == first


def test_a_param_outside_says_its_range() -> None:
    with pytest.raises(SettingRefused, match=r"hidden_one = 33 is outside") as refused:
        WORKLOAD.space.check({"hidden_one": 33})
    assert "one of 32, 64, 128, 256, 512" in str(refused.value.hint)


def design_of(rows: int = 400, seed: int = 0) -> Design:
    """A table whose quantity hangs on the name, the month and a number that is sometimes unknown."""
    random = np.random.default_rng(seed)
    sku, month = random.integers(1, 5, rows), random.integers(1, 13, rows)
    size = np.where(random.random(rows) < 0.2, np.nan, random.choice([375.0, 750.0, 1750.0], rows))
    target = sku * 3.0 + np.where(month == 12, 8, 0) + random.normal(0, 0.3, rows)
    return Design(
        names=("month", "size", "sku"),
        values=np.stack([month, size, sku], axis=1).astype(np.float32),
        categorical=("sku",),
        target=target.astype(np.float32),
        observed=np.ones(rows, np.bool_),
        censored=np.zeros(rows, np.bool_),
        series=sku,
        cutoffs=np.zeros(rows, "datetime64[D]"),
        steps=np.ones(rows, np.int64),
        dates=np.zeros(rows, "datetime64[D]"),
    )


def test_tables_are_learnt_by_the_same_net() -> None:
    train = rows_of(design_of(), {"sku": 5})
    test = rows_of(design_of(seed=1), {"sku": 5}, like=train)
    layout = WORKLOAD.layout(train, SPEC)
    params = {"hidden_one": 64, "hidden_two": 64, "dropout_one": 0.0, "dropout_two": 0.0, "batch_size": 32}
    learn, judge = (WORKLOAD.examples(rows, layout) for rows in (train, test))
    fitted = fit(WORKLOAD, params, layout, learn, judge, plan=Plan.of(params, epochs=40, learning_rate=5e-3))
    batch = judge.batch(torch.arange(len(test)))
    said = WORKLOAD.predict(fitted.module(**WORKLOAD.inputs(fitted.module, batch)), batch, layout)
    actual, found = test.target, said.mean[:, 0].detach()
    explained = 1 - (actual - found).square().mean() / actual.var()
    assert explained > 0.9, f"R² {explained:.3f}"
    assert said.quantiles.shape == (len(test), 1, 3)


def test_an_unknown_number_is_marked_as_in_training() -> None:
    train = rows_of(design_of(), {"sku": 5})
    assert train.names == ("month", "size", "size_known", "standing", "effect_sku", "rows_sku")
    whole = design_of()
    whole.values[:, 1] = 750.0
    assert rows_of(whole, {"sku": 5}, like=train).names == train.names
    assert rows_of(whole, {"sku": 5}, like=train).usual == train.usual


def test_a_table_of_a_panel_goes_in() -> None:
    panel = made_panel(Case(bare=True))
    vocabulary = Categories.fit(panel.skus, cutoff=panel.last)
    table = design(panel, Recipe(), horizon=3, cutoffs=panel.dates[60:100:7].tolist(), encoders={"sku": vocabulary})
    rows = rows_of(table, {"sku": vocabulary.size})
    layout = WORKLOAD.layout(rows, SPEC)
    module = WORKLOAD.build({}, layout)
    batch = WORKLOAD.examples(rows, layout).batch(torch.arange(4))
    assert WORKLOAD.loss(module(**WORKLOAD.inputs(module, batch)), batch, layout).isfinite().all()


@pytest.mark.parametrize("name", ["past", "now", "ahead", "static", "ids"])
def test_every_input_has_a_say(name: str) -> None:
    cut = made_windows(CASE)
    layout = WORKLOAD.layout(cut, SPEC)
    torch.manual_seed(0)
    module = WORKLOAD.build({}, layout)
    inputs = WORKLOAD.inputs(module, WORKLOAD.examples(cut, layout).batch(torch.arange(6)))
    changed: dict[str, Any] = {**inputs, name: (inputs[name] + 1) % 3}
    assert not torch.allclose(module(**inputs)["mean"], module(**changed)["mean"])


def test_a_plan_of_one_day_moves_that_day_most() -> None:
    cut = made_windows(CASE)
    layout = WORKLOAD.layout(cut, SPEC)
    source = WORKLOAD.examples(cut, layout)
    params = WORKLOAD.space.check({"hidden_one": 64, "hidden_two": 64, "batch_size": 64})
    module = fit(WORKLOAD, params, layout, source, plan=Plan.of(params, epochs=15, patience=0)).module
    inputs = WORKLOAD.inputs(module, source.batch(torch.arange(200)))
    place = layout.ahead.names.index("promotion")
    plain, promoted = inputs["ahead"].clone(), inputs["ahead"].clone()
    quiet, running = layout.ahead.part(place, place + 1).centred(torch.tensor([[0.0], [1.0]])).flatten().tolist()
    plain[:, 14:, place] = quiet
    promoted[:, 14:, place] = quiet
    promoted[:, 14 + 2, place] = running
    lift = (module(**inputs | {"ahead": promoted})["mean"] / module(**inputs | {"ahead": plain})["mean"]).mean(dim=0)
    assert lift[2] > 1.4, lift  # the made-up world doubles demand
    assert int(lift.argmax()) == 2


def test_rows_move_between_devices_whole() -> None:
    rows = rows_of(design_of(20), {"sku": 5})
    moved = rows.to("cpu")
    assert isinstance(moved, Rows)
    assert torch.equal(moved.batch(torch.arange(5)).static, rows.batch(torch.arange(5)).static)


def test_batches_are_the_windows_of_the_layout_centred() -> None:
    """Also where a name stands in the past of one business and is planned by another."""
    cut = made_windows(CASE)
    twice = replace(
        cut,
        past_names=("promotion", "price_ratio", *cut.past_names[2:-2], "demand", "mean_7"),
        ahead_names=("price_ratio", *cut.ahead_names[1:]),
        columns=replace(cut.columns, quantities=torch.tensor([len(cut.past_names) - 2, len(cut.past_names) - 1])),
    )
    for windows in (cut, twice):
        layout = WORKLOAD.layout(windows, SPEC)
        which = torch.arange(0, len(windows), 7)
        found, whole = WORKLOAD.examples(windows, layout).batch(which), layout.align(windows).batch(which)
        count = Shares.of(layout).by_period
        seen = layout.sees.centred(whole.past)
        assert isinstance(found, FlatBatch)
        assert torch.allclose(found.past, seen[:, :, :count], atol=1e-5)
        assert torch.allclose(found.now, seen[:, -1, count:], atol=1e-5)
        assert torch.allclose(found.ahead, layout.ahead.centred(whole.ahead), atol=1e-5)
        for name in ("target", "observed", "censored", "level"):
            assert torch.equal(getattr(found, name), getattr(whole, name)), name
